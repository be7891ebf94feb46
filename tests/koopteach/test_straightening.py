"""Interpolants fitted to data: the schedule of least energy, descent on the acceleration, convex maps."""

import math

import pytest
import torch

from koopteach import (
    ConvexChart,
    LearnedSchedule,
    LinearInterpolant,
    MixtureFlow,
    TrigonometricInterpolant,
    acceleration,
    check_interpolant,
    eight_gaussians,
    fit_convex_map,
    geodesic_schedule,
    moons,
    sliced_wasserstein2,
    straighten,
)
from koopteach.interpolants import convex_fit
from koopteach.interpolants.convex import ConvexMap, convex_inverse
from koopteach.interpolants.descent import _Step
from koopteach.interpolants.diagnosis import source_report
from koopteach.interpolants.field import standard_normal
from koopteach.interpolants.geodesic import _angles, _moment, _second_moments, _segment
from tests.interpolants import ALL, MIXTURE, Late, convex_map, mixture_field
from tests.tools import normal, seeded

# ---- the schedule of least energy

TAU = torch.linspace(0.001, 0.985, 65, dtype=torch.float64)


def test_second_moments_are_those_of_all_pairs():
    """``E|x_tau|^2`` over every noise with every datum, neither of mean zero."""
    x0, x1, tau = 1 + normal(5, 2), 2 + normal(7, 2, seed=1), torch.tensor([0.0, 0.3, 1.0]).double()
    pairs = (1 - tau[:, None, None, None]) * x0[:, None] + tau[:, None, None, None] * x1
    torch.testing.assert_close(_moment(tau, *_second_moments(x0, x1)), pairs.square().sum(dim=3).mean(dim=(1, 2)))


def test_between_two_points_the_plane_of_radius_and_angle_is_the_plane():
    """A path from ``p`` to ``q`` sweeps the angle between them, and the straight line has least energy."""
    p, q = torch.tensor([1.0, 0.5]).double(), torch.tensor([-0.5, 2.0]).double()
    moments = float(p @ p), float(p @ q), float(q @ q)
    energy = torch.full_like(TAU, float((q - p).square().sum()))  # all pairs move by q - p
    angle = _angles(TAU, energy, *moments)
    exact = math.acos(moments[1] / math.sqrt(moments[0] * moments[2]))
    assert float(angle[-1]) == pytest.approx(exact, abs=1e-3)
    schedule, least = _segment(2, TAU, angle, *moments)
    assert least == pytest.approx(float(energy[0]), rel=1e-3)
    t = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
    torch.testing.assert_close(schedule.value(p, q, t), (1 - t) * p + t * q, rtol=0, atol=2e-3)


@pytest.mark.slow
def test_the_polar_segment_has_the_energy_it_says_and_no_schedule_has_less():
    """With the exact field of a mixture, by quadrature over the schedule's own path."""
    flow, n = MixtureFlow(MIXTURE), 1000
    x0, x1 = normal(n, 2), MIXTURE.sample(n, seeded(1))
    moments = (2.0, 0.0, float((MIXTURE.mode_weights @ (MIXTURE.modes.square() + MIXTURE.stds**2)).sum()))
    energies = [float(flow.velocity((1 - s) * x0 + s * x1, s).square().sum(1).mean()) for s in TAU.tolist()]
    best, least = _segment(2, TAU, _angles(TAU, torch.tensor(energies), *moments), *moments)

    def energy(schedule):
        total = 0.0
        for t in ((torch.arange(50) + 0.5) / 50).tolist():
            total += float(mixture_field(flow, schedule, schedule.value(x0, x1, t), t).square().sum(1).mean())
        return total / 50

    assert energy(best) == pytest.approx(least, rel=0.04)
    for other in (LinearInterpolant(2), TrigonometricInterpolant(2), ALL["learned"]):
        assert energy(other) > 1.05 * least


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_geodesic_schedule_of_a_sample_needs_no_training(dtype):
    x1 = moons.sample(3000, seeded()).to(dtype)
    found = geodesic_schedule(x1, pool=400, queries=200, n_times=17, generator=seeded(1))
    check_interpolant(found.schedule, normal(32, 2).to(dtype), x1[:32])
    assert found.schedule.table.dtype == dtype
    assert 0.3 < found.energy < 0.8  # that of the linear schedule is 1.4
    assert 0 < found.angle < math.pi
    assert 1 < found.ess < 400


def test_the_geodesic_of_other_noise_uses_its_samples_and_its_density():
    """From a law to itself nothing has to be turned much; from N(0, I) to it more."""
    x1, options = MIXTURE.sample(2000, seeded()), {"pool": 300, "queries": 150, "n_times": 17}
    own = geodesic_schedule(
        x1, MIXTURE.sample(2000, seeded(1)), log_prob=MIXTURE.log_prob, generator=seeded(2), **options
    )
    assert own.angle > 0.1
    wrong = geodesic_schedule(
        x1, MIXTURE.sample(2000, seeded(1)), log_prob=standard_normal, generator=seeded(2), **options
    )
    assert abs(own.angle - wrong.angle) > 0.02
    assert abs(own.angle - geodesic_schedule(x1, generator=seeded(2), **options).angle) > 0.02


# ---- descent on the acceleration

QUICK = {"batch": 16, "pool": 32, "verbose": False}
STILL = {"n_steps": 1, "lr": 1e-12}  # a measurement, no descent


def test_the_paths_of_a_step_start_at_the_noise_and_end_at_the_first_of_its_pool():
    """Times are stratified: one in each equal part of ``[0.01, t_max]``."""
    x1, x0 = moons.sample(500, seeded()), MIXTURE.sample(40, seeded(1))
    step = _Step(Late(2), x1, x0, MIXTURE.log_prob, 16, 32, 0.7, 0.04, seeded(2))
    x, t, members = step.draw()
    noise = Late(2).inverse(x, members[:16], t)[0]
    torch.testing.assert_close(torch.cdist(noise, x0).min(dim=1).values, torch.zeros(16).double(), rtol=0, atol=1e-7)
    assert ((t[:, 0] - 0.01) / 0.69 * 16).floor().tolist() == list(range(16))
    assert members.shape == (32, 2)
    v, change, ess = step.differentiate(x, t, members)
    options = {"method": "difference", "h": 0.04, "log_prob": MIXTURE.log_prob}
    exact = acceleration(Late(2), x, t, members, **options)
    for mine, same in ((v, exact.velocity), (change, exact.acceleration), (ess, exact.ess)):
        torch.testing.assert_close(mine, same)


@pytest.mark.parametrize(("term", "weights"), [("acceleration", (2.0, 0.0)), ("energy", (0.0, 3.0))])
def test_the_loss_is_the_weighted_sum_of_acceleration_and_energy(term, weights):
    """Noise and data are one point each: then nothing varies but the times within their strata."""
    x0, x1 = torch.tensor([[2.0, 1.0]]).double().expand(200, 2), torch.zeros(200, 2).double()
    schedule = LearnedSchedule(2).double()
    schedule.series[0, 0] = 1.0  # not the linear one, whose field does not turn here
    options = {"log_prob": standard_normal, "batch": 64, "pool": 64, "t_max": 0.8, "verbose": False, **STILL}
    lam_acc, lam_ke = weights
    found = straighten(schedule, x1, x0, lam_acc=lam_acc, lam_ke=lam_ke, generator=seeded(), **options)
    assert found.acceleration == pytest.approx(found.two_pools)  # no variance in one point
    assert float(found.training.losses[0]) == pytest.approx(max(weights) * getattr(found, term), rel=0.05)
    assert found.ess == pytest.approx(64)


def test_a_step_of_the_descent_is_as_long_as_its_rate():
    """The first step of Adam moves each number by ``lr``; ten elevenths of it are left by the average."""
    schedule = LearnedSchedule(2)
    found = straighten(schedule, moons.sample(200, seeded()), n_steps=1, lr=1e-2, generator=seeded(), **QUICK)
    torch.testing.assert_close(schedule.series.abs(), torch.full((2, 6, 1), 1e-2 * 10 / 11).double(), rtol=1e-3, atol=0)
    assert int(found.training.steps[-1]) == 1
    assert schedule.series.dtype == torch.float64  # that of the data
    assert not schedule.series.requires_grad


@pytest.mark.slow
def test_descent_lowers_the_acceleration():
    x1 = moons.sample(2000, seeded())
    options = {"t_max": 0.8, "batch": 64, "pool": 256, "verbose": False}
    before = straighten(LearnedSchedule(2), x1, generator=seeded(), **STILL, **options)
    after = straighten(LearnedSchedule(2), x1, n_steps=60, lr=5e-2, generator=seeded(), **options)
    assert after.acceleration < 0.7 * before.acceleration
    assert after.two_pools < 0.7 * before.two_pools
    assert after.energy < before.energy


def test_a_descent_reports_variance_and_hidden_motion(capsys):
    x1 = moons.sample(2000, seeded())
    late = LearnedSchedule(2).double()
    late.series[1, 0], late.series[0, 0] = -6.0, 6.0
    found = straighten(late, x1, pool=64, batch=64, generator=seeded(), verbose=True, **STILL)
    text = "; ".join(found.report)
    assert "of the motion happens after t_max = 0.95" in text
    assert found.hidden > 0.2
    assert f"straighten: {found.report[0]}" in capsys.readouterr().out
    small = straighten(LearnedSchedule(2), x1, pool=16, batch=16, generator=seeded(), verbose=False, **STILL)
    assert "of the loss is variance; enlarge the pool" in "; ".join(small.report)
    # straight paths move evenly, so that what is hidden is the share of the time
    assert small.hidden == pytest.approx(0.05, abs=0.005)
    assert "of the motion" not in "; ".join(small.report)


def test_divergence_restores_the_best(capsys):
    x1 = moons.sample(500, seeded())
    late = LearnedSchedule(2)
    found = straighten(late, x1, pool=64, batch=32, n_steps=50, lr=1e4, generator=seeded(), verbose=True)
    assert found.training.diverged
    assert "LearnedSchedule: training diverged" in capsys.readouterr().out
    assert bool(late.series.isfinite().all())


# ---- convex maps


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


def test_a_convex_map_is_the_softmax_of_its_centres_and_at_first_the_nearest_wins():
    centres, z = normal(5, 2), normal(9, 2, seed=1)
    chart = ConvexMap(centres, strength=2.0, slope=0.4)
    near = (-0.5 * 2.0 * torch.cdist(z, centres).square()).softmax(dim=1)
    torch.testing.assert_close(chart(z), 0.4 * z + near @ centres)
    default = ConvexMap(centres)
    torch.testing.assert_close(default.log_strength.exp(), torch.tensor(3.0).double())
    torch.testing.assert_close(default.log_slope.exp(), torch.tensor(0.2).double())
    assert not any(p.requires_grad for p in chart.parameters())


def test_a_convex_map_works_in_the_dtype_of_its_points():
    chart, x = convex_map(), normal(9, 2)
    assert chart(x.float()).dtype == chart.inverse(x.float())[0].dtype == torch.float32
    torch.testing.assert_close(chart.float()(x), convex_map()(x), rtol=0, atol=1e-5)
    assert chart(x).dtype == torch.float64


def test_a_good_start_saves_steps_and_changes_nothing():
    """At the solution three looks are left: whether it is one, the last step, and the determinant there."""
    chart, x, looks = convex_map(strength=6.0), normal(20, 2), []

    class Counted(ConvexMap):
        def derivatives(self, z):
            looks.append(len(z))
            return chart.derivatives(z)

    counted = Counted(chart.centres)
    far = counted.inverse(x)[0]
    assert len(looks) > 5
    looks.clear()
    torch.testing.assert_close(counted.inverse(x, far)[0], far)
    assert len(looks) == 3


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


def test_newton_does_not_arrive_where_no_point_is():
    """The gradient of ``log cosh`` is ``tanh``, which never is 2."""

    def derivatives(z):
        slope = 1 - z.tanh() ** 2
        return z.cosh().log().sum(dim=-1), z.tanh(), torch.diag_embed(slope + 1e-3)

    x = torch.tensor([[0.5], [2.0], [-3.0]], dtype=torch.float64)
    torch.testing.assert_close(convex_inverse(derivatives, x[:1], x[:1])[0].tanh(), x[:1], rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="not invertible: Newton's method did not arrive at 2 of 3 points"):
        convex_inverse(derivatives, x, 0 * x)


def test_newton_arrives_where_whole_steps_would_run_away():
    """Of ``sqrt(1 + z^2)`` a whole step leads from ``z`` to ``-z^3``, ever further out beyond 1."""

    def derivatives(z):
        root = (1 + z[..., 0].square()).sqrt()
        return root, z / root[..., None], (1 / root**3)[..., None, None]

    x = torch.tensor([[0.0], [0.6]], dtype=torch.float64)
    z = convex_inverse(derivatives, x, torch.full_like(x, 3.0))[0]
    torch.testing.assert_close(z, torch.tensor([[0.0], [0.75]]).double(), rtol=0, atol=1e-8)


def test_the_likelihood_of_a_map_is_a_density():
    """The density ``N(T^{-1}(x)) / det DT`` integrates to one."""
    grid = torch.linspace(-6, 6, 121, dtype=torch.float64)
    z, logdet = convex_map().inverse(torch.cartesian_prod(grid, grid))
    assert float((standard_normal(z) + logdet).exp().sum() * 0.1**2) == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_a_chart_of_an_exact_map_has_a_straight_flow():
    """Data that are ``T(z)`` of normal z: the mean of the rotation vanishes, and ``v* = T(y) - y``."""
    T, t = convex_map(strength=1.0), 0.5
    chart, y = ConvexChart(T), 0.5 * normal(5, 2)
    x = 0.5 * y + 0.5 * T(y)
    pool = T(normal(40_000, 2, seed=2))
    # z1 = y sin + z0 cos given y: the mean is estimated with the error of so many samples, through DF and the rotation
    told = acceleration(chart, x, t, pool, method="difference", h=0.01)
    torch.testing.assert_close(told.velocity, T(y) - y, rtol=0, atol=0.1)
    assert float((told.velocity - (T(y) - y)).abs().mean()) < 0.04


# ---- fitting one


@pytest.fixture
def few_pairs(monkeypatch):
    monkeypatch.setattr(convex_fit, "_PAIRS", 2000)


@pytest.mark.slow
def test_a_fitted_map_carries_noise_to_data_and_data_to_noise(few_pairs):
    x1 = moons.sample(2000, seeded())
    T = fit_convex_map(x1, n_centres=32, pair_steps=120, likelihood_steps=40, generator=seeded(1), verbose=False)
    test, noise = moons.sample(2000, seeded(5)), normal(2000, 2, seed=3)
    assert sliced_wasserstein2(T(noise), test) < 0.6 * sliced_wasserstein2(noise, test)
    assert sliced_wasserstein2(T.inverse(test)[0], noise) < 0.6 * sliced_wasserstein2(test, noise)


def test_the_likelihood_is_that_of_the_map():
    """One short training lowers ``-log p`` of the data, as computed from outside."""
    x1 = moons.sample(600, seeded())

    def cost(T):
        z, logdet = T.inverse(x1)
        return -float((standard_normal(z) + logdet).mean())

    short, long = (
        fit_convex_map(x1, n_centres=16, pair_steps=0, likelihood_steps=steps, generator=seeded(1), verbose=False)
        for steps in (1, 40)
    )
    assert cost(long) < cost(short) - 0.05


def trainings(monkeypatch, *args, **options):
    """The names, steps and rates of the trainings that a fit makes, and its map; nothing is trained."""
    seen = []

    def note(loss, parameters, **how):
        assert float(loss().detach()) > 0
        seen.append((how["name"], how["n_steps"], how["lr"], how["clip"], len(list(parameters))))

    monkeypatch.setattr(convex_fit, "train", note)
    return seen, fit_convex_map(*args, generator=seeded(), **options)


def test_a_fit_makes_the_trainings_that_were_asked_for(monkeypatch, few_pairs):
    x1 = moons.sample(200, seeded())
    pairs, likelihood = ("convex map, pairs", 500, 2e-2, 5.0, 4), ("convex map, likelihood", 300, 1e-2, 5.0, 4)
    seen, T = trainings(monkeypatch, x1)
    assert seen == [pairs, likelihood]
    assert len(T.centres) == 96
    seen, T = trainings(monkeypatch, x1, pair_steps=7, likelihood_steps=0, n_centres=500, strength=2.0, slope=0.5)
    assert seen == [("convex map, pairs", 7, 2e-2, 5.0, 4)]
    assert sorted(T.centres.tolist()) == sorted(x1.tolist())  # rows of the data, each once
    assert (float(T.log_strength.exp()), float(T.log_slope.exp())) == pytest.approx((2.0, 0.5))
    seen, _ = trainings(monkeypatch, x1, MIXTURE.sample(100, seeded()))
    assert seen == [pairs]  # of other noise there is no likelihood


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_fitted_map_has_the_dtype_of_the_data(dtype):
    x1 = moons.sample(200, seeded()).to(dtype)
    T = fit_convex_map(x1, n_centres=8, pair_steps=0, likelihood_steps=2, generator=seeded(), verbose=False)
    assert {p.dtype for p in T.parameters()} == {dtype}


def test_pairs_start_at_the_noise_that_was_given(few_pairs):
    """Both laws are small clouds about (3, 3): from normal noise the map would have to start at the origin."""
    x1, x0 = 3 + 0.1 * normal(300, 2), 3 + 0.1 * normal(300, 2, seed=1)
    T = fit_convex_map(x1, x0, n_centres=8, pair_steps=150, generator=seeded(), verbose=False)
    assert float((T(x0).mean(dim=0) - x1.mean(dim=0)).abs().max()) < 0.1
    assert float((T(x0) - x1.mean(dim=0)).norm(dim=1).mean()) < 0.3


@pytest.mark.slow
def test_a_rotation_wants_gaussian_noise():
    noise, one, two = eight_gaussians.sample(500, seeded()), ALL["convex chart"], ALL["two charts"]
    assert source_report(one, noise) == ["the rotation needs Gaussian noise; use two charts"]
    for chart, x0 in ((two, noise), (ALL["straight chart"], noise), (one, None), (one, normal(1000, 2))):
        assert source_report(chart, x0) == []
    assert source_report(one, 1.3 * normal(2000, 2)) != []


X = normal(50, 2)
SMALL = {"pool": 50, "batch": 9}
BAD = {
    "nothing to train": (lambda: straighten(LinearInterpolant(2), X), "LinearInterpolant has no parameters to train"),
    "pool above data": (lambda: straighten(LearnedSchedule(2), X), "the 50 rows of x1, got 512"),
    "pool below batch": (lambda: straighten(LearnedSchedule(2), X, pool=8, batch=9), r"between batch \(9\)"),
    "t_max": (lambda: straighten(LearnedSchedule(2), X, **SMALL, t_max=0.99), "must stay below 1"),
    "no times": (lambda: straighten(LearnedSchedule(2), X, **SMALL, t_max=0.01), "got 0.01 and 0.04"),
    "h": (lambda: straighten(LearnedSchedule(2), X, **SMALL, h=0.0), "h be positive, got 0.95 and 0"),
    "no density": (lambda: straighten(LearnedSchedule(2), X, X, **SMALL), "straighten: log_prob is needed beside x0"),
    "no density, geodesic": (lambda: geodesic_schedule(X, X), "geodesic_schedule: log_prob is needed beside x0"),
    "no steps": (lambda: fit_convex_map(X, pair_steps=0, likelihood_steps=0), "not negative nor all zero"),
    "only likelihood": (lambda: fit_convex_map(X, X, pair_steps=0), "with x0 pair_steps alone count"),
    "no centres": (lambda: fit_convex_map(X, n_centres=0), "n_centres must be at least 1"),
    "slope": (lambda: fit_convex_map(X, slope=0.0), "strength and slope positive"),
    "strength": (lambda: ConvexMap(X, strength=-1.0), r"got \(50, 2\), -1.0 and 0.2"),
    "centres": (lambda: ConvexMap(X[0]), r"centres must be \(K, d\) .* got \(2,\)"),
}


@pytest.mark.parametrize(("call", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)
