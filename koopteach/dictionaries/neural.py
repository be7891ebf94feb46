"""A dictionary learned from pairs: a small network that maximises the VAMP-2 score."""

import itertools
import math
from typing import Self

import torch
from torch import Tensor

from koopteach.standardizer import Standardizer
from koopteach.tensors import Movable, as_coefficients, as_count, as_pairs, as_points, randn, random_rows, same_kind

# Keeps the inverse of a batch's Gram matrix finite while features still resemble each other.
_RIDGE = 1e-4


class NeuralDictionary(Movable):
    """``psi(x)``, a network of two hidden layers with ``tanh``, and its exact gradient.

    Made by :meth:`from_pairs`; estimators then use it as any other dictionary, on fresh pairs if there are some.

    Args:
        layers: ``(weight (in, out), bias (out,))`` of each layer.
        middle: ``(d,)``, subtracted from ``x``.
        scale: ``(d,)``, divides it.

    >>> import torch
    >>> import koopteach as kt
    >>> g = torch.Generator().manual_seed(0)
    >>> x, y = kt.snapshot_pairs(kt.OrnsteinUhlenbeck(1), 1000, lag=0.3, generator=g)
    >>> psi = kt.NeuralDictionary.from_pairs(x, y, 1, hidden=8, n_steps=100, generator=g)
    >>> bool(torch.corrcoef(torch.cat([psi(x), x], 1).T)[0, 1].abs() > 0.95)  # the slowest mode is x
    True
    """

    def __init__(self, layers: tuple[tuple[Tensor, Tensor], ...], middle: Tensor, scale: Tensor) -> None:
        self.layers, self.middle, self.scale = layers, middle, scale

    @classmethod
    def from_pairs(
        cls,
        x: Tensor,
        y: Tensor,
        n_features: int = 8,
        *,
        hidden: int = 40,
        n_steps: int = 800,
        batch: int = 500,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Train on pairs of a reversible process so that ``trace((G^-1 C)^2)`` is large.

        ``G`` and ``C`` are the covariances of the features with themselves and one lag later, each pair counted in both
        directions. By the variational principle the score is at most the sum of the true ``exp(-2 rate lag)``, and the
        eigenfunctions attain it. It takes seconds; small data are learned by heart, which ``select`` shows.

        Args:
            x, y: pairs ``(n, d)``, ``y`` one lag later.
            n_features: how many modes to look for.
            hidden: width of the two hidden layers.
            n_steps: steps of Adam.
            batch: pairs a step.
            generator: source of the first weights and of the batches.

        Raises:
            ValueError: shapes that do not fit, numbers below one, or fewer than ten pairs a feature.
        """
        who = "NeuralDictionary.from_pairs"
        n_features, hidden = as_count(who, "n_features", n_features), as_count(who, "hidden", hidden)
        n_steps, batch = as_count(who, "n_steps", n_steps), as_count(who, "batch", batch)
        x, y = as_pairs(who, x, y, at_least=10 * n_features)
        if batch < 10 * n_features:
            raise ValueError(f"{who}: batch must be at least 10 * n_features = {10 * n_features}, got {batch}.")
        psi = cls._fresh(x, hidden, n_features, generator)
        psi._train(x, y, n_steps, min(batch, len(x)), generator)
        return psi

    @classmethod
    def _fresh(cls, x: Tensor, hidden: int, n_features: int, generator: torch.Generator | None) -> Self:
        sizes = [x.shape[1], hidden, hidden, n_features]
        layers = tuple(
            (randn((a, b), x, generator) / math.sqrt(a), 0.5 * randn((b,), x, generator))
            for a, b in itertools.pairwise(sizes)
        )
        units = Standardizer.of(x)
        return cls(layers, units.center, units.spread)

    def _train(self, x: Tensor, y: Tensor, n_steps: int, batch: int, generator: torch.Generator | None) -> None:
        weights = [tensor.requires_grad_(True) for layer in self.layers for tensor in layer]
        with torch.enable_grad():
            adam = torch.optim.Adam(weights, lr=3e-3)
            decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, n_steps)
            for _ in range(n_steps):
                rows = random_rows(x, batch, generator)
                adam.zero_grad()
                loss = -_vamp2(self(x[rows]), self(y[rows]))
                loss.backward()
                adam.step()
                decay.step()
        self.layers = tuple((w.detach(), b.detach()) for w, b in self.layers)

    @property
    def dim(self) -> int:
        """``d``."""
        return len(self.middle)

    @property
    def n_features(self) -> int:
        """``m``."""
        return len(self.layers[-1][1])

    def __call__(self, x: Tensor) -> Tensor:
        """Values, ``(n, m)``."""
        h = self._standard(x)
        for weight, bias in self.layers[:-1]:
            h = torch.tanh(h @ weight + bias)
        weight, bias = self.layers[-1]
        return h @ weight + bias

    def grad(self, x: Tensor) -> Tensor:
        """Gradients, ``(n, m, d)``."""
        return torch.stack([tangent @ self.layers[-1][0] for tangent in self._tangents(x)], dim=2)

    def contract_grad(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Gradients of the functions ``psi(x) @ coefficients``, ``(n, r, d)``."""
        tangents = self._tangents(x)
        shape = (self.n_features, "r")
        coefficients = as_coefficients("contract_grad", "coefficients", coefficients, shape, tangents[0])
        last = self.layers[-1][0] @ coefficients
        return torch.stack([tangent @ last for tangent in tangents], dim=2)

    def _standard(self, x: Tensor) -> Tensor:
        x = as_points("NeuralDictionary", "x", x, dim=self.dim)
        same_kind("NeuralDictionary", x, self.middle, "the dictionary")
        return (x - self.middle) / self.scale

    def _tangents(self, x: Tensor) -> list[Tensor]:
        """Derivatives of the last hidden layer along each coordinate, ``(n, hidden)``: the chain rule, forwards."""
        h = self._standard(x)
        tangents = list(torch.diag(1 / self.scale)[:, None])
        for weight, bias in self.layers[:-1]:
            h = torch.tanh(h @ weight + bias)
            tangents = [(1 - h**2) * (tangent @ weight) for tangent in tangents]
        return tangents


def _vamp2(a: Tensor, b: Tensor) -> Tensor:
    """``trace((G^-1 C)^2)`` of the features ``a`` ``(n, m)`` and ``b`` one lag later, made symmetric."""
    mean = 0.5 * (a.mean(dim=0) + b.mean(dim=0))
    a, b = a - mean, b - mean
    n, m = a.shape
    gram = (a.T @ a + b.T @ b) / (2 * n)
    variance = gram.diagonal().mean().clamp_min(torch.finfo(a.dtype).eps ** 2)  # of features that are constant, none
    gram = gram + _RIDGE * variance * torch.eye(m, dtype=a.dtype, device=a.device)
    cross = (a.T @ b + b.T @ a) / (2 * n)
    k = torch.linalg.solve(gram, cross)
    return (k * k.T).sum()
