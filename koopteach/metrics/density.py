"""Comparisons with a known density or with known modes."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from koopteach.tensors import as_count, as_float, as_number, as_points, map_chunks

_SUB = 8  # evaluations of the density along each side of a cell
_ROUNDING = 1e-3  # of the sum of probabilities


def kl_histogram(x: Tensor, log_prob: Callable[[Tensor], Tensor], low: float, high: float, bins: int = 24) -> float:
    """Kullback-Leibler divergence of a histogram from the exact probabilities of its cells.

        sum_c p_c log(p_c / pi_c)

    over ``bins^d`` cells of the box ``[low, high]^d`` and one more for the outside. It sees what sliced distances do
    not: clumps, holes, points in empty land.

    Args:
        x: sample ``(n, d)``, ``d`` at most 3.
        log_prob: *normalised* log density, ``(n, d) -> (n,)``.
        low, high: the box.
        bins: cells along each side.

    Raises:
        ValueError: an empty box, ``d`` above 3, or a density that is visibly not normalised.

    Identity: all points in one cell cost minus the logarithm of its probability.

    >>> import torch
    >>> import koopteach as kt
    >>> right = torch.ones(100, 1, dtype=torch.float64)  # and the left half has as much probability
    >>> round(kt.kl_histogram(right, kt.OrnsteinUhlenbeck(1).log_prob, -4.0, 4.0, bins=2), 3)  # log 2
    0.693
    """
    x = as_points("kl_histogram", "x", x)
    d = x.shape[1]
    low, high = as_number("kl_histogram", "low", low), as_number("kl_histogram", "high", high)
    bins = as_count("kl_histogram", "bins", bins)
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"kl_histogram: low < high is needed, both finite, got {low} and {high}.")
    if d > 3:
        raise ValueError(f"kl_histogram: x has dimension {d}, but {bins}^{d} cells are too many; at most 3 works.")
    exact = _cell_masses(log_prob, x, low, high, bins)
    outside = 1 - float(exact.sum())
    if outside < -0.02:
        raise ValueError(f"kl_histogram: log_prob gives the box the mass {1 - outside:.2f}; it must be normalised.")
    cell = ((x - low) / (high - low) * bins).floor().long()
    inside = ((cell >= 0) & (cell < bins)).all(dim=1)
    index = (cell[inside] * bins ** torch.arange(d - 1, -1, -1, device=x.device)).sum(dim=1)
    p = torch.bincount(index, minlength=bins**d).to(x) / len(x)
    p = torch.cat([p, (1 - p.sum()).clamp_min(0)[None]])
    # A particle where the density underflows must cost much, not infinity.
    exact = torch.cat([exact, exact.new_tensor([outside])]).clamp_min(1e-12)
    return float(torch.xlogy(p, p / exact).sum())


def _cell_masses(log_prob: Callable[[Tensor], Tensor], like: Tensor, low: float, high: float, bins: int) -> Tensor:
    """Midpoint rule with ``_SUB`` points along each side of each cell, flattened to ``(bins^d,)``."""
    d, side = like.shape[1], bins * _SUB
    h = (high - low) / side
    axis = low + h * (torch.arange(side, dtype=like.dtype, device=like.device) + 0.5)
    grid = torch.cartesian_prod(*[axis] * d).reshape(-1, d)
    mass = map_chunks(log_prob, grid, 16 * d).exp() * h**d
    mass = mass.reshape([bins, _SUB] * d)
    return mass.sum(dim=list(range(1, 2 * d, 2))).flatten()


def mode_weights(x: Tensor, modes: Tensor) -> Tensor:
    """Share of the points nearest to each mode, ``(k,)``.

    Args:
        x: sample ``(n, d)``.
        modes: ``(k, d)``.

    >>> import torch
    >>> import koopteach as kt
    >>> x = torch.tensor([[-1.1], [-0.9], [0.8], [-1.2]])
    >>> kt.mode_weights(x, torch.tensor([[-1.0], [1.0]])).tolist()
    [0.75, 0.25]
    """
    x = as_points("mode_weights", "x", x)
    modes = as_points("mode_weights", "modes", modes, dim=x.shape[1]).to(x)
    nearest = map_chunks(lambda part: torch.cdist(part, modes).argmin(dim=1), x, len(modes))
    return torch.bincount(nearest, minlength=len(modes)).to(x) / len(x)


def total_variation(p: Tensor, q: Tensor) -> float:
    """``1/2 sum_k |p_k - q_k|`` between two vectors of probabilities ``(k,)``: the share of mass in the wrong place.

    Raises:
        TypeError: another dtype than float32 or float64.
        ValueError: different lengths, or numbers that are no probabilities: negative, NaN, of another sum than one.

    >>> import torch
    >>> import koopteach as kt
    >>> kt.total_variation(torch.tensor([0.5, 0.5]), torch.tensor([0.75, 0.25]))
    0.25
    """
    p, q = as_float("total_variation", "p", p), as_float("total_variation", "q", q)
    if p.shape != q.shape:
        raise ValueError(f"total_variation: p has shape {tuple(p.shape)} and q {tuple(q.shape)}; they must be equal.")
    _refuse_no_probabilities("p", p)
    _refuse_no_probabilities("q", q)
    return float(0.5 * (p - q.to(p)).abs().sum())


def _refuse_no_probabilities(name: str, p: Tensor) -> None:
    if p.ndim != 1 or not len(p):
        raise ValueError(f"total_variation: {name} has shape {tuple(p.shape)}, but (k,) is needed.")
    if not bool((p >= 0).all()) or not abs(float(p.sum()) - 1) < _ROUNDING:
        raise ValueError(
            f"total_variation: {name} must hold probabilities, not negative and of sum one, got the sum {p.sum():.3g} "
            f"and the range [{p.min():.3g}, {p.max():.3g}]. Divide counts by their sum."
        )
