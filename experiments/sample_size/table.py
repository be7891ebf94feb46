"""How many data: rates and samples of the quadruple well from 300 to 300,000 of them."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.machinery.common import fresh_seeds
from experiments.machinery.experiment import Band, Experiment, Picture, Row, Summary
from experiments.sample_size.page import (
    ABOUT,
    ALT,
    COLUMNS,
    COUNTS,
    DATA,
    LARGE,
    MISSED,
    SHOWN,
    SMALL,
    id_of,
    picture,
    verdict,
)
from experiments.sample_size.rows import DICTIONARIES, data_row, dictionary_row

SEEDS = fresh_seeds(9000)
ONE_SEED = 300_000  # from so many on
MOST = {"diffusion map": 3000}  # its functions have a term for each datum

# Declared before anything was computed on these seeds
LIKE_EXACT = Band("law SW2", 1, "law SW2 floor", spread="law SW2 floor sd"), Band("law KL", 1.25, "law KL floor")
RATES = (Band("slow rates", 1.5, "slow rates floor"),)
BANDS: dict[tuple[str, int], tuple[Band, ...]] = {
    **{(LARGE, n): (*RATES, *LIKE_EXACT) for n in (3000, 10_000, 30_000, 100_000)},
    **{("random waves", n): (*RATES, *LIKE_EXACT) for n in (3000, 10_000, 30_000)},
    (SMALL, 100_000): (Band("slow rates", 2, "slow rates floor", at_least=True),),
    (LARGE, 300): (Band("slow rates", 2, "slow rates floor", at_least=True),),
    (SMALL, 300): (Band("law KL", 2, "law KL floor"),),
}


def seeds(n: int) -> range:
    """Three, and one where the data are very many."""
    return SEEDS if n < ONE_SEED else SEEDS[:1]


def declared() -> Iterator[Row]:
    """The data themselves, then each dictionary, by the number of data."""
    for name, function in {DATA: data_row, **dict.fromkeys(DICTIONARIES, dictionary_row)}.items():
        for n in COUNTS:
            if n <= MOST.get(name, n):
                parameters = {"dictionary": name, "n": n}
                yield Row(id_of(name, n), name.capitalize(), function, parameters, seeds(n), BANDS.get((name, n), ()))


EXPERIMENT = Experiment(
    title="How many data",
    verdict=verdict,
    summary=Summary(COLUMNS, SHOWN),
    picture=Picture(picture, ALT),
    about=ABOUT,
    rows=list(declared()),
    missed={f"{id}: {band}": why for id, (bands, why) in MISSED.items() for band in bands},
)
