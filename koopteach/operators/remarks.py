"""What a fit says about itself when something will go wrong: lines for ``Spectrum.report``, none on healthy data."""

import math

import torch
from torch import Tensor

from koopteach.dictionaries import GaussianRBF
from koopteach.protocols import Dictionary

# Measured on wells, rings and Ornstein-Uhlenbeck data: healthy fits stay on the quiet side of each of these.
_FEWEST_POINTS = 6  # per feature
_WIDEST_SPACING = 1.0  # of the centres, in widths; centres and widths from data have about 0.5
_SAME_CLOCK = 3.0
_MOST_LOST = 0.4
_MOST_SCATTER = 0.5
_MANY_MODES = 200
_MOST_UNEVEN = 30.0  # one length of noise and of moves for all columns
_ZERO = 1e-8  # of a rate times the squared size of the data


def paragraphs(*remarks: str) -> str:
    """The remarks that are not empty, each on a line of its own."""
    return "".join(f"\n{remark}" for remark in remarks if remark)


def missing_modes(n_modes: int | None, available: int) -> str:
    """More modes asked for than there are."""
    if n_modes is None or n_modes <= available:
        return ""
    return f"{n_modes} modes asked, the data support {available}"


def many_modes(r: int, dictionary: Dictionary) -> str:
    """What the damped metric of a sampler costs with ``r`` modes of this dictionary."""
    if r <= _MANY_MODES:
        return ""
    m, d = dictionary.n_features, dictionary.dim
    each, once = min(d * r * (m + r), 3 * m * m), m * r * (m + r)
    return (
        f"{r} modes: a damped step of KSWGD takes about {each:.1g} multiplications a particle and {once:.1g} besides; "
        "spectrum(n_modes) keeps fewer"
    )


def few_points(n: int, m: int, what: str = "points") -> str:
    """``n`` different points for ``m`` features."""
    if n >= _FEWEST_POINTS * m:
        return ""
    return (
        f"{n / m:.1f} {what} per feature (fewer than {_FEWEST_POINTS}): expect spurious slow rates; "
        "for rates use fewer centres or more data; samples hardly get better with fewer"
    )


def kernel_gaps(dictionary: Dictionary) -> str:
    """Kernels so narrow that none is felt between their centres."""
    spacing = max((_spacing(part) for part in getattr(dictionary, "parts", (dictionary,))), default=0.0)
    if spacing <= _WIDEST_SPACING:
        return ""
    return (
        f"nearest centres are {spacing:.1f} widths apart (more than {_WIDEST_SPACING:g}): there are holes between the "
        "kernels, and rates come out too high; take wider kernels or more centres"
    )


def _spacing(part: Dictionary) -> float:
    """Median distance from a centre to the nearest other one, in widths; zero for features that are not kernels."""
    if not isinstance(part, GaussianRBF) or part.n_features < 2:
        return 0.0
    centers = part.centers / part.units
    distance = torch.cdist(centers, centers).fill_diagonal_(math.inf)
    return float((distance.amin(dim=1) / part.widths).median())


def flat_modes(rates: Tensor, scale: float) -> int:
    """How many of the rates or energies ``(r,)`` vanish on data of size ``scale``."""
    return int((~(rates * scale**2 >= _ZERO)).sum())


def uneven_columns(spread_ratio: float) -> str:
    """Columns in different units, which one length for all of them cannot serve."""
    if spread_ratio <= _MOST_UNEVEN:
        return ""
    return (
        f"the columns' spreads differ {spread_ratio:.3g} times (more than {_MOST_UNEVEN:g}): samples come out wrong in "
        "the narrow ones; use GeneratorEDMD(..., standardize=True), or fit Standardizer.of(x)(x) and undo the samples"
    )


def null_directions(rates: Tensor, scale: float) -> str:
    """Rates ``(r,)`` that vanish on data of size ``scale``."""
    count = flat_modes(rates, scale)
    if not count:
        return ""
    return (
        f"{count} rates are zero to rounding: functions that are flat wherever there are data. Null directions of the "
        "Gram matrix are dropped by a larger tol, islands of data are joined by wider kernels; samplers divide by rates"
    )


def clock_ratio(rates: Tensor, energies: Tensor) -> str:
    """Dirichlet energies of the slow modes against their rates, both ``(r,)``."""
    # twenty: of the slowest few a ridge may have changed the rates
    ratio = float((energies[:20] / rates[:20]).median())
    if 1 / _SAME_CLOCK < ratio < _SAME_CLOCK:
        return ""
    return (
        f"Dirichlet energy / rate = {ratio:.2g}: the lag is in a clock {ratio:.2g} times ours, or the functions are "
        "rougher than the truth (a long lag, many features); samplers use the energies, so no clock hurts them"
    )


def lost_modes(lost: int, directions: int, lag: float, smallest: float) -> str:
    """``lost`` eigenvalues below ``smallest`` among ``directions``."""
    if lost < _MOST_LOST * directions:
        return ""
    return (
        f"{lost} of {directions} eigenvalues are below {smallest:g}: modes faster than {-math.log(smallest) / lag:.3g} "
        "have decayed within the lag; shorten it where they matter"
    )


def sampling_error(rate: complex, lag: float, n: int) -> str:
    """Standard error of the slowest ``rate`` from ``n`` pairs, relative to it; of the plain estimator.

    ``phi(y)`` scatters about ``mu phi(x)`` with variance ``1 - |mu|^2``; a symmetric estimator has no such term.
    """
    size = math.exp(-rate.real * lag)
    error = math.sqrt(max(0.0, 1 - size**2) / n) / (size * lag * abs(rate))
    if error < _MOST_SCATTER:
        return ""
    return (
        f"the slowest rate scatters by {100 * error:.0f} % from sample to sample: lengthen the lag, use more pairs, or "
        "reversible=True where detailed balance holds"
    )
