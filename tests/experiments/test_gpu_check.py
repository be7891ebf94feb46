"""``gpu-check`` without a GPU: it refuses; all that it measures and writes runs with the processor in its place."""

import math

import pytest
import torch

from experiments.__main__ import main
from experiments.gpu_check import check, page, speeds
from experiments.gpu_check.all_paths import PATHS
from experiments.gpu_check.hot_paths import FORMULA, HotPath, difference
from experiments.machinery.store import to_json

LEAST = 0.02  # of the full sizes


def rows(**changes):
    """What a measurement gives, with numbers that are easy to find again."""
    held = {"path": "a", "difference": 2e-12, "tolerance": 1e-9, "on_cpu": "k-means"}
    fast, slow = (
        {"what": what, "cpu": cpu, "gpu": gpu} for what, cpu, gpu in (("fit", 500.0, 10.0), ("step", 3.0, 6.0))
    )
    machine = {"device": "NVIDIA Example", "date": "2030-01-02", "torch": "2.99"}
    return {"machine": machine, "equal": [held], "speed": [fast, slow], "seconds": 100.4, **changes}


def test_without_a_gpu_one_sentence_and_no_file(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["gpu-check", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 1
    assert "needs a CUDA device" in told[0]
    assert "python -m experiments gpu-check" in told[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_every_hot_path_runs_and_is_equal_to_itself():
    """What a GPU adds are its own numbers."""
    found = check.measure("cpu", LEAST, speeds=())
    assert [row["path"] for row in found["equal"]] == list(PATHS)
    assert [row for row in found["equal"] if "failed" in row or row["difference"] > row["tolerance"]] == []
    assert page.all_hold(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", speeds.SPEEDS)
def test_every_speed_is_measured(name):
    found = check.beside(name, "cpu", LEAST)
    assert set(found) == {"cpu", "gpu"}, found
    assert all(0 < value < math.inf for value in found.values())


def test_a_page_is_assembled_from_what_was_measured(tmp_path):
    found = check.measure(
        "cpu", LEAST, ["dictionaries", "lagged pairs, delays"], ["a step of 10,000 Allen-Cahn fields"]
    )
    check.publish(found, tmp_path)
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    (tmp_path / "gpu.md").unlink()
    check.republish(tmp_path)  # what ``pages`` does
    assert text == (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "On none, cpu stands in, 2 of 2 hot paths give the processor's numbers" in text
    assert "| dictionaries | 0.0e+00 | 1e-09 | held |  |" in text
    assert "| a step of 10,000 Allen-Cahn fields | " in text
    assert found["machine"]["torch"] == torch.__version__


def test_the_page_says_what_was_found():
    text = page.markdown(rows())
    assert "On NVIDIA Example, 1 of 1 hot paths give" in text
    assert "From 0.5 times the processor's speed (step) to 50 times the processor's speed (fit)." in text
    assert "| fit | 500 | 10 | 50 |" in text
    assert "| a | 2.0e-12 | 1e-09 | held | k-means |" in text
    assert "100 s. Measured: device NVIDIA Example, date 2030-01-02, torch 2.99." in text


def test_what_is_missed_or_fails_is_named_on_the_page():
    far = {"path": "far", "difference": 1e-3, "tolerance": 1e-9, "on_cpu": ""}
    broken = {"path": "broken", "failed": "RuntimeError: no kernel", "tolerance": 1e-9, "on_cpu": ""}
    found = rows(equal=[far, broken], speed=[{"what": "fit", "failed": "no time was left"}])
    assert not page.all_hold(found)
    text = page.markdown(found)
    assert "0 of 2 hot paths" in text
    assert "- Not: far, broken." in text
    assert "| far | 1.0e-03 | 1e-09 | missed |  |" in text
    assert "| broken | RuntimeError: no kernel | 1e-09 | missed |  |" in text
    assert "| fit | no time was left |  |  |" in text
    assert "processor's speed" not in text


@pytest.mark.parametrize("broken", [False, True])
def test_with_a_gpu_both_files_are_written_and_the_status_tells(monkeypatch, tmp_path, capsys, broken):
    found = rows(speed=[{"what": "fit", "failed": "no kernel"}]) if broken else rows()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(check, "measure", lambda device: {"cuda": found}[device])
    assert main(["gpu-check", "--out", str(tmp_path)]) == int(broken)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gpu.json", "gpu.md"]
    assert (tmp_path / "gpu.json").read_text(encoding="utf-8") == to_json(found) + "\n"
    assert (tmp_path / "gpu.md").read_text(encoding="utf-8") in capsys.readouterr().out


def test_a_failure_is_kept_and_the_rest_goes_on(monkeypatch):
    def fail(to):
        raise RuntimeError("no kernel\nfor this")

    x = torch.ones(3, dtype=torch.float64)
    assert check.compared(HotPath(fail, FORMULA), "cpu")["failed"] == "RuntimeError: no kernel"
    assert check.compared(HotPath(lambda to: [x], FORMULA), "meta")["failed"] == "results on cpu"
    assert check.compared(HotPath(lambda to: [x * math.nan], FORMULA), "cpu")["failed"].endswith("or NaN")
    monkeypatch.setitem(speeds.SPEEDS, "broken", fail)
    assert check.beside("broken", "cpu", LEAST)["failed"].startswith("TypeError: ")
    monkeypatch.setattr(check, "MOST_SECONDS", -1.0)
    late = check.measure("cpu", LEAST, (), ["damped step of 100,000 particles"])
    assert late["speed"] == [{"what": "damped step of 100,000 particles", "failed": "no time was left"}]


def test_differences_are_relative_to_the_largest_entry():
    x = torch.tensor([[100.0, 1.0]], dtype=torch.float64)
    assert difference([x + torch.tensor([0.0, 1.0])], [x]) == pytest.approx(0.01)
    assert difference([x, x * 1j], [x, x * 1j]) == 0
    assert difference([torch.zeros(0)], [torch.zeros(0)]) == 0
    for other in ([x.float()], [x[0]], [], [x * math.inf]):
        assert difference(other, [x]) == math.inf


def test_a_longer_wait_is_measured():
    """The least of several runs, for one of ``count``."""
    waits = iter([0.05, 0.02, 0.01, 0.03])
    assert 5 <= speeds.milliseconds(lambda: speeds.time.sleep(next(waits)), "cpu", 2) < 10
