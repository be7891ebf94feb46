"""Functions expanded in a dictionary: the eigenfunctions of every fitted spectrum but that of a diffusion map."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from koopteach.dictionaries.dirichlet import dirichlet
from koopteach.protocols import Dictionary
from koopteach.tensors import Movable, as_points, chunks


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

    def sum(self, x: Tensor) -> Tensor:
        # first the features over all points: one product with the coefficients instead of n
        return (self.dictionary(x) - self.mean).sum(dim=0).to(self.coefficients.dtype) @ self.coefficients

    def grad(self, x: Tensor) -> Tensor:
        return self._slopes(x, self.coefficients)

    def contract_grad(self, x: Tensor, weights: Tensor) -> Tensor:
        # first the coefficients with the weights: one function to differentiate instead of r
        return self._slopes(x, (self.coefficients @ weights)[:, None])[:, 0]

    def dirichlet(self, x: Tensor, stretch: Tensor) -> Tensor | None:
        """``mean_i D phi_k(x_i) . D phi_l(x_i)``, ``(r, r)``, ``D`` the gradient times ``stretch``, by the features.

        None where the gradients of the functions themselves cost less, or where digits are short: the coefficients
        enter twice.
        """
        (m, r), (n, d) = self.coefficients.shape, x.shape
        if self.coefficients.dtype != torch.float64 or n * d * r < 3 * n * m + m * r:  # each times m + r
            return None
        weights, total = x.new_full((n,), 1 / n), x.new_zeros(m, m)
        for rows in chunks(n, 4 * m, at_least=m):
            total += dirichlet(self.dictionary, x[rows], weights[rows], stretch)
        return self.coefficients.T @ total @ self.coefficients

    def reaches(self, x: Tensor) -> Tensor:
        """As of the dictionary; all points, where that has no kernels."""
        x = as_points("Spectrum", "x", x, dim=self.dictionary.dim)
        reaches = getattr(self.dictionary, "reaches", None)
        return torch.ones(len(x), dtype=torch.bool, device=x.device) if reaches is None else reaches(x)

    def first(self, r: int) -> Expansion:
        return replace(self, coefficients=self.coefficients[:, :r])

    def _slopes(self, x: Tensor, coefficients: Tensor) -> Tensor:
        if not coefficients.is_complex():
            return self.dictionary.contract_grad(x, coefficients)
        # a dictionary contracts real numbers
        parts = (part.contiguous() for part in (coefficients.real, coefficients.imag))
        return torch.complex(*(self.dictionary.contract_grad(x, part) for part in parts))
