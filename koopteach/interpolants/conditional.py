"""Families whose inverse has a determinant that depends on the data point: affine and coupling maps given ``x1``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from koopteach.interpolants.charts import Chart
from koopteach.interpolants.nets import Perceptron
from koopteach.interpolants.protocol import Interpolant


class ConditionalAffine(Interpolant):
    """``x_t = (1 - t) exp(w S(x1, t)) x0 + t x1 + w M(x1, t)`` with ``w = 4 t (1 - t)``; at first linear.

    Args:
        dim: coordinates of a point.
        width: of the two hidden layers that give S and M.
        generator: source of the first weights.
    """

    common_logdet = False

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

    common_logdet = False

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


class Coupling(nn.Module):
    """One affine coupling layer; the caller turns the net's scale and shift into the factor and the summand.

    Args:
        kept: indices of the coordinates that stay.
        changed: the others.
        n_given: coordinates that the net sees besides.
        width: of the net.
        bound: the largest ``|scale|``.
        generator: source of the first weights.
    """

    def __init__(
        self,
        kept: Tensor,
        changed: Tensor,
        n_given: int,
        width: int,
        bound: float,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.bound = bound
        self.register_buffer("kept", kept)
        self.register_buffer("changed", changed)
        self.register_buffer("order", torch.cat([kept, changed]).argsort())
        self.net = Perceptron(len(kept) + n_given, 2 * len(changed), width, generator)

    def forward(self, y: Tensor, given: Tensor | None, affine) -> Tensor:
        """The layer's value."""
        kept, factor, summand = self._affine(y, given, affine)
        changed = y[..., self.changed] * factor + summand
        return self._together(kept, changed)

    def inverse(self, y: Tensor, given: Tensor | None, affine) -> tuple[Tensor, Tensor]:
        """What the layer maps to ``y``, and the log-determinant of the inverse."""
        kept, factor, summand = self._affine(y, given, affine)
        changed = (y[..., self.changed] - summand) / factor
        return self._together(kept, changed), -factor.log().sum(dim=-1)

    def _affine(self, y: Tensor, given: Tensor | None, affine) -> tuple[Tensor, Tensor, Tensor]:
        kept = y[..., self.kept]
        scale, shift = self.net(kept if given is None else joined(kept, given)).chunk(2, dim=-1)
        return kept, *affine(self.bound * torch.tanh(scale / self.bound), shift)

    def _together(self, kept: Tensor, changed: Tensor) -> Tensor:
        return joined(kept, changed)[..., self.order]


def coupling_layers(
    who: str, dim: int, n_layers: int, n_given: int, width: int, bound: float, generator: torch.Generator | None
) -> nn.ModuleList:
    """Layers that keep the even and the odd coordinates in turn.

    Raises:
        ValueError: one coordinate, which has no halves, or no layer.
    """
    if dim < 2 or n_layers < 1:
        raise ValueError(f"{who}: dim must be at least 2 and n_layers at least 1, got {dim} and {n_layers}.")
    even, odd = torch.arange(0, dim, 2), torch.arange(1, dim, 2)
    halves = [(even, odd), (odd, even)]
    return nn.ModuleList(Coupling(*halves[i % 2], n_given, width, bound, generator) for i in range(n_layers))


def joined(*parts: Tensor) -> Tensor:
    """Coordinates side by side, the leading dimensions broadcast."""
    shape = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return torch.cat([part.expand(*shape, part.shape[-1]) for part in parts], dim=-1)
