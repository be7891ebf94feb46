"""Flows on data in anybody's units: the same flow in these units, for students, files, densities and classes, too."""

import numpy as np
import pytest
import torch
from torch import nn

from koopteach import (
    ConvexChart,
    CurvedInterpolant,
    DecodedFlow,
    FlowMatching,
    FourierNet,
    GaussianFlow,
    KoopmanFlow,
    LinearInterpolant,
    PushedFlow,
    VelocityFlow,
    distill,
    eight_gaussians,
    moons,
    reflow,
    straightness,
)
from koopteach.flow_matching import Units
from tests.interpolants import convex_map
from tests.tools import normal, seeded

MOONS = moons.sample(200, seeded())
SCALE, SHIFT = torch.tensor([1e6, 1e-6], dtype=torch.float64), torch.tensor([7e8, -1e-3], dtype=torch.float64)
FEW = {"n_steps": 5, "batch": 32, "verbose": False}


def elsewhere(x):
    """The same points in other units, some hundred to a thousand spreads away."""
    return x * SCALE + SHIFT


def here(x):
    return (x - SHIFT) / SCALE


def small_net(n=2, seed=0, **sizes):
    return FourierNet(n, **{"width": 16, "depth": 2, "n_frequencies": 4, "generator": seeded(seed), **sizes})


def fitted(x1, x0=None, *, coupling="independent", **fit):
    return FlowMatching(2, coupling=coupling, net=small_net()).fit(x1, x0, generator=seeded(1), **{**FEW, **fit})


def same(a, b, *, atol=1e-4):
    torch.testing.assert_close(a, b, rtol=0, atol=atol)


PAIR = fitted(MOONS), fitted(elsewhere(MOONS))


# ---- the map


@pytest.mark.parametrize("source", [None, MOONS[:50] + 3], ids=["noise", "sample"])
def test_the_map_moves_between_its_two_ends(source):
    """At t = 0 noise is left as it is; what the map does on the way is undone, rates as well."""
    units, u, v = (
        Units.of(elsewhere(MOONS), None if source is None else elsewhere(source)),
        normal(9, 2),
        normal(9, 2, seed=1),
    )
    t = torch.rand(9, 1, dtype=torch.float64, generator=seeded())
    same(units.into(units.undo(u, t), t), u, atol=1e-9)
    same(units.rate_into(u, units.rate(u, v, t), t), v, atol=1e-9)
    h = 1e-4
    slope = (units.undo(u + h * v, t + h) - units.undo(u - h * v, t - h)) / (2 * h)
    same(units.rate(u, v, t) / SCALE, slope / SCALE, atol=1e-4)
    if source is None:
        assert torch.equal(units.undo(u, 0.0), u)
        same(units.into(elsewhere(MOONS), 1.0).std(0, correction=0), torch.ones(2, dtype=torch.float64), atol=1e-9)
    else:
        both = torch.cat([source.repeat(4, 1), MOONS])
        same(units.into(elsewhere(both), 0.3).mean(0), torch.zeros(2, dtype=torch.float64), atol=1e-6)


# ---- flows


def test_the_same_flow_comes_in_any_units():
    """From the same noise, which stays standard normal."""
    a, b = PAIR
    x0 = normal(50, 2)
    assert torch.equal(a.source(9, seeded()), b.source(9, seeded()))
    same(here(b.transport(x0)), a.transport(x0))
    same(here(b.sample(20, generator=seeded())), a.sample(20, generator=seeded()))
    same(b.invert(b.transport(x0, solver="rk4"), solver="rk4"), x0, atol=1e-3)
    same(b.invert(elsewhere(MOONS)), a.invert(MOONS))
    assert straightness(b, x0).deviation == pytest.approx(straightness(a, x0).deviation, rel=1e-4)


@pytest.mark.parametrize("coupling", ["independent", "ot", "paired"])
def test_a_source_sample_shares_the_datas_units(coupling):
    x0 = eight_gaussians.sample(200, seeded(2)).to(MOONS)
    a, b = fitted(MOONS, x0, coupling=coupling), fitted(elsewhere(MOONS), elsewhere(x0), coupling=coupling)
    same(here(b.source(9, seeded())), a.source(9, seeded()), atol=1e-6)
    same(here(b.transport(elsewhere(x0))), a.transport(x0))
    for t in (0.0, 0.5):
        same(b.velocity(elsewhere(x0), t) / SCALE, a.velocity(x0, t))


def test_the_velocity_is_that_of_the_trajectory():
    flow, h = PAIR[1], 1e-3
    before, now, after = flow.trajectory(normal(20, 2), [0.5 - h, 0.5, 0.5 + h], steps=16)
    torch.testing.assert_close(flow.velocity(now, 0.5), (after - before) / (2 * h), rtol=1e-4, atol=0)
    ends = flow.trajectory(normal(20, 2), [0.0, 1.0])
    same(ends[0], normal(20, 2), atol=1e-12)


def test_without_a_map_nothing_is_mapped():
    flow = fitted(MOONS, standardize=False)
    assert flow._units is None
    x, t = normal(9, 2), torch.full((9, 1), 0.3)
    assert torch.equal(flow.velocity(x, 0.3), flow.net(x.float(), t).double())


@pytest.mark.slow
def test_samples_have_the_spread_of_the_data_at_every_scale():
    x = normal(2000, 2)
    for scale, mean in ((1.0, 0.0), (10.0, 0.0), (100.0, 0.0), (1000.0, 0.0), (1.0, 1e6)):
        flow = FlowMatching(2).fit(scale * x + mean, n_steps=400, generator=seeded(1), verbose=False)
        found = (flow.sample(2000, generator=seeded(2)) - mean) / scale
        assert float((found.std(0) / x.std(0) - 1).abs().max()) < 0.1
        assert float((found.mean(0) - x.mean(0)).abs().max()) < 0.1


# ---- what follows a flow


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["student", "consistency", "distilled", "reflowed"])
def test_students_follow_the_teachers_units(kind):
    def learned(teacher):
        few = {**FEW, "generator": seeded(3)}
        if kind == "distilled":
            return distill(teacher, n_pairs=50, width=8, **few)
        if kind == "reflowed":
            return reflow(teacher, n_pairs=50, net=small_net(), **few)
        method = "coefficients" if kind == "student" else kind
        return KoopmanFlow(teacher, n_pairs=1, net={"width": 8}).fit(method, spectrum=[2j], n_paths=50, **few)

    (a, b), x0 = (learned(teacher) for teacher in PAIR), normal(20, 2)
    same(here(b.transport(x0)), a.transport(x0), atol=1e-3)
    same(here(b.sample(9, generator=seeded())), a.sample(9, generator=seeded()), atol=1e-3)
    if isinstance(b, KoopmanFlow):
        same(here(b.modes(x0).at(1.0)), here(b.transport(x0)))
        same(here(b.edit(x0, [1.0, 1.0])), here(b.transport(x0)))
        same(b.lift(x0, 0.0), a.lift(x0, 0.0), atol=1e-3)
        assert b.diagnose(x0, verbose=False).end == pytest.approx(a.diagnose(x0, verbose=False).end, rel=1e-3)


def test_a_curved_flow_on_a_schedule_is_the_same_in_any_units():
    a, b = (
        CurvedInterpolant(LinearInterpolant(2), net=small_net()).fit(x, generator=seeded(1), **FEW)
        for x in (MOONS, elsewhere(MOONS))
    )
    same(here(b.transport(normal(20, 2))), a.transport(normal(20, 2)))
    same(a.transport(normal(20, 2)), PAIR[0].transport(normal(20, 2)))


def test_a_chart_joins_in_the_datas_own_units():
    """Paths of the data's units, their points and rates in those of the network."""
    flow = CurvedInterpolant(ConvexChart(convex_map()), net=small_net().double()).prepare(MOONS, verbose=False)
    x0, x1 = flow._codes(normal(200, 2), MOONS)
    t = torch.rand(200, 1, dtype=torch.float64, generator=seeded())
    u, rate = flow._path(x0, x1, t)
    x_t, x_rate = flow._paths.path(x0, x1, t)
    same(flow._units.undo(u, t), x_t, atol=1e-9)
    same(flow._units.rate(u, rate, t), x_rate, atol=1e-9)


# ---- files

FLOWS = {
    "noise": lambda: PAIR[1],
    "sample": lambda: fitted(elsewhere(MOONS), elsewhere(MOONS + 1)),
    "labels": lambda: FlowMatching(2).fit(elsewhere(MOONS), labels=(MOONS[:, 0] > 0).long(), **FEW).given(1),
    "curved": lambda: CurvedInterpolant(LinearInterpolant(2), net=small_net()).fit(elsewhere(MOONS), **FEW),
    "student": lambda: KoopmanFlow(PAIR[1], net={"width": 8}).fit(n_paths=20, **FEW),
    "decoded": lambda: DecodedFlow(convex_map(), coupling="independent", net=small_net()).fit(MOONS, **FEW),
    "pushed": lambda: PushedFlow(convex_map(), coupling="independent", net=small_net()).fit(MOONS, **FEW),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FLOWS)
def test_the_units_are_in_the_file(name, tmp_path):
    flow = FLOWS[name]()
    flow.save(tmp_path / "flow")
    again = type(flow).load(tmp_path / "flow")
    again = again.given(1) if name == "labels" else again
    assert torch.equal(again.sample(9, generator=seeded()), flow.sample(9, generator=seeded()))
    # where in memory a matrix from a file begins decides in which order a processor adds: single precision, and the way
    # back through a student's matrix may cost two digits of its seven
    back, kept = (one.invert(elsewhere(MOONS)[:9]) for one in (again, flow))
    torch.testing.assert_close(back, kept, rtol=1e-4, atol=1e-5 * float(kept.abs().max()))
    assert flow.to(torch.float32).sample(3).dtype == torch.float32


# ---- a loop of one's own


@pytest.mark.parametrize("coupling", ["independent", "ot"])
@pytest.mark.parametrize("source", [None, MOONS[:50] + 1], ids=["noise", "sample"])
def test_the_loss_is_what_fit_minimises(coupling, source):
    """On the same draws: rows, noise, times."""
    draw, kinds = seeded(4), {"coupling": coupling, "net": small_net()}
    trained = FlowMatching(2, **kinds).fit(elsewhere(MOONS), source, n_steps=1, batch=32, generator=draw, verbose=False)
    draw = seeded(4)
    flow = FlowMatching(2, **kinds).prepare(elsewhere(MOONS), source, generator=draw)
    loss = flow.loss(elsewhere(MOONS)[torch.randint(200, (32,), generator=draw)], generator=draw)
    assert float(loss.detach()) == pytest.approx(float(trained.training.losses[0]), rel=1e-6)
    loss.backward()
    assert all(p.grad is not None for p in flow.net.parameters())
    assert flow.net.training


def test_a_loss_of_pairs_and_of_classes():
    x0 = MOONS + 1
    flow = FlowMatching(2, coupling="paired", net=small_net()).prepare(MOONS, x0)
    assert torch.equal(flow.loss(MOONS, x0, generator=seeded()), flow.loss(MOONS, x0, generator=seeded()))
    labels = torch.arange(200) % 3
    classes = FlowMatching(2).prepare(MOONS, labels=labels)
    few, other = (
        classes.loss(MOONS, labels=labels, generator=seeded()),
        classes.loss(MOONS, labels=labels.flip(0), generator=seeded()),
    )
    assert float(few.detach()) != float(other.detach())


# ---- classes


@pytest.mark.slow
def test_classes_are_learned_and_asked_for_by_number():
    labels = (MOONS[:, 1] > MOONS[:, 1].median()).long()
    apart = MOONS + 20 * labels[:, None]
    flow = FlowMatching(2, net=small_net(n_labels=2)).fit(
        apart, labels=labels.numpy(), n_steps=80, batch=64, lr=1e-2, generator=seeded(), verbose=False
    )
    x0 = normal(100, 2)
    low, high = (flow.given(k).transport(x0).median() for k in (0, 1))
    assert float(low) < 8 < 12 < float(high)
    mixed = flow.sample(100, labels=np.arange(100) % 2, generator=seeded())
    source = flow.source(100, seeded())
    assert torch.equal(mixed[1::2], flow.given(np.arange(100) % 2).transport(source)[1::2])
    assert flow.nfe == 16
    assert torch.equal(flow.velocity(x0, 0.5, labels=1), flow.given(1).velocity(x0, 0.5))
    one = KoopmanFlow(flow.given(1), net={"width": 8}).fit(n_paths=50, **FEW)
    assert one.sample(3).shape == (3, 2)


LABELS = torch.arange(200) % 2
CLASSES = FlowMatching(2, net=small_net(n_labels=2)).fit(MOONS, labels=LABELS, **FEW)
REFUSED = {
    "none": (lambda: CLASSES.sample(5), ValueError, r"this flow has 2 classes: say which, as flow.given\(0\)"),
    "beyond": (lambda: CLASSES.sample(5, labels=2), ValueError, "there are 2 classes, 0 to 1"),
    "too few": (lambda: CLASSES.sample(5, labels=[0, 1]), ValueError, "there are 2 labels for 5 points"),
    "floats": (lambda: CLASSES.given(0.5), TypeError, "labels must be whole numbers 0, 1, ..., got float64"),
    "names": (lambda: fitted(MOONS, labels=["a"] * 200), TypeError, r"np.unique\(labels, return_inverse=True\)"),
    "plain flow": (lambda: PAIR[0].sample(5, labels=1), ValueError, "this flow was fitted without labels"),
    "short": (lambda: FlowMatching(2).fit(MOONS, labels=LABELS[:9], **FEW), ValueError, r"\(200,\), one for each"),
    "from one": (lambda: FlowMatching(2).fit(MOONS, labels=LABELS + 1, **FEW), ValueError, "Number them anew"),
    "pairs": (lambda: fitted(MOONS, labels=LABELS, coupling="ot"), ValueError, 'labels need coupling="independent"'),
    "net": (lambda: fitted(MOONS, labels=LABELS), ValueError, "labels name 2 classes, but net was made for 0"),
    "loss": (lambda: CLASSES.loss(MOONS), ValueError, "loss: this flow has 2 classes: give those of the batch"),
    "loss pairs": (
        lambda: FlowMatching(2, coupling="paired", net=small_net()).loss(MOONS),
        ValueError,
        "loss: x0 has 0 points, but at least 200",
    ),
    "loss local": (
        lambda: FlowMatching(2, coupling="local", net=small_net()).loss(MOONS),
        ValueError,
        'coupling="local" pairs whole samples',
    ),
    "loss without net": (lambda: FlowMatching(2).loss(MOONS), RuntimeError, "there is no velocity yet"),
    "steps": (lambda: FlowMatching(2).fit(MOONS, n_steps=2.5), TypeError, "n_steps must be a whole number, got 2.5"),
    "function": (lambda: VelocityFlow(3, 2), TypeError, r"function must be callable as v\(x, t\), got 3"),
    "answer": (
        lambda: VelocityFlow(lambda x, t: t, 2).sample(3),
        ValueError,
        r"returned has shape \(3, 1\), but \(3, 2\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused(name):
    call, kind, told = REFUSED[name]
    with pytest.raises(kind, match=told):
        call()


# ---- functions and modules of one's own


class Own(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.layer = nn.Linear(3, outputs)

    def forward(self, x, t):
        return self.layer(torch.cat([x, t], dim=1))


@pytest.mark.slow
def test_a_plain_function_is_a_teacher():
    exact = GaussianFlow([0.5, -1.0], [[1.5, 0.4], [0.4, 0.3]])
    flow, few, x0 = VelocityFlow(exact._velocity, 2), {**FEW, "generator": seeded()}, normal(9, 2)
    assert torch.equal(flow.transport(x0), exact.transport(x0))
    a, b = (distill(f, n_pairs=20, width=8, **{**FEW, "generator": seeded()}) for f in (flow, exact))
    assert torch.equal(a.transport(x0), b.transport(x0))
    assert KoopmanFlow(flow, net={"width": 8}).fit(n_paths=20, **few).sample(3).shape == (3, 2)
    assert reflow(flow, n_pairs=20, net=small_net(), **few).dim == 2
    module = VelocityFlow(Own(2).requires_grad_(False), 2, x0=MOONS)  # float32, asked with float64
    assert module.transport(x0).dtype == torch.float64
    assert bool((module.source(9)[:, None] == MOONS).all(2).any(1).all())
    assert module.to(torch.float64).function.layer.weight.dtype == torch.float64


@pytest.mark.slow
@pytest.mark.parametrize(("method", "outputs"), [("coefficients", 12), ("consistency", 10)])
def test_a_student_trains_a_copy_of_a_network_of_ones_own(method, outputs, tmp_path):
    net, x0 = Own(outputs), normal(9, 2)
    before = net.layer.weight.clone()
    student = KoopmanFlow(PAIR[0], net=net).fit(method, n_paths=20, **FEW)
    assert torch.equal(net.layer.weight, before)
    assert not torch.equal(student.lifting.net.layer.weight, before)
    same(student.modes(x0).at(0.5), student.transport(x0, t=0.5))
    with pytest.raises(RuntimeError, match="with a FourierNet can be saved"):
        student.save(tmp_path / "student")
    with pytest.raises(ValueError, match=rf"net returns for 2 points has shape \(2, 5\), but \(2, {outputs}\)"):
        KoopmanFlow(PAIR[0], net=Own(5)).fit(method, n_paths=20, **FEW)
    with pytest.raises(ValueError, match='a module as net needs generator="mode_sum"'):
        KoopmanFlow(PAIR[0], generator="free", net=net)
