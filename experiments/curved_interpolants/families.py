"""Families whose inverse has a determinant that depends on the data point: affine and coupling maps given ``x1``."""

from __future__ import annotations

import torch
from torch import Tensor

from experiments.curved_interpolants.layers import Perceptron, coupling_layers, joined
from koopteach.interpolants.charts import Chart
from koopteach.interpolants.interpolant import Interpolant


class ConditionalAffine(Interpolant):
    """``x_t = (1 - t) exp(w S(x1, t)) x0 + t x1 + w M(x1, t)`` with ``w = 4 t (1 - t)``; at first linear.

    Args:
        dim: coordinates of a point.
        width: of the two hidden layers that give S and M.
        generator: source of the first weights.
    """

    def __init__(self, dim: int, *, width: int = 64, generator: torch.Generator | None = None) -> None:
        super().__init__(dim)
        self.net = Perceptron(dim + 1, 2 * dim, width, generator)

    def _parts(self, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """``w S`` and ``w M``."""
        scale, shift = (4 * t * (1 - t) * self.net(joined(x1, t))).chunk(2, dim=-1)
        return scale, shift

    def _value(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        scale, shift = self._parts(x1, t)
        return (1 - t) * scale.exp() * x0 + t * x1 + shift

    def _inverse(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self._parts(x1, t)
        x0 = (x - t * x1 - shift) * (-scale).exp() / (1 - t)
        return x0, -scale.sum(dim=-1) - self.dim * (1 - t[..., 0]).log()


class ConditionalCoupling(Interpolant):
    """``x_t = (1 - t) H(x0; x1, t) + t x1``, H affine coupling layers that are the identity at both ends.

    A layer keeps half of the coordinates and maps the others by ``y exp(w S) + w M``, where S and M see the kept half,
    ``x1`` and ``t``. Nearest in points to the paper's Glow maps; :class:`GlowInterpolant` is the one for images.

    Args:
        dim: coordinates of a point, at least two.
        n_layers: layers; the halves take turns.
        width: of the two hidden layers of each.
        bound: the largest ``|S|``.
        generator: source of the first weights.
    """

    def __init__(
        self,
        dim: int,
        *,
        n_layers: int = 4,
        width: int = 48,
        bound: float = 1.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(dim)
        self.layers = coupling_layers("ConditionalCoupling", dim, n_layers, dim + 1, width, bound, generator)

    def _value(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        h, w, given = x0, 4 * t * (1 - t), joined(x1, t)
        for layer in self.layers:
            h = layer(h, given, lambda scale, shift: ((w * scale).exp(), w * shift))
        return (1 - t) * h + t * x1

    def _inverse(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        h, w, given = (x - t * x1) / (1 - t), 4 * t * (1 - t), joined(x1, t)
        logdet = -self.dim * (1 - t[..., 0]).log()
        for layer in reversed(self.layers):
            h, more = layer.inverse(h, given, lambda scale, shift: ((w * scale).exp(), w * shift))
            logdet = logdet + more
        return h, logdet


class CouplingChart(Chart):
    """A :class:`Chart` of coupling layers ``y (1 + t (e^S - 1)) + t M``; at first the trigonometric interpolant.

    Args:
        dim: coordinates of a point, at least two.
        n_layers, width, bound, generator: as of :class:`ConditionalCoupling`.
    """

    def __init__(
        self,
        dim: int,
        *,
        n_layers: int = 6,
        width: int = 48,
        bound: float = 2.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(dim)
        self.layers = coupling_layers("CouplingChart", dim, n_layers, 0, width, bound, generator)

    def push(self, y: Tensor, t: Tensor) -> Tensor:
        """Layer by layer."""
        for layer in self.layers:
            y = layer(y, None, lambda scale, shift: (1 + t * scale.expm1(), t * shift))
        return y

    def pull(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The layers backwards; the determinant depends on ``x`` and ``t`` alone."""
        logdet = torch.zeros_like(x[..., 0])
        for layer in reversed(self.layers):
            x, more = layer.inverse(x, None, lambda scale, shift: (1 + t * scale.expm1(), t * shift))
            logdet = logdet + more
        return x, logdet
