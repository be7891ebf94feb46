"""Implied timescales at several lags, with bootstrap errors: which lag is long enough, and what is known."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from koopteach.operators.remarks import paragraphs
from koopteach.operators.select import Estimator
from koopteach.series import LaggedPairs, lagged_pairs
from koopteach.tensors import as_count, device_of

# A block is so many times as long as the longest lag, or as the slowest timescale: what is left of the correlation
# between blocks then makes errors too small by a tenth.
_BLOCK = 5.0

# With fewer blocks errors are too small, whatever the blocks' length.
_FEWEST_BLOCKS = 20

# A share of resamples that must have a mode for its interval: those that lost it would have had the widest.
_LEAST_FOUND = 0.9

# Of a normal law 95 % lie within so many standard deviations.
_95 = 1.96


@dataclass(frozen=True, eq=False)
class LagScan:
    """Implied timescales by lag, each ``(lags, modes)``, NaN where a mode was not found.

    Attributes:
        lags: in the units of the times, ``(lags,)``.
        timescales: ``1 / rate``, the slowest first.
        low, high: the ends of 95 % intervals, from the logarithm's standard deviation over the resamples; NaN where
            more than a tenth of them lost the mode.
        n_pairs: pairs at each lag.
        n_blocks: blocks at each lag that were drawn from; whole trajectories where those are shorter than a block.
        block: length of a block, in the units of the lags.
        unit: of the lags where times were dates, else empty.
        report: what failed, and what makes the errors doubtful; empty on healthy data.
    """

    lags: Tensor
    timescales: Tensor
    low: Tensor
    high: Tensor
    n_pairs: tuple[int, ...]
    n_blocks: tuple[int, ...]
    block: float
    unit: str
    report: str

    def __str__(self) -> str:
        lines = [f"implied timescales (95 % intervals, blocks of {self.block:.4g} {self.unit})".replace(" )", ")")]
        lines.append(f"{'lag':>9} {'pairs':>8} {'blocks':>6}")
        for k, lag in enumerate(self.lags.tolist()):
            rows = zip(*(part[k].tolist() for part in (self.timescales, self.low, self.high)))
            cells = (f"{f'{t:.4g} ({low:.4g} to {high:.4g})':26}" for t, low, high in rows)
            lines.append(f"{lag:9.4g} {self.n_pairs[k]:8d} {self.n_blocks[k]:6d}  {' '.join(cells)}".rstrip())
        return "\n".join(lines) + paragraphs(self.report)

    __repr__ = __str__


def scan_lags(
    estimator: Callable[[float], Estimator],
    series: Any,
    lags: Sequence[Any],
    *,
    n_modes: int = 3,
    times: Any = None,
    tolerance: Any = None,
    n_resamples: int = 50,
    block: float | None = None,
    generator: torch.Generator | None = None,
) -> LagScan:
    """Fit at each lag, and again on resampled blocks of the series: the implied timescales and their errors.

    Where a timescale no longer grows with the lag the features resolve its process; too long a lag only adds noise.
    Trajectories are independent of each other; one that is longer than a block is cut into blocks.

    Args:
        estimator: of a lag, such as ``lambda lag: kt.EDMD(dictionary, lag=lag)``. What the dictionary took from all the
            data (its centres) stays as it is.
        series, times, tolerance: as in :func:`koopteach.lagged_pairs`.
        lags: each as ``lag`` there.
        n_modes: how many timescales.
        n_resamples: how often blocks are drawn, with replacement; at least 2.
        block: their length, in the units of the lags. None is five times the longest lag or the slowest timescale
            (the median over the lags), whichever is longer.
        generator: draws the blocks.

    Raises:
        TypeError, ValueError: as :func:`koopteach.lagged_pairs`, and where no lag gives any mode.

    >>> import torch
    >>> import koopteach as kt
    >>> g, process = torch.Generator().manual_seed(0), kt.OrnsteinUhlenbeck(1)
    >>> path = [process.sample(50, g)]
    >>> for _ in range(100):
    ...     path.append(process.transition(path[-1], 0.2, g))
    >>> series = list(torch.stack(path).unbind(1))  # 50 trajectories of 101 states, 0.2 apart; the true timescale is 1
    >>> times = [0.2 * torch.arange(101)] * 50
    >>> def estimator(lag):
    ...     return kt.EDMD(kt.Hermite(1, 1), lag=lag)
    >>> scan = kt.scan_lags(estimator, series, [0.4, 1.0], times=times, n_modes=1, generator=g)
    >>> bool((scan.low < 1).all() and (scan.high > 1).all())
    True

    Source: Swope, Pitera, Suits 2004 (implied timescales); Kuensch 1989 (blocks).
    """
    n_modes = as_count("scan_lags", "n_modes", n_modes)
    n_resamples = as_count("scan_lags", "n_resamples", n_resamples, at_least=2)
    pairs = [lagged_pairs(series, lag, times=times, tolerance=tolerance) for lag in lags]
    fits, failed = [], []
    for one in pairs:
        found, remark = _timescales(estimator, one.lag, one.x, one.y, n_modes)
        fits.append(found)
        failed += [f"lag {one.lag:g}: {remark}"] * bool(remark)
    if len(failed) == len(pairs):
        raise ValueError(f"scan_lags: no lag gave a mode. {'; '.join(failed) or 'Give at least one lag.'}")
    timescales, lengths = torch.stack(fits), torch.tensor([one.lag for one in pairs], dtype=torch.float64)
    if block is None:
        block = _BLOCK * max(float(lengths.max()), float(timescales[:, 0].nanmedian()))
    blocks = [one.blocks(block) for one in pairs]
    n_blocks = tuple(int(numbers.max()) + 1 for numbers in blocks)
    spread = torch.empty_like(timescales)
    for one, numbers, row in zip(pairs, blocks, spread):
        resamples = (_resample(one, numbers, generator) for _ in range(n_resamples))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the fit to all the data gave them
            logs = [_timescales(estimator, one.lag, one.x[rows], one.y[rows], n_modes)[0].log() for rows in resamples]
        row.copy_(_95 * _deviation(torch.stack(logs)))
    if min(n_blocks) < _FEWEST_BLOCKS:
        failed.append(
            f"only {min(n_blocks)} blocks: the intervals are too narrow; take a longer series, more trajectories, or "
            "shorter lags"
        )
    return LagScan(
        lags=lengths,
        timescales=timescales,
        low=timescales * (-spread).exp(),
        high=timescales * spread.exp(),
        n_pairs=tuple(one.n_pairs for one in pairs),
        n_blocks=n_blocks,
        block=float(block),
        unit=pairs[0].unit,
        report="\n".join(failed),
    )


def _timescales(make: Callable[[float], Estimator], lag: float, x: Tensor, y: Tensor, r: int) -> tuple[Tensor, str]:
    """The slowest timescales ``(r,)``, NaN where there are fewer, and why there are none."""
    found, made = torch.full((r,), torch.nan, dtype=torch.float64), make(lag)
    if getattr(made, "lag", lag) != lag:
        raise ValueError(
            f"scan_lags: estimator({lag:g}) has lag {getattr(made, 'lag', None)}, so its timescales are in other units "
            "than the lags. Pass the lag on as it is, and give times= in the units you want."
        )
    try:
        slow = made.fit(x, y).spectrum(r).implied_timescales
    except ValueError as error:
        return found, str(error)
    found[: len(slow)] = slow.double().cpu()
    return found, ""


def _resample(pairs: LaggedPairs, block: Tensor, generator: torch.Generator | None) -> Tensor:
    """The rows of as many blocks as there are, drawn with replacement."""
    count = int(block.max()) + 1
    drawn = torch.randint(count, (count,), device=device_of(generator, block), generator=generator).to(block.device)
    return torch.arange(pairs.n_pairs, device=block.device).repeat_interleave(drawn.bincount(minlength=count)[block])


def _deviation(logs: Tensor) -> Tensor:
    """Standard deviation over the resamples that found a mode; NaN where more than a tenth did not."""
    found = logs.isfinite()
    square = (logs - logs.nanmean(dim=0)).square().nansum(dim=0) / (found.sum(dim=0) - 1)
    return torch.where(found.double().mean(dim=0) >= _LEAST_FOUND, square.sqrt(), torch.nan)
