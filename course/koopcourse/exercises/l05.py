"""Lesson 05: the velocity of KSWGD, its energy, its limiter, its decay and its damping."""

from __future__ import annotations

import math
from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered
from koopteach.particles.kswgd import KSWGD, damped_weights, limit
from koopteach.spectrum import Spectrum

TITLE = "KSWGD: let the spectrum move the particles"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def _paper(phi, grad_phi, energies):
    """The package's method, fed with given values instead of functions."""
    spectrum = Spectrum.from_functions(energies, lambda x: phi, lambda x: grad_phi)
    return KSWGD(spectrum, damping=math.inf)


# --- L05-E1 -------------------------------------------------------------------------------------------------


def velocity(phi, grad_phi, energies):
    """- sum_k m_k / e_k grad phi_k(x_i), the paper's velocity at every particle."""
    return -torch.einsum("k,nkd->nd", phi.mean(0) / energies, grad_phi)


def _same_as_the_package(answer, args):
    phi, grad_phi, energies = args
    return agree(answer(*args), _paper(phi, grad_phi, energies).velocity(grad_phi[:, 0]), 1e-6)


def _eigenfunctions(generator, dtype, n=7, r=4, d=3):
    phi = torch.randn(n, r, generator=generator, dtype=dtype)
    grad_phi = torch.randn(n, r, d, generator=generator, dtype=dtype)
    return phi, grad_phi, _energies(generator, dtype, r)


def _energies(generator, dtype, r, largest=0.0):
    """Ascending, of order one, or from 10^-largest to 10^largest."""
    return (0.5 + 2.5 * torch.rand(r, generator=generator, dtype=dtype).sort().values) * torch.logspace(
        -largest, largest, r, dtype=dtype
    )


def _balanced(generator, dtype):
    """Equal energies, a moment that vanishes, and a particle at which nothing slopes."""
    phi, grad_phi, _ = _eigenfunctions(generator, dtype, n=4)
    phi[:, 0], grad_phi[1] = torch.tensor([1.0, -1.0, 2.0, -2.0], dtype=dtype), 0
    return phi, grad_phi, torch.full((4,), 2.0, dtype=dtype)


def _energies_apart(generator, dtype):
    phi, grad_phi, _ = _eigenfunctions(generator, dtype)
    return phi, grad_phi, _energies(generator, dtype, 4, largest=4.0)


def _velocity_in_a_loop(phi, grad_phi, energies):
    total = torch.zeros_like(grad_phi[:, 0])
    for k in range(len(energies)):
        total = total - phi[:, k].mean() / energies[k] * grad_phi[:, k]
    return total


def _centred(args):
    phi, grad_phi, energies = args
    return phi - phi.mean(0), grad_phi, energies


E1 = Exercise(
    id="L05-E1",
    title="The velocity of the paper",
    minutes=10,
    importance=3,
    reference=velocity,
    inputs=_eigenfunctions,
    example=(
        (_tensor([[1.0, 2.0], [3.0, 0.0]]), _tensor([[[1.0], [0.0]], [[0.0], [2.0]]]), _tensor([1.0, 2.0])),
        _tensor([[-2.0], [-1.0]]),
    ),
    identities=(
        Identity(
            "Particles whose moments all vanish do not move.",
            lambda answer, args: agree(answer(*_centred(args)), torch.zeros_like(args[1][:, 0]), 1e-6),
        ),
        Identity(
            "A second copy of every particle changes no velocity.",
            lambda answer, args: agree(
                answer(torch.cat([args[0]] * 2), torch.cat([args[1]] * 2), args[2])[: len(args[0])], answer(*args)
            ),
        ),
        Identity("It is the velocity of koopteach's KSWGD without damping.", _same_as_the_package),
    ),
    edge_cases=(
        ("energies in falling order", altered(_eigenfunctions, velocity, energies=lambda e: e.flip(0))),
        Edge("a single particle", partial(_eigenfunctions, n=1), "sizes"),
        Edge("31 particles, a single mode on the line", partial(_eigenfunctions, n=31, r=1, d=1), "sizes"),
        Edge("more particles than one handles at once", partial(_eigenfunctions, n=2503, r=2, d=1), "sizes"),
        Edge("2 particles, 5 modes in 17 dimensions", partial(_eigenfunctions, n=2, r=5, d=17), "sizes"),
        Edge("equal energies and a moment that vanishes", _balanced, "ties"),
        Edge("energies from 1e-4 to 1e4", _energies_apart, "far"),
    ),
    units={"phi": 1, "grad_phi": 1, "energies": 2},
    mistakes=(
        Mistake(
            "times-the-energy",
            "You multiply by the energies; dividing by them is what makes slow modes as fast as the others.",
            lambda phi, grad_phi, energies: -torch.einsum("k,nkd->nd", phi.mean(0) * energies, grad_phi),
        ),
        Mistake(
            "uphill",
            "Your particles climb: the velocity is minus the gradient, and the sign is missing.",
            lambda phi, grad_phi, energies: torch.einsum("k,nkd->nd", phi.mean(0) / energies, grad_phi),
        ),
        Mistake(
            "own-value-for-the-mean",
            "You use phi_k(x_i), each particle's own value, where the moment, the mean over all particles, belongs.",
            lambda phi, grad_phi, energies: -torch.einsum("nk,nkd->nd", phi / energies, grad_phi),
        ),
        Mistake(
            "not-divided",
            "You use the moments undivided; then each mode decays at its own rate, as in Langevin dynamics.",
            lambda phi, grad_phi, energies: -torch.einsum("k,nkd->nd", phi.mean(0), grad_phi),
        ),
        Mistake(
            "root-of-the-energy",
            "You divide by the root of the energy; dividing by the whole energy makes every mode decay at the same "
            "rate.",
            lambda phi, grad_phi, energies: -torch.einsum("k,nkd->nd", phi.mean(0) / energies.sqrt(), grad_phi),
        ),
        Mistake(
            "energy-squared",
            "You divide by the energy twice; one division makes every mode decay at the same rate.",
            lambda phi, grad_phi, energies: -torch.einsum("k,nkd->nd", phi.mean(0) / energies**2, grad_phi),
        ),
        Mistake(
            "slopes-averaged",
            "You average the slopes over the particles, too; each particle moves along the slope where it is.",
            lambda phi, grad_phi, energies: velocity(phi, grad_phi.mean(0).expand_as(grad_phi), energies),
        ),
        Mistake(
            "mean-over-modes",
            "You average over the modes; every mode adds its push, so sum.",
            lambda phi, grad_phi, energies: velocity(phi, grad_phi, energies) / len(energies),
        ),
        Mistake(
            "divided-by-n-again",
            "You return -dE/dx_i, which is smaller by n: each particle is only the n-th part of a moment.",
            lambda phi, grad_phi, energies: velocity(phi, grad_phi, energies) / len(phi),
        ),
        Mistake(
            "sum-over-particles",
            "You sum phi over the particles; a moment is their mean, or the speed would grow with their number.",
            lambda phi, grad_phi, energies: -torch.einsum("k,nkd->nd", phi.sum(0) / energies, grad_phi),
        ),
    ),
    alternatives=(
        _velocity_in_a_loop,
        lambda phi, grad_phi, energies: -(grad_phi * (phi.mean(0) / energies)[:, None]).sum(1),
        lambda phi, grad_phi, energies: -(grad_phi.transpose(1, 2) @ (phi.mean(0) / energies)),
    ),
)


# --- L05-E2 -------------------------------------------------------------------------------------------------


def energy(phi, energies):
    """E = 1/2 sum_k m_k^2 / e_k."""
    return 0.5 * (phi.mean(0).square() / energies).sum()


def _same_energy_as_the_package(answer, args):
    phi, energies = args
    return agree(answer(phi, energies), _paper(phi, phi[:, :, None], energies).energy(phi[:, :1]), 1e-6)


def _values(generator, dtype, n=7, r=4):
    return torch.randn(n, r, generator=generator, dtype=dtype), _energies(generator, dtype, r)


def _without_slopes(make, generator, dtype):
    phi, _, energies = make(generator, dtype)
    return phi, energies


E2 = Exercise(
    id="L05-E2",
    title="The energy that is left",
    minutes=5,
    importance=3,
    reference=energy,
    inputs=_values,
    example=((_tensor([[1.0, 2.0], [3.0, 0.0]]), _tensor([1.0, 2.0])), 2.25),
    identities=(
        Identity(
            "Doubling every phi makes the energy four times as large.",
            lambda answer, args: agree(answer(2 * args[0], args[1]), 4 * answer(*args)),
        ),
        Identity(
            "Particles whose moments all vanish have no energy left.",
            lambda answer, args: agree(answer(args[0] - args[0].mean(0), args[1]), 0.0, 1e-6),
        ),
        Identity("It is the energy of koopteach's KSWGD.", _same_energy_as_the_package),
    ),
    edge_cases=(
        ("energies in falling order", altered(_values, energy, energies=lambda e: e.flip(0))),
        Edge("a single particle", partial(_values, n=1), "sizes"),
        Edge("31 particles and a single mode", partial(_values, n=31, r=1), "sizes"),
        Edge("more particles than one handles at once", partial(_values, n=2503, r=2), "sizes"),
        Edge("2 particles and 17 modes", partial(_values, n=2, r=17), "sizes"),
        Edge("equal energies and a moment that vanishes", partial(_without_slopes, _balanced), "ties"),
        Edge("energies from 1e-4 to 1e4", partial(_without_slopes, _energies_apart), "far"),
    ),
    units={"phi": 1, "energies": 1},
    farthest=1e15,
    mistakes=(
        Mistake(
            "no-half",
            "The factor 1/2 is missing; with it the velocity is exactly -n dE/dx_i.",
            lambda phi, energies: (phi.mean(0) ** 2 / energies).sum(),
        ),
        Mistake(
            "mean-of-squares",
            "You square first and average then; that is the size of phi itself, which does not vanish at equilibrium.",
            lambda phi, energies: 0.5 * ((phi**2).mean(0) / energies).sum(),
        ),
        Mistake(
            "not-divided",
            "The squares are not divided by the energies, so the slow moments, the worst ones, hardly count.",
            lambda phi, energies: 0.5 * (phi.mean(0) ** 2).sum(),
        ),
        Mistake(
            "times-the-energy",
            "You multiply by the energies where (3) divides by them.",
            lambda phi, energies: 0.5 * (phi.mean(0) ** 2 * energies).sum(),
        ),
        Mistake(
            "sum-over-particles",
            "You sum phi over the particles; a moment is their mean, or the energy would grow with their number.",
            lambda phi, energies: 0.5 * (phi.sum(0) ** 2 / energies).sum(),
        ),
        Mistake(
            "mean-over-modes",
            "You average over the modes; every mode adds its part, so sum.",
            lambda phi, energies: 0.5 * (phi.mean(0) ** 2 / energies).mean(),
        ),
        Mistake(
            "mean-for-half-the-sum",
            "You take a mean over the modes for half of their sum; that is the same for two modes only.",
            lambda phi, energies: (phi.mean(0) ** 2 / energies).mean(),
        ),
        Mistake(
            "root-of-the-energy",
            "You divide by the root of the energy; each squared moment is divided by the energy itself.",
            lambda phi, energies: 0.5 * (phi.mean(0) ** 2 / energies.sqrt()).sum(),
        ),
        Mistake(
            "small-number-below-the-line",
            "You add 1e-6 to the energies; they are positive, and in other units 1e-6 is not small.",
            lambda phi, energies: 0.5 * (phi.mean(0) ** 2 / (energies + 1e-6)).sum(),
        ),
        Mistake(
            "energy-squared",
            "You divide m by the energy before you square, so that the energy is squared, too.",
            lambda phi, energies: 0.5 * ((phi.mean(0) / energies) ** 2).sum(),
        ),
    ),
    alternatives=(
        lambda phi, energies: 0.5 * torch.dot(phi.mean(0), phi.mean(0) / energies),
        lambda phi, energies: sum(phi[:, k].mean().item() ** 2 / energies[k].item() for k in range(len(energies))) / 2,
    ),
)


# --- L05-E3 -------------------------------------------------------------------------------------------------


def limiter(move, length):
    """Each row of move, shortened to at most length."""
    norm = move.norm(dim=1, keepdim=True)
    return move * (length / norm.clamp_min(length))


def _moves(generator, dtype, n=9, d=2):
    move = torch.randn(n, d, generator=generator, dtype=dtype)
    return move, float(move.norm(dim=1).median()) if n > 1 else 0.5


def _with_one_at_rest(generator, dtype):
    move, length = _moves(generator, dtype)
    move[0] = 0
    return move, length


def _at_the_limit(generator, dtype):
    """A move of just the length, its opposite, and one at rest."""
    return torch.tensor([[3.0, 4.0], [-3.0, -4.0], [0.0, 0.0], [6.0, 8.0]], dtype=dtype), 5.0


def _in_units_of(unit, generator, dtype):
    move, length = _moves(generator, dtype)
    return unit * move, unit * length


def _of_many_lengths(generator, dtype):
    move, _ = _moves(generator, dtype)
    return move * torch.logspace(-9, 3, 9, dtype=dtype)[:, None], 1e-3


def _limit_by_where(move, length):
    norm = move.norm(dim=1, keepdim=True)
    return torch.where(norm > length, move * (length / norm), move)


def _limit_by_python(move, length):
    rows = [
        row if math.hypot(*row) <= length else [z * length / math.hypot(*row) for z in row] for row in move.tolist()
    ]
    return torch.tensor(rows, dtype=move.dtype)


def _scaled(factor):
    """Moves times ``factor(norm, length)``, with norms (n, 1)."""
    return lambda move, length: move * factor(move.norm(dim=1, keepdim=True), length)


def _rows_overwritten(move, length):
    for row in move:
        if row.norm() > length:
            row *= length / row.norm()
    return move


E3 = Exercise(
    id="L05-E3",
    title="A limiter that keeps the direction",
    minutes=8,
    importance=2,
    reference=limiter,
    inputs=_moves,
    example=(
        (_tensor([[3.0, 4.0], [0.3, 0.4]]), 1.0),
        _tensor([[0.6, 0.8], [0.3, 0.4]]),
    ),
    identities=(
        Identity(
            "No row comes out longer than length.",
            lambda answer, args: bool((answer(*args).norm(dim=1) <= args[1] * (1 + 1e-5)).all()),
        ),
        Identity(
            "A generous limit changes nothing.",
            lambda answer, args: agree(answer(args[0], 1e3), args[0]),
        ),
        Identity(
            "Limiting twice is limiting once.",
            lambda answer, args: agree(answer(answer(*args), args[1]), answer(*args)),
        ),
        Identity(
            "It is the limiter of koopteach's KSWGD.",
            lambda answer, args: agree(answer(*args), limit(*args)[0], 1e-6),
        ),
    ),
    edge_cases=(
        Edge("as many moves as coordinates", partial(_moves, n=4, d=4), "sizes"),
        ("a particle that does not move", _with_one_at_rest),
        Edge("moves of just the length", _at_the_limit, "ties"),
        Edge("a single particle", partial(_moves, n=1), "sizes"),
        Edge("31 particles on the line", partial(_moves, n=31, d=1), "sizes"),
        Edge("3 particles in 17 dimensions", partial(_moves, n=3, d=17), "sizes"),
        Edge("moves and lengths of a billionth", partial(_in_units_of, 1e-9), "units"),
        Edge("moves from 1e-9 to 1e3", _of_many_lengths, "far"),
    ),
    units={"move": 1, "length": 1},
    farthest=1e15,
    mistakes=(
        Mistake(
            "one-factor-for-all",
            "You shorten all moves by the factor that the longest needs; one runaway particle would stop the others.",
            lambda move, length: move * min(1.0, length / float(move.norm(dim=1).max())),
        ),
        Mistake(
            "each-coordinate-alone",
            "You clip each coordinate by itself, which turns the move; scale the row by one factor.",
            lambda move, length: move.clamp(-length, length),
        ),
        Mistake(
            "all-to-the-limit",
            "You give every move the full length, also the short ones; the factor must not exceed 1.",
            _scaled(lambda norm, length: length / norm.clamp_min(1e-30)),
        ),
        Mistake(
            "max-for-min",
            "Your factor is at least 1 where it must be at most 1: short moves grow and long ones stay.",
            _scaled(lambda norm, length: (length / norm.clamp_min(1e-30)).clamp_min(1.0)),
        ),
        Mistake(
            "squared-norm",
            "You divide by the squared length of the move; its square root is missing.",
            _scaled(lambda norm, length: (length / norm.square().clamp_min(1e-30)).clamp_max(1.0)),
        ),
        Mistake(
            "zero-over-zero",
            "You divide each row by its length, and a particle at rest is 0 / 0, NaN; divide by no less than length.",
            lambda move, length: (
                move / move.norm(dim=1, keepdim=True) * move.norm(dim=1, keepdim=True).clamp_max(length)
            ),
        ),
        Mistake(
            "norm-clamped-at-a-millionth",
            "You keep the length of a move above 1e-6; in other units moves are that short, and come out too short.",
            _scaled(lambda norm, length: (length / norm.clamp_min(1e-6)).clamp_max(1.0)),
        ),
        Mistake(
            "small-number-below-the-line",
            "You add 1e-8 to the length of a move; long ones then are not exactly as long as they may be.",
            _scaled(lambda norm, length: (length / (norm + 1e-8)).clamp_max(1.0)),
        ),
        Mistake(
            "renorm",
            "torch's renorm adds 1e-7 to each length, which is not small in other units; compute the factor yourself.",
            lambda move, length: move.renorm(2, 0, length),
        ),
        Mistake(
            "smooth-limiter",
            "You shorten all moves smoothly; the short ones stay as they are, and the long ones get exactly length.",
            _scaled(lambda norm, length: 1 / (1 + norm / length)),
        ),
        Mistake(
            "largest-coordinate",
            "You measure a move by its largest coordinate; its length is the root of the sum of the squares.",
            lambda move, length: move * (length / move.abs().amax(1, keepdim=True).clamp_min(1e-30)).clamp_max(1.0),
        ),
        Mistake(
            "sum-of-coordinates",
            "You measure a move by the sum of its absolute coordinates; its length is the root of the sum of the "
            "squares.",
            lambda move, length: move * (length / move.abs().sum(1, keepdim=True).clamp_min(1e-30)).clamp_max(1.0),
        ),
        Mistake(
            "norm-over-the-particles",
            "You measure each coordinate over all particles; a move is a row, so take the norm along dim=1.",
            lambda move, length: move * (length / move.norm(dim=0, keepdim=True).clamp_min(1e-30)).clamp_max(1.0),
        ),
        Mistake(
            "long-rows-dropped",
            "You set the moves that are too long to zero; they keep their direction and get exactly length.",
            _scaled(lambda norm, length: norm <= length),
        ),
        Mistake(
            "rows-overwritten",
            "You shorten the rows of move in place, so that the caller loses the moves.",
            _rows_overwritten,
        ),
    ),
    alternatives=(
        _limit_by_where,
        lambda move, length: move / (move.norm(dim=1, keepdim=True) / length).clamp_min(1.0),
        _limit_by_python,
    ),
)


# --- L05-E4 -------------------------------------------------------------------------------------------------


def energy_after(start, step_size, n_steps):
    """E after n steps of size h near equilibrium."""
    return start * (1 - step_size) ** (2 * n_steps)


def _steps(generator, dtype):
    u, v = torch.rand(2, generator=generator).tolist()
    return 10 + 50 * u, 0.15 + 0.3 * v, int(torch.randint(2, 5, (), generator=generator))


def _energy_by_steps(start, step_size, n_steps):
    moment = math.sqrt(start)
    for _ in range(n_steps):
        moment -= step_size * moment
    return moment**2


E4 = Exercise(
    id="L05-E4",
    title="How fast the energy falls",
    minutes=6,
    importance=2,
    reference=energy_after,
    inputs=_steps,
    example=((8.0, 0.5, 1), 2.0),
    identities=(
        Identity(
            "A step of size one removes everything.",
            lambda answer, args: agree(answer(args[0], 1.0, args[2]), 0.0),
        ),
        Identity(
            "Two runs of n steps, one after the other, are one run of 2 n steps.",
            lambda answer, args: agree(answer(answer(*args), args[1], args[2]), answer(args[0], args[1], 2 * args[2])),
        ),
    ),
    edge_cases=(
        ("steps longer than one", lambda generator, dtype: (5.0, 1.5, 3)),
        ("an unstable step", lambda generator, dtype: (5.0, 2.1, 3)),
        ("a step of a thousandth, made 400 times", lambda generator, dtype: (5.0, 1e-3, 400)),
        Edge("no step at all", lambda generator, dtype: (5.0, 0.3, 0), "ties"),
        Edge("steps of length zero", lambda generator, dtype: (5.0, 0.0, 3), "ties"),
        Edge("no energy to begin with", lambda generator, dtype: (0.0, 0.3, 3), "ties"),
        Edge("steps of length two", lambda generator, dtype: (5.0, 2.0, 3), "ties"),
    ),
    units={"start": 1},
    without={"sizes": "its arguments are three numbers", "far": "its arguments are three numbers"},
    mistakes=(
        Mistake(
            "moment-for-energy",
            "That is how a moment decays; the energy is quadratic in the moments, so its factor is the square.",
            lambda start, step_size, n_steps: start * (1 - step_size) ** n_steps,
        ),
        Mistake(
            "continuous-time",
            "That is the limit of tiny steps; a step of size h multiplies each moment by 1 - h, not by e^-h.",
            lambda start, step_size, n_steps: start * math.exp(-2 * step_size * n_steps),
        ),
        Mistake(
            "linearised-square",
            "You wrote 1 - 2h for (1 - h)^2; the h^2 matters at the steps we take.",
            lambda start, step_size, n_steps: start * (1 - 2 * step_size) ** n_steps,
        ),
        Mistake(
            "one-step-only",
            "You count one step; n steps multiply n such factors.",
            lambda start, step_size, n_steps: start * (1 - step_size) ** 2 * n_steps,
        ),
        Mistake(
            "power-of-a-power",
            "You wrote (1 - h)**2**n, which Python reads as (1 - h)**(2**n); the exponent is 2 n.",
            lambda start, step_size, n_steps: start * (1 - step_size) ** 2**n_steps,
        ),
        Mistake(
            "two-plus-n",
            "Your exponent is n + 2; every one of n steps squares the factor, so it is 2 n.",
            lambda start, step_size, n_steps: start * (1 - step_size) ** (2 + n_steps),
        ),
        Mistake(
            "square-inside",
            "You wrote 1 - h^2; the moment's factor 1 - h is squared as a whole.",
            lambda start, step_size, n_steps: start * (1 - step_size**2) ** n_steps,
        ),
        Mistake(
            "same-loss-in-every-step",
            "You subtract the first step's loss n times; each step loses a share of what is left.",
            lambda start, step_size, n_steps: start * (1 - n_steps * (1 - (1 - step_size) ** 2)),
        ),
        Mistake(
            "one-step-too-many",
            "You count one step too many, perhaps by a loop that includes n_steps.",
            lambda start, step_size, n_steps: start * (1 - step_size) ** (2 * n_steps + 2),
        ),
        Mistake(
            "overshoot-cut-off",
            "You set 1 - h to zero where it is negative; a step above 1 overshoots, and the moment has the other sign.",
            lambda start, step_size, n_steps: start * max(1 - step_size, 0.0) ** (2 * n_steps),
        ),
        Mistake(
            "always-one-step",
            "You leave n_steps out; each of the n steps multiplies by the square of 1 - h.",
            lambda start, step_size, n_steps: start * (1 - step_size) ** 2,
        ),
    ),
    alternatives=(
        _energy_by_steps,
        lambda start, step_size, n_steps: start * math.prod([(1 - step_size) ** 2] * n_steps),
    ),
)


# --- L05-E5 -------------------------------------------------------------------------------------------------


def _metrics(generator, dtype, r=4):
    # two particles on the line give a metric of rank two: the damping has something to do
    slopes = torch.randn(2, r, generator=generator, dtype=dtype)
    m = torch.randn(r, generator=generator, dtype=dtype)
    return m, slopes.T @ slopes / 2, _energies(generator, dtype, r), 0.4 + float(torch.rand((), generator=generator))


def _damped_by(damping, generator, dtype):
    return *_metrics(generator, dtype)[:3], damping


def _alike(metric, generator, dtype):
    """Equal energies, a moment that vanishes, and a metric made of the energies."""
    m, _, energies, damping = _metrics(generator, dtype)
    m[1], energies[:] = 0, 2.0
    return m, metric(energies), energies, damping


def _modes_of_many_sizes(generator, dtype):
    m, metric, _, damping = _metrics(generator, dtype)
    energies = _energies(generator, dtype, len(m), largest=3.0)
    root = energies.sqrt()
    return m, root[:, None] * metric * root, energies, damping


def _solved(matrix, factor=lambda damping: 1 + damping):
    """Weights from another system, ``matrix(metric, energies, damping) w = factor m``."""
    return lambda m, metric, energies, damping: (
        factor(damping) * torch.linalg.solve(matrix(metric, energies, damping), m)
    )


def _matrix(metric, energies, damping):
    return metric + damping * torch.diag(energies)


def _metric_overwritten(m, metric, energies, damping):
    metric += damping * torch.diag(energies)
    return (1 + damping) * torch.linalg.solve(metric, m)


def _at_equilibrium(answer, args):
    m, _, energies, damping = args
    return agree(answer(m, torch.diag(energies), energies, damping), m / energies, 1e-6)


E5 = Exercise(
    id="L05-E5",
    title="Damp the metric",
    minutes=10,
    importance=3,
    reference=damped_weights,
    inputs=_metrics,
    example=((_tensor([1.0, 1.0]), _tensor([[1.0, 0.0], [0.0, 0.0]]), _tensor([1.0, 2.0]), 1.0), _tensor([1.0, 1.0])),
    identities=(
        Identity("At equilibrium, where M = diag(energies), the weights are m / energies.", _at_equilibrium),
        Identity(
            "Weights are linear in the moments.",
            lambda answer, args: agree(answer(3 * args[0], *args[1:]), 3 * answer(*args), 1e-6),
        ),
        Identity(
            "Energies and metric in other units change the weights by that unit alone.",
            lambda answer, args: agree(answer(args[0], 5 * args[1], 5 * args[2], args[3]), answer(*args) / 5, 1e-6),
        ),
    ),
    edge_cases=(
        ("energies in falling order", altered(_metrics, damped_weights, energies=lambda e: e.flip(0))),
        Edge("a single mode", partial(_metrics, r=1), "sizes"),
        Edge("17 modes", partial(_metrics, r=17), "sizes"),
        Edge("a metric that is zero, and equal energies", partial(_alike, lambda e: 0 * torch.diag(e)), "ties"),
        Edge("a metric diag(energies), and equal energies", partial(_alike, torch.diag), "ties"),
        Edge("modes of very different energy", _modes_of_many_sizes, "far"),
        ("a damping of a millionth and a singular metric", partial(_damped_by, 1e-6)),
        ("a damping of a million", partial(_damped_by, 1e6)),
    ),
    units={"m": 2, "metric": 1, "energies": 1},
    tolerance=1e-7,
    mistakes=(
        Mistake(
            "factor-missing",
            "The factor 1 + eps is missing; without it nothing decays at rate 1 at equilibrium.",
            _solved(_matrix, lambda damping: 1.0),
        ),
        Mistake(
            "identity-ridge",
            "You damp with eps times the identity; measured in gradients the ridge is eps times diag(energies).",
            _solved(lambda metric, energies, damping: metric + damping * torch.eye(len(metric), dtype=metric.dtype)),
        ),
        Mistake(
            "multiplied-not-solved",
            "You multiply by the damped metric; the weights solve a linear system with it.",
            lambda m, metric, energies, damping: (1 + damping) * _matrix(metric, energies, damping) @ m,
        ),
        Mistake(
            "multiplied-and-divided",
            "You multiply by the matrix and divide by 1 + eps; it is the other way round: solve, and multiply by 1 "
            "+ eps.",
            lambda m, metric, energies, damping: _matrix(metric, energies, damping) @ m / (1 + damping),
        ),
        Mistake(
            "damping-subtracted",
            "You subtract the damping; it must be added, so that the matrix is far from singular.",
            _solved(lambda metric, energies, damping: metric - damping * torch.diag(energies)),
        ),
        Mistake(
            "diagonal-of-the-metric",
            "You use the diagonal of M alone; its other entries say how a push along one mode moves another's moment.",
            lambda m, metric, energies, damping: (1 + damping) * m / (metric.diagonal() + damping * energies),
        ),
        Mistake(
            "energies-in-every-row",
            "You add the energies to every row of M; they belong on its diagonal, torch.diag(energies).",
            _solved(lambda metric, energies, damping: metric + damping * energies),
        ),
        Mistake(
            "factor-two",
            "Your factor is 2; it is 1 + eps, which is 2 in the example only.",
            _solved(_matrix, lambda damping: 2.0),
        ),
        Mistake(
            "damped-after-inverting",
            "You invert M and average with m / e then; a singular M has no inverse to be mended: add the damping "
            "first.",
            lambda m, metric, energies, damping: (
                (torch.linalg.pinv(metric, hermitian=True) @ m + damping * m / energies) / (1 + damping)
            ),
        ),
        Mistake(
            "inverted-entry-by-entry",
            "You divide by the entries of the matrix; the system has to be solved, by torch.linalg.solve.",
            lambda m, metric, energies, damping: (1 + damping) * (1 / _matrix(metric, energies, damping)) @ m,
        ),
        Mistake(
            "metric-overwritten",
            "You add the damping to the caller's metric in place (+=); make a new matrix.",
            _metric_overwritten,
        ),
        Mistake(
            "damping-alone",
            "You leave the metric M out of the matrix; that is the paper's flow in another speed.",
            lambda m, metric, energies, damping: (1 + damping) * m / (damping * energies),
        ),
        Mistake(
            "inverse-energies",
            "Your ridge holds 1/energies; it must hold the energies, in which M itself is measured.",
            _solved(lambda metric, energies, damping: metric + damping * torch.diag(1 / energies)),
        ),
    ),
    alternatives=(
        lambda m, metric, energies, damping: (
            (1 + damping) * torch.linalg.inv(metric + damping * torch.diag(energies)) @ m
        ),
        lambda m, metric, energies, damping: torch.linalg.solve(
            (metric + torch.diag(damping * energies)) / (1 + damping), m
        ),
    ),
)

EXERCISES = (E1, E2, E3, E4, E5)
