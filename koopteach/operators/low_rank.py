"""Gaussian kernel matrices by a few of their columns: Cholesky factorisations with complete pivoting."""

import numpy as np
import torch
from scipy.linalg import get_lapack_funcs
from torch import Tensor

from koopteach.dictionaries.rbf import GaussianRBF

# Points among which the next columns are looked for: their conditional Gram matrix is all that is held at once.
_CANDIDATES = 1500


def pivots(gram: Tensor, tol: float) -> tuple[Tensor, Tensor]:
    """Rows of a Gram matrix ``(n, n)`` that span the others to ``tol``, best first, ``(r,)``; and their factor.

    Each next row is the one that those so far explain worst. The factor ``L`` ``(r, r)`` is lower triangular, with
    ``L L^T`` the Gram matrix of the rows. LAPACK does it on the host, in place: ``gram`` is overwritten.
    """
    pstrf = get_lapack_funcs("pstrf", dtype=np.float64)
    factor, order, rank, _ = pstrf(gram.detach().cpu().numpy().T, tol=tol, lower=1, overwrite_a=1)
    rows = torch.from_numpy(order[:rank].astype(np.int64) - 1)
    return rows.to(gram.device), torch.from_numpy(np.tril(factor[:rank, :rank])).to(gram)


def factorised(x: Tensor, width: float, tol: float, most: int) -> Tensor | None:
    """``F`` ``(n, r)`` with ``F F^T`` the kernel matrix of ``x`` ``(n, d)`` to ``tol`` in every entry, or None.

    None says that more than ``most`` columns are needed. Memory ``n r``, never ``n^2``.
    """
    factor, unexplained = x.new_empty(len(x), 0), x.new_ones(len(x))
    while float(unexplained.max()) > tol:
        candidates = unexplained.topk(min(len(x), _CANDIDATES)).indices
        gram = GaussianRBF(x[candidates], width)(x[candidates]) - factor[candidates] @ factor[candidates].T
        rows, triangle = pivots(gram, 0.5 * tol)
        if factor.shape[1] + len(rows) > most:
            return None
        rows = candidates[rows]
        columns = GaussianRBF(x[rows], width)(x) - factor @ factor[rows].T
        new = torch.linalg.solve_triangular(triangle, columns.T, upper=False).T
        factor, unexplained = torch.cat([factor, new], dim=1), unexplained - new.square().sum(dim=1)
        unexplained[rows] = 0.0  # but for rounding, which would have them picked again
    return factor
