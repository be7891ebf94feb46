"""Anybody's units: a standardised generator and what samples with it, and the line that raw mixed units get."""

import math
import warnings
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from koopteach import (
    EDMD,
    KSWGD,
    DiffusionMaps,
    GaussianRBF,
    GeneratorEDMD,
    Hermite,
    Ladder,
    Monomials,
    MultiScale,
    Sphere,
    Standardizer,
    run_particles,
    spectral_score,
)
from koopteach.operators.linear_algebra import Size
from tests.tools import normal, seeded

FACTORS = st.floats(-6, 6).map(lambda power: 10.0**power)
OFFSETS = st.floats(-1000, 1000)


def two_modes(n, d, seed=0):
    x = normal(n, d, seed=seed)
    x[: n // 3, 0] += 4
    return x


def fitted(x, n_centers=(20, 6)):
    return GeneratorEDMD(MultiScale.from_data(x, n_centers, generator=seeded()), standardize=True).fit(x).spectrum()


def units(data, d):
    return (torch.tensor(data.draw(st.lists(kind, min_size=d, max_size=d))).double() for kind in (FACTORS, OFFSETS))


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_samples_and_rates_are_the_same_in_any_units(data):
    """Columns multiplied by 1e-6 to 1e6 and moved by up to a thousand spreads: to 1e-6 of a spread."""
    d = data.draw(st.integers(1, 20))
    c, b = units(data, d)
    x = two_modes(300, d)
    ends, rates = [], []
    for z in (x, c * (x + b)):
        spectrum = fitted(z)
        ends.append(run_particles(KSWGD(spectrum), z[:40], n_steps=10, generator=seeded(1), verbose=False).final)
        rates.append(spectrum.rates)
    torch.testing.assert_close(rates[1], rates[0], rtol=1e-6, atol=0)
    assert float((ends[1] / c - b - ends[0]).abs().max()) < 1e-6


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_rates_of_pairs_are_the_same_in_any_units(data):
    d = data.draw(st.integers(1, 20))
    c, b = units(data, d)
    x = two_modes(400, d)
    y = 0.8 * x + 0.6 * normal(400, d, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these pairs do not start in equilibrium
        one, other = (
            EDMD(MultiScale.from_data(z, (12, 4), "linear", seeded()), lag=0.2).fit(z, w).spectrum()
            for z, w in ((x, y), (c * (x + b), c * (y + b)))
        )
    # The cut keeps directions of 1e-10, so eigenvalues are known to 1e-16 / 1e-10.
    torch.testing.assert_close((-0.2 * other.rates).exp(), (-0.2 * one.rates).exp(), rtol=0, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_a_column_in_another_unit_does_not_blur_the_first(factor):
    """Its standard deviation was 25 at a factor of a thousand; one is right."""
    x = normal(2000, 2) * torch.tensor([1.0, factor], dtype=torch.float64)
    ends = run_particles(KSWGD(fitted(x, (60, 20))), x[:300], generator=seeded(2), verbose=False).final
    torch.testing.assert_close(ends.std(0) / x.std(0), torch.ones(2).double(), rtol=0, atol=0.05)


def test_raw_mixed_units_are_told_by_the_report_and_by_the_sampler():
    x = normal(500, 2) * torch.tensor([1.0, 40.0], dtype=torch.float64)
    raw = GeneratorEDMD(Hermite(2, 1)).fit(x).spectrum()
    assert "spreads differ" in raw.report
    with pytest.warns(UserWarning, match=r"^KSWGD: the columns' spreads differ 39.8 times .*standardize=True"):
        KSWGD(raw)
    pairs = EDMD(Hermite(2, 1), lag=0.2).fit(x, 0.9 * x + 0.1 * x.flip(0)).spectrum()
    with pytest.warns(UserWarning, match="spreads differ"):
        KSWGD(pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KSWGD(GeneratorEDMD(Hermite(2, 1), standardize=True).fit(x).spectrum())
        KSWGD(GeneratorEDMD(Hermite(2, 1)).fit(x / torch.tensor([1.0, 2.0])).spectrum())
        KSWGD(GeneratorEDMD(Hermite(2, 1)).fit(Standardizer.of(x)(x)).spectrum())  # the other advice


def test_constant_columns_have_no_spread_to_compare():
    size = Size()
    size.add(torch.cat([torch.full((50, 1), 7.0), normal(50, 1), 3 * normal(50, 1)], dim=1))
    assert size.spread_ratio == pytest.approx(3, rel=1e-6)
    alone = Size()
    alone.add(torch.ones(4, 2))
    assert alone.spread_ratio == 1.0


def test_a_standardised_generator_is_that_of_the_mapped_points():
    x = two_modes(400, 3) * torch.tensor([1.0, 100.0, 0.01]) + torch.tensor([0.0, 5.0, 3.0])
    weights = normal(400).abs()
    to_units = Standardizer.of(x, weights)
    u = to_units(x)
    centers, widths = x[:20], normal(20, seed=2).abs() + 0.5
    dictionary = GaussianRBF(centers, widths, to_units.spread)
    found = GeneratorEDMD(dictionary, standardize=True).fit(x, weights).spectrum()
    exact = GeneratorEDMD(GaussianRBF(to_units(centers), widths)).fit(u, weights).spectrum()
    torch.testing.assert_close(found.rates, exact.rates, rtol=1e-8, atol=0)
    torch.testing.assert_close(found(x[:50]), exact(u[:50]), rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(found.grad(x[:50]) * found.stretch, exact.grad(u[:50]), rtol=1e-6, atol=1e-6)
    assert found.scale == pytest.approx(exact.scale)
    assert found.units is not None
    torch.testing.assert_close(found.units.spread, to_units.spread)
    assert found.spread_ratio == pytest.approx(1)
    one, other = KSWGD(found), KSWGD(exact)
    torch.testing.assert_close(one.velocity(x[:30]) / to_units.spread, other.velocity(u[:30]), rtol=1e-6, atol=1e-6)
    assert one.energy(x[:30]) == pytest.approx(other.energy(u[:30]), rel=1e-6)


def test_a_standardised_spectrum_knows_the_score_in_the_datas_units():
    """Of a Gaussian, with coordinates as features: exactly -C^{-1} (y - mean)."""
    x = normal(300, 2) @ torch.tensor([[1.0, 40.0], [0.0, 30.0]]).double() + 7
    score = spectral_score(GeneratorEDMD(Monomials(2, 1), standardize=True).fit(x).spectrum(), x)
    exact = -torch.linalg.solve(x.T.cov(correction=0), (x[:9] - x.mean(0)).T).T
    torch.testing.assert_close(score(x[:9]), exact, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("d", [6, 12])
def test_the_metric_by_features_is_that_of_the_gradients(d):
    """Coefficients enter twice: to 1e-16 times the square of their size."""
    x = two_modes(600, d) * torch.logspace(-2, 2, d, dtype=torch.float64)
    spectrum = fitted(x)
    assert spectrum.functions.dirichlet(x, spectrum.stretch) is not None
    slopes = spectrum.grad(x) * spectrum.stretch
    expected = torch.einsum("nkd,nld->kl", slopes, slopes) / len(x)
    accuracy = 1e-14 * float(spectrum.functions.coefficients.square().sum(0).max())
    accuracy = max(accuracy, 1e-10 * float(expected.max()))
    torch.testing.assert_close(spectrum.dirichlet(x), expected, rtol=0, atol=accuracy)
    assert fitted(x[:, :2].contiguous()).functions.dirichlet(x[:40, :2], torch.ones(2).double()) is None


def test_a_manifold_is_not_bent():
    with pytest.raises(ValueError, match=r"standardize=True would bend the Sphere.*Leave one of them out"):
        GeneratorEDMD(Hermite(3, 1), manifold=Sphere(), standardize=True)


def test_a_ladder_has_noise_for_each_column():
    x, c = two_modes(300, 2), torch.tensor([1e-3, 1e4]).double()
    ends = [
        run_particles(
            Ladder.from_data(z, levels=(0.5, 0.0), generator=seeded()), z[:50], n_steps=10, generator=seeded(1)
        ).final
        for z in (x, c * x)
    ]
    assert float((ends[1] / c - ends[0]).abs().max()) < 1e-6


def test_far_from_the_origin_kernels_lose_no_digits():
    """A thousand spreads away, where squared distances from the origin have lost six digits."""
    x = normal(200, 3)
    psi = GaussianRBF.from_data(x + 1000, 20, seeded())
    there = GaussianRBF(psi.centers - 1000, psi.widths, psi.units)
    assert float((psi(x + 1000) - there(x)).abs().max()) < 1e-10
    assert math.isfinite(float(psi.contract_grad(x - 1e6, torch.ones(psi.n_features, 1).double()).abs().max()))


def test_a_spectrum_without_units_is_unchanged_by_the_stretch():
    spectrum = GeneratorEDMD(Hermite(2, 2)).fit(normal(500, 2)).spectrum()
    assert spectrum.stretch.tolist() == 1.0
    assert replace(spectrum, units=Standardizer.of(normal(9, 2))).to(torch.float32).stretch.dtype == torch.float32


def test_a_walk_on_mixed_units_is_told_by_its_sampler():
    x = normal(60, 2) * torch.tensor([1.0, 40.0], dtype=torch.float64)
    with pytest.warns(UserWarning, match="spreads differ"):
        KSWGD(DiffusionMaps(20.0).fit(x).spectrum(2))
