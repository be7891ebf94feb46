"""Lesson 04: chi-square from moments, decay rates, LAWGD on the line, SVGD, and how fast KL falls."""

from __future__ import annotations

from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake
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


def _with_constant(generator, dtype, n=7, r=4):
    phi = torch.randn(n, r, generator=generator, dtype=dtype)
    return (torch.cat([torch.ones(n, 1, dtype=dtype), phi], dim=1),)


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
        ("a single particle", partial(_with_constant, n=1)),
        ("a single mode behind the constant", partial(_with_constant, r=1)),
    ),
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
            "sum-over-particles",
            "You sum over the particles; a moment is their mean.",
            lambda phi: phi[:, 1:].sum(dim=0).square().sum(),
        ),
    ),
    alternatives=(
        _chi_square_in_a_loop,
        lambda phi: phi.mean(dim=0).square().sum() - 1,
        lambda phi: torch.dot(phi[:, 1:].mean(dim=0), phi[:, 1:].mean(dim=0)),
    ),
    tolerance=1e-6,
)


# --- L04-E2 -------------------------------------------------------------------------------------------------


def decay_rates(weights, energies):
    """Near equilibrium m_k decays at the rate w_k e_k."""
    return weights * energies


def _weights(generator, dtype, r=5):
    return _positive(generator, dtype, r), _positive(generator, dtype, r, 0.3, 3.0)


E2 = Exercise(
    id="L04-E2",
    title="How fast a moment decays",
    minutes=5,
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
    edge_cases=(("a single mode", partial(_weights, r=1)),),
    mistakes=(
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
    edge_cases=(("a single particle", partial(_on_the_line, n=1)),),
    tolerance=1e-6,
    mistakes=(
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
    ),
    alternatives=(_by_counting, _by_search),
)


# --- L04-E4 -------------------------------------------------------------------------------------------------


def svgd_velocity(x, score, width):
    """The package's SVGD, fed with given scores."""
    return SVGD(lambda _: score, step_size=1.0, bandwidth=width).velocity(x)


def _cloud(generator, dtype, n=7, d=2):
    x = torch.randn(n, d, generator=generator, dtype=dtype)
    score = torch.randn(n, d, generator=generator, dtype=dtype)
    return x, score, 0.6 + 0.3 * torch.rand((), generator=generator).item()


def _svgd(x, score, width, sign=1.0, twice=1.0, own=False, power=2, n=None):
    """SVGD by the formula, and, with other arguments, by its misprints."""
    difference = x[:, None] - x
    k = torch.exp(-difference.square().sum(2) / (2 * width**2))
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
    ),
    edge_cases=(
        ("a single particle", partial(_cloud, n=1)),
        ("particles on the line", partial(_cloud, d=1)),
    ),
    tolerance=1e-6,
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


def _state(generator, dtype, r=4):
    return torch.randn(r, generator=generator, dtype=dtype), *_weights(generator, dtype, r)


E5 = Exercise(
    id="L04-E5",
    title="How fast KL falls",
    minutes=7,
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
    edge_cases=(("a single mode", partial(_state, r=1)),),
    tolerance=1e-6,
    mistakes=(
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
