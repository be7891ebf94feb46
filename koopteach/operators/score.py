"""The score that a spectrum knows: the generator applied to the coordinates."""

from collections.abc import Callable

from torch import Tensor

from koopteach.spectrum import Spectrum
from koopteach.tensors import as_points, same_kind


def spectral_score(spectrum: Spectrum, x: Tensor) -> Callable[[Tensor], Tensor]:
    """``grad log pi`` from a spectrum of ``pi`` and its data, ``score(y) -> (n, d)``.

    The generator ``L f = grad log pi . grad f + lap f`` turns a coordinate into the score's component, so that

        score(y) = sum_k phi_k(y) <phi_k, L y> = - sum_k energy_k E[phi_k(x) x] phi_k(y),

    as far as the modes span it: the best approximation in L2 of the data when the coordinates are in the dictionary
    (``MultiScale`` has them in its tail). Fast modes count most, hence its noise; one small step
    ``y + h score(y)`` takes noise of variance ``h`` off points that have it (Tweedie's formula).

    Args:
        spectrum: real, on R^d; all the modes that the data support.
        x: the data that it was fitted to, ``(n, d)``.

    Raises:
        ValueError: a complex spectrum, or one on a manifold.

    >>> import torch
    >>> import koopteach as kt
    >>> x = 2 * torch.randn(5000, 1, generator=torch.Generator().manual_seed(0))
    >>> score = kt.spectral_score(kt.GeneratorEDMD(kt.Monomials(1, 1)).fit(x).spectrum(), x)
    >>> abs(float(score(torch.ones(1, 1))) + 0.25) < 0.02  # -y / variance
    True

    Identity: coordinates as dictionary give the score of a Gaussian, ``-C^{-1}(y - mean)``.
    """
    if spectrum.rates.is_complex() or spectrum.manifold is not None:
        what = "is complex" if spectrum.rates.is_complex() else f"lives on the {spectrum.manifold!r}"
        raise ValueError(f"spectral_score: the spectrum {what}, but a real one on R^d is needed.")
    x = as_points("spectral_score", "x", x)
    same_kind("spectral_score", x, spectrum.energies, "the spectrum")
    coefficients = -spectrum.energies[:, None] * (spectrum(x).T @ (x - x.mean(dim=0))) / len(x)
    coefficients = coefficients / spectrum.stretch.square()  # of a coordinate in its own unit, twice the chain rule
    return lambda y: spectrum(y) @ coefficients
