"""What capstones share: seeds, CPU seconds and a budget of them, tables over seeds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from koopteach.protocols import Sampler

T = TypeVar("T")
TUNED_ON = 1  # the seed whose data choose settings; nothing of it is reported
SEEDS = (21, 22, 23)  # the seeds that are reported; nothing is chosen on them


def stream(seed: int, use: int = 0) -> torch.Generator:
    """Random numbers of one seed for one use (data, start, noise, judge), so that all methods get the same.

    Args:
        seed: one of :data:`SEEDS`, or :data:`TUNED_ON`.
        use: any number below 1,000.
    """
    return torch.Generator().manual_seed(1000 * seed + use)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result and its CPU seconds.

    >>> from koopcourse.capstones import timed
    >>> timed(lambda: 1 + 1)[0]
    2
    """
    started = time.process_time()
    return work(), time.process_time() - started


def within(
    seconds: float, make: Callable[[], Sampler], x: Tensor, generator: torch.Generator, *, fades: int = 60
) -> tuple[Tensor, int]:
    """Particles when so many CPU seconds are used up, and the number of steps; NaN where they are lost.

    Args:
        seconds: all that the method has: what ``make`` fits is on the clock.
        make: the method, anything with ``init`` and ``step``.
        x: where the particles start ``(n, d)``.
        generator: of the method's noise.
        fades: steps over which KSWGD's noise fades, its usual number.

    >>> import koopteach as kt
    >>> from koopcourse.capstones import stream, within
    >>> x, steps = within(0.1, lambda: kt.ULA(kt.OrnsteinUhlenbeck(1), step_size=0.1), torch.zeros(5, 1), stream(1))
    >>> x.shape
    torch.Size([5, 1])
    """
    started, steps = time.process_time(), 0
    method = make()
    state = method.init(x)
    while time.process_time() - started < seconds:
        try:
            x, state, _ = method.step(x, state, progress=min(1.0, steps / fades), generator=generator)
        except ValueError:  # so far out that a score is no number
            return torch.full_like(x, torch.nan), steps
        steps += 1
        if not bool(x.isfinite().all()):
            return torch.full_like(x, torch.nan), steps
    return x, steps


def table(rows: Mapping[str, Mapping[str, Sequence[float]]], digits: int = 2) -> None:
    """Print the median over seeds and, in brackets, the least and the largest; one number as it is.

    Args:
        rows: name -> column -> the values of the seeds.
        digits: significant ones.

    >>> from koopcourse.capstones import table
    >>> table({"ours": {"error": [0.5, 0.7, 0.6]}, "floor": {"error": [0.5]}})
           error
    ours   0.6 [0.5, 0.7]
    floor  0.5
    """
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = [["", *columns]]
    lines += [[name, *(_cell(row.get(column, ()), digits) for column in columns)] for name, row in rows.items()]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip())


def _cell(values: Sequence[float], digits: int) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return _text(values[0], digits)
    middle, *ends = (_text(v, digits) for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} [{', '.join(ends)}]"


def _text(value: float, digits: int) -> str:
    """Never with an exponent where a whole number is shorter."""
    return f"{value:,.0f}" if 10**digits <= abs(value) < 1e6 else f"{value:.{digits}g}"
