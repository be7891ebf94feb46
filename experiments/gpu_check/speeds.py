"""Milliseconds of what the lessons wait for, on the processor and on a device."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from experiments.gpu_check.hot_paths import Move, mover, normal, seeded
from koopcourse.zoo import shipped
from koopteach import KSWGD, AllenCahn, FlowMatching, GeneratorEDMD, MultiScale, moons

REPEATS = 3
Work = Callable[[Move, float], tuple[Callable[[], Any], int]]  # from a share of the full size to work and its count


def milliseconds(work: Callable[[], Any], device: str, count: int = 1) -> float:
    """The least of a few runs after one that warms up, divided by ``count``; a GPU is waited for."""
    wait = torch.cuda.synchronize if torch.device(device).type == "cuda" else lambda: None
    seconds = []
    for _ in range(1 + REPEATS):
        wait()
        started = time.perf_counter()
        work()
        wait()
        seconds.append(time.perf_counter() - started)
    return 1000 * min(seconds[1:]) / count


@cache
def _recipe(n: int) -> tuple[Tensor, MultiScale]:
    """Data, and the default dictionary made from them on the processor, where its k-means is."""
    x = moons.sample(n, seeded())
    return x, MultiScale.from_data(x, generator=seeded())


def fit(to: Move, share: float) -> tuple[Callable[[], Any], int]:
    x, psi = map(to, _recipe(int(20_000 * share)))
    return lambda: GeneratorEDMD(psi, standardize=True).fit(x).spectrum(), 1


def _step(n: int) -> Work:
    def step(to: Move, share: float) -> tuple[Callable[[], Any], int]:
        x, psi = _recipe(int(20_000 * share))
        method = KSWGD(to(GeneratorEDMD(psi, standardize=True).fit(x).spectrum(100)), damping=1.0)
        start = to(normal(int(n * share), 2))
        return lambda: method.step(start.clone(), None, progress=0.0, generator=seeded()), 1

    return step


def training(to: Move, share: float) -> tuple[Callable[[], Any], int]:
    x, steps = to(_recipe(int(20_000 * share))[0]), max(2, int(200 * share))
    return lambda: FlowMatching(2).fit(x, n_steps=steps, generator=seeded(), verbose=False), steps


def sampling(to: Move, share: float) -> tuple[Callable[[], Any], int]:
    student, x0 = to(shipped("moons-student")), to(normal(int(100_000 * share), 2).float())
    return lambda: student.transport(x0), 1


def pictures(to: Move, share: float) -> tuple[Callable[[], Any], int]:
    student, linear = to(shipped("fashion-student")), shipped("fashion-components")
    x0 = to(normal(int(2000 * share), student.dim).float())
    return lambda: linear.decode(student.transport(x0)), 1


def fields(to: Move, share: float) -> tuple[Callable[[], Any], int]:
    spde, steps = to(AllenCahn(64)), 10
    u = to(0.1 * normal(int(10_000 * share), 64))
    return lambda: spde.trajectory(u, n_steps=steps, every=steps, generator=seeded()), steps


SPEEDS: dict[str, Work] = {
    "fit of 20,000 points by the default dictionary": fit,
    "damped step of 10,000 particles": _step(10_000),
    "damped step of 100,000 particles": _step(100_000),
    "a flow's training step, batch 512": training,
    "100,000 points by a student's one step": sampling,
    "2,000 pictures by a student's one step, decoded": pictures,
    "a step of 10,000 Allen-Cahn fields": fields,
}


def measured(name: str, device: str, share: float = 1.0) -> float:
    """Milliseconds of one of :data:`SPEEDS` on a device, at a share of its size."""
    work, count = SPEEDS[name](mover(device), share)
    return milliseconds(work, device, count)
