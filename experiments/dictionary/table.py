"""Which dictionary, and how large: rates and samples of the quadruple well from 5,000 data."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.dictionary.page import (
    ABOUT,
    ALT,
    COLUMNS,
    DATA,
    MISSED,
    SHOWN,
    SIZES,
    WIDTH,
    WIDTHS,
    id_of,
    picture,
    verdict,
)
from experiments.dictionary.rows import data_row, dictionary_row
from experiments.machinery.common import fresh_seeds
from experiments.machinery.experiment import Band, Experiment, Picture, Row, Summary

SEEDS = fresh_seeds(8000)
ONE_SEED = {("three scales and a tail", 500): 1}  # a quarter of a minute each

# Declared before anything was computed on these seeds
LIKE_EXACT = Band("law SW2", 1, "law SW2 floor", spread="law SW2 floor sd"), Band("law KL", 1.25, "law KL floor")
EVEN = (Band("even SW2", 0.75, "law SW2 floor"),)
RATES = (Band("slow rates", 1.5, "slow rates floor"),)
ASTRAY = (Band("law KL", 2, "law KL floor", at_least=True),)
POOR = (Band("slow rates", 3, "slow rates floor", at_least=True),)
ALL = (*RATES, *LIKE_EXACT, *EVEN)
BANDS: dict[tuple[str, int], tuple[Band, ...]] = {
    **{("three scales and a tail", size): ALL for size in (60, 250)},
    **{("kernels and a tail", size): ALL for size in (80, 320)},
    **{("polynomials", size): ALL for size in (10, 14)},
    ("random waves", 100): ALL,
    **{("random waves and a tail", size): ALL for size in (100, 400)},
    ("random waves", 400): (*RATES, *EVEN, *ASTRAY),
    ("polynomials", 18): (*RATES, *EVEN, *ASTRAY),
    ("kernels and a tail", 10): POOR,
    ("polynomials", 4): POOR,
    ("random waves", 25): POOR,
    ("kernels", 80): (*RATES, *ASTRAY),
    ("kernels", 320): ASTRAY,
    ("network", 40): (*RATES, *ASTRAY),
    ("kernel EDMD", 100): (*RATES, *ASTRAY),
    ("diffusion map", 1000): ASTRAY,
}


def declared() -> Iterator[Row]:
    """Sizes of each kind at one width, then widths at one size."""
    for kind, sizes in SIZES.items():
        usual = WIDTH.get(kind, 1)
        at, widths = WIDTHS.get(kind, (0, ()))
        tried = [(size, usual) for size in sizes] + [(at, width) for width in widths if width != usual]
        for size, width in tried:
            bands = BANDS.get((kind, size), ()) if width == usual else ()
            parameters = {"kind": kind, "size": size, "width": width}
            seeds = SEEDS[: ONE_SEED.get((kind, size))]
            yield Row(id_of(kind, size, width), kind.capitalize(), dictionary_row, parameters, seeds, bands)


EXPERIMENT = Experiment(
    title="Which dictionary, and how large",
    verdict=verdict,
    summary=Summary(COLUMNS, SHOWN),
    picture=Picture(picture, ALT),
    about=ABOUT,
    rows=[
        Row(DATA, "The data themselves", data_row, {"kind": "the data themselves"}, SEEDS, ()),
        *declared(),
    ],
    missed={f"{id}: {band}": why for id, (bands, why) in MISSED.items() for band in bands},
)
