"""Features computed once: gradients, Dirichlet forms and steps that start from them are those of the formulas."""

import math

import pytest
import torch

from koopteach import KSWGD, GeneratorEDMD, Hermite, MultiScale, Standardizer, dictionaries
from koopteach import spectrum as spectra
from koopteach.dictionaries.dirichlet import dirichlet
from koopteach.tensors import count_different
from tests.tools import normal, seeded

SCALES = (1e-6, 1.0, 1e6)


def mixed(n=40, seed=3):
    """Two modes in columns of spreads a millionth, one and a million, a thousand spreads from the origin."""
    x = normal(n, 3, seed=seed) + 3.0 * (torch.arange(n) % 2)[:, None]
    return (x + 1000) * torch.tensor(SCALES).double()


def by_differences(psi, x):
    """Values and gradients of kernels and tail, from differences of the points: no distance is expanded."""
    values, slopes = [], []
    for part in psi.parts:
        if isinstance(part, dictionaries.GaussianRBF):
            u = (part.centers - x[:, None]) / part.units
            kernel = (-0.5 * u.square().sum(2) / part.widths**2).exp()
            values.append(kernel)
            slopes.append(kernel[:, :, None] * u / part.units / part.widths[:, None] ** 2)
        else:
            values.append(part(x))
            slopes.append(part.grad(x))
    return torch.cat(values, dim=1), torch.cat(slopes, dim=1)


def case(where, dtype=torch.float64):
    """A dictionary, points, their spreads; of the far points five are a thousand spreads out."""
    data = mixed()
    psi, spread = MultiScale.from_data(data, (9, 4), generator=seeded()), Standardizer.of(data).spread
    x = data[:30] + 0.3 * spread * normal(30, 3, seed=8)
    if where == "far":
        x = torch.cat([x, x[:5] + 1000 * spread])
    return psi.to(dtype), x.to(dtype), spread.to(dtype)


@pytest.mark.parametrize("where", ["near", "far"])
@pytest.mark.parametrize("r", [4, 100])  # few functions by products, many by the kernels' slopes
def test_gradients_from_values_are_those_of_differences(where, r):
    psi, x, spread = case(where)
    values, slopes = by_differences(psi, x)
    torch.testing.assert_close(psi(x), values, rtol=1e-10, atol=1e-12)
    c = normal(psi.n_features, r, seed=9)
    expected = torch.einsum("nmd,mr->nrd", slopes, c) * spread
    for known in ((), (psi(x),)):
        found = psi.contract_grad(x, c, *known) * spread
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11 * float(expected[:30].abs().max()))


def test_products_that_are_wide_are_made_in_pieces(monkeypatch):
    psi, x, _ = case("near")
    c = normal(psi.n_features, 20, seed=9)
    whole = psi.contract_grad(x, c)
    monkeypatch.setattr("koopteach.tensors.CHUNK_NUMBERS", 1)
    torch.testing.assert_close(psi.contract_grad(x, c), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("where", ["near", "far"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("known", [False, True])
def test_the_dirichlet_form_is_that_of_differences(where, dtype, known):
    """A thousand spreads out kernels are zero and the tail is large, which no kernel's entry may feel.

    float32: the columns are a thousand spreads from the origin, where they have four digits left.
    """
    psi, x, spread = case(where, dtype)
    w = normal(len(x), seed=5).abs().to(dtype)
    _, slopes = by_differences(psi.to(torch.float64), x.double())
    slopes = slopes * spread.double()
    expected = torch.einsum("n,njd,nld->jl", w.double(), slopes, slopes)
    given = (psi(x), psi(x).T @ (w[:, None] * psi(x))) if known else ()
    found = dirichlet(psi, x, w, spread, *given).double()
    size = expected.diagonal().sqrt()
    correlations = (found - expected) / torch.outer(size, size)
    assert float(correlations.abs().max()) < (1e-11 if dtype == torch.float64 else 2e-3)


def spectrum_of(psi, x):
    return GeneratorEDMD(psi, standardize=True).fit(x).spectrum(8)


def scales(x):
    return MultiScale.from_data(x, (12, 4), generator=seeded())


@pytest.mark.parametrize("damping", [1.0, math.inf])
@pytest.mark.parametrize("make", [scales, lambda x: Hermite(2, 3)])
def test_a_step_is_that_of_the_formulas_whether_features_are_held_or_not(make, damping, monkeypatch):
    x = normal(400, 2) + 3.0 * (torch.arange(400) % 2)[:, None]
    s, z = spectrum_of(make(x), x), normal(30, 2, seed=1)
    m, slopes = s(z).mean(0), s.grad(z) * s.stretch
    metric = torch.einsum("nkd,nld->kl", slopes, slopes) / len(z)
    if math.isinf(damping):
        w = m / s.energies
    else:
        w = (1 + damping) * torch.linalg.solve(metric + damping * s.energies.diag(), m)
    expected = -torch.einsum("nkd,k->nd", slopes, w) * s.stretch
    for most in (2**20, 0):
        monkeypatch.setattr(spectra, "_MOST_HELD", most)
        method = KSWGD(s, damping=damping)
        assert (s.features(z) is not None) == (most > 0 and isinstance(s.functions.dictionary, MultiScale))
        energy = method.energy(z)
        assert energy == pytest.approx(float(0.5 * (m**2 / s.energies).sum()), rel=1e-10)
        torch.testing.assert_close(method.velocity(z), expected, rtol=1e-8, atol=1e-10)


def test_a_record_and_the_next_step_compute_the_features_once(monkeypatch):
    x = normal(400, 2)
    method, z = KSWGD(spectrum_of(scales(x), x)), normal(30, 2, seed=1)
    asked, compute = [], type(method.spectrum).features
    monkeypatch.setattr(type(method.spectrum), "features", lambda self, x: asked.append(len(x)) or compute(self, x))
    method.energy(z)
    moved, *_ = method.step(z.clone(), None, progress=0.0, generator=seeded())
    assert asked == [30]
    method.energy(moved)
    assert asked == [30, 30]


def test_particles_that_were_changed_in_place_are_other_particles():
    """Also through NumPy, of which torch knows nothing."""
    x = normal(400, 2)
    s, z = spectrum_of(scales(x), x), normal(30, 2, seed=1)
    method = KSWGD(s)
    method.velocity(z)
    z.numpy()[3] += 0.5
    assert method.energy(z) == KSWGD(s).energy(z)
    assert torch.equal(method.velocity(z), KSWGD(s).velocity(z))


@pytest.mark.parametrize("digits", [0, 1, 9])
def test_rows_are_counted_as_a_set_counts_them(digits):
    x = normal(200, 3).round(decimals=digits)
    x = torch.cat([x, x[:7], -0.0 * x[:1], 0.0 * x[:1]])
    assert count_different(x) == len({tuple(row) for row in x.tolist()})
