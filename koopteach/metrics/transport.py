"""Optimal-transport distances between two samples."""

import warnings
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from koopteach.tensors import as_count, as_points, as_weights, chunks, randn

# 2,000 points take some 50,000 pivots, so that the bound of POT itself, 100,000, is too low for larger samples.
_PIVOTS = 10_000_000


def wasserstein2(x: Tensor, y: Tensor, *, x_weights: Tensor | None = None, y_weights: Tensor | None = None) -> float:
    """The exact 2-Wasserstein distance: the least root-mean-square move that turns one sample into the other.

        W2^2 = min_P sum_ij P_ij |x_i - y_j|^2

    over couplings ``P`` of the laws on the points, uniform or weighted, by linear programming (POT's ``emd2``). Time
    grows like ``n^2`` to ``n^3`` and memory is ``8 n m`` bytes: a second or two at 2,000 points; above 5,000 use
    :func:`sliced_wasserstein2`. In high dimension it may lie *below* its floor for a collapsed sample: read it beside
    another metric.

    Args:
        x, y: samples ``(n, d)`` and ``(m, d)``.
        x_weights, y_weights: ``(n,)`` and ``(m,)``, not negative, of any positive sum; None for equal ones.

    Returns:
        a number without a gradient, which POT does not give.

    Raises:
        ImportError: POT is missing.
        TypeError, ValueError: shapes that do not fit, NaN, weights that are negative or all zero.

    Identity: shifting a sample by ``c`` gives ``|c|``; on the line it is the distance of the sorted samples.

    >>> import torch
    >>> import koopteach as kt
    >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    >>> round(kt.wasserstein2(x, x.flip(0) + torch.tensor([3.0, 4.0])), 4)
    5.0
    """
    x = as_points("wasserstein2", "x", x)
    y = as_points("wasserstein2", "y", y, dim=x.shape[1]).to(x)
    # always in float64: the simplex method compares costs for equality
    square = torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    weights = _shares("x_weights", x_weights, x), _shares("y_weights", y_weights, y)
    cost = pot("wasserstein2").emd2(*weights, square.detach().cpu().numpy(), numItermax=_PIVOTS)
    return max(0.0, float(cost)) ** 0.5


def _shares(name: str, weights: Tensor | None, x: Tensor) -> Any:
    """Weights of sum one as POT takes them, an empty list for equal ones."""
    if weights is None:
        return []
    w = as_weights("wasserstein2", weights, x.detach().double().cpu(), name)
    return (w / w.sum()).numpy()


def pot(who: str) -> ModuleType:
    """POT, which not everybody has installed; ``who`` asks, and opens the message."""
    try:
        with warnings.catch_warnings():
            # Python finds fault with the spelling of some releases when it compiles them; that is not the caller's
            warnings.simplefilter("ignore")
            import ot
    except ImportError as error:
        raise ImportError(f"{who} needs POT: pip install POT") from error
    return ot


def sliced_wasserstein2(
    x: Tensor, y: Tensor, *, n_projections: int = 200, n_quantiles: int = 512, generator: torch.Generator | None = None
) -> float:
    """Root mean square over directions of the 1-D Wasserstein distance between the projections of two samples.

        SW2^2 = E_theta integral_0^1 (F_x^{-1}(u) - F_y^{-1}(u))^2 du

    with the quantile functions ``F^{-1}`` of the projections, taken at ``n_quantiles`` midpoints.

    Args:
        x, y: samples ``(n, d)`` and ``(m, d)``.
        n_projections: random directions (one in dimension one).
        n_quantiles: quantiles compared.
        generator: source of the directions; ``None`` takes the same ones at every call, so that two distances
            differ by their samples alone.

    Returns:
        a number without a gradient.

    Raises:
        ValueError: shapes that do not fit, NaN, or a count below one.

    Identity: shifting a sample by ``c`` gives ``|c| / sqrt(d)`` as the number of directions grows.

    >>> import torch
    >>> import koopteach as kt
    >>> x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    >>> round(kt.sliced_wasserstein2(x, x + torch.tensor([3.0, 4.0]), n_projections=4000), 1)  # 5 / sqrt(2)
    3.5
    """
    x = as_points("sliced_wasserstein2", "x", x)
    y = as_points("sliced_wasserstein2", "y", y, dim=x.shape[1]).to(x)
    n_projections = as_count("sliced_wasserstein2", "n_projections", n_projections)
    n_quantiles = as_count("sliced_wasserstein2", "n_quantiles", n_quantiles)
    directions = _directions(n_projections, x, generator)
    u = (torch.arange(n_quantiles, dtype=x.dtype, device=x.device) + 0.5) / n_quantiles
    total = 0.0
    for part in chunks(len(directions), max(len(x), len(y))):
        d = directions[part]
        total += float((_quantiles(d @ x.T, u) - _quantiles(d @ y.T, u)).square().mean(dim=1).sum())
    return (total / len(directions)) ** 0.5


def _directions(count: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    d = like.shape[1]
    if d == 1:
        return torch.ones(1, 1, dtype=like.dtype, device=like.device)
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    # in float64, so that both precisions compare along the same directions
    directions = randn((count, d), torch.empty(0, dtype=torch.float64), generator)
    return (directions / directions.norm(dim=1, keepdim=True)).to(like)


def _quantiles(values: Tensor, u: Tensor) -> Tensor:
    """Quantiles of each row, linear between the sorted values, which stand at ``(i + 1/2) / n``."""
    n = values.shape[1]
    values = values.sort(dim=1).values
    position = (u * n - 0.5).clamp(0, n - 1)
    low = position.floor().long()
    share = position - low
    return values[:, low] * (1 - share) + values[:, (low + 1).clamp_max(n - 1)] * share
