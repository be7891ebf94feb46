"""The flows and samplers that the experiment on Koopman-CFM compares, trained once for each law and seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from experiments.machinery.common import noise as normal
from experiments.machinery.common import stream, timed
from koopteach.flow_matching import Flow, FlowMatching, FourierNet
from koopteach.koopman_flow import KoopmanFlow
from koopteach.targets import toys

N_DATA, N_NOISE = 20_000, 4000
TIMES = torch.linspace(0, 1, 21, dtype=torch.float64)
STAGES = {"euler": 1, "midpoint": 2, "rk4": 4}  # evaluations a step, and the order

# The flow that is imitated. Only pairs of optimal transport draw the spirals' inner turns.
COUPLING = {"moons": "independent", "eight gaussians": "independent", "checkerboard": "independent", "spirals": "ot"}
DETAIL = {"spirals": {"n_frequencies": 64, "frequency_scale": 4.0}}


def evaluations_first(most: int) -> list[tuple[str, int]]:
    """Solvers with their steps, at most so many, by evaluations; of equal evaluations the higher order comes first."""
    settings = [(STAGES[solver] * steps, solver, steps) for solver in STAGES for steps in range(1, most + 1)]
    settings.sort(key=lambda setting: (setting[0], -STAGES[setting[1]]))
    return [(solver, steps) for _, solver, steps in settings]


def law(toy: str) -> Any:
    """The law in the plane of that name."""
    return getattr(toys, toy.replace(" ", "_"))


def noise(seed: int, n: int = N_NOISE) -> Tensor:
    """The start points that all samplers share."""
    return normal(seed, n, 2)


# What is trained, once for each seed, with its CPU seconds


@cache
def cfm(toy: str, coupling: str, seed: int) -> tuple[FlowMatching, float]:
    """Flow matching on samples of the law."""
    return timed(lambda: matched(toy, coupling, seed))


def matched(toy: str, coupling: str, seed: int, n_steps: int = 3000) -> FlowMatching:
    """Flow matching with pairs of some kind."""
    draw = stream(seed, 1)
    x1 = law(toy).sample(N_DATA, stream(seed, 0)).float()
    flow = FlowMatching(2, coupling=coupling, net=FourierNet(2, generator=draw, **DETAIL.get(toy, {})))
    return flow.fit(x1, n_steps=n_steps, standardize=False, generator=draw, verbose=False)


def teacher(toy: str, seed: int) -> FlowMatching:
    """The flow that one-step samplers of this law imitate."""
    return cfm(toy, COUPLING[toy], seed)[0]


@cache
def consistent(toy: str, recipe: str, seed: int) -> tuple[KoopmanFlow, float]:
    """A student by the paper's training."""
    model, fit = RECIPES[recipe]
    student = KoopmanFlow(teacher(toy, seed), net=DETAIL.get(toy, {}), **model)
    return timed(lambda: student.fit("consistency", generator=stream(seed, 4), verbose=False, **fit))


PAIRS = {"n_pairs": 2}
SHORT = {"n_steps": 1000, "n_paths": 4000}  # enough to tell what holds from what fails
RECIPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "balanced": (PAIRS, {"weights": "balanced"}),
    "paper": (PAIRS, {"weights": "paper", **SHORT}),
    "path": (PAIRS, {"weights": "path", **SHORT}),
    "target alone": (PAIRS, {"weights": {"target": 1.0}, **SHORT}),
    "consistency alone": (PAIRS, {"weights": {"consistency": 1.0}, **SHORT}),
    "paper, no pair": ({"n_pairs": 0}, {"weights": "paper", **SHORT}),
    "paper, one pair": ({"n_pairs": 1}, {"weights": "paper", **SHORT}),
    "paper, started at 0.5i and 5i": (PAIRS, {"weights": "paper", "spectrum": [0.5j, 5j], **SHORT}),
    "free generator, consistency and phase": (
        {"generator": "free"},
        {"weights": {"consistency": 1.0, "phase": 1.0}, **SHORT},
    ),
    "free generator, autoencoder": ({"generator": "free"}, {"weights": "autoencoder", **SHORT}),
}


# How samples are made


@dataclass(frozen=True)
class Sampler:
    """A way from noise to samples.

    Attributes:
        follows: the flow whose states it should reach.
        seconds: of its training, in CPU time; the teacher's own is not counted for a student.
        nfe: evaluations of a network.
        end: from noise ``(n, 2)`` to samples ``(n, 2)``.
        path: from noise to states ``(21, n, 2)`` at ``TIMES``; None where there is none.
        student: the model, where it knows its way back.
    """

    follows: Flow
    seconds: float
    nfe: int
    end: Callable[[Tensor], Tensor]
    path: Callable[[Tensor], Tensor] | None = None
    student: KoopmanFlow | None = None


def solved(trained: tuple[FlowMatching, float], follows: Flow, solver: str, steps: int) -> Sampler:
    """A flow and a few steps, its state between two of them on the straight line."""
    flow, seconds = trained
    end = partial(flow.transport, solver=solver, steps=steps)
    return Sampler(follows, seconds, STAGES[solver] * steps, end, partial(polygon, flow, solver, steps))


def polygon(flow: Flow, solver: str, steps: int, x0: Tensor) -> Tensor:
    """States at ``TIMES`` on the lines that join a solver's steps."""
    grid = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    corners, place = flow.trajectory(x0, grid, solver=solver, steps=steps), TIMES * steps
    left = place.long().clamp_max(steps - 1)
    return torch.lerp(corners[left], corners[left + 1], (place - left).to(x0)[:, None, None])


def linear(trained: tuple[KoopmanFlow, float]) -> Sampler:
    """A student of either training."""
    student, seconds = trained
    path = partial(student.trajectory, times=TIMES)
    return Sampler(student.teacher, seconds, 1, student.transport, path, student)


def its_own(toy: str, seed: int, solver: str, steps: int) -> Sampler:
    return solved(cfm(toy, COUPLING[toy], seed), teacher(toy, seed), solver, steps)


def straight(toy: str, seed: int, steps: int) -> Sampler:
    flow = cfm(toy, "ot", seed)
    return solved(flow, flow[0], "euler", steps)


SAMPLERS: dict[str, Callable[[str, int], Sampler]] = {
    "teacher, midpoint 8": partial(its_own, solver="midpoint", steps=8),
    "teacher, midpoint 2": partial(its_own, solver="midpoint", steps=2),
    "teacher, Euler 1": partial(its_own, solver="euler", steps=1),
    "OT-CFM, Euler 4": partial(straight, steps=4),
}
