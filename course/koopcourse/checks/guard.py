"""Call a learner's code so that nothing it does goes further than one clear line.

Time, memory and printed text are limited while it runs, and afterwards the global state that it may have
changed is put back.
"""

from __future__ import annotations

import contextlib
import io
import random
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from koopcourse.checks.fault import Fault, describe
from koopcourse.checks.interrupt import limited

TIME_LIMIT = 10.0  # CPU seconds of the learner's code in one check, all its calls together
MEMORY_MARGIN = 2 * 1024**3  # bytes that one call may take
OUTPUT_KEPT = 2_000  # characters of printed text


@dataclass(frozen=True)
class Outcome:
    """What a call came to: its value, or the fault that ended it."""

    value: Any = None
    fault: Fault | None = None


class Guard:
    """The limits of one check.

    ``printed`` is the beginning of what the code printed in the first call in which it printed anything.
    """

    def __init__(self) -> None:
        self.printed = ""
        self._seconds_left = TIME_LIMIT

    def call(self, function: Callable[[], Any]) -> Outcome:
        """The outcome of ``function()``; whatever it raises ends here."""
        start, modules, printed = time.thread_time(), len(sys.modules), _Printed()
        try:
            with _quiet(printed), _global_state_restored(), _MemoryLimit():
                return Outcome(limited(function, max(self._seconds_left, 0.01)))
        except BaseException as error:
            return Outcome(fault=describe(error, TIME_LIMIT))
        finally:
            self.printed = self.printed or printed.text
            if len(sys.modules) == modules:  # the time that a library takes to load is not the learner's
                self._seconds_left -= time.thread_time() - start


@contextlib.contextmanager
def _quiet(stream: io.TextIOBase) -> Generator[None]:
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield


class _Printed(io.TextIOBase):
    """A text stream that keeps the beginning."""

    def __init__(self) -> None:
        self.text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text[: max(OUTPUT_KEPT - len(self.text), 0)]
        return len(text)


@contextlib.contextmanager
def _global_state_restored() -> Generator[None]:
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])


class _MemoryLimit:
    """Linux: at most ``MEMORY_MARGIN`` more address space than now. Elsewhere the system sets the limit.

    Not used with CUDA, which reserves address space by the terabyte. A class with prepared arguments, because
    the end of the block must work when not a byte is left.
    """

    def __enter__(self) -> None:
        self._restore = None
        if sys.platform != "linux" or torch.cuda.is_available():
            return
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = _address_space() + MEMORY_MARGIN
        if soft == resource.RLIM_INFINITY or limit < soft:
            self._restore = resource.setrlimit, resource.RLIMIT_AS, (soft, hard)
            resource.setrlimit(resource.RLIMIT_AS, (limit, hard))

    def __exit__(self, *_: object) -> None:
        if self._restore is not None:
            setrlimit, which, limits = self._restore
            setrlimit(which, limits)


def _address_space() -> int:
    import resource

    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
