"""Flows in closed form, and straightness, which has one for them."""

import math

import pytest
import torch

from koopteach import Flow, GaussianFlow, GaussianMixture, MixtureFlow, linear_path, straightness
from tests.tools import normal, seeded

MEAN = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
ROOT = torch.tensor([[1.0, 0.0, 0.0], [0.7, 0.8, 0.0], [-0.4, 0.3, 0.5]], dtype=torch.float64)
COVARIANCE = ROOT @ ROOT.T
GAUSSIAN = GaussianFlow(MEAN, COVARIANCE)
MIXTURE = GaussianMixture([[-1.5, 0.0], [1.0, 1.0], [0.5, -1.5]], [0.4, 0.3, 0.6], [0.5, 0.3, 0.2])
ONE = torch.eye(3, dtype=torch.float64)


# ---- closed forms


@pytest.mark.parametrize("t", [0.0, 0.3, 0.8, 1.0])
def test_the_gaussian_velocity_is_its_formula(t):
    """``m + (t S - (1 - t) I) (t^2 S + (1 - t)^2 I)^{-1} (x - t m)``, with a dense S in three dimensions."""
    x = normal(20, 3)
    slope = (t * COVARIANCE - (1 - t) * ONE) @ torch.linalg.inv(t**2 * COVARIANCE + (1 - t) ** 2 * ONE)
    torch.testing.assert_close(GAUSSIAN.velocity(x, t), MEAN + (x - t * MEAN) @ slope.T)


def test_the_gaussian_velocity_is_the_slope_of_its_path():
    x0, h = normal(20, 3), 1e-5
    for t in (0.1, 0.5, 0.9):
        before, now, after = GAUSSIAN.exact(x0, [t - h, t, t + h])
        torch.testing.assert_close(GAUSSIAN.velocity(now, t), (after - before) / (2 * h), rtol=1e-6, atol=1e-6)


def test_the_gaussian_path_is_a_symmetric_root():
    """``x_t = t m + Q x_0`` with ``Q Q = t^2 S + (1 - t)^2 I`` and Q symmetric, positive."""
    for t in (0.0, 0.4, 1.0):
        q = GAUSSIAN.exact(ONE, [t])[0] - t * MEAN  # the rows of Q^T
        torch.testing.assert_close(q, q.T)
        torch.testing.assert_close(q @ q, t**2 * COVARIANCE + (1 - t) ** 2 * ONE)
        assert float(torch.linalg.eigvalsh(q)[0]) > 0


def test_a_diagonal_may_be_given_alone():
    x, t = normal(30, 2), torch.rand(30, generator=seeded(), dtype=torch.float64)
    dense = GaussianFlow([0.5, -1.0], [[0.49, 0.0], [0.0, 1.69]])
    torch.testing.assert_close(GaussianFlow([0.5, -1.0], [0.49, 1.69]).velocity(x, t), dense.velocity(x, t))


def test_a_mixture_of_one_component_is_a_gaussian():
    one = MixtureFlow(GaussianMixture([[0.5, -1.0]], [[0.7, 1.3]]))
    same = GaussianFlow([0.5, -1.0], [0.49, 1.69])
    x, t = normal(30, 2), torch.rand(30, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(one.velocity(x, t), same.velocity(x, t))


def test_the_mixture_velocity_follows_from_the_score_by_autograd():
    """Tweedie: with independent noise, ``v = x / t + (1 - t) / t grad log p_t``."""
    x, flow = normal(30, 2), MixtureFlow(MIXTURE)
    for t in (0.1, 0.5, 0.95):
        stds = (t**2 * MIXTURE.stds**2 + (1 - t) ** 2).sqrt()
        marginal = GaussianMixture(t * MIXTURE.modes, stds, MIXTURE.mode_weights)
        u = x.clone().requires_grad_(True)
        (score,) = torch.autograd.grad(marginal.log_prob(u).sum(), u)
        torch.testing.assert_close(flow.velocity(x, t), x / t + (1 - t) / t * score)


def test_the_mixture_velocity_is_the_conditional_mean():
    """``E[x1 - x0 | x_t = x]`` by weighting data with the density of the noise that leads to x."""
    x, t, x1 = normal(6, 2), 0.6, MIXTURE.sample(400_000, seeded())
    x0 = (x[:, None] - t * x1) / (1 - t)
    weights = (-0.5 * x0.square().sum(2)).softmax(dim=1)
    expected = (weights[:, :, None] * (x1 - x0)).sum(1)
    torch.testing.assert_close(MixtureFlow(MIXTURE).velocity(x, t), expected, rtol=0, atol=0.03)


def test_the_residual_of_flow_matching_vanishes_against_every_test_function():
    n = 200_000
    x1, x0 = MIXTURE.sample(n, seeded()), normal(n, 2, seed=1)
    t = torch.rand(n, 1, generator=seeded(2), dtype=torch.float64)
    x, u = linear_path(x0, x1, t)
    residual = u - MixtureFlow(MIXTURE).velocity(x, t)
    tests = torch.cat([torch.ones_like(t), x, t * x, x[:, :1] * x[:, 1:], (3 * x).sin(), t.cos()], dim=1)
    terms = residual[:, :, None] * tests[:, None]
    scores = terms.mean(0) / (terms.std(0) / math.sqrt(n))
    assert float(scores.abs().max()) < 5  # sixteen normal scores: once in ten thousand seeds


def test_one_euler_step_lands_on_the_mean():
    mean = MIXTURE.mode_weights @ MIXTURE.modes
    end = MixtureFlow(MIXTURE).transport(normal(10, 2), solver="euler", steps=1)
    torch.testing.assert_close(end, mean.expand(10, 2))


def test_a_moved_flow_samples_in_its_new_dtype():
    for flow in (GAUSSIAN, MixtureFlow(MIXTURE)):
        assert flow.sample(3).dtype == torch.float64
        moved = flow.to(torch.float32)
        assert moved.sample(3).dtype == torch.float32
        assert moved.velocity(torch.zeros(2, flow.dim), 0.5).dtype == torch.float32


# ---- straightness


def test_straightness_of_a_growing_gaussian():
    """``x_t = sigma(t) x0`` with ``sigma^2 = t^2 s^2 + (1 - t)^2``: every integral by quadrature."""
    s, x0 = 2.0, normal(200, 3)
    flow = GaussianFlow(torch.zeros(3, dtype=torch.float64), torch.full((3,), s**2, dtype=torch.float64))
    t = torch.linspace(0, 1, 4001, dtype=torch.float64)
    sigma = (t**2 * s**2 + (1 - t) ** 2).sqrt()
    rate = (t * s**2 - (1 - t)) / sigma
    bend = (s**2 + 1 - rate**2) / sigma
    size = float(x0.square().sum(1).mean())
    found = straightness(flow, x0, n_times=257)
    energy = float(torch.trapezoid(rate**2, t))
    assert found.energy == pytest.approx(size * energy, rel=1e-3)
    assert found.displacement == pytest.approx(size * (s - 1) ** 2, rel=1e-4)
    assert found.deviation == pytest.approx(energy / (s - 1) ** 2 - 1, rel=1e-3)
    assert found.length_ratio == pytest.approx(float(torch.trapezoid(rate.abs(), t)) / (s - 1), rel=1e-3)
    assert found.acceleration == pytest.approx(size * float(torch.trapezoid(bend**2, t)), rel=1e-2)


class Known(Flow):
    """Paths that are given as a function of the start and the time."""

    dim = 2

    def __init__(self, path):
        self.path = path

    def trajectory(self, x0, times, **how):
        return torch.stack([self.path(x0, float(t)) for t in times])


def test_means_come_before_ratios():
    """One long straight path, and one short one that goes there and back: ratios of means, not means of ratios."""

    def path(x0, t):
        there = torch.tensor([[8.0 * t, 0.0], [0.0, (3 * t if t <= 0.5 else 2 - t)]], dtype=torch.float64)
        return x0 + there

    found = straightness(Known(path), normal(2, 2), n_times=65)
    assert found.displacement == pytest.approx((8**2 + 1**2) / 2)
    assert found.energy == pytest.approx((8**2 + (3**2 + 1**2) / 2) / 2)  # half of the time at speed 3, half at 1
    assert found.deviation == pytest.approx(found.energy / found.displacement - 1)
    assert found.length_ratio == pytest.approx((8 + 2) / (8 + 1))  # the mean of the ratios would be 1.5


def test_acceleration_is_that_of_the_paths():
    """``x_t = x_0 + t^2 (g, 2 g)``: the second derivative has length ``2 sqrt(5) g``."""
    fall = Known(lambda x0, t: x0 + t**2 * torch.tensor([3.0, 6.0], dtype=torch.float64))
    assert straightness(fall, normal(4, 2), n_times=9).acceleration == pytest.approx(4 * 5 * 9)


def test_paths_that_stay_or_come_back_have_a_deviation():
    still = straightness(Known(lambda x0, t: x0), normal(4, 2))
    assert (still.deviation, still.length_ratio, still.acceleration) == (0, 1, 0)
    loop = straightness(Known(lambda x0, t: x0 + math.sin(2 * math.pi * t) * (0 < t < 1)), normal(4, 2), n_times=9)
    assert math.inf == loop.deviation == loop.length_ratio


def test_a_straight_flow_is_straight_whatever_the_directions():
    class Spread(Flow):
        """``x_t = (1 + t) x0``."""

        dim = 2

        def _velocity(self, x, t):
            return x / (1 + t)

    found = straightness(Spread(), normal(50, 2))
    assert found.deviation == pytest.approx(0, abs=1e-5)
    assert found.length_ratio == pytest.approx(1, abs=1e-5)
    assert found.acceleration == pytest.approx(0, abs=1e-5)
    one_step = Spread().transport(normal(50, 2), solver="euler", steps=1)
    torch.testing.assert_close(one_step, 2 * normal(50, 2))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: GaussianFlow([0.0, 0.0], [1.0, -1.0]), "symmetric and positive definite"),
        (lambda: GaussianFlow([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]), "symmetric and positive definite"),
        (lambda: GaussianFlow([0.0, 0.0], [1.0, math.nan]), "symmetric and positive definite"),
        (lambda: GaussianFlow([0.0, 0.0], [1.0, 0.0]), "symmetric and positive definite"),
        (lambda: GaussianFlow([0.0, 0.0], [1.0]), r"covariance has shape \(1, 1\), but \(2, 2\) is needed"),
        (lambda: GAUSSIAN.exact(normal(2, 2), [0.5]), r"exact: x0 has shape \(2, 2\)"),
        (lambda: GAUSSIAN.exact(normal(2, 3), [1.5]), r"exact: t must lie in \[0, 1\]"),
        (lambda: straightness(GAUSSIAN, normal(3, 3), n_times=2), "n_times must be at least 3"),
        (lambda: straightness(GAUSSIAN, normal(3, 3) / 0), "straightness: x0 has NaN"),
    ],
)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()
