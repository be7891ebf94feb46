"""course.py on small trees with a stand-in installer: no network, and one real start of JupyterLab."""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest

from tests.needs import needs

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("course/carry.py", "course/systems.py")
SOURCES = {name: (REPOSITORY / name).read_text(encoding="utf-8") for name in (*PARTS, "course.py")}


def load(folder):
    """The module course.py as it is in ``folder``, whose tree it then serves."""
    spec = importlib.util.spec_from_file_location("course_under_test", folder / "course.py")
    course = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(course)
    return course


def notebook(folder, name, text="hello"):
    folder.mkdir(exist_ok=True)
    cell = {"cell_type": "markdown", "id": "0", "metadata": {}, "source": text}
    content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def tree(tmp_path):
    """A small course in a folder whose name has spaces and umlauts."""
    folder = tmp_path / "Kurs für Köpfe"
    folder.mkdir()
    (folder / "course").mkdir()
    for name in ("course.py", *PARTS, "pyproject.toml", "course/pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / name, folder / name)
    notebook(folder / "notebooks", "00_start.ipynb")
    notebook(folder / "notebooks", "05_later.ipynb")
    notebook(folder / "exercises", "05_later.ipynb", "solve this")
    notebook(folder / "capstones", "c1_open.ipynb")
    return folder


class Installer:
    """Stands in for every command that course.py starts; can break off at one of them."""

    def __init__(self, course):
        self.course, self.commands, self.environments, self.break_at = course, [], [], None

    def __call__(self, *command, **environment):
        words = [str(word) for word in command]
        self.commands.append(words)
        self.environments.append(environment)
        if self.break_at and self.break_at in words:
            raise KeyboardInterrupt
        if "venv" in words:
            self.course.PYTHON.parent.mkdir(parents=True, exist_ok=True)
            self.course.PYTHON.touch()
        return 0

    def steps(self):
        """What was started, by the module's name."""
        return [words[words.index("-m") + 1] for words in self.commands]

    def uv(self):
        return next(words for words in self.commands if "uv" in words and "-e" in words)


@pytest.fixture
def course(tree, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    module = load(tree)
    module.installer = Installer(module)
    monkeypatch.setattr(module, "call", module.installer)
    monkeypatch.setattr(module, "works", lambda python, needs: Path(python).exists())
    return module


# ------------------------------------------------------------------ the Python it is started with


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_parses_on_python_3_8(source):
    ast.parse(source, feature_version=(3, 8))


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_needs_the_standard_library_alone(source):
    imports = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name.split(".")[0] for name in imports} <= sys.stdlib_module_names | {"carry", "systems"}


@pytest.mark.parametrize(
    ("where", "mend"),
    [
        ("debian", "sudo apt install python3.11 python3.11-venv"),
        ("fedora", "sudo dnf install"),
        ("macos", "brew install"),
        ("windows", "winget install"),
        ("other", "https://www.python.org/downloads/"),
    ],
)
def test_an_old_python_is_told_what_to_install(course, where, mend):
    message = course.obstacle((3, 8, 10), True, where, lambda name: False, course.ME)
    assert "3.11 or newer, and this is 3.8.10" in message
    assert mend in message
    assert message.count("course.py") == 1


def test_a_newer_python_that_is_there_already_is_named(course):
    message = course.obstacle((3, 9, 2), True, "debian", lambda name: name == "python3.12", course.ME)
    assert message.endswith("python3.12 course.py")
    assert "apt" not in message


def test_debians_missing_venv_is_told_with_its_package(course):
    message = course.obstacle((3, 12, 1), False, "debian", lambda name: True, course.ME)
    assert "no venv module" in message
    assert "sudo apt install python3.12-venv" in message


def test_a_python_too_new_for_pytorch_is_told_so(course):
    message = course.obstacle((3, 15, 0), True, "macos", lambda name: name == "python3.13", course.ME)
    assert "needs Python 3.11 to 3.14, and this is 3.15.0" in message
    assert message.endswith("python3.13 course.py")


def test_a_good_python_meets_no_obstacle(course):
    assert course.obstacle((3, 11, 0), True, "debian", lambda name: False, course.ME) is None
    assert course.obstacle((3, 14, 0), True, "other", lambda name: False, course.ME) is None


@pytest.mark.parametrize(
    ("where", "machine", "macos", "libc", "told"),
    [
        ("macosx-10.9-universal2", "x86_64", "15.1", ("", ""), "Intel"),
        ("macosx-11.0-arm64", "arm64", "13.6.1", ("", ""), "macOS 14 and newer, and this is 13.6.1"),
        ("win-arm64", "ARM64", "", ("", ""), "Windows on ARM runs, too; this is win-arm64"),
        ("win32", "AMD64", "", ("", ""), "64-bit Python"),
        ("linux-x86_64", "x86_64", "", ("glibc", "2.27"), "glibc 2.28 or newer, and this has glibc 2.27"),
        ("linux-x86_64", "x86_64", "", ("", ""), "this has another C library"),
        ("linux-armv7l", "armv7l", "", ("glibc", "2.36"), "and this is armv7l"),
    ],
)
def test_a_system_without_wheels_of_pytorch_gets_one_sentence(course, where, machine, macos, libc, told):
    sentence = course.no_wheel(where, machine, macos, libc)
    assert told in sentence
    assert re.fullmatch(r"PyTorch .*\.", sentence)


@pytest.mark.parametrize(
    "system",
    [
        ("macosx-11.0-arm64", "arm64", "14.0", ("", "")),
        ("macosx-14.2-arm64", "arm64", "26.1", ("", "")),
        ("win-amd64", "AMD64", "", ("", "")),
        ("linux-x86_64", "x86_64", "", ("glibc", "2.28")),
        ("linux-aarch64", "aarch64", "", ("glibc", "2.36")),
    ],
)
def test_a_system_with_wheels_hears_nothing(course, system):
    assert course.no_wheel(*system) is None


def test_where_pytorch_has_no_wheel_nothing_is_begun(course, monkeypatch):
    monkeypatch.setattr(course, "no_wheel", lambda *system: "PyTorch is not built for this.")
    with pytest.raises(SystemExit, match="koopteach: PyTorch is not built for this"):
        course.main(["setup"])
    assert course.installer.commands == []
    monkeypatch.setenv("PIP_FIND_LINKS", "/some/wheels")  # of somebody who built it
    assert course.main(["setup"]) == 0


def test_without_venv_it_says_so_and_exits_with_1(tree):
    program = "import runpy, sys; sys.modules['ensurepip'] = None; runpy.run_path('course.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", program], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 1
    assert "has no venv module" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tree / ".venv").exists()


# ------------------------------------------------------------------ installing


def test_first_use_installs_then_opens_the_first_lesson(course):
    assert course.main([]) == 0
    assert course.installer.steps() == ["venv", "pip", "uv", "jupyterlab"]
    uv = course.installer.uv()
    assert uv[-3:] == [".", "-e", "./course[test]"]
    assert uv[uv.index("-c") + 1] == "constraints.txt"
    assert uv[uv.index("--torch-backend") + 1] == "cpu"
    lab = course.installer.commands[-1]
    assert f"--ServerApp.root_dir={course.WORK}" in lab
    assert "--LabApp.default_url=/lab/tree/lessons/00_start.ipynb" in lab


def test_lessons_arrive_without_outputs_and_their_links_lead_to_the_learners_copies(course, tree):
    shown = {"output_type": "stream", "name": "stdout", "text": "42\n"}
    code = {"cell_type": "code", "id": "1", "metadata": {}, "source": "f()", "outputs": [shown], "execution_count": 3}
    prose = {
        "cell_type": "markdown",
        "id": "0",
        "metadata": {},
        "source": "see [lesson 05](../notebooks/05_x.ipynb) (ä)",
    }
    content = {"cells": [prose, code], "metadata": {"a": 1}, "nbformat": 4, "nbformat_minor": 5}
    upstream = tree / "notebooks" / "05_later.ipynb"
    upstream.write_text(json.dumps(content), encoding="utf-8")
    course.main(["setup"])
    copy = json.loads((course.WORK / "lessons" / "05_later.ipynb").read_text(encoding="utf-8"))
    assert copy["cells"][0]["source"] == "see [lesson 05](../lessons/05_x.ipynb) (ä)"
    assert copy["cells"][1] == {**code, "outputs": [], "execution_count": None}
    assert json.loads(upstream.read_text(encoding="utf-8")) == content
    course.main(["setup"])  # and nothing arrives twice
    assert sorted(path.name for path in (course.WORK / "lessons").iterdir()) == ["00_start.ipynb", "05_later.ipynb"]
    upstream.write_bytes(b"not json (../notebooks/x)")
    course.main(["setup"])
    assert (course.WORK / "lessons" / "05_later (version 2).ipynb").read_bytes() == b"not json (../lessons/x)"


def test_a_second_start_starts_nothing_but_the_lab(course):
    course.main([])
    course.installer.commands.clear()
    course.main([])
    assert course.installer.steps() == ["jupyterlab"]


@pytest.mark.parametrize("step", ["venv", "pip", "./course[test]"])
def test_an_interrupted_installation_is_resumed(course, capsys, step):
    course.installer.break_at = step
    assert course.main([]) == 130
    assert capsys.readouterr().out.splitlines()[-1].startswith("koopteach: stopped.")
    course.installer.break_at = None
    course.installer.commands.clear()
    assert course.main([]) == 0
    assert course.installer.steps()[-2:] == ["uv", "jupyterlab"]
    assert ("venv" in course.installer.steps()) == (step == "venv")


def test_a_failed_step_is_named_and_leaves_no_stamp(course, monkeypatch):
    monkeypatch.setattr(course, "call", lambda *command, **environment: 1)
    with pytest.raises(SystemExit, match=r"making \.venv failed"):
        course.main(["setup"])
    assert not course.STAMP.exists()


def test_an_environment_whose_python_is_gone_is_made_again(course):
    course.main(["setup"])
    course.PYTHON.unlink()
    course.installer.commands.clear()
    course.main(["setup"])
    assert course.installer.steps() == ["venv", "pip", "uv"]
    assert "--clear" in course.installer.commands[0]


def test_works_asks_the_python_itself(tree, tmp_path):
    works = load(tree).works
    broken = tmp_path / "python"
    broken.write_text("not a program", encoding="utf-8")
    assert works(sys.executable, "json")
    assert not works(sys.executable, "no_such_module")
    assert not works(broken, "json")
    assert not works(tmp_path / "missing", "json")


@pytest.mark.parametrize("name", ["pyproject.toml", "course/pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed(course, tree, name):
    course.main(["setup"])
    course.installer.commands.clear()
    with (tree / name).open("a", encoding="utf-8") as file:
        file.write("# newer\n")
    course.main(["setup"])
    assert course.installer.steps() == ["pip", "uv"]


def test_a_moved_folder_is_installed_again(course, tree, monkeypatch):
    course.main(["setup"])
    moved = load(tree.rename(tree.parent / "moved"))
    installer = Installer(moved)
    monkeypatch.setattr(moved, "call", installer)
    monkeypatch.setattr(moved, "works", lambda python, needs: True)
    moved.main(["setup"])
    assert installer.steps() == ["pip", "uv"]


def test_dev_is_added_once_and_never_taken_away(course):
    course.main(["setup"])
    course.main(["setup", "--dev"])
    assert course.installer.commands[-1][-1] == "./course[dev,test]"
    course.installer.commands.clear()
    course.main(["setup"])
    assert course.installer.commands == []


def test_a_torch_build_stays_chosen(course, tree):
    course.main(["setup"])
    assert "--reinstall-package" not in course.installer.uv()
    course.installer.commands.clear()
    course.main(["setup", "--torch", "auto"])
    uv = course.installer.uv()
    assert uv[uv.index("--torch-backend") + 1] == "auto"
    assert uv[uv.index("--reinstall-package") + 1] == "torch"  # both builds have one version
    course.installer.commands.clear()
    course.main(["setup"])
    assert course.installer.commands == []
    (tree / "constraints.txt").write_text("", encoding="utf-8")
    course.main(["setup"])
    uv = course.installer.uv()
    assert uv[uv.index("--torch-backend") + 1] == "auto"
    assert "--reinstall-package" not in uv


def test_a_folder_of_wheels_is_handed_to_uv_and_chooses_the_torch_build(course, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/some/wheels  https://example.org/more")
    course.main(["setup"])
    assert "--torch-backend" not in course.installer.uv()
    assert course.installer.environments[-1] == {"UV_FIND_LINKS": "/some/wheels,https://example.org/more"}


def wheels(tree, name="torch-2.13.0-cp{}{}-cp311-{}.whl"):
    """A folder of wheels beside course.py, with a torch for this Python and system, or under another name."""
    tag = {"windows": "win_amd64", "macos": "macosx_14_0_arm64"}.get(load(tree).system(), "manylinux_2_28_x86_64")
    (tree / "wheels").mkdir()
    (tree / "wheels" / name.format(*sys.version_info[:2], tag)).touch()


def test_wheels_beside_it_are_all_that_is_asked(course, tree, monkeypatch):
    wheels(tree)
    monkeypatch.setenv("PIP_FIND_LINKS", "/some/wheels")
    course.main(["setup", "--torch", "auto"])
    _, pip, uv = course.installer.commands
    for words in (pip, uv):
        assert words[words.index("--no-index") + 1 :][:2] == ["--find-links", str(tree / "wheels")]
    assert "--torch-backend" not in uv
    assert course.installer.environments[-1] == {}
    assert "--no-index" not in " ".join(course.installer.commands[0])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "torch-2.13.0-cp39-cp39-{2}.whl",
            "is for another Python or system .torch-2.13.0-cp39-.*Start with that Python",
        ),
        ("torch-2.13.0-cp{0}{1}-cp{0}{1}-plan9.whl", "is for another Python or system"),
        ("torchdiffeq-0.2.5-py3-none-any.whl", "holds no PyTorch: it was not copied whole"),
    ],
)
def test_wheels_for_somebody_else_are_told_so_before_anything_begins(course, tree, name, told):
    wheels(tree, name)
    with pytest.raises(SystemExit, match=f"koopteach: wheels/ {told}"):
        course.main(["setup"])
    assert course.installer.commands == []


def test_the_news_box_is_off(course):
    course.main(["setup"])
    written = json.loads(next(course.VENV.glob("etc/jupyter/labconfig/*.json")).read_text(encoding="utf-8"))
    assert written["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_an_unknown_word_is_refused_where_nobody_could_use_it(course):
    for command in ("setup", "run", "carry"):
        with pytest.raises(SystemExit):
            course.main([command, "--no-such"])
    assert course.installer.commands == []


# ------------------------------------------------------------------ the learner's copies


def test_first_copies_are_the_shipped_bytes(course, tree):
    course.deliver()
    for copy, source in (("lessons/05_later", "notebooks/05_later"), ("exercises/05_later",) * 2):
        assert (tree / f"work/{copy}.ipynb").read_bytes() == (tree / f"{source}.ipynb").read_bytes()


def test_a_learners_work_is_never_written_over(course, tree, capsys):
    course.deliver()
    mine = tree / "work/lessons/05_later.ipynb"
    mine.write_text("my answers", encoding="utf-8")
    course.deliver()
    assert sorted(path.name for path in mine.parent.iterdir()) == ["00_start.ipynb", "05_later.ipynb"]

    notebook(tree / "notebooks", "05_later.ipynb", "a better lesson")
    for _ in range(2):  # it arrives once
        course.deliver()
        newer = sorted(path.name for path in mine.parent.glob("05*"))
        assert newer == ["05_later (version 2).ipynb", "05_later.ipynb"]
    assert mine.read_text(encoding="utf-8") == "my answers"
    assert capsys.readouterr().out.count("a newer 05_later is here") == 1


def test_starters_of_capstones_arrive_without_their_reports(course, tree):
    notebook(tree / "capstones", "c1_open.ipynb", "see [lesson 05](../notebooks/05_later.ipynb)")
    notebook(tree / "capstones" / "reports", "c1_open.ipynb", "the answer")
    course.deliver()
    mine = tree / "work/projects/c1_open.ipynb"
    assert [path.name for path in mine.parent.iterdir()] == ["c1_open.ipynb"]
    assert "(../lessons/05_later.ipynb)" in mine.read_text(encoding="utf-8")
    mine.write_text("my report", encoding="utf-8")
    notebook(tree / "capstones", "c1_open.ipynb", "a better starter")
    course.deliver()
    assert mine.read_text(encoding="utf-8") == "my report"
    assert "a better starter" in (mine.parent / "c1_open (version 2).ipynb").read_text(encoding="utf-8")


def test_a_third_version_leaves_the_second_alone(course, tree):
    for text in ("one", "two", "three"):
        notebook(tree / "exercises", "05_later.ipynb", text)
        course.deliver()
        for path in (tree / "work/exercises").iterdir():
            path.write_text(path.read_text(encoding="utf-8") + "mine", encoding="utf-8")
    copies = sorted((tree / "work/exercises").iterdir())
    assert [path.stem for path in copies] == [
        "05_later (version 2)",
        "05_later (version 3)",
        "05_later",
    ]
    assert all(path.read_text(encoding="utf-8").count("mine") >= 1 for path in copies)


def test_a_deleted_copy_arrives_again(course, tree):
    course.deliver()
    (tree / "work/lessons/00_start.ipynb").unlink()
    course.deliver()
    assert (tree / "work/lessons/00_start.ipynb").exists()


@pytest.mark.parametrize("manifest", [None, '{"lessons/00_st'])
def test_a_lost_manifest_loses_nothing_and_copies_nothing_twice(course, tree, manifest):
    course.deliver()
    course.SHIPPED.unlink()
    if manifest:
        course.SHIPPED.write_text(manifest, encoding="utf-8")
    course.deliver()
    assert len(list((tree / "work/lessons").iterdir())) == 2


@pytest.mark.slow
@pytest.mark.parametrize("above", ["home", "notebooks"])
def test_learners_copies_are_not_paired(tree, tmp_path, capsys, above):
    jupytext = needs("jupytext.cli").jupytext
    moved = tmp_path / above / "koopteach"
    moved.parent.mkdir()
    tree.rename(moved)
    load(moved).deliver()
    jupytext(["--paired-paths", str(moved / "notebooks/05_later.ipynb")])
    assert capsys.readouterr().out.strip().endswith("05_later.py")
    for copy in moved.glob("work/*/*.ipynb"):
        jupytext(["--paired-paths", str(copy)])
        assert capsys.readouterr().out.strip() == ""


# ------------------------------------------------------------------ what it starts


def test_the_tests_run_with_one_thread_each_and_pass_their_words_on(course, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    words = ["tests/test_course.py", "-k", "port", "-x"]
    course.main(["test", *words])
    command, environment = course.installer.commands[-1], course.installer.environments[-1]
    assert command[1:] == ["-m", "pytest", "-n", "2", "--dist=loadfile", "--nbval", *words]
    assert environment == {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
    assert not course.WORK.exists()


def test_the_quick_tier_leaves_out_what_is_slow_and_all_leaves_out_nothing(course):
    course.main(["test", "--quick", "tests/koopteach"])
    quick = course.installer.commands[-1]
    assert quick[-3:] == ["-m", "not slow and not browser and not all", "tests/koopteach"]
    assert "--nbval" not in quick
    assert "no:nbval" in quick
    course.main(["test", "--all"])
    assert course.installer.commands[-1][-4:] == ["--dist=loadfile", "--nbval", "-m", ""]


@pytest.mark.parametrize("words", [["test", "--quick", "--all"], ["setup", "--quick"], ["--all"]])
def test_a_tier_goes_with_test_alone(course, words):
    with pytest.raises(SystemExit):
        course.main(words)
    assert course.installer.commands == []


def test_the_extras_are_those_of_the_course(course):
    extras = tomllib.loads((REPOSITORY / "course" / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(extras["project"]["optional-dependencies"]) == course.EXTRAS
    assert set(course.AUTHORS) <= course.EXTRAS


def test_an_exit_status_is_passed_through_and_a_backend_is_not(tree, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    program = "import os, sys; sys.exit(40 + ('MPLBACKEND' in os.environ) + (os.environ['WORD'] == 'yes'))"
    assert load(tree).call(sys.executable, "-c", program, WORD="yes") == 41


def test_run_reports_one_line_a_lesson(course, tree, monkeypatch, capsys):
    monkeypatch.setattr(course, "PYTHON", sys.executable)
    monkeypatch.setattr(course, "run_lesson", lambda lesson: "" if "00" in lesson.name else "ValueError: no")
    assert course.run_lessons() == 1
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"00_start +ok +\d+ s", first)
    assert re.fullmatch(r"05_later +ValueError: no +\d+ s", second)


@pytest.mark.slow
def test_run_executes_a_lesson_and_changes_nothing(tree, monkeypatch):
    needs("nbclient")
    course = load(tree)
    monkeypatch.setattr(course, "PYTHON", sys.executable)
    lesson = tree / "notebooks/07_code.ipynb"
    cell = {"cell_type": "code", "id": "0", "metadata": {}, "outputs": [], "execution_count": None}
    cell["source"] = "import os\nraise ValueError(os.environ['KOOPTEACH_STRICT'] + ' and no further')"
    content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    lesson.write_text(json.dumps(content), encoding="utf-8")
    before = lesson.read_bytes()
    assert course.run_lesson(lesson) == "cell 0 stopped with ValueError: 1 and no further"
    assert lesson.read_bytes() == before


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def server_port(runtime, process):
    """The port that Jupyter chose, from the file that it leaves when it is ready."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            try:
                return json.loads(file.read_text(encoding="utf-8"))["port"]
            except ValueError:  # being written
                pass
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{process.stdout.read()}")


def interrupted(process):
    """What it printed until it ended after Ctrl-C, twice; a server that is busy starting may miss that."""
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        try:
            return process.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            continue
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(f"JupyterLab did not stop: {process.communicate()[0]}")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the stand-in Python is a shell script")
def test_jupyterlab_really_opens_beside_a_taken_port_and_stops_calmly(course, tree, tmp_path, monkeypatch):
    needs("jupyterlab")
    course.main(["setup"])
    course.PYTHON.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    course.PYTHON.chmod(0o755)
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / name))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(course.VENV / "etc" / "jupyter"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, str(tree / "course.py"), "open", "--no-browser", "--allow-root"]
        process = subprocess.Popen(
            [*command, f"--ServerApp.port={port}", "--IdentityProvider.token=t", "--ServerApp.ip=127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # a shell's background job ignores Ctrl-C, and so would its children
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            own = server_port(tmp_path / "RUNTIME_DIR", process)
            assert own != port
            url = f"http://127.0.0.1:{own}"
            first = json.loads(get(f"{url}/api/contents/lessons/00_start.ipynb?token=t"))
            assert first["type"] == "notebook"
            plugin = json.loads(get(f"{url}/lab/api/settings/@jupyterlab/apputils-extension:notification?token=t"))
            assert plugin["schema"]["properties"]["fetchNews"]["default"] == "false"
        finally:
            output = interrupted(process)
    assert "/lab/tree/lessons/00_start.ipynb" in output
    assert "Traceback" not in output
    assert output.splitlines()[-1].startswith("koopteach: stopped.")
