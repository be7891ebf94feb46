"""Lesson 08: the pair of flow matching, its exact minimiser, midpoint, transport pairs and straightness."""

from __future__ import annotations

import math
from functools import partial

import torch
from scipy.optimize import linear_sum_assignment

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake
from koopteach.flow_matching.paths import linear_path, ot_permutation
from koopteach.flow_matching.solvers import integrate
from koopteach.flow_matching.straightness import straightness

TITLE = "Flow matching: learn a velocity that carries noise to data"

_tensor = partial(torch.tensor, dtype=torch.float64)


# --- L08-E1 -------------------------------------------------------------------------------------------------


def training_pair(x0, x1, t):
    """The point between noise and data, and the velocity to learn there."""
    return linear_path(x0, x1, t[:, None])


def _batch(generator, dtype, n=6, d=3):
    x0, x1 = torch.randn(2, n, d, generator=generator, dtype=dtype)
    return x0, x1 + 1, 0.1 + 0.8 * torch.rand(n, generator=generator, dtype=dtype)


def _as_many_points_as_coordinates(generator, dtype):
    return _batch(generator, dtype, n=3)


def _pair_in_a_loop(x0, x1, t):
    x_t = torch.stack([(1 - s) * a + s * b for a, b, s in zip(x0, x1, t)])
    return x_t, x1 - x0


E1 = Exercise(
    id="L08-E1",
    title="Point and target",
    minutes=7,
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
        ("a single pair", lambda generator, dtype: _batch(generator, dtype, n=1)),
        ("as many points as coordinates", _as_many_points_as_coordinates),
    ),
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


def _few_data(generator, dtype, n=5, m=6, d=2):
    x, data = torch.randn(n, d, generator=generator, dtype=dtype), torch.randn(m, d, generator=generator, dtype=dtype)
    return 0.5 * x, 0.3 + 0.2 * float(torch.rand((), generator=generator)), data


def _weights(x, t, data, variance):
    return torch.softmax(-(x[:, None] - t * data).square().sum(2) / (2 * variance), dim=1)


def _velocity_by_bayes(x, t, data):
    noise = (x[:, None] - t * data) / (1 - t)  # the x0 of each line through x
    p = torch.exp(-noise.square().sum(2) / 2)
    lines = data - noise
    return (p[:, :, None] * lines).sum(1) / p.sum(1, keepdim=True)


def _velocity_in_a_loop(x, t, data):
    rows = []
    for point in x:
        p = torch.softmax(-(point - t * data).square().sum(1) / (2 * (1 - t) ** 2), dim=0)
        rows.append(((p[:, None] * data).sum(0) - point) / (1 - t))
    return torch.stack(rows)


E2 = Exercise(
    id="L08-E2",
    title="The best velocity for given data",
    minutes=12,
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
        ("a single datum", lambda generator, dtype: _few_data(generator, dtype, m=1)),
        ("many coordinates", lambda generator, dtype: _few_data(generator, dtype, d=5)),
    ),
    tolerance=1e-6,
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
            "softmax-over-points",
            "Your probabilities sum to one over the points x; for each x they must sum to one over the data.",
            lambda x, t, data: (
                (torch.softmax(-(x[:, None] - t * data).square().sum(2) / (2 * (1 - t) ** 2), dim=0) @ data - x)
                / (1 - t)
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
    """Turns, contracts and depends on time, so that every slip shows."""
    return torch.stack([x[:, 1] * (1 + 2 * t), -x[:, 0] + t * x[:, 1] - t**2], dim=1)


def _starts(generator, dtype, n_steps=4):
    return _field, 1 + torch.randn(5, 2, generator=generator, dtype=dtype), n_steps


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


E3 = Exercise(
    id="L08-E3",
    title="The midpoint method",
    minutes=8,
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
    edge_cases=(("a single step", lambda generator, dtype: _starts(generator, dtype, n_steps=1)),),
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
            "time-stands-still",
            "Your time stays 0 in all steps; step i begins at t = i h.",
            _steps(lambda v, x, t, h: x + h * v(x + h / 2 * v(x, 0.0), h / 2)),
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
    ),
    edge_cases=(
        ("a single pair", lambda generator, dtype: _clouds(generator, dtype, n=1)),
        ("points on the line", lambda generator, dtype: _clouds(generator, dtype, d=1)),
    ),
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


class _Recorded:
    """A flow whose states are known."""

    def __init__(self, path):
        self.path = path

    def trajectory(self, x0, times):
        return self.path


def bending(path):
    """Equation (7) from states at equal times, (k, n, d)."""
    return straightness(_Recorded(path), path[0], n_times=len(path)).deviation


def _paths(generator, dtype, k=6, n=4, d=2):
    start, end = torch.randn(2, n, d, generator=generator, dtype=dtype)
    t = torch.linspace(0, 1, k, dtype=dtype)[:, None, None]
    return (start + t * (end - start) + t * (1 - t) * torch.randn(n, d, generator=generator, dtype=dtype),)


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


E5 = Exercise(
    id="L08-E5",
    title="How straight is a flow?",
    minutes=8,
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
        ("a single path", lambda generator, dtype: _paths(generator, dtype, n=1)),
        ("three states of each path", lambda generator, dtype: _paths(generator, dtype, k=3)),
    ),
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
            lambda path: float(len(path) * _energy(path).sum() / _parts(path)[2] / _parts(path)[1].square().sum() - 1),
        ),
    ),
    alternatives=(
        _deviation_in_a_loop,
        lambda path: (len(path) - 1) * path.diff(dim=0).square().sum() / (path[-1] - path[0]).square().sum() - 1,
    ),
    tolerance=1e-6,
)

EXERCISES = (E1, E2, E3, E4, E5)
