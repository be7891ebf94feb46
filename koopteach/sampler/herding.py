"""Herding: rows of a table that lie as evenly as possible."""

import torch
from torch import Tensor

from koopteach.metrics.neighbours import distances
from koopteach.tensors import as_count, as_points, as_weights, chunks


def herd(x: Tensor, n: int, weights: Tensor | None = None) -> Tensor:
    """The numbers of ``n`` different rows that lie as evenly as possible, ``(n,)``, in the order of their choice.

    Greedy in the energy distance: with ``D(y) = mean_j |y - x_j|`` the next row is the one with the least
    ``D(y) - sum_{s<=t} |y - y_s| / (t + 1)``. The kernel ``-|x - y|`` has no width that could be wrong (a Gaussian of
    the data's own width leaves gaps).

    Args:
        x: ``(N, d)``, columns in one unit, since distances decide; time grows with ``N^2 + n N``, memory with ``N``.
        n: at most ``N``.
        weights: of the rows ``(N,)``, not negative; None for equal ones.

    Raises:
        ValueError: more rows wanted than there are, NaN.

    Source: Welling 2009 (herding); Szekely, Rizzo 2013 (energy distance); Chen, Welling, Smola 2010 (as quadrature).

    >>> import torch
    >>> import koopteach as kt
    >>> kt.herd(torch.arange(9.0)[:, None], 1).tolist()  # the middle comes first
    [4]
    """
    x = as_points("herd", "x", x).double()
    n = as_count("herd", "n", n)
    if n > len(x):
        raise ValueError(f"herd: n is {n}, but x has {len(x)} rows.")
    share = as_weights("herd", weights, x)
    share = share / share.sum()
    from_data = torch.cat([distances(x[rows], x) @ share for rows in chunks(len(x), len(x))])
    from_chosen, chosen = torch.zeros_like(from_data), torch.empty(n, dtype=torch.long, device=x.device)
    for t in range(n):
        best = (from_data - from_chosen / (t + 1)).argmin()
        chosen[t] = best
        from_chosen += distances(x, x[best, None])[:, 0]
        from_data[best] = torch.inf  # once only
    return chosen
