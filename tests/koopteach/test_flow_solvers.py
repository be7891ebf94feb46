"""Solvers and what every flow does with them: order, evaluations, states on the way, the way back, clear ends."""

import math

import numpy as np
import pytest
import torch

from koopteach import Flow, GaussianFlow, GaussianMixture, MixtureFlow, integrate
from tests.tools import normal, seeded

GAUSSIAN = GaussianFlow([0.5, -1.0], [[1.5, 0.4], [0.4, 0.3]])
MIXTURE = MixtureFlow(GaussianMixture([[-1.5, 0.0], [1.0, 1.0], [0.5, -1.5]], [0.4, 0.3, 0.6], [0.5, 0.3, 0.2]))
PER_STEP = {"euler": 1, "midpoint": 2, "rk4": 4}
SOLVERS = pytest.mark.parametrize("solver", [*PER_STEP, "dopri5"])


def growth(x, t):
    """Along it ``x_t = (1 + t^2) x_0``."""
    return 2 * t / (1 + t**2) * x


# ---- the schemes


@pytest.fixture(scope="module")
def fine():
    return MIXTURE.transport(normal(20, 2), solver="rk4", steps=256)


@pytest.mark.parametrize(
    ("solver", "order", "on_gaussians"), [("euler", 1, 1), ("midpoint", 2, 3), ("rk4", 4, 4)], ids=PER_STEP
)
def test_solvers_converge_at_their_order(solver, order, on_gaussians, fine):
    """On Gaussians midpoint gains an order, since ``v = (q' / 2 q) x`` about the mean with q quadratic in t."""
    x0 = normal(20, 2)
    for flow, exact, p in ((MIXTURE, fine, order), (GAUSSIAN, GAUSSIAN.exact(x0, [1.0])[0], on_gaussians)):
        errors = []
        for steps in (32, 64):
            errors.append(float((flow.transport(x0, solver=solver, steps=steps) - exact).norm()))
            assert flow.nfe == PER_STEP[solver] * steps
        assert math.log2(errors[0] / errors[1]) == pytest.approx(p, abs=0.3)


@pytest.mark.parametrize(
    ("solver", "factor"),
    [
        ("euler", lambda z: 1 + z),
        ("midpoint", lambda z: 1 + z + z**2 / 2),
        ("rk4", lambda z: 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24),
    ],
    ids=PER_STEP,
)
def test_one_step_is_the_schemes_polynomial(solver, factor):
    """On ``dx/dt = x`` a step multiplies by the Taylor polynomial of its order, forwards and backwards."""
    x = normal(4, 2)
    for times in ((0.0, 0.5), (0.5, 0.0)):
        end = integrate(lambda y, t: y, x, times, solver=solver, steps=1).states[-1]
        torch.testing.assert_close(end, factor(times[1] - times[0]) * x)


def test_dopri5_meets_its_tolerance_and_counts_its_evaluations():
    calls = []

    def counted(x, t):
        assert 0 <= t <= 1
        calls.append(t)
        return GAUSSIAN.velocity(x, t)

    x0 = normal(50, 2)
    solution = integrate(counted, x0, solver="dopri5", tolerance=1e-8)
    torch.testing.assert_close(solution.states[-1], GAUSSIAN.exact(x0, [1.0])[0], rtol=0, atol=1e-5)
    assert solution.nfe == len(calls) > 20
    coarse = integrate(counted, x0, solver="dopri5", tolerance=1e-3)
    assert coarse.nfe < solution.nfe


@SOLVERS
def test_a_time_inside_the_span_is_passed_on_the_way(solver):
    """With a velocity that changes in time; and back again."""
    x0, options = normal(5, 2), {"solver": solver, "steps": 400, "tolerance": 1e-7}
    close = {"rtol": 0, "atol": 2e-2 if solver == "euler" else 1e-4}
    states = integrate(growth, x0, (0.0, 0.25, 1.0), **options).states
    torch.testing.assert_close(states, torch.stack([x0, (1 + 1 / 16) * x0, 2 * x0]), **close)
    back = integrate(growth, 2 * x0, (1.0, 0.25, 0.0), **options).states
    torch.testing.assert_close(back[1:], torch.stack([(1 + 1 / 16) * x0, x0]), **close)


def test_steps_are_shared_among_the_intervals_by_length_at_least_one_each():
    seen = []

    def velocity(x, t):
        seen.append(round(t, 6))
        return torch.zeros_like(x)

    solution = integrate(velocity, normal(2, 1), (0.0, 0.25, 1.0), solver="euler", steps=8)
    assert seen == [0.0, 0.125, *(0.25 + 0.125 * k for k in range(6))]
    assert solution.nfe == 8
    seen.clear()
    assert integrate(velocity, normal(2, 1), (1.0, 0.5, 0.4, 0.3), solver="euler", steps=2).nfe == 3
    assert seen == [1.0, 0.5, 0.4]
    assert integrate(velocity, normal(2, 1), (0.5,)).nfe == 0


# ---- what a flow asks of them


@pytest.mark.parametrize("solver", PER_STEP)
def test_every_way_takes_the_solver_and_the_steps_that_were_asked_for(solver):
    """Counted, and equal to the scheme by hand; the way back retraces no way there."""
    x0, how = normal(6, 2), {"solver": solver, "steps": 3}
    n = 3 * PER_STEP[solver]

    def by_hand(x, times):
        return integrate(lambda y, t: MIXTURE.velocity(y, t), x, times, **how).states

    ways = {
        "transport": (lambda: MIXTURE.transport(x0, **how), by_hand(x0, (0.0, 1.0))[-1]),
        "to t": (lambda: MIXTURE.transport(x0, t=0.6, **how), by_hand(x0, (0.0, 0.6))[-1]),
        "invert": (lambda: MIXTURE.invert(x0, **how), by_hand(x0, (1.0, 0.0))[-1]),
        "from t": (lambda: MIXTURE.invert(x0, t=0.6, **how), by_hand(x0, (0.6, 0.0))[-1]),
        "trajectory": (lambda: MIXTURE.trajectory(x0, [0.0, 1.0], **how), by_hand(x0, (0.0, 1.0))),
        "late": (lambda: MIXTURE.trajectory(x0, [1.0], **how), by_hand(x0, (0.0, 1.0))[1:]),
        "sample": (
            lambda: MIXTURE.sample(6, generator=seeded(), **how),
            by_hand(MIXTURE.source(6, seeded()), (0.0, 1.0))[-1],
        ),
    }
    for name, (call, expected) in ways.items():
        torch.testing.assert_close(call(), expected, msg=name)
        assert MIXTURE.nfe == n, name


def test_the_tolerance_reaches_the_adaptive_solver():
    x0, counts = normal(6, 2), []
    for tolerance in (1e-2, 1e-8):
        how = {"solver": "dopri5", "tolerance": tolerance}
        for call in (
            lambda how: GAUSSIAN.transport(x0, **how),
            lambda how: GAUSSIAN.invert(x0, **how),
            lambda how: GAUSSIAN.trajectory(x0, [0.0, 1.0], **how),
            lambda how: GAUSSIAN.sample(6, generator=seeded(), **how),
        ):
            call(how)
            counts.append(GAUSSIAN.nfe)
    assert all(few < many for few, many in zip(counts[:4], counts[4:]))


def test_trajectory_and_inversion_agree_with_the_closed_form():
    """At rk4's accuracy, which midpoint misses."""
    x0, close = normal(20, 2), {"rtol": 0, "atol": 1e-8}
    for times in ([0.0, 0.3, 1.0], [0.2, 0.7], [1.0]):
        states = GAUSSIAN.trajectory(x0, times, steps=128)
        torch.testing.assert_close(states, GAUSSIAN.exact(x0, times), **close)
        assert GAUSSIAN.nfe == 4 * 128
    x1, half = (GAUSSIAN.exact(x0, [t])[0] for t in (1.0, 0.5))
    rk4 = {"solver": "rk4", "steps": 128}
    torch.testing.assert_close(GAUSSIAN.invert(x1, **rk4), x0, **close)
    torch.testing.assert_close(GAUSSIAN.invert(half, t=0.5, **rk4), x0, **close)
    torch.testing.assert_close(GAUSSIAN.transport(x0, t=0.5, **rk4), half, **close)
    assert not torch.allclose(GAUSSIAN.invert(x1, steps=64), x0, **close)


def test_no_time_is_no_way():
    x0 = normal(4, 2)
    for call in (GAUSSIAN.transport, GAUSSIAN.invert):
        assert torch.equal(call(x0, t=0.0), x0)
        assert GAUSSIAN.nfe == 0


def test_states_carry_no_gradient_and_keep_their_dtype():
    x0 = normal(4, 2).float().requires_grad_(True)
    for states in (GAUSSIAN.transport(x0), GAUSSIAN.invert(x0), GAUSSIAN.trajectory(x0, [0.0, 1.0])):
        assert not states[0].requires_grad
        assert states.dtype == torch.float32
    assert GAUSSIAN.velocity(x0, 0.5).requires_grad


def test_a_time_for_each_point_may_be_a_row_or_a_column():
    x, t = normal(5, 2), torch.linspace(0, 1, 5, dtype=torch.float64)
    one_by_one = torch.cat([MIXTURE.velocity(x[i : i + 1], float(t[i])) for i in range(5)])
    for times in (t, t[:, None], t.float()):
        torch.testing.assert_close(MIXTURE.velocity(x, times), one_by_one, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(MIXTURE.velocity(x, 0), MIXTURE.velocity(x, torch.zeros(5)))


def test_counts_may_be_those_of_numpy():
    x0 = normal(4, 2)
    assert torch.equal(GAUSSIAN.transport(x0, steps=np.int64(3)), GAUSSIAN.transport(x0, steps=3))
    assert GAUSSIAN.sample(np.int64(3)).shape == (3, 2)


# ---- clear ends


class Of(Flow):
    """The flow of any function."""

    dim = 2

    def __init__(self, velocity):
        self._velocity = velocity


@pytest.mark.parametrize("solver", PER_STEP)
def test_states_that_are_lost_are_said(solver):
    """Stiff beyond what the steps can do, in one of the points."""
    steep = Of(lambda x, t: x**9)
    x0 = torch.cat([normal(5, 2) / 10, torch.full((1, 2), 1e12, dtype=torch.float64)])
    with pytest.raises(
        ArithmeticError, match=rf"integrate: {solver} left the finite numbers in 1 of 6 points: 8 steps"
    ):
        steep.transport(x0, solver=solver)


@pytest.mark.parametrize(
    ("velocity", "tolerance"),
    [(lambda x, t: -1e9 * x, 1e-14), (lambda x, t: 1e3 * x**3, 1e-4)],
    ids=["too stiff", "explodes"],
)
def test_an_adaptive_solver_that_cannot_go_on_says_so(velocity, tolerance):
    told = rf"dopri5 cannot go on with tolerance {tolerance:g} in torch.float32 \(.*Use a.*grows without bound"
    with pytest.raises(ArithmeticError, match=told):
        Of(velocity).transport(torch.ones(3, 2), solver="dopri5", tolerance=tolerance)


@pytest.mark.parametrize("solver", [*PER_STEP, "dopri5"])
def test_no_solver_is_advised_where_the_velocity_is_not_a_number(solver):
    with pytest.raises(ArithmeticError, match=r"the velocity is NaN or infinite at 1 of the 3 points given, at time 0"):
        Of(lambda x, t: (x - 2).log()).transport(torch.tensor([[3.0, 3.0], [1.0, 3.0], [4.0, 4.0]]), solver=solver)


def test_a_velocity_of_another_shape_is_refused():
    """A column would be broadcast over the coordinates, and nobody would notice."""
    for velocity in (lambda x, t: x[:, :1], lambda x, t: x[0], lambda x, t: x.sum(1)):
        with pytest.raises(ValueError, match=r"integrate: velocity has shape \(.*\), but \(3, 2\) is needed"):
            Of(velocity).transport(torch.ones(3, 2))


X = normal(3, 2)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: GAUSSIAN.velocity(X, 1.01), r"velocity: t must lie in \[0, 1\].*got 1.01"),
        (lambda: GAUSSIAN.velocity(X, math.nan), "t must lie in .* got NaN"),
        (lambda: GAUSSIAN.velocity(X, torch.zeros(3, 2)), r"t has shape \(3, 2\), but a number"),
        (lambda: GAUSSIAN.velocity(normal(3, 3), 0.5), r"x has shape \(3, 3\), but its points need 2"),
        (lambda: GAUSSIAN.transport(X, t=-0.1), r"transport: t must lie in \[0, 1\].*got -0.1"),
        (lambda: GAUSSIAN.invert(X, t=1.1), r"invert: t must lie in \[0, 1\].*got 1.1"),
        (lambda: GAUSSIAN.transport(X * math.nan), "transport: x0 has NaN"),
        (lambda: GAUSSIAN.invert(X * math.nan), "invert: x1 has NaN"),
        (lambda: GAUSSIAN.transport(X, solver="heun"), "solver must be one of euler, .* got 'heun'"),
        (lambda: GAUSSIAN.transport(X, steps=0), "steps must be at least 1, got 0"),
        (lambda: GAUSSIAN.transport(X, solver="dopri5", tolerance=0.0), "tolerance must be positive, got 0.0"),
        (lambda: GAUSSIAN.trajectory(X, [0.5, 0.2, 1.0]), "times must rise"),
        (lambda: GAUSSIAN.trajectory(X, [0.5, 2.0]), "times must lie in"),
        (lambda: GAUSSIAN.trajectory(X, 0.5), "a list of times"),
        (lambda: GAUSSIAN.trajectory(X, []), "a list of times"),
        (lambda: GAUSSIAN.sample(-1), "sample: n must be at least 1, got -1"),
        (lambda: GAUSSIAN.source(0), "source: n must be at least 1, got 0"),
        (lambda: integrate(GAUSSIAN.velocity, X, (0.0, 0.5, 0.2)), "strictly rising"),
        (lambda: integrate(GAUSSIAN.velocity, X, (0.0, 0.0)), "strictly rising"),
        (lambda: integrate(GAUSSIAN.velocity, X[0]), r"integrate: x has shape \(2,\)"),
    ],
)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: GAUSSIAN.sample(2.5), "sample: n must be a whole number, got 2.5"),
        (lambda: GAUSSIAN.transport(X, steps=2.0), "steps must be a whole number, got 2.0"),
        (lambda: GAUSSIAN.transport(torch.ones(3, 2, dtype=torch.int64)), "x0 has dtype torch.int64"),
    ],
)
def test_what_is_no_whole_number_is_named(call, told):
    with pytest.raises(TypeError, match=told):
        call()


def test_a_missing_solver_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torchdiffeq", None)
    with pytest.raises(ImportError, match=r"dopri5 needs torchdiffeq: pip install torchdiffeq"):
        GAUSSIAN.transport(X, solver="dopri5")
