"""Gaussian kernels, fast: one matrix product and one exponential, and sums of them in tiles that fit the cache.

The kernels of dictionaries, diffusion maps and SVGD are made here, because four things are easily lost, each measured
on one core:

- The exponential is ``exp2``, its exponent scaled beforehand: 1.9 times (float64) and 2.2 times (float32) as fast as
  ``exp`` of torch's vector library, which moreover is 25 times slower still where the result is no normal number.
- Exponents end at the smallest normal number, so that one far-away particle slows nothing down.
- Squared distances are expanded into products. Callers pass points around their middle, or digits are lost.
- Sums over kernels use tiles *points x some of the evaluations*, with the few columns of the sum as rows: for 6
  columns the product is 1.5 (float64) and 4 times (float32) as fast as with tiles the other way round.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from koopteach.tensors import map_chunks

LOG2_E = 1 / math.log(2)

_SMALLEST = {torch.float32: -126.0, torch.float64: -1022.0}

# Numbers in a tile on the processor: about twice its second-level cache. An accelerator takes larger bites.
_TILE = {"cpu": 2**19}
_LARGE_TILE = 2**24
_LEAST = 16


def exponents(z: Tensor, precision: Tensor | float, log_weights: Tensor | float = 0.0) -> Tensor:
    """``B`` ``(m, d + 2)`` with ``log2(w_j exp(-p_j |u - z_j|^2 / 2)) = augmented(u) @ B_j``.

    Args:
        z: centres ``(m, d)``, around their middle.
        precision: ``p``, one number or ``(m,)``.
        log_weights: ``log w``, one number or ``(m,)``.
    """
    p = torch.as_tensor(precision, dtype=z.dtype, device=z.device).expand(len(z))
    constant = log_weights - 0.5 * p * z.square().sum(1)
    return LOG2_E * torch.cat([z * p[:, None], constant[:, None], -0.5 * p[:, None]], dim=1)


def augmented(u: Tensor) -> Tensor:
    """``[u, 1, |u|^2]``, ``(n, d + 2)``."""
    return torch.cat([u, torch.ones_like(u[:, :1]), u.square().sum(1, keepdim=True)], dim=1)


def exp2_(exponent: Tensor) -> Tensor:
    """``2^exponent`` in place, for exponents that are at most zero but for rounding."""
    return exponent.clamp_(_SMALLEST[exponent.dtype], 0.0).exp2_()


def tiles(n: int, m: int, device: torch.device) -> Iterator[slice]:
    """Slices of ``range(n)`` for tiles of ``m`` rows."""
    size = max(_LEAST, _TILE.get(device.type, _LARGE_TILE) // m)
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def symmetric_sums(u: Tensor, precision: Tensor | float, columns: Tensor) -> Tensor:
    """``sum_j exp(-p |u_i - u_j|^2 / 2) columns_j``, ``(n, q)``, each kernel computed once for both of its points.

    A point's own kernel is exactly one. The others' exponents are differences of numbers of size ``p |u|^2``, so that a
    kernel has a relative error of about ``eps p |u|^2``.

    Args:
        u: points ``(n, d)``, around their middle.
        precision: ``p``.
        columns: ``(n, q)``.
    """
    left, right, rows = exponents(u, precision), augmented(u).T.contiguous(), columns.T.contiguous()
    total = torch.zeros_like(rows)
    for part in tiles(len(u), len(u), u.device):
        after = part.stop - part.start
        kernel = exp2_(left[part.start :] @ right[:, part])
        kernel.diagonal().fill_(1.0)  # the difference of two large numbers where a point is far away
        total[:, part].add_(rows[:, part.start :] @ kernel)
        total[:, part.stop :].add_(rows[:, part] @ kernel[after:].T)
    return total.T


def default_bandwidth(x: Tensor) -> float:
    """The distance within which nine of ten points of ``x`` ``(n, d)`` have ``sqrt(n)`` others.

    Of several rules the best on wells, Ornstein-Uhlenbeck data, circle and torus with 300 points: in one and two
    dimensions its rates were off by .07 to .2, those of the best bandwidth by .02 to .13; in five dimensions .66
    against .44. Strays do not move it.
    """
    x, k = x.double(), math.isqrt(len(x))
    reach = map_chunks(lambda rows: torch.cdist(rows, x).kthvalue(k + 1, dim=1).values, x, len(x))
    return float(reach.quantile(0.9)) or 1.0
