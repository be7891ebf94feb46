"""Perceptrons and affine coupling layers, of which the learned families are made; at first they do nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from koopteach.flow_matching.net import seeded_linear

Affine = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # factor and summand, from a net's scale and shift


class Perceptron(nn.Module):
    """Two hidden layers of SiLU; zero at first, without gradients until a training asks for them.

    Args:
        n_in, n_out: inputs and outputs.
        width: of the hidden layers.
        generator: source of the first weights.
    """

    def __init__(self, n_in: int, n_out: int, width: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        sizes = itertools.pairwise([n_in, width, width, n_out])
        self.layers = nn.ModuleList(seeded_linear(a, b, generator) for a, b in sizes)
        for parameter in self.layers[-1].parameters():
            nn.init.zeros_(parameter)
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(..., n_out)`` at ``(..., n_in)``."""
        for layer in self.layers[:-1]:
            x = nn.functional.silu(layer(x))
        return self.layers[-1](x)


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

    def forward(self, y: Tensor, given: Tensor | None, affine: Affine) -> Tensor:
        """The layer's value."""
        kept, factor, summand = self._affine(y, given, affine)
        changed = y[..., self.changed] * factor + summand
        return self._together(kept, changed)

    def inverse(self, y: Tensor, given: Tensor | None, affine: Affine) -> tuple[Tensor, Tensor]:
        """What the layer maps to ``y``, and the log-determinant of the inverse."""
        kept, factor, summand = self._affine(y, given, affine)
        changed = (y[..., self.changed] - summand) / factor
        return self._together(kept, changed), -factor.log().sum(dim=-1)

    def _affine(self, y: Tensor, given: Tensor | None, affine: Affine) -> tuple[Tensor, Tensor, Tensor]:
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
