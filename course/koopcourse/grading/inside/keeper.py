"""The first process of a sandbox: it loads torch, and forks a locked-up process for each job. It runs nothing itself.

As process 1 of its own namespace it can't be killed from within, and kills all that is left when a job has ended.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

USER = 61_184  # of no account


def main(words: Sequence[str]) -> None:
    """Serve the grader at the socket whose number is the first word; the second names protections left out."""
    control = socket.socket(fileno=int(words[0]))
    without = frozenset(filter(None, words[1].split(",")))
    from koopcourse.grading.inside import jail, trial

    if "user" not in without:
        jail.drop(USER)
    from koopcourse.grading.inside.serve import serve  # torch: a second or two

    found = trial.of_the_place()
    occupied = jail.address_space()
    gc.freeze()

    def locked_up(cpu: float, work: Callable[[], None]) -> None:
        jail.enter(cpu, occupied, without)
        work()

    found += _try_out(lambda: locked_up(5.0, lambda: None))
    control.send(json.dumps({"breaches": found}).encode())
    job = 0
    while True:
        message, ends, *_ = socket.recv_fds(control, 1 << 16, 1)
        if not message:
            os._exit(0)  # and the kernel ends whatever is left in here
        order = json.loads(message)
        if order["do"] == "warm":
            warm(order["names"])
            control.send(b"{}")
        elif order["do"] == "open":
            job = _fork(control, ends[0], lambda end, order=order: locked_up(order["cpu"], lambda: serve(end)))
            os.close(ends[0])
        else:
            control.send(json.dumps(_end(job)).encode())


def warm(names: Sequence[str]) -> None:
    """Load libraries that an answer uses: the time that this takes is nobody's."""
    from koopcourse.checks.preload import load

    load({*names})
    gc.freeze()


def _fork(control: socket.socket, end: int, work: Callable[[int], None]) -> int:
    """A child with no descriptor but its own end of a channel, which works and is gone."""
    child = os.fork()
    if child:
        return child
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.dup2(end, 3)
        os.closerange(4, 1 << 16)
        control.detach()
        work(3)
    finally:
        os._exit(0)


def _end(job: int) -> dict[str, Any]:
    """Kill what is left of a job, and say how its process ended and what it took."""
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    told: dict[str, Any] = {}
    while True:
        try:
            child, status, used = os.wait4(-1, 0)
        except ChildProcessError:
            return told
        if child == job:
            told = {"status": status, "cpu": used.ru_utime + used.ru_stime}


def _try_out(lock_up: Callable[[], None]) -> list[str]:
    """What a locked-up process can do and must not."""
    from koopcourse.grading.inside import trial

    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            lock_up()
            os.write(write, json.dumps(trial.of_the_jail()).encode())
        except BaseException as problem:
            os.write(write, json.dumps([f"no jail: {type(problem).__name__}: {problem}"]).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        told = file.read()
    _end(child)
    return json.loads(told or b'["the jail cannot be tried out"]')
