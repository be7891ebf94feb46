"""Plane waves: all of a period's up to an order, or random ones whose products approximate a Gaussian kernel."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from koopteach.tensors import Movable, as_coefficients, as_count, as_float, as_points, positive, rand, randn

_MOST_WAVES = 100_000


class _Waves(Movable):
    """``psi_j(x) = amplitude cos(w_j . x + b_j)``; frequencies ``w`` ``(m, d)``, phases ``b`` ``(m,)``."""

    def __init__(self, frequencies: Tensor, phases: Tensor, amplitude: float) -> None:
        self.frequencies, self.phases, self.amplitude = frequencies, phases, amplitude

    @property
    def dim(self) -> int:
        """``d``."""
        return self.frequencies.shape[1]

    @property
    def n_features(self) -> int:
        """``m``."""
        return self.frequencies.shape[0]

    def __call__(self, x: Tensor) -> Tensor:
        """Values, ``(n, m)``."""
        return self.amplitude * self._angles(x).cos_()

    def grad(self, x: Tensor) -> Tensor:
        """Gradients, ``(n, m, d)``."""
        slopes = self._slopes(x)
        return slopes[:, :, None] * self.frequencies.to(slopes)

    def contract_grad(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Gradients of the functions ``psi(x) @ coefficients``, ``(n, r, d)``."""
        slopes = self._slopes(x)
        coefficients = as_coefficients("contract_grad", "coefficients", coefficients, (self.n_features, None), slopes)
        w = self.frequencies.to(slopes)
        return torch.stack([slopes @ (coefficients * w[:, i : i + 1]) for i in range(self.dim)], dim=2)

    def _slopes(self, x: Tensor) -> Tensor:
        return -self.amplitude * self._angles(x).sin_()

    def _angles(self, x: Tensor) -> Tensor:
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        return torch.addmm(self.phases.to(x), x, self.frequencies.to(x).T)


class Fourier(_Waves):
    """``sqrt(2) cos`` and ``sqrt(2) sin`` of ``2 pi k . x / period`` for the whole vectors ``k`` up to ``order``.

    Each coordinate of ``k`` runs from ``-order`` to ``order``; of ``k`` and ``-k`` one is kept, and ``k = 0`` is not:
    ``m = (2 order + 1)^dim - 1`` features, first all cosines, then all sines. They are orthonormal under the uniform
    law of a period, where they are the eigenfunctions of Brownian motion with rates ``|2 pi k / period|^2``.

    Args:
        dim: dimension ``d``.
        order: largest entry of ``k``.
        period: one number or ``(d,)``, in the units of ``x``; ``2 pi`` for angles.

    Raises:
        ValueError: ``dim`` or ``order`` below one, a period that is not positive, or over 100,000 features.
    """

    def __init__(self, dim: int, order: int, period) -> None:
        dim, order = as_count("Fourier", "dim", dim), as_count("Fourier", "order", order)
        if (2 * order + 1) ** dim > _MOST_WAVES:
            raise ValueError(
                f"Fourier: order {order} in dimension {dim} has {(2 * order + 1) ** dim - 1} features. Take a lower "
                "order, or RandomFourierFeatures, whose number does not grow with the dimension."
            )
        period = as_float("Fourier", "period", period)
        if period.ndim and period.shape != (dim,):
            raise ValueError(f"Fourier: period has shape {tuple(period.shape)}, but one number or ({dim},) is needed.")
        if not bool((period > 0).all()) or not bool(period.isfinite().all()):
            raise ValueError(f"Fourier: period must be positive, got {period.tolist()}.")
        zero = (0,) * dim
        # tuples compare by their first different entry: half of all vectors lie above zero
        waves = [k for k in itertools.product(range(-order, order + 1), repeat=dim) if k > zero]
        waves.sort(key=lambda k: (sum(abs(i) for i in k), k))
        frequencies = 2 * math.pi * torch.tensor(waves, dtype=period.dtype, device=period.device) / period
        cosine = torch.zeros(len(waves), dtype=period.dtype, device=period.device)
        super().__init__(frequencies.repeat(2, 1), torch.cat([cosine, cosine - math.pi / 2]), math.sqrt(2))
        self.order, self.period = order, period


class RandomFourierFeatures(_Waves):
    """``sqrt(2/n) cos(w . x + b)`` with ``w`` from N(0, 1/width^2) and ``b`` uniform on the circle.

    Args:
        dim: dimension ``d``.
        n: number of features.
        width: of the kernel, in the units of ``x``, as of :class:`GaussianRBF`.
        generator: source of ``w`` and ``b``.

    Raises:
        ValueError: ``dim`` or ``n`` below one, or a width that is not positive.

    Identity: ``E[psi(x) . psi(y)] = exp(-|x - y|^2 / 2 width^2)``, with an error like ``1 / sqrt(n)``.

    Source: Rahimi, Recht 2007.
    """

    def __init__(self, dim: int, n: int, width: float, generator: torch.Generator | None = None) -> None:
        dim, n = as_count("RandomFourierFeatures", "dim", dim), as_count("RandomFourierFeatures", "n", n)
        self.width = positive("RandomFourierFeatures", "width", width)
        like = torch.empty(0, dtype=torch.float64)
        frequencies = randn((n, dim), like, generator) / self.width
        super().__init__(frequencies, 2 * math.pi * rand((n,), like, generator), math.sqrt(2 / n))
