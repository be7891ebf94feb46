"""Five modes in 2 to 50 columns, fields in 16 and 64 coordinates: the sampler, KSWGD and their rivals."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.dimension.ours import (
    LAW,
    MOST_COLUMNS,
    ON_FIELDS,
    ONE_SPECTRUM,
    OURS,
    SAMPLES,
    TRANSPORT,
)
from experiments.dimension.page import (
    ABOUT,
    ALT,
    COLUMNS,
    COORDINATES,
    DIMENSIONS,
    KDE,
    MISSED,
    MIXTURE,
    MODE,
    SECONDS,
    SIZES,
    SUMMARY,
    TOLD,
    TURNED,
    fields_id,
    modes_id,
    picture,
    turned_id,
    verdict,
)
from experiments.dimension.rivals import DRAWN, HERDED, MOVED
from experiments.dimension.rows import ours_on_fields_row, ours_row, rival_on_fields_row, rival_row
from experiments.dimension.sizes import size_row
from experiments.dimension.turned import turned_row
from experiments.machinery.common import fresh_seeds
from experiments.machinery.experiment import Band, Experiment, Picture, Row, Summary

SEEDS = fresh_seeds(8000)

# In how many columns a method has all seeds, and both starts; elsewhere, as what it is compared with, one of each
SEEDED = {TRANSPORT: DIMENSIONS, LAW: DIMENSIONS, SAMPLES: (2, 5, 10)}
BOTH_STARTS = {TRANSPORT: DIMENSIONS, LAW: (20, 50)}

# What was promised before anything was computed
TOLD_APART = Band("AUC", TOLD[0], at_least=True), Band("AUC", TOLD[1])
EVEN = Band("even SW2", 1.2, "herded data")
INSIDE = Band("TV", 0.04), Band("variance", 0.9, at_least=True), Band("variance", 1.1)
AT_ITS_LAW = Band("law SW2", 1.1, "law SW2 floor"), *TOLD_APART, *INSIDE
LAW_OF_FIELDS = Band("law SW2", 1.1, "data's law"), *TOLD_APART
CURVE = (Band("third moment", 0.5, at_least=True),)
COUNTED = (
    Band("features", 1, "features, formula"),
    Band("features", 0.8, "features, formula", at_least=True),
    Band("peak MB", 1, "MB, formula"),
    Band("warns", 1, "warning foretold"),
    Band("warns", 1, "warning foretold", at_least=True),
)


def aims(method: str, dim: int) -> tuple[Band, ...]:
    """Of a method on straight modes."""
    seconds = (Band("CPU s", SECONDS[dim]),) if dim in SECONDS else ()
    return {
        TRANSPORT: (*INSIDE, EVEN, *seconds),
        LAW: AT_ITS_LAW,
        SAMPLES: (*AT_ITS_LAW, EVEN, *seconds),
    }.get(method, ())


def on_modes(dim: int, bent: bool = False) -> Iterator[Row]:
    """Ours and the rivals on five modes."""
    title = f"Five {'bent ' * bent}modes in {dim} columns"
    for method in (*OURS, *DRAWN, HERDED, *(() if bent else (MOVED,))):
        if (bent and method in (LAW, ONE_SPECTRUM, KDE)) or (dim > MOST_COLUMNS and method == ONE_SPECTRUM):
            continue  # minutes, or nothing new
        ours = method in OURS
        bands = (CURVE if method in (TRANSPORT, SAMPLES) else ()) if bent else aims(method, dim)
        for start in ("broad", MODE) if not bent and dim in BOTH_STARTS.get(method, ()) else (MODE,):
            parameters = {"dim": dim, "method": method, "start_in": start} | ({"bent": True} if bent else {})
            id = modes_id(dim, method, start, bent)
            seeds = SEEDS if not bent and dim in SEEDED.get(method, ()) else SEEDS[:1]
            yield Row(id, title, ours_row if ours else rival_row, parameters, seeds, bands)


def on_fields(coordinates: int) -> Iterator[Row]:
    """Ours and the rivals on fields."""
    for method in (*ON_FIELDS, MIXTURE):
        ours, parameters = method in ON_FIELDS, {"coordinates": coordinates, "method": method}
        bands = (EVEN,) if method.startswith(TRANSPORT) else (*LAW_OF_FIELDS, EVEN) if ours else ()
        title = f"Fields of the Allen-Cahn equation in {coordinates} coordinates"
        function = ours_on_fields_row if ours else rival_on_fields_row
        yield Row(fields_id(coordinates, method), title, function, parameters, SEEDS[:1], bands)


EXPERIMENT = Experiment(
    title="How many columns",
    verdict=verdict,
    summary=Summary(COLUMNS, SUMMARY),
    picture=Picture(picture, ALT),
    about=ABOUT,
    rows=[
        *(row for dim in DIMENSIONS for row in on_modes(dim)),
        *on_modes(10, bent=True),
        *(
            Row(
                turned_id(dim),
                "The same modes in a turned frame",
                turned_row,
                {"dim": dim, "method": TRANSPORT},
                SEEDS[:1],
                aims(TRANSPORT, dim),
            )
            for dim in TURNED
        ),
        *(row for coordinates in COORDINATES for row in on_fields(coordinates)),
        *(
            Row(f"size.{dim}", "Features and memory of the default fit", size_row, {"dim": dim}, SEEDS[:1], COUNTED)
            for dim in SIZES
        ),
    ],
    missed={f"{id}: {band}": why for id, (bands, why) in MISSED.items() for band in bands},
)
