"""Flows without a network: the exact minimisers of flow matching for Gaussian and Gaussian-mixture data."""

from typing import Any

import torch
from torch import Tensor

from koopteach.flow_matching.flow import Flow, checked_times
from koopteach.targets import GaussianMixture
from koopteach.tensors import as_float, as_points, refuse_shape


class GaussianFlow(Flow):
    """The exact flow from N(0, I) to N(m, S) with independent pairs.

    ``v(x, t) = m + (t S - (1 - t) I) (t^2 S + (1 - t)^2 I)^{-1} (x - t m)``, and its path is a square root:
    ``x_t = t m + (t^2 S + (1 - t)^2 I)^{1/2} x_0``.

    Args:
        mean: ``(d,)``.
        covariance: ``(d, d)``, or ``(d,)`` for its diagonal; positive definite.

    Raises:
        TypeError, ValueError: shapes that do not fit, or a covariance that is not symmetric and positive definite.

    >>> import torch
    >>> import koopteach as kt
    >>> flow = kt.GaussianFlow([1.0, 0.0], [[2.0, 1.0], [1.0, 2.0]])
    >>> x0 = torch.zeros(1, 2, dtype=torch.float64)
    >>> flow.exact(x0, [0.5, 1.0])[:, 0].tolist()
    [[0.5, 0.0], [1.0, 0.0]]
    >>> flow.velocity(x0, 0.0).tolist()  # m - x
    [[1.0, 0.0]]
    """

    def __init__(self, mean: Any, covariance: Any) -> None:
        self.mean = as_float("GaussianFlow", "mean", mean)
        covariance = as_float("GaussianFlow", "covariance", covariance).to(self.mean)
        if covariance.ndim == 1:
            covariance = torch.diag(covariance)
        d = self.mean.numel()
        refuse_shape("GaussianFlow", "mean", self.mean, ("d",))
        refuse_shape("GaussianFlow", "covariance", covariance, (d, d), f", or ({d},)")
        self.dim, self._like = d, self.mean.new_empty(0)
        if not torch.allclose(covariance, covariance.T):  # NaN is not close to itself
            raise ValueError("GaussianFlow: covariance must be symmetric and positive definite.")
        self.variances, self.axes = torch.linalg.eigh(covariance)
        if not float(self.variances[0]) > 0:
            raise ValueError("GaussianFlow: covariance must be symmetric and positive definite.")

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        mean, axes, s = self.mean.to(x), self.axes.to(x), self.variances.to(x)
        slope = (t * s - (1 - t)) / (t**2 * s + (1 - t) ** 2)  # (n, d), along the axes of S
        return mean + ((x - t * mean) @ axes * slope) @ axes.T

    def exact(self, x0: Tensor, times: Any) -> Tensor:
        """The states ``(k, n, d)`` at ``times`` ``(k,)`` in closed form; no solver."""
        x0 = as_points("exact", "x0", x0, dim=self.dim)
        mean, axes, s = self.mean.to(x0), self.axes.to(x0), self.variances.to(x0)
        t = checked_times("exact", times).to(x0)[:, None, None]
        return t * mean + (x0 @ axes * (t**2 * s + (1 - t) ** 2).sqrt()) @ axes.T


class MixtureFlow(Flow):
    """The exact flow from N(0, I) to a Gaussian mixture with independent pairs.

    Given its component, ``x_t ~ N(t m_k, t^2 s_k^2 + (1 - t)^2)`` along each axis, so that
    ``v(x, t) = sum_k p_k(x, t) [m_k + (t s_k^2 - (1 - t)) / (t^2 s_k^2 + (1 - t)^2) (x - t m_k)]`` with the
    responsibilities ``p_k`` of the components for ``x`` at time ``t``.

    Args:
        target: the mixture.

    Identity: the velocity is ``E[x1 - x0 | x_t = x]``.

    >>> import torch
    >>> import koopteach as kt
    >>> flow = kt.MixtureFlow(kt.GaussianMixture([[-2.0], [2.0]], [0.5, 0.5]))
    >>> ends = flow.transport(torch.tensor([[-1.0], [1.0]], dtype=torch.float64), solver="rk4", steps=64)
    >>> ends.round(decimals=1).tolist()  # to one mode each
    [[-2.2], [2.2]]
    """

    def __init__(self, target: GaussianMixture) -> None:
        self.target, self.dim, self._like = target, target.dim, target.modes.new_empty(0)

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        target = self.target.to(x.device, x.dtype)
        t = t[:, :, None]  # (n, 1, 1) beside components (k, d)
        away = x[:, None] - t * target.modes
        square = target.stds**2
        variance = t**2 * square + (1 - t) ** 2
        log_parts = target.mode_weights.log() - 0.5 * (away**2 / variance + variance.log()).sum(dim=2)
        parts = target.modes + (t * square - (1 - t)) / variance * away
        return (log_parts.softmax(dim=1)[:, :, None] * parts).sum(dim=1)
