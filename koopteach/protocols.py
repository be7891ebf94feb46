"""What estimators and samplers ask of the objects they are given, as protocols: any class with these methods will do.

Nothing is inherited from them; they say in one place what a dictionary, manifold, target, sampler or set of functions
of one's own needs, and let a type checker hold it.
"""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Dictionary(Protocol):
    """Features ``psi_1 .. psi_m`` of points in R^d, with their gradients."""

    @property
    def dim(self) -> int:
        """``d``, the coordinates of a point."""

    @property
    def n_features(self) -> int:
        """``m``."""

    def __call__(self, x: Tensor) -> Tensor:
        """``psi(x)``: ``(n, d) -> (n, m)``."""

    def grad(self, x: Tensor) -> Tensor:
        """The gradients: ``(n, d) -> (n, m, d)``."""

    def contract_grad(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """``sum_j coefficients_jk grad psi_j(x)``: ``(n, d), (m, r) -> (n, r, d)``, without the single gradients."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """A copy on another device or in another dtype; the arguments are those of ``torch.Tensor.to``."""


@runtime_checkable
class Manifold(Protocol):
    """A surface in R^d."""

    @property
    def dim(self) -> int:
        """``d``, of the space around it."""

    def project(self, x: Tensor) -> Tensor:
        """The nearest points of the surface: ``(n, d) -> (n, d)``."""

    def tangent(self, x: Tensor, v: Tensor) -> Tensor:
        """The parts of vectors ``v`` ``(n, d)`` or ``(n, r, d)`` that are tangent at ``x`` ``(n, d)``."""


@runtime_checkable
class Target(Protocol):
    """A law in R^d that is known: density, score, exact samples."""

    @property
    def dim(self) -> int:
        """``d``."""

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent samples ``(n, d)``."""

    def log_prob(self, x: Tensor, /) -> Tensor:
        """The logarithm of the density, perhaps up to a constant: ``(n, d) -> (n,)``."""

    def score(self, x: Tensor, /) -> Tensor:
        """The gradient of that logarithm: ``(n, d) -> (n, d)``."""


@runtime_checkable
class Sampler(Protocol):
    """A rule that moves particles, step by step; :func:`koopteach.run_particles` runs it."""

    def init(self, x: Tensor) -> Any:
        """The state that goes with the first particles ``(n, d)``."""

    def step(
        self, x: Tensor, state: Any, *, progress: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Any, dict[str, Any]]:
        """The next particles ``(n, d)``, the next state, and what there is to tell; ``progress`` in [0, 1)."""


@runtime_checkable
class Functions(Protocol):
    """``r`` functions on R^d, the eigenfunctions of a :class:`koopteach.Spectrum`."""

    @property
    def width(self) -> int:
        """Numbers held for each point while evaluating; sets how many points are taken at once."""

    def __call__(self, x: Tensor) -> Tensor:
        """Values: ``(n, d) -> (n, r)``."""

    def sum(self, x: Tensor) -> Tensor:
        """Sums over the points: ``(n, d) -> (r,)``."""

    def grad(self, x: Tensor) -> Tensor:
        """Gradients: ``(n, d) -> (n, r, d)``."""

    def contract_grad(self, x: Tensor, weights: Tensor) -> Tensor:
        """``sum_k weights_k grad phi_k(x)``: ``(n, d), (r,) -> (n, d)``."""

    def first(self, r: int) -> Functions:
        """The first ``r`` of them."""
