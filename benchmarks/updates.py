"""The particle workloads: one iteration on a kernel spectrum, and one of SVGD."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import published
from benchmarks.workload import Work, Workload
from koopteach import KSWGD, SVGD, DiffusionMaps

DATA, BANDWIDTH, RANK = 2000, 0.5, 50


def kernel_case(particles: int, rank: int, data: int) -> tuple[Tensor, Any, Tensor]:
    """Particles, a kernel spectrum of normal data, and the data."""
    draw = torch.Generator().manual_seed(2)
    y = torch.randn(data, 2, dtype=torch.float64, generator=draw)
    x = 0.3 + 0.8 * torch.randn(particles, 2, dtype=torch.float64, generator=draw)
    return x, DiffusionMaps(BANDWIDTH).fit(y).spectrum(rank), y


def our_velocity(particles: int, dtype: torch.dtype) -> Callable[[], tuple]:
    x, spectrum, y = kernel_case(particles, RANK, DATA)
    method, moving = KSWGD(spectrum.to(dtype), damping=math.inf), x.to(dtype)
    return lambda: (method.velocity(moving), (x, spectrum, y))


def velocity_work(particles: int, dtype: str) -> Work:
    """Every kernel twice, for moments and for slopes: its exponent (4), then 2 and 6 columns of sums."""
    return Work(2 * particles * DATA * (2 * 4 + 2 + 6), 2 * particles * DATA, dtype)


def by_tensors(x: Tensor, spectrum: Any, y: Tensor) -> np.ndarray:
    functions = spectrum.functions
    density = torch.exp(-2 * functions.log_weights)
    given = (t.numpy() for t in (x, y, density, functions.values, spectrum.energies))
    return published.spectral_velocity(*given, BANDWIDTH)


def tensor_velocity(particles: int) -> Callable[[], tuple]:
    case = kernel_case(particles, RANK, DATA)
    return lambda: (by_tensors(*case), case)


def velocity_error(result: tuple) -> float:
    velocity, case = result
    reference = by_tensors(*case)
    return float(np.abs(np.asarray(velocity) - reference).max() / np.abs(reference).max())


def stein_case(n: int, dtype: torch.dtype) -> tuple[Tensor, SVGD]:
    x = torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).to(dtype)
    return x, SVGD(lambda z: -z, step_size=0.1, bandwidth=BANDWIDTH)


def our_svgd(n: int, dtype: torch.dtype) -> Callable[[], tuple]:
    x, method = stein_case(n, dtype)
    return lambda: (method.velocity(x), x)


def autograd_svgd(n: int, dtype: torch.dtype) -> Callable[[], tuple]:
    x, _ = stein_case(n, dtype)
    return lambda: (published.svgd_by_autograd(x, lambda z: -z, BANDWIDTH), x)


def svgd_work(n: int, dtype: str) -> Work:
    """Half of the kernels, each used for both of its points, 3 columns."""
    return Work(n**2 / 2 * 2 * 4 + n**2 * 2 * 3, n**2 / 2, dtype)


def svgd_error(result: tuple) -> float:
    velocity, x = result
    reference = published.svgd_by_autograd(x.double(), lambda z: -z, BANDWIDTH)
    return float((velocity - reference).abs().max() / reference.abs().max())


def iteration(title: str, size: int, quick: int, contenders: tuple) -> Workload:
    return Workload(title, "largest difference from the formulas, relative", contenders, size, quick, warm=200)
