"""Liftings: the lifted system and its exponentials, functions of time, what is trained, many states from one lift."""

import pytest
import scipy.optimize
import torch

from koopteach import (
    FourierNet,
    GaussianFlow,
    KoopmanFlow,
    MixtureFlow,
    eight_gaussians,
    fit_time_functions,
    straightness,
    teacher_paths,
    time_functions,
)
from koopteach.koopman_flow import FreeGenerator
from koopteach.koopman_flow.lifting import PathLift, StateLift, path_lift, state_lift
from koopteach.koopman_flow.losses import PRESETS, checked_weights, coefficient_loss, consistency_loss, training_loss
from koopteach.koopman_flow.sampling import TILE, Folded, read_states
from koopteach.koopman_flow.time_functions import Whitening, path_floor, time_moments, time_weights
from tests.koopteach.liftings import FREQUENCY, GROWTH, KINDS, LIFTINGS, MODE_SUMS, SMALL, TIMES
from tests.tools import normal, seeded

TEACHER = MixtureFlow(eight_gaussians)


def moments(n, seed=0):
    return torch.rand((n, 1), dtype=torch.float64, generator=seeded(seed))


# ---- the lifted system


@KINDS
def test_the_rate_of_a_lift_is_its_slope_along_the_flow(lifting):
    """Against finite differences of z along ``(v, 1)``, and against autograd's Jacobian."""
    x, t, h = normal(6, 2), 0.1 + 0.8 * moments(6), 1e-5
    v = TEACHER.velocity(x, t)
    z, rate = lifting.rate(x, t, v)
    torch.testing.assert_close(z, lifting.lift(x, t))
    slope = (lifting.lift(x + h * v, t + h) - lifting.lift(x - h * v, t - h)) / (2 * h)
    torch.testing.assert_close(rate, slope, rtol=1e-5, atol=1e-6)
    by_x, by_t = torch.autograd.functional.jacobian(lambda a, b: lifting.lift(a, b).sum(0), (x, t))
    torch.testing.assert_close(rate, torch.einsum("Dnd,nd->nD", by_x, v) + by_t[:, :, 0].T)


@KINDS
def test_evolution_is_the_matrix_exponential(lifting):
    z = normal(5, lifting.n_observables)
    tau = 2 * moments(5) - 1
    expected = torch.stack([torch.matrix_exp(s * lifting.generator()) @ y for s, y in zip(tau[:, 0], z)])
    torch.testing.assert_close(lifting.evolve(z, tau), expected)
    torch.testing.assert_close(lifting.evolve(z, 0.7), z @ torch.matrix_exp(0.7 * lifting.generator()).T)


@KINDS
def test_evolution_is_a_group(lifting):
    z = normal(5, lifting.n_observables)
    torch.testing.assert_close(lifting.evolve(lifting.evolve(z, 0.3), 0.5), lifting.evolve(z, 0.8))
    torch.testing.assert_close(lifting.evolve(lifting.evolve(z, 1.0), -1.0), z)
    torch.testing.assert_close(lifting.evolve(z, 0.0), z)


@pytest.mark.parametrize("name", ["state", "path", "without decoder"])
def test_what_was_lifted_is_read_back(name):
    x, t = normal(40, 2), moments(40)
    torch.testing.assert_close(LIFTINGS[name].read(LIFTINGS[name].lift(x, t)), x)


@pytest.mark.parametrize("name", ["decoder", "without decoder"])
def test_the_clock_keeps_time(name):
    """``[1, t]`` after tau is ``[1, t + tau]``, at any generator."""
    lifting = LIFTINGS[name]
    z = lifting.lift(normal(9, 2), moments(9))
    after = lifting.evolve(z, 0.37)
    torch.testing.assert_close(after[:, 0], torch.ones(9, dtype=torch.float64))
    torch.testing.assert_close(after[:, 1], z[:, 1] + 0.37)
    assert torch.linalg.eigvals(lifting.generator()).abs().sort().values[:2].max() < 1e-6


@KINDS
def test_the_error_is_the_propagated_residual(lifting):
    """``z(x_1, 1) - e^L z(x_0, 0) = int_0^1 e^{(1-t)L} (Lie z - L z) dt`` along exact paths."""
    flow, n = GaussianFlow([0.3, -0.2], [1.4, 0.3]), 2001
    times = torch.linspace(0, 1, n, dtype=torch.float64)
    x, t = flow.exact(normal(3, 2), times).flatten(0, 1), times.repeat_interleave(3)[:, None]
    z, rate = lifting.rate(x, t, flow.velocity(x, t))
    pushed = lifting.evolve(rate - z @ lifting.generator().T, 1 - t)
    error = z[-3:] - lifting.evolve(z[:3], 1.0)
    integral = torch.trapezoid(pushed.reshape(n, 3, -1), times, dim=0)
    assert float((integral - error).norm() / error.norm()) < 1e-3
    assert float(error.norm()) > 0.1


@MODE_SUMS
def test_the_residual_summed_over_the_modes_is_the_teachers_velocity(lifting):
    """Reading ``Lie z`` gives v for every network: z cannot be trivial unless v is."""
    x, t = normal(7, 2), moments(7)
    v = TEACHER.velocity(x, t)
    torch.testing.assert_close(lifting.read(lifting.rate(x, t, v)[1]), v)


def test_a_straight_flow_is_a_nilpotent_block():
    """With ``u := v(x, 0)`` and no pairs, sampling is one Euler step, and its generator squares to zero."""
    lifting = state_lift(2, 0, generator=seeded(), **SMALL).double().requires_grad_(False)
    assert float((lifting.generator() @ lifting.generator()).abs().max()) == 0
    flow = KoopmanFlow(TEACHER, generator=lifting)
    x0 = normal(9, 2)
    u = lifting.net(x0, torch.zeros(9, 1, dtype=torch.float64)).detach()
    torch.testing.assert_close(flow.transport(x0), x0 + u)
    torch.testing.assert_close(flow.velocity(x0, 0.0).detach(), u)
    assert straightness(flow, x0).deviation == pytest.approx(0, abs=1e-9)


def test_a_fresh_state_lift_starts_at_quarter_turns_and_nearly_still():
    """``+- i k pi / 2``, and a last layer of a tenth."""
    lifting = state_lift(2, 3, generator=seeded(), **SMALL)
    assert not lifting.growth.any()
    torch.testing.assert_close(lifting.frequency.detach(), torch.pi / 2 * torch.tensor([1.0, 2.0, 3.0]))
    plain = FourierNet(2, 14, generator=seeded(), **SMALL)
    for fresh, usual in zip(lifting.net.parameters(), plain.parameters()):
        factor = 0.1 if usual.shape[0] == 14 else 1.0
        torch.testing.assert_close(fresh, factor * usual)
    assert (StateLift.outputs(2, 3), PathLift.outputs(2, 3)) == (14, 16)


def test_a_free_generator_starts_small():
    for decoder in (True, False):
        free = FreeGenerator(2, 40, decoder=decoder, width=8, generator=seeded())
        assert float(free.free_rows.detach().std()) == pytest.approx(1e-3, rel=0.1)
        assert free.free_rows.shape == (40, 42)
        assert free.net.out_dim == (40 if decoder else 38)
    decoder = FreeGenerator(2, 5, width=8, depth=4, generator=seeded()).decoder
    assert {"dim": 5, "out_dim": 2, "width": 8, "depth": 2, "n_frequencies": 0, "time_frequencies": 0}.items() <= (
        decoder.config.items()
    )


def test_the_free_decoder_sees_the_learned_observables_and_no_time():
    lifting = LIFTINGS["decoder"]
    z, other = normal(5, 9), normal(5, 9, seed=1)
    other[:, 2:] = z[:, 2:]
    other[:, 0] = z[:, 0]
    torch.testing.assert_close(lifting.read(other), lifting.read(z))
    torch.testing.assert_close(LIFTINGS["without decoder"].read(z), z[:, 2:4])


# ---- functions of time


def test_the_weights_of_the_times_are_a_trapezoid_rule_and_the_ends():
    weights = time_weights(21)
    torch.testing.assert_close((weights * TIMES).sum(), torch.tensor(20 / 2 + 8.0, dtype=torch.float64))
    assert float(weights.sum()) == 20 + 1 + 8


def test_whitening_makes_the_functions_orthonormal():
    """``sqrt(w) Phi R^{-1} = Q`` with orthonormal columns."""
    white = Whitening.of(TIMES, GROWTH, FREQUENCY)
    functions = time_functions(TIMES, GROWTH.double(), FREQUENCY.double())
    torch.testing.assert_close(white.root_weights.square(), time_weights(21))
    torch.testing.assert_close(white.q.T @ white.q, torch.eye(6, dtype=torch.float64))
    torch.testing.assert_close(white.root_weights[:, None] * functions @ white.r_inverse, white.q)


def test_the_time_functions_are_what_they_say():
    t = torch.tensor([[0.0, 0.3], [0.7, 1.0]], dtype=torch.float64)
    found = time_functions(t, GROWTH, FREQUENCY)
    a, b = GROWTH.tolist(), FREQUENCY.tolist()
    expected = [t**0, t, *((a[k] * t).exp() * (b[k] * t).cos() for k in (0, 1))]
    expected += [(a[k] * t).exp() * (b[k] * t).sin() for k in (0, 1)]
    torch.testing.assert_close(found, torch.stack(expected, dim=-1))


def test_time_moments_are_means_of_products():
    states = normal(3, 5, 2).float()
    naive = [[sum(float(x @ y) for x, y in zip(states[s], states[t])) / 5 for t in range(3)] for s in range(3)]
    torch.testing.assert_close(time_moments(states), torch.tensor(naive, dtype=torch.float64), rtol=1e-5, atol=1e-6)


def test_path_labels_turn_the_path_loss_into_a_mean_square():
    """``sum_j w_j |path_y(t_j) - x_j|^2 = |y - labels|^2 + floor`` for any y, with the floor of the moments."""
    states = teacher_paths(TEACHER, normal(30, 2)).states
    growth, frequency = GROWTH.double(), FREQUENCY.double()
    white, weights = Whitening.of(TIMES, growth, frequency), time_weights(21)
    labels, y = white.labels(states), normal(30, 6, 2, seed=4)
    functions = time_functions(TIMES, growth, frequency)
    paths = torch.einsum("tr,nrd->tnd", functions @ white.r_inverse, y)
    left = (weights[:, None, None] * (paths - states).square()).sum(dim=(0, 2))
    best = torch.einsum("tr,nrd->tnd", functions @ white.r_inverse, labels)
    floor = (weights[:, None, None] * (best - states).square()).sum(dim=(0, 2))
    torch.testing.assert_close(left, (y - labels).square().sum(dim=(1, 2)) + floor)
    total = (weights[:, None, None] * states.square()).sum()
    relative = path_floor(time_moments(states), TIMES, growth, frequency)
    assert relative == pytest.approx(float((floor.sum() / total).sqrt()), rel=1e-6)


def test_the_label_is_one_for_the_whole_path():
    """A path in the span has the coefficients it was made with, and every lift on the way evolves into it."""
    lifting = LIFTINGS["path"]
    z = normal(8, lifting.n_observables)
    states = torch.stack([lifting.read(lifting.evolve(z, float(t))) for t in TIMES])
    labels = Whitening.of(TIMES, GROWTH, FREQUENCY).labels(states)
    torch.testing.assert_close((lifting.r_inverse.double() @ labels).flatten(1), z, rtol=1e-4, atol=1e-4)


def test_the_time_functions_of_known_paths_are_found():
    growth, frequency = torch.tensor([0.8], dtype=torch.float64), torch.tensor([2.6], dtype=torch.float64)
    functions = time_functions(TIMES, growth, frequency)
    states = torch.einsum("tr,rnd->tnd", functions, normal(4, 50, 3))
    a, b, floor = fit_time_functions(states, TIMES, 1)
    assert floor < 1e-4
    torch.testing.assert_close((a, b), (growth, frequency), rtol=0, atol=1e-2)


@pytest.mark.slow
def test_more_pairs_write_the_paths_better_by_rising_frequency():
    states = teacher_paths(TEACHER, normal(500, 2)).states
    found = [fit_time_functions(states, TIMES, k) for k in (0, 1, 2)]
    assert found[0][2] > 3 * found[1][2] > 6 * found[2][2]
    assert found[2][1][0] < found[2][1][1]
    assert [len(growth) for growth, *_ in found] == [0, 1, 2]
    for growth, frequency, floor in found:
        assert path_floor(time_moments(states), TIMES, growth, frequency) == pytest.approx(floor, rel=1e-6)


def test_a_search_for_many_pairs_starts_within_its_bounds(monkeypatch):
    """SciPy would warn; and frequencies that are equal at first stay so."""
    starts = []

    def minimize(floor, start, *, bounds, **options):
        starts.append(start)
        assert all(low <= value <= high for value, (low, high) in zip(start, bounds))
        return scipy.optimize.OptimizeResult(x=start, fun=floor(start))

    monkeypatch.setattr(scipy.optimize, "minimize", minimize)
    for k in (1, 3, 6):
        starts.clear()
        growth, frequency, _ = fit_time_functions(normal(21, 4, 2), TIMES, k)
        assert len(starts) == 6
        assert len(frequency.unique()) == len(growth) == k
    assert starts[0].tolist() == pytest.approx([-1.0] * 6 + [1.2 * j for j in range(1, 7)])


# ---- losses


@pytest.mark.parametrize(("share", "first"), [({}, 4), ({"later": 0.3}, 5), ({"later": 0.0}, 7)])
def test_the_coefficient_loss_is_the_path_loss_of_the_lift(share, first):
    """Against lifting, evolving and reading at every time; each start with its weight, the floor included."""
    paths = teacher_paths(TEACHER, normal(1, 2))
    lifting = path_lift(2, TIMES, (GROWTH, FREQUENCY), generator=seeded(), **SMALL).double().requires_grad_(False)
    batch = 7
    loss = float(coefficient_loss(lifting, paths, batch, seeded(5), **share)())
    paths.rows(batch, replay := seeded(5))
    j = paths.moments(batch, replay).clamp_min(1)
    j[:first] = 0  # by default half of them, the larger one, start at time 0
    weights, floor_free = time_weights(21)[:, None], 0.0
    labels = Whitening.of(TIMES, GROWTH, FREQUENCY).labels(paths.states)[0]
    best = (lifting.path_matrix(TIMES) @ lifting.r_inverse) @ labels
    for k in j.tolist():
        t = float(TIMES[k])
        z = lifting.lift(paths.states[k], TIMES[k].reshape(1, 1))
        states = torch.cat([lifting.read(lifting.evolve(z, float(s) - t)) for s in TIMES])
        floor_free += float((weights * (states - best).square()).sum()) / (1 + 10 * t**2)
    assert loss == pytest.approx(12 * floor_free / batch / 2, rel=1e-4)


@KINDS
def test_every_term_of_the_consistency_training_is_what_it_says(lifting):
    """On a single path, so that the batch is known; terms are switched on one at a time."""
    paths = teacher_paths(TEACHER, normal(1, 2))
    x0, x1 = paths.states[0], paths.states[-1]
    zero, one = (torch.full((1, 1), s, dtype=torch.float64) for s in (0.0, 1.0))
    end = lifting.evolve(lifting.lift(x0, zero), 1.0)

    def term(**weights):
        return float(training_loss(lifting, paths, weights, 4, seeded(3))())

    assert term(target=2.0) == pytest.approx(2 * float((lifting.read(end) - x1).square().mean()))
    assert term(phase=1.0) == pytest.approx(float((end - lifting.lift(x1, one)).square().sum()) / 2)
    paths.rows(4, replay := seeded(3))
    j = paths.moments(4, replay)
    x, t = paths.states[j, 0], paths.times[j][:, None]
    start = lifting.lift(x0.expand(4, 2), zero.expand(4, 1))
    assert term(path=1.0) == pytest.approx(float((lifting.read(lifting.evolve(start, t)) - x).square().mean()))
    back = (lifting.read(lifting.lift(x, t)) - x).square().mean()
    assert term(reconstruction=1.0) == pytest.approx(float(back), abs=1e-12)
    consistency = consistency_loss(lifting, x, t, TEACHER.velocity(x, t))
    z, rate = lifting.rate(x, t, TEACHER.velocity(x, t))
    assert float(consistency) == pytest.approx(float((rate - z @ lifting.generator().T).square().sum()) / 8)
    assert term(consistency=1.0) == pytest.approx(float(consistency))
    assert term(consistency=1.0, target=1.0) == pytest.approx(term(consistency=1.0) + term(target=1.0))


def test_presets_and_weights():
    assert PRESETS == {
        "balanced": {"consistency": 0.03, "path": 0.3, "target": 1.0},
        "paper": {"consistency": 0.1, "target": 1.0},
        "path": {"consistency": 0.1, "path": 1.0, "target": 0.3},
        "autoencoder": {"consistency": 0.1, "phase": 1.0, "target": 1.0, "reconstruction": 1.0},
    }
    assert checked_weights("paper") == PRESETS["paper"]
    assert checked_weights({"path": 2.0, "target": 0.0}) == {"path": 2.0, "target": 0.0}
    for wrong in ({"path": -1.0, "target": 1.0}, {}, {"path": 0.0}, ["path"], "Paper", {"speed": 1.0}):
        with pytest.raises(ValueError, match="fit: weights must"):
            checked_weights(wrong)


def test_paths_hold_what_they_are_asked_for():
    x0 = normal(5, 2)
    paths = teacher_paths(TEACHER, x0, n_times=5, solver="euler", steps=8)
    assert TEACHER.nfe == 8
    assert torch.equal(paths.states, TEACHER.trajectory(x0, paths.times, solver="euler", steps=8))
    for j, t in enumerate(paths.times.tolist()):
        assert torch.equal(paths.velocity(j), TEACHER.velocity(paths.states[j], t))
    assert teacher_paths(TEACHER, x0).states.shape == (21, 5, 2)
    assert TEACHER.nfe == 40
    bare = teacher_paths(TEACHER, x0, n_times=2, velocities=False)
    with pytest.raises(RuntimeError, match="ask for velocities=True"):
        bare.velocity(0)
    rows, at = paths.rows(4000, seeded()), paths.moments(4000, seeded(1))
    assert (rows.bincount().tolist(), at.bincount().tolist()) == ([pytest.approx(800, abs=120)] * 5,) * 2
    assert paths.to(torch.empty(0)).velocities.dtype == torch.float32


# ---- many states from one lift


@MODE_SUMS
def test_folding_changes_nothing(lifting):
    """The folded network against lift, evolve, read; also over more points than a tile holds, and for inversion."""
    x, taus = normal(TILE + 30, 2), torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)
    for t, shift in ((0.0, taus), (1.0, taus - 1)):
        z = lifting.lift(x, torch.full((len(x), 1), t, dtype=torch.float64))
        expected = torch.stack([lifting.read(lifting.evolve(z, float(tau))) for tau in shift])
        torch.testing.assert_close(Folded(lifting, t, shift)(x), expected)


@KINDS
def test_states_are_read_by_lift_evolution_and_read_out(lifting):
    """Whether folded or not, for points of another dtype, too."""
    x, taus = normal(9, 2), torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)
    z = lifting.lift(x, torch.full((9, 1), 0.25, dtype=torch.float64))
    expected = torch.stack([lifting.read(lifting.evolve(z, float(tau))) for tau in taus])
    torch.testing.assert_close(read_states(lifting, x, 0.25, taus), expected)
    found = read_states(lifting, x.float(), 0.25, taus)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_only_a_lift_that_can_be_folded_is_folded():
    class Doubled(StateLift):
        def lift(self, x, t):
            return 2 * super().lift(x, t)

    plain = LIFTINGS["state"]
    own = Doubled(plain.net, plain.growth, plain.frequency)
    x, taus = normal(4, 2), torch.tensor([0.5], dtype=torch.float64)
    torch.testing.assert_close(read_states(own, x, 0.0, taus), 2 * read_states(plain, x, 0.0, taus))
