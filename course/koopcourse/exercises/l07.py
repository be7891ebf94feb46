"""Lesson 07: tangent projection, the law of the torus and its drift, rates with multiplicity, steps on a sphere."""

from __future__ import annotations

import math
from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake

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


def _tangent_by_matrices(v, normal):
    unit = normal / normal.norm(dim=1, keepdim=True)
    projection = torch.eye(v.shape[1], dtype=v.dtype) - unit[:, :, None] * unit[:, None, :]
    return torch.einsum("nij,nj->ni", projection, v)


E1 = Exercise(
    id="L07-E1",
    title="Stay in the tangent plane",
    minutes=7,
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
        ("a single vector", partial(_vectors, n=1)),
        ("vectors of the plane", partial(_vectors, d=2)),
        ("normals of length one", _unit_normals),
    ),
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
    tolerance=1e-6,
)


# --- L07-E2 -------------------------------------------------------------------------------------------------


def angle_density(p, R, r):
    """Density of the tube's angle under the uniform law of the torus."""
    return (R + r * p.cos()) / (2 * math.pi * R)


def _angles(generator, dtype, n=9):
    p = 2 * math.pi * torch.rand(n, generator=generator, dtype=dtype)
    u, v = torch.rand(2, generator=generator).tolist()
    R = 0.6 + u
    return p, R, (0.5 + 0.4 * v) * R


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
    reference=angle_density,
    inputs=_angles,
    example=((_tensor([0.0, math.pi / 2, math.pi]), 2.0, 1.0), _tensor([3.0, 2.0, 1.0]) / (4 * math.pi)),
    identities=(
        Identity("The density integrates to one over a full turn of p.", _integrates_to_one),
        Identity("The densities of p and p + pi, on opposite sides of the tube, sum to 1/pi.", _opposite_sides),
    ),
    edge_cases=(
        ("a tube so thin that the torus is a circle", lambda g, dtype: (_angles(g, dtype)[0], 1.0, 1e-9)),
        ("a single angle", partial(_angles, n=1)),
    ),
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
    edge_cases=(("a single angle", partial(_angles, n=1)),),
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


def _degree(generator, dtype, dim=3):
    k = int(torch.randint(3, 7, (), generator=generator))
    return k, 1.5 + float(torch.rand((), generator=generator)), dim


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
        ("the circle", partial(_degree, dim=2)),
        ("the coordinates of the unit sphere", lambda g, dtype: (1, 1.0, 3)),
        ("the coordinates of the unit circle", lambda g, dtype: (1, 1.0, 2)),
    ),
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


def _normalize_step(x, v, h, radius):
    unit = torch.nn.functional.normalize(x, dim=1)
    along = v - (v * unit).sum(1, keepdim=True) * unit
    return radius * torch.nn.functional.normalize(x + h * along, dim=1)


def _step_by_angle(x, v, h, radius):
    """Turn towards the tangent direction by the angle whose tangent is the step over the radius."""
    along = tangent(v, x)
    speed = along.norm(dim=1, keepdim=True).clamp_min(1e-30)
    angle = torch.atan(h * speed / radius)
    return angle.cos() * x + angle.sin() * radius * along / speed


def _stays(answer, args):
    lengths = answer(*args).norm(dim=1)
    return agree(lengths, torch.full_like(lengths, args[3]), 1e-5)


E5 = Exercise(
    id="L07-E5",
    title="A step that stays on the sphere",
    minutes=8,
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
        ("a single point", partial(_states, n=1)),
        ("a short step", partial(_states, h=0.05)),
    ),
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
            lambda x, v, h, radius: radius * (x + h * v) / (x + h * v).norm(dim=1, keepdim=True),
        ),
        Mistake(
            "unit-sphere",
            "You go back to the sphere of radius one; multiply by the radius.",
            lambda x, v, h, radius: (x + h * tangent(v, x)) / (x + h * tangent(v, x)).norm(dim=1, keepdim=True),
        ),
        Mistake(
            "normal-not-unit",
            "Your tangent part takes x for a unit normal; its length is the radius, so divide by it.",
            lambda x, v, h, radius: radius * torch.nn.functional.normalize(x + h * (v - _dot(v, x) * x), dim=1),
        ),
        Mistake(
            "one-length-for-all",
            "You divide by the length of the whole array; each point has its own, so name the axis: norm(dim=1).",
            lambda x, v, h, radius: radius * (x + h * tangent(v, x)) / (x + h * tangent(v, x)).norm(),
        ),
    ),
    alternatives=(_normalize_step, _step_by_angle),
    tolerance=1e-6,
)

EXERCISES = (E1, E2, E3, E4, E5)
