"""Lesson 13: one step of a field, its correlation, its walls, and when a transport pays."""

from __future__ import annotations

import math
from itertools import pairwise

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake

TITLE = "Allen-Cahn: fields as data"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def _uniform(generator, low, high):
    return low + (high - low) * float(torch.rand((), generator=generator))


# --- L13-E1 -------------------------------------------------------------------------------------------------


def semi_implicit(c, a, force, dt, temperature, xi):
    """Crank-Nicolson in the linear part, Euler in the rest."""
    half = 0.5 * dt * a
    return ((1 - half) * c + dt * force + math.sqrt(2 * temperature * dt) * xi) / (1 + half)


def _modes(generator, dtype, n=6, m=4):
    c, force, xi = torch.randn(3, n, m, generator=generator, dtype=dtype)
    a = 0.5 + 4 * torch.rand(m, generator=generator, dtype=dtype)
    return c, a, force, _uniform(generator, 0.15, 0.45), _uniform(generator, 0.3, 0.9), xi


def _keeps_the_variance(answer, args):
    c, a, _, dt, temperature, _ = args
    one, none = torch.ones_like(c), torch.zeros_like(c)
    factor, gain = answer(one, a, none, dt, temperature, none), answer(none, a, none, dt, temperature, one)
    return agree(factor**2 * temperature / a + gain**2, (temperature / a).expand_as(c), 1e-5)


def _step_by_solving_for_the_change(c, a, force, dt, temperature, xi):
    change = (dt * (force - a * c) + (2 * temperature * dt) ** 0.5 * xi) / (1 + a * dt / 2)
    return c + change


def _step_in_a_loop(c, a, force, dt, temperature, xi):
    new = torch.empty_like(c)
    for k in range(len(a)):
        right = (1 - a[k] * dt / 2) * c[:, k] + dt * force[:, k] + math.sqrt(2 * temperature * dt) * xi[:, k]
        new[:, k] = right / (1 + a[k] * dt / 2)
    return new


E1 = Exercise(
    id="L13-E1",
    title="One semi-implicit step",
    minutes=10,
    reference=semi_implicit,
    inputs=_modes,
    example=(
        (_tensor([[2.0]]), _tensor([2.0]), _tensor([[0.5]]), 0.5, 1.0, _tensor([[0.25]])),
        _tensor([[1.0]]),
    ),
    identities=(
        Identity("Without a force the variance temperature / a stays what it is, at any dt.", _keeps_the_variance),
        Identity(
            "Turning modes, force and noise upside down turns the step.",
            lambda answer, args: agree(
                answer(-args[0], args[1], -args[2], args[3], args[4], -args[5]), -answer(*args), 1e-6
            ),
        ),
    ),
    edge_cases=(
        ("a single mode of one field", lambda generator, dtype: _modes(generator, dtype, n=1, m=1)),
        (
            "a mode without linear part",
            lambda generator, dtype: (
                *_modes(generator, dtype, m=1)[:1],
                torch.zeros(1, dtype=dtype),
                *_modes(generator, dtype, m=1)[2:],
            ),
        ),
    ),
    mistakes=(
        Mistake(
            "explicit",
            "You take the linear part at the old value alone; modes with a dt > 2 then explode.",
            lambda c, a, force, dt, temperature, xi: c + dt * (force - a * c) + math.sqrt(2 * temperature * dt) * xi,
        ),
        Mistake(
            "fully-implicit",
            "You take the linear part at the new value alone; that is stable, but fast modes come out too small.",
            lambda c, a, force, dt, temperature, xi: (
                (c + dt * force + math.sqrt(2 * temperature * dt) * xi) / (1 + a * dt)
            ),
        ),
        Mistake(
            "noise-not-divided",
            "The noise stands on the right side and has to be divided by 1 + a dt/2 like the rest.",
            lambda c, a, force, dt, temperature, xi: (
                ((1 - a * dt / 2) * c + dt * force) / (1 + a * dt / 2) + math.sqrt(2 * temperature * dt) * xi
            ),
        ),
        Mistake(
            "two-missing",
            "The noise needs the factor 2 under the root: sqrt(2 temperature dt).",
            lambda c, a, force, dt, temperature, xi: (
                ((1 - a * dt / 2) * c + dt * force + math.sqrt(temperature * dt) * xi) / (1 + a * dt / 2)
            ),
        ),
        Mistake(
            "noise-times-dt",
            "Your noise grows with dt; variances add up over time, so it grows with the root of dt.",
            lambda c, a, force, dt, temperature, xi: (
                ((1 - a * dt / 2) * c + dt * force + math.sqrt(2 * temperature) * dt * xi) / (1 + a * dt / 2)
            ),
        ),
        Mistake(
            "no-half",
            "The old and the new value share the linear part, half each: a dt/2 on both sides.",
            lambda c, a, force, dt, temperature, xi: (
                ((1 - a * dt) * c + dt * force + math.sqrt(2 * temperature * dt) * xi) / (1 + a * dt)
            ),
        ),
    ),
    alternatives=(_step_by_solving_for_the_change, _step_in_a_loop),
)


# --- L13-E2 -------------------------------------------------------------------------------------------------


def correlation(u):
    """C_r = mean of u_j u_{j+r} over fields and places."""
    m = u.shape[1]
    return torch.stack([(u[:, : m - r] * u[:, r:]).mean() for r in range(m)])


def _fields(generator, dtype, n=6, m=5):
    return (0.4 + torch.randn(n, m, generator=generator, dtype=dtype),)


def _correlation_by_diagonals(u):
    products = u.T @ u / len(u)
    return torch.stack([torch.diagonal(products, r).mean() for r in range(u.shape[1])])


def _correlation_in_a_loop(u):
    n, m = u.shape
    found = []
    for r in range(m):
        pairs = [u[i, j] * u[i, j + r] for i in range(n) for j in range(m - r)]
        found.append(sum(pairs) / len(pairs))
    return torch.stack(found)


E2 = Exercise(
    id="L13-E2",
    title="The two-point correlation",
    minutes=8,
    reference=correlation,
    inputs=_fields,
    example=((_tensor([[1.0, 2.0, -1.0]]),), _tensor([2.0, 0.0, -1.0])),
    identities=(
        Identity(
            "Fields turned upside down have the same correlation.",
            lambda answer, args: agree(answer(-args[0]), answer(args[0]), 1e-6),
        ),
        Identity(
            "Fields mirrored left to right have the same correlation.",
            lambda answer, args: agree(answer(args[0].flip(1)), answer(args[0]), 1e-6),
        ),
        Identity(
            "A constant field of 3 has the correlation 9 at every distance.",
            lambda answer, args: agree(answer(torch.full_like(args[0], 3.0)), torch.full_like(args[0][0], 9.0), 1e-6),
        ),
    ),
    edge_cases=(
        ("a single field", lambda generator, dtype: _fields(generator, dtype, n=1)),
        ("a single point", lambda generator, dtype: _fields(generator, dtype, m=1)),
    ),
    mistakes=(
        Mistake(
            "periodic",
            "Your shift wraps around; the interval has ends, and the last point is no neighbour of the first.",
            lambda u: torch.stack([(u * u.roll(-r, dims=1)).mean() for r in range(u.shape[1])]),
        ),
        Mistake(
            "divided-by-all",
            "You divide by the number of points at every distance; only m - r places have a partner.",
            lambda u: torch.stack([(u[:, : u.shape[1] - r] * u[:, r:]).sum() / u.numel() for r in range(u.shape[1])]),
        ),
        Mistake(
            "mean-subtracted",
            "You subtract the mean first; that is the connected correlation, and nothing is subtracted here.",
            lambda u: correlation(u - u.mean()),
        ),
        Mistake(
            "normalised",
            "You divide by the value at distance 0, and the size of the field is lost.",
            lambda u: correlation(u) / correlation(u)[0],
        ),
        Mistake(
            "from-the-left-end",
            "You pair every point with the first one only; all places j count.",
            lambda u: (u[:, :1] * u).mean(0),
        ),
    ),
    alternatives=(_correlation_by_diagonals, _correlation_in_a_loop),
)


# --- L13-E3 -------------------------------------------------------------------------------------------------


def kink_density(u, length):
    """Sign changes per unit length, averaged over fields."""
    return (u[:, 1:] * u[:, :-1] < 0).sum(1).to(u.dtype).mean() / length


def _rough(generator, dtype, n=7, m=9):
    u = 0.3 + torch.randn(n, m, generator=generator, dtype=dtype)
    u[0, 0], u[0, -1] = 1.0, -1.0  # so that a wrapped neighbour makes a difference
    return u, _uniform(generator, 1.3, 2.6)


E3 = Exercise(
    id="L13-E3",
    title="How many walls",
    minutes=5,
    reference=kink_density,
    inputs=_rough,
    example=((_tensor([[1.0, -1.0, -2.0, 3.0], [1.0, 2.0, 1.0, 1.0]]), 2.0), 0.5),
    identities=(
        Identity(
            "Doubling the fields' values changes nothing.",
            lambda answer, args: agree(answer(2 * args[0], args[1]), answer(*args)),
        ),
        Identity(
            "Nor does turning them upside down.",
            lambda answer, args: agree(answer(-args[0], args[1]), answer(*args)),
        ),
        Identity(
            "A second copy of every field changes nothing.",
            lambda answer, args: agree(answer(torch.cat([args[0]] * 2), args[1]), answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        ("a single field", lambda generator, dtype: _rough(generator, dtype, n=1)),
        ("fields without a wall", lambda generator, dtype: (torch.ones(3, 4, dtype=dtype), 1.5)),
    ),
    mistakes=(
        Mistake(
            "periodic",
            "You compare the last point with the first; the interval has ends.",
            lambda u, length: (u * u.roll(-1, dims=1) < 0).sum(1).to(u.dtype).mean() / length,
        ),
        Mistake(
            "total",
            "You count the walls of all fields together; the mean over the fields is asked for.",
            lambda u, length: (u[:, 1:] * u[:, :-1] < 0).sum() / length,
        ),
        Mistake(
            "per-pair",
            "You return the share of neighbours with a wall between them; divide each field's number by the length.",
            lambda u, length: (u[:, 1:] * u[:, :-1] < 0).to(u.dtype).mean(),
        ),
        Mistake(
            "downwards-only",
            "You count walls from plus to minus only; those from minus to plus are walls, too.",
            lambda u, length: ((u[:, :-1] > 0) & (u[:, 1:] < 0)).sum(1).to(u.dtype).mean() / length,
        ),
        Mistake(
            "points-below-zero",
            "You count points with a negative value; a wall stands between two neighbours of opposite signs.",
            lambda u, length: (u < 0).sum(1).to(u.dtype).mean() / length,
        ),
        Mistake(
            "length-forgotten",
            "You return walls per field; divide by the length of the interval.",
            lambda u, length: (u[:, 1:] * u[:, :-1] < 0).sum(1).to(u.dtype).mean(),
        ),
    ),
    alternatives=(
        lambda u, length: (u.sign().diff(dim=1).abs() / 2).sum(1).mean() / length,
        lambda u, length: (
            sum(sum(1 for left, right in pairwise(row) if (left > 0) != (right > 0)) for row in u.tolist())
            / len(u)
            / length
        ),
    ),
)


# --- L13-E4 -------------------------------------------------------------------------------------------------


def batches_to_pay(data, fit, transport, rival):
    """Smallest n with data + fit + n transport <= n rival."""
    return math.ceil((data + fit) / (rival - transport)) if rival > transport else math.inf


def _costs(generator, dtype):
    transport = _uniform(generator, 1.0, 1.6)
    return (
        _uniform(generator, 20.0, 30.0),
        _uniform(generator, 6.0, 9.0),
        transport,
        transport + _uniform(generator, 1.1, 1.9),
    )


def _batches_by_counting(data, fit, transport, rival):
    if rival <= transport:
        return math.inf
    n = 1
    while data + fit + n * transport > n * rival:
        n += 1
    return n


E4 = Exercise(
    id="L13-E4",
    title="When does it pay?",
    minutes=7,
    reference=batches_to_pay,
    inputs=_costs,
    example=((10.0, 2.0, 1.0, 4.0), 4),
    identities=(
        Identity(
            "All numbers in other units of time give the same answer.",
            lambda answer, args: agree(answer(*(4 * number for number in args)), answer(*args)),
        ),
        Identity(
            "What was paid for data might as well have been paid for the fit.",
            lambda answer, args: agree(answer(args[1], args[0], *args[2:]), answer(*args)),
        ),
    ),
    edge_cases=(
        ("a rival that is cheaper", lambda generator, dtype: (5.0, 1.0, 3.0, 2.0)),
        ("a rival that costs the same", lambda generator, dtype: (5.0, 1.0, 2.0, 2.0)),
        ("savings that pay to the second", lambda generator, dtype: (4.0, 2.0, 1.0, 3.0)),
    ),
    mistakes=(
        Mistake(
            "fit-forgotten",
            "You forget that the fit has to be paid, too.",
            lambda data, fit, transport, rival: (
                math.ceil(data / (rival - transport)) if rival > transport else math.inf
            ),
        ),
        Mistake(
            "data-forgotten",
            "You take the data as given; somebody paid for them.",
            lambda data, fit, transport, rival: math.ceil(fit / (rival - transport)) if rival > transport else math.inf,
        ),
        Mistake(
            "transport-forgotten",
            "Each batch saves rival minus transport, not the whole of rival.",
            lambda data, fit, transport, rival: math.ceil((data + fit) / rival) if rival > transport else math.inf,
        ),
        Mistake(
            "rounded-down",
            "You round down; then the method has not quite paid yet.",
            lambda data, fit, transport, rival: (
                math.floor((data + fit) / (rival - transport)) if rival > transport else math.inf
            ),
        ),
        Mistake(
            "one-too-many",
            "You add one to the rounded-down number, which is one too many where it pays to the second.",
            lambda data, fit, transport, rival: (
                math.floor((data + fit) / (rival - transport)) + 1 if rival > transport else math.inf
            ),
        ),
        Mistake(
            "never-forgotten",
            "Where a batch saves nothing it never pays; a negative number of batches means nothing.",
            lambda data, fit, transport, rival: math.ceil((data + fit) / ((rival - transport) or -1.0)),
        ),
    ),
    alternatives=(
        _batches_by_counting,
        lambda data, fit, transport, rival: math.inf if rival <= transport else -((data + fit) // (transport - rival)),
    ),
)

EXERCISES = (E1, E2, E3, E4)
