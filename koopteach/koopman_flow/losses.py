"""The two trainings as losses: regression on whitened path labels, and the paper's consistency with its partners."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from koopteach.koopman_flow.lifting import Lifting, PathLift
from koopteach.koopman_flow.paths import TeacherPaths
from koopteach.koopman_flow.time_functions import Whitening

# Weight of a label at time t is 1 / (1 + _LATE t^2): towards t = 1 the path is hard to tell from the point.
_LATE = 10.0

# The share of a batch that starts on the way, t > 0. More of it betters the inverse, less of it the ends.
LATER = 0.5

# Times the mean square of the labels: with it the gradient's clip acts, and the end errors fall by a quarter.
_LOSS_SCALE = 12.0

TERMS = ("consistency", "target", "path", "phase", "reconstruction")
PRESETS = {
    "balanced": {"consistency": 0.03, "path": 0.3, "target": 1.0},
    "paper": {"consistency": 0.1, "target": 1.0},
    "path": {"consistency": 0.1, "path": 1.0, "target": 0.3},
    "autoencoder": {"consistency": 0.1, "phase": 1.0, "target": 1.0, "reconstruction": 1.0},
}


def coefficient_loss(
    lifting: PathLift, paths: TeacherPaths, batch: int, generator: torch.Generator | None, later: float = LATER
) -> Callable[[], Tensor]:
    """Regression of the whitened path labels; one loss for all times, without a solver, exponential or derivative.

    By Pythagoras ``sum_j w_j |path_y(t_j) - x_j|^2 = |y - labels|^2 + floor``, and the label of a path is the same
    wherever on it the network is asked. The share ``later`` of a batch starts at the stored times t > 0, the rest at
    t = 0.
    """
    white = Whitening.of(paths.times.cpu(), lifting.growth.detach().cpu(), lifting.frequency.detach().cpu())
    labels = white.labels(paths.states)
    times = paths.times[:, None]
    q = (lifting.path_matrix(paths.times) @ lifting.r_inverse).detach()[:, :, None]
    roots = (1 / (1 + _LATE * times**2)).sqrt()[:, :, None]
    # what PathLift.through does to an answer is linear: one product across the plane, and a point on it
    along = roots * q / q.square().sum(dim=1, keepdim=True)
    across = roots * torch.eye(q.shape[1]).to(q) - along * q.transpose(1, 2)
    first = torch.arange(batch, device=labels.device) < batch - int(later * batch)

    def loss() -> Tensor:
        rows = paths.rows(batch, generator)
        j = paths.moments(batch, generator).clamp_min(1).masked_fill(first, 0)
        x, t = paths.states[j, rows], times[j]
        out = lifting.net(x, t).reshape(batch, lifting.n_functions, lifting.dim)
        wanted = roots[j] * labels[rows] - along[j] * x[:, None]
        error = torch.baddbmm(wanted, across[j], out, beta=-1)
        return _LOSS_SCALE / x.numel() * error.square().sum()

    return loss


def consistency_loss(lifting: Lifting, x: Tensor, t: Tensor, v: Tensor) -> Tensor:
    """``E |Lie z - L z|^2 / d`` at points ``x`` with teacher velocities ``v``."""
    z, rate = lifting.rate(x, t, v)
    return (rate - z @ lifting.generator().T).square().sum(dim=1).mean() / lifting.dim


def training_loss(
    lifting: Lifting, paths: TeacherPaths, weights: dict[str, float], batch: int, generator: torch.Generator | None
) -> Callable[[], Tensor]:
    """The weighted sum of the terms of ``weights``, each an average over the batch and the coordinates of the state.

    consistency: :func:`consistency_loss` at random stored points; target: the state read after ``e^L`` against the
    teacher's end; path: the state read at a random time against the teacher's; phase: ``e^L z(x0, 0)`` against
    ``z(x1, 1)``; reconstruction: the state read from a lift against itself.
    """
    times, last = paths.times[:, None], len(paths.times) - 1
    zeros, ones = times.new_zeros(batch, 1), times.new_ones(batch, 1)

    def loss() -> Tensor:
        rows, j = paths.rows(batch, generator), paths.moments(batch, generator)
        x, t, x1 = paths.states[j, rows], times[j], paths.states[last, rows]
        start = lifting.lift(paths.states[0, rows], zeros)
        end = lifting.evolve(start, 1.0)
        terms = {
            "consistency": lambda: consistency_loss(lifting, x, t, paths.velocity(j, rows)),
            "target": lambda: mse_loss(lifting.read(end), x1),
            "path": lambda: mse_loss(lifting.read(lifting.evolve(start, t)), x),
            "phase": lambda: (end - lifting.lift(x1, ones)).square().sum(dim=1).mean() / lifting.dim,
            "reconstruction": lambda: mse_loss(lifting.read(lifting.lift(x, t)), x),
        }
        wanted = (weight * terms[name]() for name, weight in weights.items() if weight)
        return sum(wanted, start=times.new_zeros(()))

    return loss


def checked_weights(weights: str | dict[str, float]) -> dict[str, float]:
    """The weight of each term, from a preset's name or from a dictionary.

    Raises:
        ValueError: another name or term, a negative weight, or no term at all.
    """
    if isinstance(weights, str) and weights in PRESETS:
        return PRESETS[weights]
    if not isinstance(weights, dict) or not set(weights) <= set(TERMS):
        raise ValueError(f"fit: weights must be one of {', '.join(PRESETS)} or a dict of {TERMS}, got {weights!r}.")
    if min(weights.values(), default=0) < 0 or not any(weights.values()):
        raise ValueError(f"fit: weights must not be negative, and at least one positive; got {weights!r}.")
    return weights
