"""The sampler in one call, its two ways, and KSWGD on one spectrum of all data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

from experiments.dimension.laws import N_JUDGED, N_MANY, End, Numbers, Problem, Start
from experiments.kswgd.methods import fit
from experiments.machinery.common import moved, stream, timed
from koopcourse.judges import evenness
from koopteach import KSWGD, KoopmanSampler

MOVED, MOST_COLUMNS = 5 * N_JUDGED, 20  # on one spectrum: particles of a large run, minutes in more columns


@cache
def fitted(problem: Problem, seed: int, **options: float) -> tuple[KoopmanSampler, float]:
    """The sampler with every default but these, and the CPU seconds of its fit."""
    return timed(lambda: KoopmanSampler(**options).fit(problem.data, generator=stream(seed, 1)))


def transport(problem: Problem, start: Start, seed: int, **options: float) -> End:
    """The sampler moves 800 particles of one's own."""
    sampler, before = fitted(problem, seed, **options)
    even, seconds = timed(lambda: sampler.transport(start(N_JUDGED), stream(seed, 3)))
    return None, even, before + seconds


def law_of_transport(problem: Problem, start: Start, seed: int) -> End:
    """The sampler moves 8,000, of which a random part is judged; the seconds are those of all."""
    sampler, before = fitted(problem, seed)
    many, seconds = timed(lambda: sampler.transport(start(N_MANY), stream(seed, 3)))
    return many, None, before + seconds


def samples(problem: Problem, start: Start, seed: int, **options: float) -> End:
    """The sampler draws; its even points are those of ``quadrature``. It needs no start."""
    sampler, before = fitted(problem, seed, **options)
    _, seconds = timed(lambda: sampler.sample(N_JUDGED, stream(seed, 2)))
    return sampler.sample(N_MANY, stream(seed, 3)), sampler.quadrature(N_JUDGED), before + seconds


def one_spectrum(problem: Problem, start: Start, seed: int) -> End:
    """KSWGD with every default on one spectrum of all data."""
    spectrum, before = timed(lambda: fit(problem.data, seed))
    even, seconds = timed(lambda: moved(KSWGD(spectrum), start(N_JUDGED), 60, seed))
    many = moved(KSWGD(spectrum), start(MOVED), 60, seed) if even.shape[1] <= MOST_COLUMNS else None
    return many, even, before + seconds


TRANSPORT, LAW = "KoopmanSampler, transport", "KoopmanSampler, transport, its law"
SAMPLES, ONE_SPECTRUM = "KoopmanSampler, sample", "KSWGD, one spectrum"
OURS: Mapping[str, Callable[[Problem, Start, int], End]] = {
    TRANSPORT: transport,
    LAW: law_of_transport,
    SAMPLES: samples,
    ONE_SPECTRUM: one_spectrum,
}

# Where all columns are in one unit, kernels may measure distances in it
TRANSPORT_IN_ONE, SAMPLES_IN_ONE = f"{TRANSPORT}, one unit", f"{SAMPLES}, one unit"
ON_FIELDS: Mapping[str, Callable[[Problem, Start, int], End]] = {
    TRANSPORT: transport,
    SAMPLES: samples,
    TRANSPORT_IN_ONE: partial(transport, units=1.0),
    SAMPLES_IN_ONE: partial(samples, units=1.0),
}


def reported(problem: Problem, seed: int) -> Numbers:
    """What the sampler says of the second stage: clusters, and the share of squares within them beyond its modes."""
    clusters = fitted(problem, seed)[0].clusters
    return {"clusters": len(clusters), "unseen": clusters.unseen}


def read(problem: Problem, end: End, seed: int) -> Numbers:
    """What the judges say of what there is, and the seconds."""
    many, even, seconds = end
    if many is None:
        found = {name: judge(even) for name, judge in problem.judges.items()}
        own = {"data's law": problem.law_of_data, "herded data": problem.evenness_of_data}
        return found | {"even SW2": evenness(problem.distance, even, N_JUDGED), **own, "CPU s": seconds}
    found = problem.read(many, many[:N_JUDGED] if even is None else even, seed)
    if even is None:
        del found["even SW2"]
    return found | {"CPU s": seconds}
