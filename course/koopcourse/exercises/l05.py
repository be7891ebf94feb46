"""Lesson 05: the velocity of KSWGD, its energy, its limiter, its decay and its damping."""

from __future__ import annotations

import math

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake
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
    """The paper's velocity at every particle."""
    return _paper(phi, grad_phi, energies).velocity(grad_phi[:, 0])


def _eigenfunctions(generator, dtype, n=7, r=4, d=3):
    phi = torch.randn(n, r, generator=generator, dtype=dtype)
    grad_phi = torch.randn(n, r, d, generator=generator, dtype=dtype)
    return phi, grad_phi, _energies(generator, dtype, r)


def _energies(generator, dtype, r):
    return 0.5 + 2.5 * torch.rand(r, generator=generator, dtype=dtype).sort().values


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
    ),
    edge_cases=(
        ("a single particle", lambda generator, dtype: _eigenfunctions(generator, dtype, n=1)),
        ("a single mode on the line", lambda generator, dtype: _eigenfunctions(generator, dtype, r=1, d=1)),
    ),
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
    return _paper(phi, phi[:, :, None], energies).energy(phi[:, :1])


def _values(generator, dtype, n=7, r=4):
    return torch.randn(n, r, generator=generator, dtype=dtype), _energies(generator, dtype, r)


E2 = Exercise(
    id="L05-E2",
    title="The energy that is left",
    minutes=5,
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
    ),
    edge_cases=(
        ("a single particle", lambda generator, dtype: _values(generator, dtype, n=1)),
        ("a single mode", lambda generator, dtype: _values(generator, dtype, r=1)),
    ),
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
    return limit(move, length)[0]


def _moves(generator, dtype, n=9, d=2):
    move = torch.randn(n, d, generator=generator, dtype=dtype)
    return move, float(move.norm(dim=1).median()) if n > 1 else 0.5


def _with_one_at_rest(generator, dtype):
    move, length = _moves(generator, dtype)
    move[0] = 0
    return move, length


def _limit_by_where(move, length):
    norm = move.norm(dim=1, keepdim=True)
    return torch.where(norm > length, move * (length / norm), move)


E3 = Exercise(
    id="L05-E3",
    title="A limiter that keeps the direction",
    minutes=8,
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
    ),
    edge_cases=(
        ("a single particle", lambda generator, dtype: _moves(generator, dtype, n=1)),
        ("a particle that does not move", _with_one_at_rest),
    ),
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
            lambda move, length: length * move / move.norm(dim=1, keepdim=True).clamp_min(1e-30),
        ),
        Mistake(
            "max-for-min",
            "Your factor is at least 1 where it must be at most 1: short moves grow and long ones stay.",
            lambda move, length: move * (length / move.norm(dim=1, keepdim=True).clamp_min(1e-30)).clamp_min(1.0),
        ),
        Mistake(
            "squared-norm",
            "You divide by the squared length of the move; its square root is missing.",
            lambda move, length: move * (length / (move**2).sum(1, keepdim=True).clamp_min(1e-30)).clamp_max(1.0),
        ),
    ),
    alternatives=(
        _limit_by_where,
        lambda move, length: torch.stack([row * min(1.0, length / max(float(row.norm()), 1e-30)) for row in move]),
        lambda move, length: move.renorm(2, 0, length),
    ),
    tolerance=1e-6,  # torch's own renorm divides by the norm plus 1e-7
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
        ("no step at all", lambda generator, dtype: (5.0, 0.3, 0)),
        ("steps longer than one", lambda generator, dtype: (5.0, 1.5, 3)),
        ("an unstable step", lambda generator, dtype: (5.0, 2.1, 3)),
    ),
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


def _at_equilibrium(answer, args):
    m, _, energies, damping = args
    return agree(answer(m, torch.diag(energies), energies, damping), m / energies, 1e-6)


E5 = Exercise(
    id="L05-E5",
    title="Damp the metric",
    minutes=10,
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
    edge_cases=(("a single mode", lambda generator, dtype: _metrics(generator, dtype, r=1)),),
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "factor-missing",
            "The factor 1 + eps is missing; without it nothing decays at rate 1 at equilibrium.",
            lambda m, metric, energies, damping: torch.linalg.solve(metric + damping * torch.diag(energies), m),
        ),
        Mistake(
            "identity-ridge",
            "You damp with eps times the identity; measured in gradients the ridge is eps times diag(energies).",
            lambda m, metric, energies, damping: (
                (1 + damping) * torch.linalg.solve(metric + damping * torch.eye(len(m), dtype=m.dtype), m)
            ),
        ),
        Mistake(
            "multiplied-not-solved",
            "You multiply by the damped metric; the weights solve a linear system with it.",
            lambda m, metric, energies, damping: (1 + damping) * (metric + damping * torch.diag(energies)) @ m,
        ),
        Mistake(
            "damping-alone",
            "You leave the metric M out of the matrix; that is the paper's flow in another speed.",
            lambda m, metric, energies, damping: (1 + damping) * m / (damping * energies),
        ),
        Mistake(
            "inverse-energies",
            "Your ridge holds 1/energies; it must hold the energies, in which M itself is measured.",
            lambda m, metric, energies, damping: (
                (1 + damping) * torch.linalg.solve(metric + damping * torch.diag(1 / energies), m)
            ),
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
