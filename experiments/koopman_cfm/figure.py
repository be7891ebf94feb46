"""The picture of the page: errors at one evaluation and equal seconds, a marker a law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.machinery.common import slug
from experiments.machinery.experiment import Numbers, median

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D")
PANELS = {"end": "error at the end, t = 1", "path": "error over the path"}


def errors(laws: Sequence[str], methods: Sequence[str], numbers: Mapping[str, Numbers]) -> Figure:
    """Medians over the seeds, relative to the teacher, on a logarithmic axis; a method without a path leaves its line.

    Args:
        laws, methods: of the rows ``equal-<law>-<method>``.
        numbers: of all rows.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from koopcourse.plotting.style import COLORS

    fig = Figure(figsize=(9.0, 1.1 + 0.3 * len(methods)), layout="constrained")
    axes = fig.subplots(1, len(PANELS), sharey=True)
    for ax, (name, title) in zip(axes, PANELS.items()):
        for law, marker in zip(laws, MARKERS):
            for place, method in enumerate(methods):
                row = numbers[slug("equal", law, method)]
                if name not in row:
                    continue
                color = COLORS["model"] if method.startswith("Koopman") else COLORS["error"]
                ax.plot(median(row[name]), place, marker, color=color, markersize=7, alpha=0.75, linestyle="none")
        ax.set(title=title, xscale="log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.grid(axis="both", alpha=0.3)
    axes[0].set_yticks(range(len(methods)), methods)
    axes[0].set_ylim(len(methods) - 0.5, -0.5)
    for law, marker in zip(laws, MARKERS):
        axes[0].plot([], [], marker, color=COLORS["reference"], label=law, linestyle="none")
    fig.legend(loc="outside lower center", ncols=len(laws), frameon=False)
    return fig
