"""What ended a learner's code, in one line and without a traceback."""

from __future__ import annotations

import dis
import linecache
import os
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import torch

import koopteach
from koopcourse.checks.interrupt import TimeUp

_LONGEST_MESSAGE, _LONGEST_LINE = 160, 80
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
_NOT_THEIRS = tuple(
    f"{folder}{os.sep}"
    for folder in (
        Path(__file__).parents[1],
        Path(koopteach.__file__).parent,
        Path(torch.__file__).parents[1],
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    )
)


@dataclass(frozen=True)
class Fault:
    """Why there is no value.

    Args:
        kind: ``"stub"``, ``"time"``, ``"memory"``, ``"stopped"`` or ``"raised"``.
        error: the exception's type, by name.
        words: what to tell the learner.
    """

    kind: str
    error: str
    words: str


class Told(Exception):
    """A fault that was described elsewhere, in the process in which the learner's code ran."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.words)
        self.fault = fault


def describe(error: BaseException, time_limit: float) -> Fault:
    """The fault behind an exception that came out of a learner's code, which had so many seconds."""
    if isinstance(error, Told):
        return error.fault
    name, message = type(error).__name__, _message(error)
    if isinstance(error, TimeUp):
        words = f"Your code was stopped: a check gives it {time_limit:g} seconds. Is there a loop without an end?"
        return Fault("time", name, words)
    if isinstance(error, MemoryError) or any(words in message.lower() for words in _NO_MEMORY):
        words = f"Your code asked for more memory than a check allows{_place(error)}."
        return Fault("memory", name, words)
    if isinstance(error, NotImplementedError) and _is_raise_statement(error.__traceback__):
        return Fault("stub", name, "The stub has not been replaced yet.")
    if isinstance(error, KeyboardInterrupt):
        return Fault("stopped", name, "The check was interrupted before your code came to an end.")
    if isinstance(error, SystemExit):
        return Fault("raised", name, f"Your code asks Python to exit{_place(error)}; use return instead.")
    return Fault("raised", name, f"Your code raised {name}{_cut(message, _LONGEST_MESSAGE)}{_place(error)}.")


def _message(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # a learner's own exception class can fail even here
        return ""
    return f": {lines[0].rstrip('.')}" if lines else ""


def _place(error: BaseException) -> str:
    """The innermost line that the learner wrote."""
    for frame, number in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if not file.startswith((*_NOT_THEIRS, "<frozen", "<__array_function__")):
            text = linecache.getline(file, number).strip()
            return f", in line {number}" + (f": {_cut(text, _LONGEST_LINE)}" if text else "")
    return ""


def _is_raise_statement(trace: TracebackType | None) -> bool:
    """Whether a ``raise`` did it, as in a stub, and not an operation that torch has not implemented."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and dis.opname[trace.tb_frame.f_code.co_code[trace.tb_lasti]] == "RAISE_VARARGS"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
