"""Exact transport and neighbourhoods, against sums written out."""

import itertools
import math
import sys
from importlib.util import find_spec

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from koopteach import GaussianMixture, precision_recall, tensors, wasserstein2
from koopteach.metrics.neighbours import precision
from koopteach.metrics.transport import pot
from tests.needs import missing
from tests.tools import seeded

if find_spec("ot") is None:
    missing("no ot: python3 course.py setup --dev")


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


seeds = st.integers(0, 10**6)
few = settings(deadline=None, derandomize=True, max_examples=20)


# Exact W2


@pytest.mark.parametrize("seed", range(3))
def test_w2_is_the_best_of_all_assignments(seed):
    x, y = normal(6, 2, seed=seed), normal(6, 2, seed=seed + 50) + 1
    square = (x[:, None] - y).square().sum(2)
    best = min(sum(square[i, j] for i, j in enumerate(order)) / 6 for order in itertools.permutations(range(6)))
    assert wasserstein2(x, y) == pytest.approx(math.sqrt(best), rel=1e-12)


@few
@given(seeds, st.integers(1, 40))
def test_on_the_line_w2_pairs_the_sorted_points(seed, n):
    x, y = normal(n, 1, seed=seed), 2 * normal(n, 1, seed=seed + 1) + 1
    exact = float((x.sort(0).values - y.sort(0).values).square().mean().sqrt())
    assert wasserstein2(x, y) == pytest.approx(exact, rel=1e-10)


def test_w2_is_solved_to_the_end(monkeypatch):
    """A thousand points on the line take tens of thousands of pivots; the bound leaves room for far more."""
    x, y = normal(1000, 1), normal(1000, 1, seed=1)
    exact = float((x.sort(0).values - y.sort(0).values).square().mean().sqrt())
    assert wasserstein2(x, y) == pytest.approx(exact, rel=1e-9)
    pivots = []
    monkeypatch.setattr(pot("a test"), "emd2", lambda a, b, cost, numItermax: pivots.append(numItermax) or 4.0)
    assert wasserstein2(x, y) == 2.0
    assert pivots[0] >= 1_000_000


def test_w2_may_split_a_short_move_to_save_a_long_one():
    """By plain distances both pairings of these points are equal, by squares one is better."""
    x, y = (torch.tensor(points, dtype=torch.float64)[:, None] for points in ([0.0, 1.0], [1.0, 2.0]))
    assert wasserstein2(x, y) == pytest.approx(1.0)  # not sqrt(2)


@few
@given(seeds, st.integers(1, 4), st.integers(1, 20), st.integers(1, 20))
def test_w2_is_a_distance(seed, d, n, m):
    x, y, z = normal(n, d, seed=seed), normal(m, d, seed=seed + 1), normal(n, d, seed=seed + 2)
    assert wasserstein2(x, x.flip(0)) == 0
    assert wasserstein2(x, y) == pytest.approx(wasserstein2(y, x), rel=1e-9)
    assert wasserstein2(x, z) <= wasserstein2(x, y) + wasserstein2(y, z) + 1e-9
    assert wasserstein2(3 * x, 3 * y) == pytest.approx(3 * wasserstein2(x, y))
    c = normal(d, seed=seed)
    assert wasserstein2(x, x + c) == pytest.approx(float(c.norm()), rel=1e-9)


def test_samples_of_other_sizes_are_split():
    """One point against two: half of its mass goes to each."""
    x = torch.zeros(1, 2, dtype=torch.float64)
    y = torch.tensor([[3.0, 0.0], [0.0, 4.0]], dtype=torch.float64)
    assert wasserstein2(x, y) == pytest.approx(math.sqrt((9 + 16) / 2))
    z = normal(40, 2)
    assert wasserstein2(z.repeat(3, 1), z) < 1e-6
    assert wasserstein2(z.float(), z) < 1e-6


def test_without_pot_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match=r"wasserstein2 needs POT: pip install POT"):
        wasserstein2(normal(3, 1), normal(3, 1))


# Neighbourhoods

LINE = torch.arange(6, dtype=torch.float64)[:, None]  # neighbours at distance one: with k = 1 every radius is 1


@pytest.mark.parametrize(
    ("x", "precise"),
    [
        ([0.0, 1, 2, 3, 4, 5], 1.0),
        ([0.5, 4.5], 1.0),
        ([2.0, 2.0, 2.0], 1.0),
        ([6.5], 0.0),
        ([6.0, 100.0], 0.5),
        ([-0.9, 2.5, 50.0, 60.0], 0.5),
    ],
)
def test_neighbourhoods_counted_by_hand(x, precise):
    assert precision(torch.tensor(x, dtype=torch.float64)[:, None], LINE, k=1) == precise


def test_a_larger_k_reaches_further():
    x = torch.tensor([[6.5], [7.5], [8.5]], dtype=torch.float64)  # with k = 2 the ends reach 2, with k = 3 three
    assert [round(3 * precision(x, LINE, k=k)) for k in (1, 2, 3)] == [0, 1, 2]


@few
@given(seeds, st.integers(1, 4), st.integers(7, 40), st.integers(1, 40))
def test_neighbourhoods_are_their_loops(seed, d, m, n):
    x, y, k = normal(n, d, seed=seed), normal(m, d, seed=seed + 1), 3
    radius = [sorted(float((u - v).norm()) for v in y)[k] for u in y]
    near = [any(float((u - v).norm()) <= r + 1e-12 for u, r in zip(y, radius)) for v in x]
    assert precision(x, y, k=k) == pytest.approx(sum(near) / n)


def test_a_copy_is_at_distance_zero():
    """Every reference point twice: its neighbourhood is itself, and exact copies lie in it."""
    y = 100 + normal(40, 2)
    assert precision(y, y.repeat(2, 1), k=1) == 1
    assert precision(y + 1e-9, y.repeat(2, 1), k=1) == 0


def test_neighbourhoods_know_no_unit_and_no_origin(monkeypatch):
    x, y = normal(300, 3), normal(200, 3, seed=1)
    assert precision(5 * x + 7, 5 * y + 7) == precision(x, y)
    assert precision(y, y) == 1
    whole = precision(x, y)
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    assert precision(x, y) == whole


def test_a_missed_mode_and_strays_are_seen():
    target = GaussianMixture.ring(4, 4.0, 0.3)
    reference, x = target.sample(1000, seeded()), target.sample(1000, seeded(1))
    precise, recalled = precision_recall(reference, x[x[:, 0] < 2])
    assert precise > 0.95
    assert recalled == pytest.approx(0.75, abs=0.04)
    assert precision(torch.cat([x, 100 + x]), reference) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: wasserstein2(normal(5), normal(5, 2)), r"wasserstein2: x has shape \(5,\)"),
        (lambda: wasserstein2(normal(5, 2), normal(5, 3)), r"wasserstein2: y has shape \(5, 3\).*2 coordinates"),
        (lambda: wasserstein2(normal(0, 2), normal(5, 2)), "x has 0 points"),
        (lambda: precision(normal(5, 2), normal(5, 2)), "precision: k must be between 1 and 4.*got 5"),
        (lambda: precision(normal(5, 2), normal(5, 2), k=0), "precision: k must be at least 1, got 0"),
        (lambda: precision(normal(5, 2), normal(9, 1)), r"precision: reference has shape \(9, 1\)"),
        (lambda: precision(normal(5, 2) * math.nan, normal(9, 2)), "precision: x has NaN or infinity in 5 of 5"),
    ],
)
def test_bad_arguments_are_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize("metric", [wasserstein2, precision])
def test_whole_and_half_numbers_are_refused(metric):
    for dtype in (torch.int64, torch.float16):
        with pytest.raises(TypeError, match=rf"{metric.__name__}: x has dtype {dtype}"):
            metric(torch.ones(9, 2, dtype=dtype), normal(9, 2))


# Weights


@few
@given(seeds)
def test_whole_weights_are_copies(seed):
    x, y = normal(6, 2, seed=seed), normal(5, 2, seed=seed + 1)
    counts = torch.randint(0, 4, (6,), generator=seeded(seed)) + torch.eye(6, dtype=torch.long)[0]
    copies = wasserstein2(x.repeat_interleave(counts, dim=0), y)
    assert wasserstein2(x, y, x_weights=3.7 * counts.double()) == pytest.approx(copies, rel=1e-9)
    assert wasserstein2(y, x, y_weights=counts.tolist()) == pytest.approx(copies, rel=1e-9)


def test_a_weight_each_is_no_weight():
    x, y = normal(7, 2), normal(9, 2, seed=1)
    assert wasserstein2(x, y, x_weights=torch.ones(7), y_weights=torch.ones(9)) == pytest.approx(wasserstein2(x, y))


@pytest.mark.parametrize("bad", [torch.ones(3), torch.zeros(7), -torch.ones(7), torch.full((7,), math.nan)])
def test_what_is_no_weights_is_told(bad):
    with pytest.raises(ValueError, match=r"wasserstein2: y_weights (must be finite, not negative and not all|has)"):
        wasserstein2(normal(7, 2), normal(7, 2), y_weights=bad)
