"""Matrix schedules ``x_t = A(t) x0 + B(t) x1``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from koopteach.interpolants.protocol import Interpolant
from koopteach.interpolants.schedules import chebyshev


class MatrixInterpolant(Interpolant):
    """``A = (1 - t) expm(t P)`` and ``B = t expm((1 - t) Q)``, P and Q Chebyshev series of matrices; at first linear.

    Args:
        dim: coordinates of a point.
        degree: terms of each series.
    """

    def __init__(self, dim: int, *, degree: int = 4) -> None:
        super().__init__(dim)
        if degree < 1:
            raise ValueError(f"MatrixInterpolant: degree must be at least 1, got {degree}.")
        self.series = nn.Parameter(torch.zeros(2, degree, dim, dim), requires_grad=False)

    def _exponents(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``t P(t)`` and ``(1 - t) Q(t)``, ``(..., d, d)``."""
        terms = chebyshev(t, self.series.shape[1])
        p, q = (torch.einsum("...k,kij->...ij", terms, series) for series in self.series.to(t))
        return t[..., None] * p, (1 - t)[..., None] * q

    def _value(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        p, q = self._exponents(t)
        return (1 - t) * _apply(p.matrix_exp(), x0) + t * _apply(q.matrix_exp(), x1)

    def _inverse(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        p, q = self._exponents(t)
        x0 = _apply((-p).matrix_exp(), x - t * _apply(q.matrix_exp(), x1)) / (1 - t)
        trace = p.diagonal(dim1=-2, dim2=-1).sum(dim=-1)  # log det expm is the trace
        return x0, -trace - self.dim * (1 - t[..., 0]).log()


def _apply(matrix: Tensor, x: Tensor) -> Tensor:
    """``matrix @ x`` for matrices ``(..., d, d)`` and points ``(..., d)`` that broadcast."""
    return (matrix @ x[..., None])[..., 0]
