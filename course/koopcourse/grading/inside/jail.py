"""What a process gives up before it reads or runs anything of a student; all of it outlasts exec and fork."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import sys

try:
    import resource
except ImportError:  # Windows
    resource = None

from koopcourse.grading.inside import seccomp

MEMORY = 2 << 30  # bytes beside what is there already
FILES, FILE_SIZE, PROCESSES = 64, 16 << 20, 64
_PDEATHSIG, _DUMPABLE, _NO_NEW_PRIVS, _KILL = 1, 4, 38, 9
_PAGE = 4096
CAPABILITIES = 0x2008_0522  # version 3 of the kernel's structures


def enter(cpu: float, occupied: int, without: frozenset[str] = frozenset()) -> None:
    """Lock this process up for so many CPU seconds.

    Args:
        cpu: seconds after which the kernel kills it.
        occupied: bytes of address space in use now, as :func:`address_space` measured them.
        without: protections to leave out, which only tests do, to see that each is needed.
    """
    if "setsid" not in without:
        os.setsid()  # signals to "my process group" stay here
    if "prctl" not in without:
        control(_NO_NEW_PRIVS, 1)
        control(_PDEATHSIG, _KILL)
        control(_DUMPABLE, 0)
    if "limits" not in without:
        limit(cpu, occupied)
    if "seccomp" not in without and seccomp.known():
        seccomp.install()


def limit(cpu: float, occupied: int) -> None:
    """Set the limits of memory, time and everything that a process may have several of."""
    assert resource is not None
    limits = {
        "AS": occupied + MEMORY,
        "CPU": max(math.ceil(cpu), 1),
        "FSIZE": FILE_SIZE,
        "NPROC": PROCESSES,
        "NOFILE": FILES,
        "MSGQUEUE": 0,
        "MEMLOCK": 0,
        "CORE": 0,
    }
    for name, most in limits.items():
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is None or (name == "AS" and sys.platform != "linux"):  # macOS has no such limits
            continue
        hard = resource.getrlimit(which)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (most, most))


def drop(user: int) -> None:
    """Become a user who owns nothing. Changing it makes the kernel forget who dies with whom: say it again."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _no_capabilities()
    control(_PDEATHSIG, _KILL)
    control(_DUMPABLE, 0)


def address_space() -> int:
    """Bytes of address space in use, found by trying under which limit one page more is refused: there is no /proc."""
    assert resource is not None
    usual = resource.getrlimit(resource.RLIMIT_AS)
    low, high = 0, 1 << 46
    while high - low > 1 << 20:
        middle = (low + high) // 2
        low, high = (low, middle) if _a_page_fits(middle, usual) else (middle, high)
    return high


def _a_page_fits(most: int, usual: tuple[int, int]) -> bool:
    assert resource is not None
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most, usual[1]))
        mmap.mmap(-1, _PAGE).close()
    except (OSError, MemoryError, ValueError):
        return False
    finally:
        resource.setrlimit(resource.RLIMIT_AS, usual)
    return True


def _no_capabilities() -> None:
    """Also none that a program which it starts could inherit."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset((ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset failed")


def control(option: int, value: int) -> None:
    """prctl.

    Raises:
        OSError: if the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")
