"""Lesson 10: consistency, the exponential of a mode sum, straight flows, inversion, scale, mode gains, MeanFlow."""

from __future__ import annotations

import cmath
import math
from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered
from koopteach.koopman_flow.linear_flow import Modes
from koopteach.tensors import jvp

TITLE = "Koopman-CFM: lift the flow until one matrix moves it"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def _normal(generator, dtype, *shape):
    return torch.randn(*shape, generator=generator, dtype=dtype)


def _mean_square(y):
    return y.square().sum(1).mean()


# --- L10-E1 -------------------------------------------------------------------------------------------------


def residual(z, L, x, t, v):
    """Lie z - L z at every point."""
    value, rate = jvp(z, (x, t), (v, torch.ones_like(t)))
    return rate - value @ L.T


def _lifted(generator, dtype, n=5, d=2, features=4):
    A, b, L = (_normal(generator, dtype, *shape) for shape in ((d, features), (1, features), (features, features)))
    x, v = _normal(generator, dtype, n, d), _normal(generator, dtype, n, d)
    t = torch.rand(n, 1, generator=generator, dtype=dtype)
    return (lambda x, t: torch.tanh(x @ A + t @ b)), L, x, t, v


def _lifted_in(length, time, size, generator, dtype):
    """In units of length and time, and the observables in a unit, or each in its own."""
    z, L, x, t, v = _lifted(generator, dtype)
    size = size * torch.ones(len(L), dtype=dtype)
    moved = size[:, None] * L / size / time
    return lambda x, t: size * z(x / length, t / time), moved, length * x, time * t, length / time * v


def _timeless(generator, dtype):
    """Observables that do not depend on time."""
    z, L, x, t, v = _lifted(generator, dtype)
    return lambda x, t: z(x, torch.zeros_like(x[:, :1])), L, x, t, v


def _points_at_rest(generator, dtype):
    """Times 0 and 1, equal points, and points that do not move."""
    z, L, x, t, v = _lifted(generator, dtype)
    t[:2], t[2:4], x[1], v[1:3] = 0, 1, x[0], 0
    return z, L, x, t, v


def _rate_by_backward(z, x, t, v):
    by_x, by_t = torch.autograd.functional.jacobian(lambda x, t: z(x, t).sum(0), (x, t))
    return torch.einsum("Dnd,nd->nD", by_x, v) + by_t[:, :, 0].T


def _is_zero_on_a_solution(answer, args):
    _, L, x, t, v = args
    c = torch.linspace(1, 2, len(L), dtype=x.dtype)

    def solution(x, t):
        return torch.stack([torch.matrix_exp(s * L) @ c for s in t[:, 0]]) + 0 * x.sum(1, keepdim=True)

    return agree(answer(solution, L, x, t, v), torch.zeros(len(x), len(L)), 1e-6)


E1 = Exercise(
    id="L10-E1",
    title="The residual of consistency",
    minutes=10,
    importance=3,
    reference=residual,
    inputs=_lifted,
    example=(
        (
            lambda x, t: torch.cat([x, t], dim=1),
            _tensor([[0.0, 1.0], [0.0, 0.0]]),
            _tensor([[2.0]]),
            _tensor([[0.5]]),
            _tensor([[3.0]]),
        ),
        _tensor([[2.5, 1.0]]),
    ),
    identities=(
        Identity("A lift that is e^{tL} c, the same for all points, has residual zero.", _is_zero_on_a_solution),
        Identity(
            "Doubling the observables doubles the residual.",
            lambda answer, args: agree(answer(lambda x, t: 2 * args[0](x, t), *args[1:]), 2 * answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        Edge("a single point on the line and one observable", partial(_lifted, n=1, d=1, features=1), "sizes"),
        Edge("as many points as coordinates and observables", partial(_lifted, n=3, d=3, features=3), "sizes"),
        Edge("31 points and 17 observables", partial(_lifted, n=31, d=5, features=17), "sizes"),
        Edge("times 0 and 1, and points at rest", _points_at_rest, "ties"),
        Edge("observables that do not look at the time", _timeless, "ties"),
        Edge("very short lengths and very small observables", partial(_lifted_in, 1e-9, 1.0, 1e-9), "units"),
        Edge("very long times and very large observables", partial(_lifted_in, 1.0, 1e9, 1e9), "units"),
        Edge(
            "observables of very different size",
            lambda generator, dtype: _lifted_in(1.0, 1.0, torch.logspace(-3, 3, 4, dtype=dtype), generator, dtype),
            "far",
        ),
    ),
    mistakes=(
        Mistake(
            "clock-moves-by-t",
            "Your direction moves the time by t; in a unit of time it moves by 1.",
            lambda z, L, x, t, v: jvp(z, (x, t), (v, t))[1] - z(x, t) @ L.T,
        ),
        Mistake(
            "added",
            "You add L z to the rate; the residual is their difference, Lie z - L z.",
            lambda z, L, x, t, v: jvp(z, (x, t), (v, torch.ones_like(t)))[1] + z(x, t) @ L.T,
        ),
        Mistake(
            "one-time-for-all",
            "You lift all points at the time of the first; each has its own.",
            lambda z, L, x, t, v: residual(z, L, x, t[:1].expand_as(t), v),
        ),
        Mistake(
            "divided-by-the-size",
            "You divide by the size of z; the residual itself is wanted, which doubles with the observables.",
            lambda z, L, x, t, v: residual(z, L, x, t, v) / z(x, t).norm(dim=1, keepdim=True),
        ),
        Mistake(
            "exponential-for-generator",
            "You compare with e^L z, where the lift is a unit of time later; a rate is compared with a rate, L z.",
            lambda z, L, x, t, v: (
                jvp(z, (x, t), (v, torch.ones_like(t)))[1] - z(x, t) @ (torch.matrix_exp(L) - torch.eye(len(L))).to(L).T
            ),
        ),
        Mistake(
            "clock-stands-still",
            "Your direction moves x and not t; time passes along the flow, so its tangent is 1.",
            lambda z, L, x, t, v: jvp(z, (x, t), (v, torch.zeros_like(t)))[1] - z(x, t) @ L.T,
        ),
        Mistake(
            "point-stands-still",
            "Your direction moves t and not x; along the flow the point moves with velocity v.",
            lambda z, L, x, t, v: jvp(z, (x, t), (torch.zeros_like(v), torch.ones_like(t)))[1] - z(x, t) @ L.T,
        ),
        Mistake(
            "transposed-generator",
            "Your L is transposed: it acts on columns z, so rows are multiplied by its transpose, z @ L.T.",
            lambda z, L, x, t, v: jvp(z, (x, t), (v, torch.ones_like(t)))[1] - z(x, t) @ L,
        ),
        Mistake(
            "rate-alone",
            "You return Lie z alone; consistency compares it with L z.",
            lambda z, L, x, t, v: jvp(z, (x, t), (v, torch.ones_like(t)))[1],
        ),
        Mistake(
            "wrong-sign",
            "You return L z - Lie z; in the error identity the residual is Lie z - L z.",
            lambda z, L, x, t, v: z(x, t) @ L.T - jvp(z, (x, t), (v, torch.ones_like(t)))[1],
        ),
    ),
    alternatives=(
        lambda z, L, x, t, v: _rate_by_backward(z, x, t, v) - z(x, t) @ L.T,
        lambda z, L, x, t, v: torch.func.jvp(z, (x, t), (v, torch.ones_like(t)))[1] - (L @ z(x, t).T).T,
    ),
)


# --- L10-E2 -------------------------------------------------------------------------------------------------


def state(p, u, a, b, alpha, beta, tau):
    """The state that a mode sum reads after tau."""
    grow, turn = math.exp(alpha * tau), beta * tau
    return p + tau * u + grow * (math.cos(turn) * a + math.sin(turn) * b)


def _parts(generator, dtype, n=6, d=2, **numbers):
    p, u, a, b = _normal(generator, dtype, 4, n, d)
    drawn = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    alpha, beta, tau = 0.5 + drawn[0], 1 + drawn[1], 0.3 + 0.5 * drawn[2]
    return p, u, a, b, *({"alpha": alpha, "beta": beta, "tau": tau} | numbers).values()


def _times_of(unit, generator, dtype):
    p, u, a, b, alpha, beta, tau = _parts(generator, dtype)
    return p, u / unit, a, b, alpha / unit, beta / unit, unit * tau


def _rows_far_apart(generator, dtype):
    *parts, alpha, beta, tau = _parts(generator, dtype)
    size = torch.logspace(-3, 3, len(parts[0]), dtype=dtype)[:, None]
    return *(size * part for part in parts), alpha, beta, tau


def _state_by_matrix(p, u, a, b, alpha, beta, tau):
    L = torch.zeros(4, 4, dtype=p.dtype)
    L[0, 1], L[2, 2], L[3, 3], L[2, 3], L[3, 2] = 1, alpha, alpha, beta, -beta
    z = torch.einsum("ij,jnd->ind", torch.matrix_exp(tau * L), torch.stack([p, u, a, b]))
    return z[0] + z[2]


def _starts_with_the_velocity(answer, args):
    _, u, a, b, alpha, beta, _ = args
    h = 1e-4
    slope = (answer(*args[:6], h) - answer(*args[:6], -h)) / (2 * h)
    return agree(slope, u + alpha * a + beta * b, 1e-5)


def _state_with(grow, cosine, sine, drift):
    """A variant of the state, from functions of (alpha, beta, tau)."""

    def answer(p, u, a, b, alpha, beta, tau):
        return p + drift(tau) * u + grow(alpha, tau) * (cosine(beta * tau) * a + sine(beta * tau) * b)

    return answer


def _growth(alpha, tau):
    return math.exp(alpha * tau)


E2 = Exercise(
    id="L10-E2",
    title="Any time in one step",
    minutes=8,
    importance=3,
    reference=state,
    inputs=_parts,
    example=(
        (*(_tensor([[value]]) for value in (1.0, 2.0, 3.0, 4.0)), 0.0, math.pi, 0.5),
        _tensor([[6.0]]),
    ),
    identities=(
        Identity(
            "At tau = 0 the state is p + a.",
            lambda answer, args: agree(answer(*args[:6], 0.0), args[0] + args[2]),
        ),
        Identity("The state sets out with velocity u + alpha a + beta b.", _starts_with_the_velocity),
    ),
    edge_cases=(
        Edge("as many points as coordinates", partial(_parts, n=3, d=3), "sizes"),
        Edge("a single point on the line", partial(_parts, n=1, d=1), "sizes"),
        Edge("31 points in 17 dimensions", partial(_parts, n=31, d=17), "sizes"),
        Edge("a step back in time", partial(_parts, tau=-0.4)),
        Edge("a pair that decays", partial(_parts, alpha=-2.0)),
        Edge("a pair that does not turn", partial(_parts, beta=0.0), "ties"),
        Edge("a pair that neither grows nor turns", partial(_parts, alpha=0.0, beta=0.0), "ties"),
        Edge("a pair that turns a hundred times", partial(_parts, beta=900.3, tau=0.77)),
        Edge("a pair that turns by more than a half", partial(_parts, beta=4.4, tau=1.1)),
        Edge("a pair that turns the other way", partial(_parts, beta=-1.3)),
        Edge("very short times", partial(_times_of, 1e-9), "units"),
        Edge("very long times", partial(_times_of, 1e9), "units"),
        Edge("points of very different size", _rows_far_apart, "far"),
    ),
    units={"p": 1, "u": 1, "a": 1, "b": 1},
    tolerance=1e-7,
    mistakes=(
        Mistake(
            "growth-of-a-alone",
            "You let only a grow; the pair grows as a whole, e^(alpha tau) (cos a + sin b).",
            lambda p, u, a, b, alpha, beta, tau: (
                p + tau * u + _growth(alpha, tau) * math.cos(beta * tau) * a + math.sin(beta * tau) * b
            ),
        ),
        Mistake(
            "everything-grows",
            "You multiply the straight part by e^(alpha tau), too; p and u do not know of the pair.",
            lambda p, u, a, b, alpha, beta, tau: (
                _growth(alpha, tau) * (p + tau * u + math.cos(beta * tau) * a + math.sin(beta * tau) * b)
            ),
        ),
        Mistake(
            "no-straight-part",
            "Your p stays where it is; it moves by tau u.",
            _state_with(_growth, math.cos, math.sin, lambda tau: 0.0),
        ),
        Mistake(
            "pair-counted-twice",
            "You count the pair twice, as a sum over a mode and its conjugate; the state reads a once.",
            _state_with(lambda alpha, tau: 2 * _growth(alpha, tau), math.cos, math.sin, lambda tau: tau),
        ),
        Mistake(
            "b-forgotten",
            "Your a only shrinks by its cosine; as it turns it becomes b, with the sine.",
            _state_with(_growth, math.cos, lambda s: 0.0, lambda tau: tau),
        ),
        Mistake(
            "one-euler-step",
            "You take one step along the velocity at the start; the pair turns on the way, and has a closed form.",
            lambda p, u, a, b, alpha, beta, tau: p + a + tau * (u + alpha * a + beta * b),
        ),
        Mistake(
            "angle-of-one-unit",
            "You turn by beta, the angle of a unit of time; after tau it is beta tau.",
            lambda p, u, a, b, alpha, beta, tau: (
                p + tau * u + _growth(alpha, tau) * (math.cos(beta) * a + math.sin(beta) * b)
            ),
        ),
        Mistake(
            "turns-the-other-way",
            "Your pair turns the wrong way: a' = alpha a + beta b gives a plus sign before the sine.",
            _state_with(_growth, math.cos, lambda s: -math.sin(s), lambda tau: tau),
        ),
        Mistake(
            "no-growth",
            "The factor e^(alpha tau) is missing; the pair also grows or decays.",
            _state_with(lambda alpha, tau: 1.0, math.cos, math.sin, lambda tau: tau),
        ),
        Mistake(
            "growth-of-one-unit",
            "You take e^alpha, the growth over the whole of [0, 1]; after tau it is e^(alpha tau).",
            _state_with(lambda alpha, tau: math.exp(alpha), math.cos, math.sin, lambda tau: tau),
        ),
        Mistake(
            "drift-without-time",
            "You add u itself; after tau the straight part has moved by tau u.",
            _state_with(_growth, math.cos, math.sin, lambda tau: 1.0),
        ),
        Mistake(
            "sine-and-cosine-swapped",
            "Cosine and sine are swapped: at tau = 0 all of a and nothing of b is read.",
            _state_with(_growth, math.sin, math.cos, lambda tau: tau),
        ),
    ),
    alternatives=(
        _state_by_matrix,
        lambda p, u, a, b, alpha, beta, tau: (
            p + tau * u + (torch.complex(a, -b) * cmath.exp(complex(alpha, beta) * tau)).real
        ),
    ),
)


# --- L10-E3 -------------------------------------------------------------------------------------------------


def straight_generator(x):
    """L of z = [x, v] for a flow with straight paths."""
    d = x.shape[1]
    return torch.diag(x.new_ones(d), diagonal=d)


def _points(generator, dtype, n=4, d=3):
    return (_normal(generator, dtype, n, d),)


def _blocks(rows):
    """The 2 x 2 block matrix of multiples of the identity."""
    return lambda x: torch.kron(torch.tensor(rows, dtype=x.dtype), torch.eye(x.shape[1], dtype=x.dtype))


def _filled(x):
    d = x.shape[1]
    L = torch.zeros(2 * d, 2 * d, dtype=x.dtype)
    for i in range(d):
        L[i, d + i] = 1
    return L


def _is_one_euler_step(answer, args):
    (x,) = args
    z = torch.cat([x, x.flip(0)], dim=1)  # any velocities will do
    return agree(z @ torch.matrix_exp(answer(x)).T, torch.cat([x + x.flip(0), x.flip(0)], dim=1), 1e-6)


E3 = Exercise(
    id="L10-E3",
    title="A straight flow is a Jordan block",
    minutes=6,
    importance=2,
    reference=straight_generator,
    asks_for_dtype=True,
    inputs=_points,
    example=(
        (_tensor([[1.0, 2.0]]),),
        _tensor([[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]),
    ),
    identities=(
        Identity(
            "L is nilpotent: its square is zero.",
            lambda answer, args: agree(answer(*args) @ answer(*args), 0 * answer(*args)),
        ),
        Identity("e^L takes [x, v] to [x + v, v].", _is_one_euler_step),
    ),
    edge_cases=(
        Edge("as many points as coordinates", partial(_points, n=3, d=3), "sizes"),
        Edge("the line", partial(_points, d=1), "sizes"),
        Edge("a single point of the plane", partial(_points, n=1, d=2), "sizes"),
        Edge("17 coordinates", partial(_points, d=17), "sizes"),
        ("points at the origin", lambda generator, dtype: (torch.zeros(4, 3, dtype=dtype),)),
    ),
    without={
        "units": "the result holds zeros and ones, whatever the points are",
        "ties": "the result depends on the number of coordinates alone",
        "far": "the result depends on the number of coordinates alone",
    },
    mistakes=(
        Mistake(
            "transposed",
            "Your L is transposed: it says v' = x. Acting on columns, the row of x' holds the identity under v.",
            _blocks([[0.0, 0.0], [1.0, 0.0]]),
        ),
        Mistake(
            "exponential-for-generator",
            "That is e^L, the step itself; L is its logarithm and has zeros on the diagonal.",
            _blocks([[1.0, 1.0], [0.0, 1.0]]),
        ),
        Mistake(
            "oscillator",
            "Your L also says v' = x; on a straight path the velocity does not change, v' = 0.",
            _blocks([[0.0, 1.0], [1.0, 0.0]]),
        ),
        Mistake(
            "interleaved",
            "You order the observables x_1, v_1, x_2, v_2; here all of x comes first, then all of v.",
            lambda x: torch.kron(torch.eye(x.shape[1], dtype=x.dtype), torch.diag(x.new_ones(1), diagonal=1)),
        ),
        Mistake(
            "one-long-chain",
            "Your ones lie right above the diagonal, so that x_1 changes by x_2; the row of x_i needs a one under v_i.",
            lambda x: torch.diag(x.new_ones(2 * x.shape[1] - 1), diagonal=1),
        ),
        Mistake(
            "block-full-of-ones",
            "Your block is full of ones, so that every x changes by the sum of all v; x_i changes by v_i alone.",
            lambda x: torch.kron(x.new_tensor([[0.0, 1.0], [0.0, 0.0]]), x.new_ones(x.shape[1], x.shape[1])),
        ),
        Mistake(
            "points-counted",
            "You take the number of points for d; d is the number of coordinates, x.shape[1].",
            lambda x: torch.diag(x.new_ones(len(x)), diagonal=len(x)),
        ),
        Mistake(
            "grows",
            "Your L says x' = x + v; on a straight path the velocity is v alone.",
            _blocks([[1.0, 1.0], [0.0, 0.0]]),
        ),
    ),
    alternatives=(_blocks([[0.0, 1.0], [0.0, 0.0]]), _filled),
)


# --- L10-E4 -------------------------------------------------------------------------------------------------


def invert(z, L, x1):
    """The noise from which x1 came."""
    lifted = z(x1, x1.new_ones(len(x1), 1))
    return (lifted @ torch.matrix_exp(-L).T)[:, : x1.shape[1]]


def _with_state(generator, dtype, n=5, d=2, features=4, unit=1.0):
    """Observables x, some others and the clock, all in a unit, or in one for each point."""
    z, _, x, _, _ = _lifted(generator, dtype, n=n, d=d, features=features)
    total = d + features + 1
    free = _normal(generator, dtype, total, total) / math.sqrt(total)
    return (lambda x, t: torch.cat([x, unit * z(x / unit, t), unit * t], dim=1)), free, unit * x


def _many_turns(generator, dtype):
    """The first two coordinates turn a hundred times, among others that rest."""
    z, L, x = _with_state(generator, dtype)
    L = 0 * L
    L[0, 1], L[1, 0], L[0, 2] = 640.0, -640.0, 1.0
    return z, L, x


def _straight_pairs(generator, dtype):
    """A generator without a basis of eigenvectors; some points are equal, one is at the origin."""
    (x,) = _points(generator, dtype)
    x[1], x[2] = x[0], 0
    return _stretched, straight_generator(x), x


def _stretched(x, t):
    """Of the straight flow x(t) = (1 + t) x(0), whose velocity is x / (1 + t)."""
    return torch.cat([x, x / (1 + t)], dim=1)


def _read_after(z, matrix, x, t=1.0):
    return (z(x, torch.full_like(x[:, :1], t)) @ matrix.T)[:, : x.shape[1]]


def _growing_and_shrinking(generator, dtype):
    z, L, x = _with_state(generator, dtype)
    return z, L + torch.linspace(-7, 7, len(L), dtype=dtype).diag(), x


E4 = Exercise(
    id="L10-E4",
    title="Back to the noise",
    minutes=8,
    importance=2,
    reference=invert,
    inputs=_with_state,
    example=((_stretched, _tensor([[0.0, 1.0], [0.0, 0.0]]), _tensor([[4.0], [-1.0]])), _tensor([[2.0], [-0.5]])),
    identities=(
        Identity(
            "The straight flow x(t) = (1 + t) x(0) with z = [x, x / (1 + t)] is undone.",
            lambda answer, args: agree(answer(_stretched, straight_generator(args[2]), 2 * args[2]), args[2], 1e-6),
        ),
        Identity(
            "With L = 0 nothing moves.", lambda answer, args: agree(answer(args[0], 0 * args[1], args[2]), args[2])
        ),
    ),
    edge_cases=(
        ("observables that grow and shrink a thousandfold", _growing_and_shrinking),
        Edge("a single point on the line", partial(_with_state, n=1, d=1), "sizes"),
        Edge("a state and the clock alone", partial(_with_state, n=3, d=3, features=0), "sizes"),
        Edge("31 points in 17 dimensions", partial(_with_state, n=31, d=17), "sizes"),
        Edge("a straight flow and points that are equal or zero", _straight_pairs, "ties"),
        Edge("a generator that turns a hundred times", _many_turns),
        Edge("very short lengths", partial(_with_state, unit=1e-9), "units"),
        Edge("very long lengths", partial(_with_state, unit=1e9), "units"),
        Edge(
            "points of very different size",
            lambda generator, dtype: _with_state(generator, dtype, unit=torch.logspace(-3, 3, 5, dtype=dtype)[:, None]),
            "far",
        ),
    ),
    tolerance=1e-7,
    bounded=("L",),
    mistakes=(
        Mistake(
            "forwards",
            "You go forwards once more, by e^L; the way back is e^(-L).",
            lambda z, L, x1: _read_after(z, torch.matrix_exp(L), x1),
        ),
        Mistake(
            "lifted-at-zero",
            "You lift the data at t = 0, where noise is at home; at the end of the path the clock says t = 1.",
            lambda z, L, x1: _read_after(z, torch.matrix_exp(-L), x1, 0.0),
        ),
        Mistake(
            "transposed-generator",
            "Your L is transposed: it acts on columns z, so rows are multiplied by the exponential's transpose.",
            lambda z, L, x1: _read_after(z, torch.matrix_exp(-L).T, x1),
        ),
        Mistake(
            "one-time-for-all-points",
            "Your time is one for all points; z takes one for each, of shape (n, 1).",
            lambda z, L, x1: (z(x1, x1.new_ones(1, 1)) @ torch.matrix_exp(-L).T)[:, : x1.shape[1]],
        ),
        Mistake(
            "half-of-the-observables",
            "You take the first half of the observables for the state; it is the first d, as many as x1 has columns.",
            lambda z, L, x1: (z(x1, torch.ones_like(x1[:, :1])) @ torch.matrix_exp(-L).T)[:, : len(L) // 2],
        ),
        Mistake(
            "last-observables",
            "You read the last d observables; the state is the first d.",
            lambda z, L, x1: (z(x1, torch.ones_like(x1[:, :1])) @ torch.matrix_exp(-L).T)[:, -x1.shape[1] :],
        ),
        Mistake(
            "first-column-alone",
            "You return the first observable; the state has d of them.",
            lambda z, L, x1: (z(x1, torch.ones_like(x1[:, :1])) @ torch.matrix_exp(-L).T)[:, :1],
        ),
        Mistake(
            "exponential-of-the-entries",
            "You take the exponential of each entry; the exponential of a matrix is torch.matrix_exp.",
            lambda z, L, x1: _read_after(z, (-L).exp(), x1),
        ),
        Mistake(
            "minus-the-exponential",
            "You take -e^L; the way back is e^(-L), the inverse of e^L.",
            lambda z, L, x1: _read_after(z, -torch.matrix_exp(L), x1),
        ),
        Mistake(
            "not-moved",
            "You read the state off the lift without moving it; first comes e^(-L).",
            lambda z, L, x1: x1.clone(),
        ),
        Mistake(
            "transpose-for-inverse",
            "You take the transpose of e^L for its inverse; that needs an L that is skew, and yours is not.",
            lambda z, L, x1: _read_after(z, torch.matrix_exp(L).T, x1),
        ),
        Mistake(
            "one-euler-step-back",
            "You take 1 - L, the first two terms of e^(-L); the others are missing.",
            lambda z, L, x1: _read_after(z, torch.eye(len(L), dtype=L.dtype) - L, x1),
        ),
        Mistake(
            "second-order",
            "You take I - L + L^2/2 for the exponential; matrix_exp sums the whole series.",
            lambda z, L, x1: _read_after(z, torch.eye(len(L), dtype=L.dtype) - L + L @ L / 2, x1),
        ),
        Mistake(
            "hundred-euler-steps",
            "You go back by a hundred Euler steps; the linear motion has an exact step, matrix_exp(-L).",
            lambda z, L, x1: _read_after(
                z, torch.linalg.matrix_power(torch.eye(len(L), dtype=L.dtype) - L / 100, 100), x1
            ),
        ),
    ),
    alternatives=(
        lambda z, L, x1: torch.linalg.solve(torch.matrix_exp(L), z(x1, torch.ones_like(x1[:, :1])).T).T[
            :, : x1.shape[1]
        ],
        lambda z, L, x1: (torch.matrix_exp(-L) @ z(x1, torch.ones(len(x1), 1, dtype=x1.dtype)).T)[: x1.shape[1]].T,
    ),
)


# --- L10-E5 -------------------------------------------------------------------------------------------------


def relative_residual(rate, z, L):
    """Root of E|Lie z - L z|^2 over E|L z|^2."""
    lz = z @ L.T
    return (_mean_square(rate - lz) / _mean_square(lz)).sqrt()


def _rates(generator, dtype, n=7, features=3):
    rate, z = _normal(generator, dtype, n, features), _normal(generator, dtype, n, features)
    return rate, z, _normal(generator, dtype, features, features)


def _scaled(by, generator, dtype):
    """The same scale for all observables of a point, or one for each point."""
    rate, z, L = _rates(generator, dtype)
    return by * rate, by * z, L


def _observables_far_apart(generator, dtype):
    rate, z, L = _rates(generator, dtype)
    size = torch.logspace(-3, 3, len(L), dtype=dtype)
    return size * rate, size * z, size[:, None] * L / size


def _partly_consistent(generator, dtype):
    """At some points the rate is L z, at some z is zero, and one observable never changes."""
    rate, z, L = _rates(generator, dtype)
    L[0], z[3:5] = 0, 0
    rate[:2] = (z @ L.T)[:2]
    return rate, z, L


def _sizes(rate, z, L):
    """|Lie z - L z|^2 and |L z|^2 at each point and observable."""
    lz = z @ L.T
    return (rate - lz).square(), lz.square()


def _nearly_consistent(generator, dtype):
    rate, z, L = _rates(generator, dtype)
    return z @ L.T + 1e-5 * rate, z, L


E5 = Exercise(
    id="L10-E5",
    title="A residual that no scale can game",
    minutes=6,
    importance=2,
    reference=relative_residual,
    inputs=_rates,
    example=(
        (_tensor([[3.0, 0.0], [1.0, 0.0]]), _tensor([[0.0, 1.0], [0.0, 1.0]]), _tensor([[0.0, 1.0], [0.0, 0.0]])),
        math.sqrt(2),
    ),
    identities=(
        Identity(
            "Observables a thousand times smaller have the same residual.",
            lambda answer, args: agree(answer(1e-3 * args[0], 1e-3 * args[1], args[2]), answer(*args), 1e-6),
        ),
        Identity(
            "Where the rate is L z the residual is zero.",
            lambda answer, args: agree(answer(args[1] @ args[2].T, args[1], args[2]), 0.0, 1e-6),
        ),
    ),
    edge_cases=(
        Edge("observables that are nearly consistent", _nearly_consistent, "far"),
        Edge("a single observable", partial(_rates, features=1), "sizes"),
        Edge("a single point", partial(_rates, n=1), "sizes"),
        Edge("as many points as observables", partial(_rates, n=3), "sizes"),
        Edge("31 points and 17 observables", partial(_rates, n=31, features=17), "sizes"),
        Edge("points that are consistent, and points where z is zero", _partly_consistent, "ties"),
        Edge("observables of 1e-12", partial(_scaled, 1e-12), "units"),
        Edge("observables of 1e12", partial(_scaled, 1e12), "units"),
        Edge("observables of very different size", _observables_far_apart, "far"),
        Edge(
            "points of very different size",
            lambda generator, dtype: _scaled(torch.logspace(-3, 3, 7, dtype=dtype)[:, None], generator, dtype),
            "far",
        ),
    ),
    units={"rate": 1, "z": 1},
    mistakes=(
        Mistake(
            "not-relative",
            "You don't divide by the size of L z; observables that shrink make your number small.",
            lambda rate, z, L: _mean_square(rate - z @ L.T).sqrt(),
        ),
        Mistake(
            "no-root",
            "The square root is missing: yours is the square of the relative residual.",
            lambda rate, z, L: _mean_square(rate - z @ L.T) / _mean_square(z @ L.T),
        ),
        Mistake(
            "quotient-of-each-point",
            "You divide point by point and average then; one point with L z near zero would decide everything.",
            lambda rate, z, L: ((rate - z @ L.T).norm(dim=1) / (z @ L.T).norm(dim=1)).mean(),
        ),
        Mistake(
            "root-of-the-mean-quotient",
            "You divide point by point and average the squares; take both means first, and then their quotient.",
            lambda rate, z, L: (lambda r, q: (r.sum(1) / q.sum(1)).mean().sqrt())(*_sizes(rate, z, L)),
        ),
        Mistake(
            "means-of-lengths",
            "You compare mean lengths; the expectations are of the squared lengths, and the root comes last.",
            lambda rate, z, L: (rate - z @ L.T).norm(dim=1).mean() / (z @ L.T).norm(dim=1).mean(),
        ),
        Mistake(
            "divided-by-the-rate",
            "You divide by the size of the rate; it is L z that the residual is compared with.",
            lambda rate, z, L: (_mean_square(rate - z @ L.T) / _mean_square(rate)).sqrt(),
        ),
        Mistake(
            "small-number-below-the-line",
            "You add 1e-8 below the line; observables of 1e-4 then seem more consistent than they are.",
            lambda rate, z, L: (_mean_square(rate - z @ L.T) / (_mean_square(z @ L.T) + 1e-8)).sqrt(),
        ),
        Mistake(
            "mean-above-and-sum-below",
            "You average over the observables above the line and sum over them below; do the same in both.",
            lambda rate, z, L: ((rate - z @ L.T).square().mean() / _mean_square(z @ L.T)).sqrt(),
        ),
        Mistake(
            "quotient-of-each-observable",
            "You divide observable by observable; a point's rates belong together, |.|^2 is a sum over them.",
            lambda rate, z, L: (lambda r, q: (r.mean(0) / q.mean(0)).mean().sqrt())(*_sizes(rate, z, L)),
        ),
        Mistake(
            "variance-below-the-line",
            "You divide by the variance of L z; its mean counts, too, E|L z|^2.",
            lambda rate, z, L: (_mean_square(rate - z @ L.T) / _mean_square(z @ L.T - (z @ L.T).mean(0))).sqrt(),
        ),
        Mistake(
            "largest-point",
            "You compare the largest residual with the largest L z; the expectations are means over the points.",
            lambda rate, z, L: (lambda r, q: (r.sum(1).max() / q.sum(1).max()).sqrt())(*_sizes(rate, z, L)),
        ),
        Mistake(
            "divided-by-z",
            "You divide by the size of z; a rate has to be compared with a rate, L z.",
            lambda rate, z, L: (_mean_square(rate - z @ L.T) / _mean_square(z)).sqrt(),
        ),
        Mistake(
            "transposed-generator",
            "Your L is transposed: it acts on columns z, so rows are multiplied by its transpose, z @ L.T.",
            lambda rate, z, L: (_mean_square(rate - z @ L) / _mean_square(z @ L)).sqrt(),
        ),
    ),
    alternatives=(
        lambda rate, z, L: (rate - z @ L.T).norm() / (z @ L.T).norm(),
        lambda rate, z, L: math.sqrt(float(((rate.T - L @ z.T) ** 2).sum() / ((L @ z.T) ** 2).sum())),
    ),
)


# --- L10-E6 -------------------------------------------------------------------------------------------------


def edited(position, drift, rates, amplitudes, gains, t):
    """The state at t with each pair of modes multiplied by its gain."""
    return Modes(position, drift, rates, gains[:, None, None] * amplitudes).at(t)


def _modes(generator, dtype, n=5, d=2, pairs=2, t=None):
    position, drift = _normal(generator, dtype, 2, n, d)
    real, imaginary = _normal(generator, dtype, 2, pairs, n, d)
    growth, frequency, gains = torch.rand(3, pairs, generator=generator, dtype=dtype)
    drawn = 0.3 + 0.5 * float(torch.rand((), generator=generator))
    rates, amplitudes = torch.complex(growth, 1 + frequency), torch.complex(real, imaginary)
    return position, drift, rates, amplitudes, 2 * gains, drawn if t is None else t


def _seconds_of(unit, generator, dtype):
    position, drift, rates, amplitudes, gains, t = _modes(generator, dtype)
    return position, drift / unit, rates / unit, amplitudes, gains, unit * t


def _quiet_and_loud(generator, dtype):
    """Gains zero and one, and two pairs with the same rate."""
    position, drift, rates, amplitudes, gains, t = _modes(generator, dtype, pairs=4)
    gains[0], gains[1], rates[3] = 0, 1, rates[2]
    return position, drift, rates, amplitudes, gains, t


def _of_either_sign(generator, dtype):
    """Gains below zero and above one, growing pairs and decaying ones, turning both ways."""
    position, drift, rates, amplitudes, gains, t = _modes(generator, dtype, pairs=4)
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=dtype)
    return position, drift, torch.complex(-signs * rates.real, signs.flip(0) * rates.imag), amplitudes, signs * gains, t


def _slow_and_fast(generator, dtype):
    """Pairs of very different size, one of which turns a hundred times and one has nearly decayed."""
    position, drift, rates, amplitudes, gains, t = _modes(generator, dtype, pairs=3)
    rates = rates + torch.tensor([0, 900j, -20], dtype=rates.dtype)
    return position, drift, rates, torch.logspace(-2, 2, 3, dtype=dtype)[:, None, None] * amplitudes, gains, t


def _edited_as(pair):
    """``position + t drift + sum_k pair(e^{rate t}, amplitude, gain)``."""

    def answer(position, drift, rates, amplitudes, gains, t):
        turn = (rates * t).exp()[:, None, None]
        return position + t * drift + pair(turn, amplitudes, gains[:, None, None]).sum(0)

    return answer


def _is_linear_in_the_gains(answer, args):
    *modes, gains, t = args
    zero, one, two = (answer(*modes, factor * gains, t) for factor in (0, 1, 2))
    return agree(two - one, one - zero, 1e-6)


def _edited_in_a_loop(position, drift, rates, amplitudes, gains, t):
    x = position + t * drift
    for rate, amplitude, gain in zip(rates, amplitudes, gains):
        mode = torch.exp(rate * t) * amplitude
        x = x + gain * (mode + mode.conj()).real
    return x


E6 = Exercise(
    id="L10-E6",
    title="Gains on the modes",
    minutes=8,
    importance=2,
    reference=edited,
    inputs=_modes,
    example=(
        (
            _tensor([[1.0]]),
            _tensor([[2.0]]),
            torch.tensor([1j * math.pi], dtype=torch.complex128),
            torch.tensor([[[3.0 - 4.0j]]], dtype=torch.complex128),
            _tensor([0.5]),
            0.5,
        ),
        _tensor([[6.0]]),
    ),
    identities=(
        Identity(
            "With all gains zero the paths are straight.",
            lambda answer, args: agree(answer(*args[:4], 0 * args[4], args[5]), args[0] + args[5] * args[1]),
        ),
        Identity("The state is linear in the gains.", _is_linear_in_the_gains),
    ),
    edge_cases=(
        ("a time before the start", altered(_modes, edited, t=lambda t: -t)),
        Edge("a single pair", partial(_modes, pairs=1), "sizes"),
        Edge("a single point on the line", partial(_modes, n=1, d=1, pairs=3), "sizes"),
        Edge("as many pairs as points and coordinates", partial(_modes, n=3, d=3, pairs=3), "sizes"),
        Edge("five pairs and 31 points in 17 dimensions", partial(_modes, n=31, d=17, pairs=5), "sizes"),
        Edge("the start, t = 0", partial(_modes, t=0.0), "ties"),
        Edge("gains, growth and frequencies of either sign", _of_either_sign),
        Edge("gains zero and one, and two pairs of one rate", _quiet_and_loud, "ties"),
        Edge("very short times", partial(_seconds_of, 1e-9), "units"),
        Edge("very long times", partial(_seconds_of, 1e9), "units"),
        Edge("pairs of very different size and speed", _slow_and_fast, "far"),
    ),
    units={"position": 1, "drift": 1, "amplitudes": 1},
    mistakes=(
        Mistake(
            "half-a-pair",
            "The factor 2 is missing: each mode comes with its conjugate, and their sum is twice the real part.",
            _edited_as(lambda turn, a, gain: gain * (turn * a).real),
        ),
        Mistake(
            "conjugate-not-edited",
            "You amplify one mode of each pair and leave its conjugate; the two have to be edited together.",
            _edited_as(lambda turn, a, gain: (1 + gain) * (turn * a).real),
        ),
        Mistake(
            "real-parts-first",
            "You take the real parts before you multiply; the product of the imaginary parts is lost.",
            _edited_as(lambda turn, a, gain: 2 * gain * turn.real * a.real),
        ),
        Mistake(
            "gain-in-the-exponent",
            "You multiply the rates by the gains, which changes how fast a mode moves and not how large it is.",
            lambda position, drift, rates, amplitudes, gains, t: Modes(position, drift, gains * rates, amplitudes).at(
                t
            ),
        ),
        Mistake(
            "one-gain-for-all",
            "You multiply all modes by the first gain; each pair has its own.",
            lambda position, drift, rates, amplitudes, gains, t: edited(
                position, drift, rates, amplitudes, gains[:1].expand_as(gains), t
            ),
        ),
        Mistake(
            "straight-part-edited",
            "You multiply the drift by the gains, too; with all gains zero the paths are straight, and do not stop.",
            lambda position, drift, rates, amplitudes, gains, t: edited(
                position, gains.mean() * drift, rates, amplitudes, gains, t
            ),
        ),
        Mistake(
            "rotation-forgotten",
            "You use the real parts of the rates alone; the imaginary parts turn the modes.",
            lambda position, drift, rates, amplitudes, gains, t: edited(
                position, drift, rates.real + 0j, amplitudes, gains, t
            ),
        ),
        Mistake(
            "turns-the-other-way",
            "You use the conjugate rates with amplitudes that belong to the rates themselves.",
            lambda position, drift, rates, amplitudes, gains, t: edited(
                position, drift, rates.conj(), amplitudes, gains, t
            ),
        ),
        Mistake(
            "time-forgotten",
            "Your state is that of t = 1; the exponents are rates times t, and the drift acts for the time t.",
            lambda position, drift, rates, amplitudes, gains, t: edited(position, drift, rates, amplitudes, gains, 1.0),
        ),
        Mistake(
            "drift-without-time",
            "You add the drift itself; after the time t it has moved the points by t times it.",
            lambda position, drift, rates, amplitudes, gains, t: edited(
                position + (1 - t) * drift, drift, rates, amplitudes, gains, t
            ),
        ),
        Mistake(
            "gains-squared",
            "You give the gain to the mode and to its conjugate and multiply; their sum has the gain once.",
            lambda position, drift, rates, amplitudes, gains, t: edited(
                position, drift, rates, amplitudes, gains**2, t
            ),
        ),
        Mistake(
            "added-to-the-old-modes",
            "You add the edited modes to the modes as they were; with a gain of zero a mode is gone.",
            lambda position, drift, rates, amplitudes, gains, t: edited(
                position, drift, rates, amplitudes, 1 + gains, t
            ),
        ),
        Mistake(
            "size-for-real-part",
            "You add the moduli of the modes; it is their real parts that add up to the state.",
            _edited_as(lambda turn, a, gain: 2 * gain * (turn * a).abs()),
        ),
        Mistake(
            "growth-forgotten",
            "You take the frequency of each rate and leave out its growth; e^(lambda t) needs the real part, too.",
            lambda position, drift, rates, amplitudes, gains, t: edited(
                position, drift, 1j * rates.imag, amplitudes, gains, t
            ),
        ),
    ),
    alternatives=(
        _edited_in_a_loop,
        lambda position, drift, rates, amplitudes, gains, t: (
            position + t * drift + 2 * torch.einsum("k,knd->nd", gains * (rates * t).exp(), amplitudes).real
        ),
    ),
)


# --- L10-E7 -------------------------------------------------------------------------------------------------


def meanflow_target(u, x, s, t, v):
    """v + (t - s) times the derivative of u along (v, 1, 0); no gradient passes."""
    return (v + (t - s) * _slope(u, x, s, t, v)).detach()


def _slope(u, x, s, t, v, *clocks):
    """The derivative of ``u`` where the point moves with ``v`` and the two times with ``clocks``, (1, 0) or others."""
    clocks = [clock * torch.ones_like(s) for clock in (clocks or (1.0, 0.0))]
    return jvp(u, (x, s, t), (v, *clocks))[1]


def _intervals(generator, dtype, n=5, d=2, length=1.0, time=1.0):
    """A curved mean velocity, in units of length and time, one for each point or for all, and intervals."""
    A, b, c = (_normal(generator, dtype, *shape) for shape in ((d, d), (1, d), (1, d)))
    x, v = _normal(generator, dtype, n, d), _normal(generator, dtype, n, d)
    s, t = (low + 0.3 * torch.rand(n, 1, generator=generator, dtype=dtype) for low in (0.1, 0.6))

    def u(x, s, t):
        return length / time * torch.tanh(x / length @ A + s / time @ b + t / time @ c)

    return u, length * x, time * s, time * t, length / time * v


def _at_rest_or_at_once(generator, dtype):
    """Points at rest, intervals without length, backwards and of all of [0, 1], and equal points."""
    u, x, s, t, v = _intervals(generator, dtype, n=6)
    v[0], x[2], s[1], s[3] = 0, x[1], t[1], 0
    t[3], s[4], t[4] = 1, t[4].clone(), s[4].clone()
    return u, x, s, t, v


def _lengths_far_apart(generator, dtype):
    return _intervals(generator, dtype, length=torch.logspace(-3, 3, 5, dtype=dtype)[:, None])


def _timeless_velocity(generator, dtype):
    """A mean velocity that looks at the point alone, as that of a flow at rest in time."""
    u, x, s, t, v = _intervals(generator, dtype)
    return lambda x, s, t: u(x, torch.zeros_like(s), torch.zeros_like(t)), x, s, t, v


def _returns_u_on_a_gaussian_flow(answer, args):
    _, x, s, t, _ = args
    mean, variance = torch.linspace(-1, 2, x.shape[1]).to(x), torch.linspace(0.1, 3, x.shape[1]).to(x)

    def spread(t):
        return (t**2 * variance + (1 - t) ** 2).sqrt()

    def u(x, s, t):
        return (t * mean + spread(t) / spread(s) * (x - s * mean) - x) / (t - s)

    v = mean + (s * variance - (1 - s)) / spread(s) ** 2 * (x - s * mean)
    return agree(answer(u, x, s, t, v), u(x, s, t), 1e-6)


def _passes_no_gradient(answer, args):
    u, x, s, t, v = args
    weight = torch.ones((), dtype=x.dtype, requires_grad=True)
    return not answer(lambda x, s, t: weight * u(x, s, t), x, s, t, v).requires_grad


def _target_without_gradients(u, x, s, t, v):
    """By one number, the time that has passed."""
    with torch.no_grad():
        passed = torch.zeros((), dtype=x.dtype)
        moved = torch.func.jvp(lambda h: u(x + h * v, s + h, t), (passed,), (torch.ones_like(passed),))
        return v + (t - s) * moved[1]


def _target_by_backward(u, x, s, t, v):
    by_x, by_s = torch.autograd.functional.jacobian(lambda x, s: u(x, s, t).sum(0), (x, s))
    return v + (t - s) * (torch.einsum("dne,ne->nd", by_x, v) + by_s[:, :, 0].T)


E7 = Exercise(
    id="L10-E7",
    title="The target of MeanFlow",
    minutes=8,
    importance=1,
    reference=meanflow_target,
    inputs=_intervals,
    example=(
        (lambda x, s, t: s * x + t, *(_tensor([[value]]) for value in (2.0, 0.25, 0.75, 4.0))),
        _tensor([[5.5]]),
    ),
    identities=(
        Identity("On a Gaussian flow, with its own velocity, the target is u itself.", _returns_u_on_a_gaussian_flow),
        Identity(
            "For an interval without length the target is the velocity v.",
            lambda answer, args: agree(answer(*args[:3], args[2], args[4]), args[4]),
        ),
        Identity("No gradient passes through the target: its requires_grad is False.", _passes_no_gradient),
    ),
    edge_cases=(
        Edge("a single point on the line", partial(_intervals, n=1, d=1), "sizes"),
        Edge("as many points as coordinates", partial(_intervals, n=3, d=3), "sizes"),
        Edge("31 points in 17 dimensions", partial(_intervals, n=31, d=17), "sizes"),
        Edge("points at rest, and intervals without length, backwards or of all times", _at_rest_or_at_once, "ties"),
        Edge("a mean velocity that does not look at the times", _timeless_velocity, "ties"),
        Edge("very short lengths", partial(_intervals, length=1e-9), "units"),
        Edge("very long lengths and times", partial(_intervals, length=1e9, time=1e9), "units"),
        Edge("points of very different size", _lengths_far_apart, "far"),
    ),
    mistakes=(
        Mistake(
            "wrong-sign",
            "You subtract the derivative; the end x + (t - s) u stays the same along the path, so u = v + (t - s) du.",
            lambda u, x, s, t, v: (v - (t - s) * _slope(u, x, s, t, v)).detach(),
        ),
        Mistake(
            "point-stands-still",
            "Your direction moves the clock and not x; along the path the point moves with velocity v.",
            lambda u, x, s, t, v: (v + (t - s) * _slope(u, x, s, t, 0 * v)).detach(),
        ),
        Mistake(
            "both-clocks-run",
            "Your direction moves both times; the end t of the interval stays where it is, its tangent is 0.",
            lambda u, x, s, t, v: (v + (t - s) * _slope(u, x, s, t, v, 1.0, 1.0)).detach(),
        ),
        Mistake(
            "length-forgotten",
            "You add the derivative itself; it counts as long as the interval is, (t - s) times.",
            lambda u, x, s, t, v: (v + _slope(u, x, s, t, v)).detach(),
        ),
        Mistake(
            "clock-stands-still",
            "Your direction moves x and no time; time passes along the path, so the tangent of s is 1.",
            lambda u, x, s, t, v: (v + (t - s) * _slope(u, x, s, t, v, 0.0, 0.0)).detach(),
        ),
        Mistake(
            "other-clock-runs",
            "You move t and hold s; the point is at x at time s, and it is s that runs.",
            lambda u, x, s, t, v: (v + (t - s) * _slope(u, x, s, t, v, 0.0, 1.0)).detach(),
        ),
        Mistake(
            "moves-with-the-mean",
            "Your point moves with u; u is the mean velocity of the interval, at its start the velocity is v.",
            lambda u, x, s, t, v: (v + (t - s) * _slope(u, x, s, t, u(x, s, t))).detach(),
        ),
        Mistake(
            "mean-for-velocity",
            "You add to u itself; the target is the velocity v and what the mean differs from it by.",
            lambda u, x, s, t, v: (u(x, s, t) + (t - s) * _slope(u, x, s, t, v)).detach(),
        ),
        Mistake(
            "end-for-length",
            "You multiply by t; the interval is from s to t, its length t - s.",
            lambda u, x, s, t, v: (v + t * _slope(u, x, s, t, v)).detach(),
        ),
        Mistake(
            "half-the-length",
            "You halve the interval, as a Taylor series to second order would; with the derivative of u itself the "
            "identity is exact and has the whole length.",
            lambda u, x, s, t, v: (v + (t - s) / 2 * _slope(u, x, s, t, v)).detach(),
        ),
        Mistake(
            "mean-without-target",
            "You return u, what the network says now; the target is what it should say, v + (t - s) du.",
            lambda u, x, s, t, v: u(x, s, t).detach(),
        ),
        Mistake(
            "velocity-alone",
            "You return v, the target of flow matching; for an interval the mean velocity differs by (t - s) du.",
            lambda u, x, s, t, v: v.clone(),
        ),
    ),
    alternatives=(_target_without_gradients, _target_by_backward),
)

EXERCISES = (E1, E2, E3, E4, E5, E6, E7)
