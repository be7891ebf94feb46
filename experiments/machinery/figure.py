"""The picture most pages need: methods below each other, a panel a problem, each in units of its noise floor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from experiments.machinery.experiment import Numbers, median

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Panels = Mapping[str, Mapping[str, str]]  # by its title, the ids of rows by what they are called


def dots(
    panels: Panels,
    name: str,
    numbers: Mapping[str, Numbers],
    ours: Iterable[str],
    columns: int = 3,
    into: Any = None,
) -> Figure:
    """Median and range over the seeds of one number over its floor, on a logarithmic axis.

    Args:
        panels: all with the same names of methods, or some of them.
        name: of the number.
        numbers: of all rows.
        ours: methods that are ours, drawn as circles; all others are squares.
        columns: panels beside each other.
        into: a part of another figure, instead of a new one.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from koopcourse.plotting.style import COLORS

    methods = list(dict.fromkeys(method for panel in panels.values() for method in panel))
    lines = -(-len(panels) // columns)
    fig = into or Figure(figsize=(9.0, lines * (0.7 + 0.24 * len(methods))), layout="constrained")
    axes = fig.subplots(lines, columns, sharey=True, sharex=True, squeeze=False).flatten()
    for ax, (title, panel) in zip(axes, panels.items()):
        spread = 0.0
        for method, id in panel.items():
            row, at = numbers[id], methods.index(method)
            floor = median(row[f"{name} floor"])
            spread = median(row[f"{name} floor sd"]) / floor
            color, marker = (COLORS["model"], "o") if method in ours else (COLORS["error"], "s")
            values = [value / floor for value in row[name]]
            ax.plot([min(values), max(values)], [at, at], color=color, linewidth=1.2)
            ax.plot(median(values), at, color=color, marker=marker, linestyle="none", markersize=6)
        ax.axvspan(max(1 - spread, 0.1), 1 + spread, color=COLORS["floor"], alpha=0.3, linewidth=0)
        ax.set_title(title, loc="left", fontsize=10)
        ax.set_xscale("log")
        low, high = ax.get_xlim()
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 30 else (1,)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.grid(axis="x", alpha=0.3)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    axes[0].set_yticks(range(len(methods)), methods)
    axes[0].set_ylim(len(methods) - 0.5, -0.5)
    for ax in axes[max(0, len(panels) - columns) : len(panels)]:
        ax.set_xlabel(f"{name} / noise floor")
    return fig
