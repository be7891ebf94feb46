"""What can be moved: the values of a knob, the one it starts at, and how each is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Control:
    """One knob: its values in order, the one it starts at, and how each is written."""

    values: tuple
    start: Any
    labels: tuple[str, ...]


def slider(low: float, high: float, step: float, start: float) -> Control:
    """A knob over equally spaced numbers; integers stay integers.

    Raises:
        ValueError: a start that is not one of its values.
    """
    count = round((high - low) / step)
    values = [low + i * step for i in range(count + 1)]
    values = [round(v, 10) if isinstance(v, float) else v for v in values]
    return choices(values, start)


def choices(values: Sequence, start: Any, labels: Sequence[str] | None = None) -> Control:
    """A knob over given values, in order.

    Raises:
        ValueError: a start that is not one of the values, or labels of another number.
    """
    if start not in values:
        raise ValueError(f"choices: start must be one of {list(values)}, got {start!r}.")
    labels = [f"{v:g}" if isinstance(v, float) else str(v) for v in values] if labels is None else labels
    if len(labels) != len(values):
        raise ValueError(f"choices: {len(values)} values need as many labels, got {len(labels)}.")
    return Control(tuple(values), start, tuple(labels))
