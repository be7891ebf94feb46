"""Targets: score, normalisation, exact samples, exact rates and transitions."""

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from koopteach import (
    AllenCahn,
    Circle,
    DoubleWell,
    GaussianMixture,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    Sphere,
    Torus,
    checkerboard,
    eight_gaussians,
    moons,
    spirals,
)
from koopteach.protocols import Manifold, Target
from tests.tools import seeded

TARGETS = [
    GaussianMixture([[0.0, 1.0], [2.0, -1.0]], [[0.5, 1.0], [1.5, 0.3]], [1, 3]),
    GaussianMixture.ring(5, 2.0, 0.4),
    GaussianMixture([[-1.0], [2.0]], [0.4, 0.8], [0.3, 0.7]),
    OrnsteinUhlenbeck(2, theta=1.7, rotation=3.0),
    OrnsteinUhlenbeck(1, theta=0.6),
    DoubleWell(3.0),
    QuadrupleWell(2.0, stiffness=1.5),
]


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def assert_score_is_the_gradient(target, x):
    x = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(target.log_prob(x).sum(), x)
    torch.testing.assert_close(target.score(x.detach()), gradient, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_score_is_the_gradient_of_the_log_density(target):
    assert_score_is_the_gradient(target, 1.5 * normal(40, target.dim))


numbers = st.floats(-3, 3)
positive = st.floats(0.2, 3)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.integers(1, 3), st.integers(1, 3), st.data())
def test_any_mixture_has_the_gradient_as_score(k, d, data):
    def draw(what, *shape):
        flat = data.draw(st.lists(what, min_size=math.prod(shape), max_size=math.prod(shape)))
        return torch.tensor(flat, dtype=torch.float64).reshape(shape)

    target = GaussianMixture(draw(numbers, k, d), draw(positive, k, d), draw(positive, k))
    x = draw(numbers, 4, d)
    assert_score_is_the_gradient(target, x)
    parts = [
        w.log() + torch.distributions.Normal(mu, s).log_prob(x).sum(1)
        for w, mu, s in zip(target.mode_weights, target.modes, target.stds)
    ]
    torch.testing.assert_close(target.log_prob(x), torch.logsumexp(torch.stack(parts), 0), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_the_density_integrates_to_one(target):
    axis = torch.linspace(-10, 10, 801 if target.dim == 2 else 4001, dtype=torch.float64)
    grid = torch.cartesian_prod(*[axis] * target.dim).reshape(-1, target.dim)
    mass = target.log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** target.dim
    assert abs(mass - 1) < 1e-6


@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_samples_have_the_moments_of_the_density(target):
    """Mean and covariance against the integral over a grid, within five standard errors."""
    n = 40_000
    x = target.sample(n, seeded())
    axis = torch.linspace(-8, 8, 401 if target.dim == 2 else 4001, dtype=torch.float64)
    grid = torch.cartesian_prod(*[axis] * target.dim).reshape(-1, target.dim)
    p = target.log_prob(grid).exp() * (axis[1] - axis[0]) ** target.dim
    for power in (1, 2):
        for i, j in itertools.combinations_with_replacement(range(target.dim), 2):
            f, on_grid = x[:, i] ** power * x[:, j], grid[:, i] ** power * grid[:, j]
            error = float(f.std() / math.sqrt(n))
            assert abs(f.mean() - (p * on_grid).sum()) < 5 * error


def test_mixture_samples_follow_the_weights():
    target = GaussianMixture.ring(4, 5.0, 0.2, weights=[1, 2, 3, 4])
    x = target.sample(20_000, seeded(1))
    share = torch.bincount(torch.cdist(x, target.modes).argmin(1), minlength=4) / len(x)
    expected = torch.tensor([0.1, 0.2, 0.3, 0.4])
    assert (share - expected).abs().max() < 4 * math.sqrt(0.25 / len(x))
    torch.testing.assert_close(target.mode_weights, expected.double())


def test_a_ring_starts_on_the_first_axis_and_closes():
    ring = GaussianMixture.ring(6, 3.0, 0.4)
    torch.testing.assert_close(ring.modes[0], torch.tensor([3.0, 0.0], dtype=torch.float64))
    gaps = (ring.modes - ring.modes.roll(1, 0)).norm(dim=1)
    torch.testing.assert_close(gaps, torch.full((6,), 3.0, dtype=torch.float64))  # a hexagon's side is its radius


@pytest.mark.parametrize(("target", "depths"), [(DoubleWell(4.0), [4.0]), (QuadrupleWell(1.5, 2.0), [1.5, 3.0])])
def test_well_samples_follow_the_cumulative_distribution(target, depths):
    """Kolmogorov and Smirnov's distance to an independent integral; 1.95 is passed once in a thousand."""
    n = 20_000
    x = target.sample(n, seeded(2)).numpy()
    grid = np.linspace(-3, 3, 6001)
    for column, depth in zip(x.T, depths):
        cdf = scipy.integrate.cumulative_simpson(np.exp(-depth * (grid**2 - 1) ** 2), x=grid, initial=0)
        at = np.interp(np.sort(column), grid, cdf / cdf[-1])
        assert np.abs(at - (np.arange(n) + 0.5) / n).max() < 1.95 / math.sqrt(n)
    if len(depths) == 2:
        assert abs(np.corrcoef(x.T)[0, 1]) < 4 / math.sqrt(n)


# In the clock where the rates of the table are those of dX = -grad V dt + sqrt(2 / beta) dW; ours runs beta times.
TABLE = {
    (DoubleWell, 1): [0.748682, 6.004114, 11.660696, 18.643147, 26.870455, 36.164834],
    (DoubleWell, 4): [0.029780, 3.310394, 5.512240, 7.911478, 11.145930, 14.950538],
    (QuadrupleWell, 1): [0.74868, 0.74868, 1.49736, 6.00411, 6.00411, 6.75280, 6.75280, 11.66070, 11.66070, 12.00823],
    (QuadrupleWell, 4): [0.02978, 0.02978, 0.05956, 3.31039, 3.31039, 3.34017, 3.34017, 5.51224, 5.51224, 5.54202],
}


@pytest.mark.parametrize(("kind", "beta"), TABLE)
def test_exact_rates_of_the_wells(kind, beta):
    known = torch.tensor(TABLE[kind, beta], dtype=torch.float64)
    rates = kind(float(beta)).exact_rates(len(known))
    torch.testing.assert_close(rates, beta * known, rtol=2e-4, atol=0)


def test_exact_rates_obey_the_stiffness():
    rates = QuadrupleWell(1.0, stiffness=4.0).exact_rates(2)
    one = DoubleWell(4.0).exact_rates(1), DoubleWell(1.0).exact_rates(1)
    torch.testing.assert_close(rates, torch.cat(one))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_exact_rates_of_ornstein_uhlenbeck_count_the_polynomials(dim):
    theta = 0.7
    degrees = [sum(a) for a in itertools.product(range(5), repeat=dim) if 1 <= sum(a) <= 4]
    expected = theta * torch.tensor(sorted(degrees), dtype=torch.float64)
    torch.testing.assert_close(OrnsteinUhlenbeck(dim, theta).exact_rates(len(expected)), expected)


def test_the_transition_moves_the_mean_by_the_exponential_of_the_drift():
    target, x, lag = OrnsteinUhlenbeck(2, theta=0.8, rotation=2.0), normal(6, 2), 0.37
    moved = target.transition(x, lag, seeded(4)) - target.transition(torch.zeros_like(x), lag, seeded(4))
    drift = target.drift(torch.eye(2, dtype=torch.float64)).T  # columns are the images of the unit vectors
    expected = x @ torch.from_numpy(scipy.linalg.expm(drift.numpy() * lag)).T
    torch.testing.assert_close(moved, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rotation", [0.0, 2.0])
def test_the_transition_has_the_exact_spread_and_keeps_the_law(rotation):
    """Variances have the relative standard error sqrt(2/n); five of them are allowed."""
    target, n, lag = OrnsteinUhlenbeck(2, theta=0.8, rotation=rotation), 40_000, 0.5
    noise = target.transition(torch.zeros(n, 2, dtype=torch.float64), lag, seeded(5))
    exact = (1 - math.exp(-2 * 0.8 * lag)) / 0.8
    assert (noise.T.cov() / exact - torch.eye(2)).abs().max() < 5 * math.sqrt(2 / n)
    y = target.transition(target.sample(n, seeded(6)), lag, seeded(7))
    assert (0.8 * y.T.cov() - torch.eye(2)).abs().max() < 5 * math.sqrt(2 / n)


def test_rotation_breaks_the_symmetry_in_time():
    lag, n = 0.3, 20_000
    for rotation in (0.0, 2.0):
        target = OrnsteinUhlenbeck(2, rotation=rotation)
        x = target.sample(n, seeded(8))
        cross = x.T @ target.transition(x, lag, seeded(9)) / n
        skew = float(cross[0, 1] - cross[1, 0])
        assert abs(skew + 2 * math.exp(-lag) * math.sin(rotation * lag)) < 5 * math.sqrt(2 / n)


def test_without_rotation_the_drift_is_the_score():
    target, x = OrnsteinUhlenbeck(2, theta=1.3), normal(5, 2)
    assert torch.equal(target.drift(x), target.score(x))
    turning = OrnsteinUhlenbeck(2, theta=1.3, rotation=2.0)
    turn = turning.drift(x) - turning.score(x)
    assert float((turn * x).sum(1).abs().max()) < 1e-12  # along the level lines


@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_samples_repeat_with_the_seed_and_follow_the_dtype(target):
    assert torch.equal(target.sample(50, seeded(3)), target.sample(50, seeded(3)))
    single = target.to(torch.float32)
    x = single.sample(200, seeded(3))
    assert x.dtype == single.score(x).dtype == single.log_prob(x).dtype == torch.float32
    torch.testing.assert_close(single.score(x).double(), target.score(x.double()), rtol=2e-4, atol=2e-4)
    torch.testing.assert_close(single.log_prob(x).double(), target.log_prob(x.double()), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("target", [*TARGETS, AllenCahn(4), eight_gaussians], ids=repr)
def test_targets_have_what_a_target_needs(target):
    assert isinstance(target, Target)
    assert not isinstance(target, Manifold)


@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_the_modes_are_where_the_density_peaks(target):
    """A well or a single Gaussian has no slope there; a mixture's means are its peaks but for the others' tails."""
    single = not isinstance(target, GaussianMixture)
    slope, far = (target.score(target.modes + shift).norm(dim=1) for shift in (0.0, 0.3))
    assert bool((slope < (1e-12 if single else 1.0) * far).all())
    assert float(target.mode_weights.sum()) == pytest.approx(1)
    assert len(target.mode_weights) == len(target.modes)


def test_a_mixtures_modes_are_its_means_wherever_it_is():
    for target in (GaussianMixture.ring(3, 1.0, 0.2), GaussianMixture.ring(3, 1.0, 0.2).to(torch.float32)):
        assert target.modes is target.means


def test_a_mixture_keeps_its_digits_far_from_the_origin():
    target, x = TARGETS[0], normal(9, 2)
    far = GaussianMixture(target.means + 1e6, target.stds, target.mode_weights)
    torch.testing.assert_close(far.log_prob(x + 1e6), target.log_prob(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("beta", [0.05, 1.0, 30.0])
def test_the_wells_table_holds_all_but_a_trillionth_of_the_mass(beta):
    """The normalising constant against an adaptive integral, for wide and narrow wells."""
    exact = 2 * scipy.integrate.quad(lambda x: math.exp(-beta * (x**2 - 1) ** 2), 0, 12, limit=200, epsabs=1e-13)[0]
    assert DoubleWell(beta).log_normaliser == pytest.approx(math.log(exact), abs=1e-7)


@pytest.mark.parametrize("beta", [0.3, 2.0, 8.0])
def test_rates_of_the_wells_are_those_of_a_spectral_method(beta):
    """``-L`` is the Schroedinger operator ``-d^2 + V'^2 / 4 - V'' / 2``; sinc functions solve it exactly."""
    reach, n = 4 / beta**0.25 + 1, 400
    x, k = np.linspace(-reach, reach, n), np.arange(n)
    step, apart = x[1] - x[0], k[:, None] - k
    kinetic = np.where(apart == 0, math.pi**2 / 3, 2 * (-1.0) ** apart / np.where(apart == 0, 1, apart) ** 2) / step**2
    slope, curvature = 4 * beta * x * (x**2 - 1), 4 * beta * (3 * x**2 - 1)
    rates = np.linalg.eigvalsh(kinetic + np.diag(slope**2 / 4 - curvature / 2))[1:7]
    # both matrices have entries up to 1e7, of which double precision loses 1e-9
    np.testing.assert_allclose(DoubleWell(beta).exact_rates(6).numpy(), rates, rtol=1e-8, atol=5e-9)


EVERY_LAW = [*TARGETS, AllenCahn(4), Circle(), Sphere(), Torus(), moons, eight_gaussians, checkerboard, spirals]


@pytest.mark.parametrize("target", EVERY_LAW, ids=lambda target: type(target).__name__)
def test_a_number_of_samples_is_a_whole_number_of_at_least_one(target):
    assert target.sample(np.int64(3), seeded()).shape == (3, target.dim)
    with pytest.raises(TypeError, match=r"sample: n must be a whole number, got 2\.5"):
        target.sample(2.5)
    for n in (-1, 0):
        with pytest.raises(ValueError, match=rf"sample: n must be at least 1, got {n}"):
            target.sample(n)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: GaussianMixture([[0.0], [1.0]], [1.0, 1.0, 1.0]), r"stds has shape \(3, 1\).*for 2 means"),
        (lambda: GaussianMixture([[0.0], [1.0]], 0.0), "stds must be positive and finite, got 0"),
        (lambda: GaussianMixture([[0.0], [1.0]], math.nan), "stds must be positive"),
        (
            lambda: GaussianMixture([[0.0], [1.0]], 1.0, [1.0]),
            r"weights has shape \(1,\), but one number or \(2,\) is needed",
        ),
        (
            lambda: GaussianMixture([[0.0], [1.0]], 1.0, [1.0, -1.0]),
            "weights must be positive and finite, got -1",
        ),
        (lambda: GaussianMixture([0.0, 1.0], 1.0), r"means has shape \(2,\).*means\[:, None\]"),
        (lambda: OrnsteinUhlenbeck(2, theta=0), "theta must be positive, got 0"),
        (lambda: OrnsteinUhlenbeck(3, rotation=1.0), "rotation needs dim=2, got dim=3"),
        (lambda: OrnsteinUhlenbeck(2, rotation=1.0).exact_rates(2), "complex with a rotation; use rotation=0"),
        (lambda: DoubleWell(-1.0), "DoubleWell: beta must be positive, got -1"),
        (lambda: QuadrupleWell(1.0, math.nan), "QuadrupleWell: stiffness must be positive, got nan"),
        (lambda: QuadrupleWell().log_prob(torch.zeros(4, 3)), r"QuadrupleWell: x has shape \(4, 3\)"),
    ],
)
def test_bad_arguments_are_named(make, told):
    with pytest.raises(ValueError, match=told):
        make()


@pytest.mark.parametrize("target", [TARGETS[0], DoubleWell(), QuadrupleWell()], ids=repr)
def test_points_of_another_dtype_are_refused(target):
    for function in (target.log_prob, target.score):
        with pytest.raises(TypeError, match=r"points are torch.float32 on cpu, but the target is torch.float64"):
            function(torch.zeros(3, target.dim))


@pytest.mark.parametrize(
    "target", [OrnsteinUhlenbeck(1), DoubleWell(), QuadrupleWell(), Circle(), Sphere(), Torus()], ids=repr
)
def test_how_many_is_a_count(target):
    for wrong, error in ((-1, ValueError), (2.5, TypeError), ("3", TypeError)):
        with pytest.raises(error, match=rf"^{type(target).__name__}\.exact_rates: n must be"):
            target.exact_rates(wrong)
        with pytest.raises(error, match=r"sample: n must be"):
            target.sample(wrong)
    with pytest.raises(ValueError, match=r"sample: n must be at least 1, got 0"):
        target.sample(0)
