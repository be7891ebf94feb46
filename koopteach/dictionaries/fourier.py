"""Random plane waves, whose products approximate a Gaussian kernel."""

import math

import torch
from torch import Tensor

from koopteach.tensors import Movable, as_coefficients, as_count, as_points, positive, rand, randn


class RandomFourierFeatures(Movable):
    """``psi_j(x) = sqrt(2/n) cos(w_j . x + b_j)`` with ``w`` from N(0, 1/width^2) and ``b`` uniform on the circle.

    Args:
        dim: dimension ``d``.
        n: number of features.
        width: of the kernel, in the units of ``x``, as of :class:`GaussianRBF`.
        generator: source of ``w`` and ``b``.

    Raises:
        ValueError: ``dim`` or ``n`` below one, or a width that is not positive.

    Identity: ``E[psi(x) . psi(y)] = exp(-|x - y|^2 / 2 width^2)``, with an error like ``1 / sqrt(n)``.

    >>> import torch
    >>> import koopteach as kt
    >>> waves = kt.RandomFourierFeatures(dim=2, n=4000, width=1.0, generator=torch.Generator().manual_seed(0))
    >>> x = torch.tensor([[0.0, 0.0], [0.6, 0.8]])
    >>> (waves(x) @ waves(x).T - kt.GaussianRBF(x, 1.0)(x)).abs().max() < 0.1
    tensor(True)

    Source: Rahimi, Recht 2007.
    """

    def __init__(self, dim: int, n: int, width: float, generator: torch.Generator | None = None) -> None:
        dim, n = as_count("RandomFourierFeatures", "dim", dim), as_count("RandomFourierFeatures", "n", n)
        self.width = positive("RandomFourierFeatures", "width", width)
        like = torch.empty(0, dtype=torch.float64)
        self.frequencies = randn((n, dim), like, generator) / self.width
        self.phases = 2 * math.pi * rand((n,), like, generator)

    @property
    def dim(self) -> int:
        """``d``."""
        return self.frequencies.shape[1]

    @property
    def n_features(self) -> int:
        """``m``, the ``n`` that was asked for."""
        return self.frequencies.shape[0]

    def __call__(self, x: Tensor) -> Tensor:
        """Values, ``(n, m)``."""
        return self._amplitude * self._angles(x).cos_()

    def grad(self, x: Tensor) -> Tensor:
        """Gradients, ``(n, m, d)``."""
        slopes = self._slopes(x)
        return slopes[:, :, None] * self.frequencies.to(slopes)

    def contract_grad(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Gradients of the functions ``psi(x) @ coefficients``, ``(n, r, d)``."""
        slopes = self._slopes(x)
        coefficients = as_coefficients("contract_grad", "coefficients", coefficients, (self.n_features, "r"), slopes)
        w = self.frequencies.to(slopes)
        return torch.stack([slopes @ (coefficients * w[:, i : i + 1]) for i in range(self.dim)], dim=2)

    @property
    def _amplitude(self) -> float:
        return math.sqrt(2 / self.n_features)

    def _slopes(self, x: Tensor) -> Tensor:
        return -self._amplitude * self._angles(x).sin_()

    def _angles(self, x: Tensor) -> Tensor:
        x = as_points("RandomFourierFeatures", "x", x, dim=self.dim)
        return torch.addmm(self.phases.to(x), x, self.frequencies.to(x).T)
