"""A sandbox tries out its own walls before anything of a student comes in; whatever gives way is named."""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import mmap
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from koopcourse.grading.inside import jail, seccomp

_GET_PDEATHSIG, _GET_DUMPABLE, _GET_NO_NEW_PRIVS, _NEW_USER = 2, 3, 39, 0x1000_0000


def of_the_place() -> list[str]:
    """Namespaces, files and network, as the first process sees them."""
    walls = {
        "another process namespace": os.getpid() == 1,
        "no network but the loopback": {name for _, name in socket.if_nameindex()} <= {"lo"},
        "no declarations": importlib.util.find_spec("koopcourse.exercises.l00") is None,
        "no accounts": not Path("/etc/passwd").exists(),
        "no other processes": not Path("/proc/1").exists(),
        "files that are read-only": all(_read_only(path) for path in ("/", "/dev", __file__)),
        "no home": not any(path.exists() for path in (Path("/root", ".ssh"), Path("/home"))),
    }
    return [wall for wall, stands in walls.items() if not stands]


def of_the_jail() -> list[str]:
    """What a locked-up process may not do, tried."""
    libc = ctypes.CDLL(None, use_errno=True)
    walls = {
        "no super-user": os.getuid() != 0 and os.geteuid() != 0,
        "no way back to the super-user": _refused(lambda: os.setuid(0)),
        "no capabilities": not _capabilities(libc),
        "no new privileges": libc.prctl(_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
        "to die with its keeper": _dies_with_its_parent(libc),
        "not to be traced": libc.prctl(_GET_DUMPABLE, 0, 0, 0, 0) == 0,
        "a session of its own": os.getsid(0) == os.getpid(),
        "a root that is read-only": _refused(lambda: _write(Path("/trial"))),
        "packages that are read-only": _refused(lambda: _write(Path(__file__).parent / "trial")),
        "devices that are read-only": _refused(lambda: _write(Path("/dev/trial"))),
        "limited memory": _refused(lambda: mmap.mmap(-1, 8 << 30).close()),
        "limited files": _refused(lambda: [os.dup(0) for _ in range(4096)]),
        "limited processes": _limited("NPROC", jail.PROCESSES),
        "limited time": _limited("CPU", 60),
        "one thread works": _thread_works(),
    }
    if seccomp.known():
        walls |= {
            "no socket": _refused(socket.socket),
            "no new namespace": _refused(lambda: _call(libc.unshare, _NEW_USER)),
            "no signal": _refused(lambda: os.kill(1, 0)),
            "no keys": _refused(lambda: _call(libc.syscall, 250 if os.uname().machine == "x86_64" else 219, 0, -3, 1)),
            "no new process": _refused(_forks),  # the last: where it works two would go on
        }
    return [wall for wall, stands in walls.items() if not stands]


def _read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except (OSError, MemoryError):
        return True
    return False


def _call(function: Callable[..., int], *arguments: int) -> None:
    if function(*arguments) < 0:
        number = ctypes.get_errno()
        if number in (errno.EPERM, errno.ENOSYS):
            raise OSError(number, "refused")


def _write(path: Path) -> None:
    path.write_bytes(b"x")
    path.unlink()


def _forks() -> None:
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)


def _thread_works() -> bool:
    done: list[bool] = []
    thread = threading.Thread(target=lambda: done.append(True))
    thread.start()
    thread.join(5.0)
    return bool(done)


def _limited(name: str, most: int) -> bool:
    import resource

    return 0 <= resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] <= most


def _dies_with_its_parent(libc: ctypes.CDLL) -> bool:
    number = ctypes.c_int()
    return libc.prctl(_GET_PDEATHSIG, ctypes.byref(number), 0, 0, 0) == 0 and number.value == signal.SIGKILL


def _capabilities(libc: ctypes.CDLL) -> bool:
    """Whether the process holds any capability, by capget, version 3."""
    head, sets = (ctypes.c_uint32 * 2)(jail.CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    return bool(libc.capget(head, sets)) or any(sets)
