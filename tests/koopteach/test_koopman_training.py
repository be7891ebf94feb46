"""Trainings of students that fit in seconds, of which only orderings are held; and what a diagnosis says."""

import math

import pytest
import torch

from koopteach import FourierNet, GaussianFlow, KoopmanFlow, MixtureFlow, eight_gaussians, teacher_paths
from koopteach.flow_matching.paths import widened
from koopteach.koopman_flow import FreeGenerator, model
from koopteach.koopman_flow.diagnose import _verdict
from tests.koopteach.liftings import LIFTINGS, SMALL
from tests.tools import normal, seeded

TEACHER = MixtureFlow(eight_gaussians)
SMOOTH = GaussianFlow([0.5, 0.0], [1.4, 0.2])


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


@pytest.mark.slow
def test_training_follows_the_teacher(told):
    untrained = quick(n_steps=1).diagnose(normal(500, 2, seed=9))
    assert told["coefficients"].path < 0.5 * untrained.path
    assert told["coefficients"].end < 0.5 * untrained.end
    assert not any(diagnosis.collapsed for diagnosis in told.values())


@pytest.mark.slow
def test_only_the_path_terms_make_the_path_true(told):
    """Distilling the ends leaves the way open; the generator's consistency holds the way and blurs the end."""
    for name, factor in (("coefficients", 2), ("path", 2), ("consistency", 1.3)):
        assert told["target"].mid > factor * told[name].mid
    assert told["target"].linearity > 1.5 * told["consistency"].linearity
    assert told["consistency"].end > 3 * told["target"].end


@pytest.mark.slow
def test_curved_paths_need_a_pair(told):
    assert told["straight"].path > 1.5 * told["coefficients"].path
    assert told["straight"].participation < 4.5


@pytest.mark.slow
def test_the_consistency_training_serves_the_generator_and_moves_the_spectrum(students, told):
    assert told["consistency"].residual < 0.5 * min(told[name].residual for name in ("coefficients", "path", "target"))
    assert abs(complex(students["consistency"].rates[2]) - 1j * math.pi / 2) > 0.05
    fixed = quick("consistency", n_steps=5, learn_spectrum=False, spectrum=[0.5 + 2.0j])
    torch.testing.assert_close(fixed.rates[2], torch.tensor(0.5 + 2.0j, dtype=torch.complex128))


@pytest.mark.slow
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


@pytest.mark.slow
def test_inversion_of_a_trained_student_goes_back(students):
    flow, x0 = students["coefficients"], normal(500, 2, seed=9)
    back = flow.invert(SMOOTH.exact(x0, [1.0])[0])
    assert float((back - x0).square().mean().sqrt()) < 0.2
    assert float((flow.invert(flow.transport(x0)) - x0).square().mean().sqrt()) < 0.2


@pytest.mark.slow
def test_the_free_generator_collapses_to_a_dot_and_says_so(capsys):
    free = quick("consistency", generator="free", weights={"consistency": 1.0, "phase": 1.0}, lr=2e-3)
    told = free.diagnose(normal(500, 2, seed=9))
    assert told.collapsed
    assert told.spread < 0.5
    assert float(free.training.losses[-1]) < 1e-3
    assert "KoopmanFlow: the samples have collapsed" in capsys.readouterr().out


@pytest.mark.slow
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
    a, b = (KoopmanFlow(TEACHER, generator=lifting).diagnose(x0, verbose=False) for lifting in (big, small))
    assert b.raw_residual == pytest.approx(1e-6 * a.raw_residual, rel=1e-2)
    assert b.residual == pytest.approx(a.residual, rel=1e-2)
    assert b.linearity == pytest.approx(a.linearity, rel=1e-2)
    assert b.participation == pytest.approx(a.participation, rel=1e-2)
    torch.testing.assert_close(a.path_error, b.path_error, rtol=1e-3, atol=1e-4)
    assert b.size == pytest.approx(1e-3 * a.size, rel=1e-2)
    assert b.collapsed


@pytest.mark.slow
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


# ---- what a diagnosis measures and says


def rms(x):
    return float(x.square().mean().sqrt())


@pytest.mark.parametrize("name", ["path", "decoder"])
def test_a_diagnosis_is_its_formulas(name):
    """Against loops over times, by lift, evolve, read, rate."""
    lifting, x0 = LIFTINGS[name], normal(15, 2)
    found = KoopmanFlow(SMOOTH, generator=lifting).diagnose(x0, verbose=False)
    paths = teacher_paths(SMOOTH, x0)
    times, x, generator = paths.times.tolist(), paths.states, lifting.generator()
    columns = [torch.full((15, 1), t, dtype=torch.float64) for t in times]
    scale, z = rms(x[-1]), [lifting.lift(x[j], columns[j]) for j in range(21)]
    read = [lifting.read(lifting.evolve(z[0], t)) for t in times]
    error = torch.tensor([rms(read[j] - x[j]) / scale for j in range(21)], dtype=torch.float64)
    torch.testing.assert_close(found.path_error, error)
    torch.testing.assert_close(found.times, paths.times)
    assert (found.end, found.mid) == (float(found.path_error[20]), float(found.path_error[10]))
    assert found.path == pytest.approx(rms(error))
    away = [
        lifting.read(lifting.evolve(z[j], s - times[j])) - read[k] for j in range(1, 21) for k, s in enumerate(times)
    ]
    assert found.linearity == pytest.approx(rms(torch.stack(away)) / scale)
    clock = 2 if name == "decoder" else 0
    rates = [lifting.rate(x[j], columns[j], paths.velocity(j))[1] for j in range(21)]
    gap = torch.stack([rate - y @ generator.T for rate, y in zip(rates, z)])[..., clock:]
    change = torch.stack([y @ generator.T for y in z])[..., clock:]
    assert found.raw_residual == pytest.approx(float(gap.square().sum(2).mean()) / 2)
    assert found.residual == pytest.approx(float((gap.square().sum() / change.square().sum()).sqrt()))
    z = torch.stack(z)[..., clock:]
    spread = [float(y.var(dim=1).mean()) for y in (z, x)]
    assert found.size == pytest.approx((spread[0] / spread[1]) ** 0.5)
    assert found.spread == pytest.approx(float((read[-1].var(0).sum() / x[-1].var(0).sum()).sqrt()))
    covariance = sum((y - y.mean(0)).T @ (y - y.mean(0)) for y in z)
    values = torch.linalg.eigvalsh(covariance)
    assert found.participation == pytest.approx(float(values.sum() ** 2 / values.square().sum()))


DEAD, COLLAPSED = "the loss is small because the observables are", "the samples have collapsed"
NARROW = "the training has not got there. Use more n_steps"


@pytest.mark.parametrize(
    ("pinned", "residual", "size", "spread", "told"),
    [
        (False, 0.0, 1.0, 0.51, ""),
        (False, 0.0, 1.0, 0.49, COLLAPSED),
        (False, 0.31, 0.24, 1.0, DEAD),
        (False, 0.29, 0.24, 1.0, ""),
        (False, 0.31, 0.26, 1.0, ""),
        (True, 9.0, 0.01, 0.51, ""),
        (True, 0.0, 1.0, 0.49, NARROW),
    ],
)
def test_the_verdict_of_numbers(pinned, residual, size, spread, told):
    lifting = LIFTINGS["path" if pinned else "decoder"]
    verdict = _verdict(lifting, residual=residual, size=size, spread=spread)
    assert told in verdict
    assert bool(verdict) is bool(told)
    assert ("mode_sum" in verdict) is (bool(told) and not pinned)


@pytest.mark.slow
def test_following_the_advice_helps(capsys):
    """A student that was hardly trained is not told to use what it is; more steps are enough."""
    wide, few = GaussianFlow([0.0, 0.0], [25.0, 25.0]), {"n_paths": 200, "batch": 64, "weights": {"target": 1.0}}
    x0, student = normal(100, 2), KoopmanFlow(wide, net=SMALL)
    short = student.fit("consistency", n_steps=1, **few, generator=seeded()).diagnose(x0)
    assert NARROW in short.verdict
    assert not short.collapsed
    assert f"KoopmanFlow: {short.verdict}" in capsys.readouterr().out
    long = student.fit("consistency", n_steps=150, lr=2e-2, **few, generator=seeded()).diagnose(x0)
    assert long.verdict == ""
    assert capsys.readouterr().out == ""
