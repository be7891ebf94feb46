"""Choose among estimators by a variational score on data that the fit has not seen."""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from koopteach.operators.held_out import held_out_score
from koopteach.spectrum import Spectrum
from koopteach.tensors import as_count, as_pairs, as_points, seed_from

# The rows are dealt to the folds in runs, so many to a fold: neighbours in time stay together, and data that are
# sorted by mode still reach every fold.
_RUNS_PER_FOLD = 20

# Differences from the best within so many standard errors are luck.
_TIE = 2.0


class Estimator(Protocol):
    """What is compared: it has ``fit`` of the data, and then a ``spectrum`` of so many modes."""

    @property
    def fit(self) -> Callable[..., Any]:
        """Takes samples, or both snapshots of pairs; returns the estimator."""

    def spectrum(self, n_modes: int, /) -> Spectrum:
        """The slowest modes."""


@dataclass(frozen=True)
class Tried:
    """One candidate: its name, mean held-out score with the standard error of the mean, each fold's, and a remark."""

    name: str
    score: float
    error: float
    folds: tuple[float, ...]
    remark: str = ""


@dataclass(frozen=True, eq=False)
class Selection:
    """What was tried, and what won.

    Attributes:
        table: one :class:`Tried` a candidate, in the order given.
        best: the winning estimator, fitted again on all data; ask it for its ``spectrum``.
        name: of the winner.
        ties: names of candidates whose difference from the winner, fold by fold, is within two standard errors.
        larger_is_better: for pairs (autocorrelations); False for samples (energies).
        n_modes: how many modes were scored.
    """

    table: tuple[Tried, ...]
    best: Estimator
    name: str
    ties: tuple[str, ...]
    larger_is_better: bool
    n_modes: int

    def __str__(self) -> str:
        width = max(len(row.name) for row in self.table)
        score = "autocorrelation" if self.larger_is_better else "energy"
        better = "larger" if self.larger_is_better else "smaller"
        lines = [f"held-out {score} of {self.n_modes} modes, {better} is better"]
        for row in self.table:
            mark = "best" if row.name == self.name else "tie" if row.name in self.ties else ""
            remark = textwrap.shorten(row.remark, 80)
            lines.append(f"{row.name:{width}}  {row.score:10.4g} ± {row.error:<8.2g} {mark:4} {remark}".rstrip())
        if self.ties:
            lines.append(f"{', '.join(self.ties)}: as good as the best to what {len(row.folds)} folds can tell")
        return "\n".join(lines)

    __repr__ = __str__


def select(
    estimators: Mapping[Any, Estimator] | Sequence[Estimator],
    x: Tensor,
    y: Tensor | None = None,
    *,
    n_modes: int,
    folds: int = 5,
    generator: torch.Generator | None = None,
) -> Selection:
    """Fit each estimator on all folds but one, and score its ``n_modes`` slowest modes on that one.

    Only the functions ``phi`` of a fit are scored, never its own rates, so any two estimators compare. On the held-out
    fold the functions are centred and made orthonormal again in L2; then, by the variational principle, no functions do
    better than the exact ones, up to the fold's sampling error, and without any penalty to tune:

        samples  (y is None)  trace(G^-1 S),  S = E[grad phi . grad phi^T]    at least the sum of the true rates
        pairs                 trace(G^-1 C),  C = Cov(phi(x), phi(y)) made symmetric
                                              at most the sum of the true exp(-rate lag); a missing mode counts 0

    A candidate whose fit fails, or leaves fewer than ``n_modes`` modes of samples, scores infinitely badly, and its
    row says why. Means of correlated folds overstate what they know: compare with ``ties``, which uses differences.

    Args:
        estimators: name -> estimator (names become text), or a sequence of estimators. Each has ``fit`` and
            ``spectrum(n_modes)``. What a dictionary took from all the data (its centres) it keeps, which matters
            little. They are left fitted on the last fold; the winner on all data.
        x: samples ``(n, d)``, or the first snapshots of pairs.
        y: one lag later ``(n, d)``, of a reversible process; rows in the order of time if they come from a trajectory.
        n_modes: how many modes matter.
        folds: at least 2.
        generator: deals the rows to the folds.

    Raises:
        ValueError: nothing to choose from, pairs without a lag or with different ones, complex modes, too few data,
            or no candidate with a finite score.

    >>> import torch
    >>> import koopteach as kt
    >>> x = kt.DoubleWell(2.0).sample(1000, torch.Generator().manual_seed(0))
    >>> bins = torch.linspace(-2, 2, 9, dtype=x.dtype)[:, None]
    >>> candidates = {width: kt.GeneratorEDMD(kt.GaussianRBF(bins, width)) for width in (0.05, 0.4)}
    >>> kt.select(candidates, x, n_modes=2, generator=torch.Generator().manual_seed(0)).name
    '0.4'

    Source: the generalised matrix Rayleigh quotient of McGibbon, Pande 2015, and its form for generators.
    """
    named = _named(estimators)
    n_modes, folds = as_count("select", "n_modes", n_modes), as_count("select", "folds", folds, at_least=2)
    x = as_points("select", "x", x, at_least=2 * folds)
    data = _checked_data(named, x, y)
    fold = _deal(len(x), folds, generator).to(x.device)
    table = tuple(_try(name, estimator, data, fold, folds, n_modes) for name, estimator in named.items())
    sign = 1 if y is None else -1  # of a score that is to be small
    best = min(table, key=lambda row: sign * row.score)
    if not math.isfinite(best.score):
        reasons = "; ".join(f"{row.name}: {row.remark}" for row in table)
        raise ValueError(f"select: no candidate could be scored with n_modes={n_modes}. {reasons}")
    return Selection(
        table=table,
        best=named[best.name].fit(*data),
        name=best.name,
        ties=tuple(row.name for row in table if row is not best and _is_tied(row, best)),
        larger_is_better=y is not None,
        n_modes=n_modes,
    )


def _named(estimators: Mapping[Any, Estimator] | Sequence[Estimator]) -> dict[str, Estimator]:
    if not isinstance(estimators, Mapping):
        estimators = {f"{i}: {type(e).__name__}": e for i, e in enumerate(estimators)}
    if not estimators:
        raise ValueError("select: estimators is empty; give at least one, better several of different widths.")
    named = {str(name): estimator for name, estimator in estimators.items()}
    if len(named) < len(estimators):
        raise ValueError(f"select: the names of the estimators read alike: {', '.join(map(repr, estimators))}.")
    return named


def _checked_data(named: dict[str, Estimator], x: Tensor, y: Tensor | None) -> tuple[Tensor, ...]:
    """What ``fit`` takes: ``(x,)`` or ``(x, y)``."""
    lags = {name: getattr(estimator, "lag", None) for name, estimator in named.items()}
    if y is None:
        need = [name for name, lag in lags.items() if lag is not None]
        if need:
            raise ValueError(f"select: {', '.join(need)} need pairs: give y, the states one lag after x.")
        return (x,)
    x, y = as_pairs("select", x, y)
    if None in lags.values():
        alone = [name for name, lag in lags.items() if lag is None]
        raise ValueError(f"select: {', '.join(alone)} work from samples alone and cannot be scored on pairs: omit y.")
    different = sorted({float(lag) for lag in lags.values() if lag is not None})
    if len(different) > 1:
        raise ValueError(f"select: the pairs have one lag, but the estimators have {different}.")
    return x, y


def _deal(n: int, folds: int, generator: torch.Generator | None) -> Tensor:
    """The fold ``(n,)`` of every row: runs of neighbours, dealt at random, as many to each fold."""
    runs = min(n, folds * _RUNS_PER_FOLD)
    order = np.random.default_rng(seed_from(generator)).permutation(runs)
    run = torch.arange(n) * runs // n
    return torch.from_numpy(order % folds)[run]


def _try(name: str, estimator: Estimator, data: tuple, fold: Tensor, folds: int, n_modes: int) -> Tried:
    scores, remark = [], ""
    for k in range(folds):
        try:
            spectrum = estimator.fit(*(part[fold != k] for part in data)).spectrum(n_modes)
        except (ValueError, torch.linalg.LinAlgError) as error:
            score, remark = math.inf if len(data) == 1 else -math.inf, str(error)
        else:
            score = held_out_score(f"select: {name}", spectrum, [part[fold == k] for part in data], n_modes)
            if len(spectrum) < n_modes:
                remark = f"only {len(spectrum)} of {n_modes} modes"
        scores.append(score)
    mean = math.fsum(scores) / folds if all(map(math.isfinite, scores)) else next(s for s in scores if math.isinf(s))
    return Tried(name, mean, _standard_error(scores), tuple(scores), remark)


def _standard_error(values: Sequence[float]) -> float:
    """Of the mean; infinite where a value is."""
    if not all(map(math.isfinite, values)):
        return math.inf
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))


def _is_tied(row: Tried, best: Tried) -> bool:
    """Fold by fold, because an easy fold is easy for both."""
    if not math.isfinite(row.score):
        return False
    return abs(row.score - best.score) <= _TIE * _standard_error([a - b for a, b in zip(row.folds, best.folds)])
