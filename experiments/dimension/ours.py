"""The sampler in one call, its two ways, and KSWGD on one spectrum of all data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from torch import Tensor

from experiments.dimension.laws import N_JUDGED, N_MANY, End, Problem, Start
from experiments.kswgd.methods import fit
from experiments.machinery.common import moved, stream, timed
from koopteach import KSWGD, KoopmanSampler

MOVED = 5 * N_JUDGED  # particles of a large run: more take minutes in many columns


@cache
def fitted(problem: Problem, seed: int) -> tuple[KoopmanSampler, float]:
    """The sampler with every default, and the CPU seconds of its fit."""
    return timed(lambda: KoopmanSampler().fit(problem.data, generator=stream(seed, 1)))


def transport(problem: Problem, start: Start, seed: int) -> End:
    """The sampler moves particles of one's own."""
    sampler, before = fitted(problem, seed)
    return _runs(lambda x: sampler.transport(x, stream(seed, 3)), start, before)


def samples(problem: Problem, start: Start, seed: int) -> End:
    """The sampler draws; its even points are those of ``quadrature``. It needs no start."""
    sampler, before = fitted(problem, seed)
    _, seconds = timed(lambda: sampler.sample(N_JUDGED, stream(seed, 2)))
    return sampler.sample(N_MANY, stream(seed, 3)), sampler.quadrature(N_JUDGED), before + seconds


def one_spectrum(problem: Problem, start: Start, seed: int) -> End:
    """KSWGD with every default on one spectrum of all data."""
    spectrum, before = timed(lambda: fit(problem.data, seed))
    return _runs(lambda x: moved(KSWGD(spectrum), x, 60, seed), start, before)


def _runs(run: Callable[[Tensor], Tensor], start: Start, before: float) -> End:
    even, seconds = timed(lambda: run(start(N_JUDGED)))
    return run(start(MOVED)), even, before + seconds


TRANSPORT, SAMPLES, ONE_SPECTRUM = "KoopmanSampler, transport", "KoopmanSampler, sample", "KSWGD, one spectrum"
OURS: Mapping[str, Callable[[Problem, Start, int], End]] = {
    TRANSPORT: transport,
    SAMPLES: samples,
    ONE_SPECTRUM: one_spectrum,
}
