"""MALA, LAWGD, DMPS, the ladder of spectra, and how a run notices that it has stalled."""

import math

import pytest
import torch

from koopteach import (
    DMPS,
    KSWGD,
    LAWGD,
    MALA,
    SVGD,
    ULA,
    Circle,
    DiffusionMaps,
    DoubleWell,
    GaussianMixture,
    GaussianRBF,
    GeneratorEDMD,
    Hermite,
    Ladder,
    Monomials,
    MultiScale,
    OrnsteinUhlenbeck,
    Spectrum,
    kde_score,
    noise_floor,
    run_particles,
    sliced_wasserstein2,
)
from koopteach.protocols import Sampler
from tests.tools import seeded

RING = GaussianMixture.ring(6, 3.0, 0.4, [0.05, 0.1, 0.15, 0.2, 0.25, 0.25])


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def run(method, x0, n_steps=10, **options):
    return run_particles(method, x0, n_steps=n_steps, verbose=False, **options)


# What all have in common

EXACT = Spectrum.from_functions([1.0, 2.0, 3.0], Hermite(1, 3), Hermite(1, 3).grad)
LINE = OrnsteinUhlenbeck(1)
METHODS = {
    "DMPS": lambda: DMPS(LINE.sample(60, seeded()), 0.6, n_modes=3),
    "KSWGD": lambda: KSWGD(EXACT),
    "LAWGD": lambda: LAWGD(EXACT),
    "Ladder": lambda: Ladder([KSWGD(EXACT.truncate(1)), KSWGD(EXACT)]),
    "MALA": lambda: MALA(LINE, step_size=0.1),
    "SVGD": lambda: SVGD(LINE, step_size=0.1, adaptive=True),
    "ULA": lambda: ULA(LINE, step_size=0.1),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_have_what_a_sampler_needs(name):
    method, x = METHODS[name](), normal(6, 1)
    assert isinstance(method, Sampler)
    assert not isinstance(LINE, Sampler)
    moved, _, info = method.step(x, method.init(x), progress=0.0, generator=seeded())
    assert (moved.shape, moved.dtype, isinstance(info, dict)) == (x.shape, x.dtype, True)


@pytest.mark.parametrize("name", METHODS)
def test_a_second_run_starts_anew(name):
    method = METHODS[name]()
    first, second = (run(method, normal(6, 1), generator=seeded(1)) for _ in range(2))
    assert torch.equal(first.particles, second.particles)
    torch.testing.assert_close(first.energy, second.energy, equal_nan=True)
    assert first.score_evaluations == second.score_evaluations


# MALA


class Box:
    """Uniform in the unit box, of a given log density and score."""

    def __init__(self, log_prob, score=torch.zeros_like):
        self.log_prob, self.score = log_prob, score


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Box(lambda x: x), r"log_prob returned has shape \(9, 2\), but \(9,\) is needed"),
        (Box(lambda x: x[:1, 0]), r"log_prob returned has shape \(1,\)"),
        (Box(lambda x: x[:, 0], lambda x: x[:, :1]), r"what score returned has shape \(9, 1\)"),
        (Box(lambda x: torch.where(x[:, 0] > 0, math.nan, x[:, 0])), r"log_prob or score is NaN at \d of 9 particles"),
        (Box(lambda x: x[:, 0], lambda x: x * math.nan), "log_prob or score is NaN at 9 of 9 particles. Start where"),
    ],
)
def test_mala_looks_at_what_it_is_told(target, told):
    with pytest.raises(ValueError, match=f"MALA: .*{told}"):
        run(MALA(target, step_size=0.1), normal(9, 2))


@pytest.mark.parametrize("target", [RING.score, Circle(), 3.0])
def test_mala_says_what_it_needs_of_a_target(target):
    with pytest.raises(
        TypeError, match=r"MALA: target must have log_prob\(x\) and score\(x\), got .*GaussianMixture\("
    ):
        MALA(target, step_size=0.1)


def test_a_step_of_mala_is_metropolis_rule():
    """The ratio written out with both proposal densities, particle by particle."""
    target, x, h = DoubleWell(2.0), normal(200, 1), 0.1
    method = MALA(target, step_size=h)
    new, state, info = method.step(x, method.init(x), progress=0.0, generator=seeded(1))
    same = seeded(1)
    y = x + h * target.score(x) + math.sqrt(2 * h) * torch.randn(200, 1, dtype=torch.float64, generator=same)
    u = torch.rand(200, dtype=torch.float64, generator=same)

    def q(to, start):
        return -(to - start - h * target.score(start)).square().sum(1) / (4 * h)

    ratio = target.log_prob(y) + q(x, y) - target.log_prob(x) - q(y, x)
    accepted = u < ratio.exp()
    assert 0 < int(accepted.sum()) < 200
    torch.testing.assert_close(new, torch.where(accepted[:, None], y, x))
    assert info == {"acceptance": pytest.approx(float(accepted.double().mean())), "score_evaluations": 200}
    for kept, fresh in zip(state, method.init(new)):  # what is carried over is what a new start would compute
        torch.testing.assert_close(kept, fresh)


def test_small_steps_are_all_accepted():
    x = RING.sample(2000, seeded())
    shares = [
        float(run(MALA(RING, step_size=h), x, 1, generator=seeded(1)).acceptance[-1]) for h in (0.3, 0.03, 0.003, 3e-5)
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.7
    assert shares[-1] > 0.999


def test_mala_has_the_exact_variance_where_ula_has_not():
    """``1 / theta`` at a step where ULA has a third more; the standard error of a variance is sqrt(2/n) of it."""
    n, h, theta = 20_000, 0.5, 1.0
    target = OrnsteinUhlenbeck(1, theta)
    finals = [
        run(m, normal(n, 1), 25, generator=seeded(1)).final
        for m in (MALA(target, step_size=h), ULA(target.score, step_size=h))
    ]
    assert float(finals[0].var()) == pytest.approx(1 / theta, rel=4 * math.sqrt(2 / n))
    assert float(finals[1].var()) > 1.2


def test_mala_keeps_detailed_balance():
    """From the exact law as many particles pass the barrier to the right as to the left."""
    n, target = 40_000, DoubleWell(1.0)
    x = target.sample(n, seeded())
    y = run(MALA(target, step_size=0.3), x, 1, generator=seeded(1)).final
    right, left = int(((x < 0) & (y > 0)).sum()), int(((x > 0) & (y < 0)).sum())
    assert right + left > 1000
    assert abs(right - left) < 4 * math.sqrt(right + left)
    # also flows within a well, between its inside and its outside
    out, back = (int(((a.abs() < 0.8) & (b.abs() > 1.0)).sum()) for a, b in ((x, y), (y, x)))
    assert abs(out - back) < 4 * math.sqrt(out + back)


def test_proposals_out_of_bounds_are_refused_not_fatal():
    target = DoubleWell(4.0)
    result = run(MALA(target, step_size=5.0), 3 * normal(100, 1), 20, generator=seeded())
    assert not result.diverged
    assert float(result.acceptance[-1]) < 0.2

    box = Box(lambda x: torch.where((x.abs() < 1).all(1), 0.0, math.nan).to(x))  # NaN outside
    final = run(MALA(box, step_size=0.5), 0.5 * normal(100, 2).clamp(-1, 1), 20, generator=seeded()).final
    assert bool((final.abs() < 1).all())


def test_runs_record_the_acceptance():
    result = run(MALA(RING, step_size=0.1), RING.sample(50, seeded()), 5, generator=seeded())
    assert bool(result.acceptance[0].isnan())
    assert bool(((result.acceptance[1:] > 0) & (result.acceptance[1:] <= 1)).all())
    assert result.score_evaluations == 250  # one for each proposal: the particles' own are carried over
    assert bool(run(ULA(RING.score, step_size=0.1), normal(5, 2)).acceptance.isnan().all())


def test_a_density_estimate_is_a_mixture():
    """What data alone offer MALA: the mixture of kernels has the kernel estimate's score."""
    data, x = normal(40, 2), normal(9, 2, seed=1)
    torch.testing.assert_close(GaussianMixture(data, 0.3).score(x), kde_score(data, 0.3)(x))


@pytest.mark.parametrize(
    "make",
    [
        lambda score: ULA(score, step_size=0.05),
        lambda score: SVGD(score, step_size=0.5, bandwidth=0.6),
        lambda score: SVGD(score, step_size=0.5),
        lambda score: SVGD(score, step_size=0.05, adaptive=True),
    ],
    ids=["ULA", "SVGD fixed", "SVGD median", "SVGD adaptive"],
)
def test_rivals_on_data_alone_sample_the_density_estimate(make):
    """With the data's score they take the path of the mixture of kernels, whose score is a formula."""
    data, x = DoubleWell(1.0).sample(60, seeded()), normal(40, 1)
    known, estimated = (
        run(make(score), x, 20, generator=seeded(1)).final
        for score in (GaussianMixture(data, 0.3).score, kde_score(data, 0.3))
    )
    torch.testing.assert_close(estimated, known, rtol=0, atol=1e-9)
    assert float((known - x).abs().max()) > 0.1


def test_mala_on_data_alone_keeps_the_density_estimate():
    """From its exact law the variance stays that of the data plus the kernel's."""
    n, data = 20_000, normal(40, 1)
    estimate = GaussianMixture(data, 0.3)
    final = run(MALA(estimate, step_size=0.1), estimate.sample(n, seeded()), 10, generator=seeded(1)).final
    variance = float(data.var(correction=0)) + 0.3**2
    assert float(final.var()) == pytest.approx(variance, rel=4 * math.sqrt(2 / n))


# DMPS


def test_dmps_is_kswgd_on_a_diffusion_map_in_the_papers_metric():
    data, x = RING.sample(400, seeded()), 0.5 * normal(50, 2) + 1
    spectrum = DiffusionMaps(0.6).fit(data).spectrum()
    method, same = DMPS(data, 0.6), KSWGD(spectrum, damping=math.inf)
    torch.testing.assert_close(method.velocity(x), same.velocity(x), rtol=1e-12, atol=1e-12)
    paths = [run(m, x, generator=seeded(1)).particles for m in (method, same)]
    torch.testing.assert_close(*paths, rtol=1e-12, atol=1e-12)
    few = DMPS(data, 0.6, alpha=0.0, n_modes=5, step_size=0.1, max_move=None, noise=0.0)
    torch.testing.assert_close(few.spectrum.rates, DiffusionMaps(0.6, 0.0).fit(data).spectrum(5).rates)
    assert (few.step_size, few.max_move, few.noise, few.damping) == (0.1, None, 0.0, math.inf)


def test_dmps_descends_its_energy():
    """``v_i = -n dE/dx_i``, the extension written out and differentiated by autograd."""
    data, b = RING.sample(60, seeded()), 1.0
    method = DMPS(data, b, n_modes=6)
    psi, x = method.spectrum(data), normal(20, 2).requires_grad_(True)
    kernel = torch.exp(-torch.cdist(data, data).square() / (2 * b**2))
    walk = kernel / kernel.sum(1).sqrt()
    mu = ((walk / walk.sum(1, keepdim=True)) @ psi * psi).mean(0) / psi.square().mean(0)
    far = torch.exp(-(x[:, None] - data).square().sum(2) / (2 * b**2)) / kernel.sum(1).sqrt()
    phi = (far / far.sum(1, keepdim=True)) @ psi / mu
    # an eigenvector of zero mean in the walk's own law has another mean on the data: the shift that the spectrum took
    shift = (method.spectrum(x.detach()) - phi.detach()).mean(0)
    energy = 0.5 * ((phi + shift).mean(0) ** 2 / method.spectrum.energies).sum()
    (gradient,) = torch.autograd.grad(energy, x)
    torch.testing.assert_close(method.velocity(x.detach()), -20 * gradient, rtol=1e-8, atol=1e-10)


# LAWGD


def test_lawgd_is_kswgd_on_the_exact_spectrum_in_the_papers_metric():
    x = 0.5 * normal(50, 1) + 1
    torch.testing.assert_close(LAWGD(EXACT).velocity(x), KSWGD(EXACT, damping=math.inf).velocity(x), rtol=1e-12, atol=0)
    for options in ({}, {"step_size": 0.1, "max_move": None, "noise": 0.0}):
        paths = [
            run(method, x, generator=seeded(1)).particles
            for method in (LAWGD(EXACT, **options), KSWGD(EXACT, damping=math.inf, **options))
        ]
        torch.testing.assert_close(*paths, rtol=1e-12, atol=0)


def test_lawgd_is_its_loop():
    """``- sum_k m_k / k grad phi_k`` with the Hermite functions of the normal law, for x / 1, (x^2 - 1) / sqrt 2."""
    x = 0.5 * normal(20, 1) + 1
    m1, m2 = float(x.mean()), float(((x**2 - 1) / math.sqrt(2)).mean())
    two = EXACT.truncate(2)
    torch.testing.assert_close(LAWGD(two).velocity(x), -m1 - m2 / 2 * math.sqrt(2) * x)


def test_lawgd_moves_the_mean_at_rate_one():
    n, h = 2000, 0.05
    start = (normal(n, 1) - normal(n, 1).mean()) + 0.1
    result = run(LAWGD(EXACT.truncate(1), step_size=h, max_move=None), start, 20)
    torch.testing.assert_close(result.final.mean(), 0.1 * torch.tensor((1 - h) ** 20, dtype=torch.float64))


@pytest.mark.parametrize(
    ("phi", "grad", "told"),
    [
        (lambda x: x, None, r"phi returned shape \(9, 1\), but \(9, 2\) is needed"),
        (lambda x: torch.cat([x, x], 1).T, None, r"phi returned shape \(2, 9\)"),
        (lambda x: x[:, 0], None, r"phi returned shape \(9,\)"),
        (lambda x: torch.cat([x, x / 0 * 0], 1), None, "phi is NaN at 9 of 9 points"),
        (lambda x: torch.cat([x, x**2], 1), lambda x: torch.ones(9, 1, 1).to(x), r"grad returned shape \(9, 1, 1\)"),
        (
            lambda x: torch.cat([x, x**2], 1),
            lambda x: torch.ones(9, 2).to(x),
            r"grad returned shape \(9, 2\), but \(9, 2, 1\)",
        ),
        (lambda x: torch.cat([x, x**2], 1), lambda x: torch.ones(9, 2, 1).to(x) * math.nan, "grad is NaN at 9"),
    ],
)
def test_lawgds_eigenfunctions_are_as_many_as_the_rates(phi, grad, told):
    with pytest.raises(ValueError, match=f"Spectrum.from_functions: {told}"):
        LAWGD(Spectrum.from_functions([1.0, 2.0], phi, grad)).velocity(normal(9, 1))


# The ladder


def one_scale(x):
    """The single-scale dictionary with a linear tail."""
    scale = float(x.var(0).sum().sqrt())
    psi = MultiScale([GaussianRBF.from_data(x, 150, seeded()), Monomials(2, 1, center=x.mean(0), scale=scale)])
    return GeneratorEDMD(psi).fit(x).spectrum()


@pytest.mark.slow
def test_a_ladder_reaches_separated_modes_where_one_level_does_not():
    """The paper's metric with small steps, from one mode of six."""
    x, reference = RING.sample(5000, seeded()), RING.sample(10_000, seeded(1))
    start = RING.modes[0] + 0.3 * normal(400, 2)
    options = {"damping": math.inf, "step_size": 0.5, "max_move": 0.06}
    floor, _ = noise_floor(sliced_wasserstein2, RING.sample, 400, reference=reference, repeats=6, generator=seeded(2))
    level = run(KSWGD(one_scale(x), **options), start, 300, generator=seeded())
    ladder = run(Ladder.from_data(x, fit=one_scale, generator=seeded(), **options), start, 300, generator=seeded())
    assert sliced_wasserstein2(level.final, reference) > 3 * floor
    assert sliced_wasserstein2(ladder.final, reference) < 1.2 * floor
    assert (level.stalled, ladder.stalled) == (True, False)


@pytest.fixture(scope="module")
def small():
    data = GaussianMixture.ring(3, 2.0, 0.5).sample(600, seeded())
    psi = MultiScale.from_data(data, (20, 6), generator=seeded())
    return data, lambda z: GeneratorEDMD(psi).fit(z).spectrum()


def test_a_ladder_of_one_level_is_that_level(small):
    data, fit = small
    x = normal(30, 2)
    ladder = Ladder.from_data(data, levels=[0.0], fit=fit, damping=0.5, noise=0.2)
    single = KSWGD(fit(data), damping=0.5, noise=0.2)
    paths = [run(method, x, generator=seeded(1)) for method in (ladder, single)]
    assert torch.equal(paths[0].particles, paths[1].particles)
    assert torch.equal(paths[0].energy, paths[1].energy)


def test_levels_follow_each_other_and_hand_the_particles_down(small):
    data, fit = small
    spectra = [fit(data), fit(1.5 * data)]
    coarse, fine = KSWGD(spectra[1], max_move=0.5), KSWGD(spectra[0])
    ladder, x = Ladder([coarse, fine]), normal(30, 2)
    assert ladder.max_move == fine.max_move
    whole = run(ladder, x, 20, generator=seeded(1))
    g = seeded(1)
    first = run(coarse, x, 10, generator=g)
    second = run(fine, first.final, 10, generator=g)
    torch.testing.assert_close(whole.particles, torch.cat([first.particles, second.particles[1:]]))
    # the energy is the finest level's, all the way
    assert float(whole.energy[3]) == pytest.approx(fine.energy(whole.particles[3]))
    assert ladder.spectrum is spectra[0]
    ladder.step(x, None, progress=1.0)  # the very end belongs to the last level


def test_each_level_is_fitted_to_data_with_its_noise(small):
    data, _ = small
    scale, seen = math.sqrt(2) * data.std(0, correction=0), []

    def fit(z):
        seen.append(z)
        return EXACT

    Ladder.from_data(data, levels=(0.5, 0.1, 0.0), fit=fit, generator=seeded(3))
    noise = seeded(3)
    for level, z in zip((0.5, 0.1, 0.0), seen):
        xi = torch.randn(600, 2, dtype=torch.float64, generator=noise)
        torch.testing.assert_close(z, data + level * scale * xi)
    torch.testing.assert_close(seen[-1], data)
    assert len(Ladder.from_data(data, fit=fit).methods) == 5


def test_a_ladder_works_with_all_defaults(small):
    data, _ = small
    result = run(Ladder.from_data(data, levels=(0.3, 0.0)), normal(50, 2), 40, generator=seeded())
    assert sliced_wasserstein2(result.final, data) < 0.15


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Ladder([]), "Ladder: methods is empty"),
        (lambda: Ladder.from_data(normal(9, 2), levels=[]), r"levels must be descending, and at least one, got \[\]"),
        (lambda: Ladder.from_data(normal(9, 2), levels=[0.1, 0.2]), r"descending.*got \[0.1, 0.2\]"),
        (lambda: Ladder.from_data(normal(9, 2), levels=[0.1, -0.2]), "levels must not be negative, got -0.2"),
        (lambda: Ladder.from_data(normal(9, 2), levels=[math.nan]), "levels must not be negative, got nan"),
        (lambda: Ladder.from_data(normal(9)), r"Ladder.from_data: x has shape \(9,\)"),
        (lambda: MALA(RING, step_size=0.0), "MALA: step_size must be positive, got 0"),
        (lambda: DMPS(normal(9, 2), 0.0), "DiffusionMaps: bandwidth must be positive, got 0"),
        (lambda: DMPS(normal(9, 2), 0.5, step_size=0.0), "step_size must be positive"),
        (lambda: LAWGD(EXACT, step_size=-1.0), "step_size must be positive"),
        (lambda: LAWGD(EXACT).velocity(normal(3)), r"x has shape \(3,\)"),
    ],
)
def test_bad_arguments_are_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


# Stalls


class Falling:
    """A method whose energy follows a list; particles do not move."""

    def __init__(self, energies, limited=0.0):
        self.energies, self.limited, self.told = list(energies), limited, -1

    def init(self, x):
        return None

    def energy(self, x):
        self.told += 1
        return self.energies[min(self.told, len(self.energies) - 1)]

    def step(self, x, state, *, progress, generator=None):
        return x, state, {"limited": self.limited}


def falls(last, steps=40, shape=1.0):
    """Energies from one to ``last``, ``shape`` of the fall (in logarithms) over the whole run, the rest flat."""
    return [last ** min(1.0, k / (shape * steps)) for k in range(steps + 1)]


@pytest.mark.parametrize(
    ("energies", "stalled"),
    [
        (falls(0.3, shape=0.5), True),  # flat at a third
        (falls(1e-3, shape=0.5), True),
        (falls(1e-6, shape=0.5), False),  # flat where nothing is left to gain
        (falls(1e-3), False),  # still falling
        ([1e-30] * 41, False),  # started at the target
        ([1.0, *falls(2.0)[:40]], True),  # rising
        (falls(0.3, steps=19, shape=0.5), False),  # too short to tell
        (falls(0.3, steps=20, shape=0.5), True),
        ([math.nan] * 41, False),
        # where it ends, flat at the end: above and below a ten-thousandth of its highest
        ([1.0] + [1.1e-4] * 40, True),
        ([1.0] + [0.9e-4] * 40, False),
        # how much of it the last quarter took
        ([1.0] * 31 + [0.51] * 10, True),
        ([1.0] * 31 + [0.49] * 10, False),
        ([1.0] * 30 + [0.49] * 11, True),  # the fall is before the last quarter
        # far below what double precision knows of the particles' size
        ([1.1e-12] * 41, True),
        ([0.9e-12] * 41, False),
    ],
)
def test_a_stall_is_an_energy_that_stays_up(energies, stalled):
    result = run(Falling(energies), normal(3, 1), len(energies) - 1)
    assert result.stalled is stalled
    assert ("stalled" in repr(result)) is stalled


@pytest.mark.parametrize(
    ("limited", "told"),
    [
        (
            0.83,
            "Falling: energy stalled with most particles at the limiter. Use damping=1.0, a ladder of spectra (Ladder",
        ),
        (
            0.02,
            "Falling: energy stalled. Use damping=1.0, noise=0.3, a ladder of spectra (Ladder.from_data), or a smaller",
        ),
    ],
)
def test_a_stall_is_said_in_one_line_with_the_knob(limited, told, capsys):
    run_particles(Falling(falls(0.3, shape=0.5), limited), normal(3, 1), n_steps=40)
    said = capsys.readouterr().out
    assert told in said
    assert said.count("\n") == 1
    run(Falling(falls(0.3, shape=0.5), limited), normal(3, 1), 40)
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_the_papers_metric_stalls_between_narrow_modes_and_the_damped_one_does_not(capsys):
    ring = GaussianMixture.ring(8, 3.0, 0.3)
    x = ring.sample(4000, seeded())
    spectrum = one_scale(x)
    start = ring.modes[0] + 0.3 * normal(300, 2)
    paper = run_particles(
        KSWGD(spectrum, damping=math.inf, step_size=0.5, max_move=0.06), start, n_steps=120, generator=seeded()
    )
    assert "KSWGD: energy stalled" in (told := capsys.readouterr().out)
    assert "Ladder.from_data" in told
    assert paper.stalled
    damped = run_particles(KSWGD(spectrum), start, generator=seeded())
    assert (damped.stalled, capsys.readouterr().out) == (False, "")


def test_an_interrupted_or_lost_run_has_not_stalled():
    class Stopped(Falling):
        def step(self, x, state, *, progress, generator=None):
            if progress > 0.9:
                raise KeyboardInterrupt
            return x * (1e9 if self.limited and progress > 0.8 else 1), state, {}

    for limited in (0.0, 1.0):
        result = run(Stopped(falls(0.3, shape=0.5), limited), 1 + normal(3, 1).abs(), 40)
        assert result.interrupted or result.diverged
        assert not result.stalled


@pytest.mark.parametrize("width", [0.5, 2.0])
def test_a_kernel_reaches_as_far_as_it_is_a_thousandth(width):
    """Whom a run calls out of reach."""
    psi = GaussianRBF([[0.0], [10.0 * width]], width)
    at = [width * math.sqrt(-2 * math.log(share)) for share in (1.1e-3, 0.9e-3)]
    assert psi.reaches(torch.tensor(at, dtype=torch.float64)[:, None]).tolist() == [True, False]
    assert psi.reaches(10 * width - torch.tensor(at, dtype=torch.float64)[:, None]).tolist() == [True, False]


def test_rivals_on_a_manifolds_spectrum_stay_there():
    circle = Circle()
    exact = Spectrum.from_functions(circle.exact_rates(2), lambda x: math.sqrt(2) * x, manifold=circle)
    final = run(LAWGD(exact), circle.sample(30, seeded()), generator=seeded()).final
    assert float((final.norm(dim=1) - 1).abs().max()) < 1e-12
