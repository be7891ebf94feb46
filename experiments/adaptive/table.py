"""SVGD with fixed and adaptive kernels and steps; one spectrum in three metrics with both kinds of step."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.adaptive.page import ABOUT, ALT, COLUMNS, HERDED, MISSED, SUMMARY, picture, row_id, verdict
from experiments.adaptive.rows import TARGETS, herded_row, other_row, spectral_row, svgd_row
from experiments.adaptive.runs import OTHERS, SPECTRAL, SVGDS
from experiments.kswgd.problems import PROBLEMS
from experiments.machinery.common import fresh_seeds
from experiments.machinery.experiment import Band, Experiment, Picture, Row, Summary

SEEDS = fresh_seeds(9000)

# What was expected before anything was computed
AS_EVEN = (Band("sliced W2", 0.75, "sliced W2 floor"),)
FAR = (Band("sliced W2", 2.0, "sliced W2 floor", at_least=True),)
BANDS = {
    **dict.fromkeys(SVGDS, FAR),
    "modes, none, fixed step": FAR,
    "modes, none, adaptive step": (Band("sliced W2", 1.2, "sliced W2 floor", at_least=True),),
    "modes, damped, fixed step": (*AS_EVEN, Band("weights", 0.03)),
    "modes, damped, adaptive step": (*AS_EVEN, Band("weights", 0.03)),
    "sliced transport": AS_EVEN,
    HERDED: AS_EVEN,
}


def rows_on(target: str) -> Iterator[Row]:
    """All methods from one mode."""
    title = PROBLEMS[target].title
    for function, methods in ((svgd_row, SVGDS), (other_row, OTHERS), (spectral_row, SPECTRAL)):
        for method in methods:
            parameters = {"target": target, "method": method}
            yield Row(row_id(target, method), title, function, parameters, SEEDS, BANDS.get(method, ()))
    parameters = {"target": target, "method": HERDED}
    yield Row(row_id(target, HERDED), title, herded_row, parameters, SEEDS, BANDS[HERDED])


EXPERIMENT = Experiment(
    title="Metric and step: what each gives",
    verdict=verdict,
    summary=Summary(COLUMNS, SUMMARY),
    picture=Picture(picture, ALT),
    about=ABOUT,
    rows=[row for target in TARGETS for row in rows_on(target)],
    missed={f"{id}: {band}": why for id, (bands, why) in MISSED.items() for band in bands},
)
