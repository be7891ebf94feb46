"""KSWGD in its metrics and its rivals: each takes what it may know, the start and a seed."""

from __future__ import annotations

import math
from functools import cache, partial

import torch
from torch import Tensor

from experiments.kswgd.problems import N_PARTICLES, PROBLEMS, data, exact
from experiments.machinery.common import moved, nearest, stream, timed, within
from koopcourse.judges import herd
from koopteach.dictionaries import MultiScale
from koopteach.langevin import kde_score
from koopteach.metrics import sliced_wasserstein2
from koopteach.operators import GeneratorEDMD
from koopteach.particles import KSWGD, SVGD, ULA, Ladder
from koopteach.protocols import Manifold
from koopteach.spectrum import Spectrum

End = tuple[Tensor, float, int]  # particles, CPU seconds with every fit, steps


def fit(x: Tensor, seed: int, manifold: Manifold | None = None) -> Spectrum:
    """The package's default spectrum of data."""
    units = None if manifold is None else 1.0  # the coordinates of a surface share theirs
    dictionary = MultiScale.from_data(x, generator=stream(seed, 1), units=units)
    return GeneratorEDMD(dictionary, manifold=manifold).fit(x).spectrum()


@cache
def damped(target: str, start: str, seed: int, n: int = N_PARTICLES) -> End:
    """KSWGD with every default."""
    x0 = PROBLEMS[target].start(start, seed, n)
    return *timed(lambda: moved(KSWGD(fit(data(target, seed), seed)), x0, 60, seed)), 60


PAPERS = {"damping": math.inf, "step_size": 0.5, "max_move": 0.1}


def papers(target: str, start: str, seed: int, max_move: float = PAPERS["max_move"]) -> End:
    """KSWGD in the paper's metric on the same spectrum."""
    x0, options = PROBLEMS[target].start(start, seed), PAPERS | {"max_move": max_move}
    return *timed(lambda: moved(KSWGD(fit(data(target, seed), seed), **options), x0, 200, seed)), 200


def ladder(target: str, start: str, seed: int) -> End:
    """The paper's metric down a ladder of spectra, 50 steps a level."""
    x0, levels = PROBLEMS[target].start(start, seed), (0.66, 0.33, 0.16, 0.08, 0.0)
    if target.startswith("well"):
        levels = (0.4, 0.2, 0.1, 0.0)

    def run() -> Tensor:
        rungs = Ladder.from_data(data(target, seed), levels=levels, generator=stream(seed, 1), **PAPERS)
        return moved(rungs, x0, 50 * len(levels), seed)

    return *timed(run), 50 * len(levels)


def rival(
    kind: type, knows: str, sizes: tuple[float, ...], target: str, start: str, seed: int, *, steps: int = 0
) -> End:
    """The best of three step sizes, each given ``steps`` steps, or as many CPU seconds as KSWGD took with its fit."""
    x0, score = PROBLEMS[target].start(start, seed), PROBLEMS[target].target.score
    if knows == "data":
        score = kde_score(data(target, seed))
    methods = [kind(score, step_size=size) for size in sizes]
    if steps:
        ends = [(*timed(lambda method=method: moved(method, x0, steps, seed)), steps) for method in methods]
    else:
        ends = [within(damped(target, start, seed)[1], method, x0, seed) for method in methods]
    return nearest(ends, lambda x: sliced_w2(target, x))


def sliced_w2(target: str, x: Tensor) -> float:
    """To the exact sample; infinite for particles that are lost."""
    return sliced_wasserstein2(x, exact(PROBLEMS[target].target)) if bool(x.isfinite().all()) else math.inf


def resampled(target: str, start: str, seed: int) -> End:
    """The free rival: points of the data, drawn again, with noise of half of Silverman's bandwidth."""
    x, generator = data(target, seed), stream(seed, 3)
    bandwidth = 0.5 * float(x.std(0).mean()) * (4 / ((x.shape[1] + 2) * len(x))) ** (1 / (x.shape[1] + 4))
    chosen = x[torch.randint(len(x), (N_PARTICLES,), generator=generator)]
    return chosen + bandwidth * torch.randn(chosen.shape, dtype=x.dtype, generator=generator), 0.0, 0


def best_of_exact(target: str, start: str, seed: int) -> End:
    """What even particles could reach: exact samples, picked from ten times as many."""
    x = PROBLEMS[target].target.sample(10 * N_PARTICLES, stream(seed, 5))
    return x[herd(x, N_PARTICLES)], 0.0, 0


def herded(target: str, start: str, seed: int) -> End:
    """The even rival: rows of the data, picked to lie evenly."""
    x = data(target, seed)
    rows, seconds = timed(lambda: herd(x, N_PARTICLES))
    return x[rows], seconds, 0


ULA_STEPS, SVGD_STEPS = (0.003, 0.01, 0.03), (0.1, 0.5, 2.0)
OURS = {
    "KSWGD, damped": damped,
    "KSWGD, paper": papers,
    "KSWGD, paper, wide limiter": partial(papers, max_move=0.25),
    "KSWGD, paper, ladder": ladder,
}
RIVALS = {
    "ULA, true score, equal CPU": partial(rival, ULA, "score", ULA_STEPS),
    "ULA, true score, 300 steps": partial(rival, ULA, "score", ULA_STEPS, steps=300),
    "ULA, KDE score, equal CPU": partial(rival, ULA, "data", ULA_STEPS),
    "SVGD, true score, equal CPU": partial(rival, SVGD, "score", SVGD_STEPS),
    "data resampled": resampled,
    "data herded": herded,
    "exact samples, herded": best_of_exact,
}
METHODS = OURS | RIVALS
