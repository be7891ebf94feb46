"""How codes are judged, and what a row computes."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from experiments.images.samplers import SAMPLERS, SETTINGS, all_codes, data, flow, flow_by_class, pictures
from experiments.machinery.common import floors, stream
from koopcourse import zoo
from koopteach.metrics import (
    class_balance,
    frechet_distance,
    neighbour_ratio,
    precision_recall,
    sliced_wasserstein2,
)

N_FLOOR = 8


@cache
def held_out(name: str) -> tuple[Tensor, Tensor]:
    """Features of the held-out pictures after the round trip, and as they are."""
    codes, images = all_codes(name)[1], pictures(name).test[: SETTINGS[name].n_judged]
    return seen(name, codes), zoo.shipped(f"{name}-classifier").features(images).double()


def seen(name: str, codes: Tensor) -> Tensor:
    """Features of the decoded codes."""
    decoded = zoo.shipped(f"{name}-codes").decode(codes)
    return zoo.shipped(f"{name}-classifier").features(decoded).double()


def judged(name: str, codes: Tensor) -> dict[str, float]:
    """All that compares codes with held-out ones."""
    features, (kept, as_they_are) = seen(name, codes), held_out(name)
    precision, recall = precision_recall(kept, features)
    decoded = zoo.shipped(f"{name}-codes").decode(codes)
    labels = pictures(name).test_labels[: SETTINGS[name].n_judged]
    return {
        "Frechet": frechet_distance(features, kept),
        "to pictures": frechet_distance(features, as_they_are),
        "precision": precision,
        "recall": recall,
        "classes": class_balance(zoo.shipped(f"{name}-classifier").predict(decoded), labels),
        "sliced W2": sliced_wasserstein2(codes, all_codes(name)[1]),
    }


@cache
def floors_of(name: str) -> dict[str, float]:
    """Of each number, for real training codes, as many as are drawn."""
    codes, n = all_codes(name)[0], SETTINGS[name].n_judged
    draws = (codes[torch.randperm(len(codes), generator=stream(i, 9))[:n]] for i in range(N_FLOOR))
    return floors(lambda draw: judged(name, draw), draws)


def sample(seed: int, pictures_of: str, method: str, beside: str = "") -> dict[str, float]:
    """The numbers of one method, and as multiples of those of a flow if there is one to compare with."""
    codes, seconds = SAMPLERS[method](pictures_of, seed)
    numbers = judged(pictures_of, codes)
    train, held = data(pictures_of, seed)[0], all_codes(pictures_of)[1]
    numbers |= {"neighbour": neighbour_ratio(codes, train, held), "CPU s": seconds}
    if beside:
        rival_codes, rival_seconds = {"flow": flow, "flow by class": flow_by_class}[beside](pictures_of, seed)
        rival = judged(pictures_of, rival_codes) | {"CPU s": rival_seconds}
        numbers |= {f"{key} / flow": numbers[key] / rival[key] for key in ("Frechet", "precision", "recall", "CPU s")}
    return numbers | floors_of(pictures_of)
