"""Kernel EDMD: the kernels themselves are the dictionary, all of them on small data, a few hundred on large."""

from dataclasses import replace
from typing import Self, cast

import numpy as np
import torch
from torch import Tensor

from koopteach.dictionaries.rbf import GaussianRBF
from koopteach.operators.edmd import EDMD
from koopteach.operators.low_rank import pivots
from koopteach.operators.remarks import paragraphs, uneven_columns
from koopteach.operators.sums import Additive
from koopteach.protocols import Manifold
from koopteach.spectrum import Spectrum
from koopteach.tensors import as_count, as_pairs, as_points, not_negative, positive, seed_from

# Up to here the kernels of all points are used: their matrix is 32 MB.
_EXACT = 2000

# Above, kernels at this many points, picked from a sample so many times as large.
_CENTERS = 200
_SAMPLE_PER_CENTER = 5

# A kernel that is a combination of the others' but for this share of its squared norm adds nothing but rounding;
# and where that share is far below the ridge, nothing that the ridge would leave.
_ROUNDING = {torch.float32: 1e-5, torch.float64: 1e-10}
_BELOW_RIDGE = 0.01

# A direction of less variance than about 1/n is noise. Measured on Ornstein-Uhlenbeck processes, n from 500 to
# 100,000: ten times less lets spurious slow modes in, ten times more hurries the true ones.
_RIDGE_TIMES_POINTS = 0.2


class KernelEDMD(Additive):
    """Koopman operator from pairs, in the span of the Gaussian kernels ``k(x, z) = exp(-|x - z|^2 / 2 width^2)``.

    Up to 2,000 pairs, unless ``n_centers`` is given, ``z`` runs over all points (*exact*); above, over points that a
    pivoted Cholesky factorisation picks from a sample (*Nystroem*). Either way it is :class:`EDMD`, streamed, on a
    :class:`GaussianRBF` dictionary, but for its ridge, which has the textbook meaning: a penalty ``ridge |f|^2`` on
    the norm of the functions in the kernel's Hilbert space.

    Args:
        kernel_width: ``width``, in the units of ``x``.
        lag: time between the snapshots of a pair.
        ridge: of the penalty; ``None`` is ``0.2 / n``. It removes the spurious slow modes of too many kernels, and
            adds a few times ``ridge / lag`` to every rate.
        n_centers: how many kernels; ``None`` is all of them up to 2,000 pairs and 200 above.
        centers: ``(k, d)``, the ``z`` themselves, as of a sample of all the data. Then fits of parts add, of any
            lengths: ``sum(parts)`` is the fit of all (:class:`koopteach.operators.sums.Additive`).
        reversible, manifold: as in :class:`EDMD`.
        generator: picks the sample of points above 2,000 pairs.

    Identity: with ``ridge=0`` the exact spectrum is that of ``EDMD(GaussianRBF(x, kernel_width))``.

    >>> import torch
    >>> import koopteach as kt
    >>> x, y = kt.snapshot_pairs(kt.OrnsteinUhlenbeck(2), 500, lag=0.3, generator=torch.Generator().manual_seed(0))
    >>> spectrum = kt.KernelEDMD(kernel_width=1.5, lag=0.3).fit(x, y).spectrum(2)
    >>> (spectrum.rates - 1).abs().max() < 0.3  # the true ones are 1 and 1
    tensor(True)

    Source: Williams, Rowley, Kevrekidis 2015 (kernel EDMD); Williams, Seeger 2001 (Nystroem).
    """

    _SUMS = ("_edmd",)
    _SETTINGS = ("kernel_width", "lag", "ridge", "reversible")

    def __init__(
        self,
        kernel_width: float,
        *,
        lag: float,
        ridge: float | None = None,
        n_centers: int | None = None,
        centers: Tensor | None = None,
        reversible: bool = True,
        manifold: Manifold | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self.kernel_width = positive("KernelEDMD", "kernel_width", kernel_width)
        self.lag = positive("KernelEDMD", "lag", lag)
        self.ridge = None if ridge is None else not_negative("KernelEDMD", "ridge", ridge)
        self.n_centers = None if n_centers is None else as_count("KernelEDMD", "n_centers", n_centers, at_least=2)
        self.centers = None if centers is None else as_points("KernelEDMD", "centers", centers, at_least=2)
        if n_centers is not None and centers is not None:
            raise ValueError("KernelEDMD: n_centers and centers both say which kernels to take. Give one of them.")
        self.reversible, self.manifold, self.generator = reversible, manifold, generator
        self._edmd: EDMD | None = None

    def fit(self, x: Tensor, y: Tensor) -> Self:
        """Fit the pairs: row ``i`` of ``y`` ``(n, d)`` is the state one lag after row ``i`` of ``x`` ``(n, d)``.

        Memory beyond the data is ``n^2`` numbers when exact (``n`` at most 2,000 unless ``n_centers`` asks for
        more), else that of :class:`EDMD` with ``n_centers`` features.

        Raises:
            ValueError: shapes that differ, NaN, points that are all the same (to the kernel).
        """
        self._edmd = None
        self._edmd = self._space(x, y).fit(x, y)
        return self

    def partial_fit(self, x: Tensor, y: Tensor) -> Self:
        """Add pairs, as of :meth:`EDMD.partial_fit`; without ``centers`` the first ones choose the kernels."""
        self._edmd = (self._edmd or self._space(x, y)).partial_fit(x, y)
        return self

    def _space(self, x: Tensor, y: Tensor) -> EDMD:
        """What has seen nothing yet, on the given kernels or on those of the points ``x``."""
        options = {"lag": self.lag, "reversible": self.reversible, "manifold": self.manifold}
        if self.centers is not None:
            return _KernelEDMD(GaussianRBF(self.centers, self.kernel_width), **options)
        x, y = as_pairs("KernelEDMD.fit", x, y, at_least=2)
        kernels = self._kernels(x, max(_ROUNDING[x.dtype], _BELOW_RIDGE * self._ridge(len(x))))
        if kernels.n_features < 2:
            raise ValueError(
                f"KernelEDMD.fit: one kernel of width {self.kernel_width:g} explains all points of x. "
                "Take a smaller width. Or are all points the same?"
            )
        return _KernelEDMD(kernels, **options)

    def _ridge(self, n: int) -> float:
        return _RIDGE_TIMES_POINTS / n if self.ridge is None else self.ridge

    def spectrum(self, n_modes: int | None = None) -> Spectrum:
        """The ``n_modes`` slowest modes; as :meth:`EDMD.spectrum`, also in what it raises."""
        if self._edmd is None or not self._edmd.n_pairs:
            raise RuntimeError("KernelEDMD.spectrum: nothing was fitted yet. Call fit(x, y) first.")
        self._edmd.ridge = self._ridge(self._edmd.n_pairs)
        found = self._edmd.spectrum(n_modes)
        return replace(found, report=found.report + paragraphs(uneven_columns(found.spread_ratio)))

    def _kernels(self, x: Tensor, tol: float) -> GaussianRBF:
        """The kernels of ``n_centers`` points of ``x``, or of all points that are no combinations of others."""
        wanted = self.n_centers or (len(x) if len(x) <= _EXACT else _CENTERS)
        candidates = x
        if wanted * _SAMPLE_PER_CENTER < len(x):
            draw = np.random.default_rng(seed_from(self.generator))
            rows = draw.choice(len(x), wanted * _SAMPLE_PER_CENTER, replace=False, shuffle=False)
            candidates = x[torch.from_numpy(rows).to(x.device)]
        points = candidates.detach().double()
        picked = pivots(GaussianRBF(points, self.kernel_width)(points), tol)[0][:wanted]  # best first
        return GaussianRBF(candidates[picked.to(x.device)], self.kernel_width)


class _KernelEDMD(EDMD):
    """EDMD whose ridge, set once ``n`` is known, is the squared norm ``c^T k(Z, Z) c`` in the kernel's own space."""

    _SETTINGS = ("lag", "tol", "reversible")

    def _penalty(self, gram: Tensor) -> Tensor:
        kernels = cast(GaussianRBF, self.dictionary)
        return self.ridge * kernels(kernels.centers).to(gram)
