"""The interpolant that is optimal between two Gaussians, from the moments of two samples."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from koopteach.interpolants.charts import Chart
from koopteach.tensors import as_points, symmetric_power


class GaussianStraight(Chart):
    """``F_t(y) = (1 - t)(m0 + L0 y) + t (m1 + L1 y)`` around the rotation of ``y``; exact and straight for Gaussians.

    ``L0 = S0^{1/2}``, ``L1 = M L0`` with the optimal map ``M = S0^{-1/2} (S0^{1/2} S1 S0^{1/2})^{1/2} S0^{-1/2}``.

    Args:
        mean0, covariance0: ``(d,)`` and ``(d, d)`` of the noise.
        mean1, covariance1: of the data.

    Raises:
        ValueError: a covariance that is not positive definite.

    Identity: the acceleration of its field is zero for Gaussian data.
    """

    def __init__(self, mean0: Tensor, covariance0: Tensor, mean1: Tensor, covariance1: Tensor) -> None:
        super().__init__(len(mean0))
        for covariance in (covariance0, covariance1):
            _refuse_flat(covariance)
        root, inverse_root = symmetric_power(covariance0), symmetric_power(covariance0, -0.5)
        transport = inverse_root @ symmetric_power(root @ covariance1 @ root) @ inverse_root
        self.register_buffer("means", torch.stack([mean0, mean1]))
        self.register_buffer("factors", torch.stack([root, transport @ root]))

    @classmethod
    def from_data(cls, x1: Tensor, x0: Tensor | None = None) -> Self:
        """From the moments of data ``(n, d)`` and of the noise, N(0, I) where there is none.

        Raises:
            ValueError: NaN, or no more points than coordinates.
        """
        x1 = as_points("GaussianStraight", "x1", x1, at_least=2)
        d = x1.shape[1]
        if x0 is None:
            first = (x1.new_zeros(d), torch.eye(d).to(x1))
        else:
            x0 = as_points("GaussianStraight", "x0", x0, dim=d, at_least=2).to(x1)
            first = (x0.mean(dim=0), x0.T.cov().reshape(d, d))
        return cls(*first, x1.mean(dim=0), x1.T.cov().reshape(d, d))

    def push(self, y: Tensor, t: Tensor) -> Tensor:
        """``m_t + L_t y``."""
        mean, factor = self._at(t)
        return mean + (factor @ y[..., None])[..., 0]

    def pull(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """``L_t^{-1} (x - m_t)``."""
        mean, factor = self._at(t)
        y = torch.linalg.solve(factor, (x - mean)[..., None])[..., 0]
        return y, -factor.slogdet().logabsdet.expand(y.shape[:-1])

    def code0(self, x0: Tensor) -> Tensor:
        """``L0^{-1} (x0 - m0)``."""
        return self.pull(x0, torch.zeros_like(x0[..., :1]))[0]

    def _at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        means, factors = self.means.to(t), self.factors.to(t)
        s = t[..., None]
        return (1 - t) * means[0] + t * means[1], (1 - s) * factors[0] + s * factors[1]

    def _source(self, z0: Tensor) -> tuple[Tensor, Tensor]:
        zero = torch.zeros_like(z0[..., :1])
        return self.push(z0, zero), self._at(zero)[1].slogdet().logabsdet


def _refuse_flat(covariance: Tensor) -> None:
    values = torch.linalg.eigvalsh(covariance)
    if not float(values[0]) > 1e-12 * float(values[-1]):
        raise ValueError(
            "GaussianStraight: a covariance is not positive definite; use more points than coordinates and no constant "
            "coordinate."
        )
