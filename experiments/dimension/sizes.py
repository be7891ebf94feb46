"""How many features a fit takes and how much memory: by formula, and of a fit in a process of its own."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from experiments.dimension.laws import N_DATA, Numbers, target
from experiments.kswgd.methods import fit
from experiments.machinery.common import stream

CENTRES, MODES = (250, 60, 20), 5
MOST_IN_TAIL, MOST_CUBICS, ROWS_A_CUBIC, ROWS_A_FEATURE = 1500, 600, 5, 6  # the package's
MATRICES, CHUNK = 6, 500_000  # of m x m numbers that a fit holds at once; numbers of a chunk of features
MEGABYTE = 2**20
FITS = 5  # of which the one with the least memory counts


def monomials(d: int, degree: int) -> int:
    """How many monomials of degree 1 to ``degree`` there are in ``d`` columns."""
    return math.comb(d + degree, degree) - 1


def features_of_default(d: int, n: int) -> int:
    """The default dictionary's features in ``d`` columns at most: kernels, and the tail that ``n`` rows allow."""
    quadratic = monomials(d, 2)
    return sum(CENTRES) + (quadratic if quadratic <= min(MOST_IN_TAIL, n / 2) else d)


def features_for_moments(d: int, k: int = MODES) -> int:
    """What second moments inside ``k`` modes take: ``k`` quadratic families, of whose constants one is in all."""
    return k * (1 + monomials(d, 2)) - 1


def megabytes(m: int) -> float:
    """Of a fit with ``m`` features: its matrices, and four times a chunk of at least ``m`` rows."""
    return 8 * (MATRICES * m**2 + max(4 * m**2, CHUNK)) / MEGABYTE


def default_fit(dim: int, seed: int) -> Callable[[], Any]:
    """The default spectrum of five modes, ready to be made."""
    x = target(dim, False).sample(N_DATA, stream(seed, 0))
    return lambda: fit(x, seed)


def measured(dim: int, seed: int) -> Numbers:
    """A fit's features, modes, peak of memory and warning, after a small one has loaded what it needs."""
    torch.set_num_threads(1)
    default_fit(2, seed)()
    run, before = default_fit(dim, seed), _most_held()
    spectrum = run()
    return {
        "features": spectrum.functions.dictionary.n_features,
        "modes": len(spectrum),
        "peak MB": _most_held() - before,
        "warns": float("per feature" in spectrum.report),
    }


def _most_held() -> float:
    """The most memory that this process ever had, in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux; what the next lines would tell there is the parent's, if that had more
        peak = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    import resource  # no such module on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MEGABYTE if sys.platform == "darwin" else 1024)


def alone(dim: int, seed: int) -> Numbers:
    """In a process of its own: what an earlier fit has freed would hide the peak."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measured, dim, seed).result()


def size_row(seed: int, dim: int) -> Numbers:
    """Counts by formula beside a fit's, the least of five: what else a process happens to fetch comes on top."""
    found = min((alone(dim, seed) for _ in range(FITS)), key=lambda fit: fit["peak MB"])
    m = features_of_default(dim, N_DATA)
    return found | {
        "features, formula": m,
        "second moments take": features_for_moments(dim),
        "MB, formula": megabytes(m),
        "warning foretold": float(ROWS_A_FEATURE * m > N_DATA),
    }
