"""Lesson 03: the Dirichlet form and its rates, Feynman-Kac, a diffusion map and its extension, the score of a KDE."""

from __future__ import annotations

import math
from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered
from koopteach.langevin import kde_score
from koopteach.operators import DiffusionMaps
from koopteach.operators.linear_algebra import whiten

TITLE = "the generator, from samples alone"

_tensor = partial(torch.tensor, dtype=torch.float64)


# --- L03-E1 -------------------------------------------------------------------------------------------------


def dirichlet_form(slopes):
    """S_ij = mean over the points of grad psi_i . grad psi_j."""
    return torch.einsum("nid,njd->ij", slopes, slopes) / len(slopes)


def _slopes(generator, dtype, n=7, m=4, d=3):
    # not of mean zero: the slope of a feature is no centred quantity
    return (0.5 + torch.randn(n, m, d, generator=generator, dtype=dtype),)


def _repeated_and_flat(generator, dtype):
    """The same point twice, two features of equal slope, and one that is flat."""
    (slopes,) = _slopes(generator, dtype)
    slopes[1], slopes[:, 2], slopes[:, 3] = slopes[0], slopes[:, 1], 0
    return (slopes,)


def _slopes_of_many_sizes(generator, dtype):
    return (_slopes(generator, dtype)[0] * torch.logspace(-2, 2, 4, dtype=dtype)[:, None],)


def _form_in_a_loop(slopes):
    total = torch.zeros(slopes.shape[1], slopes.shape[1], dtype=slopes.dtype)
    for point in slopes:
        total = total + point @ point.T
    return total / len(slopes)


def _turned(answer, args):
    angle = 0.7
    turn = torch.eye(args[0].shape[2], dtype=args[0].dtype)
    turn[:2, :2] = _tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]).to(turn)
    return agree(answer(args[0] @ turn), answer(*args), 1e-6)


E1 = Exercise(
    id="L03-E1",
    title="The Dirichlet form",
    minutes=8,
    importance=3,
    reference=dirichlet_form,
    inputs=_slopes,
    example=(
        (_tensor([[[1.0, 0.0], [2.0, 1.0]], [[0.0, 2.0], [0.0, 1.0]]]),),
        _tensor([[2.5, 2.0], [2.0, 3.0]]),
    ),
    identities=(
        Identity("Turning the coordinates changes no scalar product, hence no entry of S.", _turned),
        Identity(
            "A second copy of every point changes nothing.",
            lambda answer, args: agree(answer(torch.cat([args[0]] * 2)), answer(*args)),
        ),
    ),
    edge_cases=(
        Edge("as many points as features and coordinates", partial(_slopes, n=3, m=3, d=3), "sizes"),
        Edge("a single point", partial(_slopes, n=1), "sizes"),
        Edge("31 points on the line", partial(_slopes, n=31, d=1), "sizes"),
        Edge("more points than one handles at once", partial(_slopes, n=2503, m=2, d=2), "sizes"),
        Edge("a single feature", partial(_slopes, m=1), "sizes"),
        Edge("2 points and 5 features in 17 dimensions", partial(_slopes, n=2, m=5, d=17), "sizes"),
        Edge("a repeated point, equal slopes and a flat feature", _repeated_and_flat, "ties"),
        Edge("features of very different slope", _slopes_of_many_sizes, "far"),
    ),
    units={"slopes": 1},
    mistakes=(
        Mistake(
            "sum-over-the-points",
            "You sum over the points; S is a mean, as G is, or their quotient would grow with the data.",
            lambda slopes: torch.einsum("nid,njd->ij", slopes, slopes),
        ),
        Mistake(
            "one-coordinate",
            "You use the first coordinate of the gradients alone; a scalar product adds all d of them.",
            lambda slopes: slopes[:, :, 0].T @ slopes[:, :, 0] / len(slopes),
        ),
        Mistake(
            "mean-over-coordinates",
            "You average over the coordinates, too; a scalar product is their sum, so your rates are too small by d.",
            lambda slopes: torch.einsum("nid,njd->ij", slopes, slopes) / (len(slopes) * slopes.shape[2]),
        ),
        Mistake(
            "centred-slopes",
            "You subtract the mean gradient first; a constant slope is energy like any other.",
            lambda slopes: torch.einsum("nid,njd->ij", slopes - slopes.mean(0), slopes - slopes.mean(0)) / len(slopes),
        ),
        Mistake(
            "product-of-lengths",
            "You multiply the lengths of the gradients; a scalar product knows their angle and has a sign.",
            lambda slopes: torch.einsum("ni,nj->ij", slopes.norm(dim=2), slopes.norm(dim=2)) / len(slopes),
        ),
        Mistake(
            "divided-by-the-features",
            "You divide by the number of features m; the mean is over the n points, the first axis.",
            lambda slopes: torch.einsum("nid,njd->ij", slopes, slopes) / slopes.shape[1],
        ),
        Mistake(
            "divided-by-one-less",
            "You divide by n - 1; S is a plain mean over the n points.",
            lambda slopes: torch.einsum("nid,njd->ij", slopes, slopes) / (len(slopes) - 1),
        ),
        Mistake(
            "coordinates-by-coordinates",
            "You multiply the wrong axes, which compares coordinates, (d, d); features with features is (m, m).",
            lambda slopes: torch.einsum("nid,nie->de", slopes, slopes) / len(slopes),
        ),
        Mistake(
            "product-of-means",
            "You multiply the mean gradients; S is the mean of the products, taken point by point.",
            lambda slopes: slopes.mean(0) @ slopes.mean(0).T,
        ),
        Mistake(
            "reshaped-in-the-wrong-order",
            "You reshape without moving the features to the front, which mixes points and features; transpose first.",
            lambda slopes: (lambda flat: flat @ flat.T / len(slopes))(slopes.reshape(slopes.shape[1], -1)),
        ),
        Mistake(
            "columns-of-the-slopes",
            "You sum over the features and keep the coordinates' place; each gradient is a row of slopes[i].",
            lambda slopes: (
                dirichlet_form(slopes.transpose(1, 2)) if slopes.shape[1] == slopes.shape[2] else dirichlet_form(slopes)
            ),
        ),
    ),
    alternatives=(
        _form_in_a_loop,
        lambda slopes: (slopes @ slopes.transpose(1, 2)).mean(0),
        lambda slopes: sum(slopes[:, :, k].T @ slopes[:, :, k] for k in range(slopes.shape[2])) / slopes.shape[0],
    ),
)


# --- L03-E2 -------------------------------------------------------------------------------------------------


def generator_rates(stiffness, gram, tol):
    """Ascending eigenvalues of S a = rate G a in the directions of G above tol times its largest eigenvalue."""
    w = whiten(gram, tol, "L03-E2")
    return torch.linalg.eigvalsh(w.T @ stiffness @ w)


def _problem(generator, dtype, m=4, sizes=None):
    """A dirichlet form and a Gram matrix in one random basis, of eigenvalues ``sizes`` for the latter."""
    basis = torch.linalg.qr(torch.randn(m, m, generator=generator, dtype=torch.float64)).Q
    if sizes is None:
        sizes = 0.5 + 1.5 * torch.rand(m, generator=generator, dtype=torch.float64)
    half = torch.randn(m, 2 * m, generator=generator, dtype=torch.float64)
    gram = basis @ torch.diag(sizes) @ basis.T
    return (half @ half.T / (2 * m)).to(dtype), (0.5 * (gram + gram.T)).to(dtype), 1e-4


def _with_dead_features(generator, dtype, kept=3):
    """Two features are nearly zero on all the data, one of them less than tol^2 of the others."""
    stiffness, gram, tol = _problem(generator, torch.float64, kept + 2)
    for k, square, energy in ((-1, 1e-6, 2e-5), (-2, 1e-9, 3e-8)):
        for matrix, size in ((gram, square), (stiffness, energy)):
            matrix[k], matrix[:, k] = 0, 0
            matrix[k, k] = size
    return stiffness.to(dtype), gram.to(dtype), tol


def _with_equal_features(generator, dtype):
    """Two features that agree on all data."""
    stiffness, gram, tol = _problem(generator, dtype)
    twice = torch.eye(4, dtype=dtype)
    twice[3] = twice[2]
    return twice @ stiffness @ twice.T, twice @ gram @ twice.T, tol


def _around_the_bound(generator, dtype):
    """Eigenvalues of G a little below and above tol times the largest, of which there are two."""
    return _problem(generator, dtype, 5, torch.tensor([0.9e-4, 1.2e-4, 0.5, 1.0, 1.0], dtype=torch.float64))


def _features_of_many_sizes(generator, dtype):
    stiffness, gram, _ = _problem(generator, dtype)
    scale = torch.logspace(-1.5, 1.5, 4, dtype=dtype)
    return scale[:, None] * stiffness * scale, scale[:, None] * gram * scale, 1e-10


def _in_other_time_units(factor, generator, dtype):
    stiffness, gram, tol = _problem(generator, dtype)
    return factor * stiffness, gram, tol


def _in_the_span(stiffness, gram, tol):
    values, vectors = torch.linalg.eigh(gram)
    kept = vectors[:, values > tol * values.max()]
    s, g = kept.T @ stiffness @ kept, kept.T @ gram @ kept
    return torch.linalg.eigvals(torch.linalg.solve(g, s)).real.sort().values


def _by_singular_vectors(stiffness, gram, tol):
    vectors, sizes, _ = torch.linalg.svd(gram)
    kept = int((sizes > tol * sizes[0]).sum())
    w = vectors[:, :kept] @ torch.diag(sizes[:kept] ** -0.5)
    return torch.linalg.eigvalsh(w.T @ stiffness @ w)


def _whitened(stiffness, gram, keep, power=-0.5):
    values, vectors = torch.linalg.eigh(gram)
    w = vectors[:, keep(values)] * values[keep(values)] ** power
    return torch.linalg.eigvalsh(w.T @ stiffness @ w)


def _hardly_seen(generator, dtype):
    stiffness, gram = torch.tensor([[2.0, 12.0, 5e-9], [1.0, 4.0, 1e-9]], dtype=dtype).diag_embed()
    return stiffness, gram, 1e-11


def _by_features(stiffness, gram, tol):
    keep = gram.diagonal() > tol * gram.diagonal().max()
    return torch.linalg.eigvalsh(_whitened_by_cholesky(stiffness[keep][:, keep], gram[keep][:, keep]))


def _whitened_by_cholesky(stiffness, gram):
    inverse = torch.linalg.inv(torch.linalg.cholesky(gram))
    return inverse @ stiffness @ inverse.T


def _zeros_for_dropped(stiffness, gram, tol):
    rates = generator_rates(stiffness, gram, tol)
    return torch.cat([rates.new_zeros(len(gram) - len(rates)), rates]).sort().values


def _with_a_ridge(stiffness, gram, tol):
    values, vectors = torch.linalg.eigh(gram)
    w = vectors / (values + tol * values.max()).sqrt()
    return torch.linalg.eigvalsh(w.T @ stiffness @ w)


def _other_units_of_features(answer, args):
    stiffness, gram, tol = args
    return agree(answer(9 * stiffness, 9 * gram, tol), answer(*args), 1e-6)


def _less_than_its_mean(stiffness):
    return stiffness - 2 * stiffness.diagonal().mean() * torch.eye(len(stiffness), dtype=stiffness.dtype)


def _diagonal_quotients(stiffness, gram, tol):
    seen = gram.diagonal() > tol * gram.diagonal().max()
    return (stiffness.diagonal()[seen] / gram.diagonal()[seen]).sort().values


def _divided_late(stiffness, gram, tol):
    values, vectors = torch.linalg.eigh(gram)
    seen = values > tol * values[-1]
    return (torch.linalg.eigvalsh(vectors[:, seen].T @ stiffness @ vectors[:, seen]) / values[seen]).sort().values


E2 = Exercise(
    id="L03-E2",
    title="The rates, in the space that the data see",
    minutes=10,
    importance=3,
    reference=generator_rates,
    inputs=_with_dead_features,
    example=(
        (
            _tensor([[2.0, 0.0, 0.0], [0.0, 12.0, 0.0], [0.0, 0.0, 1e-9]]),
            _tensor([[1.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 1e-12]]),
            1e-8,
        ),
        _tensor([2.0, 3.0]),
    ),
    identities=(
        Identity(
            "All features three times as large give S and G nine times as large, and the same rates.",
            _other_units_of_features,
        ),
        Identity(
            "Where S = 5 G, every rate is 5.",
            lambda answer, args: agree(answer(5 * args[1], args[1], args[2]), torch.full((3,), 5.0), 1e-6),
        ),
    ),
    edge_cases=(
        (
            "a stiffness with negative eigenvalues",
            altered(_with_dead_features, generator_rates, stiffness=_less_than_its_mean),
        ),
        ("a regular G", _problem),
        Edge("a single feature", partial(_problem, m=1), "sizes"),
        Edge("17 features and two dead ones", partial(_with_dead_features, kept=17), "sizes"),
        Edge("two features that are equal on all data", _with_equal_features, "ties"),
        Edge("directions around the bound", _around_the_bound, "ties"),
        Edge("features of very different size", _features_of_many_sizes, "far"),
        ("a tolerance of 1e-11 and a direction of 1e-9", _hardly_seen),
        Edge("a much longer unit of time", partial(_in_other_time_units, 1e12), "units"),
        Edge("a much shorter unit of time", partial(_in_other_time_units, 1e-12), "units"),
    ),
    units={"stiffness": 2, "gram": 2},
    farthest=1e15,
    tolerance=1e-7,
    mistakes=(
        Mistake(
            "without-the-gram-matrix",
            "You take the eigenvalues of S alone; features are not orthonormal, so G must enter.",
            lambda stiffness, gram, tol: torch.linalg.eigvalsh(stiffness),
        ),
        Mistake(
            "exchanged",
            "You solve G a = rate S a, whose eigenvalues are times, not rates: S stands on the left.",
            lambda stiffness, gram, tol: 1 / generator_rates(stiffness, gram, tol).flip(0),
        ),
        Mistake(
            "ridge-for-truncation",
            "You add a ridge to G; that keeps the directions which the data do not see, with rates far too small.",
            _with_a_ridge,
        ),
        Mistake(
            "no-truncation",
            "You keep every direction of G; those below tol times the largest are rounding, and must be dropped.",
            lambda stiffness, gram, tol: _whitened(stiffness, gram, lambda values: values > 0),
        ),
        Mistake(
            "absolute-tolerance",
            "You compare with tol itself; relative to the largest eigenvalue it does not depend on the features' unit.",
            lambda stiffness, gram, tol: _whitened(stiffness, gram, lambda values: values > tol),
        ),
        Mistake(
            "roots-compared",
            "You compare the roots of the eigenvalues with tol times the largest root; that keeps everything above "
            "tol^2.",
            lambda stiffness, gram, tol: _whitened(
                stiffness, gram, lambda values: values.clamp_min(0).sqrt() > tol * values.max().sqrt()
            ),
        ),
        Mistake(
            "compared-with-the-trace",
            "Your bound is above tol times the largest eigenvalue of G, as tol times its trace is, and drops too much.",
            lambda stiffness, gram, tol: _whitened(stiffness, gram, lambda values: values > tol * gram.trace()),
        ),
        Mistake(
            "features-dropped-not-directions",
            "You drop features whose own entry of G is small; two equal features are large, and still one direction "
            "is dead.",
            _by_features,
        ),
        Mistake(
            "zeros-for-dropped",
            "You return a zero for each dropped direction; those would be spurious slow modes. Return only the "
            "rates kept.",
            _zeros_for_dropped,
        ),
        Mistake(
            "descending",
            "You return the largest rate first; this course sorts rates in ascending order.",
            lambda stiffness, gram, tol: generator_rates(stiffness, gram, tol).flip(0),
        ),
        Mistake(
            "root-of-the-wrong-sign",
            "You scale by the root of G's eigenvalues; whitening divides by it.",
            lambda stiffness, gram, tol: _whitened(stiffness, gram, lambda values: values > tol * values.max(), 0.5),
        ),
        Mistake(
            "full-inverse",
            "You divide by the eigenvalues of G on both sides; their root is enough, since it enters twice.",
            lambda stiffness, gram, tol: _whitened(stiffness, gram, lambda values: values > tol * values.max(), -1.0),
        ),
        Mistake(
            "quotient-of-the-diagonals",
            "You divide diagonal by diagonal; features overlap, so that only whitened ones have their rates there.",
            lambda stiffness, gram, tol: _diagonal_quotients(stiffness, gram, tol),
        ),
        Mistake(
            "divided-after-the-eigenvalues",
            "You divide the eigenvalues of S by those of G; the two have other eigenvectors, so whiten S first.",
            lambda stiffness, gram, tol: _divided_late(stiffness, gram, tol),
        ),
    ),
    alternatives=(_in_the_span, _by_singular_vectors),
)


# --- L03-E3 -------------------------------------------------------------------------------------------------


def feynman_kac(phi_start, phi_end, rates, t):
    """Claim exp(-rate t) phi(x); mean over the walkers; standard error of that mean."""
    error = phi_end.std(dim=0) / math.sqrt(len(phi_end))
    return torch.exp(-rates * t) * phi_start, phi_end.mean(dim=0), error


def _walkers(generator, dtype, n=6, r=3):
    phi_start = 0.5 + torch.rand(r, generator=generator, dtype=dtype)
    phi_end = phi_start + torch.randn(n, r, generator=generator, dtype=dtype)
    rates = (0.4 + torch.rand(r, generator=generator, dtype=dtype)).cumsum(0)
    return phi_start, phi_end, rates, 0.3 + 0.5 * float(torch.rand((), generator=generator))


def _of_either_sign(generator, dtype):
    phi_start, phi_end, rates, t = _walkers(generator, dtype)
    signs = torch.tensor([-1.0, 1.0, -1.0], dtype=dtype)
    return signs * phi_start, signs * phi_end, rates[[2, 0, 1]], t


def _at_rest(generator, dtype, t=0.0):
    """The constant, which has the rate 0, a rate that repeats, and walkers that agree."""
    phi_start, phi_end, rates, _ = _walkers(generator, dtype)
    phi_end[:, 0], rates[0], rates[2] = phi_start[0], 0, rates[1]
    return phi_start, phi_end, rates, t


def _scattering_little(generator, dtype):
    phi_start, phi_end, rates, t = _walkers(generator, dtype)
    return phi_start + 1e5, phi_end + 1e5, rates, t


def _modes_of_many_sizes(generator, dtype):
    phi_start, phi_end, rates, t = _walkers(generator, dtype)
    size = torch.tensor([1e-3, 1.0, 1e3], dtype=dtype)
    return size * phi_start, size * phi_end, rates, t


def _in_other_time_units(factor, generator, dtype):
    phi_start, phi_end, rates, t = _walkers(generator, dtype)
    return phi_start, phi_end, rates / factor, factor * t


def _fast_and_slow(generator, dtype):
    phi_start, phi_end, _, t = _walkers(generator, dtype)
    return phi_start, phi_end, torch.tensor([1e-6, 1.0, 2000.0], dtype=dtype), t


def _with_error(error):
    """Claim and mean are right; the third is ``error(phi_end, claim)``."""

    def wrong(phi_start, phi_end, rates, t):
        claim, mean, _ = feynman_kac(phi_start, phi_end, rates, t)
        return claim, mean, error(phi_end, claim)

    return wrong


def _with_claim(claim):
    """Mean and error are right; the first is ``claim(phi_start, rates, t)``."""
    return lambda phi_start, phi_end, rates, t: (
        claim(phi_start, rates, t),
        *feynman_kac(phi_start, phi_end, rates, t)[1:],
    )


def _mean_discounted(phi_start, phi_end, rates, t):
    claim, mean, error = feynman_kac(phi_start, phi_end, rates, t)
    return claim, torch.exp(-rates * t) * mean, error


def _by_hand(phi_start, phi_end, rates, t):
    n = phi_end.shape[0]
    mean = phi_end.sum(0) / n
    error = ((phi_end - mean).square().sum(0) / (n - 1) / n).sqrt()
    return phi_start / torch.exp(rates * t), mean, error


def _at_time_zero(answer, args):
    return agree(answer(args[0], args[1], args[2], 0.0)[0], args[0], 1e-6)


def _ornstein_uhlenbeck(answer, args):
    # 4,000 walkers of the OU process from x = 1.5, whose first two eigenfunctions are Hermite polynomials
    source = torch.Generator().manual_seed(int(1e6 * args[3]))
    x, t, noise = 1.5, args[3], torch.randn(4000, generator=source, dtype=torch.float64)
    end = math.exp(-t) * x + math.sqrt(1 - math.exp(-2 * t)) * noise
    phi = [torch.stack([u, (u**2 - 1) / math.sqrt(2)], dim=-1) for u in (_tensor(x), end)]
    claim, mean, error = answer(*phi, _tensor([1.0, 2.0]), t)
    return bool(((mean - claim).abs() < 6 * error).all())


E3 = Exercise(
    id="L03-E3",
    title="Both sides of Feynman-Kac",
    minutes=10,
    importance=2,
    reference=feynman_kac,
    inputs=_walkers,
    example=(
        (_tensor([2.0]), _tensor([[0.0], [1.0], [2.0], [1.0]]), _tensor([math.log(2.0)]), 1.0),
        (_tensor([1.0]), _tensor([1.0]), _tensor([math.sqrt(1 / 6)])),
    ),
    identities=(
        Identity("At t = 0 the claim is phi at the start.", _at_time_zero),
        Identity(
            "For the Ornstein-Uhlenbeck process the two sides agree within six standard errors.",
            _ornstein_uhlenbeck,
            false_rejection=1e-7,
        ),
    ),
    edge_cases=(
        Edge("as many walkers as modes", partial(_walkers, n=3, r=3), "sizes"),
        Edge("two walkers", partial(_walkers, n=2), "sizes"),
        Edge("31 walkers and a single mode", partial(_walkers, n=31, r=1), "sizes"),
        Edge("17 modes", partial(_walkers, r=17), "sizes"),
        Edge("the time 0, a rate 0 and walkers that agree", _at_rest, "ties"),
        Edge("a rate 0, a rate that repeats and walkers that agree", partial(_at_rest, t=0.7), "ties"),
        ("walkers that scatter little around a large value", _scattering_little),
        Edge("modes of very different size", _modes_of_many_sizes, "far"),
        Edge("rates from 1e-6 to 2000", _fast_and_slow, "far"),
        ("values of either sign, and rates in no order", _of_either_sign),
        Edge("a much shorter unit of time", partial(_in_other_time_units, 1e9), "units"),
        Edge("a much longer unit of time", partial(_in_other_time_units, 1e-9), "units"),
    ),
    units={"phi_start": 1, "phi_end": 1},
    mistakes=(
        Mistake(
            "growing",
            "Your claim grows with time: the average of an eigenfunction decays, so the exponent needs a minus sign.",
            _with_claim(lambda phi_start, rates, t: torch.exp(rates * t) * phi_start),
        ),
        Mistake(
            "start-forgotten",
            "Your claim is the decay alone; it multiplies the value of phi at the start.",
            _with_claim(lambda phi_start, rates, t: torch.exp(-rates * t)),
        ),
        Mistake(
            "linear-decay",
            "You have 1 - rate t, right only for short times; the decay is exponential.",
            _with_claim(lambda phi_start, rates, t: (1 - rates * t) * phi_start),
        ),
        Mistake(
            "claim-without-time",
            "Your claim does not know the time; in the time t a mode decays by exp(-rate t).",
            _with_claim(lambda phi_start, rates, t: torch.exp(-rates) * phi_start),
        ),
        Mistake(
            "mean-discounted",
            "You discount the mean by exp(-rate t) as well; the walkers have decayed by moving.",
            _mean_discounted,
        ),
        Mistake(
            "exchanged",
            "You return the mean first; the order is claim, mean, error.",
            lambda *args: (feynman_kac(*args)[1], feynman_kac(*args)[0], feynman_kac(*args)[2]),
        ),
        Mistake(
            "discounted-twice",
            "You discount the walkers' values by exp(-rate t) as well; they have decayed by moving.",
            lambda phi_start, phi_end, rates, t: feynman_kac(phi_start, torch.exp(-rates * t) * phi_end, rates, t),
        ),
        Mistake(
            "spread-for-error",
            "You return the standard deviation of the walkers; the error of their mean is smaller by the root of n.",
            _with_error(lambda phi_end, claim: phi_end.std(0)),
        ),
        Mistake(
            "divided-by-n",
            "You divide by n; the variance of a mean falls like 1/n, its deviation like one over the root.",
            _with_error(lambda phi_end, claim: phi_end.std(0) / len(phi_end)),
        ),
        Mistake(
            "variance-for-deviation",
            "Your error is the variance over the root of n; the standard deviation is meant.",
            _with_error(lambda phi_end, claim: phi_end.var(0) / math.sqrt(len(phi_end))),
        ),
        Mistake(
            "variance-of-the-mean",
            "You return the variance of the mean; the standard error is its root.",
            _with_error(lambda phi_end, claim: phi_end.var(0) / len(phi_end)),
        ),
        Mistake(
            "mean-square-minus-squared-mean",
            "Your variance is the mean square minus the squared mean, two large numbers; average the squared "
            "deviations.",
            _with_error(
                lambda phi_end, claim: (
                    (phi_end.square().mean(0) - phi_end.mean(0).square()).clamp_min(0) / (len(phi_end) - 1)
                ).sqrt()
            ),
        ),
        Mistake(
            "deviation-with-n",
            "Your standard deviation divides by n; the mean was estimated from the same walkers, so divide by n - 1.",
            _with_error(lambda phi_end, claim: phi_end.std(0, correction=0) / math.sqrt(len(phi_end))),
        ),
        Mistake(
            "root-of-the-modes",
            "You divide by the root of the number of modes; it is the walkers that are averaged, n of them.",
            _with_error(lambda phi_end, claim: phi_end.std(0) / math.sqrt(phi_end.shape[1])),
        ),
        Mistake(
            "one-error-for-all-modes",
            "You take one standard deviation of all entries; each mode, a column, has its own.",
            _with_error(lambda phi_end, claim: (phi_end.std() / math.sqrt(len(phi_end))).expand_as(claim)),
        ),
        Mistake(
            "deviation-from-the-claim",
            "You measure the deviations from the claim; a standard deviation is about the walkers' own mean.",
            _with_error(
                lambda phi_end, claim: (phi_end - claim).square().sum(0).div(len(phi_end) * (len(phi_end) - 1)).sqrt()
            ),
        ),
    ),
    alternatives=(
        _by_hand,
        lambda phi_start, phi_end, rates, t: (
            phi_start * (-t * rates).exp(),
            phi_end.mean(0),
            (phi_end.var(0) / phi_end.shape[0]) ** 0.5,
        ),
    ),
)


# --- L03-E4 -------------------------------------------------------------------------------------------------


def walk_rates(x, eps, count):
    """The count slowest rates of a diffusion map, without the constant's; also those that the package drops."""
    k = torch.exp(-(x[:, None] - x[None]).square().sum(2) / (4 * eps))
    q = k.sum(1)
    k = k / torch.outer(q, q).sqrt()
    root = k.sum(1).sqrt()
    mu = torch.linalg.eigvalsh(k / torch.outer(root, root)).flip(0)
    return (1 - mu[1 : count + 1]) / eps


def _same_as_the_package(answer, args):
    x, eps, count = args
    return agree(answer(x, eps, count), DiffusionMaps(math.sqrt(2 * eps)).fit(x).spectrum(count).rates, 1e-6)


def _islands(generator, dtype, sizes=(9, 12, 10), d=2, count=2, apart=1.0):
    """Three islands of points of unequal size, so that two slow rates stand out from the rest."""
    middles = [apart * k * torch.ones(d, dtype=torch.float64) for k in (-1.0, 0.0, 1.3)]
    rows = [
        middle + 0.5 * torch.randn(size, d, generator=generator, dtype=torch.float64)
        for middle, size in zip(middles, sizes)
    ]
    return torch.cat(rows).to(dtype), 0.15, count


def _far_from_the_origin(generator, dtype):
    x, eps, count = _islands(generator, dtype, sizes=(3, 4, 3), count=4)
    return x + 1e6, eps, count


def _twins(generator, dtype):
    """Every point of some twice, and the corners of a square, all rates."""
    x, eps, _ = _islands(generator, dtype, sizes=(2, 2, 1))
    corners = torch.cartesian_prod(*2 * [torch.tensor([0.0, 0.5], dtype=dtype)])
    return torch.cat([x, x, corners]), eps, 13


def _expanded_squares(u, x):
    return u.square().sum(1, keepdim=True) + x.square().sum(1) - 2 * u @ x.T


def _exact_squares(u, x):
    return torch.cdist(u, x, compute_mode="donot_use_mm_for_euclid_dist").square()


def _walk(x, eps, exponent=4.0, alpha=0.5, squares=_exact_squares):
    """The matrix of the walk."""
    k = torch.exp(-squares(x, x) / (exponent * eps))
    p = k / k.sum(1) ** alpha
    return p / p.sum(1, keepdim=True)


def _slowest(mu, eps, count):
    return (1 - mu.sort(descending=True).values[1 : count + 1]) / eps


def _general_walk(x, eps, count, exponent=4.0, alpha=0.5):
    return _slowest(torch.linalg.eigvals(_walk(x, eps, exponent, alpha)).real, eps, count)


def _by_the_square_norms(x, eps, count):
    """About the mean, where the expanded square loses no digits; rows and columns scaled alike."""
    y = x - x.mean(0)
    norms = y.square().sum(1)
    k = torch.exp((2 * y @ y.T - norms[:, None] - norms) / (4 * eps))
    k = k / k.sum(0).sqrt().outer(k.sum(1).sqrt())
    root = k.sum(1).rsqrt()
    return (1 - torch.linalg.eigh(root[:, None] * k * root).eigenvalues.flip(0)[1 : count + 1]) / eps


def _with_the_length(x, eps, count):
    p = torch.exp(-torch.cdist(x, x) / (4 * eps))
    p = p / p.sum(1).sqrt()
    return _slowest(torch.linalg.eigvals(p / p.sum(1, keepdim=True)).real, eps, count)


def _never_staying(x, eps, count):
    k = torch.exp(-torch.cdist(x, x).square() / (4 * eps)).fill_diagonal_(0)
    p = k / k.sum(1).sqrt()
    return _slowest(torch.linalg.eigvals(p / p.sum(1, keepdim=True)).real, eps, count)


def _above_zero(x, eps, count):
    rates = (1 - torch.linalg.eigvals(_walk(x, eps)).real).sort().values / eps
    return rates[rates > 1e-6][:count]


def _zoomed(answer, args):
    # lengths twice as large: times four times as large
    x, eps, count = args
    return agree(answer(2 * x, 4 * eps, count), answer(*args) / 4, 1e-5)


E4 = Exercise(
    id="L03-E4",
    title="The rates of a diffusion map",
    minutes=12,
    importance=2,
    reference=walk_rates,
    inputs=_islands,
    example=((_tensor([[0.0], [1.0], [3.0]]), 0.5, 2), _tensor([0.298083164154, 1.549582355192])),
    identities=(
        Identity("All lengths doubled and eps four times as large make every rate a quarter.", _zoomed),
        Identity("Its rates are those of koopteach's DiffusionMaps.", _same_as_the_package),
        Identity(
            "The order of the points does not matter.",
            lambda answer, args: agree(answer(args[0].flip(0), *args[1:]), answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        Edge("31 points very far from the origin", altered(_islands, walk_rates, x=lambda x: x + 1e6), "far"),
        Edge("as many points as coordinates", partial(_islands, sizes=(2, 1, 1), d=4), "sizes"),
        Edge("points on the line", partial(_islands, d=1), "sizes"),
        Edge("one rate asked", partial(_islands, count=1), "sizes"),
        Edge("five points in 17 dimensions, all rates", partial(_islands, sizes=(2, 1, 2), d=17, count=4), "sizes"),
        Edge("points that coincide or form a square, all rates", _twins, "ties"),
        ("points far from the origin", _far_from_the_origin),
        Edge("islands so far apart that nobody jumps between them", partial(_islands, apart=40.0, count=4)),
    ),
    units={"x": 1, "eps": 2},
    tolerance=1e-7,
    bounded=("x",),
    mistakes=(
        Mistake(
            "kernel-without-the-four",
            "Your kernel is exp(-d^2/eps): diffusion for the time eps/4, so the rates are only a quarter.",
            partial(_general_walk, exponent=1.0),
        ),
        Mistake(
            "kernel-with-two",
            "Your kernel is exp(-d^2/(2 eps)): diffusion for the time eps/2, so the rates are halved.",
            partial(_general_walk, exponent=2.0),
        ),
        Mistake(
            "density-not-divided-out",
            "You normalise rows only (alpha = 0); then the drift is twice as strong as Langevin's.",
            partial(_general_walk, alpha=0.0),
        ),
        Mistake(
            "density-divided-out-fully",
            "You divide by q, not by its root (alpha = 1); then the walk has no drift and ignores the density.",
            partial(_general_walk, alpha=1.0),
        ),
        Mistake(
            "constant-kept",
            "Your first rate is 0, that of the constant function; leave its eigenvalue 1 out.",
            lambda x, eps, count: torch.cat([0 * x[:1, 0], _general_walk(x, eps, count)])[:count],
        ),
        Mistake(
            "logarithm-of-mu",
            "You return -log(mu) / eps, the rate of a walk in continuous time; asked for is (1 - mu) / eps.",
            lambda x, eps, count: -(1 - eps * _general_walk(x, eps, count)).log() / eps,
        ),
        Mistake(
            "walk-is-not-symmetric",
            "You give the walk to eigvalsh, which reads one triangle only; P is not symmetric, so use eigvals.",
            lambda x, eps, count: _slowest(torch.linalg.eigvalsh(_walk(x, eps)), eps, count),
        ),
        Mistake(
            "square-multiplied-out",
            "You compute |x|^2 + |y|^2 - 2 x.y, which loses its digits far from the origin; square the differences.",
            lambda x, eps, count: _slowest(
                torch.linalg.eigvals(_walk(x, eps, squares=_expanded_squares)).real, eps, count
            ),
        ),
        Mistake(
            "never-staying",
            "You forbid jumps to oneself; the kernel of a point with itself, 1, belongs to the walk.",
            _never_staying,
        ),
        Mistake(
            "distance-not-squared",
            "Your kernel falls with the distance; diffusion makes a Gaussian, with the squared distance.",
            _with_the_length,
        ),
        Mistake(
            "all-near-zero-dropped",
            "You drop every rate near zero; only the constant's goes, for islands without a bridge have slow modes, "
            "too.",
            _above_zero,
        ),
        Mistake(
            "fastest",
            "You return the largest rates; the slowest belong to the eigenvalues nearest to 1.",
            lambda x, eps, count: (1 - torch.linalg.eigvals(_walk(x, eps)).real.sort().values[:count].flip(0)) / eps,
        ),
        Mistake(
            "eigenvalues-for-rates",
            "You return the eigenvalues mu; the rates are (1 - mu) / eps.",
            lambda x, eps, count: 1 - eps * _general_walk(x, eps, count),
        ),
        Mistake(
            "not-per-time",
            "You return 1 - mu, the share lost in one jump; a jump takes the time eps, so divide by it.",
            lambda x, eps, count: eps * _general_walk(x, eps, count),
        ),
    ),
    alternatives=(lambda x, eps, count: _general_walk(x, eps, count), _by_the_square_norms),
)


# --- L03-E5 -------------------------------------------------------------------------------------------------


def extend(u, x, q, psi, mu, eps):
    """phi(u) = 1/mu sum_j p_j(u) psi_j."""
    return _averages(u, x, q, psi, eps) / mu


def _squares(u, x):
    """Square distances, (p, n); from differences, which keep their digits far from the origin."""
    return (u[:, None] - x[None]).square().sum(2)


def _averages(u, x, q, psi, eps, power=0.5, dim=1, squares=_squares):
    return torch.softmax(-squares(u, x) / (4 * eps) - power * q.log(), dim=dim) @ psi


def _eigenvectors(generator, dtype, p=5, n=8, r=2, d=2):
    x = torch.randn(n, d, generator=generator, dtype=dtype)
    u = torch.randn(p, d, generator=generator, dtype=dtype)
    eps = 0.3 + 0.3 * float(torch.rand((), generator=generator))
    q = torch.exp(-torch.cdist(x, x).square() / (4 * eps)).sum(1)
    psi = torch.randn(n, r, generator=generator, dtype=dtype)
    mu = 0.5 + 0.3 * torch.rand(r, generator=generator, dtype=dtype)
    return u, x, q, psi, mu, eps


def _far_away(shifts, make, generator, dtype):
    """The first argument moved away from the samples, each row by a number of its own."""
    u, *others = make(generator, dtype)
    return u + torch.tensor(shifts, dtype=dtype)[:, None], *others


def _moved_together(make, generator, dtype):
    u, x, *others = make(generator, dtype)
    return u + 1e6, x + 1e6, *others


def _densities_of_many_sizes(generator, dtype):
    u, x, q, *others = _eigenvectors(generator, dtype)
    return u, x, q * torch.logspace(-6, 6, len(q), dtype=dtype), *others


def _at_samples_that_coincide(generator, dtype):
    _, x, q, psi, mu, eps = _eigenvectors(generator, dtype)
    x[1], psi[1], q[:] = x[0], psi[0], 2
    return x.clone(), x, q, psi, torch.ones_like(mu), eps


def _extend_in_a_loop(u, x, q, psi, mu, eps):
    rows = []
    for point in u:
        square = (x - point).square().sum(1)
        weight = torch.exp((square.min() - square) / (4 * eps)) / q.sqrt()
        rows.append((weight[:, None] * psi).sum(0) / weight.sum() / mu)
    return torch.stack(rows)


def _extend_by_logarithms(u, x, q, psi, mu, eps):
    logs = -torch.cdist(u, x).square() / (4 * eps) - 0.5 * q.log()
    return (logs - logs.logsumexp(1, keepdim=True)).exp() @ (psi / mu)


def _by_a_quotient(u, x, q, psi, mu, eps, least=0.0):
    k = torch.exp(-_squares(u, x) / (4 * eps)) / q.sqrt()
    return k @ psi / k.sum(1, keepdim=True).clamp_min(least) / mu


def _one_shift_for_all(u, x, q, psi, mu, eps):
    logs = -_squares(u, x) / (4 * eps) - 0.5 * q.log()
    k = (logs - logs.max()).exp()
    return k @ psi / k.sum(1, keepdim=True) / mu


def _with_the_distance(u, x, q, psi, mu, eps):
    return torch.softmax(-_squares(u, x).sqrt() / (4 * eps) - 0.5 * q.log(), dim=1) @ psi / mu


def _constants_stay(answer, args):
    u, x, q, psi, mu, eps = args
    ones = torch.ones_like(psi)
    return agree(answer(u, x, q, ones, torch.ones_like(mu), eps), torch.ones(len(u), len(mu)), 1e-6)


def _agrees_at_the_samples(answer, args):
    _, x, q, _, _, eps = (part.double() if isinstance(part, torch.Tensor) else part for part in args)
    k = torch.exp(-torch.cdist(x, x).square() / (4 * eps)) / q.sqrt()
    mu, psi = torch.linalg.eig(k / k.sum(1, keepdim=True))
    order = mu.real.argsort(descending=True)[1:3]
    mu, psi = mu.real[order], psi.real[:, order]
    return agree(answer(x, x, q, psi, mu, eps), psi, 1e-5)


def _on_the_axis(x):
    """The same points, all of them on the first axis."""
    return torch.cat([x[:, :1], torch.zeros_like(x[:, 1:])], dim=1)


def _sideways(x):
    """Points beside that axis, so far that every kernel underflows, and as near to some of its points as to others."""
    return _on_the_axis(x) + 60 * (1 - _on_the_axis(torch.ones_like(x)))


E5 = Exercise(
    id="L03-E5",
    title="Off the samples",
    minutes=8,
    importance=2,
    reference=extend,
    inputs=_eigenvectors,
    example=(
        (_tensor([[0.0]]), _tensor([[-1.0], [1.0]]), _tensor([1.0, 4.0]), _tensor([[3.0], [0.0]]), _tensor([0.5]), 1.0),
        _tensor([[4.0]]),
    ),
    identities=(
        Identity("A constant psi with mu = 1 is extended to the same constant.", _constants_stay),
        Identity("At the samples the extension of an eigenvector is the eigenvector.", _agrees_at_the_samples),
    ),
    edge_cases=(
        Edge(
            "new points far from all samples, as near to several",
            altered(_eigenvectors, extend, u=_sideways, x=_on_the_axis),
            "far",
        ),
        Edge("eigenvalues of a millionth", altered(_eigenvectors, extend, mu=lambda mu: 1e-6 * mu), "far"),
        Edge(
            "as many new points as samples, modes and coordinates", partial(_eigenvectors, p=4, n=4, r=4, d=4), "sizes"
        ),
        Edge("a single new point", partial(_eigenvectors, p=1), "sizes"),
        Edge("a single mode on the line", partial(_eigenvectors, r=1, d=1), "sizes"),
        Edge("31 new points, a single sample", partial(_eigenvectors, p=31, n=1), "sizes"),
        Edge("17 dimensions, 3 modes, 40 samples", partial(_eigenvectors, d=17, r=3, n=40), "sizes"),
        Edge("samples that coincide, and new points on them", _at_samples_that_coincide, "ties"),
        ("samples and new points far from the origin", partial(_moved_together, _eigenvectors)),
        ("new points far from all samples", partial(_far_away, 5 * [40.0], _eigenvectors)),
        Edge(
            "new points far and very far from all samples",
            partial(_far_away, [40.0, 40.0, 300.0, -1000.0, 40.0], partial(_eigenvectors, n=31)),
            "far",
        ),
        Edge("densities q of very different size", _densities_of_many_sizes, "far"),
    ),
    units={"u": 1, "x": 1, "eps": 2, "psi": 1},
    mistakes=(
        Mistake(
            "not-divided-by-mu",
            "You average psi and stop; one jump has shrunk it by mu, so divide by mu to be back at psi on the samples.",
            lambda u, x, q, psi, mu, eps: _averages(u, x, q, psi, eps),
        ),
        Mistake(
            "times-mu",
            "You multiply by mu, and shrink twice; the equation psi = P psi / mu divides.",
            lambda u, x, q, psi, mu, eps: _averages(u, x, q, psi, eps) * mu,
        ),
        Mistake(
            "density-forgotten",
            "Your weights lack the factor q^(-1/2); that is another walk than the one psi belongs to.",
            lambda u, x, q, psi, mu, eps: _averages(u, x, q, psi, eps, power=0.0) / mu,
        ),
        Mistake(
            "density-not-rooted",
            "You divide the weights by q, not by its root, as a walk with alpha = 1 would.",
            lambda u, x, q, psi, mu, eps: _averages(u, x, q, psi, eps, power=1.0) / mu,
        ),
        Mistake(
            "weights-not-normalised",
            "Your weights do not sum to one; p_j(u) are probabilities, those of a jump from u.",
            lambda u, x, q, psi, mu, eps: (torch.exp(-_squares(u, x) / (4 * eps)) * q**-0.5) @ psi / mu,
        ),
        Mistake(
            "normalised-over-the-new-points",
            "Your weights add up to one over the new points; at each u they must add up to one over the samples.",
            lambda u, x, q, psi, mu, eps: _averages(u, x, q, psi, eps, dim=0) / mu,
        ),
        Mistake(
            "distance-not-squared",
            "Your kernel falls with the distance; the walk's is a Gaussian, with the squared distance.",
            _with_the_distance,
        ),
        Mistake(
            "square-multiplied-out",
            "You compute |u|^2 + |x|^2 - 2 u.x, which loses its digits far from the origin; square the differences.",
            lambda u, x, q, psi, mu, eps: _averages(u, x, q, psi, eps, squares=_expanded_squares) / mu,
        ),
        Mistake(
            "first-eigenvalue-for-all",
            "You divide all modes by the first eigenvalue; each has its own mu.",
            lambda u, x, q, psi, mu, eps: _averages(u, x, q, psi, eps) / mu[0],
        ),
        Mistake(
            "underflow",
            "You exponentiate before you normalise, and far from all samples 0 / 0 is NaN; softmax works on "
            "logarithms.",
            _by_a_quotient,
        ),
        Mistake(
            "sum-clamped",
            "Far from the samples your value falls to 0 (a sum kept above zero, or NaN made 0); use softmax.",
            partial(_by_a_quotient, least=1e-12),
        ),
        Mistake(
            "one-shift-for-all-rows",
            "You shift all exponents by one maximum; a point far away beside a near one still is 0 / 0: shift row "
            "by row.",
            _one_shift_for_all,
        ),
        Mistake(
            "other-kernel",
            "Your kernel is exp(-d^2/(2 eps)); use that of the walk, exp(-d^2/(4 eps)).",
            lambda u, x, q, psi, mu, eps: _averages(u, x, q, psi, eps / 2) / mu,
        ),
    ),
    alternatives=(_extend_in_a_loop, _extend_by_logarithms),
)


# --- L03-E6 -------------------------------------------------------------------------------------------------


def score(u, x, bandwidth):
    """(sum_j p_j(u) x_j - u) / b^2."""
    return (_mean_of_kernels(u, x, bandwidth) - u) / bandwidth**2


def _same_kde_score(answer, args):
    u, x, bandwidth = args
    return agree(answer(u, x, bandwidth), kde_score(x, bandwidth)(u), 1e-6)


def _clouds(generator, dtype, p=5, n=8, d=2):
    x = torch.randn(n, d, generator=generator, dtype=dtype)
    u = torch.randn(p, d, generator=generator, dtype=dtype)
    return u, x, 0.6 + 0.3 * float(torch.rand((), generator=generator))


def _narrow_kernels(generator, dtype):
    """Points within a kernel of a datum, which is a thousandth of the distance between data."""
    u, x, _ = _clouds(generator, dtype)
    return x[:5] + 1e-3 * u, x, 1e-3


def _on_data_that_coincide(generator, dtype):
    _, x, bandwidth = _clouds(generator, dtype)
    x[1] = x[0]
    return x.clone(), x, bandwidth


def _mean_of_kernels(u, x, bandwidth, square=2.0, dim=1, squares=_squares):
    return torch.softmax(-squares(u, x) / (square * bandwidth**2), dim=dim) @ x


def _pulls(u, x, bandwidth, least=0.0, shift=lambda square: 0.0):
    """The mean of the data's pulls, weighted by kernels whose sum is kept above ``least``."""
    square = _squares(u, x) - shift(_squares(u, x))
    k = torch.exp(-square / (2 * bandwidth**2))
    slope = (k[:, :, None] * (x[None] - u[:, None])).sum(1) / bandwidth**2
    return slope / (k.sum(1, keepdim=True) + least)


def _by_autograd(u, x, bandwidth):
    with torch.enable_grad():
        v = u.detach().clone().requires_grad_(True)
        log_density = torch.logsumexp(-(v[:, None] - x[None]).square().sum(2) / (2 * bandwidth**2), dim=1)
        return torch.autograd.grad(log_density.sum(), v)[0]


def _score_without_its_own(u, x, bandwidth):
    square = _squares(u, x)
    square = torch.where((square == 0) & (len(x) > 1), torch.inf, square)
    return (torch.softmax(-square / (2 * bandwidth**2), dim=1) @ x - u) / bandwidth**2


E6 = Exercise(
    id="L03-E6",
    title="The score of a density estimate",
    minutes=8,
    importance=2,
    reference=score,
    inputs=_clouds,
    example=((_tensor([[0.0], [1.0]]), _tensor([[-1.0], [1.0]]), 1.0), _tensor([[0.0], [-0.2384058440]])),
    identities=(
        Identity(
            "Where all data are one point the score is the straight pull (x - u) / b^2.",
            lambda answer, args: agree(
                answer(args[0], args[1][[0, 0]], args[2]), (args[1][:1] - args[0]) / args[2] ** 2, 1e-6
            ),
        ),
        Identity("It is the score of koopteach's kde_score.", _same_kde_score),
        Identity(
            "Moving data and points together changes nothing.",
            lambda answer, args: agree(answer(args[0] + 2, args[1] + 2, args[2]), answer(*args), 1e-5),
        ),
    ),
    edge_cases=(
        Edge(
            "points far from all data, as near to several", altered(_clouds, score, u=_sideways, x=_on_the_axis), "far"
        ),
        Edge(
            "30 points and 40 data far from the origin", partial(_moved_together, partial(_clouds, p=30, n=40)), "far"
        ),
        Edge("as many new points as data and coordinates", partial(_clouds, p=4, n=4, d=4), "sizes"),
        Edge("a single point", partial(_clouds, p=1), "sizes"),
        Edge("31 points on the line", partial(_clouds, p=31, d=1), "sizes"),
        Edge("a single datum", partial(_clouds, n=1), "sizes"),
        Edge("40 data in 17 dimensions", partial(_clouds, n=40, d=17), "sizes"),
        Edge("data that coincide, and points on them", _on_data_that_coincide, "ties"),
        ("data and points far from the origin", partial(_moved_together, _clouds)),
        ("points far from all data", partial(_far_away, 5 * [40.0], _clouds)),
        Edge(
            "points far and very far from all data",
            partial(_far_away, [40.0, 40.0, 300.0, -1000.0, 40.0], partial(_clouds, n=31)),
            "far",
        ),
        Edge("a very narrow kernel", _narrow_kernels, "far"),
    ),
    units={"u": 1, "x": 1, "bandwidth": 1},
    tolerance=1e-8,
    mistakes=(
        Mistake(
            "divided-by-b",
            "You divide by b; the slope of a Gaussian's logarithm is over its variance, b squared.",
            lambda u, x, bandwidth: (_mean_of_kernels(u, x, bandwidth) - u) / bandwidth,
        ),
        Mistake(
            "divided-by-two-b-squared",
            "You divide by 2 b^2, as in the exponent; differentiating the square brings a factor 2, which cancels it.",
            lambda u, x, bandwidth: (_mean_of_kernels(u, x, bandwidth) - u) / (2 * bandwidth**2),
        ),
        Mistake(
            "away-from-the-data",
            "Your score points away from the data; it is the mean of the data minus u, uphill.",
            lambda u, x, bandwidth: (u - _mean_of_kernels(u, x, bandwidth)) / bandwidth**2,
        ),
        Mistake(
            "kernel-without-half",
            "Your kernel is exp(-d^2/b^2); a Gaussian of width b has exp(-d^2/(2 b^2)).",
            lambda u, x, bandwidth: (_mean_of_kernels(u, x, bandwidth, square=1.0) - u) / bandwidth**2,
        ),
        Mistake(
            "gradient-of-the-density",
            "You do not divide by the sum of the kernels; that is the slope of the density, not of its logarithm.",
            lambda u, x, bandwidth: (
                (torch.exp(-_squares(u, x) / (2 * bandwidth**2))[:, :, None] * (x[None] - u[:, None])).mean(1)
                / bandwidth**2
            ),
        ),
        Mistake(
            "kernel-of-the-walk",
            "Your kernel is exp(-d^2/(4 b^2)), as that of a diffusion map; a Gaussian of width b has exp(-d^2/(2 "
            "b^2)).",
            lambda u, x, bandwidth: (_mean_of_kernels(u, x, bandwidth, square=4.0) - u) / bandwidth**2,
        ),
        Mistake(
            "kernel-without-b",
            "Your exponent has no b; a Gaussian of width b has exp(-d^2/(2 b^2)).",
            lambda u, x, bandwidth: (_mean_of_kernels(u, x, 1.0) - u) / bandwidth**2,
        ),
        Mistake(
            "exponent-divided-by-b",
            "Your exponent has b, not its square; a Gaussian of width b has exp(-d^2/(2 b^2)).",
            lambda u, x, bandwidth: (_mean_of_kernels(u, x, math.sqrt(bandwidth)) - u) / bandwidth**2,
        ),
        Mistake(
            "shares-over-the-points",
            "Your shares add up to one over the points u; at each of them they must add up to one over the data.",
            lambda u, x, bandwidth: (_mean_of_kernels(u, x, bandwidth, dim=0) - u) / bandwidth**2,
        ),
        Mistake(
            "square-multiplied-out",
            "You compute |u|^2 + |x|^2 - 2 u.x, which loses its digits far from the origin; square the differences.",
            lambda u, x, bandwidth: (_mean_of_kernels(u, x, bandwidth, squares=_expanded_squares) - u) / bandwidth**2,
        ),
        Mistake(
            "not-divided",
            "You stop at the mean minus u; the score is that over b squared.",
            lambda u, x, bandwidth: _mean_of_kernels(u, x, bandwidth) - u,
        ),
        Mistake(
            "underflow",
            "You exponentiate before you divide, and far from all data 0 / 0 is NaN; softmax works on logarithms.",
            _pulls,
        ),
        Mistake(
            "small-number-below-the-line",
            "You add 1e-12 to the sum of the kernels, so that far from the data nothing pulls; use softmax.",
            partial(_pulls, least=1e-12),
        ),
        Mistake(
            "one-shift-for-all-rows",
            "You shift all exponents by one maximum; a point far away beside a near one still is 0 / 0: shift row "
            "by row.",
            partial(_pulls, shift=lambda square: square.min()),
        ),
        Mistake(
            "own-datum-left-out",
            "You leave out a datum that lies at the point itself; the estimate has a Gaussian on it, too.",
            _score_without_its_own,
        ),
    ),
    alternatives=(_by_autograd, partial(_pulls, shift=lambda square: square.amin(1, keepdim=True))),
)

EXERCISES = (E1, E2, E3, E4, E5, E6)
