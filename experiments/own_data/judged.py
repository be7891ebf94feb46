"""What a row tells of a method on a table: how far off, told apart how well, copied how much."""

from __future__ import annotations

import statistics
import time
from functools import cache

import torch
from torch import Tensor

from experiments.machinery.common import stream, warm_up
from experiments.own_data.data import Split, exact_third_moment, split, third_moment
from experiments.own_data.rivals import EVEN, PLAIN, Method
from koopcourse.judges import MOST_ROWS, auc, halves, relative_sliced_w2
from koopteach import Standardizer

PARTS, N_TIMED = 4, 800
MARGIN = 0.06

Numbers = dict[str, float]


def judged(method: Method, table: str, seed: int, parts: int = PARTS) -> Numbers:
    """Means over random parts of one draw, each of as many rows as were held out, at most 600; CPU seconds.

    Args:
        method: is fitted to the training rows.
        table, seed: name a split.
        parts: four, so that a part has the law of the draw without its evenness; one judges an even draw as it is.
    """
    given = split(table, seed)
    warm_up()
    started = time.process_time()
    draw = method(given.train, stream(seed, 1))
    draw(N_TIMED, stream(seed, 2))
    seconds = time.process_time() - started
    x = draw(parts * min(len(given.held_out), MOST_ROWS), stream(seed, 3))
    found = [read(part, given, stream(seed, 4)) for part in x.tensor_split(parts)]
    numbers = {name: statistics.fmean(one[name] for one in found) for name in found[0]} | {"CPU s": seconds}
    if table == "curved":
        numbers["third moment"] = third_moment(x) / exact_third_moment()
    return numbers


def read(x: Tensor, given: Split, generator: torch.Generator) -> Numbers:
    """The three judges, in units of the training rows' spreads."""
    units = Standardizer.of(given.train)
    x, train, held_out = units(x), units(given.train), units(given.held_out)
    return {
        "sliced W2, floors": relative_sliced_w2(x, train, held_out, generator=generator),
        "AUC": auc(x, held_out, generator=generator),
        "halves": halves(x, train, held_out, generator=generator),
    }


@cache
def plain(table: str, method: str, seed: int) -> Numbers:
    """A rival as it comes."""
    return judged(PLAIN[method], table, seed, 1 if method in EVEN else PARTS)


def plain_row(seed: int, table: str, method: str) -> Numbers:
    """A row of :func:`plain`."""
    return plain(table, method, seed)


def best_rival(table: str, seed: int) -> float:
    """AUC of the better one of mixture and KDE."""
    return min(plain(table, method, seed)["AUC"] for method in ("mixture", "KDE"))
