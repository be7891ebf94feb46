"""Progress is kept on the learner's computer, whole at any moment, and never thrown away."""

import json
import os
import signal
import subprocess
import sys

import pytest

from koopcourse.checks import check, progress, progress_file
from koopcourse.exercises import l00


@pytest.fixture(autouse=True)
def learner(monkeypatch):
    for name in ("KOOPTEACH_STRICT", "KOOPTEACH_UNTOUCHED", "KOOPTEACH_PROGRESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(monkeypatch, tmp_path):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("KOOPTEACH_PROGRESS", str(path))
    return path


def _entry(file, exercise_id="L00-E1"):
    return json.loads(file.read_text(encoding="utf-8"))["exercises"][exercise_id]


def _wrong(estimate, exact):
    return (estimate - exact).norm()


def _stub(estimate, exact):
    raise NotImplementedError


# --- where --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["", "work", "work/lessons", "notebooks/deep"])
def test_it_is_found_upwards_in_the_learners_folder(monkeypatch, tmp_path, where):
    (tmp_path / "work" / "lessons").mkdir(parents=True)
    (tmp_path / where).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / where)
    assert progress_file.location() == tmp_path / "work" / "progress.json"


def test_a_folder_that_happens_to_be_called_work_is_not_it(monkeypatch, tmp_path):
    (tmp_path / "work" / "project").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "project")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    assert progress_file.location() == tmp_path / "home" / ".koopteach" / "progress.json"


def test_tests_and_builds_leave_no_trace(monkeypatch, tmp_path):
    (tmp_path / "work" / "lessons").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    check("L00-E1", l00.relative_error)
    assert [path.name for path in tmp_path.rglob("*")] == ["work", "lessons"]


def test_a_strict_run_that_names_a_file_uses_it(monkeypatch, file):
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    check("L00-E1", l00.relative_error)
    assert _entry(file)["passed"]


# --- what ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_tries_are_counted_and_a_pass_stays(file):
    check("L00-E1", _stub)
    assert _entry(file) == {"running": False, "passed": False, "tries": 0}
    check("L00-E1", _wrong)
    check("L00-E1", _wrong)
    assert _entry(file) == {"running": False, "passed": False, "tries": 2}
    check("L00-E1", l00.relative_error)
    check("L00-E1", _wrong)
    assert _entry(file) == {"running": False, "passed": True, "tries": 4}


def test_it_is_saved_before_the_answer_runs(file):
    seen = []

    def spies(estimate, exact):
        seen.append(_entry(file))
        return l00.relative_error(estimate, exact)

    check("L00-E1", spies)
    assert seen[0] == {"running": True}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process the way Linux does")
def test_a_killed_kernel_loses_nothing(file):
    check("L00-E2", l00.euler_maruyama)
    code = (
        "import os, signal; from koopcourse.checks import check; "
        "check('L00-E1', lambda estimate, exact: os.kill(os.getpid(), signal.SIGKILL))"
    )
    subprocess.run([sys.executable, "-c", code], env=os.environ, timeout=120, check=False)
    assert _entry(file) == {"running": True}
    assert _entry(file, "L00-E2")["passed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"exercises": []}', b'{"exercises": {"L00-E1": 3}}', b"\xff\xfe", b"[" * 100_000],
)
def test_an_unreadable_file_is_kept_aside(file, capsys, content):
    for k in (1, 2):
        file.write_bytes(content)
        check("L00-E1", _wrong)
        assert _entry(file)["tries"] == 1
        assert (file.parent / f"progress.unreadable-{k}.json").read_bytes() == content
    assert "could not be read. It is kept as progress.unreadable-1.json" in capsys.readouterr().out


def test_a_crash_while_saving_leaves_the_old_file(file, monkeypatch, capsys):
    check("L00-E1", _wrong)
    before = file.read_bytes()

    def fails(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fails)
    check("L00-E1", l00.relative_error)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]
    assert capsys.readouterr().out.count("could not be saved: no space left") == 1


# --- the table ----------------------------------------------------------------------------------------------


def test_the_table_is_in_words(file, capsys):
    check("L00-E1", l00.relative_error)
    for _ in range(2):
        check("L00-E2", lambda drift, x, dt, noise: x)
    progress_file.begin("L00-E3")
    capsys.readouterr()
    progress()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Lesson 00: start here, 1 of 4 passed"
    assert [line.split("  ")[-1].strip() for line in lines[1:5]] == [
        "passed",
        "tried 2 times",
        "the last check did not finish",
        "not started",
    ]
    assert lines[-1] == f"Kept on this computer only, in {file}"


def test_showing_progress_writes_nothing(file, capsys):
    progress()
    assert not file.exists()
    assert "not started" in capsys.readouterr().out
