"""Scans of lags as figures: one with all its modes, or one mode of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from koopcourse.plotting.figures import finish, legend_off_data, new_figure
from koopcourse.plotting.style import COLORS, SERIES
from koopteach.operators.scan import LagScan


def timescales(scan: LagScan, *, alt: str, exact: Sequence[float] = (), title: str = "") -> None:
    """Implied timescales against the lag with their 95 % intervals; below the grey line a mode has decayed within it.

    Args:
        scan: what :func:`koopteach.scan_lags` returned.
        alt: text alternative.
        exact: true timescales, drawn as thin lines.
        title: of the axes.
    """
    fig, (ax,) = new_figure()
    lags = scan.lags.numpy()
    for mode, (color, dash, marker) in zip(range(scan.timescales.shape[1]), SERIES):
        middle, low, high = (part[:, mode].numpy() for part in (scan.timescales, scan.low, scan.high))
        there, sure = np.isfinite(middle), np.isfinite(low)
        ax.plot(lags[there], middle[there], color=color, linestyle=dash, marker=marker, label=f"mode {mode + 1}")
        ax.fill_between(lags[sure], low[sure], high[sure], color=color, alpha=0.2, linewidth=0)
    for value in exact:
        ax.axhline(value, color=COLORS["reference"], linewidth=0.8)
    ax.plot(lags, lags, color=COLORS["floor"], linewidth=0.8, label="the lag itself")
    ax.set(
        xlabel=f"lag {scan.unit and f'[{scan.unit}]'}".rstrip(), ylabel="implied timescale", yscale="log", title=title
    )
    legend_off_data(ax, fontsize=8)
    finish(fig, alt)


def compare_timescales(
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
    legend_off_data(ax, "lower right", fontsize=8)
    finish(fig, alt)
