"""What is measured: workloads, each with its contenders, and the least work that the mathematics of one needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Work:
    """The least arithmetic of a method: floating-point operations and exponentials, in ``float32`` or ``float64``."""

    flops: float
    exponentials: float
    dtype: str

    def seconds(self, limits: dict[str, float]) -> float:
        """On a machine with these rates, see :mod:`experiments.speed.limits`."""
        return self.flops / limits[f"gemm {self.dtype}"] + self.exponentials / limits[f"exp {self.dtype}"]


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: its line in the table.
        prepare: ``size -> run``; makes the data, which is not timed. ``run()`` is, and returns the result.
        error: of a result, in the workload's own sense.
        work: ``size -> Work``, for ours.
        package: a peer's package; None is ours or written here.
        repeats: runs in one process, for what takes milliseconds.
        threads: that all libraries may use; with several, seconds are those of the clock and not of the processor.
    """

    name: str
    prepare: Callable[[int], Callable[[], Any]]
    error: Callable[[Any], float]
    work: Callable[[int], Work] | None = None
    package: str | None = None
    repeats: int = 1
    threads: int = 1


@dataclass(frozen=True)
class Workload:
    """The same work done by several.

    Attributes:
        title: what it is.
        error: what the column says.
        contenders: in the order of the table.
        size, quick, warm: sizes of a full run, of a quick one, and of the one before it that loads the libraries.
        memory: whether the memory above the data is worth a column.
    """

    title: str
    error: str
    contenders: tuple[Contender, ...]
    size: int
    quick: int
    warm: int
    memory: bool = True
