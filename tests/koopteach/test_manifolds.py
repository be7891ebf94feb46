"""Circle, sphere and torus: geometry, uniform law, Brownian motion, and the spectra and samplers on them."""

import math

import numpy as np
import pytest
import torch

from koopteach import (
    EDMD,
    KSWGD,
    Circle,
    GaussianRBF,
    GeneratorEDMD,
    Monomials,
    MultiScale,
    Spectrum,
    Sphere,
    Torus,
    langevin_trajectory,
    noise_floor,
    run_particles,
    sliced_wasserstein2,
    snapshot_pairs,
    tensors,
    total_variation,
)
from koopteach.protocols import Manifold, Target
from tests.tools import seeded

MANIFOLDS = [Circle(), Circle(2.5), Sphere(), Sphere(0.5), Torus(), Torus(3.0, 1.0)]
PI = math.pi


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def distance(manifold, x):
    """To the surface, by its equation."""
    if isinstance(manifold, Torus):
        return (torch.hypot(torch.hypot(x[:, 0], x[:, 1]) - manifold.R, x[:, 2]) - manifold.r).abs()
    return (x.norm(dim=1) - manifold.radius).abs()


def equation_slope(manifold, x):
    """The gradient of the distance function inside the surface's equation, a normal vector."""
    x = x.clone().requires_grad_(True)
    torus = isinstance(manifold, Torus)
    value = torch.hypot(torch.hypot(x[:, 0], x[:, 1]) - manifold.R, x[:, 2]) if torus else x.norm(dim=1)
    return torch.autograd.grad(value.sum(), x)[0]


# Geometry

of_each_manifold = pytest.mark.parametrize("manifold", MANIFOLDS, ids=repr)


@of_each_manifold
def test_projecting_ends_on_the_surface_and_twice_is_once(manifold):
    x = 2 * normal(200, manifold.dim)
    on = manifold.project(x)
    assert float(distance(manifold, on).max()) < 1e-12
    torch.testing.assert_close(manifold.project(on), on, rtol=0, atol=1e-12)


@of_each_manifold
def test_the_projection_is_the_nearest_point(manifold):
    x, others = 2 * normal(50, manifold.dim), manifold.sample(4000, seeded(1))
    nearest = (x - manifold.project(x)).norm(dim=1)
    torch.testing.assert_close(nearest, distance(manifold, x))
    assert bool((torch.cdist(x, others).amin(dim=1) >= nearest - 1e-12).all())


@of_each_manifold
def test_tangents_are_orthogonal_to_the_normal(manifold):
    x, v = manifold.sample(100, seeded()), normal(100, manifold.dim, seed=1)
    n = manifold.normal(x)
    torch.testing.assert_close(n, equation_slope(manifold, x), rtol=0, atol=1e-12)
    tangent = manifold.tangent(x, v)
    assert float((tangent * n).sum(1).abs().max()) < 1e-12
    torch.testing.assert_close(tangent + (v * n).sum(1, keepdim=True) * n, v, rtol=0, atol=1e-12)
    several = normal(100, 3, manifold.dim, seed=2)
    each = torch.stack([manifold.tangent(x, several[:, k]) for k in range(3)], dim=1)
    torch.testing.assert_close(manifold.tangent(x, several), each, rtol=0, atol=1e-14)


def test_points_without_a_nearest_one_are_projected_all_the_same():
    for manifold, x in ((Circle(), [[0.0, 0.0]]), (Sphere(), [[0.0, 0.0, 0.0]]), (Torus(), [[0.0, 0.0, 0.5]])):
        on = manifold.project(torch.tensor(x, dtype=torch.float64))
        assert float(distance(manifold, on).max()) < 1e-12
    middle = Torus().project(torch.tensor([[2.0, 0.0, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(middle, torch.tensor([[2.8, 0.0, 0.0]], dtype=torch.float64))


def test_angles_and_points_are_inverse():
    theta, p = ((torch.rand(2, 50, dtype=torch.float64, generator=seeded()) - 0.5) * 2 * PI).unbind()
    torus = Torus()
    for angle, back in zip((theta, p), torus.angles(torus.from_angles(theta, p))):
        torch.testing.assert_close(back, angle, rtol=0, atol=1e-12)
    circle = Circle(2.0)
    torch.testing.assert_close(circle.angles(2 * torch.stack([theta.cos(), theta.sin()], 1)), theta)


@of_each_manifold
def test_manifolds_have_what_a_manifold_needs(manifold):
    assert isinstance(manifold, Manifold)
    assert not isinstance(manifold, Target)


@of_each_manifold
def test_points_off_the_surface_are_refused_though_it_be_one_of_many(manifold):
    """The bound is a ten-thousandth of the size, along the normal, for the worst of the points."""
    x = manifold.sample(10_000, seeded())
    for share, refused in ((0.9e-4, False), (1.1e-4, True)):
        off = x.clone()
        off[7] += share * manifold.size * manifold.normal(x[7:8])[0]
        if refused:
            with pytest.raises(
                ValueError, match=r"who: points lie off the .* on average and up to .*manifold\.project"
            ):
                manifold.refuse_points_off("who", off)
        else:
            manifold.refuse_points_off("who", off)


def test_a_torus_measures_by_its_tube():
    assert (Circle(3.0).size, Sphere(0.5).size, Torus(3.0, 1.0).size) == (3.0, 0.5, 1.0)


# The uniform law


def shares(angle, bins=24):
    return torch.histc(angle, bins, -PI, PI) / len(angle)


def middles(bins=24):
    return (torch.arange(bins, dtype=torch.float64) + 0.5) / bins * 2 * PI - PI


def torus_law(torus, bins=24):
    """Exact probabilities of p's cells under the density (R + r cos p) / (2 pi R)."""
    half = PI / bins
    return 1 / bins + torus.r / torus.R * middles(bins).cos() * math.sin(half) / PI


# 20,000 points in 24 cells: the mean total variation is sqrt(24 / (2 pi n)) = .014, its spread .0014
FLOOR, TOO_FAR = 0.014, 0.021


@pytest.mark.parametrize("torus", [Torus(), Torus(1.0, 0.95)], ids=repr)
def test_a_torus_is_denser_on_its_outside(torus):
    theta, p = torus.angles(torus.sample(20_000, seeded()))
    assert total_variation(shares(p), torus_law(torus)) < TOO_FAR
    assert total_variation(shares(theta), torch.full((24,), 1 / 24)) < TOO_FAR
    assert total_variation(shares(p), torch.full((24,), 1 / 24)) > 0.1
    # and independent of each other
    assert abs(float(torch.corrcoef(torch.stack([theta.cos(), p.cos()]))[0, 1])) < 4 / math.sqrt(20_000)


def test_spheres_are_uniform():
    """Archimedes: each coordinate of the unit sphere is uniform on [-1, 1]."""
    x = Sphere(2.0).sample(20_000, seeded()) / 2
    for coordinate in x.T:
        assert total_variation(shares(PI * coordinate), torch.full((24,), 1 / 24)) < TOO_FAR
    angle = Circle(0.5).angles(Circle(0.5).sample(20_000, seeded()))
    assert total_variation(shares(angle), torch.full((24,), 1 / 24)) < TOO_FAR


@of_each_manifold
def test_samples_follow_the_generator_and_the_dtype(manifold):
    assert torch.equal(manifold.sample(5, seeded(1)), manifold.sample(5, seeded(1)))
    single = manifold.to(torch.float32)
    x = single.sample(100, seeded(1))
    assert x.dtype == torch.float32
    assert x.shape == (100, manifold.dim)
    for moved in (single.project(1.1 * x), single.tangent(x, x), single.brownian_step(x, 0.01, seeded())):
        assert moved.dtype == torch.float32
    single.refuse_points_off("test", x)  # rounding is not an error


# Exact rates


def test_rates_of_circle_and_sphere_are_the_formulas():
    assert Circle(2.0).exact_rates(5).tolist() == [0.25, 0.25, 1.0, 1.0, 2.25]
    assert Sphere().exact_rates(16).tolist() == [2.0] * 3 + [6.0] * 5 + [12.0] * 7 + [20.0]
    assert Sphere(2.0).exact_rates(3).tolist() == [0.5] * 3


def test_rates_of_the_torus_are_those_of_finite_differences():
    """From another discretisation: 600 points, Richardson's extrapolation."""
    doubled = [0.25724, 0.90284], [1.54020, 1.67754], [1.80004, 1.81399, 2.09088, 2.60289, 2.93664]
    expected = [*np.repeat(doubled[0], 2), *doubled[1], *np.repeat(doubled[2], 2)]
    torch.testing.assert_close(Torus().exact_rates(16), torch.tensor(expected), rtol=1e-5, atol=0)
    torch.testing.assert_close(Torus(6.0, 2.4).exact_rates(16), torch.tensor(expected) / 9, rtol=1e-5, atol=0)


def test_a_thin_torus_is_a_circle():
    torch.testing.assert_close(Torus(1.0, 0.02).exact_rates(8), Circle(1.0).exact_rates(8), rtol=1e-3, atol=0)


def test_no_rate_of_the_torus_is_left_out():
    """Weyl: about area / (4 pi) rates lie below one, and a longer list begins with the shorter."""
    torus = Torus()
    many = torus.exact_rates(400)
    area = 4 * PI**2 * torus.R * torus.r
    assert float(many[-1]) * area / (4 * PI) == pytest.approx(400, rel=0.03)
    torch.testing.assert_close(torus.exact_rates(7), many[:7], rtol=1e-9, atol=0)  # on another grid
    assert bool((many.diff() >= 0).all())


# Brownian motion


@of_each_manifold
def test_steps_stay_on_the_surface_and_follow_the_generator(manifold):
    x = manifold.sample(50, seeded())
    path = langevin_trajectory(manifold, x, n_steps=6, dt=0.1, every=2, generator=seeded(1))
    assert path.shape == (4, 50, manifold.dim)
    assert torch.equal(path[0], x)
    assert float(distance(manifold, path.flatten(0, 1)).max()) < 1e-12
    assert torch.equal(path, langevin_trajectory(manifold, x, n_steps=6, dt=0.1, every=2, generator=seeded(1)))


@of_each_manifold
def test_a_small_step_has_the_square_of_the_clock(manifold):
    """``E|dX|^2 = 2 dt`` for each direction along the surface; the standard error is sqrt(2/n) of it at most."""
    n, dt = 40_000, 1e-4
    x = manifold.sample(n, seeded())
    step = manifold.brownian_step(x, dt, seeded(1)) - x
    assert float(step.square().sum(1).mean()) == pytest.approx(2 * dt * (manifold.dim - 1), rel=4 * math.sqrt(2 / n))


def test_a_step_on_the_torus_is_euler_and_maruyamas_in_its_angles(monkeypatch):
    """Once without noise, once with a number of its own for each angle."""
    torus, theta, p = Torus(3.0, 1.2), torch.tensor([0.3, -2.0]).double(), torch.tensor([0.7, 2.5]).double()
    a = 3.0 + 1.2 * p.cos()
    for noise in (torch.zeros(2, 2), torch.tensor([[0.5, -1.0], [2.0, 0.1]])):
        monkeypatch.setattr("koopteach.targets.manifolds.randn", lambda *_, noise=noise: noise.double())
        moved = torus.angles(torus.brownian_step(torus.from_angles(theta, p), 0.01))
        kick = math.sqrt(0.02) * noise
        torch.testing.assert_close(moved[0], theta + kick[0] / a)
        torch.testing.assert_close(moved[1], p - 0.01 * p.sin() / (1.2 * a) + kick[1] / 1.2)


@pytest.mark.parametrize("manifold", [Circle(2.5), Sphere(0.5)], ids=repr)
def test_a_step_on_a_round_surface_is_along_its_geodesic(manifold, monkeypatch):
    """As long as the noise's tangent part, and in the plane of the point and that part."""
    x, noise = manifold.sample(40, seeded()), normal(40, manifold.dim, seed=1)
    monkeypatch.setattr("koopteach.targets.manifolds.randn", lambda *_: noise)
    moved, tangent = manifold.brownian_step(x, 0.05), math.sqrt(0.1) * manifold.tangent(x, noise)
    angle = tangent.norm(dim=1, keepdim=True) / manifold.radius
    along = manifold.radius * angle.sin() * tangent / tangent.norm(dim=1, keepdim=True)
    torch.testing.assert_close(moved, angle.cos() * x + along, rtol=1e-12, atol=1e-12)


def test_turning_on_the_circle_is_exact_at_any_lag():
    """``E cos(angle moved) = exp(-lag / R^2)``."""
    n, lag, circle = 40_000, 1.5, Circle(1.3)
    x, y = snapshot_pairs(circle, n, lag=lag, generator=seeded())
    moved = (x * y).sum(1) / circle.radius**2
    assert float(moved.mean()) == pytest.approx(math.exp(-lag / circle.radius**2), abs=4 / math.sqrt(n))


def test_coordinates_on_the_sphere_decay_at_rate_two():
    n, lag, sphere = 20_000, 0.3, Sphere()
    x, y = snapshot_pairs(sphere, n, lag=lag, dt=0.03, generator=seeded())
    assert float((x * y).sum(1).mean()) == pytest.approx(math.exp(-2 * lag), abs=4 / math.sqrt(n))


@pytest.mark.slow
def test_brownian_motion_keeps_the_law_of_the_torus():
    torus = Torus()
    x, y = snapshot_pairs(torus, 20_000, lag=4.0, dt=0.02, generator=seeded())
    theta, p = torus.angles(y)
    assert total_variation(shares(p), torus_law(torus)) < 0.025  # without the drift it is 0.14
    assert total_variation(shares(theta), torch.full((24,), 1 / 24)) < TOO_FAR
    assert float((x - y).norm(dim=1).mean()) > 1.5  # nobody stayed


def test_pairs_on_the_circle_have_the_circles_rates():
    pairs = snapshot_pairs(Circle(), 20_000, lag=0.05, generator=seeded())
    rates = EDMD(Monomials(2, 3), lag=0.05).fit(*pairs).spectrum(4).rates
    torch.testing.assert_close(rates, Circle().exact_rates(4), rtol=0.06, atol=0)


# The generator


def quadrature(manifold, n=24):
    """Points and weights that integrate polynomials exactly (the torus: to rounding)."""
    theta = 2 * PI * torch.arange(n, dtype=torch.float64) / n
    if isinstance(manifold, Circle):
        return manifold.radius * torch.stack([theta.cos(), theta.sin()], 1), torch.ones(n, dtype=torch.float64)
    if isinstance(manifold, Sphere):
        z, w = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(n))
        z, theta, w = z.repeat_interleave(n), theta.repeat(n), w.repeat_interleave(n)
        s = (1 - z**2).sqrt()
        return manifold.radius * torch.stack([s * theta.cos(), s * theta.sin(), z], 1), w
    theta, p = theta.repeat(n), theta.repeat_interleave(n)
    return manifold.from_angles(theta, p), manifold.R + manifold.r * p.cos()


@pytest.mark.parametrize(
    ("manifold", "degree", "count", "tolerance"),
    [(Circle(), 3, 6, 1e-9), (Circle(2.0), 3, 6, 1e-9), (Sphere(), 3, 15, 1e-9), (Sphere(0.5), 3, 15, 1e-9),
     (Torus(), 5, 10, 5e-3)],
    ids=str,
)  # fmt: skip
def test_tangent_gradients_give_the_exact_rates(manifold, degree, count, tolerance):
    """With exact integrals, harmonic polynomials are in the span on the round ones; on the torus nearly."""
    x, w = quadrature(manifold)
    spectrum = GeneratorEDMD(Monomials(manifold.dim, degree), tol=1e-10, manifold=manifold).fit(x, w).spectrum(count)
    torch.testing.assert_close(spectrum.rates, manifold.exact_rates(count), rtol=tolerance, atol=0)
    assert torch.equal(spectrum.energies, spectrum.rates)
    assert spectrum.manifold is manifold


def test_ambient_gradients_count_the_motion_across_the_sphere():
    x, w = quadrature(Sphere())
    rates = GeneratorEDMD(Monomials(3, 1)).fit(x, w).spectrum().rates
    torch.testing.assert_close(rates, torch.full((3,), 3.0, dtype=torch.float64))  # 1 / Var of a coordinate, not 2


@pytest.mark.parametrize("manifold", [Circle(), Sphere(), Torus()], ids=repr)
def test_samples_give_the_rates_within_their_noise(manifold):
    """3,000 points; rates of copies scatter around their common value."""
    x = manifold.sample(3000, seeded())
    psi = MultiScale.from_data(x, (40, 12), generator=seeded())
    rates = GeneratorEDMD(psi, manifold=manifold).fit(x).spectrum(8).rates
    assert float((rates / manifold.exact_rates(8)).log().mean().abs()) < 0.05
    torch.testing.assert_close(rates, manifold.exact_rates(8), rtol=0.15, atol=0)


@pytest.fixture(scope="module", params=[Sphere(), Torus()], ids=repr)
def fitted(request):
    manifold = request.param
    x = manifold.sample(3000, seeded())
    psi = MultiScale.from_data(x, generator=seeded())
    return manifold, x, GeneratorEDMD(psi, manifold=manifold).fit(x).spectrum()


def test_gradients_of_the_spectrum_are_tangent_and_make_its_energies(fitted):
    manifold, x, spectrum = fitted
    slopes, n = spectrum.grad(x), manifold.normal(x)
    assert float(torch.einsum("nrd,nd->nr", slopes, n).abs().max()) < 1e-10 * float(slopes.abs().max())
    metric = torch.einsum("nkd,nld->kl", slopes, slopes) / len(x)
    torch.testing.assert_close(
        metric, torch.diag(spectrum.energies), rtol=1e-6, atol=1e-6 * float(spectrum.energies[-1])
    )
    w = normal(len(spectrum))
    torch.testing.assert_close(spectrum.contract_grad(x, w), torch.einsum("nrd,r->nd", slopes, w))
    ambient = spectrum.functions.grad(x[:50])
    torch.testing.assert_close(slopes[:50], manifold.tangent(x[:50], ambient))
    assert float((ambient - slopes[:50]).abs().max()) > 0.1


def test_chunks_and_parts_change_nothing(fitted, monkeypatch):
    manifold, x, spectrum = fitted
    few, some = spectrum.truncate(5), x[:70]
    whole = few.grad(some)
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    torch.testing.assert_close(few.grad(some), whole)
    assert few.manifold is manifold
    assert spectrum.to(torch.float32).grad(some[:5].float()).dtype == torch.float32
    estimator, few = GeneratorEDMD(Monomials(3, 2), manifold=manifold), x[:150]
    row_by_row = estimator.fit(few).spectrum().rates
    monkeypatch.undo()
    at_once = estimator.fit(few).spectrum().rates
    torch.testing.assert_close(row_by_row, at_once)
    torch.testing.assert_close(estimator.fit(few[:50]).partial_fit(few[50:]).spectrum().rates, at_once)


# KSWGD


def patch(manifold, n):
    """Particles in one small piece of the surface."""
    noise = normal(n, 3, seed=5)
    if isinstance(manifold, Torus):
        return manifold.from_angles(0.3 * noise[:, 0], 0.3 * noise[:, 1])
    return manifold.project(0.2 * noise + torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))


@pytest.mark.slow
@pytest.mark.parametrize("damping", [1.0, math.inf])
def test_kswgd_covers_the_surface_from_a_patch_and_never_leaves_it(fitted, damping):
    manifold, _, spectrum = fitted
    start = patch(manifold, 800)
    method = KSWGD(spectrum, damping=damping)
    assert float((method.velocity(start) * manifold.normal(start)).sum(1).abs().max()) < 1e-10
    run = run_particles(method, start, generator=seeded(), verbose=False)
    assert float(distance(manifold, run.particles.flatten(0, 1)).max()) < 1e-10
    reference = manifold.sample(5000, seeded(7))
    floor, _ = noise_floor(
        sliced_wasserstein2, manifold.sample, 800, reference=reference, repeats=6, generator=seeded(8)
    )
    assert sliced_wasserstein2(start, reference) > 5 * floor
    assert sliced_wasserstein2(run.final, reference) <= 1.2 * floor
    assert not run.stalled


@pytest.mark.slow
def test_without_its_manifold_the_particles_leave_it():
    torus = Torus()
    x = torus.sample(3000, seeded())
    spectrum = GeneratorEDMD(MultiScale.from_data(x, generator=seeded())).fit(x).spectrum()
    final = run_particles(KSWGD(spectrum), patch(torus, 300), generator=seeded(), verbose=False).final
    assert float(distance(torus, final).mean()) > 0.01


@pytest.mark.slow
def test_exact_eigenfunctions_spread_an_arc_over_the_circle():
    circle, pairs = Circle(), 10

    def phi(x):
        angle = circle.angles(x)[:, None] * torch.arange(1, pairs + 1)
        return math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], dim=2).flatten(1)

    exact = Spectrum.from_functions(circle.exact_rates(2 * pairs), phi, manifold=circle)
    angle = 0.3 * normal(500)
    start = torch.stack([angle.cos(), angle.sin()], 1)
    run = run_particles(KSWGD(exact), start, n_steps=120, generator=seeded(), verbose=False)
    sorted_angle = circle.angles(run.final).sort().values
    even = middles(500)
    error = sorted_angle - even
    assert float((error - error.mean()).abs().mean()) < 0.05
    assert float(run.energy[-1]) < 1e-20


# Errors


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Circle(0.0), "Circle: radius must be positive, got 0"),
        (lambda: Sphere(math.inf), "Sphere: radius must be positive, got inf"),
        (lambda: Torus(1.0, 1.0), "Torus: 0 < r < R is needed, got R=1.0 and r=1.0"),
        (lambda: Torus(1.0, -0.5), "r must be positive, got -0.5"),
        (lambda: Circle().project(normal(3, 3)), r"Circle: x has shape \(3, 3\).*2 coordinates"),
        (lambda: Torus().project(normal(3, 2)), r"Torus: x has shape \(3, 2\).*3 coordinates"),
        (lambda: Sphere().tangent(normal(3, 3) * math.nan, normal(3, 3)), "Sphere: x has NaN"),
        (lambda: snapshot_pairs(Torus(), 3, lag=0.0), "lag must be positive, got 0"),
        (lambda: langevin_trajectory(Torus(), normal(3, 2), n_steps=1, dt=0.1), r"x0 has shape \(3, 2\)"),
        (
            lambda: GeneratorEDMD(Monomials(2, 2), manifold=Torus()),
            r"the Torus\(R=2, r=0.8\) is in dimension 3, the dictionary in 2",
        ),
        (
            lambda: GeneratorEDMD(Monomials(3, 2), manifold=Sphere()).fit(1.1 * Sphere().sample(50)),
            r"points lie off the Sphere\(radius=1\) by 0.1 on average and up to 0.1. Put them on it",
        ),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_a_fit_on_centres_of_the_surface_needs_none_there():
    """k-means centres lie inside the sphere; only the data must lie on it."""
    x = Sphere().sample(500, seeded())
    psi = GaussianRBF.from_data(x, 30, seeded())
    assert float(distance(Sphere(), psi.centers).max()) > 1e-3
    assert len(GeneratorEDMD(psi, manifold=Sphere()).fit(x).spectrum(3)) == 3
