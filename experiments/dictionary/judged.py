"""What a spectrum of the quadruple well is worth: its rates, and the law and the evenness of what KSWGD makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from experiments.kswgd.problems import N_PARTICLES, PROBLEMS
from experiments.machinery.common import exact_draws, floors, moved, stream, timed
from koopcourse.judges import evenness, law
from koopteach.dictionaries import GaussianRBF
from koopteach.metrics import kl_histogram, noise_floor, sliced_wasserstein2
from koopteach.operators import GeneratorEDMD
from koopteach.particles import KSWGD
from koopteach.sampler import herd
from koopteach.spectrum import Spectrum

PROBLEM = PROBLEMS["well-4"]
WELL = PROBLEM.target
SLOW, RATES = 3, 15  # rates between the wells, and all that are judged
N_STEPS, LARGE_RUN = 60, 5  # a run that is so many times as large tells the law: as few as the judge allows
REFERENCE, DIRECTIONS = 4096, 100
EVEN_FLOOR_FROM, EVEN_FLOORS, LAW_PARTS, RATE_FLOORS = 20, 4, 10, 20

Numbers = dict[str, float]


# Rates


def rate_errors(rates: Tensor) -> Numbers:
    """Largest relative error of the three slow rates, mean one of the twelve that follow; a missing one counts 1."""
    errors = torch.ones(RATES, dtype=torch.float64)
    found = rates[:RATES].double()
    errors[: len(found)] = (found / WELL.exact_rates(RATES)[: len(found)] - 1).abs()
    return {"slow rates": float(errors[:SLOW].max()), "fast rates": float(errors[SLOW:].mean())}


@cache
def known_functions() -> Spectrum:
    """The first fifteen eigenfunctions to three digits: Galerkin on a grid, each point weighted by its density."""
    line, centres = (torch.linspace(-end, end, n, dtype=torch.float64) for end, n in ((2.0, 121), (1.8, 16)))
    grid, z = torch.cartesian_prod(line, line), torch.cartesian_prod(centres, centres)
    kernels = GaussianRBF(z, 1.5 * float(centres[1] - centres[0]))
    return GeneratorEDMD(kernels, tol=1e-12).fit(grid, WELL.log_prob(grid).exp()).spectrum(RATES)


def known_rates(x: Tensor) -> Tensor:
    """What data say of the rates to whoever knows the eigenfunctions: Galerkin in these alone, ``(15,)``."""
    functions = known_functions()
    inverse = torch.linalg.inv(torch.linalg.cholesky(torch.cov(functions(x).T, correction=0)))
    return torch.linalg.eigvalsh(inverse @ functions.dirichlet(x) @ inverse.T)


@cache
def rate_floors(n: int) -> Numbers:
    """Errors that ``n`` data leave to whoever knows the eigenfunctions."""
    return floors(lambda x: rate_errors(known_rates(x)), exact_draws(WELL.sample, n, RATE_FLOORS))


# Samples


def quasi_random(n: int, generator: torch.Generator | None) -> Tensor:
    """Exact samples that lie evenly: scrambled Sobol points through the inverse distribution function."""
    line = np.linspace(-2.2, 2.2, 20_001)
    density = np.exp(-WELL.beta * (line**2 - 1) ** 2)
    share = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    seed = int(torch.randint(2**31, (), generator=generator))
    points = torch.quasirandom.SobolEngine(2, scramble=True, seed=seed).draw(n, dtype=torch.float64)
    return torch.from_numpy(np.interp(points.numpy(), share / share[-1], line))


@cache
def reference() -> Tensor:
    """What judges: about as far from the law as 100,000 independent samples are."""
    return quasi_random(REFERENCE, stream(0, 8))


DISTANCES: dict[str, Callable[[Tensor], float]] = {
    "SW2": lambda x: sliced_wasserstein2(x, reference(), n_projections=DIRECTIONS),
    "KL": lambda x: kl_histogram(x, WELL.log_prob, *PROBLEM.box),
}


def even_samples(n: int, generator: torch.Generator | None) -> Tensor:
    """The best that ``n`` points can do: herded from exact samples that are even themselves."""
    x = quasi_random(EVEN_FLOOR_FROM * n, generator)
    return x[herd(x, n)]


@cache
def sample_floors() -> Numbers:
    """Of the law, 800 independent exact samples; of evenness, 800 that were herded."""
    named: Numbers = {}
    for name, judge in DISTANCES.items():
        for kind, draw, repeats in (("law", WELL.sample, 20), ("even", even_samples, EVEN_FLOORS)):
            mean, sd = noise_floor(judge, draw, N_PARTICLES, repeats=repeats, generator=stream(0, 9))
            named |= {f"{kind} {name} floor": mean, f"{kind} {name} floor sd": sd}
    return named


def sample_errors(small: Tensor, large: Tensor, seed: int) -> Numbers:
    """Law and evenness by both distances; none (NaN) where particles are lost."""
    lost = not (small.isfinite().all() and large.isfinite().all())
    numbers: Numbers = {}
    for name, judge in DISTANCES.items():
        parts = partial(law, judge, large, N_PARTICLES, repeats=LAW_PARTS, generator=stream(seed, 5))
        numbers[f"law {name}"] = math.nan if lost else parts()[0]
        numbers[f"even {name}"] = math.nan if lost else evenness(judge, small, N_PARTICLES)
    return numbers


def run(spectrum: Spectrum, seed: int, n: int) -> Tensor:
    """Particles from one well after 60 steps; NaN where the spectrum can't move any."""
    start = PROBLEM.start("one mode", seed, n)
    try:
        return moved(KSWGD(spectrum), start, N_STEPS, seed)
    except ValueError:  # a flat mode
        return torch.full_like(start, math.nan)


def sampled(spectrum: Spectrum, seed: int) -> Numbers:
    """Errors of 800 particles and of the law of 4,000, and the CPU seconds of the 800."""
    small, seconds = timed(partial(run, spectrum, seed, N_PARTICLES))
    return sample_errors(small, run(spectrum, seed, LARGE_RUN * N_PARTICLES), seed) | {"60 steps, s": seconds}
