"""Windows and macOS by stand-ins: what they lack is taken away, and the course must get along.

They stand in for missing names, poor encodings and short paths, not for a run: the workflow has those systems.
"""

import ast
import contextlib
import io
import os
import platform
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from koopcourse.__main__ import main
from koopcourse.checks import check
from koopcourse.checks.engine import preview
from koopcourse.exercises import l00

REPOSITORY = Path(__file__).resolve().parents[2]
SYSTEMS = runpy.run_path(str(REPOSITORY / "course" / "systems.py"))
PART = "-- the next part --"
NAME = "05_a - Übung 漢字"

# Takes from this Python what Windows has not, once the libraries that others wrote are there.
LIKE_WINDOWS = """
import os, signal, socket, sys, time
import matplotlib.pyplot, nbclient, nbformat, numpy, safetensors.torch, scipy, torch, ipywidgets, jupytext, ot, psutil
for name in ("fcntl", "grp", "pwd", "resource", "syslog", "termios"):
    sys.modules[name] = None
MISSING = {
    os: "chroot fork forkpty getgid getloadavg getpgid getuid geteuid killpg mkfifo sched_getaffinity setgroups "
        "setresuid setsid uname wait4 waitid WNOHANG O_NOFOLLOW O_NONBLOCK",
    signal: "SIGALRM SIGCHLD SIGHUP SIGKILL SIGUSR1 SIGXCPU setitimer pthread_kill",
    socket: "AF_UNIX SOCK_SEQPACKET send_fds recv_fds",
    time: "clock_gettime pthread_getcpuclockid",
}
for module, names in MISSING.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "win32"
"""
EVERYTHING = """
import importlib, pkgutil
import koopteach, koopcourse, experiments
for package in (koopteach, koopcourse, experiments):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("__main__", "_there")):
            try:
                importlib.import_module(module.name)
            except ImportError as error:  # an extra that is not here; never one of our own, nor one that Windows lacks
                assert error.name and error.name.split(".")[0] not in ("koopteach", "koopcourse", "experiments"), error
                assert sys.modules.get(error.name, 0) is not None, error
print("all loaded")
"""
CHECKS = """
from koopcourse.checks import check
from koopcourse.exercises import l00
from koopcourse.checks import guard
guard.TIME_LIMIT = 0.3
def endless(estimate, exact):
    while True:
        pass
for answer in (l00.relative_error, lambda estimate, exact: estimate, endless):
    check("L00-E1", answer)
from koopcourse.__main__ import main
print(main(["progress"]), main(["doctor"]))
"""
GRADER = """
from pathlib import Path
from koopcourse.__main__ import main
sheet = Path(sys.argv[1], "class", "ada", "05_kswgd.ipynb")
sheet.parent.mkdir(parents=True)
sheet.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', encoding="utf-8")
import platform
said, sys.stderr, statuses = sys.stderr, sys.stdout, []
for where in ("Windows", "Darwin"):
    platform.system = lambda: where
    statuses.append(main(["grade", str(sheet.parents[1])]))
sys.stderr = said
print(*statuses)
"""


def python(program, *words, **environment):
    """Run a program, in a Python whose terminal has Windows' letters; what it printed."""
    poor = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252:strict", "PYTHONWARNINGS": "ignore"}
    inherited = {name: value for name, value in os.environ.items() if name != "KOOPTEACH_STRICT"}
    command = [sys.executable, "-c", program, *map(str, words)]
    done = subprocess.run(command, cwd=REPOSITORY, env=inherited | poor | environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode("cp1252")
    return (done.stdout + done.stderr).decode("cp1252")


@pytest.fixture(scope="module")
def on_windows(tmp_path_factory):
    """A folder, and what was printed by part, in one Python that is like Windows'."""
    folder = tmp_path_factory.mktemp("windows")
    program = LIKE_WINDOWS + f"\nprint({PART!r})\n".join(["", CHECKS, GRADER, EVERYTHING])
    told = python(program, folder, KOOPTEACH_PROGRESS=str(folder / f"{NAME}.json"))
    return folder, told.replace("\r\n", "\n").split(f"{PART}\n")[1:]


@pytest.mark.slow
def test_every_module_loads_where_windows_lacks_names(on_windows):
    _, (_, _, told) = on_windows
    assert told.splitlines()[0] == "all loaded"


@pytest.mark.slow
def test_checks_progress_and_doctor_work_where_windows_lacks_names(on_windows):
    folder, (told, _, _) = on_windows
    assert re.findall(r"^(PASSED|NOT YET|NOT STARTED) \\u\w+ L00-E1", told, re.M) == ["PASSED", "NOT YET", "NOT YET"]
    assert "Your code was stopped" in told
    assert "L00-E1   " in told
    assert "The course can" in told
    assert told.rstrip().splitlines()[-1].startswith("0 ")
    assert (folder / f"{NAME}.json").is_file()


@pytest.mark.slow
def test_the_grader_refuses_politely_where_there_is_no_sandbox(on_windows):
    folder, (_, told, _) = on_windows
    for where in ("Windows", "Darwin"):
        assert f"Nothing was marked: this system ({where}) has no bubblewrap." in told
    assert all(remedy in told for remedy in ("on Windows use WSL2", "on macOS a Linux machine", "--trust"))
    assert told.splitlines()[-1] == "2 2"
    assert not list(folder.rglob("grades.csv"))


# ------------------------------------------------------------------ letters


def test_a_check_and_the_commands_speak_on_a_terminal_with_few_letters(monkeypatch, tmp_path):
    monkeypatch.setenv("KOOPTEACH_PROGRESS", str(tmp_path / f"{NAME}.json"))
    for speak, told in (
        (lambda: check("L00-E1", l00.relative_error), "PASSED \\u2713 L00-E1"),
        (lambda: preview("L00-E1", l00.relative_error), "PASSED \\u2713 L00-E1"),
        (lambda: main(["progress"]), "05_a - Übung \\u6f22\\u5b57.json"),
    ):
        page = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
        with contextlib.redirect_stdout(page):
            speak()
        page.flush()
        assert told in page.buffer.getvalue().decode("cp1252")


def test_course_py_names_every_file_on_a_terminal_with_few_letters(tmp_path):
    for folder, names in (("course", ("carry.py", "systems.py")), ("", ("course.py",))):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in names:
            (tmp_path / folder / name).write_bytes((REPOSITORY / folder / name).read_bytes())
    for folder in ("exercises", "work/exercises"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "exercises" / "05_a.ipynb").write_text('{"cells": []}', encoding="utf-8")
    (tmp_path / "work" / "exercises" / f"{NAME}.ipynb").write_text("no notebook", encoding="utf-8")
    program = (
        "import os, runpy, sys\nos.chdir(sys.argv[1])\nnames = runpy.run_path('course.py')\n"
        "names['main'].__globals__['ensure_installed'] = lambda *_: None\nsys.exit(names['main'](['carry']))"
    )
    told = python(program, tmp_path)
    assert "work/exercises/05_a - Übung \\u6f22\\u5b57.ipynb is no notebook that can be read" in told


def without_encoding(path):
    """Calls that read or write text in whatever encoding the system has."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        options = {word.arg: ast.unparse(word.value) for word in node.keywords}
        modes = [word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
        of_text = name == "open" and isinstance(node.func, ast.Name) and not any("b" in mode for mode in modes)
        of_text |= name in ("read_text", "write_text") and modes[-1:] != ["utf-8"]
        if (of_text or options.get("text") == "True") and "encoding" not in options:
            yield f"{path.name}:{node.lineno}: {ast.unparse(node)[:60]}"


@pytest.mark.slow
def test_every_file_and_pipe_has_an_encoding():
    shipped = [REPOSITORY / "course.py", REPOSITORY / "conftest.py"]
    for home in ("course", "koopteach", "experiments"):
        shipped += (path for path in (REPOSITORY / home).rglob("*.py") if "build" not in path.parts)
    assert [fault for path in shipped for fault in without_encoding(path)] == []


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ('open("a", "w")', 1),
        ('open("a", "rb")', 0),
        ('path.write_text("a")', 1),
        ('path.write_text("a", "utf-8")', 0),
        ("subprocess.run(words, text=True)", 1),
        ('subprocess.run(words, text=True, encoding="utf-8")', 0),
    ],
)
def test_a_missing_encoding_is_seen(tmp_path, line, seen):
    (tmp_path / "a.py").write_text(line, encoding="utf-8")
    assert len(list(without_encoding(tmp_path / "a.py"))) == seen


# ------------------------------------------------------------------ paths


def test_every_path_of_the_clone_is_one_on_windows_and_on_macos():
    git = ["git", "-c", "core.quotepath=false", "ls-files"]
    listed = subprocess.run(git, cwd=REPOSITORY, capture_output=True, encoding="utf-8")
    if listed.returncode:
        pytest.skip("no clone")
    paths = listed.stdout.splitlines()
    assert len({path.lower() for path in paths}) == len(paths)  # no two differ in their capitals alone
    reserved = re.compile(r'[<>:"|?*\\]|[ .](/|$)|(^|/)(aux|con|nul|prn|com\d|lpt\d)(\.|/|$)', re.I)
    assert [path for path in paths if reserved.search(path)] == []
    assert max(map(len, paths)) <= 100


@pytest.mark.parametrize(("length", "where", "told"), [(90, "windows", 0), (91, "windows", 1), (300, "macos", 0)])
def test_a_folder_that_is_too_deep_for_windows_is_told_so(length, where, told):
    sentence = SYSTEMS["too_deep"](("C:\\" + "x" * 300)[:length], where)
    assert bool(sentence) == bool(told)
    if told:
        assert "has 91 characters" in sentence
        assert sentence.endswith("such as C:\\koopteach.")


@pytest.mark.skipif(platform.system() != "Linux", reason="asks the kernel which files are in use")
def test_a_loaded_model_holds_no_file_that_windows_would_not_let_go(tmp_path):
    import koopteach as kt
    from tests.needs import needs

    needs("safetensors")
    path = tmp_path / "model.safetensors"
    x = kt.eight_gaussians.sample(200)
    kt.GeneratorEDMD(kt.GaussianRBF.from_data(x, 20)).fit(x).spectrum().save(path)
    kept = kt.Spectrum.load(path)
    assert str(path) not in Path("/proc/self/maps").read_text(encoding="utf-8")
    kept.save(path)
