"""Lesson 04: chi-square from moments, decay rates, LAWGD on the line, SVGD, and how fast KL falls."""

from __future__ import annotations

from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake
from koopteach.particles.rivals import SVGD

TITLE = "Gradient flows of distributions"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def _positive(generator, dtype, r, low=0.5, high=2.5):
    return low + (high - low) * torch.rand(r, generator=generator, dtype=dtype)


# --- L04-E1 -------------------------------------------------------------------------------------------------


def chi_square(phi):
    """The sum of the squared moments, without the constant function in column 0."""
    return phi[:, 1:].mean(dim=0).square().sum()


def _with_constant(generator, dtype, n=7, r=4, sizes=(0.0, 0.0)):
    """Functions behind the constant whose sizes run from 10^first to 10^last."""
    phi = torch.randn(n, r, generator=generator, dtype=dtype) * torch.logspace(*sizes, r, dtype=dtype)
    return (torch.cat([torch.ones(n, 1, dtype=dtype), phi], dim=1),)


def _balanced_and_equal(generator, dtype):
    """Two functions that are equal, one whose moment is exactly zero, and one that is zero."""
    (phi,) = _with_constant(generator, dtype, n=4)
    phi[:, 2] = phi[:, 1]
    phi[:, 3], phi[:, 4] = torch.tensor([1.0, -1.0, 2.0, -2.0], dtype=dtype), 0
    return (phi,)


def _nearly_balanced(generator, dtype):
    (phi,), (small,) = _with_constant(generator, dtype), _with_constant(generator, dtype, n=14)
    values = torch.cat([phi, -phi]) + 1e-6 * small
    values[:, 0] = 1
    return (values,)


def _chi_square_in_a_loop(phi):
    return sum(float(phi[:, k].mean()) ** 2 for k in range(1, phi.shape[1]))


def _centred(args):
    (phi,) = args
    return torch.cat([phi[:, :1], phi[:, 1:] - phi[:, 1:].mean(dim=0)], dim=1)


def _doubled(args):
    (phi,) = args
    return torch.cat([phi[:, :1], 2 * phi[:, 1:]], dim=1)


E1 = Exercise(
    id="L04-E1",
    title="Chi-square from the moments",
    minutes=6,
    importance=3,
    reference=chi_square,
    inputs=_with_constant,
    example=((_tensor([[1.0, 1.0, 2.0], [1.0, 3.0, 0.0]]),), 5.0),
    identities=(
        Identity(
            "In equilibrium, where all moments but the constant's vanish, chi-square is 0.",
            lambda answer, args: agree(answer(_centred(args)), 0.0, 1e-6),
        ),
        Identity(
            "Doubling the eigenfunctions behind the constant makes it four times as large.",
            lambda answer, args: agree(answer(_doubled(args)), 4 * answer(*args)),
        ),
    ),
    edge_cases=(
        Edge("moments of 1e-12", partial(_with_constant, sizes=(-12.0, -12.0)), "units"),
        Edge("moments of 1e9", partial(_with_constant, sizes=(9.0, 9.0)), "units"),
        Edge("as many particles as functions", partial(_with_constant, n=4, r=3), "sizes"),
        Edge("a single particle", partial(_with_constant, n=1), "sizes"),
        Edge("31 particles, a single mode behind the constant", partial(_with_constant, n=31, r=1), "sizes"),
        Edge("2 particles and 17 modes", partial(_with_constant, n=2, r=17), "sizes"),
        Edge("equal functions and moments that vanish", _balanced_and_equal, "ties"),
        Edge("moments of a millionth", partial(_with_constant, sizes=(-6.0, -6.0)), "units"),
        Edge("moments of 10,000", partial(_with_constant, sizes=(4.0, 4.0)), "units"),
        Edge("moments of very different size", partial(_with_constant, sizes=(-3.0, 3.0)), "far"),
        Edge("values that cancel but for a millionth", _nearly_balanced, "far"),
    ),
    bounded=("phi",),
    mistakes=(
        Mistake(
            "constant-kept",
            "You count the constant function, whose moment is always 1; leave column 0 out.",
            lambda phi: phi.mean(dim=0).square().sum(),
        ),
        Mistake(
            "mean-of-squares",
            "You square first and average then; that is about 1 a mode in equilibrium, where chi-square must vanish.",
            lambda phi: phi[:, 1:].square().mean(dim=0).sum(),
        ),
        Mistake(
            "not-squared",
            "You add up the moments themselves; they have signs and could cancel, so square each one first.",
            lambda phi: phi[:, 1:].mean(dim=0).sum(),
        ),
        Mistake(
            "root-taken",
            "You take the square root; chi-square is the squared length of the vector of moments.",
            lambda phi: phi[:, 1:].mean(dim=0).norm(),
        ),
        Mistake(
            "mean-over-modes",
            "You average over the modes; every mode adds its square, so sum.",
            lambda phi: phi[:, 1:].mean(dim=0).square().mean(),
        ),
        Mistake(
            "one-subtracted",
            "You count the constant and subtract 1; a small chi-square drowns in the rounding of that 1: leave "
            "column 0 out.",
            lambda phi: phi.mean(dim=0).square().sum() - 1,
        ),
        Mistake(
            "half",
            "You return half of it; chi-square is the whole sum of the squared moments.",
            lambda phi: phi[:, 1:].mean(dim=0).square().sum() / 2,
        ),
        Mistake(
            "square-of-the-sum",
            "You add up the moments and square then; they have signs and could cancel, so square each one first.",
            lambda phi: phi[:, 1:].mean(dim=0).sum().square(),
        ),
        Mistake(
            "first-particle-dropped",
            "You leave out row 0, a particle; the constant function is column 0.",
            lambda phi: phi[1:].mean(dim=0).square().sum(),
        ),
        Mistake(
            "mean-over-functions",
            "You average along a row, over the functions; a moment averages one function over the particles, dim=0.",
            lambda phi: phi[:, 1:].mean(dim=1).square().sum(),
        ),
        Mistake(
            "sum-over-particles",
            "You sum over the particles; a moment is their mean.",
            lambda phi: phi[:, 1:].sum(dim=0).square().sum(),
        ),
    ),
    alternatives=(
        _chi_square_in_a_loop,
        lambda phi: (phi.T @ torch.full_like(phi[:, 0], 1 / len(phi)))[1:].norm() ** 2,
        lambda phi: torch.dot(phi[:, 1:].mean(dim=0), phi[:, 1:].mean(dim=0)),
    ),
    tolerance=1e-8,
)


# --- L04-E2 -------------------------------------------------------------------------------------------------


def decay_rates(weights, energies):
    """Near equilibrium m_k decays at the rate w_k e_k."""
    return weights * energies


def _weights(generator, dtype, r=5, sizes=0.0):
    """The energies' sizes run from 10^-sizes to 10^sizes."""
    energies = _positive(generator, dtype, r, 0.3, 3.0) * torch.logspace(-sizes, sizes, r, dtype=dtype)
    return _positive(generator, dtype, r), energies


def _zeros_and_equal(generator, dtype):
    """A mode that is not pushed, one without energy, and two that are alike."""
    weights, energies = _weights(generator, dtype)
    weights[0], energies[1] = 0, 0
    weights[3], energies[3] = weights[2], energies[2]
    return weights, energies


def _overwritten(weights, energies):
    weights *= energies
    return weights


E2 = Exercise(
    id="L04-E2",
    title="How fast a moment decays",
    minutes=5,
    importance=3,
    reference=decay_rates,
    inputs=_weights,
    example=((_tensor([1.0, 1.0, 0.1]), _tensor([0.5, 10.0, 10.0])), _tensor([0.5, 10.0, 1.0])),
    identities=(
        Identity(
            "With the weights 1/energies, all moments decay at rate 1.",
            lambda answer, args: agree(answer(1 / args[1], args[1]), torch.ones_like(args[1]), 1e-6),
        ),
        Identity(
            "With all weights 1, the flow of chi-square, moment k decays at the rate of Langevin dynamics, energy k.",
            lambda answer, args: agree(answer(torch.ones_like(args[1]), args[1]), args[1]),
        ),
    ),
    edge_cases=(
        Edge("a single mode", partial(_weights, r=1), "sizes"),
        Edge("31 modes", partial(_weights, r=31), "sizes"),
        Edge("a weight 0, an energy 0 and two modes alike", _zeros_and_equal, "ties"),
        Edge("energies of very different size", partial(_weights, sizes=4.0), "far"),
    ),
    units={"weights": 1, "energies": 1},
    mistakes=(
        Mistake(
            "root-of-the-energy",
            "You multiply by the root of the energy; the slope enters twice, in the push and in the answer to it.",
            lambda weights, energies: weights * energies.sqrt(),
        ),
        Mistake(
            "negative-rates",
            "You return minus the rates, the factor in the equation of m; a rate r is positive where m falls as "
            "e^(-r t).",
            lambda weights, energies: -weights * energies,
        ),
        Mistake(
            "added-up",
            "You add up all modes; each has a rate of its own.",
            lambda weights, energies: weights @ energies,
        ),
        Mistake(
            "weights-overwritten",
            "You write the product over weights (*=), so that the caller loses them.",
            _overwritten,
        ),
        Mistake(
            "weights-alone",
            "You return the weights; how far a push moves a moment also depends on its function's slope, the energy.",
            lambda weights, energies: weights.clone(),
        ),
        Mistake(
            "energies-alone",
            "You return the energies, which is the answer for Langevin dynamics; the weights are missing.",
            lambda weights, energies: energies.clone(),
        ),
        Mistake(
            "divided-by-the-weight",
            "You divide by the weight; a harder push makes a moment decay faster.",
            lambda weights, energies: energies / weights,
        ),
        Mistake(
            "divided-by-the-energy",
            "You divide by the energy; a steeper function's moment answers more to the same push, so multiply.",
            lambda weights, energies: weights / energies,
        ),
        Mistake(
            "energy-twice",
            "You multiply by the energy twice; M holds one factor, and the other is yours to choose in w.",
            lambda weights, energies: weights * energies**2,
        ),
        Mistake(
            "time-for-rate",
            "You return the relaxation time, one over the rate.",
            lambda weights, energies: 1 / (weights * energies),
        ),
        Mistake(
            "rate-of-the-square",
            "That is the rate of m^2, and so of chi-square; the moment itself decays half as fast.",
            lambda weights, energies: 2 * weights * energies,
        ),
    ),
    alternatives=(
        lambda weights, energies: torch.diag(energies) @ weights,
        lambda weights, energies: torch.stack([w * e for w, e in zip(weights, energies)]),
    ),
)


# --- L04-E3 -------------------------------------------------------------------------------------------------


def line_velocity(x, cdf, density):
    """(F_mu - F_pi) / pi at every particle, F_mu = (rank - 1/2) / n."""
    rank = x.argsort().argsort()
    return ((rank + 0.5) / len(x) - cdf) / density


def _on_the_line(generator, dtype, n=8):
    # gaps, so that there are no ties in either precision
    steps = 0.2 + torch.rand(n, generator=generator, dtype=dtype)
    x = (steps.cumsum(0) - 0.6 * n)[_shuffled(generator, n)]
    cdf = torch.rand(n, generator=generator, dtype=dtype)
    return x, cdf, _positive(generator, dtype, n, 0.3, 1.0)


def _side_by_side(generator, dtype):
    x, cdf, density = _on_the_line(generator, dtype)
    return 1 + 1e-10 * x, cdf, density


def _at_both_ends(generator, dtype):
    """A target that ends within the particles, where it is flat; one of them at the origin."""
    x, cdf, density = _on_the_line(generator, dtype)
    cdf[:2], cdf[2:4], density[:], x[4] = 0, 1, 0.5, 0
    return x, cdf, density


def _far_apart(generator, dtype):
    """Particles at all scales on both sides, and tails in which the density is a billionth."""
    x, cdf, density = _on_the_line(generator, dtype)
    sizes = torch.logspace(-6, 6, 8, dtype=dtype)
    return x.sign() * sizes[_shuffled(generator, 8)], cdf, density * torch.logspace(0, -4, 8, dtype=dtype)


def _shuffled(generator, n):
    """A random order of n places unlike its inverse, so that sorting once and twice differ."""
    order = torch.randperm(n, generator=generator)
    while n > 2 and torch.equal(order, order.argsort()):
        order = torch.randperm(n, generator=generator)
    return order


def _by_counting(x, cdf, density):
    below = (x[:, None] > x).to(x.dtype).sum(1)
    return ((below + 0.5) / len(x) - cdf) / density


def _by_search(x, cdf, density):
    rank = torch.searchsorted(x.sort().values, x).to(x.dtype)
    return (rank + 0.5 - len(x) * cdf) / (len(x) * density)


def _rests_at_the_quantiles(answer, args):
    x, _, density = args
    cdf = (x.argsort().argsort() + 0.5).to(x.dtype) / len(x)
    return agree(answer(x, cdf, density), torch.zeros_like(x), 1e-6)


def _order_does_not_matter(answer, args):
    turned = tuple(a.flip(0) for a in args)
    return agree(answer(*turned).flip(0), answer(*args), 1e-6)


E3 = Exercise(
    id="L04-E3",
    title="LAWGD on the line, with all modes",
    minutes=10,
    importance=2,
    reference=line_velocity,
    inputs=_on_the_line,
    example=(
        (_tensor([0.3, -1.0]), _tensor([0.65, 0.15]), _tensor([0.5, 0.2])),
        _tensor([0.2, 0.5]),
    ),
    identities=(
        Identity("Particles that sit at the target's quantiles do not move.", _rests_at_the_quantiles),
        Identity("Listing the particles in another order changes no velocity.", _order_does_not_matter),
    ),
    edge_cases=(
        Edge("a single particle", partial(_on_the_line, n=1), "sizes"),
        Edge("two particles", partial(_on_the_line, n=2), "sizes"),
        Edge("31 particles", partial(_on_the_line, n=31), "sizes"),
        Edge("particles beyond both ends of a flat target", _at_both_ends, "ties"),
        Edge("particles that are nearly at one place", _side_by_side, "ties"),
        Edge("particles at all scales, and a thin density", _far_apart, "far"),
    ),
    units={"x": 1, "density": -1},
    tolerance=1e-6,
    bounded=("cdf",),
    mistakes=(
        Mistake(
            "divided-by-one-more",
            "You use rank / (n + 1); each particle has the mass 1/n, half of it to its left: (rank - 1/2) / n.",
            lambda x, cdf, density: ((x.argsort().argsort() + 1) / (len(x) + 1) - cdf) / density,
        ),
        Mistake(
            "ranks-from-the-right",
            "You count from the right; F is the share to the left, and the leftmost particle has rank 1.",
            lambda x, cdf, density: (((-x).argsort().argsort() + 0.5) / len(x) - cdf) / density,
        ),
        Mistake(
            "from-left-to-right",
            "You return the velocities from left to right; each belongs to the particle at its place in the list.",
            lambda x, cdf, density: line_velocity(x, cdf, density)[x.argsort()],
        ),
        Mistake(
            "half-subtracted-from-zero",
            "You count ranks from 0 and subtract the half; with that count F is (rank + 1/2) / n.",
            lambda x, cdf, density: ((x.argsort().argsort() - 0.5) / len(x) - cdf) / density,
        ),
        Mistake(
            "wrong-way",
            "Your particles run away: where more of them than of the target lies to the left, they must move right.",
            lambda x, cdf, density: -line_velocity(x, cdf, density),
        ),
        Mistake(
            "not-divided",
            "The density is missing; where the target is thin, particles must move fast to carry the same mass.",
            lambda x, cdf, density: line_velocity(x, cdf, torch.ones_like(density)),
        ),
        Mistake(
            "times-the-density",
            "You multiply by the density where the formula divides by it.",
            lambda x, cdf, density: line_velocity(x, cdf, 1 / density),
        ),
        Mistake(
            "place-for-rank",
            "You use the place of a particle in the list; its rank is its place after sorting.",
            lambda x, cdf, density: ((torch.arange(len(x), dtype=x.dtype) + 0.5) / len(x) - cdf) / density,
        ),
        Mistake(
            "argsort-once",
            "argsort says which particle comes k-th, not where particle i comes; apply it twice for ranks.",
            lambda x, cdf, density: ((x.argsort() + 0.5) / len(x) - cdf) / density,
        ),
        Mistake(
            "half-missing",
            "You use rank / n without the half; half of the particle's own mass lies to its left: (rank - 1/2) / n.",
            lambda x, cdf, density: ((x.argsort().argsort() + 1) / len(x) - cdf) / density,
        ),
        Mistake(
            "rank-from-zero",
            "You count ranks from 0 and leave out the half; with that count F is (rank + 1/2) / n.",
            lambda x, cdf, density: (x.argsort().argsort() / len(x) - cdf) / density,
        ),
        Mistake(
            "small-number-below-the-line",
            "You add a small number to the density; in the tails it is not small, so that the velocity is wrong there.",
            lambda x, cdf, density: line_velocity(x, cdf, density + 1e-6),
        ),
    ),
    alternatives=(_by_counting, _by_search),
)


# --- L04-E4 -------------------------------------------------------------------------------------------------


def svgd_velocity(x, score, width):
    """(k s + sum_j k_ij (x_i - x_j) / b^2) / n, by differences."""
    return _svgd(x, score, width)


def _same_as_the_package(answer, args):
    x, score, width = args
    package = SVGD(lambda _: score, step_size=1.0, bandwidth=width)
    return agree(answer(x, score, width), package.velocity(x), 1e-6)


def _cloud(generator, dtype, n=7, d=2):
    x = torch.randn(n, d, generator=generator, dtype=dtype)
    score = torch.randn(n, d, generator=generator, dtype=dtype)
    return x, score, 0.6 + 0.3 * torch.rand((), generator=generator).item()


def _two_at_one_place(generator, dtype):
    x, score, width = _cloud(generator, dtype)
    x[1], score[2] = x[0], 0
    return x, score, width


def _two_swarms(generator, dtype):
    """Two swarms a thousand widths apart, of one of which the scores are large."""
    x, score, width = _cloud(generator, dtype)
    x[:3] += 1000.0
    score[:3] *= 100.0
    return x, score, width


def _far_from_the_origin(generator, dtype, n=7):
    x, score, width = _cloud(generator, dtype, n)
    return x + 1e6, score, width


def _expanded_square(x):
    square = x.square().sum(1)
    return square[:, None] + square - 2 * x @ x.T


def _differences_squared(x):
    return (x[:, None] - x).square().sum(2)


def _svgd_with_kernel(kernel):
    """SVGD whose weights are ``kernel(k)``, both of shape (n, n), without another average over the neighbours."""

    def wrong(x, score, width):
        k = kernel(torch.exp(-_differences_squared(x) / (2 * width**2)))
        return k @ score + torch.einsum("ij,ijd->id", k, x[:, None] - x) / width**2

    return wrong


def _repulsion_unweighted(x, score, width):
    k = torch.exp(-_differences_squared(x) / (2 * width**2))
    return (k @ score + (x[:, None] - x).sum(1) / width**2) / len(x)


def _svgd(x, score, width, sign=1.0, twice=1.0, own=False, power=2, n=None, exponent=2.0, square=_differences_squared):
    """SVGD by the formula, and, with other arguments, by its misprints."""
    difference = x[:, None] - x
    k = torch.exp(-square(x) / (exponent * width**2))
    follow = k.sum(1, keepdim=True) * score if own else k @ score
    apart = sign * twice * torch.einsum("ij,ijd->id", k, difference) / width**power
    return (follow + apart) / (n or len(x))


def _svgd_in_a_loop(x, score, width):
    v = torch.zeros_like(x)
    for i in range(len(x)):
        for j in range(len(x)):
            k = torch.exp(-(x[i] - x[j]).square().sum() / (2 * width**2))
            v[i] += k * (score[j] + (x[i] - x[j]) / width**2) / len(x)
    return v


def _svgd_by_matrices(x, score, width):
    k = torch.exp(-(torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist") ** 2) / (2 * width**2))
    return (k @ score + (k.sum(1, keepdim=True) * x - k @ x) / width**2) / len(x)


def _alone_it_climbs(answer, args):
    x, score, width = (args[0][:1], args[1][:1], args[2])
    return agree(answer(x, score, width), score)


def _repulsion_moves_no_mean(answer, args):
    x, score, width = args
    return agree(answer(x, torch.zeros_like(score), width).mean(0), torch.zeros_like(x[0]), 1e-6)


E4 = Exercise(
    id="L04-E4",
    title="The velocity of SVGD",
    minutes=10,
    importance=2,
    reference=svgd_velocity,
    inputs=_cloud,
    example=(
        (_tensor([[0.0], [2.0]]), _tensor([[1.0], [-1.0]]), 1.0),
        _tensor([[0.5 - 1.5 * 0.1353352832366127], [-0.5 + 1.5 * 0.1353352832366127]]),
    ),
    identities=(
        Identity("A particle that is alone moves along its own score.", _alone_it_climbs),
        Identity(
            "Without a score, the particles push each other apart and their mean stays.", _repulsion_moves_no_mean
        ),
        Identity("It is the velocity of koopteach's SVGD.", _same_as_the_package),
    ),
    edge_cases=(
        Edge("31 particles far from the origin", partial(_far_from_the_origin, n=31)),
        Edge("as many particles as coordinates", partial(_cloud, n=4, d=4), "sizes"),
        Edge("a single particle", partial(_cloud, n=1), "sizes"),
        Edge("31 particles on the line", partial(_cloud, n=31, d=1), "sizes"),
        Edge("2 particles in 17 dimensions", partial(_cloud, n=2, d=17), "sizes"),
        Edge("two particles at one place, and a score that is zero", _two_at_one_place, "ties"),
        Edge("two swarms that do not see each other", _two_swarms, "far"),
        ("particles far from the origin", _far_from_the_origin),
    ),
    units={"x": 1, "score": -1, "width": 1},
    mistakes=(
        Mistake(
            "attraction",
            "Your particles attract each other and will clump; the second term must point from x_j to x_i.",
            partial(_svgd, sign=-1.0),
        ),
        Mistake(
            "own-score",
            "You use the score at x_i; each particle follows its neighbours' scores s(x_j), averaged by the kernel.",
            partial(_svgd, own=True),
        ),
        Mistake(
            "twice-the-repulsion",
            "Your repulsion is twice too strong; the 2 in the kernel's exponent cancels when you differentiate.",
            partial(_svgd, twice=2.0),
        ),
        Mistake(
            "width-not-squared",
            "You divide the repulsion by the width; differentiating the kernel gives its square.",
            partial(_svgd, power=1),
        ),
        Mistake(
            "repulsion-not-scaled",
            "You do not divide the repulsion by the width squared; differentiating the kernel brings that factor.",
            partial(_svgd, power=0),
        ),
        Mistake(
            "kernel-without-half",
            "Your kernel is exp(-d^2 / b^2); it is exp(-d^2 / (2 b^2)).",
            partial(_svgd, exponent=1.0),
        ),
        Mistake(
            "others-only",
            "You leave the particle itself out; its own score counts with the weight k_ii = 1.",
            _svgd_with_kernel(lambda k: (k - torch.eye(len(k), dtype=k.dtype)) / len(k)),
        ),
        Mistake(
            "divided-by-the-kernels",
            "You divide by the sum of the kernels; SVGD divides by n, so that lonely particles move slowly.",
            _svgd_with_kernel(lambda k: k / k.sum(1, keepdim=True)),
        ),
        Mistake(
            "repulsion-unweighted",
            "Your repulsion has no kernel; far particles do not push each other, so weight it by k_ij as well.",
            _repulsion_unweighted,
        ),
        Mistake(
            "square-multiplied-out",
            "You compute |x|^2 + |y|^2 - 2 x.y, which loses its digits far from the origin; square the differences.",
            partial(_svgd, square=_expanded_square),
        ),
        Mistake(
            "sum-over-particles",
            "You sum over the neighbours; divide by n, or the speed would grow with the number of particles.",
            partial(_svgd, n=1),
        ),
        Mistake(
            "no-repulsion",
            "The second term is missing; without it all particles slide to the nearest mode and stay in one point.",
            partial(_svgd, sign=0.0),
        ),
    ),
    alternatives=(lambda x, score, width: _svgd(x, score, width), _svgd_in_a_loop, _svgd_by_matrices),
)


# --- L04-E5 -------------------------------------------------------------------------------------------------


def kl_slope(m, energies, weights):
    """dKL/dt = - sum_k w_k e_k m_k^2."""
    return -(weights * energies * m.square()).sum()


def _state(generator, dtype, r=4, make=_weights):
    weights, energies = make(generator, dtype, r)
    return torch.randn(r, generator=generator, dtype=dtype), energies, weights


def _in_balance(generator, dtype):
    """A moment that is zero, a weight and an energy that are, and two modes alike but for a sign."""
    m, energies, weights = _state(generator, dtype, r=5)
    m[0], weights[1], energies[2] = 0, 0, 0
    m[4], weights[4], energies[4] = -m[3], weights[3], energies[3]
    return m, energies, weights


def _squared_in_place(m, energies, weights):
    m *= m
    return -(weights * energies * m).sum()


E5 = Exercise(
    id="L04-E5",
    title="How fast KL falls",
    minutes=7,
    importance=3,
    reference=kl_slope,
    inputs=_state,
    example=((_tensor([1.0, 2.0]), _tensor([0.5, 3.0]), _tensor([1.0, 1.0])), -12.5),
    identities=(
        Identity(
            "With the weights 1/energies it is minus chi-square, the sum of the squared moments.",
            lambda answer, args: agree(answer(args[0], args[1], 1 / args[1]), -args[0].square().sum(), 1e-6),
        ),
        Identity(
            "A moment of the opposite sign is as far from equilibrium.",
            lambda answer, args: agree(answer(-args[0], *args[1:]), answer(*args)),
        ),
    ),
    edge_cases=(
        Edge("a single mode", partial(_state, r=1), "sizes"),
        Edge("31 modes", partial(_state, r=31), "sizes"),
        Edge("moments, weights and energies that are zero or equal", _in_balance, "ties"),
        Edge("energies of very different size", partial(_state, make=partial(_weights, sizes=4.0)), "far"),
    ),
    units={"m": 1, "energies": 1, "weights": 1},
    mistakes=(
        Mistake(
            "weights-squared",
            "You square the weights, as the work of the push would; KL's slope has each weight once.",
            lambda m, energies, weights: -(weights.square() * energies * m.square()).sum(),
        ),
        Mistake(
            "energies-squared",
            "You have the energies twice; KL's slope has each energy once.",
            lambda m, energies, weights: -(weights * energies.square() * m.square()).sum(),
        ),
        Mistake(
            "not-summed",
            "You return the loss of each mode; KL is one number, so add them up.",
            lambda m, energies, weights: -weights * energies * m.square(),
        ),
        Mistake(
            "mean-over-modes",
            "You average over the modes; every mode adds its loss, so sum.",
            lambda m, energies, weights: -(weights * energies * m.square()).mean(),
        ),
        Mistake(
            "half",
            "You return half of it, as if KL were half a square; the slope of KL along the flow has no factor.",
            lambda m, energies, weights: -(weights * energies * m.square()).sum() / 2,
        ),
        Mistake(
            "moments-overwritten",
            "You square m in place (*=), so that the caller loses the moments.",
            _squared_in_place,
        ),
        Mistake(
            "kl-grows",
            "Your KL grows; a flow downhill makes it fall, and the minus is missing.",
            lambda m, energies, weights: (weights * energies * m.square()).sum(),
        ),
        Mistake(
            "no-energies",
            "The energies are missing; they come from the slopes of the density ratio, along which particles move.",
            lambda m, energies, weights: -(weights * m.square()).sum(),
        ),
        Mistake(
            "no-weights",
            "The weights are missing: that is the flow of chi-square, where all of them are 1.",
            lambda m, energies, weights: -(energies * m.square()).sum(),
        ),
        Mistake(
            "divided-by-the-energies",
            "You divide by the energies; that belongs to the energy E of lesson 05, while KL's slope multiplies.",
            lambda m, energies, weights: -(weights / energies * m.square()).sum(),
        ),
        Mistake(
            "chi-square-alone",
            "You return minus chi-square, which is right for the weights 1/energies only.",
            lambda m, energies, weights: -m.square().sum(),
        ),
        Mistake(
            "twice",
            "There is no factor 2: that is how m^2 decays, which is chi-square near equilibrium and not KL.",
            lambda m, energies, weights: -2 * (weights * energies * m.square()).sum(),
        ),
        Mistake(
            "not-squared",
            "The moments must be squared, or modes of opposite sign would cancel.",
            lambda m, energies, weights: -(weights * energies * m).sum(),
        ),
    ),
    alternatives=(
        lambda m, energies, weights: -torch.dot(m * weights, m * energies),
        lambda m, energies, weights: -sum(float(w * e * a * a) for a, e, w in zip(m, energies, weights)),
    ),
)

EXERCISES = (E1, E2, E3, E4, E5)
