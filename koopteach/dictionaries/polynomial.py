"""Polynomials in several variables, up to a total degree, in two bases."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from koopteach.tensors import Movable, as_coefficients, as_count, as_float, as_points, positive


class _Polynomials(Movable):
    """Products of one-dimensional polynomials ``p_a(u_1) p_b(u_2) ...``, ``u = (x - center) / scale``.

    The total degree is between 1 and ``degree``: ``m = C(dim + degree, dim) - 1`` features.
    """

    def __init__(self, dim: int, degree: int, center: Any = 0.0, scale: float = 1.0) -> None:
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
        exponents = [
            a
            for total in range(1, degree + 1)
            for a in itertools.product(range(total, -1, -1), repeat=dim)
            if sum(a) == total
        ]
        self.exponents = torch.tensor(exponents)
        # Row of the feature that is left when coordinate i's factor is taken out, (m, d); the constant is row 0.
        row = {(0,) * dim: 0} | {a: k for k, a in enumerate(exponents, start=1)}
        self._without = torch.tensor([[row[(*a[:i], 0, *a[i + 1 :])] for i in range(dim)] for a in exponents])
        # The last coordinate that takes part in a feature, (m,), and where each degree's features end.
        self._last = torch.tensor([max(i for i in range(dim) if a[i]) for a in exponents])
        self._ends = [math.comb(dim + total, dim) - 1 for total in range(degree + 1)]

    @property
    def n_features(self) -> int:
        """``m``."""
        return len(self.exponents)

    def __call__(self, x: Tensor) -> Tensor:
        """Values, ``(n, m)``."""
        values, _ = self._one_dimensional(self._scaled(x))
        return self._products(values)[1:].T

    def grad(self, x: Tensor) -> Tensor:
        """Gradients, ``(n, m, d)``."""
        return torch.stack(list(self._partials(x)), dim=2)

    def contract_grad(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Gradients of the functions ``psi(x) @ coefficients``, ``(n, r, d)``."""
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        coefficients = as_coefficients("contract_grad", "coefficients", coefficients, (self.n_features, None), x)
        return torch.stack([partial @ coefficients for partial in self._partials(x)], dim=2)

    def _partials(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the derivative along each coordinate, ``(n, m)``: its factor taken out, and its slope put in."""
        values, slopes = self._one_dimensional(self._scaled(x))
        products = self._products(values)
        exponents, without = self.exponents.to(values.device), self._without.to(values.device)
        for i in range(self.dim):
            yield (products[without[:, i]] * slopes[exponents[:, i], i]).T / self.scale

    def _scaled(self, x: Tensor) -> Tensor:
        """``u``, a row for each coordinate, ``(d, n)``: rows of points make every product below contiguous."""
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        return ((x - self.center.to(x)) / self.scale).T.contiguous()

    def _products(self, values: Tensor) -> Tensor:
        """The constant and every feature, ``(1 + m, n)``: each is a feature of lower degree times one more factor."""
        features = values[0, :1]
        for start, end in itertools.pairwise(self._ends):
            last = self._last[start:end, None]
            power, parent = (table[start:end].gather(1, last) for table in (self.exponents, self._without))
            last, power, parent = (index[:, 0].to(values.device) for index in (last, power, parent))
            features = torch.cat([features, features[parent] * values[power, last]])
        return features

    @abstractmethod
    def _one_dimensional(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Values and derivatives of ``p_0 ... p_degree`` at ``u`` ``(d, n)``, each ``(degree + 1, d, n)``."""


class Monomials(_Polynomials):
    """``x^a`` for every exponent with total degree from 1 to ``degree``; readable, but ill-conditioned.

    From degree 6 on the Gram matrix loses rank to rounding, and the slow modes are the first to go: use Hermite.

    Args:
        dim: dimension ``d``.
        degree: largest total degree.
        center, scale: the polynomials are in ``(x - center) / scale``.

    >>> import torch
    >>> import koopteach as kt
    >>> x, y = 2.0, 3.0
    >>> kt.Monomials(dim=2, degree=2)(torch.tensor([[x, y]])).tolist() == [[x, y, x * x, x * y, y * y]]
    True
    """

    def _one_dimensional(self, u: Tensor) -> tuple[Tensor, Tensor]:
        powers = [torch.ones_like(u)]
        for _ in range(self.degree):
            powers.append(powers[-1] * u)
        slopes = [torch.zeros_like(u)] + [k * powers[k - 1] for k in range(1, self.degree + 1)]
        return torch.stack(powers), torch.stack(slopes)


class Hermite(_Polynomials):
    """Products of Hermite polynomials ``He_k(u) / sqrt(k!)``, orthonormal under the standard normal law.

    They are the eigenfunctions of the Ornstein-Uhlenbeck process: with ``scale = 1 / sqrt(theta)`` the rate of
    a product is ``theta`` times its total degree.

    Args:
        dim: dimension ``d``.
        degree: largest total degree.
        center, scale: the polynomials are in ``(x - center) / scale``.

    >>> import torch
    >>> import koopteach as kt
    >>> psi = kt.Hermite(dim=1, degree=3)(torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0)))
    >>> (psi.T @ psi / 100_000 - torch.eye(3)).abs().max() < 0.1
    tensor(True)
    """

    def _one_dimensional(self, u: Tensor) -> tuple[Tensor, Tensor]:
        h = [torch.ones_like(u), u]
        for k in range(1, self.degree):
            h.append((u * h[k] - math.sqrt(k) * h[k - 1]) / math.sqrt(k + 1))
        slopes = [torch.zeros_like(u)] + [math.sqrt(k) * h[k - 1] for k in range(1, self.degree + 1)]
        return torch.stack(h), torch.stack(slopes)
