"""Koopman-CFM: what one lift gives, students among all flows, copies, files, and what is refused."""

import inspect

import numpy as np
import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from koopteach import (
    CurvedInterpolant,
    Flow,
    FlowMatching,
    FourierNet,
    GaussianFlow,
    KoopmanFlow,
    MixtureFlow,
    TrigonometricInterpolant,
    distill,
    eight_gaussians,
    fit_time_functions,
    integrate,
    moons,
    reflow,
    straightness,
    teacher_paths,
)
from koopteach.files import kind_of, load_weights, save_weights
from koopteach.koopman_flow import FreeGenerator
from koopteach.koopman_flow.lifting import Lifting, StateLift
from tests.koopteach.liftings import KINDS, LIFTINGS, MODE_SUMS, SMALL, TIMES, liftings
from tests.tools import normal, seeded

TEACHER = MixtureFlow(eight_gaussians)
SMOOTH = GaussianFlow([0.5, 0.0], [1.4, 0.2])
FEW = {"n_steps": 3, "n_paths": 50, "batch": 16, "verbose": False}


def student_of(lifting, teacher=TEACHER):
    return KoopmanFlow(teacher, generator=lifting)


def fitted(method="coefficients", *, teacher=SMOOTH, seed=0, n_pairs=1, generator="mode_sum", **fit):
    """Barely trained; with a spectrum that is given, because the search for one takes half a second."""
    flow = KoopmanFlow(teacher, generator=generator, n_pairs=n_pairs, net=SMALL)
    spectrum = {"spectrum": [0.3 + 2j] * n_pairs} if generator == "mode_sum" else {}
    return flow.fit(method, **{**FEW, **spectrum, "generator": seeded(seed), **fit})


class Known(Lifting):
    """``x_t = (1 + t) x0``: ``z = (x, x0)``, nilpotent; with a dropout that changes nothing in sampling."""

    dim, n_observables, pinned = 2, 4, True

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale, self.dropout = nn.Parameter(torch.full((1,), scale)), nn.Dropout(0.5)
        self.double()

    def lift(self, x, t):
        return self.dropout(torch.cat([x, self.scale * x / (1 + t)], dim=1))

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


# ---- one lift for everything


class Activations(TorchFunctionMode):
    """Counts the points that pass through an activation function."""

    rows = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.nn.functional.silu:
            self.rows += len(args[0])
        return function(*args, **(kwargs or {}))


@MODE_SUMS
def test_a_whole_path_costs_one_lift(lifting):
    flow, layers = student_of(lifting), len(lifting.net.layers) - 1
    x0 = normal(50, 2)
    with Activations() as counted:
        # folding pushes nothing through the hidden layers
        states = flow.trajectory(x0, torch.linspace(0, 1, 11, dtype=torch.float64))
    assert counted.rows == layers * 50
    assert flow.nfe == 1
    assert states.shape == (11, 50, 2)
    torch.testing.assert_close(states[-1], flow.transport(x0))
    torch.testing.assert_close(states[0], x0)
    torch.testing.assert_close(states[3], flow.transport(x0, t=0.3))


def test_inversion_undoes_transport_where_the_lift_is_exact():
    """On paths in the span of the time functions, with a network that knows their coefficients."""
    flow, x0 = student_of(Known(), Spread()), normal(20, 2)
    torch.testing.assert_close(flow.transport(x0), 2 * x0)
    torch.testing.assert_close(flow.invert(2 * x0), x0)
    torch.testing.assert_close(flow.invert(1.5 * x0, t=0.5), x0)
    found = flow.diagnose(x0)
    assert max(found.end, found.path, found.linearity, found.residual) < 1e-4
    assert found.participation == pytest.approx(2, abs=0.3)  # the two halves of z are parallel
    assert found.spread == pytest.approx(1, abs=1e-4)
    assert not found.collapsed


@MODE_SUMS
def test_modes_add_up_to_the_path_and_gains_of_one_change_nothing(lifting):
    flow, x0 = student_of(lifting), normal(12, 2)
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
    flow, x, h = student_of(lifting), normal(5, 2), 1e-5
    z = lifting.lift(x, torch.full((5, 1), 0.4, dtype=torch.float64))
    slope = (lifting.read(lifting.evolve(z, h)) - lifting.read(lifting.evolve(z, -h))) / (2 * h)
    torch.testing.assert_close(flow.velocity(x, 0.4), slope, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(flow.lift(x, 0.4), z)


@KINDS
def test_points_keep_their_dtype_and_states_carry_no_gradient(lifting):
    flow, x0 = student_of(lifting), normal(4, 2)
    for x in (x0, x0.float()):
        for y in (flow.transport(x), flow.invert(x), flow.trajectory(x, [0.5])[0], flow.velocity(x, 0.5)):
            assert y.dtype == x.dtype
            assert not y.requires_grad
        assert flow.lift(x, 0.5).dtype == x.dtype
    assert flow.velocity(x0.requires_grad_(True), 0.5).requires_grad


# ---- a student is a flow like any other


def every_flow():
    x1, net = moons.sample(60, seeded()), FourierNet(2, width=8, depth=1, generator=seeded())
    few = {"n_steps": 2, "batch": 16, "generator": seeded(), "verbose": False}
    return {
        "GaussianFlow": SMOOTH,
        "MixtureFlow": TEACHER,
        "one's own": Spread(),
        "FlowMatching": FlowMatching(2, net=net).fit(x1, **few),
        "CurvedInterpolant": CurvedInterpolant(TrigonometricInterpolant(2), net=net).fit(x1, **few),
        "coefficients": fitted(),
        "free": fitted("consistency", generator="free"),
        "lifting of one's own": student_of(Known(), None),
    }


FLOWS = every_flow()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* has columns of spreads")  # one is not trained, and makes a dot
@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_what_takes_a_flow_takes_every_flow(flow):
    """With every option that is documented for flows."""
    x0, few = normal(6, 2), {"n_steps": 2, "batch": 4, "verbose": False, "generator": seeded()}
    for how in ({}, {"solver": "rk4", "steps": 2, "tolerance": 1e-3}):
        for x in (flow.transport(x0, **how), flow.invert(x0, **how), flow.sample(6, **how)):
            assert x.shape == (6, 2)
        assert flow.trajectory(x0, [0.0, 0.5, 1.0], **how).shape == (3, 6, 2)
    assert flow.transport(x0, solver="euler", steps=2, t=0.5).shape == (6, 2)
    assert flow.source(3, seeded()).shape == (3, 2)
    assert integrate(lambda x, t: flow.velocity(x, t), x0, steps=2).states.shape == (2, 6, 2)
    assert straightness(flow, x0, n_times=5).energy >= 0
    assert teacher_paths(flow, x0, n_times=3, solver="euler", steps=2).velocities.shape == (3, 6, 2)
    assert distill(flow, n_pairs=9, width=4, **few).transport(x0).shape == (6, 2)
    assert reflow(flow, n_pairs=9, solver="euler", steps=2, net=FourierNet(2, width=4), **few).dim == 2
    for method in ("coefficients", "consistency"):
        student = KoopmanFlow(flow, n_pairs=1, net=SMALL).fit(method, spectrum=[0.3 + 2j], n_paths=9, **few)
        assert student.diagnose(x0, verbose=False).path_error.shape == (21,)
    assert flow.to(torch.float64).velocity(x0, 0.5).dtype == torch.float64


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_every_flow_refuses_points_of_another_dimension_by_name(flow):
    x = normal(6, 3)
    calls = {
        "transport: x0": lambda: flow.transport(x),
        "invert: x1": lambda: flow.invert(x),
        "trajectory: x0": lambda: flow.trajectory(x, [0.0, 1.0]),
        "velocity: x": lambda: flow.velocity(x, 0.5),
        "log_prob: x": lambda: flow.log_prob(x),
    }
    for words, call in calls.items():
        with pytest.raises(ValueError, match=rf"^{words} has shape \(6, 3\), but its points need 2 coordinates"):
            call()


def kinds(base):
    return [base, *(kind for child in base.__subclasses__() for kind in kinds(child))]


@pytest.mark.parametrize("kind", [kind for kind in kinds(Flow) if kind.__module__.startswith("koopteach.")])
def test_every_flow_has_the_signatures_of_flow(kind):
    for name in ("velocity", "source", "transport", "invert", "trajectory", "sample"):
        own, shared = (inspect.signature(getattr(one, name)).parameters for one in (kind, Flow))
        assert {key: own[key] for key in own if key != "labels"} == dict(shared), name


@KINDS
def test_a_solver_changes_nothing_where_nothing_is_solved(lifting):
    flow, x0 = student_of(lifting), normal(5, 2)
    for call in (
        lambda **how: flow.transport(x0, **how),
        lambda **how: flow.invert(x0, t=0.5, **how),
        lambda **how: flow.trajectory(x0, [0.2, 1.0], **how),
        lambda **how: flow.sample(5, generator=seeded(), **how),
    ):
        assert torch.equal(call(), call(solver="euler", steps=1))
        assert flow.nfe == 1
        with pytest.raises(ValueError, match="solver must be one of"):
            call(solver="heun")
        with pytest.raises(ValueError, match="steps must be at least 1"):
            call(steps=0)


def test_the_students_source_is_the_teachers():
    """Blobs to moons; the source is not normal."""
    x0, x1 = eight_gaussians.sample(100, seeded()).float(), moons.sample(100, seeded(1)).float()
    net = FourierNet(2, width=8, depth=1, generator=seeded())
    teacher = FlowMatching(2, net=net).fit(x1, x0, n_steps=3, batch=16, generator=seeded())
    flow = fitted(teacher=teacher)
    assert torch.equal(flow.source(20, seeded()), teacher.source(20, seeded()))
    assert flow.sample(2).dtype == torch.float32
    torch.testing.assert_close(flow.sample(20, generator=seeded()), flow.transport(teacher.source(20, seeded())))


# ---- what is given, and what a second fit does


@pytest.mark.slow
def test_the_generator_decides_everything_and_a_second_fit_starts_anew():
    x0, own = normal(9, 2), FreeGenerator(2, 5, width=8, generator=seeded())
    for generator in (None, "mode_sum", "free", own):
        method, generator = ("coefficients", "mode_sum") if generator is None else ("consistency", generator)
        flow = fitted(method, generator=generator, seed=4)
        first = flow.transport(x0)
        assert torch.equal(fitted(method, generator=generator, seed=4).transport(x0), first)
        spectrum = {"spectrum": [0.3 + 2j]} if generator == "mode_sum" else {}
        assert torch.equal(flow.fit(method, **FEW, **spectrum, generator=seeded(4)).transport(x0), first)
        assert not any(p.requires_grad or p.grad is not None for p in flow.lifting.parameters())
        assert not flow.lifting.training


def test_who_gives_the_trained_lifting_goes_on():
    flow, x0 = fitted("consistency", n_steps=30), normal(9, 2)
    again = KoopmanFlow(SMOOTH, generator=flow.lifting)
    assert torch.equal(again.transport(x0), flow.transport(x0))
    assert (again.n_pairs, repr(again)) == (1, "KoopmanFlow(dim 2, StateLift, lifting given)")
    again.fit("consistency", **{**FEW, "lr": 1e-5, "generator": seeded()})
    change = float((again.transport(x0) - flow.transport(x0)).abs().max())
    assert 0 < change < 1e-3


def test_the_given_lifting_stays_as_it_is():
    own = Known(scale=0.5).train()
    flow, x0 = student_of(own, Spread()), normal(9, 2)
    assert torch.equal(flow.transport(x0), flow.transport(x0))  # dropout is off
    torch.testing.assert_close(flow.transport(x0), 1.5 * x0)
    flow.fit("consistency", weights={"target": 1.0}, n_steps=60, n_paths=50, lr=0.05, generator=seeded(), verbose=False)
    assert float(flow.lifting.scale) != float(own.scale.detach()) == 0.5
    assert (own.training, own.scale.requires_grad) == (True, True)
    assert torch.equal(flow.transport(x0), flow.transport(x0))


def test_dropout_is_on_in_training():
    modes = []

    class Watched(Known):
        def lift(self, x, t):
            modes.append(self.dropout.training)
            return super().lift(x, t)

    flow = student_of(Watched().eval(), Spread())
    before = len(modes)
    flow.fit("consistency", weights={"target": 1.0}, **FEW)
    flow.transport(normal(3, 2))
    assert modes == [False] * before + [True] * 3 + [False]


def test_what_is_frozen_stays_frozen_and_the_spectrum_where_it_should():
    own = StateLift(FourierNet(2, 6, width=8, generator=seeded()), torch.tensor([0.3]), torch.tensor([2.0]))
    own.net.layers[0].requires_grad_(False)
    for learn_spectrum in (True, False):
        lifting = student_of(own, SMOOTH).fit("consistency", learn_spectrum=learn_spectrum, **FEW).lifting
        assert torch.equal(lifting.net.layers[0].weight, own.net.layers[0].weight)
        assert not torch.equal(lifting.net.layers[1].weight, own.net.layers[1].weight)
        assert bool((lifting.growth == own.growth) & (lifting.frequency == own.frequency)) is not learn_spectrum


@pytest.mark.slow
def test_the_spectrum_is_the_one_that_was_asked_for():
    for method in ("coefficients", "consistency"):
        flow = fitted(method, spectrum=[0.5 + 2.0j, -1 + 4j], n_pairs=2, learn_spectrum=False)
        torch.testing.assert_close(flow.rates[2:4], torch.tensor([0.5 + 2j, -1 + 4j], dtype=torch.complex128))
    paths = teacher_paths(SMOOTH, normal(50, 2))
    found = fitted(x0=normal(50, 2), spectrum=None).rates[2]
    growth, frequency, _ = fit_time_functions(paths.states, paths.times, 1)
    torch.testing.assert_close(found, torch.complex(growth, frequency)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_two_pairs_are_the_default_and_both_are_searched_for():
    x0 = normal(50, 2)
    flow = KoopmanFlow(SMOOTH, net=SMALL).fit(x0=x0, **FEW, generator=seeded())
    paths = teacher_paths(SMOOTH, x0)
    growth, frequency, _ = fit_time_functions(paths.states, paths.times, 2)
    torch.testing.assert_close(flow.rates[2:4], torch.complex(growth, frequency), rtol=1e-4, atol=1e-4)
    assert flow.modes(x0).amplitudes.shape == (2, 50, 2)


def test_without_later_starts_there_is_no_way_back(tmp_path):
    """All else is there; a student that learned the way back on another call has it, and files remember."""
    flow, x0 = fitted(later_starts=0), normal(9, 2)
    flow.save(tmp_path / "student")
    for student in (flow, KoopmanFlow.load(tmp_path / "student"), flow.to(torch.float64)):
        with pytest.raises(RuntimeError, match="with later_starts=0 no way back was learned"):
            student.invert(x0)
        assert student.trajectory(x0, [0.0, 0.5, 1.0]).shape == (3, 9, 2)
        torch.testing.assert_close(student.invert(x0, t=0.0), x0, rtol=1e-5, atol=1e-5)  # nowhere to go
    assert flow.fit(**FEW, spectrum=[2j], later_starts=0.25).invert(x0).shape == (9, 2)


def test_a_file_from_before_the_way_back_could_be_left_out_has_it(tmp_path):
    student_of(liftings()["path"]).save(tmp_path / "student")
    config, tensors = load_weights(tmp_path / "student", "KoopmanFlow")
    assert config.pop("way_back") is True
    save_weights(tmp_path / "student", "KoopmanFlow", config, tensors)
    assert KoopmanFlow.load(tmp_path / "student").invert(normal(3, 2)).shape == (3, 2)


def test_sizes_reach_every_network():
    sizes = {"width": 12, "depth": 2, "n_frequencies": 3, "time_frequencies": 1, "frequency_scale": 0.5}
    for method, generator in (("coefficients", "mode_sum"), ("consistency", "mode_sum"), ("consistency", "free")):
        flow = KoopmanFlow(SMOOTH, generator=generator, n_pairs=0, net=sizes).fit(method, **FEW)
        assert sizes.items() <= flow.lifting.net.config.items()
    plain = KoopmanFlow(SMOOTH, n_pairs=0).fit(**FEW).lifting.net.config
    assert {"width": 96, "depth": 3}.items() <= plain.items()


def test_a_moved_student_is_a_copy():
    flow, x0 = fitted(), normal(9, 2)
    double = flow.to(torch.float64)
    torch.testing.assert_close(double.transport(x0), flow.transport(x0), rtol=1e-5, atol=1e-5)
    assert double.lifting.growth.dtype == double.lifting.r_inverse.dtype == torch.float64
    assert flow.lifting.growth.dtype == torch.float32
    assert flow.to(torch.float32).sample(3).dtype == torch.float32


def test_a_lifting_has_the_dtype_of_its_network():
    net = FourierNet(2, 6, width=8, generator=seeded()).double()
    lifting = StateLift(net, torch.tensor([0.1]), torch.tensor([2.0]))
    assert lifting.growth.dtype == torch.float64
    flow = student_of(lifting, SMOOTH).fit("consistency", **FEW)
    assert {p.dtype for p in flow.lifting.parameters()} == {torch.float64}


# ---- weights on disk


@pytest.mark.parametrize("name", ["state", "path", "decoder", "without decoder"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("source", ["noise", "sample"])
def test_a_saved_student_comes_back(tmp_path, name, dtype, source):
    """With the dtype of its lifting and of its samples, its spectrum, and its source."""
    flow, x0 = student_of(liftings()[name].to(dtype), TEACHER.to(dtype)), normal(9, 2)
    flow._x0 = None if source == "noise" else normal(30, 2, seed=1).to(dtype)
    flow.save(tmp_path / "student")
    back = KoopmanFlow.load(tmp_path / "student")
    assert torch.equal(back.trajectory(x0, TIMES), flow.trajectory(x0, TIMES))
    assert torch.equal(back.rates, flow.rates)
    assert torch.equal(back.sample(5, generator=seeded()), flow.sample(5, generator=seeded()))
    assert back.sample(2).dtype == next(back.lifting.parameters()).dtype == dtype
    assert (kind_of(tmp_path / "student"), back.n_pairs) == ("KoopmanFlow", flow.n_pairs)
    with pytest.raises(RuntimeError, match=r"has no teacher. Use KoopmanFlow.load\(path, teacher\)"):
        back.diagnose(x0)


@pytest.mark.slow
def test_a_loaded_student_is_diagnosed_against_its_teacher(tmp_path):
    flow, x0 = fitted(), normal(9, 2)
    flow.save(tmp_path / "student")
    again = KoopmanFlow.load(tmp_path / "student", SMOOTH).diagnose(x0, verbose=False)
    assert again.end == pytest.approx(flow.diagnose(x0, verbose=False).end)


def test_an_older_file_without_a_dtype_takes_its_teachers(tmp_path):
    student_of(liftings()["path"]).save(tmp_path / "student")
    config, tensors = load_weights(tmp_path / "student", "KoopmanFlow")
    save_weights(tmp_path / "student", "KoopmanFlow", config, {k: x for k, x in tensors.items() if k != "like"})
    assert KoopmanFlow.load(tmp_path / "student").sample(2).dtype == torch.float64
    assert KoopmanFlow.load(tmp_path / "student", TEACHER.to(torch.float32)).sample(2).dtype == torch.float32


def test_all_sizes_of_a_free_generator_come_back(tmp_path):
    sizes = {"width": 8, "depth": 1, "n_frequencies": 3, "frequency_scale": 0.5, "time_frequencies": 1}
    flow = student_of(FreeGenerator(2, 5, decoder=False, **sizes))
    flow.save(tmp_path / "student")
    back = KoopmanFlow.load(tmp_path / "student").lifting
    assert back.config == flow.lifting.config == {"dim": 2, "n_features": 5, "decoder": False, **sizes}


def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path):
    whole, other = tmp_path / "whole", tmp_path / "other"
    student_of(liftings()["path"]).save(whole)
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
    with pytest.raises(ValueError, match="for dimension 2, the teacher for 3"):
        KoopmanFlow.load(whole, GaussianFlow([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]))


# ---- bad input


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: KoopmanFlow(TEACHER, generator="dense"), "generator must be one of mode_sum, free, got 'dense'"),
        (lambda: KoopmanFlow(TEACHER, n_pairs=-1), "n_pairs must be at least 0, got -1"),
        (lambda: KoopmanFlow(None), "a teacher is needed"),
        (lambda: KoopmanFlow(TEACHER).fit("jvp"), "method must be one of coefficients, consistency, got 'jvp'"),
        (lambda: KoopmanFlow(TEACHER, generator="free").fit(), 'method="coefficients" needs generator="mode_sum"'),
        (lambda: KoopmanFlow(TEACHER).fit(n_paths=0), "fit: n_paths must be at least 1"),
        (lambda: KoopmanFlow(TEACHER).fit("consistency", weights="best"), "weights must be one of balanced, paper"),
        (lambda: KoopmanFlow(TEACHER).fit("consistency", weights={"jvp": 1.0}), "a dict of .*consistency.*target"),
        (lambda: KoopmanFlow(TEACHER).fit("consistency", weights={"path": 0.0}), "at least one positive"),
        (
            lambda: KoopmanFlow(TEACHER).fit(spectrum=[1j], n_paths=5),
            r"spectrum has shape \(1,\), but \(2,\) is needed",
        ),
        (lambda: KoopmanFlow(TEACHER).fit(x0=normal(5, 3)), r"x0 has shape \(5, 3\)"),
        (lambda: student_of(LIFTINGS["path"]).transport(normal(3, 2), t=1.5), r"t must lie in \[0, 1\]"),
        (lambda: student_of(LIFTINGS["path"]).transport(normal(3, 2) / 0), "transport: x0 has NaN"),
        (lambda: student_of(LIFTINGS["path"]).invert(normal(3, 2), t=-1.0), "invert: t must lie in"),
        (lambda: student_of(LIFTINGS["path"]).trajectory(normal(3, 2), [0.5, 0.1, 0.7]), "times must rise"),
        (lambda: student_of(LIFTINGS["path"]).trajectory(normal(3, 3), [0.5]), r"x0 has shape \(3, 3\)"),
        (
            lambda: student_of(LIFTINGS["path"]).edit(normal(3, 2), [1.0]),
            r"gains has shape \(1,\), but \(3,\) is needed",
        ),
        (lambda: student_of(LIFTINGS["path"]).modes(normal(3, 3)), r"modes: x0 has shape \(3, 3\)"),
        (
            lambda: student_of(LIFTINGS["path"], GaussianFlow([0.0], [1.0])),
            "dimension 2, the teacher for 1",
        ),
        (lambda: KoopmanFlow(TEACHER).fit(batch=0), "fit: batch must be at least 1"),
        (lambda: KoopmanFlow(TEACHER).fit(weights="paper"), 'weights are of the terms of method="consistency"'),
        (lambda: KoopmanFlow(TEACHER, generator="free").fit("consistency", spectrum=[1j]), "spectrum needs generator"),
        (
            lambda: KoopmanFlow(TEACHER, generator="free").fit("consistency", learn_spectrum=False),
            "learn_spectrum=False",
        ),
        (lambda: fitted(later_starts=1.0), r"later_starts must lie in \[0, 1\), a share of each batch, got 1"),
        (lambda: fitted(later_starts=-0.1), "later_starts must lie in"),
        (lambda: fitted("consistency", later_starts=0.0), 'later_starts is for method="coefficients"'),
        (lambda: FreeGenerator(2, 2, decoder=False), "n_features must be above 2"),
        (lambda: FreeGenerator(2, 0), "n_features must be at least 1"),
        (lambda: teacher_paths(TEACHER, normal(3, 2), n_times=1), "n_times must be at least 2"),
        (lambda: fit_time_functions(normal(3, 2), TIMES, 1), r"states must be \(T, n, d\) and times \(T,\)"),
        (lambda: fit_time_functions(normal(3, 2, 2), TIMES, 1), r"got \(3, 2, 2\) and \(21,\)"),
        (lambda: fit_time_functions(normal(21, 2, 2), TIMES, -1), "n_pairs must be at least 0"),
    ],
)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: KoopmanFlow(TEACHER).sample(3), r"there is no lifting yet. Call fit\(\) first"),
        (lambda: student_of(LIFTINGS["decoder"]).modes(normal(3, 2)), 'only generator="mode_sum" has modes'),
        (lambda: KoopmanFlow(None, generator=LIFTINGS["path"]).fit("consistency"), "has no teacher"),
    ],
)
def test_what_a_student_cannot_do_is_said(call, told):
    with pytest.raises(RuntimeError, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: KoopmanFlow(TEACHER, n_pairs=1.5), r"KoopmanFlow: n_pairs must be a whole number, got 1\.5"),
        (lambda: KoopmanFlow(TEACHER).fit(n_paths=2.5), "n_paths must be a whole number"),
        (lambda: fitted(n_steps=2.5), "n_steps must be a whole number"),
        (lambda: fitted(later_starts="half"), "later_starts must be one number, got 'half'"),
        (lambda: KoopmanFlow(SMOOTH, n_pairs=0, net={"breadth": 3}).fit(n_paths=9), "breadth"),
    ],
)
def test_what_has_another_type_is_named(call, told):
    with pytest.raises(TypeError, match=told):
        call()


def test_counts_may_be_those_of_numpy(tmp_path):
    flow = KoopmanFlow(SMOOTH, n_pairs=np.int64(1), net={"width": np.int64(4)})
    flow.fit(spectrum=[1j], n_steps=np.int64(2), n_paths=np.int64(9), batch=np.int64(4), verbose=False).save(
        tmp_path / "student"
    )
    assert KoopmanFlow.load(tmp_path / "student").n_pairs == 1


@pytest.mark.parametrize("wrong", ["lift", "evolve", "read", "generator"])
def test_a_lifting_of_another_shape_is_refused(wrong):
    class Wrong(Known):
        pass

    right = getattr(Known, wrong)
    setattr(Wrong, wrong, lambda self, *arguments: right(self, *arguments)[:, :1])
    with pytest.raises(ValueError, match=rf"KoopmanFlow: {wrong} of the lifting has shape \(\d, 1\), .* for 2 points"):
        student_of(Wrong(), Spread())


def test_a_lifting_of_ones_own_cannot_be_saved(tmp_path):
    class StateLift(Known):  # of a name that is known
        pass

    for own in (Known(), StateLift()):
        with pytest.raises(RuntimeError, match="cannot be saved; known are StateLift, PathLift, FreeGenerator"):
            student_of(own, Spread()).save(tmp_path / "student")


DEFAULTS = {
    KoopmanFlow: {"generator": "mode_sum", "n_pairs": 2, "net": None},
    KoopmanFlow.fit: {
        "method": "coefficients",
        "spectrum": None,
        "weights": None,
        "learn_spectrum": True,
        "later_starts": None,
        "n_paths": 12_000,
        "x0": None,
        "n_steps": 2500,
        "batch": 256,
        "lr": None,
        "verbose": True,
    },
    KoopmanFlow.edit: {"t": 1.0},
    FreeGenerator: {"n_features": 16, "decoder": True, "width": 96, "depth": 3},
    teacher_paths: {"n_times": 21, "velocities": True, "solver": "midpoint", "steps": 20},
}


@pytest.mark.parametrize("function", DEFAULTS, ids=lambda function: function.__qualname__)
def test_defaults_are_those_that_lessons_and_results_were_made_with(function):
    parameters = inspect.signature(function).parameters
    assert {name: parameters[name].default for name in DEFAULTS[function]} == DEFAULTS[function]
