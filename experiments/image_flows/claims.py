"""What version 3 of the paper on Koopman-CFM claims beside sampling, read from its abstract, as numbers with floors."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from functools import cache

import torch
from torch import Tensor

from experiments.machinery.common import noise, rms, stream
from koopcourse import shipped
from koopcourse.images import load_images
from koopteach.flow_matching import FlowMatching
from koopteach.koopman_flow import KoopmanFlow
from koopteach.metrics import precision_recall

IMAGES = {"digits": "digits8", "fashion": "fashion28"}
N_FIT, N_TEST, N_RANDOM, REACH = 2000, 500, 20, 2.0
OTHER = {"digits-student": "digits-student-2"}  # the same training with another seed


def picked(name: str) -> tuple[str, KoopmanFlow, FlowMatching]:
    """The set of a shipped student, the student, its teacher."""
    which = name.split("-")[0]
    return which, shipped(name), shipped(f"{which}-teacher")


@cache
def pairs(which: str, seed: int, n: int) -> tuple[Tensor, Tensor]:
    """Noise ``(n, d)`` and where the teacher carries it in small steps; other noise for another ``n``."""
    teacher = shipped(f"{which}-teacher")
    x0 = noise(seed + n, n, teacher.dim)
    return x0, teacher.transport(x0, solver="midpoint", steps=20)


def features(which: str, z: Tensor) -> Tensor:
    """What the shipped classifier sees of coordinates ``(n, d)``: ``(n, 64)``."""
    return shipped(f"{which}-classifier").features(shipped(f"{which}-components").decode(z))


def classes(which: str, z: Tensor) -> Tensor:
    """What it calls them, ``(n,)``."""
    return shipped(f"{which}-classifier").predict(shipped(f"{which}-components").decode(z))


@cache
def held_out(which: str) -> tuple[Tensor, Tensor]:
    """Coordinates and true labels of pictures that no model has seen."""
    images = load_images(IMAGES[which])
    return shipped(f"{which}-components").encode(images.test).float(), images.test_labels


# Editing


def coherence(change: Tensor) -> float:
    """How alike changes ``(n, k)`` are, ``|mean|^2 / mean |change|^2``: 1 for one change, ``1/n`` for unrelated."""
    return float(change.mean(0).square().sum() / change.square().sum(dim=1).mean())


def at(x0: Tensor, direction: Tensor, value: float) -> Tensor:
    """Noise ``(n, d)`` whose coordinate along a unit ``direction`` ``(d,)`` is ``value``; all else stays."""
    return x0 + (value - x0 @ direction)[:, None] * direction


def strongest(x0: Tensor, answer: Tensor) -> Tensor:
    """The unit direction of noise ``(d,)`` to which an answer ``(n, k)`` responds most, by least squares."""
    slopes = torch.linalg.lstsq(x0 - x0.mean(0), answer - answer.mean(0)).solution
    return torch.linalg.svd(slopes, full_matrices=False).U[:, 0]


def pair_amplitudes(student: KoopmanFlow, x0: Tensor) -> Tensor:
    """Real and imaginary parts of the amplitudes of all pairs, ``(n, 2 K d)``."""
    parts = torch.view_as_real(student.modes(x0).amplitudes)  # (K, n, d, 2)
    return parts.transpose(0, 1).flatten(1).to(x0)


def class_means(which: str, x0: Tensor, ends: Tensor) -> Tensor:
    """The unit direction ``(d,)`` from all noise to that of the class whose mean lies farthest: a probe with labels."""
    labels = classes(which, ends)
    means = torch.stack([x0[labels == k].mean(0) for k in labels.unique()]) - x0.mean(0)
    farthest = means[means.norm(dim=1).argmax()]
    return farthest / farthest.norm()


def direction_of(name: str, found_by: str, seed: int) -> Tensor:
    """A direction of noise, found by the modes, by the end points alone, or by labels."""
    which, student, _ = picked(name)
    x0, ends = pairs(which, seed, N_FIT)
    finders: dict[str, Callable[[], Tensor]] = {
        "pair": lambda: strongest(x0, pair_amplitudes(student, x0)),
        "drift": lambda: strongest(x0, student.modes(x0).drift),
        "end points, no operator": lambda: strongest(x0, ends),
        "class means, with labels": lambda: class_means(which, x0, ends),
    }
    return finders[found_by]()


def judged(which: str, plus: Tensor, minus: Tensor) -> dict[str, float]:
    """Of both ends of an edit: coherence of the classifier's features, share of all pictures that one class wins."""
    won = torch.zeros(10).index_add(0, classes(which, plus), torch.ones(len(plus)))
    won -= torch.zeros(10).index_add(0, classes(which, minus), torch.ones(len(minus)))
    change = features(which, plus) - features(which, minus)
    return {"coherence": coherence(change), "one class wins": float(won.abs().max() / len(plus))}


def with_floor(found: dict[str, float], random: Iterable[dict[str, float]]) -> dict[str, float]:
    """Beside each number mean and spread of what random directions of the same length reach."""
    draws = list(random)
    for key in list(found):
        values = [draw[key] for draw in draws]
        found |= {f"{key} floor": statistics.fmean(values), f"{key} floor sd": statistics.stdev(values)}
    above = found["coherence"] - found["coherence floor"]
    return found | {"spreads above": above / found["coherence floor sd"]}


def random_directions(seed: int, dim: int) -> Tensor:
    """Unit rows ``(20, d)``."""
    return torch.nn.functional.normalize(torch.randn(N_RANDOM, dim, generator=stream(seed, 31)), dim=1)


def editing(seed: int, student: str, found_by: str) -> dict[str, float]:
    """Set the noise's coordinate along a direction to 2 and to -2, draw both, compare."""
    which, flow, _ = picked(student)
    x0 = noise(seed, N_TEST, flow.dim)

    def ends(direction: Tensor) -> tuple[Tensor, Tensor]:
        return flow.transport(at(x0, direction, REACH)), flow.transport(at(x0, direction, -REACH))

    direction = direction_of(student, found_by, seed)
    edited = ends(direction)
    found = judged(which, *edited)
    found = with_floor(found, (judged(which, *ends(e)) for e in random_directions(seed, flow.dim)))
    rival = judged(which, *ends(direction_of(student, "end points, no operator", seed)))
    found["over no operator"] = found["coherence"] / rival["coherence"]
    real = features(which, held_out(which)[0][:N_TEST])
    kept, before = (precision_recall(real, features(which, z))[0] for z in (torch.cat(edited)[::2], flow.transport(x0)))
    found["precision kept"] = kept / before
    if student in OTHER:
        found["same by another seed"] = float((direction @ direction_of(OTHER[student], found_by, seed)).abs())
    return found


def gains(seed: int, student: str) -> dict[str, float]:
    """Turn the pairs' gain to 1.5 and to 0.5; the floor adds one random picture of the same length to each."""
    which, flow, _ = picked(student)
    x0 = noise(seed, N_TEST, flow.dim)
    n_pairs = len(flow.rates) // 2 - 1
    plus, minus = (flow.edit(x0, [1.0, *[gain] * n_pairs]) for gain in (1.5, 0.5))
    middle, half = (plus + minus) / 2, (plus - minus).norm(dim=1, keepdim=True) / 2
    random = (judged(which, middle + half * e, middle - half * e) for e in random_directions(seed, flow.dim))
    return with_floor(judged(which, plus, minus), random)


# Inversion


def inversion(seed: int, student: str) -> dict[str, float]:
    """The noise that the teacher's samples came from, and held-out pictures there and back."""
    which, flow, teacher = picked(student)
    x0, ends = pairs(which, seed, N_TEST)
    found = {"noise off": rms(flow.invert(ends) - x0)}
    for name, solver, steps in (("Euler, 1", "euler", 1), ("midpoint, 4", "midpoint", 2), ("solver", "midpoint", 20)):
        found[f"off by {name}"] = rms(teacher.invert(ends, solver=solver, steps=steps) - x0)
    found["off by linear probe"] = rms(probe(*reversed(pairs(which, seed, N_FIT)), ends) - x0)
    return found | (there_and_back(which, flow, teacher) if which in IMAGES else {})


def probe(x: Tensor, y: Tensor, new: Tensor) -> Tensor:
    """Least squares of ``y`` ``(n, k)`` on ``x`` ``(n, d)`` and 1, at ``new``."""
    one = torch.ones(1).expand
    weights = torch.linalg.lstsq(torch.cat([x, one(len(x), 1)], dim=1), y).solution
    return torch.cat([new, one(len(new), 1)], dim=1) @ weights


def there_and_back(which: str, flow: KoopmanFlow, teacher: FlowMatching) -> dict[str, float]:
    """Share of held-out pictures that keep their class, by the student, by the teacher's solver; the largest class."""
    real = held_out(which)[0][:N_TEST]
    before = classes(which, real)
    again = {
        "class kept": flow.transport(flow.invert(real)),
        "kept by solver": teacher.transport(teacher.invert(real, steps=20), steps=20),
    }
    kept = {name: float((classes(which, z) == before).double().mean()) for name, z in again.items()}
    return kept | {"largest class": float(before.bincount().max() / len(before))}
