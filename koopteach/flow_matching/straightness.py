"""How straight a flow is, from its trajectories alone, so that every kind of flow can be asked."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.flow_matching.flow import Flow
from koopteach.tensors import as_count, as_points


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


def straightness(flow: Flow, x0: Tensor, *, n_times: int = 65) -> Straightness:
    """Straightness, path length and acceleration of a flow, by differences of its states at equal times.

    In the coordinates in which the flow is solved: those of unit spread where it was fitted in them, so that the
    numbers do not depend on the data's units.

    Args:
        flow: of any kind; its ``trajectory`` alone is asked.
        x0: start points ``(n, d)``.
        n_times: states on each path, the ends included; the error falls like ``1 / n_times^2``.

    Raises:
        TypeError, ValueError: ``x0`` that is not ``(n, d)`` and finite, or fewer than three times.

    >>> import torch
    >>> import koopteach as kt
    >>> flow = kt.GaussianFlow([0.0], [4.0])  # x_t = (4 t^2 + (1 - t)^2)^(1/2) x0: slow at first, backwards even
    >>> bent = kt.straightness(flow, torch.tensor([[1.0], [-1.0]]))
    >>> round(bent.displacement, 3), round(bent.deviation, 2)
    (1.0, 0.86)
    """
    x0, n_times = as_points("straightness", "x0", x0), as_count("straightness", "n_times", n_times, at_least=3)
    flow, x0 = flow._mapped(x0)
    x = flow.trajectory(x0, torch.linspace(0, 1, n_times, dtype=torch.float64)).double()
    h = 1 / (n_times - 1)
    moves, bends = x.diff(dim=0), x.diff(n=2, dim=0)
    straight = x[-1] - x[0]
    energy, displacement = (float(y.square().sum(dim=-1).sum() / len(x0)) for y in (moves / h**0.5, straight))
    return Straightness(
        deviation=_ratio(energy, displacement) - 1,
        length_ratio=_ratio(float(moves.norm(dim=2).sum()), float(straight.norm(dim=1).sum())),
        energy=energy,
        displacement=displacement,
        # the n_times - 2 second differences stand for the whole of [0, 1]
        acceleration=float(bends.square().sum(dim=2).mean(dim=1).mean() / h**4),
    )


def _ratio(along: float, across: float) -> float:
    """One also for points that stay where they are, infinite for those that come back."""
    return along / across if across > 0 else (1.0 if along == 0 else math.inf)
