"""Whitening of a Gram matrix and the two eigenproblems that follow it, in float64."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from koopteach.protocols import Dictionary, Functions, Manifold
from koopteach.tensors import as_count, as_number, chunks

# In float32 a Gram matrix is known to about seven digits, so directions below 1e-5 are rounding, not data.
SMALLEST_TOL = {torch.float32: 1e-5, torch.float64: 0.0}


def whiten(gram: Tensor, tol: float, who: str, rounding: Tensor | float = 0.0) -> Tensor:
    """``W`` ``(m, q)`` with ``W^T gram W = I`` on the directions whose eigenvalue exceeds ``tol`` times the largest.

    The directions below are dropped, not ridged: a ridge on the Gram matrix alone would keep them as functions of
    no variance and hardly any energy, that is as spurious slow modes.

    Args:
        gram: ``(m, m)``, symmetric.
        tol: relative size below which a direction is dropped.
        who: the estimator, which opens the message.
        rounding: sizes below which a feature's variance is a difference of equal numbers, one or ``(m,)``.

    Raises:
        ValueError: no direction left (all features constant on the data).
    """
    values, vectors = torch.linalg.eigh(gram)
    # what the features' errors can add up to in a direction
    noise = (vectors.abs().T @ torch.as_tensor(rounding).to(gram).expand(len(gram)).sqrt()).square()
    keep = values > torch.maximum(max(tol, torch.finfo(values.dtype).eps) * values[-1], noise)
    if not bool(keep.any()):
        raise ValueError(
            f"{who}.spectrum: every feature is constant on the data, so there is nothing to find a spectrum of. "
            "Are all points the same, or all far from the dictionary's centres? "
            "Polynomials of data far from the origin need a center."
        )
    return vectors[:, keep] / values[keep].sqrt()


def whiten_features(gram: Tensor, tol: float, who: str, rounding: Tensor) -> Tensor:
    """:func:`whiten` of the features' correlations, for the features: no units of theirs decide what is dropped.

    Rows and columns of ``gram`` are divided by the roots of its diagonal, and ``W``'s rows are, too. A feature that
    varies by no more than its ``rounding`` takes no part.
    """
    squares = gram.diagonal()
    varies = (squares > rounding) & (squares >= torch.finfo(squares.dtype).tiny)
    units = torch.where(varies, squares.abs().rsqrt(), 0.0)
    return units[:, None] * whiten(units[:, None] * gram * units, tol, who, rounding * units.square())


def checked_tol(who: str, tol: float) -> float:
    """``tol``, the relative size below which directions are dropped.

    Raises:
        TypeError, ValueError: not a number in [0, 1).
    """
    tol = as_number(who, "tol", tol)
    if not 0 <= tol < 1:
        raise ValueError(f"{who}: tol must be in [0, 1), got {tol}.")
    return tol


def rounding(squares: Tensor, dtype: torch.dtype) -> Tensor:
    """What subtracting the means from the mean squares of features ``(m,)`` leaves of a constant, in that ``dtype``."""
    return 4 * torch.finfo(dtype).eps * squares


def fix_signs(coefficients: Tensor) -> Tensor:
    """Columns with their largest entry positive: an eigenvector's sign is luck, and a plot should not depend on it."""
    largest = coefficients.abs().argmax(dim=0)
    signs = coefficients.gather(0, largest[None]).sign()
    return coefficients * torch.where(signs == 0, 1.0, signs)


def refuse_other_space(who: str, manifold: Manifold | None, dictionary: Dictionary) -> None:
    """Refuse a manifold, if there is one, in another space than the dictionary's.

    Raises:
        ValueError: their dimensions differ.
    """
    if manifold is not None and manifold.dim != dictionary.dim:
        raise ValueError(f"{who}: the {manifold!r} is in dimension {manifold.dim}, the dictionary in {dictionary.dim}.")


def refuse_points_off(who: str, manifold: Manifold | None, *points: Tensor) -> None:
    """Let a manifold that can tell refuse points that do not lie on it.

    Raises:
        ValueError: points off the manifold.
    """
    refuse = getattr(manifold, "refuse_points_off", None)
    if refuse is None:
        return
    for x in points:
        refuse(who, x)


class Size:
    """``sqrt(trace cov)`` of weighted points that come in pieces.

    Moments are taken about the first point: about the origin they cancel where the data lie far from it.
    """

    def __init__(self) -> None:
        self._origin = torch.empty(0, dtype=torch.float64)
        self._weight = self._sum = self._squares = torch.zeros((), dtype=torch.float64)

    def add(self, x: Tensor, weights: Tensor | float = 1.0) -> None:
        """Points ``(n, d)`` and their weights ``(n, 1)``."""
        x = x.double()
        self._origin = self._origin if len(self._origin) else x[:1].clone()
        x, w = x - self._origin, torch.as_tensor(weights, dtype=x.dtype, device=x.device).expand(len(x), 1)
        self._weight = self._weight + w.sum()
        self._sum = self._sum + (w * x).sum(dim=0)
        self._squares = self._squares + (w * x.square()).sum(dim=0)

    def __add__(self, other: Size) -> Size:
        """The size of both sets of points: the other one's moments, about this one's origin, and its own."""
        total, shift = copy.copy(self), other._origin[0] - self._origin[0]
        total._weight = self._weight + other._weight
        total._sum = self._sum + other._sum + other._weight * shift
        total._squares = self._squares + other._squares + (2 * other._sum + other._weight * shift) * shift
        return total

    def __float__(self) -> float:
        return float(self._variances().sum().sqrt())

    @property
    def spread_ratio(self) -> float:
        """The largest spread of a column over the smallest, of those that vary."""
        spreads = self._variances().sqrt()
        spreads = spreads[spreads > 0]
        return float(spreads.max() / spreads.min()) if len(spreads) else 1.0

    def _variances(self) -> Tensor:
        return (self._squares / self._weight - (self._sum / self._weight).square()).clamp_min(0)


def dirichlet_energies(functions: Functions, x: Tensor, manifold: Manifold | None = None) -> Tensor:
    """``mean_i |grad phi_k(x_i)|^2``, ``(r,)`` in float64, of the tangent gradients where there is a manifold."""
    total, count = torch.zeros((), dtype=torch.float64, device=x.device), functions(x[:1]).shape[1]
    for rows in chunks(len(x), functions.width + 2 * count * x.shape[1]):
        slopes = functions.grad(x[rows])
        slopes = slopes if manifold is None else manifold.tangent(x[rows], slopes)
        total = total + slopes.abs().double().square().sum(dim=(0, 2))
    return total / len(x)


def mode_count(n_modes: int | None, available: int, who: str) -> int:
    """How many of the ``available`` modes to return: ``n_modes``, or all of them, also for None.

    Raises:
        ValueError: ``n_modes`` below one.
    """
    return available if n_modes is None else min(as_count(f"{who}.spectrum", "n_modes", n_modes), available)
