"""The data: a stationary Ornstein-Uhlenbeck process, sampled exactly, whose eigenvalues are known."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

LAG = 0.5
THETA = (1.0, 2**0.5, 1.9, 2.3, 2.8, 3.3, 3.8, 4.3, 4.8, 5.3)


def trajectory(n: int, dim: int) -> Tensor:
    """``n + 1`` states, one lag apart, ``(n + 1, dim)``; coordinate ``i`` has rate ``THETA[i]``."""
    from scipy.signal import lfilter  # takes a second to load, and most who need THETA don't need it

    draw = np.random.default_rng(0)
    theta = np.array(THETA[:dim])
    decay = np.exp(-LAG * theta)
    drive = draw.standard_normal((n + 1, dim)) * np.sqrt((1 - decay**2) / theta)
    drive[0] /= np.sqrt(1 - decay**2)  # the start is stationary
    columns = [lfilter([1.0], [1.0, -a], drive[:, i]) for i, a in enumerate(decay)]
    return torch.from_numpy(np.stack(columns, axis=1))


def leading(dim: int, count: int) -> np.ndarray:
    """The ``count`` largest exact eigenvalues below one, descending."""
    orders = itertools.product(range(5), repeat=min(dim, 5))
    rates = sorted(sum(k * t for k, t in zip(order, THETA)) for order in orders if any(order))
    return np.exp(-LAG * np.array(rates[:count]))


def error(eigenvalues: np.ndarray, dim: int, count: int) -> float:
    """Largest error of the leading ones, after the constant's (the one nearest to one) is left out."""
    found = np.asarray(eigenvalues)
    found = np.delete(found, np.abs(found - 1).argmin()) if np.abs(found - 1).min() < 0.02 else found
    found = found[np.argsort(-np.abs(found))][:count]
    return float(np.abs(found - leading(dim, count)).max())
