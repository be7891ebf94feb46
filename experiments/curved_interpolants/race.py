"""The race at few Euler steps: a pushed chart against flow matching with pairs of optimal transport."""

from __future__ import annotations

import copy
from functools import cache, partial

import torch

from experiments.curved_interpolants.flows import (
    BATCH,
    PROBLEMS,
    Trained,
    coded,
    judged,
    noise,
    plain,
    sliced,
    structure,
    target,
)
from experiments.machinery.common import at_each, floors, reflowed, stream, timed
from koopteach.interpolants import DecodedFlow, PushedFlow

OURS = "pushed chart"
FEW = (1, 2, 4)
N_RACE = 40_000

# Steps of training, so that no rival has fewer seconds than the pushed chart with its maps: from eight gaussians it
# fits two of them. Reflow goes on from the flow of OT-CFM.
MOONS, RING, BOARD = PROBLEMS
CHART, REFLOW = 2500, 400
OT = {MOONS: 1200, RING: 1400, BOARD: 1200}
LOCAL = {MOONS: 4400, RING: 5300, BOARD: 4400}
# The strongest rival races twice: with more steps it has twice our seconds.
LONGER, MORE = "local pairs, more steps", {MOONS: 9000, RING: 10_500, BOARD: 9000}


@cache
def racer(problem: str, method: str, seed: int) -> Trained:
    """A trained rival, or ours."""
    match method:
        case "pushed chart":
            return coded(PushedFlow, problem, seed, steps=CHART)
        case "decoded chart":
            return coded(DecodedFlow, problem, seed, steps=CHART)
        case "OT-CFM":
            return plain("ot", problem, seed, steps=OT[problem])
        case "local pairs":
            return plain("local", problem, seed, steps=LOCAL[problem])
        case "local pairs, more steps":
            return plain("local", problem, seed, steps=MORE[problem])
        case "OT-CFM + reflow":
            return second(problem, seed)
    raise ValueError(f"racer: no method {method!r}.")


def second(problem: str, seed: int) -> Trained:
    """A second flow on what OT-CFM makes, from its weights on."""
    first = racer(problem, "OT-CFM", seed)
    options = {"n_steps": REFLOW, "batch": BATCH, "generator": stream(seed, 5)}
    return reflowed(first, steps=10, net=copy.deepcopy(first[0].net), **options)


RACERS = (OURS, "decoded chart", "OT-CFM", "OT-CFM + reflow", "local pairs")


@cache
def race_floor(problem: str) -> dict[str, float]:
    """Mean and spread over pairs of exact samples, both of them fresh."""
    draw, other = stream(0, 10), stream(0, 11)

    def judge(x: torch.Tensor) -> dict[str, float]:
        return {"SW2": sliced(x, target(problem, N_RACE, other)), "structure": structure(problem, x)}

    return at_each(FEW, floors(judge, (target(problem, N_RACE, draw) for _ in range(6))))


@cache
def finish(problem: str, method: str, seed: int) -> dict[str, float]:
    """Sliced W2 of 40,000 samples to as many exact ones, and how many lie where those do.

    All racers of a seed start from the same noise.
    """
    flow, _ = racer(problem, method, seed)
    x0, exact = noise(problem, N_RACE, stream(seed, 12)), target(problem, N_RACE, stream(seed, 13))
    ends = {k: flow.transport(x0, solver="euler", steps=k) for k in FEW}
    found = {f"SW2 at {k}": sliced(x, exact) for k, x in ends.items()}
    return found | {f"structure at {k}": structure(problem, x) for k, x in ends.items()}


def race_row(seed: int, problem: str, method: str) -> dict[str, float]:
    """Distances, how far they lie above those of the pushed chart of this seed, and the seconds of both."""
    (flow, seconds), (_, ours) = racer(problem, method, seed), racer(problem, OURS, seed)
    found, best = dict(finish(problem, method, seed)), finish(problem, OURS, seed)
    if method != OURS:
        found |= {f"above ours at {k}": found[f"SW2 at {k}"] - best[f"SW2 at {k}"] for k in FEW}
        found["seconds / ours"] = seconds / ours
    x0 = noise(problem, 10_000, stream(seed, 14))
    one_step = partial(flow.transport, x0, solver="euler", steps=1)
    times = [timed(one_step)[1] for _ in range(3)]
    return {**found, "training CPU s": seconds, "sampling CPU ms": 1000 * min(times), **race_floor(problem)}


def racer_row(seed: int, problem: str, method: str) -> dict[str, float]:
    """A racer in the large table."""
    return judged(*racer(problem, method, seed), problem, seed)
