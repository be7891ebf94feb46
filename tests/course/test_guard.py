"""A learner's code can hang, explode, print and meddle: one clear line comes of it, and nothing else changes."""

import random
import sys
import threading
import time

import numpy as np
import pytest
import torch

from koopcourse.checks import guard as guard_module
from koopcourse.checks import interrupt
from koopcourse.checks.guard import Guard
from koopcourse.checks.interrupt import TimeUp, limited

try:
    import resource
except ImportError:  # Windows
    resource = None

# Limits that end while the alarm is on its way: Windows' timer ticks every 15.6 ms.
BRIEF, ROUNDS = ((0.02, 0.04), 50) if sys.platform == "win32" else ((1e-6, 1e-3, 2e-3), 300)
LIMIT_AT_THE_START = resource and resource.getrlimit(resource.RLIMIT_AS)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited on Linux only")


@pytest.fixture
def short_time(monkeypatch):
    monkeypatch.setattr(guard_module, "TIME_LIMIT", 0.3)


def _hangs():
    while True:
        pass


def _swallows_exceptions():
    while True:
        try:
            len("work")
        except Exception:
            continue


def _swallows_everything_in_a_busy_loop():
    while True:
        try:
            sum(i * i for i in range(100))
        except:  # noqa: E722
            continue


def _swallows_everything_asleep():
    while True:
        try:
            time.sleep(0.005)
        except:  # noqa: E722
            continue


def _recurses():
    return _recurses()


@pytest.mark.slow
@pytest.mark.parametrize(
    "function",
    [
        _hangs,
        _swallows_exceptions,
        _swallows_everything_in_a_busy_loop,
        pytest.param(
            _swallows_everything_asleep,
            marks=pytest.mark.skipif(sys.version_info[:2] == (3, 12), reason="3.12 looks for requests too late"),
        ),
    ],
)
def test_a_hanging_loop_is_interrupted(function, short_time):
    start = time.monotonic()
    outcome = Guard().call(function)
    assert outcome.fault.kind == "time"
    assert time.monotonic() - start < 8  # 0.6 s on an idle machine


@pytest.mark.slow
def test_the_time_is_shared_by_all_calls_of_a_check(short_time):
    guard = Guard()
    guard.call(_hangs)
    start = time.monotonic()
    assert guard.call(_hangs).fault.kind == "time"
    assert time.monotonic() - start < 2


@pytest.mark.slow
def test_a_busy_computer_makes_nobody_late():
    """What counts is the processor's time: this function waits longer than it may compute."""

    def waits():
        time.sleep(0.5)
        return "done"

    assert limited(waits, 0.2) == "done"


@pytest.mark.slow
def test_what_waits_without_end_is_stopped_all_the_same():
    def waits():
        while True:
            time.sleep(0.01)

    with pytest.raises(TimeUp):
        limited(waits, 0.1)


@pytest.mark.slow
def test_an_interruption_works_in_any_thread(short_time):
    faults = []
    thread = threading.Thread(target=lambda: faults.append(Guard().call(_hangs).fault.kind))
    thread.start()
    thread.join(timeout=20)
    assert faults == ["time"]


def test_what_swallows_the_interruption_and_returns_is_late_all_the_same():
    def stubborn():
        try:
            _hangs()
        except BaseException:
            return "done"

    with pytest.raises(TimeUp):
        limited(stubborn, 0.05)


def test_cleaning_up_is_possible_after_an_interruption():
    cleaned = []

    def tidy():
        try:
            _hangs()
        finally:
            cleaned.extend(k for k in range(3))

    with pytest.raises(TimeUp):
        limited(tidy, 0.05)
    assert cleaned == [0, 1, 2]


@pytest.fixture
def eager_threads():
    """Let threads take turns often, so that races show."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.slow
@pytest.mark.parametrize("swallow", [False, True])
def test_no_interruption_arrives_late(monkeypatch, eager_threads, swallow):
    """Functions end within microseconds of the limit; were one interruption late, it would end this test."""
    monkeypatch.setattr(interrupt, "AGAIN", 1e-4)
    monkeypatch.setattr(interrupt, "POLITE", 2)
    random_numbers, endings = random.Random(0), set()

    def spin():
        while time.perf_counter() < end:
            try:
                len([0 for _ in range(30)])
            except BaseException:
                if not swallow:
                    raise

    for _ in range(ROUNDS):
        seconds = random_numbers.choice(BRIEF)
        end = time.perf_counter() + seconds * random_numbers.uniform(0.5, 2.0)
        try:
            limited(spin, seconds)
            endings.add("in time")
        except TimeUp:
            endings.add("late")
        for _ in range(200):
            time.perf_counter()  # plenty of chances for a late one
    assert endings == {"in time", "late"}


def test_no_interruption_arrives_late_under_a_debugger(monkeypatch, eager_threads):
    """A debugger's hook is Python code, so that an interruption can hit it where none should be possible."""
    monkeypatch.setattr(interrupt, "AGAIN", 1e-4)

    def hook(frame, event, argument):
        if frame.f_code is not limited.__code__:
            return None
        for _ in range(20_000):
            pass
        return hook

    usual = sys.gettrace()
    for _ in range(20):
        sys.settrace(hook)
        try:
            limited(lambda: None, 1e-4)
        except TimeUp:
            pass
        finally:
            sys.settrace(usual)
        for _ in range(2_000):
            time.perf_counter()


def test_alarms_do_not_outlive_their_functions():
    for _ in range(20):
        limited(lambda: None, 30.0)
    deadline = time.monotonic() + 5
    while any(thread.name == "koopteach-alarm" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_loading_a_library_is_not_counted(tmp_path, monkeypatch):
    names = [f"slow_part_{k}" for k in range(6)]
    for name in names:
        (tmp_path / f"{name}.py").write_text("import time\ntime.sleep(0.1)\n", encoding="utf-8")
    (tmp_path / "slow_library.py").write_text(f"import {', '.join(names)}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("slow_library", *names):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert limited(lambda: __import__("slow_library").__name__, 0.4) == "slow_library"


@on_linux
@pytest.mark.parametrize(
    "function",
    [
        lambda: [0] * 10**11,
        lambda: torch.zeros(10**11),
        lambda: np.zeros(10**11),
        pytest.param(lambda: [bytes(10**7) for _ in range(10**6)], marks=pytest.mark.slow),
    ],
    ids=["list", "tensor", "array", "bit by bit"],
)
def test_memory_is_limited(function):
    fault = Guard().call(function).fault
    assert fault.kind == "memory"
    assert "memory" in fault.words
    assert resource.getrlimit(resource.RLIMIT_AS) == LIMIT_AT_THE_START


@on_linux
def test_a_stricter_limit_of_the_system_stays():
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    strict = guard_module._address_space() + 2**28
    try:
        resource.setrlimit(resource.RLIMIT_AS, (strict, hard))
        seen = Guard().call(lambda: resource.getrlimit(resource.RLIMIT_AS)[0]).value
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert seen == strict


def test_a_memory_error_is_reported_on_every_system():
    def explodes():
        raise MemoryError

    assert Guard().call(explodes).fault.kind == "memory"


def test_fifty_megabytes_of_output_are_cut():
    guard = Guard()
    guard.call(lambda: print("x" * 50_000_000))
    guard.call(lambda: print("y", file=sys.stderr))
    assert guard.printed == "x" * guard_module.OUTPUT_KEPT


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        (lambda: 1 / 0, "raised", "ZeroDivisionError: division by zero"),
        (lambda: sys.exit(3), "raised", "exit"),
        (_recurses, "raised", "RecursionError"),
        (lambda: torch.ones(2) @ torch.ones(3), "raised", "RuntimeError"),
    ],
)
def test_an_exception_becomes_one_line_with_the_learners_line(function, kind, words, capsys):
    fault = Guard().call(function).fault
    assert fault.kind == kind
    assert words in fault.words
    assert ", in line " in fault.words
    assert "\n" not in fault.words
    assert capsys.readouterr() == ("", "")


def test_the_line_is_the_learners_even_when_a_library_raised_deeper():
    def learner():
        return torch.nn.functional.softplus("not a tensor")

    assert 'softplus("not a tensor")' in Guard().call(learner).fault.words


def test_the_line_is_the_innermost_that_the_learner_wrote():
    def helper():
        return [0][1]

    def learner():
        return helper()

    assert Guard().call(learner).fault.words.endswith(": return [0][1].")


def test_an_exception_that_cannot_be_printed():
    class Odd(Exception):
        def __str__(self):
            raise ValueError

    def learner():
        raise Odd

    assert Guard().call(learner).fault.words.startswith("Your code raised Odd, in line")


def test_long_messages_are_cut():
    def learner():
        raise ValueError("x" * 10_000)

    assert len(Guard().call(learner).fault.words) < 400


def test_the_stop_button_ends_the_check_quietly():
    def interrupted():
        raise KeyboardInterrupt

    assert Guard().call(interrupted).fault.kind == "stopped"


def test_a_stub_is_told_from_an_operation_that_torch_lacks():
    def stub():
        raise NotImplementedError("replace this line")

    def missing():
        return torch.linalg.eigvals(torch.zeros(2, 2, dtype=torch.int64).to_sparse())

    assert Guard().call(stub).fault.kind == "stub"
    fault = Guard().call(missing).fault
    assert (fault.error, fault.kind) == ("NotImplementedError", "raised")


def test_global_state_is_put_back():
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    numpy_state = np.random.get_state()[1]  # noqa: NPY002

    def meddles():
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.manual_seed(8)
        np.random.seed(8)  # noqa: NPY002
        random.seed(8)
        raise ValueError

    Guard().call(meddles)
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert random.getstate() == python_state
