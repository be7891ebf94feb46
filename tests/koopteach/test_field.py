"""The optimal field of an interpolant: its weights, its effective sample size, its acceleration, and exact cases."""

import math
from functools import partial

import pytest
import torch

from koopteach import (
    LinearInterpolant,
    MixtureFlow,
    TrigonometricInterpolant,
    acceleration,
    integrate,
    optimal_field,
    straightness,
)
from koopteach.interpolants.field import Field, field_and_ess, pool_weights, standard_normal
from koopteach.tensors import jvp
from tests.interpolants import ALL, MIXTURE, ByTheData, mixture_field, random_weights, uniform
from tests.tools import normal, seeded

SCHEDULES = (TrigonometricInterpolant(2), ALL["learned"])

# ---- the weighted mean


@pytest.mark.parametrize("interpolant", ALL.values(), ids=ALL)
def test_the_field_is_the_naive_double_loop(interpolant, monkeypatch):
    x, pool, t = normal(5, 2), normal(4, 2, seed=1), 0.7 * uniform(5, 1)
    expected, sizes = torch.empty_like(x), []
    for i in range(5):
        weights, rates = [], []
        for j in range(4):
            x0, logdet = interpolant.inverse(x[i], pool[j], t[i])
            weights.append(float((MIXTURE.log_prob(x0[None])[0] + logdet).exp()))
            rates.append(interpolant.rate(x0[None], pool[j : j + 1], t[i : i + 1])[0])
        expected[i] = sum(w * u for w, u in zip(weights, rates)) / sum(weights)
        sizes.append(sum(weights) ** 2 / sum(w**2 for w in weights))
    field = optimal_field(interpolant, x, t, pool, log_prob=MIXTURE.log_prob)
    torch.testing.assert_close(field.velocity, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(field.ess, torch.tensor(sizes, dtype=torch.float64))
    x, t = normal(40, 2), 0.9 * uniform(40, 1)
    whole = optimal_field(interpolant, x, t, pool)
    monkeypatch.setattr("koopteach.tensors.CHUNK_NUMBERS", 1)  # chunks of sixteen rows
    parts = optimal_field(interpolant, x, t, pool)
    torch.testing.assert_close(parts.velocity, whole.velocity, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(parts.ess, whole.ess)


def test_noise_is_standard_normal_where_no_density_is_given():
    x, pool = normal(5, 3), normal(9, 3, seed=1)
    exact = torch.distributions.MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double()).log_prob
    torch.testing.assert_close(standard_normal(x), exact(x))
    told, same = (optimal_field(LinearInterpolant(3), x, 0.4, pool, log_prob=p).velocity for p in (exact, None))
    torch.testing.assert_close(told, same)


def test_the_error_falls_as_the_root_of_the_pool():
    x, exact = normal(100, 2), MixtureFlow(MIXTURE).velocity(normal(100, 2), 0.5)
    errors = [
        float((optimal_field(LinearInterpolant(2), x, 0.5, MIXTURE.sample(n, seeded(n))).velocity - exact).norm())
        for n in (100, 10_000)
    ]
    assert 5 < errors[0] / errors[1] < 20


def test_weights_stay_finite_where_densities_vanish():
    x, pool = normal(5, 64), normal(50, 64, seed=1)
    _, log_w = pool_weights(LinearInterpolant(64), x, torch.full((5, 1), 0.999, dtype=torch.float64), pool)
    weights = log_w.exp()
    assert bool(weights.isfinite().all())
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(5, dtype=torch.float64), rtol=0, atol=1e-12)


def test_only_with_the_determinant_is_the_field_right():
    """Two data whose bundles are squeezed differently, by Bayes' rule on the line, without a sample.

    Given ``x1`` the point is normal: ``x_t ~ N(t x1, scale(x1)^2)``, whose density weighs its rate.
    """
    t, x1 = torch.tensor([[0.4]], dtype=torch.float64), torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]
    family = ByTheData(0.9, dim=1)
    scale = family._scale(x1, t)[:, 0]
    density = torch.distributions.Normal(t[0] * x1[:, 0], scale).log_prob(x).exp()  # (7, 2)
    rate = family.rate(((x - (t * x1)[:, 0]) / scale)[..., None], x1, t)[..., 0]
    exact = (density * rate).sum(dim=1, keepdim=True) / density.sum(dim=1, keepdim=True)
    for keep, least, most in ((True, 0.0, 1e-12), (False, 0.1, 10.0)):
        told = optimal_field(ByTheData(0.9, keep, dim=1), x, 0.4, x1).velocity
        assert least <= float((told - exact).abs().max()) <= most


def test_the_effective_sample_size_of_gaussians():
    """``ESS / N = (sigma sqrt(w + s^2) / w)^d exp(-|xi|^2 s^2 / (w (w + s^2)))``, ``w = s^2 + sigma^2``.

    There ``sigma = a / b`` and ``xi = x / b``.
    """
    s, t, n = 0.7, 0.5, 20_000
    x = torch.tensor([[0.0, 0.0], [0.4, -0.3], [0.8, 0.2]], dtype=torch.float64)
    sigma, xi = (1 - t) / t, x / t
    field = optimal_field(LinearInterpolant(2), x, t, s * normal(n, 2))
    wide, wider = s**2 + sigma**2, 2 * s**2 + sigma**2
    expected = n * (sigma * math.sqrt(wider) / wide) ** 2 * (-xi.square().sum(1) * s**2 / (wide * wider)).exp()
    torch.testing.assert_close(field.ess, expected, rtol=0.05, atol=0)


@pytest.mark.parametrize(
    ("ess", "told"),
    [
        (9 * [20.0] + [5.0], None),
        (10 * [19.9], "rests on 19.9 effective samples at t = 0.4;"),  # the median of all times
        (3 * [4.9] + 7 * [100.0], "rests on 100.0 effective samples at t = 0.1"),  # that of the poor ones
        (2 * [4.9] + 8 * [100.0], None),  # not more than a fifth
    ],
    ids=["enough", "median", "many poor", "few poor"],
)
def test_a_field_that_rests_on_few_samples_says_so(ess, told):
    """A median of at least twenty, and no more than a fifth of the points below five."""
    t = torch.arange(10, dtype=torch.float64)[:, None] / 10
    found = Field(torch.zeros(10, 2), torch.tensor(ess, dtype=torch.float64), t)
    assert len(found.report()) == (told is not None)
    assert told is None or told in found.report()[0]
    assert f"median ESS {sorted(ess)[4]:.3g}" in repr(found)


def test_the_field_is_differentiable_in_the_interpolant():
    """The gradient through weights, rates and inverses, against differences."""
    family, x, pool = random_weights(ALL["learned"]), normal(4, 2), normal(30, 2, seed=1)
    t = torch.full((4, 1), 0.4, dtype=torch.float64)

    def loss():
        return field_and_ess(family, x, t, pool, None)[0].square().sum()

    family.series.requires_grad_(True)
    loss().backward()
    slope = float(family.series.grad[1, 2, 0])
    family.series.requires_grad_(False)
    h, values = 1e-6, []
    for sign in (1, -1):
        family.series[1, 2, 0] += sign * h
        values.append(float(loss()))
        family.series[1, 2, 0] -= sign * h
    assert slope == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-5)


# ---- acceleration


@pytest.mark.parametrize("name", ["linear", "learned", "by the data", "convex chart"])
def test_the_acceleration_by_jvp_is_the_difference_along_the_flow_line(name):
    interpolant, x, pool = ALL[name], 0.7 * normal(8, 2), normal(200, 2, seed=1)
    exact = acceleration(interpolant, x, 0.3, pool, log_prob=MIXTURE.log_prob)
    near = acceleration(interpolant, x, 0.3, pool, method="difference", h=1e-7, log_prob=MIXTURE.log_prob)
    torch.testing.assert_close(near.acceleration, exact.acceleration, rtol=1e-4, atol=1e-3)
    same = optimal_field(interpolant, x, 0.3, pool, log_prob=MIXTURE.log_prob)
    for found in (exact, near):
        torch.testing.assert_close(found.velocity, same.velocity)
        torch.testing.assert_close(found.ess, same.ess)


def test_a_difference_is_taken_over_the_step_that_was_asked_for():
    x, pool = 0.7 * normal(8, 2), normal(50, 2, seed=1)
    v = optimal_field(LinearInterpolant(2), x, 0.3, pool).velocity
    for h, options in ((0.2, {"h": 0.2}), (0.04, {})):
        later = optimal_field(LinearInterpolant(2), x + h * v, 0.3 + h, pool).velocity
        found = acceleration(LinearInterpolant(2), x, 0.3, pool, method="difference", **options)
        torch.testing.assert_close(found.acceleration, (later - v) / h)


# ---- exact cases


@pytest.mark.parametrize("schedule", SCHEDULES, ids=["trigonometric", "random"])
def test_every_schedule_moves_a_gaussian_along_its_spread(schedule):
    """N(0, I) -> N(0, s^2 I): ``v* = (sigma' / sigma) x`` with ``sigma^2 = a^2 + s^2 b^2``."""
    s, t, x = 0.2, torch.full((6, 1), 0.4, dtype=torch.float64), normal(6, 2)
    (a, b), (da, db) = schedule.coefficients(t), schedule.slopes(t)
    variance = a**2 + s**2 * b**2
    mean = s**2 * b / variance * x  # E[x1 | x_t = x]
    exact = (a * da + s**2 * b * db) / variance * x
    torch.testing.assert_close(da / a * x + (db - da / a * b) * mean, exact)
    # the standard errors of a pool of so many points
    field = optimal_field(schedule, 0.3 * x, t, s * normal(50_000, 2, seed=3))
    torch.testing.assert_close(field.velocity, 0.3 * exact, rtol=0, atol=0.02)


def test_one_linear_step_lands_on_the_mean():
    pool = MIXTURE.sample(500, seeded())
    x = normal(20, 2)
    step = optimal_field(LinearInterpolant(2), x, 0.0, pool).velocity
    torch.testing.assert_close(x + step, pool.mean(0).expand(20, 2), rtol=0, atol=1e-12)
    quarter = optimal_field(TrigonometricInterpolant(2), x, 0.0, pool).velocity
    torch.testing.assert_close(quarter, (math.pi / 2 * pool.mean(0)).expand(20, 2), rtol=0, atol=1e-12)


@pytest.mark.slow
def test_all_schedules_induce_one_map():
    x0, flow = normal(20, 2), MixtureFlow(MIXTURE)
    exact = flow.transport(x0, solver="rk4", steps=25)
    for schedule in SCHEDULES:
        velocity = partial(mixture_field, flow, schedule)
        end = integrate(velocity, x0, solver="rk4", steps=25).states[-1]
        assert float((end - exact).norm() / (exact - x0).norm()) < 5e-3


def test_straight_flows_of_independent_pairs_need_bent_paths():
    """``E[Dv . x_t] = E[d_tt I . x_t] + E tr Cov(u | x_t)``, linear and trigonometric."""
    n, flow = 20_000, MixtureFlow(MIXTURE)
    x0, x1 = normal(n, 2), MIXTURE.sample(n, seeded(1))
    for schedule in (LinearInterpolant(2), TrigonometricInterpolant(2)):
        field = partial(mixture_field, flow, schedule)
        for time in (0.2, 0.5, 0.8):
            t = torch.full((n, 1), time, dtype=torch.float64)
            x, u = schedule.value(x0, x1, t), schedule.rate(x0, x1, t)
            v = field(x, t)
            change = jvp(field, (x, t), (v, torch.ones_like(t)))[1]
            bend = 0 if isinstance(schedule, LinearInterpolant) else -((math.pi / 2) ** 2) * x
            gap = ((change - bend) * x - (u - v).square()).sum(dim=1)
            assert abs(float(gap.mean())) < 3.5 * float(gap.std()) / math.sqrt(n)


def test_energy_displacement_and_acceleration_bound_each_other():
    flow = MixtureFlow(MIXTURE)
    x0 = normal(300, 2)
    found = straightness(flow, x0, n_times=129)
    assert found.deviation == pytest.approx(found.energy / found.displacement - 1)
    step = x0 + flow.velocity(x0, 0.0)
    error = (flow.transport(x0, solver="rk4", steps=50) - step).square().sum(dim=1).mean()
    assert float(error) <= found.acceleration / 3
    assert found.deviation * found.displacement <= found.acceleration / math.pi**2


def test_collapsed_weights_look_straight():
    pool = 0.5 * normal(512, 32)
    x = LinearInterpolant(32).value(normal(64, 32, seed=1), pool[:64], 0.75)
    found = acceleration(LinearInterpolant(32), x, 0.75, pool)
    assert float(found.acceleration.square().sum(1).mean()) / 32 < 0.5  # the exact number is 7.5
    (line,) = found.report()
    assert line.startswith("the field rests on 1.")
    assert line.endswith("effective samples at t = 0.75; lower t_max, enlarge the pool or reduce d")
    assert optimal_field(LinearInterpolant(2), x[:, :2], 0.2, pool[:, :2]).report() == []


X = normal(50, 2)
BAD = {
    "t = 1": (lambda: optimal_field(LinearInterpolant(2), X, 1.0, X), "t = 1, but a time below 1 is needed"),
    "small pool": (lambda: optimal_field(LinearInterpolant(2), X, 0.5, X[:1]), "pool has 1 points, but at least 2"),
    "nan": (lambda: optimal_field(LinearInterpolant(2), X / 0, 0.5, X), "optimal_field: x "),
    "pool dimension": (lambda: optimal_field(LinearInterpolant(2), X, 0.5, normal(9, 3)), "its points need 2"),
    "method": (lambda: acceleration(LinearInterpolant(2), X, 0.5, X, method="x"), 'must be "jvp" or "difference"'),
    "step": (
        lambda: acceleration(LinearInterpolant(2), X, 0.98, X, method="difference"),
        r"h = 0.04 must be positive and t \+ h below 1, got t up to 0.98",
    ),
    "no step": (
        lambda: acceleration(LinearInterpolant(2), X, 0.5, X, method="difference", h=0.0),
        "h = 0 must be positive",
    ),
}


@pytest.mark.parametrize(("call", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)
