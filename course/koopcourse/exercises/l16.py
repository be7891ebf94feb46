"""Lesson 16: units from whole rows, pairs by the clock, calibrated columns, and copies told by halves."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered

TITLE = "Your own data: from a file to a result that one may believe"
NAN = float("nan")


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


# --- L16-E1 -------------------------------------------------------------------------------------------------


def to_units(train, x):
    """Center and spread of the whole rows of train, and x in these units."""
    whole = train[train.isfinite().all(dim=1)]
    center = whole.mean(dim=0)
    spread = (whole - center).square().mean(dim=0).sqrt()
    constant = whole.amax(dim=0) == whole.amin(dim=0)
    spread = torch.where(constant, torch.ones_like(spread), spread)
    return center, spread, (x - center) / spread


def _columns(generator, dtype, n=9, d=3, m=4):
    """A table with missing entries, whose second column is constant."""
    train = 1.5 + torch.randn(n, d, generator=generator, dtype=dtype)
    x = 1.5 + 0.5 * torch.randn(m, d, generator=generator, dtype=dtype)
    train[:, min(1, d - 1)] = x[:, min(1, d - 1)] = 0.3
    train[2, 0] = NAN
    if d > 2:
        train[5, 2] = NAN
    return train, x


def _all_whole(generator, dtype):
    train, x = _columns(generator, dtype)
    return train.nan_to_num(0.4), x


def _columns_of_all_sizes(generator, dtype):
    train, x = _columns(generator, dtype, d=4)
    size = torch.tensor([1e-7, 1.0, 1e6, 1e-2], dtype=dtype)
    return train * size, x * size


def _many_equal(generator, dtype):
    """Entries that repeat, and a column that is zero throughout."""
    train = torch.tensor([[1, 0, 2], [1, 0, 2], [3, 0, 2.5], [3, 0, NAN], [1, 0, 2]], dtype=dtype)
    return train, torch.tensor([[1, 0, 2], [3, 0, 2.5]], dtype=dtype)


def _hardly_varying(generator, dtype, spread=1.0, unit=1.0):
    """Spreads of about one around a hundred thousand, or of another size and in another unit."""
    train, x = _columns(generator, torch.float64)
    return unit * (spread * train + 1e5), unit * (spread * x + 1e5)


def _constant_where_whole(generator, dtype):
    """Columns that are constant in the whole rows: one varies in the others, one has a mean that is rounded."""
    train, x = _columns(generator, dtype, n=9, d=4)
    train[:, 3], x[:, 3] = 0.1, 0.1
    train[:, 1], x[:, 1] = 7.0, 7.0
    train[2, 1] = train[5, 1] = 4.0
    return train, x


def _units_by_numpy(train, x):
    rows = train.numpy()[~np.isnan(train.numpy()).any(axis=1)]
    spread = np.where(np.ptp(rows, axis=0) == 0, 1.0, rows.std(axis=0))
    center = rows.mean(axis=0)
    return tuple(torch.as_tensor(np.asarray(part)).to(x) for part in (center, spread, (x.numpy() - center) / spread))


def _units_in_a_loop(train, x):
    whole = torch.stack([row for row in train if not bool(row.isnan().any())])
    center, spread, u = torch.zeros_like(whole[0]), torch.ones_like(whole[0]), torch.empty_like(x)
    for j, column in enumerate(whole.T):
        center[j] = column.mean()
        if len(column.unique()) > 1:
            spread[j] = column.std(correction=0)
        u[:, j] = (x[:, j] - center[j]) / spread[j]
    return center, spread, u


def _units_of(rows=None, spread=None, center=None):
    """The answer with parts of it replaced."""

    def answer(train, x):
        whole = train[train.isfinite().all(dim=1)] if rows is None else rows(train, x)
        middle = whole.mean(dim=0) if center is None else center(whole)
        wide = to_units(whole, x)[1] if spread is None else spread(whole)
        return middle, wide, (x - middle) / wide

    return answer


def _unless_constant(spread):
    return lambda whole: torch.where(whole.amax(0) == whole.amin(0), torch.ones_like(whole[0]), spread(whole))


def _unless_nearly_constant(whole):
    spread = _unless_constant(lambda w: w.std(dim=0, correction=0))(whole)
    return torch.where(spread < 1e-3 * whole.mean(dim=0).abs(), torch.ones_like(spread), spread)


def _column_by_column(train, x):
    seen = train.isfinite()
    center = train.nanmean(dim=0)
    spread = (train - center).square().nanmean(dim=0).sqrt()
    constant = train.nan_to_num(-torch.inf).amax(0) == torch.where(seen, train, torch.inf).amin(0)
    spread = torch.where(constant, torch.ones_like(spread), spread)
    return center, spread, (x - center) / spread


def _one_whole_row(generator, dtype):
    train, x = _columns(generator, dtype)
    train[1:, 0] = NAN
    return train, x


E1 = Exercise(
    id="L16-E1",
    title="Columns in units of their spread",
    minutes=8,
    importance=3,
    reference=to_units,
    inputs=_columns,
    example=(
        (_tensor([[1.0, 17.0], [5.0, 17.0], [NAN, 17.0]]), _tensor([[3.0, 17.0], [7.0, 17.0]])),
        (_tensor([3.0, 17.0]), _tensor([2.0, 1.0]), _tensor([[0.0, 0.0], [2.0, 0.0]])),
    ),
    identities=(
        Identity(
            "Undone, the units give x back.",
            lambda answer, args: (lambda c, s, u: agree(c + s * u, args[1], 1e-5))(*answer(*args)),
        ),
        Identity(
            "Rows with a missing value, and rows of x, change nothing of center and spread.",
            lambda answer, args: agree(
                answer(torch.cat([args[0], torch.full_like(args[0][:1], NAN)]), args[1][:1])[:2],
                answer(*args)[:2],
                1e-5,
            ),
        ),
        Identity(
            "The whole rows of train themselves get mean zero.",
            lambda answer, args: (
                lambda whole: agree(answer(args[0], whole)[2].mean(0), torch.zeros_like(whole[0]), 1e-4)
            )(args[0][args[0].isfinite().all(dim=1)]),
        ),
    ),
    edge_cases=(
        ("a single whole row", _one_whole_row),
        Edge("tiny columns that hardly vary", partial(_hardly_varying, unit=1e-12), "far"),
        Edge("columns that vary by a ten-millionth of their size", partial(_hardly_varying, spread=1e-2), "far"),
        ("new rows in which a constant column is another", altered(_columns, to_units, x=lambda x: x + 1)),
        ("no missing value", _all_whole),
        Edge("31 rows of six columns", partial(_columns, n=31, d=6, m=1), "sizes"),
        Edge("repeated entries and a column of zeros", _many_equal, "ties"),
        Edge("columns that are constant in the whole rows alone", _constant_where_whole, "ties"),
        Edge("columns of very different size", _columns_of_all_sizes, "far"),
        Edge("columns that hardly vary around a large value", _hardly_varying, "far"),
    ),
    without={"units": "each constant column keeps the spread 1 in any unit; the far case has all sizes in one table"},
    tolerance=1e-8,
    mistakes=(
        Mistake(
            "nearly-constant",
            "You take a column that varies little beside its mean for constant; compare its least and largest value.",
            _units_of(spread=_unless_nearly_constant),
        ),
        Mistake(
            "units-of-x",
            "You take mean and spread of x; what is judged later must be measured by what was learned from, train.",
            lambda train, x: to_units(x, x),
        ),
        Mistake(
            "both-together",
            "You take mean and spread of train and x together; rows that are kept aside must not be learned from.",
            lambda train, x: to_units(torch.cat([train, x]), x),
        ),
        Mistake(
            "column-by-column",
            "You leave out missing entries column by column; whole rows alone are asked for, as the fit will use them.",
            _column_by_column,
        ),
        Mistake(
            "missing-is-zero",
            "You put zeros for missing values; then a gap counts as a measurement. Leave these rows out.",
            _units_of(rows=lambda train, x: train.nan_to_num(0.0)),
        ),
        Mistake(
            "n-minus-one",
            "You divide by n - 1; the spread of these rows is asked for, which divides by n (correction=0).",
            _units_of(spread=_unless_constant(lambda whole: whole.std(dim=0))),
        ),
        Mistake(
            "variance",
            "You divide by the variance; a spread has the units of the column. Take its root.",
            _units_of(spread=_unless_constant(lambda whole: whole.var(dim=0, correction=0))),
        ),
        Mistake(
            "constant-divides-by-zero",
            "You divide a constant column by its spread of zero, or of rounding; its spread is to be 1.",
            _units_of(spread=lambda whole: whole.std(dim=0, correction=0)),
        ),
        Mistake(
            "small-number-added",
            "You add 1e-6 to every spread; a column in small units is smaller than that, and a constant one explodes.",
            _units_of(spread=lambda whole: whole.std(dim=0, correction=0) + 1e-6),
        ),
        Mistake(
            "spread-at-least",
            "You force every spread to be at least 1e-6; a column in small units is smaller. Compare least and most.",
            _units_of(
                spread=lambda whole: _unless_constant(lambda w: w.std(dim=0, correction=0).clamp_min(1e-6))(whole)
            ),
        ),
        Mistake(
            "one-spread-for-all",
            "You take one spread for the whole table; then the column with the largest unit decides everything.",
            _units_of(spread=lambda whole: _unless_constant(lambda w: w.std(correction=0).expand(w.shape[1]))(whole)),
        ),
        Mistake(
            "least-to-most",
            "You scale by the range, from least to most; one outlier then squeezes all others. Take the spread.",
            _units_of(spread=_unless_constant(lambda whole: whole.amax(0) - whole.amin(0))),
        ),
        Mistake(
            "median",
            "You subtract the median; the mean is asked for.",
            _units_of(center=lambda whole: whole.median(dim=0).values),
        ),
        Mistake(
            "not-centred",
            "You divide and do not subtract the mean, although you return it.",
            lambda train, x: (*to_units(train, x)[:2], x / to_units(train, x)[1]),
        ),
    ),
    alternatives=(_units_by_numpy, _units_in_a_loop),
)


# --- L16-E2 -------------------------------------------------------------------------------------------------


def pairs(z, time, visit, lag):
    """States of one visit whose times are the lag apart, both there."""
    apart = time[None, :] - time[:, None]  # (n, n): how much later j is than i
    together = (visit[:, None] == visit[None, :]) & (apart == lag)
    there = z.isfinite()
    i, j = (together & there[:, None] & there[None, :]).nonzero(as_tuple=True)
    return z[i], z[j]


def _visits(generator, dtype, lengths=(7, 5, 2), lag=2, missing=2, dropped=2):
    """Rows of several visits: values, hours as whole numbers, the visit's number, a lag."""
    time = torch.cat([torch.arange(length) for length in lengths])
    visit = torch.cat([torch.full((length,), 3 + 2 * k) for k, length in enumerate(lengths)])
    z = torch.randn(len(time), generator=generator, dtype=dtype)
    z[torch.randperm(len(z), generator=generator)[:missing]] = NAN
    gone = 1 + torch.randperm(lengths[0] - 2, generator=generator)[:dropped]  # rows of the first visit
    rows = torch.ones(len(z), dtype=torch.bool)
    rows[gone] = False
    return z[rows], time[rows], visit[rows], lag


def _equal_values(generator, dtype):
    z, time, visit, lag = _visits(generator, dtype, lengths=(9, 6), missing=1)
    return torch.where(z.isfinite(), (z > 0).to(z), z), time, visit, lag


def _values_of_all_sizes(generator, dtype):
    z, *rest = _visits(generator, dtype, lengths=(9, 6))
    return z * torch.logspace(-6, 6, len(z), dtype=dtype), *rest


def _late_start(generator, dtype):
    z, time, visit, lag = _visits(generator, dtype)
    return z, time + 100 * visit, visit, lag


def _long_visits(generator, dtype):
    """Hours of one visit that, run on into the next, would be hours of that."""
    time = torch.tensor([0, 2, 9, 99, 999, 9999, 99_999, 999_999, 1, 3, 4])
    z = torch.randn(len(time), generator=generator, dtype=dtype)
    return z, time, torch.tensor([0] * 8 + [1] * 3), 2


def _pairs_by_lookup(z, time, visit, lag):
    place = {(v, t): k for k, (v, t) in enumerate(zip(visit.tolist(), time.tolist()))}
    found = [(k, place[v, t + lag]) for (v, t), k in place.items() if (v, t + lag) in place]
    found = [(i, j) for i, j in found if not bool(z[i].isnan() | z[j].isnan())]
    i, j = (torch.tensor([pair[k] for pair in found], dtype=torch.long) for k in (0, 1))
    return z[i], z[j]


def _pairs_by_the_package(z, time, visit, lag):
    from koopteach.series import lagged_pairs

    every = list(dict.fromkeys(visit.tolist()))
    series, times = ([part[visit == v] for v in every] for part in (z, time.double()))
    try:
        x, y = lagged_pairs(series, float(lag), times=times)
    except ValueError:
        return z[:0], z[:0]
    return x[:, 0], y[:, 0]


def _pairs_where(rule):
    """Pairs by another rule of (time i, time j, visit i, visit j, lag), of rows that are there."""

    def answer(z, time, visit, lag):
        there = z.isfinite()
        chosen = rule(time[:, None], time[None], visit[:, None], visit[None], lag)
        i, j = (chosen & there[:, None] & there[None]).nonzero(as_tuple=True)
        return z[i], z[j]

    return answer


def _by_rows(z, time, visit, lag, within=True):
    x, y = z[:-lag], z[lag:]
    good = x.isfinite() & y.isfinite() & ((visit[:-lag] == visit[lag:]) | (not within))
    return x[good], y[good]


def _dropped_first(z, time, visit, lag):
    there = z.isfinite()
    return _by_rows(z[there], time[there], visit[there], lag)


def _missing_kept(z, time, visit, lag):
    x, y = pairs(torch.arange(len(z), dtype=torch.float64), time, visit, lag)
    return z[x.long()], z[y.long()]


def _missing_zero(z, time, visit, lag):
    return pairs(z.nan_to_num(0.0), time, visit, lag)


def _only_first_there(z, time, visit, lag):
    i, j = _missing_kept(torch.arange(len(z), dtype=torch.float64), time, visit, lag)
    x, y = z[i.long()], z[j.long()]
    return x[x.isfinite()], y[x.isfinite()]


E2 = Exercise(
    id="L16-E2",
    title="Pairs across no gap and no border",
    minutes=12,
    importance=3,
    reference=pairs,
    inputs=_visits,
    example=(
        (
            _tensor([1.0, 2.0, 3.0, NAN, 5.0, 6.0]),
            torch.tensor([0, 1, 3, 4, 0, 2]),
            torch.tensor([7, 7, 7, 7, 8, 8]),
            2,
        ),
        (_tensor([2.0, 5.0]), _tensor([3.0, 6.0])),
    ),
    identities=(
        Identity(
            "The pairs of a file are those of its visits, one after the other.",
            lambda answer, args: agree(
                tuple(
                    torch.cat(part)
                    for part in zip(*(answer(*(z[args[2] == v] for z in args[:3]), args[3]) for v in args[2].unique()))
                ),
                answer(*args),
                1e-6,
            ),
        ),
        Identity(
            "A clock that starts later changes nothing.",
            lambda answer, args: agree(answer(args[0], args[1] + 50, *args[2:]), answer(*args), 1e-6),
        ),
        Identity(
            "Visits that are told apart by other numbers make the same pairs.",
            lambda answer, args: agree(answer(*args[:2], 3 * args[2] + 100, args[3]), answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        ("visits whose numbers fall", altered(_visits, pairs, visit=lambda visit: 90 - 7 * visit)),
        ("a lag of one hour", altered(_visits, pairs, lag=lambda lag: 1)),
        ("visits whose numbers are millions", altered(_visits, pairs, visit=lambda visit: 1_000_000 * visit)),
        ("a lag that is longer than every visit", lambda g, dtype: (*_visits(g, dtype)[:3], 20)),
        ("each visit's clock going on where the last one's stopped, much later", _late_start),
        Edge("a single visit of 40 rows", partial(_visits, lengths=(40,), lag=5, missing=8), "sizes"),
        ("hours up to a million", _long_visits),
        Edge("values that repeat", _equal_values, "ties"),
        Edge("values of very different size", _values_of_all_sizes, "far"),
    ),
    units={"z": 1},
    mistakes=(
        Mistake(
            "rows-for-hours",
            "You count rows; where rows are missing the partner is further away than the lag. Go by the times.",
            _by_rows,
        ),
        Mistake(
            "missing-dropped-first",
            "You drop the missing values and then count rows; that joins what is further apart than the lag.",
            _dropped_first,
        ),
        Mistake(
            "across-borders",
            "You compare times alone; rows of different visits at fitting hours are strangers. Compare visits, too.",
            _pairs_where(lambda ti, tj, vi, vj, lag: tj - ti == lag),
        ),
        Mistake(
            "rows-and-across-borders",
            "You shift the rows of the whole file, across gaps and from one visit into the next.",
            partial(_by_rows, within=False),
        ),
        Mistake(
            "missing-kept",
            "Your pairs hold missing values; both states of a pair must be there.",
            _missing_kept,
        ),
        Mistake(
            "missing-is-zero",
            "You put zeros for missing values; no sensor measured them. Leave these pairs out.",
            _missing_zero,
        ),
        Mistake(
            "second-not-checked",
            "You check the first state of a pair only; the second one may be missing as well.",
            _only_first_there,
        ),
        Mistake(
            "backwards",
            "You return the later state first; x is now, and y is one lag after it.",
            lambda z, time, visit, lag: pairs(z, time, visit, lag)[::-1],
        ),
        Mistake(
            "both-directions",
            "You take every pair twice, forwards and backwards; y must be later than x.",
            _pairs_where(lambda ti, tj, vi, vj, lag: (vi == vj) & ((tj - ti).abs() == lag)),
        ),
        Mistake(
            "at-least-the-lag",
            "You take all rows that are later by the lag or more; exactly the lag is asked for.",
            _pairs_where(lambda ti, tj, vi, vj, lag: (vi == vj) & (tj - ti >= lag)),
        ),
        Mistake(
            "up-to-the-lag",
            "You take all rows that follow within the lag; exactly the lag is asked for.",
            _pairs_where(lambda ti, tj, vi, vj, lag: (vi == vj) & (tj - ti <= lag) & (tj >= ti)),
        ),
        Mistake(
            "always-one-step",
            "You pair neighbours in time, one hour apart, whatever the lag.",
            _pairs_where(lambda ti, tj, vi, vj, lag: (vi == vj) & (tj - ti == min(lag, 1))),
        ),
    ),
    alternatives=(_pairs_by_lookup, _pairs_by_the_package),
)


# --- L16-E3 -------------------------------------------------------------------------------------------------


def calibrate(x, data):
    """Each number of x becomes the quantile of the data that its rank asks for."""
    levels = data.sort().values
    height = (x.argsort().argsort().to(x) + 0.5) / len(x)  # in x's order
    place = (height * len(data) - 0.5).clamp(0, len(data) - 1)  # between which of the levels
    low = place.floor().long().clamp_max(len(data) - 2)
    return levels[low] + (place - low) * (levels[low + 1] - levels[low])


def _column(generator, dtype, n=7, m=11):
    x = torch.randn(n, generator=generator, dtype=dtype)
    return x, 2 + 1.5 * torch.randn(m, generator=generator, dtype=dtype)


def _counts(generator, dtype):
    x, _ = _column(generator, dtype, n=9)
    return x, torch.tensor([3, 0, 1, 1, 0, 5, 1, 3, 0, 1, 1], dtype=dtype)


def _tail(generator, dtype):
    x, data = _column(generator, dtype, n=40, m=25)
    return x * torch.logspace(-3, 3, 40, dtype=dtype), torch.sinh(4 * data - 8)


def _calibrate_by_numpy(x, data):
    rank = np.empty(len(x))
    rank[np.argsort(x.numpy())] = np.arange(len(x))
    heights = (np.arange(len(data)) + 0.5) / len(data)
    found = np.interp((rank + 0.5) / len(x), heights, np.sort(data.numpy().astype(np.float64)))
    return torch.from_numpy(found).to(x)


def _calibrate_by_torch(x, data):
    place = torch.linspace(0.5 / len(x), 1 - 0.5 / len(x), len(x), dtype=torch.float64) * len(data) - 0.5
    q = (place / (len(data) - 1)).clamp(0, 1).to(x)
    found = torch.empty_like(x)
    found[x.argsort()] = torch.quantile(data, q)
    return found


def _calibrated(height=None, place=None, order=None, between=True):
    """The answer with parts of it replaced."""

    def answer(x, data):
        n, m = len(x), len(data)
        rank = (x.argsort().argsort() if order is None else order(x)).to(x)
        h = (rank + 0.5) / n if height is None else height(rank, n)
        at = (h * m - 0.5 if place is None else place(h, m)).clamp(0, m - 1)
        levels = data.sort().values
        if not between:
            return levels[at.round().long()]
        low = at.floor().long().clamp_max(m - 2)
        return levels[low] + (at - low) * (levels[low + 1] - levels[low])

    return answer


def _clipped_to_data(x, data):
    return x.clamp(float(data.min()), float(data.max()))


def _moments_alone(x, data):
    return data.mean() + data.std(correction=0) * (x - x.mean()) / x.std(correction=0)


def _nearest_value(x, data):
    return data[(x[:, None] - data).abs().argmin(dim=1)]


def _beyond_the_ends(x, data):
    levels, m = data.sort().values, len(data)
    at = (x.argsort().argsort().to(x) + 0.5) / len(x) * m - 0.5
    low = at.floor().long().clamp(0, m - 2)
    return levels[low] + (at - low) * (levels[low + 1] - levels[low])


E3 = Exercise(
    id="L16-E3",
    title="Calibrate a column",
    minutes=10,
    importance=2,
    reference=calibrate,
    inputs=_column,
    example=((_tensor([0.9, -0.2]), _tensor([6.0, 0.0, 2.0])), _tensor([5.0, 0.5])),
    identities=(
        Identity(
            "As many numbers as the data get the data's own values, in the order of x.",
            lambda answer, args: agree(
                answer(args[0], args[1][: len(args[0])]).sort().values, args[1][: len(args[0])].sort().values, 1e-4
            ),
        ),
        Identity(
            "Any increasing function of x gives the same answer.",
            lambda answer, args: agree(answer(torch.sinh(3 * args[0]), args[1]), answer(*args), 1e-4),
        ),
        Identity(
            "The order of the data does not matter, and that of x is kept.",
            lambda answer, args: agree(answer(args[0].flip(0), args[1].flip(0)), answer(*args).flip(0), 1e-4),
        ),
        Identity(
            "Twice the data, plus one, gives twice the answer, plus one.",
            lambda answer, args: agree(answer(args[0], 2 * args[1] + 1), 2 * answer(*args) + 1, 1e-4),
        ),
    ),
    edge_cases=(
        Edge("two data", partial(_column, n=5, m=2), "sizes"),
        Edge("as many numbers as data", partial(_column, n=8, m=8), "sizes"),
        Edge("more numbers than data", partial(_column, n=40, m=5), "sizes"),
        Edge("a single number", partial(_column, n=1, m=6), "sizes"),
        Edge("data that are counts, most of them equal", _counts, "ties"),
        Edge("data with a very long tail", _tail, "far"),
    ),
    units={"data": 1},
    mistakes=(
        Mistake(
            "order-lost",
            "You return the values sorted; each must stand where its number of x stood, beside its own row.",
            lambda x, data: calibrate(x, data).sort().values,
        ),
        Mistake(
            "sorted-once",
            "x.argsort() says which number comes first, not at which place a number comes; sort once more.",
            _calibrated(order=lambda x: x.argsort()),
        ),
        Mistake(
            "numpy-quantile",
            "You use quantile(): its heights run from the least value at 0 to the largest at 1, not from (j - 1/2)/m.",
            _calibrated(place=lambda h, m: h * (m - 1)),
        ),
        Mistake(
            "ranks-to-the-ends",
            "You spread the ranks from 0 to 1; the middle of each of n equal parts is asked for, (k - 1/2)/n.",
            _calibrated(height=lambda rank, n: rank / max(n - 1, 1)),
        ),
        Mistake(
            "ranks-from-zero",
            "You take the rank over n, from 0; the middle of each part is asked for, half a rank higher.",
            _calibrated(height=lambda rank, n: rank / n),
        ),
        Mistake(
            "ranks-from-one",
            "You take the rank over n, from 1; the middle of each part is asked for, half a rank lower.",
            _calibrated(height=lambda rank, n: (rank + 1) / n),
        ),
        Mistake(
            "ranks-over-n-plus-one",
            "You take the rank over n + 1; that is another convention, (k - 1/2)/n is asked for.",
            _calibrated(height=lambda rank, n: (rank + 1) / (n + 1)),
        ),
        Mistake(
            "snapped",
            "You take the nearest of the data's values; between them the quantile is linear.",
            _calibrated(between=False),
        ),
        Mistake(
            "beyond-the-ends",
            "You go on in a straight line beyond the data's ends; outside (1/2m, 1 - 1/2m) the end value holds.",
            _beyond_the_ends,
        ),
        Mistake(
            "nearest-by-value",
            "You look for the datum nearest in value; the rank decides, wherever x lies.",
            _nearest_value,
        ),
        Mistake(
            "moments-alone",
            "You give x the data's mean and spread; skewness, tails and levels stay wrong. Use ranks.",
            _moments_alone,
        ),
        Mistake(
            "clipped",
            "You cut x off at the data's ends; between the ends it keeps its own law. Use ranks.",
            _clipped_to_data,
        ),
        Mistake(
            "upside-down",
            "You rank from the top: your largest number gets the smallest value.",
            _calibrated(order=lambda x: (-x).argsort().argsort()),
        ),
    ),
    alternatives=(_calibrate_by_numpy, _calibrate_by_torch),
)


# --- L16-E4 -------------------------------------------------------------------------------------------------


def share_near(sample, train, kept):
    """Share of the sample that is nearer to train than to kept; a tie counts half."""
    seen = _nearest(sample, train)
    unseen = _nearest(sample, kept)
    return float(((seen < unseen).double() + 0.5 * (seen == unseen).double()).mean())


def _nearest(a, b, power=2, reduce=torch.amin):
    return reduce((a[:, None] - b[None]).abs().pow(power).sum(dim=2), dim=1)


def _clouds(generator, dtype, n=12, m=9, d=2, copies=3):
    sample, train, kept = (torch.randn(k, d, generator=generator, dtype=dtype) for k in (n, m, m))
    sample[:copies] = train[:copies]
    return sample, train, kept


def _on_both(generator, dtype):
    """Points that train and kept have in common, points halfway between, and copies of either."""
    train = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]], dtype=dtype)
    kept = torch.tensor([[0.0, 0.0], [4.0, 2.0], [2.0, 4.0]], dtype=dtype)
    more = torch.tensor([[0.0, 0.0], [4.0, 1.0], [4.0, 0.0], [0.0, 4.0], [1.0, 4.0], [4.0, 2.0]], dtype=dtype)
    return more, train, kept


def _columns_apart(generator, dtype):
    return tuple(part * torch.tensor([1e-3, 1e3], dtype=dtype) for part in _clouds(generator, dtype, n=40))


def _away_from_the_origin(generator, dtype):
    """Far enough for single precision to tell few rows apart, and no more."""
    return tuple(part + (4e6 if dtype == torch.float64 else 10.0) for part in _clouds(generator, dtype, n=40, m=30))


def _off_origin(generator, dtype):
    """More than 25 rows, far from the origin: products of lengths would leave no digit."""
    shift = 1e7 if dtype == torch.float64 else 1e3
    return tuple(part + shift for part in _clouds(generator, dtype, n=40, m=30, copies=9))


def _share_by_cdist(sample, train, kept):
    seen, unseen = (
        torch.cdist(sample, part, compute_mode="donot_use_mm_for_euclid_dist").amin(1) for part in (train, kept)
    )
    return 0.5 + 0.5 * torch.sign(unseen - seen).double().mean()


def _share_in_a_loop(sample, train, kept):
    total = 0.0
    for point in sample:
        a, b = (min(float((point - other).square().sum()) for other in part) for part in (train, kept))
        total += 1.0 if a < b else 0.5 if a == b else 0.0
    return total / len(sample)


def _share(reduce=torch.amin, power=2, tie=0.5):
    def answer(sample, train, kept):
        seen, unseen = (_nearest(sample, part, power, reduce) for part in (train, kept))
        return float(((seen < unseen).double() + tie * (seen == unseen).double()).mean())

    return answer


def _share_by_products(sample, train, kept):
    def nearest(part):
        return ((sample**2).sum(1)[:, None] - 2 * sample @ part.T + (part**2).sum(1)).amin(dim=1)

    seen, unseen = nearest(train), nearest(kept)
    return float(((seen < unseen).double() + 0.5 * (seen == unseen).double()).mean())


def _share_of_copies(sample, train, kept):
    return float((_nearest(sample, train) == 0).double().mean())


def _row_by_row(sample, train, kept):
    n = min(map(len, (sample, train, kept)))
    a, b = ((sample[:n] - part[:n]).square().sum(1) for part in (train, kept))
    return float(((a < b).double() + 0.5 * (a == b).double()).mean())


def _mean_ratio(sample, train, kept):
    a, b = (_nearest(sample, part).sqrt().mean() for part in (train, kept))
    return float(b / (a + b))


def _share_by_largest_coordinate(sample, train, kept):
    seen, unseen = ((sample[:, None] - part).abs().amax(2).amin(1) for part in (train, kept))
    return float((0.5 + 0.5 * torch.sign(unseen - seen)).double().mean())


E4 = Exercise(
    id="L16-E4",
    title="Copies, or new points",
    minutes=8,
    importance=3,
    reference=share_near,
    inputs=_clouds,
    example=(
        (_tensor([[0.0], [1.0], [5.0], [9.0]]), _tensor([[0.0], [6.0]]), _tensor([[2.0], [8.0]])),
        0.625,
    ),
    identities=(
        Identity(
            "Where train and kept change places, h becomes 1 - h.",
            lambda answer, args: agree(answer(args[0], args[2], args[1]), 1 - float(answer(*args)), 1e-6),
        ),
        Identity("Copies of train give 1.", lambda answer, args: agree(answer(args[1], args[1], args[2]), 1.0, 1e-6)),
        Identity(
            "Where train and kept are the same rows it is one half.",
            lambda answer, args: agree(answer(args[0], args[1], args[1].flip(0)), 0.5, 1e-6),
        ),
    ),
    edge_cases=(
        Edge("as many samples as rows and columns", partial(_clouds, n=4, m=4, d=4), "sizes"),
        Edge("rows on the line", partial(_clouds, d=1), "sizes"),
        Edge("a single sample in 17 dimensions", partial(_clouds, n=1, d=17, copies=1), "sizes"),
        Edge("points as near to one as to the other", _on_both, "ties"),
        Edge("columns of very different size", _columns_apart, "far"),
        Edge("a cloud away from the origin", _away_from_the_origin, "far"),
        Edge("a cloud that is far from the origin", _off_origin, "far"),
    ),
    units={"sample": 1, "train": 1, "kept": 1},
    mistakes=(
        Mistake(
            "single-precision",
            "You compute in float32, whose seven digits tell the rows of a cloud away from the origin no longer apart.",
            lambda sample, train, kept: share_near(sample.float(), train.float(), kept.float()),
        ),
        Mistake(
            "the-other-way",
            "You count who is nearer to the kept rows; copies of train would then score 0.",
            lambda sample, train, kept: 1 - share_near(sample, train, kept),
        ),
        Mistake(
            "ties-lost",
            "A sample as near to one as to the other must count half; you do not count it at all.",
            _share(tie=0.0),
        ),
        Mistake(
            "ties-whole",
            "A sample as near to one as to the other must count half; you count it as a copy.",
            _share(tie=1.0),
        ),
        Mistake(
            "mean-distance",
            "You compare mean distances; a copy is near to one row and far from the others. Take the nearest row.",
            _share(reduce=torch.mean),
        ),
        Mistake(
            "farthest",
            "You compare distances to the farthest rows; take the nearest.",
            _share(reduce=torch.amax),
        ),
        Mistake(
            "city-block",
            "You add up absolute differences; the Euclidean distance adds up their squares.",
            _share(power=1),
        ),
        Mistake(
            "lengths-and-products",
            "You expand |a - b|^2 into lengths and products; far from the origin no digit is left. Subtract first.",
            _share_by_products,
        ),
        Mistake(
            "exact-copies-only",
            "You count rows that are copied to the last digit; a copy that was shaken a little escapes you.",
            _share_of_copies,
        ),
        Mistake(
            "row-by-row",
            "You compare row i with row i; the nearest of all rows counts.",
            _row_by_row,
        ),
        Mistake(
            "ratio-of-means",
            "You compare the means of the two distances; the share of samples is asked for, each counted once.",
            _mean_ratio,
        ),
        Mistake(
            "count",
            "You return how many there are; their share is asked for.",
            lambda sample, train, kept: len(sample) * share_near(sample, train, kept),
        ),
        Mistake(
            "asked-of-the-rows",
            "You ask the training rows for their nearest sample; ask each sample for its nearest rows.",
            lambda sample, train, kept: float((_nearest(train, sample) < _nearest(kept, sample)).double().mean()),
        ),
        Mistake(
            "largest-coordinate",
            "You take the largest difference of a coordinate; distances are Euclidean.",
            _share_by_largest_coordinate,
        ),
    ),
    alternatives=(_share_by_cdist, _share_in_a_loop),
)

EXERCISES = (E1, E2, E3, E4)
