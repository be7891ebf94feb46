"""Transport along lines: what whoever has data can do without any operator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class SlicedTransport:
    """In turn along orthonormal directions, particles move towards the data's quantiles of their ranks.

    ``x + step_size sum_i (F_i^{-1}(rank of theta_i . x) - theta_i . x) theta_i`` for ``d`` random orthonormal
    directions ``theta_i``, new ones at every step.

    Args:
        data: ``(N, d)``.
        step_size: the share of the way; at one each step ends with the data's quantiles along its directions.

    Source: Pitie, Kokaram, Dahyot 2007; Bonneel et al. 2015.
    """

    def __init__(self, data: Tensor, step_size: float) -> None:
        self.data, self.step_size = data, step_size

    def init(self, x: Tensor) -> None:
        """Nothing to remember between steps."""
        return None

    def step(
        self, x: Tensor, state: None, *, progress: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, None, dict[str, Any]]:
        """One step of every particle along all directions; ``progress`` is not used."""
        d = x.shape[1]
        turned = torch.linalg.qr(torch.randn(d, d, dtype=x.dtype, generator=generator)).Q
        along = x @ turned
        move = quantiles_of_ranks(along, self.data @ turned) - along
        return x + self.step_size * move @ turned.T, state, {}


def quantiles_of_ranks(x: Tensor, data: Tensor) -> Tensor:
    """Each number of ``x`` ``(n, k)`` replaced by the quantile of its column of ``data`` ``(N, k)`` at its rank."""
    n, sorted_data = len(x), data.sort(dim=0).values
    heights = ((torch.arange(n, dtype=x.dtype) + 0.5) / n * len(data)).long()
    return torch.empty_like(x).scatter_(0, x.argsort(dim=0), sorted_data[heights])
