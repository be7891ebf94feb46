"""KSWGD, its rivals and the run loop, each against formulas written out."""

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from koopteach import (
    EDMD,
    KSWGD,
    SVGD,
    ULA,
    GaussianMixture,
    GaussianRBF,
    GeneratorEDMD,
    Hermite,
    Monomials,
    MultiScale,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    Ranks,
    Spectrum,
    run_particles,
    snapshot_pairs,
    tensors,
)
from koopteach.particles.kswgd import damped_weights, limit
from tests.tools import seeded

RING = GaussianMixture.ring(3, 2.0, 0.5)
METRICS = [math.inf, 1.0, 0.1]


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


@pytest.fixture(scope="module")
def data():
    return RING.sample(1000, seeded())


@pytest.fixture(scope="module")
def spectrum(data):
    return GeneratorEDMD(MultiScale.from_data(data, (25, 6), generator=seeded())).fit(data).spectrum()


def still(spectrum, **options):
    """Without limiter and noise."""
    return KSWGD(spectrum, max_move=None, noise=0.0, **options)


def run(method, x0, n_steps=10, **options):
    return run_particles(method, x0, n_steps=n_steps, verbose=False, **options)


def assert_close(a, b, tolerance):
    """Relative to the largest entry."""
    assert float((a - b).abs().max()) <= tolerance * float(b.abs().max())


# The velocity


def test_the_papers_velocity_is_minus_n_times_the_energys_gradient(spectrum):
    x = normal(30, 2).requires_grad_(True)
    m = spectrum(x).mean(0)
    energy = 0.5 * (m**2 / spectrum.energies).sum()
    (gradient,) = torch.autograd.grad(energy, x)
    method = KSWGD(spectrum, damping=math.inf)
    assert_close(method.velocity(x.detach()), -30 * gradient, 1e-10)
    assert method.energy(x.detach()) == pytest.approx(energy.item(), rel=1e-12)


def naive_velocity(spectrum, x, damping):
    """Loops over particles and modes, and a plain linear system."""
    r, n = len(spectrum), len(x)
    slopes, energies = spectrum.grad(x), spectrum.energies
    m = torch.stack([sum(spectrum(x)[j, k] for j in range(n)) / n for k in range(r)])
    metric = torch.zeros(r, r, dtype=x.dtype)
    for k, l in itertools.product(range(r), repeat=2):
        metric[k, l] = sum(slopes[j, k] @ slopes[j, l] for j in range(n)) / n
    damped = metric + damping * torch.diag(energies)
    w = m / energies if math.isinf(damping) else (1 + damping) * torch.linalg.solve(damped, m)
    v = torch.zeros_like(x)
    for i, k in itertools.product(range(n), range(r)):
        v[i] -= w[k] * slopes[i, k]
    return v


@pytest.mark.parametrize("damping", METRICS)
def test_the_velocity_is_that_of_loops(spectrum, damping):
    few, x = spectrum.truncate(8), normal(5, 2)
    assert_close(KSWGD(few, damping=damping).velocity(x), naive_velocity(few, x, damping), 1e-9)


@pytest.mark.parametrize("damping", [1.0, 0.1, 10.0])
def test_the_moments_obey_the_damped_equation(spectrum, damping):
    """``dm/dt = -(1 + eps) M (M + eps Lam)^-1 m`` along the velocity, by central differences."""
    x, h = 0.3 * normal(60, 2) + torch.tensor([2.0, 0.0]), 1e-6
    v = KSWGD(spectrum, damping=damping).velocity(x)
    rate = (spectrum(x + h * v).mean(0) - spectrum(x - h * v).mean(0)) / (2 * h)
    slopes = spectrum.grad(x)
    metric = torch.einsum("nkd,nld->kl", slopes, slopes) / len(x)
    m = spectrum(x).mean(0)
    w = torch.linalg.solve(metric + damping * torch.diag(spectrum.energies), m)
    root = spectrum.energies.sqrt()
    assert_close(rate / root, -(1 + damping) * metric @ w / root, 1e-5)


@pytest.mark.parametrize("damping", [0.1, 1.0, 10.0])
def test_at_equilibrium_every_damping_is_the_papers(damping):
    m, energies = normal(6), normal(6, seed=1).abs() * torch.logspace(-3, 3, 6)
    w = damped_weights(m, torch.diag(energies), energies, damping)
    torch.testing.assert_close(w, m / energies, rtol=1e-10, atol=0)


@pytest.mark.parametrize("damping", [0.1, 1.0, 10.0])
def test_where_rounding_spoils_cholesky_the_eigenvalues_serve(damping, monkeypatch):
    """The other way of solving the same system, forced; metrics far from equilibrium, in any units."""
    slopes, energies = normal(40, 6), normal(6, seed=1).abs() * torch.logspace(-3, 3, 6)
    m, metric = normal(6, seed=2), 1e3 * slopes.T @ slopes
    known = (1 + damping) * torch.linalg.solve(metric + damping * torch.diag(energies), m)
    torch.testing.assert_close(damped_weights(m, metric, energies, damping), known, rtol=1e-8, atol=0)

    def fails(*_):
        raise torch.linalg.LinAlgError

    monkeypatch.setattr(torch.linalg, "cholesky", fails)
    torch.testing.assert_close(damped_weights(m, metric, energies, damping), known, rtol=1e-8, atol=0)
    # eigenvalues that rounding has made negative count as zero
    off = metric - 1e-9 * float(metric.trace()) * torch.outer(energies.sqrt(), energies.sqrt())
    assert bool(damped_weights(m, off, energies, damping).isfinite().all())


def test_at_equilibrium_every_moment_decays_at_rate_one():
    """Particles at the target's quantiles, moved by a ten-thousandth."""
    exact = Spectrum.from_functions([1.0, 2.0, 3.0], Hermite(1, 3), Hermite(1, 3).grad)
    n = 4000
    quantiles = math.sqrt(2) * torch.erfinv(2 * (torch.arange(n, dtype=torch.float64) + 0.5) / n - 1)[:, None]
    x, h = quantiles + 1e-4, 1e-3
    for damping in METRICS:
        v = KSWGD(exact, damping=damping).velocity(x)
        before, after = (float(exact(points).mean(0)[0]) for points in (x, x + h * v))
        assert (before - after) / (h * before) == pytest.approx(1, rel=2e-2)


def test_strong_damping_is_the_papers_metric(spectrum):
    x = RING.sample(200, seeded(3)) + 0.1
    assert_close(KSWGD(spectrum, damping=1e6).velocity(x), KSWGD(spectrum, damping=math.inf).velocity(x), 1e-4)


@pytest.mark.parametrize("damping", METRICS)
def test_the_data_themselves_do_not_move(spectrum, data, damping):
    far = KSWGD(spectrum, damping=damping).velocity(normal(50, 2)).abs().max()
    method = KSWGD(spectrum, damping=damping)
    assert float(method.velocity(data).abs().max()) < 1e-8 * float(far)
    assert method.energy(data) < 1e-16


@pytest.mark.parametrize("damping", METRICS)
def test_the_energy_falls_by_the_work_done(spectrum, damping):
    """``dE/dt = -m^T Lam^-1 M w``, negative for every damping; for the paper's metric minus the mean square speed."""
    x, h = normal(100, 2), 1e-6
    method = KSWGD(spectrum, damping=damping)
    v = method.velocity(x)
    slope = (method.energy(x + h * v) - method.energy(x - h * v)) / (2 * h)
    assert slope < 0
    if math.isinf(damping):
        assert slope == pytest.approx(-float((v**2).sum(1).mean()), rel=1e-5)


@pytest.mark.parametrize("damping", METRICS)
def test_the_unit_of_time_does_not_matter(spectrum, damping):
    x = normal(40, 2)
    faster = replace(spectrum, rates=7 * spectrum.rates)
    paths = [run(KSWGD(s, damping=damping), x, generator=seeded(1)).particles for s in (spectrum, faster)]
    assert torch.equal(*paths)


@pytest.mark.parametrize("damping", METRICS)
def test_pairs_in_a_physicists_clock_give_the_same_path(damping):
    """The same pairs said to be a seventh of the lag apart: rates seven times larger, the same eigenfunctions."""
    x, y = snapshot_pairs(OrnsteinUhlenbeck(2), 2000, lag=0.35, generator=seeded())
    fits = [EDMD(Hermite(2, 3), lag=lag).fit(x, y).spectrum() for lag in (0.35, 0.05)]
    torch.testing.assert_close(fits[1].rates, 7 * fits[0].rates)
    start = 0.3 * normal(40, 2) + 1
    paths = [run(KSWGD(s, damping=damping), start, generator=seeded(1)).particles for s in fits]
    torch.testing.assert_close(*paths, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("damping", METRICS)
def test_chunks_change_nothing(spectrum, damping, monkeypatch):
    x, method = normal(700, 2), KSWGD(spectrum, damping=damping)
    whole = method.velocity(x)
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    assert_close(method.velocity(x), whole, 1e-9)


@pytest.mark.parametrize("damping", METRICS)
def test_particles_have_no_order_and_copies_no_weight(spectrum, damping):
    method, x = KSWGD(spectrum, damping=damping, noise=0.0), 0.5 * normal(40, 2)
    order = torch.randperm(40, generator=seeded(1))
    assert_close(method.velocity(x[order]), method.velocity(x)[order], 1e-9)
    once, twice = (run(method, points, n_steps=5).final for points in (x, x.repeat(2, 1)))
    assert_close(twice, once.repeat(2, 1), 1e-8)


@pytest.mark.parametrize("damping", METRICS)
def test_turning_everything_turns_the_velocity(damping):
    """In space, where a turn is not its own inverse."""
    turn, data = torch.linalg.qr(normal(3, 3, seed=3)).Q, normal(400, 3, seed=5) * torch.tensor([1.0, 2.0, 0.5])
    assert float((turn - turn.T).abs().max()) > 0.3
    z, x = data[:20], normal(30, 3)
    fits = [
        GeneratorEDMD(MultiScale([GaussianRBF(c, 0.8), Monomials(3, 2)])).fit(points).spectrum()
        for points, c in ((data, z), (data @ turn, z @ turn))
    ]
    turned = KSWGD(fits[1], damping=damping).velocity(x @ turn)
    assert_close(turned, KSWGD(fits[0], damping=damping).velocity(x) @ turn, 1e-6)


@pytest.mark.parametrize("damping", METRICS)
def test_other_units_of_length_scale_the_path(data, damping):
    start = 0.5 * normal(30, 2)
    paths = []
    for c in (1.0, 4.0):
        psi = MultiScale.from_data(c * data, (25, 6), generator=seeded())
        method = KSWGD(GeneratorEDMD(psi).fit(c * data).spectrum(), damping=damping)
        paths.append(run(method, c * start, n_steps=6, generator=seeded(1)).particles)
    assert_close(paths[1], 4 * paths[0], 1e-6)


def test_single_precision_agrees(spectrum, data):
    psi = MultiScale.from_data(data, (25, 6), generator=seeded())
    exact = GeneratorEDMD(psi, tol=1e-5).fit(data).spectrum()
    single = GeneratorEDMD(psi.to(torch.float32)).fit(data.float()).spectrum()
    x = normal(50, 2).float()
    velocities = [KSWGD(s).velocity(x.to(s.rates.dtype)) for s in (single, exact)]
    assert velocities[0].dtype == torch.float32
    assert_close(velocities[0].double(), velocities[1], 2e-2)


# The step


def test_a_step_is_the_velocity_times_its_size(spectrum):
    x = normal(20, 2)
    for size in (1.0, 0.3):
        method = still(spectrum, step_size=size)
        new, state, info = method.step(x, None, progress=0.0)
        assert_close(new - x, size * method.velocity(x), 1e-12)
        assert state is None
        assert info == {"energy": method.energy(x), "limited": 0.0, "score_evaluations": 0}


@pytest.mark.parametrize("max_move", [0.01, 0.05])
def test_no_particle_moves_further_than_the_limit(spectrum, max_move):
    x = normal(50, 2)
    method = KSWGD(spectrum, max_move=max_move, noise=0.0)
    new, _, info = method.step(x, None, progress=0.0)
    free, length = method.velocity(x), max_move * spectrum.scale
    moved, wished = (new - x).norm(dim=1), free.norm(dim=1)
    torch.testing.assert_close(moved, wished.clamp_max(length), rtol=1e-9, atol=1e-12)
    directions = torch.nn.functional.cosine_similarity(new - x, free, dim=1)
    torch.testing.assert_close(directions, torch.ones(50, dtype=x.dtype))
    assert info["limited"] == pytest.approx(float((wished > length).double().mean()))
    assert info["limited"] > 0


def test_a_wide_limit_is_none(spectrum):
    x = normal(50, 2)
    wide, none = (KSWGD(spectrum, max_move=m, noise=0.0).step(x, None, progress=0.0)[0] for m in (1e6, None))
    torch.testing.assert_close(wide, none, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_limiter_row_by_row(dtype):
    move = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], dtype=dtype)
    short, share = limit(move, 1.0)
    torch.testing.assert_close(short, torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]], dtype=dtype))
    assert share == pytest.approx(1 / 3)
    assert limit(move, math.inf) == (move, 0.0)


def test_the_noise_fades_over_the_first_half(spectrum):
    x, length = 0.1 * normal(4000, 2), 0.25 * spectrum.scale
    quiet = KSWGD(spectrum, noise=0.0).step(x, None, progress=0.0)[0]

    def added(progress):
        return KSWGD(spectrum, noise=0.4).step(x, None, progress=progress, generator=seeded(1))[0] - quiet

    first = added(0.0)
    assert float(first.std()) == pytest.approx(0.4 * length, rel=5 / math.sqrt(2 * 8000))  # sqrt(2/d) is one here
    torch.testing.assert_close(added(0.25), 0.5 * first, rtol=1e-9, atol=1e-12)
    for late in (0.5, 0.9, 1.0):
        assert torch.equal(added(late), torch.zeros_like(x))


def test_the_noise_is_as_long_in_every_dimension():
    for d in (1, 8):
        exact = Spectrum.from_functions([1.0] * d, Hermite(d, 1), Hermite(d, 1).grad)
        x = torch.zeros(20_000, d, dtype=torch.float64)
        moved = KSWGD(exact, noise=0.3).step(x, None, progress=0.0, generator=seeded())[0]
        square = float((moved**2).sum(1).mean())
        assert square == pytest.approx(2 * (0.3 * 0.25) ** 2, rel=0.05)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"damping": 0.0}, r"damping must be at least 1e-06 \(math.inf is the paper's metric\), got 0"),
        ({"damping": math.nan}, "damping must be at least"),
        ({"step_size": 0.0}, "step_size must be positive, got 0"),
        ({"max_move": -1.0}, "max_move must be positive, got -1"),
        ({"noise": -0.1}, "noise must not be negative, got -0.1"),
    ],
)
def test_bad_numbers_are_named(spectrum, options, told):
    with pytest.raises(ValueError, match=told):
        KSWGD(spectrum, **options)


def test_modes_that_are_flat_on_the_data_are_refused(spectrum):
    """In units of the data's size, so that no unit of length makes a mode flat."""
    least = 1e-8 / spectrum.scale**2
    for energy, refused in ((1.01 * least, False), (0.99 * least, True)):
        energies = spectrum.energies.clone()
        energies[3] = energy
        flat = replace(spectrum, energies=energies)
        if refused:
            with pytest.raises(ValueError, match=r"KSWGD: the spectrum has a mode of energy .*wider kernels"):
                KSWGD(flat)
        else:
            KSWGD(flat)


def test_complex_rates_are_refused():
    pairs = snapshot_pairs(OrnsteinUhlenbeck(2, rotation=2.0), 1000, lag=0.2, generator=seeded())
    turning = EDMD(Hermite(2, 2), lag=0.2, reversible=False).fit(*pairs).spectrum()
    with pytest.raises(ValueError, match=r"complex rates.*reversible=True\) or GeneratorEDMD"):
        KSWGD(turning)


def test_other_points_are_refused(spectrum):
    with pytest.raises(TypeError, match=r"KSWGD: the points are torch.float32.*the spectrum is torch.float64"):
        KSWGD(spectrum).velocity(torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"KSWGD: x has shape \(4,\)"):
        KSWGD(spectrum).velocity(torch.zeros(4, dtype=torch.float64))


# The rivals


def test_svgd_is_its_double_loop():
    x, b = normal(5, 2), 0.7
    score = RING.score(x)
    expected = torch.zeros_like(x)
    for i, j in itertools.product(range(5), repeat=2):
        k = math.exp(-float((x[i] - x[j]) @ (x[i] - x[j])) / (2 * b**2))
        expected[i] += (k * score[j] + (x[i] - x[j]) / b**2 * k) / 5
    torch.testing.assert_close(
        SVGD(RING.score, step_size=0.1, bandwidth=b).velocity(x), expected, rtol=1e-12, atol=1e-12
    )
    shifted = SVGD(lambda y: RING.score(y - 1e5), step_size=0.1, bandwidth=b).velocity(x + 1e5)
    torch.testing.assert_close(shifted, expected, rtol=0, atol=1e-8)


def test_svgds_bandwidth_is_the_median_rule(monkeypatch):
    x = normal(300, 2)
    square = torch.pdist(x).square().median()
    b = float((square / (2 * math.log(301))).sqrt())
    given = SVGD(RING.score, step_size=0.1, bandwidth=b).velocity(x)
    torch.testing.assert_close(SVGD(RING.score, step_size=0.1).velocity(x), given, rtol=1e-9, atol=1e-12)
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    torch.testing.assert_close(SVGD(RING.score, step_size=0.1).velocity(x), given, rtol=1e-9, atol=1e-12)


def test_one_svgd_particle_climbs_the_score():
    x = torch.tensor([[0.3, 0.2]], dtype=torch.float64)
    method = SVGD(RING.score, step_size=0.1)
    torch.testing.assert_close(method.velocity(x), RING.score(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(method.step(x, None, progress=0.0)[0], x + 0.1 * RING.score(x))
    together = torch.zeros(3, 2, dtype=torch.float64)
    torch.testing.assert_close(method.velocity(together), RING.score(together), rtol=0, atol=1e-12)


def test_adaptive_steps_divide_by_a_running_root_mean_square():
    x, method = normal(10, 2), SVGD(RING.score, step_size=0.05, bandwidth=0.7, adaptive=True)
    state = method.init(x)
    v = method.velocity(x)
    new, state, info = method.step(x, state, progress=0.0)
    torch.testing.assert_close(new - x, 0.05 * v / (v.abs() + 1e-6))
    assert info["score_evaluations"] == 10
    w = method.velocity(new)
    root = (0.9 * v**2 + 0.1 * w**2).sqrt()
    torch.testing.assert_close(method.step(new, state, progress=0.1)[0] - new, 0.05 * w / (root + 1e-6))


def test_ula_has_the_variance_of_its_step():
    """``1 / (1 - h/2)`` on the standard normal law; the standard error of a variance is sqrt(2/n) of it."""
    n, h = 20_000, 0.5
    final = run(ULA(OrnsteinUhlenbeck(1).score, step_size=h), normal(n, 1), n_steps=25, generator=seeded(1)).final
    assert float(final.var()) == pytest.approx(1 / (1 - h / 2), rel=4 * math.sqrt(2 / n))


def test_ula_is_one_step_of_the_diffusion():
    x = normal(6, 2)
    new, state, info = ULA(RING.score, step_size=0.01).step(x, None, progress=0.0, generator=seeded(2))
    noise = math.sqrt(0.02) * torch.randn(6, 2, dtype=torch.float64, generator=seeded(2))
    torch.testing.assert_close(new, x + 0.01 * RING.score(x) + noise)
    assert (state, info) == (None, {"score_evaluations": 6})


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: ULA(RING.score, step_size=0.0), "ULA: step_size must be positive, got 0"),
        (lambda: SVGD(RING.score, step_size=-1.0), "SVGD: step_size must be positive, got -1"),
        (lambda: SVGD(RING.score, step_size=1.0, bandwidth=0.0), "bandwidth must be positive, got 0"),
    ],
)
def test_rivals_name_bad_arguments(make, told):
    with pytest.raises(ValueError, match=told):
        make()


# The loop


class Drift:
    """Moves by one to the right; keeps what it was told."""

    def __init__(self, stop_at=None, error=KeyboardInterrupt):
        self.seen, self.stop_at, self.error = [], stop_at, error

    def init(self, x):
        return 0

    def step(self, x, state, *, progress, generator=None):
        if state == self.stop_at:
            raise self.error
        self.seen.append(progress)
        return x + 1, state + 1, {"score_evaluations": 3, "limited": 0.5}


def test_a_run_records_the_path(monkeypatch):
    ticks = SimpleNamespace(perf_counter=itertools.count().__next__)  # each step takes one second
    monkeypatch.setattr("koopteach.particles.run.time", ticks)
    method, x0 = Drift(), normal(4, 2)
    result = run(method, x0, n_steps=7, record_every=3)
    assert result.steps.tolist() == [0, 3, 6, 7]
    torch.testing.assert_close(result.particles, torch.stack([x0 + k for k in (0, 3, 6, 7)]))
    assert torch.equal(result.final, result.particles[-1])
    assert result.limited.tolist() == [0.0, 0.5, 0.5, 0.5]
    assert bool(result.energy.isnan().all())
    assert result.score_evaluations == 21
    assert (result.diverged, result.interrupted) == (False, False)
    assert result.seconds.tolist() == [0, 3, 6, 7]
    assert method.seen == [k / 7 for k in range(7)]
    assert repr(result) == "Run(7 steps of 4 particles in dimension 2, 4 records)"


@pytest.mark.parametrize(("n_steps", "records"), [(10, 11), (60, 61), (61, 32), (600, 61)])
def test_at_most_61_states_are_recorded_by_default(n_steps, records):
    assert len(run(Drift(), normal(2, 1) + 100, n_steps=n_steps).particles) == records


@pytest.mark.parametrize("stop_at", [1, 2, 7, None])
def test_without_its_path_a_run_keeps_two_states_and_all_numbers(stop_at):
    x0 = normal(4, 2)
    whole, ends = (run(Drift(stop_at=stop_at), x0, n_steps=9, record_every=2, keep_path=kept) for kept in (True, False))
    assert torch.equal(ends.particles, whole.particles[[0, -1]])
    assert ends.particles.untyped_storage().nbytes() == 2 * x0.nbytes
    assert (ends.steps.tolist(), ends.limited.tolist()) == (whole.steps.tolist(), whole.limited.tolist())
    assert repr(ends) == repr(whole)


def test_a_method_that_returns_other_particles_is_told():
    class One(Drift):
        def step(self, x, state, *, progress, generator=None):
            return x[:1], state, {}

    with pytest.raises(ValueError, match=r"what method\.step returned has shape \(1, 2\), but \(4, 2\) is needed"):
        run(One(), normal(4, 2))


@pytest.mark.parametrize("damping", METRICS)
def test_alone_ranks_change_nothing(spectrum, damping):
    runs = [
        run(KSWGD(spectrum, damping=damping, ranks=ranks), normal(50, 2), n_steps=5, generator=seeded())
        for ranks in (None, Ranks())
    ]
    assert torch.equal(runs[0].particles, runs[1].particles)


def test_an_interrupted_run_returns_what_was_computed():
    x0 = normal(4, 2)
    result = run(Drift(stop_at=8), x0, n_steps=20, record_every=5)
    assert result.interrupted
    assert result.steps.tolist() == [0, 5, 8]
    torch.testing.assert_close(result.final, x0 + 8)
    assert repr(result) == "Run(8 steps of 4 particles in dimension 2, 3 records, interrupted)"
    assert run(Drift(stop_at=0), x0).steps.tolist() == [0]


def test_an_error_is_not_an_interruption():
    with pytest.raises(RuntimeError):
        run(Drift(stop_at=2, error=RuntimeError), normal(4, 2))


def test_a_method_that_works_in_place_spoils_neither_start_nor_record():
    class InPlace(Drift):
        def step(self, x, state, *, progress, generator=None):
            x += 1
            return x, state, {}

    x0 = normal(4, 2)
    before = x0.clone()
    result = run(InPlace(), x0, n_steps=3)
    assert torch.equal(x0, before)
    torch.testing.assert_close(result.particles, torch.stack([before + k for k in range(4)]))


@pytest.mark.slow
def test_energy_and_limiter_are_recorded(spectrum):
    x0 = 0.3 * normal(100, 2) + torch.tensor([2.0, 0.0])
    method = KSWGD(spectrum)
    before = x0.clone()
    result = run(method, x0, n_steps=40, generator=seeded(1))
    assert torch.equal(x0, before)
    for k in (0, 7, 40):
        assert float(result.energy[k]) == pytest.approx(method.energy(result.particles[k]), rel=1e-9)
    assert result.energy[-1] < 1e-2 * result.energy[0]
    assert float(result.limited.max()) > 0
    assert result.limited[0] == 0
    again = run(method, x0, n_steps=40, generator=seeded(1))
    assert torch.equal(result.particles, again.particles)  # same seed, same bits
    assert not torch.equal(run(method, x0, n_steps=2, generator=seeded(2)).final, result.particles[2])


def test_wild_steps_are_seen_as_divergence(capsys):
    x = QuadrupleWell(4.0).sample(600, seeded())
    spectrum = GeneratorEDMD(MultiScale.from_data(x, (25, 6), generator=seeded())).fit(x).spectrum()
    start = 0.2 * normal(50, 2) - 1
    method = KSWGD(spectrum, damping=math.inf, max_move=None, step_size=50.0)
    result = run_particles(method, start, n_steps=100, generator=seeded())
    assert result.diverged
    assert int(result.steps[-1]) < 100
    assert bool(torch.isfinite(result.particles).all())
    assert "diverged" in repr(result)
    assert "KSWGD: particles diverged at step" in (told := capsys.readouterr().out)
    assert "max_move=0.25" in told


def test_ula_explodes_at_large_steps(capsys):
    result = run(ULA(QuadrupleWell(4.0).score, step_size=0.5), normal(50, 2), n_steps=50, generator=seeded())
    assert result.diverged
    assert bool(torch.isfinite(result.particles).all())
    assert result.score_evaluations % 50 == 0
    assert capsys.readouterr().out == ""  # verbose=False
    run_particles(ULA(QuadrupleWell(4.0).score, step_size=0.5), normal(50, 2), n_steps=50, generator=seeded())
    assert "ULA: particles diverged" in (told := capsys.readouterr().out)
    assert "max_move" not in told


def test_nan_is_divergence():
    class Nan(Drift):
        def step(self, x, state, *, progress, generator=None):
            return x * math.nan, state, {}

    assert run(Nan(), normal(3, 1)).diverged


class Jump(Drift):
    """Puts the first particle somewhere."""

    def __init__(self, to):
        self.to = to

    def step(self, x, state, *, progress, generator=None):
        return torch.cat([torch.full_like(x[:1], self.to), x[1:]]), state, {}


@pytest.mark.parametrize(
    ("far", "lost"), [(0.0, False), (299.0, False), (301.0, True), (-301.0, True), (math.inf, True)]
)
def test_particles_are_lost_a_hundred_times_further_out_than_they_were(far, lost):
    x0 = torch.tensor([[1.0], [-3.0]], dtype=torch.float64)
    assert run(Jump(far), x0).diverged is lost
    assert not run(Jump(1e6), x0 + 1e6).diverged


def test_particles_are_lost_a_hundred_times_further_out_than_the_data_reach(spectrum):
    method, x0 = Jump(50.0 * spectrum.scale), torch.full((2, 1), 1e-3, dtype=torch.float64)
    assert run(method, x0).diverged
    method.spectrum = spectrum
    assert not run(method, x0).diverged


@pytest.mark.parametrize(
    ("x0", "options", "told"),
    [
        (normal(3), {}, r"run_particles: x0 has shape \(3,\)"),
        (normal(3, 1) * math.nan, {}, "run_particles: x0 has NaN or infinity in 3 of 3"),
        (normal(3, 1), {"n_steps": 0}, "n_steps must be at least 1, got 0"),
        (normal(3, 1), {"n_steps": 5, "record_every": 0}, "record_every must be at least 1, got 0"),
    ],
)
def test_runs_name_bad_arguments(x0, options, told):
    with pytest.raises(ValueError, match=told):
        run(Drift(), x0, **options)


def test_whole_numbers_are_refused():
    with pytest.raises(TypeError, match=r"run_particles: x0 has dtype torch.int64.*x0\.double\(\)"):
        run(Drift(), torch.ones(3, 1, dtype=torch.int64))


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_the_largest_number_of_a_run_that_is_lost_is_infinite(value):
    assert Ranks().largest(torch.tensor(value)) == math.inf
