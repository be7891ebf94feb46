"""Lesson 10: the consistency residual, the exponential of a mode sum, straight flows, inversion, scale, mode gains."""

from __future__ import annotations

import cmath
import math

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake
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
    edge_cases=(("a single point on the line", lambda generator, dtype: _lifted(generator, dtype, n=1, d=1)),),
    tolerance=1e-6,
    mistakes=(
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


def _parts(generator, dtype, n=6, d=2):
    p, u, a, b = _normal(generator, dtype, 4, n, d)
    alpha, beta, tau = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    return p, u, a, b, 0.5 + alpha, 1 + beta, 0.3 + 0.5 * tau


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
        ("a step back in time", lambda generator, dtype: (*_parts(generator, dtype)[:6], -0.4)),
        ("a pair that does not turn", lambda generator, dtype: (*_parts(generator, dtype)[:5], 0.0, 0.7)),
    ),
    mistakes=(
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
    tolerance=1e-6,
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
    reference=straight_generator,
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
    edge_cases=(("the line", lambda generator, dtype: _points(generator, dtype, d=1)),),
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


def _with_state(generator, dtype, n=5, d=2):
    z, _, x, _, _ = _lifted(generator, dtype, n=n, d=d, features=4)
    free = _normal(generator, dtype, 4 + d, 4 + d)
    return (lambda x, t: torch.cat([x, z(x, t)], dim=1)), 0.4 * free, x


def _stretched(x, t):
    """Of the straight flow x(t) = (1 + t) x(0), whose velocity is x / (1 + t)."""
    return torch.cat([x, x / (1 + t)], dim=1)


def _read_after(z, matrix, x, t=1.0):
    return (z(x, torch.full_like(x[:, :1], t)) @ matrix.T)[:, : x.shape[1]]


E4 = Exercise(
    id="L10-E4",
    title="Back to the noise",
    minutes=8,
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
    edge_cases=(("a single point on the line", lambda generator, dtype: _with_state(generator, dtype, n=1, d=1)),),
    tolerance=1e-6,
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
            "transpose-for-inverse",
            "You take the transpose of e^L for its inverse; that needs an L that is skew, and yours is not.",
            lambda z, L, x1: _read_after(z, torch.matrix_exp(L).T, x1),
        ),
        Mistake(
            "one-euler-step-back",
            "You take 1 - L, the first two terms of e^(-L); the others are missing.",
            lambda z, L, x1: _read_after(z, torch.eye(len(L), dtype=L.dtype) - L, x1),
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


E5 = Exercise(
    id="L10-E5",
    title="A residual that no scale can game",
    minutes=6,
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
    edge_cases=(("a single observable", lambda generator, dtype: _rates(generator, dtype, features=1)),),
    tolerance=1e-6,
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


def _modes(generator, dtype, n=5, d=2, pairs=2):
    position, drift = _normal(generator, dtype, 2, n, d)
    real, imaginary = _normal(generator, dtype, 2, pairs, n, d)
    growth, frequency, gains = torch.rand(3, pairs, generator=generator, dtype=dtype)
    t = 0.3 + 0.5 * float(torch.rand((), generator=generator))
    return position, drift, torch.complex(growth, 1 + frequency), torch.complex(real, imaginary), 2 * gains, t


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
        ("a single pair", lambda generator, dtype: _modes(generator, dtype, pairs=1)),
        ("the start, t = 0", lambda generator, dtype: (*_modes(generator, dtype)[:5], 0.0)),
    ),
    tolerance=1e-6,
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
            "size-for-real-part",
            "You add the moduli of the modes; it is their real parts that add up to the state.",
            _edited_as(lambda turn, a, gain: 2 * gain * (turn * a).abs()),
        ),
    ),
    alternatives=(
        _edited_in_a_loop,
        lambda position, drift, rates, amplitudes, gains, t: (
            position + t * drift + 2 * torch.einsum("k,knd->nd", gains * (rates * t).exp(), amplitudes).real
        ),
    ),
)

EXERCISES = (E1, E2, E3, E4, E5, E6)
