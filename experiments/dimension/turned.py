"""The same modes in a frame of no meaning: no column is skewed by the weights of the modes."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from experiments.dimension.laws import Numbers, Problem, floors, mode_variance, modes, start, target
from experiments.dimension.ours import OURS, TRANSPORT, read, reported
from experiments.machinery.common import stream
from koopcourse.judges import Judge
from koopteach.metrics import mode_weights, total_variation


@cache
def turned(dim: int, seed: int) -> tuple[Problem, Tensor]:
    """Five straight modes, and the frame that they are turned into."""
    given, law = modes(dim, False, seed), target(dim, False)
    frame = torch.linalg.qr(torch.randn(dim, dim, dtype=torch.float64, generator=stream(0, 11))).Q
    at, unit = law.modes @ frame, mode_variance(given.reference, law.modes)

    def draw(n: int, generator: torch.Generator | None) -> Tensor:
        return law.sample(n, generator) @ frame

    judges: dict[str, Judge] = {
        "TV": lambda x: total_variation(mode_weights(x, at), law.mode_weights),
        "variance": lambda x: mode_variance(x, at) / unit,
    }
    return Problem(given.data @ frame, given.reference @ frame, draw, judges, at), frame


def turned_row(seed: int, dim: int, method: str) -> Numbers:
    """A method of ours on them, from one mode."""
    problem, frame = turned(dim, seed)
    end = OURS[method](problem, lambda n: start(target(dim, False), "one mode", seed, n) @ frame, seed)
    told = reported(problem, seed) if method == TRANSPORT else {}
    return {**read(problem, end, seed), **told, **floors(dim, False)}
