"""Locally matched pairs: nearly optimal transport between two large samples, for a second of work."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from koopteach.tensors import as_count, as_points

CELL = 64


def local_permutation(x0: Tensor, x1: Tensor, *, cell: int = CELL) -> Tensor:
    """A permutation ``p`` ``(n,)`` with small ``sum_i |x0_i - x1_p(i)|^2``: points are matched region by region.

    Both samples are halved along the axes in turn until each region holds at most ``cell`` points, and regions are
    matched in order. Then three rounds assign exactly within small groups of pairs, near by their first points, their
    second points and their middles; no round raises the cost. A batch of 256 pairs optimally, a local match does it for
    all points at once.

    Args:
        x0, x1: points ``(n, d)`` each.
        cell: the most points of a group; time grows as ``n cell^2``.

    Raises:
        TypeError, ValueError: shapes that differ, NaN, ``cell`` that is no whole number of at least two.

    >>> import torch
    >>> from koopteach.flow_matching import local_permutation
    >>> noise, data = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[12.0], [10.0], [11.0]])
    >>> local_permutation(noise, data).tolist()
    [1, 2, 0]
    """
    x0 = as_points("local_permutation", "x0", x0)
    x1 = as_points("local_permutation", "x1", x1, dim=x0.shape[1])
    if len(x0) != len(x1):
        raise ValueError(f"local_permutation: x0 has {len(x0)} rows and x1 {len(x1)}, but as many are needed.")
    cell = as_count("local_permutation", "cell", cell, at_least=2)
    a, b = x0.detach().double().cpu(), x1.detach().double().cpu()
    found = torch.empty(len(a), dtype=torch.long)
    for here, there in zip(regions(a, cell), regions(b, cell)):
        found[here] = there
    for first_axis, place in enumerate((lambda: a, lambda: b[found], lambda: (a + b[found]) / 2)):
        for rows in regions(place(), cell, first_axis):
            cost = torch.cdist(a[rows], b[found[rows]]).square().numpy()
            found[rows] = found[rows[torch.as_tensor(linear_sum_assignment(cost)[1])]]
    return found.to(x0.device)


def regions(x: Tensor, most: int, first_axis: int = 0) -> list[Tensor]:
    """The rows of ``x`` in groups of at most ``most``, by halving along the axes in turn."""
    groups, axis = [torch.arange(len(x))], first_axis
    while len(groups[0]) > most or len(groups[-1]) > most:
        halves = []
        for rows in groups:
            rows = rows[x[rows, axis % x.shape[1]].argsort(stable=True)]
            halves += rows.tensor_split(2)
        groups, axis = halves, axis + 1
    return groups
