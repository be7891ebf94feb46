"""Lesson 03: the Dirichlet form and its rates, Feynman-Kac, a diffusion map and its extension, the score of a KDE."""

from __future__ import annotations

import math
from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake
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
        ("a single point", partial(_slopes, n=1)),
        ("points on the line", partial(_slopes, d=1)),
        ("a single feature", partial(_slopes, m=1)),
    ),
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
            "product-of-means",
            "You multiply the mean gradients; S is the mean of the products, taken point by point.",
            lambda slopes: slopes.mean(0) @ slopes.mean(0).T,
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


def _with_a_dead_feature(generator, dtype, m=4):
    """One feature is zero on all the data: nothing of it in S or G, up to rounding in the fourth direction."""
    stiffness, gram, tol = _problem(generator, torch.float64, m)
    for matrix in (stiffness, gram):
        matrix[-1], matrix[:, -1] = 0, 0
    gram[-1, -1], stiffness[-1, -1] = 1e-6, 2e-5
    return stiffness.to(dtype), gram.to(dtype), tol


def _small_units(generator, dtype):
    stiffness, gram, tol = _with_a_dead_feature(generator, torch.float64)
    return (1e-5 * stiffness).to(dtype), (1e-5 * gram).to(dtype), tol


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


def _with_a_ridge(stiffness, gram, tol):
    values, vectors = torch.linalg.eigh(gram)
    w = vectors / (values + tol * values.max()).sqrt()
    return torch.linalg.eigvalsh(w.T @ stiffness @ w)


def _other_units_of_features(answer, args):
    stiffness, gram, tol = args
    return agree(answer(9 * stiffness, 9 * gram, tol), answer(*args), 1e-6)


E2 = Exercise(
    id="L03-E2",
    title="The rates, in the space that the data see",
    minutes=10,
    reference=generator_rates,
    inputs=_with_a_dead_feature,
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
        ("a regular G", _problem),
        ("features measured in small units", _small_units),
        ("a single feature", partial(_problem, m=1)),
    ),
    tolerance=1e-6,
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
            "root-of-the-wrong-sign",
            "You scale by the root of G's eigenvalues; whitening divides by it.",
            lambda stiffness, gram, tol: _whitened(stiffness, gram, lambda values: values > tol * values.max(), 0.5),
        ),
        Mistake(
            "full-inverse",
            "You divide by the eigenvalues of G on both sides; their root is enough, since it enters twice.",
            lambda stiffness, gram, tol: _whitened(stiffness, gram, lambda values: values > tol * values.max(), -1.0),
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
        ("two walkers", partial(_walkers, n=2)),
        ("a single mode", partial(_walkers, r=1)),
    ),
    mistakes=(
        Mistake(
            "growing",
            "Your claim grows with time: the average of an eigenfunction decays, so the exponent needs a minus sign.",
            lambda phi_start, phi_end, rates, t: (
                torch.exp(rates * t) * phi_start,
                *feynman_kac(phi_start, phi_end, rates, t)[1:],
            ),
        ),
        Mistake(
            "start-forgotten",
            "Your claim is the decay alone; it multiplies the value of phi at the start.",
            lambda phi_start, phi_end, rates, t: (
                torch.exp(-rates * t),
                *feynman_kac(phi_start, phi_end, rates, t)[1:],
            ),
        ),
        Mistake(
            "discounted-twice",
            "You discount the walkers' values by exp(-rate t) as well; they have decayed by moving.",
            lambda phi_start, phi_end, rates, t: feynman_kac(phi_start, torch.exp(-rates * t) * phi_end, rates, t),
        ),
        Mistake(
            "spread-for-error",
            "You return the standard deviation of the walkers; the error of their mean is smaller by the root of n.",
            lambda phi_start, phi_end, rates, t: (
                *feynman_kac(phi_start, phi_end, rates, t)[:2],
                phi_end.std(0),
            ),
        ),
        Mistake(
            "divided-by-n",
            "You divide by n; the variance of a mean falls like 1/n, its deviation like one over the root.",
            lambda phi_start, phi_end, rates, t: (
                *feynman_kac(phi_start, phi_end, rates, t)[:2],
                phi_end.std(0) / len(phi_end),
            ),
        ),
        Mistake(
            "variance-for-deviation",
            "Your error is the variance over the root of n; the standard deviation is meant.",
            lambda phi_start, phi_end, rates, t: (
                *feynman_kac(phi_start, phi_end, rates, t)[:2],
                phi_end.var(0) / math.sqrt(len(phi_end)),
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


def _by_the_package(x, eps, count):
    return DiffusionMaps(math.sqrt(2 * eps)).fit(x).spectrum(count).rates


def _islands(generator, dtype, sizes=(9, 12, 10), d=2):
    """Three islands of points of unequal size, so that two slow rates stand out from the rest."""
    middles = [k * torch.ones(d, dtype=torch.float64) for k in (-1.0, 0.0, 1.3)]
    rows = [
        middle + 0.5 * torch.randn(size, d, generator=generator, dtype=torch.float64)
        for middle, size in zip(middles, sizes)
    ]
    return torch.cat(rows).to(dtype), 0.15, 2


def _general_walk(x, eps, count, exponent=4.0, alpha=0.5):
    k = torch.exp(-torch.cdist(x, x).square() / (exponent * eps))
    q = k.sum(1)
    p = k / q**alpha
    p = p / p.sum(1, keepdim=True)
    mu = torch.linalg.eigvals(p).real.sort(descending=True).values
    return (1 - mu[1 : count + 1]) / eps


def _zoomed(answer, args):
    # lengths twice as large: times four times as large
    x, eps, count = args
    return agree(answer(2 * x, 4 * eps, count), answer(*args) / 4, 1e-5)


E4 = Exercise(
    id="L03-E4",
    title="The rates of a diffusion map",
    minutes=12,
    reference=walk_rates,
    inputs=_islands,
    example=((_tensor([[0.0], [1.0], [3.0]]), 0.5, 2), _tensor([0.298083164154, 1.549582355192])),
    identities=(
        Identity("All lengths doubled and eps four times as large make every rate a quarter.", _zoomed),
        Identity(
            "The order of the points does not matter.",
            lambda answer, args: agree(answer(args[0].flip(0), *args[1:]), answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        ("points on the line", partial(_islands, d=1)),
        ("one rate asked", lambda generator, dtype: (*_islands(generator, dtype)[:2], 1)),
    ),
    tolerance=1e-6,
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
            "not-per-time",
            "You return 1 - mu, the share lost in one jump; a jump takes the time eps, so divide by it.",
            lambda x, eps, count: eps * _general_walk(x, eps, count),
        ),
    ),
    alternatives=(lambda x, eps, count: _general_walk(x, eps, count), _by_the_package),
)


# --- L03-E5 -------------------------------------------------------------------------------------------------


def extend(u, x, q, psi, mu, eps):
    """phi(u) = 1/mu sum_j p_j(u) psi_j."""
    return _averages(u, x, q, psi, eps) / mu


def _averages(u, x, q, psi, eps, power=0.5):
    exponent = -torch.cdist(u, x).square() / (4 * eps) - power * q.log()
    return torch.softmax(exponent, dim=1) @ psi


def _eigenvectors(generator, dtype, p=5, n=8, r=2, d=2):
    x = torch.randn(n, d, generator=generator, dtype=dtype)
    u = torch.randn(p, d, generator=generator, dtype=dtype)
    eps = 0.3 + 0.3 * float(torch.rand((), generator=generator))
    q = torch.exp(-torch.cdist(x, x).square() / (4 * eps)).sum(1)
    psi = torch.randn(n, r, generator=generator, dtype=dtype)
    mu = 0.5 + 0.3 * torch.rand(r, generator=generator, dtype=dtype)
    return u, x, q, psi, mu, eps


def _extend_in_a_loop(u, x, q, psi, mu, eps):
    rows = []
    for point in u:
        weight = torch.exp(-(x - point).square().sum(1) / (4 * eps)) / q.sqrt()
        rows.append((weight[:, None] * psi).sum(0) / weight.sum() / mu)
    return torch.stack(rows)


def _extend_by_a_quotient(u, x, q, psi, mu, eps):
    k = torch.exp(-(u[:, None] - x[None]).square().sum(2) / (4 * eps)) * q**-0.5
    return (k @ (psi / mu)) / k.sum(dim=1)[:, None]


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


E5 = Exercise(
    id="L03-E5",
    title="Off the samples",
    minutes=8,
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
        ("a single new point", partial(_eigenvectors, p=1)),
        ("a single mode on the line", partial(_eigenvectors, r=1, d=1)),
    ),
    tolerance=1e-6,
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
            lambda u, x, q, psi, mu, eps: (torch.exp(-torch.cdist(u, x).square() / (4 * eps)) * q**-0.5) @ psi / mu,
        ),
        Mistake(
            "other-kernel",
            "Your kernel is exp(-d^2/(2 eps)); use that of the walk, exp(-d^2/(4 eps)).",
            lambda u, x, q, psi, mu, eps: _averages(u, x, q, psi, eps / 2) / mu,
        ),
    ),
    alternatives=(_extend_in_a_loop, _extend_by_a_quotient),
)


# --- L03-E6 -------------------------------------------------------------------------------------------------


def score(u, x, bandwidth):
    """(sum_j p_j(u) x_j - u) / b^2."""
    return kde_score(x, bandwidth)(u)


def _clouds(generator, dtype, p=5, n=8, d=2):
    x = torch.randn(n, d, generator=generator, dtype=dtype)
    u = torch.randn(p, d, generator=generator, dtype=dtype)
    return u, x, 0.6 + 0.3 * float(torch.rand((), generator=generator))


def _mean_of_kernels(u, x, bandwidth, square=2.0):
    p = torch.softmax(-torch.cdist(u, x).square() / (square * bandwidth**2), dim=1)
    return p @ x


def _by_autograd(u, x, bandwidth):
    with torch.enable_grad():
        v = u.detach().clone().requires_grad_(True)
        log_density = torch.logsumexp(-(v[:, None] - x[None]).square().sum(2) / (2 * bandwidth**2), dim=1)
        return torch.autograd.grad(log_density.sum(), v)[0]


def _score_by_a_quotient(u, x, bandwidth):
    k = torch.exp(-(u[:, None] - x[None]).square().sum(2) / (2 * bandwidth**2))
    slope = (k[:, :, None] * (x[None] - u[:, None])).sum(1) / bandwidth**2
    return slope / k.sum(1, keepdim=True)


E6 = Exercise(
    id="L03-E6",
    title="The score of a density estimate",
    minutes=8,
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
        Identity(
            "Moving data and points together changes nothing.",
            lambda answer, args: agree(answer(args[0] + 2, args[1] + 2, args[2]), answer(*args), 1e-5),
        ),
    ),
    edge_cases=(
        ("a single point", partial(_clouds, p=1)),
        ("points on the line", partial(_clouds, d=1)),
    ),
    tolerance=1e-6,
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
                (torch.exp(-torch.cdist(u, x).square() / (2 * bandwidth**2))[:, :, None] * (x[None] - u[:, None])).mean(
                    1
                )
                / bandwidth**2
            ),
        ),
    ),
    alternatives=(_by_autograd, _score_by_a_quotient),
)

EXERCISES = (E1, E2, E3, E4, E5, E6)
