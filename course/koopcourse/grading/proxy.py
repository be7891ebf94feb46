"""An answer that lives in a sandbox: called here, it is called there, and what it does comes back."""

from __future__ import annotations

import inspect
import time
from typing import Any, NoReturn

import torch

from koopcourse.checks import compare
from koopcourse.checks.fault import Fault, Told
from koopcourse.checks.interrupt import TimeUp
from koopcourse.grading.codec import opaque, pack, unpack
from koopcourse.grading.frames import MOST_BYTES, Garbage
from koopcourse.grading.job import Box, Died, Job
from koopcourse.grading.limits import Limits

_WORDS = {
    "time": "Your code was stopped: an exercise has {seconds:g} seconds. Is there a loop without an end?",
    "garbage": "Your code wrote into the grader's own channel; this exercise was stopped.",
    "ended": "Your code ended Python itself, or crashed it.",
    "often": "Your code ended Python itself, or crashed it, too often to go on.",
}
_KINDS, _ENDS = ("stub", "time", "memory", "raised"), ("time", "memory", "garbage", "often")


class Remote:
    """A student's function, for the probes: they call it and ask for its signature.

    What it changes in place is changed here, too, while ``mirrors``; ``changed`` says whether it ever changed anything.
    """

    def __init__(self, box: Box, what: dict[str, Any], limits: Limits) -> None:
        self._box, self._slice, self._limits = box, what, limits
        self._seconds, self._wall = limits.seconds, limits.seconds * limits.patience
        self.mirrors, self.changed = True, False
        self._starts = 0
        self._job: Job | None = None
        self._undefined: Fault | None = None  # why there is no answer
        self._over: Fault | None = None  # why no call comes to anything any more

    def define(self) -> Any:
        """This object if the answer is a function; else what stands for it: None, or a value of that type."""
        try:
            told = self._start()
        except Told:  # each call will say so
            return self
        if told.get("kind") == "nothing":
            return None
        if told.get("kind") == "value":
            return opaque(str(told.get("name")))
        self.__signature__ = _signature(told.get("parameters"))
        return self

    def __call__(self, *arguments: Any) -> Any:
        if self._over is not None:
            raise Told(self._over)
        if self._job is None:
            self._start()
        if self._undefined is not None:
            raise Told(self._undefined)
        described, raw = pack(arguments, MOST_BYTES, functions=True)
        dtype = str(torch.get_default_dtype()).removeprefix("torch.")
        told, sent = self._ask({"arguments": described, "dtype": dtype}, raw)
        if "fault" in told:
            raise Told(self._fault(told["fault"]))
        return self._value(told, sent, arguments)

    def close(self) -> None:
        """End the process."""
        if self._job is not None:
            self._finish(self._job.end)

    def _start(self) -> dict[str, Any]:
        """Define the answer in a process of its own."""
        if self._over is not None:
            raise Told(self._over)
        if self._starts > self._limits.restarts:
            self._stop("often")
        self._starts += 1
        self._job = Job(self._box, self._seconds, self._wall)
        told, _ = self._ask({"do": "define", "slice": self._slice})
        self._undefined = self._fault(told["fault"]) if "fault" in told else None
        if self._undefined is not None:
            raise Told(self._undefined)
        return told

    def _ask(self, what: dict[str, Any], raw: bytes = b"") -> tuple[dict[str, Any], bytes]:
        job, start = self._job, time.monotonic()
        assert job is not None
        try:
            return job.ask({**what, "seconds": self._limits.seconds}, raw)
        except Died as death:
            self._spent(job)
            if death.why in _ENDS:
                self._stop(death.why)
            raise Told(self._named(death.why)) from None
        finally:
            self._wall -= time.monotonic() - start

    def _spent(self, job: Job) -> None:
        self._job = None
        self._seconds -= job.used
        if self._seconds <= 0:
            self._stop("time")

    def _stop(self, why: str) -> NoReturn:
        """No call comes to anything any more."""
        self._over = fault = self._named(why)
        raise Told(fault)

    def _named(self, why: str) -> Fault:
        kind = why if why in _KINDS else "raised"
        error = TimeUp.__name__ if why == "time" else "Ended"
        return Fault(kind, error, _WORDS[why].format(seconds=self._limits.seconds))

    def _fault(self, told: Any) -> Fault:
        """What was told of an exception; the first that is for want of memory is the last."""
        told = told if isinstance(told, dict) else {}
        kind, error, words = (str(told.get(name, "")) for name in ("kind", "error", "words"))
        fault = Fault(kind if kind in _KINDS else "raised", error[:60], " ".join(words.split())[:400])
        if fault.kind in ("memory", "time"):
            self._over = fault
            self.close()
        return fault

    def _value(self, told: dict[str, Any], sent: bytes, arguments: tuple) -> Any:
        try:
            value, changed = unpack(told.get("value"), sent), told.get("changed")
            places = [k for k in changed if type(k) is int and 0 <= k < len(arguments)] if changed else []
        except (Garbage, TypeError):
            self.close()
            self._stop("garbage")
        self.changed |= bool(places)
        for place in places if self.mirrors else ():
            _change(arguments[place])
        return value

    def _finish(self, how: Any) -> None:
        job, self._job = self._job, None
        how()
        assert job is not None
        self._seconds -= job.used


def _change(argument: Any) -> None:
    """Make an argument another one, as the answer did with its own copy."""
    for tensor in compare.tensors_in(argument):
        with torch.no_grad():
            tensor.data.logical_not_() if tensor.dtype == torch.bool else tensor.data.add_(1)


def _signature(told: Any) -> inspect.Signature:
    """A signature from names, kinds and defaults; one that takes anything where they make none."""
    anything = [inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL)]
    if not isinstance(told, list):
        return inspect.Signature(anything)
    try:
        kinds = list(type(anything[0].kind))
        parts = [
            inspect.Parameter(str(name), kinds[kind], default=None if default else inspect.Parameter.empty)
            for name, kind, default in told
        ]
        return inspect.Signature(parts)
    except (ValueError, TypeError, IndexError):
        return inspect.Signature(anything)
