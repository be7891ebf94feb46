"""The table of a selection as a figure."""

from __future__ import annotations

import math

from koopcourse.plotting.figures import finish, new_figure
from koopcourse.plotting.style import COLORS
from koopteach.operators.select import Selection

# Scores that differ more than this are drawn on a logarithmic axis.
_WIDE = 5.0


def selection(chosen: Selection, *, alt: str, title: str = "") -> None:
    """Held-out score of every candidate with its standard error: the best filled, ties half, the others open.

    Candidates without a finite score are named at the edge. An axis from the worst finite score to the best turns
    logarithmic when they differ by more than five times.

    Args:
        chosen: what :func:`koopteach.select` returned.
        alt: text alternative.
        title: of the axes.
    """
    rows = chosen.table
    fig, (ax,) = new_figure(height=0.9 + 0.3 * len(rows))
    finite = [row.score for row in rows if math.isfinite(row.score)]
    for place, row in enumerate(rows):
        if math.isfinite(row.score):
            fill = "full" if row.name == chosen.name else "left" if row.name in chosen.ties else "none"
            style = {"marker": "o", "fillstyle": fill, "color": COLORS["model"], "capsize": 3}
            ax.errorbar(row.score, place, xerr=row.error, **style)
        else:
            style = {"color": COLORS["error"], "ha": "right", "va": "center", "fontsize": 8}
            ax.text(0.98, place, "no finite score", transform=ax.get_yaxis_transform(), **style)
    if min(finite) > 0 and max(finite) > _WIDE * min(finite):
        ax.set_xscale("log")
    ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)  # the first candidate on top
    kind = "autocorrelation (larger is better)" if chosen.larger_is_better else "energy (smaller is better)"
    ax.set(xlabel=f"held-out {kind}", ylabel="candidate", title=title)
    finish(fig, alt)
