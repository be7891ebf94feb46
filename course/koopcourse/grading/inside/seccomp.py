"""A filter of system calls, set by prctl: no new process, no signal, no socket, no mount, no tracing.

What is forbidden fails with EPERM. A thread may be started (clone with CLONE_THREAD; clone3, whose flags a filter can't
read, is said not to exist, and libraries fall back on clone).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_CLONE_THREAD, _X32 = 0x1_0000, 0x4000_0000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _ERROR = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_SET_SECCOMP, _FILTER = 22, 2

# By name: the number on x86_64 and on aarch64; None where the architecture has no such call.
_FORBIDDEN: dict[str, tuple[int | None, int | None]] = {
    **{"fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281)},
    **{"kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138)},
    **{"rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434)},
    **{"pidfd_getfd": (438, 438), "ptrace": (101, 117), "process_vm_readv": (310, 270)},
    **{"process_vm_writev": (311, 271), "kcmp": (312, 272), "unshare": (272, 97), "setns": (308, 268)},
    **{"mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51)},
    **{"open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431)},
    **{"fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "bpf": (321, 280)},
    **{"io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427)},
    **{"perf_event_open": (298, 241), "userfaultfd": (323, 282), "add_key": (248, 217)},
    **{"request_key": (249, 218), "keyctl": (250, 219), "socket": (41, 198), "socketpair": (53, 199)},
    **{"memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196)},
    **{"shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191)},
    **{"semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188)},
    **{"msgctl": (71, 187), "mq_open": (240, 180), "name_to_handle_at": (303, 264)},
    **{"open_by_handle_at": (304, 265), "kexec_load": (246, 104), "init_module": (175, 105)},
    **{"finit_module": (313, 273), "delete_module": (176, 106), "swapon": (167, 224), "swapoff": (168, 225)},
    **{"reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162), "quotactl": (179, 60)},
    **{"acct": (163, 89), "personality": (135, 92), "fanotify_init": (300, 262), "inotify_init1": (294, 26)},
    **{"modify_ldt": (154, None), "iopl": (172, None), "ioperm": (173, None)},
}
_MACHINES = {"x86_64": (0, 0xC000_003E, 56), "aarch64": (1, 0xC000_00B7, 220)}  # column, AUDIT_ARCH, clone
_CLONE3 = 435


def known() -> bool:
    """Whether this processor has a table here."""
    return platform.machine() in _MACHINES


def program(machine: str) -> bytes:
    """The filter as an array of ``struct sock_filter``."""
    column, architecture, clone = _MACHINES[machine]
    numbers = sorted(number for row in _FORBIDDEN.values() if (number := row[column]) is not None)
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *_answers(_AT_LEAST, _X32, _ERROR | errno.EPERM),  # x86_64's calls under other numbers
        *_answers(_EQUAL, _CLONE3, _ERROR | errno.ENOSYS),
        (_EQUAL, 0, 4, clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    for number in numbers:
        lines += _answers(_EQUAL, number, _ERROR | errno.EPERM)
    return b"".join(struct.pack("=HBBI", *line) for line in [*lines, (_RETURN, 0, 0, _ALLOW)])


def install() -> None:
    """Filter this thread's system calls from now on, and those of whatever it starts.

    Raises:
        OSError: if the kernel will not.
    """
    code = program(platform.machine())
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(head, len(head)), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel sets no filter of system calls")


def _answers(test: int, value: int, answer: int) -> list[tuple[int, int, int, int]]:
    """Two lines: if the test holds, this is the answer."""
    return [(test, 0, 1, value), (_RETURN, 0, 0, answer)]
