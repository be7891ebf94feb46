"""Figures of the course: one style, checked, each with a text alternative; sliders that work without a front end."""

try:
    import matplotlib as _matplotlib  # noqa: F401
except ImportError as error:
    raise ImportError("koopcourse.plotting needs matplotlib: pip install matplotlib") from error

from koopcourse.plotting.controls import choices, slider
from koopcourse.plotting.figures import (
    compare,
    curves,
    density,
    eigenfunctions,
    film_strip,
    finish,
    new_figure,
    points,
)
from koopcourse.plotting.films import cloud, films
from koopcourse.plotting.page_picture import page_picture
from koopcourse.plotting.pictures import picture_rows
from koopcourse.plotting.scan import compare_timescales, timescales
from koopcourse.plotting.selection import selection
from koopcourse.plotting.story import story
from koopcourse.plotting.style import COLORS, SERIES
from koopcourse.plotting.widgets import explore

__all__ = [
    "COLORS",
    "SERIES",
    "choices",
    "cloud",
    "compare",
    "compare_timescales",
    "curves",
    "density",
    "eigenfunctions",
    "explore",
    "film_strip",
    "films",
    "finish",
    "new_figure",
    "page_picture",
    "picture_rows",
    "points",
    "selection",
    "slider",
    "story",
    "timescales",
]
