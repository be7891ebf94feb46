"""The stochastic Allen-Cahn equation: transforms, steps, and the invariant law."""

import math
from itertools import pairwise

import pytest
import torch

from koopteach import AllenCahn
from koopteach.targets.allen_cahn import cosine_transform, inverse_cosine_transform
from tests.tools import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


LINEAR = {"growth": -1.0, "cubic": 0.0, "kappa": 0.02, "temperature": 0.3, "length": 1.7}


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_the_cosine_transform_is_the_sum_that_defines_it(n):
    u = normal(5, n)
    j = torch.arange(n, dtype=torch.float64)
    rows = torch.cos(math.pi * j[:, None] * (j + 0.5) / n) * math.sqrt(2 / n)
    rows[0] /= math.sqrt(2)
    torch.testing.assert_close(cosine_transform(u), u @ rows.T, rtol=0, atol=1e-12)
    torch.testing.assert_close(inverse_cosine_transform(u), u @ rows, rtol=0, atol=1e-12)


def test_the_score_is_the_gradient_of_the_log_density():
    model, u = AllenCahn(9, kappa=0.03, temperature=0.2, growth=1.3, cubic=0.7, length=2.0), normal(4, 9)
    u.requires_grad_(True)
    (gradient,) = torch.autograd.grad(model.log_prob(u).sum(), u)
    torch.testing.assert_close(model.score(u.detach()), gradient, rtol=1e-12, atol=1e-12)


def test_a_short_step_is_langevins():
    model, u, dt, noise = AllenCahn(12), normal(3, 12), 1e-7, normal(3, 12, seed=1)
    step = model.step(u, dt, torch.zeros_like(noise)) - u
    torch.testing.assert_close(step, dt * model.temperature / model.dx * model.score(u), rtol=1e-4, atol=0)
    kick = model.step(u, dt, noise) - u - step
    expected = math.sqrt(2 * model.temperature * dt / model.dx) * inverse_cosine_transform(noise)
    torch.testing.assert_close(kick, expected, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("dt", [0.01, 0.5, 20.0])
def test_the_linear_equation_keeps_its_mode_variances_at_every_step(dt):
    model = AllenCahn(16, **LINEAR)
    k = torch.arange(16, dtype=torch.float64)
    laplacian = (2 / model.dx * torch.sin(math.pi * k / 32)) ** 2
    variance = LINEAR["temperature"] / (model.dx * (LINEAR["kappa"] * laplacian + 1))
    one, none = torch.eye(16, dtype=torch.float64), torch.zeros(16, 16, dtype=torch.float64)
    factor = cosine_transform(model.step(inverse_cosine_transform(one), dt, none)).diagonal()
    gain = cosine_transform(model.step(none, dt, one)).diagonal()
    torch.testing.assert_close(factor**2 * variance + gain**2, variance, rtol=1e-11, atol=0)


def test_samples_of_the_linear_law_have_the_known_mode_variances():
    model, n = AllenCahn(16, **LINEAR), 20_000
    found = cosine_transform(model.sample(n, seeded(3))).var(dim=0)
    exact = model.temperature / (model.dx * model.decay)
    assert ((found / exact - 1).abs() < 4.5 * math.sqrt(2 / n)).all()


def test_neighbours_of_a_small_field_have_the_law_of_a_direct_sum():
    """Two points: moments of the sample against quadrature in the plane."""
    model, n = AllenCahn(2, kappa=0.2, temperature=0.3), 40_000
    axis = torch.linspace(-4, 4, 401, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    p = torch.softmax(model.log_prob(points), 0)
    u = model.sample(n, seeded(4))
    for moment in (lambda u: u[:, 0] ** 2, lambda u: u[:, 0] * u[:, 1], lambda u: u[:, 1] ** 4):
        exact, values = float(p @ moment(points)), moment(u)
        assert abs(float(values.mean()) - exact) < 4 * float(values.std()) / math.sqrt(n)


MODELS = {
    "of the course": AllenCahn(16, temperature=0.04),
    "cold and stiff": AllenCahn(16, kappa=0.1, temperature=0.005),
    "hot and weakly bound": AllenCahn(16, temperature=0.5, growth=0.01, cubic=0.2),
    "bound by the quartic alone": AllenCahn(16, temperature=0.1, growth=0.0, cubic=2.0, length=3.0),
    "linear": AllenCahn(16, **LINEAR),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_grid_holds_the_law_and_resolves_it(name):
    """No value is zero, and the law at one point, summed over the grid, ends before the grid does.

    It is compared with the one on a grid twice as wide and twice as fine.
    """
    model = MODELS[name]
    values = model._values()
    step = values[1] - values[0]
    assert values.dtype == torch.float64
    torch.testing.assert_close(values, -values.flip(0), rtol=0, atol=0)
    torch.testing.assert_close(values.diff(), step.expand(len(values) - 1), rtol=1e-9, atol=0)
    assert float(values.abs().min()) == pytest.approx(float(step) / 2)
    assert step <= math.sqrt(model.temperature * model.dx / model.kappa) / 4

    def marginal(u):
        site = torch.exp(-model.dx / model.temperature * (model._potential(u) - model._potential(u).min()))
        bond = torch.exp(-model.kappa / (2 * model.dx * model.temperature) * (u[:, None] - u) ** 2)
        message = site
        for _ in range(15):
            message = site * (bond @ message)
            message = message / message.max()
        return message / message.sum()

    wide = (torch.arange(4 * len(values), dtype=torch.float64) - 2 * len(values) + 0.5) * step / 2
    p, q = marginal(values), marginal(wide)
    assert float(q[wide.abs() > values.max() + step / 2].sum()) < 1e-8  # outside
    for power in (2, 4):
        assert float(p @ values**power) == pytest.approx(float(q @ wide**power), rel=1e-7)


def test_a_well_is_as_wide_as_its_linear_law():
    """Around a phase the reaction pulls back like a linear one of twice the growth."""
    bound = AllenCahn(16, growth=0.7, cubic=0.35, kappa=0.03, temperature=1e-4)
    linear = AllenCahn(16, growth=-1.4, cubic=0.0, kappa=0.03, temperature=1e-4)
    phase = math.sqrt(0.7 / 0.35)
    assert float(bound._values().max()) - phase == pytest.approx(float(linear._values().max()), rel=0.02)


def test_crossings_of_zero_are_as_many_as_the_law_has():
    """Of two points, against an integral over the plane: no crossing is missed because a value is zero."""
    model, n = AllenCahn(2, kappa=0.2, temperature=0.3), 40_000
    axis = (torch.arange(800, dtype=torch.float64) - 399.5) / 100
    points = torch.cartesian_prod(axis, axis)
    exact = float(torch.softmax(model.log_prob(points), 0)[points[:, 0] * points[:, 1] < 0].sum())
    u = model.sample(n, seeded(4))
    share = float((u[:, 0] * u[:, 1] < 0).double().mean())
    assert share == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / n))
    assert share == float(((u[:, 0] > 0) != (u[:, 1] > 0)).double().mean())


@pytest.mark.slow
def test_the_dynamics_leaves_the_sampled_law_where_it_is_and_sees_a_wrong_one():
    model = AllenCahn(24, temperature=0.05)
    end = model.trajectory(model.sample(1500, seeded(5)), n_steps=300, dt=0.01, every=300, generator=seeded(6))[-1]
    assert max(model.stationarity(end).values()) < 4
    phase = model.trajectory(torch.ones(1500, 24).double(), n_steps=50, dt=0.01, every=50, generator=seeded(7))[-1]
    assert model.stationarity(phase)["symmetry"] > 20
    assert model.stationarity(1.1 * end)["equipartition"] > 20


def test_the_error_of_a_path_halves_with_the_step():
    """Strong order one: the same Brownian path, summed for the coarser steps."""
    model, u0, finest, steps = AllenCahn(16, kappa=0.02), 0.5 * normal(60, 16), 1 / 1024, 512
    noise = normal(steps, 60, 16, seed=8)
    ends = []
    for merged in (1, 8, 16, 32):
        u = u0
        for part in noise.reshape(steps // merged, merged, 60, 16):
            u = model.step(u, merged * finest, part.sum(0) / math.sqrt(merged))
        ends.append(u)
    errors = [float((end - ends[0]).norm()) for end in ends[1:]]
    assert errors[0] < errors[1] < errors[2]
    assert all(1.6 < coarse / fine < 2.6 for fine, coarse in pairwise(errors))


def test_turning_field_and_noise_upside_down_turns_the_path():
    model, u, noise = AllenCahn(10), normal(4, 10), normal(4, 10, seed=1)
    assert torch.equal(model.step(-u, 0.02, -noise), -model.step(u, 0.02, noise))
    torch.testing.assert_close(model.log_prob(-u), model.log_prob(u))
    torch.testing.assert_close(model.log_prob(u.flip(1)), model.log_prob(u))


def test_the_grid_of_places_are_the_cells_middles():
    model = AllenCahn(4, length=2.0)
    assert model.grid.tolist() == [0.25, 0.75, 1.25, 1.75]
    assert (model.dx, model.dim) == (0.5, 4)


def test_stationarity_is_counted_in_standard_errors():
    """Facts of four fields by hand: a mean over its standard error."""
    model, u = AllenCahn(5), normal(4, 5)
    m, e = u.mean(1).tolist(), (-(u * model.score(u)).sum(1) - 5).tolist()
    for name, values in (("symmetry", m), ("equipartition", e)):
        mean = sum(values) / 4
        error = math.sqrt(sum((v - mean) ** 2 for v in values) / 3 / 4)
        assert model.stationarity(u)[name] == pytest.approx(abs(mean) / error)


def test_a_trajectory_is_its_steps():
    model, u = AllenCahn(8), normal(3, 8)
    path = model.trajectory(u, n_steps=7, dt=0.02, every=3, generator=seeded(9))
    noise, states = seeded(9), [u]
    for _ in range(7):
        xi = torch.randn(3, 8, dtype=torch.float64, generator=noise)
        states.append(model.step(states[-1], 0.02, xi))
    torch.testing.assert_close(path, torch.stack(states[::3]), rtol=0, atol=1e-12)


def test_single_precision_stays():
    model, u = AllenCahn(8), normal(3, 8).float()
    assert model.trajectory(u, n_steps=2, generator=seeded()).dtype == torch.float32
    assert model.score(u).dtype == model.log_prob(u).dtype == torch.float32
    assert model.to(torch.float32).sample(3, seeded()).dtype == torch.float32


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: AllenCahn(1), "n_points must be at least 2, got 1"),
        (lambda: AllenCahn(8, kappa=0.0), "kappa must be positive, got 0"),
        (lambda: AllenCahn(8, temperature=math.inf), "temperature must be positive"),
        (lambda: AllenCahn(8, length=-1.0), "length must be positive"),
        (lambda: AllenCahn(8, cubic=0.0), "growth=1.0 with cubic=0.0 lets fields escape"),
        (lambda: AllenCahn(8, cubic=-1.0), "Take cubic > 0"),
        (lambda: AllenCahn(8).score(normal(3, 9)), r"AllenCahn.score: u has shape \(3, 9\)"),
        (lambda: AllenCahn(8).energy(math.nan * normal(3, 8)), "NaN or infinity in 3 of 3"),
        (lambda: AllenCahn(8).step(normal(3, 8), 0.0, normal(3, 8)), "step: dt must be positive"),
        (lambda: AllenCahn(8).step(normal(3, 8), 2.5, normal(3, 8)), "below 2 / growth = 2, got 2.5"),
        (lambda: AllenCahn(8).step(normal(3, 8), 0.1, normal(2, 8)), r"noise has shape \(2, 8\), but \(3, 8\)"),
        (lambda: AllenCahn(8).trajectory(normal(3, 1), n_steps=1), r"trajectory: u0 has shape \(3, 1\)"),
        (lambda: AllenCahn(8).trajectory(normal(3, 8), n_steps=-1), "n_steps must be at least 0, got -1"),
        (lambda: AllenCahn(8).trajectory(normal(3, 8), n_steps=9, dt=math.nan), "trajectory: dt must be positive"),
        (lambda: AllenCahn(8).trajectory(1e3 + normal(3, 8), n_steps=9, dt=0.5), "fields escaped.*shorter dt"),
        (lambda: AllenCahn(8).stationarity(normal(1, 8)), "at least 2 are needed"),
    ],
)
def test_bad_arguments_are_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()
