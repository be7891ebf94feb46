"""KSWGD on weighted spectra and its rivals, and what a row computes of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from experiments.conditional.problems import N_PARTICLES, PROBLEMS, distances, floors_of, prior
from experiments.machinery.common import moved, nearest, read, stream, timed, within
from koopcourse.judges import herd, law
from koopteach.langevin import kde_score
from koopteach.particles import KSWGD, ULA, condition, effective_sample_size, systematic_resample

N_STEPS, MANY, ULA_STEPS = 100, 10, (0.001, 0.003, 0.01)

End = tuple[Tensor, float]  # particles, CPU seconds


@cache
def weighted(problem: str, seed: int, damping: float = 1.0, n: int = N_PARTICLES) -> End:
    """KSWGD on the spectrum of the weighted prior samples, from the first of them."""
    started = time.process_time()
    options = {"n_particles": n, "n_steps": N_STEPS, "least": 50, "temper": False, "damping": damping}
    found = condition(prior(problem, seed), PROBLEMS[problem].log_likelihood, generator=stream(seed, 1), **options)
    lost = found.runs[-1].diverged
    return torch.full_like(found.particles, math.nan) if lost else found.particles, time.process_time() - started


def tempered(problem: str, seed: int, least: float) -> End:
    """The likelihood in parts; then as many particles as for the others, moved by the last spectrum."""
    started, x = time.process_time(), prior(problem, seed)
    options = {"n_particles": 2000, "n_steps": 20, "least": least}
    found = condition(x, PROBLEMS[problem].log_likelihood, generator=stream(seed, 1), **options)
    end = moved(KSWGD(found.spectrum), found.particles[:N_PARTICLES], 60, seed)
    return end, time.process_time() - started


def resampled(problem: str, seed: int) -> End:
    """Importance resampling: prior samples, as often as their weights say."""
    x = prior(problem, seed)
    return x[systematic_resample(PROBLEMS[problem].log_likelihood(x), N_PARTICLES, stream(seed, 3))], 0.0


def herded(problem: str, seed: int) -> End:
    """The even rival: prior samples, picked so that they lie evenly under their weights."""
    x = prior(problem, seed)
    rows, seconds = timed(lambda: herd(x, N_PARTICLES, PROBLEMS[problem].log_likelihood(x).exp()))
    return x[rows], seconds


def best_of_exact(problem: str, seed: int) -> End:
    """What even particles could reach: exact samples of the conditioned law, picked from ten times as many."""
    x = PROBLEMS[problem].posterior(10 * N_PARTICLES, stream(seed, 5))
    return x[herd(x, N_PARTICLES)], 0.0


def langevin(problem: str, seed: int, knows: str) -> End:
    """ULA from prior samples in KSWGD's seconds, the best of three step sizes; its score is the prior's and the slope
    of the log likelihood."""
    given, x = PROBLEMS[problem], prior(problem, seed)
    score = given.prior.score if knows == "score" else kde_score(x)
    drift = lambda at: score(at) + given.slope(at)  # noqa: E731
    limit = weighted(problem, seed)[1]
    ends = [within(limit, ULA(drift, step_size=size), x[:N_PARTICLES], seed)[:2] for size in ULA_STEPS]
    return nearest(ends, distances(problem)["sliced W2"])


METHODS: dict[str, Callable[[str, int], End]] = {
    "KSWGD, damped": weighted,
    "KSWGD, paper": partial(weighted, damping=math.inf),
    "KSWGD, tempered": partial(tempered, least=500),
    "KSWGD, tempered sooner": partial(tempered, least=1000),
    "importance resampling": resampled,
    "weighted data, herded": herded,
    "exact samples, herded": best_of_exact,
    "ULA, KDE score, equal CPU": partial(langevin, knows="data"),
    "ULA, true score, equal CPU": partial(langevin, knows="score"),
}


def row_numbers(seed: int, problem: str, method: str) -> dict[str, float]:
    """The distances at the end, and how many effective samples the likelihood leaves."""
    x, seconds = METHODS[method](problem, seed)
    found = read(distances(problem), x)
    size = effective_sample_size(PROBLEMS[problem].log_likelihood(prior(problem, seed)))
    return {**found, "effective size": size, "CPU s": seconds, **floors_of(problem)}


def law_row(seed: int, problem: str, method: str) -> dict[str, float]:
    """The law of KSWGD: the mean over random 800 of a run of 8,000 particles."""
    x, seconds = weighted(problem, seed, n=MANY * N_PARTICLES)
    found = {
        name: law(distance, x, N_PARTICLES, generator=stream(seed, 5))[0]
        for name, distance in distances(problem).items()
    }
    size = effective_sample_size(PROBLEMS[problem].log_likelihood(prior(problem, seed)))
    return {**found, "effective size": size, "CPU s": seconds, **floors_of(problem)}
