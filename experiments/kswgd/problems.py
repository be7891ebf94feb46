"""What KSWGD is tried on: targets with their starts, surfaces, and how far particles are from each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from experiments.machinery.common import exact_draws, floors, noise, read, stream
from koopteach.metrics import kl_histogram, mode_weights, sliced_wasserstein2, total_variation
from koopteach.protocols import Target
from koopteach.targets import DoubleWell, GaussianMixture, QuadrupleWell, Sphere, Torus

N_DATA, N_PARTICLES, N_REFERENCE = 5000, 800, 10_000
SIX = (0.05, 0.1, 0.15, 0.2, 0.25, 0.25)

Distances = dict[str, Callable[[Tensor], float]]


@dataclass(frozen=True)
class Problem:
    """A target, the box of its histogram, and the standard deviations of its starts."""

    title: str
    target: DoubleWell | QuadrupleWell | GaussianMixture
    box: tuple[float, float]
    near: float
    broad: float

    def start(self, kind: str, seed: int, n: int = N_PARTICLES) -> Tensor:
        """``n`` particles in one mode, in a broad or a twice as wide cloud, or uniform between the modes."""
        dim = self.target.dim
        if kind == "between":
            x = 4 * torch.rand(4 * n, dim, dtype=torch.float64, generator=stream(seed, 2)) - 2
            return x[torch.cdist(x, self.target.modes).amin(1) > 0.4][:n]
        z = noise(seed, n, dim, torch.float64)
        starts = {
            "one mode": lambda: self.target.modes[0] + self.near * z,
            "broad": lambda: self.broad * z,
            "wide": lambda: 2 * self.broad * z,
        }
        return starts[kind]()

    @property
    def distances(self) -> Distances:
        """To a large exact sample, to the density, and to the weights of the modes."""
        return to_reference(self.target) | {
            "KL": lambda x: kl_histogram(x, self.target.log_prob, *self.box),
            "weights": lambda x: total_variation(mode_weights(x, self.target.modes), self.target.mode_weights),
        }


def to_reference(target: Target | Sphere | Torus) -> Distances:
    """To 10,000 exact samples."""
    reference = exact(target)
    if target.dim > 1:
        return {"sliced W2": lambda x: sliced_wasserstein2(x, reference)}
    return {
        "W1": lambda x: float(wasserstein_distance(x[:, 0], reference[:, 0])),
        "W2": lambda x: sliced_wasserstein2(x, reference),  # on the line there is one direction
    }


def _ring(k: int, std: float, weights: tuple[float, ...] | None = None) -> Problem:
    title = f"Ring of {k}{', unequal weights' * bool(weights)}, standard deviation {std}"
    return Problem(title, GaussianMixture.ring(k, 3.0, std, weights), (-5.0, 5.0), 0.3, 2.0)


PROBLEMS = {
    "double-1": Problem("Double well on the line, beta 1", DoubleWell(1.0), (-2.2, 2.2), 0.15, 1.0),
    "double-4": Problem("Double well on the line, beta 4", DoubleWell(4.0), (-2.2, 2.2), 0.15, 1.0),
    "well-1": Problem("Quadruple well, beta 1", QuadrupleWell(1.0), (-2.2, 2.2), 0.2, 1.0),
    "well-4": Problem("Quadruple well, beta 4", QuadrupleWell(4.0), (-2.2, 2.2), 0.2, 1.0),
    "well-8": Problem("Quadruple well, beta 8", QuadrupleWell(8.0), (-2.2, 2.2), 0.2, 1.0),
    "ring8-0.5": _ring(8, 0.5),
    "ring8-0.4": _ring(8, 0.4),
    "ring8-0.3": _ring(8, 0.3),
    "ring6-0.7": _ring(6, 0.7, SIX),
    "ring6-0.4": _ring(6, 0.4, SIX),
}
MANIFOLDS = {"torus": Torus(), "sphere": Sphere()}


@cache
def exact(target: Target | Sphere | Torus) -> Tensor:
    """Exact samples, which judge; no method sees them."""
    return target.sample(N_REFERENCE, stream(0, 8))


@cache
def floors_of(name: str) -> dict[str, float]:
    """Of each distance, over fresh exact samples as large as the set of particles."""
    target = MANIFOLDS[name] if name in MANIFOLDS else PROBLEMS[name].target
    distances = to_reference(target) if name in MANIFOLDS else PROBLEMS[name].distances
    return floors(lambda x: read(distances, x), exact_draws(target.sample, N_PARTICLES))


@cache
def data(target: str, seed: int) -> Tensor:
    """The sample that methods without a formula are given."""
    return PROBLEMS[target].target.sample(N_DATA, stream(seed, 0))
