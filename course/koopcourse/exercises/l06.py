"""Lesson 06: a product's spectrum, counting wells, wrong shares, noise floors, a sufficient rank, equal seconds."""

from __future__ import annotations

import statistics

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake
from koopteach.metrics import noise_floor, total_variation

TITLE = "The quadruple well: every promise put to the test"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def _uniform(generator, low, high):
    return low + (high - low) * float(torch.rand((), generator=generator))


def _count(generator, low, high):
    return int(torch.randint(low, high + 1, (), generator=generator))


# --- L06-E1 -------------------------------------------------------------------------------------------------


def product_rates(l, n):
    """The n smallest positive rates of two equal, independent coordinates."""
    with_zero = torch.cat([torch.zeros_like(l[:1]), l])
    sums = (with_zero[:, None] + with_zero).flatten()
    return sums.sort().values[1 : n + 1]


def _rates(generator, dtype, count=4, n=6):
    gaps = 0.3 + torch.rand(count, generator=generator, dtype=dtype)
    return gaps.cumsum(0), n


def _product_in_a_loop(l, n):
    rates = [0.0, *l.tolist()]
    return l.new_tensor(sorted(a + b for a in rates for b in rates)[1 : n + 1])


def _pairs(combine, l, n, start=0):
    with_zero = torch.cat([torch.zeros_like(l[:1]), l])
    return combine(with_zero[:, None], with_zero).flatten().sort().values[start : start + n]


E1 = Exercise(
    id="L06-E1",
    title="Rates add",
    minutes=8,
    reference=product_rates,
    inputs=_rates,
    example=((_tensor([1.0, 5.0]), 5), _tensor([1.0, 1.0, 2.0, 5.0, 5.0])),
    identities=(
        Identity(
            "The slowest rate is that of one coordinate, and it occurs twice.",
            lambda answer, args: agree(answer(args[0], 2), args[0][:1].expand(2)),
        ),
        Identity(
            "Rates measured in another unit of time give sums in that unit.",
            lambda answer, args: agree(answer(3 * args[0], args[1]), 3 * answer(*args)),
        ),
    ),
    edge_cases=(
        ("a single rate", lambda generator, dtype: _rates(generator, dtype, count=1, n=3)),
        ("a single rate asked for", lambda generator, dtype: _rates(generator, dtype, n=1)),
    ),
    mistakes=(
        Mistake(
            "constant-kept",
            "Your first rate is 0, that of the constant function; it is no mode, and a Spectrum never has it.",
            lambda l, n: _pairs(torch.add, l, n),
        ),
        Mistake(
            "without-zero",
            "You add only modes that move in both coordinates; with rate 0 on one side a mode may stand still there.",
            lambda l, n: (l[:, None] + l).flatten().sort().values[:n],
        ),
        Mistake(
            "products",
            "You multiply the rates; eigenfunctions multiply, rates add.",
            lambda l, n: (l[:, None] * l).flatten().sort().values[:n],
        ),
        Mistake(
            "faster-of-the-two",
            "You take the faster of the two rates; a question about both coordinates is lost at the sum.",
            lambda l, n: _pairs(torch.maximum, l, n, start=1),
        ),
        Mistake(
            "each-pair-once",
            "You count i, j and j, i as one; they are two functions with one rate, so each such rate occurs twice.",
            lambda l, n: l.new_tensor(
                sorted(a + b for k, a in enumerate([0.0, *l.tolist()]) for b in [0.0, *l.tolist()][k:])[1 : n + 1]
            ),
        ),
    ),
    alternatives=(
        _product_in_a_loop,
        lambda l, n: torch.cat([l, l, (l[:, None] + l).flatten()]).sort().values[:n],
    ),
)


# --- L06-E2 -------------------------------------------------------------------------------------------------


def slow_modes(rates):
    """How many rates lie before the largest ratio of neighbours."""
    return int((rates[1:] / rates[:-1]).argmax()) + 1


def _spectrum_with_a_gap(generator, dtype, count=None):
    slow = _count(generator, 2, 4) if count is None else count
    first = 0.02 * (1 + torch.rand(slow, generator=generator, dtype=dtype)).cumsum(0)
    fast = 4.0 + 5.0 * (1 + torch.rand(5, generator=generator, dtype=dtype)).cumsum(0)
    return (torch.cat([first, fast]),)


def _gap_in_a_loop(rates):
    best, count = 0.0, 0
    for k in range(1, len(rates)):
        ratio = float(rates[k] / rates[k - 1])
        if ratio > best:
            best, count = ratio, k
    return count


E2 = Exercise(
    id="L06-E2",
    title="Count the slow modes",
    minutes=7,
    reference=slow_modes,
    inputs=_spectrum_with_a_gap,
    example=((_tensor([0.1, 0.1, 0.2, 13.0, 40.0]),), 3),
    identities=(
        Identity("Another unit of time changes no count.", lambda answer, args: answer(7 * args[0]) == answer(args[0])),
        Identity(
            "A slow mode more is one more.",
            lambda answer, args: answer(torch.cat([0.9 * args[0][:1], args[0]])) == answer(args[0]) + 1,
        ),
    ),
    edge_cases=(("a single slow mode", lambda generator, dtype: _spectrum_with_a_gap(generator, dtype, count=1)),),
    mistakes=(
        Mistake(
            "counts-the-wells",
            "You count the wells; one mixture of their indicators is the constant, so slow modes are one fewer.",
            lambda rates: slow_modes(rates) + 1,
        ),
        Mistake(
            "index-for-count",
            "You return the position of the last slow rate, counted from 0; its count is one more.",
            lambda rates: slow_modes(rates) - 1,
        ),
        Mistake(
            "difference-for-ratio",
            "You look for the largest difference; fast rates lie far apart in absolute terms, a gap is a ratio.",
            lambda rates: int((rates[1:] - rates[:-1]).argmax()) + 1,
        ),
        Mistake(
            "smallest-ratio",
            "You take the smallest ratio, where two rates are nearly the same; the gap is the largest.",
            lambda rates: int((rates[1:] / rates[:-1]).argmin()) + 1,
        ),
        Mistake(
            "all-but-the-last",
            "You count all rates but the last; find where the ratio of neighbours is largest.",
            lambda rates: len(rates) - 1,
        ),
    ),
    alternatives=(
        _gap_in_a_loop,
        lambda rates: int(rates.log().diff().argmax()) + 1,
    ),
)


# --- L06-E3 -------------------------------------------------------------------------------------------------


def wrong_share(w, exact):
    """Total variation of two sets of shares."""
    return total_variation(w, exact)


def _shares(generator, dtype, k=5):
    w, exact = 0.2 + torch.rand(2, k, generator=generator, dtype=dtype)
    return w / w.sum(), exact / exact.sum()


E3 = Exercise(
    id="L06-E3",
    title="The wrong share",
    minutes=5,
    reference=wrong_share,
    inputs=_shares,
    example=((_tensor([0.7, 0.2, 0.1, 0.0]), _tensor([0.25, 0.25, 0.25, 0.25])), 0.45),
    identities=(
        Identity("Right shares have nothing wrong.", lambda answer, args: agree(answer(args[0], args[0]), 0.0)),
        Identity(
            "Everything in one well where it belongs in another is wrong by 1.",
            lambda answer, args: agree(answer(args[0].new_tensor([1.0, 0.0]), args[0].new_tensor([0.0, 1.0])), 1.0),
        ),
        Identity("The two may be exchanged.", lambda answer, args: agree(answer(*args), answer(*args[::-1]))),
    ),
    edge_cases=(("two wells", lambda generator, dtype: _shares(generator, dtype, k=2)),),
    mistakes=(
        Mistake(
            "no-half",
            "The factor 1/2 is missing: who is missing in one well is too many in another, and you count both.",
            lambda w, exact: (w - exact).abs().sum(),
        ),
        Mistake(
            "largest-only",
            "You take the worst well alone; the share of misplaced particles adds up over the wells.",
            lambda w, exact: (w - exact).abs().max(),
        ),
        Mistake(
            "squares",
            "You square the differences; that is another distance, and no share of particles.",
            lambda w, exact: 0.5 * (w - exact).square().sum(),
        ),
        Mistake(
            "no-absolute-value",
            "Without absolute values surplus and lack cancel, and the sum is 0 for any shares.",
            lambda w, exact: 0.5 * (w - exact).sum(),
        ),
        Mistake(
            "mean-over-wells",
            "You average over the wells; the total variation is half of the sum.",
            lambda w, exact: (w - exact).abs().mean(),
        ),
    ),
    alternatives=(
        lambda w, exact: (w - exact).clamp_min(0).sum(),
        lambda w, exact: 1 - torch.minimum(w, exact).sum(),
        lambda w, exact: sum(abs(a - b) for a, b in zip(w.tolist(), exact.tolist())) / 2,
    ),
)


# --- L06-E4 -------------------------------------------------------------------------------------------------


def floor(metric, draws, reference):
    """Mean and standard deviation of the metric over fresh exact draws."""
    fresh = iter(draws)
    mean, sd = noise_floor(
        metric, lambda n, generator: next(fresh), draws.shape[1], reference=reference, repeats=len(draws)
    )
    return draws.new_tensor([mean, sd])


def _mean_distance(x, y):
    """A metric whose values are of order one, and that depends on the number of points."""
    return float((x.mean(0) - y.mean(0)).norm() + 4 / len(x) + (x.std() - y.std()).abs())


def _draws(generator, dtype, repeats=6):
    draws = torch.randn(repeats, 5, 2, generator=generator, dtype=dtype)
    return _mean_distance, draws, 0.5 + torch.randn(40, 2, generator=generator, dtype=dtype)


def _values(metric, draws, reference):
    return [metric(x, reference) for x in draws]


def _told(draws, mean, sd):
    return draws.new_tensor([mean, sd])


E4 = Exercise(
    id="L06-E4",
    title="A noise floor",
    minutes=7,
    reference=floor,
    inputs=_draws,
    example=(
        (
            lambda x, y: float((x.mean() - y.mean()).abs()),
            _tensor([[[1.0]], [[2.0]], [[6.0]]]),
            _tensor([[0.0], [0.0]]),
        ),
        _tensor([3.0, 7.0**0.5]),
    ),
    identities=(
        Identity(
            "A metric that always reads 2.5 has the floor 2.5, without spread.",
            lambda answer, args: agree(answer(lambda x, y: 2.5, *args[1:]), args[1].new_tensor([2.5, 0.0])),
        ),
        Identity(
            "The order of the draws does not matter.",
            lambda answer, args: agree(answer(args[0], args[1].flip(0), args[2]), answer(*args), 1e-6),
        ),
    ),
    edge_cases=(("two draws", lambda generator, dtype: _draws(generator, dtype, repeats=2)),),
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "one-draw",
            "You judge the first draw alone; one draw is luck, and has no spread.",
            lambda metric, draws, reference: _told(draws, metric(draws[0], reference), 0.0),
        ),
        Mistake(
            "all-draws-as-one",
            "You put all draws into one large sample; its floor is lower than that of as many points as you judge.",
            lambda metric, draws, reference: _told(
                draws,
                metric(draws.flatten(0, 1), reference),
                statistics.stdev(_values(metric, draws, reference)),
            ),
        ),
        Mistake(
            "part-of-the-reference",
            "You compare the reference with its own first rows; the floor needs fresh draws, none of its points.",
            lambda metric, draws, reference: _told(draws, metric(reference[: draws.shape[1]], reference), 0.0),
        ),
        Mistake(
            "smallest-draw",
            "You report the luckiest draw; the floor is the mean of all.",
            lambda metric, draws, reference: _told(
                draws,
                min(_values(metric, draws, reference)),
                statistics.stdev(_values(metric, draws, reference)),
            ),
        ),
        Mistake(
            "error-of-the-mean",
            "You divide the spread by the root of their number; one result scatters like one draw, not like the mean.",
            lambda metric, draws, reference: _told(
                draws,
                statistics.fmean(_values(metric, draws, reference)),
                statistics.stdev(_values(metric, draws, reference)) / len(draws) ** 0.5,
            ),
        ),
    ),
    alternatives=(
        lambda metric, draws, reference: _told(
            draws,
            statistics.fmean(_values(metric, draws, reference)),
            statistics.stdev(_values(metric, draws, reference)),
        ),
        lambda metric, draws, reference: torch.stack(
            [f(torch.stack([draws.new_tensor(metric(x, reference)) for x in draws])) for f in (torch.mean, torch.std)]
        ),
    ),
)


# --- L06-E5 -------------------------------------------------------------------------------------------------


def sufficient_rank(ranks, sw2, kl, sw2_floor, kl_floor):
    """The smallest rank whose two distances are both at most 1.2 floors; 0 if there is none."""
    for rank, a, b in zip(ranks, sw2.tolist(), kl.tolist()):
        if a <= 1.2 * sw2_floor and b <= 1.2 * kl_floor:
            return rank
    return 0


def _rank_table(generator, dtype, missing=False):
    ranks = (10 * torch.arange(1, 8) + torch.randint(0, 5, (7,), generator=generator)).tolist()
    floors = _uniform(generator, 0.05, 0.1), _uniform(generator, 0.15, 0.3)
    # sliced W2 comes to its floor before KL does; then both pass narrowly, well, best, and narrowly again
    sw2 = torch.tensor([3.0, 1.1, 1.05, 1.1, 0.95, 0.6, 1.15], dtype=dtype) * floors[0]
    kl = torch.tensor([9.0, 6.0, 3.0, 1.1, 0.95, 0.8, 1.1], dtype=dtype) * floors[1]
    if missing:
        kl = kl + 3 * floors[1]
    return ranks, sw2, kl, *floors


def _rank_by_mask(ranks, sw2, kl, sw2_floor, kl_floor):
    good = (sw2 <= 1.2 * sw2_floor) & (kl <= 1.2 * kl_floor)
    return min((rank for rank, fine in zip(ranks, good.tolist()) if fine), default=0)


def _first(ranks, good):
    return next((rank for rank, fine in zip(ranks, good.tolist()) if fine), 0)


E5 = Exercise(
    id="L06-E5",
    title="The smallest sufficient rank",
    minutes=8,
    reference=sufficient_rank,
    inputs=_rank_table,
    example=(
        ([10, 30, 60, 90], _tensor([0.13, 0.08, 0.06, 0.05]), _tensor([1.2, 1.0, 0.15, 0.14]), 0.07, 0.13),
        60,
    ),
    identities=(
        Identity(
            "Distances and floors in other units give the same rank.",
            lambda answer, args: answer(args[0], 2 * args[1], 2 * args[2], 2 * args[3], 2 * args[4]) == answer(*args),
        ),
        Identity(
            "With floors as high as the sky the smallest rank will do.",
            lambda answer, args: answer(*args[:3], 1e6, 1e6) == args[0][0],
        ),
    ),
    edge_cases=(("no rank that suffices", lambda generator, dtype: _rank_table(generator, dtype, missing=True)),),
    mistakes=(
        Mistake(
            "sliced-distance-only",
            "You ask sliced W2 alone, which does not see the shape inside the wells; both distances must pass.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(ranks, sw2 <= 1.2 * sw2_floor),
        ),
        Mistake(
            "smallest-distance",
            "You return the rank with the smallest distance; within the floor a smaller distance is luck, not quality.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: ranks[int((sw2 / sw2_floor + kl / kl_floor).argmin())],
        ),
        Mistake(
            "no-allowance",
            "You ask for at most one floor; a perfect sampler is above its own mean half of the time, hence the 1.2.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(ranks, (sw2 <= sw2_floor) & (kl <= kl_floor)),
        ),
        Mistake(
            "largest-rank",
            "You return the largest rank that passes; the smallest was asked for.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(
                ranks[::-1], ((sw2 <= 1.2 * sw2_floor) & (kl <= 1.2 * kl_floor)).flip(0)
            ),
        ),
        Mistake(
            "position-for-rank",
            "You return the position in the table; the rank that stands there was asked for.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(
                range(len(ranks)), (sw2 <= 1.2 * sw2_floor) & (kl <= 1.2 * kl_floor)
            ),
        ),
    ),
    alternatives=(
        _rank_by_mask,
        lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(ranks, torch.maximum(sw2 / sw2_floor, kl / kl_floor) <= 1.2),
    ),
)


# --- L06-E6 -------------------------------------------------------------------------------------------------


def error_at(budget, fit_seconds, seconds, errors):
    """The error of the last state reached within the budget, the fit included."""
    error = errors[0]
    for spent, value in zip(seconds.tolist(), errors):
        if fit_seconds + spent <= budget:
            error = value
    return error


def _race(generator, dtype, budget=None):
    seconds = torch.cat(
        [torch.zeros(1, dtype=dtype), (0.5 + torch.rand(11, generator=generator, dtype=dtype)).cumsum(0)]
    )
    errors = 0.5 + torch.rand(12, generator=generator, dtype=dtype)
    errors[1] = 0.1  # a lucky state early on, which is not where the run stands when the time is up
    k = _count(generator, 4, 5)
    fit = float(seconds[k] - seconds[k - 2]) + 0.05
    # between two records, nearer to the later one
    spent = float(0.3 * seconds[k] + 0.7 * seconds[k + 1]) if budget is None else budget - fit
    return fit + spent, fit, seconds, errors


def _error_by_search(budget, fit_seconds, seconds, errors):
    position = int((seconds + fit_seconds <= budget).sum()) - 1
    return errors[max(position, 0)]


E6 = Exercise(
    id="L06-E6",
    title="The error at equal seconds",
    minutes=7,
    reference=error_at,
    inputs=_race,
    example=((3.0, 1.0, _tensor([0.0, 1.0, 1.9, 2.4]), _tensor([9.0, 5.0, 4.0, 2.0])), 4.0),
    identities=(
        Identity(
            "A faster machine, which halves all times, changes nothing.",
            lambda answer, args: agree(answer(args[0] / 2, args[1] / 2, args[2] / 2, args[3]), answer(*args)),
        ),
        Identity(
            "With all the time in the world it is the last error.",
            lambda answer, args: agree(answer(1e9, *args[1:]), args[3][-1]),
        ),
    ),
    edge_cases=(("a budget that the fit uses up", lambda generator, dtype: _race(generator, dtype, budget=0.5)),),
    mistakes=(
        Mistake(
            "fit-for-free",
            "You do not count the seconds of the fit; the rival, which fits nothing, was running all the while.",
            lambda budget, fit_seconds, seconds, errors: _error_by_search(budget, 0.0, seconds, errors),
        ),
        Mistake(
            "best-so-far",
            "You take the smallest error on the way; without the truth nobody would know when to stop there.",
            lambda budget, fit_seconds, seconds, errors: errors[
                seconds + fit_seconds <= max(budget, fit_seconds)
            ].min(),
        ),
        Mistake(
            "next-record",
            "You take the first state after the budget; it was not there yet when the time was up.",
            lambda budget, fit_seconds, seconds, errors: errors[
                min(int((seconds + fit_seconds <= budget).sum()), len(errors) - 1)
            ],
        ),
        Mistake(
            "last-of-the-run",
            "You take the error at the end of the run, whatever it took; the budget is the point of the comparison.",
            lambda budget, fit_seconds, seconds, errors: errors[-1],
        ),
        Mistake(
            "fit-counted-twice",
            "You count the fit twice, once in the times and once in the budget.",
            lambda budget, fit_seconds, seconds, errors: _error_by_search(budget, 2 * fit_seconds, seconds, errors),
        ),
    ),
    alternatives=(
        _error_by_search,
        lambda budget, fit_seconds, seconds, errors: errors[
            max(int(torch.searchsorted(seconds, budget - fit_seconds, right=True)) - 1, 0)
        ],
    ),
)

EXERCISES = (E1, E2, E3, E4, E5, E6)
