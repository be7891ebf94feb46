"""Sliders that illuminate, and that still show their picture where nobody can move them."""

from __future__ import annotations

from collections.abc import Callable

from koopcourse import runtime
from koopcourse.plotting import recorder
from koopcourse.plotting.controls import Control

# Pixels of a slider beside the words of its longest choice, which it would cut, and of a letter.
_WIDTH, _LETTER = 250, 8


def explore(draw: Callable[..., None], **controls: Control) -> None:
    """Show ``draw(**values)`` with a slider for each control; the values are those of ``slider`` and ``choices``.

    Without a notebook, or without ipywidgets, the picture at the starting values is shown. While notebooks are
    tested, ``draw`` is first called with every control at each of its ends, so that a slider which breaks when
    moved breaks the test. While they are built, its pictures are recorded for pages without a kernel.

    Args:
        draw: draws one figure and ends in ``finish``.
        controls: name of an argument of ``draw`` -> its control.

    Raises:
        ValueError: no controls.
    """
    if not controls:
        raise ValueError("explore: give at least one control, for example explore(draw, rank=slider(5, 100, 5, 50)).")
    start = {name: control.start for name, control in controls.items()}
    if runtime.strict():
        _try_the_ends(draw, start, controls)
    try:
        import ipywidgets
        from IPython import get_ipython
    except ImportError:
        draw(**start)
        return
    if get_ipython() is None:
        draw(**start)
        return
    if (folder := recorder.folder()) is not None:
        recorder.record(draw, controls, folder)
    sliders = {
        name: ipywidgets.SelectionSlider(
            options=list(zip(control.labels, control.values)),
            value=control.start,
            description=recorder.shown_name(name),
            tooltip=f"{recorder.shown_name(name)}: the arrow keys move it, too",  # without one it says null
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": f"{_WIDTH + _LETTER * max(map(len, control.labels))}px", "max_width": "100%"},
        )
        for name, control in controls.items()
    }
    ipywidgets.interact(draw, **sliders)


def _try_the_ends(draw: Callable[..., None], start: dict, controls: dict[str, Control]) -> None:
    import matplotlib.pyplot as plt

    from koopcourse.plotting import figures

    show, figures._display = figures._display, lambda fig, alt: plt.close(fig)
    try:
        for name, control in controls.items():
            for end in (control.values[0], control.values[-1]):
                draw(**{**start, name: end})
    finally:
        figures._display = show
