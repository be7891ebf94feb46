"""Priors and likelihoods, exact samples of what both give, and how far particles are from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from torch import Tensor

from experiments.machinery.common import exact_draws, floors, read, stream
from koopteach.metrics import kl_histogram, sliced_wasserstein2
from koopteach.targets import GaussianMixture, QuadrupleWell

N_PRIOR, N_PARTICLES, N_REFERENCE = 10_000, 800, 10_000


def seen_sum(std: float) -> Callable[[Tensor], Tensor]:
    """The sum of the coordinates was observed to be one, with an error of ``std``."""
    return lambda x: -((x.sum(1) - 1) ** 2) / (2 * std**2)


def first_quadrant(x: Tensor) -> Tensor:
    """A soft label of one of the four wells."""
    return torch.nn.functional.logsigmoid(8 * x).sum(1)


@dataclass(frozen=True, eq=False)
class Problem:
    """A prior, a likelihood that is at most one, and the box of the histogram."""

    title: str
    prior: QuadrupleWell | GaussianMixture
    log_likelihood: Callable[[Tensor], Tensor]
    box: tuple[float, float]
    exact: GaussianMixture | None = None

    def posterior(self, n: int, generator: torch.Generator) -> Tensor:
        """Exact samples: in closed form, or those of the prior that survive with their likelihood."""
        if self.exact is not None:
            return self.exact.sample(n, generator)
        kept: list[Tensor] = []
        while sum(map(len, kept)) < n:
            x = self.prior.sample(20_000, generator)
            kept.append(x[torch.rand(len(x), dtype=x.dtype, generator=generator) < self.log_likelihood(x).exp()])
        return torch.cat(kept)[:n]

    def log_prob(self, x: Tensor) -> Tensor:
        """Of the conditioned law."""
        return self.prior.log_prob(x) + self.log_likelihood(x) - self._log_evidence

    @cached_property
    def _log_evidence(self) -> float:
        """The logarithm of the likelihood's mean, by sums over cells far finer than the law."""
        side = torch.linspace(*self.box, 801, dtype=torch.float64)
        step = float(side[1] - side[0])
        cells = torch.cartesian_prod(side[:-1] + step / 2, side[:-1] + step / 2)
        return float(torch.logsumexp(self.prior.log_prob(cells) + self.log_likelihood(cells), 0)) + 2 * math.log(step)

    def slope(self, x: Tensor) -> Tensor:
        """Gradient of the log likelihood."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            return torch.autograd.grad(self.log_likelihood(x).sum(), x)[0]


TILT = torch.tensor([1.0, 0.0], dtype=torch.float64)
RING = GaussianMixture.ring(5, 2.0, 0.5)
# a Gaussian times exp(a . x) is a Gaussian with its mean moved by variance times a
TILTED = GaussianMixture(
    RING.modes + 0.25 * TILT, 0.5, torch.softmax(RING.modes @ TILT + RING.mode_weights.log(), dim=0)
)

WELL, WELLS = QuadrupleWell(1.0), (-2.2, 2.2)
PROBLEMS = {
    "sum": Problem("Noisy sum, 1 ± 0.4", WELL, seen_sum(0.4), WELLS),
    "narrow": Problem("Narrow sum, 1 ± 0.15", WELL, seen_sum(0.15), WELLS),
    "needle": Problem("Needle, 1 ± 0.02", WELL, seen_sum(0.02), WELLS),
    "well": Problem("One well of four", WELL, first_quadrant, WELLS),
    "ring": Problem("Tilted ring of five", RING, lambda x: x @ TILT, (-4.0, 4.0), TILTED),
}


@cache
def reference(problem: str) -> Tensor:
    """Exact samples of the conditioned law, which judge."""
    return PROBLEMS[problem].posterior(N_REFERENCE, stream(0, 8))


def distances(problem: str) -> dict[str, Callable[[Tensor], float]]:
    """To the exact sample and, where a histogram's cells are narrower than the law, to the density."""
    given, exact = PROBLEMS[problem], reference(problem)
    found = {"sliced W2": lambda x: sliced_wasserstein2(x, exact)}
    if problem not in ("narrow", "needle"):
        found["KL"] = lambda x: kl_histogram(x, given.log_prob, *given.box)
    return found


@cache
def floors_of(problem: str) -> dict[str, float]:
    """Of each distance, over fresh exact samples as large as the set of particles."""
    return floors(lambda x: read(distances(problem), x), exact_draws(PROBLEMS[problem].posterior, N_PARTICLES))


@cache
def prior(problem: str, seed: int) -> Tensor:
    """All that a method knows of the prior."""
    return PROBLEMS[problem].prior.sample(N_PRIOR, stream(seed, 0))
