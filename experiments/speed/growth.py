"""How the time grows with the data, the features, the particles and the rank: fitted exponents."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from experiments.speed import regressions, updates

F64 = torch.float64


@dataclass(frozen=True)
class Axis:
    """What grows, and how far."""

    name: str
    sizes: tuple[int, ...]
    prepare: Callable[[int], Callable[[], Any]]


def _edmd(n: int, m: int) -> Callable[[], Any]:
    kernels = partial(regressions.dictionary, 10, m, 2.0)
    return regressions.our_edmd(n, dim=10, basis=kernels, reversible=True, dtype=F64)


def _iteration(particles: int, rank: int, data: int) -> Callable[[], Any]:
    x, spectrum, _ = updates.kernel_case(particles, rank, data)
    return lambda: updates.velocity(spectrum, x, math.inf)


AXES = (
    Axis("pairs (EDMD, 200 features)", (20_000, 40_000, 80_000), lambda n: _edmd(n, 200)),
    Axis("features (EDMD, 20,000 pairs)", (200, 400, 800), lambda m: _edmd(20_000, m)),
    Axis("particles (2,000 data, rank 50)", (2000, 4000, 8000), lambda p: _iteration(p, 50, 2000)),
    Axis("rank (2,000 particles, 2,000 data)", (12, 25, 50), lambda r: _iteration(2000, r, 2000)),
    Axis("data of the kernel spectrum (2,000 particles)", (1000, 2000, 4000), lambda n: _iteration(2000, 25, n)),
)


def measure(quick: bool = False) -> list[dict]:
    """For each axis the median seconds of three sizes, taking turns, and the slope between their logarithms."""
    rounds = 1 if quick else 5
    return [_fit(axis, [s // 10 for s in axis.sizes] if quick else list(axis.sizes), rounds) for axis in AXES]


def _fit(axis: Axis, sizes: list[int], rounds: int) -> dict:
    runs = [axis.prepare(size) for size in sizes]
    seconds: list[list[float]] = [[] for _ in sizes]
    runs[0]()
    for _ in range(rounds):
        for run, column in zip(runs, seconds):
            started = time.process_time()
            run()
            column.append(time.process_time() - started)
    medians = [statistics.median(column) for column in seconds]
    slope = np.polyfit(np.log(sizes), np.log(medians), 1)[0]
    return {"what grows": axis.name, "sizes": sizes, "seconds": medians, "exponent": float(slope)}
