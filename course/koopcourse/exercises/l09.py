"""Lesson 09: fields of schedules, determinants, acceleration, the Gaussian optimum, reschedules, effective size."""

from __future__ import annotations

import math
from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered
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


def _with_pool(generator, dtype, n=5, m=6, d=2, spread=1.0, shares=None):
    x, pool = _normal(generator, dtype, n, d), _normal(generator, dtype, m, d)
    drawn = _number(generator, 0.5, 0.7), _number(generator, 0.8, 0.95)
    return spread * x, pool, *(shares or drawn), _number(generator, -1.5, -1.1), _number(generator, 0.4, 0.7)


def _near_and_far(generator, dtype):
    x, *others = _with_pool(generator, dtype)
    return torch.logspace(0, 3, len(x), dtype=dtype)[:, None] * x, *others


def _shortly_before_the_end(generator, dtype):
    """The noise that is left is as small as the distance of two data, and the points are near them."""
    x, pool, a, b, da, db = _with_pool(generator, dtype, shares=(0.005, 0.995))
    pool[1] = pool[0] + 0.004
    return b * pool[: len(x)] + a * x, pool, a, b, da, db


def _pool_of_many_sizes(generator, dtype):
    x, pool, *others = _with_pool(generator, dtype)
    return x, torch.logspace(-2, 2, len(pool), dtype=dtype)[:, None] * pool, *others


def _equal_data(generator, dtype):
    """Data of which two are equal, and a point half-way between two others, which are equally likely there."""
    x, pool, a, b, da, db = _with_pool(generator, dtype)
    pool[1], x[0] = pool[0], b * (pool[2] + pool[3]) / 2
    return x, pool, a, b, da, db


def _backwards(make):
    """Inputs whose two slopes have the opposite signs."""

    def inputs(generator, dtype):
        *others, da, db = make(generator, dtype)
        return *others, -da, -db

    return inputs


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


def _naive(logits, shift=0.0, added=0.0):
    p = torch.exp(logits - shift)
    return p / (p.sum(1, keepdim=True) + added)


def _on_the_axis(x):
    """The same points, all of them on the first axis."""
    return torch.cat([x[:, :1], torch.zeros_like(x[:, 1:])], dim=1)


def _sideways(x):
    """Points beside that axis, so far that every kernel underflows, and as near to some of its points as to others."""
    return _on_the_axis(x) + 60 * (1 - _on_the_axis(torch.ones_like(x)))


E1 = Exercise(
    id="L09-E1",
    title="The field of any schedule",
    minutes=12,
    importance=3,
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
        Edge(
            "points far from all data, as near to several",
            altered(_with_pool, schedule_field, x=_sideways, pool=_on_the_axis),
            "far",
        ),
        ("a schedule larger than one", altered(_with_pool, schedule_field, a=lambda a: 4 * a, b=lambda b: 2 * b)),
        Edge("a single datum", partial(_with_pool, m=1), "sizes"),
        Edge("a single point on the line", partial(_with_pool, n=1, d=1), "sizes"),
        Edge("as many points as data and coordinates", partial(_with_pool, n=3, m=3, d=3), "sizes"),
        Edge("64 dimensions, where densities underflow", partial(_with_pool, d=64, spread=6.0), "sizes"),
        Edge("equal data and points half-way", _equal_data, "ties"),
        Edge("time 0, where a = 1 and b = 0", partial(_with_pool, shares=(1.0, 0.0)), "ties"),
        Edge("a late time, a = 0.005", _shortly_before_the_end),
        ("a schedule that runs backwards", _backwards(_with_pool)),
        Edge("points near the data and far from them", _near_and_far, "far"),
        Edge("data of very different size", _pool_of_many_sizes, "far"),
    ),
    units={"da": 1, "db": 1},
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
            "half-missing",
            "You leave the 2 out; the exponent of the noise's density is half its squared length.",
            lambda x, pool, a, b, da, db: _from_mean(
                x, torch.softmax(2 * _logits(x, pool, a, b), dim=1) @ pool, a, b, da, db
            ),
        ),
        Mistake(
            "divided-by-a-once",
            "You divide the squared distance by a; the noise is (x - b x1) / a, and its square has a^2 below.",
            lambda x, pool, a, b, da, db: _from_mean(
                x, torch.softmax(a * _logits(x, pool, a, b), dim=1) @ pool, a, b, da, db
            ),
        ),
        Mistake(
            "mean-over-coordinates",
            "You average over the coordinates in the exponent; the squared length of the noise is their sum.",
            lambda x, pool, a, b, da, db: _from_mean(
                x, torch.softmax(_logits(x, pool, a, b) / x.shape[1], dim=1) @ pool, a, b, da, db
            ),
        ),
        Mistake(
            "b-missing",
            "Your factor of the mean is b' - a'/a; the noise is (x - b x1) / a, so it is b' - a' b / a.",
            lambda x, pool, a, b, da, db: da / a * x + (db - da / a) * (_weights(x, pool, a, b) @ pool),
        ),
        Mistake(
            "linear-times-the-slope",
            "You return b' (m - x) / a, the linear field run faster; another schedule needs both slopes, a' and b'.",
            lambda x, pool, a, b, da, db: db * (_weights(x, pool, a, b) @ pool - x) / a,
        ),
        Mistake(
            "one-shift-for-all-points",
            "You shift all exponents by the largest of the table; each point needs its own largest, along dim=1.",
            lambda x, pool, a, b, da, db: _from_mean(
                x, _naive(_logits(x, pool, a, b), shift=_logits(x, pool, a, b).max()) @ pool, a, b, da, db
            ),
        ),
        Mistake(
            "small-number-in-the-sum",
            "You add 1e-12 to the sum of the weights; in many dimensions all weights are smaller than that.",
            lambda x, pool, a, b, da, db: _from_mean(
                x, _naive(_logits(x, pool, a, b), added=1e-12) @ pool, a, b, da, db
            ),
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
        Mistake(
            "products-without-squares",
            "You keep x.b x1 / a^2 of the exponent and drop |b x1|^2, which differs from datum to datum.",
            lambda x, pool, a, b, da, db: (
                da / a * x + (db - da * b / a) * (torch.softmax(b * x @ pool.T / a**2, dim=1) @ pool)
            ),
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


def _with_scales(generator, dtype, n=5, m=4, d=3, spread=1.0, unit=1.0):
    scale = (0.5 * _normal(generator, dtype, m, d)).exp()
    x, shift = spread * _normal(generator, dtype, n, d), 0.5 * _normal(generator, dtype, m, d)
    return unit * x, unit * scale, unit * shift


def _equal_paths(generator, dtype):
    """Two paths that are the same, two of the same scale, and a point that its noise leaves where the shift is."""
    x, scale, shift = _with_scales(generator, dtype)
    scale[1], shift[1], scale[2], x[0] = scale[0], shift[0], scale[3], shift[2]
    return x, scale, shift


def _coordinates_far_apart(generator, dtype):
    size = torch.logspace(-3, 3, 3, dtype=dtype)
    return tuple(size * part for part in _with_scales(generator, dtype))


def _points_far_apart(generator, dtype):
    x, scale, shift = _with_scales(generator, dtype)
    return torch.logspace(0, 3, len(x), dtype=dtype)[:, None] * x, scale, shift


def _weights_in_a_loop(x, scale, shift):
    rows = []
    for point in x:
        logs = [-0.5 * (((point - M) / A) ** 2).sum() - A.log().sum() for A, M in zip(scale, shift)]
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
    importance=1,
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
        Edge("a single datum", partial(_with_scales, m=1), "sizes"),
        Edge("a single point on the line", partial(_with_scales, n=1, d=1), "sizes"),
        Edge("as many points as data and coordinates", partial(_with_scales, n=3, m=3, d=3), "sizes"),
        Edge("64 dimensions", partial(_with_scales, d=64, spread=8.0), "sizes"),
        Edge("equal paths", _equal_paths, "ties"),
        Edge("100 dimensions and small scales", partial(_with_scales, d=100, spread=2.0, unit=1e-9), "units"),
        Edge("100 dimensions and large scales", partial(_with_scales, d=100, spread=2.0, unit=1e9), "units"),
        Edge("coordinates of very different size", _coordinates_far_apart, "far"),
        Edge("points near the data and far from them", _points_far_apart, "far"),
    ),
    units={"x": 1, "scale": 1, "shift": 1},
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
            "root-of-the-determinant",
            "You add half the logs, as if scale held variances; it holds the factors of the noise themselves.",
            lambda x, scale, shift: torch.softmax(_log_density(x, scale, shift) - scale.log().sum(1) / 2, dim=1),
        ),
        Mistake(
            "first-coordinate-only",
            "You take the first scale of each path alone; the determinant is the product over all coordinates.",
            lambda x, scale, shift: torch.softmax(_log_density(x, scale, shift) - scale[:, 0].log(), dim=1),
        ),
        Mistake(
            "shift-divided-late",
            "You take x / A - M for the noise; undo the steps from the outside in: first subtract M, then divide by A.",
            lambda x, scale, shift: torch.softmax(_log_density(x, scale, scale * shift) - scale.log().sum(1), dim=1),
        ),
        Mistake(
            "normalised-over-points",
            "Your weights sum to one over the points x; for each x they must sum to one over the data.",
            lambda x, scale, shift: torch.softmax(_log_density(x, scale, shift) - scale.log().sum(1), dim=0),
        ),
        Mistake(
            "half-missing",
            "You leave the 2 out; the exponent of the noise's density is half its squared length.",
            lambda x, scale, shift: torch.softmax(2 * _log_density(x, scale, shift) - scale.log().sum(1), dim=1),
        ),
        Mistake(
            "one-shift-for-all-points",
            "You shift all exponents by the largest of the table; each point needs its own largest, along dim=1.",
            lambda x, scale, shift: (lambda logs: _naive(logs, shift=logs.max()))(
                _log_density(x, scale, shift) - scale.log().sum(1)
            ),
        ),
        Mistake(
            "logarithm-of-the-product",
            "You multiply the scales and take the logarithm; in many dimensions that product is zero. Sum their logs.",
            lambda x, scale, shift: torch.softmax(_log_density(x, scale, shift) - scale.prod(1).log(), dim=1),
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


def _in_units_of(length, time, generator, dtype):
    """Lengths may be one for each coordinate or each point."""
    v, x, t = _velocity(generator, dtype)
    return lambda x, t: length / time * v(x / length, t / time), length * x, time * t


def _at_both_ends(generator, dtype):
    """Times 0 and 1, and equal points."""
    v, x, t = _velocity(generator, dtype)
    t[:2], t[2:4], x[1] = 0, 1, x[0]
    return v, x, t


def _without_time(generator, dtype):
    v, x, t = _velocity(generator, dtype)
    return (lambda x, t: v(x, torch.zeros_like(x[:, :1]))), x, t


def _without_place(generator, dtype):
    d = 3
    c = _normal(generator, dtype, 1, d)
    return (lambda x, t: torch.sin(t @ c)), *_velocity(generator, dtype)[1:]


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
    importance=3,
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
    edge_cases=(
        Edge("as many points as coordinates", partial(_velocity, n=3, d=3), "sizes"),
        Edge("a single point on the line", partial(_velocity, n=1, d=1), "sizes"),
        Edge("31 points in 17 dimensions", partial(_velocity, n=31, d=17), "sizes"),
        Edge("times 0 and 1 and equal points", _at_both_ends, "ties"),
        Edge("a velocity that does not depend on the time", _without_time, "ties"),
        Edge("a velocity that does not depend on the place", _without_place, "ties"),
        Edge("very short lengths", partial(_in_units_of, 1e-9, 1.0), "units"),
        Edge("very long lengths and times", partial(_in_units_of, 1e9, 1e9), "units"),
        Edge(
            "coordinates of very different size",
            lambda generator, dtype: _in_units_of(torch.logspace(-3, 3, 3, dtype=dtype), 1.0, generator, dtype),
            "far",
        ),
    ),
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
            "everything-moves-by-one",
            "Your direction is (1, 1), which moves every coordinate by one; a point moves by its velocity: (v, 1).",
            lambda v, x, t: _along(v, x, t, torch.ones_like(x), torch.ones_like(t)),
        ),
        Mistake(
            "clock-moves-by-t",
            "Your direction moves the time by t; in a unit of time it moves by 1.",
            lambda v, x, t: _along(v, x, t, v(x, t), t),
        ),
        Mistake(
            "diagonal-of-the-jacobian",
            "You take only how each coordinate of v changes with its own x; it changes with the others, too.",
            lambda v, x, t: (
                torch.einsum("nii,ni->ni", _jacobian(v, x, t), v(x, t))
                + _along(v, x, t, torch.zeros_like(x), torch.ones_like(t))
            ),
        ),
        Mistake(
            "place-counted-twice",
            "You add (grad v) v to a derivative along (v, 1), which holds it already.",
            lambda v, x, t: bend(v, x, t) + _along(v, x, t, v(x, t), torch.zeros_like(t)),
        ),
        Mistake(
            "one-time-for-all",
            "You use the time of the first point for all; each point has its own.",
            lambda v, x, t: bend(v, x, t[:1].expand_as(t)),
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
    return _rest(1 - t + s * t, a).sqrt() / s


def _rest(spread, a):
    return (spread.square() - a.square()).clamp_min(0)


def _on_the_way(generator, dtype, k=6, low=0.1, s=None):
    t = low + (0.95 - low) * torch.rand(k, generator=generator, dtype=dtype)
    s = s or _number(generator, 0.3, 0.6)
    share = 0.2 + 0.6 * torch.rand(k, generator=generator, dtype=dtype)
    return share * (1 - t + s * t), t, s


def _at_the_ends(generator, dtype):
    return torch.tensor([1.0, 0.0], dtype=dtype), torch.tensor([0.0, 1.0], dtype=dtype), 0.5


def _all_noise(generator, dtype):
    """a is the whole spread, or larger by a rounding."""
    _, t, s = _on_the_way(generator, dtype)
    spread = 1 - t + s * t
    spread[::2] *= 1 + 4 * torch.finfo(dtype).eps
    return spread, t, s


def _shares_far_apart(generator, dtype):
    a, t, s = _on_the_way(generator, dtype)
    return torch.logspace(-6, 0, len(a), dtype=dtype) * a, t, s


def _partner_in_a_loop(a, t, s):
    rest = [((1 - u + s * u) - c) * ((1 - u + s * u) + c) for c, u in zip(a, t)]
    return torch.stack(rest).clamp(min=0).sqrt() / s


def _nearly_all_noise(generator, dtype):
    _, t, s = _on_the_way(generator, dtype)
    return (1 - 1e-6) * (1 - t + s * t), t, s


E4 = Exercise(
    id="L09-E4",
    title="The paths of a straight Gaussian flow",
    minutes=8,
    importance=2,
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
    edge_cases=(
        ("noise that makes up nearly the whole spread", _nearly_all_noise),
        Edge("a single time", partial(_on_the_way, k=1), "sizes"),
        Edge("31 times", partial(_on_the_way, k=31), "sizes"),
        Edge("wide data", partial(_on_the_way, s=2.5)),
        Edge("the two ends, a = 1 and a = 0", _at_the_ends, "ties"),
        Edge("noise that makes up the whole spread, but for rounding", _all_noise, "ties"),
        Edge("shares of the noise from a millionth to one", _shares_far_apart, "far"),
        Edge("very narrow data", partial(_on_the_way, s=1e-3), "far"),
        Edge("very wide data", partial(_on_the_way, s=1e3), "far"),
    ),
    without={"units": "the noise has the spread one, and the time runs from 0 to 1"},
    bounded=("a", "t", "s"),
    mistakes=(
        Mistake(
            "linear-b",
            "You return t, the linear schedule's b; with it the spread dips below the straight line.",
            lambda a, t, s: t + 0 * a,
        ),
        Mistake(
            "not-divided-by-s",
            "You solve a^2 + b^2 = sigma^2; the data have spread s, so it is s b that stands beside a.",
            lambda a, t, s: _rest(1 - t + s * t, a).sqrt(),
        ),
        Mistake(
            "divided-by-s-squared",
            "You divide by s^2 after the root; s^2 b^2 is what is left, so b is its root over s.",
            lambda a, t, s: _rest(1 - t + s * t, a).sqrt() / s**2,
        ),
        Mistake(
            "root-forgotten",
            "You return b^2; take the root.",
            lambda a, t, s: _rest(1 - t + s * t, a) / s**2,
        ),
        Mistake(
            "ends-swapped",
            "Your spread runs from s to 1; noise, of spread 1, comes first.",
            lambda a, t, s: _rest(s * (1 - t) + t, a).sqrt() / s,
        ),
        Mistake(
            "spread-of-the-linear-schedule",
            "You take the spread of the linear schedule, whose square is (1-t)^2 + s^2 t^2; it must run straight.",
            lambda a, t, s: _rest(((1 - t).square() + s**2 * t.square()).sqrt(), a).sqrt() / s,
        ),
        Mistake(
            "linear-a",
            "You put 1 - t for a; the values a that came belong to any schedule.",
            lambda a, t, s: _rest(1 - t + s * t, 1 - t).sqrt() / s,
        ),
        Mistake(
            "spread-always-grows",
            "Your spread grows by |s - 1|; narrow data, s < 1, make it shrink.",
            lambda a, t, s: _rest(1 + abs(s - 1) * t, a).sqrt() / s,
        ),
        Mistake(
            "root-of-a-rounding",
            "You take the root of a number that rounding can make slightly negative; clamp it at zero first.",
            lambda a, t, s: ((1 - t + s * t).square() - a.square()).sqrt() / s,
        ),
        Mistake(
            "rest-kept-from-zero",
            "You clamp the rest at 1e-6; where the noise makes up the whole spread, b is 0.",
            lambda a, t, s: _rest(1 - t + s * t, a).clamp_min(1e-6).sqrt() / s,
        ),
        Mistake(
            "times-s",
            "You multiply by s where you should divide: narrow data need a larger share to have the same spread.",
            lambda a, t, s: _rest(1 - t + s * t, a).sqrt() * s,
        ),
        Mistake(
            "variance-straight",
            "Your variance runs straight, 1 - t + s^2 t; it is the spread that must, and its square is the variance.",
            lambda a, t, s: _rest((1 - t + s**2 * t).sqrt(), a).sqrt() / s,
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
        lambda a, t, s: torch.sqrt(torch.relu(torch.pow((1 + (s - 1) * t) / s, 2) - torch.pow(a / s, 2))),
    ),
)


# --- L09-E5 -------------------------------------------------------------------------------------------------


def rescheduled(linear, x, a, b, da, db):
    """The velocity of the schedule from that of the linear one."""
    c, dc, dtau = _scale_and_speed(a, b, da, db)
    return dc / c * x + c * dtau * linear(x / c, b / c)


def _scale_and_speed(a, b, da, db):
    return a + b, da + db, (db * a - b * da) / (a + b) ** 2


def _with_field(generator, dtype, n=5, d=2, shares=None):
    A, shift = _normal(generator, dtype, d, d), _normal(generator, dtype, d)
    drawn = _number(generator, 0.6, 0.8), _number(generator, 0.7, 0.9)
    slopes = _number(generator, -1.5, -1.2), _number(generator, 0.5, 0.8)
    x = _normal(generator, dtype, n, d)
    return (lambda x, tau: torch.sin(x @ A) + tau * shift), x, *(shares or drawn), *slopes


def _lengths_of(unit, generator, dtype):
    """A unit for all, or one for each point."""
    linear, x, *schedule = _with_field(generator, dtype)
    return lambda x, tau: unit * linear(x / unit, tau), unit * x, *schedule


def _at_rest(generator, dtype):
    """The picture keeps its size, and some points lie at the origin."""
    linear, x, a, b, _, db = _with_field(generator, dtype)
    x[:2] = 0
    return linear, x, a, b, -db, db


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


def _by_pythagoras(linear, x, a, b, da, db):
    c = math.hypot(a, b)
    dc = (a * da + b * db) / c
    return dc / c * x + (db * c - b * dc) / c * linear(x / c, b / c)


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
    importance=2,
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
    edge_cases=(
        ("a schedule larger than one", altered(_with_field, rescheduled, a=lambda a: 4 * a, b=lambda b: 3 * b)),
        Edge("as many points as coordinates", partial(_with_field, n=3, d=3), "sizes"),
        Edge("a single point on the line", partial(_with_field, n=1, d=1), "sizes"),
        Edge("31 points in 17 dimensions", partial(_with_field, n=31, d=17), "sizes"),
        Edge("time 0, where a = 1 and b = 0", partial(_with_field, shares=(1.0, 0.0)), "ties"),
        Edge("time 1, where a = 0 and b = 1", partial(_with_field, shares=(0.0, 1.0)), "ties"),
        Edge("a schedule that keeps the size, and points at the origin", _at_rest, "ties"),
        ("a schedule that runs backwards", _backwards(_with_field)),
        Edge("very short lengths", partial(_lengths_of, 1e-9), "units"),
        Edge("very long lengths", partial(_lengths_of, 1e9), "units"),
        Edge(
            "points of very different size",
            lambda generator, dtype: _lengths_of(torch.logspace(-3, 3, 5, dtype=dtype)[:, None], generator, dtype),
            "far",
        ),
    ),
    units={"da": 1, "db": 1},
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
            "quotient-not-squared",
            "You divide b'c - b c' by c; the derivative of a quotient has the square of c below the line.",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc / c * x + c**2 * dtau * linear(x / c, b / c)),
        ),
        Mistake(
            "quotient-rule-backwards",
            "Your tau' has the wrong sign; the derivative of b / c is (b'c - b c') / c^2.",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc / c * x - c * dtau * linear(x / c, b / c)),
        ),
        Mistake(
            "size-held-fixed-in-tau",
            "You take b'/c for tau'; c = a + b changes with the time as well, (b'c - b c') / c^2.",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc / c * x + db * linear(x / c, b / c)),
        ),
        Mistake(
            "time-from-the-other-end",
            "You ask the linear velocity at a / c, the share of the noise; tau = b / c is that of the data.",
            _variant(lambda linear, x, b, c, dc, dtau, db: dc / c * x + c * dtau * linear(x / c, 1 - b / c)),
        ),
        Mistake(
            "size-by-pythagoras",
            "You take sqrt(a^2 + b^2) for the size; the linear path has the shares a / c and b / c with c = a + b.",
            _by_pythagoras,
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


def _rows_far_apart(generator, dtype):
    (logs,) = _logs(generator, dtype)
    return (logs + 800 * torch.arange(-3, 2, dtype=dtype)[:, None],)


def _one_far_above(generator, dtype, k=0, by=3000):
    """In each row all logs but the k-th are far below zero."""
    (logs,) = _logs(generator, dtype, shift=-by)
    logs[:, k] += by
    return (logs,)


def _equal_and_zero_weights(generator, dtype):
    """Equal logs, weights of zero, and a single weight that is not."""
    (logs,) = _logs(generator, dtype)
    logs[0], logs[1, :3], logs[2, 2], logs[3, 1:], logs[4, :3] = 0.5, logs[1, 0], -math.inf, -math.inf, 2.0
    return (logs,)


def _first_of_weight_zero(generator, dtype):
    """Rows whose first, or last, logs are minus infinity."""
    (logs,) = _logs(generator, dtype)
    logs[::2, 0], logs[1::2, -2:] = -math.inf, -math.inf
    return (logs - 2000,)


def _size_shifted(log_w, shift):
    return 1 / _naive(log_w, shift=shift).square().sum(1)


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
    importance=2,
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
        Edge("as many points as data", partial(_logs, n=6, m=6), "sizes"),
        Edge("a single datum", partial(_logs, m=1), "sizes"),
        Edge("a single point", partial(_logs, n=1), "sizes"),
        Edge("31 points and 17 data", partial(_logs, n=31, m=17), "sizes"),
        Edge("equal weights and weights of zero", _equal_and_zero_weights, "ties"),
        Edge("a first or a last weight of zero among densities that underflow", _first_of_weight_zero, "ties"),
        Edge("densities that underflow", partial(_logs, shift=-2000.0)),
        Edge("densities that overflow", partial(_logs, shift=2000.0)),
        Edge("logs that differ by 800 from row to row", _rows_far_apart, "far"),
        Edge("a first log that is 3,000 above the others", _one_far_above, "far"),
        Edge("a last log that is 750 above the others", partial(_one_far_above, k=-1, by=750), "far"),
    ),
    without={"units": "logs have no unit; a constant is added to them above"},
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
            "share-of-the-pool",
            "You divide by the number of data; wanted is how many of them, not which share.",
            lambda log_w: effective_size(log_w) / log_w.shape[1],
        ),
        Mistake(
            "normalised-over-the-table",
            "Your weights sum to one over the whole table; each point has its own, so name the axis, dim=1.",
            lambda log_w: 1 / torch.softmax(log_w.flatten(), dim=0).reshape(log_w.shape).square().sum(1),
        ),
        Mistake(
            "one-shift-for-all-points",
            "You shift all logs by the largest of the table; each point needs its own largest, along dim=1.",
            lambda log_w: _size_shifted(log_w, log_w.max()),
        ),
        Mistake(
            "shifted-by-the-mean",
            "You shift each row by its mean; where most logs are far below the largest, that one overflows.",
            lambda log_w: _size_shifted(log_w, log_w.mean(1, keepdim=True)),
        ),
        Mistake(
            "shifted-by-the-first",
            "You shift each row by its first log; a log that is far larger then overflows. Shift by the largest.",
            lambda log_w: _size_shifted(log_w, log_w[:, :1]),
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
