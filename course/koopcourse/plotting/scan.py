"""A scan of lags as a figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from koopcourse.plotting.figures import finish, new_figure
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
    ax.legend(fontsize=8)
    finish(fig, alt)
