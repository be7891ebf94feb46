"""Lesson 14: effective samples, weighted matrices, the next exponent, and the weights of killed paths."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered

TITLE = "Conditional sampling: weigh the prior, move the particles"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


# --- L14-E1 -------------------------------------------------------------------------------------------------


def effective_size(log_w):
    """(sum w)^2 / sum w^2 from logarithms."""
    return float(1 / torch.softmax(log_w, 0).square().sum())


def _log_weights(generator, dtype, n=12, spread=1.2, shift=0.4):
    return (spread * torch.randn(n, generator=generator, dtype=dtype) + shift,)


def _one_far_above(generator, dtype):
    (log_w,) = _log_weights(generator, dtype)
    log_w[0], log_w[7] = -math.inf, log_w[7] + 800
    return (log_w,)


def _zero_and_tiny(generator, dtype):
    (logs,) = _log_weights(generator, dtype)
    logs[0] = -math.inf
    return (logs - 2000,)


def _equal_but_for_zeros(generator, dtype):
    return (torch.tensor([-math.inf, -math.inf, 0.3, 0.3, 0.3, -math.inf, 0.3], dtype=dtype),)


def _size_by_logsumexp(log_w):
    return torch.exp(2 * torch.logsumexp(log_w, 0) - torch.logsumexp(2 * log_w, 0))


def _size_in_a_loop(log_w):
    top = max(log_w.tolist())
    w = [math.exp(value - top) for value in log_w.tolist()]
    return sum(w) ** 2 / sum(value**2 for value in w)


E1 = Exercise(
    id="L14-E1",
    title="How many samples are left",
    minutes=6,
    importance=3,
    reference=effective_size,
    inputs=_log_weights,
    example=((_tensor([0.0, math.log(3.0), -math.inf]),), 1.6),
    identities=(
        Identity(
            "Equal weights count every sample.",
            lambda answer, args: agree(answer(torch.full_like(args[0], 0.3)), float(len(args[0])), 1e-5),
        ),
        Identity(
            "A common factor of the weights changes nothing, not even e to the 900.",
            lambda answer, args: agree(answer(args[0] + 900), answer(args[0]), 1e-3),
        ),
        Identity(
            "A sample of weight zero may be left out.",
            lambda answer, args: agree(
                answer(torch.cat([args[0], args[0].new_full((1,), -math.inf)])), answer(args[0]), 1e-5
            ),
        ),
    ),
    edge_cases=(
        ("very small likelihoods", partial(_log_weights, shift=-2000.0)),
        Edge("a single sample", partial(_log_weights, n=1), "sizes"),
        Edge("31 samples", partial(_log_weights, n=31), "sizes"),
        Edge("equal weights and weights of zero", _equal_but_for_zeros, "ties"),
        Edge("one weight far above the others", _one_far_above, "far"),
        Edge("weights that underflow, and a first one of zero", _zero_and_tiny, "far"),
    ),
    without={"units": "the logarithm of a weight has no unit"},
    mistakes=(
        Mistake(
            "overflow",
            "You take the exponential of the logarithms as they are; subtract the largest first, or use softmax.",
            lambda log_w: log_w.exp().sum() ** 2 / log_w.exp().square().sum(),
        ),
        Mistake(
            "shifted-by-the-mean",
            "You subtract the mean of the logarithms, -inf as soon as one weight is zero; subtract the largest.",
            lambda log_w: (log_w - log_w.mean()).exp().sum() ** 2 / (log_w - log_w.mean()).exp().square().sum(),
        ),
        Mistake(
            "shifted-by-the-first",
            "You subtract the first of the logarithms; that may be -inf, or far below another. Subtract the largest.",
            lambda log_w: (lambda w: w.sum() ** 2 / w.square().sum())((log_w - log_w[0]).exp()),
        ),
        Mistake(
            "clamped",
            "You force the logarithms into a range; weights with a common factor beyond it all become equal.",
            lambda log_w: effective_size(log_w.clamp(-300, 300)),
        ),
        Mistake(
            "upside-down",
            "You have the fraction upside down: the square of the sum stands above, the sum of the squares below.",
            lambda log_w: torch.softmax(log_w, 0).square().sum(),
        ),
        Mistake(
            "zeros-not-counted",
            "You count the weights that are not zero; unequal weights count for less than their number.",
            lambda log_w: float((log_w > -math.inf).sum()),
        ),
        Mistake(
            "share",
            "You return the share of effective samples; their number is asked for.",
            lambda log_w: effective_size(log_w) / len(log_w),
        ),
        Mistake(
            "not-normalised",
            "1 / sum w^2 holds for weights that sum to one; yours have the largest at one.",
            lambda log_w: 1 / (log_w - log_w.max()).exp().square().sum(),
        ),
        Mistake(
            "by-the-largest",
            "You divide the sum by the largest weight; that is another measure, and too generous here.",
            lambda log_w: 1 / torch.softmax(log_w, 0).max(),
        ),
        Mistake(
            "log-as-weight",
            "You use the logarithms themselves as weights; take their exponential.",
            lambda log_w: log_w.sum() ** 2 / log_w.square().sum(),
        ),
        Mistake(
            "entropy",
            "You return the exponential of the entropy (perplexity); that is another measure; square and add.",
            lambda log_w: torch.special.entr(torch.softmax(log_w, 0)).sum().exp(),
        ),
    ),
    alternatives=(_size_by_logsumexp, _size_in_a_loop),
)


# --- L14-E2 -------------------------------------------------------------------------------------------------


def weighted_matrices(psi, slopes, w):
    """S and G of the conditioned law."""
    p = w / w.sum()
    centred = psi - p @ psi
    G = centred.T @ (p[:, None] * centred)
    S = torch.einsum("n,nid,njd->ij", p, slopes, slopes)
    return S, G


def _features(generator, dtype, n=8, m=3, d=2):
    psi = 0.7 + torch.randn(n, m, generator=generator, dtype=dtype)
    slopes = torch.randn(n, m, d, generator=generator, dtype=dtype)
    return psi, slopes, 0.2 + 2 * torch.rand(n, generator=generator, dtype=dtype)


def _alike(generator, dtype):
    """Samples twice at one place, equal weights, weights of zero."""
    psi, slopes, _ = _features(generator, dtype)
    w = torch.tensor([1.0, 1.0, 0.0, 1.0], dtype=dtype)
    return torch.cat([psi[:4], psi[:4]]), torch.cat([slopes[:4], slopes[:4]]), torch.cat([w, w])


def _columns_apart(generator, dtype):
    psi, slopes, w = _features(generator, dtype)
    spread = torch.tensor([1e-3, 1.0, 1e3], dtype=dtype)
    return psi * spread, slopes * spread[:, None], w * torch.logspace(-6, 0, len(w), dtype=dtype)


def _far_from_zero(generator, dtype):
    psi, *rest = _features(generator, dtype)
    return psi + 1e6, *rest


def _matrices_by_roots(psi, slopes, w):
    root = (w / w.sum()).sqrt()
    flat = (root[:, None, None] * slopes).transpose(1, 2).flatten(0, 1)
    half = root[:, None] * (psi - (w[:, None] * psi).sum(0) / w.sum())
    return flat.T @ flat, half.T @ half


def _mean_product_less_product_of_means(psi, slopes, w):
    p = w / w.sum()
    mean = p @ psi
    return weighted_matrices(psi, slopes, w)[0], psi.T @ (p[:, None] * psi) - torch.outer(mean, mean)


def _matrices_in_a_loop(psi, slopes, w):
    n, m = psi.shape
    p, S, G = w / w.sum(), psi.new_zeros(m, m), psi.new_zeros(m, m)
    mean = sum(p[k] * psi[k] for k in range(n))
    for k in range(n):
        S += p[k] * slopes[k] @ slopes[k].T
        G += p[k] * torch.outer(psi[k] - mean, psi[k] - mean)
    return S, G


def _sums(psi, slopes, w):
    S, G = weighted_matrices(psi, slopes, w)
    return S * w.sum(), G * w.sum()


def _with_more_below(psi, slopes, w):
    p = w / (w.sum() + 1e-8)
    centred = psi - p @ psi
    return torch.einsum("n,nid,njd->ij", p, slopes, slopes), centred.T @ (p[:, None] * centred)


def _unbiased(psi, slopes, w):
    S, G = weighted_matrices(psi, slopes, w)
    return S, G / (1 - (w / w.sum()).square().sum())


def _matrices(mean=None, gram=None, stiffness=None):
    """The answer with parts of it replaced."""

    def answer(psi, slopes, w):
        p = w / w.sum()
        centred = psi - (p @ psi if mean is None else mean(psi))
        G_weights = p if gram is None else gram(w)
        S_weights = p if stiffness is None else stiffness(w)
        return (
            torch.einsum("n,nid,njd->ij", S_weights, slopes, slopes),
            centred.T @ (G_weights[:, None] * centred),
        )

    return answer


E2 = Exercise(
    id="L14-E2",
    title="The two matrices of the conditioned law",
    minutes=10,
    importance=3,
    reference=weighted_matrices,
    inputs=_features,
    example=(
        (_tensor([[0.0], [2.0]]), _tensor([[[1.0]], [[2.0]]]), _tensor([3.0, 1.0])),
        (_tensor([[1.75]]), _tensor([[0.75]])),
    ),
    identities=(
        Identity(
            "A common factor of the weights changes nothing.",
            lambda answer, args: agree(answer(*args[:2], 4 * args[2]), answer(*args), 1e-5),
        ),
        Identity(
            "A constant added to every feature changes nothing.",
            lambda answer, args: agree(answer(args[0] + 2, *args[1:]), answer(*args), 1e-5),
        ),
        Identity(
            "Weight two is the same as standing there twice.",
            lambda answer, args: agree(
                answer(args[0], args[1], 1.0 + (torch.arange(len(args[2])) == 0).to(args[2])),
                answer(
                    torch.cat([args[0], args[0][:1]]),
                    torch.cat([args[1], args[1][:1]]),
                    torch.ones(len(args[2]) + 1).to(args[2]),
                ),
                1e-5,
            ),
        ),
    ),
    edge_cases=(
        Edge("as many samples as features and coordinates", partial(_features, n=4, m=4, d=4), "sizes"),
        Edge("a single feature in 17 dimensions", partial(_features, m=1, d=17), "sizes"),
        Edge("31 samples and 5 features on the line", partial(_features, n=31, m=5, d=1), "sizes"),
        Edge("samples that stand at one place", _alike, "ties"),
        Edge("features and weights of very different size", _columns_apart, "far"),
        Edge("features whose mean is far from zero", _far_from_zero, "far"),
        (
            "samples that the likelihood excludes",
            lambda generator, dtype: (
                *_features(generator, dtype)[:2],
                torch.tensor([0.0, 1.0, 0.0, 2.0, 1.0, 0.0, 0.5, 1.0], dtype=dtype),
            ),
        ),
    ),
    units={"psi": 1, "slopes": 2, "w": 3},
    mistakes=(
        Mistake(
            "mean-product-less-product-of-means",
            "You subtract the product of the means from a mean product; far from zero no digit is left. Centre first.",
            _mean_product_less_product_of_means,
        ),
        Mistake(
            "order-of-the-pair",
            "You return G first; the pair is (S, G), the slopes' matrix before the features'.",
            lambda psi, slopes, w: weighted_matrices(psi, slopes, w)[::-1],
        ),
        Mistake(
            "sums-not-divided",
            "You add up with the weights as they are; divide by their sum, since a factor must not matter.",
            _sums,
        ),
        Mistake(
            "sample-covariance",
            "You divide by 1 - sum p^2, as an unbiased covariance does; the conditioned law is just these samples.",
            _unbiased,
        ),
        Mistake(
            "mean-over-directions",
            "You take the mean over the d directions; the scalar product of two slopes is their sum.",
            lambda psi, slopes, w: (
                weighted_matrices(psi, slopes, w)[0] / slopes.shape[2],
                weighted_matrices(psi, slopes, w)[1],
            ),
        ),
        Mistake(
            "softmax-of-the-weights",
            "You take a softmax of the weights, as if they were logarithms; they are weights already.",
            lambda psi, slopes, w: weighted_matrices(psi, slopes, torch.softmax(w, 0)),
        ),
        Mistake(
            "small-number-below-the-line",
            "You add 1e-8 to the sum of the weights; weights of any scale are allowed, also of 1e-12.",
            _with_more_below,
        ),
        Mistake(
            "slopes-centred",
            "You subtract the mean of the slopes; S is the mean of their products, and only G is a covariance.",
            lambda psi, slopes, w: weighted_matrices(psi, slopes - torch.einsum("n,nid->id", w / w.sum(), slopes), w),
        ),
        Mistake(
            "first-direction-only",
            "You take the first direction of the slopes alone; their scalar product is a sum over all d.",
            lambda psi, slopes, w: weighted_matrices(psi, slopes[:, :, :1], w),
        ),
        Mistake(
            "ridge",
            "You add 1e-6 to the diagonal of G; features in small units are smaller than that.",
            lambda psi, slopes, w: (
                weighted_matrices(psi, slopes, w)[0],
                weighted_matrices(psi, slopes, w)[1] + 1e-6 * torch.eye(psi.shape[1]).to(psi),
            ),
        ),
        Mistake(
            "prior-mean",
            "You subtract the mean under the prior; the conditioned law has a mean of its own, the weighted one.",
            _matrices(mean=lambda psi: psi.mean(0)),
        ),
        Mistake(
            "not-centred",
            "You do not subtract the mean; then the constant stays in, a mode of rate zero that nobody needs.",
            _matrices(mean=lambda psi: 0.0),
        ),
        Mistake(
            "weights-squared",
            "You weigh both factors; each sample counts once, with w and not w squared.",
            _matrices(gram=lambda w: (w / w.sum()) ** 2, stiffness=lambda w: (w / w.sum()) ** 2),
        ),
        Mistake(
            "unweighted-slopes",
            "You weigh G but not S; both are means under the conditioned law.",
            _matrices(stiffness=lambda w: torch.full_like(w, 1 / len(w))),
        ),
        Mistake(
            "unweighted-features",
            "You weigh S but not G; both are means under the conditioned law.",
            _matrices(gram=lambda w: torch.full_like(w, 1 / len(w))),
        ),
        Mistake(
            "divided-by-n",
            "You divide by the number of samples; divide by the sum of the weights.",
            _matrices(gram=lambda w: w / len(w), stiffness=lambda w: w / len(w)),
        ),
    ),
    alternatives=(_matrices_by_roots, _matrices_in_a_loop),
)


# --- L14-E3 -------------------------------------------------------------------------------------------------


def first_exponent(log_likelihood, least):
    """The largest exponent in (0, 1] that keeps `least` effective samples."""
    low, high = 0.0, 1.0
    if effective_size(log_likelihood) >= least:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if effective_size(middle * log_likelihood) >= least:
            low = middle
        else:
            high = middle
    return low


def _likelihoods(generator, dtype, n=40, spread=None, least=12.5):
    """A wide likelihood, now and then one that is kept as a whole."""
    spread = 2 + 24 * float(torch.rand((), generator=generator, dtype=torch.float64)) if spread is None else spread
    return spread * torch.randn(n, generator=generator, dtype=dtype).abs().neg(), least


def _levels(generator, dtype):
    """Two levels of likelihood, of which just enough is kept: both answers, all at once and a hair less, are right."""
    return torch.tensor([0.0, -math.log(3.0)] * 5, dtype=dtype), 8.0


def _one_far_likelier(generator, dtype):
    values, least = _likelihoods(generator, dtype)
    values[5] += 800
    return values, least


def _exponent_by_scipy(log_likelihood, least):
    from scipy.optimize import brentq

    if effective_size(log_likelihood) >= least:
        return 1.0
    return brentq(lambda tau: effective_size(tau * log_likelihood) - least, 0.0, 1.0, xtol=1e-15)


def _exponent_by_golden_tenths(log_likelihood, least):
    tau = 0.0
    for digit in range(1, 16):
        step = 10.0**-digit
        for _ in range(10 if digit == 1 else 9):
            if tau + step <= 1 and effective_size((tau + step) * log_likelihood) >= least:
                tau += step
    return min(tau, 1.0)


def _plain_size(log_w):
    w = log_w.exp()
    return float(w.sum() ** 2 / w.square().sum())


def _halved(log_likelihood, least):
    tau = 1.0
    while effective_size(tau * log_likelihood) < least:
        tau /= 2
    return tau


def _proportional(log_likelihood, least):
    n, left = len(log_likelihood), effective_size(log_likelihood)
    return min(1.0, (n - least) / (n - left))


def _bisect(enough, start=(0.0, 1.0), returns=lambda low, high: low, steps=60):
    """The answer with another condition, another result or fewer steps."""

    def answer(log_likelihood, least):
        low, high = start
        for _ in range(steps):
            middle = (low + high) / 2
            low, high = (middle, high) if enough(middle, log_likelihood, least) else (low, middle)
        return returns(low, high)

    return answer


def _by_the_variance(log_likelihood, least):
    spread = float(log_likelihood.std(correction=0))
    return min(1.0, math.sqrt(math.log(len(log_likelihood) / least)) / spread)


E3 = Exercise(
    id="L14-E3",
    title="How much of the likelihood at once",
    minutes=9,
    importance=2,
    reference=first_exponent,
    inputs=_likelihoods,
    example=((_tensor([0.0, -math.log(3.0) / 0.3]), 1.6), 0.3),
    identities=(
        Identity(
            "A common factor of the likelihood changes nothing.",
            lambda answer, args: agree(answer(args[0] - 700, args[1]), answer(*args), 1e-3),
        ),
        Identity(
            "Of a sharp likelihood, squared once more, half as much can come at once.",
            lambda answer, args: agree(2 * answer(20 * args[0], args[1]), answer(10 * args[0], args[1]), 1e-3),
        ),
    ),
    edge_cases=(
        (
            "a likelihood that may come at once",
            lambda generator, dtype: (0.01 * torch.randn(30, generator=generator, dtype=dtype), 10.0),
        ),
        ("a sharp likelihood", partial(_likelihoods, spread=60.0)),
        ("a likelihood that is kept as a whole", partial(_likelihoods, spread=2.0)),
        (
            "a tiny likelihood that may come at once",
            lambda generator, dtype: (0.01 * torch.randn(30, generator=generator, dtype=dtype) - 1000, 10.0),
        ),
        Edge("a likelihood like a needle", partial(_likelihoods, spread=3e5), "units"),
        Edge("three samples, two to keep", partial(_likelihoods, n=3, least=2.0), "sizes"),
        Edge("500 samples", partial(_likelihoods, n=500, least=100.0), "sizes"),
        Edge("two levels of likelihood, of which just enough is kept", _levels, "ties"),
        Edge("one sample that is far likelier", _one_far_likelier, "far"),
    ),
    units={"log_likelihood": 1},
    farthest=1e4,  # six digits of a number down to 1e-5 are asked for
    bounded=("least",),
    mistakes=(
        Mistake(
            "wrong-half",
            "You go up where too few samples are left; a larger exponent leaves fewer.",
            _bisect(lambda tau, values, least: effective_size(tau * values) < least),
        ),
        Mistake(
            "the-rest",
            "You return what is left of the exponent; how much can come at once is asked for.",
            lambda values, least: 1 - first_exponent(values, least),
        ),
        Mistake(
            "one-step",
            "You divide the exponent by the shortage once; the size does not fall in proportion. Search for it.",
            lambda values, least: min(1.0, effective_size(values) / least),
        ),
        Mistake(
            "share-for-number",
            "You compare the share of the samples that is left with least; least is a number of samples.",
            _bisect(lambda tau, values, least: effective_size(tau * values) / len(values) >= least),
        ),
        Mistake(
            "likelihood-times-tau",
            "You multiply the likelihood by tau; a factor changes no weights. The exponent multiplies its logarithm.",
            _bisect(lambda tau, values, least: effective_size(values + math.log(tau)) >= least),
        ),
        Mistake(
            "exponential-first",
            "You take the exponential of the logarithms as they are; small likelihoods all become 0. Shift them first.",
            _bisect(lambda tau, values, least: _plain_size(tau * values) >= least),
        ),
        Mistake(
            "too-few-digits",
            "Your search stops at a millionth; of a sharp likelihood the exponent is so small that no digits are left.",
            _bisect(lambda tau, values, least: effective_size(tau * values) >= least, steps=20),
        ),
        Mistake(
            "proportional",
            "You draw a straight line from n samples at 0 to those at 1; it does not fall in proportion. Search.",
            _proportional,
        ),
        Mistake(
            "a-power-of-two",
            "You halve until enough are left; the largest exponent lies between that one and its double. Go on.",
            _halved,
        ),
        Mistake(
            "beyond-one",
            "You search beyond 1; the whole likelihood is enough.",
            _bisect(lambda tau, values, least: effective_size(tau * values) >= least, start=(0.0, 64.0)),
        ),
        Mistake(
            "one-over-largest",
            "You use one over the largest weight as the effective number; it is (sum w)^2 / sum w^2.",
            _bisect(lambda tau, values, least: 1 / float(torch.softmax(tau * values, 0).max()) >= least),
        ),
        Mistake(
            "by-the-variance",
            "You use n / e^(tau^2 times the variance), which holds for Gaussian logs; halve the interval instead.",
            _by_the_variance,
        ),
    ),
    alternatives=(_exponent_by_scipy, _exponent_by_golden_tenths),
    tolerance=1e-5,
)


# --- L14-E4 -------------------------------------------------------------------------------------------------


def survival(killing, dt):
    """log of exp(-integral of the killing rate), by the trapezoid rule."""
    return -dt * (killing.sum(0) - (killing[0] + killing[-1]) / 2)


def _paths(generator, dtype, k=6, n=5):
    rates = 0.3 + 2 * torch.rand(k, n, generator=generator, dtype=dtype)
    return rates, 0.2 + 0.3 * float(torch.rand((), generator=generator))


def _quiet_paths(generator, dtype):
    return torch.tensor([[0.0, 1.5, 0.0], [0.0, 1.5, 2.0], [0.0, 1.5, 0.0]], dtype=dtype), 0.25


def _unequal_paths(generator, dtype):
    rates, dt = _paths(generator, dtype, n=3)
    return rates * torch.tensor([1e-6, 1.0, 1e3], dtype=dtype), dt


def _survival_in_a_loop(killing, dt):
    total = torch.zeros_like(killing[0])
    for before, after in pairwise(killing):
        total = total - dt * (before + after) / 2
    return total


def _simpson(killing, dt):
    from scipy.integrate import simpson

    return -torch.as_tensor(simpson(killing.numpy(), dx=dt, axis=0)).to(killing)


E4 = Exercise(
    id="L14-E4",
    title="The weight of a path",
    minutes=7,
    reference=survival,
    inputs=_paths,
    example=((_tensor([[1.0, 0.0], [2.0, 0.0], [5.0, 4.0]]), 0.5), _tensor([-2.5, -1.0])),
    identities=(
        Identity(
            "A constant rate of 2 over m steps of dt gives -2 m dt.",
            lambda answer, args: agree(
                answer(torch.full_like(args[0], 2.0), args[1]),
                torch.full_like(args[0][0], -2.0 * (len(args[0]) - 1) * args[1]),
                1e-5,
            ),
        ),
        Identity(
            "A path has the weight of its reverse.",
            lambda answer, args: agree(answer(args[0].flip(0), args[1]), answer(*args), 1e-5),
        ),
        Identity(
            "The logarithms of two pieces of a path add up.",
            lambda answer, args: agree(
                answer(args[0][:3], args[1]) + answer(args[0][2:], args[1]), answer(*args), 1e-5
            ),
        ),
    ),
    edge_cases=(
        Edge("long steps", altered(_paths, survival, dt=lambda dt: 30 * dt), "units"),
        Edge("a single step", partial(_paths, k=2), "sizes"),
        Edge("a single path of 31 times", partial(_paths, k=31, n=1), "sizes"),
        Edge("rates of zero and equal rates", _quiet_paths, "ties"),
        Edge("a path that dies at once beside one that does not", _unequal_paths, "far"),
    ),
    units={"killing": 1},
    mistakes=(
        Mistake(
            "sign",
            "Your weights grow where walkers die; survival needs a minus sign.",
            lambda killing, dt: -survival(killing, dt),
        ),
        Mistake(
            "dt-missing",
            "You add up rates; a rate times a time is what counts. Multiply by dt.",
            lambda killing, dt: survival(killing, dt) / dt,
        ),
        Mistake(
            "ends-whole",
            "You count both ends fully; in the trapezoid rule they count half, since only half a step belongs to them.",
            lambda killing, dt: -dt * killing.sum(0),
        ),
        Mistake(
            "left-sum",
            "You use the value at the start of each step; the trapezoid rule takes the mean of start and end.",
            lambda killing, dt: -dt * killing[:-1].sum(0),
        ),
        Mistake(
            "right-sum",
            "You use the value at the end of each step; the trapezoid rule takes the mean of start and end.",
            lambda killing, dt: -dt * killing[1:].sum(0),
        ),
        Mistake(
            "half-forgotten",
            "You add start and end of each step and forget to halve: the trapezoid takes their mean.",
            lambda killing, dt: 2 * survival(killing, dt),
        ),
        Mistake(
            "along-the-paths",
            "You integrate over the paths; the first axis is the time.",
            lambda killing, dt: survival(killing.T, dt),
        ),
        Mistake(
            "simpson",
            "That is Simpson's rule; the trapezoid rule is asked for, all inner values with the weight of one step.",
            _simpson,
        ),
        Mistake(
            "mean-over-time",
            "You take the mean over time; a longer path has more time to die. Integrate.",
            lambda killing, dt: -dt * killing.mean(0),
        ),
        Mistake(
            "product-of-shares",
            "You multiply 1 - V dt, the chance of a step to first order only; the logarithm is minus the integral.",
            lambda killing, dt: torch.log1p(-dt * (killing[1:] + killing[:-1]) / 2).sum(0),
        ),
        Mistake(
            "floor-below-the-logarithm",
            "You add 1e-12 to the chance before its logarithm; unlikely paths then all get -27.6.",
            lambda killing, dt: (survival(killing, dt).exp() + 1e-12).log(),
        ),
        Mistake(
            "mean-times-the-duration",
            "You multiply the plain mean by the duration; in the trapezoid rule both ends count half.",
            lambda killing, dt: -dt * (len(killing) - 1) * killing.mean(0),
        ),
        Mistake(
            "weight-itself",
            "You return the weight; its logarithm is asked for, because weights of long paths underflow.",
            lambda killing, dt: survival(killing, dt).exp(),
        ),
    ),
    alternatives=(_survival_in_a_loop, lambda killing, dt: -torch.trapezoid(killing, dx=dt, dim=0)),
)

EXERCISES = (E1, E2, E3, E4)
