"""The variational score of eigenfunctions on data that their fit has not seen."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from koopteach.spectrum import Spectrum


def held_out_score(who: str, spectrum: Spectrum, held_out: Sequence[Tensor], n_modes: int) -> float:
    """Sum of the functions' autocorrelations on pairs ``(x, y)``, of their energies on samples ``(x,)``.

    The functions are made orthonormal there first, so no rates of the fit matter.

    Raises:
        ValueError: complex modes.
    """
    if spectrum.rates.is_complex():
        raise ValueError(
            f"{who} has complex modes, which no variational principle ranks: its process is not reversible. "
            "Use reversible=True where detailed balance holds, or compare implied timescales at several lags."
        )
    if len(held_out) == 2:
        gram, form = _pair_forms(spectrum, *held_out)
    elif len(spectrum) < n_modes:
        return math.inf
    else:
        gram, form = _sample_forms(spectrum, *held_out)
    factor, failed = torch.linalg.cholesky_ex(gram)
    if failed:  # some combination of the functions vanishes on the fold
        return -math.inf if len(held_out) == 2 else math.inf
    return float(torch.cholesky_solve(form, factor).trace())


def _pair_forms(spectrum: Spectrum, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Gram matrix and symmetrised covariance of the functions, each pair counted in both directions, ``(r, r)``."""
    a, b = spectrum(x).double(), spectrum(y).double()
    mean = 0.5 * (a.mean(dim=0) + b.mean(dim=0))
    a, b = a - mean, b - mean
    cross = a.T @ b
    return (a.T @ a + b.T @ b) / (2 * len(x)), (cross + cross.T) / (2 * len(x))


def _sample_forms(spectrum: Spectrum, x: Tensor) -> tuple[Tensor, Tensor]:
    """Gram matrix and Dirichlet form of the functions, ``(r, r)``."""
    r = len(spectrum)
    return spectrum(x).double().T.cov(correction=0).reshape(r, r), spectrum.dirichlet(x).double()
