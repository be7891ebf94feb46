"""The files around the package agree with each other: requirements, pins, conda, citation, style."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "POT": "pot"}

packaging = pytest.importorskip("packaging.requirements")
yaml = pytest.importorskip("yaml")


def project(folder="."):
    """The table ``[project]`` of the package, or of the course in its folder."""
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(*extras):
    """The parsed requirements of both distributions and of these extras of the course, but for koopteach itself."""
    package, course = project(), project("course")
    lines = [*package["dependencies"], *package["optional-dependencies"]["files"], *course["dependencies"]]
    for extra in extras:
        lines += course["optional-dependencies"][extra]
    return [r for r in map(packaging.Requirement, lines) if r.name != "koopteach"]


def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


def pins():
    """Name and version of each constraint, the names as package indexes compare them."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    parts = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(part) == 2 for part in parts), "constraints.txt holds name==version alone"
    return [(index_name(name), version) for name, version in parts]


def index_name(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_only_lower_bounds_are_asked_for():
    for requirement in requirements(*project("course")["optional-dependencies"]):
        assert [part.operator for part in requirement.specifier] == [">="], str(requirement)


def test_conda_asks_for_the_same_packages_and_bounds():
    wanted = {f"{CONDA_NAMES.get(r.name, r.name)}{r.specifier}" for r in requirements("test")}
    wanted |= {f"python{project()['requires-python']}", "pip"}
    assert {line for line in conda() if isinstance(line, str)} == wanted


def test_pip_adds_nothing_to_conda_but_the_course():
    assert [line for line in conda() if not isinstance(line, str)] == [{"pip": ["-e .", "-e ./course"]}]


def test_every_direct_requirement_is_pinned_within_its_bound():
    pinned = dict(pins())
    for requirement in requirements("test", "dev"):  # CI does not install the extra "teach"
        assert pinned[index_name(requirement.name)] in requirement.specifier, str(requirement)


def test_pins_are_unique_and_fit_every_build():
    names = [name for name, _ in pins()]
    assert len(names) == len(set(names))
    assert not [name for name, version in pins() if "+" in version], "a +cpu label ties the pin to one build"
    assert "koopteach" not in names


def test_the_citation_names_the_software_and_the_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["type"] == "software"
    assert citation["version"] == project()["version"] == project("course")["version"]
    links = [paper["url"] for paper in citation["references"]]
    assert [link.rsplit("/", 1)[1] for link in links] == ["2512.18837", "2506.22304", "2503.20719"]
    assert all(person["family-names"] for paper in citation["references"] for person in paper["authors"])


def test_the_readmes_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_ci_runs_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert script[-1] == "python3 course.py test"
    assert script[-1] in (ROOT / "README.md").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK) or os.name == "nt"


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_ruff_has_nothing_to_say(command):
    if not find_spec("ruff"):
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say("ruff is missing: python3 course.py setup --dev")
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
    done = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
