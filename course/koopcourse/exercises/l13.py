"""Lesson 13: one step of a field, its correlation, its walls, and when a transport pays."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered

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


def _modes(generator, dtype, n=6, m=4, dt=None, temperature=None):
    c, force, xi = torch.randn(3, n, m, generator=generator, dtype=dtype)
    a = 0.5 + 4 * torch.rand(m, generator=generator, dtype=dtype)
    drawn = _uniform(generator, 0.15, 0.45), _uniform(generator, 0.3, 0.9)
    dt, temperature = (value if given is None else given for value, given in zip(drawn, (dt, temperature)))
    return c, a, force, dt, temperature, xi


def _half_turns(generator, dtype):
    """Modes without linear part, one whose old value drops out (a dt = 2), equal ones; no force."""
    c, _, force, _, temperature, xi = _modes(generator, dtype)
    return c, torch.tensor([0.0, 8.0, 8.0, 1.0], dtype=dtype), 0 * force, 0.25, temperature, xi


def _stiff(generator, dtype):
    c, _, force, dt, temperature, xi = _modes(generator, dtype)
    return (
        c * torch.tensor([1e3, 1.0, 1.0, 1e-2], dtype=dtype),
        torch.logspace(-3, 4, 4, dtype=dtype),
        force,
        dt,
        temperature,
        xi,
    )


def _rates_down_the_fields(c, a, *rest):
    return semi_implicit(c, a[:, None] if c.shape[0] == c.shape[1] else a, *rest)


def _keeps_the_variance(answer, args):
    c, a, _, dt, temperature, _ = args
    one, none = torch.ones_like(c), torch.zeros_like(c)
    factor, gain = answer(one, a, none, dt, temperature, none), answer(none, a, none, dt, temperature, one)
    return agree(factor**2 * temperature / a + gain**2, (temperature / a).expand_as(c), 1e-5)


def _exponential_step(c, a, force, dt, temperature, xi):
    decay = torch.exp(-a * dt)
    left = 1 - decay
    return decay * c + left / a * force + (temperature / a * left * (1 + decay)).sqrt() * xi


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
    importance=3,
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
        ("modes that grow by themselves", altered(_modes, semi_implicit, a=lambda a: -a / 4)),
        ("a high temperature", altered(_modes, semi_implicit, temperature=lambda temperature: 9 * temperature)),
        Edge("as many fields as modes", partial(_modes, n=4, m=4), "sizes"),
        Edge("a single mode of one field", partial(_modes, n=1, m=1), "sizes"),
        Edge("31 fields of 17 modes", partial(_modes, n=31, m=17), "sizes"),
        Edge("modes whose old value drops out or stays", _half_turns, "ties"),
        Edge("slow and very fast modes", _stiff, "far"),
        ("a very long step", partial(_modes, dt=40.0)),
        Edge("no noise, at temperature zero", partial(_modes, temperature=0.0), "ties"),
        (
            "a mode without linear part",
            lambda generator, dtype: (
                *_modes(generator, dtype, m=1)[:1],
                torch.zeros(1, dtype=dtype),
                *_modes(generator, dtype, m=1)[2:],
            ),
        ),
    ),
    units={"c": 1, "force": 1, "xi": 1},
    mistakes=(
        Mistake(
            "rates-down-the-fields",
            "You put a down the fields (a[:, None]), which fits where both are equally many; a belongs to the modes.",
            _rates_down_the_fields,
        ),
        Mistake(
            "temperature-outside-the-root",
            "You multiply by the temperature itself; only its root is the size of the noise.",
            lambda c, a, force, dt, temperature, xi: (
                ((1 - a * dt / 2) * c + dt * force + temperature * math.sqrt(2 * dt) * xi) / (1 + a * dt / 2)
            ),
        ),
        Mistake(
            "exponential-step",
            "You take the exact step of the linear part, e^(-a dt); equation (4) takes the mean of old and new.",
            _exponential_step,
        ),
        Mistake(
            "root-forgotten",
            "You leave out the root: the noise has the variance 2 temperature dt, and its size is the root of that.",
            lambda c, a, force, dt, temperature, xi: (
                ((1 - a * dt / 2) * c + dt * force + 2 * temperature * dt * xi) / (1 + a * dt / 2)
            ),
        ),
        Mistake(
            "force-without-dt",
            "You add the force whole; it acts for the time dt.",
            lambda c, a, force, dt, temperature, xi: (
                ((1 - a * dt / 2) * c + force + math.sqrt(2 * temperature * dt) * xi) / (1 + a * dt / 2)
            ),
        ),
        Mistake(
            "force-not-divided",
            "The force stands on the right side and has to be divided by 1 + a dt/2 like the rest.",
            lambda c, a, force, dt, temperature, xi: (
                ((1 - a * dt / 2) * c + math.sqrt(2 * temperature * dt) * xi) / (1 + a * dt / 2) + dt * force
            ),
        ),
        Mistake(
            "signs-swapped",
            "You have plus and minus exchanged: the old value is multiplied by 1 - a dt/2, the new one by 1 + a dt/2.",
            lambda c, a, force, dt, temperature, xi: semi_implicit(c, -a, force, dt, temperature, xi),
        ),
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


def _flat_fields(generator, dtype):
    return (torch.tensor([[2.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 1.0, -1.0]], dtype=dtype),)


def _one_large_field(generator, dtype):
    (u,) = _fields(generator, dtype)
    u[2] *= 1e3
    return (u,)


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
    importance=2,
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
        Edge("as many fields as points", partial(_fields, n=5, m=5), "sizes"),
        Edge("a single field", partial(_fields, n=1), "sizes"),
        Edge("a single point", partial(_fields, m=1), "sizes"),
        Edge("31 fields on 17 points", partial(_fields, n=31, m=17), "sizes"),
        Edge("flat fields and one of zeros", _flat_fields, "ties"),
        Edge("one field that is far larger", _one_large_field, "far"),
    ),
    units={"u": 1},
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
            "sum-over-fields",
            "You add up the fields; the mean over fields and places is asked for.",
            lambda u: len(u) * correlation(u),
        ),
        Mistake(
            "first-field-only",
            "You use the first field alone; the mean is over all of them.",
            lambda u: correlation(u[:1]),
        ),
        Mistake(
            "mean-field",
            "You average the fields first and multiply then; the mean of products is not the product of means.",
            lambda u: correlation(u.mean(0, keepdim=True)),
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
            "one-place-too-many",
            "You divide by m - r + 1; at distance r there are m - r places with a partner.",
            lambda u: correlation(u) * (lambda left: left / (left + 1))(u.shape[1] - torch.arange(u.shape[1])).to(u),
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
    return (u[:, 1:].sign() != u[:, :-1].sign()).sum(1).to(u.dtype).mean() / length


def _quiet(generator, dtype):
    """Neighbours that are equal, or equal but for the sign."""
    return torch.tensor([[1.0, 1.0, -1.0, -1.0], [-2.0, 2.0, -2.0, 2.0], [3.0, 3.0, 3.0, 3.0]], dtype=dtype), 1.5


def _unequal(generator, dtype):
    u, length = _rough(generator, dtype)
    return u * torch.logspace(-6, 6, len(u), dtype=dtype)[:, None], length


def _faint(generator, dtype):
    u, length = _rough(generator, dtype)
    return 1e-200 * u, length


def _rough(generator, dtype, n=7, m=9):
    u = 0.3 + torch.randn(n, m, generator=generator, dtype=dtype)
    # most fields begin above zero and end below: a wrapped neighbour shows, and so does which way walls are crossed
    most = n // 2 + 1
    u[:most, 0], u[:most, -1] = u[:most, 0].abs(), -u[:most, -1].abs()
    return u, _uniform(generator, 1.3, 2.6)


E3 = Exercise(
    id="L13-E3",
    title="How many walls",
    minutes=5,
    importance=2,
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
        Edge("as many fields as points", partial(_rough, n=6, m=6), "sizes"),
        Edge("a single field", partial(_rough, n=1), "sizes"),
        Edge("31 fields on two points", partial(_rough, n=31, m=2), "sizes"),
        Edge("2 fields on 31 points", partial(_rough, n=2, m=31), "sizes"),
        Edge("neighbours that are equal but for the sign", _quiet, "ties"),
        Edge("fields of very different size", _unequal, "far"),
        Edge("fields of 1e-200, whose products are zero", _faint, "units"),
        ("fields without a wall", lambda generator, dtype: (torch.ones(3, 4, dtype=dtype), 1.5)),
    ),
    units={"u": 1, "length": 1},
    farthest=1e15,
    mistakes=(
        Mistake(
            "threshold",
            "You ask for a product below -1e-3; in small units no wall is left. Compare signs.",
            lambda u, length: (u[:, 1:] * u[:, :-1] < -1e-3).sum(1).to(u.dtype).mean() / length,
        ),
        Mistake(
            "counted-twice",
            "You add up the differences of signs, and each wall is a difference of 2; halve it.",
            lambda u, length: u.sign().diff(dim=1).abs().sum(1).mean() / length,
        ),
        Mistake(
            "upwards-only",
            "You count walls from minus to plus only; those from plus to minus are walls, too.",
            lambda u, length: ((u[:, :-1] < 0) & (u[:, 1:] > 0)).sum(1).to(u.dtype).mean() / length,
        ),
        Mistake(
            "times-length",
            "You multiply by the length; walls per unit length are their number divided by it.",
            lambda u, length: kink_density(u, 1) * length,
        ),
        Mistake(
            "across-fields",
            "You compare neighbouring fields; the neighbours are points of one field, along the second axis.",
            lambda u, length: (u[1:] * u[:-1] < 0).sum(1).to(u.dtype).mean() / length,
        ),
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
        Mistake(
            "mean-rounded-down",
            "You divide whole numbers; the mean over the fields lies between them.",
            lambda u, length: int((u[:, 1:].sign() != u[:, :-1].sign()).sum()) // len(u) / length,
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
    importance=2,
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
        ("costs that one batch pays", altered(_costs, batches_to_pay, data=lambda data: 0.5, fit=lambda fit: 0.25)),
        ("a fit that takes no time", altered(_costs, batches_to_pay, fit=lambda fit: 0.0)),
        ("a rival that is cheaper", lambda generator, dtype: (5.0, 1.0, 3.0, 2.0)),
        Edge("a rival that costs the same", lambda generator, dtype: (5.0, 1.0, 2.0, 2.0), "ties"),
        Edge("savings that pay to the second", lambda generator, dtype: (4.0, 2.0, 1.0, 3.0), "ties"),
        ("4.4 batches", lambda generator, dtype: (4.0, 0.4, 1.0, 2.0)),
        ("data for nothing", lambda generator, dtype: (0.0, 3.0, 1.0, 2.0)),
        ("batches for nothing", lambda generator, dtype: (4.0, 2.0, 0.0, 2.5)),
        Edge("hardly more than four batches", lambda generator, dtype: (4.0, 2e-4, 1.0, 2.0), "ties"),
        Edge("savings that pay after thousands", lambda generator, dtype: (4096.0, 31.0, 1.0, 2.0), "far"),
        Edge("a million batches", lambda generator, dtype: (1_200_000.0, 34_567.0, 1.0, 2.0), "far"),
        Edge("tiny savings", lambda generator, dtype: (1e-4, 2.01e-5, 1.0, 1.0000003), "far"),
    ),
    units={"data": 1, "fit": 1, "transport": 1, "rival": 1},
    farthest=1e15,
    without={"sizes": "four numbers have no rows"},
    mistakes=(
        Mistake(
            "search-that-ends",
            "You try 10,000 batches and give up; where a batch saves little it takes more. Divide and round up.",
            lambda data, fit, transport, rival: next(
                (n for n in range(1, 10_001) if data + fit + n * transport <= n * rival), math.inf
            ),
        ),
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
            "saving-without-sign",
            "You take the size of the difference; where the rival is cheaper nothing is saved, and it never pays.",
            lambda data, fit, transport, rival: (
                math.ceil((data + fit) / abs(rival - transport)) if rival != transport else math.inf
            ),
        ),
        Mistake(
            "small-savings-dropped",
            "You take savings below 1e-6 for none; in large units of time they are savings like others.",
            lambda data, fit, transport, rival: (
                math.ceil((data + fit) / (rival - transport)) if rival - transport > 1e-6 else math.inf
            ),
        ),
        Mistake(
            "gives-up-after-a-thousand",
            "You give up after a thousand batches; it may pay later, and the quotient tells when.",
            lambda data, fit, transport, rival: next(
                (n for n in range(1, 1001) if data + fit + n * transport <= n * rival), math.inf
            ),
        ),
        Mistake(
            "rounded-down",
            "You round down; then the method has not quite paid yet.",
            lambda data, fit, transport, rival: (
                math.floor((data + fit) / (rival - transport)) if rival > transport else math.inf
            ),
        ),
        Mistake(
            "rounded",
            "You round to the nearest; after 4 of 4.4 batches the method has not paid yet. Round up.",
            lambda data, fit, transport, rival: (
                round((data + fit) / (rival - transport)) if rival > transport else math.inf
            ),
        ),
        Mistake(
            "not-whole",
            "You return the quotient; the smallest whole number of batches is asked for.",
            lambda data, fit, transport, rival: (data + fit) / (rival - transport) if rival > transport else math.inf,
        ),
        Mistake(
            "one-too-many",
            "You take one batch too many where it pays to the second, as rounding down and adding one does.",
            lambda data, fit, transport, rival: (
                math.floor((data + fit) / (rival - transport)) + 1 if rival > transport else math.inf
            ),
        ),
        Mistake(
            "never-forgotten",
            "Where a batch saves nothing it never pays; a negative number of batches means nothing.",
            lambda data, fit, transport, rival: math.ceil((data + fit) / ((rival - transport) or -1.0)),
        ),
        Mistake(
            "each-rounded-up",
            "You round the batches for the data and for the fit up one by one; their seconds add first.",
            lambda data, fit, transport, rival: (
                math.ceil(data / (rival - transport)) + math.ceil(fit / (rival - transport))
                if rival > transport
                else math.inf
            ),
        ),
    ),
    alternatives=(
        _batches_by_counting,
        lambda data, fit, transport, rival: math.inf if rival <= transport else -((data + fit) // (transport - rival)),
    ),
)

EXERCISES = (E1, E2, E3, E4)
