"""Extended dynamic mode decomposition: the Koopman operator from pairs of snapshots."""

import warnings
from functools import partial
from typing import Self

import torch
from torch import Tensor

from koopteach.arrays import in_pieces
from koopteach.dictionaries.gram import add_gram_, from_lower_triangle
from koopteach.dictionaries.memory import refuse_too_many
from koopteach.operators import linear_algebra as la
from koopteach.operators import remarks
from koopteach.operators.balance import Runs, imbalance
from koopteach.operators.kept import Kept
from koopteach.operators.prediction import Prediction
from koopteach.operators.sums import Additive
from koopteach.protocols import Dictionary, Manifold
from koopteach.spectrum import Expansion, Spectrum, few_modes, torn_pair
from koopteach.tensors import as_pairs, chunks, is_traced, not_negative, positive, same_kind

# Below this the eigenvalue of a pair is noise: its rate would be above 3.9 / lag.
_SMALLEST_EIGENVALUE = 0.02

# Closer to one is rounding in the whitened matrix: such a function did not move within the lag.
_LARGEST_EIGENVALUE = 1 - 1e-7


class EDMD(Prediction, Additive):
    """Koopman operator of a process from pairs ``(x, y)``, ``y`` the state one ``lag`` after ``x``.

    ``K_lag f(x) = E[f(X_lag) | X_0 = x]`` has ``K phi = mu phi`` with ``mu = exp(-rate lag)``. In the span of a
    dictionary, with ``G = Cov(psi(x), psi(x))`` and ``A = Cov(psi(x), psi(y))``:

        reversible=True    (A + A^T)/2 c = mu G c,  G from x and y     symmetric, real
        reversible=False   A c = mu G c                                also complex pairs

    Args:
        dictionary: see :mod:`koopteach.dictionaries`.
        lag: time between the snapshots of a pair.
        tol: directions of the features' correlations with eigenvalues below ``tol`` times the largest are dropped; at
            least 1e-5 in float32.
        ridge: adds this share to the diagonal of ``G``; ``None`` adds nothing.
        manifold: where the states lie (see :mod:`koopteach.targets.manifolds`), None for R^d. The rates do not need it;
            the energies do, and the samplers, which the spectrum tells.
        reversible: whether the process satisfies detailed balance (Langevin does) *and* pairs start in equilibrium, as
            those of one long run do. The estimator then uses each pair in both directions, and warns when the data
            visibly contradict either.

    Fits of parts of the data add: ``sum(parts)`` is the fit of all (:class:`koopteach.operators.sums.Additive`).

    The reversible estimator is also known as the variational approach (VAC), with coordinates as features as TICA.
    :func:`koopteach.lagged_pairs` makes the pairs of a time series.

    Identity: on pairs with ``y = x`` every ``mu`` is one; on a stationary Ornstein-Uhlenbeck process with Hermite
    features the rates are ``k theta``.

    >>> import torch
    >>> import koopteach as kt
    >>> g = torch.Generator().manual_seed(0)
    >>> x, y = kt.snapshot_pairs(kt.OrnsteinUhlenbeck(1, theta=2.0), 20_000, lag=0.1, generator=g)
    >>> spectrum = kt.EDMD(kt.Hermite(1, 2), lag=0.1).fit(x, y).spectrum()
    >>> (spectrum.rates / torch.tensor([2.0, 4.0]) - 1).abs().max() < 0.1
    tensor(True)

    Source: Williams, Kevrekidis, Rowley 2015; the operator of arXiv 2512.18837.
    """

    _SUMS = ("n_pairs", "n_skipped", "_first", "_second", "_mean_x", "_mean_y", "_size", "_kept", "_moved")
    _SETTINGS = ("lag", "tol", "ridge", "reversible")

    def __init__(
        self,
        dictionary: Dictionary,
        *,
        lag: float,
        tol: float = 1e-10,
        ridge: float | None = None,
        reversible: bool = True,
        manifold: Manifold | None = None,
    ) -> None:
        la.refuse_other_space("EDMD", manifold, dictionary)
        self.dictionary, self.lag, self.tol = dictionary, positive("EDMD", "lag", lag), la.checked_tol("EDMD", tol)
        self.ridge, self.reversible = not_negative("EDMD", "ridge", 0.0 if ridge is None else ridge), reversible
        self.manifold = manifold
        self.n_pairs = self.n_skipped = 0

    def fit(self, x: Tensor, y: Tensor) -> Self:
        """Forget what was seen and accumulate the pairs ``(x, y)``; arguments as in :meth:`partial_fit`.

        Raises:
            ValueError: as there, and where there is no pair.
        """
        self.n_pairs = self.n_skipped = 0
        if not self.partial_fit(x, y).n_pairs:
            raise ValueError("EDMD.fit: x has 0 points, but at least 1 is needed. Is the lag longer than the series?")
        return self

    @in_pieces
    def partial_fit(self, x: Tensor, y: Tensor) -> Self:
        """Add pairs: row ``i`` of ``y`` ``(n, d)`` is the state one lag after row ``i`` of ``x`` ``(n, d)``.

        Pairs without a row, from a trajectory no longer than the lag, are counted in ``n_skipped``. Memory beyond the
        data is ``2 m^2``, one chunk and 4,000 pairs, at any ``n``.

        Arrays on disk (memory maps, zarr, HDF5) are read and added in pieces.

        Raises:
            ValueError: shapes that differ, NaN, or points off the manifold; of an array on disk with file and rows.
                Its pieces before that have been added.
        """
        x, y = as_pairs("EDMD.partial_fit", x, y, dim=self.dictionary.dim, at_least=0)
        if not len(x):
            self.n_skipped += 1
            return self
        same_kind("EDMD.partial_fit", y, x, "x")
        la.refuse_points_off("EDMD.partial_fit", self.manifold, x, y)
        if self.n_pairs:
            same_kind("EDMD.partial_fit", x, self._like, "what was seen before")
        else:
            self._begin(x)
        m = self.dictionary.n_features
        # at least m rows: adding to the m^2 sums costs as much for a short chunk as for a long one
        for rows in chunks(len(x), 2 * m * x.element_size() // 8, at_least=m):
            self._accumulate(x[rows], y[rows])
        self._kept.add(x, y)
        self.n_pairs += len(x)
        return self

    def _begin(self, x: Tensor) -> None:
        refuse_too_many("EDMD", self.dictionary.n_features)
        m, zeros = self.dictionary.n_features, partial(torch.zeros, dtype=torch.float64, device=x.device)
        # Reversible: the Gram matrices of psi(x) + psi(y) and psi(x) - psi(y), which hold G and the symmetrised A
        # in two symmetric products, a third of the work of three general ones; and the sum of psi(x) + psi(y).
        # Else: the Gram matrix of psi(x), psi(x)^T psi(y), and both sums.
        self._first, self._second, self._mean_x, self._mean_y = zeros(m, m), zeros(m, m), zeros(m), zeros(m)
        # A point, for dtype and device of the data, and some pairs.
        self._like, self._kept, self._size = x[:1].clone(), Kept(x), la.Size()
        self._moved = Runs(m, x.device)

    def _accumulate(self, x: Tensor, y: Tensor) -> None:
        # Products in the data's precision, sums over chunks in float64.
        psi_x, psi_y = self._features(x, y)
        if self.reversible:
            both, moved = psi_x + psi_y, psi_x - psi_y
            add_gram_(self._first, both)
            add_gram_(self._second, moved)
            self._moved.add(moved)
            self._mean_x = self._mean_x + both.sum(0)
        else:
            add_gram_(self._first, psi_x)
            self._second += (psi_x.T @ psi_y).double()
            self._mean_x = self._mean_x + psi_x.sum(0)
            self._mean_y = self._mean_y + psi_y.sum(0)
        self._size.add(x)

    def _features(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """``psi(x)`` and ``psi(y)``; where ``y`` is ``x`` some rows on in the same memory, of each state once."""
        ahead, within = divmod(int(y.storage_offset() - x.storage_offset()), max(1, x.stride(0)))
        same = not is_traced(x) and x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()
        if not same or x.stride() != y.stride() or within or not 0 < ahead < len(x):
            return self.dictionary(x), self.dictionary(y)
        every = self.dictionary(x.as_strided((len(x) + ahead, x.shape[1]), x.stride()))
        return every[:-ahead], every[ahead:]

    def spectrum(self, n_modes: int | None = None) -> Spectrum:
        """The ``n_modes`` slowest modes; ``None`` keeps all that the data support.

        Modes with ``|mu|`` below 0.02 (faster than 3.9 / lag), not below one, or negative where the process is
        reversible are dropped.

        Raises:
            RuntimeError: nothing was fitted yet.
            ValueError: ``n_modes`` below one, features constant on the data, or no mode within the lag's reach.
        """
        tol = self._tol("spectrum")
        mean, mu, coefficients = self._eigen(tol)
        size = mu if self.reversible else mu.abs()
        keep = (size > _SMALLEST_EIGENVALUE) & (size < _LARGEST_EIGENVALUE)
        if not bool(keep.any()):
            told = f"EDMD.spectrum: no eigenvalue between {_SMALLEST_EIGENVALUE} and 1 at lag {self.lag:g}."
            if bool((size <= _SMALLEST_EIGENVALUE).any()):
                raise ValueError(f"{told} Shorten the lag (all modes have decayed), or use more pairs.")
            raise ValueError(f"{told} Nothing moved within the lag: lengthen it, and look whether y is x.")
        rates = -mu[keep].log() / self.lag
        order = rates.real.argsort(stable=True)
        r, m = la.mode_count(n_modes, len(order), "EDMD"), self.dictionary.n_features
        every = Expansion(self.dictionary, mean, coefficients[:, keep][:, order])
        rates, functions = rates[order[:r]], every.first(r)
        different = int(self.n_pairs / self._kept.copies.mean())
        report = (
            f"{r} modes of {len(mu)} directions kept, {len(mu) - len(order)} outside ({_SMALLEST_EIGENVALUE}, 1), "
            f"{m - len(mu)} of {m} directions dropped, {m} features, {self.n_pairs} pairs, tol {tol:g}"
        )
        report += remarks.paragraphs(
            remarks.missing_modes(n_modes, len(order)),
            few_modes(rates, len(order)),
            remarks.many_modes(r, self.dictionary),
            "" if self.ridge else remarks.few_points(different, m, "pairs"),
            remarks.kernel_gaps(self.dictionary),
            remarks.lost_modes(int((size <= _SMALLEST_EIGENVALUE).sum()), len(mu), self.lag, _SMALLEST_EIGENVALUE),
            "" if self.reversible else remarks.sampling_error(complex(rates[0]), self.lag, self.n_pairs),
            torn_pair(rates),
            f"{self.n_skipped} trajectories without a pair skipped" if self.n_skipped else "",
        )
        # of all functions, however few were asked for
        all_functions = Expansion(self.dictionary, mean, coefficients)
        fault = imbalance(self._moved, self._kept.pairs, all_functions, mu) if self.reversible else ""
        if fault:
            warnings.warn(f"EDMD: {fault}", stacklevel=2)
            report += remarks.paragraphs(fault)
        return self._finish(rates, functions, report)

    def _moments(self, tol: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Means of the features at ``x`` and at ``y``, what whitens them ``(m, q)``, their covariance ``(m, m)``."""
        n = self.n_pairs
        mean_x, mean_y, first = self._mean_x / n, self._mean_y / n, from_lower_triangle(self._first) / n
        if self.reversible:
            # Each pair counts in both directions; the mean and the Gram matrix are those of both halves.
            mean_x = mean_y = 0.5 * mean_x
            second = from_lower_triangle(self._second) / n
            squares, cross = 0.25 * (first + second), 0.25 * (first - second) - torch.outer(mean_x, mean_x)
        else:
            squares, cross = first, self._second / n - torch.outer(mean_x, mean_y)
        gram = squares - torch.outer(mean_x, mean_x)
        least = la.rounding(squares.diagonal(), self._like.dtype)
        return mean_x, mean_y, la.whiten_features(gram + self._penalty(gram), tol, "EDMD", least), cross

    def _eigen(self, tol: float) -> tuple[Tensor, Tensor, Tensor]:
        """Mean ``(m,)``, eigenvalues ``(q,)``, coefficients ``(m, q)`` of unit-variance eigenfunctions."""
        mean, _, w, cross = self._moments(tol)
        reduced = w.T @ cross @ w
        if self.reversible:
            mu, vectors = torch.linalg.eigh(reduced)
            return mean, mu, la.fix_signs(w @ vectors)
        mu, vectors = torch.linalg.eig(reduced)
        return mean, mu, w.to(vectors.dtype) @ vectors

    def _penalty(self, gram: Tensor) -> Tensor:
        """What the ridge adds to the Gram matrix: a quadratic form of the coefficients, ``(m, m)``."""
        return self.ridge * gram.diagonal().diag()

    def _finish(self, rates: Tensor, functions: Expansion, report: str) -> Spectrum:
        """Dirichlet energies on the kept pairs, and everything in the data's precision."""
        like, x = self._like, self._kept.pairs[:, 0]
        number = like.dtype.to_complex() if rates.is_complex() else like.dtype
        functions = Expansion(self.dictionary, functions.mean.to(like), functions.coefficients.to(number))
        energies = la.dirichlet_energies(functions, x, self.manifold)
        if self.reversible:
            report += remarks.paragraphs(remarks.clock_ratio(rates, energies))
        return Spectrum(
            rates=rates.to(number),
            energies=energies.to(like),
            scale=float(self._size),
            functions=functions,
            report=report,
            manifold=self.manifold,
            spread_ratio=self._size.spread_ratio,
        )
