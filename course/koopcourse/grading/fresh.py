"""Without a sandbox, where the teacher trusts the class: a fresh process for each job, under limits alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time

from koopcourse.grading.frames import MOST_RESULT, Channel
from koopcourse.grading.sandbox import PACKAGES, Ended

_ENTER = (
    "import sys; sys.path[:0] = sys.argv[2:]; "
    "from koopcourse.grading.inside.serve import connect; connect(int(sys.argv[1]))"
)
_START = 180.0


class FreshProcesses:
    """Jobs in processes of their own, which run as the teacher and may do whatever the teacher may."""

    isolation = "none"

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._names: list[str] = []

    def wait(self) -> None:
        """Nothing is started ahead."""

    def warm(self, names: list[str]) -> None:
        """What the next processes load before their time runs."""
        self._names = names

    def open(self, cpu: float) -> Channel:
        """Start a process and wait until it reports; it proves by a word that it is the one."""
        word = secrets.token_hex(32)
        with socket.create_server(("127.0.0.1", 0)) as server:
            homes = [str(package.parent) for package in PACKAGES]
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _ENTER, str(server.getsockname()[1]), *homes],
                env={**os.environ, "KOOPTEACH_GRADER": word, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=os.name == "posix",
            )
            end = _accepted(server, word, self._process)
        channel = Channel(end, MOST_RESULT)
        channel.send({"cpu": cpu, "names": self._names})
        return channel

    def end(self) -> Ended:
        """Kill the process and, where there are such, its group."""
        process, self._process = self._process, None
        if process is None:
            return Ended(None, 0.0)
        if os.name == "posix":
            return _reaped(process)
        process.kill()
        process.wait()
        return Ended(None, 0.0)

    def alive(self) -> bool:
        """A new process is always to be had."""
        return True

    def close(self) -> None:
        """End what runs."""
        self.end()


def _reaped(process: subprocess.Popen[bytes]) -> Ended:
    """Kill a process with its group, and read what it took."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        _, status, used = os.wait4(process.pid, 0)
    except ChildProcessError:
        return Ended(None, 0.0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(status, used.ru_utime + used.ru_stime)


def _accepted(server: socket.socket, word: str, process: subprocess.Popen[bytes]) -> socket.socket:
    """The end of the process that says the word; it has to start first."""
    until = time.monotonic() + _START
    server.settimeout(0.5)
    while time.monotonic() < until and process.poll() is None:
        try:
            end, _ = server.accept()
        except TimeoutError:
            continue
        end.settimeout(10.0)
        try:
            with end.makefile("rb", buffering=0) as file:
                said = file.readline(1 + len(word)).rstrip(b"\n")  # byte by byte: frames follow
        except OSError:
            said = b""
        if secrets.compare_digest(said, word.encode()):
            return end
        end.close()
    process.kill()
    raise RuntimeError("a fresh process did not start; try: python -m koopcourse doctor")
