"""Interpolants: their ends, rates, inverses and determinants, schedules, steps of Glow, and what refuses wrong ones."""

import copy
import math
from functools import partial

import pytest
import torch

from koopteach import (
    ConvexChart,
    GlowInterpolant,
    LearnedSchedule,
    LinearInterpolant,
    TrigonometricInterpolant,
    check_interpolant,
    optimal_field,
    straighten,
)
from koopteach.interpolants.convex import ConvexMap
from koopteach.interpolants.glow import GlowStep
from koopteach.interpolants.schedules import TabulatedSchedule, chebyshev
from tests.interpolants import ALL, ByTheData, random_weights, uniform
from tests.tools import normal, seeded

EVERY = pytest.mark.parametrize("interpolant", ALL.values(), ids=ALL)
TIMES = (0.05, 0.4, 0.95)


# ---- the protocol


@EVERY
def test_the_ends_are_exact(interpolant):
    x0, x1 = normal(20, 2), normal(20, 2, seed=1)
    torch.testing.assert_close(interpolant.value(x0, x1, 0.0), x0, rtol=0, atol=1e-12)
    torch.testing.assert_close(interpolant.value(x0, x1, 1.0), x1, rtol=0, atol=1e-12)


def noise_of(interpolant, x1, t, x):
    return interpolant.inverse(x, x1, t)[0]


@EVERY
def test_the_inverse_leads_back_and_its_determinant_is_that_of_autograd(interpolant):
    x0, x1 = normal(6, 2), normal(6, 2, seed=1)
    for t in TIMES:
        x = interpolant.value(x0, x1, t)
        back, logdet = interpolant.inverse(x, x1, t)
        torch.testing.assert_close(back, x0, rtol=0, atol=1e-10)
        for i in range(len(x)):
            jacobian = torch.autograd.functional.jacobian(partial(noise_of, interpolant, x1[i], t), x[i])
            assert float(logdet[i]) == pytest.approx(float(jacobian.det().abs().log()), abs=1e-9)
        # only where data differ in it has the determinant to be kept in the weights of the field
        spread = float(interpolant.inverse(x[:1], x1, t)[1].diff().abs().max())
        assert (spread > 1e-12) == (interpolant in (ALL["by the data"], ALL["two charts"]))


@EVERY
def test_the_rate_is_the_slope_of_the_value(interpolant):
    x0, x1, h = normal(20, 2), normal(20, 2, seed=1), 1e-5
    for t in TIMES:
        slope = (interpolant.value(x0, x1, t + h) - interpolant.value(x0, x1, t - h)) / (2 * h)
        torch.testing.assert_close(interpolant.rate(x0, x1, t), slope, rtol=1e-6, atol=1e-6)


@EVERY
def test_float32_keeps_ends_and_inverse(interpolant):
    single = copy.deepcopy(interpolant).float()
    x0, x1 = normal(20, 2).float(), normal(20, 2, seed=1).float()
    for t, end in ((0.0, x0), (1.0, x1)):
        torch.testing.assert_close(single.value(x0, x1, t), end, rtol=0, atol=1e-5)
    back, logdet = single.inverse(single.value(x0, x1, 0.5), x1, 0.5)
    torch.testing.assert_close(back, x0, rtol=0, atol=1e-4)
    assert back.dtype == logdet.dtype == torch.float32


@EVERY
def test_queries_meet_a_pool(interpolant):
    """Points (3, 1, d) and a pool (4, d), each with a time of its own, against one at a time."""
    x, pool, t = normal(3, 2), normal(4, 2, seed=1), 0.9 * uniform(3, 1)
    x0, logdet = interpolant.inverse(x[:, None], pool, t[:, None])
    rate = interpolant.rate(x0, pool, t[:, None])
    assert x0.shape == rate.shape == (3, 4, 2)
    assert logdet.shape == (3, 4)
    for i in range(3):
        for j in range(4):
            one, single = interpolant.inverse(x[i : i + 1], pool[j : j + 1], t[i : i + 1])
            torch.testing.assert_close(one[0], x0[i, j], rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(single[0], logdet[i, j])
            torch.testing.assert_close(interpolant.rate(one, pool[j : j + 1], t[i : i + 1])[0], rate[i, j])


# ---- schedules


def test_chebyshev_terms_are_cosines():
    """``T_k(cos s) = cos(k s)``, and ``cos s = 2 t - 1``."""
    s = torch.linspace(0, math.pi, 9, dtype=torch.float64)[:, None]
    for count in (1, 2, 5):
        exact = (torch.arange(count, dtype=torch.float64) * s).cos()
        torch.testing.assert_close(chebyshev((1 + s.cos()) / 2, count), exact, rtol=0, atol=1e-12)


def test_a_learned_schedule_is_linear_at_first_and_then_what_its_series_say():
    x0, x1, t = normal(9, 2), normal(9, 2, seed=1), uniform(9, 1)
    fresh, linear = LearnedSchedule(2, degree=3).double(), LinearInterpolant(2)
    torch.testing.assert_close(fresh.value(x0, x1, t), linear.value(x0, x1, t), rtol=0, atol=1e-12)
    torch.testing.assert_close(fresh.rate(x0, x1, t), linear.rate(x0, x1, t), rtol=0, atol=1e-12)
    assert not any(p.requires_grad for p in fresh.parameters())
    fresh.series.copy_(torch.tensor([[[0.5], [0.2], [0.0]], [[0.0], [0.0], [0.3]]]))
    s = 2 * t - 1
    a, b = fresh.coefficients(t)
    torch.testing.assert_close(a, (1 - t) * (t * (0.5 + 0.2 * s)).exp())
    torch.testing.assert_close(b, t * ((1 - t) * 0.3 * (2 * s**2 - 1)).exp())
    assert LearnedSchedule(1).series.shape == (2, 6, 1)


def test_a_table_has_the_schedule_that_was_tabulated():
    grid, t = torch.linspace(0, 1, 401, dtype=torch.float64), uniform(50, 1)
    table = TabulatedSchedule(2, (math.pi / 2 * (1 - grid)).sin(), (math.pi / 2 * grid).sin())
    for mine, exact in zip(table.coefficients(t), TrigonometricInterpolant(2).coefficients(t)):
        torch.testing.assert_close(mine, exact, rtol=0, atol=1e-7)


def test_a_table_of_parabolas_is_exact_also_in_its_rates_at_the_ends():
    """Differences of second order are exact for them, at the ends as well: ``a' = -2 t``, ``b' = 2 t``."""
    grid = torch.linspace(0, 1, 5, dtype=torch.float64)
    table, t = TabulatedSchedule(1, 1 - grid**2, grid**2), torch.tensor([[0.0], [0.1], [0.6], [1.0]]).double()
    for mine, exact in zip((*table.coefficients(t), *table.slopes(t)), (1 - t**2, t**2, -2 * t, 2 * t)):
        torch.testing.assert_close(mine, exact, rtol=0, atol=1e-12)


# ---- Glow steps on images


def glow(**sizes):
    """Few pixels, so that an autograd Jacobian is cheap; the permutations are not the identity."""
    return random_weights(GlowInterpolant(4, **{"n_steps": 2, "width": 6, **sizes}, generator=seeded(3)), 0.2)


def test_glow_joins_its_ends_and_inverts():
    family, x0, x1 = glow(), normal(4, 16), normal(4, 16, seed=1)
    assert all(step.permutation.tolist() != [0, 1, 2, 3] for step in family.steps)
    check_interpolant(family, x0, x1)
    assert float((family.value(x0, x1, 0.5) - LinearInterpolant(16).value(x0, x1, 0.5)).abs().max()) > 0.1
    for t in TIMES:
        x = family.value(x0, x1, t)
        back, logdet = family.inverse(x, x1, t)
        torch.testing.assert_close(back, x0, rtol=0, atol=1e-10)
        jacobian = torch.autograd.functional.jacobian(partial(noise_of, family, x1[0], t), x[0])
        assert float(logdet[0]) == pytest.approx(float(jacobian.slogdet().logabsdet), abs=1e-9)
        h = 1e-5
        slope = (family.value(x0, x1, t + h) - family.value(x0, x1, t - h)) / (2 * h)
        torch.testing.assert_close(family.rate(x0, x1, t), slope, rtol=1e-6, atol=1e-6)


def test_glow_takes_pictures_of_several_channels_and_as_many_steps_as_asked():
    family = glow(channels=2, n_steps=3, width=5)
    assert family.dim == 32
    assert [len(step.permutation) for step in family.steps] == [8, 8, 8]
    assert family.steps[0].net[0].out_channels == 5
    assert len({tuple(step.permutation.tolist()) for step in family.steps}) == 3
    check_interpolant(family, normal(3, 32), normal(3, 32, seed=1))


def test_the_scale_of_a_coupling_is_bounded():
    """However large the net's answer, ``|log factor| <= w bound``."""
    step = GlowStep(2, 0, width=3, bound=0.7, generator=seeded())
    for parameter in step.net[-1].parameters():
        parameter.fill_(1e3)
    factor = step._coupling(torch.ones(1, 2, 2, 2), torch.full((1, 1, 1, 1), 0.5), torch.zeros(1, 0, 2, 2))[1]
    torch.testing.assert_close(factor.abs().max(), torch.tensor(0.35))
    assert GlowStep(2, 0).bound == 1.5


@pytest.mark.slow
def test_a_fresh_glow_is_linear_and_a_trained_one_is_not():
    x1 = 0.5 * normal(300, 16)
    fresh = GlowInterpolant(4, n_steps=2, width=6, generator=seeded()).double()
    t, x0 = uniform(300, 1), normal(300, 16, seed=1)
    torch.testing.assert_close(fresh.value(x0, x1, t), LinearInterpolant(16).value(x0, x1, t), rtol=0, atol=1e-12)
    options = {"t_max": 0.2, "batch": 16, "pool": 48, "verbose": False}  # where the weights have not collapsed
    straighten(fresh, x1, n_steps=3, lr=1e-2, generator=seeded(), **options)
    assert float((fresh.value(x0, x1, t) - LinearInterpolant(16).value(x0, x1, t)).abs().max()) > 1e-3


def test_the_pools_of_glow_broadcast():
    family, x, pool = glow(), normal(3, 16), normal(4, 16, seed=1)
    t = 0.5 * uniform(3, 1)
    x0, logdet = family.inverse(x[:, None], pool, t[:, None])
    for i in range(3):
        for j in range(4):
            one, single = family.inverse(x[i : i + 1], pool[j : j + 1], t[i : i + 1])
            torch.testing.assert_close(one[0], x0[i, j])
            torch.testing.assert_close(single[0], logdet[i, j])
    assert optimal_field(family, x, t, pool).velocity.shape == (3, 16)


# ---- what is refused


class NoStart(ByTheData):
    def _value(self, x0, x1, t):
        return super()._value(x0, x1, t) + 0.01 * (1 - t)


class NoEnd(ByTheData):
    def _value(self, x0, x1, t):
        return (1 - t) * x0 + 0.9 * t * x1


class Folding(ByTheData):
    """Half of the noise is taken for the other half."""

    def _inverse(self, x, x1, t):
        x0, logdet = super()._inverse(x, x1, t)
        return x0.abs(), logdet


class Halved(ByTheData):
    def _inverse(self, x, x1, t):
        x0, logdet = super()._inverse(x, x1, t)
        return x0, logdet / 2


@pytest.mark.parametrize(
    ("interpolant", "told"),
    [
        (NoStart(0.5), r"I\(x0, x1, 0\) differs from x0 by 0\.01"),
        (NoEnd(0.5), r"I\(x0, x1, 1\) differs from x1 by 0\."),
        (Folding(0.5), "not invertible at t = 0.1: the inverse misses x0 by "),
        (ByTheData(0.8, keep=False), "logdet is constant but the Jacobian of inverse depends on x1"),
        (Halved(0.5), "logdet is not that of the Jacobian of inverse at t = 0.1"),
    ],
    ids=["start", "end", "folding", "no determinant", "half of it"],
)
def test_wrong_interpolants_are_refused(interpolant, told):
    for dtype in (torch.float64, torch.float32):
        with pytest.raises(ValueError, match=told):
            check_interpolant(interpolant, normal(50, 2).to(dtype), normal(50, 2, seed=1).to(dtype))


def test_a_small_deviation_is_seen_in_float64_and_forgiven_in_float32():
    class Nearly(LinearInterpolant):
        def coefficients(self, t):
            return 1 - t, (1 - 3e-5) * t

    x0, x1 = normal(9, 2), torch.ones(9, 2, dtype=torch.float64)
    check_interpolant(Nearly(2), x0.float(), x1.float())
    with pytest.raises(ValueError, match=r"differs from x1 by 3e-05"):
        check_interpolant(Nearly(2), x0, x1)


def test_jacobians_are_looked_at_up_to_64_coordinates():
    """Above, they cost more than they tell."""
    x0, x1 = normal(4, 65), normal(4, 65, seed=1)
    check_interpolant(ByTheData(0.8, keep=False, dim=65), x0, x1)
    with pytest.raises(ValueError, match="logdet is constant"):
        check_interpolant(ByTheData(0.8, keep=False, dim=64), x0[:, :64], x1[:, :64])


X = normal(50, 2)
BAD = {
    "no dimension": (
        lambda: LinearInterpolant(0),
        "LinearInterpolant: dim must be at least 1, got 0",
    ),
    "t beyond": (lambda: LinearInterpolant(2).value(X, X, 1.2), r"value: t must lie in \[0, 1\], got 1.2 to 1.2"),
    "t before": (lambda: LinearInterpolant(2).rate(X, X, -0.1), r"rate: t must lie in \[0, 1\], got -0.1"),
    "t nan": (lambda: LinearInterpolant(2).value(X, X, float("nan")), r"t must lie in \[0, 1\], got nan"),
    "inverse at 1": (lambda: LinearInterpolant(2).inverse(X, X, 1.0), "at 1 every noise point is x1"),
    "row of t": (lambda: LinearInterpolant(2).value(X, X, torch.rand(50)), r"Try t\[:, None\]"),
    "dimension": (lambda: LinearInterpolant(2).value(X, normal(50, 3), 0.5), "x1 has 3 coordinates, but the interp"),
    "no degree": (lambda: LearnedSchedule(2, degree=0), "degree must be at least 1, got 0"),
    "short table": (lambda: TabulatedSchedule(2, X[:2, 0], X[:2, 1]), r"k > 2, got \(2,\), \(2,\)"),
    "unequal tables": (lambda: TabulatedSchedule(2, X[:5, 0], X[:6, 0]), r"got \(5,\), \(6,\)"),
    "odd image": (lambda: GlowInterpolant(7), "size must be even"),
    "no channel": (lambda: GlowInterpolant(4, 0), r"others positive, got \(4, 0, 4\)"),
    "no step": (lambda: GlowInterpolant(4, n_steps=0), r"positive, got \(4, 1, 0\)"),
    "one channel": (lambda: GlowStep(1, 0), "channels must be at least 2"),
    "unequal maps": (
        lambda: ConvexChart(ConvexMap(X), ConvexMap(normal(9, 3))),
        "to_data has dimension 2, but to_noise 3",
    ),
}


@pytest.mark.parametrize(("call", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)
