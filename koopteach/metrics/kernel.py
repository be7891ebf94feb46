"""The maximum mean discrepancy: a distance between laws by all of a kernel's features at once."""

from __future__ import annotations

import torch
from torch import Tensor

from koopteach.tensors import as_points, chunks, median_square_distance, positive


def mmd(x: Tensor, reference: Tensor, *, bandwidth: float | None = None) -> float:
    """Squared maximum mean discrepancy with a Gaussian kernel, the unbiased estimate.

    ``mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_ij k(x_i, y_j)``, ``k = exp(-|x - y|^2 / 2 b^2)``.
    Unbiased means that equal laws give zero on average, hence also negative values.

    Args:
        x: sample ``(n, d)``, at least two points.
        reference: ``y``, ``(m, d)``, at least two points.
        bandwidth: ``b``; None is the median distance between (at most 1,000) points of the reference, so that
            every sample is measured with the same kernel.

    Raises:
        ValueError: shapes that do not fit, NaN, fewer than two points, or a bandwidth that is not positive.

    Source: Gretton et al. 2012.
    """
    x = as_points("mmd", "x", x, at_least=2)
    y = as_points("mmd", "reference", reference, dim=x.shape[1], at_least=2).to(x)
    if bandwidth is None:
        b2 = float(median_square_distance(y, most=1000))
    else:
        b2 = positive("mmd", "bandwidth", bandwidth) ** 2
    middle = y.mean(dim=0)  # expanded squares lose digits far from the origin
    x, y = x - middle, y - middle
    n, m = len(x), len(y)
    # the diagonals are left out: k(x_i, x_i) = 1
    within = (_kernel_sum(x, x, b2) - n) / (n * (n - 1)) + (_kernel_sum(y, y, b2) - m) / (m * (m - 1))
    return within - 2 * _kernel_sum(x, y, b2) / (n * m)


def _kernel_sum(x: Tensor, y: Tensor, b2: float) -> float:
    """``sum_ij k(x_i, y_j)``, in tiles, summed in float64."""
    half_x, half_y = 0.5 * (x**2).sum(1), 0.5 * (y**2).sum(1)
    total = 0.0
    for rows in chunks(len(x), len(y)):
        exponent = (x[rows] @ y.T - half_x[rows, None] - half_y) / b2
        total += float(exponent.clamp_max_(0.0).exp_().sum(dtype=torch.float64))
    return total
