"""KernelEDMD: EDMD on all kernels or on some, what its ridge penalises, and what it finds."""

import math

import pytest
import torch

from koopteach import (
    EDMD,
    KSWGD,
    GaussianRBF,
    KernelEDMD,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    run_particles,
    sliced_wasserstein2,
    snapshot_pairs,
)
from koopteach.operators import kernel
from koopteach.operators.linear_algebra import SMALLEST_TOL
from koopteach.operators.low_rank import pivots
from tests.tools import seeded

LAG = 0.3


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def ou_pairs(n, lag=LAG, seed=0, **kind):
    return snapshot_pairs(OrnsteinUhlenbeck(kind.pop("dim", 2), **kind), n, lag=lag, generator=seeded(seed))


def assert_same(one, other, tolerance):
    x = normal(20, 2, seed=9)
    torch.testing.assert_close(one.rates, other.rates, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(one.energies, other.energies, rtol=tolerance, atol=tolerance)
    # the signs of a mode may differ
    torch.testing.assert_close(one(x).abs(), other(x).abs(), rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(one.grad(x).abs(), other.grad(x).abs(), rtol=tolerance, atol=tolerance)


def test_exact_without_ridge_is_edmd_on_all_kernels():
    x, y = ou_pairs(60)
    exact = KernelEDMD(0.3, lag=LAG, ridge=0).fit(x, y).spectrum()
    plain = EDMD(GaussianRBF(x, 0.3), lag=LAG).fit(x, y).spectrum()
    assert exact.functions.dictionary.n_features == 60
    assert_same(exact, plain, 1e-8)


def test_the_ridge_is_a_norm_in_the_kernels_hilbert_space():
    """In the basis ``L^-1 k(Z, x)``, orthonormal there, it is a multiple of one."""
    x, y = ou_pairs(80)
    fitted = KernelEDMD(0.3, lag=LAG, ridge=1e-2).fit(x, y)
    factor = torch.linalg.cholesky(GaussianRBF(x, 0.3)(x))
    a, b = (torch.linalg.solve_triangular(factor, GaussianRBF(x, 0.3)(z).T, upper=False).T for z in (x, y))
    mean = torch.cat([a, b]).mean(0)
    a, b = a - mean, b - mean
    gram = (a.T @ a + b.T @ b) / 160 + 1e-2 * torch.eye(80, dtype=x.dtype)
    root = torch.linalg.cholesky(gram)
    reduced = torch.linalg.solve_triangular(root, (a.T @ b + b.T @ a) / 160, upper=False)
    mu = torch.linalg.eigvalsh(torch.linalg.solve_triangular(root, reduced.T, upper=False)).flip(0)
    rates = fitted.spectrum(8).rates
    torch.testing.assert_close(rates, -mu[:8].log() / LAG, rtol=1e-4, atol=0)


def test_kernels_that_others_explain_are_left_out():
    """The kept kernels reproduce all others, and so the whole kernel matrix, to the tolerance."""
    x = normal(300, 2)
    gram = GaussianRBF(x, 1.0)(x)
    for tol in (1e-4, 1e-10):
        picked = pivots(gram.clone(), tol)[0]
        k = gram[:, picked]
        explained = k @ torch.linalg.solve(gram[picked][:, picked], k.T)
        left = (gram - explained).diagonal()
        assert len(picked) < 150
        assert float(left.max()) < 2 * tol


def test_features_at_the_data_are_the_kernels():
    """Nystroem features in an orthonormal basis have the kernel for their product."""
    x, y = ou_pairs(100)
    psi = KernelEDMD(0.5, lag=LAG, ridge=0).fit(x, y)._edmd.dictionary
    k = psi(psi.centers)
    features = torch.linalg.solve_triangular(torch.linalg.cholesky(k), psi(x).T, upper=False).T
    torch.testing.assert_close(features @ features.T, GaussianRBF(x, 0.5)(x), rtol=0, atol=3e-10)


def test_with_a_ridge_the_kernels_left_out_do_not_matter(monkeypatch):
    x, y = ou_pairs(850)  # no direction is near enough to the cut for rounding to decide whether it is kept
    rates = KernelEDMD(0.7, lag=LAG).fit(x, y).spectrum(8).rates
    monkeypatch.setattr(kernel, "_BELOW_RIDGE", 0.0)
    fuller = KernelEDMD(0.7, lag=LAG).fit(x, y).spectrum(8)
    torch.testing.assert_close(rates, fuller.rates, rtol=5e-3, atol=0)


def test_many_points_use_some_kernels():
    x, y = ou_pairs(2500)
    spectrum = KernelEDMD(0.3, lag=LAG, generator=seeded()).fit(x, y).spectrum(4)
    assert spectrum.functions.dictionary.n_features == 200
    assert KernelEDMD(0.3, lag=LAG).fit(x[:900], y[:900])._edmd.dictionary.n_features > 300
    centers = spectrum.functions.dictionary.centers
    assert float(torch.cdist(centers, x).min(dim=1).values.max()) < 1e-7  # they are points of the data
    few = KernelEDMD(1.0, lag=LAG, n_centers=30, generator=seeded()).fit(x, y)
    same = EDMD(few._edmd.dictionary, lag=LAG).fit(x, y).spectrum(4)
    assert few._edmd.dictionary.n_features == 30
    ridgeless = KernelEDMD(1.0, lag=LAG, n_centers=30, ridge=0, generator=seeded()).fit(x, y).spectrum(4)
    assert_same(ridgeless, same, 1e-10)


def test_the_generator_decides_the_centres():
    x, y = ou_pairs(2500)
    one, same, other = (KernelEDMD(1.0, lag=LAG, generator=seeded(s)).fit(x, y).spectrum(3).rates for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    torch.testing.assert_close(one, other, rtol=0.05, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "width"), [(500, 1.5), (2000, 1.0), (20_000, 1.0)])
def test_default_ridge_finds_the_slow_rates(n, width):
    """Without one, hundreds of kernels on hundreds of points find slow modes that are not there."""
    pairs = ou_pairs(n)
    rates = KernelEDMD(width, lag=LAG, generator=seeded()).fit(*pairs).spectrum(5).rates
    torch.testing.assert_close(rates, OrnsteinUhlenbeck(2).exact_rates(5), rtol=0.25, atol=0)
    unridged = KernelEDMD(width, lag=LAG, ridge=0, generator=seeded()).fit(*pairs).spectrum(5).rates
    assert bool((unridged < rates).all())


@pytest.mark.parametrize("n", [1500, 4000])
def test_single_precision_agrees(n, monkeypatch):
    """With double precision that drops as many kernels and directions as single precision has to."""
    monkeypatch.setitem(kernel._ROUNDING, torch.float64, kernel._ROUNDING[torch.float32])
    monkeypatch.setitem(SMALLEST_TOL, torch.float64, SMALLEST_TOL[torch.float32])
    x, y = ou_pairs(n)
    exact = KernelEDMD(1.0, lag=LAG, generator=seeded()).fit(x, y).spectrum(5)
    single = KernelEDMD(1.0, lag=LAG, generator=seeded()).fit(x.float(), y.float()).spectrum(5)
    assert single.rates.dtype == single(x.float()).dtype == torch.float32
    torch.testing.assert_close(single.rates.double(), exact.rates, rtol=1e-2, atol=0)  # eps / 1e-5


def test_a_second_fit_starts_anew():
    used = KernelEDMD(1.0, lag=LAG).fit(*ou_pairs(400, seed=1))
    used.spectrum(3)
    pairs = ou_pairs(300)
    one, other = (e.fit(*pairs).spectrum(4) for e in (used, KernelEDMD(1.0, lag=LAG)))
    assert torch.equal(one.rates, other.rates)
    assert torch.equal(one.energies, other.energies)
    assert (one.scale, one.report) == (other.scale, other.report)
    with pytest.raises(ValueError, match="explains all points"):
        used.fit(torch.ones(9, 2), torch.ones(9, 2))
    with pytest.raises(RuntimeError, match="nothing was fitted yet"):
        used.spectrum()


def test_scaled_data_have_the_same_spectrum():
    x, y = ou_pairs(400)
    one = KernelEDMD(1.0, lag=LAG).fit(x, y).spectrum(5)
    other = KernelEDMD(1e3, lag=LAG).fit(1e3 * x, 1e3 * y).spectrum(5)
    torch.testing.assert_close(other.rates, one.rates, rtol=1e-6, atol=0)
    torch.testing.assert_close(1e6 * other.energies, one.energies, rtol=1e-5, atol=0)


def test_a_rotation_keeps_its_complex_pair():
    pairs = ou_pairs(4000, rotation=2.0)
    fitted = KernelEDMD(2.0, lag=LAG, reversible=False, generator=seeded()).fit(*pairs)
    slow = fitted.spectrum(2).rates
    assert sorted(slow.imag.tolist()) == pytest.approx([-2, 2], rel=0.1)
    with pytest.raises(ValueError, match="complex rates"):
        KSWGD(fitted.spectrum())
    with pytest.warns(UserWarning, match="not reversible"):
        KernelEDMD(2.0, lag=LAG, generator=seeded()).fit(*pairs).spectrum(2)


def test_particles_reach_the_floor():
    target = QuadrupleWell(1.0)
    x, y = snapshot_pairs(target, 1500, lag=0.05, dt=0.01, generator=seeded(1))
    spectrum = KernelEDMD(1.2, lag=0.05).fit(x, y).spectrum()
    run = run_particles(KSWGD(spectrum), 0.2 * normal(400, 2, seed=3) - 1, generator=seeded(), verbose=False)
    reference = target.sample(4000, seeded(7))
    floor = float(sliced_wasserstein2(target.sample(400, seeded(8)), reference, generator=seeded()))
    assert float(sliced_wasserstein2(run.final, reference, generator=seeded())) < 2 * floor


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KernelEDMD(0.0, lag=1.0), "kernel_width must be positive, got 0"),
        (lambda: KernelEDMD(math.inf, lag=1.0), "kernel_width must be positive, got inf"),
        (lambda: KernelEDMD(1.0, lag=-1.0), "lag must be positive, got -1"),
        (lambda: KernelEDMD(1.0, lag=1.0, ridge=-1.0), "ridge must not be negative"),
        (lambda: KernelEDMD(1.0, lag=1.0, ridge=math.nan), "ridge must not be negative"),
        (lambda: KernelEDMD(1.0, lag=1.0, n_centers=1), "n_centers must be at least 2, got 1"),
        (lambda: KernelEDMD(1.0, lag=1.0, n_centers=9, centers=normal(9, 2)), "Give one of them"),
        (lambda: KernelEDMD(1.0, lag=1.0).fit(normal(5, 2), normal(4, 2)), "x has 5 rows and y 4"),
        (lambda: KernelEDMD(1.0, lag=1.0).fit(normal(5, 2), normal(5, 1)), r"y has shape \(5, 1\)"),
        (lambda: KernelEDMD(1.0, lag=1.0).fit(normal(1, 2), normal(1, 2)), "at least 2 are needed"),
        (lambda: KernelEDMD(1.0, lag=1.0).fit(torch.ones(9, 2), torch.ones(9, 2)), "explains all points.*the same"),
        (lambda: KernelEDMD(1e9, lag=LAG).fit(*ou_pairs(50)), "one kernel of width 1e\\+09 explains.*smaller"),
        (lambda: KernelEDMD(1.0, lag=LAG).fit(*ou_pairs(50)).spectrum(0), "n_modes must be at least 1"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_spectrum_needs_a_fit():
    with pytest.raises(RuntimeError, match=r"KernelEDMD.spectrum: nothing was fitted yet"):
        KernelEDMD(1.0, lag=1.0).spectrum()
