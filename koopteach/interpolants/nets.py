"""The small perceptron inside the learned families; its last layer starts at zero, and with it the bending."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from koopteach.tensors import rand


class Perceptron(nn.Module):
    """Two hidden layers of SiLU; zero at first, without gradients until a training asks for them.

    Args:
        n_in, n_out: inputs and outputs.
        width: of the hidden layers.
        generator: source of the first weights.
    """

    def __init__(self, n_in: int, n_out: int, width: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, a, b) for a, b in itertools.pairwise([n_in, width, width, n_out])
        )
        draw_weights(self.layers, generator)
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(..., n_out)`` at ``(..., n_in)``."""
        for layer in self.layers[:-1]:
            x = nn.functional.silu(layer(x))
        return self.layers[-1](x)


def draw_weights(layers: nn.ModuleList, generator: torch.Generator | None) -> None:
    """First weights, uniform up to one over the root of the number of inputs, and zero in the last layer."""
    with torch.no_grad():
        for layer in layers:
            bound = 0.0 if layer is layers[-1] else layer.weight[0].numel() ** -0.5
            for parameter in (layer.weight, layer.bias):
                parameter.copy_(bound * (2 * rand(parameter.shape, parameter, generator) - 1))
