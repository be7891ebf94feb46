"""What the rows compute."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from torch import Tensor

from experiments.adaptive.runs import MARKS, OTHERS, SPECTRAL, SVGDS, TUNED_ON, Method, followed
from experiments.kswgd.problems import N_PARTICLES, PROBLEMS, data, exact
from experiments.machinery.common import read, stream, timed
from koopcourse.judges import floors
from koopteach import herd, sliced_wasserstein2

Numbers = dict[str, float]
TARGETS = ("ring8-0.3", "well-4", "ring6-0.4")
START = "one mode"
PROJECTIONS = 50  # of the plane: enough


def svgd_row(seed: int, target: str, method: str) -> Numbers:
    """SVGD, told the score."""
    return _row(SVGDS[method], target, seed)


def other_row(seed: int, target: str, method: str) -> Numbers:
    """SVGD with the score of the data, sliced transport."""
    return _row(OTHERS[method], target, seed)


def spectral_row(seed: int, target: str, method: str) -> Numbers:
    """The spectrum of the data, in a metric."""
    return _row(SPECTRAL[method], target, seed)


def herded_row(seed: int, target: str, method: str) -> Numbers:
    """Rows of the data picked to lie evenly: the start until they are picked, then as they are. One method only."""
    x, x0 = data(target, seed), PROBLEMS[target].start(START, seed)
    rows, seconds = timed(lambda: herd(x, N_PARTICLES))
    return _told(target, [x[rows] if seconds <= mark else x0 for mark in MARKS], 0, 0.0)


def _row(method: Method, target: str, seed: int) -> Numbers:
    setting = best(method, target)
    return _told(target, *run(method, target, seed, setting), setting)


def run(method: Method, target: str, seed: int, setting: float) -> tuple[list[Tensor], int]:
    """Particles at each mark."""
    data(target, seed)  # the sample is given
    return followed(lambda: method.make(target, seed, setting), PROBLEMS[target].start(START, seed), MARKS, seed)


@cache
def best(method: Method, target: str) -> float:
    """The setting that ends nearest on a seed of its own."""
    ends = {size: run(method, target, TUNED_ON, size)[0][-1] for size in method.settings}
    return min(ends, key=lambda size: sliced_w2(target, ends[size]))


def sliced_w2(target: str, x: Tensor) -> float:
    """To 10,000 exact samples; infinite for particles that are lost."""
    found = bool(x.isfinite().all())
    return sliced_wasserstein2(x, exact(PROBLEMS[target].target), n_projections=PROJECTIONS) if found else float("inf")


def _told(target: str, found: Sequence[Tensor], steps: int, setting: float) -> Numbers:
    """The distances at the end, sliced W2 at each mark, when it was at the floor first, and both floors."""
    path, kept = {mark: sliced_w2(target, x) for mark, x in zip(MARKS, found)}, both_floors(target)
    at_floor = [mark for mark, value in path.items() if value <= 1.1 * kept["sliced W2 floor"]]
    rest = {name: distance for name, distance in PROBLEMS[target].distances.items() if name != "sliced W2"}
    return {
        "sliced W2": path[MARKS[-1]],
        **read(rest, found[-1]),
        **{at(mark): value for mark, value in path.items()},
        "at the floor, s": at_floor[0] if at_floor else float("inf"),
        "steps": steps,
        "setting": setting,
        **kept,
    }


def at(mark: float) -> str:
    """The name of sliced W2 after so many seconds."""
    return f"at {mark:g} s"


@cache
def both_floors(target: str) -> Numbers:
    """Of sliced W2: independent exact samples, and such as were herded from ten times as many."""
    exact_draws, generator = PROBLEMS[target].target.sample, stream(0, 10)
    kept = floors(lambda x: sliced_w2(target, x), exact_draws, N_PARTICLES, even_repeats=3, generator=generator)
    names = {"sliced W2 floor": kept.law, "even floor": kept.even}
    return {f"{name}{end}": part[i] for name, part in names.items() for i, end in enumerate(("", " sd"))}
