"""What the symmetrised estimator takes for granted, looked at in the pairs: equilibrium, and detailed balance."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor

from koopteach.spectrum import Expansion

# So many standard errors are no luck.
_DOUBT = 6.0

# Starts whose mean is off equilibrium by less than so many standard deviations, of any function, hardly move a rate.
_OFFSET = 0.25

# Only of the slowest functions: they are known best.
_FUNCTIONS = 6

# Runs of neighbouring pairs, whose sums scatter independently of each other however the pairs are correlated.
_RUNS = 64


class Runs:
    """Sums of rows ``(n, m)``, and how many they are, over at most 64 runs of neighbours.

    The runs are of equal length, the same for any chunking, and of about equal length where parts were added.
    """

    def __init__(self, m: int, device: torch.device) -> None:
        self.sums, self.counts = (torch.zeros(_RUNS, q, dtype=torch.float64, device=device) for q in (m, 1))
        self.length, self.n = 1, 0

    def add(self, rows: Tensor) -> None:
        """The next rows; when all runs are full, neighbours merge."""
        self._join(rows.double(), self.counts.new_ones(len(rows), 1), 1, len(rows))

    def __add__(self, other: Runs) -> Runs:
        total = copy.copy(self)
        total._join(other.sums, other.counts, other.length, other.n)
        return total

    def _join(self, sums: Tensor, counts: Tensor, length: int, n: int) -> None:
        """Runs of this length, with ``n`` rows, behind those that are there."""
        while self.n + n > _RUNS * self.length:
            self.sums, self.counts = (_by_twos(held) for held in (self.sums, self.counts))
            self.length *= 2
        run = (self.n + length * torch.arange(len(sums), device=sums.device)) // self.length
        run = run.clamp_max(_RUNS - 1)  # the last of them may be empty
        self.sums, self.counts = self.sums.index_add(0, run, sums), self.counts.index_add(0, run, counts)
        self.n += n

    def mean_and_error(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of ``rows @ coefficients``, and its standard error, for each column."""
        rows, sums = self.counts, self.sums @ coefficients
        used = int((rows > 0).sum())
        mean = sums.sum(dim=0) / self.n
        square = (sums - rows * mean).square().sum(dim=0) * used / max(1, used - 1)
        return mean, (square.sqrt() / self.n).clamp_min(1e-12)


def _by_twos(held: Tensor) -> Tensor:
    """Neighbouring rows added, and as many of zeros behind them."""
    merged = held[::2] + held[1::2]
    return torch.cat([merged, torch.zeros_like(merged)])


def imbalance(moved: Runs, kept: Tensor, functions: Expansion, mu: Tensor) -> str:
    """What is wrong with the pairs for a symmetrised operator, in one sentence; empty where nothing is seen.

    In equilibrium ``phi(x)`` and ``phi(y)`` have one mean; else it falls from ``c`` to ``mu c``. Under detailed balance
    also ``phi_k(x) phi_l(y)`` and ``phi_l(x) phi_k(y)`` have one mean.

    Args:
        moved: ``psi(x) - psi(y)`` of all pairs in the order of the data.
        kept: some pairs, ``(p, 2, d)``.
        functions: all eigenfunctions of the fit, also of modes that are too fast to be kept.
        mu: their eigenvalues ``(q,)``.
    """
    fall, error = moved.mean_and_error(functions.coefficients)
    offset = fall.abs() / (1 - mu).clamp_min(1e-7)
    if bool(((fall.abs() > _DOUBT * error) & (offset > _OFFSET)).any()):
        return (
            "the features' means at x and at y differ: the pairs do not start in equilibrium, and then rates of the "
            "symmetrised operator are wrong, detailed balance or not. Use EDMD(..., reversible=False), or pairs from a "
            "run that has forgotten its start."
        )
    asymmetry = _asymmetry(kept, replace(functions, coefficients=functions.coefficients[:, mu.argsort()[-_FUNCTIONS:]]))
    if asymmetry > _DOUBT:
        return (
            f"the cross-covariance is asymmetric by {asymmetry:.0f} standard errors: the process is not reversible, or "
            "its pairs do not start in equilibrium, and rates of the symmetrised operator are wrong. Use "
            "EDMD(..., reversible=False)."
        )
    return ""


def _asymmetry(kept: Tensor, slow: Expansion) -> float:
    """The largest ``E[phi_k(x) phi_l(y) - phi_l(x) phi_k(y)]`` in standard errors."""
    if slow.coefficients.shape[1] < 2:
        return 0.0
    dictionary = slow.dictionary.to(torch.float64)
    a, b = (dictionary(z) @ slow.coefficients - slow.mean @ slow.coefficients for z in kept.double().unbind(dim=1))
    skew = a[:, :, None] * b[:, None, :] - b[:, :, None] * a[:, None, :]
    upper = torch.triu_indices(a.shape[1], a.shape[1], offset=1, device=a.device)
    runs = Runs(upper.shape[1], a.device)
    runs.add(skew[:, upper[0], upper[1]])
    mean, error = runs.mean_and_error(torch.eye(upper.shape[1], dtype=a.dtype, device=a.device))
    return float((mean.abs() / error).max())
