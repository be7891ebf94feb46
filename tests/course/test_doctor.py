"""The doctor: what it finds in good and in lacking environments, and what it advises."""

import sys
from importlib import metadata
from types import SimpleNamespace

import pytest

from koopcourse import __main__ as command
from koopcourse import doctor

LINES = {
    "koopteach": ["torch>=2.6", 'safetensors; extra == "files"'],
    "koopcourse": ["jupyterlab>=4.3", "POT", "ruff>=0.8 ; extra == 'dev'"],
}


@pytest.fixture
def installed(monkeypatch):
    """A pretended environment: a dictionary of versions that a test may change."""
    versions = {
        "koopteach": "0.2.0",
        "koopcourse": "0.2.0",
        "torch": "2.13.0+cpu",
        "jupyterlab": "4.6.6",
        "POT": "1",
        "ruff": "0.17",
    }

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", lambda name: version(name) and LINES[name])
    return versions


def findings():
    return {finding.label: finding for finding in doctor.packages()}


def test_requirements_are_sorted_by_extra():
    assert doctor.requirements(LINES["koopcourse"]) == {
        "": [("jupyterlab", "4.3"), ("POT", "0")],
        "dev": [("ruff", "0.8")],
    }


def test_a_complete_environment_is_well(installed):
    assert all(finding.text == "complete" and not finding.mend for finding in findings().values())


def test_a_missing_lesson_package_is_fatal_and_named_with_its_command(installed, capsys):
    del installed["jupyterlab"]
    assert findings()["koopcourse"].fatal
    assert "jupyterlab" in findings()["koopcourse"].text
    assert findings()["koopcourse"].mend
    assert findings()["koopteach"].text == "complete"
    assert doctor.main() == 1
    assert "can't run here yet" in capsys.readouterr().out


def test_a_missing_tool_of_the_authors_is_not_fatal(installed):
    del installed["ruff"]
    assert not findings()["dev"].fatal
    assert "ruff" in findings()["dev"].text
    assert findings()["dev"].mend


def test_a_version_below_its_bound_is_missing(installed):
    installed["torch"] = "2.5.1+cu121"
    assert findings()["koopteach"].fatal
    assert "torch 2.6 (here is 2.5.1+cu121)" in findings()["koopteach"].text


@pytest.mark.parametrize(("here", "enough"), [("2.10.0", True), ("2.6", True), ("2.6.0rc1", True), ("2.5.9", False)])
def test_versions_are_compared_as_numbers(installed, here, enough):
    installed["torch"] = here
    assert (doctor.lacks("torch", "2.6") is None) == enough


def test_without_torch_and_without_koopteach_it_still_speaks(installed, capsys):
    installed.clear()
    assert doctor.main() == 1
    assert "does not have koopteach installed" in capsys.readouterr().out


def test_the_advice_fits_the_environment(monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(doctor.ROOT / ".venv"))
    assert doctor.install().endswith("course.py setup")
    assert doctor.install("dev").endswith("course.py setup --dev")
    monkeypatch.setattr(sys, "prefix", "/somewhere/conda")
    assert doctor.install("dev").endswith('-m pip install -c constraints.txt -e . -e "./course[dev]"')


def test_an_old_python_is_fatal(monkeypatch):
    monkeypatch.setattr(doctor, "OLDEST", (4, 0))
    assert doctor.python().fatal


def test_a_torch_that_does_not_load_is_fatal(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    broken = next(finding for finding in doctor.devices() if finding.label == "torch")
    assert broken.fatal
    assert broken.mend


def test_a_driver_that_torch_does_not_use_is_pointed_out(monkeypatch):
    cuda = SimpleNamespace(device_count=lambda: 0, is_available=lambda: False)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda, __version__="2.13.0+cpu"))
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    driver = list(doctor.devices())[-1]
    assert driver.mend.endswith("setup --torch auto")
    assert not driver.fatal


def test_little_memory_and_little_disk_are_pointed_out(monkeypatch):
    psutil = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=1.5e9, total=8e9))
    monkeypatch.setitem(sys.modules, "psutil", psutil)
    assert doctor.memory().text == "1.5 GB free of 8.0: a lesson may need 2"
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=2e8))
    assert "0.2 GB free" in doctor.disk().text
    assert doctor.disk().mend


def test_the_command_examines_this_environment(capsys):
    status = command.main(["doctor"])
    report = capsys.readouterr().out
    assert status == (0 if "The course can run here." in report else 1)
    for word in ("python", "torch", "memory", "disk", "koopteach", "koopcourse"):
        assert word in report


def test_progress_is_printed(capsys):
    assert command.main(["progress"]) == 0
    assert "L05-E1" in capsys.readouterr().out


def test_help_explains_every_command(capsys):
    assert command.main(["--help"]) == 0
    assert set(command.COMMANDS) <= set(capsys.readouterr().out.split())


def test_a_misspelt_command_is_answered_by_those_that_there_are(capsys):
    assert command.main(["progres"]) == 2
    assert set(command.COMMANDS) <= set(capsys.readouterr().out.split())
