"""Pairs at a lag, and delay coordinates, which respect borders, gaps and times."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from koopteach.series.trajectories import SECONDS, Trajectory, is_many, shift, times_of_each, trajectories
from koopteach.tensors import Movable, as_count, positive


@dataclass(frozen=True, eq=False, repr=False)
class LaggedPairs(Movable):
    """Pairs of states one lag apart, with where they come from. Unpacks as ``x, y = pairs``.

    Attributes:
        x: first states, ``(n, d)``.
        y: row ``i`` is the state one lag after row ``i`` of ``x``, ``(n, d)``.
        lag: in the units of the times, or in rows where there were none.
        unit: of ``lag`` where times were dates ("h", "D", ...), else empty.
        trajectory: which trajectory a pair is from, ``(n,)``, numbered as given.
        start: time of ``x`` since the first row of its trajectory, in the units of ``lag``, ``(n,)``.
        n_skipped: trajectories that gave no pair.
        n_gaps: stretches without a row: values that are NaN, or times more than 1.5 usual steps apart.
        report: the counts, in words.
    """

    x: Tensor
    y: Tensor
    lag: float
    unit: str
    trajectory: Tensor
    start: Tensor
    n_skipped: int
    n_gaps: int
    report: str

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.x, self.y))

    def __repr__(self) -> str:
        return f"LaggedPairs({self.report})"

    @property
    def n_pairs(self) -> int:
        """How many pairs."""
        return len(self.x)

    def blocks(self, length: float) -> Tensor:
        """The number of the block of every pair, ``(n,)``: each trajectory cut evenly into blocks of about ``length``.

        Args:
            length: in the units of ``lag``. A trajectory that is shorter is one block.

        Raises:
            ValueError: a length that is not positive.
        """
        length, of = positive("LaggedPairs.blocks", "length", length), self.trajectory
        ends = self.start.new_zeros(int(of.max()) + 1)
        first = ends.scatter_reduce(0, of, self.start, "amin", include_self=False)
        span = ends.scatter_reduce(0, of, self.start, "amax", include_self=False) - first
        count = (span / length).round().clamp_min(1)
        share = (self.start - first[of]) / torch.where(span > 0, span, 1.0)[of]
        block = torch.minimum((share * count[of]).floor(), count[of] - 1) + (count.cumsum(0) - count)[of]
        return block.unique(return_inverse=True)[1]


def lagged_pairs(series: Any, lag: Any, *, times: Any = None, tolerance: Any = None) -> LaggedPairs:
    """Pairs ``(x, y)`` of states that are ``lag`` apart within one trajectory.

    A row with a missing value keeps its place in time and is in no pair, so nothing is joined across a gap (dropping
    such rows first would join what is not a lag apart); and no pair leads from one trajectory to the next.
    Trajectories that are too short are skipped and counted.

    Args:
        series: one trajectory ``(n, d)`` or ``(n,)``, a list of them, or DataFrames; NaN is a missing value. The parts
            of a long table: ``[part for _, part in table.groupby("id")[columns]]``.
        lag: in the units of the times; of dates a duration such as ``np.timedelta64(6, "h")``, whose unit then is the
            unit of time; without times in rows.
        times: increasing within a trajectory, in any steps: ``(n,)`` numbers or dates, a list of them for a list of
            trajectories, or the name of a DataFrame's column. None takes a DataFrame's index where that is numbers or
            dates (so rows that were dropped leave their gaps), else counts rows.
        tolerance: by how much a pair may miss the lag, of its kind; the nearest row counts. None is a hundredth of the
            lag, at most half the usual step.

    Raises:
        TypeError: what holds no numbers, or a lag of another kind than the times.
        ValueError: a wrong shape, times that do not increase, or no pair at all.

    >>> import torch
    >>> import koopteach as kt
    >>> z = torch.arange(10.0)
    >>> z[4] = torch.nan
    >>> pairs = kt.lagged_pairs([z, z[:2]], lag=3)
    >>> x, y = pairs
    >>> x.flatten().tolist(), (y - x).unique().tolist()
    ([0.0, 2.0, 3.0, 5.0, 6.0], [3.0])
    >>> pairs.n_pairs, pairs.n_skipped, pairs.n_gaps
    (5, 1, 1)
    """
    every = trajectories("lagged_pairs", series, times)
    lag, unit, tolerance = shift("lagged_pairs", "lag", lag, tolerance, every)
    rows = [_rows(trajectory, lag, tolerance) for trajectory in every]
    counts = [len(first) for first, _ in rows]
    if not any(counts):
        raise ValueError(_no_pair(every, lag, tolerance))
    x, y = (torch.cat([t.values[_index(r[k], t.values)] for t, r in zip(every, rows)]) for k in (0, 1))
    start = np.concatenate([t.times[first] for t, (first, _) in zip(every, rows)])
    skipped, gaps = counts.count(0), sum(trajectory.gaps() for trajectory in every)
    lag, start = lag / SECONDS[unit], start / SECONDS[unit]
    return LaggedPairs(
        x=x,
        y=y,
        lag=lag,
        unit=unit,
        trajectory=_index(np.repeat(np.arange(len(every)), counts), x),
        start=_index(start, x),
        n_skipped=skipped,
        n_gaps=gaps,
        report=f"{len(x)} pairs {lag:g} {unit or every[0].clock.replace('numbers', 'time units')} apart from "
        f"{len(every) - skipped} of {len(every)} trajectories ({skipped} skipped, with no such pair), {gaps} gaps",
    )


def delay_embedding(series: Any, delays: int, *, step: Any = 1, times: Any = None, tolerance: Any = None) -> Any:
    """Delay coordinates ``(z(t), z(t - step), ..., z(t - delays step))``: the rows of a Hankel matrix.

    Each row stays where it was in time: where some of its past is missing, before the start or in a gap, entries are
    NaN, which :func:`lagged_pairs` passes over.

    Args:
        series, times, tolerance: as in :func:`lagged_pairs`.
        delays: how many earlier states join each state, at least 1.
        step: time from one to the next, as ``lag`` there.

    Returns:
        As ``series``: ``(n, d (1 + delays))``, a list of such, or a DataFrame with the times as its index.

    Raises:
        TypeError, ValueError: as :func:`lagged_pairs`.

    >>> import torch
    >>> import koopteach as kt
    >>> kt.delay_embedding(torch.arange(4.0), delays=1).tolist()
    [[0.0, nan], [1.0, 0.0], [2.0, 1.0], [3.0, 2.0]]

    Source: Takens 1981; Arbabi, Mezic 2017 (Hankel matrices and the Koopman operator).
    """
    delays, every = as_count("delay_embedding", "delays", delays), trajectories("delay_embedding", series, times)
    step, _, tolerance = shift("delay_embedding", "step", step, tolerance, every)
    embedded = [_embed(trajectory, delays, step, tolerance) for trajectory in every]
    if not is_many(series):
        return _as_given(series, times, embedded[0])
    return [_as_given(*one) for one in zip(series, times_of_each("delay_embedding", series, times), embedded)]


def _index(numbers: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(numbers).to(like.device)


def _rows(trajectory: Trajectory, lag: float, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the first and of the second states of all pairs."""
    there, partner = trajectory.there(), trajectory.partners(lag, tolerance)
    first = np.flatnonzero(there & (partner >= 0) & there[partner])
    return first, partner[first]


def _no_pair(every: list[Trajectory], lag: float, tolerance: float) -> str:
    spans = [float(np.ptp(seen)) for trajectory in every if len(seen := trajectory.times[trajectory.there()])]
    unit = {"dates": " seconds", "rows": " rows", "numbers": ""}[every[0].clock]
    if not sum(len(trajectory.values) for trajectory in every):
        return "lagged_pairs: series has no rows."
    text = f"lagged_pairs: no two complete rows are {lag:g}{unit} apart (give or take {tolerance:.2g}). "
    if not spans:
        return text + "Every row has a missing value: leave out the columns that are mostly missing."
    mend = "take a shorter lag." if max(spans) < lag else "take another lag, or a wider tolerance=."
    return text + f"The longest of {len(every)} trajectories spans {max(spans):g}{unit}: {mend}"


def _embed(trajectory: Trajectory, delays: int, step: float, tolerance: float) -> Tensor:
    columns = [trajectory.values]
    for k in range(1, delays + 1):
        earlier = _index(trajectory.partners(-k * step, tolerance), trajectory.values)
        columns.append(trajectory.values[earlier].masked_fill((earlier < 0)[:, None], torch.nan))
    return torch.cat(columns, dim=1)


def _as_given(series: Any, times: Any, values: Tensor) -> Any:
    frame = series.to_frame() if hasattr(series, "to_frame") else series  # of pandas, a column alone
    if not hasattr(frame, "columns"):
        return values
    clock = frame.index if times is None else frame[times] if isinstance(times, str) else times
    return type(frame)(values.numpy(), index=clock)
