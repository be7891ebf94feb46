"""Pairs on circle, sphere and torus: rates, tangent energies, and pairs made from static data."""

import math

import pytest
import torch

from koopteach import (
    EDMD,
    KSWGD,
    Circle,
    GeneratorEDMD,
    KernelEDMD,
    Monomials,
    Sphere,
    Torus,
    kde_score,
    kde_snapshot_pairs,
    run_particles,
    snapshot_pairs,
)
from tests.tools import seeded


@pytest.mark.parametrize("manifold", [Circle(), Sphere(2.0), Torus()], ids=repr)
def test_pairs_know_the_manifold_by_their_energies(manifold):
    """Tangent gradients make the energies the rates'; ambient ones count the motion across. The paths stay on it."""
    lag = 0.02 * manifold.size**2
    x, y = snapshot_pairs(manifold, 6000, lag=lag, dt=lag / 4, generator=seeded())
    fits = [
        EDMD(Monomials(manifold.dim, 2), lag=lag, manifold=known).fit(x, y).spectrum(4) for known in (manifold, None)
    ]
    on, ambient = fits
    assert torch.equal(on.rates, ambient.rates)
    generator = GeneratorEDMD(Monomials(manifold.dim, 2), manifold=manifold).fit(x).spectrum(2)
    torch.testing.assert_close(on.energies[:2], generator.rates, rtol=0.1, atol=0)
    assert float((ambient.energies / on.energies)[:2].min()) > 1.3
    n = manifold.normal(x)
    assert float(torch.einsum("nrd,nd->nr", on.grad(x), n).abs().max()) < 1e-12 * float(ambient.grad(x).abs().max())
    final = run_particles(KSWGD(on), x[:50], n_steps=5, generator=seeded(), verbose=False).final
    assert float((final - manifold.project(final)).norm(dim=1).max()) < 1e-12


def test_energies_of_slow_modes_are_the_exact_rates():
    """On the sphere the coordinates span the slow modes, of energy 2; kernels come close.

    The energy of a coordinate is (1 - s) / s with its mean square s, whose relative standard error is 0.9 / sqrt(n):
    2 per cent, of which five are allowed.
    """
    sphere, two = Sphere(), torch.full((3,), 2.0, dtype=torch.float64)
    x = sphere.sample(4000, seeded())
    y = sphere.brownian_step(x, 0.1, seeded(1))
    linear = EDMD(Monomials(3, 1), lag=0.1, manifold=sphere).fit(x, y).spectrum()
    torch.testing.assert_close(linear.energies, two, rtol=0.1, atol=0)
    kernels = KernelEDMD(1.0, lag=0.1, manifold=sphere).fit(x[:600], y[:600]).spectrum(3)
    assert kernels.manifold is sphere
    torch.testing.assert_close(kernels.energies, two, rtol=0.25, atol=0)


def test_a_turn_on_the_circle_keeps_its_complex_pair():
    """Brownian motion that also turns: plain EDMD keeps ``1 +- i w``, and its energies are tangent, too."""
    circle, lag, w = Circle(), 0.1, 3.0
    x = circle.sample(8000, seeded())
    y, angle = circle.brownian_step(x, lag, seeded(1)), torch.tensor(w * lag, dtype=torch.float64)
    turn = torch.stack([torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])])
    spectrum = EDMD(Monomials(2, 1), lag=lag, reversible=False, manifold=circle).fit(x, y @ turn).spectrum()
    torch.testing.assert_close(spectrum.rates.real, torch.ones(2, dtype=torch.float64), rtol=0.1, atol=0)
    torch.testing.assert_close(spectrum.rates.imag.abs(), torch.full((2,), w, dtype=torch.float64), rtol=0.05, atol=0)
    torch.testing.assert_close(spectrum.energies, torch.ones(2, dtype=torch.float64), rtol=0.1, atol=0)


@pytest.mark.parametrize("manifold", [Circle(2.0), Sphere(), Torus()], ids=repr)
def test_static_data_on_a_surface_make_pairs_there(manifold):
    """One tangent step along the estimate, projected; written out."""
    x = manifold.sample(300, seeded())
    before, after = kde_snapshot_pairs(x, lag=0.01, bandwidth=0.4, manifold=manifold, generator=seeded(1))
    assert torch.equal(before, x)
    assert float((after - manifold.project(after)).norm(dim=1).max()) < 1e-12
    move = 0.01 * kde_score(x, 0.4)(x) + math.sqrt(0.02) * torch.randn(x.shape, dtype=x.dtype, generator=seeded(1))
    n = manifold.normal(x)
    tangent = move - (move * n).sum(1, keepdim=True) * n
    torch.testing.assert_close(after, manifold.project(x + tangent), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="kde_snapshot_pairs: points lie off the"):
        kde_snapshot_pairs(1.1 * x, lag=0.01, manifold=manifold)


@pytest.mark.slow
@pytest.mark.parametrize("manifold", [Circle(), Sphere()], ids=repr)
def test_pairs_from_static_data_have_the_surfaces_rates(manifold):
    """Uniform data have no tangent score but the estimate's noise, which a wide kernel averages out.

    Projecting a tangent step shortens it by a share of the order of the lag, hence the short one.
    """
    x = manifold.sample(4000, seeded())
    pairs = kde_snapshot_pairs(x, lag=0.002, bandwidth=0.5, manifold=manifold, generator=seeded(1))
    spectrum = EDMD(Monomials(manifold.dim, 1), lag=0.002, manifold=manifold).fit(*pairs).spectrum()
    exact = manifold.exact_rates(len(spectrum))
    torch.testing.assert_close(spectrum.rates, exact, rtol=0.1, atol=0)
    torch.testing.assert_close(spectrum.energies, exact, rtol=0.1, atol=0)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: EDMD(Monomials(2, 2), lag=1.0, manifold=Torus()), r"EDMD: the Torus.* is in dimension 3"),
        (
            lambda: EDMD(Monomials(3, 2), lag=1.0, manifold=Sphere()).fit(Sphere().sample(50), 2 * Sphere().sample(50)),
            r"EDMD.partial_fit: points lie off the Sphere\(radius=1\) by 1 on average",
        ),
    ],
)
def test_other_spaces_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
