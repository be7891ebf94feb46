"""Somebody's own data: raw tables and series, the sampler in one call, and what else one would use."""

from __future__ import annotations

from experiments.machinery.common import dotted, fresh_seeds
from experiments.machinery.experiment import Band, Experiment, Picture, Row, Summary
from experiments.own_data.data import TABLES
from experiments.own_data.judged import plain_row
from experiments.own_data.ours import (
    MAPPED,
    STAGES,
    below_row,
    cost_row,
    mapped_row,
    ours_row,
    quadrature_row,
    stage_row,
)
from experiments.own_data.page import ABOUT, ALT, COLUMNS, MISSED, OURS, picture, verdict
from experiments.own_data.rivals import PLAIN
from experiments.own_data.series import series_row

SEEDS = fresh_seeds(7000)
ALL_STAGES = "nothing"

AVERAGED = ("wine", "diabetes", "breast cancer", "mixed units", "curved")
SECONDS = {11: 5, 30: 15}  # up to so many columns


def bands(table: str) -> tuple[Band, ...]:
    """What was promised before anything was computed."""
    given = TABLES[table]
    found = [Band("AUC", 1, "AUC allowed"), Band("sliced W2, floors", 1.2), Band("halves", 0.65)]
    if given.discrete <= given.columns / 2:
        found.append(Band("AUC", 0.66))
    if table == "curved":
        found.append(Band("third moment", 0.6, at_least=True))
    return *found, Band("CPU s", min(seconds for most, seconds in SECONDS.items() if given.columns <= most))


def rows_on(table: str) -> list[Row]:
    """Ours, the rivals as they come, and in our coordinates."""
    heading = f"{table}: {TABLES[table].columns} columns, {TABLES[table].discrete} of them with few values"
    functions = {OURS: ours_row} | dict.fromkeys(PLAIN, plain_row) | dict.fromkeys(MAPPED, mapped_row)
    return [
        Row(
            dotted(table, method),
            heading,
            function,
            {"table": table, "method": method},
            SEEDS[:1] if method == "flow" else SEEDS,
            bands(table) if method == OURS else (),
        )
        for method, function in functions.items()
    ]


SERIES = {"gaps": "A series with gaps", "short": "Thirty short series"}

ROWS = [
    *(row for table in TABLES for row in rows_on(table)),
    Row("below", "All tables", below_row, {}, SEEDS, (Band("share of tables", 0.8, at_least=True),)),
    *(
        Row(dotted("without", stage), "What each stage buys", stage_row, {"stage": stage}, SEEDS[:1])
        for stage in (ALL_STAGES, *STAGES)
    ),
    *(
        Row(dotted("means", table), "Averages over few points", quadrature_row, {"table": table}, SEEDS)
        for table in AVERAGED
    ),
    *(
        Row(
            dotted("series", name),
            title,
            series_row,
            {"name": name},
            SEEDS,
            (Band("off deeptime / error", 1),),
        )
        for name, title in SERIES.items()
    ),
    *(
        Row(
            f"cost.{columns}",
            "Seconds",
            cost_row,
            {"columns": columns, "rows": 3000},
            SEEDS,
            (Band("CPU s", seconds),),
        )
        for columns, seconds in SECONDS.items()
    ),
]

EXPERIMENT = Experiment(
    title="Your own data",
    verdict=verdict,
    summary=Summary(COLUMNS, {f"{table}, {TABLES[table].columns} columns": dotted(table, OURS) for table in TABLES}),
    picture=Picture(picture, ALT),
    about=ABOUT,
    rows=ROWS,
    missed={f"{id}: {band}": why for id, (bands, why) in MISSED.items() for band in bands},
)
