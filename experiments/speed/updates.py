"""The particle workloads: one iteration on a kernel spectrum, on a dictionary's, and of SVGD; and adverse cases."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.speed import published
from experiments.speed.workload import Contender, Work, Workload
from koopteach import KSWGD, SVGD, DiffusionMaps, GaussianRBF, GeneratorEDMD, MultiScale, Spectrum

DATA, BANDWIDTH, RANK = 2000, 0.5, 50


def kernel_case(particles: int, rank: int, data: int) -> tuple[Tensor, Any, Tensor]:
    """Particles, a kernel spectrum of normal data, and the data."""
    draw = torch.Generator().manual_seed(2)
    y = torch.randn(data, 2, dtype=torch.float64, generator=draw)
    x = 0.3 + 0.8 * torch.randn(particles, 2, dtype=torch.float64, generator=draw)
    return x, DiffusionMaps(BANDWIDTH).fit(y).spectrum(rank), y


def velocity(spectrum: Spectrum, x: Tensor, damping: float) -> Tensor:
    """Of a new method, which remembers nothing of the run before."""
    return KSWGD(spectrum, damping=damping).velocity(x)


def our_velocity(particles: int, dtype: torch.dtype) -> Callable[[], tuple]:
    x, spectrum, y = kernel_case(particles, RANK, DATA)
    typed, moving = spectrum.to(dtype), x.to(dtype)
    return lambda: (velocity(typed, moving, math.inf), (x, spectrum, y))


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
    found, case = result
    reference = by_tensors(*case)
    return float(np.abs(np.asarray(found) - reference).max() / np.abs(reference).max())


def dictionary_case(particles: int) -> tuple[Tensor, Spectrum]:
    """Particles, and a spectrum of the package's default dictionary: 20,000 data leave no term in its size."""
    draw = torch.Generator().manual_seed(2)
    y = torch.randn(20_000, 2, dtype=torch.float64, generator=draw)
    x = 0.3 + 0.8 * torch.randn(particles, 2, dtype=torch.float64, generator=draw)
    return x, GeneratorEDMD(MultiScale.from_data(y, generator=draw)).fit(y).spectrum(RANK)


def dictionary_velocity(particles: int, damping: float, dtype: torch.dtype) -> Callable[[], tuple]:
    x, spectrum = dictionary_case(particles)
    typed, moving = spectrum.to(dtype), x.to(dtype)
    return lambda: (velocity(typed, moving, damping), (x, spectrum, damping))


def plain_functions(spectrum: Spectrum) -> Callable[[Tensor], tuple]:
    """Eigenfunctions and all their slopes of a default dictionary's spectrum, from plain tensors."""
    functions: Any = spectrum.functions
    kernels = [part for part in functions.dictionary.parts if isinstance(part, GaussianRBF)]
    tail, units = functions.dictionary.parts[-1], kernels[0].units
    centers = torch.cat([part.centers for part in kernels]) / units
    widths = torch.cat([part.widths for part in kernels])
    given = (centers, widths, units, (tail.center, tail.scale), functions.coefficients, functions.mean)
    return lambda x: published.expanded(x, *given)


def plain_velocity(particles: int, damping: float) -> Callable[[], tuple]:
    x, spectrum = dictionary_case(particles)
    functions, energies = plain_functions(spectrum), spectrum.energies
    return lambda: (published.damped_velocity(*functions(x), energies, damping), (x, spectrum, damping))


def plain_error(result: tuple) -> float:
    found, (x, spectrum, damping) = result
    reference = published.damped_velocity(*plain_functions(spectrum)(x), spectrum.energies, damping)
    return float((found - reference).abs().max() / reference.abs().max())


def dictionary_work(particles: int, damping: float, dtype: str) -> Work:
    """Each of about 280 kernels once: its exponent (4), then sums; damping needs the slopes of every mode."""
    kernels = 280 * particles
    sums = 2 * kernels * (1 + 3) if math.isinf(damping) else 2 * kernels * 3 * RANK + 2 * particles * RANK**2
    return Work(2 * kernels * 4 + sums, kernels, dtype)


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
    found, x = result
    reference = published.svgd_by_autograd(x.double(), lambda z: -z, BANDWIDTH)
    return float((found - reference).abs().max() / reference.abs().max())


# Adverse cases: numbers that overflow, underflow or cancel where kernels are written carelessly -----------------------

FAR = 1000.0


def with_one_far(x: Tensor, distance: float) -> Tensor:
    return torch.cat([x[:-1], distance * x.new_ones(1, x.shape[1])])


def far_particle(particles: int) -> Callable[[], tuple]:
    """The nearest of the data gets it all, so twice as far is the same."""
    x, spectrum, _ = kernel_case(particles, RANK, DATA)
    reference, one_far = velocity(spectrum, with_one_far(x, 2 * FAR), math.inf), with_one_far(x, FAR)
    return lambda: (velocity(spectrum, one_far, math.inf), reference)


def far_from_the_origin(particles: int) -> Callable[[], tuple]:
    """Particles and data moved together, so the velocity is what it was."""
    x, spectrum, y = kernel_case(particles, RANK, DATA)
    moved = DiffusionMaps(BANDWIDTH).fit(y + FAR).spectrum(RANK)
    reference, far = velocity(spectrum, x, math.inf), x + FAR
    return lambda: (velocity(moved, far, math.inf), reference)


def ordinary_particles(particles: int) -> Callable[[], tuple]:
    x, spectrum, _ = kernel_case(particles, RANK, DATA)
    return lambda: (velocity(spectrum, x, math.inf),) * 2


def stein(n: int, distance: float | None, bandwidth: float) -> Callable[[], tuple]:
    x, _ = stein_case(n, torch.float64)
    x = x if distance is None else with_one_far(x, distance)
    method = SVGD(lambda z: -z, step_size=0.1, bandwidth=bandwidth)
    reference = published.svgd_by_autograd(x, lambda z: -z, bandwidth)
    return lambda: (method.velocity(x), reference)


def difference(result: tuple[Tensor, Tensor]) -> float:
    found, reference = result
    return float((found - reference).abs().max() / reference.abs().max())


def adverse(ordinary: tuple[str, Callable], cases: dict[str, Callable], work: Callable) -> tuple[Contender, ...]:
    """The first is what the others are compared with."""
    name, prepare = ordinary
    work = partial(work, dtype="float64")
    return (
        Contender(name, prepare, difference, repeats=10),
        *(Contender(name, prepare, difference, work, repeats=10) for name, prepare in cases.items()),
    )


def iteration(title: str, size: int, quick: int, contenders: tuple) -> Workload:
    return Workload(title, "largest difference from the formulas, relative", contenders, size, quick, warm=200)
