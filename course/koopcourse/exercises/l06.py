"""Lesson 06: a product's spectrum, counting wells, wrong shares, noise floors, a sufficient rank, equal seconds."""

from __future__ import annotations

import statistics
from functools import partial

import numpy as np
import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered
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


def _given_rates(values, n, generator, dtype):
    return torch.tensor(values, dtype=dtype), n


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
    importance=2,
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
        Edge("a single rate", partial(_rates, count=1, n=3), "sizes"),
        Edge("a single rate asked for", partial(_rates, n=1), "sizes"),
        Edge("17 rates, 31 asked for", partial(_rates, count=17, n=31), "sizes"),
        Edge("rates that are all alike", partial(_given_rates, [1.0, 1.0, 1.0, 1.0], 7), "ties"),
        Edge("rates that repeat, and sums that agree", partial(_given_rates, [1.0, 1.0, 2.0, 3.0], 12), "ties"),
        Edge("rates from 1e-6 to 1e3", partial(_given_rates, [1e-6, 1e-3, 1.0, 1e3], 10), "far"),
    ),
    units={"l": 1},
    farthest=1e15,
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
            "products-with-one",
            "You multiply the rates, with 1 for the constant; eigenfunctions multiply, rates add, and the "
            "constant's is 0.",
            lambda l, n: (
                torch.cat([torch.ones_like(l[:1]), l])
                .outer(torch.cat([torch.ones_like(l[:1]), l]))
                .flatten()
                .sort()
                .values[1 : n + 1]
            ),
        ),
        Mistake(
            "one-coordinate-at-a-time",
            "You list the rates of each coordinate and no sums; modes that move in both have the sum of two rates.",
            lambda l, n: torch.cat([l, l]).sort().values[:n],
        ),
        Mistake(
            "equal-modes-left-out",
            "You leave out i = j; the product of the same mode in both coordinates is a mode, too, of rate 2 l_i.",
            lambda l, n: torch.cat([l, l, (l[:, None] + l)[~torch.eye(len(l), dtype=torch.bool)]]).sort().values[:n],
        ),
        Mistake(
            "largest",
            "You return the largest sums; the slowest modes have the smallest rates.",
            lambda l, n: _pairs(torch.add, l, (len(l) + 1) ** 2)[-n:],
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


def _spectrum_with_a_gap(generator, dtype, slow=None, fast=5):
    """Rates in some unit of time, with a widest gap that is no great one, and a smaller one among the fast."""
    slow = _count(generator, 2, 4) if slow is None else slow
    ratios = 1.1 + 0.3 * torch.rand(slow + fast - 1, generator=generator, dtype=dtype)
    ratios[slow - 1] = 2.6 + torch.rand((), generator=generator, dtype=dtype)
    if fast > 2:
        ratios[-2], ratios[-1] = 2.0, 1.1
    unit = 10 ** _uniform(generator, -3.0, 3.0)
    return (unit * torch.cat([torch.ones(1, dtype=dtype), ratios.cumprod(0)]),)


def _given(*values):
    """An input of one argument, whatever the generator."""
    return lambda generator, dtype: (torch.tensor(values, dtype=dtype),)


def _gap_in_a_loop(rates):
    best, count = 0.0, 0
    for k in range(1, len(rates)):
        ratio = float(rates[k] / rates[k - 1])
        if ratio > best:
            best, count = ratio, k
    return count


def _first_gap_above(rates, bound):
    ratios = (rates[1:] / rates[:-1]).tolist()
    return next((k for k, ratio in enumerate(ratios, 1) if ratio > bound), slow_modes(rates))


E2 = Exercise(
    id="L06-E2",
    title="Count the slow modes",
    minutes=7,
    importance=2,
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
    edge_cases=(
        ("a widest gap before the last rate", _given(1.0, 1.1, 1.2, 1.3, 1.4, 30.0)),
        ("gaps of 12, 30 and 20", _given(1.0, 12.0, 13.0, 390.0, 400.0, 8000.0)),
        ("gaps of 120, 3 and 150", _given(0.01, 1.2, 3.6, 540.0, 600.0)),
        ("gaps of 2.5 and 4 among twins", _given(1.0, 2.5, 2.5, 10.0, 10.0, 12.0)),
        Edge("a single slow mode", partial(_spectrum_with_a_gap, slow=1), "sizes"),
        Edge("a single fast mode", partial(_spectrum_with_a_gap, fast=1), "sizes"),
        Edge("two rates", partial(_spectrum_with_a_gap, slow=1, fast=1), "sizes"),
        Edge("31 rates", partial(_spectrum_with_a_gap, slow=13, fast=18), "sizes"),
        ("a first gap that is the widest, before many others", _given(1.0, 10.0, 20.0, 40.0, 80.0, 160.0)),
        Edge("rates that repeat, and two gaps equally wide", _given(1.0, 1.0, 4.0, 4.0, 16.0), "ties"),
        ("a wide gap that comes before a wider one", _given(1.0, 3.0, 30.0, 45.0, 60.0)),
        ("a gap of ten before one of a hundred", _given(1.0, 10.0, 1000.0, 1500.0)),
        ("two wide gaps in a row", _given(1.0, 3.0, 9.5, 10.0, 15.0, 15.2)),
        ("a widest gap that is no wide one", _given(1.0, 1.1, 1.2, 1.7, 1.8, 2.0)),
        Edge("a widest gap between tiny rates", _given(1e-15, 1e-11, 1e-8, 1e-5, 1e-2), "far"),
        Edge("rates from 1e-12 to 1e6", _given(1e-12, 2e-12, 1e-3, 2e-3, 1e6, 3e6), "far"),
    ),
    units={"rates": 1},
    farthest=1e15,
    mistakes=(
        Mistake(
            "first-wide-gap",
            "You take the first ratio above 5; a wider gap may follow, and the widest is asked for.",
            lambda rates: _first_gap_above(rates, 5.0),
        ),
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
            "counted-from-the-end",
            "You count the rates behind the gap; those before it, the slow ones, are asked for.",
            lambda rates: len(rates) - slow_modes(rates),
        ),
        Mistake(
            "slower-than-one",
            "You count the rates below 1; in another unit of time that is another number: only ratios have no unit.",
            lambda rates: int((rates < 1).sum()),
        ),
        Mistake(
            "below-the-middle",
            "You count the rates below the middle of the range; the widest gap need not lie there: compare neighbours.",
            lambda rates: int((rates < (rates[0] * rates[-1]).sqrt()).sum()),
        ),
        Mistake(
            "last-wide-gap",
            "You take the last gap that is wider than the average; the widest of all is asked for.",
            lambda rates: int((rates[1:] / rates[:-1] > (rates[1:] / rates[:-1]).mean()).nonzero().max()) + 1,
        ),
        Mistake(
            "last-of-equal-gaps",
            "Of two gaps that are equally wide you take the last; the first is asked for.",
            lambda rates: len(rates) - 1 - int((rates[1:] / rates[:-1]).flip(0).argmax()),
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


def _nearly_right(generator, dtype):
    """Shares from a millionth to nearly all, wrong by about one in ten thousand."""
    exact = torch.logspace(-6, 0, 5, dtype=dtype)
    w = exact * (1 + 1e-4 * torch.randn(5, generator=generator, dtype=dtype))
    return w / w.sum(), exact / exact.sum()


def _empty_wells(generator, dtype):
    """A well that is empty and should be, one that should not be, and one whose share is right."""
    return torch.tensor([0.0, 0.0, 0.25, 0.75], dtype=dtype), torch.tensor([0.0, 0.5, 0.25, 0.25], dtype=dtype)


def _few_where_none(generator, dtype):
    return torch.tensor([0.0, 0.1, 0.3, 0.6], dtype=dtype), torch.tensor([0.1, 0.0, 0.4, 0.5], dtype=dtype)


E3 = Exercise(
    id="L06-E3",
    title="The wrong share",
    minutes=5,
    importance=2,
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
    edge_cases=(
        Edge("an empty well that should hold a few, and a few where none should be", _few_where_none, "ties"),
        Edge("two wells", partial(_shares, k=2), "sizes"),
        Edge("31 wells", partial(_shares, k=31), "sizes"),
        Edge("wells that are empty", _empty_wells, "ties"),
        Edge("shares of very different size that are nearly right", _nearly_right, "far"),
    ),
    without={"units": "shares have no unit"},
    bounded=("w", "exact"),
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
            "twice-the-mean",
            "You take twice the mean; that is half of the sum for four wells only.",
            lambda w, exact: 2 * (w - exact).abs().mean(),
        ),
        Mistake(
            "euclidean",
            "You take a Euclidean distance; the share of misplaced particles is half the sum of absolute differences.",
            lambda w, exact: (w - exact).norm() / 2**0.5,
        ),
        Mistake(
            "hellinger",
            "You take one minus the sum of the roots of the products, the Hellinger distance squared: no share of "
            "particles.",
            lambda w, exact: 1 - (w * exact).sqrt().sum(),
        ),
        Mistake(
            "first-well-only",
            "You look at the first well alone; the share of misplaced particles adds up over all wells.",
            lambda w, exact: (w[0] - exact[0]).abs(),
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
    return mean, sd


def _mean_distance(x, y):
    """A metric that has the unit of the points, knows their number and does not like to be turned round."""
    return float((x.mean(0) - y.mean(0)).norm() + 4 * x.abs().mean() / len(x) + (x.abs() - y.abs().mean()).mean().abs())


def _draws(generator, dtype, repeats=6, n=5, d=2):
    draws = torch.randn(repeats, n, d, generator=generator, dtype=dtype)
    return _mean_distance, draws, 0.5 + torch.randn(40, d, generator=generator, dtype=dtype)


def _constant_has_no_spread(answer, args):
    mean, sd = answer(lambda x, y: 2.5, *args[1:])
    return agree(mean, 2.5) and agree(sd, 0.0)


def _draws_alike(generator, dtype):
    metric, draws, reference = _draws(generator, dtype)
    return metric, draws[:1].repeat(4, 1, 1), reference


def _one_draw_far_away(generator, dtype):
    metric, draws, reference = _draws(generator, dtype, repeats=50)
    draws[2] = 1e3 * draws[2]
    return metric, draws, reference


def _large_and_alike(generator, dtype):
    """Values of ten million that are a few apart."""
    metric, draws, reference = _draws(generator, torch.float64)
    return lambda x, y: float(round(1e7 + 4 * metric(x, y))), draws, reference


def _values(metric, draws, reference):
    return [metric(x, reference) for x in draws]


def _with_spread(spread):
    """The right mean, and ``spread(values)`` of a tensor of values."""
    return lambda metric, draws, reference: (
        statistics.fmean(_values(metric, draws, reference)),
        float(spread(_tensor(_values(metric, draws, reference)))),
    )


def _squares_less_square(values):
    n = len(values)
    return ((values.square().mean() - values.mean().square()).clamp_min(0) * n / (n - 1)).sqrt()


def _with_middle(middle):
    """``middle(values)`` of a list of values, and the right spread."""
    return lambda metric, draws, reference: (
        middle(_values(metric, draws, reference)),
        statistics.stdev(_values(metric, draws, reference)),
    )


E4 = Exercise(
    id="L06-E4",
    title="A noise floor",
    minutes=7,
    importance=3,
    reference=floor,
    inputs=_draws,
    example=(
        (
            lambda x, y: float((x.mean() - y.mean()).abs()),
            _tensor([[[1.0]], [[2.0]], [[6.0]]]),
            _tensor([[0.0], [0.0]]),
        ),
        (3.0, 7.0**0.5),
    ),
    identities=(
        Identity(
            "A metric that always reads 2.5 has the floor 2.5, without spread.",
            _constant_has_no_spread,
        ),
        Identity(
            "The order of the draws does not matter.",
            lambda answer, args: agree(answer(args[0], args[1].flip(0), args[2]), answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        Edge("as many draws as points and coordinates", partial(_draws, repeats=4, n=4, d=4), "sizes"),
        Edge("two draws", partial(_draws, repeats=2), "sizes"),
        Edge("31 draws of one point on the line", partial(_draws, repeats=31, n=1, d=1), "sizes"),
        Edge("3 draws of 31 points in 17 dimensions", partial(_draws, repeats=3, n=31, d=17), "sizes"),
        Edge("draws that are all the same", _draws_alike, "ties"),
        Edge("one draw of a very different size", _one_draw_far_away, "far"),
        Edge("values that are large and alike", _large_and_alike, "far"),
    ),
    units={"draws": 1, "reference": 1},
    mistakes=(
        Mistake(
            "squares-less-square",
            "You subtract the square of the mean from the mean square; large values that are alike lose their digits.",
            _with_spread(_squares_less_square),
        ),
        Mistake(
            "one-draw",
            "You judge the first draw alone; one draw is luck, and has no spread.",
            lambda metric, draws, reference: (metric(draws[0], reference), 0.0),
        ),
        Mistake(
            "all-draws-as-one",
            "You put all draws into one large sample; its floor is lower than that of as many points as you judge.",
            lambda metric, draws, reference: (
                metric(draws.flatten(0, 1), reference),
                statistics.stdev(_values(metric, draws, reference)),
            ),
        ),
        Mistake(
            "part-of-the-reference",
            "You compare the reference with its own first rows; the floor needs fresh draws, none of its points.",
            lambda metric, draws, reference: (metric(reference[: draws.shape[1]], reference), 0.0),
        ),
        Mistake(
            "first-draw-as-reference",
            "You compare the draws with the first of them; each is compared with the reference.",
            lambda metric, draws, reference: floor(metric, draws, draws[0]),
        ),
        Mistake(
            "other-draws-as-reference",
            "You compare the draws after the first with the first; all of them are compared with the reference.",
            lambda metric, draws, reference: floor(metric, draws[1:], draws[0]),
        ),
        Mistake(
            "arguments-exchanged",
            "You call metric(reference, sample); the sample comes first, and not every metric lets them be exchanged.",
            lambda metric, draws, reference: floor(lambda x, y: metric(y, x), draws, reference),
        ),
        Mistake(
            "smallest-draw",
            "You report the luckiest draw; the floor is the mean of all.",
            _with_middle(min),
        ),
        Mistake(
            "median-for-mean",
            "You return the median; the floor of this course is the mean.",
            _with_middle(statistics.median),
        ),
        Mistake(
            "exchanged",
            "You return the standard deviation first; the mean comes first.",
            lambda metric, draws, reference: floor(metric, draws, reference)[::-1],
        ),
        Mistake(
            "divided-by-repeats",
            "You divide the squares by the number of draws; the mean was estimated from them, so divide by one less.",
            _with_spread(lambda values: values.std(correction=0)),
        ),
        Mistake(
            "variance-for-sd",
            "You return the variance; take its square root, so that it has the unit of the metric.",
            _with_spread(torch.var),
        ),
        Mistake(
            "half-the-range",
            "You return half of the range; the standard deviation counts all draws, not the two extreme ones.",
            _with_spread(lambda values: (values.max() - values.min()) / 2),
        ),
        Mistake(
            "mean-absolute-deviation",
            "You average the absolute deviations; the standard deviation is the root of the mean square.",
            _with_spread(lambda values: (values - values.mean()).abs().mean()),
        ),
        Mistake(
            "successive-differences",
            "You measure from one draw to the next, so that their order matters; measure from the mean.",
            _with_spread(lambda values: (values.diff().square().mean() / 2).sqrt()),
        ),
        Mistake(
            "error-of-the-mean",
            "You divide the spread by the root of their number; one result scatters like one draw, not like the mean.",
            _with_spread(lambda values: values.std() / len(values) ** 0.5),
        ),
    ),
    alternatives=(
        _with_spread(torch.std),
        _with_middle(np.mean),
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


def _rank_table(generator, dtype, missing=False, units=(1.0, 1.0)):
    """KL alone passes first, then sliced W2 alone, then nearly both; then both: narrowly, well, not, three times."""
    ranks = (10 * torch.arange(1, 12) + torch.randint(0, 5, (11,), generator=generator)).tolist()
    floors = units[0] * _uniform(generator, 0.05, 0.1), units[1] * _uniform(generator, 0.15, 0.3)
    sw2 = torch.tensor([7.0, 6.0, 1.1, 2.0, 1.3, 1.1, 0.95, 1.05, 1.1, 0.6, 1.15], dtype=dtype) * floors[0]
    kl = torch.tensor([9.0, 1.1, 2.0, 1.3, 1.05, 1.1, 0.95, 3.0, 1.1, 0.8, 1.1], dtype=dtype) * floors[1]
    if missing:
        kl = kl + 3 * floors[1]
    return ranks, sw2, kl, *floors


def _at_the_limit(generator, dtype):
    """Distances of just 1.2 floors, without rounding, and two that are equal."""
    return [2, 5, 7], torch.tensor([2.4, 1.2, 1.2], dtype=dtype), torch.tensor([0.3, 0.6, 0.6], dtype=dtype), 1.0, 0.5


def _alone(generator, dtype):
    """The second of nine ranks passes, and no other one."""
    kl = torch.full((9,), 1.3, dtype=dtype)
    kl[1] = 1.1
    return list(range(4, 13)), torch.ones(9, dtype=dtype), kl, 1.0, 1.0


def _of_so_many_ranks(count, generator, dtype):
    sw2, kl = (0.9 + torch.rand(2, count, generator=generator, dtype=dtype)).sort(descending=True).values
    sw2[-1], kl[-1] = 1.1, 1.1
    return list(range(3, 3 + count)), sw2, kl, 1.0, 1.0


def _rank_by_mask(ranks, sw2, kl, sw2_floor, kl_floor):
    good = (sw2 <= 1.2 * sw2_floor) & (kl <= 1.2 * kl_floor)
    return min((rank for rank, fine in zip(ranks, good.tolist()) if fine), default=0)


def _first(ranks, good):
    return next((rank for rank, fine in zip(ranks, good.tolist()) if fine), 0)


E5 = Exercise(
    id="L06-E5",
    title="The smallest sufficient rank",
    minutes=8,
    importance=1,
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
    edge_cases=(
        ("no rank that suffices", partial(_rank_table, missing=True)),
        Edge("a single rank", partial(_of_so_many_ranks, 1), "sizes"),
        Edge("31 ranks", partial(_of_so_many_ranks, 31), "sizes"),
        Edge("distances of exactly 1.2 floors", _at_the_limit, "ties"),
        ("a small rank that passes alone", _alone),
        Edge("two distances of very different size", partial(_rank_table, units=(1e-6, 1e4)), "far"),
    ),
    units={"sw2": 1, "kl": 1, "sw2_floor": 1, "kl_floor": 1},
    farthest=1e15,
    mistakes=(
        Mistake(
            "sliced-distance-only",
            "You ask sliced W2 alone, which does not see the shape inside the wells; both distances must pass.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(ranks, sw2 <= 1.2 * sw2_floor),
        ),
        Mistake(
            "kl-only",
            "You ask KL alone; both distances must pass.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(ranks, kl <= 1.2 * kl_floor),
        ),
        Mistake(
            "either-distance",
            "You let one distance pass for both (or); one may be blind where the other sees, so ask for both (and).",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(
                ranks, (sw2 <= 1.2 * sw2_floor) | (kl <= 1.2 * kl_floor)
            ),
        ),
        Mistake(
            "each-at-its-own-rank",
            "You take the larger of the two smallest ranks, one for each distance; both must pass at the same rank.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: max(
                _first(ranks, sw2 <= 1.2 * sw2_floor), _first(ranks, kl <= 1.2 * kl_floor)
            ),
        ),
        Mistake(
            "average-of-both",
            "You average the two distances in floors; a good one must not make up for a bad one: both must pass.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(ranks, sw2 / sw2_floor + kl / kl_floor <= 2.4),
        ),
        Mistake(
            "all-larger-ranks-too",
            "You ask that all larger ranks pass as well; the smallest that passes was asked for, whatever comes "
            "after it.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(
                ranks, ((sw2 <= 1.2 * sw2_floor) & (kl <= 1.2 * kl_floor)).flip(0).cumprod(0).flip(0).bool()
            ),
        ),
        Mistake(
            "allowance-added",
            "You allow 0.2 more than a floor; the allowance is a factor, 1.2, or the unit of the distance would "
            "matter.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(
                ranks, (sw2 <= sw2_floor + 0.2) & (kl <= kl_floor + 0.2)
            ),
        ),
        Mistake(
            "strictly-below",
            "You ask for less than 1.2 floors; at most 1.2 floors was asked for, so just 1.2 will do.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: _first(ranks, (sw2 < 1.2 * sw2_floor) & (kl < 1.2 * kl_floor)),
        ),
        Mistake(
            "largest-if-none",
            "You return the largest rank where none suffices; then the answer is 0.",
            lambda ranks, sw2, kl, sw2_floor, kl_floor: (
                _first(ranks, (sw2 <= 1.2 * sw2_floor) & (kl <= 1.2 * kl_floor)) or ranks[-1]
            ),
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


def _race(generator, dtype, budget=None, n=12):
    seconds = torch.cat(
        [torch.zeros(1, dtype=dtype), (0.5 + torch.rand(n - 1, generator=generator, dtype=dtype)).cumsum(0)]
    )
    errors = 0.5 + torch.rand(n, generator=generator, dtype=dtype)
    errors[1] = 0.1  # a lucky state early on, which is not where the run stands when the time is up
    k = _count(generator, 4, 5)
    fit = float(seconds[k] - seconds[k - 2]) + 0.05
    # between two records, nearer to the later one
    spent = float(0.3 * seconds[k] + 0.7 * seconds[k + 1]) if budget is None else budget - fit
    return fit + spent, fit, seconds, errors


def _quarters(budget, fit, *quarters, largest=0.0):
    """A race whose times are given in quarters of a second, without rounding; errors of very different size."""

    def inputs(generator, dtype):
        size = torch.logspace(largest, -largest, len(quarters), dtype=dtype)
        errors = size * (0.5 + torch.rand(len(quarters), generator=generator, dtype=dtype))
        return budget / 4, fit / 4, torch.tensor(quarters, dtype=dtype) / 4, errors

    return inputs


def _error_by_search(budget, fit_seconds, seconds, errors):
    position = int((seconds + fit_seconds <= budget).sum()) - 1
    return errors[max(position, 0)]


E6 = Exercise(
    id="L06-E6",
    title="The error at equal seconds",
    minutes=7,
    importance=1,
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
    edge_cases=(
        (
            "a record a moment after the budget",
            altered(_quarters(9, 4, 0, 3, 5, 6), error_at, budget=lambda b: b * (1 - 1e-9)),
        ),
        ("a budget beyond the last record", altered(_race, error_at, budget=lambda budget: 10 * budget)),
        ("a budget that the fit uses up", partial(_race, budget=0.5)),
        Edge("the start alone on record", _quarters(9, 4, 0), "sizes"),
        Edge("31 records", partial(_race, n=31), "sizes"),
        Edge("a record just when the budget ends", _quarters(9, 4, 0, 3, 5, 6), "ties"),
        Edge("two records at the same second", _quarters(10, 4, 0, 5, 5, 9), "ties"),
        Edge("a budget that ends with the fit", _quarters(4, 4, 0, 3, 5, 6), "ties"),
        Edge("a method without a fit", _quarters(5, 0, 0, 3, 5, 6), "ties"),
        Edge("neither a fit nor a budget", _quarters(0, 0, 0, 3, 5, 6), "ties"),
        Edge("times and errors of very different size", _quarters(4e6, 4, 0, 1e-5, 4e3, 4e6, largest=6.0), "far"),
    ),
    units={"budget": 1, "fit_seconds": 1, "seconds": 1},
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
            "strictly-before",
            "You leave out a record just when the budget ends; it is within the budget, so compare with <=.",
            lambda budget, fit_seconds, seconds, errors: errors[
                max(int((seconds + fit_seconds < budget).sum()) - 1, 0)
            ],
        ),
        Mistake(
            "first-of-equal-seconds",
            "Of two records at the same second you take the first; the last record in time is asked for.",
            lambda budget, fit_seconds, seconds, errors: errors[
                int((seconds == seconds[seconds + fit_seconds <= max(budget, fit_seconds)].max()).nonzero()[0])
            ],
        ),
        Mistake(
            "last-if-not-fitted",
            "Where not even the fit was done you return the last error (index -1); it is the first, that of the start.",
            lambda budget, fit_seconds, seconds, errors: errors[int((seconds + fit_seconds <= budget).sum()) - 1],
        ),
        Mistake(
            "nothing-if-not-fitted",
            "Where not even the fit was done you return NaN; the particles are where they started, so it is the "
            "first error.",
            lambda budget, fit_seconds, seconds, errors: (
                _error_by_search(budget, fit_seconds, seconds, errors) if fit_seconds <= budget else float("nan")
            ),
        ),
        Mistake(
            "interpolated",
            "You interpolate between two records; what counts is the last one that was reached.",
            lambda budget, fit_seconds, seconds, errors: float(
                np.interp(budget - fit_seconds, seconds.numpy(), errors.numpy())
            ),
        ),
        Mistake(
            "nearest-record",
            "You take the record nearest to the end of the budget, which may come after it; take the last one before.",
            lambda budget, fit_seconds, seconds, errors: errors[int((seconds + fit_seconds - budget).abs().argmin())],
        ),
        Mistake(
            "fit-added-to-the-budget",
            "You add the seconds of the fit to the budget; the fit uses up a part of it.",
            lambda budget, fit_seconds, seconds, errors: _error_by_search(budget, -fit_seconds, seconds, errors),
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
