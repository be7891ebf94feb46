"""Distances and their noise floors."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from koopteach import (
    GaussianMixture,
    OrnsteinUhlenbeck,
    kl_histogram,
    mode_weights,
    noise_floor,
    sliced_wasserstein2,
    tensors,
    total_variation,
)
from tests.tools import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


seeds = st.integers(0, 10**6)
few = settings(deadline=None, derandomize=True, max_examples=20)


# Sliced W2


@few
@given(seeds, st.integers(1, 4), st.integers(1, 40), st.integers(1, 40))
def test_sliced_w2_is_a_distance(seed, d, n, m):
    x, y, z = normal(n, d, seed=seed), normal(m, d, seed=seed + 1), normal(n, d, seed=seed + 2)
    assert sliced_wasserstein2(x, x) == 0
    assert sliced_wasserstein2(x, x.flip(0)) < 1e-12
    assert sliced_wasserstein2(x, y) == pytest.approx(sliced_wasserstein2(y, x))
    assert sliced_wasserstein2(x, z) <= sliced_wasserstein2(x, y) + sliced_wasserstein2(y, z) + 1e-12
    assert sliced_wasserstein2(3 * x, 3 * y) == pytest.approx(3 * sliced_wasserstein2(x, y))


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_shift_costs_its_length_over_root_d(d):
    x, c = normal(200, d), normal(d, seed=1)
    found = sliced_wasserstein2(x, x + c, n_projections=4000)
    assert found == pytest.approx(float(c.norm()) / math.sqrt(d), rel=0.04 if d > 1 else 1e-12)


def test_on_the_line_it_is_the_exact_distance():
    """With as many quantiles as points: the optimal assignment, by brute linear programming."""
    x, y = normal(64, 1), 2 * normal(64, 1, seed=1) + 1
    cost = (x - y.T).square().numpy()
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    exact = math.sqrt(cost[rows, columns].mean())
    assert sliced_wasserstein2(x, y, n_quantiles=64) == pytest.approx(exact, rel=1e-12)
    assert sliced_wasserstein2(x, y, n_quantiles=6400) == pytest.approx(exact, rel=0.05)


def test_gaussians_of_other_width_are_known():
    """On the line W2 of N(0, 1) and N(0, s^2) is |s - 1|, here at the normal quantiles."""
    q = torch.from_numpy(scipy.stats.norm.ppf((np.arange(4096) + 0.5) / 4096))[:, None]
    assert sliced_wasserstein2(q, 3 * q) == pytest.approx(2, rel=0.01)


def test_repeated_points_are_the_same_law():
    x, y = normal(100, 2), normal(700, 2, seed=1)
    assert sliced_wasserstein2(x.repeat(3, 1), y) == pytest.approx(sliced_wasserstein2(x, y), abs=0.02)


def test_directions_are_the_same_unless_asked(monkeypatch):
    x, y = normal(50, 3), normal(60, 3, seed=1)
    assert sliced_wasserstein2(x, y) == sliced_wasserstein2(x, y)
    assert sliced_wasserstein2(x, y, generator=seeded(5)) != sliced_wasserstein2(x, y)
    whole = sliced_wasserstein2(x, y, n_projections=600)
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    assert sliced_wasserstein2(x, y, n_projections=600) == pytest.approx(whole, rel=1e-12)


def test_single_precision_agrees():
    line = normal(500, 1), normal(400, 1, seed=1) + 0.3
    assert sliced_wasserstein2(line[0].float(), line[1]) == pytest.approx(sliced_wasserstein2(*line), rel=1e-5)
    x, y = normal(500, 2), normal(400, 2, seed=1) + 0.3
    assert sliced_wasserstein2(x.float(), y) == pytest.approx(sliced_wasserstein2(x, y), rel=0.05)  # other directions


# Histogram KL


def uniform(x):
    """Log density of the uniform law on [0, 1]^d."""
    inside = ((x >= 0) & (x <= 1)).all(dim=1)
    return torch.where(inside, x.new_zeros(()), -math.inf)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_exact_counts_have_no_divergence(d):
    centres = (torch.arange(4, dtype=torch.float64) + 0.5) / 4
    x = torch.cartesian_prod(*[centres] * d).reshape(-1, d)
    assert abs(kl_histogram(x, uniform, 0.0, 1.0, bins=4)) < 1e-12


def test_the_divergence_is_its_sum():
    """Three of four points in the first half of a uniform law."""
    x = torch.tensor([[0.1], [0.2], [0.3], [0.8]], dtype=torch.float64)
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert kl_histogram(x, uniform, 0.0, 1.0, bins=2) == pytest.approx(expected)


def test_the_cells_are_in_the_order_of_the_coordinates():
    """A law that depends on the first coordinate alone tells a transposed histogram."""
    target = GaussianMixture([[0.25, 0.5]], [[0.08, 0.2]])
    x = target.sample(20_000, seeded())
    assert kl_histogram(x, target.log_prob, 0.0, 1.0, bins=8) < 0.05
    assert kl_histogram(x.flip(1), target.log_prob, 0.0, 1.0, bins=8) > 1


def test_cells_hold_the_exact_probability():
    """All points in one cell of a normal law: the divergence is minus its log probability."""
    x = torch.full((5, 1), 0.25, dtype=torch.float64)
    mass = scipy.stats.norm.cdf(0.5) - scipy.stats.norm.cdf(0)
    target = OrnsteinUhlenbeck(1)
    assert kl_histogram(x, target.log_prob, -4.0, 4.0, bins=16) == pytest.approx(-math.log(mass), rel=1e-3)


def test_points_outside_cost_the_outside():
    target = OrnsteinUhlenbeck(1)
    x = torch.full((5, 1), 30.0, dtype=torch.float64)
    outside = 2 * scipy.stats.norm.cdf(-1)
    assert kl_histogram(x, target.log_prob, -1.0, 1.0, bins=8) == pytest.approx(-math.log(outside), rel=1e-2)
    assert 20 < kl_histogram(x, uniform, 0.0, 1.0) < 30  # much, not infinity
    on_the_edge = torch.ones(5, 1, dtype=torch.float64)
    assert kl_histogram(on_the_edge, uniform, 0.0, 1.0) > 20  # the box is half open


def test_the_divergence_of_exact_samples_falls_with_their_number():
    target = GaussianMixture.ring(3, 1.0, 0.4)
    values = [kl_histogram(target.sample(n, seeded()), target.log_prob, -3.0, 3.0) for n in (300, 3000, 30_000)]
    assert values[0] > 4 * values[1] > 16 * values[2] > 0


# Modes and floors


def test_weights_count_the_nearest_points(monkeypatch):
    modes = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 9.0]], dtype=torch.float64)
    x = modes[[0, 0, 1, 2, 1, 0, 0, 1]] + 0.1 * normal(8, 2)
    expected = torch.tensor([4, 3, 1], dtype=torch.float64) / 8
    torch.testing.assert_close(mode_weights(x, modes), expected)
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    torch.testing.assert_close(mode_weights(x.repeat(100, 1), modes), expected)
    assert mode_weights(x[:2], modes).tolist() == [1.0, 0.0, 0.0]


@few
@given(seeds, st.integers(1, 6))
def test_total_variation_is_the_mass_to_be_moved(seed, k):
    p, q = (normal(k, seed=s).softmax(0) for s in (seed, seed + 1))
    assert total_variation(p, p) == 0
    assert total_variation(p, q) == pytest.approx(float((p - q).clamp_min(0).sum()))
    assert total_variation(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0], dtype=torch.float64)) == 1


def test_the_floor_is_mean_and_spread_over_fresh_samples():
    stream, floor_stream = seeded(3), seeded(3)
    values = np.array([float(OrnsteinUhlenbeck(1).sample(50, stream).mean()) for _ in range(6)])
    mean, sd = noise_floor(
        lambda x: float(x.mean()), OrnsteinUhlenbeck(1).sample, 50, repeats=6, generator=floor_stream
    )
    assert mean == pytest.approx(values.mean())
    assert sd == pytest.approx(values.std(ddof=1))


@pytest.mark.slow
def test_the_floor_shrinks_like_one_over_root_n():
    target = OrnsteinUhlenbeck(1)
    reference = target.sample(200_000, seeded(1))
    floors = [
        noise_floor(sliced_wasserstein2, target.sample, n, reference=reference, repeats=40, generator=seeded(2))[0]
        for n in (100, 6400)
    ]
    slope = math.log(floors[1] / floors[0]) / math.log(64)
    assert -0.65 < slope < -0.35


def test_a_histogram_may_miss_a_fiftieth_of_normalisation_and_no_more():
    x = torch.full((5, 1), 0.5, dtype=torch.float64)
    assert kl_histogram(x, lambda x: uniform(x) + math.log(1.019), 0.0, 1.0) > 0
    with pytest.raises(ValueError, match=r"the mass 1\.02; it must be normalised"):
        kl_histogram(x, lambda x: uniform(x) + math.log(1.021), 0.0, 1.0)


@pytest.mark.parametrize(
    ("p", "told"),
    [
        ([0.6, 0.5], r"hold probabilities, .* the sum 1\.1 and the range \[0\.5, 0\.6\]"),
        ([0.4, 0.5], r"the sum 0\.9"),
        ([0.5, 0.502], "hold probabilities"),
        ([1.2, -0.2], r"the range \[-0\.2, 1\.2\]"),
        ([math.nan, 1.0], "the sum nan"),
        ([], r"shape \(0,\), but \(k,\) is needed"),
        ([[1.0]], r"shape \(1, 1\), but \(k,\)"),
    ],
)
def test_what_is_no_probability_is_refused_on_either_side(p, told):
    p = torch.tensor(p, dtype=torch.float64)
    fine = torch.full_like(p, 1 / max(1, p.numel()))
    for pair in ((p, fine), (fine, p)):
        with pytest.raises(ValueError, match=f"total_variation: [pq] .*{told}"):
            total_variation(*pair)
    assert total_variation(torch.tensor([0.5, 0.5005]), torch.tensor([0.5, 0.5])) < 1e-3  # rounded shares will do


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: sliced_wasserstein2(normal(5), normal(5, 2)), r"sliced_wasserstein2: x has shape \(5,\)"),
        (lambda: sliced_wasserstein2(normal(5, 2), normal(5, 3)), r"y has shape \(5, 3\).*2 coordinates"),
        (lambda: sliced_wasserstein2(normal(5, 2), normal(5, 2) * math.nan), "y has NaN or infinity in 5 of 5"),
        (lambda: sliced_wasserstein2(normal(5, 2), normal(5, 2), n_projections=0), "n_projections must be at least 1"),
        (lambda: sliced_wasserstein2(normal(5, 2), normal(5, 2), n_quantiles=0), "n_quantiles must be at least 1"),
        (
            lambda: kl_histogram(normal(5, 1), uniform, 1.0, 1.0),
            "low < high is needed, both finite, got 1.0 and 1.0",
        ),
        (lambda: kl_histogram(normal(5, 1), uniform, 0.0, 1.0, bins=0), "bins must be at least 1, got 0"),
        (lambda: kl_histogram(normal(5, 4), uniform, 0.0, 1.0), r"x has dimension 4, but 24\^4 cells are too many"),
        (
            lambda: kl_histogram(normal(5, 1), lambda x: uniform(x) + 1, 0.0, 1.0),
            "gives the box the mass 2.72; it must be normalised",
        ),
        (lambda: mode_weights(normal(5, 2), normal(3, 1)), r"mode_weights: modes has shape \(3, 1\)"),
        (lambda: total_variation(torch.ones(2), torch.ones(3)), r"p has shape \(2,\) and q \(3,\)"),
        (lambda: noise_floor(total_variation, normal, 5, repeats=1), "repeats must be at least 2.*got 1"),
    ],
)
def test_bad_arguments_are_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_whole_and_half_numbers_are_refused():
    for dtype in (torch.int64, torch.float16):
        with pytest.raises(TypeError, match=rf"sliced_wasserstein2: x has dtype {dtype}"):
            sliced_wasserstein2(torch.ones(5, 2, dtype=dtype), normal(5, 2))
        with pytest.raises(TypeError, match=rf"total_variation: q has dtype {dtype}"):
            total_variation(torch.ones(2), torch.ones(2, dtype=dtype))


@pytest.mark.parametrize("which", ["metric", "sampler"])
def test_a_floor_of_something_that_is_no_function_is_told_what_to_do(which):
    given = {"metric": sliced_wasserstein2, "sampler": lambda n, generator: torch.zeros(n, 1)}
    given[which] = torch.zeros(3, 1)
    with pytest.raises(TypeError, match=rf"^noise_floor: {which} must be a function, .* got Tensor\..* hold a part"):
        noise_floor(given["metric"], given["sampler"], 3)
