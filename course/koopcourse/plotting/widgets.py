"""Sliders that illuminate, and that still show their picture where nobody can move them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from koopcourse import runtime


@dataclass(frozen=True)
class Control:
    """One knob: its values in order, the one it starts at, and how each is written."""

    values: tuple
    start: Any
    labels: tuple[str, ...]


def slider(low: float, high: float, step: float, start: float) -> Control:
    """A knob over equally spaced numbers; integers stay integers.

    Raises:
        ValueError: a start that is not one of its values.
    """
    count = round((high - low) / step)
    values = [low + i * step for i in range(count + 1)]
    values = [round(v, 10) if isinstance(v, float) else v for v in values]
    return choices(values, start)


def choices(values: Sequence, start: Any, labels: Sequence[str] | None = None) -> Control:
    """A knob over given values, in order.

    Raises:
        ValueError: a start that is not one of the values, or labels of another number.
    """
    if start not in values:
        raise ValueError(f"choices: start must be one of {list(values)}, got {start!r}.")
    labels = [f"{v:g}" if isinstance(v, float) else str(v) for v in values] if labels is None else labels
    if len(labels) != len(values):
        raise ValueError(f"choices: {len(values)} values need as many labels, got {len(labels)}.")
    return Control(tuple(values), start, tuple(labels))


def explore(draw: Callable[..., None], **controls: Control) -> None:
    """Show ``draw(**values)`` with a slider for each control; the values are those of ``slider`` and ``choices``.

    Without a notebook, or without ipywidgets, the picture at the starting values is shown. While notebooks are
    tested, ``draw`` is first called with every control at each of its ends, so that a slider which breaks when
    moved breaks the test.

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
    sliders = {
        name: ipywidgets.SelectionSlider(
            options=list(zip(control.labels, control.values)),
            value=control.start,
            description=name.replace("_", " "),
            continuous_update=False,
            style={"description_width": "initial"},
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
