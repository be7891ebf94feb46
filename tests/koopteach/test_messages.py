"""Failures on purpose, and what the package says about them; on healthy data it says nothing."""

import math
from types import SimpleNamespace

import pytest
import torch

from koopteach import (
    EDMD,
    KSWGD,
    MALA,
    DiffusionMaps,
    DoubleWell,
    GaussianMixture,
    GaussianRBF,
    GeneratorEDMD,
    Hermite,
    KernelEDMD,
    MultiScale,
    NeuralDictionary,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    Sphere,
    Torus,
    run_particles,
    snapshot_pairs,
)
from koopteach.operators import remarks
from koopteach.particles.run import _diagnosis
from tests.tools import seeded

WELL = QuadrupleWell(4.0)
RING = GaussianMixture.ring(6, 3.0, 0.4)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


@pytest.fixture(scope="module")
def data():
    return WELL.sample(3000, seeded())


@pytest.fixture(scope="module")
def kernels(data):
    return GaussianRBF.from_data(data, 100, seeded())


def pairs_report(dictionary, x, y, lag, n_modes=None, **options):
    return EDMD(dictionary, lag=lag, **options).fit(x, y).spectrum(n_modes).report


# Nothing where nothing is wrong


LATER = [pytest.param(target, marks=pytest.mark.slow) for target in (WELL, GaussianMixture.ring(8, 3.0, 0.3))]


@pytest.mark.slow
@pytest.mark.parametrize("target", [QuadrupleWell(1.0), RING, *LATER], ids=repr)
def test_healthy_defaults_say_nothing(target, capsys):
    x = target.sample(3000, seeded())
    spectrum = GeneratorEDMD(MultiScale.from_data(x, generator=seeded())).fit(x).spectrum()
    assert "\n" not in spectrum.report
    for start in (target.modes[0] + 0.2 * normal(100, 2), 2 * normal(100, 2)):
        run_particles(KSWGD(spectrum), start, generator=seeded())
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.parametrize("target", [QuadrupleWell(1.0), WELL, RING], ids=repr)
def test_healthy_pairs_say_nothing(target):
    x, y = snapshot_pairs(target, 5000, lag=0.01, generator=seeded(1))
    assert "\n" not in pairs_report(MultiScale.from_data(x, generator=seeded()), x, y, 0.01)
    assert "\n" not in KernelEDMD(0.5, lag=0.01, generator=seeded()).fit(x, y).spectrum().report


def test_other_healthy_fits_say_nothing():
    x, y = snapshot_pairs(OrnsteinUhlenbeck(2), 5000, lag=0.1, generator=seeded())
    assert "\n" not in pairs_report(Hermite(2, 3), x, y, 0.1)
    assert "\n" not in pairs_report(Hermite(2, 2), x, y, 0.1, reversible=False)
    assert "\n" not in DiffusionMaps(0.3).fit(x[:1000]).spectrum(40).report


# One failure after the other


def test_ghost_wells_and_no_limiter_are_printed(capsys):
    """The paper's metric on one scale of kernels: stalled with its limiter, lost without."""
    ring = GaussianMixture.ring(8, 3.0, 0.3)
    x = ring.sample(3000, seeded())
    spectrum = GeneratorEDMD(GaussianRBF.from_data(x, 100, seeded())).fit(x).spectrum()
    start = ring.modes[0] + 0.3 * normal(200, 2)
    paper = {"damping": math.inf, "step_size": 0.5}
    assert run_particles(KSWGD(spectrum, max_move=0.06, **paper), start, n_steps=100, generator=seeded()).stalled
    assert "a ladder of spectra (Ladder.from_data)" in capsys.readouterr().out
    wild = {"damping": math.inf, "step_size": 50.0}
    assert run_particles(KSWGD(spectrum, max_move=None, **wild), start, n_steps=100, generator=seeded()).diverged
    assert "diverged at step" in (message := capsys.readouterr().out)
    assert "max_move=0.25" in message


def test_few_modes_are_told_where_they_are_cut(data, kernels):
    fit = GeneratorEDMD(kernels).fit(data)
    whole = fit.spectrum()
    message = f"8 of {len(whole)} modes are enough for rates, not for shapes"
    assert message in fit.spectrum(8).report
    assert message in whole.truncate(8).report
    assert "shapes" not in fit.spectrum(30).report
    assert "shapes" not in whole.truncate(30).report
    # all there are is not few
    assert "shapes" not in GeneratorEDMD(Hermite(1, 3)).fit(normal(100, 1)).spectrum(3).report


def test_rates_that_vanish_are_told_and_refused():
    """A step between two islands of data: it has a variance and nowhere a slope."""
    islands = 0.1 * normal(200, 1) + 3 * (torch.arange(200) % 2 * 2 - 1)[:, None]
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    step = NeuralDictionary(((40 * one, zero), (one, zero), (one, zero)), zero, zero + 1)
    spectrum = GeneratorEDMD(step).fit(islands).spectrum()
    assert "1 rates are zero to rounding: functions that are flat wherever there are data" in spectrum.report
    with pytest.raises(ValueError, match=r"KSWGD: the spectrum has a mode of energy .* islands of data"):
        KSWGD(spectrum)
    joined = GeneratorEDMD(MultiScale([step, Hermite(1, 1)])).fit(islands[::2]).spectrum()
    assert "zero to rounding" not in joined.report


def test_a_tolerance_of_zero_keeps_no_null_directions(data, kernels):
    """Kernels so wide that most of their Gram matrix is rounding: what is rounding is dropped all the same."""
    spectrum = GeneratorEDMD(GaussianRBF(kernels.centers, 2.0), tol=0.0).fit(data).spectrum()
    assert float(spectrum.rates[0]) > 0.5 * float(WELL.exact_rates(1))
    assert "zero to rounding" not in spectrum.report


@pytest.mark.parametrize("factor", [4.0, 0.2])
def test_another_clock_is_told(factor):
    """The same pairs said to be another lag apart; the paths of the particles are tested elsewhere."""
    x, y = snapshot_pairs(OrnsteinUhlenbeck(2), 5000, lag=0.1, generator=seeded())
    spectrum = EDMD(Hermite(2, 3), lag=0.1 * factor).fit(x, y).spectrum()
    ratio = float((spectrum.energies / spectrum.rates)[:20].median())
    assert ratio == pytest.approx(factor, rel=0.1)
    assert f"Dirichlet energy / rate = {ratio:.2g}: the lag is in a clock {ratio:.2g} times ours" in spectrum.report


def test_rotation_is_warned_of_and_refused():
    x, y = snapshot_pairs(OrnsteinUhlenbeck(2, rotation=3.0), 3000, lag=0.1, generator=seeded())
    with pytest.warns(UserWarning, match="asymmetric by .* standard errors: the process is not reversible"):
        EDMD(Hermite(2, 2), lag=0.1).fit(x, y).spectrum()
    with pytest.raises(ValueError, match="complex rates, so its process is not the gradient flow that KSWGD needs"):
        KSWGD(EDMD(Hermite(2, 2), lag=0.1, reversible=False).fit(x, y).spectrum())


def test_particles_off_a_surface_are_told_why():
    """A spectrum that was not told of the torus lets its particles leave it."""
    torus = Torus()
    x = torus.sample(2000, seeded())
    spectrum = GeneratorEDMD(MultiScale.from_data(x, (60, 15), generator=seeded())).fit(x).spectrum()
    final = run_particles(KSWGD(spectrum), torus.sample(100, seeded(1)), n_steps=10, generator=seeded()).final
    off = (final - torus.project(final)).norm(dim=1)
    message = rf"off the Torus\(R=2, r=0.8\) by {float(off.mean()):.2g} on average.*fit with manifold="
    with pytest.raises(ValueError, match=message):
        torus.refuse_points_off("after the run", final)


def test_a_rank_above_what_the_data_support_is_told(data):
    report = GeneratorEDMD(Hermite(2, 2)).fit(data).spectrum(50).report
    assert "5 modes of 5 directions kept" in report
    assert "50 modes asked, the data support 5" in report


def test_a_long_lag_is_told():
    x, y = snapshot_pairs(WELL, 2000, lag=1.0, dt=0.005, generator=seeded(1))
    report = pairs_report(MultiScale.from_data(x, generator=seeded()), x, y, 1.0)
    assert "eigenvalues are below 0.02: modes faster than 3.91 have decayed within the lag; shorten it" in report
    decayed = EDMD(Hermite(2, 1), lag=50.0)
    with pytest.raises(ValueError, match=r"no eigenvalue between 0\.02 and 1 at lag 50\. Shorten the lag"):
        decayed.fit(normal(4000, 2), normal(4000, 2, seed=1)).spectrum()


def test_a_short_lag_scatters_as_told():
    """Only the plain estimator's rates; the number is the measured spread over fresh samples."""
    lag, n, found = 0.01, 2000, []
    for seed in range(40):
        x, y = snapshot_pairs(OrnsteinUhlenbeck(1), n, lag=lag, generator=seeded(seed))
        spectrum = EDMD(Hermite(1, 1), lag=lag, reversible=False).fit(x, y)._eigen(0.0)[1]
        found.append(-math.log(float(spectrum.real)) / lag)
    spread = float(torch.tensor(found).std())
    message = remarks.sampling_error(1.0 + 0j, 0.001, n)
    assert "the slowest rate scatters by 100 %" in message
    assert "lengthen the lag" in message
    # a tenth of the lag scatters by the root of ten more
    assert spread == pytest.approx(1.0 / math.sqrt(10), rel=3 / math.sqrt(80))
    assert remarks.sampling_error(1.0 + 0j, 0.1, n) == ""
    x, y = snapshot_pairs(OrnsteinUhlenbeck(2), n, lag=1e-3, generator=seeded(3))
    assert "lengthen the lag" in pairs_report(Hermite(2, 1), x, y, 1e-3, reversible=False)
    assert "lengthen the lag" not in pairs_report(Hermite(2, 1), x, y, 1e-3)


@pytest.mark.slow
def test_a_far_start_out_of_every_kernels_reach_is_printed(data, kernels, capsys):
    """Without a polynomial tail nothing pulls the particles in; with one they come, and nothing is said."""
    start = 0.1 * normal(60, 2) + 10 * float(data.var(0).sum().sqrt())
    spectrum = GeneratorEDMD(kernels).fit(data).spectrum()
    assert not bool(spectrum.reaches(start).any())
    assert bool(spectrum.reaches(data).all())
    run_particles(KSWGD(spectrum), start, generator=seeded())
    message = capsys.readouterr().out
    assert "KSWGD: energy stalled with most particles out of reach of every kernel" in message
    assert "MultiScale.from_data" in message
    tailed = GeneratorEDMD(MultiScale.from_data(data, (100, 30), generator=seeded())).fit(data).spectrum()
    assert not bool(tailed.reaches(start).any())
    run_particles(KSWGD(tailed), start, generator=seeded())
    assert capsys.readouterr().out == ""


def test_functions_that_are_not_local_reach_everywhere():
    everywhere = GeneratorEDMD(MultiScale([Hermite(1, 2), Hermite(1, 1)])).fit(normal(99, 1)).spectrum()
    assert bool(everywhere.reaches(1e6 * normal(5, 1)).all())


def test_few_data_are_told(data, kernels):
    assert (
        "3.0 points per feature (fewer than 6)"
        in GeneratorEDMD(kernels).fit(data[: 3 * len(kernels.centers)]).spectrum().report
    )
    x, y = snapshot_pairs(OrnsteinUhlenbeck(2), 50, lag=0.1, generator=seeded())
    assert "5.6 pairs per feature (fewer than 6)" in pairs_report(Hermite(2, 3), x, y, 0.1)
    # a ridge is the other remedy, and kernel EDMD's own
    assert "pairs per feature" not in pairs_report(Hermite(2, 3), x, y, 0.1, ridge=0.1)


def test_narrow_kernels_are_told(data, kernels):
    narrow = GaussianRBF(kernels.centers, 0.3 * kernels.widths)
    for dictionary in (narrow, MultiScale([Hermite(2, 1), narrow])):
        report = GeneratorEDMD(dictionary).fit(data).spectrum().report
        assert "widths apart (more than 1): there are holes between the kernels" in report
    nearest = torch.cdist(kernels.centers, kernels.centers).fill_diagonal_(math.inf).amin(1)
    spacing = float((nearest / narrow.widths).median())
    assert f"nearest centres are {spacing:.1f} widths apart" in report


def test_single_precision_says_its_tolerance_and_islands_their_share(data, kernels):
    single = GeneratorEDMD(kernels.to(torch.float32)).fit(data.float()).spectrum()
    assert "tol 1e-05" in single.report
    islands = DiffusionMaps(0.01).fit(DoubleWell(1.0).sample(100, seeded())[:, :1] * 5).spectrum(3)
    assert "of the points see hardly any other: take a larger bandwidth" in islands.report


def test_points_off_the_sphere_are_refused_before_the_fit():
    with pytest.raises(ValueError, match=r"off the Sphere.*on average"):
        GeneratorEDMD(Hermite(3, 2), manifold=Sphere()).fit(normal(50, 3))


def test_proposals_that_nobody_takes_are_told_and_smaller_steps_help(capsys):
    run_particles(MALA(WELL, step_size=1e4), WELL.sample(50, seeded()), n_steps=5, generator=seeded())
    assert "MALA: hardly a proposal was accepted" in (message := capsys.readouterr().out)
    assert "Use a smaller step_size" in message
    run = run_particles(MALA(WELL, step_size=1e-2), WELL.sample(50, seeded()), n_steps=5, generator=seeded())
    assert float(run.acceptance[1:].mean()) > 0.5
    assert capsys.readouterr().out == ""


def test_what_was_used_already_is_not_advised():
    class Method:
        damping, noise = 1.0, 0.3

    run = SimpleNamespace(
        diverged=False, stalled=True, limited=torch.zeros(2), acceptance=torch.full((2,), torch.nan), final=normal(3, 2)
    )
    assert _diagnosis(run, 9, 9, Method()) == (
        "energy stalled. Use a ladder of spectra (Ladder.from_data), or a smaller step_size."
    )
    Method.damping, Method.noise = math.inf, 0.0
    assert "Use damping=1.0, noise=0.3, a ladder" in _diagnosis(run, 9, 9, Method())


def test_repeated_points_are_few(kernels):
    """A hundred points, fifty times each, know no more than a hundred."""
    x = WELL.sample(50, seeded())
    y = x + 0.1 * normal(50, 2)
    there, back = torch.cat([x, y]).repeat(50, 1), torch.cat([y, x]).repeat(50, 1)
    told = f"{100 / len(kernels.centers):.1f} {{}} per feature (fewer than 6)"
    assert told.format("points") in GeneratorEDMD(kernels).fit(there).spectrum().report
    assert told.format("pairs") in pairs_report(kernels, there, back, 0.1)


def test_every_limit_lies_where_its_words_say():
    """The limit itself is not "more than", nor "fewer than", the limit; the tests above are far from it."""
    one, line = torch.ones(1, dtype=torch.float64), torch.arange(4.0, dtype=torch.float64)[:, None]
    at, beyond = zip(
        (remarks.missing_modes(7, 7), remarks.missing_modes(8, 7)),
        (remarks.many_modes(200, Hermite(2, 3)), remarks.many_modes(201, Hermite(2, 3))),
        (remarks.few_points(60, 10), remarks.few_points(59, 10)),
        (remarks.kernel_gaps(GaussianRBF(line, 1.0)), remarks.kernel_gaps(GaussianRBF(1.01 * line, 1.0))),
        (remarks.kernel_gaps(GaussianRBF(line[:1], 1e-3)), remarks.kernel_gaps(GaussianRBF(line[:2], 0.99))),
        (remarks.null_directions(remarks._ZERO * one, 1.0), remarks.null_directions(0.99 * remarks._ZERO * one, 1.0)),
        (remarks.uneven_columns(30.0), remarks.uneven_columns(30.1)),
        (remarks.clock_ratio(one, 2.99 * one), remarks.clock_ratio(one, 3 * one)),
        (remarks.clock_ratio(2.99 * one, one), remarks.clock_ratio(one, one / 3)),
        (remarks.lost_modes(3, 10, 1.0, 1e-3), remarks.lost_modes(4, 10, 1.0, 1e-3)),
        (remarks.sampling_error(1.0, 1.0, 26), remarks.sampling_error(1.0, 1.0, 25)),
    )
    assert at == ("",) * len(at)
    assert all(beyond)
