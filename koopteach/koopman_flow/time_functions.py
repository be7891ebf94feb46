"""Paths as combinations of a few functions of time, ``1, t, e^{at} cos bt, e^{at} sin bt``: whitened, fitted to data.

A model with one Jordan block at zero and pairs ``a +- ib`` can write exactly the paths in the span of these functions.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import torch
from torch import Tensor

from koopteach.tensors import as_count

# Extra weight of the two ends beside a trapezoid rule of unit spacing; more at the end betters it, not the inverse.
_START, _END = 1.0, 8.0

# Where the search for a pair looks: growth and frequency of a path on [0, 1] that is not a fast oscillation.
_GROWTH, _FREQUENCY = (-4.0, 4.0), (0.3, 10.0)


def time_functions(t: Tensor, growth: Tensor, frequency: Tensor) -> Tensor:
    """``(1, t, e^{at} cos bt ..., e^{at} sin bt ...)`` at times ``t`` of any shape, stacked last, ``(..., 2 + 2K)``.

    Args:
        t: times.
        growth, frequency: ``a`` and ``b``, ``(K,)``, in 1/time.

    >>> import math
    >>> import torch
    >>> import koopteach as kt
    >>> functions = kt.time_functions(torch.tensor([0.0, 0.5]), torch.zeros(1), torch.tensor([math.pi]))
    >>> functions.round(decimals=3).abs().tolist()  # 1, t, cos(pi t), sin(pi t)
    [[1.0, 0.0, 1.0, 0.0], [1.0, 0.5, 0.0, 1.0]]
    """
    t = t[..., None]
    grow, turn = (growth * t).exp(), frequency * t
    return torch.cat([torch.ones_like(t), t, grow * turn.cos(), grow * turn.sin()], dim=-1)


def time_weights(n_times: int) -> Tensor:
    """Weights ``(n_times,)`` of equal times: the trapezoid rule of unit spacing, and more at the two ends."""
    weights = torch.ones(n_times, dtype=torch.float64)
    weights[0], weights[-1] = 0.5 + _START, 0.5 + _END
    return weights


@dataclass(frozen=True)
class Whitening:
    """The QR factors of ``sqrt(w) Phi``: coefficients in which the weighted path distance is Euclidean.

    With ``labels = Q^T sqrt(w) X`` and a path ``phi(t) R^{-1} y``,
    ``sum_j w_j |x(t_j) - X_j|^2 = |y - labels|^2 + floor``, where the floor depends on the data alone.

    Attributes:
        q: ``(T, r)``, orthonormal columns.
        r_inverse: ``(r, r)``; ``R^{-1} y`` are the coefficients of the time functions.
        root_weights: ``(T,)``.
    """

    q: Tensor
    r_inverse: Tensor
    root_weights: Tensor

    @classmethod
    def of(cls, times: Tensor, growth: Tensor, frequency: Tensor) -> Whitening:
        """For equal times ``(T,)``; everything in float64."""
        root = time_weights(len(times)).sqrt()
        q, r = torch.linalg.qr(root[:, None] * time_functions(times.double(), growth.double(), frequency.double()))
        return cls(q, torch.linalg.solve_triangular(r, torch.eye(len(r), dtype=r.dtype), upper=True), root)

    def labels(self, states: Tensor) -> Tensor:
        """``(n, r, d)`` for paths ``(T, n, d)``."""
        return torch.einsum("tr,tnd->nrd", (self.q * self.root_weights[:, None]).to(states), states)


def path_floor(moments: Tensor, times: Tensor, growth: Tensor, frequency: Tensor) -> float:
    """Relative root mean square error of the best paths in the span, from the time moments ``(T, T)`` alone."""
    white = Whitening.of(times, growth, frequency)
    m = white.root_weights[:, None] * moments * white.root_weights
    return float((1 - (white.q * (m @ white.q)).sum() / m.trace()).clamp_min(0).sqrt())


def time_moments(states: Tensor) -> Tensor:
    """``E[x_s . x_t]``, ``(T, T)`` in float64, of paths ``(T, n, d)``: all that the time functions can depend on."""
    flat = states.double().flatten(1)
    return (flat @ flat.T / states.shape[1]).cpu()


def fit_time_functions(states: Tensor, times: Tensor, n_pairs: int) -> tuple[Tensor, Tensor, float]:
    """The pairs ``a +- ib`` whose functions write the paths best: variable projection on the time moments.

    The coefficients are eliminated (they are a projection), so the search is over ``2 K`` numbers and sees the paths
    only through a ``(T, T)`` matrix. The result describes the data *given* the weights, the horizon and ``n_pairs``; a
    wide valley of other pairs does nearly as well. A second pair often ends on the bounds of the search, growth within
    +-4 and frequency from 0.3 to 10: together the pairs are then a better basis, and their rates mean less.

    Args:
        states: paths ``(T, n, d)`` at equal ``times`` ``(T,)``.
        n_pairs: ``K``.

    Returns:
        growth ``(K,)`` and frequency ``(K,)``, by rising frequency, and the floor, relative.

    Raises:
        TypeError, ValueError: ``n_pairs`` that is no whole number, or paths that are not ``(T, n, d)``.

    >>> import torch
    >>> import koopteach as kt
    >>> t = torch.linspace(0, 1, 21, dtype=torch.float64)
    >>> circle = torch.stack([(2 * t).cos(), (2 * t).sin()], dim=1)[:, None]
    >>> growth, frequency, floor = kt.fit_time_functions(circle, t, n_pairs=1)
    >>> round(float(frequency), 2), floor < 1e-4
    (2.0, True)

    Source: Golub, Pereyra 1973 (variable projection).
    """
    n_pairs = as_count("fit_time_functions", "n_pairs", n_pairs, at_least=0)
    if states.ndim != 3 or times.shape != (len(states),):
        raise ValueError(
            "fit_time_functions: states must be (T, n, d) and times (T,), got "
            f"{tuple(states.shape)} and {tuple(times.shape)}."
        )
    moments = time_moments(states)

    def floor(pairs: np.ndarray) -> float:
        growth, frequency = torch.from_numpy(pairs).reshape(2, n_pairs)
        return path_floor(moments, times, growth, frequency)

    if n_pairs == 0:
        none = torch.zeros(0, dtype=torch.float64)
        return none, none, path_floor(moments, times, none, none)
    bounds = [_GROWTH] * n_pairs + [_FREQUENCY] * n_pairs
    starts = (np.array([g] * n_pairs + list(f)) for g, f in itertools.product((-1.0, 1.0), _combs(n_pairs)))
    found = [scipy.optimize.minimize(floor, start, method="Nelder-Mead", bounds=bounds) for start in starts]
    best = min(found, key=lambda result: result.fun)
    growth, frequency = torch.from_numpy(best.x).reshape(2, n_pairs)
    order = frequency.argsort()
    return growth[order], frequency[order], float(best.fun)


def _combs(n_pairs: int) -> list[np.ndarray]:
    """First frequencies: combs of three spacings, within the bounds."""
    return [min(spacing, _FREQUENCY[1] / n_pairs) * np.arange(1, n_pairs + 1) for spacing in (1.2, 2.0, 3.2)]
