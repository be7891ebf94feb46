"""Several flows at the same moments, row by row, each point in the colour of where it started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor

from koopcourse.plotting.figures import Box, as_map, finish
from koopcourse.plotting.style import TWO_COLUMNS


def cloud(ax: Axes, x: Tensor, hue: Tensor, box: Box) -> None:
    """Points ``(n, 2)`` in the square ``box x box`` without ticks, coloured by ``hue`` ``(n,)``."""
    a = x.detach().cpu().numpy()
    # eight colours tell left from right as well as a thousand, in a far smaller picture
    ax.scatter(a[:, 0], a[:, 1], s=7, c=hue.detach().cpu().numpy(), cmap=plt.get_cmap("viridis", 8), linewidths=0)
    as_map(ax, box)


def films(states: Mapping[str, Tensor], times: Sequence[float] | Tensor, box: Box, *, hue: Tensor, alt: str) -> None:
    """Films under each other.

    Args:
        states: name of a row -> states ``(k, n, 2)`` at the ``times``.
        times: ``(k,)``, named above the columns.
        box: the square shown.
        hue: ``(n,)``, a number for each point, the same in all panels.
        alt: text alternative.

    Raises:
        ValueError: a film of another length than ``times``.
    """
    for name, film in states.items():
        if len(film) != len(times):
            raise ValueError(f"films: {name!r} has {len(film)} states, but there are {len(times)} times.")
    side = TWO_COLUMNS / max(4, len(times))
    size = (side * len(times) + 0.2, side * len(states) + 0.2)
    fig, axes = plt.subplots(len(states), len(times), figsize=size, squeeze=False)
    for row, (name, film) in zip(axes, states.items()):
        row[0].set_ylabel(name)
        for ax, x in zip(row, film):
            cloud(ax, x, hue, box)
    for ax, t in zip(axes[0], times):
        ax.set_title(f"t = {float(t):.3g}")
    finish(fig, alt)
