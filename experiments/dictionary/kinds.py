"""The dictionaries that are compared: each kind makes a spectrum of the same data from a size and a width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.dictionaries import GaussianRBF, Hermite, Monomials, MultiScale, NeuralDictionary, RandomFourierFeatures
from koopteach.kernels import default_bandwidth
from koopteach.operators import DiffusionMaps, GeneratorEDMD, KernelEDMD
from koopteach.protocols import Dictionary
from koopteach.spectrum import Spectrum
from koopteach.standardizer import Standardizer

LAG = 0.05  # of the pairs
FEWEST_A_STEP, BATCH_PER_OUTPUT = 500, 10  # pairs: the package's default, and what a network asks for


@dataclass(frozen=True, eq=False)
class Given:
    """The data ``x`` ``(n, d)``, the same points one lag later ``y``, and what makes choices.

    Only networks and kernel EDMD look at ``y``.
    """

    x: Tensor
    y: Tensor
    generator: torch.Generator


Fit = Callable[[Given, int, float], Spectrum]


def of(dictionary: Dictionary, x: Tensor) -> Spectrum:
    """All modes of the generator in a dictionary."""
    return GeneratorEDMD(dictionary).fit(x).spectrum()


def with_tail(dictionary: Dictionary, x: Tensor) -> MultiScale:
    """And all polynomials of degree two, which grow where kernels end."""
    units = Standardizer.of(x)
    return MultiScale([dictionary, Monomials(x.shape[1], 2, units.center, units.spread)])


def kernels(given: Given, size: int, width: float) -> GaussianRBF:
    """Gaussians at k-means centres, so many times as wide as the package's rule makes them."""
    rule = GaussianRBF.from_data(given.x, size, given.generator)
    return GaussianRBF(rule.centers, width * rule.widths, rule.units)


def three_scales(given: Given, size: int, width: float) -> Spectrum:
    """The package's default where ``size`` is 250."""
    counts = (size, round(0.24 * size), round(0.08 * size))
    return of(MultiScale.from_data(given.x, counts, generator=given.generator), given.x)


def kernels_and_tail(given: Given, size: int, width: float) -> Spectrum:
    """Gaussians of one width and the quadratic tail."""
    return of(with_tail(kernels(given, size, width), given.x), given.x)


def kernels_alone(given: Given, size: int, width: float) -> Spectrum:
    """Gaussians of one width."""
    return of(kernels(given, size, width), given.x)


def polynomials(given: Given, size: int, width: float) -> Spectrum:
    """Hermite's, up to the degree ``size``, in columns of unit spread."""
    units = Standardizer.of(given.x)
    return of(Hermite(given.x.shape[1], size, units.center, units.spread), given.x)


def waves(given: Given, size: int, width: float) -> Spectrum:
    """Random Fourier features."""
    return of(RandomFourierFeatures(given.x.shape[1], size, width, given.generator), given.x)


def waves_and_tail(given: Given, size: int, width: float) -> Spectrum:
    """Random Fourier features and the quadratic tail, which brings strays back."""
    psi = RandomFourierFeatures(given.x.shape[1], size, width, given.generator)
    return of(with_tail(psi, given.x), given.x)


def learned(given: Given, size: int) -> NeuralDictionary:
    """The outputs of a network that was trained on the pairs."""
    batch = max(FEWEST_A_STEP, BATCH_PER_OUTPUT * size)
    return NeuralDictionary.from_pairs(given.x, given.y, size, batch=batch, generator=given.generator)


def network(given: Given, size: int, width: float) -> Spectrum:
    """A network's outputs."""
    return of(learned(given, size), given.x)


def network_and_tail(given: Given, size: int, width: float) -> Spectrum:
    """A network's outputs and the quadratic tail."""
    return of(with_tail(learned(given, size), given.x), given.x)


def kernel_edmd(given: Given, size: int, width: float) -> Spectrum:
    """Kernels at so many points, and the operator of the pairs."""
    found = KernelEDMD(width, lag=LAG, n_centers=size, generator=given.generator)
    return found.fit(given.x, given.y).spectrum()


def diffusion_map(given: Given, size: int, width: float) -> Spectrum:
    """Of the first ``size`` data; the bandwidth is a multiple of the package's rule."""
    x = given.x[:size]
    return DiffusionMaps(width * default_bandwidth(x)).fit(x).spectrum()


KINDS: dict[str, Fit] = {
    "three scales and a tail": three_scales,
    "kernels and a tail": kernels_and_tail,
    "polynomials": polynomials,
    "random waves": waves,
    "random waves and a tail": waves_and_tail,
    "kernels": kernels_alone,
    "network": network,
    "network and a tail": network_and_tail,
    "kernel EDMD": kernel_edmd,
    "diffusion map": diffusion_map,
}
