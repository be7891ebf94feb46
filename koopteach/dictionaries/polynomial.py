"""Polynomials in several variables, up to a total degree, in two bases."""

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from itertools import combinations_with_replacement
from typing import Any

import torch
from torch import Tensor

from koopteach.dictionaries.memory import refuse_too_many
from koopteach.tensors import Movable, as_coefficients, as_count, as_numbers, as_points


class _Polynomials(Movable):
    """Products of one-dimensional polynomials ``p_a(u_1) p_b(u_2) ...``, ``u = (x - center) / scale``.

    The total degree is between 1 and ``degree``: ``m = C(dim + degree, dim) - 1`` features, or ``dim degree`` that are
    not ``mixed``.
    """

    def __init__(self, dim: int, degree: int, center: Any = 0.0, scale: Any = 1.0, *, mixed: bool = True) -> None:
        who = type(self).__name__
        self.dim, self.degree = dim, degree = as_count(who, "dim", dim), as_count(who, "degree", degree)
        # of each degree's features
        self._ends = [math.comb(dim + total, dim) - 1 if mixed else dim * total for total in range(degree + 1)]
        refuse_too_many(who, self._ends[-1])
        self.center = as_numbers(who, "center", center, dim)
        self.scale = as_numbers(who, "scale", scale, dim, positive=True)
        # a feature is the multiset of its factors' coordinates, ordered by total degree
        factors = combinations_with_replacement if mixed else _powers
        features = [f for total in range(1, degree + 1) for f in factors(range(dim), total)]
        row: dict[tuple[int, ...], int] = {(): 0} | {f: k for k, f in enumerate(features, start=1)}
        # For each coordinate, the features that it takes part in, how often, and what is left without it (0 is the
        # constant): by symmetry as many for each, (d, q, 3).
        parts: list[list[tuple[int, int, int]]] = [[] for _ in range(dim)]
        for k, f in enumerate(features):
            for i in set(f):
                parts[i].append((k, f.count(i), row[tuple(j for j in f if j != i)]))
        self._parts = torch.tensor(parts)
        # (m, d)
        self.exponents = torch.zeros(len(features), dim, dtype=torch.int64)
        self.exponents.T.scatter_(1, self._parts[..., 0], self._parts[..., 1])
        # The last coordinate that takes part in a feature, how often, and what is left without it, (m, 3).
        self._last = torch.tensor([(f[-1], f.count(f[-1]), row[f[: f.index(f[-1])]]) for f in features])

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
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        slopes = x.new_zeros(len(x), self.dim, self.n_features)
        for i, (rows, partial) in enumerate(self.partials(x)):
            slopes[:, i].index_copy_(1, rows, partial)
        return slopes.transpose(1, 2)

    def contract_grad(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Gradients of the functions ``psi(x) @ coefficients``, ``(n, r, d)``."""
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        coefficients = as_coefficients("contract_grad", "coefficients", coefficients, (self.n_features, "r"), x)
        slopes = [partial @ coefficients[rows] for rows, partial in self.partials(x)]
        return torch.stack(slopes, dim=1).transpose(1, 2)

    def partials(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """For each coordinate the features ``(q,)`` that it takes part in, and their derivatives along it ``(n, q)``.

        The coordinate's factor is taken out, and its slope put in. All other derivatives are zero.
        """
        values, slopes = self._one_dimensional(self._scaled(x))
        products, scale = self._products(values), self.scale.to(x)
        for i, part in enumerate(self._parts.to(values.device)):
            rows, power, rest = part.unbind(dim=1)
            yield rows, (products[rest] * slopes[power, i]).T / scale[i]

    def _scaled(self, x: Tensor) -> Tensor:
        """``u``, a row for each coordinate, ``(d, n)``: rows of points make every product below contiguous."""
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        return ((x - self.center.to(x)) / self.scale.to(x)).T.contiguous()

    def _products(self, values: Tensor) -> Tensor:
        """The constant and every feature, ``(1 + m, n)``: each is a feature of lower degree times one more factor."""
        features = values[0, :1]
        for start, end in itertools.pairwise(self._ends):
            last, power, parent = self._last[start:end].to(values.device).unbind(dim=1)
            features = torch.cat([features, features[parent] * values[power, last]])
        return features

    @abstractmethod
    def _one_dimensional(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Values and derivatives of ``p_0 ... p_degree`` at ``u`` ``(d, n)``, each ``(degree + 1, d, n)``."""


def _powers(coordinates: Iterable[int], degree: int) -> list[tuple[int, ...]]:
    return [(i,) * degree for i in coordinates]


class Monomials(_Polynomials):
    """``x^a`` for every exponent with total degree from 1 to ``degree``; readable, but ill-conditioned.

    From degree 6 on the Gram matrix loses rank to rounding, and the slow modes are the first to go: use Hermite.

    Args:
        dim: dimension ``d``.
        degree: largest total degree.
        center, scale: the polynomials are in ``(x - center) / scale``; numbers, or one for each coordinate.
        mixed: False leaves out products of different coordinates: ``dim * degree`` features.

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
        center, scale: the polynomials are in ``(x - center) / scale``; numbers, or one for each coordinate.
        mixed: False leaves out products of different coordinates: ``dim * degree`` features.

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
