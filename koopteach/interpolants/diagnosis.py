"""What a flow on bent paths can get wrong without a large loss, each in a line."""

import math

import torch
from torch import Tensor

from koopteach.flow_matching import Flow, straightness
from koopteach.interpolants.descent import Descent
from koopteach.interpolants.interpolant import Interpolant
from koopteach.metrics import noise_floor, sliced_wasserstein2
from koopteach.tensors import randn

COMPARED, _PATHS = 2000, 500  # points of the distances, paths of the straightness


def empty_step(flow: Flow, x1: Tensor, noise: Tensor) -> list[str]:
    """A line where one Euler step brings the noise no nearer to the data, both ``(n, d)``: that may look straight."""
    data = x1[: len(noise)]
    one_step = sliced_wasserstein2(flow.transport(noise, solver="euler", steps=1), data)
    if one_step < 0.8 * sliced_wasserstein2(noise, data):
        return []
    return ["one step returns the noise, or nothing nearer to the data"]


def collapse(flow: Flow, descent: Descent, noise: Tensor) -> list[str]:
    """Wirtinger: ``S E|D|^2 <= A / pi^2``; an ``A`` far below that was measured with collapsed weights."""
    found, seen = straightness(flow, noise[:_PATHS]), descent.two_pools
    if found.deviation * found.displacement <= 2 * max(seen, 0.0) / math.pi**2:
        return []
    return [f"A = {seen:.3g} but S = {found.deviation:.3g}: collapsed weights"]


def source_report(interpolant: Interpolant, x0: Tensor | None) -> list[str]:
    """A line where the interpolant needs N(0, I) and the noise ``x0`` ``(n, d)`` is something else."""
    if x0 is None or not interpolant.gaussian_source:
        return []
    stream = torch.Generator().manual_seed(0)
    some = x0[:COMPARED]

    def normal(n: int, generator: torch.Generator | None) -> Tensor:
        return randn((n, some.shape[1]), some, generator)

    drawn = normal(len(some), stream)
    floor, spread = noise_floor(sliced_wasserstein2, normal, len(some), reference=drawn, repeats=5, generator=stream)
    if sliced_wasserstein2(some, drawn) <= floor + 5 * spread + 0.02:
        return []
    return ["the rotation needs Gaussian noise; use two charts"]
