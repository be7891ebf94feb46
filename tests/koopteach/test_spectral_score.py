"""The score of a spectrum against closed forms."""

import pytest
import torch

from koopteach import (
    EDMD,
    GaussianMixture,
    GeneratorEDMD,
    Hermite,
    Monomials,
    MultiScale,
    OrnsteinUhlenbeck,
    Sphere,
    denoise,
    snapshot_pairs,
    spectral_score,
)
from tests.tools import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def test_coordinates_alone_give_the_score_of_a_gaussian():
    """-C^{-1}(y - mean), with the data's own moments, whatever the data's law is."""
    x = normal(50, 3) @ normal(3, 3, seed=1) + normal(3, seed=2)
    x, y = x + 0.1 * x**2, normal(7, 3, seed=3)
    score = spectral_score(GeneratorEDMD(Monomials(3, 1)).fit(x).spectrum(), x)
    known = -(y - x.mean(0)) @ torch.linalg.inv(x.T.cov(correction=0))
    torch.testing.assert_close(score(y), known, rtol=1e-8, atol=1e-8)


def test_integration_by_parts_gives_the_same():
    """energy_k E[phi_k x] = E[grad phi_k] on the fit data, where the coordinates are in the dictionary."""
    x = normal(400, 2) ** 3 / 5 + normal(400, 2, seed=1)
    spectrum = GeneratorEDMD(Monomials(2, 3), tol=0.0).fit(x).spectrum()
    by_parts = -spectrum.grad(x).mean(0)
    torch.testing.assert_close(spectral_score(spectrum, x)(x), spectrum(x) @ by_parts, rtol=1e-6, atol=1e-6)


def test_a_mixtures_score_is_near():
    target = GaussianMixture(torch.tensor([[-1.5, 0.0], [1.5, 0.5]], dtype=torch.float64), 0.8)
    x, y = target.sample(20_000, seeded()), target.sample(500, seeded(1))
    score = spectral_score(GeneratorEDMD(MultiScale.from_data(x, (40, 10), generator=seeded(2))).fit(x).spectrum(), x)
    error = (score(y) - target.score(y)).square().sum(1).mean() / target.score(y).square().sum(1).mean()
    assert float(error) < 0.05


def test_a_physicists_clock_does_not_matter():
    """Energies, not rates: EDMD in a clock twice as fast gives the same score."""
    process = OrnsteinUhlenbeck(1, 1.0)
    x, y = snapshot_pairs(process, 4000, lag=0.1, generator=seeded())
    slow, quick = (EDMD(Hermite(1, 2), lag=lag).fit(x, y).spectrum() for lag in (0.1, 0.05))
    assert float(quick.rates[0] / slow.rates[0]) == pytest.approx(2)
    torch.testing.assert_close(spectral_score(slow, x)(x), spectral_score(quick, x)(x))


def test_what_has_no_such_score_is_refused():
    sphere = Sphere()
    x = sphere.sample(300, seeded())
    spectrum = GeneratorEDMD(Monomials(3, 1), manifold=sphere).fit(x).spectrum()
    with pytest.raises(ValueError, match="spectral_score: the spectrum lives on the Sphere"):
        spectral_score(spectrum, x)
    with pytest.raises(ValueError, match="spectral_score: x has shape"):
        spectral_score(GeneratorEDMD(Monomials(3, 1)).fit(x).spectrum(), x[0])


def test_denoising_a_gaussian_is_wieners_filter():
    """x keeps the share s / (s + variance) of itself, where the step is shorter than the noise."""
    s, variance = 2.0, 0.5
    x = normal(50, 3)
    known = x * s / (s + variance)
    got = denoise(lambda y: -y / (s + variance), x, variance)
    free = (variance / (s + variance)) * x.norm(dim=1) <= (3 * variance) ** 0.5
    assert int(free.sum()) > 40
    torch.testing.assert_close(got[free], known[free])


def test_no_move_of_denoising_is_longer_than_the_noise():
    x = normal(20, 4)
    moved = denoise(lambda y: 1e6 * y, x, 0.01) - x
    torch.testing.assert_close(moved.norm(dim=1), torch.full((20,), 0.2, dtype=torch.float64))
    torch.testing.assert_close(moved / moved.norm(dim=1, keepdim=True), x / x.norm(dim=1, keepdim=True))


def test_denoising_needs_a_variance():
    with pytest.raises(ValueError, match="denoise: variance must be positive, got 0"):
        denoise(lambda y: y, normal(3, 2), 0)
