"""One process of a sandbox, and what is asked of it: requests with a nonce, the seconds that are left, how it ended."""

from __future__ import annotations

import os
import secrets
import signal
import time
from typing import Any, Protocol

from koopcourse.grading.frames import Channel, Garbage, Gone
from koopcourse.grading.sandbox import Ended


class Box(Protocol):
    """Where jobs are done: a sandbox, or fresh processes."""

    def warm(self, names: list[str]) -> None: ...
    def open(self, cpu: float) -> Channel: ...
    def end(self) -> Ended: ...


class Died(Exception):
    """The process has ended, or was killed. ``why`` is ``"time"``, ``"ended"`` or ``"garbage"``."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Job:
    """A process that answers one request at a time, until it dies or is ended."""

    def __init__(self, box: Box, cpu: float, wall: float) -> None:
        self._box, self._cpu, self._until = box, cpu, time.monotonic() + wall
        self._channel = box.open(cpu)
        self.used = 0.0  # CPU seconds, once it has ended

    def ask(self, what: dict[str, Any], raw: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """What comes back for a request.

        Raises:
            Died: the process is gone, and why.
        """
        nonce = secrets.token_hex(16)
        try:
            if self._channel.has_more():
                raise Garbage("something that nobody asked for")
            self._channel.send({**what, "nonce": nonce}, raw, self._left())
            told, sent = self._channel.receive(self._left())
            if told.pop("nonce", None) != nonce:
                raise Garbage("the answer to another question")
            return told, sent
        except TimeoutError:
            raise self._died("time") from None
        except Garbage:
            raise self._died("garbage") from None
        except Gone:
            raise self._died("ended") from None

    def end(self) -> None:
        """Kill it, and all that it has started."""
        self._channel.close()
        ended = self._box.end()
        self.used = ended.cpu
        self._status = ended.status

    def _died(self, why: str) -> Died:
        self.end()
        return Died("time" if why == "ended" and self._out_of_time() else why)

    def _out_of_time(self) -> bool:
        """Whether the kernel killed it for its CPU seconds."""
        status = self._status
        if status is None or not os.WIFSIGNALED(status):
            return False
        return os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU) and self.used > self._cpu - 0.5

    def _left(self) -> float:
        return max(self._until - time.monotonic(), 0.01)
