"""Class-conditional signatures: whether what the modes do tells the classes, beside what tells them without modes."""

from __future__ import annotations

import torch
from torch import Tensor

from experiments.image_flows.claims import N_FIT, N_TEST, classes, held_out, pair_amplitudes, pairs, picked
from experiments.machinery.common import stream
from koopteach.koopman_flow import KoopmanFlow


def nearest_mean(x: Tensor, labels: Tensor, new: Tensor, truth: Tensor) -> float:
    """Accuracy on ``new`` ``(m, k)`` of the class whose mean of ``x`` ``(n, k)`` is nearest, columns standardised."""
    mean, scale = x.mean(0), x.std(0).clamp_min(1e-12)
    x, new = (x - mean) / scale, (new - mean) / scale
    names = labels.unique()
    means = torch.stack([x[labels == name].mean(0) for name in names])
    return float((names[torch.cdist(new, means).argmin(dim=1)] == truth).double().mean())


def energies(flow: KoopmanFlow, x0: Tensor) -> Tensor:
    """One number for each mode: logarithm of the energy of position, drift and each pair, ``(n, 2 + K)``."""
    modes = flow.modes(x0)
    parts = torch.stack([modes.position, modes.drift, *modes.amplitudes.abs()], dim=1)
    return parts.square().sum(dim=2).log().to(x0)


def coefficients(flow: KoopmanFlow, x0: Tensor) -> Tensor:
    """All numbers of the modes, ``(n, (2 + 2 K) d)``."""
    modes = flow.modes(x0)
    return torch.cat([modes.position, modes.drift, pair_amplitudes(flow, x0)], dim=1).to(x0)


def readings(flow: KoopmanFlow, x0: Tensor, codes: Tensor) -> dict[str, Tensor]:
    """What one may guess a picture's class from."""
    return {
        "energies": energies(flow, x0),
        "coefficients": coefficients(flow, x0),
        "codes": codes,
        "noise": x0,
        "size": codes.square().sum(dim=1, keepdim=True).log(),
    }


def compared(learn: tuple[dict[str, Tensor], Tensor], test: tuple[dict[str, Tensor], Tensor]) -> dict[str, float]:
    """Accuracy by each reading, and the share of the largest class."""
    (known, labels), (new, truth) = learn, test
    found = {name: nearest_mean(known[name], labels, new[name], truth) for name in known}
    return found | {"largest class": float(truth.bincount().max() / len(truth))}


def signatures(seed: int, student: str, pictures: str) -> dict[str, float]:
    """Of drawn pictures, named by the classifier, or of held-out ones with their true labels, taken back to noise."""
    which, flow, _ = picked(student)
    if pictures == "held out":
        real, labels = held_out(which)
        order = torch.randperm(len(real), generator=stream(seed, 32))
        halves = [(real[rows], flow.invert(real[rows]), labels[rows]) for rows in order.chunk(2)]
    else:
        drawn = (pairs(which, seed, n) for n in (N_FIT, N_TEST))
        halves = [(codes, x0, classes(which, codes)) for x0, codes in drawn]
    learn, test = ((readings(flow, x0, codes), labels) for codes, x0, labels in halves)
    return compared(learn, test)
