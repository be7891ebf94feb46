"""A bubblewrap sandbox for one submission: read-only files, no network, its own processes, and a keeper inside."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import koopteach
from koopcourse.grading.frames import MOST_RESULT, Channel

COURSE = Path(__file__).resolve().parents[1]
PACKAGES = (COURSE, Path(koopteach.__file__).resolve().parent)
HIDDEN = tuple(COURSE / name for name in ("exercises", "teaching", "authoring"))  # what no answer needs
EXCHANGES = (Path("/usr/local/share/nbgrader"), Path("/usr/share/nbgrader"))  # where nbgrader may keep submissions
WRITABLE = 16 << 20  # bytes, in memory
_START, _END, _GRACE = 180.0, 30.0, 3.0  # seconds to load torch, to clear up after a job, to go by itself
_ENTER = (
    "import sys; sys.path[:0] = sys.argv[3:]; from koopcourse.grading.inside.keeper import main; main(sys.argv[1:3])"
)
_KEPT = ("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE")  # the same arithmetic on both sides


class Refused(RuntimeError):
    """There is no sandbox, or one of its walls gives way."""


class Ended(NamedTuple):
    """How the process of a job ended: its wait status, and the CPU seconds that it took. None: it left no trace."""

    status: int | None
    cpu: float


class Sandbox:
    """Jobs of one submission, each in a process of its own.

    Args:
        without: protections to leave out, for tests alone.
        hidden: folders that are empty within, also where they lie below the system's or Python's.
    """

    isolation = "bubblewrap"

    def __init__(self, without: frozenset[str] = frozenset(), hidden: Sequence[Path] = ()) -> None:
        words = command(without, hidden)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready, self._said = False, tempfile.TemporaryFile()  # noqa: SIM115 (closed with the object)
        try:
            self._process = subprocess.Popen(
                [*words, *inside(theirs.fileno(), without)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                start_new_session=True,
            )
        finally:
            theirs.close()

    def wait(self) -> None:
        """Wait until it has started and tried its walls.

        Raises:
            Refused: if it has not, or a wall gives way.
        """
        if self._ready:
            return
        told = self._answer(_START)
        if told is None:
            self._process.kill()
            words = self._last_words()
            self.close()
            raise Refused(f"the sandbox does not start: {words}")
        if told["breaches"]:
            self.close()
            raise Refused(f"the sandbox has holes; these of its walls give way: {', '.join(told['breaches'])}")
        self._ready = True

    def warm(self, names: list[str]) -> None:
        """Load what an answer uses before its time runs."""
        if names:
            self._ask({"do": "warm", "names": names}, _START)

    def open(self, cpu: float) -> Channel:
        """A fork for a job of so many CPU seconds, and the way to it."""
        self.wait()
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(OSError):  # the keeper is gone: so will be the channel
            socket.send_fds(self._control, [json.dumps({"do": "open", "cpu": cpu}).encode()], [theirs.fileno()])
        return Channel(ours, MOST_RESULT)

    def end(self) -> Ended:
        """Kill all that the job has left, and say how it ended."""
        told = self._ask({"do": "end"}, _END)
        return Ended(told.get("status"), float(told.get("cpu", 0.0)))

    def alive(self) -> bool:
        """Whether further jobs can be done here."""
        return self._process.poll() is None

    def close(self) -> None:
        """Kill everything within: the keeper goes when nobody holds the other end, and all else with it."""
        self._control.close()
        try:
            self._process.wait(_GRACE if self._ready else 0.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def _ask(self, order: dict[str, Any], seconds: float) -> dict[str, Any]:
        try:
            self._control.send(json.dumps(order).encode())
        except OSError:
            return {}
        told = self._answer(seconds)
        if told is None:
            self.close()
        return told or {}

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        self._control.settimeout(seconds)
        try:
            text = self._control.recv(1 << 16)
        except OSError:
            return None
        return json.loads(text) if text else None

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read(1 << 16).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def inside(descriptor: int, without: frozenset[str]) -> list[str]:
    """What runs within."""
    homes = [str(package.parent) for package in PACKAGES]
    return [sys.executable, "-I", "-B", "-c", _ENTER, str(descriptor), ",".join(sorted(without)), *homes]


def command(without: frozenset[str], hidden: Sequence[Path] = ()) -> list[str]:
    """bubblewrap and its options."""
    program = shutil.which("bwrap")
    if program is None:
        raise Refused("there is no bubblewrap (bwrap)")
    words = [program, "--die-with-parent", "--new-session", *(() if "pid" in without else ("--as-pid-1",))]
    words += [f"--unshare-{what}" for what in ("pid", "net", "ipc", "uts") if what not in without]
    words += ["--unshare-cgroup-try", "--cap-drop", "ALL"]
    if os.geteuid() == 0:  # in a user namespace it would stay the super-user, whom no limit of processes binds
        words += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        words += ["--unshare-user", "--uid", "61184", "--gid", "61184"]
    return [*words, *_files(without, hidden), *_environment()]


def _files(without: frozenset[str], hidden: Sequence[Path]) -> list[str]:
    words = ["--perms", "0755", "--tmpfs", "/dev"]
    for device in ("null", "zero", "random", "urandom"):
        words += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    words += ["--perms", "1777", "--size", str(WRITABLE), "--tmpfs", "/tmp"]
    for path in _system():
        words += ["--symlink", os.readlink(path), str(path)] if path.is_symlink() else _bound(path)
    shown = [*_python(), *PACKAGES]
    for path in shown:
        words += _bound(path)
    empty = [] if "hidden" in without else _below((*HIDDEN, *EXCHANGES, *hidden), [*_system(), *shown])
    for path in empty:
        words += ["--perms", "0755", "--tmpfs", str(path)]
    for path in () if "read-only" in without else ("/dev", *empty, "/"):
        words += ["--remount-ro", str(path)]
    return [*words, "--chdir", "/tmp"]


def _below(paths: Iterable[Path], shown: Sequence[Path]) -> list[Path]:
    """Where those of the folders that lie in others would be seen with them."""
    pairs = [(path.resolve(), home) for path in paths if path.is_dir() for home in shown if not home.is_symlink()]
    seen = {home / path.relative_to(home.resolve()) for path, home in pairs if path.is_relative_to(home.resolve())}
    return sorted(seen - {*shown})


def _bound(path: Path) -> list[str]:
    """A path bound read-only, after its parents, which others may pass."""
    parents = [word for parent in reversed(path.parents[:-1]) for word in ("--perms", "0755", "--dir", str(parent))]
    return [*parents, "--ro-bind", str(path), str(path)]


def _system() -> list[Path]:
    """What programs need of the system: libraries, and where the loader finds them."""
    names = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/nix/store")
    return [path for path in map(Path, names) if path.exists()]


@functools.cache
def _python() -> list[Path]:
    """Where this Python and its libraries live, without what lies below the system's folders or each other."""
    homes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    homes |= {os.path.dirname(os.path.dirname(os.path.realpath(sys.executable)))}
    homes |= {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    homes |= {*site.getsitepackages()}
    paths = sorted({Path(home) for home in homes if os.path.isdir(home)})
    above = [Path("/usr"), *paths]
    return [path for path in paths if not any(path != other and path.is_relative_to(other) for other in above)]


def _environment() -> list[str]:
    values = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "KOOPTEACH_DEVICE": "cpu",
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
    }
    return ["--clearenv", *(word for pair in values.items() for word in ("--setenv", *pair))]
