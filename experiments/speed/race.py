"""Particles against the clock: KSWGD and its rivals from the same start, on the same data, in the same run.

Two kinds of comparison, never mixed. *Samples only*: every method is given the same 5,000 samples, and whoever needs
a score takes it from a kernel density estimate of them. *True score*: the rival also knows the density.
Each rival runs with three step sizes; the best one at the end of its time counts. Fit time is included.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach import (
    KSWGD,
    SVGD,
    ULA,
    GaussianMixture,
    GeneratorEDMD,
    MultiScale,
    QuadrupleWell,
    kde_score,
    noise_floor,
    sliced_wasserstein2,
)

SAMPLES_ONLY, TRUE_SCORE = "samples only", "true score"
N_DATA, N_PARTICLES, N_STEPS = 5000, 800, 60


@dataclass(frozen=True)
class Curve:
    """Distance to the reference along one run."""

    method: str
    seconds: list[float]
    steps: list[int]
    score_evaluations: list[int]
    distance: list[float]

    def at(self, seconds: float) -> float:
        """The last distance reached within so many seconds."""
        return [d for s, d in zip(self.seconds, self.distance) if s <= seconds][-1]

    def first_below(self, distance: float) -> float:
        """Seconds until the distance was reached, infinity if it was not."""
        return next((s for s, d in zip(self.seconds, self.distance) if d <= distance), math.inf)


@dataclass(frozen=True)
class Problem:
    """A target and a start in one mode."""

    name: str
    target: object
    spread: float

    def start(self, generator: torch.Generator) -> Tensor:
        return self.target.modes[0] + self.spread * torch.randn(
            N_PARTICLES, 2, dtype=torch.float64, generator=generator
        )


PROBLEMS = {
    "well4": Problem("quadruple well, beta 4, from a corner", QuadrupleWell(beta=4.0), 0.2),
    "well1": Problem("quadruple well, beta 1, from a corner", QuadrupleWell(beta=1.0), 0.2),
    "ring8": Problem("ring of 8, std 0.3, from one mode", GaussianMixture.ring(8, radius=3.0, std=0.3), 0.3),
}


def kswgd(x0: Tensor, data: Tensor, distance: Callable, generator: torch.Generator) -> Curve:
    """The package's default, 60 steps, its fit included."""
    started = time.process_time()
    spectrum = GeneratorEDMD(MultiScale.from_data(data, generator=generator)).fit(data).spectrum()
    fit = time.process_time() - started
    method = KSWGD(spectrum)
    states = _steps(method, x0, generator, progress=lambda step: step / N_STEPS)
    return _record("KSWGD", states, distance, fit, stop=lambda step, _: step >= N_STEPS)


def rival(
    name: str, method, x0: Tensor, distance: Callable, generator: torch.Generator, budget: float, fit: float = 0.0
) -> Curve:
    """A rival until its CPU seconds are used up."""
    states = _steps(method, x0, generator, progress=lambda step: 0.0)
    return _record(name, states, distance, fit, stop=lambda _, seconds: seconds >= budget)


def _steps(method, x: Tensor, generator: torch.Generator, progress: Callable) -> Iterator[tuple[Tensor, float, int]]:
    """States with the CPU seconds and score evaluations of the step that led to each."""
    state, step = method.init(x), 0
    while True:
        started = time.process_time()
        x, state, info = method.step(x, state, progress=progress(step), generator=generator)
        yield x, time.process_time() - started, info["score_evaluations"]
        step += 1


def _record(name: str, states: Iterator, distance: Callable, fit: float, stop: Callable) -> Curve:
    curve = Curve(name, [], [], [], [])
    seconds, evaluations, due = fit, 0, 0.0
    for step, (x, cost, more) in enumerate(states, start=1):
        seconds, evaluations = seconds + cost, evaluations + more
        finished = stop(step, seconds) or not bool(torch.isfinite(x).all())
        if seconds >= due or finished:
            due = max(seconds * 1.08, seconds + 0.01)  # enough points for a curve on a logarithmic axis
            curve.seconds.append(seconds)
            curve.steps.append(step)
            curve.score_evaluations.append(evaluations)
            curve.distance.append(distance(x) if bool(torch.isfinite(x).all()) else math.inf)
        if finished:
            return curve
    raise AssertionError("states never end by themselves")


def rivals(kind: str, problem: Problem, data: Tensor) -> dict[str, list[tuple[str, object]]]:
    """For each rival its three candidates, labelled by step size."""
    score = kde_score(data) if kind == SAMPLES_ONLY else problem.target.score
    ula = [(f"h = {h:g}", ULA(score, step_size=h)) for h in (0.003, 0.01, 0.03)]
    if kind == TRUE_SCORE:
        return {"ULA": ula}
    svgd = [(f"step {h:g}", SVGD(score, step_size=h)) for h in (0.1, 0.5, 2.0)]
    return {"ULA": ula, "SVGD": svgd}


@dataclass(frozen=True)
class Result:
    """One comparison: curves of the first seed, and what all seeds say."""

    kind: str
    problem: str
    floor: tuple[float, float]
    curves: list[Curve]
    rows: list[dict]


def race(kind: str, key: str, *, seeds: int, budget: float) -> Result:
    """All methods on one problem; ``budget`` is the rivals' time in units of KSWGD's."""
    problem = PROBLEMS[key]
    reference = problem.target.sample(10_000, torch.Generator().manual_seed(999))

    def distance(x: Tensor) -> float:
        return sliced_wasserstein2(x, reference)

    floor = noise_floor(
        sliced_wasserstein2,
        problem.target.sample,
        N_PARTICLES,
        reference=reference,
        generator=torch.Generator().manual_seed(7),
    )
    runs = [_all_methods(kind, problem, distance, seed, budget) for seed in range(seeds)]
    ours = [run["KSWGD"] for run in runs]
    rows = []
    for name in runs[0]:
        same = [run[name] for run in runs]
        rows.append(
            {
                "method": name,
                "distance at KSWGD's seconds": statistics.median(c.at(o.seconds[-1]) for c, o in zip(same, ours)),
                "at twice": statistics.median(c.at(2 * o.seconds[-1]) for c, o in zip(same, ours)),
                "at the end": statistics.median(c.distance[-1] for c in same),
                "seconds in all": statistics.median(c.seconds[-1] for c in same),
                "seconds to 1.2 floors": statistics.median(c.first_below(1.2 * floor[0]) for c in same),
                "steps": statistics.median(c.steps[-1] for c in same),
                "score evaluations": statistics.median(c.score_evaluations[-1] for c in same),
            }
        )
    return Result(kind, problem.name, floor, list(runs[0].values()), rows)


def _all_methods(kind: str, problem: Problem, distance: Callable, seed: int, budget: float) -> dict[str, Curve]:
    generator = torch.Generator().manual_seed(seed)
    data = problem.target.sample(N_DATA, generator)
    x0 = problem.start(generator)
    curves = {"KSWGD": kswgd(x0, data, distance, generator)}
    ours = curves["KSWGD"].seconds[-1]
    for name, candidates in rivals(kind, problem, data).items():
        tried = [
            rival(f"{name}, {label}", method, x0, distance, generator, budget * ours) for label, method in candidates
        ]
        # the best at equal seconds when the comparison is at equal seconds, else the best in the end
        curves[name] = min(tried, key=lambda c: c.at(ours) if budget <= 2 else c.distance[-1])
    return curves
