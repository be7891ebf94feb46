"""DiffusionMaps: the walk, its extension and gradient, and the rates of all estimators side by side."""

import math

import pytest
import torch

from koopteach import (
    EDMD,
    KSWGD,
    DiffusionMaps,
    DoubleWell,
    GaussianRBF,
    GeneratorEDMD,
    KernelEDMD,
    MultiScale,
    NeuralDictionary,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    run_particles,
    sliced_wasserstein2,
    snapshot_pairs,
    tensors,
)
from koopteach.kernels import default_bandwidth
from koopteach.operators import diffusion
from tests.tools import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def walk(x, bandwidth, alpha):
    """The transition matrix by its definition."""
    k = torch.exp(-(torch.cdist(x, x) ** 2) / (2 * bandwidth**2))
    q = k.sum(1)
    k = k / torch.outer(q, q) ** alpha
    return k / k.sum(1, keepdim=True)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_modes_are_eigenvectors_of_the_walk(alpha):
    x = normal(150, 2)
    spectrum = DiffusionMaps(0.6, alpha).fit(x).spectrum(5)
    p, phi = walk(x, 0.6, alpha), spectrum(x)
    torch.testing.assert_close(
        p @ phi - phi, -0.5 * 0.6**2 * spectrum.rates * (phi - _fixed(p, phi)), atol=1e-9, rtol=0
    )
    mu = torch.linalg.eigvals(p).real.sort(descending=True).values
    torch.testing.assert_close(spectrum.rates, (1 - mu[1:6]) / (0.5 * 0.6**2), rtol=1e-8, atol=1e-9)


def _fixed(p, phi):
    """The constant part of functions: their mean under the walk's stationary law."""
    values, vectors = torch.linalg.eig(p.T)
    law = vectors[:, values.real.argmax()].real
    return law @ phi / law.sum()


def test_the_extension_equals_the_eigenvectors_at_the_data():
    x = normal(200, 2)
    fitted = DiffusionMaps(0.6).fit(x)
    spectrum = fitted.spectrum(6)
    _, psi = fitted._walk.eigenvectors(6)
    psi = (psi - psi.mean(0)) / psi.std(0, correction=0)
    phi = spectrum(x)
    signs = (psi * phi).sum(0).sign()
    torch.testing.assert_close(phi, signs * psi, rtol=0, atol=1e-10)
    torch.testing.assert_close(phi.mean(0), torch.zeros(6, dtype=x.dtype), rtol=0, atol=1e-10)
    torch.testing.assert_close(phi.square().mean(0), torch.ones(6, dtype=x.dtype), rtol=0, atol=1e-10)


def test_gradients_are_those_of_autograd():
    spectrum = DiffusionMaps(0.5).fit(normal(200, 3) + 2).spectrum(4)
    u, w = normal(20, 3, seed=1) + 2, normal(4, seed=2)
    v = u.clone().requires_grad_(True)
    expected = torch.stack([torch.autograd.grad(c, v, retain_graph=True)[0] for c in spectrum(v).sum(0)], dim=1)
    torch.testing.assert_close(spectrum.grad(u), expected, rtol=1e-8, atol=1e-8)
    contracted = torch.einsum("nrd,r->nd", expected, w)
    torch.testing.assert_close(spectrum.contract_grad(u, w), contracted, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(spectrum.truncate(2)(u), spectrum(u)[:, :2])


def test_far_from_the_data_the_nearest_point_decides():
    x = normal(50, 2)
    spectrum = DiffusionMaps(0.6).fit(x).spectrum(3)
    far = torch.tensor([[1e4, 0.0], [-1e4, 3e4]], dtype=torch.float64)
    assert bool(spectrum(far).isfinite().all())
    torch.testing.assert_close(spectrum.grad(far), torch.zeros(2, 3, 2, dtype=x.dtype), rtol=0, atol=1e-6)


def test_energies_are_those_of_the_gradients():
    x = normal(300, 2)
    spectrum = DiffusionMaps(0.5).fit(x).spectrum(4)
    torch.testing.assert_close(spectrum.energies, spectrum.grad(x).square().sum(2).mean(0))
    assert spectrum.scale == pytest.approx(float(x.var(0, correction=0).sum().sqrt()))


def test_data_in_other_units_scale_the_rates():
    x = normal(300, 2)
    one, other = (DiffusionMaps(c * 0.5).fit(c * x + c).spectrum(5) for c in (1, 7))
    torch.testing.assert_close(49 * other.rates, one.rates, rtol=1e-8, atol=0)
    torch.testing.assert_close(49 * other.energies, one.energies, rtol=1e-8, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("alpha", "drift"), [(0.0, 2.0), (0.5, 1.0), (1.0, 0.0)])
def test_alpha_sets_the_drift(alpha, drift):
    """On an interval with density ``e^x`` the slow rate of ``f'' + drift f'`` is ``(pi/2)^2 + drift^2/4``."""
    u = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    x = torch.log(math.exp(-1) + u * (math.exp(1) - math.exp(-1)))[:, None]  # on [-1, 1], evenly in probability
    rate = float(DiffusionMaps(0.02, alpha).fit(x).spectrum(1).rates)
    assert rate == pytest.approx(math.pi**2 / 4 + drift**2 / 4, rel=0.03)  # ends cost about 2 bandwidths


@pytest.fixture
def no_factor(monkeypatch):
    """As if the kernel matrix had no factor of few columns, as with many coordinates and a small bandwidth."""
    monkeypatch.setattr(diffusion, "factorised", lambda *_, **__: None)


@pytest.mark.parametrize("solver", ["dense", "lanczos", "rows"])
def test_all_solvers_agree(solver, request, monkeypatch):
    x = QuadrupleWell(1.0).sample(400, seeded())
    by_factor = DiffusionMaps(0.6).fit(x)
    assert by_factor._walk._factor is not None
    expected = by_factor.spectrum(6)
    request.getfixturevalue("no_factor")
    if solver != "dense":
        monkeypatch.setattr(diffusion, "_DENSE", 100)
    if solver == "rows":
        monkeypatch.setattr(diffusion, "_STORED", 100)
        monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 10_000)
    found = DiffusionMaps(0.6).fit(x).spectrum(6)
    torch.testing.assert_close(found.rates, expected.rates, rtol=1e-7, atol=0)
    torch.testing.assert_close(found(x), expected(x), rtol=0, atol=1e-6)


ISLANDS = torch.cat([normal(150, 2), 100 + normal(150, 2), 500 + 50 * normal(30, 2)])


def test_islands_are_told():
    spectrum = DiffusionMaps(0.5).fit(ISLANDS).spectrum(10)
    assert float(spectrum.rates[0]) < 1e-9
    assert "of the points see hardly any other: take a larger bandwidth" in spectrum.report


def test_one_stray_is_told_and_leaving_it_out_helps():
    x = normal(200, 2)
    with_a_stray = DiffusionMaps(0.5).fit(torch.cat([x, x[:1] + 70])).spectrum(3)
    assert "islands: 1 apart from the rest, with 1 of 201 points in all and rates of zero; leave them out" in (
        with_a_stray.report
    )
    with pytest.raises(ValueError, match="KSWGD: the spectrum has a mode of energy"):
        KSWGD(with_a_stray)
    alone = DiffusionMaps(0.5).fit(x).spectrum(3)
    assert "islands" not in alone.report
    torch.testing.assert_close(alone.rates[:2], with_a_stray.rates[1:], rtol=1e-6, atol=0)


@pytest.mark.parametrize("islands", [2, 3])
def test_islands_are_counted_with_their_points_and_a_larger_bandwidth_joins_them(islands):
    x = torch.cat([normal(40 + 20 * (k == 0), 2, seed=k) + 20 * k for k in range(islands)])
    told = f"islands: {islands - 1} apart from the rest, with {40 * (islands - 1)} of {len(x)} points in all"
    report = DiffusionMaps(1.0).fit(x).spectrum(5).report
    assert told in report
    assert "take a larger bandwidth" in report
    assert "islands" not in DiffusionMaps(8.0).fit(x).spectrum(1).report


@pytest.mark.parametrize(
    ("bandwidth", "told"), [(1e-6, "no point sees another. Take a larger"), (1e3, "smooths over all")]
)
@pytest.mark.parametrize("d", [1, 2])
def test_a_bandwidth_far_off_is_told_on_which_side_and_the_advice_helps(bandwidth, told, d):
    x = OrnsteinUhlenbeck(d).sample(300, seeded())
    with pytest.raises(ValueError, match=told) as caught:
        DiffusionMaps(bandwidth).fit(x).spectrum(5)
    advised = float(str(caught.value).split("about ")[1].split(" ")[0])
    for better in (advised, None):
        rates = DiffusionMaps(better).fit(x).spectrum(1).rates
        assert float(rates[0]) == pytest.approx(1.0, rel=0.3)


def test_the_default_bandwidth_follows_the_units_and_ignores_a_stray():
    x = normal(300, 2)
    rule = default_bandwidth(x)
    assert sum(int((torch.cdist(p[None], x) <= rule).sum()) > 17 for p in x) == pytest.approx(0.9 * 300, abs=2)
    assert default_bandwidth(100 * x + 7) == pytest.approx(100 * rule)
    assert default_bandwidth(torch.cat([x, x[:1] + 1e6])) == pytest.approx(rule, rel=0.05)


def test_a_spectrum_of_equal_eigenvalues_is_found_whole():
    values, vectors = diffusion._largest(torch.eye(300, dtype=torch.float64) - 1 / 300, 5)
    assert values.tolist() == pytest.approx([1.0] * 5)
    assert vectors.shape == (300, 5)


def test_islands_are_solved_without_a_factor(no_factor, monkeypatch):
    monkeypatch.setattr(diffusion, "_DENSE", 100)
    monkeypatch.setattr(diffusion, "_RESTARTS", 2)
    assert float(DiffusionMaps(0.5).fit(ISLANDS).spectrum(10).rates[0]) < 1e-9
    monkeypatch.setattr(diffusion, "_STORED", 100)
    with pytest.raises(ValueError, match=r"10 modes of 330 points did not converge.*larger bandwidth"):
        DiffusionMaps(0.5).fit(ISLANDS).spectrum(10)


def test_modes_the_bandwidth_blurs_are_dropped():
    x = normal(300, 2)
    spectrum = DiffusionMaps(1.0).fit(x).spectrum(50)
    assert len(spectrum) < 20
    assert "50 modes asked, the data support" in spectrum.report
    assert bool((0.5 * spectrum.rates < 0.9).all())


def test_a_second_fit_starts_anew():
    x, y = normal(200, 2), normal(300, 2, seed=1)
    used, fresh = DiffusionMaps(0.6).fit(x), DiffusionMaps(0.6).fit(y)
    used.spectrum(3)
    one, other = used.fit(y).spectrum(5), fresh.spectrum(5)
    assert torch.equal(one.rates, other.rates)
    assert torch.equal(one(x), other(x))
    assert (one.scale, one.report) == (other.scale, other.report)
    with pytest.raises(ValueError, match="at least 3 are needed"):
        used.fit(y[:2])
    with pytest.raises(RuntimeError, match="nothing was fitted yet"):
        used.spectrum()


def test_single_precision_agrees():
    x = QuadrupleWell(1.0).sample(500, seeded())
    exact, single = (DiffusionMaps(0.6).fit(z).spectrum(6) for z in (x, x.float()))
    assert single.rates.dtype == single(x.float()).dtype == torch.float32
    torch.testing.assert_close(single.rates.double(), exact.rates, rtol=1e-4, atol=0)
    torch.testing.assert_close(single(x.float()).double(), exact(x), rtol=0, atol=1e-3)
    torch.testing.assert_close(single.to(torch.float64)(x), exact(x), rtol=0, atol=1e-3)


@pytest.mark.slow
def test_the_error_of_all_estimators_against_exact_rates():
    """Double well, 2,000 samples or pairs; what each may miss of the three slowest rates (.75, 6.0, 11.7).

    The plain estimator, which does not know of detailed balance, scatters most: 0.12 in the slowest rate.
    """
    target = DoubleWell(1.0)
    exact = target.exact_rates(3)
    x, y = snapshot_pairs(target, 2000, lag=0.05, dt=0.005, generator=seeded(1))
    psi = MultiScale.from_data(x, (15, 6), generator=seeded())
    learned = NeuralDictionary.from_pairs(x, y, 4, hidden=20, n_steps=300, generator=seeded())
    spectra = {
        "EDMD": (EDMD(psi, lag=0.05).fit(x, y), 0.15),
        "EDMD, plain": (EDMD(psi, lag=0.05, reversible=False).fit(x, y), 0.25),
        "EDMD, learned": (EDMD(learned, lag=0.05).fit(x, y), 0.15),
        "Generator, learned": (GeneratorEDMD(learned).fit(x), 0.15),
        "GeneratorEDMD": (GeneratorEDMD(psi).fit(x), 0.10),
        "KernelEDMD": (KernelEDMD(0.5, lag=0.05).fit(x, y), 0.15),
        "DiffusionMaps": (DiffusionMaps(0.12).fit(x), 0.10),
    }
    table = {name: (fit.spectrum(3).rates.real / exact - 1, least) for name, (fit, least) in spectra.items()}
    text = "\n".join(f"{name:18} {error.numpy().round(3)}" for name, (error, _) in table.items())
    assert all(float(error.abs().max()) < least for error, least in table.values()), text


@pytest.mark.slow
def test_all_estimators_find_the_same_slow_function():
    target = OrnsteinUhlenbeck(1)
    x, y = snapshot_pairs(target, 1500, lag=0.3, generator=seeded())
    u = torch.linspace(-1.5, 1.5, 9, dtype=torch.float64)[:, None]
    psi = GaussianRBF(u, 0.8)
    for fit in (
        EDMD(psi, lag=0.3).fit(x, y),
        EDMD(NeuralDictionary.from_pairs(x, y, 1, hidden=10, n_steps=200, generator=seeded()), lag=0.3).fit(x, y),
        GeneratorEDMD(psi).fit(x),
        KernelEDMD(1.0, lag=0.3).fit(x, y),
        DiffusionMaps(0.25).fit(x),
    ):
        phi = fit.spectrum(1)(u)[:, 0]
        assert float(torch.corrcoef(torch.stack([phi, u[:, 0]]))[0, 1].abs()) > 0.98


@pytest.mark.slow
def test_particles_reach_the_floor():
    target = QuadrupleWell(1.0)
    spectrum = DiffusionMaps(0.25).fit(target.sample(1000, seeded(1))).spectrum(60)
    run = run_particles(KSWGD(spectrum), 0.2 * normal(400, 2, seed=3) - 1, generator=seeded(), verbose=False)
    reference = target.sample(4000, seeded(7))
    floor = float(sliced_wasserstein2(target.sample(400, seeded(8)), reference, generator=seeded()))
    assert float(sliced_wasserstein2(run.final, reference, generator=seeded())) < 2 * floor


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DiffusionMaps(0.0), "bandwidth must be positive, got 0"),
        (lambda: DiffusionMaps(math.nan), "bandwidth must be positive, got nan"),
        (lambda: DiffusionMaps(1.0, alpha=2.0), "alpha must be between 0 and 1, got 2"),
        (lambda: DiffusionMaps(1.0).fit(normal(2, 2)), "at least 3 are needed"),
        (lambda: DiffusionMaps(1.0).fit(torch.full((5, 1), torch.nan)), "NaN or infinity in 5 of 5"),
        (
            lambda: DiffusionMaps(9.0).fit(normal(50, 2)).spectrum(),
            "the bandwidth 9 smooths over all the data.*smaller",
        ),
        (lambda: DiffusionMaps(1.0).fit(torch.ones(9, 2)).spectrum(), "Are all points the same"),
        (lambda: DiffusionMaps(1.0).fit(normal(50, 2)).spectrum(0), "n_modes must be at least 1, got 0"),
        (lambda: DiffusionMaps(0.5).fit(normal(50, 2)).spectrum(2)(normal(3, 1)), r"x has shape \(3, 1\)"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_spectrum_needs_a_fit_and_points_of_its_kind():
    with pytest.raises(RuntimeError, match=r"DiffusionMaps.spectrum: nothing was fitted yet"):
        DiffusionMaps(1.0).spectrum()
    with pytest.raises(TypeError, match=r"the points are torch.float32.*the spectrum is torch.float64"):
        DiffusionMaps(0.5).fit(normal(50, 2)).spectrum(2)(torch.ones(3, 2))
