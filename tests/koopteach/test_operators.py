"""GeneratorEDMD and EDMD: orthonormality, known spectra, streaming, weights, and what they say when data are bad."""

import math
import warnings
from functools import partial

import pytest
import torch

from koopteach import (
    EDMD,
    DoubleWell,
    GaussianMixture,
    GaussianRBF,
    GeneratorEDMD,
    Hermite,
    Monomials,
    MultiScale,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    snapshot_pairs,
    tensors,
)
from koopteach.operators import kept
from koopteach.operators.linear_algebra import Size, rounding, whiten, whiten_features
from koopteach.spectrum import torn_pair
from tests.tools import seeded

RING = GaussianMixture.ring(3, 2.0, 0.5)

# Directions of the Gram matrix are cut at 1e-8 of the largest, so a rounding of 2e-16 may come out as 2e-8.
CUT = 1e-6


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def eye(n):
    return torch.eye(n, dtype=torch.float64)


def ring(n=1200, seed=0):
    x = RING.sample(n, seeded(seed))
    return x, MultiScale.from_data(x, (25, 6), generator=seeded())


def ou_pairs(n, lag=0.3, seed=0, **kind):
    return snapshot_pairs(OrnsteinUhlenbeck(kind.pop("dim", 2), **kind), n, lag=lag, generator=seeded(seed))


def assert_same(one, other, tolerance=1e-10):
    """Two spectra with the same numbers: rates, energies, scale, functions."""
    x = normal(20, one.functions.dictionary.dim, seed=9)
    torch.testing.assert_close(one.rates, other.rates, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(one.energies, other.energies, rtol=tolerance, atol=tolerance)
    assert one.scale == pytest.approx(other.scale, rel=tolerance)
    # unit eigenfunctions may turn by the square root of the digits lost in the whitened matrix
    torch.testing.assert_close(one(x), other(x), rtol=1e3 * tolerance, atol=1e3 * tolerance)


# The generator


@pytest.mark.parametrize("weighted", [False, True])
def test_eigenfunctions_are_orthonormal_in_both_forms(weighted):
    x, psi = ring()
    w = torch.softmax(x[:, 0], 0) if weighted else torch.full((len(x),), 1 / len(x), dtype=x.dtype)
    spectrum = GeneratorEDMD(psi).fit(x, w if weighted else None).spectrum()
    phi, slopes = spectrum(x), spectrum.grad(x)
    lost = psi.n_features * torch.finfo(x.dtype).eps / 1e-8  # the default tol bounds the Gram matrix's condition number
    torch.testing.assert_close(w @ phi, torch.zeros_like(spectrum.rates), rtol=0, atol=lost)
    torch.testing.assert_close(phi.T @ (w[:, None] * phi), eye(len(spectrum)), rtol=0, atol=lost)
    dirichlet = torch.einsum("n,nkd,nld->kl", w, slopes, slopes)
    root = spectrum.rates.sqrt()
    torch.testing.assert_close(dirichlet / torch.outer(root, root), eye(len(spectrum)), rtol=0, atol=lost)
    assert torch.equal(spectrum.rates, spectrum.energies)
    assert bool((spectrum.rates.diff() >= 0).all())
    mean = w @ x
    assert spectrum.scale == pytest.approx(float((w @ (x - mean) ** 2).sum().sqrt()))


def test_linear_features_find_the_inverse_covariance():
    """For psi = x the problem is I a = rate Cov a: the rates are those of the Gaussian with that covariance."""
    x = normal(500, 2) * torch.tensor([2.0, 0.5]) + 3
    spectrum = GeneratorEDMD(Monomials(2, 1)).fit(x).spectrum()
    expected = torch.linalg.eigvalsh(torch.linalg.inv(x.T.cov(correction=0)))
    torch.testing.assert_close(spectrum.rates, expected, rtol=1e-9, atol=0)


def test_exact_quadrature_gives_exact_rates():
    """Weights make a Gauss rule of the points: the Galerkin matrices, and so the rates, have no error left."""
    import numpy as np

    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(12))
    theta = 0.6
    x = torch.cartesian_prod(nodes, nodes) / math.sqrt(theta)
    spectrum = GeneratorEDMD(Monomials(2, 4)).fit(x, torch.outer(weights, weights).flatten()).spectrum()
    torch.testing.assert_close(spectrum.rates, OrnsteinUhlenbeck(2, theta).exact_rates(14), rtol=1e-6, atol=0)


def test_slow_rates_of_the_wells_are_found():
    target = DoubleWell(2.0)
    x = target.sample(20_000, seeded())
    rates = GeneratorEDMD(MultiScale.from_data(x, (20, 8), generator=seeded())).fit(x).spectrum(3).rates
    torch.testing.assert_close(rates, target.exact_rates(3), rtol=0.1, atol=0)


def rms_error(estimate, n, seeds=16):
    exact = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    return math.sqrt(sum(float(((estimate(n, s) - exact) ** 2).mean()) for s in range(seeds)) / seeds)


def from_samples(n, seed):
    return GeneratorEDMD(Hermite(1, 3)).fit(normal(n, 1, seed=seed)).spectrum().rates


def from_pairs(n, seed, **options):
    return EDMD(Hermite(1, 3), lag=0.3, **options).fit(*ou_pairs(n, dim=1, seed=seed)).spectrum().rates.real


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimate",
    [
        from_samples,
        pytest.param(from_pairs, marks=pytest.mark.slow),
        pytest.param(partial(from_pairs, reversible=False), marks=pytest.mark.slow),
    ],
    ids=["generator", "pairs", "plain"],
)
def test_the_error_shrinks_like_one_over_root_n(estimate):
    sizes = [1000, 8000, 64_000]
    errors = [rms_error(estimate, n) for n in sizes]
    slope = math.log(errors[-1] / errors[0]) / math.log(sizes[-1] / sizes[0])
    assert -0.65 < slope < -0.35
    assert errors[-1] < 0.1


def test_weights_add_up_in_double_precision():
    """A hundred pieces, each lost in float32 beside the first."""
    x = normal(64, 1).float()
    heavy, light = torch.full((64,), 1e8), torch.ones(64)
    fitted = GeneratorEDMD(Hermite(1, 2)).partial_fit(x, heavy)
    for _ in range(100):
        fitted.partial_fit(x + 1, light)
    total = 64 * (1e8 + 100)
    assert float(fitted._weight) == total
    features = 1e8 * Hermite(1, 2)(x.double()).sum(0) + 100 * Hermite(1, 2)(x.double() + 1).sum(0)
    torch.testing.assert_close(fitted._psi, features, rtol=0, atol=1e-6 * total)
    assert fitted._psi.dtype == fitted._gram.dtype == torch.float64


class Steps:
    """Features without a slope: the sign of each coordinate."""

    dim = n_features = 2

    def __call__(self, x):
        return x.sign()

    def grad(self, x):
        return x.new_zeros(len(x), 2, 2)


def test_no_rate_is_zero_or_below():
    """Samplers divide by them, so that what vanishes is kept as the smallest positive number."""
    rates = GeneratorEDMD(Steps()).fit(normal(200, 2)).spectrum().rates
    assert bool((rates > 0).all())
    assert float(rates.max()) < 1e-300


class Line:
    """A manifold with what the protocol asks for and nothing else: the first axis of the plane."""

    dim = 2

    def project(self, x):
        return x * x.new_tensor([1.0, 0.0])

    def tangent(self, x, v):
        return v * v.new_tensor([1.0, 0.0])


def test_a_manifold_of_ones_own_will_do():
    x = Line().project(normal(3000, 2))
    psi = GaussianRBF(normal(12, 2, seed=1), 1.0)
    flat = GeneratorEDMD(psi).fit(x).spectrum(2)
    own = GeneratorEDMD(psi, manifold=Line()).fit(x).spectrum(2)
    torch.testing.assert_close(own.rates, torch.tensor([1.0, 2.0]).double(), rtol=0.1, atol=0)
    assert bool((flat.rates > own.rates).all())  # slopes across the line count as energy
    y = Line().project(0.8 * x + 0.6 * normal(3000, 2, seed=2))
    pairs = EDMD(psi, lag=-math.log(0.8), manifold=Line()).fit(x, y).spectrum(2)
    torch.testing.assert_close(pairs.energies, torch.tensor([1.0, 2.0]).double(), rtol=0.2, atol=0)
    assert float(pairs.grad(x[:5])[..., 1].abs().max()) == 0


def test_whole_weights_are_repeated_points():
    x, psi = ring(400)
    counts = torch.randint(0, 4, (400,), generator=seeded(1))
    repeated = GeneratorEDMD(psi).fit(x.repeat_interleave(counts, 0)).spectrum()
    assert_same(GeneratorEDMD(psi).fit(x, counts.double()).spectrum(), repeated, CUT)
    assert_same(GeneratorEDMD(psi).fit(x, 1e3 * counts.double()).spectrum(), repeated, CUT)


def test_weights_condition_the_samples():
    """A Gaussian tilted by exp(x) is the same Gaussian about 1: weights turn one into the other's spectrum."""
    x = normal(50_000, 1)
    spectrum = GeneratorEDMD(Monomials(1, 1)).fit(x, x[:, 0].exp()).spectrum()
    assert float(spectrum.rates) == pytest.approx(1, rel=0.1)
    at_mean = float(spectrum(torch.ones(1, 1, dtype=torch.float64)))
    assert abs(at_mean) < 0.05


def test_duplicated_data_have_the_same_spectrum():
    x, psi = ring(400)
    assert_same(GeneratorEDMD(psi).fit(x).spectrum(), GeneratorEDMD(psi).fit(x.repeat(2, 1)).spectrum(), CUT)


@pytest.mark.parametrize("numbers", [None, 1])
def test_samples_may_come_in_pieces(numbers, monkeypatch):
    x, psi = ring()
    w = torch.softmax(x[:, 0], 0)
    whole = GeneratorEDMD(psi).fit(x, w).spectrum()
    if numbers:
        monkeypatch.setattr(tensors, "CHUNK_NUMBERS", numbers)
    streamed = GeneratorEDMD(psi)
    for part, weight in zip(x.split(171), w.split(171)):
        streamed.partial_fit(part, weight)
    assert_same(streamed.spectrum(), whole, CUT)
    assert torch.equal(streamed.fit(x, w).spectrum().rates, GeneratorEDMD(psi).fit(x, w).spectrum().rates)


@pytest.mark.parametrize("numbers", [None, 1])
def test_pieces_accumulate_the_same_matrices(numbers, monkeypatch):
    """Before the eigenproblem, which amplifies rounding, they agree to the last digits."""
    x, psi = ring()
    whole = GeneratorEDMD(psi).fit(x)
    if numbers:
        monkeypatch.setattr(tensors, "CHUNK_NUMBERS", numbers)
    streamed = GeneratorEDMD(psi)
    for part in x.split(171):
        streamed.partial_fit(part)
    for name in ("_gram", "_stiffness", "_psi"):
        torch.testing.assert_close(getattr(streamed, name), getattr(whole, name), rtol=1e-10, atol=1e-10)
    assert float(streamed._size) == pytest.approx(float(whole._size), rel=1e-12)


def test_data_in_other_units_scale_the_rates():
    x = ring()[0]
    fits = [
        GeneratorEDMD(MultiScale.from_data(c * x, (25, 6), generator=seeded())).fit(c * x).spectrum() for c in (1, 4)
    ]
    torch.testing.assert_close(fits[1].rates * 16, fits[0].rates, rtol=1e-8, atol=0)
    assert fits[1].scale == pytest.approx(4 * fits[0].scale)


def test_turned_data_have_the_same_rates():
    x = normal(1000, 2) * torch.tensor([1.0, 0.3])
    turn = torch.linalg.qr(normal(2, 2, seed=3)).Q
    z = x[:30]
    rates = [
        GeneratorEDMD(MultiScale([GaussianRBF(centres, 0.5), Monomials(2, 2)])).fit(data).spectrum().rates
        for data, centres in ((x, z), (x @ turn, z @ turn))
    ]
    torch.testing.assert_close(rates[1], rates[0], rtol=1e-6, atol=0)


def test_features_that_say_the_same_are_dropped_not_ridged():
    """A repeated feature adds a null direction to the Gram matrix, which must not come back as a slow mode."""
    x, psi = normal(500, 1), Hermite(1, 3)
    once = GeneratorEDMD(psi).fit(x).spectrum()
    twice = GeneratorEDMD(MultiScale([psi, psi])).fit(x).spectrum()
    torch.testing.assert_close(twice.rates, once.rates, rtol=1e-8, atol=0)
    assert "3 modes of 3 directions kept, 3 of 6 directions dropped, 6 features, 500 points" in twice.report


def test_single_precision_finds_the_same_slow_rates():
    x, psi = ring()
    exact = GeneratorEDMD(psi, tol=1e-5).fit(x).spectrum(10)
    single = GeneratorEDMD(psi.to(torch.float32)).fit(x.float()).spectrum(10)
    assert single.rates.dtype == single(x.float()).dtype == torch.float32
    assert "tol 1e-05" in single.report
    torch.testing.assert_close(single.rates.double(), exact.rates, rtol=5e-3, atol=0)


# Pairs


def test_pairs_of_a_reversible_process_diagonalise_both_matrices():
    psi = Hermite(2, 3)
    x, y = ou_pairs(3000)
    estimator = EDMD(psi, lag=0.3).fit(x, y)
    spectrum = estimator.spectrum()
    a, b = spectrum(x), spectrum(y)
    assert float((a.mean(0) + b.mean(0)).abs().max()) < 1e-9
    torch.testing.assert_close((a.T @ a + b.T @ b) / 6000, eye(len(spectrum)), rtol=0, atol=1e-7)
    mu = torch.exp(-0.3 * spectrum.rates)
    torch.testing.assert_close((a.T @ b + b.T @ a) / 6000, torch.diag(mu), rtol=0, atol=1e-7)


def test_plain_pairs_solve_the_regression():
    """What is left of ``phi(y) - mu phi(x)`` is uncorrelated with every feature."""
    psi = Hermite(2, 2)
    x, y = ou_pairs(3000, rotation=2.0)
    spectrum = EDMD(psi, lag=0.3, reversible=False).fit(x, y).spectrum()
    mu = torch.exp(-0.3 * spectrum.rates)
    left = spectrum(y) - mu * spectrum(x)
    features = (psi(x) - psi(x).mean(0)).to(left.dtype)
    assert float((features.T @ left).abs().max()) / 3000 < 1e-9
    assert float((spectrum(x).mean(0)).abs().max()) < 1e-9
    torch.testing.assert_close(spectrum(x).abs().square().mean(0), torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize("options", [{}, {"reversible": False}])
def test_energies_are_the_dirichlet_energies_of_the_functions(options):
    x, y = ou_pairs(2000)
    spectrum = EDMD(Hermite(2, 3), lag=0.3, **options).fit(x, y).spectrum()
    expected = spectrum.grad(x).abs().square().sum(2).mean(0)
    torch.testing.assert_close(spectrum.energies, expected, rtol=1e-10, atol=0)
    assert spectrum.scale == pytest.approx(float(x.var(0, correction=0).sum().sqrt()))


@pytest.mark.parametrize("n", [3000, 9000])
def test_energies_are_means_over_the_pairs_that_are_kept(n):
    """Of 9,000 pairs 4,000 are kept; the energies of a process in our clock are its rates."""
    spectrum = EDMD(Hermite(1, 2), lag=0.3).fit(*ou_pairs(n, dim=1)).spectrum()
    torch.testing.assert_close(spectrum.energies, torch.tensor([1.0, 2.0]).double(), rtol=0.06, atol=0)


def test_rates_do_not_depend_on_the_lag():
    rates = [EDMD(Hermite(2, 2), lag=lag).fit(*ou_pairs(60_000, lag)).spectrum().rates for lag in (0.1, 0.5)]
    for found in rates:
        torch.testing.assert_close(found, OrnsteinUhlenbeck(2).exact_rates(5), rtol=0.05, atol=0)


@pytest.mark.parametrize("reversible", [True, False])
@pytest.mark.parametrize("psi", [Hermite(1, 4), GaussianRBF(normal(9, 1), 0.5)], ids=["Hermite", "RBF"])
def test_without_motion_every_eigenvalue_is_one(psi, reversible):
    x = normal(2000, 1)
    estimator = EDMD(psi, lag=0.1, reversible=reversible).fit(x, x)
    mu = estimator._eigen(1e-8)[1]
    torch.testing.assert_close(mu, torch.ones_like(mu), rtol=0, atol=1e-7)
    with pytest.raises(ValueError, match="Nothing moved within the lag: lengthen it, and look whether y is x"):
        estimator.spectrum()


def test_plain_pairs_find_the_rotation():
    spectrum = EDMD(Hermite(2, 2), lag=0.1, reversible=False).fit(*ou_pairs(60_000, 0.1, rotation=3.0)).spectrum()
    found = sorted(spectrum.rates[:2].tolist(), key=lambda rate: rate.imag)
    assert abs(found[0] - (1 - 3j)) < 0.05 * abs(1 + 3j)
    assert abs(found[1] - (1 + 3j)) < 0.05 * abs(1 + 3j)


def test_symmetrised_rotation_warns_and_reports_the_known_wrong_rate():
    """``rate - log|cos(w lag)| / lag`` in place of ``rate +- i w``."""
    x, y = ou_pairs(30_000, 0.3, rotation=2.0)
    with pytest.warns(UserWarning, match=r"asymmetric by \d+ standard errors.*reversible=False"):
        spectrum = EDMD(Hermite(2, 1), lag=0.3).fit(x, y).spectrum()
    assert float(spectrum.rates[0]) == pytest.approx(1 - math.log(math.cos(0.6)) / 0.3, rel=0.1)
    assert "the process is not reversible" in spectrum.report


def test_rotation_is_noticed_however_few_modes_are_asked():
    with pytest.warns(UserWarning, match="not reversible"):
        assert len(EDMD(Hermite(2, 3), lag=0.3).fit(*ou_pairs(3000, rotation=1.0)).spectrum(1)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_the_warning_comes_with_rotation_alone(seed):
    with pytest.warns(UserWarning, match="not reversible"):
        EDMD(Hermite(2, 3), lag=0.3).fit(*ou_pairs(3000, rotation=1.0, seed=seed)).spectrum()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EDMD(Hermite(2, 3), lag=0.3).fit(*ou_pairs(3000, seed=seed)).spectrum()
        pairs = snapshot_pairs(QuadrupleWell(2.0), 1500, lag=0.05, dt=0.01, generator=seeded(seed))
        EDMD(Hermite(2, 3), lag=0.05).fit(*pairs).spectrum()


def test_a_torn_pair_is_told():
    """Rotation makes the linear functions a pair: one mode tears it, two do not."""
    edmd = EDMD(Hermite(2, 1), lag=0.3, reversible=False).fit(*ou_pairs(3000, rotation=2.0))
    for torn in (edmd.spectrum(1), edmd.spectrum(2).truncate(1)):
        assert "mode 1 is one of a conjugate pair and the other is cut off" in torn.report
    assert "conjugate" not in edmd.spectrum(2).report
    reversible = EDMD(Hermite(2, 1), lag=0.3).fit(*ou_pairs(3000)).spectrum(1)
    assert "conjugate" not in reversible.report
    assert torn_pair(torch.zeros(2, dtype=torch.complex128)) == ""  # a rate of zero is its own conjugate
    assert "keep 1 or 3 modes" in torn_pair(torch.tensor([1, 1 + 1j]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_size_is_the_same_far_from_the_origin(dtype):
    """It is that of ``x.var``; in float32 the squares of such points have no digit of it left."""
    x, y = (z.to(dtype) + 5000.0 for z in ou_pairs(4000))
    size = float(x.double().var(dim=0, correction=0).sum().sqrt())
    centred = GaussianRBF(x[:40], 1.0)
    for fitted in (EDMD(centred, lag=0.3).fit(x, y), GeneratorEDMD(centred).fit(x)):
        assert fitted.spectrum(2).scale == pytest.approx(size, rel=1e-6)
    weights = torch.linspace(0.5, 1.5, len(x), dtype=dtype)
    share = (weights / weights.sum())[:, None].double()
    mean = (share * x.double()).sum(0)
    size = float((share * (x.double() - mean).square()).sum().sqrt())
    assert GeneratorEDMD(centred).fit(x, weights).spectrum(2).scale == pytest.approx(size, rel=1e-5)


@pytest.mark.parametrize("numbers", [None, 2000])
def test_pairs_may_come_in_pieces(numbers, monkeypatch):
    x, y = ou_pairs(10_000)
    whole = EDMD(Hermite(2, 3), lag=0.3).fit(x, y)
    if numbers:
        monkeypatch.setattr(tensors, "CHUNK_NUMBERS", numbers)
    streamed = EDMD(Hermite(2, 3), lag=0.3)
    for a, b in zip(x.split(1431), y.split(1431)):
        streamed.partial_fit(a, b)
    assert_same(streamed.spectrum(), whole.spectrum())
    assert len(streamed._kept.pairs) <= kept.MOST
    assert_same(streamed.fit(x, y).spectrum(), whole.spectrum())  # fit forgets


def test_a_buffer_that_is_filled_again_changes_nothing():
    x, y = ou_pairs(1000)
    whole = EDMD(Hermite(2, 2), lag=0.3).fit(x, y).spectrum()
    streamed, buffers = EDMD(Hermite(2, 2), lag=0.3), (torch.empty(500, 2, dtype=x.dtype), torch.empty_like(x[:500]))
    for part in (slice(0, 500), slice(500, 1000)):
        streamed.partial_fit(*(buffer.copy_(data[part]) for buffer, data in zip(buffers, (x, y))))
    assert_same(streamed.spectrum(), whole)


def test_eigenvalues_below_zero_are_noise():
    """A long lag leaves scatter about zero; its logarithm would be NaN."""
    spectrum = EDMD(Hermite(1, 6), lag=3.0).fit(*ou_pairs(200, 3.0, dim=1)).spectrum()
    assert bool(torch.isfinite(spectrum.rates).all())
    assert bool((spectrum.rates < 3.92 / 3).all())
    assert "outside (0.02, 1)" in spectrum.report


def test_a_ridge_shrinks_the_eigenvalues():
    x, y = ou_pairs(3000)
    plain, ridged = (EDMD(Hermite(2, 2), lag=0.3, ridge=r).fit(x, y).spectrum().rates for r in (None, 0.1))
    assert bool((ridged > plain).all())
    # in a basis with Gram matrix near one, mu becomes mu / (1 + ridge)
    assert float(ridged[0] - plain[0]) == pytest.approx(math.log(1.1) / 0.3, rel=0.2)


@pytest.mark.parametrize("reversible", [True, False])
def test_single_precision_pairs(reversible):
    """So few that all are kept: of more, those that energies are means over depend on their last digits."""
    x, y = ou_pairs(kept.MOST)
    exact = EDMD(Hermite(2, 2), lag=0.3, reversible=reversible).fit(x, y).spectrum()
    single = EDMD(Hermite(2, 2), lag=0.3, reversible=reversible).fit(x.float(), y.float()).spectrum()
    assert single.rates.dtype == (torch.float32 if reversible else torch.complex64)
    torch.testing.assert_close(single.rates.abs().double(), exact.rates.abs(), rtol=1e-3, atol=0)
    torch.testing.assert_close(single.energies.double(), exact.energies, rtol=1e-3, atol=0)


# Both


@pytest.mark.parametrize("make", [GeneratorEDMD, partial(EDMD, lag=0.3), partial(EDMD, lag=0.3, reversible=False)])
@pytest.mark.parametrize("first", [torch.float64, torch.float32])
def test_a_second_fit_starts_anew(make, first):
    """Other data, another dtype, more of them or fewer: nothing of the first fit is left."""
    data, before = (ou_pairs(n, seed=n)[: 1 if make is GeneratorEDMD else 2] for n in (800, 5000))
    used = make(Hermite(2, 2)).fit(*(part.to(first) for part in before))
    used.spectrum()
    assert_identical(used.fit(*data), make(Hermite(2, 2)).fit(*data))


def assert_identical(fitted, fresh):
    one, other = fitted.spectrum(), fresh.spectrum()
    assert torch.equal(one.rates, other.rates)
    assert torch.equal(one.energies, other.energies)
    assert (one.scale, one.report) == (other.scale, other.report)


@pytest.mark.parametrize("make", [GeneratorEDMD, partial(EDMD, lag=0.3)])
def test_a_fit_that_fails_leaves_nothing_of_the_one_before(make):
    data = ou_pairs(500)[: 1 if make is GeneratorEDMD else 2]
    fitted = make(Hermite(2, 2)).fit(*data)
    with pytest.raises(ValueError, match="NaN or infinity"):
        fitted.fit(*(part * math.nan for part in data))
    with pytest.raises(RuntimeError, match="nothing was fitted yet"):
        fitted.spectrum()


@pytest.mark.parametrize("make", [GeneratorEDMD, partial(EDMD, lag=0.3)])
def test_pieces_of_another_precision_are_refused(make):
    data = ou_pairs(500)[: 1 if make is GeneratorEDMD else 2]
    fitted = make(Hermite(2, 2)).partial_fit(*data)
    with pytest.raises(TypeError, match=r"partial_fit: the points are torch.float32.*what was seen before is torch.fl"):
        fitted.partial_fit(*(part.float() for part in data))


@pytest.mark.parametrize("psi", [Hermite(2, 2), GaussianRBF(normal(70, 2), 1.0)], ids=["Hermite", "RBF"])
def test_a_fit_leaves_all_products_to_torch(psi, monkeypatch):
    """Another library's threads and torch's wait for each other in turn: a fit on two threads took 60 times as long."""
    x, y = ou_pairs(500)

    def refuse(*_, **__):
        raise AssertionError("the data were handed to another library")

    for way_out in ("numpy", "__array__", "__dlpack__", "data_ptr", "tolist"):
        monkeypatch.setattr(torch.Tensor, way_out, refuse)
    fits = [GeneratorEDMD(psi).fit(x), GeneratorEDMD(psi).fit(x, torch.ones(500))]
    fits += [EDMD(psi, lag=0.3, reversible=kind).fit(x, y) for kind in (True, False)]
    for fitted in fits:
        spectrum = fitted.spectrum(3)
        spectrum(x), spectrum.mean(x), spectrum.grad(x), spectrum.contract_grad(x, spectrum.rates)


@pytest.mark.slow
def test_all_modes_are_kept_unless_somebody_asks_for_fewer_and_many_say_what_they_cost():
    fitted = GeneratorEDMD(GaussianRBF(normal(260, 2), 0.1)).fit(normal(3000, 2, seed=1))
    assert len(fitted.spectrum()) == len(fitted.spectrum(1000)) > 240
    assert "modes: a damped step of KSWGD takes about 2e+05 multiplications a particle" in fitted.spectrum(230).report
    assert "multiplications" not in fitted.spectrum(200).report


@pytest.mark.parametrize("fit", [lambda psi, x: GeneratorEDMD(psi).fit(x), lambda psi, x: EDMD(psi, lag=1.0).fit(x, x)])
def test_more_features_than_memory_holds_are_told_before_any_is_allocated(fit):
    with pytest.raises(ValueError, match=r"EDMD: 30,000 features have a Gram matrix of 6.7 GiB, but at most 4 GiB"):
        fit(GaussianRBF(normal(30_000, 2), 1.0), normal(50, 2))


def test_the_size_of_weighted_points_by_hand():
    """Points 0, 1 and 3 with weights 1, 2 and 1: mean 5/4, variance 19/16."""
    size = Size()
    size.add(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]]))
    size.add(torch.tensor([[3.0]]), torch.tensor([[1.0]]))
    assert float(size) == pytest.approx(math.sqrt(19) / 4)


def test_rounding_is_that_of_the_mean_squares():
    eps = torch.finfo(torch.float32).eps
    assert rounding(torch.tensor([1.0, 2.0]), torch.float32).tolist() == pytest.approx([4 * eps, 8 * eps])


def test_directions_are_cut_at_the_tolerance_or_at_rounding():
    gram = torch.diag(torch.tensor([1e-9, 1e-7, 1e-3, 1.0], dtype=torch.float64))
    assert [whiten(gram, tol, "EDMD").shape[1] for tol in (0.0, 1e-8, 1e-5)] == [4, 3, 2]
    assert whiten(gram, 0.0, "EDMD", rounding=1e-6).shape[1] == 2
    with pytest.raises(ValueError, match=r"^EDMD.spectrum: every feature is constant"):
        whiten(gram, 0.0, "EDMD", rounding=1.0)
    of_its_own = torch.tensor([0.0, 0.0, 1e-2, 0.0])
    assert whiten(gram, 0.0, "EDMD", rounding=of_its_own).shape[1] == 3


def test_units_of_features_decide_nothing():
    """Correlations alone do: features in any units span the same functions, and only those equal to others go."""
    a = normal(50, 6)
    a = torch.cat([a, a[:, :1] + a[:, 1:2], torch.full((50, 1), 1e-9).double()], dim=1)
    units = torch.tensor([1e-9, 1e9, 1.0, 1e-3, 1e6, 30.0, 1e4, 1.0]).double()
    spans = []
    for scaled in (a, a * units):
        scaled = scaled - scaled.mean(0)
        gram = scaled.T @ scaled / 50
        w = whiten_features(gram, 1e-8, "EDMD", rounding(gram.diagonal(), torch.float64))
        torch.testing.assert_close(w.T @ gram @ w, eye(6), rtol=0, atol=1e-7)
        assert bool((w[-1] == 0).all())
        spans.append(scaled @ w)
    torch.testing.assert_close(spans[0] @ spans[0].T, spans[1] @ spans[1].T, rtol=0, atol=1e-7)


@pytest.mark.parametrize("units", [1.0, 100.0, 1e-6, 1e6])
@pytest.mark.parametrize("reversible", [True, False])
@pytest.mark.parametrize("ridge", [None, 1e-3])
def test_rates_do_not_depend_on_units(units, reversible, ridge):
    """Timescales .998, .524, .363 of an Ornstein-Uhlenbeck process at every scale; exact are 1, 1/2, 1/3."""
    x, y = ou_pairs(3000, dim=1)

    def rates(c):
        estimator = EDMD(Monomials(1, 3), lag=0.3, reversible=reversible, ridge=ridge)
        return estimator.fit(c * x, c * y).spectrum().rates

    torch.testing.assert_close(rates(units), rates(1.0), rtol=1e-6, atol=0, check_dtype=False)
    assert len(rates(units)) == 3


@pytest.mark.parametrize(
    ("spread", "center", "degree"), [([8.0, 10.0], [15.0, 1013.0], 3), ([1e-6, 1e6], [0.0, 0.0], 2)]
)
def test_no_mode_is_lost_to_mixed_units(spread, center, degree):
    """Temperature and pressure: nine modes of nine, the rates of standard columns.

    A cube lies (1013 / 10)^3 = 1e6 times its own spread from zero, and the Gram matrix squares that: 1e12 times eps is
    2e-4 in an entry, ten times as much in a sum over nine features and the logarithm of a small eigenvalue.
    """
    x, y = ou_pairs(5000)
    center, spread = torch.tensor(center).double(), torch.tensor(spread).double()
    found = EDMD(Monomials(2, degree), lag=0.3).fit(center + spread * x, center + spread * y).spectrum()
    exact = EDMD(Monomials(2, degree), lag=0.3).fit(x, y).spectrum()
    torch.testing.assert_close(found.rates, exact.rates, rtol=6e-3, atol=0)
    assert "0 of" in found.report
    assert "directions dropped" in found.report


def generator_fit():
    return GeneratorEDMD(Hermite(2, 3)).fit(normal(500, 2))


def pair_fit():
    return EDMD(Hermite(2, 3), lag=0.3).fit(*ou_pairs(3000))


@pytest.mark.parametrize("fit", [generator_fit, pair_fit])
def test_fewer_and_more_modes(fit):
    estimator = fit()
    everything = estimator.spectrum()
    few = estimator.spectrum(3)
    assert torch.equal(few.rates, everything.rates[:3])
    more = estimator.spectrum(50)
    assert len(more) == len(everything)
    assert f"50 modes asked, the data support {len(everything)}" in more.report
    assert "asked" not in everything.report
    with pytest.raises(ValueError, match="n_modes must be at least 1, got 0"):
        estimator.spectrum(0)


def test_signs_are_fixed_and_few_points_remarked():
    spectrum = generator_fit().spectrum()
    c = spectrum.functions.coefficients
    assert bool((c.gather(0, c.abs().argmax(0)[None]) > 0).all())
    assert "points per feature" not in spectrum.report
    assert "5.6 points per feature (fewer than 6)" in GeneratorEDMD(Hermite(2, 3)).fit(normal(50, 2)).spectrum().report


def test_whitening_makes_the_kept_directions_orthonormal():
    a = normal(30, 6)
    gram = a.T @ a
    w = whiten(gram, 1e-8, "EDMD")
    torch.testing.assert_close(w.T @ gram @ w, eye(6), rtol=0, atol=1e-10)
    values = torch.linalg.eigvalsh(gram)
    assert whiten(gram, float(values[2] / values[-1]) * 1.001, "EDMD").shape == (6, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GeneratorEDMD(Hermite(1, 2), tol=1.0), r"tol must be in \[0, 1\), got 1"),
        (lambda: GeneratorEDMD(Hermite(1, 2)).fit(normal(5, 2)), r"partial_fit: x has shape \(5, 2\).*1 coordinates"),
        (lambda: GeneratorEDMD(Hermite(1, 2)).fit(torch.full((5, 1), torch.nan)), "NaN or infinity in 5 of 5"),
        (lambda: GeneratorEDMD(Hermite(1, 2)).fit(torch.ones(5, 1)).spectrum(), "every feature is constant"),
        (
            lambda: GeneratorEDMD(Hermite(1, 2)).fit(normal(5, 1), torch.ones(4)),
            r"weights has shape \(4,\), but \(5,\)",
        ),
        (lambda: GeneratorEDMD(Hermite(1, 2)).fit(normal(5, 1), -torch.ones(5)), "not negative.*softmax"),
        (lambda: GeneratorEDMD(Hermite(1, 2)).fit(normal(5, 1), torch.zeros(5)), "not all zero"),
        (lambda: GeneratorEDMD(Hermite(1, 2)).fit(normal(5, 1), torch.full((5,), torch.nan)), "must be finite"),
        (lambda: EDMD(Hermite(1, 2), lag=0.0), "lag must be positive, got 0"),
        (lambda: EDMD(Hermite(1, 2), lag=math.inf), "lag must be positive, got inf"),
        (lambda: EDMD(Hermite(1, 2), lag=1.0, tol=-1.0), r"tol must be in \[0, 1\), got -1"),
        (lambda: EDMD(Hermite(1, 2), lag=1.0, ridge=-1.0), "ridge must not be negative, got -1"),
        (lambda: EDMD(Hermite(1, 2), lag=1.0).fit(normal(5, 1), normal(4, 1)), r"x has 5 rows and y 4.*y = z\[1:\]"),
        (lambda: EDMD(Hermite(1, 2), lag=1.0).fit(normal(5, 1), normal(5, 2)), r"y has shape \(5, 2\)"),
        (lambda: EDMD(Hermite(1, 1), lag=9.0).fit(*ou_pairs(5000, 9.0, dim=1)).spectrum(), "Shorten the lag"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("estimator", [GeneratorEDMD(Hermite(1, 2)), EDMD(Hermite(1, 2), lag=1.0)])
def test_a_spectrum_needs_a_fit(estimator):
    with pytest.raises(RuntimeError, match=r"nothing was fitted yet\. Call fit"):
        estimator.spectrum()


@pytest.mark.parametrize("dtype", [torch.int64, torch.float16])
def test_other_numbers_are_refused(dtype):
    with pytest.raises(TypeError, match=rf"GeneratorEDMD.partial_fit: x has dtype {dtype}"):
        GeneratorEDMD(Hermite(1, 2)).fit(torch.ones(5, 1, dtype=dtype))


def test_no_eigenvalue_of_reversible_pairs_is_above_one():
    """Too few pairs for an ill-conditioned dictionary: 1 - mu is a Gram matrix's, whatever the data."""
    x = torch.randn(400, 2, dtype=torch.float64, generator=seeded())
    y = 0.8 * x + 0.6 * torch.randn(400, 2, dtype=torch.float64, generator=seeded())
    fit = EDMD(GaussianRBF(x[:200].clone(), 1.5), lag=0.1, tol=1e-10).fit(x, y)
    mu = fit._eigen(1e-10)[1]
    assert float(mu.max()) < 1 + 1e-6
    assert float(mu.min()) > -1 - 1e-6


@pytest.mark.parametrize("kind", [{}, {"reversible": False}])
@pytest.mark.parametrize("ahead", [1, 7])
@pytest.mark.parametrize("psi", [Hermite(2, 3), GaussianRBF(normal(9, 2), 1.0)], ids=["polynomials", "kernels"])
def test_each_state_of_a_trajectory_is_evaluated_once(monkeypatch, psi, ahead, kind):
    """Pairs in one piece of memory fit as their copies do, in chunks and with a last one shorter than the lag."""
    path, rows = normal(210, 3)[:, 1:], []
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    monkeypatch.setattr(type(psi), "__call__", counted(type(psi).__call__, rows))
    found = EDMD(psi, lag=1.0, **kind).partial_fit(path[:-ahead], path[ahead:])
    seen, rows[:] = sum(rows), []
    expected = EDMD(psi, lag=1.0, **kind).partial_fit(path[:-ahead].clone(), path[ahead:].clone())
    for name in ("_first", "_second", "_mean_x", "_mean_y"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-12, atol=1e-12)
    assert seen < sum(rows)


def counted(function, rows):
    """The function, which notes how many rows it is given."""

    def call(self, x):
        rows.append(len(x))
        return function(self, x)

    return call
