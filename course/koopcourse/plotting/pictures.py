"""Grey pictures in rows, and signed ones, such as modes, in colours around zero."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from torch import Tensor

from koopcourse.plotting.figures import finish
from koopcourse.plotting.style import DENSITY_MAP, SIGNED_MAP, TWO_COLUMNS

_MOST_SIDE = 0.62  # inches of one picture


def picture_rows(
    rows: Mapping[str, Tensor], *, alt: str, columns: Sequence[str] = (), signed: Collection[str] = ()
) -> None:
    """Pictures side by side, row under row.

    Args:
        rows: name of a row -> pictures ``(k, h, w)``, as many in each.
        alt: text alternative.
        columns: what stands above the ``k`` columns, if anything.
        signed: names of rows that show differences of either sign, in colours around zero on one scale for all of
            them; the other rows show grey values from 0 (white) to 1.

    Raises:
        ValueError: rows of unequal length, or columns of another number.
    """
    counts = {name: len(pictures) for name, pictures in rows.items()}
    k = next(iter(counts.values()))
    if set(counts.values()) != {k} or len(columns) not in (0, k):
        raise ValueError(f"picture_rows: rows hold {counts} pictures and there are {len(columns)} columns.")
    label = 0.1 * max(map(len, rows))
    side = min(_MOST_SIDE, (TWO_COLUMNS - label) / k)
    size = (label + side * k + 0.1, (side + 0.06) * len(rows) + (0.3 if columns else 0.1))
    fig, axes = plt.subplots(len(rows), 1, figsize=size, squeeze=False)
    most = max((float(rows[name].abs().max()) for name in signed), default=1.0)
    for ax, (name, pictures) in zip(axes[:, 0], rows.items()):
        scale = {"cmap": SIGNED_MAP, "vmin": -most, "vmax": most} if name in signed else _GREY
        ax.imshow(_strip(pictures), interpolation="nearest", aspect="equal", **scale)
        ax.set_yticks([])
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.spines[:].set_visible(False)
        ax.set_xticks([])
    width = next(iter(rows.values())).shape[2] + 1
    for i, column in enumerate(columns):
        place = (width * (i + 0.5) - 1, 1.08)
        axes[0, 0].annotate(column, place, xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=9)
    finish(fig, alt)


_GREY = {"cmap": DENSITY_MAP, "vmin": 0.0, "vmax": 1.0}


def _strip(pictures: Tensor) -> np.ndarray:
    """``(h, k (w + 1) - 1)``, a column of nothing between two pictures."""
    a = pictures.detach().cpu().double().numpy()
    padded = np.pad(a, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
    return np.concatenate(list(padded), axis=1)[:, :-1]
