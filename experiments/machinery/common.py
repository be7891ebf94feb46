"""What experiments share: ids, seeds, random numbers by seed and use, CPU seconds, floors, runs of particles."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from koopteach.flow_matching import Flow, FlowMatching, reflow
from koopteach.particles import run_particles
from koopteach.protocols import Sampler

T = TypeVar("T")
End = TypeVar("End", bound=tuple)
Distances = Mapping[str, Callable[[Tensor], float]]

_LOST = 1e6  # particles so many times as far out as they began, or as a law of size 1


def slug(*names: str) -> str:
    """An id of words."""
    return re.sub(r"[^a-z0-9]+", "-", ".".join(names).lower()).strip("-")


def dotted(*names: str) -> str:
    """An id of words that keeps its parts apart."""
    return re.sub(r"[^a-z0-9.-]+", "-", ".".join(names).lower())


# Seeds, random numbers, time


def fresh_seeds(first: int, n: int = 3) -> range:
    """Seeds from 2,000 on: nothing in the package or in an experiment was tuned on their data."""
    if first < 2000:
        raise ValueError(f"fresh_seeds: seeds below 2000 are for tuning, got {first}.")
    return range(first, first + n)


def stream(seed: int, use: int) -> torch.Generator:
    """Random numbers of one seed for one use."""
    return torch.Generator().manual_seed(seed + 1_000_000 * use)


def noise(seed: int, n: int, dim: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal start points of a seed, the same for all that are compared."""
    return torch.randn(n, dim, dtype=dtype, generator=stream(seed, 2))


@cache
def warm_up() -> None:
    """What torch loads when something is trained for the first time, two seconds of it, is no method's."""
    weight = torch.zeros(1, requires_grad=True)
    weight.square().sum().backward()
    torch.optim.Adam([weight], fused=True).step()


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result and its CPU seconds."""
    warm_up()
    started = time.process_time()
    return work(), time.process_time() - started


def cpu_ms(*works: Callable[[], Any], repeats: int = 5) -> list[float]:
    """The least CPU milliseconds of each, taking turns."""
    rounds = [[timed(work)[1] for work in works] for _ in range(repeats)]
    return [1000 * min(seconds) for seconds in zip(*rounds)]


def rms(x: Tensor) -> float:
    """Root mean square."""
    return float(x.square().mean().sqrt())


# Floors, and what is lost


def exact_draws(sample: Callable[[int, torch.Generator], T], n: int, repeats: int = 20) -> Iterator[T]:
    """Fresh exact samples of ``n``, for a floor."""
    generator = stream(0, 9)
    return (sample(n, generator) for _ in range(repeats))


def floors(judge: Callable[[T], Mapping[str, float]], draws: Iterable[T]) -> dict[str, float]:
    """Mean and standard deviation of each number over exact samples, under the names that pages look for."""
    found = [judge(draw) for draw in draws]
    names: dict[str, float] = {}
    for name in found[0]:
        values = [numbers[name] for numbers in found]
        names |= {f"{name} floor": statistics.fmean(values), f"{name} floor sd": statistics.stdev(values)}
    return names


def at_each(steps: Iterable[int], found: Mapping[str, float]) -> dict[str, float]:
    """Floors that are the same at every number of steps, each under its name there."""
    return {f"{name.replace(' floor', f' at {k} floor')}": value for name, value in found.items() for k in steps}


def read(distances: Distances, x: Tensor) -> dict[str, float]:
    """All distances of a sample; infinite for particles that are lost."""
    finite = bool(x.isfinite().all())
    return {name: distance(x) if finite else math.inf for name, distance in distances.items()}


# Runs of particles, and flows once more


def reflowed(trained: tuple[Flow, float], **options: Any) -> tuple[FlowMatching, float]:
    """A second flow on the pairs that a first one makes, and the CPU seconds of both."""
    flow, before = trained
    again, seconds = timed(lambda: reflow(flow, verbose=False, **options))
    return again, before + seconds


def moved(method: Sampler, x0: Tensor, steps: int, seed: int) -> Tensor:
    """The particles after so many steps; not numbers where the run diverged, whose last state proves nothing."""
    options = {"n_steps": steps, "record_every": steps, "generator": stream(seed, 3)}
    run = run_particles(method, x0, verbose=False, **options)
    return torch.full_like(run.final, math.nan) if run.diverged else run.final


def within(seconds: float, method: Sampler, x: Tensor, seed: int) -> tuple[Tensor, float, int]:
    """The particles, the seconds and the number of steps when the CPU seconds are used up.

    Not numbers where the particles were lost, long before they are too large for the score that moves them.
    """
    state, steps, generator, started = method.init(x), 0, stream(seed, 3), time.process_time()
    bound = _LOST * max(1.0, float(x.abs().max()))
    while (used := time.process_time() - started) < seconds:
        x, state, _ = method.step(x, state, progress=0.0, generator=generator)
        steps += 1
        if not float(x.abs().max()) < bound:  # so for NaN, too
            return torch.full_like(x, math.nan), used, steps
    return x, used, steps


def nearest(ends: Iterable[End], distance: Callable[[Tensor], float]) -> End:
    """Of several runs, each its particles and more, the one that ends nearest; lost particles are last."""
    return min(ends, key=lambda end: distance(end[0]) if bool(end[0].isfinite().all()) else math.inf)
