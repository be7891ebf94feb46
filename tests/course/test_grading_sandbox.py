"""Attacks on the grader: none gains a point, none costs another exercise, another student or the machine anything."""

import ast
import os
import sys
import tempfile
from pathlib import Path

import pytest

from koopcourse.checks import declared
from koopcourse.grading import score
from koopcourse.grading.limits import Limits
from koopcourse.grading.sandbox import Refused, Sandbox
from tests.needs import needs_program

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is Linux' own")]
if sys.platform == "linux":
    needs_program("bwrap", "bubblewrap")

EXERCISE = declared.load("05").EXERCISES[3]  # three numbers in, one out
ROWS = declared.load("05").EXERCISES[2]
BRIEF = Limits(seconds=1.0, patience=2.0)
USUAL = Limits()
RIGHT = "def answer(start, step_size, n_steps):\n    return start * (1 - step_size) ** (2 * n_steps)\n"


def a_slice(code, expression="answer", names=()):
    """What the reader in the sandbox makes of a notebook with one cell."""
    cells = [[1, code, list(range(len(ast.parse(code).body)))]]
    return {
        "cells": cells,
        "answer": expression,
        "names": names,
        "uses": [],
        "rests": [],
        "normal": "",
        "size": 9,
        "broken": [],
    }


class Boxes:
    """The sandbox of the one who attacks and that of the next student, started anew where they died."""

    def __init__(self):
        self._boxes = {}

    def __getitem__(self, whose):
        box = self._boxes.get(whose)
        if box is None or not box.alive():
            box = self._boxes[whose] = Sandbox()
            box.wait()
        return box

    def close(self):
        for box in self._boxes.values():
            box.close()

    def processes(self):
        """How many processes live in the sandboxes, seen from outside: the keepers, and what should not be there."""
        mine = os.readlink("/proc/self/ns/pid")
        keepers = {box._process.pid for box in self._boxes.values() if box.alive()}
        theirs = {space for pid in keepers for space in _spaces_below(pid) if space != mine}
        return sum(1 for entry in Path("/proc").glob("[0-9]*") if _space(entry) in theirs) - len(keepers)


def _space(entry):
    try:
        return os.readlink(entry / "ns" / "pid")
    except OSError:
        return ""


def _spaces_below(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [_space(Path("/proc") / child) for child in children]


@pytest.fixture(scope="module")
def boxes():
    made = Boxes()
    yield made
    made.close()


def mark(box, code, limits=USUAL, exercise=EXERCISE):
    return score.mark(exercise, a_slice(code), box, limits)


def attack(boxes, code, limits=USUAL, exercise=EXERCISE):
    """The attacker's row. An honest exercise and an honest student after it have all their points; nobody is left."""
    box = boxes["attacker"]
    row = mark(box, code, limits, exercise)
    assert boxes["attacker"] is box, "the sandbox has not outlived it"
    for whose in ("attacker", "next student"):
        honest = mark(boxes[whose], RIGHT)
        assert honest["points"] == EXERCISE.minutes, honest
    assert boxes.processes() == 0
    return row


# Each returns what is right where it reaches what it is after: a point is a wall that gave way.
TAKES_TIME = {
    "an endless loop": "def answer(*a):\n    while True: pass",
    "a loop that swallows exceptions": (
        "def answer(*a):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass"
    ),
    "a sleep in C": "import time\ndef answer(*a): time.sleep(1000)",
    "a huge product in C": "import torch\ndef answer(*a):\n    x = torch.ones(9000, 9000)\n    while True: x = x @ x",
    "while it is defined": "while True: pass\nanswer = 1",
    "a signal handler": (
        "import signal\nsignal.signal(signal.SIGXCPU, lambda *a: None)\ndef answer(*a):\n    while True: pass"
    ),
}
TAKES_MEMORY = {
    "ten gigabytes": "import torch\ndef answer(*a): return torch.ones(10 * 2**30, dtype=torch.uint8).sum()",
    "a list that grows": "def answer(*a):\n    x = []\n    while True: x.append(bytes(10**7))",
    "a list while it is defined": "x = [0] * 10**10\nanswer = len",
    "limits raised": (
        "import resource\ntry: resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nexcept (ValueError, OSError): pass\n"
        "def answer(*a): return len(bytearray(10 * 2**30))"
    ),
}
ENDS = {
    "os._exit": "import os\ndef answer(*a): os._exit(0)",
    "os._exit while it is defined": "import os\nos._exit(0)\nanswer = 1",
    "a crash": "import ctypes\ndef answer(*a): ctypes.string_at(0)",
    "abort": "import os\ndef answer(*a): os.abort()",
    "its own channel closed": "import os\ndef answer(*a): os.close(3)",
    "everything closed": "import os\ndef answer(*a): os.closerange(0, 100)",
}
OK = "def right(start, step_size, n_steps): return start * (1 - step_size) ** (2 * n_steps)\n"
TRY = OK + "{before}\ndef answer(*a):\n    {act}\n    return right(*a)\n"
LIBC = (
    "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    "def must(x):\n    if x < 0: raise OSError(ctypes.get_errno())"
)


def tries(act, before=""):
    return TRY.format(before=before, act=act)


REACHES = {
    "a fork": tries("os.fork() or os._exit(0)", "import os"),
    "three hundred forks": tries("[os.fork() for _ in range(300)]", "import os"),
    "a daemon": tries("os.fork() or (os.setsid(), os.fork(), time.sleep(99))", "import os, time"),
    "posix_spawn": tries("os.posix_spawn('/bin/sleep', ['sleep', '99'], {})", "import os"),
    "a program": tries("subprocess.run(['/bin/true'], check=True)", "import subprocess"),
    "another program in its place": tries("os.execv('/bin/true', ['true'])", "import os"),
    "kill all": tries("os.kill(-1, 9)", "import os"),
    "kill the keeper": tries("os.kill(1, 9)", "import os"),
    "kill the group": tries("os.killpg(0, 9)", "import os"),
    "trace the keeper": tries("must(libc.ptrace(16, 1, 0, 0))", LIBC),
    "write into the keeper": tries("must(libc.process_vm_writev(1, 0, 0, 0, 0, 0))", LIBC),
    "a new namespace": tries("must(libc.unshare(0x10000000))", LIBC),
    "a mount": tries("must(libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0))", LIBC),
    "keys": tries("must(libc.syscall(250 if os.uname().machine == 'x86_64' else 219, 0, -3, 1))", LIBC),
    "io_uring": tries("must(libc.syscall(425, 1, ctypes.create_string_buffer(200)))", LIBC),
    "a file in memory": tries("os.memfd_create('x')", "import os"),
    "shared memory": tries("must(libc.shmget(0x1234, 4096, 0o1666))", LIBC),
    "a message queue": tries("must(libc.msgget(0x1234, 0o1666))", LIBC),
    "super-user": tries("os.setuid(0)", "import os"),
    "a group": tries("os.setgroups([0])", "import os"),
    "another root": tries("os.chroot('/tmp')", "import os"),
    "to be traced": tries("must(0 if libc.prctl(38, 0, 0, 0, 0) == 0 and libc.prctl(39) == 0 else -1)", LIBC),
    "a socket": tries("socket.socket()", "import socket"),
    "the loopback": tries("socket.create_connection(('127.0.0.1', 22), 1)", "import socket"),
    "a pair of sockets": tries("socket.socketpair()", "import socket"),
    "a name": tries("socket.gethostbyname('localhost.example')", "import socket"),
    "the declarations": tries("import koopcourse.exercises.l05"),
    "the declarations by their engine": (
        "from koopcourse.checks import declared\nanswer = declared.find('L05-E4')[0].reference"
    ),
    "the solutions": tries(
        "open(Path(koopteach.__file__).parents[1] / 'solutions/05_kswgd.py')",
        "import koopteach\nfrom pathlib import Path",
    ),
    "accounts": tries("open('/etc/passwd')"),
    "other processes": tries("open('/proc/1/status')"),
    "the command line": tries("open('/proc/self/cmdline')"),
    "a home": tries("os.listdir('/home') or os.listdir('/root')", "import os"),
    "a disk": tries("open('/dev/sda')"),
    "the packages": tries("open(os.path.join(os.path.dirname(koopteach.__file__), 'x'), 'w')", "import os, koopteach"),
    "the keeper's code": tries("open(koopcourse.__file__, 'a').write('#')", "import koopcourse"),
    "the root": tries("open('/x', 'w')"),
    "devices": tries("open('/dev/x', 'w')"),
    "shared memory's folder": tries("os.makedirs('/dev/shm')", "import os"),
    "twenty megabytes of files": tries("[open(f'{k}', 'wb').write(bytes(1 << 20)) for k in range(20)]", ""),
    "a file of twenty megabytes": tries("open('x', 'wb').write(bytes(20 << 20))"),
    "a hundred open files": tries("[open('/dev/null') for _ in range(100)]"),
}
PRETENDS = {
    "the engine patched": (
        "import koopcourse.checks.compare as c, koopcourse.checks.probes as p\n"
        "c.agree = c.close = c.same = lambda *a, **k: True\np.Probes.first_failure = lambda self: None\n"
        "p.Probes._tried = lambda *a, **k: None\ndef answer(*a): return 7.25"
    ),
    "a printed verdict": "def answer(*a):\n    print('PASSED ✓ L05-E4 ' * 99)\n    return 7.25",
    "an object that equals everything": (
        "class Yes(float):\n    def __eq__(self, other): return True\n    def __sub__(self, other): return Yes(0)\n"
        "    __rsub__ = __sub__\n    def __abs__(self): return Yes(0)\n    def __le__(self, other): return True\n"
        "    __lt__ = __ge__ = __gt__ = __le__\ndef answer(*a): return Yes(7)"
    ),
    "a tensor that equals everything": (
        "import torch\nclass Yes(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, f, types, args=(), "
        "kwargs=None):\n"
        "        return True if f is not torch.Tensor.detach else torch.Tensor(0)\ndef answer(*a): return Yes()"
    ),
    "an object that is unpickled": (
        "import os\nclass Bomb:\n    def __reduce__(self): return (os.system, ('touch bomb',))\n"
        "def answer(*a): return Bomb()"
    ),
    "not a number": "def answer(*a): return float('nan')",
    "infinity": "def answer(*a): return float('inf')",
    "a type with another's name": "def answer(*a): return type('x' * 10**6 + '<b>', (), {})()",
    "a long list": "def answer(*a): return [0.0] * 10**7",
    "a large tensor": "import torch\ndef answer(*a): return torch.zeros(10**8)",
    "a wide tensor of nothing": "import torch\ndef answer(*a): return torch.zeros(1).expand(10**12)",
    "a whole number of a million digits": "def answer(*a): return 10**1000000",
    "a whole number beyond numpy's": "def answer(*a): return 10**1000",
    "an exception of half a letter": "def answer(*a): raise ValueError('\\ud800')",
    "a list in itself": "x = []\nx.append(x)\ndef answer(*a): return x",
    "an exception that fails": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\n    __repr__ = __str__\ndef answer(*a): raise E"
    ),
    "the reference's own name": "answer = 'koopcourse.exercises.l05.energy_after'",
}
FORGED = (
    "import json, os, struct\n"
    "def frame(message, raw=b''):\n"
    "    text = message if isinstance(message, bytes) else json.dumps(message).encode()\n"
    "    return struct.pack('!II', len(text), len(raw)) + text + raw\n"
    "def nonce():\n"
    "    import sys\n"
    "    frame = sys._getframe()\n"
    "    while frame:\n"
    "        if 'request' in frame.f_locals: return frame.f_locals['request']['nonce']\n"
    "        frame = frame.f_back\n"
)


def forges(message):
    """An answer that writes this into the grader's channel before it returns what is right."""
    return f"def answer(*a):\n    os.write(3, {message})\n    return right(*a)"


SHAPE = "{'kind': 'tensor', 'dtype': 'float64', 'shape': [10**12], 'bytes': 0}"
PICKLE = "{'kind': 'function', 'bytes': 9}"
FORGES = {
    "noise": forges("os.urandom(999)"),
    "an answer ahead": forges("frame({'nonce': 'x', 'value': 1.0})"),
    "answers to other questions": (
        "import koopcourse.grading.frames as frames\nusual = frames.Channel.send\n"
        "def send(channel, message, *a): usual(channel, {**message, 'nonce': 'x' * 32}, *a)\n"
        "frames.Channel.send = send\ndef answer(*a): return right(*a)"
    ),
    "an answer too many": forges("frame({'nonce': nonce(), 'value': 0.5}) * 2"),
    "a frame of four gigabytes": forges("struct.pack('!II', 2**32 - 1, 2**32 - 1)"),
    "JSON as deep as it goes": forges("frame(b'[' * 10**5)"),
    "no object": forges("frame([1])"),
    "a shape without bytes": forges(f"frame({{'nonce': nonce(), 'changed': [], 'value': {SHAPE}}})"),
    "a table without rows, wide as a disk": forges(
        f"frame({{'nonce': nonce(), 'changed': [], 'value': {SHAPE.replace('[', '[0, ')}}})"
    ),
    "a function": forges(f"frame({{'nonce': nonce(), 'changed': [], 'value': {PICKLE}}}, b'cos\\nsystem')"),
    "a half frame": "def answer(*a):\n    os.write(3, struct.pack('!II', 1000, 0))\n    os._exit(0)",
}


@pytest.mark.parametrize("name", TAKES_TIME)
def test_whoever_takes_too_long_is_stopped(boxes, name):
    row = attack(boxes, TAKES_TIME[name], BRIEF)
    assert row["points"] == 0
    assert "was stopped: an exercise has 1 seconds" in row["words"]


@pytest.mark.parametrize("name", TAKES_MEMORY)
def test_whoever_takes_too_much_memory_is_told_so(boxes, name):
    row = attack(boxes, TAKES_MEMORY[name])
    assert row["points"] == 0
    assert "more memory than a check allows" in row["words"]


@pytest.mark.parametrize("name", ENDS)
def test_whoever_ends_python_has_a_few_starts_and_no_points(boxes, name):
    row = attack(boxes, ENDS[name])
    assert row["points"] == 0
    assert "ended Python itself, or crashed it" in row["words"]


@pytest.mark.parametrize("name", REACHES)
def test_what_lies_outside_is_out_of_reach(boxes, name):
    row = attack(boxes, REACHES[name])
    assert row["points"] == 0, f"{name} was reached"


@pytest.mark.parametrize("name", PRETENDS)
def test_who_pretends_gains_nothing(boxes, name):
    row = attack(boxes, PRETENDS[name], Limits(seconds=2.0))
    assert row["points"] == 0
    assert len(row["words"]) < 1000


@pytest.mark.parametrize("name", FORGES)
def test_forged_frames_end_the_exercise_at_once(boxes, name):
    row = attack(boxes, OK + FORGED + FORGES[name])
    assert row["points"] < EXERCISE.minutes / 4  # a frame may hold what is right, once
    ended = "ended Python itself" if "_exit" in FORGES[name] else "wrote into the grader's own channel"
    assert ended in row["words"]


@pytest.mark.skipif(not os.access(sys.prefix, os.W_OK), reason="Python's own folder is somebody else's")
def test_submissions_that_lie_below_python_are_out_of_reach():
    with tempfile.TemporaryDirectory(dir=sys.prefix) as home:
        os.chmod(home, 0o755)
        other = Path(home, "05_kswgd.ipynb")
        other.write_text("{}", encoding="utf-8")
        for hidden in ([], [Path(home)]):
            box = Sandbox(hidden=hidden)
            row = mark(box, tries(f"open({str(other)!r}).close()"))
            box.close()
            assert (row["points"] == EXERCISE.minutes) == (not hidden), row


def test_threads_are_limited(boxes):
    started = "[threading.Thread(target=time.sleep, args=(9,)).start() for _ in range(300)]"
    code = tries(started, "import threading, time")
    assert attack(boxes, code, Limits(seconds=3.0))["points"] == 0


def test_one_crash_costs_one_probe(boxes):
    """And not the exercise: a learner's answer that crashes on an edge keeps what it is worth."""
    crash = "import os\ndef answer(start, step_size, n_steps):\n    if n_steps == 400: os._exit(1)\n"
    row = attack(boxes, OK + crash + "    return right(start, step_size, n_steps)")
    assert (row["right"], row["probes"]) == (10, 11)


def test_a_change_in_place_costs_one_probe(boxes):
    norm = "def norm(move): return move.norm(dim=1, keepdim=True).clamp_min(1e-300)\n"
    code = "def answer(move, length):\n    move *= (length / norm(move)).clamp_max(1.0)\n    return move"
    row = mark(boxes["attacker"], norm + code, exercise=ROWS)
    assert (row["right"], row["probes"]) == (11, 12)
    assert "changes its argument move in place" in row["words"]


def test_the_line_is_the_students_own(boxes):
    code = "import math\n\n\ndef answer(start, step_size, n_steps):\n    return math.sqrt(-start - 1)"
    row = mark(boxes["attacker"], code)
    assert row["words"].endswith(", in line 5: return math.sqrt(-start - 1).")


@pytest.mark.parametrize(
    ("without", "wall"),
    [
        ("pid", "another process namespace"),
        ("net", "no network but the loopback"),
        ("hidden", "no declarations"),
        ("read-only", "files that are read-only"),
        ("user", "no super-user"),
        ("setsid", "a session of its own"),
        ("prctl", "to die with its keeper"),
        ("limits", "limited memory"),
        ("seccomp", "no new namespace"),
    ],
)
def test_a_sandbox_without_one_of_its_walls_refuses_to_work(without, wall):
    if without == "user" and os.geteuid() != 0:
        pytest.skip("an ordinary user is no super-user")
    box = Sandbox(without=frozenset([without]))
    try:
        with pytest.raises(Refused, match=wall):
            box.wait()
    finally:
        box.close()
