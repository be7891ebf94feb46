"""Flow matching: what is regressed, what a flow does with a network, its copies, files, reflow and distillation."""

import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn

from koopteach import (
    FlowMatching,
    FourierNet,
    GaussianFlow,
    MixtureFlow,
    distill,
    eight_gaussians,
    moons,
    reflow,
    straightness,
)
from koopteach.files import kind_of, save_weights
from koopteach.flow_matching.net import seeded_linear
from koopteach.flow_matching.paths import widened
from koopteach.tensors import random_rows
from tests.tools import normal, seeded

GAUSSIAN = GaussianFlow([0.5, -1.0], [[1.5, 0.4], [0.4, 0.3]])
MOONS = moons.sample(200, seeded())
FEW = {"n_steps": 3, "batch": 16, "verbose": False}


def small_net(dim=2, seed=0, **sizes):
    return FourierNet(dim, **{"width": 16, "depth": 2, "n_frequencies": 4, "generator": seeded(seed), **sizes})


def fitted(net=None, x1=MOONS, x0=None, *, seed=1, coupling="independent", **fit):
    return FlowMatching(2, coupling=coupling, net=net).fit(x1, x0, **{**FEW, "generator": seeded(seed), **fit})


class Affine(nn.Module):
    """``A x + b t``, and what it saw: points, times, whether dropout was on."""

    def __init__(self, dim=2, out=2):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.zeros(out, dim)), nn.Parameter(torch.zeros(out))
        self.dropout, self.seen = nn.Dropout(0.5), []

    def forward(self, x, t):
        self.seen.append((x, t, self.training))
        return self.dropout(x @ self.a.T + t * self.b)


# ---- the network


def test_the_networks_random_numbers_come_from_its_generator():
    before = torch.get_rng_state()
    one, same = small_net(3, seed=5), small_net(3, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    x, t = normal(4, 3).float(), torch.rand(4, 1, generator=seeded())
    assert torch.equal(one(x, t), same(x, t))
    assert not torch.equal(one(x, t), small_net(3, seed=6)(x, t))
    assert float(small_net(3, last_scale=0.0)(x, t).detach().abs().max()) == 0


def test_the_features_are_point_time_and_waves_of_both():
    net, x, t = small_net(3, time_frequencies=2), normal(4, 3).float(), torch.rand(4, 1, generator=seeded())
    waves, pi = x @ net.frequencies.T, math.pi
    clock = [(pi * t).sin(), (2 * pi * t).sin(), (pi * t).cos(), (2 * pi * t).cos()]
    torch.testing.assert_close(net.features(x, t), torch.cat([x, t, *clock, waves.sin(), waves.cos()], dim=1))


def test_the_network_is_a_perceptron_of_its_features():
    net, x, t = small_net(2, depth=3, out_dim=5), normal(4, 2).float(), torch.zeros(4, 1)
    h = net.features(x, t)
    for layer in net.layers[:-1]:
        h = h @ layer.weight.T + layer.bias
        h = h / (1 + (-h).exp())
    torch.testing.assert_close(net(x, t), h @ net.layers[-1].weight.T + net.layers[-1].bias)
    assert [tuple(layer.weight.shape) for layer in net.layers] == [(16, 15), (16, 16), (16, 16), (5, 16)]


def test_first_weights_are_uniform_up_to_one_over_the_root_of_the_inputs():
    layer = seeded_linear(16, 4000, seeded())
    for parameter in (layer.weight, layer.bias):
        assert 0.249 < float(parameter.detach().abs().max()) <= 0.25
        assert float(parameter.detach().std()) == pytest.approx(0.25 / 3**0.5, rel=0.02)
        assert parameter.requires_grad
    wide = small_net(2, n_frequencies=4000, frequency_scale=3.0).frequencies
    assert float(wide.std()) == pytest.approx(3, rel=0.03)


# ---- what is regressed


def test_the_loss_is_the_squared_distance_of_the_velocities():
    """Summed over coordinates, averaged over the batch; on straight pairs at uniform times."""
    batches, net = [], Affine()

    def coupling(x0, x1):
        batches.append((x0, x1))
        return x0, x1

    flow = FlowMatching(2, coupling=coupling, net=net).fit(MOONS, n_steps=1, batch=400, generator=seeded())
    (x0, x1), (x_t, t, _) = batches[0], flow.net.seen[0]
    torch.testing.assert_close(x_t, (1 - t) * x0 + t * x1)
    assert float(flow.training.losses[0]) == pytest.approx(float((x1 - x0).square().sum(1).mean()), rel=1e-5)
    assert t.shape == (400, 1)
    deciles = (10 * t).floor().long().flatten().bincount(minlength=10)
    assert float((deciles - 40).square().sum() / 40) < 34  # chi squared of nine: once in ten thousand seeds


def test_a_batch_is_as_large_as_was_asked_for():
    for coupling, batch, expected in (("independent", None, 512), ("ot", None, 256), ("ot", np.int64(7), 7)):
        flow = fitted(Affine(), coupling=coupling, n_steps=1, batch=batch)
        assert len(flow.net.seen[0][0]) == expected


@pytest.mark.slow
def test_a_trained_flow_approaches_the_closed_form():
    x1 = GAUSSIAN.exact(normal(4000, 2), [1.0])[0]
    fit = {"n_steps": 500, "batch": 256, "lr": 5e-3, "standardize": False}
    flow = fitted(small_net(width=48, n_frequencies=0), x1, seed=0, **fit)
    x0 = normal(500, 2, seed=3)
    exact = GAUSSIAN.exact(x0, [1.0])[0]
    end = flow.transport(x0, solver="rk4", steps=8)
    assert float((end - exact).square().mean().sqrt()) < 0.12  # of a spread of one
    euler = flow.transport(x0, solver="euler", steps=1)
    assert float((euler - GAUSSIAN.mean).square().mean().sqrt()) < 0.2


def test_the_source_can_be_any_law():
    """Eight blobs are carried to moons; the flow's source gives rows of what it was fitted with."""
    x0, x1 = eight_gaussians.sample(300, seeded()).float(), moons.sample(300, seeded(1)).float()
    flow = fitted(small_net(), x1, x0, coupling="ot")
    drawn = flow.source(40, seeded())
    assert bool((drawn[:, None] == x0).all(2).any(1).all())
    assert flow.sample(7, generator=seeded()).dtype == torch.float32
    torch.testing.assert_close(flow.sample(40, generator=seeded()), flow.transport(drawn))
    assert flow.fit(x1, **FEW)._x0 is None  # a second fit forgets the source of the first


# ---- what a flow does with a network


def test_the_generator_decides_everything_and_the_dtype_follows():
    a, b = (fitted() for _ in range(2))
    x = normal(9, 2)
    assert torch.equal(a.velocity(x, 0.3), b.velocity(x, 0.3))
    assert a.velocity(x, 0.3).dtype == torch.float64
    assert a.velocity(x.float(), 0.3).dtype == torch.float32
    assert a.sample(5).dtype == torch.float64
    assert repr(a) == "FlowMatching(dim 2, independent coupling, Training(3 steps))"
    assert repr(FlowMatching(2)) == "FlowMatching(dim 2, independent coupling, not fitted)"
    assert "custom coupling, network given" in repr(FlowMatching(2, coupling=lambda a, b: (a, b), net=small_net()))


def test_a_network_is_trained_in_its_own_dtype():
    """In float64 a step of 1e-9 is not lost, and a velocity keeps its last digits."""
    net = small_net().double()
    flow, x = fitted(net, lr=1e-9, n_steps=30, standardize=False), normal(9, 2)
    assert {p.dtype for p in flow.net.parameters()} == {torch.float64}
    change = flow.velocity(x, 0.3) - FlowMatching(2, net=net).velocity(x, 0.3)
    assert 0 < float(change.abs().max()) < 1e-6
    assert flow.sample(3).dtype == torch.float64


def test_a_network_may_have_no_parameters():
    class Still(nn.Module):
        def forward(self, x, t):
            return -x

    flow, x = FlowMatching(2, net=Still()), normal(4, 2)
    torch.testing.assert_close(flow.transport(x, solver="euler", steps=1), 0 * x)
    with pytest.raises(ValueError, match="there are no parameters to train"):
        flow.fit(MOONS, **FEW)


def test_a_second_fit_starts_anew():
    """With a network that was given, and with one of its own."""
    for net in (small_net(), None):
        flow, x = FlowMatching(2, net=net), normal(5, 2)
        first = flow.fit(MOONS, **FEW, generator=seeded()).velocity(x, 0.4)
        second = flow.fit(MOONS, **FEW, generator=seeded()).velocity(x, 0.4)
        assert torch.equal(first, second)


def test_who_gives_the_trained_network_goes_on():
    flow, x = fitted(small_net(), n_steps=20, standardize=False), normal(5, 2)
    again = FlowMatching(2, net=flow.net)
    assert torch.equal(again.velocity(x, 0.4), flow.velocity(x, 0.4))
    again.fit(MOONS, n_steps=1, lr=1e-4, standardize=False, generator=seeded(), verbose=False)
    change = float((again.velocity(x, 0.4) - flow.velocity(x, 0.4)).abs().max())
    assert 0 < change < 0.01 < float((flow.velocity(x, 0.4) - FlowMatching(2, net=small_net()).velocity(x, 0.4)).norm())


def test_the_given_network_stays_as_it_is():
    net = small_net()
    net.layers[0].requires_grad_(False)
    net.layers[1].eval()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    flags, modes = [p.requires_grad for p in net.parameters()], [part.training for part in net.modules()]
    flow = fitted(net)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert [p.requires_grad for p in net.parameters()] == flags
    assert [part.training for part in net.modules()] == modes
    moved = [not torch.equal(p, q) for p, q in zip(flow.net.parameters(), net.parameters())]
    assert moved == [False, False, True, True, True, True]  # what is frozen stays frozen
    whole = fitted(small_net().requires_grad_(False))  # but there is no training of nothing
    assert not torch.equal(whole.net.layers[0].weight, small_net().layers[0].weight)


def test_a_velocity_has_a_gradient_of_the_points_alone():
    for flow in (FlowMatching(2, net=small_net()), fitted(small_net())):
        x = normal(5, 2)
        assert not flow.velocity(x, 0.5).requires_grad
        (slope,) = torch.autograd.grad(flow.velocity(x.requires_grad_(True), 0.5).sum(), x)
        assert float(slope.abs().max()) > 0
        assert all(p.grad is None for p in flow.net.parameters())


def test_dropout_is_on_in_training_and_off_in_sampling():
    for net in (Affine().train(), Affine().eval()):
        flow = FlowMatching(2, net=net)
        x, given = normal(500, 2), net.training
        flow.velocity(x, 0.5)
        flow.fit(MOONS, n_steps=4, batch=16, lr=0.1, generator=seeded(), verbose=False)
        first, second = flow.transport(x), flow.transport(x)
        assert torch.equal(first, second)
        assert [mode for *_, mode in flow.net.seen] == [True] * 4 + [False] * (len(flow.net.seen) - 4)
        assert net.training is given
        assert not net.seen


def test_dropout_is_off_also_where_the_training_raised():
    calls = []

    def coupling(x0, x1):
        calls.append(1)
        if len(calls) > 2:
            raise ArithmeticError
        return x0, x1

    flow = FlowMatching(2, coupling=coupling, net=Affine())
    with pytest.raises(ArithmeticError):
        flow.fit(MOONS, **FEW)
    assert not flow.net.training
    assert not any(p.requires_grad for p in flow.net.parameters())


def test_a_network_of_another_shape_is_refused():
    """One output for two coordinates would be broadcast, and train."""
    flow = FlowMatching(2, net=Affine(out=1))
    for call in (lambda: flow.fit(MOONS, **FEW), lambda: flow.transport(MOONS), lambda: flow.velocity(MOONS, 0.5)):
        with pytest.raises(ValueError, match=r"what net returned has shape \(\d+, 1\), but \(\d+, 2\) is needed"):
            call()


def test_an_interrupt_keeps_what_was_trained(capsys):
    calls = []

    def coupling(x0, x1):
        calls.append(1)
        if len(calls) > 30:
            raise KeyboardInterrupt
        return x0, x1

    flow = FlowMatching(2, coupling=coupling, net=small_net())
    before = flow.velocity(MOONS, 0.5)
    flow.fit(MOONS, n_steps=1000, generator=seeded())
    assert flow.training.interrupted
    assert flow.training.steps.tolist() == [10, 20, 30]
    assert float((flow.velocity(MOONS, 0.5) - before).norm()) > 0.1
    assert not flow.net.training
    assert "FlowMatching: interrupted after 30 of 1000 steps" in capsys.readouterr().out


def test_a_moved_flow_is_a_copy():
    flow, x = FlowMatching(2, net=small_net()), normal(9, 2)
    double = flow.to(torch.float64)
    torch.testing.assert_close(double.velocity(x, 0.4), flow.velocity(x, 0.4), rtol=1e-5, atol=1e-5)
    assert (double.net.frequencies.dtype, flow.net.frequencies.dtype) == (torch.float64, torch.float32)
    assert flow.to(torch.float32).sample(3).dtype == torch.float32
    assert {p.dtype for p in double.fit(MOONS, **FEW).net.parameters()} == {torch.float64}


# ---- reflow and distillation


@pytest.mark.slow
def test_reflow_straightens():
    teacher, x0 = MixtureFlow(eight_gaussians), normal(300, 2, seed=7)
    second = reflow(teacher, n_pairs=2000, net=small_net(width=48), n_steps=300, batch=128, lr=5e-3, generator=seeded())
    assert straightness(second, x0).deviation < 0.2 < 1 < straightness(teacher, x0).deviation
    exact = teacher.transport(x0, solver="rk4", steps=64)
    gap = [float((f.transport(x0, solver="euler", steps=1) - exact).square().mean()) for f in (second, teacher)]
    assert gap[0] < 0.25 * gap[1]


@pytest.mark.parametrize(("how", "nfe"), [({}, 40), ({"solver": "euler", "steps": 3}, 3), ({"solver": "rk4"}, 80)])
def test_reflow_learns_the_pairs_that_its_teacher_makes(how, nfe):
    """Counted, and seen by a network on the way: what is regressed are the teacher's ends."""
    teacher = GAUSSIAN.to(torch.float32)
    one = {"n_steps": 1, "batch": 64, "verbose": False}
    second = reflow(teacher, n_pairs=40, net=Affine(), generator=seeded(), standardize=False, **one, **how)
    assert teacher.nfe == nfe
    x0 = teacher.source(40, seeded())
    x1 = teacher.transport(x0, **{"steps": 20, **how})
    assert second.coupling == "paired"
    assert torch.equal(second._x0, x0)
    x_t, t, _ = second.net.seen[0]
    gap = ((1 - t)[:, :, None] * x0.T + t[:, :, None] * x1.T - x_t[:, :, None]).norm(dim=1)
    assert float(gap.amin(dim=1).max()) < 1e-5


@pytest.mark.slow
def test_a_direct_map_learns_the_ends():
    direct = distill(
        GAUSSIAN, n_pairs=2000, n_steps=250, batch=128, width=32, n_frequencies=0, generator=seeded(), verbose=False
    )
    x0 = normal(300, 2, seed=5)
    exact = GAUSSIAN.exact(x0, [1.0])[0]
    assert float((direct.transport(x0) - exact).square().mean().sqrt()) < 0.05


def test_a_direct_map_regresses_ends_of_twenty_midpoint_steps_on_widened_starts():
    """The first loss by hand, from the same stream: 24 times the mean square."""
    direct = distill(GAUSSIAN, n_pairs=30, n_steps=1, batch=16, generator=seeded(), verbose=False)
    assert GAUSSIAN.nfe == 40
    draw = seeded()
    x0 = widened(GAUSSIAN.source(30, draw))
    net = FourierNet(2, width=96, time_frequencies=0, generator=draw).double()
    rows = random_rows(x0, 16, draw)
    error = net(x0[rows], torch.zeros(16, 1)) - GAUSSIAN.transport(x0, steps=20)[rows]
    assert float(direct.training.losses[0]) == pytest.approx(24 * float(error.detach().square().mean()), rel=1e-4)


def test_a_direct_map_samples_what_its_flow_starts_from():
    x0, x1 = eight_gaussians.sample(50, seeded()).float(), moons.sample(50, seeded(1)).float()
    for flow in (GAUSSIAN, fitted(small_net(), x1, x0)):
        direct = distill(flow, n_pairs=20, n_steps=1, batch=8, width=8, generator=seeded(), verbose=False)
        same = direct.sample(9, generator=seeded())
        assert same.dtype == flow.sample(2).dtype
        assert torch.equal(same, direct.transport(flow.source(9, seeded())))
        assert not direct.transport(normal(4, 2)).requires_grad
        assert direct.transport(normal(4, 2)).dtype == torch.float64


def test_a_direct_map_learns_from_the_starts_that_it_is_given():
    """Widened draws given by hand are those that it draws itself; other starts make another map."""
    sizes = {"n_steps": 3, "batch": 8, "width": 8, "verbose": False}
    drawn, draw = distill(GAUSSIAN, n_pairs=20, generator=seeded(), **sizes), seeded()
    given = distill(GAUSSIAN, x0=widened(GAUSSIAN.source(20, draw)), generator=draw, **sizes)
    other = distill(GAUSSIAN, x0=normal(20, 2, seed=9), generator=draw, **sizes)
    x0 = normal(5, 2)
    assert torch.equal(given.transport(x0), drawn.transport(x0))
    assert not torch.allclose(other.transport(x0), drawn.transport(x0))


# ---- weights on disk


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("source", ["noise", "sample"])
def test_a_saved_flow_comes_back(tmp_path, dtype, source):
    """With the dtype of its network and of its samples, its coupling, and its source."""
    path, x1 = tmp_path / "flow.safetensors", MOONS.to(dtype)
    x0 = None if source == "noise" else eight_gaussians.sample(100, seeded()).to(dtype)
    flow = fitted(small_net().to(dtype), x1, x0, coupling="ot")
    flow.save(path)
    back = FlowMatching.load(path)
    assert torch.equal(back.transport(x1), flow.transport(x1))
    assert torch.equal(back.sample(8, generator=seeded()), flow.sample(8, generator=seeded()))
    assert back.sample(2).dtype == back.net.frequencies.dtype == dtype
    assert (back.coupling, kind_of(path)) == ("ot", "FlowMatching")
    assert list(tmp_path.iterdir()) == [path]
    assert back.net.config == flow.net.config
    again = back.fit(x1, x0, **FEW)  # goes on from the network of the file
    assert not torch.equal(again.net.layers[0].weight, flow.net.layers[0].weight)


def test_a_coupling_of_ones_own_is_not_taken_for_another(tmp_path):
    flow = fitted(small_net(), coupling=lambda x0, x1: (x0, x1))
    flow.save(tmp_path / "flow")
    back = FlowMatching.load(tmp_path / "flow")
    assert torch.equal(back.transport(MOONS), flow.transport(MOONS))
    with pytest.raises(ValueError, match="trained with a coupling of one's own, which its file does not hold"):
        back.fit(MOONS, **FEW)
    back.coupling = "independent"
    back.fit(MOONS, **FEW)


def test_an_older_file_without_a_dtype_samples_in_float64(tmp_path):
    net = small_net()
    tensors = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    config = {"coupling": "ot", "net": net.config}
    save_weights(tmp_path / "old", "FlowMatching", config, tensors)
    assert FlowMatching.load(tmp_path / "old").sample(2).dtype == torch.float64
    save_weights(tmp_path / "old", "FlowMatching", config, {**tensors, "x0": torch.zeros(9, 2)})
    assert FlowMatching.load(tmp_path / "old").sample(2).dtype == torch.float32


def test_sizes_of_numpy_can_be_saved(tmp_path):
    flow = FlowMatching(np.int64(2), net=FourierNet(np.int64(2), width=np.int64(4), n_frequencies=np.int64(1)))
    flow.save(tmp_path / "flow")
    assert FlowMatching.load(tmp_path / "flow").net.config == flow.net.config


def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path):
    from safetensors.torch import save_file

    whole, other = tmp_path / "whole", tmp_path / "other"
    FlowMatching(2, net=small_net()).save(whole)
    for size in (0, 5, 200, whole.stat().st_size - 1):
        other.write_bytes(whole.read_bytes()[:size])
        for read in (FlowMatching.load, kind_of):
            with pytest.raises(ValueError, match="other is truncated or no safetensors file"):
                read(other)
    other.write_bytes(b"cos\nsystem\n(S'false'\ntR." * 20)  # a pickle that would run a command
    with pytest.raises(ValueError, match="truncated or no safetensors file"):
        FlowMatching.load(other)
    save_file({"a": torch.zeros(1)}, other)
    assert kind_of(other) is None
    with pytest.raises(ValueError, match="holds a model of another program, but a FlowMatching is needed"):
        FlowMatching.load(other)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        FlowMatching.load(tmp_path / "none")
    with pytest.raises(RuntimeError, match="only a fitted FlowMatching"):
        FlowMatching(2).save(other)
    with pytest.raises(RuntimeError, match="with the FourierNet of the package"):
        FlowMatching(2, net=Affine()).save(other)


# ---- defaults and bad input

DEFAULTS = {
    FlowMatching: {"coupling": "independent", "net": None},
    FlowMatching.fit: {"n_steps": 3000, "batch": None, "lr": 2e-3, "verbose": True},
    FlowMatching.transport: {"solver": "midpoint", "steps": 8, "tolerance": 1e-4, "t": 1.0},
    FlowMatching.invert: {"solver": "midpoint", "steps": 8, "tolerance": 1e-4, "t": 1.0},
    FlowMatching.sample: {"solver": "midpoint", "steps": 8, "tolerance": 1e-4},
    FlowMatching.trajectory: {"solver": "rk4", "steps": 32, "tolerance": 1e-4},
    FourierNet: {
        "width": 128,
        "depth": 3,
        "n_frequencies": 32,
        "frequency_scale": 2.0,
        "time_frequencies": 2,
        "last_scale": 1.0,
    },
    distill: {"n_pairs": 12_000, "n_steps": 2500, "batch": 256, "lr": 2e-2, "verbose": True},
    reflow: {"n_pairs": 12_000, "solver": "midpoint", "steps": 20, "net": None},
    straightness: {"n_times": 65},
}


@pytest.mark.parametrize("function", DEFAULTS, ids=lambda function: function.__qualname__)
def test_defaults_are_those_that_lessons_and_results_were_made_with(function):
    parameters = inspect.signature(function).parameters
    assert {name: parameters[name].default for name in DEFAULTS[function]} == DEFAULTS[function]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: FlowMatching(0), "dim must be at least 1, got 0"),
        (lambda: FlowMatching(2, coupling="OT"), 'coupling must be one of "independent", "ot", "paired".*\'OT\''),
        (lambda: FlowMatching(2).fit(normal(9, 2) / 0), "fit: x1 has NaN or infinity in 9 of 9"),
        (lambda: FlowMatching(2).fit(normal(9, 3)), r"fit: x1 has shape \(9, 3\)"),
        (lambda: FlowMatching(2).fit(normal(1, 2)), "fit: x1 has 1 points, but at least 2"),
        (lambda: FlowMatching(2).fit(normal(9, 2), normal(9, 1)), r"fit: x0 has shape \(9, 1\)"),
        (lambda: FlowMatching(2).fit(normal(9, 2), batch=0), "batch must be at least 1"),
        (lambda: FlowMatching(2).fit(normal(9, 2), n_steps=0), "n_steps must be at least 1"),
        (lambda: FlowMatching(2, coupling="paired").fit(normal(9, 2)), "needs x0 with the 9 rows of x1, got none"),
        (lambda: reflow(GAUSSIAN, n_pairs=1), "reflow: n_pairs must be at least 2"),
        (lambda: distill(GAUSSIAN, n_pairs=0), "distill: n_pairs must be at least 1"),
        (lambda: distill(GAUSSIAN, x0=normal(5, 3), verbose=False), r"x0 has shape \(5, 3\)"),
        (lambda: FourierNet(2, width=0), "width must be at least 1"),
        (lambda: FourierNet(2, n_frequencies=-1), "n_frequencies must be at least 0"),
        (lambda: FourierNet(2, time_frequencies=-1), "time_frequencies must be at least 0"),
    ],
)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: FlowMatching(2.0), "dim must be a whole number, got 2.0"),
        (lambda: FlowMatching(2).fit(MOONS, n_steps=2.5, verbose=False), "n_steps must be a whole number, got 2.5"),
        (lambda: FlowMatching(2).fit(MOONS, batch=2.5), "batch must be a whole number, got 2.5"),
        (lambda: FourierNet(2, depth=1.5), "depth must be a whole number"),
        (lambda: FlowMatching(2).fit(torch.ones(5, 2, dtype=torch.int64)), "fit: x1 has dtype torch.int64"),
    ],
)
def test_what_has_another_type_is_named(call, told):
    with pytest.raises(TypeError, match=told):
        call()


def test_a_flow_that_was_not_fitted_says_so():
    for call in (lambda flow: flow.sample(5), lambda flow: flow.velocity(MOONS, 0.5)):
        with pytest.raises(RuntimeError, match=r"Call fit\(x1\) first"):
            call(FlowMatching(2))


def test_a_missing_library_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match="saving and loading need safetensors"):
        FlowMatching(2, net=small_net()).save("nowhere")
