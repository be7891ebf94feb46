"""Lesson 08: the pair of flow matching, its exact minimiser, midpoint, transport pairs and straightness."""

from __future__ import annotations

import math
from functools import partial

import torch
from scipy.optimize import linear_sum_assignment

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered
from koopteach.flow_matching.paths import linear_path, ot_permutation
from koopteach.flow_matching.solvers import integrate

TITLE = "Flow matching: learn a velocity that carries noise to data"

_tensor = partial(torch.tensor, dtype=torch.float64)


# --- L08-E1 -------------------------------------------------------------------------------------------------


def training_pair(x0, x1, t):
    """The point between noise and data, and the velocity to learn there."""
    return linear_path(x0, x1, t[:, None])


def _batch(generator, dtype, n=6, d=3):
    x0, x1 = torch.randn(2, n, d, generator=generator, dtype=dtype)
    return x0, x1 + 1, 0.1 + 0.8 * torch.rand(n, generator=generator, dtype=dtype)


def _at_both_ends(generator, dtype):
    """Times 0 and 1 exactly, and a pair whose noise is its datum."""
    x0, x1, t = _batch(generator, dtype)
    t[:2], t[2:4], x1[4] = 0, 1, x0[4]
    return x0, x1, t


def _batch_far_apart(generator, dtype):
    x0, x1, t = _batch(generator, dtype)
    size = torch.logspace(-3, 3, len(t), dtype=dtype)[:, None]
    return size * x0, size.flip(0) * x1, t


def _pair_in_a_loop(x0, x1, t):
    x_t = torch.stack([(1 - s) * a + s * b for a, b, s in zip(x0, x1, t)])
    return x_t, x1 - x0


def _way_left_over_time_left(x0, x1, t):
    x_t, _ = training_pair(x0, x1, t)
    return x_t, (x1 - x_t) / (1 - t[:, None])


E1 = Exercise(
    id="L08-E1",
    title="Point and target",
    minutes=7,
    importance=3,
    reference=training_pair,
    inputs=_batch,
    example=(
        (_tensor([[0.0, 0.0], [1.0, 1.0]]), _tensor([[4.0, 8.0], [1.0, 3.0]]), _tensor([0.25, 0.5])),
        (_tensor([[1.0, 2.0], [1.0, 2.0]]), _tensor([[4.0, 8.0], [0.0, 2.0]])),
    ),
    identities=(
        Identity(
            "From the point, the target leads to the data in the time that is left: x_t + (1 - t) u = x1.",
            lambda answer, args: agree(
                (lambda x_t, u: x_t + (1 - args[2])[:, None] * u)(*answer(*args)), args[1], 1e-6
            ),
        ),
        Identity(
            "At time 0 the point is the noise.",
            lambda answer, args: agree(answer(args[0], args[1], torch.zeros_like(args[2]))[0], args[0]),
        ),
    ),
    edge_cases=(
        Edge("a single pair", partial(_batch, n=1), "sizes"),
        Edge("as many points as coordinates", partial(_batch, n=3), "sizes"),
        Edge("31 pairs in 17 dimensions", partial(_batch, n=31, d=17), "sizes"),
        Edge("times 0 and 1", _at_both_ends, "ties"),
        Edge("pairs of very different size", _batch_far_apart, "far"),
    ),
    units={"x0": 1, "x1": 1},
    bounded=("t",),
    mistakes=(
        Mistake(
            "swapped-end-points",
            "Your point is the data at time 0 and the noise at time 1; in this course t runs from noise to data.",
            lambda x0, x1, t: (t[:, None] * x0 + (1 - t)[:, None] * x1, x1 - x0),
        ),
        Mistake(
            "target-from-the-point",
            "Your target is x1 - x_t, the way that is left; the velocity of the line is x1 - x0 at all times.",
            lambda x0, x1, t: (linear_path(x0, x1, t[:, None])[0], x1 - linear_path(x0, x1, t[:, None])[0]),
        ),
        Mistake(
            "backward-target",
            "Your target points from the data to the noise; a car on the line drives to x1, with x1 - x0.",
            lambda x0, x1, t: (linear_path(x0, x1, t[:, None])[0], x0 - x1),
        ),
        Mistake(
            "divided-by-the-time-left",
            "Your target is (x1 - x_t)/(1 - t), which is 0/0 at t = 1; x1 - x0 needs no division.",
            _way_left_over_time_left,
        ),
        Mistake(
            "pair-in-the-other-order",
            "You return (velocity, point); the pair begins with the point.",
            lambda x0, x1, t: training_pair(x0, x1, t)[::-1],
        ),
        Mistake(
            "noise-not-shrunk",
            "Your point is x0 + t x1; on its way to the data the noise fades, by the factor 1 - t.",
            lambda x0, x1, t: (x0 + t[:, None] * x1, x1 - x0),
        ),
        Mistake(
            "one-time-for-the-batch",
            "You use one time for the whole batch; each pair has its own, or a batch sees one moment alone.",
            lambda x0, x1, t: linear_path(x0, x1, t[0]),
        ),
        Mistake(
            "target-times-t",
            "Your target is t (x1 - x0), how far the car has come; its velocity does not depend on the time.",
            lambda x0, x1, t: (linear_path(x0, x1, t[:, None])[0], t[:, None] * (x1 - x0)),
        ),
        Mistake(
            "time-along-coordinates",
            "Your t (n,) meets the coordinates of x (n, d) and not its rows; make it a column by t[:, None].",
            lambda x0, x1, t: ((1 - t) * x0 + t * x1, x1 - x0),
        ),
    ),
    alternatives=(
        _pair_in_a_loop,
        lambda x0, x1, t: (torch.lerp(x0, x1, t.reshape(-1, 1)), x1 - x0),
        lambda x0, x1, t: (torch.einsum("n,nd->nd", 1 - t, x0) + torch.einsum("n,nd->nd", t, x1), x1 - x0),
    ),
)


# --- L08-E2 -------------------------------------------------------------------------------------------------


def data_velocity(x, t, data):
    """E[x1 - x0 | x_t = x] for independent pairs of noise and the rows of data."""
    square = (x[:, None] - t * data).square().sum(2)
    p = torch.softmax(-square / (2 * (1 - t) ** 2), dim=1)
    return (p @ data - x) / (1 - t)


def _few_data(generator, dtype, n=5, m=6, d=2, t=None):
    x, data = torch.randn(n, d, generator=generator, dtype=dtype), torch.randn(m, d, generator=generator, dtype=dtype)
    drawn = 0.3 + 0.2 * float(torch.rand((), generator=generator))
    return 0.5 * x, drawn if t is None else t, data


def _far_from_the_data(generator, dtype, near=0):
    """Points at distances from 60 to 100, all but the first few."""
    x, t, data = _few_data(generator, dtype)
    x[near:] *= (torch.linspace(60, 100, len(x), dtype=dtype)[:, None] / x.norm(dim=1, keepdim=True))[near:]
    return x, t, data


def _data_of_many_sizes(generator, dtype):
    x, t, data = _few_data(generator, dtype)
    return x, t, torch.logspace(-2, 2, len(data), dtype=dtype)[:, None] * data


def _shortly_before_the_end(generator, dtype):
    """The noise that is left is as small as the distance of two data, and the points are near them."""
    x, t, data = _few_data(generator, dtype, t=0.995)
    data[1] = data[0] + 0.004
    return t * data[: len(x)] + (1 - t) * x, t, data


def _equal_data(generator, dtype):
    """Data of which two are equal, and a point half-way between two others, which are equally likely there."""
    x, t, data = _few_data(generator, dtype)
    data[1], x[0] = data[0], t * (data[2] + data[3]) / 2
    return x, t, data


def _exponents(x, t, data):
    return -(x[:, None] - t * data).square().sum(2) / (2 * (1 - t) ** 2)


def _mean_velocity(p, x, t, data):
    """With weights that need not sum to one."""
    return (p @ data / p.sum(1, keepdim=True) - x) / (1 - t)


def _weights(x, t, data, variance):
    return torch.softmax(-(x[:, None] - t * data).square().sum(2) / (2 * variance), dim=1)


def _velocity_by_bayes(x, t, data):
    noise = (x[:, None] - t * data) / (1 - t)  # the x0 of each line through x
    square = noise.square().sum(2)
    p = torch.exp((square.amin(1, keepdim=True) - square) / 2)
    lines = data - noise
    return (p[:, :, None] * lines).sum(1) / p.sum(1, keepdim=True)


def _velocity_in_a_loop(x, t, data):
    rows = []
    for point in x:
        p = torch.softmax(-(point - t * data).square().sum(1) / (2 * (1 - t) ** 2), dim=0)
        rows.append(((p[:, None] * data).sum(0) - point) / (1 - t))
    return torch.stack(rows)


def _on_the_axis(x):
    """The same points, all of them on the first axis."""
    return torch.cat([x[:, :1], torch.zeros_like(x[:, 1:])], dim=1)


def _sideways(x):
    """Points beside that axis, so far that every kernel underflows, and as near to some of its points as to others."""
    return _on_the_axis(x) + 60 * (1 - _on_the_axis(torch.ones_like(x)))


E2 = Exercise(
    id="L08-E2",
    title="The best velocity for given data",
    minutes=12,
    importance=3,
    reference=data_velocity,
    inputs=_few_data,
    example=(
        (_tensor([[0.0], [1.0]]), 0.5, _tensor([[-2.0], [2.0]])),
        _tensor([[0.0], [4 * math.tanh(4) - 2]]),
    ),
    identities=(
        Identity(
            "At time 0 the velocity is the mean of the data minus x.",
            lambda answer, args: agree(answer(args[0], 0.0, args[2]), args[2].mean(0) - args[0], 1e-6),
        ),
        Identity(
            "With a single datum everything goes straight to it: v = (x1 - x) / (1 - t).",
            lambda answer, args: agree(
                answer(args[0], args[1], args[2][:1]), (args[2][:1] - args[0]) / (1 - args[1]), 1e-6
            ),
        ),
    ),
    edge_cases=(
        Edge(
            "points far from all data, as near to several",
            altered(_few_data, data_velocity, x=_sideways, data=_on_the_axis),
            "far",
        ),
        ("a time soon after the start", altered(_few_data, data_velocity, t=lambda t: t / 10)),
        Edge("a single datum", partial(_few_data, m=1), "sizes"),
        Edge("a single point on the line", partial(_few_data, n=1, d=1), "sizes"),
        Edge("as many points as data and coordinates", partial(_few_data, n=3, m=3, d=3), "sizes"),
        Edge("31 points and 40 data in 17 dimensions", partial(_few_data, n=31, m=40, d=17), "sizes"),
        Edge("equal data and points half-way", _equal_data, "ties"),
        Edge("time 0", partial(_few_data, t=0.0), "ties"),
        Edge("a time close to one", _shortly_before_the_end),
        Edge("points far from all data", _far_from_the_data, "far"),
        Edge(
            "points of which some are near the data and some far from them", partial(_far_from_the_data, near=2), "far"
        ),
        Edge("data of very different size", _data_of_many_sizes, "far"),
    ),
    without={"units": "the noise has the standard deviation one, which is the unit of length"},
    bounded=("t",),
    mistakes=(
        Mistake(
            "variance-not-squared",
            "You divide by 2 (1 - t); the noise in x_t has standard deviation 1 - t, and its variance is the square.",
            lambda x, t, data: (_weights(x, t, data, 1 - t) @ data - x) / (1 - t),
        ),
        Mistake(
            "data-not-scaled",
            "Your weights compare x with x1; at time t the line of x1 is around t x1.",
            lambda x, t, data: (_weights(x, 1.0, data, (1 - t) ** 2) @ data - x) / (1 - t),
        ),
        Mistake(
            "not-divided-by-the-time-left",
            "You return E[x1 | x] - x, the way that is left; divided by the time that is left it is a velocity.",
            lambda x, t, data: _weights(x, t, data, (1 - t) ** 2) @ data - x,
        ),
        Mistake(
            "the-point-alone",
            "You return E[x1 | x], where x goes and not how fast: subtract x and divide by 1 - t.",
            lambda x, t, data: _weights(x, t, data, (1 - t) ** 2) @ data,
        ),
        Mistake(
            "equal-weights",
            "You average over all data alike; once t > 0, x tells which of them its line goes to.",
            lambda x, t, data: (data.mean(0) - x) / (1 - t),
        ),
        Mistake(
            "nearest-datum",
            "You follow the likeliest datum alone; the conditional mean weighs all of them by their probability.",
            lambda x, t, data: (data[_weights(x, t, data, 1.0).argmax(1)] - x) / (1 - t),
        ),
        Mistake(
            "half-missing",
            "You divide by (1 - t)^2; the exponent of a normal density is the square over twice the variance.",
            lambda x, t, data: (_weights(x, t, data, (1 - t) ** 2 / 2) @ data - x) / (1 - t),
        ),
        Mistake(
            "distance-not-squared",
            "Your exponents hold the distance; in a normal density it is the squared distance that counts.",
            lambda x, t, data: _mean_velocity(
                torch.softmax(-torch.cdist(x, t * data) / (2 * (1 - t) ** 2), dim=1), x, t, data
            ),
        ),
        Mistake(
            "exponential-first",
            "You sum plain exponentials; far from all data all of them underflow, and 0/0 is no number. Softmax shifts "
            "them first.",
            lambda x, t, data: _mean_velocity(_exponents(x, t, data).exp(), x, t, data),
        ),
        Mistake(
            "one-shift-for-all-points",
            "You shift all exponents by the largest of the table; each point needs its own largest, along dim=1.",
            lambda x, t, data: _mean_velocity(
                (_exponents(x, t, data) - _exponents(x, t, data).max()).exp(), x, t, data
            ),
        ),
        Mistake(
            "small-number-in-the-sum",
            "You add 1e-12 to the sum of the weights; far from all data the weights are smaller than that.",
            lambda x, t, data: (
                (_exponents(x, t, data).exp() @ data / (_exponents(x, t, data).exp().sum(1, keepdim=True) + 1e-12) - x)
                / (1 - t)
            ),
        ),
        Mistake(
            "softmax-over-points",
            "Your probabilities sum to one over the points x; for each x they must sum to one over the data.",
            lambda x, t, data: (
                (torch.softmax(-(x[:, None] - t * data).square().sum(2) / (2 * (1 - t) ** 2), dim=0) @ data - x)
                / (1 - t)
            ),
        ),
        Mistake(
            "mean-over-coordinates",
            "You average the squared differences over the coordinates; a squared distance is their sum.",
            lambda x, t, data: _mean_velocity(
                torch.softmax(-(x[:, None] - t * data).square().mean(2) / (2 * (1 - t) ** 2), dim=1), x, t, data
            ),
        ),
    ),
    alternatives=(_velocity_by_bayes, _velocity_in_a_loop),
)


# --- L08-E3 -------------------------------------------------------------------------------------------------


def midpoint(velocity, x, n_steps):
    """From time 0 to 1 by equal midpoint steps."""
    return integrate(velocity, x, (0.0, 1.0), solver="midpoint", steps=n_steps).states[-1]


def _field(x, t):
    """Mixes coordinates and depends on time, so that every slip shows."""
    return (1 + 2 * t) * x.roll(1, dims=1) - 1.5 * x + t * x.flip(1) - t**2


def _starts(generator, dtype, n_steps=4, n=5, d=2):
    return _field, 1 + torch.randn(n, d, generator=generator, dtype=dtype), n_steps


def _in_units_of(unit, generator, dtype):
    """A number, or one for each point."""
    field, x, n_steps = _starts(generator, dtype)
    return lambda x, t: unit * field(x / unit, t), unit * x, n_steps


def _at_rest(generator, dtype):
    _, x, n_steps = _starts(generator, dtype)
    x[:2] = 0
    return lambda x, t: -x * (1 + t), x, n_steps


def _steps(move):
    """A solver from ``move(v, x, t, h) -> x``."""

    def solve(velocity, x, n_steps):
        h = 1 / n_steps
        for i in range(n_steps):
            x = move(velocity, x, i * h, h)
        return x

    return solve


def _until_the_time_is_up(velocity, x, n_steps):
    times = torch.linspace(0, 1, 2 * n_steps + 1, dtype=torch.float64).tolist()
    for i in range(0, 2 * n_steps, 2):
        half = x + velocity(x, times[i]) / (2 * n_steps)
        x = x + velocity(half, times[i + 1]) / n_steps
    return x


def _by_a_running_clock(velocity, x, n_steps):
    h, t = 1 / n_steps, 0.0
    while t < 1:
        x = x + h * velocity(x + h / 2 * velocity(x, t), t + h / 2)
        t += h
    return x


def _without_the_last_step(velocity, x, n_steps):
    h = 1 / n_steps
    for i in range(n_steps - 1):
        x = x + h * velocity(x + h / 2 * velocity(x, i * h), (i + 0.5) * h)
    return x


def _runge_kutta(velocity, x, n_steps):
    h = 1 / n_steps
    for k in range(n_steps):
        first = velocity(x, k * h)
        second = velocity(x + h / 2 * first, (k + 0.5) * h)
        third = velocity(x + h / 2 * second, (k + 0.5) * h)
        last = velocity(x + h * third, (k + 1) * h)
        x = x + h / 6 * (first + 2 * second + 2 * third + last)
    return x


def _euler_at_half_time(velocity, x, n_steps):
    for k in range(n_steps):
        x = x + velocity(x, (k + 0.5) / n_steps) / n_steps
    return x


E3 = Exercise(
    id="L08-E3",
    title="The midpoint method",
    minutes=8,
    importance=2,
    reference=midpoint,
    inputs=_starts,
    example=((lambda x, t: x + 2 * t, _tensor([[2.0]]), 1), _tensor([[6.0]])),
    identities=(
        Identity(
            "A velocity 2t, the same everywhere, moves all points by exactly 1.",
            lambda answer, args: agree(
                answer(lambda x, t: torch.full_like(x, 2 * float(t)), args[1], 3), args[1] + 1, 1e-6
            ),
        ),
        Identity(
            "The velocity is asked twice a step.",
            lambda answer, args: _evaluations(answer, args[1], 3) == 6,
        ),
    ),
    edge_cases=(
        Edge("as many points as coordinates and steps", partial(_starts, n_steps=4, n=4, d=4), "sizes"),
        Edge("a single step", partial(_starts, n_steps=1), "sizes"),
        Edge("a single point on the line", partial(_starts, n=1, d=1), "sizes"),
        Edge("31 points in 17 dimensions", partial(_starts, n=31, d=17), "sizes"),
        Edge("ten steps, whose times do not add up to one exactly", partial(_starts, n_steps=10), "ties"),
        Edge("49 steps of 1 / 49, which are less than one", partial(_starts, n_steps=49), "ties"),
        Edge("points at rest", _at_rest, "ties"),
        Edge("very short lengths", partial(_in_units_of, 1e-9), "units"),
        Edge("very long lengths", partial(_in_units_of, 1e9), "units"),
        Edge(
            "points of very different size",
            lambda generator, dtype: _in_units_of(torch.logspace(-3, 3, 5, dtype=dtype)[:, None], generator, dtype),
            "far",
        ),
    ),
    mistakes=(
        Mistake(
            "euler",
            "That is Euler's method, with the velocity at the start of each step; midpoint asks again half-way.",
            _steps(lambda v, x, t, h: x + h * v(x, t)),
        ),
        Mistake(
            "old-time",
            "Your second velocity is taken at the middle point, yet still at the old time; it belongs to t + h/2.",
            _steps(lambda v, x, t, h: x + h * v(x + h / 2 * v(x, t), t)),
        ),
        Mistake(
            "from-the-middle",
            "You go the whole step from the middle point; it starts at x, and the middle only lends its velocity.",
            _steps(lambda v, x, t, h: x + h / 2 * v(x, t) + h * v(x + h / 2 * v(x, t), t + h / 2)),
        ),
        Mistake(
            "two-half-steps",
            "You take two Euler steps of h/2; midpoint goes the whole step with the velocity of the middle.",
            _steps(lambda v, x, t, h: x + h / 2 * v(x, t) + h / 2 * v(x + h / 2 * v(x, t), t + h / 2)),
        ),
        Mistake(
            "whole-step-to-the-middle",
            "You look at x + h v(x, t), the end of the step; the middle is half a step away.",
            _steps(lambda v, x, t, h: x + h * v(x + h * v(x, t), t + h / 2)),
        ),
        Mistake(
            "heun",
            "You average the velocities at both ends of the step; midpoint takes one velocity, that of the middle.",
            _steps(lambda v, x, t, h: x + h / 2 * (v(x, t) + v(x + h * v(x, t), t + h))),
        ),
        Mistake(
            "end-time-in-the-middle",
            "Your second velocity is taken at the time t + h, the end of the step; the middle is at t + h/2.",
            _steps(lambda v, x, t, h: x + h * v(x + h / 2 * v(x, t), t + h)),
        ),
        Mistake(
            "middle-time-twice",
            "Your first velocity, too, is taken at the time t + h/2; at the start of the step it is still t.",
            _steps(lambda v, x, t, h: x + h * v(x + h / 2 * v(x, t + h / 2), t + h / 2)),
        ),
        Mistake(
            "last-step-missing",
            "You take one step too few; n steps of 1/n lead to the time 1.",
            _without_the_last_step,
        ),
        Mistake(
            "clock-of-rounded-sums",
            "You step while t < 1 and add h to t: ten times 0.1 is a bit less than 1, and an extra step follows. Count "
            "steps.",
            _by_a_running_clock,
        ),
        Mistake(
            "time-stands-still",
            "Your time stays 0 in all steps; step i begins at t = i h.",
            _steps(lambda v, x, t, h: x + h * v(x + h / 2 * v(x, 0.0), h / 2)),
        ),
        Mistake(
            "runge-kutta",
            "You take the four stages of Runge and Kutta; the midpoint method asks for the velocity twice a step.",
            _runge_kutta,
        ),
        Mistake(
            "point-not-moved",
            "You take the velocity at half time but at the old point; go half a step there first.",
            lambda velocity, x, n_steps: _euler_at_half_time(velocity, x, n_steps),
        ),
    ),
    alternatives=(
        _steps(lambda v, x, t, h: x + h * v(x + 0.5 * h * v(x, t), t + 0.5 * h)),
        _until_the_time_is_up,
    ),
)


def _evaluations(answer, x, n_steps):
    calls = []
    answer(lambda y, t: calls.append(t) or torch.zeros_like(y), x, n_steps)
    return len(calls)


# --- L08-E4 -------------------------------------------------------------------------------------------------


def transport_pairs(x0, x1):
    """The rows of x1, ordered so that row i belongs to row i of x0."""
    return x1[ot_permutation(x0, x1)]


def _clouds(generator, dtype, n=12, d=2):
    return tuple(torch.randn(2, n, d, generator=generator, dtype=dtype))


def _clouds_of_many_sizes(generator, dtype):
    return tuple(torch.logspace(-1, 2, len(x), dtype=dtype)[:, None] * x for x in _clouds(generator, dtype))


def _equal_data_points(generator, dtype):
    x0, x1 = _clouds(generator, dtype)
    x1[:3], x1[3] = x1[0], x0[5]
    return x0, x1


def _least_with_equal_noises(answer, args):
    """Then several orders are best, and any of them will do."""
    x0, x1 = args[0].clone(), args[1]
    x0[:4], x0[5] = x0[0], x1[2]
    best = (transport_pairs(x0, x1) - x0).square().sum()
    mine = answer(x0, x1)
    return agree((mine - x0).square().sum(), best, 1e-5) and agree(_sorted_rows(mine), _sorted_rows(x1))


def _columns(cost):
    return torch.as_tensor(linear_sum_assignment(cost.double().numpy())[1])


def _square(x0, x1):
    return (x0[:, None] - x1).square().sum(2)


def _pairs_by_swapping(x0, x1):
    """Swap two partners while that shortens the sum; then let an exact solver confirm. For a dozen points."""
    order = list(range(len(x0)))
    cost = _square(x0, x1).tolist()
    for i in range(len(order)):
        for j in range(i):
            a, b = order[i], order[j]
            if cost[i][b] + cost[j][a] < cost[i][a] + cost[j][b]:
                order[i], order[j] = b, a
    started = x1[order]
    return started[_columns(_square(x0, started))]


E4 = Exercise(
    id="L08-E4",
    title="Pairs by optimal transport",
    minutes=8,
    importance=2,
    reference=transport_pairs,
    inputs=_clouds,
    example=(
        (_tensor([[0.0], [1.0], [4.0]]), _tensor([[4.5], [0.5], [1.5]])),
        _tensor([[0.5], [1.5], [4.5]]),
    ),
    identities=(
        Identity(
            "Each datum is used once.",
            lambda answer, args: agree(_sorted_rows(answer(*args)), _sorted_rows(args[1])),
        ),
        Identity(
            "The sum of squared distances is not larger than with the rows as they came.",
            lambda answer, args: (
                float((answer(*args) - args[0]).square().sum())
                <= float((args[1] - args[0]).square().sum()) * (1 + 1e-6)
            ),
        ),
        Identity(
            "Data that are the noise, moved by one vector and shuffled, find their own noise.",
            lambda answer, args: agree(answer(args[0], (args[0] + 3).flip(0).roll(1, 0)), args[0] + 3, 1e-6),
        ),
        Identity(
            "The sum is least also where noises are equal, and several orders are best.", _least_with_equal_noises
        ),
    ),
    edge_cases=(
        Edge("a single pair", partial(_clouds, n=1), "sizes"),
        Edge("points on the line", partial(_clouds, d=1), "sizes"),
        Edge("as many points as coordinates", partial(_clouds, n=3, d=3), "sizes"),
        Edge("31 pairs in 17 dimensions", partial(_clouds, n=31, d=17), "sizes"),
        Edge("equal data", _equal_data_points, "ties"),
        Edge("points of very different size", _clouds_of_many_sizes, "far"),
    ),
    units={"x0": 1, "x1": 1},
    farthest=1e4,  # solvers of transport stop at some absolute cost
    mistakes=(
        Mistake(
            "inverse-permutation",
            "You apply the inverse permutation: row i of the result must be the partner of noise i, x1[columns].",
            lambda x0, x1: x1[torch.argsort(_columns(_square(x0, x1)))],
        ),
        Mistake(
            "nearest-for-each",
            "Each noise takes its nearest datum, so that some data are used twice and some never; assign one to one.",
            lambda x0, x1: x1[_square(x0, x1).argmin(dim=1)],
        ),
        Mistake(
            "first-come-first-served",
            "The first noise takes its nearest datum, the next what is left; the sum over all pairs must be least.",
            lambda x0, x1: x1[_greedy(_square(x0, x1))],
        ),
        Mistake(
            "longest-pairs",
            "Your pairs have the largest sum of squared distances; minimise it.",
            lambda x0, x1: x1[_columns(-_square(x0, x1))],
        ),
        Mistake(
            "sorted-by-one-coordinate",
            "You sort both by their first coordinate, which is optimal on the line and nowhere else.",
            lambda x0, x1: x1[x1[:, 0].argsort()][x0[:, 0].argsort().argsort()],
        ),
        Mistake(
            "distance-not-squared",
            "You minimise the sum of the distances; the squares of the distances must have the least sum.",
            lambda x0, x1: x1[_columns(_square(x0, x1).sqrt())],
        ),
        Mistake(
            "differences-summed-before-squaring",
            "You sum the differences over the coordinates and square the sum; square each difference, then sum.",
            lambda x0, x1: x1[_columns((x0[:, None] - x1).sum(2).square())],
        ),
        Mistake(
            "angles-alone",
            "You compare directions, as if all rows had the length one; lengths count in |x0 - x1|^2.",
            lambda x0, x1: x1[_columns(-(x0 / x0.norm(dim=1, keepdim=True)) @ (x1 / x1.norm(dim=1, keepdim=True)).T)],
        ),
        Mistake(
            "noise-for-data",
            "You put the noise in another order and return it; wanted are the rows of x1.",
            lambda x0, x1: x0[_columns(_square(x0, x1))],
        ),
        Mistake(
            "the-noise-reordered",
            "You return the rows of the noise; the noise stays, and the data are put in its order.",
            lambda x0, x1: x0[torch.argsort(_columns(_square(x0, x1)))],
        ),
    ),
    alternatives=(
        lambda x0, x1: x1[_columns(_square(x0, x1))],
        lambda x0, x1: x1[_columns(-(x0 @ x1.T))],  # the squares of x0 and x1 are the same for every pairing
        _pairs_by_swapping,
    ),
)


def _sorted_rows(x):
    return torch.stack(sorted(x, key=lambda row: row.tolist()))


def _greedy(cost):
    cost, order = cost.clone(), []
    for row in cost:
        order.append(int(row.argmin()))
        cost[:, order[-1]] = math.inf
    return order


# --- L08-E5 -------------------------------------------------------------------------------------------------


def bending(path):
    """Equation (7) from states at equal times, (k, n, d)."""
    moves, ends, k = _parts(path)
    return k * moves.square().sum() / ends.square().sum() - 1


def _paths(generator, dtype, k=6, n=4, d=2):
    start, end = torch.randn(2, n, d, generator=generator, dtype=dtype)
    t = torch.linspace(0, 1, k, dtype=dtype)[:, None, None]
    return (start + t * (end - start) + t * (1 - t) * torch.randn(n, d, generator=generator, dtype=dtype),)


def _with_stops(generator, dtype):
    """One path waits for a step, one comes back to its start."""
    (path,) = _paths(generator, dtype)
    path[3, 0], path[-1, 1] = path[2, 0], path[0, 1]
    return (path,)


def _paths_of_many_sizes(generator, dtype):
    (path,) = _paths(generator, dtype)
    return (torch.logspace(-3, 3, path.shape[1], dtype=dtype)[:, None] * path,)


def _parts(path):
    moves, ends = path.diff(dim=0), path[-1] - path[0]
    return moves, ends, len(moves)


def _energy(path):
    moves, _, k = _parts(path)
    return k * moves.square().sum(dim=(0, 2))  # of each path, (n,)


def _deviation_in_a_loop(path):
    moves, ends, k = _parts(path)
    bent = sum((k * move - ends).square().sum() / k for move in moves)
    return bent / ends.square().sum()


def _straighten(args):
    (path,) = args
    t = torch.linspace(0, 1, len(path), dtype=path.dtype)[:, None, None]
    return path[0] + t * (path[-1] - path[0])


def _nearly_closed(path):
    return torch.cat([path[:-1], path[:1] + 1e-3 * path[-1:]])


E5 = Exercise(
    id="L08-E5",
    title="How straight is a flow?",
    minutes=8,
    importance=2,
    reference=bending,
    inputs=_paths,
    example=((_tensor([[[0.0, 0.0]], [[1.0, 1.0]], [[2.0, 0.0]]]),), 1.0),
    identities=(
        Identity(
            "Straight paths at constant speed have S = 0.",
            lambda answer, args: agree(answer(_straighten(args)), 0.0, 1e-5),
        ),
        Identity(
            "A picture twice as large has the same S.",
            lambda answer, args: agree(answer(2 * args[0]), answer(args[0]), 1e-5),
        ),
    ),
    edge_cases=(
        ("paths that nearly come back", altered(_paths, bending, path=_nearly_closed)),
        Edge("as many moments as paths and coordinates", partial(_paths, k=4, n=4, d=4), "sizes"),
        Edge("a single path on the line", partial(_paths, n=1, d=1), "sizes"),
        Edge("two states of each path", partial(_paths, k=2), "sizes"),
        Edge("three states of each path", partial(_paths, k=3), "sizes"),
        Edge("31 states of each path", partial(_paths, k=31), "sizes"),
        Edge("31 paths in 17 dimensions", partial(_paths, n=31, d=17), "sizes"),
        Edge("a path that waits and one that comes back", _with_stops, "ties"),
        Edge("paths of very different size", _paths_of_many_sizes, "far"),
    ),
    units={"path": 1},
    mistakes=(
        Mistake(
            "moves-for-velocities",
            "You use the moves between the states as velocities; divide each by its time, 1 / (k - 1).",
            lambda path: float(_parts(path)[0].square().sum() / _parts(path)[2] / _parts(path)[1].square().sum() - 1),
        ),
        Mistake(
            "integral-not-averaged",
            "You sum over the times; the integral over [0, 1] is their mean.",
            lambda path: float(_parts(path)[2] * _energy(path).sum() / _parts(path)[1].square().sum() - 1),
        ),
        Mistake(
            "mean-of-ratios",
            "You average each path's own ratio, which the shortest ones rule; take the ratio of the means.",
            lambda path: float((_energy(path) / _parts(path)[1].square().sum(1)).mean() - 1),
        ),
        Mistake(
            "one-not-subtracted",
            "You return energy over squared distance, which is 1 for straight paths; S is that minus 1.",
            lambda path: float(_energy(path).sum() / _parts(path)[1].square().sum()),
        ),
        Mistake(
            "length-for-energy",
            "You compare lengths; a path that is straight but dawdles would pass, and Euler's step would miss its end.",
            lambda path: float(_parts(path)[0].norm(dim=2).sum() / _parts(path)[1].norm(dim=1).sum() - 1),
        ),
        Mistake(
            "states-counted-for-moves",
            "There are k states and k - 1 moves; the time of a move is 1 / (k - 1).",
            lambda path: (len(path) / (len(path) - 1)) ** 2 * (bending(path) + 1) - 1,
        ),
        Mistake(
            "states-counted-in-the-sum",
            "There are k states and k - 1 moves; both the time of a move and the mean have k - 1 in them.",
            lambda path: len(path) / (len(path) - 1) * (bending(path) + 1) - 1,
        ),
        Mistake(
            "two-moves-always",
            "You take the time of a move for 1/2, as in the example; with k states it is 1 / (k - 1).",
            lambda path: 4 / (len(path) - 1) ** 2 * (bending(path) + 1) - 1,
        ),
        Mistake(
            "mean-over-coordinates-above",
            "You average over the coordinates above the line and sum over them below; a square is a sum in both.",
            lambda path: (bending(path) + 1) / path.shape[2] - 1,
        ),
        Mistake(
            "paths-averaged-before-squaring",
            "You average D over the paths and square the mean; paths that go different ways cancel. Square first.",
            lambda path: _energy(path).mean() / _parts(path)[1].mean(0).square().sum() - 1,
        ),
        Mistake(
            "distance-from-the-chord",
            "You measure how far the states lie from the straight line; S compares velocities, not places.",
            lambda path: (path - _straighten((path,))).square().sum(2).mean() / _parts(path)[1].square().sum(1).mean(),
        ),
        Mistake(
            "velocities-of-two-moves",
            "You take velocities at the states, over two moves each, which rounds the corners; take one for each move.",
            lambda path: (
                torch.gradient(path, spacing=1 / (len(path) - 1), dim=0)[0].square().sum(2).mean()
                / _parts(path)[1].square().sum(1).mean()
                - 1
            ),
        ),
        Mistake(
            "small-number-below-the-line",
            "You add 1e-6 below the line; a picture a thousandth as large then has another S.",
            lambda path: _energy(path).mean() / (_parts(path)[1].square().sum(1).mean() + 1e-6) - 1,
        ),
        Mistake(
            "length-of-the-way",
            "You square the length of the whole way; the mean of |v|^2 squares each move by itself.",
            lambda path: (
                (path.diff(dim=0).norm(dim=2).sum(0) ** 2).mean() / (path[-1] - path[0]).square().sum(1).mean() - 1
            ),
        ),
    ),
    alternatives=(
        _deviation_in_a_loop,
        lambda path: (len(path) - 1) * path.diff(dim=0).square().sum() / (path[-1] - path[0]).square().sum() - 1,
    ),
)

EXERCISES = (E1, E2, E3, E4, E5)
