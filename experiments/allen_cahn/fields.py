"""Fields of the stochastic Allen-Cahn equation as data: what was simulated, through which coordinates, how judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from experiments.machinery.common import exact_draws, floors, noise, read, stream, timed
from koopteach.metrics import sliced_wasserstein2
from koopteach.targets.allen_cahn import AllenCahn

N_FIELDS, N_PARTICLES, N_EXACT = 2000, 800, 10_000
DT, SETTLED, LAG = 0.02, 12.0, 0.1  # the step, the time that data are simulated for, and from one of a pair to the next


@cache
def equation(points: int) -> AllenCahn:
    """The equation at the temperature and stiffness of the course, on a grid of so many points."""
    return AllenCahn(points, kappa=0.01, temperature=0.04)


@cache
def exact(points: int) -> Tensor:
    """Exact fields, which judge; no method sees them."""
    return equation(points).sample(N_EXACT, stream(0, 8))


def correlation(u: Tensor) -> Tensor:
    """Mean of ``u(x) u(x + r)`` over places and fields, for every distance ``r``."""
    products = u.T @ u / len(u)
    return torch.stack([products.diagonal(r).mean() for r in range(u.shape[1])])


def kinks(u: Tensor) -> float:
    """Mean number of changes of sign on the interval, whose length is one."""
    return float((u[:, 1:] * u[:, :-1] < 0).sum(1).to(u.dtype).mean())


@dataclass(frozen=True, eq=False)
class Setting:
    """Fields in the coordinates ``z = sqrt(dx) basis^T u`` of their own largest second moments.

    Attributes:
        points: of the grid.
        basis: ``(points, r)``, orthonormal.
        fields: the data ``(n, points)``.
        later: the same fields a moment later, or None.
        seconds: CPU seconds that the data took.
    """

    points: int
    basis: Tensor
    fields: Tensor
    later: Tensor | None = None
    seconds: float = 0.0

    def reduce(self, u: Tensor) -> Tensor:
        """Coordinates ``(n, r)`` of fields ``(n, points)``."""
        return math.sqrt(equation(self.points).dx) * u @ self.basis

    def lift(self, z: Tensor) -> Tensor:
        """The field that has these coordinates and no others."""
        return z @ self.basis.T / math.sqrt(equation(self.points).dx)

    def start(self, kind: str, seed: int) -> Tensor:
        """Fields near zero, or all of them in the phase +1."""
        return 0.05 * noise(seed, N_PARTICLES, self.points, torch.float64) + (kind == "one phase")

    @property
    def distances(self) -> dict[str, Callable[[Tensor], float]]:
        """From coordinates to exact fields seen through the same coordinates."""
        z = self.reduce(exact(self.points))
        seen = self.lift(z)
        mean, products, walls = seen.mean(1)[:, None], correlation(seen), kinks(seen)
        return {
            "sliced W2": lambda x: sliced_wasserstein2(x, z),
            "magnetisation": lambda x: sliced_wasserstein2(self.lift(x).mean(1)[:, None], mean),
            "correlation": lambda x: float((correlation(self.lift(x)) - products).abs().mean()),
            "kinks": lambda x: abs(kinks(self.lift(x)) - walls),
        }

    def floors(self) -> dict[str, float]:
        """Of each distance: the noise floor, its spread, and the larger of floor and the data's own distance."""
        draws = (self.reduce(u) for u in exact_draws(equation(self.points).sample, N_PARTICLES))
        found, own = floors(lambda z: read(self.distances, z), draws), read(self.distances, self.reduce(self.fields))
        return found | {f"{name} data or floor": max(found[f"{name} floor"], own[name]) for name in own}


def _basis(fields: Tensor, r: int) -> Tensor:
    return torch.linalg.eigh(fields.T @ fields).eigenvectors.flip(1)[:, :r]


@cache
def simulated(points: int, seed: int, r: int = 8) -> Setting:
    """Fields from zero, by the equation, after the time it needs to settle; and a lag later."""
    generator, u = stream(seed, 0), torch.zeros(N_FIELDS, points, dtype=torch.float64)

    def run(u: Tensor, time: float) -> Tensor:
        n = round(time / DT)  # the last state alone is kept: a path of all is gigabytes
        return equation(points).trajectory(u, n_steps=n, dt=DT, every=n, generator=generator)[-1].clone()

    fields, seconds = timed(lambda: run(u, SETTLED))
    later, more = timed(lambda: run(fields, LAG))
    return Setting(points, _basis(fields, r), fields, later, seconds + more)


@cache
def exactly(points: int, seed: int, r: int) -> Setting:
    """Exact fields as data, where the question is the number of coordinates and not the data."""
    fields = equation(points).sample(N_FIELDS, stream(seed, 0))
    return Setting(points, _basis(fields, r), fields)


@cache
def floors_of(make: Callable[..., Setting], points: int, seed: int, r: int = 8) -> dict[str, float]:
    """:meth:`Setting.floors`, once for all rows of a table."""
    return make(points, seed, r).floors()
