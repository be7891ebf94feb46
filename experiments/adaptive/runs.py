"""Methods with three settings each, what they know, and their particles as CPU seconds pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from experiments.adaptive.metrics import in_metric
from experiments.adaptive.sliced import SlicedTransport
from experiments.kswgd.methods import fit
from experiments.kswgd.problems import PROBLEMS, data
from experiments.machinery.common import stream, warm_up
from koopteach import SVGD, kde_score
from koopteach.protocols import Sampler

MARKS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8)  # CPU seconds, fits included; the last are all that a run has
FADES = 60  # steps over which the noise of a method that has some fades, KSWGD's own number
TUNED_ON = 1000  # the seed on which one of three settings is chosen

Make = Callable[[str, int, float], Sampler]  # of a target, a seed, a setting


@dataclass(frozen=True, eq=False)
class Method:
    """One way to move particles.

    Attributes:
        make: everything that it has to fit is fitted here.
        settings: step sizes, of which the best on a seed of its own is taken.
        knows: ``"score"`` or ``"data"``.
    """

    make: Make
    settings: Sequence[float]
    knows: str


def svgd(target: str, seed: int, setting: float, kernel: str, step: str, knows: str) -> Sampler:
    """SVGD, its kernel of width .5 or by the median, its step fixed or adaptive, its score true or the data's."""
    score = PROBLEMS[target].target.score if knows == "score" else kde_score(data(target, seed))
    bandwidth = None if kernel == "median" else 0.5
    return SVGD(score, step_size=setting, bandwidth=bandwidth, adaptive=step == "adaptive")


def modes(target: str, seed: int, setting: float, metric: str, step: str) -> Sampler:
    """The spectrum of the data, in a metric."""
    return in_metric(metric, fit(data(target, seed), seed), step, setting)


def sliced(target: str, seed: int, setting: float) -> Sampler:
    """Along lines to the data."""
    return SlicedTransport(data(target, seed), setting)


ADAPTIVE = (0.03, 0.1, 0.3)
SVGD_FIXED = {"fixed": (0.1, 0.5, 2.0), "median": (0.1, 0.3, 1.0)}
SVGD_ADAPTIVE = {"fixed": (0.1, 0.3, 1.0), "median": (0.3, 1.0, 2.0)}
SVGD_FROM_DATA = (0.1, 0.3, 1.0)
METRICS = {"none": (10.0, 100.0, 1000.0), "paper": (0.1, 0.25, 0.5), "damped": (0.5, 1.0, 1.5)}
SVGDS: Mapping[str, Method] = {
    f"SVGD, {kernel} kernel, {step} step": Method(
        partial(svgd, kernel=kernel, step=step, knows="score"),
        (SVGD_FIXED if step == "fixed" else SVGD_ADAPTIVE)[kernel],
        "score",
    )
    for kernel in ("fixed", "median")
    for step in ("fixed", "adaptive")
}
OTHERS: Mapping[str, Method] = {
    "SVGD, median kernel, adaptive step, score of the data": Method(
        partial(svgd, kernel="median", step="adaptive", knows="data"), SVGD_FROM_DATA, "data"
    ),
    "sliced transport": Method(sliced, (0.1, 0.3, 1.0), "data"),
}
SPECTRAL: Mapping[str, Method] = {
    f"modes, {metric}, {step} step": Method(
        partial(modes, metric=metric, step=step), sizes if step == "fixed" else ADAPTIVE, "data"
    )
    for metric, sizes in METRICS.items()
    for step in ("fixed", "adaptive")
}


def followed(make: Callable[[], Sampler], x: Tensor, marks: Sequence[float], seed: int) -> tuple[list[Tensor], int]:
    """The particles at each mark, and how many steps there were; particles that are lost stay as they are.

    Args:
        make: the method; what it fits is on the clock.
        x: where they start.
        marks: CPU seconds, ascending.
        seed: of the noise.
    """
    warm_up()
    found, steps, generator, started = [], 0, stream(seed, 3), time.process_time()
    method = make()
    state = method.init(x)
    while True:
        used = time.process_time() - started
        while len(found) < len(marks) and used >= marks[len(found)]:
            found.append(x)
        if len(found) == len(marks):
            return found, steps
        if not bool(x.isfinite().all()):
            return found + [x] * (len(marks) - len(found)), steps
        try:
            x, state, _ = method.step(x, state, progress=min(1.0, steps / FADES), generator=generator)
        except ValueError:  # so far out that a score is not a number
            x = torch.full_like(x, torch.nan)
        steps += 1
