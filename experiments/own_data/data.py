"""Tables as scikit-learn and statsmodels ship them, two that are made, and how each is split."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

from experiments.machinery.common import stream

MOST_ROWS, TRAIN_SHARE = 3000, 0.6


def scikit_learn(name: str) -> Tensor:
    """A table of scikit-learn, without what is to be predicted."""
    return torch.from_numpy(getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")().data).double()


def statsmodels(name: str) -> Tensor:
    """A table of statsmodels, all columns."""
    module = importlib.import_module(f"statsmodels.datasets.{name}")
    return torch.from_numpy(module.load_pandas().data.to_numpy("float64"))


def mixed_units(n: int = 1500, use: int = 4) -> Tensor:
    """Three groups in six columns from 1e-6 to 1e6: correlated, log-normal, heavy-tailed, and one of whole numbers."""
    g = stream(0, use)
    centres = torch.tensor([[0.0, 0, 0, 0, 0, 0], [2, 2, 0, -2, 1, 0], [-2, 1, 1, 2, 0, 1]], dtype=torch.float64)
    group = torch.multinomial(torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), n, True, generator=g)
    u = centres[group] + torch.randn(n, 6, dtype=torch.float64, generator=g)
    temperature, pressure = 15 + 8 * u[:, 0], 1013 + 10 * (0.8 * u[:, 0] + 0.6 * u[:, 1])
    concentration, income = 1e-6 * (0.8 * u[:, 2]).exp(), 1e6 * (5 + u[:, 3])
    return torch.stack([temperature, pressure, concentration, income, 1e-3 * u[:, 4].sinh(), (2 * u[:, 5]).round()], 1)


# Five Gaussians of unit variance at distance 6, each bent: x2 += .7 (x1^2 - 1) about its centre.
CENTRES = 6 / 2**0.5 * torch.eye(10, dtype=torch.float64)[:5]
WEIGHTS = torch.tensor([0.05, 0.15, 0.2, 0.25, 0.35], dtype=torch.float64)


def curved(n: int = 3000, use: int = 5) -> Tensor:
    """Five curved modes in ten dimensions."""
    g = stream(0, use)
    u = torch.randn(n, 10, dtype=torch.float64, generator=g)
    u[:, 1] += 0.7 * (u[:, 0] ** 2 - 1)
    return CENTRES[torch.multinomial(WEIGHTS, n, True, generator=g)] + u


def third_moment(x: Tensor) -> float:
    """What the bend leaves: ``E (x1^2 - 1) x2`` about the nearest centre."""
    u = x - CENTRES[torch.cdist(x, CENTRES).argmin(1)]
    return float(((u[:, 0] ** 2 - 1) * u[:, 1]).mean())


@cache
def exact_third_moment() -> float:
    """Of 200,000 exact samples."""
    return third_moment(curved(200_000, use=6))


@dataclass(frozen=True)
class Table:
    """Where its rows come from, how many columns they have, and in how many of them there are few values."""

    load: Callable[[], Tensor]
    columns: int
    discrete: int = 0


# All tables of the two libraries with at least 150 rows and 4 to 30 columns, numbers throughout.
REAL = {
    "iris": Table(partial(scikit_learn, "iris"), 4),
    "wine": Table(partial(scikit_learn, "wine"), 13),
    "diabetes": Table(partial(scikit_learn, "diabetes"), 10, 1),
    "breast cancer": Table(partial(scikit_learn, "breast_cancer"), 30),
    "macrodata": Table(partial(statsmodels, "macrodata"), 14, 1),
    "star98": Table(partial(statsmodels, "star98"), 22),
    "anes96": Table(partial(statsmodels, "anes96"), 11, 7),
    "fair": Table(partial(statsmodels, "fair"), 9, 8),
    "modechoice": Table(partial(statsmodels, "modechoice"), 9, 3),
    "randhie": Table(partial(statsmodels, "randhie"), 10, 6),
}
MADE = {"mixed units": Table(mixed_units, 6, 1), "curved": Table(curved, 10)}
TABLES = REAL | MADE


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to learn from, and rows kept aside."""

    train: Tensor
    held_out: Tensor


@cache
def split(table: str, seed: int) -> Split:
    """60 and 40 per cent of a table's rows, or of 3,000 of them, in random order."""
    x = TABLES[table].load()
    x = x[torch.randperm(len(x), generator=stream(seed, 0))[:MOST_ROWS]]
    n = round(TRAIN_SHARE * len(x))
    return Split(x[:n], x[n:])
