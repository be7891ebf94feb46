"""How straight a flow is, from its trajectories alone, so that every kind of flow can be asked."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.tensors import as_points


@dataclass(frozen=True)
class Straightness:
    """What bends in a flow. With ``D = x(1) - x(0)`` and averages over the start points:

    Attributes:
        deviation: ``S = E int |v - D|^2 dt / E|D|^2 = energy / displacement - 1``; 0 for straight paths at constant
            speed.
        length_ratio: mean path length over mean ``|D|``; 1 for straight paths, at whatever speed.
        energy: ``E int |v|^2 dt``, at least the squared Wasserstein distance of the two ends.
        displacement: ``E |D|^2``.
        acceleration: ``A = E int |dv/dt|^2 dt`` along the paths; one Euler step errs by at most ``sqrt(A / 3)`` in
            root mean square.
    """

    deviation: float
    length_ratio: float
    energy: float
    displacement: float
    acceleration: float


def straightness(flow: object, x0: Tensor, *, n_times: int = 65) -> Straightness:
    """Straightness, path length and acceleration of a flow, by differences of its states at equal times.

    Args:
        flow: has ``trajectory(x0, times) -> (k, n, d)``.
        x0: start points ``(n, d)``.
        n_times: states on each path, the ends included; the error falls like ``1 / n_times^2``.

    Raises:
        ValueError: ``x0`` that is not ``(n, d)`` and finite, or fewer than three times.
    """
    x0 = as_points("straightness", "x0", x0)
    if n_times < 3:
        raise ValueError(f"straightness: n_times must be at least 3 for an acceleration, got {n_times}.")
    x = flow.trajectory(x0, torch.linspace(0, 1, n_times, dtype=torch.float64)).double()
    h = 1 / (n_times - 1)
    moves, bends = x.diff(dim=0), x.diff(n=2, dim=0)
    straight = x[-1] - x[0]
    energy, displacement = (float(y.square().sum(dim=-1).sum() / len(x0)) for y in (moves / h**0.5, straight))
    return Straightness(
        deviation=energy / displacement - 1,
        length_ratio=float(moves.norm(dim=2).sum() / straight.norm(dim=1).sum()),
        energy=energy,
        displacement=displacement,
        # the n_times - 2 second differences stand for the whole of [0, 1]
        acceleration=float(bends.square().sum(dim=2).mean(dim=1).mean() / h**4),
    )
