"""KSWGD on weighted spectra and its rivals, and what a row computes of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from experiments.conditional.problems import N_PARTICLES, PROBLEMS, distances, floors_of, prior
from experiments.machinery.common import moved, nearest, read, stream, within
from koopteach.langevin import kde_score
from koopteach.particles import KSWGD, ULA, condition, effective_sample_size, systematic_resample

N_STEPS = 100

End = tuple[Tensor, float]  # particles, CPU seconds


@cache
def weighted(problem: str, seed: int, damping: float = 1.0) -> End:
    """KSWGD on the spectrum of the weighted prior samples, from the first of them."""
    started = time.process_time()
    options = {"n_particles": N_PARTICLES, "n_steps": N_STEPS, "least": 50, "temper": False, "damping": damping}
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


def langevin(problem: str, seed: int, knows: str) -> End:
    """ULA from prior samples in KSWGD's seconds, the better of two step sizes; its score is the prior's and the slope
    of the log likelihood."""
    given, x = PROBLEMS[problem], prior(problem, seed)
    score = given.prior.score if knows == "score" else kde_score(x)
    drift = lambda at: score(at) + given.slope(at)  # noqa: E731
    limit = weighted(problem, seed)[1]
    ends = [within(limit, ULA(drift, step_size=size), x[:N_PARTICLES], seed)[:2] for size in (0.001, 0.01)]
    return nearest(ends, distances(problem)["sliced W2"])


METHODS: dict[str, Callable[[str, int], End]] = {
    "KSWGD, damped": weighted,
    "KSWGD, paper": partial(weighted, damping=math.inf),
    "KSWGD, tempered": partial(tempered, least=500),
    "KSWGD, tempered sooner": partial(tempered, least=1000),
    "importance resampling": resampled,
    "ULA, KDE score, equal CPU": partial(langevin, knows="data"),
    "ULA, true score, equal CPU": partial(langevin, knows="score"),
}


def row_numbers(seed: int, problem: str, method: str) -> dict[str, float]:
    """The distances at the end, and how many effective samples the likelihood leaves."""
    x, seconds = METHODS[method](problem, seed)
    found = read(distances(problem), x)
    size = effective_sample_size(PROBLEMS[problem].log_likelihood(prior(problem, seed)))
    return {**found, "effective size": size, "CPU s": seconds, **floors_of(problem)}
