"""Pairs at a lag and delay coordinates: borders, gaps, clocks, containers, and what is said of what does not fit."""

import datetime
import math

import numpy as np
import pytest
import torch

from koopteach import EDMD, Hermite, delay_embedding, lagged_pairs
from tests.tools import normal, seeded

HOUR = np.timedelta64(1, "h")
NAN = math.nan


class Column:
    """What the package asks of a pandas Series."""

    def __init__(self, values, index=None):
        self._values = np.asarray(values)
        self.dtype, self.ndim = self._values.dtype, 1
        self.index = np.arange(len(self._values)) if index is None else np.asarray(index)

    def __array__(self, dtype=None, copy=None):
        return self._values.astype(dtype or self.dtype)

    def to_numpy(self, dtype, na_value):
        return self._values.astype(dtype)

    def to_frame(self):
        return Frame(self._values[:, None], self.index, ["column"])


class Frame:
    """What the package asks of a DataFrame."""

    ndim = 2

    def __init__(self, values, index=None, columns=None):
        values = dict(enumerate(np.asarray(values).T)) if not isinstance(values, dict) else values
        self._parts = {name: np.asarray(v) for name, v in zip(columns or values, values.values())}
        n = len(next(iter(self._parts.values())))
        self.index = np.arange(n) if index is None else np.asarray(index)
        self.columns = list(self._parts)

    def __getitem__(self, name):
        return Column(self._parts[name], self.index)

    def drop(self, columns):
        return Frame({name: v for name, v in self._parts.items() if name not in columns}, self.index)

    def to_numpy(self, dtype, na_value):
        return np.stack([v.astype(dtype) for v in self._parts.values()], axis=1)


def ar1(n, timescale, *, many=1, seed=0):
    """Stationary AR(1) of unit variance, ``(n, many)``, by the doubling of a linear recurrence."""
    memory, g = math.exp(-1 / timescale), seeded(seed)
    x = torch.randn(n, many, dtype=torch.float64, generator=g)
    x[1:] *= (1 - memory**2) ** 0.5
    shift, power = 1, memory
    while shift < n:
        x[shift:] = x[shift:] + power * x[:-shift].clone()
        shift, power = 2 * shift, power**2
    return x


def naive(series, lag, times, tolerance=1e-9):
    """All pairs by a double loop."""
    found = set()
    for k, (z, t) in enumerate(zip(series, times)):
        there = [(float(time), tuple(row)) for time, row in zip(t, z.tolist()) if all(map(math.isfinite, row))]
        found |= {(k, a, b) for s, a in there for t, b in there if abs(t - s - lag) <= tolerance}
    return found


def as_set(pairs):
    return {(int(k), tuple(a), tuple(b)) for k, a, b in zip(pairs.trajectory, pairs.x.tolist(), pairs.y.tolist())}


@pytest.mark.parametrize("lag", [1, 2, 5])
def test_pairs_are_the_double_loop(lag):
    series = [normal(n, 2, seed=n) for n in (9, 1, 12, 3)]
    series[0][4, 1] = series[2][0] = series[2][7] = NAN
    pairs = lagged_pairs(series, lag)
    assert as_set(pairs) == naive(series, lag, [range(len(z)) for z in series])
    x, y = pairs
    assert x is pairs.x
    assert y is pairs.y
    assert (pairs.lag, pairs.unit) == (lag, "")
    assert pairs.n_pairs == len(x) == len(pairs.trajectory) == len(pairs.start)
    assert pairs.n_skipped == sum(len(z) <= lag for z in series)
    assert pairs.n_gaps == 2  # what is missing at an end is no gap between rows
    assert f"{len(x)} pairs {lag} rows apart" in repr(pairs)


def test_irregular_times_pair_within_the_tolerance():
    g = seeded(1)
    z, t = normal(60, 1), (torch.arange(60) + 0.3 * torch.rand(60, generator=g)).double()
    pairs = lagged_pairs(z, 3.0, times=t, tolerance=0.1)
    at = {float(v): float(time) for v, time in zip(z[:, 0], t)}
    apart = [at[float(b)] - at[float(a)] for a, b in zip(pairs.x[:, 0], pairs.y[:, 0])]
    assert max(abs(a - 3) for a in apart) <= 0.1
    assert as_set(pairs) == naive([z], 3.0, [t], 0.1)
    assert lagged_pairs(z, 3.0, times=t, tolerance=0.31).n_pairs == 57
    torch.testing.assert_close(pairs.start[:1], t[:1] - t[0])


def test_a_missing_row_is_not_replaced_by_its_neighbour():
    """At a long lag a hundredth of it is a whole step; the default stays below half a step."""
    z = torch.arange(400.0)
    here = torch.arange(400) != 250
    pairs = lagged_pairs(z[here], 150, times=torch.arange(400)[here])
    assert set((pairs.y - pairs.x).flatten().tolist()) == {150.0}
    assert pairs.n_gaps == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_containers_give_the_same_pairs(dtype):
    z = normal(20, 2).to(dtype)
    z[5:8] = NAN
    needed = as_set(lagged_pairs(z, 2))
    here = z.isfinite().all(dim=1)
    dates = np.datetime64("2024-03-01") + 3 * HOUR * np.arange(20)
    given = [
        lagged_pairs(z.numpy(), 2),
        lagged_pairs([z], 2),
        lagged_pairs(z[here], 1.0, times=0.5 * torch.arange(20)[here]),
        lagged_pairs(Frame(z.numpy()), 2),
        lagged_pairs(Frame(z[here].numpy(), np.arange(20)[here]), 2),  # after a dropna
        lagged_pairs(Frame(z[here].numpy(), dates[here]), 6 * HOUR),
        lagged_pairs(Frame(z.numpy(), [f"row {k}" for k in range(20)]), 2),
        lagged_pairs(Frame({"t": dates, "a": z[:, 0].numpy(), "b": z[:, 1].numpy()}), 6 * HOUR, times="t"),
        lagged_pairs(z, datetime.timedelta(hours=6), times=dates, tolerance=np.timedelta64(1, "m")),
    ]
    assert [as_set(pairs) == needed for pairs in given] == [True] * len(given)
    assert {pairs.n_gaps for pairs in given} == {1}
    assert given[0].x.dtype == dtype
    one = lagged_pairs(Column(z[:, 0].numpy()), 2)
    torch.testing.assert_close(one.x.to(dtype), lagged_pairs(z[:, 0], 2).x)


def test_the_unit_of_a_duration_is_the_unit_of_time():
    dates = np.datetime64("2024-03-01") + 6 * HOUR * np.arange(9)
    dates[3] = np.datetime64("NaT")
    z = torch.arange(9.0)
    pairs = lagged_pairs(z, np.timedelta64(1, "D"), times=dates)
    assert (pairs.lag, pairs.unit) == (1.0, "D")
    assert pairs.start.tolist() == [0.0, 0.25, 0.5, 1.0]
    assert lagged_pairs(z, np.timedelta64(24, "h"), times=dates).lag == 24.0
    assert lagged_pairs(z, datetime.timedelta(days=1), times=dates).unit == "s"


def test_blocks_are_even_and_keep_to_their_trajectory():
    pairs = lagged_pairs([normal(101, 1), normal(3, 1), normal(33, 1)], 1)
    block = pairs.blocks(20)
    assert block.bincount().tolist() == [20, 20, 20, 20, 20, 2, 16, 16]
    assert [int(k) for k in block.diff().unique()] == [0, 1]
    assert pairs.blocks(1e9).bincount().tolist() == [100, 2, 32]


def test_the_copy_on_another_dtype_unpacks():
    x, y = lagged_pairs(normal(5, 1), 1).to(torch.float32)
    assert x.dtype == y.dtype == torch.float32


@pytest.mark.parametrize("delays", [1, 3])
def test_delays_are_the_double_loop(delays):
    z = normal(12, 2)
    z[6] = NAN
    found = delay_embedding(z, delays, step=2)
    assert found.shape == (12, 2 * (1 + delays))
    for i in range(12):
        past = [z[i - 2 * k] if i >= 2 * k else torch.full((2,), NAN) for k in range(1 + delays)]
        torch.testing.assert_close(found[i], torch.cat(past).double(), equal_nan=True)


def test_delays_keep_borders_and_gaps():
    series = [torch.arange(10.0), torch.arange(100.0, 106.0), torch.arange(2.0)]
    series[0][4] = NAN
    pairs = lagged_pairs(delay_embedding(series, 2), 1)
    assert pairs.x.tolist() == [[2, 1, 0], [7, 6, 5], [8, 7, 6], [102, 101, 100], [103, 102, 101], [104, 103, 102]]
    assert pairs.n_skipped == 1


def test_delays_of_a_frame_keep_its_times():
    dates = np.datetime64("2024-03-01") + HOUR * np.arange(6)
    frame = delay_embedding(Frame({"t": dates, "a": np.arange(6.0)}), 1, step=HOUR, times="t")
    assert isinstance(frame, Frame)
    assert np.asarray(frame.index).tolist() == dates.tolist()
    assert lagged_pairs(frame, 2 * HOUR).x.tolist() == [[1, 0], [2, 1], [3, 2]]
    assert isinstance(delay_embedding([Column(np.arange(6.0), dates)], 1, step=HOUR)[0], Frame)


def timescale(x, y, lag):
    return float(EDMD(Hermite(1, 1), lag=lag).fit(x, y).spectrum().implied_timescales[0])


def test_missing_rows_do_not_shorten_the_timescale():
    """Half of the rows missing; to drop them before pairing takes pairs of twenty steps for pairs of ten."""
    z = ar1(40_000, 54.5)
    z[torch.rand(len(z), generator=seeded(1)) < 0.5] = NAN
    assert timescale(*lagged_pairs(z, 10), 10) == pytest.approx(54.5, rel=0.15)
    dropped = z[z.isfinite().all(dim=1)]
    assert timescale(dropped[:-10], dropped[10:], 10) == pytest.approx(54.5 / 2, rel=0.15)


def test_no_pair_leads_from_one_trajectory_to_the_next():
    """Joined by hand, a pair in five leads across a border and the timescale is too short."""
    z = ar1(50, 30.0, many=400)
    joined = z.T.reshape(-1, 1)
    assert timescale(*lagged_pairs(list(z.unbind(1)), 10), 10) == pytest.approx(30, rel=0.15)
    assert timescale(joined[:-10], joined[10:], 10) < 0.7 * 30


FRAME = Frame({"when": np.datetime64("2024-03-01") + HOUR * np.arange(5), "a": np.arange(5.0)})
Z = torch.arange(5.0)


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: lagged_pairs(Z, 5), ValueError, "no two complete rows are 5 rows apart.*spans 4 rows: take a shorter"),
        (lambda: lagged_pairs(Z * NAN, 1), ValueError, "Every row has a missing value"),
        (lambda: lagged_pairs(Z, 1.5, times=2 * Z), ValueError, "take another lag, or a wider tolerance"),
        (lambda: lagged_pairs(Z, 1.5), ValueError, "lag counts rows where no times are given, got 1.5"),
        (lambda: lagged_pairs(Z, 0), ValueError, "lag must be positive, got 0"),
        (lambda: lagged_pairs(Z, "1h"), TypeError, "lag must be one number"),
        (lambda: lagged_pairs(Z, HOUR), TypeError, "the times are rows, so lag must be a number"),
        (lambda: lagged_pairs(Z, 1, tolerance=1), ValueError, "tolerance must be at least 0 and less than lag"),
        (lambda: lagged_pairs(Z, 1, times=[0, 1, 3, 2, 4]), ValueError, "times must increase .* 1 steps do not"),
        (lambda: lagged_pairs(Z, 1, times=[0, 1]), ValueError, r"times have shape \(2,\), but \(5,\) is needed"),
        (lambda: lagged_pairs(Z, 1, times=list("abcde")), TypeError, "times must be numbers or dates"),
        (lambda: lagged_pairs(Z, 1, times="t"), ValueError, "has no column 't' for the times"),
        (lambda: lagged_pairs([Z, Z], 1, times=[Z]), ValueError, "2 trajectories but 1 times"),
        (lambda: lagged_pairs(torch.zeros(5, 4, 2), 1), ValueError, r"become a list by list\(series.unbind\(1\)\)"),
        (
            lambda: lagged_pairs([Z, torch.zeros(5, 2)], 1),
            ValueError,
            r"series\[1\] has 2 columns, .* but series\[0\] has 1",
        ),
        (lambda: lagged_pairs([Z, Z.double()], 1), ValueError, r"series\[1\] has .* torch.float64 on cpu"),
        (
            lambda: lagged_pairs([Frame(Z[:, None]), Z.double()], 1),
            ValueError,
            "rows for times, but .* numbers for times",
        ),
        (lambda: lagged_pairs("abc", 1), TypeError, "series must be real numbers"),
        (lambda: lagged_pairs(FRAME, 1), TypeError, "hold no numbers: when. .*times='when'"),
        (lambda: lagged_pairs(FRAME, 1, times="when"), TypeError, "the times are dates, so lag must be a duration"),
        (lambda: lagged_pairs(FRAME, np.timedelta64(1, "M"), times="when"), ValueError, "no fixed length of time"),
        (lambda: lagged_pairs(FRAME, 9 * HOUR, times="when"), ValueError, "32400 seconds apart"),
        (lambda: delay_embedding(Z, 0), ValueError, "delay_embedding: delays must be at least 1"),
        (lambda: delay_embedding(Z, 1, step=0.5), ValueError, "step counts rows where no times are given"),
        (lambda: lagged_pairs(Z, 1).blocks(0), ValueError, "length must be positive"),
    ],
)
def test_what_does_not_fit_is_told(call, error, told):
    with pytest.raises(error, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_advice_on_lists_of_walkers_helps():
    """A film (n, walkers, d) becomes a list, as the message says."""
    film = normal(20, 3, 2)
    assert lagged_pairs(list(film.unbind(1)), 5).n_pairs == 3 * 15
