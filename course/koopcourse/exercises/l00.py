"""Lesson 00: one toy exercise, then a self-test of what the course builds on: an SDE, an eigenproblem, torch.

Also the model of a lesson's module: the reference, inputs and helpers of an exercise stand above it.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import scipy.linalg
import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered

TITLE = "start here"

_tensor = partial(torch.tensor, dtype=torch.float64)


# --- L00-E1 -------------------------------------------------------------------------------------------------


def relative_error(estimate, exact):
    """|estimate - exact| / |exact|, in the Euclidean norm."""
    return torch.linalg.vector_norm(estimate - exact) / torch.linalg.vector_norm(exact)


def _two_vectors(generator, dtype, n=5, largest=0.0):
    """The sizes of the entries run from 10^-largest to 10^largest."""
    sizes = torch.logspace(-largest, largest, n, dtype=dtype)
    estimate, exact = torch.randn(2, n, generator=generator, dtype=dtype) * sizes
    return estimate, exact


def _with_zeros(generator, dtype):
    estimate, exact = _two_vectors(generator, dtype)
    estimate[:2], exact[1:3] = 0, 0
    return estimate, exact


def _subtracts_in_place(estimate, exact):
    estimate -= exact
    return estimate.norm() / exact.norm()


def _error_with_numpy(estimate, exact):
    return float(np.linalg.norm((estimate - exact).numpy()) / np.linalg.norm(exact.numpy()))


E1 = Exercise(
    id="L00-E1",
    title="The relative error of an estimate",
    minutes=3,
    importance=3,
    reference=relative_error,
    inputs=_two_vectors,
    example=((_tensor([3.0, 5.0]), _tensor([3.0, 4.0])), 0.2),
    identities=(
        Identity(
            "Twice the exact vector is wrong by one whole.",
            lambda answer, args: agree(answer(2 * args[1], args[1]), 1.0),
        ),
        Identity(
            "Other units do not change a relative error: relative_error(-7 a, -7 b) = relative_error(a, b).",
            lambda answer, args: agree(answer(-7 * args[0], -7 * args[1]), answer(*args)),
        ),
    ),
    edge_cases=(
        (
            "single entries of opposite sign",
            altered(partial(_two_vectors, n=1), relative_error, estimate=lambda x: -x.abs(), exact=torch.abs),
        ),
        Edge("vectors with one entry", partial(_two_vectors, n=1), "sizes"),
        Edge("vectors with 31 entries", partial(_two_vectors, n=31), "sizes"),
        Edge("an estimate that is exact", lambda generator, dtype: (_two_vectors(generator, dtype)[1],) * 2, "ties"),
        Edge("zeros among the entries", _with_zeros, "ties"),
        Edge("entries of very different size", partial(_two_vectors, largest=3.0), "far"),
    ),
    units={"estimate": 1, "exact": 1},
    farthest=1e15,
    mistakes=(
        Mistake(
            "absolute-error",
            "You return the length of the difference; a relative error divides it by the length of exact.",
            lambda estimate, exact: (estimate - exact).norm(),
        ),
        Mistake(
            "divided-by-the-estimate",
            "You divide by the length of estimate; the yardstick is the exact vector.",
            lambda estimate, exact: (estimate - exact).norm() / estimate.norm(),
        ),
        Mistake(
            "squared",
            "You return the square of the ratio; a length is the square root of the sum of squares.",
            lambda estimate, exact: (estimate - exact).square().sum() / exact.square().sum(),
        ),
        Mistake(
            "sums-of-absolute-values",
            "You add absolute values; the Euclidean length is the square root of the sum of the squares.",
            lambda estimate, exact: (estimate - exact).abs().sum() / exact.abs().sum(),
        ),
        Mistake(
            "largest-entries",
            "You compare the largest entries; the Euclidean length counts all of them.",
            lambda estimate, exact: (estimate - exact).abs().max() / exact.abs().max(),
        ),
        Mistake(
            "root-mean-square-above-the-line",
            "You take the mean of the squares above the line and their sum below it; take the same length for both.",
            lambda estimate, exact: (estimate - exact).square().mean().sqrt() / exact.norm(),
        ),
        Mistake(
            "small-number-below-the-line",
            "You add 1e-8 to the length of exact; for a vector in small units that is no small number.",
            lambda estimate, exact: (estimate - exact).norm() / (exact.norm() + 1e-8),
        ),
        Mistake(
            "mean-over-entries",
            "You average the relative errors of the entries, and one exact entry near zero spoils that; "
            "take the two norms first and divide once.",
            lambda estimate, exact: ((estimate - exact).abs() / exact.abs()).mean(),
        ),
        Mistake(
            "difference-of-norms",
            "You compare the lengths of the vectors; two vectors of equal length can still be far apart.",
            lambda estimate, exact: (estimate.norm() - exact.norm()).abs() / exact.norm(),
        ),
        Mistake(
            "subtracts-in-place",
            "You write the difference into estimate (-=), so that the caller's data are gone; "
            "estimate - exact makes a new tensor.",
            _subtracts_in_place,
        ),
    ),
    alternatives=(
        lambda estimate, exact: ((estimate - exact).square().sum() / exact.square().sum()).sqrt(),
        lambda estimate, exact: math.dist(estimate.tolist(), exact.tolist()) / math.hypot(*exact.tolist()),
        _error_with_numpy,
    ),
)


# --- L00-E2 -------------------------------------------------------------------------------------------------


def euler_maruyama(drift, x, dt, noise):
    """x + b(x) dt + sqrt(2 dt) noise: one step of dX = b(X) dt + sqrt(2) dW."""
    return x + drift(x) * dt + math.sqrt(2 * dt) * noise


def _cubic(x):
    return x - x**3


def _step_inputs(generator, dtype, n=6, d=2):
    x, noise = torch.randn(2, n, d, generator=generator, dtype=dtype)
    dt = 0.02 + 0.1 * torch.rand((), generator=generator).item()
    return _cubic, x, dt, noise


def _in_units_of(unit, generator, dtype):
    """Lengths of ``unit``, times of its square; rows of very different size where ``unit`` is a column."""
    _, x, dt, noise = _step_inputs(generator, dtype)
    time = float(torch.as_tensor(unit).square().min())
    return lambda x: -x / time, unit * x, time * dt, noise


def _at_rest(generator, dtype, dt=None):
    """Two particles on top of each other, where the drift vanishes and where no noise comes."""
    drift, x, usual, noise = _step_inputs(generator, dtype)
    x[:2], x[2:4], noise[2:4] = 1, x[2], 0
    return drift, x, usual if dt is None else dt, noise


def _spreads_by_2_dt(answer, args):
    n, dt = 20_000, args[2]
    start = torch.zeros(n, 1, dtype=torch.float64)
    step = answer(torch.zeros_like, start, dt, torch.randn(n, 1, dtype=torch.float64))
    # The mean square of n normal numbers has relative standard deviation sqrt(2 / n) = 0.01, and its skewness
    # makes the upper tail the heavier one: six deviations are exceeded with probability 4e-9.
    return abs(step.square().mean().item() / (2 * dt) - 1) < 0.06


def _step_in_place(drift, x, dt, noise):
    x += drift(x) * dt + math.sqrt(2 * dt) * noise
    return x


def _drift_step(drift, x, dt):
    return x + drift(x) * dt


def _heun(drift, x, dt, noise):
    kick = math.sqrt(2 * dt) * noise
    there = x + drift(x) * dt + kick
    return x + (drift(x) + drift(there)) * dt / 2 + kick


def _step_by_rows(drift, x, dt, noise):
    rows = [row + dt * drift(row) + (2 * dt) ** 0.5 * kick for row, kick in zip(x.split(1), noise)]
    return torch.cat(rows)


E2 = Exercise(
    id="L00-E2",
    title="One Euler-Maruyama step",
    minutes=5,
    importance=3,
    reference=euler_maruyama,
    inputs=_step_inputs,
    example=((_cubic, _tensor([[2.0], [0.0]]), 0.125, _tensor([[1.0], [-1.0]])), _tensor([[1.75], [-0.5]])),
    identities=(
        Identity(
            "Without drift and without noise a point stays where it is.",
            lambda answer, args: agree(answer(torch.zeros_like, args[1], args[2], 0 * args[3]), args[1]),
        ),
        Identity(
            "Without drift the mean square displacement in each direction is 2 dt (statistical).",
            _spreads_by_2_dt,
            false_rejection=1e-8,
        ),
    ),
    edge_cases=(
        Edge("three particles in three dimensions", partial(_step_inputs, n=3, d=3), "sizes"),
        Edge("a single particle", partial(_step_inputs, n=1), "sizes"),
        Edge("31 particles on the line", partial(_step_inputs, n=31, d=1), "sizes"),
        Edge("three particles in 17 dimensions", partial(_step_inputs, n=3, d=17), "sizes"),
        Edge("particles at the same place", _at_rest, "ties"),
        Edge("a step of length zero", partial(_at_rest, dt=0.0), "ties"),
        Edge("very short lengths and times", partial(_in_units_of, 1e-9), "units"),
        Edge("very long lengths and times", partial(_in_units_of, 1e9), "units"),
        Edge(
            "particles far apart",
            lambda generator, dtype: _in_units_of(torch.logspace(0, 3, 6, dtype=dtype)[:, None], generator, dtype),
            "far",
        ),
    ),
    mistakes=(
        Mistake(
            "noise-times-dt",
            "You scale the noise by dt; Brownian motion spreads like the square root of time: sqrt(dt).",
            lambda drift, x, dt, noise: x + drift(x) * dt + math.sqrt(2) * dt * noise,
        ),
        Mistake(
            "missing-sqrt-2",
            "You scale the noise by sqrt(dt) alone; our equation has sqrt(2) in front of dW.",
            lambda drift, x, dt, noise: x + drift(x) * dt + math.sqrt(dt) * noise,
        ),
        Mistake(
            "two-outside-the-root",
            "You scale the noise by 2 sqrt(dt); the 2 belongs under the root: sqrt(2 dt).",
            lambda drift, x, dt, noise: x + drift(x) * dt + 2 * math.sqrt(dt) * noise,
        ),
        Mistake(
            "noise-not-scaled",
            "You add the noise as it came; in a step of length dt it must be scaled by sqrt(2 dt).",
            lambda drift, x, dt, noise: x + drift(x) * dt + noise,
        ),
        Mistake(
            "noise-shared-among-coordinates",
            "You divide the noise among the d coordinates; every coordinate has a Brownian motion of its own.",
            lambda drift, x, dt, noise: x + drift(x) * dt + math.sqrt(2 * dt / x.shape[1]) * noise,
        ),
        Mistake(
            "drift-after-the-kick",
            "You kick first and take the drift at the new place; Euler-Maruyama takes it where the step begins.",
            lambda drift, x, dt, noise: _drift_step(drift, x + math.sqrt(2 * dt) * noise, dt),
        ),
        Mistake(
            "kick-after-the-drift-is-averaged",
            "You average the drift over both ends of the step (Heun); Euler-Maruyama takes it at the start alone.",
            _heun,
        ),
        Mistake(
            "increment-only",
            "You return how far the particles move; the new positions are wanted, x plus that.",
            lambda drift, x, dt, noise: drift(x) * dt + math.sqrt(2 * dt) * noise,
        ),
        Mistake(
            "noise-without-dt",
            "You scale the noise by sqrt(2) whatever the step; a shorter step must have less noise.",
            lambda drift, x, dt, noise: x + drift(x) * dt + math.sqrt(2) * noise,
        ),
        Mistake(
            "minus-drift",
            "You subtract the drift; the equation adds it (a minus belongs to the gradient of an energy).",
            lambda drift, x, dt, noise: x - drift(x) * dt + math.sqrt(2 * dt) * noise,
        ),
        Mistake(
            "drift-without-dt",
            "You add the whole drift; it is a velocity and must be multiplied by dt.",
            lambda drift, x, dt, noise: x + drift(x) + math.sqrt(2 * dt) * noise,
        ),
        Mistake(
            "step-in-place",
            "You write the new positions over x (+=), so that the caller loses the old ones.",
            _step_in_place,
        ),
        Mistake(
            "noise-of-all-directions",
            "You let the noise grow with the root of the dimension; each direction gets sqrt(2 dt) by itself.",
            lambda drift, x, dt, noise: x + drift(x) * dt + math.sqrt(2 * dt * x.shape[1]) * noise,
        ),
        Mistake(
            "noise-centred",
            "You take the mean off the noise; the cloud as a whole is kicked, too.",
            lambda drift, x, dt, noise: euler_maruyama(drift, x, dt, noise - noise.mean(dim=0)),
        ),
    ),
    alternatives=(
        lambda drift, x, dt, noise: x.clone().add_(drift(x), alpha=dt).add_(noise, alpha=(2 * dt) ** 0.5),
        lambda drift, x, dt, noise: torch.add(x, drift(x), alpha=dt) + noise * 2**0.5 * dt**0.5,
        _step_by_rows,
    ),
)


# --- L00-E3 -------------------------------------------------------------------------------------------------


def generalised_eigenvalues(stiffness, gram):
    """The numbers with stiffness a = lambda gram a, ascending, by whitening with gram = L L^T."""
    whitener = torch.linalg.inv(torch.linalg.cholesky(gram))
    return torch.linalg.eigvalsh(whitener @ stiffness @ whitener.T)


def _two_matrices(generator, dtype, n=4, units=(1.0, 1.0)):
    a, b = torch.randn(2, n, n, generator=generator, dtype=dtype)
    return units[0] * (a @ a.T / n), units[1] * (b @ b.T / n + torch.eye(n, dtype=dtype))


def _indefinite(generator, dtype):
    stiffness, gram = _two_matrices(generator, dtype)
    return stiffness - stiffness.diagonal().mean() * torch.eye(len(gram), dtype=dtype), gram


def _singular(generator, dtype):
    stiffness, gram = _two_matrices(generator, dtype)
    stiffness[0], stiffness[:, 0] = 0, 0
    return stiffness, gram


def _features_of_many_units(generator, dtype):
    scale = torch.logspace(-1.5, 1.5, 4, dtype=dtype)
    return tuple(scale[:, None] * matrix * scale for matrix in _two_matrices(generator, dtype))


def _three_times_gram(generator, dtype):
    gram = _two_matrices(generator, dtype)[1]
    return 3 * gram, gram


def _unchanged_by_a_change_of_basis(answer, args):
    stiffness, gram = args
    n = len(gram)
    basis = torch.eye(n, dtype=gram.dtype) + 0.5 * torch.ones(n, n, dtype=gram.dtype).tril(-1)
    return agree(answer(basis @ stiffness @ basis.T, basis @ gram @ basis.T), answer(stiffness, gram))


def _whitens_with_the_transpose(stiffness, gram):
    whitener = torch.linalg.inv(torch.linalg.cholesky(gram))
    return torch.linalg.eigvalsh(whitener.T @ stiffness @ whitener)


def _sorted_by_size(values):
    return values[values.abs().argsort()]


def _by_symmetric_root(stiffness, gram):
    values, vectors = torch.linalg.eigh(gram)
    root = vectors / values.sqrt() @ vectors.T
    return torch.linalg.eigh(root @ stiffness @ root).eigenvalues


E3 = Exercise(
    id="L00-E3",
    title="A generalised eigenproblem",
    minutes=8,
    importance=3,
    reference=generalised_eigenvalues,
    inputs=_two_matrices,
    example=(
        (_tensor([[1.0, 1.0], [1.0, 4.0]]), _tensor([[1.0, 1.0], [1.0, 2.0]])),
        _tensor([1.0, 3.0]),
    ),
    identities=(
        Identity(
            "The eigenvalues add up to the trace of gram^-1 stiffness.",
            lambda answer, args: agree(answer(*args).sum(), torch.linalg.solve(args[1], args[0]).trace()),
        ),
        Identity(
            "Another basis, T stiffness T^T and T gram T^T, has the same eigenvalues.",
            _unchanged_by_a_change_of_basis,
        ),
    ),
    edge_cases=(
        Edge("one by one matrices", partial(_two_matrices, n=1), "sizes"),
        Edge("17 by 17 matrices", partial(_two_matrices, n=17), "sizes"),
        Edge("an eigenvalue that repeats", _three_times_gram, "ties"),
        Edge("an eigenvalue that is zero", _singular, "ties"),
        Edge("a stiffness with negative eigenvalues", _indefinite),
        Edge("a gram in much smaller units", partial(_two_matrices, units=(1.0, 1e-9)), "units"),
        Edge("a gram in much larger units", partial(_two_matrices, units=(1.0, 1e9)), "units"),
        Edge("features of very different size", _features_of_many_units, "far"),
    ),
    units={"stiffness": 1},
    tolerance=1e-7,
    mistakes=(
        Mistake(
            "ignores-the-gram-matrix",
            "You return the eigenvalues of stiffness alone, as if gram were the identity.",
            lambda stiffness, gram: torch.linalg.eigvalsh(stiffness),
        ),
        Mistake(
            "matrices-swapped",
            "You solve gram a = lambda stiffness a, which gives 1/lambda.",
            lambda stiffness, gram: torch.linalg.eigvals(torch.linalg.solve(stiffness, gram)).real.sort().values,
        ),
        Mistake(
            "multiplied-by-gram",
            "You multiply by gram, or by its roots; the equation needs the inverse of gram.",
            lambda stiffness, gram: torch.linalg.eigvals(gram @ stiffness).real.sort().values,
        ),
        Mistake(
            "inverse-not-symmetric",
            "You give gram^-1 stiffness to eigvalsh, which reads one triangle only; that product is not symmetric: "
            "whiten first.",
            lambda stiffness, gram: torch.linalg.eigvalsh(torch.linalg.solve(gram, stiffness)),
        ),
        Mistake(
            "quotient-of-eigenvalues",
            "You divide the eigenvalues of stiffness by those of gram; that is right only where both share their "
            "eigenvectors.",
            lambda stiffness, gram: (torch.linalg.eigvalsh(stiffness) / torch.linalg.eigvalsh(gram)).sort().values,
        ),
        Mistake(
            "diagonal-of-gram-only",
            "You divide by the roots of gram's diagonal alone; its other entries count, too.",
            lambda stiffness, gram: torch.linalg.eigvalsh(stiffness / gram.diagonal().outer(gram.diagonal()).sqrt()),
        ),
        Mistake(
            "sorted-by-size",
            "You sort by absolute value; ascending means that a negative eigenvalue comes before all positive ones.",
            lambda stiffness, gram: _sorted_by_size(generalised_eigenvalues(stiffness, gram)),
        ),
        Mistake(
            "singular-values",
            "You return sizes without signs; stiffness may have negative eigenvalues, and svd loses their sign.",
            lambda stiffness, gram: generalised_eigenvalues(stiffness, gram).abs().sort().values,
        ),
        Mistake(
            "descending",
            "You return the largest first; this course sorts eigenvalues in ascending order.",
            lambda stiffness, gram: generalised_eigenvalues(stiffness, gram).flip(0),
        ),
        Mistake(
            "whitens-with-the-transpose",
            "You whiten with L^-T stiffness L^-1; with gram = L L^T it is L^-1 stiffness L^-T.",
            _whitens_with_the_transpose,
        ),
        Mistake(
            "complex-numbers",
            "You return complex numbers; the problem is symmetric, so its eigenvalues are real.",
            lambda stiffness, gram: generalised_eigenvalues(stiffness, gram) + 0j,
        ),
    ),
    alternatives=(
        _by_symmetric_root,
        lambda stiffness, gram: torch.linalg.eigvals(torch.linalg.solve(gram, stiffness)).real.sort().values,
        lambda stiffness, gram: torch.as_tensor(
            scipy.linalg.eigh(stiffness.numpy(), gram.numpy(), eigvals_only=True), dtype=gram.dtype
        ),
    ),
)


# --- L00-E4 -------------------------------------------------------------------------------------------------


def gradient(f, x):
    """The gradient of f at each row of x, for f that maps (n, d) to (n,): shape (n, d)."""
    x = x.detach().requires_grad_(True)
    return torch.autograd.grad(f(x).sum(), x)[0]


def _wave(x):
    return torch.sin(x).sum(-1) + 0.5 * x.prod(-1)


def _points(generator, dtype, n=5, d=3):
    return _wave, torch.randn(n, d, generator=generator, dtype=dtype)


def _zeros_and_twins(generator, dtype):
    f, x = _points(generator, dtype)
    x[0], x[1:3, 1] = 0, 0
    x[4] = x[3]
    return f, x


def _function_of_unit(unit, generator, dtype):
    f, x = _points(generator, dtype)
    return lambda x: f(x / unit), unit * x


def _one_coordinate_of_two(generator, dtype):
    return lambda x: x[:, 0] ** 3, torch.randn(5, 2, generator=generator, dtype=dtype)


def _points_far_apart(generator, dtype):
    sizes = torch.logspace(-3, 3, 5, dtype=dtype)[:, None]
    return lambda x: (1 + x.square().sum(-1)).sqrt(), sizes * _points(generator, dtype)[1]


def _linear_function_has_a_constant_gradient(answer, args):
    slope = torch.arange(1.0, args[1].shape[1] + 1, dtype=torch.float64)
    return agree(answer(lambda x: x @ slope, args[1]), slope.expand_as(args[1]))


def _fits_a_small_step(answer, args):
    f, x = args
    step = 1e-5 * torch.ones_like(x)
    return agree((answer(f, x) * step).sum(-1) / 1e-5, (f(x + step) - f(x - step)) / 2e-5, 1e-6)


def _accumulated(f, x):
    x = x.clone().requires_grad_(True)
    f(x).sum().backward()
    f(x).sum().backward()
    return x.grad


def _first_point_only(f, x):
    x = x.clone().requires_grad_(True)
    return torch.autograd.grad(f(x)[0], x)[0]


def _mean_of_the_batch(f, x):
    x = x.clone().requires_grad_(True)
    return torch.autograd.grad(f(x).mean(), x)[0]


def _by_differences(f, x, step=1e-6):
    columns = [(f(x + step * axis) - f(x)) / step for axis in torch.eye(x.shape[1], dtype=x.dtype)]
    return torch.stack(columns, dim=1)


def _by_backward(f, x):
    x = x.clone().requires_grad_(True)
    f(x).sum().backward()
    return x.grad


E4 = Exercise(
    id="L00-E4",
    title="Gradients by autograd",
    minutes=6,
    importance=2,
    reference=gradient,
    inputs=_points,
    example=(
        (lambda x: x.square().sum(-1), _tensor([[1.0, 2.0], [0.0, -3.0]])),
        _tensor([[2.0, 4.0], [0.0, -6.0]]),
    ),
    identities=(
        Identity(
            "The gradient of a linear function is its slope, at every point.",
            _linear_function_has_a_constant_gradient,
        ),
        Identity("Along a small step, f changes by gradient times step.", _fits_a_small_step),
    ),
    edge_cases=(
        Edge("three points in three dimensions", partial(_points, n=3, d=3), "sizes"),
        Edge("a single point", partial(_points, n=1), "sizes"),
        Edge("31 points on the line", partial(_points, n=31, d=1), "sizes"),
        Edge("two points in 17 dimensions", partial(_points, n=2, d=17), "sizes"),
        Edge("zeros and repeated points", _zeros_and_twins, "ties"),
        Edge("a function of one coordinate only", _one_coordinate_of_two, "ties"),
        Edge("a function in a very small unit", partial(_function_of_unit, 1e-9), "units"),
        Edge("a function in a very large unit", partial(_function_of_unit, 1e9), "units"),
        Edge("points far apart", _points_far_apart, "far"),
    ),
    mistakes=(
        Mistake(
            "mean-of-the-batch",
            "You differentiate the mean over the batch, which divides each gradient by the number of points; "
            "differentiate the sum.",
            _mean_of_the_batch,
        ),
        Mistake(
            "summed-over-the-batch",
            "You add the gradients of all points; each point keeps its own row.",
            lambda f, x: gradient(f, x).sum(0),
        ),
        Mistake(
            "one-mean-for-all",
            "You give every row the mean gradient; each point keeps its own.",
            lambda f, x: gradient(f, x).mean(0).expand_as(x),
        ),
        Mistake(
            "gradient-of-the-square",
            "You differentiate the sum of the squares of f, which is 2 f times the gradient; sum f itself.",
            lambda f, x: gradient(lambda z: f(z) ** 2, x),
        ),
        Mistake(
            "gradient-of-the-logarithm",
            "You differentiate log f; the score does so with a density, but here f itself is meant.",
            lambda f, x: gradient(lambda z: f(z).log(), x),
        ),
        Mistake(
            "direction-only",
            "You divide each gradient by its length; its size belongs to it.",
            lambda f, x: gradient(f, x) / gradient(f, x).norm(dim=1, keepdim=True),
        ),
        Mistake(
            "finite-difference",
            "You divide a difference by a small step, which loses half of the digits and more in float32; autograd "
            "is exact.",
            _by_differences,
        ),
        Mistake(
            "asks-it-of-the-callers-x",
            "You call requires_grad_ on the caller's x, which then records whatever is done with it; ask it of "
            "x.detach().",
            lambda f, x: torch.autograd.grad(f(x.requires_grad_(True)).sum(), x)[0],
        ),
        Mistake(
            "descent-direction",
            "You return minus the gradient, the direction of descent.",
            lambda f, x: -gradient(f, x),
        ),
        Mistake(
            "first-point-only",
            "You differentiate f at the first point only; the sum over the batch gives every row at once.",
            _first_point_only,
        ),
        Mistake(
            "accumulated",
            "You call backward twice without resetting x.grad, and gradients add up; "
            "torch.autograd.grad has no such memory.",
            _accumulated,
        ),
    ),
    alternatives=(
        _by_backward,
        lambda f, x: torch.stack([torch.func.grad(lambda row: f(row[None])[0])(row) for row in x]),
        lambda f, x: torch.autograd.functional.vjp(f, x, torch.ones_like(x[:, 0]))[1],
    ),
)

EXERCISES = (E1, E2, E3, E4)
