"""Gram matrices: the lower half of them, in blocks."""

from torch import Tensor

# Columns of a block of a Gram matrix: a processor works on 24 columns of float64 at once, on 48 of float32, and a block
# of 64 takes half as long again for each. The same everywhere, so that every device rounds alike.
_COLUMNS = 48


def add_gram_(total: Tensor, a: Tensor) -> None:
    """Add ``a^T a`` ``(m, m)`` to ``total`` (float64), its lower triangle at least; see :func:`from_lower_triangle`.

    The product is made in the precision of ``a``, by blocks of columns from the diagonal down: little more than half of
    the full product. Torch has no ``syrk``, and SciPy's would bring a second pool of threads into the loop: the two
    wait for each other (measured on two threads: a fit of 0.05 s took 3 s).
    """
    a = a.detach()
    for start in range(0, a.shape[1], _COLUMNS):
        end = start + _COLUMNS
        block, below, part = a[:, start:end], a[:, start:], total[start:, start:end]
        if a.dtype == total.dtype:
            part.addmm_(below.T, block)
        else:
            part.add_(below.T @ block)


def from_lower_triangle(lower: Tensor) -> Tensor:
    """The symmetric matrix with this lower triangle."""
    return lower.tril() + lower.tril(-1).T
