"""Diffusion maps: the generator from a random walk on the samples, extended off them with its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Self

import numpy as np
import scipy.linalg
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from koopteach.dictionaries.rbf import GaussianRBF
from koopteach.kernels import augmented, default_bandwidth, exp2_, exponents, tiles
from koopteach.operators.linear_algebra import Size, dirichlet_energies, fix_signs, mode_count
from koopteach.operators.low_rank import factorised
from koopteach.operators.remarks import missing_modes, paragraphs, uneven_columns
from koopteach.spectrum import Spectrum, few_modes
from koopteach.tensors import Movable, as_number, as_points, map_chunks, positive, same_kind

# What is kept of the walk's matrix: this number squared (128 MB). Where neither the matrix nor a factor of it is so
# small, it is computed anew in every product.
_STORED = 4000

# Without a factor, Lanczos beats the dense solver on more points than this, for fewer than this share of the
# eigenvectors. It stalls where eigenvalues coincide, as those of islands do, and is given up after so many restarts
# (20 are usual).
_DENSE = 1000
_FEW = 1 / 12
_RESTARTS = 200

# Modes unless somebody asks for a number: each needs products with the kernel matrix.
_MOST_MODES = 200

# Entries of the kernel matrix that its factor may miss; and eigenvalues that are rounding, not data.
_FACTOR_TOL, _ROUNDING = 1e-9, 1e-8

# A walk that forgets a function to this share in one step resolves it no longer; the extension divides by it.
_SMALLEST_EIGENVALUE = 0.1

# Eigenvalues this near to one are islands; as few of the points are strays.
_NEVER, _STRAYS = 1e-10, 0.02

# Points on which the Dirichlet energies are averaged: enough for a few per cent.
_ENERGY_POINTS = 2000


class DiffusionMaps:
    """Spectrum of the reversible Langevin generator from samples ``x`` of ``pi``, by a random walk between them.

        k(x, y) = exp(-|x - y|^2 / 4 eps),  eps = bandwidth^2 / 2,      q_i = sum_j k(x_i, x_j)
        P_ij  proportional to  k(x_i, x_j) / q_j^alpha,  rows summing to one,      P psi = mu psi
        rate = (1 - mu) / eps

    With ``alpha = 1/2`` the walk tends to ``L f = grad log pi . grad f + lap f``, the course's clock; ``alpha = 0``
    doubles the drift, ``alpha = 1`` drops it. Rates above about ``0.2 / eps`` are biased low, for they end at
    ``1 / eps``; the energies, from the gradients, are not. Too small a bandwidth makes islands, with rates zero.

    Args:
        bandwidth: width of the kernel in the units of ``x``, as of :class:`GaussianRBF` and ``kde_score``; None takes
            :func:`koopteach.kernels.default_bandwidth`.
        alpha: power of the density that is divided out, from 0 to 1.

    Identity: at the samples the extension of an eigenvector equals it, up to the shift and factor that give it mean
    zero and variance one.

    >>> import torch
    >>> import koopteach as kt
    >>> x = kt.Circle().sample(400, torch.Generator().manual_seed(0))
    >>> spectrum = kt.DiffusionMaps(bandwidth=0.3).fit(x).spectrum(2)
    >>> (spectrum.rates - 1).abs().max() < 0.2  # of Brownian motion on the circle: 1, 1, 4, 4, ...
    tensor(True)

    Source: Coifman, Lafon 2006; the extension is theirs (Nystroem), its gradient as used by DMPS.
    """

    def __init__(self, bandwidth: float | None = None, alpha: float = 0.5) -> None:
        self.bandwidth = None if bandwidth is None else positive("DiffusionMaps", "bandwidth", bandwidth)
        self.alpha = as_number("DiffusionMaps", "alpha", alpha)
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"DiffusionMaps: alpha must be between 0 and 1, got {alpha}.")
        self._walk: _Walk | None = None

    def fit(self, x: Tensor) -> Self:
        """Build the walk on ``x`` ``(n, d)``; memory at most ``n^2`` numbers up to 4,000 points, and 128 MB above.

        Raises:
            ValueError: fewer than three points, wrong shape, NaN.
        """
        self._walk = None
        self._x = as_points("DiffusionMaps.fit", "x", x, at_least=3).detach()
        bandwidth = default_bandwidth(self._x) if self.bandwidth is None else self.bandwidth
        self._walk = _Walk(self._x.double(), bandwidth, self.alpha)
        return self

    def spectrum(self, n_modes: int | None = None) -> Spectrum:
        """The ``n_modes`` slowest modes; ``None`` keeps all that the data support, up to 200.

        Modes with ``mu`` below 0.1 (rates above ``0.9 / eps``) are dropped.

        Raises:
            RuntimeError: nothing was fitted yet.
            ValueError: ``n_modes`` below one, or no mode that the bandwidth resolves.
        """
        walk = self._walk
        if walk is None:
            raise RuntimeError("DiffusionMaps.spectrum: nothing was fitted yet. Call fit(x) first.")
        x, bandwidth = self._x, walk.bandwidth
        eps = 0.5 * bandwidth**2
        if walk.alone == 1:
            raise ValueError(
                f"DiffusionMaps.spectrum: at the bandwidth {bandwidth:g} no point sees another. "
                f"Take a larger one, about {default_bandwidth(x):.2g} (bandwidth=None)."
            )
        wanted = _MOST_MODES if n_modes is None else n_modes
        mu, psi = walk.eigenvectors(mode_count(wanted, len(x) - 1, "DiffusionMaps"))
        resolved = int((mu > _SMALLEST_EIGENVALUE).sum())
        if not resolved:
            rule = default_bandwidth(x)
            smaller = f"Take a smaller one, about {rule:.2g} (bandwidth=None)."
            mend = smaller if rule < bandwidth else "Are all points the same?"
            raise ValueError(f"DiffusionMaps.spectrum: the bandwidth {bandwidth:g} smooths over all the data. {mend}")
        r = mode_count(n_modes, resolved, "DiffusionMaps")
        size = Size()
        size.add(x)
        functions = self._extended(walk, mu[:r], fix_signs(psi[:, :r])).to(x.device, x.dtype)
        return Spectrum(
            rates=((1 - mu[:r]) / eps).clamp_min(0).to(x),
            energies=dirichlet_energies(functions, x[:: -(-len(x) // _ENERGY_POINTS)]).to(x),
            scale=float(size),
            spread_ratio=size.spread_ratio,
            functions=functions,
            report=f"{r} modes, {len(x)} points, bandwidth {bandwidth:g}, alpha {self.alpha:g}"
            + paragraphs(
                missing_modes(n_modes, resolved),
                few_modes(1 - mu[:r], resolved),
                walk.islands(mu, psi),
                uneven_columns(size.spread_ratio),
            ),
        )

    def _extended(self, walk: _Walk, mu: Tensor, psi: Tensor) -> _Averages:
        """``phi(u) = sum_j P_j(u) psi_j / mu``, shifted and scaled to mean zero and variance one on the samples."""
        mean, std = psi.mean(dim=0), psi.std(dim=0, correction=0)
        # averages keep constants, so the shift may be made before
        values = (psi / mu - mean) / std
        return _Averages(walk.x, -self.alpha * walk.q.log(), values, walk.x.mean(dim=0), walk.bandwidth)


class _Walk:
    """The walk's symmetric form ``A = diag(s) K diag(s)`` with ``s = q^-alpha / sqrt(row sums)``, less its constant.

    The kernel matrix is kept as ``K = F F^T`` where few columns do, for Gaussian kernels are smooth: nearly always in
    low dimension. Else it is kept whole, or computed anew in every product.
    """

    def __init__(self, x: Tensor, bandwidth: float, alpha: float) -> None:
        self.x, self.bandwidth, self._kernels = x, bandwidth, GaussianRBF(x, bandwidth)
        self._factor = factorised(x, bandwidth, _FACTOR_TOL, most=min(len(x) // 2, _STORED**2 // len(x)))
        self._stored = self._kernels(x) if self._factor is None and len(x) <= _STORED else None
        self.q = self._product(torch.ones(len(x), 1, dtype=x.dtype, device=x.device))[:, 0]
        weight = self.q**-alpha
        rows = weight * self._product(weight[:, None])[:, 0]
        self._s = weight / rows.sqrt()
        self._root = rows.sqrt()
        self._constant = self._root / self._root.norm()  # its eigenvalue is one

    def eigenvectors(self, k: int) -> tuple[Tensor, Tensor]:
        """At most ``k`` largest eigenvalues ``(k,)``, descending, and right eigenvectors of ``P`` ``(n, k)``."""
        if self._factor is not None:
            found = self._by_factor(self._factor, k)
        else:
            found = self._lanczos(k) if len(self.x) > _DENSE and k <= _FEW * len(self.x) else self._dense(k)
        mu, vectors = (torch.from_numpy(part[..., ::-1].copy()).to(self.x) for part in found)
        return mu, vectors / self._root[:, None]

    def _by_factor(self, factor: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
        """``B B^T`` and ``B^T B``, ``B = diag(s) F``, share their eigenvalues; the constant is ``B w``."""
        b = self._s[:, None] * factor
        w = b.T @ self._constant
        mu, vectors = _largest(b.T @ b - torch.outer(w, w), k)
        resolved = mu > _ROUNDING
        return mu[resolved], (b @ torch.from_numpy(vectors[:, resolved] / np.sqrt(mu[resolved])).to(b)).cpu().numpy()

    def _lanczos(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        n = len(self.x)
        # pyrefly: ignore [missing-argument, unexpected-keyword, bad-keyword-argument]  (what __new__ takes)
        operator = LinearOperator((n, n), matvec=self._apply, matmat=self._apply, dtype=np.float64)
        start = np.random.default_rng(0).standard_normal(n)
        try:
            return eigsh(operator, k, which="LA", v0=start, ncv=max(2 * k + 1, 40), maxiter=_RESTARTS)
        except ArpackNoConvergence:
            return self._dense(k)

    def _dense(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        if self._stored is None:
            raise ValueError(
                f"DiffusionMaps.spectrum: {k} modes of {len(self.x)} points did not converge. Take a larger bandwidth "
                f"(many eigenvalues are near one: islands of points), fewer modes, or at most {_STORED} points."
            )
        symmetric = self._s[:, None] * self._stored * self._s - torch.outer(self._constant, self._constant)
        return _largest(symmetric, k)

    @property
    def alone(self) -> float:
        """Share of the points that see hardly any other."""
        return float((self.q < 2).double().mean())

    def islands(self, mu: Tensor, psi: Tensor) -> str:
        """A line for the report where the walk never leaves some points, or many see hardly any other.

        On islands the eigenvectors of the eigenvalue one are constant.
        """
        told, steps = "", psi[:, 1 - mu < _NEVER]
        if steps.shape[1]:
            _, sizes = (steps / steps.abs().amax(dim=0)).round(decimals=3).unique(dim=0, return_counts=True)
            apart = len(self.x) - int(sizes.max())
            mend = "leave them out" if apart < _STRAYS * len(self.x) else "take a larger bandwidth"
            where = f"{len(sizes) - 1} apart from the rest, with {apart} of {len(self.x)} points in all"
            told = f"islands: {where} and rates of zero; {mend}"
        if self.alone < 0.05:
            return told
        share = f"{100 * self.alone:.0f} % of the points see hardly any other: take a larger bandwidth, or more data"
        return paragraphs(told, share).strip()

    def _apply(self, v: np.ndarray) -> np.ndarray:
        u = torch.from_numpy(v.reshape(len(v), -1)).to(self.x)
        moved = self._s[:, None] * self._product(self._s[:, None] * u)
        return (moved - torch.outer(self._constant, self._constant @ u)).cpu().numpy().reshape(v.shape)

    def _product(self, v: Tensor) -> Tensor:
        if self._factor is not None:
            return self._factor @ (self._factor.T @ v)
        if self._stored is not None:
            return self._stored @ v
        return map_chunks(lambda rows: self._kernels(rows) @ v, self.x, len(self.x))


def _largest(symmetric: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` largest eigenvalues, ascending, and their vectors; all of them if there are fewer."""
    last, matrix = len(symmetric) - 1, symmetric.cpu().numpy()
    wanted = max(0, last - k + 1), last
    values, vectors = map(np.asarray, scipy.linalg.eigh(matrix, subset_by_index=wanted))
    if not len(values):  # LAPACK finds no part of a spectrum whose eigenvalues are all the same
        values, vectors = (np.asarray(part)[..., wanted[0] :] for part in np.linalg.eigh(matrix))
    return values, vectors


@dataclass(frozen=True)
class _Averages(Movable):
    """Functions ``phi_k(x) = sum_j p_j(x) values_jk``, ``p = softmax_j(log_weights_j - |x - z_j|^2 / 2 b^2)``."""

    points: Tensor
    log_weights: Tensor
    values: Tensor
    middle: Tensor
    bandwidth: float

    @property
    def width(self) -> int:
        """Numbers held per point while evaluating; sets the chunk."""
        return self.values.shape[1]

    def __call__(self, x: Tensor) -> Tensor:
        return torch.cat([(self.values.T @ kernel / total).T for kernel, total in self._tiles(x)])

    def sum(self, x: Tensor) -> Tensor:
        # first the points' shares over all of x: r columns once, not for every point of x
        return reduce(torch.add, (kernel @ (1 / total) for kernel, total in self._tiles(x))) @ self.values

    def grad(self, x: Tensor) -> Tensor:
        return self._slopes(x, self.values)

    def contract_grad(self, x: Tensor, weights: Tensor) -> Tensor:
        # first the values with the weights: one function to differentiate instead of r
        return self._slopes(x, (self.values @ weights)[:, None])[:, 0]

    def first(self, r: int) -> _Averages:
        return replace(self, values=self.values[:, :r])

    def _slopes(self, x: Tensor, values: Tensor) -> Tensor:
        """``(E_p[values x] - E_p[values] E_p[x]) / b^2``, a covariance under ``p``, ``(n, r, d)``."""
        z = self.points - self.middle
        (n, d), r = z.shape, values.shape[1]
        products = (values.T[:, None] * z.T).reshape(r * d, n)
        rows = torch.cat([z.T, values.T, products])
        parts = []
        for kernel, total in self._tiles(x):
            mean, phi, mixed = (rows @ kernel / total).split([d, r, r * d])
            parts.append((mixed.view(r, d, -1) - phi[:, None] * mean).permute(2, 0, 1))
        return torch.cat(parts) / self.bandwidth**2

    def _tiles(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """``p`` at some of ``x`` after the other, as kernels ``(points, t)`` and their sums ``(t,)``."""
        x = as_points("DiffusionMaps", "x", x, dim=self.points.shape[1])
        same_kind("DiffusionMaps", x, self.points, "the spectrum")
        z, lightest = self.points - self.middle, torch.finfo(x.dtype).tiny / torch.finfo(x.dtype).eps
        left = exponents(z, self.bandwidth**-2, self.log_weights - self.log_weights.max())
        right = augmented(x - self.middle).T.contiguous()
        for part in tiles(len(x), len(z), x.device):
            kernel = exp2_(left @ right[:, part])
            total = kernel.sum(dim=0)
            if float(total.detach().min()) < len(z) * lightest:  # so far from the data the nearest point gets it all
                exponent = left @ right[:, part]
                kernel = exp2_(exponent - exponent.amax(dim=0))
                total = kernel.sum(dim=0)
            yield kernel, total
