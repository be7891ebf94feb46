"""The rivals of the lift: what each is asked for, on flows in closed form; equal seconds; settings that were chosen."""

import functools
import importlib

import pytest
import torch

from experiments.koopman_cfm import equal, rivals
from experiments.machinery import runner, store
from experiments.machinery.common import slug
from experiments.machinery.experiment import median
from koopteach import FourierNet, GaussianFlow
from koopteach.flow_matching.paths import Pairs
from koopteach.tensors import jvp
from tests.tools import normal, seeded

MEAN, VARIANCE = torch.tensor([0.5, -1.0]), torch.tensor([0.2, 2.0])
FLOW = GaussianFlow(MEAN, VARIANCE)
TIMES = torch.linspace(0, 1, 5, dtype=torch.float64)


class Closed:
    """The mean velocity of the flow to a Gaussian."""

    def __call__(self, x, s, t):
        there = t * MEAN + (self.spread(t) / self.spread(s)) * (x - s * MEAN)
        return (there - x) / (t - s)

    def along(self, x, s, t, v):
        return jvp(lambda x, s: self(x, s, t), (x, s), (v, torch.ones_like(s)))[1]

    @staticmethod
    def spread(t):
        return (t**2 * VARIANCE + (1 - t) ** 2).sqrt()


def intervals(n=40):
    """Points, and times from 0.1 to 0.4 and from 0.6 to 0.9."""
    s, t = (
        low + 0.3 * torch.rand(n, 1, generator=seeded(1 + i), dtype=torch.float64) for i, low in enumerate((0.1, 0.6))
    )
    return normal(n, 2), s, t


def test_the_target_of_meanflow_is_the_mean_velocity_itself():
    x, s, t = intervals()
    u, v = Closed(), FLOW.velocity(x, s)
    torch.testing.assert_close(rivals.meanflow_target(u, x, s, t, v), u(x, s, t))
    # a flow that is curved enough to show the mistakes
    for wrong in (v, v - (t - s) * u.along(x, s, t, v), v + u.along(x, s, t, v)):
        assert float((wrong - u(x, s, t)).norm() / u(x, s, t).norm()) > 0.1


def test_the_derivative_by_hand_is_the_forward_derivative():
    (x, s, t), net = intervals(), rivals.MeanVelocity(2, width=8, generator=seeded()).double()
    v = normal(len(x), 2, seed=3)
    exact = jvp(lambda x, s: net(x, s, t), (x, s), (v, torch.ones_like(s)))[1]
    torch.testing.assert_close(net.along(x, s, t, v), exact)
    assert exact.requires_grad  # by its weights
    assert not rivals.meanflow_target(net, x, s, t, v).requires_grad


def test_jumps_start_where_they_are():
    net, x0 = FourierNet(2, width=8, generator=seeded()), normal(7, 2).float()
    model = rivals.Jumps(net)
    path = model.path(x0, TIMES)
    torch.testing.assert_close(path[0], x0)
    torch.testing.assert_close(path[-1], model.at(x0))
    torch.testing.assert_close(path[2] - x0, 0.5 * net(x0, torch.full((7, 1), 0.5)).detach())


PAIRS = Pairs("test", MEAN + VARIANCE.sqrt() * normal(2000, 2).float(), None, "independent")
TRAININGS = {
    "time-conditioned map": functools.partial(rivals.time_conditioned, FLOW, at_end=0.4, lr=5e-3),
    "consistency distillation": functools.partial(rivals.consistency, FLOW, intervals=5, lr=5e-3),
    "MeanFlow": functools.partial(rivals.mean_flow, PAIRS, at_once=0.25, lr=5e-3),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAININGS)
def test_each_rival_finds_the_map_to_a_gaussian(name, monkeypatch):
    monkeypatch.setattr(rivals, "N_PATHS", 1000)
    train = functools.partial(TRAININGS[name], n_frequencies=0)
    x0, (few, many) = normal(500, 2, seed=5).float(), (train(n_steps=n, generator=seeded()) for n in (5, 300))
    exact = FLOW.exact(x0, TIMES)
    before, after = (float((model.at(x0) - exact[-1]).norm() / exact[-1].norm()) for model in (few, many))
    assert after < 0.15 < before
    if name != "consistency distillation":  # which is asked for ends alone
        assert float((many.path(x0, TIMES) - exact).norm() / exact.norm()) < 0.1


def test_the_weight_of_the_end_comes_back():
    module = importlib.import_module("koopteach.koopman_flow.time_functions")
    usual = module.time_weights(21)
    with equal.end_weight(equal.BEFORE):
        assert float(module.time_weights(21)[-1]) == equal.BEFORE + 0.5
    torch.testing.assert_close(module.time_weights(21), usual)


def tried(method):
    """The errors of a method's settings on the seed for that, in the order of its declaration."""
    declared = equal.METHODS[method]
    rows = [row for row in runner.load("koopman-cfm").rows if row.function is equal.setting]
    records = store.load(runner.RESULTS / "koopman-cfm.json")
    found = {}
    for row in rows:
        words = dict(row.parameters)
        if words.pop("method") == method:
            found[tuple(sorted(words.items()))] = median(records[row.id]["numbers"][declared.chosen_by])
    return [found[tuple(sorted(setting.items()))] for setting in declared.settings]


@pytest.mark.parametrize("method", [name for name, method in equal.METHODS.items() if len(method.settings) > 1])
def test_the_setting_that_is_used_did_best_where_they_were_tried(method):
    errors = tried(method)
    assert len(errors) == 3
    assert errors[0] == min(errors)


LESSON = runner.HOME.parent / "notebooks" / "10_koopman_cfm.py"
NAMES = {
    "direct regression": equal.DIRECT,
    "time-conditioned (6)": equal.MAP,
    "lift, one pair": equal.BEFORE_IT,
    "**lift, two pairs**": equal.LIFT,
    "two pairs, no inverse (all starts at 0)": equal.FREE,
    "reflow, one Euler step": "reflow, Euler 1",
    "consistency distillation": "consistency distillation",
    "MeanFlow": "MeanFlow",
}


def test_the_table_of_lesson_ten_is_that_of_the_page():
    """End and path, two digits, on each law."""
    lines = [line[2:].strip("| ").split(" | ") for line in LESSON.read_text(encoding="utf-8").splitlines()]
    table = {line[0]: line[1 : 1 + len(equal.PAIRING)] for line in lines if line[0] in NAMES}
    records = store.load(runner.RESULTS / "koopman-cfm.json")
    assert [*table] == [*NAMES]
    for name, cells in table.items():
        for toy, cell in zip(equal.PAIRING, cells, strict=True):
            numbers = records[slug("equal", toy, NAMES[name])]["numbers"]
            expected = [median(numbers[error]) for error in ("end", "path") if error in numbers]
            assert [float(part) for part in cell.split(" / ")] == [float(f"{value:.2g}") for value in expected]


def over_the_laws(method, error, other=None):
    """The errors of a method, as the picture shows them, or their ratios to another's."""
    records = store.load(runner.RESULTS / "koopman-cfm.json")

    def found(toy, name):
        return median(records[slug("equal", toy, name)]["numbers"][error])

    return [found(toy, method) / (found(toy, other) if other else 1) for toy in equal.PAIRING]


def test_the_words_for_the_picture_follow_from_the_rows():
    near = [end for method in (equal.DIRECT, equal.MAP, equal.LIFT) for end in over_the_laws(method, "end")]
    assert [f"{end:.1g}" if end < 0.01 else f"{end:.2g}" for end in (min(near), max(near))] == ["0.004", "0.018"]
    ends = over_the_laws(equal.LIFT, "end", equal.DIRECT)
    assert [sum(r < 0.98 for r in ends), sum(r < 1.05 for r in ends), round(max(ends), 1)] == [1, 2, 1.3]
    far = ("reflow, Euler 1", "consistency distillation", "MeanFlow")
    times = [r for method in far for r in over_the_laws(method, "end", equal.LIFT)]
    assert [round(min(times)), round(max(times))] == [3, 15]
    paths = over_the_laws(equal.LIFT, "path", equal.MAP)
    assert sum(r < 0.9 for r in paths) == 3
    assert abs(paths[2] - 1) < 0.1
    assert sum(r > 1 for r in over_the_laws(equal.BEFORE_IT, "path", equal.MAP)) == 3
    assert min(over_the_laws("MeanFlow", "path", equal.BEFORE_IT)) > 1
