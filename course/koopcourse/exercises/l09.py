"""Lesson 09: fields of schedules, determinants, acceleration, the Gaussian optimum, reschedules, effective size."""

from __future__ import annotations

import math

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake
from koopteach.tensors import jvp

TITLE = "Curved interpolants: bend the paths, straighten the flow"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def _normal(generator, dtype, *shape):
    return torch.randn(*shape, generator=generator, dtype=dtype)


def _number(generator, low, high):
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


# --- L09-E1 -------------------------------------------------------------------------------------------------


def schedule_field(x, pool, a, b, da, db):
    """The optimal velocity of ``a x0 + b x1`` over a pool."""
    return _from_mean(x, _weights(x, pool, a, b) @ pool, a, b, da, db)


def _from_mean(x, mean, a, b, da, db):
    return da / a * x + (db - da * b / a) * mean


def _logits(x, pool, a, b):
    return -((x[:, None] - b * pool) / a).square().sum(2) / 2


def _weights(x, pool, a, b):
    return torch.softmax(_logits(x, pool, a, b), dim=1)


def _with_pool(generator, dtype, n=5, m=6, d=2, spread=1.0):
    x, pool = _normal(generator, dtype, n, d), _normal(generator, dtype, m, d)
    a, b = _number(generator, 0.5, 0.7), _number(generator, 0.8, 0.95)
    return spread * x, pool, a, b, _number(generator, -1.5, -1.1), _number(generator, 0.4, 0.7)


def _far_away(generator, dtype):
    return _with_pool(generator, dtype, d=64, spread=6.0)


def _field_by_rates(x, pool, a, b, da, db):
    x0 = (x[:, None] - b * pool) / a
    w = torch.softmax(-x0.square().sum(2) / 2, dim=1)
    return (w[:, :, None] * (da * x0 + db * pool)).sum(1)


def _field_in_a_loop(x, pool, a, b, da, db):
    rows = []
    for point in x:
        x0 = (point - b * pool) / a
        w = torch.softmax(-x0.square().sum(1) / 2, dim=0)
        rows.append(w @ (da * x0 + db * pool))
    return torch.stack(rows)


def _naive(logits):
    p = torch.exp(logits)
    return p / p.sum(1, keepdim=True)


E1 = Exercise(
    id="L09-E1",
    title="The field of any schedule",
    minutes=12,
    reference=schedule_field,
    inputs=_with_pool,
    example=(
        (_tensor([[0.0], [1.0]]), _tensor([[-2.0], [2.0]]), 0.5, 0.5, -1.0, 0.0),
        _tensor([[0.0], [2 * math.tanh(4) - 2]]),
    ),
    identities=(
        Identity(
            "With a single datum the velocity is that of its own path, a' x0 + b' x1 with x0 = (x - b x1) / a.",
            lambda answer, args: agree(
                answer(args[0], args[1][:1], *args[2:]),
                args[4] * (args[0] - args[3] * args[1][:1]) / args[2] + args[5] * args[1][:1],
                1e-6,
            ),
        ),
        Identity(
            "If a and b stand still, a' = b' = 0, the velocity is zero.",
            lambda answer, args: agree(answer(*args[:4], 0.0, 0.0), torch.zeros_like(args[0])),
        ),
    ),
    edge_cases=(
        ("a single datum", lambda generator, dtype: _with_pool(generator, dtype, m=1)),
        ("64 dimensions, where densities underflow", _far_away),
    ),
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "not-divided-by-a",
            "Your weights take x - b x1 for the noise; the noise that leads to x is (x - b x1) / a.",
            lambda x, pool, a, b, da, db: _from_mean(x, _weights(x, b * pool, 1.0, 1.0) @ pool, a, b, da, db),
        ),
        Mistake(
            "shares-swapped",
            "Your weights take (x - a x1) / b for the noise; a belongs to the noise and b to the data.",
            lambda x, pool, a, b, da, db: _from_mean(x, _weights(x, pool, b, a) @ pool, a, b, da, db),
        ),
        Mistake(
            "point-for-noise",
            "You return a' x + b' m, as if x were the noise; given x and the datum, the noise is (x - b x1) / a.",
            lambda x, pool, a, b, da, db: da * x + db * (_weights(x, pool, a, b) @ pool),
        ),
        Mistake(
            "wrong-sign",
            "Your factor of the mean is b' + a' b / a; putting the noise into a' x0 + b' x1 gives b' - a' b / a.",
            lambda x, pool, a, b, da, db: da / a * x + (db + da * b / a) * (_weights(x, pool, a, b) @ pool),
        ),
        Mistake(
            "linear-for-all",
            "You return (m - x) / a, which is right for the linear schedule alone; use the slopes a' and b'.",
            lambda x, pool, a, b, da, db: (_weights(x, pool, a, b) @ pool - x) / a,
        ),
        Mistake(
            "normalised-over-points",
            "Your weights sum to one over the points x; for each x they must sum to one over the data.",
            lambda x, pool, a, b, da, db: _from_mean(
                x, torch.softmax(_logits(x, pool, a, b), dim=0) @ pool, a, b, da, db
            ),
        ),
        Mistake(
            "exponential-first",
            "You take the exponential and then divide by the sum; in many dimensions both are zero. Use torch.softmax.",
            lambda x, pool, a, b, da, db: _from_mean(x, _naive(_logits(x, pool, a, b)) @ pool, a, b, da, db),
        ),
    ),
    alternatives=(_field_by_rates, _field_in_a_loop),
)


# --- L09-E2 -------------------------------------------------------------------------------------------------


def path_weights(x, scale, shift):
    """Probabilities ``(n, m)`` of the paths ``scale_j x0 + shift_j`` that may have led to ``x``."""
    return torch.softmax(_log_density(x, scale, shift) - scale.log().sum(1), dim=1)


def _log_density(x, scale, shift):
    return -((x[:, None] - shift) / scale).square().sum(2) / 2


def _with_scales(generator, dtype, n=5, m=4, d=3, spread=1.0):
    scale = (0.5 * _normal(generator, dtype, m, d)).exp()
    return spread * _normal(generator, dtype, n, d), scale, 0.5 * _normal(generator, dtype, m, d)


def _weights_in_a_loop(x, scale, shift):
    rows = []
    for point in x:
        logs = [-0.5 * (((point - M) / A) ** 2).sum() - A.prod().log() for A, M in zip(scale, shift)]
        rows.append(torch.softmax(torch.stack(logs), dim=0))
    return torch.stack(rows)


def _equal_scales(answer, args):
    x, scale, shift = args
    same = scale[:1].expand_as(scale)
    return agree(answer(x, same, shift), torch.softmax(_log_density(x, same, shift), dim=1), 1e-6)


E2 = Exercise(
    id="L09-E2",
    title="Weights with the determinant",
    minutes=10,
    reference=path_weights,
    inputs=_with_scales,
    example=(
        (_tensor([[0.0], [3.0]]), _tensor([[1.0], [3.0]]), _tensor([[0.0], [0.0]])),
        _tensor([[3 / 4, 1 / 4], [3 / (3 + math.exp(4)), math.exp(4) / (3 + math.exp(4))]]),
    ),
    identities=(
        Identity("If all paths have the same scale, the determinant drops out.", _equal_scales),
        Identity(
            "The weights of each point sum to one.",
            lambda answer, args: agree(answer(*args).sum(1), torch.ones(len(args[0])), 1e-6),
        ),
    ),
    edge_cases=(
        ("a single datum", lambda generator, dtype: _with_scales(generator, dtype, m=1)),
        ("64 dimensions", lambda generator, dtype: _with_scales(generator, dtype, d=64, spread=8.0)),
    ),
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "determinant-omitted",
            "The log-determinant is missing: paths that are squeezed are denser where they pass.",
            lambda x, scale, shift: torch.softmax(_log_density(x, scale, shift), dim=1),
        ),
        Mistake(
            "determinant-upside-down",
            "You add the logs of the scales, the determinant of the path; the weights need that of its inverse.",
            lambda x, scale, shift: torch.softmax(_log_density(x, scale, shift) + scale.log().sum(1), dim=1),
        ),
        Mistake(
            "mean-over-dimensions",
            "You average the logs of the scales; a determinant is a product, so its log is their sum.",
            lambda x, scale, shift: torch.softmax(_log_density(x, scale, shift) - scale.log().mean(1), dim=1),
        ),
        Mistake(
            "density-at-the-point",
            "You take the noise's density at x; it belongs to the noise that leads there, (x - shift) / scale.",
            lambda x, scale, shift: torch.softmax(-x.square().sum(1, keepdim=True) / 2 - scale.log().sum(1), dim=1),
        ),
        Mistake(
            "scale-not-squared",
            "You divide the squared distance by the scale; divide the distance first, or by the squared scale.",
            lambda x, scale, shift: torch.softmax(
                -((x[:, None] - shift).square() / scale).sum(2) / 2 - scale.log().sum(1), dim=1
            ),
        ),
        Mistake(
            "exponential-first",
            "You take the exponential and then divide by the sum; in many dimensions both are zero. Use torch.softmax.",
            lambda x, scale, shift: _naive(_log_density(x, scale, shift) - scale.log().sum(1)),
        ),
    ),
    alternatives=(
        lambda x, scale, shift: torch.softmax(
            torch.distributions.Normal(shift, scale).log_prob(x[:, None]).sum(2), dim=1
        ),
        _weights_in_a_loop,
    ),
)


# --- L09-E3 -------------------------------------------------------------------------------------------------


def bend(v, x, t):
    """``d_t v + (grad_x v) v``, one forward derivative."""
    return _along(v, x, t, v(x, t), torch.ones_like(t))


def _along(v, x, t, dx, dt):
    return jvp(v, (x, t), (dx, dt))[1]


def _velocity(generator, dtype, n=5, d=3):
    A, c = _normal(generator, dtype, d, d), _normal(generator, dtype, 1, d)
    x, t = _normal(generator, dtype, n, d), torch.rand(n, 1, generator=generator, dtype=dtype)
    return (lambda x, t: torch.tanh(x @ A + t @ c)), x, t


def _jacobian(v, x, t):
    """``dv_i / dx_j`` at each point, ``(n, d, d)``."""
    return torch.stack(
        [torch.autograd.functional.jacobian(lambda y, s=s: v(y[None], s[None])[0], p) for p, s in zip(x, t)]
    )


def _by_jacobian(v, x, t):
    return torch.einsum("nij,nj->ni", _jacobian(v, x, t), v(x, t)) + _along(
        v, x, t, torch.zeros_like(x), torch.ones_like(t)
    )


def _rotation(answer, args):
    x, t = args[1:]
    M = torch.diag(x.new_ones(x.shape[1] - 1), diagonal=1) + torch.eye(x.shape[1], dtype=x.dtype)
    return agree(answer(lambda x, t: x @ M.T + 0 * t, x, t), x @ (M @ M).T, 1e-6)


E3 = Exercise(
    id="L09-E3",
    title="How a velocity changes along its flow",
    minutes=8,
    reference=bend,
    inputs=_velocity,
    example=((lambda x, t: t * x, _tensor([[2.0], [-4.0]]), _tensor([[0.5], [1.0]])), _tensor([[2.5], [-8.0]])),
    identities=(
        Identity(
            "The velocity x / (1 + t) runs along straight lines: its bend is zero.",
            lambda answer, args: agree(answer(lambda x, t: x / (1 + t), *args[1:]), torch.zeros_like(args[1]), 1e-6),
        ),
        Identity("A velocity M x that does not depend on time bends by M M x.", _rotation),
    ),
    edge_cases=(("a single point on the line", lambda generator, dtype: _velocity(generator, dtype, n=1, d=1)),),
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "time-alone",
            "You differentiate in time at a fixed place; along the flow the place moves, too, with velocity v.",
            lambda v, x, t: _along(v, x, t, torch.zeros_like(x), torch.ones_like(t)),
        ),
        Mistake(
            "place-alone",
            "Your direction moves x and not t; time passes along the flow, so its tangent is 1.",
            lambda v, x, t: _along(v, x, t, v(x, t), torch.zeros_like(t)),
        ),
        Mistake(
            "transposed-jacobian",
            "You multiply by the transposed Jacobian, as a backward pass does; along the flow it is J v, forwards.",
            lambda v, x, t: (
                torch.einsum("nji,nj->ni", _jacobian(v, x, t), v(x, t))
                + _along(v, x, t, torch.zeros_like(x), torch.ones_like(t))
            ),
        ),
        Mistake(
            "along-the-position",
            "Your direction is (x, 1); the point moves along its velocity, so it is (v, 1).",
            lambda v, x, t: _along(v, x, t, x, torch.ones_like(t)),
        ),
        Mistake(
            "value-returned",
            "You return v itself; a forward derivative gives the pair (value, derivative), and the second is needed.",
            lambda v, x, t: v(x, t),
        ),
    ),
    alternatives=(
        lambda v, x, t: torch.func.jvp(v, (x, t), (v(x, t), torch.ones_like(t)))[1],
        _by_jacobian,
    ),
)


# --- L09-E4 -------------------------------------------------------------------------------------------------


def partner(a, t, s):
    """``b`` such that ``sqrt(a^2 + s^2 b^2) = 1 - t + s t``."""
    return ((1 - t + s * t).square() - a.square()).sqrt() / s


def _on_the_way(generator, dtype, k=6, low=0.1):
    t = low + (0.95 - low) * torch.rand(k, generator=generator, dtype=dtype)
    s = _number(generator, 0.3, 0.6)
    share = 0.2 + 0.6 * torch.rand(k, generator=generator, dtype=dtype)
    return share * (1 - t + s * t), t, s


def _at_the_ends(generator, dtype):
    return torch.tensor([1.0, 0.0], dtype=dtype), torch.tensor([0.0, 1.0], dtype=dtype), 0.5


def _partner_in_a_loop(a, t, s):
    return torch.stack([torch.sqrt(((1 - u + s * u) - c) * ((1 - u + s * u) + c)) / s for c, u in zip(a, t)])


E4 = Exercise(
    id="L09-E4",
    title="The paths of a straight Gaussian flow",
    minutes=8,
    reference=partner,
    inputs=_on_the_way,
    example=((_tensor([0.5, 0.9]), _tensor([0.5, 0.5]), 2.0), _tensor([math.sqrt(0.5), 0.6])),
    identities=(
        Identity(
            "The spread sqrt(a^2 + s^2 b^2) is 1 - t + s t.",
            lambda answer, args: agree(
                (args[0].square() + (args[2] * answer(*args)).square()).sqrt(), 1 - args[1] + args[2] * args[1], 1e-6
            ),
        ),
        Identity(
            "For s = 1 the pair (a, b) lies on the unit circle.",
            lambda answer, args: agree(
                answer(args[0], args[1], 1.0).square() + args[0].square(), torch.ones_like(args[0]), 1e-6
            ),
        ),
    ),
    edge_cases=(("the two ends, a = 1 and a = 0", _at_the_ends),),
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "linear-b",
            "You return t, the linear schedule's b; with it the spread dips below the straight line.",
            lambda a, t, s: t + 0 * a,
        ),
        Mistake(
            "not-divided-by-s",
            "You solve a^2 + b^2 = sigma^2; the data have spread s, so it is s b that stands beside a.",
            lambda a, t, s: ((1 - t + s * t).square() - a.square()).sqrt(),
        ),
        Mistake(
            "times-s",
            "You multiply by s where you should divide: narrow data need a larger share to have the same spread.",
            lambda a, t, s: ((1 - t + s * t).square() - a.square()).sqrt() * s,
        ),
        Mistake(
            "variance-straight",
            "Your variance runs straight, 1 - t + s^2 t; it is the spread that must, and its square is the variance.",
            lambda a, t, s: ((1 - t + s**2 * t) - a.square()).sqrt() / s,
        ),
        Mistake(
            "spreads-added",
            "You add spreads, a + s b; noise and data are independent, so their variances add.",
            lambda a, t, s: ((1 - t + s * t) - a) / s,
        ),
        Mistake(
            "sine",
            "You return sin(pi t / 2), which goes with cos(pi t / 2) and s = 1 alone.",
            lambda a, t, s: torch.sin(math.pi / 2 * t) + 0 * a,
        ),
    ),
    alternatives=(
        _partner_in_a_loop,
        lambda a, t, s: torch.sqrt(torch.pow((1 + (s - 1) * t) / s, 2) - torch.pow(a / s, 2)),
    ),
)


# --- L09-E5 -------------------------------------------------------------------------------------------------


def rescheduled(linear, x, a, b, da, db):
    """The velocity of the schedule from that of the linear one."""
    c, dc, dtau = _scale_and_speed(a, b, da, db)
    return dc / c * x + c * dtau * linear(x / c, b / c)


def _scale_and_speed(a, b, da, db):
    return a + b, da + db, (db * a - b * da) / (a + b) ** 2


def _with_field(generator, dtype, n=5, d=2):
    A, shift = _normal(generator, dtype, d, d), _normal(generator, dtype, d)
    a, b = _number(generator, 0.6, 0.8), _number(generator, 0.7, 0.9)
    slopes = _number(generator, -1.5, -1.2), _number(generator, 0.5, 0.8)
    return (lambda x, tau: torch.sin(x @ A) + tau * shift), _normal(generator, dtype, n, d), a, b, *slopes


def _by_the_means(linear, x, a, b, da, db):
    tau = b / (a + b)
    y = x / (a + b)
    v = linear(y, tau)
    return da * (y - tau * v) + db * (y + (1 - tau) * v)  # of the noise and of the datum, given the point


def _by_difference(linear, x, a, b, da, db):
    """The chain rule in autograd's hands: c(s) and tau(s) along a + s a', b + s b'."""
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    y = x / (a + b)

    def moved(s):
        return torch.stack([a + s * da + b + s * db, (b + s * db) / (a + s * da + b + s * db)])

    (c, tau), (dc, dtau) = (part.tolist() for part in jvp(moved, (zero,), (one,)))
    return dc * y + c * dtau * linear(y, tau)


def _one_datum(answer, args):
    _, x, a, b, da, db = args
    goal = torch.linspace(1, 2, x.shape[1], dtype=x.dtype)
    found = answer(lambda y, tau: (goal - y) / (1 - tau), x, a, b, da, db)
    return agree(found, da * (x - b * goal) / a + db * goal, 1e-6)


def _variant(velocity):
    """A wrong answer from ``velocity(linear, x, b, c, dc, dtau, db)``."""

    def answer(linear, x, a, b, da, db):
        return velocity(linear, x, b, *_scale_and_speed(a, b, da, db), db)

    return answer


E5 = Exercise(
    id="L09-E5",
    title="Another schedule for a trained flow",
    minutes=10,
    reference=rescheduled,
    inputs=_with_field,
    example=((lambda x, tau: x + tau, _tensor([[4.0], [-2.0]]), 1.0, 1.0, -1.0, 1.0), _tensor([[2.5], [-0.5]])),
    identities=(
        Identity(
            "The linear schedule gives the linear velocity back.",
            lambda answer, args: agree(answer(args[0], args[1], 0.7, 0.3, -1.0, 1.0), args[0](args[1], 0.3), 1e-6),
        ),
        Identity("For a single datum x1 it is the rate a' x0 + b' x1 of its own path.", _one_datum),
    ),
    edge_cases=(("a single point on the line", lambda generator, dtype: _with_field(generator, dtype, n=1, d=1)),),
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "point-not-rescaled",
            "You ask the linear velocity at x; the linear flow's point is x / c.",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc / c * x + c * dtau * linear(x, b / c)),
        ),
        Mistake(
            "time-not-rescaled",
            "You ask the linear velocity at time b; the share of the data is tau = b / (a + b).",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc / c * x + c * dtau * linear(x / c, b)),
        ),
        Mistake(
            "growth-forgotten",
            "The term c' x / c is missing: the picture also grows or shrinks as a whole.",
            _variant(lambda linear, x, b, c, dc, dtau, db: c * dtau * linear(x / c, b / c)),
        ),
        Mistake(
            "speed-forgotten",
            "The factor tau' is missing: the linear film is run at another speed.",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc / c * x + c * linear(x / c, b / c)),
        ),
        Mistake(
            "size-forgotten",
            "The factor c of the second term is missing: the linear velocity is that of x / c.",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc / c * x + dtau * linear(x / c, b / c)),
        ),
        Mistake(
            "growth-not-relative",
            "Your first term is c' x; the point is c times the linear one, so it grows by c' x / c.",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc * x + c * dtau * linear(x / c, b / c)),
        ),
        Mistake(
            "slope-of-b-for-tau",
            "You take b' for tau'; tau = b / (a + b) is a quotient, and a changes as well.",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc / c * x + c * db * linear(x / c, b / c)),
        ),
    ),
    alternatives=(_by_the_means, _by_difference),
)


# --- L09-E6 -------------------------------------------------------------------------------------------------


def effective_size(log_w):
    """``1 / sum_j w_j^2`` of the normalised weights, ``(n,)``."""
    return (2 * log_w.logsumexp(dim=1) - (2 * log_w).logsumexp(dim=1)).exp()


def _logs(generator, dtype, n=5, m=6, shift=0.0):
    return (_normal(generator, dtype, n, m) + shift,)


def _normalised(log_w):
    return torch.softmax(log_w, dim=1)


def _size_in_a_loop(log_w):
    rows = []
    for logs in log_w:
        w = (logs - logs.max()).exp()
        rows.append(w.sum() ** 2 / (w**2).sum())
    return torch.stack(rows)


E6 = Exercise(
    id="L09-E6",
    title="The effective sample size",
    minutes=7,
    reference=effective_size,
    inputs=_logs,
    example=((_tensor([[2.0, 2.0, 2.0, 2.0], [math.log(3.0), 0.0, -400.0, -400.0]]),), _tensor([4.0, 1.6])),
    identities=(
        Identity(
            "Adding a constant to all logs of a row changes nothing.",
            lambda answer, args: agree(answer(args[0] + 3), answer(*args), 1e-6),
        ),
        Identity(
            "Each datum written down twice doubles it.",
            lambda answer, args: agree(answer(torch.cat([args[0], args[0]], dim=1)), 2 * answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        ("a single datum", lambda generator, dtype: _logs(generator, dtype, m=1)),
        ("densities that underflow", lambda generator, dtype: _logs(generator, dtype, shift=-2000.0)),
    ),
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "not-normalised",
            "Your weights do not sum to one; divide by their sum, or use torch.softmax, before you square them.",
            lambda log_w: 1 / log_w.exp().square().sum(1),
        ),
        Mistake(
            "sum-of-squares",
            "You return the sum of the squared weights; the effective size is its inverse.",
            lambda log_w: _normalised(log_w).square().sum(1),
        ),
        Mistake(
            "entropy",
            "You return the exponential of the entropy, another measure of size; here the squares are summed.",
            lambda log_w: torch.special.entr(_normalised(log_w)).sum(1).exp(),
        ),
        Mistake(
            "largest-weight",
            "You return one over the largest weight; all weights count, by their squares.",
            lambda log_w: 1 / _normalised(log_w).amax(1),
        ),
        Mistake(
            "exponential-first",
            "You take the exponential and then divide by the sum; far away both are zero. Stay with the logs.",
            lambda log_w: 1 / _naive(log_w).square().sum(1),
        ),
        Mistake(
            "normalised-over-points",
            "Your weights sum to one over the points; for each point they must sum to one over the data.",
            lambda log_w: 1 / torch.softmax(log_w, dim=0).square().sum(1),
        ),
    ),
    alternatives=(lambda log_w: 1 / _normalised(log_w).square().sum(1), _size_in_a_loop),
)

EXERCISES = (E1, E2, E3, E4, E5, E6)
