"""Interpolants: their ends, inverses and determinants, the analytic field, straightness, fits, messages."""

import copy
import math
from functools import partial

import pytest
import torch

from koopteach import (
    ConditionalAffine,
    ConditionalCoupling,
    ConvexChart,
    ConvexMap,
    CouplingChart,
    CurvedInterpolant,
    DecodedChart,
    FlowMatching,
    FourierNet,
    GaussianMixture,
    GaussianStraight,
    GlowInterpolant,
    GlowStep,
    Interpolant,
    LearnedSchedule,
    LinearInterpolant,
    MatrixInterpolant,
    MixtureFlow,
    PushedChart,
    Schedule,
    TabulatedSchedule,
    TrigonometricInterpolant,
    acceleration,
    check_interpolant,
    eight_gaussians,
    fit_convex_map,
    geodesic_schedule,
    integrate,
    moons,
    optimal_field,
    ot_permutation,
    sliced_wasserstein2,
    straighten,
    straightness,
)
from koopteach.flow_matching import local_permutation
from koopteach.flow_matching.paths import Pairs
from koopteach.interpolants import families as families_module
from koopteach.interpolants.curved import source_report
from koopteach.interpolants.families import FAMILIES
from koopteach.interpolants.field import field_and_ess, pool_weights, standard_normal
from koopteach.interpolants.geodesic import _angles, _segment
from koopteach.tensors import jvp
from tests.tools import seeded

MIXTURE = GaussianMixture([[-1.5, 0.0], [1.0, 1.0], [0.5, -1.5]], [0.4, 0.3, 0.6], [0.5, 0.3, 0.2])
S0 = torch.tensor([[1.0, 0.3], [0.3, 0.5]], dtype=torch.float64)
S1 = torch.tensor([[0.4, -0.5], [-0.5, 1.6]], dtype=torch.float64)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def uniform(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=seeded(seed))


def random_weights(interpolant, scale=0.3):
    for i, parameter in enumerate(interpolant.parameters()):
        parameter.data = scale * normal(*parameter.shape, seed=i)
    return interpolant.double()


def convex_map(seed=0, strength=1.5):
    return ConvexMap(normal(12, 2, seed=seed), strength=strength, slope=0.3)


def families():
    grid = torch.linspace(0, 1, 41, dtype=torch.float64)
    quick = {"h": lambda t: t**2, "g": lambda t: 0.5 * t + 0.5 * t**3}
    straight = GaussianStraight(normal(2), S0, normal(2, seed=1), S1)
    return {
        "linear": LinearInterpolant(2),
        "trigonometric": TrigonometricInterpolant(2),
        "g and h": Schedule(2, **quick),
        "schedule": random_weights(LearnedSchedule(2)),
        "schedule per axis": random_weights(LearnedSchedule(2, per_axis=True)),
        "table": TabulatedSchedule(2, (math.pi / 2 * (1 - grid)).sin(), grid),
        "matrix": random_weights(MatrixInterpolant(2)),
        "affine": random_weights(ConditionalAffine(2, width=8)),
        "coupling": random_weights(ConditionalCoupling(2, width=8)),
        "coupling chart": random_weights(CouplingChart(2, width=8)),
        "convex chart": ConvexChart(convex_map()),
        "two charts": ConvexChart(convex_map(), convex_map(1)),
        "decoded chart": DecodedChart(convex_map()),
        "two decoded charts": DecodedChart(convex_map(), convex_map(1)),
        "pushed chart": PushedChart(convex_map()),
        "two pushed charts": PushedChart(convex_map(), convex_map(1)),
        "gaussian": straight,
    }


ALL = families()
EVERY = pytest.mark.parametrize("interpolant", ALL.values(), ids=ALL)
TIMES = (0.05, 0.4, 0.95)


# ---- the protocol


@EVERY
def test_the_ends_are_exact(interpolant):
    x0, x1 = normal(20, 2), normal(20, 2, seed=1)
    torch.testing.assert_close(interpolant.value(x0, x1, 0.0), interpolant.start(x0), rtol=0, atol=1e-12)
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
            noise = partial(noise_of, interpolant, x1[i], t)
            jacobian = torch.autograd.functional.jacobian(noise, x[i])
            assert float(logdet[i]) == pytest.approx(float(jacobian.det().abs().log()), abs=1e-9)
        spread = float((interpolant.inverse(x[:1], x1, t)[1].diff()).abs().max())
        assert (spread < 1e-12) == interpolant.common_logdet


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
    for t, end in ((0.0, single.start(x0)), (1.0, x1)):
        torch.testing.assert_close(single.value(x0, x1, t), end, rtol=0, atol=1e-5)
    back, logdet = single.inverse(single.value(x0, x1, 0.5), x1, 0.5)
    torch.testing.assert_close(back, x0, rtol=0, atol=1e-4)
    assert back.dtype == logdet.dtype == torch.float32


def test_a_schedule_knows_the_letters_of_the_paper():
    x, x1, t = normal(5, 2), normal(5, 2, seed=1), uniform(5, 1)
    for name in ("linear", "trigonometric", "g and h", "schedule", "table"):
        interpolant = ALL[name]
        x0 = (x - interpolant.g(t) * x1) / (1 - interpolant.h(t))
        torch.testing.assert_close(interpolant.inverse(x, x1, t)[0], x0)


def test_fresh_families_are_the_linear_or_the_trigonometric_one():
    x0, x1, t = normal(9, 2), normal(9, 2, seed=1), uniform(9, 1)
    fresh = [LearnedSchedule(2), MatrixInterpolant(2), ConditionalAffine(2), ConditionalCoupling(2)]
    pairs = [(family, LinearInterpolant(2)) for family in fresh] + [(CouplingChart(2), TrigonometricInterpolant(2))]
    for family, simple in pairs:
        family = family.double()
        torch.testing.assert_close(family.value(x0, x1, t), simple.value(x0, x1, t), rtol=0, atol=1e-12)
        torch.testing.assert_close(family.rate(x0, x1, t), simple.rate(x0, x1, t), rtol=0, atol=1e-12)


def test_a_table_has_the_schedule_that_was_tabulated():
    grid, t = torch.linspace(0, 1, 401, dtype=torch.float64), uniform(50, 1)
    table = TabulatedSchedule(2, (math.pi / 2 * (1 - grid)).sin(), (math.pi / 2 * grid).sin())
    for mine, exact in zip(table.coefficients(t), TrigonometricInterpolant(2).coefficients(t)):
        torch.testing.assert_close(mine, exact, rtol=0, atol=1e-7)


# ---- Glow steps on images


def glow():
    """Four-pixel images, so that an autograd Jacobian is cheap; the permutations are not the identity."""
    return random_weights(GlowInterpolant(4, n_steps=2, width=6, generator=seeded(3)), 0.2)


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


def test_a_fresh_glow_is_linear_and_a_trained_one_less_bent():
    x1 = 0.5 * normal(300, 16)
    fresh = GlowInterpolant(4, n_steps=2, width=6, generator=seeded()).double()
    t, x0 = uniform(300, 1), normal(300, 16, seed=1)
    torch.testing.assert_close(fresh.value(x0, x1, t), LinearInterpolant(16).value(x0, x1, t), rtol=0, atol=1e-12)
    before = [p.clone() for p in fresh.parameters()]
    options = {"t_max": 0.2, "batch": 16, "pool": 48, "verbose": False}  # where the weights have not collapsed
    straighten(fresh, x1, n_steps=3, lr=1e-2, generator=seeded(), **options)
    assert any(not torch.equal(p, q) for p, q in zip(before, fresh.parameters()))


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


# ---- the field


@pytest.mark.parametrize("name", ["linear", "matrix", "affine", "coupling", "coupling chart", "two charts", "gaussian"])
def test_the_field_is_the_naive_double_loop(name, monkeypatch):
    interpolant, x, pool, t = ALL[name], normal(5, 2), normal(4, 2, seed=1), 0.7 * uniform(5, 1)
    expected = torch.empty_like(x)
    for i in range(5):
        weights, rates = [], []
        for j in range(4):
            x0, logdet = interpolant.inverse(x[i], pool[j], t[i])
            weights.append(float((MIXTURE.log_prob(x0[None])[0] + logdet).exp()))
            rates.append(interpolant.rate(x0[None], pool[j : j + 1], t[i : i + 1])[0])
        expected[i] = sum(w * u for w, u in zip(weights, rates)) / sum(weights)
    field = optimal_field(interpolant, x, t, pool, log_prob=MIXTURE.log_prob)
    torch.testing.assert_close(field.velocity, expected, rtol=1e-10, atol=1e-11)
    assert bool(((field.ess >= 1) & (field.ess <= 4 + 1e-9)).all())
    x, t = normal(40, 2), uniform(40, 1)
    whole = optimal_field(interpolant, x, t, pool)
    monkeypatch.setattr("koopteach.tensors.CHUNK_NUMBERS", 1)  # chunks of sixteen rows
    parts = optimal_field(interpolant, x, t, pool)
    torch.testing.assert_close(parts.velocity, whole.velocity, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(parts.ess, whole.ess)


def test_the_error_falls_as_the_root_of_the_pool():
    x, exact = normal(300, 2), MixtureFlow(MIXTURE).velocity(normal(300, 2), 0.5)
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


class ByTheData(Interpolant):
    """``x_t = (1 - t) exp(4 t (1 - t) kappa tanh(x1_1)) x0 + t x1``, with the determinant or without."""

    def __init__(self, kappa, keep):
        super().__init__(2)
        self.kappa, self.keep = kappa, keep
        self.common_logdet = not keep

    def _scale(self, x1, t):
        return (1 - t) * (4 * t * (1 - t) * self.kappa * x1[..., :1].tanh()).exp()

    def _value(self, x0, x1, t):
        return self._scale(x1, t) * x0 + t * x1

    def _inverse(self, x, x1, t):
        scale = self._scale(x1, t)
        return (x - t * x1) / scale, -2 * (scale if self.keep else 1 - t + 0 * scale).log()[..., 0]


def test_without_the_determinant_the_field_is_wrong():
    """``E[(u - v*) g(x_t)] = 0`` for every g, and only with the determinant."""
    n, t, kappa = 2500, 0.3, 0.8
    x0, x1, pool = normal(n, 2), MIXTURE.sample(n, seeded(1)), MIXTURE.sample(n, seeded(2))
    scores = {}
    for keep in (True, False):
        family = ByTheData(kappa, keep)
        x, u = family.value(x0, x1, t), family.rate(x0, x1, t)
        residual = u - optimal_field(family, x, t, pool).velocity
        tests = torch.cat([torch.ones(n, 1), x, x.square(), x[:, :1] * x[:, 1:], x.sin()[:, :1]], dim=1)
        terms = (residual[:, :, None] * tests[:, None]).reshape(n, -1)
        scores[keep] = float((terms.mean(0) / (terms.std(0) / math.sqrt(n))).abs().max())
    assert scores[True] < 4
    assert scores[False] > 8


def test_a_family_that_omits_the_determinant_is_refused():
    x0, x1 = normal(16, 2), normal(16, 2, seed=1)
    check_interpolant(ByTheData(0.8, True), x0, x1)
    with pytest.raises(ValueError, match="logdet is constant but the Jacobian of inverse depends on x1"):
        check_interpolant(ByTheData(0.8, False), x0, x1)


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


# ---- acceleration and straightness


@pytest.mark.parametrize(
    "name", ["linear", "schedule", "matrix", "affine", "coupling", "coupling chart", "convex chart"]
)
def test_the_acceleration_by_jvp_is_the_difference_along_the_flow_line(name):
    interpolant, x, pool = ALL[name], 0.7 * normal(8, 2), normal(200, 2, seed=1)
    exact = acceleration(interpolant, x, 0.3, pool)
    near = acceleration(interpolant, x, 0.3, pool, method="difference", h=1e-7)
    torch.testing.assert_close(near.acceleration, exact.acceleration, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(exact.velocity, optimal_field(interpolant, x, 0.3, pool).velocity)


def test_the_gaussian_interpolant_is_straight_and_optimal():
    """With the conditional mean of the rotation, which is zero: ``v* = M(y) - y`` between the two Gaussians."""
    family = ALL["gaussian"]
    y, t = normal(30, 2), uniform(30, 1)

    def velocity(x, s):
        return family._pushed(family.pull(x, s)[0], torch.zeros_like(x), s)[1]

    x = family.push(y, t)
    v, change = jvp(velocity, (x, t), (velocity(x, t), torch.ones_like(t)))
    torch.testing.assert_close(change, torch.zeros_like(change), rtol=0, atol=1e-10)
    zero, one = torch.zeros_like(t), torch.ones_like(t)
    torch.testing.assert_close(v, family.push(y, one) - family.push(y, zero))
    # an optimal map between Gaussians is symmetric and positive definite, and carries S0 to S1
    first, last = family.factors
    transport = last @ first.inverse()
    torch.testing.assert_close(transport, transport.T)
    torch.testing.assert_close(transport @ S0 @ transport, S1)
    # one Euler step, a hundred of them, and the Jordan block e^L [x; v] = [x + v; v] agree
    x0 = family.push(y, zero)
    speed = velocity(x0, zero)
    jordan = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64).matrix_exp()
    lifted = torch.einsum("ij,jnd->ind", jordan, torch.stack([x0, speed]))
    many = integrate(lambda x, s: velocity(x, x.new_full((len(x), 1), s)), x0, solver="euler", steps=100).states[-1]
    torch.testing.assert_close(lifted[0], family.push(y, one), rtol=0, atol=1e-10)
    torch.testing.assert_close(many, lifted[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("schedule", [TrigonometricInterpolant(2), ALL["schedule"]], ids=["trigonometric", "random"])
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


def test_the_optimal_schedule_of_a_gaussian_has_no_acceleration():
    """``a = 1 - t``, ``b = sqrt(t^2 + 2 t (1 - t) / s)`` makes ``sigma = 1 - t + s t``, a straight line."""
    s = 0.2
    best = Schedule(2, g=lambda t: (t**2 + 2 * t * (1 - t) / s).sqrt(), h=lambda t: t)
    t = torch.linspace(0.05, 0.95, 10, dtype=torch.float64)[:, None]

    def spread(schedule, t):
        a, b = schedule.coefficients(t)
        return (a**2 + s**2 * b**2).sqrt()

    torch.testing.assert_close(spread(best, t), 1 - t + s * t)
    h = 1e-3
    bend = (spread(LinearInterpolant(2), t + h) + spread(LinearInterpolant(2), t - h)) / h**2
    bend = bend - 2 * spread(LinearInterpolant(2), t) / h**2
    assert float(2 * bend.square().mean()) > 1  # E|Dv|^2 = d sigma''^2: the linear schedule is curved


def test_one_linear_step_lands_on_the_mean():
    pool = MIXTURE.sample(500, seeded())
    x = normal(20, 2)
    step = optimal_field(LinearInterpolant(2), x, 0.0, pool).velocity
    torch.testing.assert_close(x + step, pool.mean(0).expand(20, 2), rtol=0, atol=1e-12)
    quarter = optimal_field(TrigonometricInterpolant(2), x, 0.0, pool).velocity
    torch.testing.assert_close(quarter, (math.pi / 2 * pool.mean(0)).expand(20, 2), rtol=0, atol=1e-12)


def mixture_field(flow, schedule, x, t):
    """The linear flow's mean at ``tau = b / (a + b)`` and ``x / (a + b)`` serves every schedule."""
    if not isinstance(t, torch.Tensor):
        t = x.new_full((len(x), 1), min(max(t, 1e-9), 1 - 1e-9))
    (a, b), (da, db) = schedule.coefficients(t), schedule.slopes(t)
    tau, at = b / (a + b), x / (a + b)
    mean = at + (1 - tau) * flow._velocity(at, tau)
    return da / a * x + (db - da / a * b) * mean


def test_all_schedules_induce_one_map():
    x0, flow = normal(20, 2), MixtureFlow(MIXTURE)
    exact = flow.transport(x0, solver="rk4", steps=50)
    for schedule in (TrigonometricInterpolant(2), ALL["schedule"]):
        velocity = partial(mixture_field, flow, schedule)
        end = integrate(velocity, x0, solver="rk4", steps=60).states[-1]
        assert float((end - exact).norm() / (exact - x0).norm()) < 5e-3


def test_straight_flows_of_independent_pairs_need_bent_paths():
    """``E[Dv . x_t] = E[d_tt I . x_t] + E tr Cov(u | x_t)``, linear and trigonometric."""
    n, flow = 100_000, MixtureFlow(MIXTURE)
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
    found = straightness(flow, x0, n_times=257)
    assert found.deviation == pytest.approx(found.energy / found.displacement - 1)
    step = x0 + flow.velocity(x0, 0.0)
    error = (flow.transport(x0, solver="rk4", steps=100) - step).square().sum(dim=1).mean()
    assert float(error) <= found.acceleration / 3
    assert found.deviation * found.displacement <= found.acceleration / math.pi**2


# ---- geodesic schedule, convex maps


def test_the_polar_segment_has_the_energy_it_says_and_no_schedule_has_less():
    """With the exact field of a mixture, by quadrature over the schedule's own path."""
    flow, n = MixtureFlow(MIXTURE), 2000
    x0, x1 = normal(n, 2), MIXTURE.sample(n, seeded(1))
    moments = (2.0, 0.0, float((MIXTURE.mode_weights @ (MIXTURE.modes.square() + MIXTURE.stds**2)).sum()))
    tau = torch.linspace(0.001, 0.985, 65, dtype=torch.float64)
    energies = [float(flow.velocity((1 - s) * x0 + s * x1, s).square().sum(1).mean()) for s in tau.tolist()]
    angle = _angles(tau, torch.tensor(energies), *moments)
    best, least = _segment(2, tau, angle, *moments)

    def energy(schedule):
        total = 0.0
        for t in ((torch.arange(100) + 0.5) / 100).tolist():
            total += float(mixture_field(flow, schedule, schedule.value(x0, x1, t), t).square().sum(1).mean())
        return total / 100

    assert energy(best) == pytest.approx(least, rel=0.02)
    for other in (LinearInterpolant(2), TrigonometricInterpolant(2), ALL["schedule"]):
        assert energy(other) > 1.02 * least


def test_the_geodesic_schedule_of_a_sample_needs_no_training():
    x1 = moons.sample(3000, seeded())
    found = geodesic_schedule(x1, pool=600, queries=300, n_times=33, generator=seeded(1))
    check_interpolant(found.schedule, normal(32, 2), x1[:32])
    assert 0.3 < found.energy < 0.8  # that of the linear schedule is 1.4
    assert 0 < found.angle < math.pi
    assert 1 < found.ess < 600


def test_a_convex_map_has_the_derivatives_it_says_and_its_inverse():
    chart, z = convex_map(strength=8.0), 2 * normal(50, 2)
    potential, gradient, hessian = chart.derivatives(z)
    torch.testing.assert_close(chart(z), gradient)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(lambda y: chart.derivatives(y)[0]))(z), gradient)
    torch.testing.assert_close(torch.func.vmap(torch.func.jacfwd(chart.forward))(z), hessian)
    assert float(torch.linalg.eigvalsh(hessian).min()) >= 0.3 - 1e-9
    back, logdet = chart.inverse(gradient)
    torch.testing.assert_close(back, z, rtol=0, atol=1e-9)
    torch.testing.assert_close(logdet, -hessian.logdet(), rtol=1e-8, atol=1e-8)
    assert potential.shape == (50,)


def test_the_inverse_carries_gradients_to_the_map():
    chart, x = convex_map(), normal(7, 2)
    chart.log_strength.requires_grad_(True)
    chart.inverse(x)[0].sum().backward()
    slope, h = float(chart.log_strength.grad), 1e-5
    chart.log_strength.requires_grad_(False)
    values = []
    for sign in (1, -1):
        chart.log_strength += sign * h
        values.append(float(chart.inverse(x)[0].sum()))
        chart.log_strength -= sign * h
    assert slope == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-6)


@pytest.fixture(scope="module")
def fitted_map():
    """A map to the moons, after a short training."""
    x1 = moons.sample(4000, seeded())
    return fit_convex_map(x1, n_centres=48, pair_steps=120, likelihood_steps=40, generator=seeded(1), verbose=False)


def test_a_fitted_map_carries_noise_to_data(fitted_map):
    test, noise = moons.sample(4000, seeded(5)), normal(4000, 2, seed=3)
    assert sliced_wasserstein2(fitted_map(noise), test) < 0.4 * sliced_wasserstein2(noise, test)
    pull = fitted_map.inverse(test)[0]
    assert sliced_wasserstein2(pull, noise) < 0.5 * sliced_wasserstein2(test, noise)


def test_the_likelihood_of_a_map_is_a_density():
    """The density ``N(T^{-1}(x)) / det DT`` integrates to one."""
    grid = torch.linspace(-6, 6, 241, dtype=torch.float64)
    x = torch.cartesian_prod(grid, grid)
    z, logdet = convex_map().inverse(x)
    assert float((standard_normal(z) + logdet).exp().sum() * 0.05**2) == pytest.approx(1, abs=1e-3)


# ---- locally matched pairs


def test_local_pairs_are_a_permutation_and_nearly_optimal():
    x0, x1 = normal(512, 2), moons.sample(512, seeded())
    found = local_permutation(x0, x1)
    assert found.sort().values.tolist() == list(range(512))
    cost = [float((x0 - x1[p]).square().sum()) for p in (found, ot_permutation(x0, x1), torch.arange(512))]
    assert cost[1] <= cost[0] < 1.5 * cost[1] < cost[2]
    # in one cell the match is optimal
    few = local_permutation(x0[:60], x1[:60])
    assert torch.equal(few, ot_permutation(x0[:60], x1[:60]))


@pytest.mark.parametrize("n", [1, 2, 63, 65, 200])
def test_local_pairs_of_any_number(n):
    x0, x1 = normal(n, 3), normal(n, 3, seed=1)
    assert local_permutation(x0, x1, cell=8).sort().values.tolist() == list(range(n))


def test_flow_matching_takes_local_pairs(monkeypatch):
    monkeypatch.setattr("koopteach.flow_matching.paths.LOCAL_PAIRS", 1024)
    x1 = moons.sample(2000, seeded())
    near, far = (Pairs("fit", x1, None, kind, seeded()).draw(1000, seeded(1)) for kind in ("local", "independent"))
    matched = Pairs("fit", x1[:100], x1[100:130], "local", seeded())
    for points, times in ((matched.x1, {10, 11}), (matched.x0, {34, 35})):  # of 1,024 pairs
        assert set(points.unique(dim=0, return_counts=True)[1].tolist()) == times
    costs = [float((x1 - x0).square().sum(1).mean()) for x0, x1 in (near, far)]
    assert costs[0] < 0.3 * costs[1]
    flow = FlowMatching(2, coupling="local", net=FourierNet(2, width=16, depth=1, n_frequencies=4))
    assert len(flow.fit(x1, n_steps=5, generator=seeded(), verbose=False).training.steps) == 5


# ---- flows on an interpolant


def small_net(dim=2):
    return FourierNet(dim, width=48, depth=2, n_frequencies=8, generator=seeded())


CODED = pytest.mark.parametrize("chart", [DecodedChart, PushedChart])


@pytest.fixture(scope="module")
def coded(fitted_map):
    """Flows on charts whose map is known, so that the training is short."""
    flows = {
        kind: CurvedInterpolant(2, family=kind(fitted_map), net=small_net()) for kind in (DecodedChart, PushedChart)
    }
    for flow in flows.values():
        flow.fit(moons.sample(4000, seeded()), n_steps=300, generator=seeded(), verbose=False)
    return flows


@CODED
def test_a_coded_chart_samples_in_one_step(coded, chart):
    flow, test, noise = coded[chart], moons.sample(4000, seeded(5)), normal(4000, 2, seed=6)
    one = flow.transport(noise, solver="euler", steps=1)
    assert flow.nfe == 1
    assert sliced_wasserstein2(one, test) < 0.3 * sliced_wasserstein2(noise, test)
    assert sliced_wasserstein2(one, test) < sliced_wasserstein2(flow.interpolant.to_data(noise), test)
    assert flow.diagnose(test) == []


@CODED
def test_a_coded_chart_has_one_flow_in_both_coordinates(coded, chart):
    """Its velocity is that of its trajectory; it starts at T(x0), and inversion returns the source point."""
    flow, x0, h = coded[chart], normal(20, 2), 1e-3
    before, now, after = flow.trajectory(x0, [0.5 - h, 0.5, 0.5 + h], steps=64)
    torch.testing.assert_close(flow.velocity(now, 0.5), (after - before) / (2 * h), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(flow.trajectory(x0, [0.0, 1.0])[0], flow.interpolant.start(x0))
    end = flow.transport(x0, solver="rk4", steps=32)
    torch.testing.assert_close(flow.invert(end, solver="rk4", steps=32), x0, rtol=0, atol=1e-3)


def test_a_step_of_a_decoded_chart_is_taken_before_the_map_and_one_of_a_pushed_chart_after(coded, fitted_map):
    x0, t = normal(20, 2), torch.zeros(20, 1)

    def moved(kind, x):
        return x + coded[kind].net(x.float(), t).double()

    one = {kind: flow.transport(x0, solver="euler", steps=1) for kind, flow in coded.items()}
    torch.testing.assert_close(one[DecodedChart], fitted_map(moved(DecodedChart, x0)), rtol=0, atol=1e-5)
    torch.testing.assert_close(one[PushedChart], moved(PushedChart, fitted_map(x0)), rtol=0, atol=1e-5)


@CODED
def test_a_coded_chart_follows_the_points_and_keeps_its_own_precision(coded, chart):
    flow, x0 = coded[chart], normal(20, 2)
    before = flow.transport(x0)
    single = flow.transport(x0.float())
    assert single.dtype == flow.velocity(x0.float(), 0.5).dtype == torch.float32
    torch.testing.assert_close(single.double(), before, rtol=0, atol=1e-3)
    assert torch.equal(flow.transport(x0), before)


@CODED
def test_a_coded_chart_is_saved_with_its_map(coded, chart, tmp_path):
    coded[chart].save(tmp_path / "flow.safetensors")
    again = CurvedInterpolant.load(tmp_path / "flow.safetensors")
    x0 = normal(9, 2)
    assert type(again.interpolant) is chart
    assert torch.equal(again.transport(x0), coded[chart].transport(x0))
    assert again.coupling == "local"


def test_what_is_not_fitted_cannot_be_saved(tmp_path):
    with pytest.raises(RuntimeError, match="only a fitted CurvedInterpolant"):
        CurvedInterpolant(2).save(tmp_path / "none.safetensors")


@CODED
def test_a_coded_chart_of_other_noise_starts_in_its_own_coordinates(chart, fitted_map, tmp_path):
    """The path starts at T1(T0^{-1}(x0)); inversion returns x0; both maps are saved."""
    noise, first = eight_gaussians.sample(500, seeded()), convex_map(1)
    flow = CurvedInterpolant(2, family=chart(fitted_map, first), net=small_net())
    flow.fit(moons.sample(500, seeded(1)), noise, n_steps=20, generator=seeded(), verbose=False)
    x0 = noise[:20]
    torch.testing.assert_close(flow.trajectory(x0, [0.0, 1.0])[0], fitted_map(first.inverse(x0)[0]))
    end = flow.transport(x0, solver="rk4", steps=32)
    torch.testing.assert_close(flow.invert(end, solver="rk4", steps=32), x0, rtol=0, atol=1e-3)
    flow.save(tmp_path / "flow.safetensors")
    assert torch.equal(CurvedInterpolant.load(tmp_path / "flow.safetensors").transport(x0), flow.transport(x0))


def test_a_flow_follows_the_field_of_its_interpolant():
    """The regression's minimiser is the conditional mean, here of Gaussian data and a schedule that is not linear."""
    x1 = torch.tensor([1.0, 0.0]) + 0.5 * normal(4000, 2, seed=1)
    flow = CurvedInterpolant(2, family="trigonometric", net=small_net())
    flow.fit(x1, n_steps=400, generator=seeded(), verbose=False)
    schedule, t = TrigonometricInterpolant(2), 0.5
    x = schedule.value(normal(300, 2), x1[:300], t)
    exact, other = (optimal_field(family, x, t, x1).velocity for family in (schedule, LinearInterpolant(2)))
    assert float((flow.velocity(x, t) - exact).norm()) < 0.3 * float((other - exact).norm())
    assert flow.transport(x).dtype == torch.float64


def test_two_charts_where_the_noise_is_not_gaussian():
    noise, x1 = eight_gaussians.sample(500, seeded()), moons.sample(500, seeded(1))
    one, two = ConvexChart(convex_map()), ConvexChart(convex_map(), convex_map(1))
    assert source_report(one, noise) == ["the rotation needs Gaussian noise; use two charts"]
    assert source_report(two, noise) == source_report(one, None) == source_report(one, normal(1000, 2)) == []
    flow = CurvedInterpolant(2, family=two, net=small_net()).fit(x1, noise, n_steps=5, verbose=False)
    rows = flow.source(100, seeded())
    assert bool((rows[:, None] == noise).all(dim=2).any(dim=1).all())


@pytest.mark.parametrize(
    ("name", "noise"), [*((name, "mixture") for name in FAMILIES), ("convex_chart", "normal"), ("geodesic", "normal")]
)
def test_every_family_can_be_asked_for_by_name(name, noise, monkeypatch):
    """With the smallest trainings; data of fewer rows than a pool, and noise of another law."""

    def shortened(function, **less):
        return lambda *args, **options: function(*args, **{**options, **less})

    monkeypatch.setattr(families_module, "straighten", shortened(straighten, n_steps=2))
    less = {"pair_steps": 20, "likelihood_steps": 2, "n_centres": 8}
    monkeypatch.setattr(families_module, "fit_convex_map", shortened(fit_convex_map, **less))
    monkeypatch.setattr(families_module, "geodesic_schedule", shortened(geodesic_schedule, pool=50, n_times=9))
    monkeypatch.setattr("koopteach.flow_matching.paths.LOCAL_PAIRS", 512)
    monkeypatch.setattr("koopteach.interpolants.convex_fit._PAIRS", 512)
    flow = CurvedInterpolant(2, family=name, net=FourierNet(2, width=4, depth=1, n_frequencies=0))
    x0 = None if noise == "normal" else MIXTURE.sample(150, seeded())
    log_prob = None if noise == "normal" else MIXTURE.log_prob
    flow.fit(moons.sample(24), x0, log_prob=log_prob, n_steps=2, generator=seeded(), verbose=False)
    assert flow.sample(5).shape == (5, 2)
    assert (flow.descent is not None) == (name in ("schedule", "matrix", "chart") or name.startswith("conditional"))
    assert not any(p.requires_grad for p in flow.interpolant.parameters())


def test_descent_lowers_the_acceleration():
    x1 = moons.sample(2000, seeded())
    options = {"t_max": 0.8, "batch": 64, "pool": 256, "verbose": False}
    before = straighten(LearnedSchedule(2), x1, n_steps=1, lr=1e-9, generator=seeded(), **options)
    after = straighten(LearnedSchedule(2), x1, n_steps=60, lr=5e-2, generator=seeded(), **options)
    assert after.acceleration < 0.7 * before.acceleration
    assert after.two_pools < 0.7 * before.two_pools
    assert after.energy < before.energy


# ---- messages: each by its experiment


def test_collapsed_weights_are_told():
    pool = 0.5 * normal(512, 32)
    x = LinearInterpolant(32).value(normal(64, 32, seed=1), pool[:64], 0.75)
    found = acceleration(LinearInterpolant(32), x, 0.75, pool)
    assert float(found.acceleration.square().sum(1).mean()) / 32 < 0.5  # the exact number is 7.5: "straight"
    (line,) = found.report()
    assert line.startswith("the field rests on 1.")
    assert line.endswith("effective samples at t = 0.75; lower t_max, enlarge the pool or reduce d")
    assert optimal_field(LinearInterpolant(2), x[:, :2], 0.2, pool[:, :2]).report() == []


def test_a_descent_reports_variance_and_hidden_motion():
    x1 = moons.sample(2000, seeded())
    late = random_weights(LearnedSchedule(2), 0.0)
    late.series[1, 0], late.series[0, 0] = -6.0, 6.0
    found = straighten(late, x1, n_steps=1, lr=1e-9, pool=64, batch=64, generator=seeded(), verbose=False)
    text = "; ".join(found.report)
    assert "of the motion happens after t_max = 0.95" in text
    assert found.hidden > 0.2
    small = straighten(LearnedSchedule(2), x1, n_steps=1, lr=1e-9, pool=16, batch=16, generator=seeded(), verbose=False)
    assert "of the loss is variance; enlarge the pool" in "; ".join(small.report)


def test_a_flow_that_returns_the_noise_is_told():
    """On centred data the trigonometric velocity is zero at the start, as this network's is."""
    still = FourierNet(2, width=4, depth=1, n_frequencies=0, last_scale=0.0)
    flow = CurvedInterpolant(2, family=TrigonometricInterpolant(2), net=still)
    assert flow.diagnose(moons.sample(2000), generator=seeded()) == [
        "one step returns the noise, or nothing nearer to the data"
    ]


def test_an_acceleration_of_collapsed_weights_is_told():
    x1 = moons.sample(1000, seeded())
    flow = CurvedInterpolant(2, family="linear", net=small_net())
    flow.fit(x1, n_steps=100, generator=seeded(), verbose=False)
    flow.descent = straighten(LearnedSchedule(2), x1, n_steps=1, lr=1e-9, generator=seeded(), verbose=False)
    lines = flow.diagnose(x1, generator=seeded())
    object.__setattr__(flow.descent, "two_pools", 1e-3)
    more = set(flow.diagnose(x1, generator=seeded())) - set(lines)
    (line,) = more
    assert line.startswith("A = 0.001 but S = ")
    assert line.endswith(": collapsed weights")


class Folding(ByTheData):
    """``(1 - t) x0 - t T``: turns over at t = 1/2."""

    def _inverse(self, x, x1, t):
        x0, logdet = super()._inverse(x, x1, t)
        return x0.abs(), logdet


class NoEnd(ByTheData):
    def _value(self, x0, x1, t):
        return (1 - t) * x0 + 0.9 * t * x1


@pytest.mark.parametrize(
    ("family", "told"),
    [(Folding(0.5, True), "not invertible at t = 0.1"), (NoEnd(0.5, True), r"I\(x0, x1, 1\) differs from x1 by 0\.")],
    ids=["folding", "end"],
)
def test_wrong_families_are_refused(family, told):
    with pytest.raises(ValueError, match=told):
        CurvedInterpolant(2, family=family).fit(normal(50, 2), verbose=False)


def test_divergence_restores_the_best(capsys):
    x1 = moons.sample(500, seeded())
    late = LearnedSchedule(2)
    found = straighten(late, x1, pool=64, batch=32, n_steps=50, lr=1e4, generator=seeded(), verbose=True)
    assert found.training.diverged
    assert "training diverged" in capsys.readouterr().out
    assert bool(late.series.isfinite().all())


X = normal(50, 2)
BAD = {
    "t = 1": (lambda: optimal_field(LinearInterpolant(2), X, 1.0, X), "t = 1, but a time below 1 is needed"),
    "t beyond": (lambda: LinearInterpolant(2).value(X, X, 1.2), r"t must lie in \[0, 1\]"),
    "inverse at 1": (lambda: LinearInterpolant(2).inverse(X, X, 1.0), "a time below 1 is needed: at 1 every noise"),
    "row of t": (lambda: LinearInterpolant(2).value(X, X, torch.rand(50)), r"Try t\[:, None\]"),
    "small pool": (lambda: optimal_field(LinearInterpolant(2), X, 0.5, X[:1]), "pool has 1 points, but at least 2"),
    "nan": (lambda: optimal_field(LinearInterpolant(2), X / 0, 0.5, X), "optimal_field: x "),
    "dimension": (lambda: LinearInterpolant(2).value(X, normal(50, 3), 0.5), "x1 has 3 coordinates, but the interp"),
    "pool dimension": (lambda: optimal_field(LinearInterpolant(2), X, 0.5, normal(9, 3)), "its points need 2"),
    "method": (lambda: acceleration(LinearInterpolant(2), X, 0.5, X, method="x"), 'must be "jvp" or "difference"'),
    "step": (lambda: acceleration(LinearInterpolant(2), X, 0.98, X, method="difference"), "t \\+ h below 1"),
    "family": (lambda: CurvedInterpolant(2, family="glow"), "family must be an Interpolant or one of convex_chart"),
    "family dim": (lambda: CurvedInterpolant(3, family=LinearInterpolant(2)), "the family has dimension 2"),
    "nothing to train": (lambda: straighten(LinearInterpolant(2), X), "has no parameters to train"),
    "pool above data": (lambda: straighten(LearnedSchedule(2), X), "at most the 50 rows of x1, got 512"),
    "t_max": (lambda: straighten(LearnedSchedule(2), X, pool=50, batch=9, t_max=0.99), "must stay below 1"),
    "no density": (lambda: straighten(LearnedSchedule(2), X, X, pool=50, batch=9), "log_prob is needed beside x0"),
    "no density, geodesic": (lambda: geodesic_schedule(X, X), "log_prob is needed beside x0"),
    "odd image": (lambda: GlowInterpolant(7), "size must be even"),
    "one channel": (lambda: GlowStep(1, 0), "channels must be at least 2"),
    "one coordinate": (lambda: ConditionalCoupling(1), "dim must be at least 2"),
    "flat data": (lambda: GaussianStraight.from_data(X[:, :1].expand(-1, 2)), "not positive definite"),
    "unequal rows": (lambda: local_permutation(X, X[:9]), "x0 has 50 rows and x1 9"),
    "no steps": (lambda: fit_convex_map(X, pair_steps=0, likelihood_steps=0), "not negative nor all zero"),
    "data nan": (lambda: CurvedInterpolant(2).fit(X / 0), "fit: x1 "),
}


@pytest.mark.parametrize(("call", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_field_is_differentiable_in_the_family():
    """The gradient through weights, rates and inverses, against differences."""
    family, x, pool = LearnedSchedule(2).double(), normal(4, 2), normal(30, 2, seed=1)
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
