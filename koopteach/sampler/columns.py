"""The columns of a table in coordinates that kernels like, and back: one monotone map a column, no rotation."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from koopteach.standardizer import Standardizer
from koopteach.tensors import Movable

# Heavier tails than these get normal scores (a Gaussian has 3 and 0, an exponential law 9 and 2).
_KURTOSIS, _SKEW = 5.0, 1.0

# They help against tails and tear modes apart. Of a mode the mean excess over the highest 3 % of the rows is a half of
# that over the highest 10 %, of a tail as much or more (a Gaussian's is 0.8); fewer rows do not tell.
_SHRINKS, _FEWEST_TO_TELL = 0.7, 1000

# A column with fewer different values is discrete: samples take its levels and nothing between them.
FEW_LEVELS = 20

# Mapped coordinates are rounded here: in data with ties, as all measured to some digit are, many distances are the same
# to the last bit, and other units, which round otherwise, would choose other centres.
_DECIMALS = 8

# Beyond the data a column's map goes on as steeply as over its outer tenth.
_OUTER = 0.1


@dataclass(frozen=True, eq=False)
class Knots(Movable):
    """An increasing function that is linear between knots ``(x_i, y_i)`` and beyond them; ``undo`` is its inverse."""

    x: Tensor
    y: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """``(n,)`` to ``(n,)``."""
        return _interpolate(x, self.x, self.y)

    def undo(self, y: Tensor) -> Tensor:
        """``(n,)`` to ``(n,)``."""
        return _interpolate(y, self.y, self.x)


def _interpolate(at: Tensor, x: Tensor, y: Tensor) -> Tensor:
    high = torch.searchsorted(x, at.contiguous()).clamp(1, len(x) - 1)
    low = high - 1
    return y[low] + (y[high] - y[low]) / (x[high] - x[low]) * (at - x[low])


def normal_scores(values: Tensor, share: Tensor) -> Knots:
    """A column's different values to the normal quantiles of their mid-ranks, of mean zero and unit spread.

    Args:
        values: the column ``(n,)``, at least two different ones.
        share: of each row ``(n,)``, summing to one.
    """
    x, ends = _ends(values, share)
    mass = ends.diff(prepend=ends.new_zeros(1))
    y = torch.special.ndtri(ends - mass / 2)
    mean = (mass * y).sum()
    y = (y - mean) / (mass * (y - mean).square()).sum().sqrt()
    return Knots(_extended(x, ends), _extended(y, ends))


def _ends_in_a_mode(u: Tensor, share: Tensor) -> Tensor:
    """Which columns ``(n, k)`` reach far up because a mode lies there, and not because of a tail, ``(k,)``."""
    if round(float(1 / share.square().sum())) < _FEWEST_TO_TELL:  # as many rows of equal weight tell as much
        return torch.zeros(u.shape[1], dtype=torch.bool, device=u.device)
    some, few = (_mean_excess(u, share, top) for top in (0.1, 0.03))
    return few < _SHRINKS * some


def _mean_excess(u: Tensor, share: Tensor, top: float) -> Tensor:
    """How far the highest rows of columns ``(n, k)``, this share of all, lie above the next on average, ``(k,)``."""
    down, order = u.sort(dim=0, descending=True)
    rank = (share[order].cumsum(dim=0) <= top).sum(dim=0, keepdim=True)
    return (share[:, None] * (u - down.gather(0, rank)).clamp_min(0)).sum(dim=0) / top


def _extended(a: Tensor, ends: Tensor) -> Tensor:
    """``a`` and, at both ends, as much more as the outer tenth of the rows reaches, at least to the next value."""
    low = int(torch.searchsorted(ends, _OUTER)) or 1
    high = min(int(torch.searchsorted(ends, 1 - _OUTER)), len(a) - 2)
    return torch.cat([a[:1] - (a[low] - a[0]), a, a[-1:] + (a[-1] - a[high])])


def _ends(values: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """A column's different values, ascending, and the share of rows up to each."""
    x, which = torch.unique(values, return_inverse=True)
    return x, torch.zeros_like(x).index_add_(0, which, share).cumsum(0).clamp_max(1)


@dataclass(frozen=True, eq=False)
class Columns(Movable):
    """What a table's columns are, and their map.

    Attributes:
        varying: numbers of the columns that vary ``(k,)``; the others are left out, and come back as they were.
        first: the first row ``(d,)``, which holds what the others always are.
        units: centre and spread of the columns that vary.
        scores: numbers of columns among those that vary, and their normal scores.
        discrete: which of those have few levels.
    """

    varying: Tensor
    first: Tensor
    units: Standardizer
    scores: tuple[tuple[int, Knots], ...]
    discrete: tuple[int, ...]

    @classmethod
    def of(cls, x: Tensor, share: Tensor, scores: str = "heavy") -> Self:
        """Look at the data ``(n, d)``; ``scores`` says which columns get normal scores: heavy, all or none.

        Args:
            x: data ``(n, d)``.
            share: of each row ``(n,)``, summing to one.
            scores: ``"heavy"``, ``"all"`` or ``"none"``.
        """
        varying = (x.amax(dim=0) > x.amin(dim=0)).nonzero()[:, 0]
        units = Standardizer.of(x[:, varying], share)
        u = units(x[:, varying])
        skew, kurtosis = ((share[:, None] * u**power).sum(dim=0) for power in (3, 4))
        heavy = ((kurtosis > _KURTOSIS) | (skew.abs() > _SKEW)) & ~_ends_in_a_mode(torch.where(skew < 0, -u, u), share)
        chosen = {"heavy": heavy, "all": skew == skew, "none": skew != skew}
        which = chosen[scores].nonzero()[:, 0].tolist()
        few = tuple(j for j in range(len(varying)) if len(u[:, j].unique()) < FEW_LEVELS)
        return cls(varying, x[0], units, tuple((j, normal_scores(u[:, j], share)) for j in which), few)

    def __call__(self, x: Tensor) -> Tensor:
        """The data's units ``(n, d)`` to mapped coordinates ``(n, k)``."""
        u = self.units(x[:, self.varying])
        for j, knots in self.scores:
            u[:, j] = knots(u[:, j])
        return u.round(decimals=_DECIMALS)

    def undo(self, u: Tensor) -> Tensor:
        """Mapped coordinates ``(n, k)`` to the data's units ``(n, d)``."""
        u = u.clone()
        for j, knots in self.scores:
            u[:, j] = knots.undo(u[:, j])
        x = self.first.expand(len(u), -1).clone()
        x[:, self.varying] = self.units.undo(u)
        return x


def calibrated(x: Tensor, data: Tensor, share: Tensor) -> Tensor:
    """``x`` ``(n, d)`` with the data's columns: each number becomes the quantile of the data that its rank asks for.

    Between the data's values a quantile is linear; of columns with few levels it is one of them.

    Args:
        x: points whose rows are right and whose columns nearly are.
        data: ``(N, d)``.
        share: of each row of the data ``(N,)``, summing to one.
    """
    n = len(x)
    heights = (torch.arange(n, dtype=x.dtype, device=x.device) + 0.5) / n
    found = torch.empty_like(x)
    for j in range(x.shape[1]):
        levels, ends = _ends(data[:, j], share)
        if len(levels) < FEW_LEVELS:
            quantiles = levels[torch.searchsorted(ends, heights).clamp_max(len(levels) - 1)]
        else:
            middle = ends - ends.diff(prepend=ends.new_zeros(1)) / 2
            quantiles = _interpolate(heights.clamp(middle[0], middle[-1]), middle, levels)
        found[x[:, j].argsort(), j] = quantiles
    return found
