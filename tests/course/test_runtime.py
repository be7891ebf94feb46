"""What notebooks see of the machine: device, profile, seed, printed numbers, progress."""

import io
import sys

import numpy as np
import pytest
import torch

from koopteach import runtime


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.23456, "1.23"),
        (-0.0, "0"),
        (1e-9, "1e-09"),
        (float("nan"), "nan"),
        (7, "7"),
        (True, "True"),
        ("word", "word"),
        (None, "None"),
        (1 - 2.345j, "1-2.35i"),
        (torch.tensor(2.71828), "2.72"),
        (torch.tensor([1.0, -0.0], requires_grad=True), "[1  0]"),
        (torch.tensor([[1, 2], [3, 4]]), "[[1  2]  [3  4]]"),
        (np.float32(0.12345), "0.123"),
        (np.array([0.5, 1234.5]), "[0.5  1.23e+03]"),
        ((1.0, "a"), "[1  a]"),
    ],
)
def test_show_prints_few_digits(value, text, capsys):
    runtime.show("label", value)
    assert capsys.readouterr().out == f"label: {text}\n"


def test_show_takes_more_digits(capsys):
    runtime.show("pi", 3.14159265, digits=6)
    assert capsys.readouterr().out == "pi: 3.14159\n"


def test_setup_seeds_and_says_so(capsys, monkeypatch):
    monkeypatch.setenv("KOOPTEACH_DEVICE", "cpu")
    runtime.reference_in_use.add("L05-E1")
    profile = runtime.setup("05")
    first = torch.rand(3)
    runtime.setup("05")
    assert torch.equal(torch.rand(3), first)
    assert capsys.readouterr().out == "lesson 05, quick profile, cpu, float64, seed 5\n" * 2
    assert not runtime.reference_in_use
    assert (profile.seed, profile.dtype, profile.device, profile.quick) == (5, torch.float64, torch.device("cpu"), True)


def test_the_profile_comes_from_the_argument_then_the_variable(monkeypatch):
    monkeypatch.setenv("KOOPTEACH_PROFILE", "full")
    assert runtime.setup("01").name == "full"
    assert not runtime.setup("01").quick
    assert runtime.setup("01", "quick").name == "quick"


@pytest.mark.parametrize("lesson", [5, "5", "005", "ab"])
def test_setup_refuses_a_lesson_that_is_not_two_digits(lesson):
    with pytest.raises(ValueError, match='setup: lesson must be two digits such as "05", got'):
        runtime.setup(lesson)


def test_setup_refuses_an_unknown_profile(monkeypatch):
    monkeypatch.setenv("KOOPTEACH_PROFILE", "fast")
    with pytest.raises(ValueError, match=r"one of quick, full, gpu, got 'fast'.*KOOPTEACH_PROFILE"):
        runtime.setup("05")


def test_the_gpu_profile_needs_one(monkeypatch):
    monkeypatch.setenv("KOOPTEACH_DEVICE", "cpu")
    with pytest.raises(ValueError, match=r"needs a CUDA device.*--torch auto"):
        runtime.setup("05", "gpu")


def test_streams_of_a_profile_repeat_and_differ():
    profile = runtime.setup("05")
    draw = [torch.rand(4, generator=profile.generator(k)) for k in (0, 0, 1)]
    assert torch.equal(draw[0], draw[1])
    assert not torch.equal(draw[0], draw[2])
    other = runtime.setup("06").generator(0)
    assert not torch.equal(torch.rand(4, generator=other), draw[0])


def test_the_device_can_be_named(monkeypatch):
    monkeypatch.setenv("KOOPTEACH_DEVICE", "meta")
    assert runtime.device() == torch.device("meta")
    monkeypatch.delenv("KOOPTEACH_DEVICE")
    for has_cuda, name in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=has_cuda: found)
        assert runtime.device() == torch.device(name)


@pytest.mark.parametrize(
    ("name", "function"), [("KOOPTEACH_STRICT", runtime.strict), ("KOOPTEACH_UNTOUCHED", runtime.untouched)]
)
def test_switches_are_on_at_one(name, function, monkeypatch):
    for value, on in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv(name, value)
        assert function() is on
    monkeypatch.delenv(name)
    assert function() is False


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _watched(monkeypatch):
    monkeypatch.delenv("KOOPTEACH_STRICT", raising=False)
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def test_progress_is_silent_when_strict(monkeypatch):
    terminal = _watched(monkeypatch)
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    assert list(runtime.progress(range(3), "steps")) == [0, 1, 2]
    assert not runtime.interactive()
    assert terminal.getvalue() == ""


def test_progress_shows_a_bar_to_a_person(monkeypatch):
    terminal = _watched(monkeypatch)
    assert runtime.interactive()
    assert list(runtime.progress(range(3), "steps")) == [0, 1, 2]
    assert "steps" in terminal.getvalue()


def test_progress_does_without_tqdm(monkeypatch):
    terminal = _watched(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert list(runtime.progress(range(3), "steps")) == [0, 1, 2]
    assert terminal.getvalue() == ""
