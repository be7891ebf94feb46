"""One affine map for data in anybody's units: columns of mean zero and unit spread, and back."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from koopteach.tensors import Movable, as_points, as_weights, brief


@dataclass(frozen=True, eq=False)
class Standardizer(Movable):
    """``u = (x - center) / spread``, column by column. No rotation: the result does not depend on anybody's units.

    Attributes:
        center: ``(d,)``, in the data's units.
        spread: ``(d,)``, in the data's units, positive.

    >>> import torch
    >>> import koopteach as kt
    >>> x = torch.tensor([[1000.0, 0.25], [1010.0, 0.75]])
    >>> units = kt.Standardizer.of(x)
    >>> units(x).tolist(), torch.allclose(units.undo(units(x)), x)
    ([[-1.0, -1.0], [1.0, 1.0]], True)
    """

    center: Tensor
    spread: Tensor

    __repr__ = brief

    @classmethod
    def of(cls, x: Tensor, weights: Tensor | None = None) -> Self:
        """Mean and standard deviation of each column; a column that varies by rounding alone keeps its unit.

        Args:
            x: data ``(n, d)``.
            weights: ``(n,)``, not negative, of any positive sum; None for equal ones.

        Raises:
            TypeError, ValueError: what :func:`koopteach.tensors.as_points` refuses.
        """
        x = as_points("Standardizer.of", "x", x)
        share = as_weights("Standardizer.of", weights, x)[:, None]
        share = share / share.sum()
        # About a value of the column, in units of its largest distance from it: neither a far origin costs digits nor
        # do large or small numbers overflow when they are squared.
        middle = x.median(dim=0).values
        away = x - middle
        size = away.abs().amax(dim=0)
        size = torch.where(size > 0, size, torch.ones_like(size))
        away = away / size
        mean = (share * away).sum(dim=0)
        spread = (share * (away - mean).square()).sum(dim=0).sqrt()
        center, spread = middle + size * mean, size * spread
        rounding = 10 * torch.finfo(x.dtype).eps * center.abs()
        return cls(center, torch.where(spread > rounding, spread, torch.ones_like(size)))

    def __call__(self, x: Tensor) -> Tensor:
        """The data's units to unit spread: ``(..., d)``."""
        return (x - self.center.to(x)) / self.spread.to(x)

    def undo(self, u: Tensor) -> Tensor:
        """Unit spread to the data's units: ``(..., d)``."""
        return self.center.to(u) + self.spread.to(u) * u
