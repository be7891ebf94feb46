"""A row: a dictionary on so many data; and the data themselves."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from functools import cache, partial

from torch import Tensor

from experiments.dictionary.judged import (
    DISTANCES,
    N_PARTICLES,
    WELL,
    Numbers,
    known_rates,
    rate_errors,
    sample_floors,
    sampled,
)
from experiments.dictionary.kinds import KINDS, Given
from experiments.machinery.common import stream, timed
from koopteach.sampler import herd
from koopteach.spectrum import Spectrum

# Kind, size and width, as in the study of dictionaries; all data where the size is 0.
DICTIONARIES: dict[str, tuple[str, int, float]] = {
    "three scales, large": ("three scales and a tail", 250, 1.0),
    "three scales, small": ("three scales and a tail", 30, 1.0),
    "random waves": ("random waves and a tail", 100, 0.5),
    "diffusion map": ("diffusion map", 0, 1.0),
}
MANY_SETS, MOST_POINTS = 4, 20_000  # of data, for the rates; of all of them together
MOST_HERDED = 30_000  # seconds grow with the square


def data(seed: int, n: int, place: int = 0) -> Tensor:
    """One of many independent sets of data; the first one makes samples."""
    return WELL.sample(n, stream(seed, 10 + place))


def sets(seed: int, n: int) -> Iterable[Tensor]:
    """As many as a mean needs and seconds allow: four up to 3,000 data, one from 30,000 on."""
    return (data(seed, n, place) for place in range(max(1, min(MANY_SETS, MOST_POINTS // n))))


def mean_errors(rates: Iterable[Tensor]) -> Numbers:
    """Over the sets of data."""
    found = [rate_errors(of_set) for of_set in rates]
    return {name: statistics.fmean(one[name] for one in found) for name in found[0]}


@cache
def known(seed: int, n: int) -> Numbers:
    """Errors of the rates for whoever knows the eigenfunctions, on the same sets."""
    return mean_errors(map(known_rates, sets(seed, n)))


def fitted(dictionary: str, x: Tensor, seed: int) -> Spectrum:
    """The spectrum of data in a dictionary."""
    kind, size, width = DICTIONARIES[dictionary]
    return KINDS[kind](Given(x, x, stream(seed, 1)), size or len(x), width)


def dictionary_row(seed: int, dictionary: str, n: int) -> Numbers:
    """Mean errors of the rates; law and evenness of particles that the first set moves; what it costs."""
    spectrum, seconds = timed(partial(fitted, dictionary, data(seed, n), seed))
    others = (fitted(dictionary, x, seed).rates for place, x in enumerate(sets(seed, n)) if place)
    return {
        "modes": len(spectrum),
        **mean_errors([spectrum.rates, *others]),
        **sampled(spectrum, seed),
        "fit, s": seconds,
        **{f"{name} floor": value for name, value in known(seed, n).items()},
        **sample_floors(),
    }


def data_row(seed: int, dictionary: str, n: int) -> Numbers:
    """What the data say without a dictionary: all of them as they are, and as even as 800 of them can be."""
    x = data(seed, n)
    found = known(seed, n) | {f"all {name}": judge(x) for name, judge in DISTANCES.items()}
    if not N_PARTICLES <= n <= MOST_HERDED:
        return found
    even, seconds = timed(lambda: x[herd(x, N_PARTICLES)])
    errors = {f"even {name}": judge(even) for name, judge in DISTANCES.items()}
    return found | errors | {"fit, s": seconds} | sample_floors()
