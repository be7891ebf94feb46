"""A small network of a point and a time, with random Fourier features of the point."""

import copy
import itertools
import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from koopteach.tensors import as_count, rand, randn

Network = TypeVar("Network", bound=nn.Module)


class FourierNet(nn.Module):
    """``net(x, t)``: a perceptron on ``[x, t, sin(pi k t), cos(pi k t), sin(B x), cos(B x)]``, k = 1, 2, ...

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
        n_labels: classes of points, each with a learned vector that is added before the first layer's SiLU; 0 for none.
        generator: source of the frequencies and of the first weights.

    Raises:
        TypeError, ValueError: a size that is no whole number of at least one, or a negative number of frequencies.

    >>> import torch
    >>> import koopteach as kt
    >>> net = kt.FourierNet(2, width=16, generator=torch.Generator().manual_seed(0))
    >>> x, t = torch.zeros(5, 2), torch.full((5, 1), 0.5)
    >>> tuple(net(x, t).shape), tuple(net.features(x, t).shape)
    ((5, 2), (5, 71))

    Source: Tancik et al. 2020 (random Fourier features of the input).
    """

    frequencies: Tensor
    time_frequencies: Tensor

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
        n_labels: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        dim, width = as_count("FourierNet", "dim", dim), as_count("FourierNet", "width", width)
        depth = as_count("FourierNet", "depth", depth)
        out_dim = dim if out_dim is None else as_count("FourierNet", "out_dim", out_dim)
        n_frequencies = as_count("FourierNet", "n_frequencies", n_frequencies, at_least=0)
        time_frequencies = as_count("FourierNet", "time_frequencies", time_frequencies, at_least=0)
        self.dim, self.out_dim = dim, out_dim
        self.n_labels = as_count("FourierNet", "n_labels", n_labels, at_least=0)
        self.config = {
            "dim": dim,
            "out_dim": out_dim,
            "width": width,
            "depth": depth,
            "n_frequencies": n_frequencies,
            "frequency_scale": float(frequency_scale),
            "time_frequencies": time_frequencies,
        } | ({"n_labels": self.n_labels} if n_labels else {})
        frequencies = randn((n_frequencies, dim), torch.empty(0), generator)
        self.register_buffer("frequencies", frequency_scale * frequencies)
        self.register_buffer("time_frequencies", math.pi * torch.arange(1.0, time_frequencies + 1))
        sizes = [dim + 1 + 2 * time_frequencies + 2 * n_frequencies, *depth * [width], out_dim]
        layers = [seeded_linear(a, b, generator) for a, b in itertools.pairwise(sizes)]
        self.layers = nn.ModuleList(layers)
        with torch.no_grad():
            layers[-1].weight.mul_(last_scale)
            layers[-1].bias.mul_(last_scale)
        if n_labels:
            self.embedding = nn.Parameter(randn((self.n_labels, width), torch.empty(0), generator))

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Outputs ``(n, out_dim)`` at points ``(n, dim)``, times ``(n, 1)`` and labels ``(n,)`` or ``()``."""
        h = self.layers[0](self.features(x, t))
        h = h if labels is None else h + self.embedding[labels]
        for layer in self.layers[1:]:
            h = layer(nn.functional.silu(h))
        return h

    def features(self, x: Tensor, t: Tensor) -> Tensor:
        """What the first layer sees, ``(n, dim + 1 + 2 time_frequencies + 2 n_frequencies)``."""
        clock, waves = t * self.time_frequencies, x @ self.frequencies.T
        return torch.cat([x, t, clock.sin(), clock.cos(), waves.sin(), waves.cos()], dim=1)


def seeded_linear(n_in: int, n_out: int, generator: torch.Generator | None = None) -> nn.Linear:
    """A linear layer with torch's usual first weights, uniform up to ``1 / sqrt(n_in)``, from ``generator``."""
    return with_weights(nn.Linear(n_in, n_out, device="meta"), n_in, generator)


def with_weights(layer: Network, n_in: int, generator: torch.Generator | None) -> Network:
    """A layer that was made on "meta", which draws nothing from torch's own stream, with the first weights of torch."""
    layer, bound = layer.to_empty(device="cpu"), 1 / math.sqrt(n_in)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(bound * (2 * rand(tuple(parameter.shape), parameter, generator) - 1))
    return layer


def own_copy(module: Network) -> Network:
    """A copy to evaluate: nothing requires a gradient, and dropout is off; ``module`` stays as it is."""
    return copy.deepcopy(module).requires_grad_(False).eval()


def to_train(module: Network) -> tuple[Network, list[nn.Parameter]]:
    """A copy to train, with dropout on, and the parameters that may move: those that require a gradient.

    A module that is frozen as a whole, as fitted and loaded ones are, is trained as a whole.
    """
    module = copy.deepcopy(module).train()
    parameters = list(module.parameters())
    return module, [p for p in parameters if p.requires_grad] or parameters


def like_weights(module: nn.Module) -> Tensor:
    """An empty tensor of the dtype and device of a module's weights; float32 on the processor where it has none."""
    weights = itertools.chain(module.parameters(), module.buffers())
    return next((w for w in weights if w.is_floating_point()), torch.empty(0)).new_empty(0)
