"""Lesson 02: EDMD's two matrices and its solution, rates and times from eigenvalues, rotation, whitening."""

from __future__ import annotations

import math
from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered
from koopteach.dictionaries import Monomials
from koopteach.operators import EDMD
from koopteach.operators.linear_algebra import whiten

TITLE = "the Koopman operator from snapshot pairs"

_tensor = partial(torch.tensor, dtype=torch.float64)


# --- L02-E1 -------------------------------------------------------------------------------------------------


def gram_matrices(psi_x, psi_y):
    """G = Psi_x^T Psi_x / n and A = Psi_x^T Psi_y / n."""
    return psi_x.T @ psi_x / len(psi_x), psi_x.T @ psi_y / len(psi_x)


def _features(generator, dtype, n=9, m=4):
    # not centred, and as if y had moved on from x
    psi_x = 0.5 + torch.randn(n, m, generator=generator, dtype=dtype)
    return psi_x, 0.6 * psi_x + 0.8 * torch.randn(n, m, generator=generator, dtype=dtype)


def _repeated_and_dead(generator, dtype):
    """The same pair twice, two equal features, and one that is zero on all data."""
    psi_x, psi_y = _features(generator, dtype)
    for psi in (psi_x, psi_y):
        psi[1], psi[:, 2], psi[:, 3] = psi[0], psi[:, 1], 0
    return psi_x, psi_y


def _features_of_many_sizes(generator, dtype):
    scale = torch.logspace(-2, 2, 4, dtype=dtype)
    return tuple(scale * psi for psi in _features(generator, dtype))


def _gram_in_a_loop(psi_x, psi_y):
    gram, cross = (torch.zeros(psi_x.shape[1], psi_x.shape[1], dtype=psi_x.dtype) for _ in range(2))
    for a, b in zip(psi_x, psi_y):
        gram = gram + torch.outer(a, a) / len(psi_x)
        cross = cross + torch.outer(a, b) / len(psi_x)
    return gram, cross


def _nothing_moved(answer, args):
    gram, cross = answer(args[0], args[0])
    return agree(gram, cross) and agree(gram, gram.T)


def _linear_in_tomorrow(answer, args):
    return agree(answer(args[0], 3 * args[1])[1], 3 * answer(*args)[1])


E1 = Exercise(
    id="L02-E1",
    title="The two matrices of EDMD",
    minutes=6,
    importance=3,
    reference=gram_matrices,
    inputs=_features,
    example=(
        (_tensor([[1.0, 0.0], [1.0, 2.0]]), _tensor([[1.0, 1.0], [1.0, 3.0]])),
        (_tensor([[1.0, 1.0], [1.0, 2.0]]), _tensor([[1.0, 2.0], [1.0, 3.0]])),
    ),
    identities=(
        Identity("Where nothing moved, y = x, the two matrices are the same, and symmetric.", _nothing_moved),
        Identity("Three times the features of y make three times A.", _linear_in_tomorrow),
    ),
    edge_cases=(
        Edge("as many pairs as features", partial(_features, n=4, m=4), "sizes"),
        Edge("a single pair", partial(_features, n=1), "sizes"),
        Edge("2 pairs and 17 features", partial(_features, n=2, m=17), "sizes"),
        Edge("31 pairs and a single feature", partial(_features, n=31, m=1), "sizes"),
        Edge("more pairs than one handles at once", partial(_features, n=2503, m=2), "sizes"),
        Edge("a repeated pair, equal features and one that is zero", _repeated_and_dead, "ties"),
        Edge("features of very different size", _features_of_many_sizes, "far"),
    ),
    units={"psi_x": 1, "psi_y": 1},
    mistakes=(
        Mistake(
            "sum-over-the-pairs",
            "You sum over the pairs; both matrices are means, so divide by n, or their size would grow with the data.",
            lambda psi_x, psi_y: (psi_x.T @ psi_x, psi_x.T @ psi_y),
        ),
        Mistake(
            "pairs-by-pairs",
            "You multiply in the other order, which compares points with points, (n, n); features with features is "
            "(m, m).",
            lambda psi_x, psi_y: (psi_x @ psi_x.T / len(psi_x), psi_x @ psi_y.T / len(psi_x)),
        ),
        Mistake(
            "y-before-x",
            "Your A is the transpose: its rows must belong to the features of x, its columns to those of y.",
            lambda psi_x, psi_y: (psi_x.T @ psi_x / len(psi_x), psi_y.T @ psi_x / len(psi_x)),
        ),
        Mistake(
            "gram-of-y",
            "Your G is made of the features of y; the regression predicts from x, so G holds those of x.",
            lambda psi_x, psi_y: (psi_y.T @ psi_y / len(psi_x), psi_x.T @ psi_y / len(psi_x)),
        ),
        Mistake(
            "gram-of-both",
            "Your G averages over x and y; the regression predicts from x alone, so G holds its features.",
            lambda psi_x, psi_y: (
                (psi_x.T @ psi_x + psi_y.T @ psi_y) / (2 * len(psi_x)),
                psi_x.T @ psi_y / len(psi_x),
            ),
        ),
        Mistake(
            "made-symmetric",
            "You average A with its transpose; that is for reversible data, and the plain A is asked for.",
            lambda psi_x, psi_y: (
                psi_x.T @ psi_x / len(psi_x),
                (psi_x.T @ psi_y + psi_y.T @ psi_x) / (2 * len(psi_x)),
            ),
        ),
        Mistake(
            "divided-by-one-less",
            "You divide by n - 1; both matrices are plain means over the n pairs.",
            lambda psi_x, psi_y: (psi_x.T @ psi_x / (len(psi_x) - 1), psi_x.T @ psi_y / (len(psi_x) - 1)),
        ),
        Mistake(
            "exchanged",
            "You return A first; the pair is (G, A).",
            lambda psi_x, psi_y: gram_matrices(psi_x, psi_y)[::-1],
        ),
        Mistake(
            "divided-by-the-features",
            "You divide by the number of features m; the mean is over the n pairs, the rows.",
            lambda psi_x, psi_y: (psi_x.T @ psi_x / psi_x.shape[1], psi_x.T @ psi_y / psi_x.shape[1]),
        ),
        Mistake(
            "centred",
            "You subtract the means first; that is another estimator: here the constant is a feature, and must stay.",
            lambda psi_x, psi_y: (
                (psi_x - psi_x.mean(0)).T @ psi_x / len(psi_x),
                (psi_x - psi_x.mean(0)).T @ psi_y / len(psi_x),
            ),
        ),
    ),
    alternatives=(
        _gram_in_a_loop,
        lambda psi_x, psi_y: tuple(torch.einsum("ni,nj->ij", psi_x, psi) / len(psi_x) for psi in (psi_x, psi_y)),
        lambda psi_x, psi_y: ((psi_x / len(psi_x)).T @ psi_x, (psi_x / len(psi_x)).T @ psi_y),
    ),
)


# --- L02-E2 -------------------------------------------------------------------------------------------------


def koopman_matrix(gram, cross):
    """K = G^+ A, with directions of G below 1e-10 of the largest left out."""
    return torch.linalg.pinv(gram, rtol=1e-10, hermitian=True) @ cross


def _regular(generator, dtype, m=4):
    """Matrices with a well-conditioned Gram matrix, so that all results are of order one."""
    basis = torch.linalg.qr(torch.randn(m, m, generator=generator, dtype=torch.float64)).Q
    sizes = 0.5 + 1.5 * torch.rand(m, generator=generator, dtype=torch.float64)
    cross = torch.randn(m, m, generator=generator, dtype=torch.float64)
    gram = basis @ torch.diag(sizes) @ basis.T
    return (0.5 * (gram + gram.T)).to(dtype), cross.to(dtype)


def _with_a_dead_feature(generator, dtype):
    gram, cross = _regular(generator, dtype)
    for matrix in (gram, cross):
        matrix[-1], matrix[:, -1] = 0, 0
    return gram, cross


def _with_equal_features(generator, dtype):
    """Two features that agree on all data."""
    gram, cross = _regular(generator, dtype)
    for matrix in (gram, cross):
        matrix[-1] = matrix[-2]
        matrix[:, -1] = matrix[:, -2]
    return gram, cross


def _features_of_many_units(generator, dtype):
    scale = torch.logspace(-6, -3, 4, dtype=dtype)
    return tuple(scale[:, None] * matrix * scale for matrix in _regular(generator, dtype))


def _hardly_ever_seen(generator, dtype):
    """Eigenvalues that lie far apart, but above what counts as zero."""
    gram = torch.tensor([1.0, 3e-9, 1e-5], dtype=dtype).diag()
    return gram, gram @ torch.rand(3, 3, generator=generator, dtype=dtype)


def _by_eigenvectors(gram, cross):
    values, vectors = torch.linalg.eigh(gram)
    keep = values > 1e-10 * values[-1]
    return vectors[:, keep] @ (vectors[:, keep].T @ cross / values[keep, None])


def _solves_the_regression(answer, args):
    gram, cross = args
    return agree(gram @ answer(gram, cross), cross, 1e-6)


def _same_rates_as_the_package(answer, args):
    source = torch.Generator().manual_seed(3)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=source, dtype=torch.float64)).Q
    x = torch.randn(50, 3, generator=source, dtype=torch.float64)
    y = x @ turn.T * _tensor([0.9, 0.7, 0.5]) @ turn + 0.1 * torch.randn(50, 3, generator=source, dtype=torch.float64)
    rates = EDMD(Monomials(3, 1), lag=1.0, reversible=False).fit(x, y).spectrum().rates.real
    psi_x, psi_y = (torch.cat([torch.ones_like(z[:, :1]), z], 1) for z in (x, y))
    mu = torch.linalg.eigvals(answer(*gram_matrices(psi_x, psi_y))).abs().sort(descending=True).values
    found = -mu.log()
    # the constant feature adds the rate 0, which the package leaves out
    return agree(found.sort().values, torch.cat([rates.new_zeros(1), rates]).sort().values, 1e-6)


def _redundant(generator, dtype, m=4, rank=3):
    """Features of which some are sums of others, but for rounding."""
    few, later = torch.randn(2, 40, rank, generator=generator, dtype=dtype)
    mix = torch.randn(rank, m, generator=generator, dtype=dtype)
    now, then = few @ mix, later @ mix
    return now.T @ now / 40, now.T @ then / 40


E2 = Exercise(
    id="L02-E2",
    title="The Koopman matrix",
    minutes=8,
    importance=3,
    reference=koopman_matrix,
    inputs=_regular,
    example=(
        (_tensor([[2.0, 0.0], [0.0, 4.0]]), _tensor([[1.0, 2.0], [2.0, 2.0]])),
        _tensor([[0.5, 1.0], [0.5, 0.5]]),
    ),
    identities=(
        Identity("Where G is regular, the answer K solves the regression: G K = A.", _solves_the_regression),
        Identity(
            "Where nothing moved, A = G, the answer is the identity matrix.",
            lambda answer, args: agree(answer(args[0], args[0]), torch.eye(len(args[0]), dtype=args[0].dtype), 1e-6),
        ),
        Identity("Its eigenvalues give the rates of koopteach's EDMD.", _same_rates_as_the_package),
    ),
    edge_cases=(
        Edge("a feature that is the sum of two others", _redundant, "ties"),
        Edge("17 features of which 9 say all", partial(_redundant, m=17, rank=9), "ties"),
        Edge("a feature that is zero on all data", _with_a_dead_feature, "ties"),
        Edge("two features that are equal on all data", _with_equal_features, "ties"),
        Edge("a single feature", partial(_regular, m=1), "sizes"),
        Edge("17 features", partial(_regular, m=17), "sizes"),
        Edge("features of very different size, all of them small", _features_of_many_units, "far"),
        Edge("uncorrelated features, one of which is hardly ever seen", _hardly_ever_seen, "far"),
    ),
    units={"gram": 2, "cross": 2},
    farthest=1e15,
    tolerance=1e-7,
    mistakes=(
        Mistake(
            "on-the-other-side",
            "You compute A G^+; coefficients come from the left: G K = A, so K = G^+ A.",
            lambda gram, cross: cross @ torch.linalg.pinv(gram),
        ),
        Mistake(
            "transposed",
            "You return the transpose; column j of K must hold the prediction of feature j of y.",
            lambda gram, cross: (torch.linalg.pinv(gram) @ cross).T,
        ),
        Mistake(
            "film-backwards",
            "You use A^T, which predicts x from y: the film runs backwards.",
            lambda gram, cross: torch.linalg.pinv(gram) @ cross.T,
        ),
        Mistake(
            "not-inverted",
            "You multiply by G; the regression divides by it: K = G^+ A.",
            lambda gram, cross: gram @ cross,
        ),
        Mistake(
            "entry-by-entry",
            "You divide entry by entry; a linear system has to be solved, K = G^+ A with a matrix product.",
            lambda gram, cross: cross / gram,
        ),
        Mistake(
            "divided-by-the-diagonal",
            "You divide by the diagonal of G alone; its other entries say how the features overlap, and count, too.",
            lambda gram, cross: cross / gram.diagonal()[:, None],
        ),
        Mistake(
            "entrywise-product",
            "You multiply G^+ and A entry by entry (*); the matrix product is @.",
            lambda gram, cross: torch.linalg.pinv(gram) * cross,
        ),
        Mistake(
            "arguments-exchanged",
            "You compute A^+ G; the regression divides by G, which belongs to x: K = G^+ A.",
            lambda gram, cross: torch.linalg.pinv(cross) @ gram,
        ),
        Mistake(
            "ridge",
            "You add a ridge of 1e-6 to G; it has a unit and changes K. What is zero is left out by the "
            "pseudo-inverse.",
            lambda gram, cross: torch.linalg.solve(gram + 1e-6 * torch.eye(len(gram), dtype=gram.dtype), cross),
        ),
        Mistake(
            "absolute-cutoff",
            "You leave out eigenvalues below 1e-6 in size; compare with the largest one, or the features' unit "
            "decides.",
            lambda gram, cross: torch.linalg.pinv(gram, atol=1e-6, rtol=0.0, hermitian=True) @ cross,
        ),
        Mistake(
            "singular-not-caught",
            "You solve with G itself, which stops where features are redundant or dead; use the pseudo-inverse G^+.",
            lambda gram, cross: torch.linalg.solve(gram, cross),
        ),
    ),
    alternatives=(
        lambda gram, cross: torch.linalg.pinv(gram) @ cross,
        lambda gram, cross: torch.linalg.lstsq(gram, cross, driver="gelsd").solution,
        _by_eigenvectors,
    ),
)


# --- L02-E3 -------------------------------------------------------------------------------------------------


def rates(mu, lag):
    """-log(mu) / lag."""
    return -mu.log() / lag


def _eigenvalues(generator, dtype, r=5, low=0.15, high=0.95):
    mu = low + (high - low) * torch.rand(r, generator=generator, dtype=dtype)
    return mu.sort(descending=True).values, 0.3 + 0.5 * torch.rand((), generator=generator).item()


def _one_and_equal(generator, dtype):
    """The constant's eigenvalue, 1, and one that repeats."""
    return torch.tensor([1.0, 1.0, 0.5, 0.5], dtype=dtype), 0.25


def _close_to_one(generator, dtype):
    return 1 - torch.tensor([2.0**-8, 2.0**-10, 2.0**-12], dtype=dtype), 0.7


def _of_many_sizes(generator, dtype):
    return torch.tensor([1e-4, 1e-300, 1e-1, 1e-60, 1e-12], dtype=dtype), 0.7


def _has_rate_three(answer, args):
    mu, lag = args
    return agree(answer(torch.full_like(mu, math.exp(-3 * lag)), lag), torch.full_like(mu, 3.0))


E3 = Exercise(
    id="L02-E3",
    title="From eigenvalues to rates",
    minutes=5,
    importance=3,
    reference=rates,
    inputs=_eigenvalues,
    example=((_tensor([1.0, 0.9, 0.5]), 0.1), _tensor([0.0, 10 * math.log(10 / 9), 10 * math.log(2.0)])),
    identities=(
        Identity("The eigenvalue e^(-3 lag) has the rate 3.", _has_rate_three),
        Identity(
            "Twice the lag squares an eigenvalue, and the rate stays.",
            lambda answer, args: agree(answer(args[0] ** 2, 2 * args[1]), answer(*args)),
        ),
    ),
    edge_cases=(
        Edge("a single eigenvalue", partial(_eigenvalues, r=1), "sizes"),
        Edge("31 eigenvalues", partial(_eigenvalues, r=31), "sizes"),
        Edge("the eigenvalue 1, and one that repeats", _one_and_equal, "ties"),
        Edge("eigenvalues close to 1", _close_to_one, "far"),
        Edge("eigenvalues down to 1e-300", _of_many_sizes, "far"),
    ),
    units={"lag": 1},
    bounded=("mu",),
    mistakes=(
        Mistake(
            "first-order",
            "You use (1 - mu) / lag, which is right only for mu near 1; decay is exponential, so take the logarithm.",
            lambda mu, lag: (1 - mu) / lag,
        ),
        Mistake(
            "sign",
            "Your rates are negative: log(mu) is, as mu is below 1, and the rate is minus that over the lag.",
            lambda mu, lag: mu.log() / lag,
        ),
        Mistake(
            "times-the-lag",
            "You multiply by the lag; a rate is a decay per time, so divide by it.",
            lambda mu, lag: -mu.log() * lag,
        ),
        Mistake(
            "divided-by-the-largest",
            "You divide by the largest eigenvalue first; each rate belongs to its own, whether or not 1 is among them.",
            lambda mu, lag: -(mu / mu.max()).log() / lag,
        ),
        Mistake(
            "small-number-in-the-logarithm",
            "You add 1e-8 before the logarithm; an eigenvalue of that size then gets another rate.",
            lambda mu, lag: -(mu + 1e-8).log() / lag,
        ),
        Mistake(
            "binary-logarithm",
            "You use the logarithm to base 2, which counts halvings; mu = e^(-rate lag) asks for the natural one.",
            lambda mu, lag: -mu.log2() / lag,
        ),
        Mistake(
            "first-order-backwards",
            "You use (1 / mu - 1) / lag, which is right only for mu near 1; decay is exponential, so take the "
            "logarithm.",
            lambda mu, lag: (1 / mu - 1) / lag,
        ),
        Mistake(
            "per-lag",
            "You leave out the lag: that is the decay in one lag, and not in one unit of time.",
            lambda mu, lag: -mu.log(),
        ),
        Mistake(
            "time-for-rate",
            "You return the relaxation time, -lag / log(mu); the rate is one over it.",
            lambda mu, lag: -lag / mu.log(),
        ),
        Mistake(
            "decimal-logarithm",
            "You use the decimal logarithm; mu = e^(-rate lag) asks for the natural one.",
            lambda mu, lag: -mu.log10() / lag,
        ),
    ),
    alternatives=(
        lambda mu, lag: (1 / mu).log() / lag,
        lambda mu, lag: -math.log(2) * mu.log2() / lag,
        lambda mu, lag: torch.stack([-math.log(value) / lag * torch.ones_like(value) for value in mu]),
    ),
)


# --- L02-E4 -------------------------------------------------------------------------------------------------


def relaxation_times(mu, lag, beta):
    """-lag / log(mu) on the clock of the lag, and that over beta on ours."""
    theirs = -lag / mu.log()
    return theirs, theirs / beta


def _on_their_clock(generator, dtype, r=4, coldest=5.0):
    mu, lag = _eigenvalues(generator, dtype, r, low=0.1, high=0.7)
    return mu, lag, coldest * (0.4 + 0.6 * torch.rand((), generator=generator).item())


def _many_on_their_clock(generator, dtype):
    mu, lag = _of_many_sizes(generator, dtype)
    return mu, lag, 3.0


def _equal_on_their_clock(generator, dtype):
    return torch.tensor([0.999, 0.5, 0.5, 0.25], dtype=dtype), 0.25, 2.0


def _times_with(theirs, ours):
    return lambda mu, lag, beta: (theirs(mu, lag, beta), ours(mu, lag, beta))


def _right(mu, lag, beta):
    return -lag / mu.log()


E4 = Exercise(
    id="L02-E4",
    title="Relaxation times on two clocks",
    minutes=8,
    importance=2,
    reference=relaxation_times,
    inputs=_on_their_clock,
    example=(
        (_tensor([math.exp(-1.0), math.exp(-2.0)]), 2.0, 4.0),
        (_tensor([2.0, 1.0]), _tensor([0.5, 0.25])),
    ),
    identities=(
        Identity(
            "At beta = 1 the two clocks agree.",
            lambda answer, args: agree(*answer(args[0], args[1], 1.0)),
        ),
        Identity(
            "Pairs twice as far apart, with squared eigenvalues, have the same relaxation times.",
            lambda answer, args: agree(answer(args[0] ** 2, 2 * args[1], args[2]), answer(*args)),
        ),
    ),
    edge_cases=(
        Edge("a single eigenvalue", partial(_on_their_clock, r=1), "sizes"),
        Edge("31 eigenvalues", partial(_on_their_clock, r=31), "sizes"),
        ("a hot system, beta below one", partial(_on_their_clock, coldest=0.5)),
        Edge("an eigenvalue that repeats, and one near 1", _equal_on_their_clock, "ties"),
        Edge("eigenvalues down to 1e-300", _many_on_their_clock, "far"),
    ),
    units={"lag": 1},
    bounded=("mu",),
    mistakes=(
        Mistake(
            "clock-the-wrong-way",
            "You multiply by beta for our clock; a physicist's rates are ours over beta, so their times are longer.",
            _times_with(_right, lambda mu, lag, beta: beta * _right(mu, lag, beta)),
        ),
        Mistake(
            "one-clock",
            "You return the same times twice; on our clock, where the force is beta times as strong, they are shorter.",
            _times_with(_right, _right),
        ),
        Mistake(
            "lag-on-our-clock",
            "You take the lag for a time of our clock; the physicist recorded it on theirs, and ours is shorter by "
            "beta.",
            _times_with(lambda mu, lag, beta: beta * _right(mu, lag, beta), _right),
        ),
        Mistake(
            "lag-left-out",
            "You count in lags; a time is so many lags, so multiply by the lag.",
            _times_with(
                lambda mu, lag, beta: _right(mu, 1.0, beta), lambda mu, lag, beta: _right(mu, 1.0, beta) / beta
            ),
        ),
        Mistake(
            "clocks-swapped",
            "You return them in the wrong order; the physicist's times come first, and they are the longer ones.",
            _times_with(lambda mu, lag, beta: _right(mu, lag, beta) / beta, _right),
        ),
        Mistake(
            "rates-for-times",
            "You return rates; a relaxation time is one over the rate.",
            _times_with(lambda mu, lag, beta: -mu.log() / lag, lambda mu, lag, beta: -beta * mu.log() / lag),
        ),
        Mistake(
            "first-order",
            "You use lag / (1 - mu), right only for mu near 1; decay is exponential, so take the logarithm.",
            _times_with(lambda mu, lag, beta: lag / (1 - mu), lambda mu, lag, beta: lag / (1 - mu) / beta),
        ),
        Mistake(
            "root-of-beta",
            "You divide by the square root of beta; that scales the noise, and time goes with its square.",
            _times_with(_right, lambda mu, lag, beta: _right(mu, lag, beta) / math.sqrt(beta)),
        ),
        Mistake(
            "sign",
            "Your times are negative: log(mu) is, so the formula needs a minus.",
            _times_with(
                lambda mu, lag, beta: -_right(mu, lag, beta),
                lambda mu, lag, beta: -_right(mu, lag, beta) / beta,
            ),
        ),
    ),
    alternatives=(
        lambda mu, lag, beta: (lag / (1 / mu).log(), (lag / beta) / (1 / mu).log()),
        lambda mu, lag, beta: tuple(1 / (-mu.log() / tau) for tau in (lag, lag / beta)),
    ),
)


# --- L02-E5 -------------------------------------------------------------------------------------------------


def decay_and_frequency(mu, lag):
    """(-log|mu|, arg mu) / lag."""
    return -mu.abs().log() / lag, mu.angle() / lag


def _rotating(generator, dtype, r=5):
    lag = 0.3 + 0.4 * torch.rand((), generator=generator).item()
    decay = 0.4 + torch.rand(r, generator=generator, dtype=dtype)
    angle = 2.6 * (2 * torch.rand(r, generator=generator, dtype=dtype) - 1)
    return torch.polar(torch.exp(-decay * lag), angle), lag


def _on_the_axes(generator, dtype):
    """No decay, no turn, quarter turns both ways, and one that repeats."""
    real = torch.tensor([1.0, 0.5, 0.0, 0.0, 0.5], dtype=dtype)
    imaginary = torch.tensor([0.0, 0.0, 1.0, -0.5, 0.0], dtype=dtype)
    return torch.complex(real, imaginary), 0.5


def _of_many_decays(generator, dtype):
    _, lag = _rotating(generator, dtype)
    return torch.polar(torch.logspace(-100, 0, 5, dtype=dtype), torch.linspace(-3, 3, 5, dtype=dtype)), lag


def _with_angle(angle):
    """An answer whose frequency is ``angle(mu) / lag``."""
    return lambda mu, lag: (-mu.abs().log() / lag, angle(mu) / lag)


def _conjugates(answer, args):
    decay, frequency = answer(*args)
    other_decay, other_frequency = answer(args[0].conj().resolve_conj(), args[1])
    return agree(decay, other_decay) and agree(frequency, -other_frequency)


def _rebuilds(answer, args):
    decay, frequency = answer(*args)
    return agree(torch.polar(torch.exp(-decay * args[1]), frequency * args[1]), args[0], 1e-6)


def _negative(generator, dtype):
    mu, lag = _rotating(generator, dtype)
    return torch.complex(-mu.abs(), torch.zeros_like(mu.real)), lag


E5 = Exercise(
    id="L02-E5",
    title="Decay and frequency",
    minutes=8,
    importance=2,
    reference=decay_and_frequency,
    inputs=_rotating,
    example=(
        (torch.tensor([0.5j, math.exp(-1.0)], dtype=torch.complex128), 0.5),
        (_tensor([2 * math.log(2.0), 2.0]), _tensor([math.pi, 0.0])),
    ),
    identities=(
        Identity("Conjugate eigenvalues decay alike and turn in opposite directions.", _conjugates),
        Identity("mu = e^(-decay lag) (cos + i sin)(frequency lag).", _rebuilds),
    ),
    edge_cases=(
        ("eigenvalues larger than one, which grow", altered(_rotating, decay_and_frequency, mu=lambda mu: 3 * mu)),
        Edge("a negative eigenvalue, half a turn in one lag", _negative, "ties"),
        Edge("eigenvalues on the axes", _on_the_axes, "ties"),
        Edge("a single eigenvalue", partial(_rotating, r=1), "sizes"),
        Edge("31 eigenvalues", partial(_rotating, r=31), "sizes"),
        Edge("eigenvalues of very different size", _of_many_decays, "far"),
    ),
    units={"lag": 1},
    mistakes=(
        Mistake(
            "real-part",
            "You take the logarithm of the real part; turning makes that small without any decay: use |mu|.",
            lambda mu, lag: (-mu.real.log() / lag, mu.angle() / lag),
        ),
        Mistake(
            "size-of-the-real-part",
            "You take the size of the real part for that of mu; turning makes it small without any decay: use |mu|.",
            lambda mu, lag: (-mu.real.abs().log() / lag, mu.angle() / lag),
        ),
        Mistake(
            "half-plane-lost",
            "Your angle is the arctangent of a quotient, which confuses mu with -mu; atan2 or angle knows the half "
            "plane.",
            _with_angle(lambda mu: torch.atan(mu.imag / mu.real)),
        ),
        Mistake(
            "direction-lost",
            "Your angle is an arccosine, never negative; conjugate eigenvalues turn in opposite directions.",
            _with_angle(lambda mu: torch.acos(mu.real / mu.abs())),
        ),
        Mistake(
            "quarter-turns-only",
            "Your angle is an arcsine, which never exceeds a quarter turn; atan2 or angle goes up to half a turn.",
            _with_angle(lambda mu: torch.asin(mu.imag / mu.abs())),
        ),
        Mistake(
            "angles-up-to-two-pi",
            "Your angles run from 0 to 2 pi; they should lie between -pi and pi, so that turning clockwise is "
            "negative.",
            _with_angle(lambda mu: mu.angle() % (2 * math.pi)),
        ),
        Mistake(
            "exchanged",
            "You return the frequency first; the pair is (decay, frequency).",
            lambda mu, lag: decay_and_frequency(mu, lag)[::-1],
        ),
        Mistake(
            "imaginary-part",
            "You take the imaginary part for the angle; it is |mu| sin(angle), so use the argument of mu.",
            lambda mu, lag: (-mu.abs().log() / lag, mu.imag / lag),
        ),
        Mistake(
            "angle-per-lag",
            "Your frequency is the angle turned in one lag; divide it by the lag, as the decay.",
            lambda mu, lag: (-mu.abs().log() / lag, mu.angle()),
        ),
        Mistake(
            "turning-backwards",
            "Your frequency has the wrong sign; -log(mu) / lag is decay minus i times frequency.",
            lambda mu, lag: (-mu.abs().log() / lag, -mu.angle() / lag),
        ),
        Mistake(
            "full-turns",
            "You count full turns in a unit of time; the frequency here is an angle in a unit of time, without 2 pi.",
            lambda mu, lag: (-mu.abs().log() / lag, mu.angle() / (2 * math.pi * lag)),
        ),
        Mistake(
            "squared-size",
            "You take the logarithm of |mu|^2, which decays twice as fast as |mu|.",
            lambda mu, lag: (-mu.abs().square().log() / lag, mu.angle() / lag),
        ),
        Mistake(
            "growing",
            "Your decay is negative: |mu| is below 1 and its logarithm negative, so a minus is missing.",
            lambda mu, lag: (mu.abs().log() / lag, mu.angle() / lag),
        ),
    ),
    alternatives=(
        lambda mu, lag: (-mu.log().real / lag, mu.log().imag / lag),
        lambda mu, lag: (
            -0.5 * (mu.real**2 + mu.imag**2).log() / lag,
            torch.atan2(mu.imag, mu.real) / lag,
        ),
    ),
)


# --- L02-E6 -------------------------------------------------------------------------------------------------


def whitening(values, vectors, tol):
    """U e^(-1/2) on the directions with e > tol e_max."""
    keep = values > tol * values.max()
    return vectors[:, keep] / values[keep].sqrt()


def _eigenpairs(generator, dtype, kept=3, dropped=4):
    """Eigenvalues in ascending order, as eigh returns them: a few far below tol, rounding below zero among them."""
    m = kept + dropped
    basis = torch.linalg.qr(torch.randn(m, m, generator=generator, dtype=torch.float64)).Q
    large = 20 * (0.2 + 0.8 * torch.rand(kept, generator=generator, dtype=torch.float64)).sort().values
    # below tol times the largest, but not below tol; one below that, but not in the roots
    small = 5e-3 * (0.8 + 0.4 * torch.rand(dropped, generator=generator, dtype=torch.float64)).sort().values
    small[:1], small[1:2], small[2:3] = -1e-9, 1e-6, 2e-4  # the second in the roots as well
    return torch.cat([small, large]).to(dtype), basis.to(dtype), 1e-3


def _with_eigenvalues(values, tol, generator, dtype):
    turn = torch.randn(len(values), len(values), generator=generator, dtype=dtype)
    return torch.tensor(values, dtype=dtype), torch.linalg.qr(turn).Q, tol


def _whitens(answer, args):
    values, vectors, _ = args
    w = answer(*args)
    gram = vectors * values @ vectors.T
    return agree(w.T @ gram @ w, torch.eye(w.shape[1], dtype=values.dtype), 1e-5)


def _same_span_as_the_package(answer, args):
    values, vectors, tol = args
    mine, theirs = answer(*args), whiten(vectors * values @ vectors.T, tol, "EDMD")
    return agree(mine @ mine.T, theirs @ theirs.T, 1e-5)


def _unit_free(answer, args):
    values, vectors, tol = args
    return agree(answer(100 * values, vectors, tol), answer(*args) / 10)


def _whitening_in_a_loop(values, vectors, tol):
    top = float(values.max())
    columns = [vectors[:, k] * float(e) ** -0.5 for k, e in enumerate(values) if float(e) > tol * top]
    return torch.stack(columns, dim=1)


def _cut(values, vectors, keep):
    """Whitening on the directions in ``keep``."""
    return vectors[:, keep] / values[keep].sqrt()


def _kept(values, vectors, tol):
    """The eigenvalues above the tolerance and their eigenvectors."""
    keep = values > tol * values.max()
    return values[keep], vectors[:, keep]


def _scaled_by(factor):
    """A whitening whose columns are multiplied by ``factor(eigenvalues)``."""

    def wrong(values, vectors, tol):
        e, u = _kept(values, vectors, tol)
        return u * factor(e)

    return wrong


def _rows(values, vectors, tol):
    e, u = _kept(values, vectors.T, tol)
    return u / e.sqrt()


def _small_ones(values, vectors, tol):
    drop = values <= tol * values.max()
    return vectors[:, drop] / values[drop].sqrt()


E6 = Exercise(
    id="L02-E6",
    title="Whitening with truncation",
    minutes=10,
    importance=3,
    reference=whitening,
    inputs=_eigenpairs,
    example=(
        (_tensor([0.02, 4.0, 100.0]), _tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), 1e-3),
        _tensor([[0.5, 0.0], [0.0, 0.1], [0.0, 0.0]]),
    ),
    identities=(
        Identity("W^T G W is the identity matrix, for G = U diag(e) U^T.", _whitens),
        Identity("Features ten times as large make W ten times smaller.", _unit_free),
        Identity("W W^T is that of koopteach's own whitening.", _same_span_as_the_package),
    ),
    edge_cases=(
        ("nothing to drop", partial(_eigenpairs, dropped=0)),
        Edge("a single direction", partial(_eigenpairs, kept=1, dropped=0), "sizes"),
        Edge("17 directions kept of 31", partial(_eigenpairs, kept=17, dropped=14), "sizes"),
        # tol times the largest is 1, without rounding
        Edge(
            "eigenvalues at the bound, just below and just above it",
            partial(_with_eigenvalues, [0.0, 0.999, 1.0, 1.001, 2.0, 512.0, 1024.0], 2.0**-10),
            "ties",
        ),
        Edge(
            "eigenvalues from 1e-9 to 1e3, all kept", partial(_with_eigenvalues, [1e-9, 1e-5, 0.1, 1e3], 1e-14), "far"
        ),
        ("a tolerance below all rounding", partial(_with_eigenvalues, [-1e-16, 1e-17, 0.5, 1.0], 1e-18)),
    ),
    units={"values": 2},
    farthest=1e15,
    tolerance=1e-7,
    bounded=("vectors",),
    mistakes=(
        Mistake(
            "positive-kept",
            "You keep every positive eigenvalue; rounding is positive as often as not, so compare with tol e_max.",
            lambda values, vectors, tol: _cut(values, vectors, values > 0),
        ),
        Mistake(
            "wrong-power",
            "You multiply by the root of the eigenvalues; to make them one, divide by it.",
            _scaled_by(torch.sqrt),
        ),
        Mistake(
            "no-root",
            "You divide by the eigenvalues; W stands on both sides of G, so each side takes the root.",
            _scaled_by(torch.reciprocal),
        ),
        Mistake(
            "absolute-tolerance",
            "You compare with tol itself, so that the features' unit decides; compare with tol times the largest.",
            lambda values, vectors, tol: _cut(values, vectors, values > tol),
        ),
        Mistake(
            "roots-compared",
            "You compare the roots of the eigenvalues with tol times the largest root; that keeps everything above "
            "tol^2.",
            lambda values, vectors, tol: _cut(values, vectors, values.clamp_min(0).sqrt() > tol * values.max().sqrt()),
        ),
        Mistake(
            "compared-with-the-sum",
            "You compare with tol times the sum of the eigenvalues; the largest one is the yardstick.",
            lambda values, vectors, tol: _cut(values, vectors, values > tol * values.sum()),
        ),
        Mistake(
            "bound-kept",
            "You keep an eigenvalue that equals tol times the largest; only those above it are kept.",
            lambda values, vectors, tol: _cut(values, vectors, values >= tol * values.max()),
        ),
        Mistake(
            "clamped-for-dropped",
            "You lift small eigenvalues to the bound and keep all directions; those below it must be dropped.",
            lambda values, vectors, tol: vectors / values.clamp_min(tol * float(values.max())).sqrt(),
        ),
        Mistake(
            "zero-columns",
            "You leave a column of zeros for each dropped direction; W has one column for each that is kept.",
            lambda values, vectors, tol: torch.where(
                values > tol * values.max(), vectors / values.abs().sqrt(), torch.zeros_like(vectors)
            ),
        ),
        Mistake(
            "turned-back",
            "You multiply by U^T once more; that whitens, too, but the matrix asked for is U e^(-1/2), (m, q).",
            lambda values, vectors, tol: whitening(values, vectors, tol) @ vectors[:, values > tol * values.max()].T,
        ),
        Mistake(
            "largest-first",
            "You put the largest direction first; the columns keep the order of the eigenvalues.",
            lambda values, vectors, tol: whitening(values, vectors, tol).flip(1),
        ),
        Mistake(
            "rows-for-columns",
            "You use the rows of U; eigenvectors are its columns.",
            _rows,
        ),
        Mistake(
            "nothing-dropped",
            "You keep all directions; those of no variance are divided by a root of nearly nothing, or of less.",
            lambda values, vectors, tol: vectors / values.sqrt(),
        ),
        Mistake(
            "ridge-for-truncation",
            "You add tol to the eigenvalues and keep all directions: those without variance stay, as spurious modes.",
            lambda values, vectors, tol: vectors / (values + tol * values.max()).sqrt(),
        ),
        Mistake(
            "kept-the-small-ones",
            "You keep the directions below the tolerance and drop the others; it is the large ones that data can see.",
            _small_ones,
        ),
    ),
    alternatives=(
        _whitening_in_a_loop,
        lambda values, vectors, tol: (
            vectors[:, values / values.max() > tol] @ torch.diag(values[values / values.max() > tol] ** -0.5)
        ),
        lambda values, vectors, tol: torch.einsum(
            "ik,k->ik",
            vectors[:, values > tol * values[-1]],
            values[values > tol * values[-1]].rsqrt(),
        ),
    ),
)

EXERCISES = (E1, E2, E3, E4, E5, E6)
