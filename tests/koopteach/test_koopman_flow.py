"""Koopman-CFM: the lifted system, its exponentials, both trainings, what one lift gives, collapse, files."""

import math

import pytest
import torch
from torch.overrides import TorchFunctionMode

from koopteach import (
    Flow,
    FlowMatching,
    FourierNet,
    GaussianFlow,
    KoopmanFlow,
    MixtureFlow,
    eight_gaussians,
    fit_time_functions,
    moons,
    straightness,
    teacher_paths,
    time_functions,
)
from koopteach.flow_matching.paths import widened
from koopteach.koopman_flow import FreeGenerator, model
from koopteach.koopman_flow.lifting import Lifting, path_lift, state_lift
from koopteach.koopman_flow.losses import coefficient_loss, consistency_loss, training_loss
from koopteach.koopman_flow.sampling import TILE, Folded
from koopteach.koopman_flow.time_functions import Whitening, path_floor, time_moments, time_weights
from tests.tools import seeded

TEACHER = MixtureFlow(eight_gaussians)
SMOOTH = GaussianFlow([0.5, 0.0], [1.4, 0.2])
TIMES = torch.linspace(0, 1, 21, dtype=torch.float64)
GROWTH, FREQUENCY = torch.tensor([0.4, -0.7]), torch.tensor([2.1, 3.3])
SMALL = {"width": 24, "depth": 2, "n_frequencies": 8}


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def moments(n, seed=0):
    return torch.rand((n, 1), dtype=torch.float64, generator=seeded(seed))


def liftings():
    """One of each kind, in float64, with a spectrum that is not symmetric."""
    state = state_lift(2, 2, (GROWTH, FREQUENCY), generator=seeded(), **SMALL)
    path = path_lift(2, TIMES, (GROWTH, FREQUENCY), generator=seeded(), **SMALL)
    free = [FreeGenerator(2, 7, decoder=decoder, width=24, depth=2, generator=seeded()) for decoder in (True, False)]
    for lifting in free:
        lifting.free_rows.data.mul_(500)
    return {"state": state, "path": path, "decoder": free[0], "without decoder": free[1]}


LIFTINGS = {name: lifting.double().requires_grad_(False) for name, lifting in liftings().items()}
KINDS = pytest.mark.parametrize("lifting", LIFTINGS.values(), ids=LIFTINGS)
MODE_SUMS = pytest.mark.parametrize("lifting", [LIFTINGS["state"], LIFTINGS["path"]], ids=["state", "path"])


def fitted(lifting, teacher=TEACHER):
    return KoopmanFlow(teacher, generator=lifting)


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
    lifting = state_lift(2, 0, generator=seeded(), **SMALL).double()
    assert float((lifting.generator() @ lifting.generator()).abs().max()) == 0
    flow = fitted(lifting)
    x0 = normal(9, 2)
    u = lifting.net(x0, torch.zeros(9, 1, dtype=torch.float64)).detach()
    torch.testing.assert_close(flow.transport(x0), x0 + u)
    torch.testing.assert_close(flow.velocity(x0, 0.0).detach(), u)
    assert straightness(flow, x0).deviation == pytest.approx(0, abs=1e-9)


# ---- functions of time


def test_the_weights_of_the_times_are_a_trapezoid_rule_and_the_ends():
    weights = time_weights(21)
    torch.testing.assert_close((weights * TIMES).sum(), torch.tensor(20 / 2 + 3.0, dtype=torch.float64))
    assert float(weights.sum()) == 20 + 1 + 3


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
    more = [fit_time_functions(teacher_paths(TEACHER, normal(500, 2)).states, TIMES, k)[2] for k in (0, 1, 2)]
    assert more[0] > 3 * more[1] > 6 * more[2]


# ---- losses


def test_the_coefficient_loss_is_the_path_loss_of_the_lift():
    """Against lifting, evolving and reading at every time; each start with its weight, the floor included."""
    paths = teacher_paths(TEACHER, normal(1, 2))
    lifting = path_lift(2, TIMES, (GROWTH, FREQUENCY), generator=seeded(), **SMALL).double().requires_grad_(False)
    batch = 8
    loss = float(coefficient_loss(lifting, paths, batch, seeded(5))())
    paths.rows(batch, replay := seeded(5))
    j = paths.moments(batch, replay).clamp_min(1)
    j[: batch // 2] = 0
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


# ---- one lift for everything


@MODE_SUMS
def test_folding_changes_nothing(lifting):
    """The folded network against lift, evolve, read; also over more points than a tile holds, and for inversion."""
    x, taus = normal(TILE + 30, 2), torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)
    for t, shift in ((0.0, taus), (1.0, taus - 1)):
        z = lifting.lift(x, torch.full((len(x), 1), t, dtype=torch.float64))
        expected = torch.stack([lifting.read(lifting.evolve(z, float(tau))) for tau in shift])
        torch.testing.assert_close(Folded(lifting, t, shift)(x), expected)


class Activations(TorchFunctionMode):
    """Counts the points that pass through an activation function."""

    rows = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.nn.functional.silu:
            self.rows += len(args[0])
        return function(*args, **(kwargs or {}))


@MODE_SUMS
def test_a_whole_path_costs_one_lift(lifting):
    flow, layers = fitted(lifting), len(lifting.net.layers) - 1
    x0 = normal(50, 2)
    with Activations() as counted:
        # folding pushes nothing through the hidden layers
        states = flow.trajectory(x0, torch.linspace(0, 1, 11))
    assert counted.rows == layers * 50
    assert flow.nfe == 1
    assert states.shape == (11, 50, 2)
    torch.testing.assert_close(states[-1], flow.transport(x0))
    torch.testing.assert_close(states[0], x0)
    torch.testing.assert_close(states[3], flow.transport(x0, t=0.3))


def test_inversion_undoes_transport_where_the_lift_is_exact():
    """On paths in the span of the time functions, with a network that knows their coefficients."""

    class Known(Lifting):
        """``x_t = (1 + t) x0``: ``z = (x, x0)``, nilpotent."""

        dim, n_observables, pinned = 2, 4, True

        def __init__(self):
            super().__init__()
            self.net = FourierNet(2)  # gives the dtype alone
            self.double()

        def lift(self, x, t):
            return torch.cat([x, x / (1 + t)], dim=1)

        def evolve(self, z, tau):
            return torch.cat([z[:, :2] + tau * z[:, 2:], z[:, 2:]], dim=1)

        def read(self, z):
            return z[:, :2]

        def generator(self):
            return torch.kron(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.eye(2)).double()

    class Spread(Flow):
        dim = 2

        def _velocity(self, x, t):
            return x / (1 + t)

    flow = KoopmanFlow(Spread(), generator=Known())
    x0 = normal(20, 2)
    torch.testing.assert_close(flow.transport(x0), 2 * x0)
    torch.testing.assert_close(flow.invert(2 * x0), x0)
    torch.testing.assert_close(flow.invert(1.5 * x0, t=0.5), x0)
    told = flow.diagnose(x0)
    assert max(told.end, told.path, told.linearity, told.residual) < 1e-4
    assert told.participation == pytest.approx(2, abs=0.3)  # the two halves of z are parallel
    assert told.spread == pytest.approx(1, abs=1e-4)
    assert not told.collapsed


@MODE_SUMS
def test_modes_add_up_to_the_path_and_gains_of_one_change_nothing(lifting):
    flow, x0 = fitted(lifting), normal(12, 2)
    modes = flow.modes(x0)
    for t in (0.0, 0.6, 1.0):
        torch.testing.assert_close(modes.at(t), flow.transport(x0, t=t), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(flow.edit(x0, [1.0, 1.0, 1.0], t=t), flow.transport(x0, t=t))
    without = flow.edit(x0, [0.0, 1.0, 0.0])
    first = 2 * (modes.rates[0].exp() * modes.amplitudes[0]).real
    torch.testing.assert_close(without, modes.position + first, rtol=1e-5, atol=1e-5)
    eigenvalues = torch.linalg.eigvals(lifting.generator()[::2, ::2])
    torch.testing.assert_close(
        flow.rates.imag.sort().values, eigenvalues.imag.sort().values.double(), rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(
        flow.rates.real.sort().values, eigenvalues.real.sort().values.double(), rtol=1e-5, atol=1e-5
    )


@KINDS
def test_the_velocity_is_the_slope_of_the_linear_flow(lifting):
    flow, x, h = fitted(lifting), normal(5, 2), 1e-5
    z = lifting.lift(x, torch.full((5, 1), 0.4, dtype=torch.float64))
    slope = (lifting.read(lifting.evolve(z, h)) - lifting.read(lifting.evolve(z, -h))) / (2 * h)
    torch.testing.assert_close(flow.velocity(x, 0.4), slope, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(flow.lift(x, 0.4), z)


# ---- trainings that fit in seconds; only orderings are held


def quick(method="coefficients", n_steps=250, seed=0, generator="mode_sum", n_pairs=1, **fit):
    flow = KoopmanFlow(SMOOTH, generator=generator, n_pairs=n_pairs, net={"width": 32, "n_frequencies": 0})
    return flow.fit(method, n_steps=n_steps, n_paths=1500, batch=128, generator=seeded(seed), **fit)


@pytest.fixture(scope="module")
def students():
    return {
        "coefficients": quick(),
        **{name: quick("consistency", weights={name: 1.0}) for name in ("consistency", "path", "target")},
        "straight": quick(n_pairs=0),
    }


@pytest.fixture(scope="module")
def told(students):
    return {name: student.diagnose(normal(500, 2, seed=9)) for name, student in students.items()}


def test_training_follows_the_teacher(told):
    untrained = quick(n_steps=1).diagnose(normal(500, 2, seed=9))
    assert told["coefficients"].path < 0.5 * untrained.path
    assert told["coefficients"].end < 0.5 * untrained.end
    assert not any(diagnosis.collapsed for diagnosis in told.values())


def test_only_the_path_terms_make_the_path_true(told):
    """Distilling the ends leaves the way open; the generator's consistency holds the way and blurs the end."""
    for name, factor in (("coefficients", 2), ("path", 2), ("consistency", 1.3)):
        assert told["target"].mid > factor * told[name].mid
    assert told["target"].linearity > 1.5 * told["consistency"].linearity
    assert told["consistency"].end > 3 * told["target"].end


def test_curved_paths_need_a_pair(told):
    assert told["straight"].path > 1.5 * told["coefficients"].path
    assert told["straight"].participation < 4.5


def test_the_consistency_training_serves_the_generator_and_moves_the_spectrum(students, told):
    assert told["consistency"].residual < 0.5 * min(told[name].residual for name in ("coefficients", "path", "target"))
    assert abs(complex(students["consistency"].rates[2]) - 1j * math.pi / 2) > 0.05
    fixed = quick("consistency", n_steps=5, learn_spectrum=False, spectrum=[0.5 + 2.0j])
    torch.testing.assert_close(fixed.rates[2], torch.tensor(0.5 + 2.0j, dtype=torch.complex128))


def test_only_the_regression_starts_some_paths_further_out(monkeypatch):
    """The paper's training takes the source as it is; whoever brings start points has them taken as they are."""
    seen = []

    def spy(flow, x0, **options):
        seen.append(x0)
        return teacher_paths(flow, x0, **options)

    monkeypatch.setattr(model, "teacher_paths", spy)
    for method in ("coefficients", "consistency"):
        quick(method, n_steps=1)
        quick(method, n_steps=1, x0=SMOOTH.source(1500, seeded()))
    drawn = SMOOTH.source(1500, seeded())
    assert all(torch.equal(x0, wanted) for x0, wanted in zip(seen, [widened(drawn), drawn, drawn, drawn], strict=True))


def test_inversion_of_a_trained_student_goes_back(students):
    flow, x0 = students["coefficients"], normal(500, 2, seed=9)
    back = flow.invert(SMOOTH.exact(x0, [1.0])[0])
    assert float((back - x0).square().mean().sqrt()) < 0.2
    assert float((flow.invert(flow.transport(x0)) - x0).square().mean().sqrt()) < 0.2


def test_the_free_generator_collapses_to_a_dot_and_says_so(capsys):
    free = quick("consistency", generator="free", weights={"consistency": 1.0, "phase": 1.0}, lr=2e-3)
    told = free.diagnose(normal(500, 2, seed=9))
    assert told.collapsed
    assert told.spread < 0.5
    assert float(free.training.losses[-1]) < 1e-3
    assert "KoopmanFlow: the samples have collapsed" in capsys.readouterr().out


def test_small_observables_are_told_from_linear_ones():
    """The same lifting with observables a thousand times smaller and a decoder that undoes it."""
    big = FreeGenerator(2, 7, width=24, depth=2, generator=seeded())
    big.free_rows.data.mul_(300)
    small = FreeGenerator(2, 7, width=24, depth=2, generator=seeded())
    small.load_state_dict(big.state_dict())
    with torch.no_grad():
        small.net.layers[-1].weight.mul_(1e-3)
        small.net.layers[-1].bias.mul_(1e-3)
        small.decoder.layers[0].weight[:, :7].mul_(1e3)
        small.free_rows[:, :2].mul_(1e-3)
    x0 = normal(200, 2)
    a, b = (fitted(lifting).diagnose(x0, verbose=False) for lifting in (big, small))
    assert b.raw_residual == pytest.approx(1e-6 * a.raw_residual, rel=1e-2)
    assert b.residual == pytest.approx(a.residual, rel=1e-2)
    assert b.linearity == pytest.approx(a.linearity, rel=1e-2)
    assert b.participation == pytest.approx(a.participation, rel=1e-2)
    torch.testing.assert_close(a.path_error, b.path_error, rtol=1e-3, atol=1e-4)
    assert b.size == pytest.approx(1e-3 * a.size, rel=1e-2)
    assert b.collapsed


def test_an_interrupted_student_keeps_what_it_learned(monkeypatch, capsys):
    flow = KoopmanFlow(TEACHER, net=SMALL)
    calls, forward = [], FourierNet.forward

    def interrupting(*arguments):
        calls.append(1)
        if len(calls) > 40:
            raise KeyboardInterrupt
        return forward(*arguments)

    monkeypatch.setattr(FourierNet, "forward", interrupting)
    flow.fit(n_steps=1000, n_paths=200, batch=32, generator=seeded())
    monkeypatch.undo()
    assert flow.training.interrupted
    assert flow.training.steps[-1] == 40
    assert flow.sample(7).shape == (7, 2)
    assert "interrupted after 40 of 1000 steps" in capsys.readouterr().out


def test_the_generator_decides_everything():
    a, b = (quick(n_steps=3, seed=4) for _ in range(2))
    x0 = normal(9, 2)
    assert torch.equal(a.transport(x0), b.transport(x0))
    assert a.transport(x0.float()).dtype == torch.float32
    assert not a.transport(x0).requires_grad


def test_a_moved_student_is_a_copy(students):
    flow, x0 = students["coefficients"], normal(9, 2)
    double = flow.to(torch.float64)
    torch.testing.assert_close(double.transport(x0), flow.transport(x0), rtol=1e-5, atol=1e-5)
    assert double.lifting.growth.dtype == torch.float64
    assert flow.lifting.growth.dtype == torch.float32
    assert flow.to(torch.float32).sample(3).dtype == torch.float32


def test_the_students_source_is_the_teachers():
    """Blobs to moons; the source is not normal, and comes along on disk."""
    x0, x1 = eight_gaussians.sample(100, seeded()), moons.sample(100, seeded(1))
    teacher = FlowMatching(2, net=FourierNet(2, width=8, depth=1, generator=seeded())).fit(
        x1, x0, n_steps=3, batch=16, generator=seeded()
    )
    flow = KoopmanFlow(teacher, net=SMALL).fit(n_steps=2, n_paths=50, batch=16, generator=seeded())
    assert torch.equal(flow.source(20, seeded()), teacher.source(20, seeded()))
    torch.testing.assert_close(flow.sample(20, generator=seeded()), flow.transport(teacher.source(20, seeded())))


# ---- weights on disk


@pytest.mark.parametrize("name", ["state", "path", "decoder", "without decoder"])
def test_a_saved_student_comes_back(tmp_path, name):
    lifting = liftings()[name].requires_grad_(False)
    flow, x0 = fitted(lifting), normal(9, 2)
    flow._x0 = normal(30, 2, seed=1)
    flow.save(tmp_path / "student")
    back = KoopmanFlow.load(tmp_path / "student")
    assert torch.equal(back.trajectory(x0, TIMES), flow.trajectory(x0, TIMES))
    assert torch.equal(back.rates, flow.rates)
    assert torch.equal(back.sample(5, generator=seeded()), flow.sample(5, generator=seeded()))
    with pytest.raises(RuntimeError, match=r"has no teacher. Use KoopmanFlow.load\(path, teacher\)"):
        back.diagnose(x0)
    again = KoopmanFlow.load(tmp_path / "student", TEACHER).diagnose(x0, verbose=False)
    assert again.end == pytest.approx(flow.diagnose(x0, verbose=False).end)


def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path):
    from koopteach.files import load_weights, save_weights

    whole, other = tmp_path / "whole", tmp_path / "other"
    fitted(liftings()["path"]).save(whole)
    for size in (0, 100, whole.stat().st_size - 1):
        other.write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ValueError, match="other is truncated or no safetensors file"):
            KoopmanFlow.load(other)
    FlowMatching(2, net=FourierNet(2, width=4)).save(other)
    with pytest.raises(ValueError, match="holds a FlowMatching, but a KoopmanFlow is needed"):
        KoopmanFlow.load(other)
    config, tensors = load_weights(whole, "KoopmanFlow")
    save_weights(other, "KoopmanFlow", {**config, "lifting": "os.system"}, tensors)
    with pytest.raises(ValueError, match="other describes no lifting of this version"):
        KoopmanFlow.load(other)
    save_weights(other, "KoopmanFlow", {**config, "n_pairs": 1}, tensors)
    with pytest.raises(ValueError, match="do not fit its own configuration"):
        KoopmanFlow.load(other)
    with pytest.raises(ValueError, match="for dimension 2, but the teacher has dimension 3"):
        KoopmanFlow.load(whole, GaussianFlow([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]))


# ---- bad input


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: KoopmanFlow(TEACHER, generator="dense"), "generator must be one of mode_sum, free, got 'dense'"),
        (lambda: KoopmanFlow(TEACHER, n_pairs=-1), "n_pairs must be a whole number of at least 0"),
        (lambda: KoopmanFlow(None), "a teacher is needed"),
        (lambda: KoopmanFlow(TEACHER).fit("jvp"), "method must be one of coefficients, consistency, got 'jvp'"),
        (lambda: KoopmanFlow(TEACHER, generator="free").fit(), 'method="coefficients" needs generator="mode_sum"'),
        (lambda: KoopmanFlow(TEACHER).fit(n_paths=0), "n_paths and batch must be at least 1"),
        (lambda: KoopmanFlow(TEACHER).fit("consistency", weights="best"), "weights must be one of balanced, paper"),
        (lambda: KoopmanFlow(TEACHER).fit("consistency", weights={"jvp": 1.0}), "a dictionary of consistency, target"),
        (lambda: KoopmanFlow(TEACHER).fit("consistency", weights={"path": 0.0}), "at least one positive"),
        (lambda: KoopmanFlow(TEACHER).fit(spectrum=[1j, 2j], n_paths=5), r"spectrum has shape \(2,\)"),
        (lambda: KoopmanFlow(TEACHER).fit(x0=normal(5, 3)), r"x0 has shape \(5, 3\)"),
        (lambda: fitted(LIFTINGS["path"]).transport(normal(3, 2), t=1.5), r"t must lie in \[0, 1\]"),
        (lambda: fitted(LIFTINGS["path"]).transport(normal(3, 2) / 0), "transport: x0 has NaN"),
        (lambda: fitted(LIFTINGS["path"]).invert(normal(3, 2), t=-1.0), "invert: t must lie in"),
        (lambda: fitted(LIFTINGS["path"]).trajectory(normal(3, 2), [0.5, 0.1, 0.7]), "times must rise"),
        (lambda: fitted(LIFTINGS["path"]).trajectory(normal(3, 3), [0.5]), r"x0 has shape \(3, 3\)"),
        (lambda: fitted(LIFTINGS["path"]).edit(normal(3, 2), [1.0]), r"gains has shape \(1,\), but \(3,\) is needed"),
        (lambda: FreeGenerator(2, 2, decoder=False), "n_features must be above 2"),
    ],
)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: KoopmanFlow(TEACHER).sample(3), r"there is no lifting yet. Call fit\(\) first"),
        (lambda: fitted(LIFTINGS["decoder"]).modes(normal(3, 2)), 'only generator="mode_sum" has modes'),
        (lambda: KoopmanFlow(None, generator=LIFTINGS["path"]).fit("consistency"), "has no teacher"),
    ],
)
def test_what_a_student_cannot_do_is_said(call, told):
    with pytest.raises(RuntimeError, match=told):
        call()
