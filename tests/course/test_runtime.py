"""What notebooks see of the machine: device, seed, printed numbers."""

import numpy as np
import pytest
import torch

from koopcourse import runtime


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
    assert capsys.readouterr().out == "lesson 05, cpu, float64, seed 5\n" * 2
    assert not runtime.reference_in_use
    assert (profile.seed, profile.dtype, profile.device) == (5, torch.float64, torch.device("cpu"))


@pytest.mark.parametrize("lesson", [5, "5", "005", "ab"])
def test_setup_refuses_a_lesson_that_is_not_two_digits(lesson):
    with pytest.raises(ValueError, match='setup: lesson must be two digits such as "05", got'):
        runtime.setup(lesson)


@pytest.mark.parametrize(("name", "says"), [("mps", "Apple's GPU has no float64"), ("gpu", "no such device; use")])
def test_a_device_that_will_not_do_gets_one_line(name, says, monkeypatch):
    monkeypatch.setenv("KOOPTEACH_DEVICE", name)
    with pytest.raises(ValueError, match=f"KOOPTEACH_DEVICE={name}: {says}"):
        runtime.setup("05")


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
