"""Ordinary differential equations ``dx/dt = v(x, t)``: three fixed-step schemes and dopri5, evaluations counted."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.arrays import is_finite
from koopteach.tensors import as_count, as_points, is_traced, positive, refuse_shape

Velocity = Callable[[Tensor, float], Tensor]

# More calls than this of dopri5 mean that it creeps: a smooth flow takes hundreds at any tolerance that makes sense.
_MOST_CALLS = 20_000


@dataclass(frozen=True)
class Solution:
    """States ``(k, n, d)`` at ``times`` ``(k,)``, and ``nfe``, the evaluations of the velocity of all points."""

    times: Tensor
    states: Tensor
    nfe: int


def euler(v: Velocity, x: Tensor, t: float, h: float) -> Tensor:
    """``x + h v(x, t)``; global error of order h."""
    return x + h * v(x, t)


def midpoint(v: Velocity, x: Tensor, t: float, h: float) -> Tensor:
    """``x + h v(x + h/2 v(x, t), t + h/2)``; order 2."""
    return x + h * v(x + h / 2 * v(x, t), t + h / 2)


def rk4(v: Velocity, x: Tensor, t: float, h: float) -> Tensor:
    """The classical scheme of Runge and Kutta; order 4."""
    k1 = v(x, t)
    k2 = v(x + h / 2 * k1, t + h / 2)
    k3 = v(x + h / 2 * k2, t + h / 2)
    k4 = v(x + h * k3, t + h)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


FIXED = {"euler": euler, "midpoint": midpoint, "rk4": rk4}
SOLVERS = (*FIXED, "dopri5")


def integrate(
    velocity: Velocity,
    x: Tensor,
    times: Tensor | tuple[float, ...] = (0.0, 1.0),
    *,
    solver: str = "midpoint",
    steps: int = 8,
    tolerance: float = 1e-4,
) -> Solution:
    """Solve from ``x`` ``(n, d)`` at ``times[0]`` through the other times, which may also fall.

    Args:
        velocity: ``v(x, t) -> (n, d)``, t a number.
        x: the start.
        times: ``(k,)``, at least one, strictly rising or strictly falling.
        solver: ``"euler"``, ``"midpoint"``, ``"rk4"`` or torchdiffeq's adaptive ``"dopri5"``.
        steps: of a fixed-step scheme over the whole span, shared among the intervals by length, at least one each.
        tolerance: of dopri5, relative and absolute.

    Raises:
        TypeError, ValueError: points that are not ``(n, d)`` and finite, another solver, no whole number of steps,
            times that do not go one way, a velocity of another shape.
        ArithmeticError: states that are not finite any more, or a step of dopri5 that became too small; 20,000
            evaluations of it.
        ImportError: dopri5 without torchdiffeq.

    >>> import torch
    >>> import koopteach as kt
    >>> solution = kt.integrate(lambda x, t: -x, torch.ones(1, 1), (0.0, 1.0), solver="rk4", steps=10)
    >>> round(float(solution.states[-1]), 4), solution.nfe  # e^-1
    (0.3679, 40)
    """
    x, times = as_points("integrate", "x", x), torch.as_tensor(times, dtype=torch.float64)
    check_solver("integrate", solver, steps, tolerance)
    _check_times(times)
    counted = _Checked(velocity)
    if len(times) == 1:
        states = [x]
    elif solver == "dopri5":
        states = _dopri5(counted, x, times, tolerance)
    else:
        states = _fixed(counted, x, times.tolist(), FIXED[solver], as_count("integrate", "steps", steps))
        if not (is_traced(x) or is_finite(states[-1])):
            bad = int((~states[-1].isfinite()).any(dim=1).sum())
            _check_velocity(velocity, x, float(times[0]))
            raise ArithmeticError(
                f"integrate: {solver} left the finite numbers in {bad} of {len(x)} points: {steps} steps are too few "
                'for this velocity. Use more steps, or solver="rk4"; where that does not help it grows without bound.'
            )
    return Solution(times, torch.stack(list(states)), counted.n)


def check_solver(operation: str, solver: str, steps: int, tolerance: float) -> None:
    """Refuse another solver, steps that are no whole number of at least one, and a tolerance that is not positive.

    Raises:
        TypeError, ValueError: one of them.
    """
    if solver not in SOLVERS:
        raise ValueError(f"{operation}: solver must be one of {', '.join(SOLVERS)}, got {solver!r}.")
    as_count(operation, "steps", steps)
    positive(operation, "tolerance", tolerance)


def _check_times(times: Tensor) -> None:
    rise = times.diff() if times.ndim == 1 else times
    if times.ndim != 1 or not len(times) or not (bool((rise > 0).all()) or bool((rise < 0).all())):
        raise ValueError(f"integrate: times must be (k,), strictly rising or strictly falling, got {times.tolist()}.")


def _check_velocity(velocity: Velocity, x: Tensor, t: float) -> None:
    """No solver helps a velocity that is not finite where it starts."""
    bad = int((~velocity(x, t).isfinite()).any(dim=1).sum())
    if bad:
        raise ArithmeticError(
            f"integrate: the velocity is NaN or infinite at {bad} of the {len(x)} points given, at time {t:g}. No "
            "solver helps: mend the velocity, or train it anew."
        )


class _Checked:
    """A velocity that counts its calls, and has the shape of its points: another one would be broadcast."""

    def __init__(self, velocity: Velocity) -> None:
        self.velocity, self.n = velocity, 0

    def __call__(self, x: Tensor, t: float) -> Tensor:
        self.n += 1
        v = self.velocity(x, t)
        refuse_shape("integrate", "velocity", v, tuple(x.shape), ", as its points have")
        return v


def _fixed(v: Velocity, x: Tensor, times: list[float], scheme: Callable, steps: int) -> list[Tensor]:
    states, span = [x], abs(times[-1] - times[0])
    for a, b in itertools.pairwise(times):
        count = max(1, round(steps * abs(b - a) / span))
        h = (b - a) / count
        for i in range(count):
            x = scheme(v, x, a + i * h, h)
        states.append(x)
    return states


def _dopri5(v: _Checked, x: Tensor, times: Tensor, tolerance: float) -> Tensor:
    try:
        from torchdiffeq import odeint
    except ImportError as error:
        raise ImportError("dopri5 needs torchdiffeq: pip install torchdiffeq") from error
    # the solver looks a little beyond the last time for its error estimate; the flow ends there
    low, high = float(times.min()), float(times.max())
    options = {"rtol": tolerance, "atol": tolerance, "method": "dopri5"}

    def velocity(t: Tensor, y: Tensor) -> Tensor:
        if v.n >= _MOST_CALLS:
            raise AssertionError(f"{v.n} evaluations, and only at time {float(t):.2g}")
        return v(y, min(max(float(t), low), high))

    try:
        return odeint(velocity, x, times.to(x), **options)
    except AssertionError as error:  # that, and torchdiffeq's: "underflow in dt", or states that are not finite
        _check_velocity(v, x, float(times[0]))
        raise ArithmeticError(
            f"integrate: dopri5 cannot go on with tolerance {tolerance:g} in {x.dtype} ({error}). Use a larger "
            "tolerance, or x.double(); where neither helps the velocity grows without bound on the way."
        ) from error
