"""The sampler: whole, without one of its stages, as a quadrature, and its seconds; rivals in its coordinates."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

import koopteach as kt
from experiments.machinery.common import rms, stream, warm_up
from experiments.own_data.data import TABLES, mixed_units, split
from experiments.own_data.judged import MARGIN, N_TIMED, PARTS, Numbers, best_rival, judged
from experiments.own_data.rivals import EVEN, Method, half_silverman, herded, mixture
from koopcourse.judges import Draw
from koopteach.sampler.columns import Columns, calibrated

FEW_MODES = 200


def koopman(**options: Any) -> Method:
    """The sampler with these arguments."""

    def fit(x: Tensor, generator: torch.Generator) -> Draw:
        sampler = kt.KoopmanSampler(**options).fit(x, generator=generator)
        return lambda n, generator: sampler.sample(n, generator=generator)

    return fit


def few_modes(x: Tensor, generator: torch.Generator) -> Draw:
    """The sampler with 200 modes at most."""
    sampler = kt.KoopmanSampler(hold_out=0).fit(x, generator=generator)
    sampler.spectrum = sampler.spectrum.truncate(min(FEW_MODES, len(sampler.spectrum)))
    return lambda n, generator: sampler.sample(n, generator=generator)


# One stage left out at a time
STAGES: dict[str, Method] = {
    "no normal scores": koopman(hold_out=0, scores="none"),
    "one Gaussian for the mixture": koopman(hold_out=0, components=1),
    "mixture not moved": koopman(hold_out=0, n_steps=0),
    "no calibration": koopman(hold_out=0, calibrate=False),
    "200 modes": few_modes,
}


STAGED = ("diabetes", "star98", "anes96", "mixed units", "curved")  # heavy tails, few values, units, bends


def mapped(method: Method, calibrate: bool = True) -> Method:
    """A rival in the sampler's coordinates, and with its calibration."""

    def fit(x: Tensor, generator: torch.Generator) -> Draw:
        share = torch.full_like(x[:, 0], 1 / len(x))
        columns = Columns.of(x, share)
        draw = method(columns(x), generator)

        def back(n: int, generator: torch.Generator | None) -> Tensor:
            if not calibrate:
                return columns.undo(draw(n, generator))
            return calibrated(columns.undo(draw(max(n, N_TIMED), generator)), x, share)[:n]

        return back

    return fit


MAPPED: dict[str, Method] = {
    "mixture, mapped": mapped(mixture),
    "KDE, mapped": mapped(half_silverman),
    "herded rows, mapped": mapped(herded, calibrate=False),
}


@cache
def ours(table: str, seed: int) -> Numbers:
    """The sampler as it comes, and what is allowed."""
    found = judged(koopman(), table, seed)
    rival = best_rival(table, seed)
    return {**found, "rival's AUC": rival, "AUC allowed": rival + MARGIN}


def ours_row(seed: int, table: str, method: str) -> Numbers:
    """A row of :func:`ours`; there is one method."""
    return ours(table, seed)


def below_row(seed: int) -> Numbers:
    """On what share of all tables the AUC is below that of the better plain rival."""
    found = [ours(table, seed) for table in TABLES]
    return {"share of tables": sum(one["AUC"] < one["rival's AUC"] for one in found) / len(found)}


def mapped_row(seed: int, table: str, method: str) -> Numbers:
    """A rival in the sampler's coordinates."""
    return judged(MAPPED[method], table, seed, 1 if method in EVEN else PARTS)


def stage_row(seed: int, stage: str) -> Numbers:
    """The sampler without a stage: the AUC of some tables and their mean, the third moment of the curved one."""
    found = {table: judged(STAGES[stage], table, seed) if stage in STAGES else ours(table, seed) for table in STAGED}
    bend = {"third moment, curved": found["curved"]["third moment"]}
    return {"AUC": statistics.fmean(one["AUC"] for one in found.values()), **bend} | {
        f"AUC, {table}": one["AUC"] for table, one in found.items()
    }


# Averages


POINTS = (25, 50, 100, 200)
Rows = Callable[[int], Tensor]


def quadrature_row(seed: int, table: str) -> Numbers:
    """Rms error of the columns' means, in their spreads, of n even points; n at most half of the rows."""
    x = split(table, seed).train
    units, sampler = kt.Standardizer.of(x), kt.KoopmanSampler(hold_out=0).fit(x, generator=stream(seed, 1))
    u, g = units(x), stream(seed, 2)
    ways: dict[str, Rows] = {
        "quadrature": lambda n: units(sampler.quadrature(n)),
        "herded rows": lambda n: u[kt.herd(u, n)],
        "random rows": lambda n: u[torch.randperm(len(u), generator=g)[:n]],
    }
    counts = [n for n in POINTS if n <= len(x) / 2]
    return {f"{name}, {n}": rms(way(n).mean(0)) for n in counts for name, way in ways.items()}


# Seconds


def cost_row(seed: int, columns: int, rows: int) -> Numbers:
    """CPU seconds of a fit to so many rows and of 800 samples."""
    x = torch.cat([mixed_units(rows, use=10 + part) for part in range(-(-columns // 6))], dim=1)[:, :columns]
    warm_up()
    started = time.process_time()
    sampler = kt.KoopmanSampler().fit(x, generator=stream(seed, 1))
    fitted = time.process_time()
    sampler.sample(N_TIMED, generator=stream(seed, 2))
    return {
        "fit, s": fitted - started,
        "800 samples, s": time.process_time() - fitted,
        "CPU s": time.process_time() - started,
    }
