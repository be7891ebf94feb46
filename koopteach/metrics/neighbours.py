"""Does every part of the data get particles, and does every particle lie among data? Counted with near neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

from koopteach.tensors import as_count, as_points, chunks


def coverage(x: Tensor, reference: Tensor, *, k: int = 5) -> float:
    """Share of the reference points whose neighbourhood holds a point of ``x``.

    The neighbourhood of a reference point is the ball that reaches to its ``k``-th nearest neighbour in the
    reference. A sample that misses a mode loses that mode's share; one that clumps loses more.

    Args:
        x: sample ``(n, d)``.
        reference: ``(m, d)``, more than ``k`` points.
        k: which neighbour sets the radius.

    Raises:
        ValueError: shapes that do not fit, NaN, or ``k`` outside ``1 .. m - 1``.

    Identity: equal laws give ``1 - prod_{i=1..k} (m - i) / (m + n - i)`` on average, in any dimension.

    >>> import torch
    >>> import koopteach as kt
    >>> data = torch.arange(10.0)[:, None]
    >>> kt.coverage(data[:5], data, k=1)  # the sixth has its neighbour, too
    0.6

    Source: Naeem et al. 2020 (arXiv 2002.09797).
    """
    x, reference, radii = _prepared("coverage", x, reference, k)
    nearest = torch.cat([distances(reference[rows], x).amin(dim=1) for rows in chunks(len(reference), len(x))])
    return float((nearest <= radii).double().mean())


def precision(x: Tensor, reference: Tensor, *, k: int = 5) -> float:
    """Share of the points of ``x`` that lie in the neighbourhood of some reference point.

    The neighbourhoods are those of :func:`coverage`. A sample with strays in empty land has a low precision; a
    collapsed one has a high precision and a low coverage.

    Args:
        x, reference, k: as in :func:`coverage`.

    Raises:
        ValueError: shapes that do not fit, NaN, or ``k`` outside ``1 .. m - 1``.

    Identity: a part of the reference scores one.

    >>> import torch
    >>> import koopteach as kt
    >>> data = torch.arange(10.0)[:, None]
    >>> kt.precision(torch.tensor([[0.5], [4.0], [30.0], [9.9]]), data, k=1)  # one stray
    0.75

    Source: Kynkaanniemi et al. 2019 (arXiv 1904.06991).
    """
    x, reference, radii = _prepared("precision", x, reference, k)
    inside = [(distances(x[rows], reference) <= radii).any(dim=1) for rows in chunks(len(x), len(reference))]
    return float(torch.cat(inside).double().mean())


def _prepared(who: str, x: Tensor, reference: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Both samples checked, and the radius of each reference point's neighbourhood, ``(m,)``."""
    x = as_points(who, "x", x)
    reference = as_points(who, "reference", reference, dim=x.shape[1]).to(x)
    m = len(reference)
    k = as_count(who, "k", k)
    if k >= m:
        raise ValueError(f"{who}: k must be between 1 and {m - 1}, one less than the reference points, got {k}.")
    # every point is its own nearest, hence one more
    radii = [distances(reference[rows], reference).kthvalue(k + 1, dim=1).values for rows in chunks(m, m)]
    return x, reference, torch.cat(radii)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances ``(n, m)`` between rows of ``x`` ``(n, d)`` and ``y`` ``(m, d)``."""
    # by differences: equal points must be at distance zero
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
