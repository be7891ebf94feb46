"""Run a function for a limited time, from any thread and on every system.

The time is the processor's, spent by the thread that runs the function: a busy computer makes nobody late. What waits
instead of computing (a sleep, a question to the keyboard) is stopped when ``PATIENCE`` times the limit has passed.

A second thread, the alarm, asks the interpreter to raise :class:`TimeUp` in the first one. It asks again and
again, because code such as ``while True: try: ... except: ...`` can swallow it.

The danger is an exception that arrives late, in code that has nothing to do with the limited function. So the
alarm asks only while it holds ``gate``, and the limited thread takes the gate when its function has ended and
never gives it back: nothing can be asked after that. Taking it is one call into C, the first thing in a
``finally`` block. The interpreter raises what was asked for right after such a call, at the start of a Python
function or when a loop jumps back, and nowhere else: so it cannot come between the function and the call, and
what was asked for before the call is raised right after it, inside a ``try``. (Python could also withdraw a
request, but 3.11 and 3.12 then look for it for ever: slow, and an endless loop under a debugger.)
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

PATIENCE = 6.0  # seconds by the wall for each second of the limit
AGAIN = 0.02  # seconds between two requests
POLITE = 10  # so many requests leave the time to clean up in between
_T = TypeVar("_T")

_raise_in_thread = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in_thread.argtypes = (ctypes.c_ulong, ctypes.py_object)
_raise_in_thread.restype = None


class TimeUp(BaseException):
    """The time is up. Not an ``Exception``, so that ``except Exception`` lets it pass."""


def _insistent(thread: int) -> type[TimeUp]:
    """A ``TimeUp`` that asks for another one as it is made.

    A loop with a bare ``except`` inside spends nearly all its time where an exception is swallowed. The second
    is raised while the first is being handled, where usually nothing catches it. It is asked for in C, because
    a Python function would be interrupted by it itself. (Python 3.12 jumps back before it looks for requests,
    so that a bare ``except`` around a single call in an endless loop survives there.)
    """
    return type("TimeUp", (TimeUp,), {"__init__": staticmethod(partial(_raise_in_thread, thread, TimeUp))})


def cpu_clock() -> Callable[[], float]:
    """A clock of the calling thread's CPU seconds that any thread can read; of the process where there is none."""
    try:
        clock = time.pthread_getcpuclockid(threading.get_ident())
    except (AttributeError, OSError):  # Windows, macOS
        return time.process_time
    return lambda: time.clock_gettime(clock)


class _Alarm(threading.Thread):
    def __init__(self, seconds: float) -> None:
        super().__init__(daemon=True, name="koopteach-alarm")
        self.held_back = threading.Lock()
        self.held_back.acquire()
        self.gate = threading.RLock()
        self.over = threading.Event()
        self.requests = 0
        self._seconds = seconds
        self._cpu = cpu_clock()
        self._thread = threading.get_ident()
        self.insistent = _insistent(self._thread)

    def run(self) -> None:
        self.held_back.acquire()  # until `start`, which would not survive an interruption, has returned
        wait, modules, end, latest = self._seconds, len(sys.modules), *self._ends()
        while not self.over.wait(wait):
            if len(sys.modules) > modules:  # it loads a library, which can take seconds: begin again
                wait, modules, end, latest = self._seconds, len(sys.modules), *self._ends()
                continue
            left = end - self._cpu()
            if left > 0 and time.monotonic() < latest:
                wait = max(left, AGAIN)
                continue
            if not self.gate.acquire(blocking=False):
                return
            self.requests += 1
            _raise_in_thread(self._thread, TimeUp if self.requests <= POLITE else self.insistent)
            self.gate.release()
            wait = AGAIN

    def _ends(self) -> tuple[float, float]:
        """When the time is up: by the thread's own clock, and at the latest by the wall's."""
        return self._cpu() + self._seconds, time.monotonic() + PATIENCE * self._seconds


def limited(function: Callable[[], _T], seconds: float) -> _T:
    """Return ``function()``.

    Raises:
        TimeUp: if it computes for longer than ``seconds``, not counting the loading of libraries. One call into C
            (a long sleep, a huge matrix product) ends first: only Python code can be interrupted.
    """
    alarm = _Alarm(seconds)
    shut = alarm.gate.acquire
    alarm.start()
    try:
        try:
            alarm.held_back.release()
            value = function()
        finally:
            shut()  # first in its block: see above
    finally:
        alarm.insistent.__init__ = TimeUp.__init__  # it asks no more: at most one request is left
        try:  # noqa: SIM105 (suppress is a Python function, which would be interrupted itself)
            shut()  # the lock re-enters; a Ctrl-C or a debugger may have come in the way of the first call
        except TimeUp:
            pass
        alarm.over.set()
    if alarm.requests:  # the function swallowed them, and then ended
        raise TimeUp
    return value
