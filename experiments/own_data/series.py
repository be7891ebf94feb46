"""Two time series in physical units: one trajectory with gaps, many short ones; their slowest timescale."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

import koopteach as kt
from experiments.machinery.common import stream, warm_up
from koopteach.protocols import Dictionary

UNITS, ORIGIN = 10.0, 1013.0  # hectopascals, say
STEP = 0.1  # of the first clock
WELL, N_ROWS, N_GAPS, GAP, LOST = kt.DoubleWell(2.0), 10_000, 20, 30, 0.02
N_SHORT, SHORT, SHORT_LAG = 30, 100, 10

# Slowest timescales of deeptime 0.5.0 by seed, made once by ``python -m experiments.own_data.deeptime_rows``.
DEEPTIME: dict[str, dict[int, float]] = {
    "gaps": {7000: 2.36356, 7001: 2.34982, 7002: 2.12966},
    "short": {7000: 0.835004, 7001: 1.11191, 7002: 0.882025},
}


@dataclass(frozen=True, eq=False)
class Series:
    """Trajectories at times, what they are seen through, and the true slowest timescale."""

    trajectories: list[Tensor]
    dictionary: Dictionary
    lag: int
    exact: float

    def segments(self) -> list[Tensor]:
        """Stretches without a missing row, for those who know no gaps."""
        found = []
        for rows in self.trajectories:
            there = torch.cat([torch.zeros(1), rows.isfinite().all(1).int(), torch.zeros(1)]).diff()
            found += [rows[a:b] for a, b in zip((there == 1).nonzero()[:, 0], (there == -1).nonzero()[:, 0])]
        return found


@cache
def series(name: str, seed: int) -> Series:
    """The series of a seed."""
    return {"gaps": _gaps, "short": _short}[name](seed)


def _gaps(seed: int) -> Series:
    """A double well, of which 20 stretches of 30 rows, and every fiftieth row beside, are missing."""
    g, every = stream(seed, 0), 20
    start = torch.ones(1, 1, dtype=torch.float64)
    x = kt.langevin_trajectory(WELL, start, n_steps=N_ROWS * every, dt=STEP / every, every=every, generator=g)[1:, 0]
    x[torch.rand(N_ROWS, generator=g) < LOST] = math.nan
    for first in torch.randint(N_ROWS - GAP, (N_GAPS,), generator=g).tolist():
        x[first : first + GAP] = math.nan
    centres = ORIGIN + UNITS * torch.linspace(-1.8, 1.8, 15, dtype=torch.float64)[:, None]
    features = kt.GaussianRBF(centres, widths=0.3 * UNITS)
    return Series([ORIGIN + UNITS * x], features, 10, 1 / float(WELL.exact_rates(1)[0]))


def _short(seed: int) -> Series:
    """Thirty stationary trajectories of 100 rows, AR(1) with timescale one."""
    g, memory = stream(seed, 0), math.exp(-STEP)
    x = [torch.randn(N_SHORT, 1, dtype=torch.float64, generator=g)]
    for _ in range(SHORT - 1):
        kick = torch.randn(N_SHORT, 1, dtype=torch.float64, generator=g)
        x.append(memory * x[-1] + (1 - memory**2) ** 0.5 * kick)
    rows = ORIGIN + UNITS * torch.stack(x)
    return Series(list(rows.unbind(1)), kt.Monomials(1, 3), SHORT_LAG, 1.0)


def series_row(seed: int, name: str) -> dict[str, float]:
    """Our slowest timescale, in the clock's units, beside deeptime's and the exact one, in bootstrap errors."""
    given = series(name, seed)
    warm_up()
    started = time.process_time()
    times = [STEP * torch.arange(len(rows)) for rows in given.trajectories]
    scan = kt.scan_lags(
        lambda lag: kt.EDMD(given.dictionary, lag=lag),
        given.trajectories,
        [STEP * given.lag],
        times=times,
        n_modes=1,
        generator=stream(seed, 1),
    )
    seconds = time.process_time() - started
    found, low, high = (float(part[0, 0]) for part in (scan.timescales, scan.low, scan.high))
    error, peer = math.log(high / low) / (2 * 1.96), DEEPTIME[name][seed]
    return {
        "timescale": found,
        "low": low,
        "high": high,
        "deeptime": peer,
        "exact": given.exact,
        "off deeptime / error": abs(math.log(found / peer)) / error,
        "off exact / error": abs(math.log(found / given.exact)) / error,
        "joined by hand": joined_by_hand(given),
        "CPU s": seconds,
    }


def joined_by_hand(given: Series) -> float:
    """What comes where missing rows are dropped and trajectories put one behind the other, before pairing."""
    rows = torch.cat(given.segments())
    pairs = rows[: -given.lag], rows[given.lag :]
    return float(kt.EDMD(given.dictionary, lag=STEP * given.lag).fit(*pairs).spectrum(1).implied_timescales[0])
