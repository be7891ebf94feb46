"""The wheels for a room without network, with stand-ins for uv and pip; `tests.nightly` does it in earnest."""

from itertools import pairwise

import pytest

from tests.needs import needs

needs("jupytext")

from koopcourse.authoring.tree import Course
from koopcourse.release import bundle

ROOT = Course().root
LOCK = """
lock-version = "1.0"
created-by = "uv"
[[packages]]
name = "torch"
version = "2.13.0+cpu"
index = "https://example.org/cpu"
[[packages]]
name = "typing-extensions"
version = "4.16.0"
"""
LATER = LOCK.replace("4.16.0", "4.17.0")  # where a pin depends on the patch release of Python
WHEELS = ("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", "typing_extensions-4.16.0-py3-none-any.whl")


class Programs:
    """Stands in for what is started: uv answers with a lock file, pip puts wheels where it is told to."""

    def __init__(self):
        self.commands, self.environments, self.patched = [], [], False

    def __call__(self, step, *command, **environment):
        self.commands.append(list(command))
        self.environments.append(environment)
        if "uv" in command:
            return LATER if self.patched and command[command.index("--python-version") + 1].endswith(".99") else LOCK
        folder = command[command.index("--dest") + 1]
        for pin in (word for word in command if "==" in word):
            name = WHEELS[pin.startswith("typing")].replace("4.16.0", pin.partition("==")[2])
            (ROOT / folder / name).write_bytes(b"1234")
        return ""


@pytest.fixture
def release(tmp_path):
    """A folder with what is read there."""
    for name in ("pyproject.toml", "course/pyproject.toml", "constraints.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "wheels").mkdir()
    return tmp_path


@pytest.fixture
def programs(monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setattr(bundle, "_run", found := Programs())
    return found


def after(words, option):
    """What stands behind each occurrence of an option."""
    return [following for word, following in pairwise(words) if word == option]


def test_uv_chooses_for_the_room_and_pip_fetches_just_that(release, programs):
    assert bundle.download(release, "linux", "3.12") == 8
    uv, pip, later = programs.commands
    assert after(uv, "--python-platform") == ["x86_64-manylinux_2_28"]
    assert after(uv, "--python-version") == ["3.12.0"]
    assert after(later, "--python-version") == ["3.12.99"]
    assert after(pip, "--python-version") == ["3.12.0"]
    assert after(uv, "--torch-backend") == ["cpu"]
    assert after(uv, "-c") == [str(release / "constraints.txt")]
    assert pip[-2:] == ["torch==2.13.0+cpu", "typing-extensions==4.16.0"]
    assert after(pip, "--extra-index-url") == ["https://example.org/cpu"]
    assert "manylinux_2_28_x86_64" in after(pip, "--platform")
    assert {"--no-deps", "--only-binary"} <= set(pip)


def test_a_folder_of_wheels_chooses_the_torch_build_there_too(release, programs, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/some/wheels https://example.org/more")
    bundle.download(release, "linux", "3.11")
    assert after(programs.commands[0], "--torch-backend") == []
    assert programs.environments[0]["UV_FIND_LINKS"] == "/some/wheels,https://example.org/more"


@pytest.mark.parametrize(("system", "tag"), [("windows", "win_amd64"), ("macos", "macosx_14_0_arm64")])
def test_another_system_gets_its_own_wheels(release, programs, system, tag):
    bundle.download(release, system, "3.13")
    uv, pip, _ = programs.commands
    assert after(uv, "--python-platform") == [bundle.SYSTEMS[system].uv]
    assert tag in after(pip, "--platform")
    assert after(uv, "--torch-backend") == []  # the usual build is the small one there
    assert not any("linux" in word for word in after(pip, "--platform"))


def test_what_an_early_and_a_late_release_of_one_python_need_is_there(release, programs):
    programs.patched = True
    assert bundle.download(release, "linux", "3.11") == 12
    _, first, _, second = programs.commands
    assert (first[-1], after(first, "--python-version")) == ("typing-extensions==4.16.0", ["3.11.0"])
    assert (second[-1], after(second, "--python-version")) == ("typing-extensions==4.17.0", ["3.11.99"])
    assert "torch==2.13.0+cpu" not in second


def test_wheels_of_an_older_choice_go_and_others_stay(release, programs):
    for name in ("torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl", "six-1.17.0-py3-none-any.whl", WHEELS[1]):
        (release / "wheels" / name).write_bytes(b"old")
    bundle.download(release, "linux", "3.11")
    assert sorted(path.name for path in (release / "wheels").iterdir()) == sorted(WHEELS)


def test_all_that_course_py_installs_is_asked_for():
    """Both distributions, the extra for tests, what builds them, and the tools that install."""
    names = {line.split(">")[0].split("[")[0] for line in bundle.requirements(ROOT)}
    assert {"uv", "pip", "setuptools", "torch", "safetensors", "jupyterlab", "pytest", "nbval", "tqdm"} <= names
    assert names.isdisjoint({"koopteach", "koopcourse", "ruff", "nbgrader"})


def test_a_failure_says_which_step_and_why(monkeypatch):
    with pytest.raises(RuntimeError, match=r"(?s)release: resolving failed:.*no such room"):
        bundle._run("resolving", bundle.sys.executable, "-c", "import sys; sys.exit('no such room')")


def test_a_bundle_is_told_in_words():
    assert bundle.told("windows", "3.12") == "Python 3.12 on Windows"
    assert bundle.this_system() in bundle.SYSTEMS
