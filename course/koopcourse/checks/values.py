"""Small values in words: what came and what was needed, with as many digits as tell them apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from koopcourse.checks.compare import close, numbers_in

_MOST_NUMBERS = 12  # shown whole up to here; of more the first that differs


def came_and_needed(value: Any, expected: Any, tolerance: float, least: float = 1.0, stated: bool = False) -> str:
    """``"you returned [1, 2], and [1, 3] is right"``; of a large result its first entry that is wrong.

    Args:
        value, expected: results of one form.
        tolerance, least: as in :func:`koopcourse.checks.compare.agree`.
        stated: the statement shows what is right, and is named.
    """
    mine, right = numbers_in(value), numbers_in(expected)
    if len(mine) != len(right) or any(a.shape != b.shape for a, b in zip(mine, right)):
        return ""
    part = first_wrong(value, expected, tolerance, least)
    a, b = mine[part], right[part]
    where = f"in part {part + 1} of {len(right)} " if len(right) > 1 else ""
    if b.numel() <= _MOST_NUMBERS:
        came, needed = _apart(a, b)
        return f"{where}you returned {came}, and {_right(needed, stated)}"
    entry = _first_wrong(a, b, tolerance, least)
    came, needed = _apart(a[entry], b[entry])
    return f"{where}entry {entry if len(entry) > 1 else entry[0]} is {came}, and {_right(needed, stated)}"


def first_wrong(value: Any, expected: Any, tolerance: float, least: float = 1.0) -> int:
    """The position of the first part that is wrong; 0 where there is one part."""
    pairs = enumerate(zip(numbers_in(value), numbers_in(expected)))
    return next((k for k, (a, b) in pairs if not close(a, b, tolerance, least)), 0)


def _right(needed: str, stated: bool) -> str:
    return f"the statement says {needed}" if stated else f"{needed} is right"


def _first_wrong(a: Tensor, b: Tensor, tolerance: float, least: float) -> tuple[int, ...]:
    scale = max(least, float(b.abs().nan_to_num(nan=0.0, posinf=0.0).max())) or 1.0
    kind = torch.promote_types(a.dtype, b.dtype)
    wrong = ~torch.isclose(a.to(kind), b.to(kind), rtol=0.0, atol=tolerance * scale)
    return tuple(int(k) for k in wrong.nonzero()[0])


def _apart(a: Tensor, b: Tensor) -> tuple[str, str]:
    texts = ((_text(a.tolist(), digits), _text(b.tolist(), digits)) for digits in range(3, 16))
    return next((pair for pair in texts if pair[0] != pair[1]), (_text(a.tolist(), 3), _text(b.tolist(), 3)))


def _text(value: Any, digits: int) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_text(part, digits) for part in value) + "]"
    if isinstance(value, complex):
        return f"{value.real + 0.0:.{digits}g}{value.imag + 0.0:+.{digits}g}i"
    return f"{value + 0.0:.{digits}g}"
