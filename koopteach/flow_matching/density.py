"""The density of a flow's samples: the source's, and what the divergence of the velocity adds on the way."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from koopteach.tensors import as_count, jvp, rand

# Up to so many coordinates the divergence is exact; above, so many random directions estimate it.
EXACT_UP_TO, PROBES = 16, 16

LogDensity = Callable[[Tensor], Tensor]


def standard_normal(x: Tensor) -> Tensor:
    """Log density of N(0, I) at points ``(..., d)``."""
    return -0.5 * (x.square().sum(dim=-1) + x.shape[-1] * math.log(2 * math.pi))


def directions(x: Tensor, probes: int | None, generator: torch.Generator | None) -> tuple[Tensor, float]:
    """Directions ``(k, n or 1, d)`` and a weight: ``weight sum_k e_k . J e_k`` is the trace of J, or its estimate.

    Random signs have the least variance among independent directions (Hutchinson 1989).
    """
    n, d = x.shape
    usual = 0 if d <= EXACT_UP_TO else PROBES
    probes = as_count("log_prob", "probes", usual if probes is None else probes, at_least=0)
    if not probes:
        return torch.eye(d).to(x)[:, None], 1.0
    return (rand((probes, n, d), x, generator) < 0.5).to(x) * 2 - 1, 1 / probes


def with_divergence(
    velocity: Callable[[Tensor, Tensor], Tensor], along: Tensor, weight: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """``(v, div v)``, ``(n, d + 1)``, the velocity of ``(x, minus log density)``: one derivative for each direction."""

    def both(state: Tensor, t: Tensor) -> Tensor:
        x, trace = state[:, :-1].contiguous(), state.new_zeros(len(state), 1)
        v = x
        for e in along:
            e = e.expand_as(x).contiguous()
            v, slope = jvp(lambda y: velocity(y, t), (x,), (e,))
            trace = trace + weight * (e * slope).sum(dim=1, keepdim=True)
        return torch.cat([v, trace], dim=1)

    return both
