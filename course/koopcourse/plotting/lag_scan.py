"""Implied timescales against the lag as a figure."""

from __future__ import annotations

from collections.abc import Mapping

from koopcourse.plotting.figures import finish, new_figure
from koopcourse.plotting.style import COLORS, SERIES
from koopteach.operators.scan import LagScan


def lag_scans(
    scans: Mapping[str, LagScan],
    *,
    alt: str,
    mode: int = 0,
    exact: float | None = None,
    unit: str = "",
    title: str = "",
) -> None:
    """One mode's timescale with its 95 % interval at every lag, side by side for several scans.

    Args:
        scans: name -> what :func:`koopteach.scan_lags` returned.
        alt: text alternative.
        mode: which timescale, 0 is the slowest.
        exact: the true timescale where it is known, a line.
        unit: of time; empty takes what the first scan knows.
        title: of the axes.
    """
    fig, (ax,) = new_figure(height=3.2)
    for k, ((name, scan), (color, dash, marker)) in enumerate(zip(scans.items(), SERIES)):
        lags, middle = scan.lags * (1 + 0.03 * k), scan.timescales[:, mode].cpu()  # beside each other, not hidden
        below, above = middle - scan.low[:, mode].cpu(), scan.high[:, mode].cpu() - middle
        error = [below.nan_to_num(), above.nan_to_num()]
        style = {"color": color, "linestyle": dash, "marker": marker, "capsize": 3, "linewidth": 1.2}
        ax.errorbar(lags, middle, yerr=error, label=name, **style)
    if exact is not None:
        ax.axhline(exact, color=COLORS["reference"], linewidth=1, label="exact")
    unit = unit or next(iter(scans.values())).unit
    ending = f", {unit}" if unit else ""
    ax.set(xlabel=f"lag{ending}", ylabel=f"implied timescale{ending}", title=title, ylim=(0, None))
    ax.legend(fontsize=8, loc="lower right")
    finish(fig, alt)
