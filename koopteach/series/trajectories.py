"""Trajectories as people hold them: tensors, lists, DataFrames (known by their interface), with gaps and clocks."""

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from koopteach.tensors import as_float, as_number, positive

# Without a tolerance a pair may miss the lag by this share of it (which moves a rate by as much), and by half a usual
# step at most: on a regular grid the row beside a missing one never takes its place.
_NEAR_LAG, _NEAR_STEP = 0.01, 0.5

# Times further apart than so many usual steps leave a gap.
_GAP = 1.5

# Seconds in the units of NumPy's durations; months and years have no fixed length.
SECONDS = {"": 1.0, "W": 604800.0, "D": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, eq=False)
class Trajectory:
    """``values`` ``(n, d)``, NaN where missing, at ``times`` ``(n,)`` since the first row, NaN where unknown.

    ``clock`` says what times count: "rows", "numbers" of anybody's unit, or "dates", in seconds.
    """

    values: Tensor
    times: np.ndarray
    clock: str

    def there(self) -> np.ndarray:
        """Which rows have their time and all their values, ``(n,)``."""
        return self.values.isfinite().all(dim=1).cpu().numpy() & np.isfinite(self.times)

    def usual_step(self) -> float:
        """The median step of the times; infinite where there is none."""
        steps = np.diff(self.times[np.isfinite(self.times)])
        return float(np.median(steps)) if len(steps) else np.inf

    def gaps(self) -> int:
        """Stretches without a row between rows that are there."""
        return int((np.diff(self.times[self.there()]) > _GAP * self.usual_step()).sum())

    def partners(self, shift: float, tolerance: float) -> np.ndarray:
        """For each row the row nearest to ``shift`` later in time, -1 where none is within the tolerance, ``(n,)``."""
        partner, known = np.full(len(self.times), -1), np.flatnonzero(np.isfinite(self.times))
        if len(known):
            t = self.times[known]
            after = np.searchsorted(t, t + shift)
            both = np.stack([after - 1, after]).clip(0, len(t) - 1)
            miss = np.abs(t[both] - t - shift)
            nearest, near = np.where(miss[0] < miss[1], *both), miss.min(axis=0) <= tolerance
            partner[known[near]] = known[nearest[near]]
        return partner


def trajectories(who: str, series: Any, times: Any) -> list[Trajectory]:
    """All trajectories of ``series``, one or a list; arguments and errors as of :func:`koopteach.lagged_pairs`."""
    if not is_many(series):
        return [_trajectory(who, "series", series, times)]
    clocks = times_of_each(who, series, times)
    every = [_trajectory(who, f"series[{k}]", z, clock) for k, (z, clock) in enumerate(zip(series, clocks))]
    kinds = [f"{z.values.shape[1]} columns, {z.values.dtype} on {z.values.device}, {z.clock} for times" for z in every]
    for k, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise ValueError(f"{who}: series[{k}] has {kind}, but series[0] has {kinds[0]}. All need the same.")
    return every


def is_many(series: Any) -> bool:
    """Whether it is a list of trajectories; a list of numbers, or of lists of them, is one trajectory."""
    return isinstance(series, list | tuple) and len(series) > 0 and all(getattr(z, "ndim", 0) > 0 for z in series)


def times_of_each(who: str, series: list, times: Any) -> list:
    """The times of each of several trajectories: a list of arrays, or one column's name for all."""
    if times is None or isinstance(times, str):
        return [times] * len(series)
    if len(times) != len(series):
        raise ValueError(f"{who}: {len(series)} trajectories but {len(times)} times. Give a list, one for each.")
    return list(times)


def _trajectory(who: str, name: str, series: Any, times: Any) -> Trajectory:
    is_pandas = hasattr(series, "index") and hasattr(series, "to_numpy")
    if isinstance(times, str):
        if not is_pandas or times not in getattr(series, "columns", ()):
            raise ValueError(f"{who}: {name} has no column {times!r} for the times. Or give the times themselves.")
        series, times = series.drop(columns=[times]), series[times]
    elif is_pandas and times is None and getattr(series.index.dtype, "kind", "O") in "Mfiu":
        times = series.index
    values = _numbers(who, name, series) if is_pandas else as_float(who, name, series).detach()
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(
            f"{who}: {name} has shape {tuple(values.shape)}, but one trajectory is (n, d) or (n,). "
            f"Several in one tensor (n, trajectories, d) become a list by list({name}.unbind(1))."
        )
    if times is None:
        return Trajectory(values, np.arange(len(values), dtype=np.float64), "rows")
    return Trajectory(values, *_clock(who, times, len(values)))


def _numbers(who: str, name: str, frame: Any) -> Tensor:
    """The numbers of a DataFrame or of one column, float64."""
    columns = {str(c): frame[c] for c in frame.columns} if hasattr(frame, "columns") else {name: frame}
    others = [c for c, column in columns.items() if getattr(column.dtype, "kind", "O") not in "fiub"]
    if others:
        raise TypeError(
            f"{who}: {name} has columns that hold no numbers: {', '.join(others)}. Leave them out; or name the one "
            f"that holds the times: times={others[0]!r}."
        )
    return torch.from_numpy(np.array(frame.to_numpy(dtype=np.float64, na_value=np.nan)))  # a copy, for it may be frozen


def _clock(who: str, times: Any, n: int) -> tuple[np.ndarray, str]:
    """Times as float64 since the first, and whether they are numbers or dates."""
    times = times.detach().cpu().numpy() if isinstance(times, Tensor) else times
    kind = getattr(getattr(times, "dtype", None), "kind", None) or np.asarray(times).dtype.kind
    if kind not in "Mfiu":
        raise TypeError(f"{who}: times must be numbers or dates (datetime64), got {np.asarray(times).dtype}.")
    # to nanoseconds also drops the time zones of pandas, which NumPy does not know
    t = np.asarray(times, dtype="datetime64[ns]" if kind == "M" else np.float64)
    if t.shape != (n,):
        raise ValueError(f"{who}: times have shape {t.shape}, but ({n},) is needed, one for each row.")
    known = ~np.isnat(t) if kind == "M" else np.isfinite(t)
    since = np.full(n, np.nan)
    since[known] = (t[known] - t[known][:1]) / (np.timedelta64(1, "s") if kind == "M" else 1)
    backwards = int((np.diff(since[known]) <= 0).sum())
    if backwards:
        raise ValueError(
            f"{who}: times must increase within a trajectory, but {backwards} steps do not. Sort the rows by time, "
            "keep one for each time, and give several trajectories as a list."
        )
    return since, "dates" if kind == "M" else "numbers"


def shift(who: str, name: str, value: Any, tolerance: Any, among: list[Trajectory]) -> tuple[float, str, float]:
    """A lag or step in the units of the times, the name of its unit where they are dates, and the tolerance."""
    number, unit = _duration(who, name, value, among[0].clock)
    number = positive(who, name, number)
    if among[0].clock == "rows" and number != round(number):
        raise ValueError(f"{who}: {name} counts rows where no times are given, got {number:g}. Give times=...")
    if tolerance is None:
        return number, unit, min(_NEAR_LAG * number, *(_NEAR_STEP * trajectory.usual_step() for trajectory in among))
    within = _duration(who, "tolerance", tolerance, among[0].clock)[0]
    if not 0 <= within < number:
        raise ValueError(f"{who}: tolerance must be at least 0 and less than {name}, got {tolerance}.")
    return number, unit, within


def _duration(who: str, name: str, value: Any, clock: str) -> tuple[float, str]:
    """The number, of durations in seconds, and the unit that a duration was given in."""
    is_duration = isinstance(value, np.timedelta64 | datetime.timedelta)
    if is_duration != (clock == "dates"):
        need = 'a duration, such as np.timedelta64(6, "h")' if clock == "dates" else "a number"
        raise TypeError(f"{who}: the times are {clock}, so {name} must be {need}, got {value!r}.")
    if not is_duration:
        return as_number(who, name, value), ""
    unit = np.datetime_data(value)[0] if isinstance(value, np.timedelta64) else "s"
    if unit not in SECONDS:
        raise ValueError(f"{who}: {name} is in {unit!r}, which is no fixed length of time. Give it in days, 'D'.")
    return float(np.timedelta64(value) / np.timedelta64(1, "s")), unit
