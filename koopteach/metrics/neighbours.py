"""Does every particle lie among data? Counted with near neighbours."""

import torch
from torch import Tensor

from koopteach.tensors import as_count, as_points, map_chunks


def precision(x: Tensor, reference: Tensor, *, k: int = 5) -> float:
    """Share of the points of ``x`` that lie in the neighbourhood of some reference point.

    The neighbourhood of a reference point is the ball that reaches to its ``k``-th nearest neighbour in the
    reference. A sample with strays in empty land has a low precision; a collapsed one has a high precision, and a low
    one with the roles exchanged.

    Args:
        x: sample ``(n, d)``.
        reference: ``(m, d)``, more than ``k`` points.
        k: which neighbour sets the radius.

    Raises:
        ValueError: shapes that do not fit, NaN, or ``k`` outside ``1 .. m - 1``.

    Identity: a part of the reference scores one.

    >>> import torch
    >>> data = torch.arange(10.0)[:, None]
    >>> precision(torch.tensor([[0.5], [4.0], [30.0], [9.9]]), data, k=1)  # one stray
    0.75

    Source: Kynkaanniemi et al. 2019 (arXiv 1904.06991).
    """
    x = as_points("precision", "x", x)
    reference = as_points("precision", "reference", reference, dim=x.shape[1]).to(x)
    m, k = len(reference), as_count("precision", "k", k)
    if k >= m:
        raise ValueError(f"precision: k must be between 1 and {m - 1}, one less than the reference points, got {k}.")
    # every point is its own nearest, hence one more
    radii = map_chunks(lambda part: distances(part, reference).kthvalue(k + 1, dim=1).values, reference, m)
    inside = map_chunks(lambda part: (distances(part, reference) <= radii).any(dim=1), x, m)
    return float(inside.double().mean())


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances ``(n, m)`` between rows of ``x`` ``(n, d)`` and ``y`` ``(m, d)``."""
    # by differences: equal points must be at distance zero
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
