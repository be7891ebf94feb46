"""What experiments share: ids, random numbers by seed and use, and CPU seconds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import torch


def slug(*names: str) -> str:
    """An id of words."""
    return re.sub(r"[^a-z0-9]+", "-", ".".join(names).lower()).strip("-")


def stream(seed: int, use: int) -> torch.Generator:
    """Random numbers of one seed for one use."""
    return torch.Generator().manual_seed(seed + 1_000_000 * use)


@cache
def warm_up() -> None:
    """What torch loads when something is trained for the first time, two seconds of it, is no method's."""
    weight = torch.zeros(1, requires_grad=True)
    weight.square().sum().backward()
    torch.optim.Adam([weight], fused=True).step()


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and its CPU seconds."""
    warm_up()
    started = time.process_time()
    return work(), time.process_time() - started


def cpu_ms(*works: Callable[[], Any], repeats: int = 5) -> list[float]:
    """The least CPU milliseconds of each, taking turns."""
    rounds = [[timed(work)[1] for work in works] for _ in range(repeats)]
    return [1000 * min(seconds) for seconds in zip(*rounds)]
