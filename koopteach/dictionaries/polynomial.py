"""Polynomials in several variables, up to a total degree, in two bases."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod

import torch
from torch import Tensor

from koopteach.tensors import Movable, as_coefficients, as_count, as_float, as_points, positive


class _Polynomials(Movable):
    """Products of one-dimensional polynomials ``p_a(u_1) p_b(u_2) ...``, ``u = (x - center) / scale``.

    The total degree is between 1 and ``degree``: ``m = C(dim + degree, dim) - 1`` features.
    """

    def __init__(self, dim: int, degree: int, center=0.0, scale: float = 1.0) -> None:
        who = type(self).__name__
        self.dim, self.degree = dim, degree = as_count(who, "dim", dim), as_count(who, "degree", degree)
        self.scale = positive(who, "scale", scale)
        center = as_float(who, "center", center)
        if center.ndim and center.shape != (dim,):
            raise ValueError(f"{who}: center has shape {tuple(center.shape)}, but one number or ({dim},) is needed.")
        if not bool(center.isfinite().all()):
            raise ValueError(f"{who}: center must be finite, got {center.tolist()}.")
        self.center = center.expand(dim).clone()
        # (m, d), ordered by total degree
        self.exponents = torch.tensor(
            [
                a
                for total in range(1, degree + 1)
                for a in itertools.product(range(total, -1, -1), repeat=dim)
                if sum(a) == total
            ]
        )

    @property
    def n_features(self) -> int:
        """``m``."""
        return len(self.exponents)

    def __call__(self, x: Tensor) -> Tensor:
        """Values, ``(n, m)``."""
        factors, _ = self._factors(x)
        return _product(factors)

    def grad(self, x: Tensor) -> Tensor:
        """Gradients, ``(n, m, d)``."""
        return torch.stack(list(self._partials(x)), dim=2)

    def contract_grad(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Gradients of the functions ``psi(x) @ coefficients``, ``(n, r, d)``."""
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        coefficients = as_coefficients("contract_grad", "coefficients", coefficients, (self.n_features, None), x)
        return torch.stack([partial @ coefficients for partial in self._partials(x)], dim=2)

    def _partials(self, x: Tensor):
        """Yield the derivative along each coordinate, ``(n, m)``: one factor differentiated, the others not."""
        factors, slopes = self._factors(x)
        for i in range(self.dim):
            yield _product([slopes[j] if j == i else factors[j] for j in range(self.dim)]) / self.scale

    def _factors(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """For each coordinate the values and derivatives of each feature's one-dimensional factor, ``(n, m)``."""
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        u = (x - self.center.to(x)) / self.scale
        values, slopes = self._one_dimensional(u)
        index = self.exponents.to(x.device)
        pick = [index[:, i] for i in range(self.dim)]
        return [values[:, i, pick[i]] for i in range(self.dim)], [slopes[:, i, pick[i]] for i in range(self.dim)]

    @abstractmethod
    def _one_dimensional(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Values and derivatives of ``p_0 ... p_degree`` at ``u`` ``(n, d)``, each ``(n, d, degree + 1)``."""


class Monomials(_Polynomials):
    """``x^a`` for every exponent with total degree from 1 to ``degree``; readable, but ill-conditioned.

    From degree 6 on the Gram matrix loses rank to rounding, and the slow modes are the first to go: use Hermite.

    Args:
        dim: dimension ``d``.
        degree: largest total degree.
        center, scale: the polynomials are in ``(x - center) / scale``.
    """

    def _one_dimensional(self, u: Tensor) -> tuple[Tensor, Tensor]:
        powers = [torch.ones_like(u)]
        for _ in range(self.degree):
            powers.append(powers[-1] * u)
        slopes = [torch.zeros_like(u)] + [k * powers[k - 1] for k in range(1, self.degree + 1)]
        return torch.stack(powers, dim=2), torch.stack(slopes, dim=2)


class Hermite(_Polynomials):
    """Products of Hermite polynomials ``He_k(u) / sqrt(k!)``, orthonormal under the standard normal law.

    They are the eigenfunctions of the Ornstein-Uhlenbeck process: with ``scale = 1 / sqrt(theta)`` the rate of
    a product is ``theta`` times its total degree.

    Args:
        dim: dimension ``d``.
        degree: largest total degree.
        center, scale: the polynomials are in ``(x - center) / scale``.
    """

    def _one_dimensional(self, u: Tensor) -> tuple[Tensor, Tensor]:
        h = [torch.ones_like(u), u]
        for k in range(1, self.degree):
            h.append((u * h[k] - math.sqrt(k) * h[k - 1]) / math.sqrt(k + 1))
        slopes = [torch.zeros_like(u)] + [math.sqrt(k) * h[k - 1] for k in range(1, self.degree + 1)]
        return torch.stack(h, dim=2), torch.stack(slopes, dim=2)


def _product(factors: list[Tensor]) -> Tensor:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result
