"""The spectrum object: evaluation, gradients, truncation, precision."""

import math
from dataclasses import replace

import pytest
import torch

from koopteach import (
    EDMD,
    GaussianMixture,
    GeneratorEDMD,
    Hermite,
    MultiScale,
    OrnsteinUhlenbeck,
    Spectrum,
    snapshot_pairs,
    tensors,
)
from tests.tools import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def exact(n=4):
    """Ornstein and Uhlenbeck's, in one dimension."""
    return Spectrum.from_functions(torch.arange(1.0, n + 1).double(), Hermite(1, n), Hermite(1, n).grad)


def fitted():
    x = GaussianMixture.ring(3, 2.0, 0.5).sample(800, seeded())
    return GeneratorEDMD(MultiScale.from_data(x, (20, 5), generator=seeded())).fit(x).spectrum()


def turning():
    pairs = snapshot_pairs(OrnsteinUhlenbeck(2, rotation=2.0), 2000, lag=0.2, generator=seeded())
    return EDMD(Hermite(2, 2), lag=0.2, reversible=False).fit(*pairs).spectrum()


def real_and_imaginary(x, functions):
    values = functions(x)
    return torch.cat([values.real, values.imag], 1) if values.is_complex() else values


@pytest.mark.parametrize("make", [fitted, turning])
def test_gradients_are_those_of_autograd(make):
    spectrum = make()
    x = normal(10, 2, seed=1).requires_grad_(True)
    columns = real_and_imaginary(x, spectrum).sum(0)
    expected = torch.stack([torch.autograd.grad(c, x, retain_graph=True)[0] for c in columns], 1)
    gradient = spectrum.grad(x.detach())
    if gradient.is_complex():
        gradient = torch.cat([gradient.real, gradient.imag], 1)
    torch.testing.assert_close(gradient, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("make", [fitted, turning, lambda: exact(4)])
def test_contracted_gradients_are_sums_of_gradients(make):
    spectrum = make()
    x = normal(10, 1 if len(spectrum) == 4 else 2, seed=1)
    w = normal(len(spectrum), seed=2).to(spectrum.rates.dtype)
    expected = torch.einsum("nrd,r->nd", spectrum.grad(x), w)
    torch.testing.assert_close(spectrum.contract_grad(x, w), expected, rtol=1e-8, atol=1e-8)


def test_formulas_without_a_gradient_are_differentiated():
    given, found = exact(), Spectrum.from_functions([1.0, 2.0, 3.0, 4.0], Hermite(1, 4))
    x = normal(9, 1)
    torch.testing.assert_close(found.grad(x), given.grad(x), rtol=1e-10, atol=1e-10)
    with torch.no_grad():
        torch.testing.assert_close(found.grad(x), given.grad(x), rtol=1e-10, atol=1e-10)
    assert not found.grad(x).requires_grad
    assert torch.equal(found.energies, found.rates)
    assert (found.scale, Spectrum.from_functions([1.0], Hermite(1, 1), scale=2.0).scale) == (1.0, 2.0)


@pytest.mark.parametrize("make", [exact, fitted])
def test_truncation_keeps_the_slowest(make):
    spectrum = make()
    x = normal(7, 1 if len(spectrum) == 4 else 2, seed=1)
    short = spectrum.truncate(2)
    assert len(short) == 2
    assert torch.equal(short.rates, spectrum.rates[:2])
    assert torch.equal(short.energies, spectrum.energies[:2])
    torch.testing.assert_close(short(x), spectrum(x)[:, :2])
    torch.testing.assert_close(short.grad(x), spectrum.grad(x)[:, :2])
    assert f"truncated to 2 of {len(spectrum)} modes" in short.report
    assert spectrum.truncate(1000) is spectrum


def test_truncation_keeps_energies_apart_from_rates():
    spectrum = replace(exact(3), energies=torch.tensor([4.0, 9.0, 16.0]))
    assert spectrum.truncate(2).energies.tolist() == [4.0, 9.0]


@pytest.mark.parametrize("make", [fitted, lambda: exact(6)])
def test_chunks_change_nothing(make, monkeypatch):
    spectrum = make()
    x = normal(1000, 1 if len(spectrum) == 6 else 2)
    w = normal(len(spectrum), seed=2)
    whole = spectrum(x), spectrum.grad(x), spectrum.contract_grad(x, w)
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    for part, expected in zip((spectrum(x), spectrum.grad(x), spectrum.contract_grad(x, w)), whole):
        torch.testing.assert_close(part, expected, rtol=1e-10, atol=1e-10)


def test_times_are_inverse_real_rates():
    torch.testing.assert_close(exact().implied_timescales, 1 / torch.arange(1.0, 5).double())
    spectrum = turning()
    torch.testing.assert_close(spectrum.implied_timescales * spectrum.rates.real, torch.ones(5, dtype=torch.float64))


def test_it_says_what_it_is():
    assert repr(exact()) == "Spectrum(4 modes, rates 1, 2, 3, ...)"
    assert repr(exact(2)) == "Spectrum(2 modes, rates 1, 2)"


def test_it_moves_as_a_whole():
    spectrum = fitted()
    single, x = spectrum.to(torch.float32), normal(7, 2)
    assert single.rates.dtype == single(x.float()).dtype == torch.float32
    scale = float(spectrum(x).abs().max())
    assert float((single(x.float()) - spectrum(x)).abs().max()) < 1e-2 * scale  # coefficients of size 1e4 cancel
    assert spectrum.rates.dtype == torch.float64


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="r must be at least 1, got 0"):
        exact().truncate(0)
    with pytest.raises(ValueError, match=r"rates has shape \(\), but \(r,\) is needed"):
        Spectrum.from_functions(math.pi, Hermite(1, 1))
