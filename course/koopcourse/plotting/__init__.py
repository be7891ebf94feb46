"""Figures of the course: one style, checked, each with a text alternative; sliders that work without a front end."""

try:
    import matplotlib as _matplotlib  # noqa: F401
except ImportError as error:
    raise ImportError("koopteach.plotting needs matplotlib: pip install 'koopteach[course]'") from error

from koopteach.plotting.figures import (
    compare,
    curves,
    density,
    eigenfunctions,
    film_strip,
    finish,
    new_figure,
    points,
)
from koopteach.plotting.films import cloud, films
from koopteach.plotting.pictures import picture_rows
from koopteach.plotting.selection import selection
from koopteach.plotting.story import story
from koopteach.plotting.style import COLORS, SERIES
from koopteach.plotting.widgets import choices, explore, slider

__all__ = [
    "COLORS",
    "SERIES",
    "choices",
    "cloud",
    "compare",
    "curves",
    "density",
    "eigenfunctions",
    "explore",
    "film_strip",
    "films",
    "finish",
    "new_figure",
    "picture_rows",
    "points",
    "selection",
    "slider",
    "story",
]
