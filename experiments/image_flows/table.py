"""Koopman-CFM on pictures: one-step samplers and their rivals, and speed at equal quality."""

from __future__ import annotations

import os
from collections.abc import Iterator
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
from experiments.koopman_cfm.samplers import STAGES, TIMES
from experiments.machinery.common import cpu_ms, slug, stream
from experiments.machinery.experiment import Band, Experiment, Row
from koopteach.metrics import class_balance, frechet_distance, neighbour_ratio, precision_recall

SEEDS = range(3000, 3003)  # nothing was tuned on their noise
FLOOR_DRAWS = 10
N_TIMED = 2000
N_NEIGHBOURS = 10_000  # training pictures among which the nearest is looked for


# What is measured


@cache
def judged(name: str) -> tuple[Tensor, Tensor]:
    """Features and labels of the real pictures that drawn ones are compared with; no model was fitted to them."""
    features, labels = kept(name)["test"]
    rows = torch.randperm(len(labels), generator=stream(0, 21))[: SETTINGS[name].n_judged]
    return features[rows], labels[rows]


def scores(name: str, features: Tensor, labels: Tensor) -> dict[str, float]:
    """Of pictures, by their features and what the classifier calls them, against the held-out real ones."""
    real, real_labels = judged(name)
    precision, recall = precision_recall(real, features)
    return {
        "Frechet": frechet_distance(features, real),
        "precision": precision,
        "recall": recall,
        "balance": class_balance(labels, real_labels),
        "neighbour": neighbour_ratio(features, kept(name)["train"][0][:N_NEIGHBOURS], real),
    }


@cache
def floors(name: str) -> dict[str, float]:
    """Mean and spread of each score over draws of as many real pictures, training ones."""
    features, labels = kept(name)["train"]
    draws = []
    for draw in range(FLOOR_DRAWS):
        rows = torch.randperm(len(labels), generator=stream(draw, 22))[: SETTINGS[name].n_judged]
        draws.append(scores(name, features[rows], labels[rows]))
    found = {}
    for score in draws[0]:
        if score != "neighbour":  # training pictures are at no distance from themselves
            values = torch.tensor([draw[score] for draw in draws], dtype=torch.float64)
            found |= {f"{score} floor": float(values.mean()), f"{score} floor sd": float(values.std())}
    return found


def drawn(name: str, z: Tensor) -> dict[str, float]:
    """The scores of coordinates ``(n, d)``, as pictures."""
    shown = components(name).decode(z.cpu())
    return scores(name, classifier(name).features(shown), classifier(name).predict(shown))


def frechet(name: str, z: Tensor) -> float:
    """The Frechet distance alone."""
    return frechet_distance(classifier(name).features(components(name).decode(z.cpu())), judged(name)[0])


def rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())


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
    return {**found, **cost, **floors(name)}


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
    settings = [(STAGES[solver] * steps, solver, steps) for solver in STAGES for steps in range(1, 33)]
    for _, solver, steps in sorted(settings, key=lambda setting: (setting[0], -STAGES[setting[1]])):
        distance = frechet(name, flow.transport(x0, solver=solver, steps=steps))
        if distance <= enough:
            return solver, steps, distance
    raise RuntimeError(f"no solver of up to 32 evaluations reaches {enough:.3g} on {name}")


# The rows

BANDS = {
    "digits": {
        "teacher, midpoint 2": (Band("Frechet", 4.0, "Frechet floor"),),
        "teacher, Euler 1": (Band("Frechet", 20.0, "Frechet floor", at_least=True),),
        "Koopman-CFM, coefficients": (Band("end", 0.3), Band("path", 0.2), Band("inverse", 0.8)),
    },
    "fashion": {
        "teacher, Euler 1": (Band("Frechet", 20.0, "Frechet floor", at_least=True),),
        "Koopman-CFM, coefficients": (Band("end", 0.3), Band("path", 0.2), Band("inverse", 0.8)),
    },
}
TITLES = {
    "digits": "Digits 8 x 8 in 32 components",
    "fashion": "Fashion-MNIST 28 x 28 in 40 components",
    "fashion large": "Fashion-MNIST 28 x 28 in 128 components, large networks on a GPU",
}


LONG = ("consistency", "OT-CFM")  # the longest trainings: for digits, and on a GPU


def sample_rows(name: str) -> Iterator[Row]:
    for method in SAMPLERS:
        if name == "fashion" and any(part in method for part in LONG):
            continue
        parameters, bands = {"name": name, "method": method}, BANDS.get(name, {}).get(method, ())
        yield Row(slug(name, method), TITLES[name], samples, parameters, SEEDS, bands)


def other_rows() -> Iterator[Row]:
    for name in ("digits", "fashion"):
        title = "Speed against the cheapest setting of the teacher of equal quality"
        yield Row(slug("speed", name), title, speed, {"name": name}, SEEDS, (Band("times faster", 1.5, at_least=True),))


def all_rows() -> list[Row]:
    """The profile ``gpu`` adds the large networks, which no laptop trains."""
    sets = ["digits", "fashion", *(["fashion large"] if os.environ.get("KOOPTEACH_PROFILE") == "gpu" else [])]
    return [*(row for name in sets for row in sample_rows(name)), *other_rows()]


EXPERIMENT = Experiment(
    title="Koopman-CFM on pictures: one step, and its rivals at equal quality",
    about=(
        "Digits 8 x 8 (1,160 to learn from, 580 held out) and Fashion-MNIST 28 x 28 (60,000 and 10,000), in principal "
        "components with one common scale. A teacher, flow matching with independent pairs, carries normal noise to "
        "them. All else of a set has networks of the same width, as many training steps and, where it learns from the "
        "teacher, as many of its paths: *direct regression* the end from the start, *reflow* a second flow, "
        "*Koopman-CFM* the whole path from one evaluation. *OT-CFM* is trained on the data with pairs of optimal "
        "transport. Each row is of three seeds, from the weights to the noise: their median and, in brackets, the "
        "largest.\n\n"
        "Drawn and real pictures are compared in the 64 features of a perceptron trained to tell the classes, both cut "
        "to their components. *Frechet* is the Frechet distance to held-out pictures, as many as are drawn; it depends "
        "on classifier and number and means something beside its floor only: what as many real training pictures "
        "score, mean ± standard deviation of ten draws. *Precision*: the share of drawn pictures among real ones, "
        "*recall* of real among drawn ones. *Balance*: total variation between class frequencies. *Neighbour*: median "
        "distance to the nearest training picture, over the same of held-out ones; near zero for copies. *End*, *mid* "
        "and *path* are distances to the teacher's states in small steps, relative to the size of its end points; "
        "*inverse* the error of the noise that a student finds back, in standard deviations. Training seconds are a "
        "sampler's own, without its teacher's; *CPU ms* is for 2,000 pictures. Seconds were taken on a busy "
        "machine.\n\n"
        "*Speed*: against the fewest evaluations by which the teacher's Frechet distance is at most the student's.\n\n"
        "How to read it: with one evaluation direct regression draws best, the lifted flow next; both draw better "
        "than one Euler step of any flow. Two to four midpoint steps of the teacher, without any student, are as "
        "good as either, so that the gain is five- to sevenfold and not a hundredfold. No sampler is at the floor, "
        "the teacher itself included. What the lift has beyond is the states on the way, the modes, and a way back, "
        "which is off by half a standard deviation here. For digits, OT-CFM and the paper's training by consistency "
        "are beside them; for clothes they are left out, as they take longest. The profile gpu "
        "(KOOPTEACH_PROFILE=gpu, on a machine with CUDA) adds a table of all of them with large networks, which has "
        "not been computed."
    ),
    rows=all_rows(),
)
