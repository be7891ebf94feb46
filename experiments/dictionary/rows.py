"""A row: a kind of dictionary of some size on 5,000 data; and the data themselves."""

from __future__ import annotations

from functools import cache, partial

from torch import Tensor

from experiments.dictionary.judged import (
    N_PARTICLES,
    WELL,
    Numbers,
    known_rates,
    rate_errors,
    rate_floors,
    sample_errors,
    sample_floors,
    sampled,
)
from experiments.dictionary.kinds import KINDS, LAG, Given
from experiments.kswgd.problems import N_DATA
from experiments.machinery.common import stream, timed
from koopteach.dictionaries.expansion import Expansion
from koopteach.langevin import snapshot_pairs
from koopteach.sampler import herd


@cache
def pairs(seed: int) -> tuple[Tensor, Tensor]:
    """The data, the same for all, and where each goes in one lag."""
    return snapshot_pairs(WELL, N_DATA, lag=LAG, generator=stream(seed, 0))


def dictionary_row(seed: int, kind: str, size: int, width: float) -> Numbers:
    """Rates, law, evenness, and what they cost."""
    given = Given(*pairs(seed), stream(seed, 1))
    spectrum, seconds = timed(partial(KINDS[kind], given, size, width))
    functions = spectrum.functions
    return {
        "features": functions.dictionary.n_features if isinstance(functions, Expansion) else size,
        "modes": len(spectrum),
        **rate_errors(spectrum.rates),
        **sampled(spectrum, seed),
        "fit, s": seconds,
        **rate_floors(N_DATA),
        **sample_floors(),
    }


def data_row(seed: int, kind: str) -> Numbers:
    """What the data say without a dictionary: rates to whoever knows the eigenfunctions, samples by herding."""
    x = pairs(seed)[0]
    even, seconds = timed(lambda: x[herd(x, N_PARTICLES)])
    shown = sample_errors(even, x, seed) | {"fit, s": seconds}
    return {**rate_errors(known_rates(x)), **shown, **rate_floors(N_DATA), **sample_floors()}
