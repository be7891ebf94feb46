"""Functions expanded in a dictionary: the eigenfunctions of every fitted spectrum but that of a diffusion map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import torch
from torch import Tensor

from koopteach.dictionaries.dirichlet import dirichlet
from koopteach.dictionaries.rbf import GaussianRBF, MultiScale
from koopteach.protocols import Dictionary
from koopteach.tensors import Movable, as_points, chunks, map_chunks


@dataclass(frozen=True)
class Expansion(Movable):
    """Functions expanded in a dictionary: ``phi_k(x) = sum_j (psi_j(x) - mean_j) coefficients_jk``."""

    dictionary: Dictionary
    mean: Tensor
    coefficients: Tensor

    @property
    def width(self) -> int:
        """Numbers held per point while evaluating; sets the chunk."""
        return self.coefficients.shape[0]

    def __call__(self, x: Tensor) -> Tensor:
        return (self.dictionary(x) - self.mean).to(self.coefficients.dtype) @ self.coefficients

    def features(self, x: Tensor) -> Tensor | None:
        """``psi(x)`` ``(n, m)``, where sums and gradients at the same points can start from it; else None."""
        if not isinstance(self.dictionary, GaussianRBF | MultiScale):
            return None
        return map_chunks(self.dictionary, x, 2 * self.width)

    def sum(self, x: Tensor, features: Tensor | None = None) -> Tensor:
        # first the features over all points: one product with the coefficients instead of n
        features = self.dictionary(x) if features is None else features
        total = reduce(torch.add, ((features[rows] - self.mean).sum(dim=0) for rows in chunks(len(x), 4 * self.width)))
        return total.to(self.coefficients.dtype) @ self.coefficients

    def grad(self, x: Tensor, features: Tensor | None = None) -> Tensor:
        return self._slopes(x, self.coefficients, features)

    def contract_grad(self, x: Tensor, weights: Tensor, features: Tensor | None = None) -> Tensor:
        # first the coefficients with the weights: one function to differentiate instead of r
        return self._slopes(x, (self.coefficients @ weights)[:, None], features)[:, 0]

    def dirichlet(self, x: Tensor, stretch: Tensor) -> Tensor | None:
        """``mean_i D phi_k(x_i) . D phi_l(x_i)``, ``(r, r)``, ``D`` the gradient times ``stretch``, by the features.

        None where the gradients of the functions themselves cost less, or where digits are short: the coefficients
        enter twice.
        """
        (m, r), (n, d) = self.coefficients.shape, x.shape
        by_slopes, by_features = n * r * ((d + 1) * m + d * r), 3 * n * m**2 + m * r * (m + r)
        if self.coefficients.dtype != torch.float64 or by_slopes < by_features:
            return None
        weights, total = x.new_full((n,), 1 / n), x.new_zeros(m, m)
        for rows in chunks(n, m, at_least=m):
            total += dirichlet(self.dictionary, x[rows], weights[rows], stretch)
        return self.coefficients.T @ total @ self.coefficients

    def reaches(self, x: Tensor) -> Tensor:
        """As of the dictionary; all points, where that has no kernels."""
        x = as_points("Spectrum", "x", x, dim=self.dictionary.dim)
        reaches = getattr(self.dictionary, "reaches", None)
        return torch.ones(len(x), dtype=torch.bool, device=x.device) if reaches is None else reaches(x)

    def first(self, r: int) -> Expansion:
        return replace(self, coefficients=self.coefficients[:, :r])

    def _slopes(self, x: Tensor, coefficients: Tensor, features: Tensor | None) -> Tensor:
        known = () if features is None else (features,)
        if not coefficients.is_complex():
            return self.dictionary.contract_grad(x, coefficients, *known)
        # a dictionary contracts real numbers
        parts = (part.contiguous() for part in (coefficients.real, coefficients.imag))
        return torch.complex(*(self.dictionary.contract_grad(x, part, *known) for part in parts))
