"""How codes are judged, and what a row computes."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import cache
from itertools import islice

import torch
from torch import Tensor

from experiments.images.samplers import MANY, N_LAW, VARIANCES, by_region, cells, evenly, flow, many, trained_flow
from experiments.images.tasks import SETTINGS, HeldOut, Task, data, encoded, held_out, seen
from experiments.machinery.common import floors, rms, stream
from koopcourse import zoo
from koopcourse.judges import halves
from koopteach.metrics import (
    class_balance,
    frechet_distance,
    neighbour_ratio,
    precision_recall,
    sliced_wasserstein2,
)
from koopteach.sampler import herd

PARTS = 6  # of a large run, each judged on its own
HALVINGS = 8  # of the held-out pictures
N_FLOOR = {"law": 8, "evenness": 4}


# Judges


def judged(name: str, codes: Tensor, kept: HeldOut) -> dict[str, float]:
    """All that compares codes with held-out ones; precision and recall at equal numbers."""
    features, n = seen(name, codes), min(SETTINGS[name].n_judged, len(kept.codes))
    some = torch.randperm(len(kept.codes), generator=stream(0, 10))[:n]
    precision, recall = precision_recall(kept.features[some], features[:n])
    guessed = zoo.shipped(f"{name}-classifier").predict(zoo.shipped(f"{name}-codes").decode(codes))
    return {
        "Frechet": frechet_distance(features, kept.features),
        "to pictures": frechet_distance(features, kept.as_they_are),
        "precision": precision,
        "recall": recall,
        "classes": class_balance(guessed, kept.labels),
        "sliced W2": sliced_wasserstein2(codes, kept.codes),
    }


def parts(codes: Tensor, n: int) -> Iterator[Tensor]:
    """Random parts of many codes."""
    draw = stream(0, 11)
    return (codes[torch.randperm(len(codes), generator=draw)[:n]] for _ in range(PARTS))


def of_held_out(name: str, codes: Tensor, kept: HeldOut) -> float:
    """Standard deviation of the Frechet distance over which pictures were held out, from halves of them.

    The difference between halves has twice the deviation of the number for all.
    """
    features, draw, gaps = seen(name, codes), stream(0, 12), []
    for _ in range(HALVINGS):
        half = torch.randperm(len(kept.features), generator=draw).chunk(2)
        one, other = (frechet_distance(features, kept.features[rows]) for rows in half)
        gaps.append(one - other)
    return rms(torch.tensor(gaps)) / 2


def copies(codes: Tensor, task: Task, kept: HeldOut) -> dict[str, float]:
    """Do samples copy? Halves is 1/2 for new codes, neighbour 1."""
    train = data(task)[0]
    return {
        "halves": halves(codes, train, kept.codes, generator=stream(task.seed, 13)),
        "neighbour": neighbour_ratio(codes, train, kept.codes),
    }


@cache
def floors_of(name: str, question: str) -> dict[str, float]:
    """Of each number, for real training codes: as many as are judged, at random or picked evenly."""
    x, n = encoded(name, "train"), SETTINGS[name].n_judged

    def draw(seed: int) -> Tensor:
        rows = torch.randperm(len(x), generator=stream(seed, 9))
        if question == "law":
            return x[rows[: N_LAW[name][0]]]
        of = x[rows[: MANY * n]]
        return of[herd(of, n)]

    kept = held_out(name, "test")
    return floors(lambda codes: judged(name, codes, kept), map(draw, range(N_FLOOR[question])))


# Rows


def law(seed: int, pictures_of: str, method: str, **options: float) -> dict[str, float]:
    """The mean over random parts of many codes."""
    task, (n, count) = Task(pictures_of, seed), N_LAW[pictures_of]
    codes, seconds = many(task, method, **options)
    kept, some = held_out(pictures_of, "test"), list(islice(parts(codes, n), count))
    numbers = [judged(pictures_of, part, kept) for part in some]
    mean = {key: statistics.fmean(of[key] for of in numbers) for key in numbers[0]}
    return told(mean, task, some[0], kept, seconds) | floors_of(pictures_of, "law")


def evenness(seed: int, pictures_of: str, method: str, **options: float) -> dict[str, float]:
    """Particles as they are, or as many codes picked evenly of ten times as many draws."""
    task, kept = Task(pictures_of, seed), held_out(pictures_of, "test")
    codes, seconds = evenly(task, method, **options)
    return told(judged(pictures_of, codes, kept), task, codes, kept, seconds) | floors_of(pictures_of, "evenness")


def told(numbers: dict[str, float], task: Task, codes: Tensor, kept: HeldOut, seconds: float) -> dict[str, float]:
    """The numbers of a row in their order, beside how many pictures judged."""
    frechet = {"Frechet": numbers["Frechet"], "held-out sd": of_held_out(task.name, codes, kept)}
    more = {"CPU s": seconds, "judged by": len(kept.codes)}
    return frechet | numbers | copies(codes, task, kept) | more


def validation(seed: int, pictures_of: str, kernels: int, width: float) -> dict[str, float]:
    """Of KSWGD, by the validation part: Frechet distance and halves, for each variance that the last step takes off."""
    task, numbers = Task(pictures_of, seed, "validation"), {}
    kept, (x, _) = held_out(pictures_of, task.judge), data(task)
    size, n = (kernels, width), task.setting.n_judged
    ends = by_region(x, cells(x, seed), n, task.setting, seed, size, VARIANCES)
    for variance, codes in zip(VARIANCES, ends):
        numbers[f"Frechet, {variance:g} off"] = frechet_distance(seen(pictures_of, codes), kept.features)
        numbers[f"halves, {variance:g} off"] = copies(codes, task, kept)["halves"]
    return numbers


def training(seed: int, pictures_of: str, steps: int) -> dict[str, float]:
    """The Frechet distance of a flow's law to the validation part after so many steps of training."""
    task = Task(pictures_of, seed, "validation")
    kept = held_out(pictures_of, task.judge)
    codes = flow(task, MANY * task.setting.n_judged, steps)[0]
    distances = [
        frechet_distance(seen(pictures_of, part), kept.features) for part in parts(codes, task.setting.n_judged)
    ]
    return {"Frechet": statistics.fmean(distances), "CPU s": trained_flow(task, steps)[1]}
