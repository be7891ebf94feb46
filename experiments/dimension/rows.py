"""What the rows compute."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from experiments.allen_cahn.fields import equation
from experiments.dimension.laws import (
    POINTS,
    Numbers,
    Start,
    fields,
    floors,
    floors_of_fields,
    modes,
    start,
    target,
)
from experiments.dimension.ours import ON_FIELDS, OURS, TRANSPORT, read, reported
from experiments.dimension.rivals import rival
from experiments.machinery.common import noise


def ours_row(seed: int, dim: int, method: str, start_in: str, bent: bool = False) -> Numbers:
    """A method of ours on five modes: its law, its evenness, its seconds, beside both floors."""
    problem = modes(dim, bent, seed)
    end = OURS[method](problem, _start(dim, bent, start_in, seed), seed)
    told = reported(problem, seed) if method == TRANSPORT else {}
    return {**read(problem, end, seed), **told, **floors(dim, bent)}


def rival_row(seed: int, dim: int, method: str, start_in: str, bent: bool = False) -> Numbers:
    """A rival on five modes."""
    problem = modes(dim, bent, seed)
    many, even, seconds = rival(problem, method, target(dim, bent).score, _start(dim, bent, start_in, seed), seed)
    return {**problem.read(many, even, seed), "CPU s": seconds, **floors(dim, bent)}


def _start(dim: int, bent: bool, start_in: str, seed: int) -> Start:
    return partial(start, target(dim, bent), start_in, seed)


def ours_on_fields_row(seed: int, coordinates: int, method: str) -> Numbers:
    """A method of ours on fields of the Allen-Cahn equation, from fields near zero."""
    problem, setting = fields(coordinates, seed)
    end = ON_FIELDS[method](problem, lambda n: setting.reduce(_near_zero(n, seed)), seed)
    return {**read(problem, end, seed), **floors_of_fields(coordinates)}


def rival_on_fields_row(seed: int, coordinates: int, method: str) -> Numbers:
    """A rival on the same fields; who is told the equation moves whole fields."""
    problem, setting = fields(coordinates, seed)
    score = equation(POINTS).score
    end = rival(problem, method, score, lambda n: _near_zero(n, seed), seed, reduce=setting.reduce)
    return {**read(problem, end, seed), **floors_of_fields(coordinates)}


def _near_zero(n: int, seed: int) -> Tensor:
    return 0.05 * noise(seed, n, POINTS, torch.float64)
