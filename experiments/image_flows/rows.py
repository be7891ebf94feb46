"""What samplers of pictures are measured by, and what the rows compute."""

from __future__ import annotations

import statistics
from functools import cache, partial

import torch
from torch import Tensor

from experiments.image_flows.samplers import (
    SAMPLERS,
    SETTINGS,
    Sampler,
    classifier,
    components,
    converged,
    kept,
    noise,
    student,
    teacher,
)
from experiments.koopman_cfm.samplers import STAGES, TIMES, evaluations_first
from experiments.machinery.common import cpu_ms, floors, rms, stream
from koopcourse.judges import halves
from koopteach.metrics import class_balance, frechet_distance, neighbour_ratio, precision_recall

FLOOR_DRAWS = 10
N_TIMED = 2000
N_NEIGHBOURS = 10_000  # training pictures among which the nearest is looked for
HALVINGS = 8  # of the real pictures


# What is measured


def scores(name: str, features: Tensor, labels: Tensor) -> dict[str, float]:
    """Of pictures, by their features and what the classifier calls them, against all held-out real ones.

    Precision and recall are at equal numbers, for which the real ones are cut at random.
    """
    real, real_labels = kept(name)["test"]
    some = torch.randperm(len(real), generator=stream(0, 21))[: len(features)]
    precision, recall = precision_recall(real[some], features)
    return {
        "Frechet": frechet_distance(features, real),
        "precision": precision,
        "recall": recall,
        "balance": class_balance(labels, real_labels),
    }


def held_out_sd(name: str, features: Tensor) -> float:
    """Standard deviation of the Frechet distance over which real pictures were held out.

    Random halves of a set deviate from the whole as another set of that size does from this one.
    """
    real, draw = kept(name)["test"][0], stream(0, 23)
    halved = (real[torch.randperm(len(real), generator=draw)[: len(real) // 2]] for _ in range(HALVINGS))
    return statistics.stdev(frechet_distance(features, half) for half in halved)


def copies(name: str, features: Tensor) -> dict[str, float]:
    """Do pictures copy? Halves is 1/2 for new ones, neighbour 1."""
    train, real = kept(name)["train"][0][:N_NEIGHBOURS], kept(name)["test"][0]
    return {
        "halves": halves(features, train, real, generator=stream(0, 24)),
        "neighbour": neighbour_ratio(features, train, real),
    }


@cache
def floors_of(name: str) -> dict[str, float]:
    """Mean and spread of each score over draws of as many real pictures, training ones."""
    features, labels = kept(name)["train"]
    draws = (
        torch.randperm(len(labels), generator=stream(draw, 22))[: SETTINGS[name].n_judged]
        for draw in range(FLOOR_DRAWS)
    )
    return floors(lambda rows: scores(name, features[rows], labels[rows]), draws)


def drawn(name: str, z: Tensor) -> dict[str, float]:
    """The scores of coordinates ``(n, d)``, as pictures."""
    shown = components(name).decode(z.cpu())
    features = classifier(name).features(shown)
    found = scores(name, features, classifier(name).predict(shown)) | copies(name, features)
    return {**found, "held-out sd": held_out_sd(name, features)}


def frechet(name: str, z: Tensor) -> float:
    """The Frechet distance alone."""
    return frechet_distance(classifier(name).features(components(name).decode(z.cpu())), kept(name)["test"][0])


def along(name: str, sampler: Sampler, seed: int) -> dict[str, float]:
    """Errors against the teacher's states, relative to the size of its end points; the noise found back, absolute."""
    if not sampler.is_teachers:
        return {}
    true, x0 = converged(name, seed), noise(name, seed)
    scale = rms(true[-1])
    found = {"end": rms(sampler.end(x0) - true[-1]) / scale}
    if sampler.student is not None:
        away = sampler.student.trajectory(x0, TIMES) - true
        found |= {"mid": rms(away[len(TIMES) // 2]) / scale, "path": rms(away) / scale}
        found["inverse"] = rms(sampler.student.invert(true[-1]) - x0)
    return found


# What the rows compute


def samples(seed: int, name: str, method: str) -> dict[str, float]:
    """Scores, errors, seconds of one sampler."""
    sampler = SAMPLERS[method](name, seed)
    found = drawn(name, sampler.end(noise(name, seed))) | along(name, sampler, seed)
    start = noise(name, seed, N_TIMED)
    cost = {"training CPU s": sampler.seconds, "NFE": sampler.nfe, "CPU ms": cpu_ms(lambda: sampler.end(start))[0]}
    return {**found, **cost, **floors_of(name)}


def speed(seed: int, name: str) -> dict[str, float]:
    """The student against the fewest evaluations by which its teacher scores no worse Frechet distance."""
    flow, (model, _), x0 = teacher(name, seed), student(name, seed), noise(name, seed, N_TIMED)
    ours = frechet(name, model.transport(noise(name, seed)))
    solver, steps, theirs = cheapest(name, seed, ours)
    ms, solver_ms = cpu_ms(lambda: model.transport(x0), partial(flow.transport, x0, solver=solver, steps=steps))
    order = STAGES[solver]
    times = {"CPU ms": ms, "solver CPU ms": solver_ms, "times faster": solver_ms / ms}
    return {"Frechet": ours, "solver Frechet": theirs, "solver order": order, "NFE": order * steps, **times}


def cheapest(name: str, seed: int, enough: float) -> tuple[str, int, float]:
    """The first solver, by evaluations, whose Frechet distance is at most ``enough``."""
    flow, x0 = teacher(name, seed), noise(name, seed)
    for solver, steps in evaluations_first(32):
        distance = frechet(name, flow.transport(x0, solver=solver, steps=steps))
        if distance <= enough:
            return solver, steps, distance
    raise RuntimeError(f"no solver of up to 32 evaluations reaches {enough:.3g} on {name}")
