"""How noise is paired with data: straight paths, optimal and local permutations, batches, start points further out."""

import itertools

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from koopteach import linear_path, ot_permutation
from koopteach.flow_matching import local_permutation, paths
from koopteach.flow_matching.local import regions
from koopteach.flow_matching.paths import Pairs, widened
from tests.tools import normal, seeded


def cost(x0, x1):
    return float((x0 - x1).square().sum())


def test_the_straight_path_and_its_velocity():
    x0, x1, t = normal(5, 2), normal(5, 2, seed=1), torch.rand(5, 1, generator=seeded(), dtype=torch.float64)
    x_t, u = linear_path(x0, x1, t)
    torch.testing.assert_close(x_t, (1 - t) * x0 + t * x1)
    assert torch.equal(u, x1 - x0)


# ---- optimal pairs


@pytest.mark.parametrize("seed", range(4))
def test_optimal_pairs_cost_what_brute_force_finds(seed):
    x0, x1 = normal(6, 2, seed=seed), 3 * normal(6, 2, seed=seed + 10)
    best = min(cost(x0, x1[list(p)]) for p in itertools.permutations(range(6)))
    assert cost(x0, x1[ot_permutation(x0, x1)]) == pytest.approx(best, rel=1e-12)


def test_the_cost_is_the_squared_distance():
    """Two ways of middle length against a long one and none: plain distances prefer the second."""
    x0 = torch.tensor([[0.0, 0.0], [1.0, 0.3]], dtype=torch.float64)
    x1 = torch.tensor([[1.0, 0.3], [2.0, 0.0]], dtype=torch.float64)
    ways = torch.cdist(x0, x1)
    assert float(ways[0, 0] + ways[1, 1]) > float(ways[0, 1] + ways[1, 0])
    assert ot_permutation(x0, x1).tolist() == local_permutation(x0, x1).tolist() == [0, 1]


def test_optimal_pairs_are_a_permutation_even_among_equal_points():
    x0, x1 = normal(64, 3).float(), torch.cat([normal(32, 3, seed=1), normal(32, 3, seed=1)]).float()
    found = ot_permutation(x0, x1)
    assert found.sort().values.tolist() == list(range(64))
    assert ot_permutation(x0, x0.roll(1, 0) + 1).tolist() == [*range(1, 64), 0]  # a cycle is not its own inverse
    for scale in (1e-6, 1e6):
        assert torch.equal(ot_permutation(scale * x0, scale * x0.flip(0)), torch.arange(64).flip(0))


# ---- local pairs


def halved(x, rows, axis, times):
    """Rows in groups, by halving so many times along the axes in turn; the first half is the larger one."""
    if times == 0:
        return [rows]
    rows = sorted(rows, key=lambda i: float(x[i, axis % x.shape[1]]))
    middle = (len(rows) + 1) // 2
    return [group for half in (rows[:middle], rows[middle:]) for group in halved(x, half, axis + 1, times - 1)]


@pytest.mark.parametrize(("n", "d", "most", "times"), [(7, 2, 7, 0), (7, 2, 4, 1), (50, 3, 8, 3), (65, 2, 8, 4)])
@pytest.mark.parametrize("axis", [0, 1])
def test_regions_are_made_by_halving_along_the_axes_in_turn(n, d, most, times, axis):
    x = normal(n, d)
    found = [rows.tolist() for rows in regions(x, most, axis)]
    assert found == halved(x, list(range(n)), axis, times)
    assert max(map(len, found)) <= most < 2 * most


def test_a_local_match_is_regions_in_order_and_three_rounds_within_regions():
    """By their first points from axis 0 on, by their second ones from axis 1 on, by their middles from axis 2 on."""
    n, cell, times = 200, 8, 5
    a, b, found = normal(n, 2), 2 * normal(n, 2, seed=1), torch.zeros(n, dtype=torch.long)
    for here, there in zip(halved(a, list(range(n)), 0, times), halved(b, list(range(n)), 0, times)):
        found[here] = torch.tensor(there)
    costs = [cost(a, b[found])]
    for axis, place in enumerate(("first", "second", "middle")):
        at = {"first": a, "second": b[found], "middle": (a + b[found]) / 2}[place]
        for rows in halved(at, list(range(n)), axis, times):
            squares = [[cost(a[i], b[found[j]]) for j in rows] for i in rows]
            found[rows] = found[[rows[j] for j in linear_sum_assignment(squares)[1]]]
        costs.append(cost(a, b[found]))
    assert costs == sorted(costs, reverse=True)
    assert torch.equal(local_permutation(a, b, cell=cell), found)


def test_few_points_are_matched_exactly():
    x0, x1 = normal(60, 2).float(), normal(60, 2, seed=1).float()
    assert torch.equal(local_permutation(x0, x1), ot_permutation(x0, x1))
    assert local_permutation(x0, x1).device == x0.device


@pytest.mark.parametrize("n", [2, 63, 500])
def test_a_local_match_is_a_permutation_and_finds_what_was_only_stretched(n):
    """``x1 = 2 x0 + 1`` in another order: its inverse is optimal."""
    x0, order = normal(n, 3), torch.randperm(n, generator=seeded())
    found = local_permutation(x0, (2 * x0 + 1)[order], cell=8)
    assert torch.equal(found, order.argsort())
    assert local_permutation(x0, normal(n, 3, seed=1), cell=8).sort().values.tolist() == list(range(n))


# ---- batches


def test_batches_hold_the_pairs_that_were_asked_for():
    x0, x1 = normal(50, 2), normal(50, 2, seed=1) + 5
    a, b = Pairs("fit", x1, x0, "paired").draw(20, seeded())
    rows = torch.cdist(a, x0).argmin(1)
    assert torch.equal(a, x0[rows])
    assert torch.equal(b, x1[rows])
    a, b = Pairs("fit", x1, x0, "independent").draw(20, seeded())
    assert not torch.equal(torch.cdist(a, x0).argmin(1), torch.cdist(b, x1).argmin(1))
    c, d = Pairs("fit", x1, x0, "ot").draw(20, seeded())
    assert torch.equal(c, a)
    assert torch.equal(d, b[ot_permutation(a, b)])
    e, f = Pairs("fit", x1, None, lambda noise, data: (noise, data.flip(0))).draw(20, seeded())
    assert torch.equal(f, b.flip(0))
    assert e.shape == (20, 2)


def test_noise_is_normal_where_no_source_is_given():
    noise, data = Pairs("fit", normal(9, 2) + 50, None, "independent").draw(4000, seeded())
    assert float(noise.mean(0).norm()) < 0.1
    assert float(noise.std()) == pytest.approx(1, abs=0.05)
    assert bool((data > 40).all())


def test_local_pairs_use_every_point_as_often_as_any_other(monkeypatch):
    monkeypatch.setattr(paths, "LOCAL_PAIRS", 130)
    x0, x1 = normal(60, 2), normal(50, 2, seed=1)
    pairs = Pairs("fit", x1, x0, "local", seeded())
    for given, held in ((x0, pairs.x0), (x1, pairs.x1)):
        counts = torch.bincount(torch.cdist(held, given).argmin(1), minlength=len(given))
        assert len(held) == 130
        assert set(counts.tolist()) == {130 // len(given), 130 // len(given) + 1}
    assert cost(pairs.x0, pairs.x1) < 0.2 * cost(pairs.x0, pairs.x1.flip(0))
    drawn, held = torch.cat(pairs.draw(20, seeded()), dim=1), torch.cat([pairs.x0, pairs.x1], dim=1)
    assert float(torch.cdist(drawn, held).amin(1).max()) < 1e-6
    assert Pairs("fit", x1, None, "local", seeded()).x0.shape == (130, 2)


def test_every_fourth_start_is_a_quarter_further_out():
    x0 = normal(9, 2) + 3
    wide, middle = widened(x0), x0.mean(dim=0)
    moved = torch.tensor([True, False, False, False] * 2 + [True])
    torch.testing.assert_close(wide[moved] - middle, 1.25 * (x0[moved] - middle))
    assert torch.equal(wide[~moved], x0[~moved])


# ---- bad input

X = normal(9, 2)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: ot_permutation(X[:3], X[:4]), "x0 has 3 rows and x1 4"),
        (lambda: ot_permutation(X, X[:, :1]), r"x1 has shape \(9, 1\)"),
        (lambda: local_permutation(X, X[:4]), "x0 has 9 rows and x1 4"),
        (lambda: local_permutation(X, X / 0), "local_permutation: x1 has NaN"),
        (lambda: local_permutation(X, X, cell=1), "cell must be at least 2, got 1"),
        (lambda: Pairs("fit", X, None, "OT"), 'coupling must be one of "independent", "ot", "paired".*\'OT\''),
        (lambda: Pairs("fit", X, None, "paired"), "needs x0 with the 9 rows of x1, got none"),
        (lambda: Pairs("fit", X, X[:4], "paired"), "needs x0 with the 9 rows of x1, got 4 rows"),
        (
            lambda: Pairs("fit", X, None, lambda a, b: (a, b[:, :1])).draw(4),
            r"coupling returned has shape \(4, 1\), but \(4, 2\)",
        ),
        (
            lambda: Pairs("fit", X, None, lambda a, b: (a[:1], b)).draw(4),
            r"coupling returned has shape \(4, 2\), but \(1, 2\)",
        ),
    ],
)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_a_missing_library_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match="ot_permutation needs POT"):
        ot_permutation(X, X)
