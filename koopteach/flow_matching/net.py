"""A small network of a point and a time, with random Fourier features of the point."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn


class FourierNet(nn.Module):
    """``net(x, t)``: a perceptron on ``[x, t, sin(pi k t), cos(pi k t), sin(B x), cos(B x)]``.

    The frequencies ``B`` are random and fixed, ``N(0, frequency_scale^2)``. Without them a small network draws a ring
    in the place of eight blobs and a disc in the place of a spiral, and the averaged distances hardly notice.

    Args:
        dim: coordinates of a point.
        out_dim: outputs; None for ``dim``, a velocity.
        width, depth: of the hidden layers, with SiLU between.
        n_frequencies: rows of ``B``; 0 for none, as for images in principal components.
        frequency_scale: in 1/units of ``x``, for data of about unit variance. Finer structure needs more: the
            spirals 64 frequencies of scale 4.
        time_frequencies: the largest ``k``.
        last_scale: multiplies the last layer's first weights; small ones start the network near zero.
        generator: source of the frequencies and of the first weights.

    Raises:
        ValueError: a size below one, or a negative number of frequencies.

    Source: Tancik et al. 2020 (random Fourier features of the input).
    """

    def __init__(
        self,
        dim: int,
        out_dim: int | None = None,
        *,
        width: int = 128,
        depth: int = 3,
        n_frequencies: int = 32,
        frequency_scale: float = 2.0,
        time_frequencies: int = 2,
        last_scale: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        out_dim = dim if out_dim is None else out_dim
        if min(dim, out_dim, width, depth) < 1 or min(n_frequencies, time_frequencies) < 0:
            raise ValueError(
                "FourierNet: dim, out_dim, width and depth must be at least 1 and the frequencies at least 0, got "
                f"{dim}, {out_dim}, {width}, {depth} and {n_frequencies}, {time_frequencies}."
            )
        self.dim, self.out_dim = dim, out_dim
        self.config = {
            "dim": dim,
            "out_dim": out_dim,
            "width": width,
            "depth": depth,
            "n_frequencies": n_frequencies,
            "frequency_scale": float(frequency_scale),
            "time_frequencies": time_frequencies,
        }
        frequencies = torch.randn((n_frequencies, dim), **_drawn_by(generator)).cpu()
        self.register_buffer("frequencies", frequency_scale * frequencies)
        self.register_buffer("time_frequencies", math.pi * torch.arange(1.0, time_frequencies + 1))
        sizes = [dim + 1 + 2 * time_frequencies + 2 * n_frequencies, *depth * [width], out_dim]
        self.layers = nn.ModuleList(_linear(a, b, generator) for a, b in itertools.pairwise(sizes))
        with torch.no_grad():
            self.layers[-1].weight.mul_(last_scale)
            self.layers[-1].bias.mul_(last_scale)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Outputs ``(n, out_dim)`` at points ``(n, dim)`` and times ``(n, 1)``."""
        h = self.features(x, t)
        for layer in self.layers[:-1]:
            h = nn.functional.silu(layer(h))
        return self.layers[-1](h)

    def features(self, x: Tensor, t: Tensor) -> Tensor:
        """What the first layer sees, ``(n, dim + 1 + 2 time_frequencies + 2 n_frequencies)``."""
        clock, waves = t * self.time_frequencies, x @ self.frequencies.T
        return torch.cat([x, t, clock.sin(), clock.cos(), waves.sin(), waves.cos()], dim=1)


def _drawn_by(generator: torch.Generator | None) -> dict:
    return {"generator": generator, "device": generator.device if generator is not None else "cpu"}


def _linear(n_in: int, n_out: int, generator: torch.Generator | None) -> nn.Linear:
    """A linear layer with torch's usual first weights, uniform up to ``1 / sqrt(n_in)``, from ``generator``."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    bound = 1 / math.sqrt(n_in)
    with torch.no_grad():
        for parameter in (layer.weight, layer.bias):
            uniform = torch.rand(parameter.shape, **_drawn_by(generator)).cpu()
            parameter.copy_(bound * (2 * uniform - 1))
    return layer
