"""Lesson 07: tangent projection, the law of the torus and its drift, rates with multiplicity, steps on a sphere."""

from __future__ import annotations

import math
from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered

TITLE = "on curved ground"

_tensor = partial(torch.tensor, dtype=torch.float64)


def _dot(a, b):
    return (a * b).sum(dim=1, keepdim=True)


# --- L07-E1 -------------------------------------------------------------------------------------------------


def tangent(v, normal):
    """Each row of v without its part along the normal, which may have any length."""
    return v - _dot(v, normal) / _dot(normal, normal) * normal


def _vectors(generator, dtype, n=7, d=3):
    v, normal = torch.randn(2, n, d, generator=generator, dtype=dtype)
    # a normal of length 1.5 to 2.5, so that forgetting to divide shows
    length = 1.5 + torch.rand(n, 1, generator=generator, dtype=dtype)
    return v, length * normal / normal.norm(dim=1, keepdim=True)


def _unit_normals(generator, dtype):
    v, normal = _vectors(generator, dtype)
    return v, normal / normal.norm(dim=1, keepdim=True)


def _along_the_normal(generator, dtype):
    v, normal = _vectors(generator, dtype)
    v[:2], v[2:4], v[4] = 0, 3 * normal[2:4], normal[4]
    return v, normal


def _lengths_far_apart(generator, dtype):
    v, normal = _vectors(generator, dtype)
    length = torch.logspace(-3, 3, len(v), dtype=dtype)[:, None]
    return length * v, length.flip(0) * normal


def _tangent_by_matrices(v, normal):
    unit = normal / normal.norm(dim=1, keepdim=True)
    projection = torch.eye(v.shape[1], dtype=v.dtype) - unit[:, :, None] * unit[:, None, :]
    return torch.einsum("nij,nj->ni", projection, v)


def _tangent_by_the_sum_over_points(v, normal):
    unit = normal / normal.norm(dim=1, keepdim=True)
    return v - (v * unit).sum(dim=0, keepdim=True) * unit


E1 = Exercise(
    id="L07-E1",
    title="Stay in the tangent plane",
    minutes=7,
    importance=3,
    reference=tangent,
    inputs=_vectors,
    example=(
        (_tensor([[3.0, 4.0], [1.0, 1.0]]), _tensor([[0.0, 2.0], [1.0, 1.0]])),
        _tensor([[3.0, 0.0], [0.0, 0.0]]),
    ),
    identities=(
        Identity(
            "What comes out is orthogonal to the normal.",
            lambda answer, args: agree(_dot(answer(*args), args[1]), torch.zeros_like(args[0][:, :1]), 1e-6),
        ),
        Identity(
            "Projecting twice is projecting once.",
            lambda answer, args: agree(answer(answer(*args), args[1]), answer(*args), 1e-6),
        ),
        Identity(
            "A normal three times as long changes nothing.",
            lambda answer, args: agree(answer(args[0], 3 * args[1]), answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        Edge("a single vector", partial(_vectors, n=1), "sizes"),
        Edge("vectors of the plane", partial(_vectors, d=2), "sizes"),
        Edge("as many vectors as coordinates", partial(_vectors, n=3), "sizes"),
        Edge("31 vectors of 17 coordinates", partial(_vectors, n=31, d=17), "sizes"),
        Edge("normals of length one", _unit_normals, "ties"),
        Edge("vectors along their normals, and some that are zero", _along_the_normal, "ties"),
        Edge("lengths from a thousandth to a thousand", _lengths_far_apart, "far"),
    ),
    units={"v": 1, "normal": 1},
    farthest=1e15,
    mistakes=(
        Mistake(
            "normal-part",
            "You keep the part along the normal, n n^T v; the tangent part is what is left without it.",
            lambda v, normal: _dot(v, normal) / _dot(normal, normal) * normal,
        ),
        Mistake(
            "added",
            "You add the part along the normal, (I + n n^T) v, where it must be taken away.",
            lambda v, normal: v + _dot(v, normal) / _dot(normal, normal) * normal,
        ),
        Mistake(
            "normal-not-unit",
            "You use the normal at the length it came; I - n n^T is a projection for |n| = 1 alone.",
            lambda v, normal: v - _dot(v, normal) * normal,
        ),
        Mistake(
            "divided-once",
            "You divide by the length of the normal once; it occurs twice in n n^T, so divide by its square.",
            lambda v, normal: v - _dot(v, normal) / normal.norm(dim=1, keepdim=True) * normal,
        ),
        Mistake(
            "minus-the-normal",
            "You subtract the unit normal itself; subtract as much of it as v has, (v . n) n.",
            lambda v, normal: v - normal / normal.norm(dim=1, keepdim=True),
        ),
        Mistake(
            "mirrored",
            "You subtract the part along the normal twice, which is a mirror; taken away once, it is gone.",
            lambda v, normal: v - 2 * _dot(v, normal) / _dot(normal, normal) * normal,
        ),
        Mistake(
            "one-length-for-all",
            "You divide by the length of the whole array; each normal has its own, so name the axis: norm(dim=1).",
            lambda v, normal: v - _dot(v, normal) / normal.square().sum() * normal,
        ),
        Mistake(
            "summed-over-points",
            "Your products are summed over the points; each point has its own, the sum over its coordinates.",
            _tangent_by_the_sum_over_points,
        ),
        Mistake(
            "small-number-added",
            "You add 1e-8 to the squared length; of a short normal that leaves a part.",
            lambda v, normal: v - _dot(v, normal) / (_dot(normal, normal) + 1e-8) * normal,
        ),
        Mistake(
            "one-product-for-all",
            "You sum v . n over all points; each point has its own product, so sum over the coordinates and keep the "
            "axis.",
            lambda v, normal: v - (v * normal).sum() / _dot(normal, normal) * normal,
        ),
    ),
    alternatives=(
        _tangent_by_matrices,
        lambda v, normal: torch.stack([a - torch.dot(a, n) / torch.dot(n, n) * n for a, n in zip(v, normal)]),
        lambda v, normal: v - torch.einsum("nd,nd,ne->ne", v, normal, normal) / (normal**2).sum(1)[:, None],
    ),
)


# --- L07-E2 -------------------------------------------------------------------------------------------------


def angle_density(p, R, r):
    """Density of the tube's angle under the uniform law of the torus."""
    return (R + r * p.cos()) / (2 * math.pi * R)


def _angles(generator, dtype, n=9, turns=1, thin=1.0):
    p = turns * 2 * math.pi * torch.rand(n, generator=generator, dtype=dtype)
    u, v = torch.rand(2, generator=generator).tolist()
    R = 0.6 + u
    return p, R, thin * (0.5 + 0.4 * v) * R


def _inside_and_outside(generator, dtype):
    p, R, r = _angles(generator, dtype)
    p[:6] = torch.tensor([0.0, 0.0, math.pi, math.pi, -math.pi, -math.pi / 2])
    return p, R, r


def _integrates_to_one(answer, args):
    p = 2 * math.pi * torch.arange(200, dtype=args[0].dtype) / 200
    return agree(2 * math.pi * answer(p, *args[1:]).mean(), 1.0, 1e-6)


def _opposite_sides(answer, args):
    p, R, r = args
    return agree(answer(p, R, r) + answer(p + math.pi, R, r), torch.full_like(p, 1 / math.pi), 1e-5)


E2 = Exercise(
    id="L07-E2",
    title="Where a torus has its surface",
    minutes=6,
    importance=2,
    reference=angle_density,
    inputs=_angles,
    example=((_tensor([0.0, math.pi / 2, math.pi]), 2.0, 1.0), _tensor([3.0, 2.0, 1.0]) / (4 * math.pi)),
    identities=(
        Identity("The density integrates to one over a full turn of p.", _integrates_to_one),
        Identity("The densities of p and p + pi, on opposite sides of the tube, sum to 1/pi.", _opposite_sides),
    ),
    edge_cases=(
        Edge("angles of many turns, all negative", altered(_angles, angle_density, p=lambda p: -40 - p.abs()), "far"),
        Edge("a single angle", partial(_angles, n=1), "sizes"),
        Edge("31 angles", partial(_angles, n=31), "sizes"),
        Edge("angles on the inside and on the outside", _inside_and_outside, "ties"),
        Edge("angles of many turns", partial(_angles, turns=300), "far"),
        Edge("a tube so thin that the torus is a circle", partial(_angles, thin=1e-9), "far"),
    ),
    units={"R": 1, "r": 1},
    bounded=("R", "r"),
    mistakes=(
        Mistake(
            "uniform-in-the-angle",
            "You take every angle for equally likely; the outer half of the torus has more surface than the inner.",
            lambda p, R, r: torch.full_like(p, 1 / (2 * math.pi)),
        ),
        Mistake(
            "inside-out",
            "Your density is largest at p = pi, on the inside; there the circle around the axis is the shortest.",
            lambda p, R, r: (R - r * p.cos()) / (2 * math.pi * R),
        ),
        Mistake(
            "sine-for-cosine",
            "You use sin p, the height; the distance to the axis, which sets the surface, is R + r cos p.",
            lambda p, R, r: (R + r * p.sin()) / (2 * math.pi * R),
        ),
        Mistake(
            "squared-distance",
            "You square the distance to the axis; the circle around the axis grows in proportion to it.",
            lambda p, R, r: (R + r * p.cos()) ** 2 / (2 * math.pi * (R**2 + r**2 / 2)),
        ),
        Mistake(
            "large-radius-forgotten",
            "You divide by 2 pi alone; the integral of R + r cos p over a turn is 2 pi R.",
            lambda p, R, r: (R + r * p.cos()) / (2 * math.pi),
        ),
        Mistake(
            "of-both-angles",
            "That is the joint density of both angles; integrate it over theta, which gives another 2 pi.",
            lambda p, R, r: (R + r * p.cos()) / (4 * math.pi**2 * R),
        ),
        Mistake(
            "not-normalised",
            "You return the distance to the axis; a density integrates to one, so divide by the integral, 2 pi R.",
            lambda p, R, r: R + r * p.cos(),
        ),
        Mistake(
            "divided-by-the-area",
            "You divide by the area of the torus; the law of the angle alone divides by the integral over p, 2 pi R.",
            lambda p, R, r: (R + r * p.cos()) / (4 * math.pi**2 * R * r),
        ),
        Mistake(
            "normalised-on-the-given-angles",
            "You divide by the sum over the angles that came; a density does not know where it will be asked.",
            lambda p, R, r: (R + r * p.cos()) / (R + r * p.cos()).sum(),
        ),
        Mistake(
            "radii-swapped",
            "You swap the radii: R leads from the axis to the middle of the tube, r from there to the surface.",
            lambda p, R, r: (r + R * p.cos()) / (2 * math.pi * r),
        ),
        Mistake(
            "divided-by-the-outer-circle",
            "You divide by the outer circle, 2 pi (R + r); the mean of R + r cos p over a turn is R.",
            lambda p, R, r: (R + r * p.cos()) / (2 * math.pi * (R + r)),
        ),
    ),
    alternatives=(
        lambda p, R, r: (1 + r / R * p.cos()) / (2 * math.pi),
        lambda p, R, r: torch.stack([(R + r * torch.cos(angle)) / (2 * math.pi * R) for angle in p]),
    ),
)


# --- L07-E3 -------------------------------------------------------------------------------------------------


def drift(p, R, r):
    """Ito drift of the tube's angle for Brownian motion on the torus."""
    return -p.sin() / (r * (R + r * p.cos()))


def _drift_by_autograd(p, R, r):
    p = p.detach().clone().requires_grad_(True)
    log_density = torch.log(R + r * torch.cos(p)).sum()
    return torch.autograd.grad(log_density, p)[0] / r**2


def _no_current(answer, args):
    """With D = 1/r^2 equilibrium means drift * density = D * slope of the density."""
    p, R, r = args
    return agree(answer(p, R, r) * angle_density(p, R, r), -p.sin() / (2 * math.pi * R * r), 1e-5)


E3 = Exercise(
    id="L07-E3",
    title="The drift that a curved surface makes",
    minutes=8,
    importance=1,
    reference=drift,
    inputs=_angles,
    example=((_tensor([math.pi / 2, 0.0]), 2.0, 0.5), _tensor([-1.0, 0.0])),
    identities=(
        Identity(
            "The drift is odd: mirrored at the equator it changes sign.",
            lambda answer, args: agree(answer(-args[0], *args[1:]), -answer(*args), 1e-6),
        ),
        Identity("In equilibrium nothing flows: drift times density is the density's slope over r^2.", _no_current),
        Identity(
            "A torus twice as large drifts four times as slowly.",
            lambda answer, args: agree(answer(args[0], 2 * args[1], 2 * args[2]), answer(*args) / 4, 1e-6),
        ),
    ),
    edge_cases=(
        Edge("angles of many turns, all negative", altered(_angles, drift, p=lambda p: -40 - p.abs()), "far"),
        Edge("a single angle", partial(_angles, n=1), "sizes"),
        Edge("31 angles", partial(_angles, n=31), "sizes"),
        Edge("angles on the inside and on the outside", _inside_and_outside, "ties"),
        Edge("angles of many turns", partial(_angles, turns=300), "far"),
        Edge("a very thin tube", partial(_angles, thin=1e-3), "far"),
    ),
    units={"R": 1, "r": 1},
    bounded=("R", "r"),
    mistakes=(
        Mistake(
            "no-drift",
            "You let p diffuse freely; then it becomes uniform, and the inside of the torus too crowded.",
            lambda p, R, r: torch.zeros_like(p),
        ),
        Mistake(
            "towards-the-inside",
            "Your drift points to the inside of the torus; there is more surface outside, so the sign is minus.",
            lambda p, R, r: p.sin() / (r * (R + r * p.cos())),
        ),
        Mistake(
            "half-of-it",
            "Your drift is half as large: that belongs to the clock dX = dW; ours is dX = sqrt(2) dW.",
            lambda p, R, r: -p.sin() / (2 * r * (R + r * p.cos())),
        ),
        Mistake(
            "squared-distance",
            "You divide by the squared distance to the axis, as theta's noise has it; here it occurs once.",
            lambda p, R, r: -p.sin() / (r * (R + r * p.cos()) ** 2),
        ),
        Mistake(
            "no-tube-radius",
            "The factor 1/r is missing: the slope of log(R + r cos p) has an r, the Laplacian 1/r^2.",
            lambda p, R, r: -p.sin() / (R + r * p.cos()),
        ),
        Mistake(
            "flat-denominator",
            "You divide by r R, as if every point were as far from the axis as the tube's middle.",
            lambda p, R, r: -p.sin() / (r * R),
        ),
        Mistake(
            "slope-of-the-logarithm",
            "You return the slope of log pi; the noise of p has the diffusion 1/r^2, and the drift is (log pi)'/r^2.",
            lambda p, R, r: -r * p.sin() / (R + r * p.cos()),
        ),
        Mistake(
            "slope-of-the-density",
            "You return pi'/r^2; the drift is that over the density, b = pi'/(r^2 pi).",
            lambda p, R, r: -p.sin() / (2 * math.pi * R * r),
        ),
        Mistake(
            "tube-radius-squared",
            "You divide by r^2 a; the slope of log pi has an r above the line, so that one r is left below.",
            lambda p, R, r: -p.sin() / (r**2 * (R + r * p.cos())),
        ),
        Mistake(
            "radii-swapped",
            "You take a = r + R cos p; the distance to the axis is a = R + r cos p.",
            lambda p, R, r: -p.sin() / (r * (r + R * p.cos())),
        ),
        Mistake(
            "cosine-for-sine",
            "You take cos p above the line; the slope of R + r cos p is -r sin p.",
            lambda p, R, r: -p.cos() / (r * (R + r * p.cos())),
        ),
    ),
    alternatives=(
        _drift_by_autograd,
        lambda p, R, r: torch.sin(-p) / (r * R + r**2 * torch.cos(p)),
        lambda p, R, r: torch.stack([-torch.sin(angle) / (R + r * torch.cos(angle)) for angle in p]) / r,
    ),
)


# --- L07-E4 -------------------------------------------------------------------------------------------------


def rate_and_copies(k, radius, dim):
    """Rate of degree k >= 1 on the circle (dim 2) or sphere (dim 3), and how many functions share it."""
    return k * (k + dim - 2) / radius**2, 2 if dim == 2 else 2 * k + 1


def _degree(generator, dtype, dim=3, k=None, size=1.0):
    drawn = int(torch.randint(3, 7, (), generator=generator))
    return k or drawn, size * (1.5 + float(torch.rand((), generator=generator))), dim


def _copies_by_counting(k, radius, dim):
    """Polynomials of degree k in dim variables, less those of degree k - 2 times the squared distance."""
    count = math.comb(k + dim - 1, dim - 1) - (math.comb(k + dim - 3, dim - 1) if k >= 2 else 0)
    return k * (k + dim - 2) / radius**2, count


def _by_cases(k, radius, dim):
    return ((k / radius) ** 2, 2) if dim == 2 else ((k * k + k) / (radius * radius), k + 1 + k)


def _all_degrees_make_a_square(answer, args):
    """With the constant, the functions of the sphere below degree k are k^2."""
    return 1 + sum(answer(degree, args[1], 3)[1] for degree in range(1, args[0])) == args[0] ** 2


E4 = Exercise(
    id="L07-E4",
    title="The notes of a circle and of a sphere",
    minutes=6,
    importance=2,
    reference=rate_and_copies,
    inputs=_degree,
    example=((2, 1.0, 3), (6.0, 5)),
    identities=(
        Identity(
            "On a surface twice as large everything is four times as slow.",
            lambda answer, args: agree(4 * answer(args[0], 2 * args[1], args[2])[0], answer(*args)[0]),
        ),
        Identity("With the constant, the sphere has k^2 functions below degree k.", _all_degrees_make_a_square),
    ),
    edge_cases=(
        Edge("the circle", partial(_degree, dim=2)),
        Edge("degree 31 on the sphere", partial(_degree, k=31), "sizes"),
        Edge("degree 31 on the circle", partial(_degree, k=31, dim=2), "sizes"),
        Edge("the coordinates of the unit sphere", lambda g, dtype: (1, 1.0, 3), "ties"),
        Edge("the coordinates of the unit circle", lambda g, dtype: (1, 1.0, 2), "ties"),
        Edge("a high degree on a small sphere", partial(_degree, k=400, size=1e-3), "far"),
        Edge("a circle of a thousand times the size", partial(_degree, dim=2, size=1e3), "units"),
    ),
    units={"radius": 1},
    mistakes=(
        Mistake(
            "rate-for-copies",
            "You count l (l + 1) functions; that is the rate, and 2 l + 1 functions share it.",
            lambda k, radius, dim: (k * (k + dim - 2) / radius**2, 2 if dim == 2 else k * (k + 1)),
        ),
        Mistake(
            "two-copies-on-the-sphere",
            "You count 2 l functions, l cosines and l sines; the one that does not depend on the longitude is missing.",
            lambda k, radius, dim: (k * (k + dim - 2) / radius**2, 2 if dim == 2 else 2 * k),
        ),
        Mistake(
            "squares-on-the-sphere",
            "You take k^2, the circle's rate, for the sphere's, too; there it is l (l + 1).",
            lambda k, radius, dim: (k**2 / radius**2, 2 if dim == 2 else 2 * k + 1),
        ),
        Mistake(
            "one-sine-too-few",
            "You count one function a degree on the circle; cosine and sine share each rate.",
            lambda k, radius, dim: (k * (k + dim - 2) / radius**2, 1 if dim == 2 else 2 * k + 1),
        ),
        Mistake(
            "radius-forgotten",
            "You leave the radius out; on a larger surface everything is slower, by the square of the radius.",
            lambda k, radius, dim: (k * (k + dim - 2), 2 if dim == 2 else 2 * k + 1),
        ),
        Mistake(
            "radius-not-squared",
            "You divide by the radius; a rate is one over time, and time goes with the square of a length.",
            lambda k, radius, dim: (k * (k + dim - 2) / radius, 2 if dim == 2 else 2 * k + 1),
        ),
        Mistake(
            "pair-in-the-other-order",
            "You return (copies, rate); the pair begins with the rate.",
            lambda k, radius, dim: rate_and_copies(k, radius, dim)[::-1],
        ),
        Mistake(
            "sphere-for-both",
            "You take dim for the dimension of the surface, or ignore it: dim = 2 is the circle in the plane.",
            lambda k, radius, dim: rate_and_copies(k, radius, 3),
        ),
        Mistake(
            "copies-one-degree-lower",
            "You count 2 l - 1 functions; the orders run from -l to l, which are 2 l + 1.",
            lambda k, radius, dim: (k * (k + dim - 2) / radius**2, 2 if dim == 2 else 2 * k - 1),
        ),
        Mistake(
            "all-lower-degrees-counted",
            "You count the functions of all degrees up to l, (l + 1)^2; those of degree l alone are 2 l + 1.",
            lambda k, radius, dim: (k * (k + dim - 2) / radius**2, 2 if dim == 2 else (k + 1) ** 2),
        ),
        Mistake(
            "rate-rounded-down",
            "You divide by //, which rounds down; a rate need not be a whole number.",
            lambda k, radius, dim: (k * (k + dim - 2) // radius**2, 2 if dim == 2 else 2 * k + 1),
        ),
        Mistake(
            "times-the-squared-radius",
            "You multiply by the squared radius; on a larger surface everything is slower, so divide.",
            lambda k, radius, dim: (k * (k + dim - 2) * radius**2, 2 if dim == 2 else 2 * k + 1),
        ),
        Mistake(
            "half-the-rate",
            "Your rate is half as large: that belongs to the clock dX = dW; ours is dX = sqrt(2) dW.",
            lambda k, radius, dim: (k * (k + dim - 2) / (2 * radius**2), 2 if dim == 2 else 2 * k + 1),
        ),
    ),
    alternatives=(_by_cases, _copies_by_counting),
)


# --- L07-E5 -------------------------------------------------------------------------------------------------


def step_on_sphere(x, v, h, radius):
    """A step along the tangent part of v, ended at the nearest point of the sphere."""
    moved = x + h * tangent(v, x)
    return radius * moved / moved.norm(dim=1, keepdim=True)


def _states(generator, dtype, n=7, h=0.7):
    x, v = torch.randn(2, n, 3, generator=generator, dtype=dtype)
    radius = 1.5 + float(torch.rand((), generator=generator))
    return radius * x / x.norm(dim=1, keepdim=True), 1.5 * v, h, radius


def _in_units_of(length, time, generator, dtype):
    x, v, h, radius = _states(generator, dtype)
    return length * x, length / time * v, time * h, length * radius


def _at_rest(generator, dtype):
    """No velocity, one along the normal, one along a tangent from a pole, and two equal points."""
    x, v, h, radius = _states(generator, dtype)
    x[2], v[:2], v[2], v[3] = 0, 0, torch.tensor([0.5, 0.0, 0.0]), -x[3] / radius
    x[2, 2] = radius
    x[5], v[5] = x[4], v[4]
    return x, v, h, radius


def _speeds_far_apart(generator, dtype):
    x, v, h, radius = _states(generator, dtype)
    return x, torch.logspace(-3, 3, len(v), dtype=dtype)[:, None] * v, h, radius


def _moved_and_back(x, along, h, radius):
    return radius * torch.nn.functional.normalize(x + h * along, dim=1)


def _normalize_step(x, v, h, radius):
    unit = torch.nn.functional.normalize(x, dim=1)
    return _moved_and_back(x, v - (v * unit).sum(1, keepdim=True) * unit, h, radius)


def _step_by_angle(x, v, h, radius):
    """Turn towards the tangent direction by the angle whose tangent is the step over the radius."""
    along = tangent(v, x)
    speed = along.norm(dim=1, keepdim=True).clamp_min(1e-30)
    angle = torch.atan(h * speed / radius)
    return angle.cos() * x + angle.sin() * radius * along / speed


def _along_great_circles(x, v, h, radius):
    along = tangent(v, x)
    speed = along.norm(dim=1, keepdim=True)
    return torch.cos(h * speed / radius) * x + torch.sin(h * speed / radius) * radius * along / speed


def _stays(answer, args):
    lengths = answer(*args).norm(dim=1)
    return agree(lengths, torch.full_like(lengths, args[3]), 1e-5)


E5 = Exercise(
    id="L07-E5",
    title="A step that stays on the sphere",
    minutes=8,
    importance=3,
    reference=step_on_sphere,
    inputs=_states,
    example=(
        (_tensor([[2.0, 0.0, 0.0]]), _tensor([[5.0, 2.0, 0.0]]), 1.0, 2.0),
        _tensor([[math.sqrt(2), math.sqrt(2), 0.0]]),
    ),
    identities=(
        Identity("Every point ends on the sphere.", _stays),
        Identity(
            "A velocity along the normal alone moves nobody.",
            lambda answer, args: agree(answer(args[0], 0.3 * args[0], *args[2:]), args[0], 1e-5),
        ),
        Identity("No time, no move.", lambda answer, args: agree(answer(*args[:2], 0.0, args[3]), args[0], 1e-5)),
    ),
    edge_cases=(
        Edge("a single point", partial(_states, n=1), "sizes"),
        Edge("three points", partial(_states, n=3), "sizes"),
        Edge("31 points", partial(_states, n=31), "sizes"),
        Edge("a short step", partial(_states, h=0.05)),
        Edge("points at rest, and points pushed along the radius", _at_rest, "ties"),
        Edge("a step of length zero", partial(_states, h=0.0), "ties"),
        Edge("very short lengths and times", partial(_in_units_of, 1e-9, 1e-9), "units"),
        Edge("very long times", partial(_in_units_of, 1.0, 1e9), "units"),
        Edge("slow points and fast ones", _speeds_far_apart, "far"),
    ),
    units={"x": 1, "v": 1, "radius": 1},
    bounded=("x", "radius"),
    mistakes=(
        Mistake(
            "never-back",
            "You step along the tangent and stay there; a tangent leaves the sphere, so go back to it afterwards.",
            lambda x, v, h, radius: x + h * tangent(v, x),
        ),
        Mistake(
            "neither",
            "That is a step in space, x + h v: take the tangent part of v, and go back to the sphere afterwards.",
            lambda x, v, h, radius: x + h * v,
        ),
        Mistake(
            "position-only",
            "You go back to the sphere but step along all of v; its normal part changes how far you get.",
            lambda x, v, h, radius: _moved_and_back(x, v, h, radius),
        ),
        Mistake(
            "unit-sphere",
            "You go back to the sphere of radius one; multiply by the radius.",
            lambda x, v, h, radius: (x + h * tangent(v, x)) / (x + h * tangent(v, x)).norm(dim=1, keepdim=True),
        ),
        Mistake(
            "normal-not-unit",
            "Your tangent part takes x for a unit normal; its length is the radius, so divide by it.",
            lambda x, v, h, radius: _moved_and_back(x, v - _dot(v, x) * x, h, radius),
        ),
        Mistake(
            "divided-by-the-radius-once",
            "You divide v . x by the radius once; the normal x / R occurs twice in (v . n) n, so divide by R^2.",
            lambda x, v, h, radius: _moved_and_back(x, v - _dot(v, x) * x / radius, h, radius),
        ),
        Mistake(
            "time-forgotten",
            "You step by the velocity itself; a step of the time h goes h times as far.",
            lambda x, v, h, radius: _moved_and_back(x, tangent(v, x), 1, radius),
        ),
        Mistake(
            "along-the-great-circle",
            "You go along the great circle; wanted is a straight step, then the nearest point, which turns by less.",
            _along_great_circles,
        ),
        Mistake(
            "normal-of-the-velocity",
            "You take away the part of v along v itself; the normal of the sphere at x is x / radius.",
            lambda x, v, h, radius: _moved_and_back(x, v - _dot(v, x) / _dot(v, v) * v, h, radius),
        ),
        Mistake(
            "small-number-added",
            "You add 1e-8 to the length; on a small sphere the points then end inside it.",
            lambda x, v, h, radius: (
                radius * (x + h * tangent(v, x)) / ((x + h * tangent(v, x)).norm(dim=1, keepdim=True) + 1e-8)
            ),
        ),
        Mistake(
            "one-length-for-all",
            "You divide by the length of the whole array; each point has its own, so name the axis: norm(dim=1).",
            lambda x, v, h, radius: radius * (x + h * tangent(v, x)) / (x + h * tangent(v, x)).norm(),
        ),
    ),
    alternatives=(_normalize_step, _step_by_angle),
)

EXERCISES = (E1, E2, E3, E4, E5)
