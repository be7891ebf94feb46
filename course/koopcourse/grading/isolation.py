"""Choose where answers run, start sandboxes ahead, and refuse, with the remedy, where there are none."""

from __future__ import annotations

import os
import platform
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from koopcourse.grading.fresh import FreshProcesses
from koopcourse.grading.inside import seccomp
from koopcourse.grading.sandbox import Refused, Sandbox

_REMEDIES = (
    "Remedies: on Linux, install bubblewrap 0.7 or newer (Debian, Ubuntu: sudo apt install bubblewrap; Ubuntu 24.04 "
    "wants an AppArmor profile that lets bwrap make user namespaces); on Windows use WSL2, on macOS a Linux machine or "
    "virtual machine; in a container, allow it namespaces (docker run --cap-add SYS_ADMIN "
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined).\n"
    "If you trust the class as you trust yourself: --trust. Answers then run unprotected, as you; every row says so."
)
_SPARE = 4  # sandboxes ahead at most: each takes 300 MB

AnyBox = Sandbox | FreshProcesses


class Boxes:
    """A fresh box for each submission; the next ones are started ahead, as many as there are cores."""

    def __init__(self, make: Callable[[], AnyBox], needed: int, ahead: int) -> None:
        self._make, self._needed, self._ahead = make, needed, ahead
        self._waiting: deque[AnyBox] = deque()

    def start(self) -> None:
        """Start the first ones, and wait for the very first.

        Raises:
            Refused: if it does not start, or one of its walls gives way.
        """
        self._fill()
        if self._waiting:
            self._waiting[0].wait()

    def take(self) -> AnyBox:
        """The next box, ready for its first job."""
        self._needed -= 1
        box = self._waiting.popleft() if self._waiting else self._make()
        self._fill()
        box.wait()
        return box

    def close(self) -> None:
        """End those that nobody took."""
        while self._waiting:
            self._waiting.pop().close()

    def _fill(self) -> None:
        while len(self._waiting) < min(self._ahead, self._needed):
            self._waiting.append(self._make())


def boxes(needed: int, trust: bool, hidden: Sequence[Path] = ()) -> Boxes:
    """Where so many submissions are marked; what lies in ``hidden`` is out of their reach.

    Raises:
        Refused: without a sandbox, unless the class is trusted; its text has the reason and the remedy.
    """
    if trust:
        return Boxes(FreshProcesses, needed, ahead=0)
    made = Boxes(lambda: Sandbox(hidden=hidden), needed, ahead=min(_cores(), _SPARE))
    try:
        if sys.platform != "linux":
            raise Refused(f"this system ({platform.system()}) has no bubblewrap")
        made.start()
    except Refused as problem:
        made.close()
        raise Refused(f"Nothing was marked: {problem}.\n{_REMEDIES}") from None
    return made


def note() -> str:
    """What the log says of protections that this processor has not."""
    if seccomp.known():
        return ""
    return f"no filter of system calls is known for this processor ({platform.machine()}); all else protects"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
