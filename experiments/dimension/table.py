"""Five modes in 2 to 50 columns, fields in 8 to 64 coordinates: the sampler, KSWGD and their rivals."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.dimension.ours import ONE_SPECTRUM, OURS, SAMPLES, TRANSPORT
from experiments.dimension.page import (
    ABOUT,
    ALT,
    COLUMNS,
    COORDINATES,
    DIMENSIONS,
    MISSED,
    MODE,
    SIZES,
    SUMMARY,
    fields_id,
    modes_id,
    picture,
    verdict,
)
from experiments.dimension.rivals import DRAWN, HERDED, MOVED
from experiments.dimension.rows import ours_on_fields_row, ours_row, rival_on_fields_row, rival_row
from experiments.dimension.sizes import size_row
from experiments.machinery.common import fresh_seeds
from experiments.machinery.experiment import Band, Experiment, Picture, Row, Summary

SEEDS = fresh_seeds(8000)
STARTS = ("broad", MODE)
SECONDS = {10: 15, 20: 30, 50: 60}  # a fit and 800 points
THREE_SEEDS = (TRANSPORT, SAMPLES)  # all others are there to compare with: one

# What was promised before anything was computed
TOLD_APART = Band("AUC", 0.44, at_least=True), Band("AUC", 0.56)
EVEN = Band("even SW2", 1.2, "herded data")
LAW = (
    Band("law SW2", 1.1, "law SW2 floor"),
    *TOLD_APART,
    Band("TV", 0.04),
    Band("variance", 0.9, at_least=True),
    Band("variance", 1.1),
)
ON_FIELDS = Band("law SW2", 1.1, "data's law"), *TOLD_APART, EVEN
CURVE = (Band("third moment", 0.5, at_least=True),)
COUNTED = (
    Band("features", 1, "features, formula"),
    Band("features", 0.8, "features, formula", at_least=True),
    Band("peak MB", 1, "MB, formula"),
    Band("warns", 1, "warning foretold"),
    Band("warns", 1, "warning foretold", at_least=True),
)


def on_modes(dim: int, bent: bool = False) -> Iterator[Row]:
    """Ours and the rivals on five modes, those that move particles from both starts."""
    title = f"Five {'bent ' * bent}modes in {dim} columns"
    for method in (*OURS, *DRAWN, HERDED, *(() if bent else MOVED)):
        ours, seeds = method in OURS, SEEDS if method in THREE_SEEDS else SEEDS[:1]
        bands: tuple[Band, ...] = ()
        if ours and method != ONE_SPECTRUM:
            seconds = [Band("CPU s", SECONDS[dim])] if dim in SECONDS else []
            bands = CURVE if bent else (*LAW, EVEN, *seconds)
        for start in STARTS if modes_id(dim, method) != modes_id(dim, method, STARTS[0]) else (MODE,):
            parameters = {"dim": dim, "method": method, "start_in": start} | ({"bent": True} if bent else {})
            id = modes_id(dim, method, start, bent)
            yield Row(id, title, ours_row if ours else rival_row, parameters, seeds, bands)


def on_fields(coordinates: int) -> Iterator[Row]:
    """Ours and the rivals on fields."""
    for method in (*OURS, *DRAWN, HERDED, *MOVED):
        ours = method in OURS
        yield Row(
            fields_id(coordinates, method),
            f"Fields of the Allen-Cahn equation in {coordinates} coordinates",
            ours_on_fields_row if ours else rival_on_fields_row,
            {"coordinates": coordinates, "method": method},
            SEEDS[: 2 if method in THREE_SEEDS else 1],
            ON_FIELDS if method in (TRANSPORT, SAMPLES) else (),
        )


EXPERIMENT = Experiment(
    title="How many columns",
    verdict=verdict,
    summary=Summary(COLUMNS, SUMMARY),
    picture=Picture(picture, ALT),
    about=ABOUT,
    rows=[
        *(row for dim in DIMENSIONS for row in on_modes(dim)),
        *on_modes(10, bent=True),
        *(row for coordinates in COORDINATES for row in on_fields(coordinates)),
        *(
            Row(f"size.{dim}", "Features and memory of the default fit", size_row, {"dim": dim}, SEEDS[:1], COUNTED)
            for dim in SIZES
        ),
    ],
    missed={f"{id}: {band}": why for id, (bands, why) in MISSED.items() for band in bands},
)
