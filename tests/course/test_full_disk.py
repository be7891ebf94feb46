"""What a learner has written survives: a full disk, half a file, sheets that change, move or go.

JupyterLab saves notebooks itself. On a full disk it says "File Save Error", keeps the cells in the browser, and saves
them when there is room: that is its own, and not tried here.
"""

import builtins
import errno
import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from koopcourse.checks import check, progress_file
from koopcourse.exercises import l00

try:
    import resource
except ImportError:  # Windows
    resource = None

REPOSITORY = Path(__file__).resolve().parents[2]
STUB = '    # YOUR CODE HERE\n    raise NotImplementedError("replace these two lines by your answer")'
MINE = "def mean(x):\n    return 2 * x"
FULL = OSError(errno.ENOSPC, "No space left on device")


def sheet(edition, *answers):
    """An exercise sheet of some edition with as many exercises as there are answers; None leaves a stub."""
    sources = [f"# Exercises, {edition}"]
    for number, answer in enumerate(answers, 1):
        stub = f"def mean(x):\n{STUB}"
        sources += [f"## L05-E{number} The mean", answer or stub, f'mean = check("L05-E{number}", mean)']
    cells = [
        {"cell_type": "markdown" if text[0] == "#" else "code", "id": f"c{k:03d}", "metadata": {}, "source": text}
        | ({} if text[0] == "#" else {"outputs": [], "execution_count": None})
        for k, text in enumerate(sources)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@pytest.fixture
def root(tmp_path):
    """A small course with a learner's answer in it, just after an update that changes every sheet."""
    (tmp_path / "course").mkdir()
    for name in ("course.py", "course/carry.py", "course/systems.py"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    ship(tmp_path, "first")
    start(tmp_path)["deliver"]()
    (tmp_path / "work/exercises/05_a.ipynb").write_bytes(sheet("first", MINE, None))
    (tmp_path / "work/exercises/05_a - Kopie.ipynb").write_bytes(sheet("first", None, MINE))
    (tmp_path / "work/lessons/05_a.ipynb").write_bytes(sheet("first", None) + b"\n\n")
    ship(tmp_path, "second")
    return tmp_path


def ship(root, edition):
    for folder, names in (("notebooks", "05_a 06_b"), ("exercises", "05_a 06_b 07_c"), ("capstones", "c1_open")):
        (root / folder).mkdir(exist_ok=True)
        for name in names.split():
            (root / folder / f"{name}.ipynb").write_bytes(sheet(f"{name} of the {edition}", None, None))


def start(root):
    """The names in course.py, where all is installed already."""
    names = runpy.run_path(str(root / "course.py"))
    names["main"].__globals__["ensure_installed"] = lambda *_: None
    return names


def files(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in (root / "work").rglob("*.ipynb")}


def a_disk_that_is_full_at(monkeypatch, number):
    """Of all that is written, this one stops half-way; says whether it came to that."""
    whole, written, stopped = Path.write_bytes, [], []

    def write_bytes(path, content):
        written.append(path)
        if len(written) != number:
            return whole(path, content)
        whole(path, content[: len(content) // 2])
        stopped.append(path)
        raise FULL

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    return stopped


@pytest.mark.slow
def test_wherever_the_disk_is_full_nothing_is_lost_and_the_next_run_ends_the_same(root, monkeypatch, capsys):
    before, shelf = files(root), root.parent / "shelf"
    shutil.copytree(root, shelf)
    assert start(shelf)["main"](["carry"]) == 0
    undisturbed = files(shelf)
    assert undisturbed.items() > before.items()
    for number in range(1, 100):
        tried = root.parent / str(number)
        shutil.copytree(root, tried)
        with monkeypatch.context() as patch:
            stopped = a_disk_that_is_full_at(patch, number)
            status = start(tried)["main"](["carry"])
        assert status == bool(stopped)
        assert files(tried).items() >= before.items()
        assert list(tried.rglob("*.part")) == []
        if not stopped:
            break
        told = capsys.readouterr().err
        assert told.startswith("koopteach: No space left on device (")
        assert "Your own files are as they were.\n" in told
        assert "Traceback" not in told
        assert start(tried)["main"](["carry"]) == 0
        assert files(tried).items() >= before.items()
        if ".shipped" not in stopped[0].name:
            assert files(tried) == undisturbed
    assert number > 8


@pytest.mark.skipif(resource is None, reason="limits the size of files, which Windows does not")
def test_a_file_that_the_system_cuts_short_is_no_file(root):
    before = files(root)
    program = (
        "import resource, runpy, sys\n"
        "names = runpy.run_path('course.py')\n"
        "names['main'].__globals__['ensure_installed'] = lambda *_: None\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "sys.exit(names['main'](['carry']))"
    )
    done = subprocess.run([sys.executable, "-B", "-c", program], cwd=root, capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert "Your own files are as they were." in done.stderr
    assert files(root) == before
    assert list(root.rglob("*.part")) == []


def test_half_a_file_of_an_earlier_time_is_no_obstacle(root):
    for name in ("exercises/05_a (version 2).ipynb.part", "lessons/06_b.ipynb.part", ".shipped.json.part"):
        (root / "work" / name).write_bytes(b"half a fi")
    before = files(root)
    assert start(root)["main"](["setup"]) == 0
    assert files(root).items() > before.items()
    assert b"of the second" in files(root)["work/exercises/05_a (version 2).ipynb"]


def test_answers_stay_where_sheets_are_rebuilt_renamed_and_removed(root):
    mine = {name: content for name, content in files(root).items() if "05_a" in name}
    (root / "exercises/05_a.ipynb").rename(root / "exercises/08_moved.ipynb")
    (root / "notebooks/05_a.ipynb").unlink()
    shutil.rmtree(root / "capstones")
    for _ in range(2):
        assert start(root)["main"](["carry"]) == 0
        assert files(root).items() >= mine.items()
    assert MINE in "".join(cell["source"] for cell in json.loads(files(root)["work/exercises/08_moved.ipynb"])["cells"])


def test_a_folder_that_nobody_may_write_to_is_named(root, capsys):
    shutil.rmtree(root / "work/lessons")
    (root / "work/lessons").write_text("a file in its place", encoding="utf-8")
    assert start(root)["main"](["setup"]) == 1
    told = capsys.readouterr().err
    assert "lessons" in told
    assert "then " in told
    assert (root / "work/lessons").read_text(encoding="utf-8") == "a file in its place"


# ------------------------------------------------------------------ progress


@pytest.fixture
def progress(monkeypatch, tmp_path):
    """A learner's progress, with one exercise passed."""
    monkeypatch.delenv("KOOPTEACH_STRICT", raising=False)
    path = tmp_path / "progress.json"
    monkeypatch.setenv("KOOPTEACH_PROGRESS", str(path))
    progress_file.begin("L00-E2")
    progress_file.finish("L00-E2", passed=True, tried=True)
    return path


def refuses_to_make(*_, **__):
    raise OSError(errno.EROFS, "Read-only file system")


def full_after_a_few_bytes(handle, *words, **options):
    """open() of a disk on which a few bytes fit."""
    file = builtins.open(handle, *words, **options)  # noqa: SIM115 (whoever calls it closes it)
    whole = file.write

    def write(text):
        whole(text[:5])
        file.flush()
        raise FULL

    file.write = write
    return file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "name", "refusal", "reason"),
    [
        (progress_file, "open", full_after_a_few_bytes, "No space left on device"),
        (progress_file.tempfile, "mkstemp", refuses_to_make, "Read-only file system"),
        (progress_file.os, "replace", refuses_to_make, "Read-only file system"),
        (Path, "mkdir", refuses_to_make, "Read-only file system"),
        (progress_file, "location", refuses_to_make, "Read-only file system"),
    ],
    ids=["full", "no new file", "no new name", "no folder", "no place"],
)
def test_a_check_tells_its_result_where_nothing_can_be_kept(
    progress, monkeypatch, capsys, where, name, refusal, reason
):
    before = progress.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(where, name, refusal, raising=False)
        check("L00-E1", l00.relative_error)
    told = capsys.readouterr().out
    assert "PASSED" in told
    assert told.count("could not be saved") == 1
    assert reason in told
    assert progress.read_bytes() == before
    assert [path.name for path in progress.parent.iterdir()] == ["progress.json"]
    check("L00-E1", l00.relative_error)  # there is room again
    assert sorted(json.loads(progress.read_text(encoding="utf-8"))["exercises"]) == ["L00-E1", "L00-E2"]


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), IsADirectoryError(21, "Is a directory")])
def test_progress_that_cannot_be_read_for_once_is_not_lost_and_stops_no_check(progress, monkeypatch, capsys, error):
    before = progress.read_bytes()
    monkeypatch.setattr(Path, "read_text", Mock(side_effect=error))
    progress_file.progress()
    assert capsys.readouterr().out == f"Your progress cannot be read now: {error}.\n"
    check("L00-E1", l00.relative_error)
    told = capsys.readouterr().out
    assert "PASSED" in told
    assert told.count("could not be saved") == 1
    assert progress.read_bytes() == before


def test_half_a_progress_file_beside_it_is_no_obstacle(progress):
    half = progress.with_name("progress.jsonabc.new")
    half.write_bytes(b'{"exer')
    check("L00-E1", l00.relative_error)
    assert sorted(json.loads(progress.read_text(encoding="utf-8"))["exercises"]) == ["L00-E1", "L00-E2"]
    assert half.read_bytes() == b'{"exer'
