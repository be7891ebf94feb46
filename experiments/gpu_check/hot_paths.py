"""What a hot path is, what all of them start from, and how two runs of one are compared."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor, nn

from koopteach import GaussianMixture, GeneratorEDMD, MultiScale, Spectrum

T = TypeVar("T")
Move = Callable[[T], T]

# What one device may differ from another by, relative to the largest entry.
FORMULA = 1e-9  # sums in float64
SOLVED = 1e-6  # whitened systems, cut at 1e-8 of the largest eigenvalue: rounding, times the inverse of that
SINGLE = 1e-4  # networks in float32
TRAINED = 1e-3  # a few steps of a training in float32, before rounding has grown


@dataclass(frozen=True)
class HotPath:
    """A computation of a lesson: what it starts from is moved to a device, and there it stays.

    Args:
        run: from how to move something to the device to the tensors that come out, all of them there.
        tolerance: of the largest difference, relative to each tensor's largest entry.
        on_cpu: what of it is done on the processor on purpose, in words.
    """

    run: Callable[[Move], Sequence[Tensor]]
    tolerance: float
    on_cpu: str = ""


def mover(device: str | torch.device) -> Move:
    """Copies of things, on a device."""

    def move(thing: T) -> T:
        return (copy.deepcopy(thing) if isinstance(thing, nn.Module) else thing).to(device)

    return move


def difference(ours: Sequence[Tensor], reference: Sequence[Tensor]) -> float:
    """The largest, relative to the largest entry of the tensor that it is in; infinite where a kind differs."""
    worst = 0.0 if len(ours) == len(reference) else float("inf")
    for a, b in zip(ours, reference):
        if a.shape != b.shape or a.dtype != b.dtype:
            return float("inf")
        a, b = (z.detach().cpu().to(torch.complex128 if z.is_complex() else torch.float64) for z in (a, b))
        gap = float((a - b).abs().max() / b.abs().max().clamp_min(1e-300)) if b.numel() else 0.0
        worst = max(worst, gap if gap == gap else float("inf"))
    return worst


def seeded(seed: int = 0) -> torch.Generator:
    """A stream of the processor, which gives every device the same numbers."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal float64 numbers of their own stream."""
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


RING = GaussianMixture([[2.0, 0.0], [-1.0, 1.5], [-0.8, -1.6]], 0.5, [0.5, 0.3, 0.2])  # no symmetry: no double rates


@cache
def data() -> Tensor:
    """Samples to fit to, ``(600, 2)``."""
    return RING.sample(600, seeded())


@cache
def features() -> MultiScale:
    """Few kernels and a tail."""
    return MultiScale.from_data(data(), (12, 4), generator=seeded())


@cache
def known_spectrum() -> Spectrum:
    """Fitted on the processor."""
    return GeneratorEDMD(features()).fit(data()).spectrum()


def slow(spectrum: Spectrum, x: Tensor) -> tuple[Tensor, ...]:
    """What two fits of the same data agree in: slow rates, energies, and sizes of functions."""
    return spectrum.rates[:4], spectrum.energies[:4], spectrum(x)[:, :4].abs(), spectrum.grad(x)[:, :2].abs()
