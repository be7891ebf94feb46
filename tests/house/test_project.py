"""The files around the package agree with each other: requirements, pins, conda, citation, style."""

import contextlib
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from koopcourse import doctor
from tests import pins as resolver
from tests.house.test_structure import HOMES
from tests.needs import needs, needs_command

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11.0", "3.11.9", "3.12.3", "3.13.5", "3.14.0")
PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64"))
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "POT": "pot"}

packaging = needs("packaging.requirements")
specifiers = needs("packaging.specifiers")
version_of = needs("packaging.version").Version
yaml = needs("yaml")


def project(folder="."):
    """The table ``[project]`` of the package, or of the course in its folder."""
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(*extras):
    """The parsed requirements of both distributions and of these extras of the course, but for koopteach itself."""
    package, course = project(), project("course")
    lines = [*package["dependencies"], *package["optional-dependencies"]["files"], *course["dependencies"]]
    for extra in extras:
        lines += course["optional-dependencies"][extra]
    lines += package["optional-dependencies"]["scale"] * ("dev" in extras)  # which asks for it
    return [r for r in map(packaging.Requirement, lines) if r.name not in ("koopteach", "koopcourse")]


def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


def constraints():
    """Each line of constraints.txt, parsed."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [packaging.Requirement(line) for line in lines if line and not line.startswith("#")]


def pins(python, platform):
    """Name and version of each constraint that this Python on this platform reads, names as indexes compare them."""
    return [
        (index_name(line.name), str(line.specifier).removeprefix("=="))
        for line in constraints()
        if concerns(line, python, platform)
    ]


def concerns(line, python, platform):
    """Whether this Python on this platform reads a requirement or a constraint at all."""
    system, machine = platform
    environment = {"python_full_version": python, "python_version": ".".join(python.split(".")[:2])}
    environment |= {"sys_platform": system, "platform_machine": machine, "implementation_name": "cpython"}
    environment |= {"os_name": "nt" if system == "win32" else "posix"}
    return not line.marker or line.marker.evaluate(environment)


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


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS, ids="-".join)
def test_every_direct_requirement_has_one_pin_within_its_bound(python, platform):
    names = [name for name, _ in pins(python, platform)]
    assert len(names) == len(set(names))
    pinned = dict(pins(python, platform))
    for requirement in requirements(*project("course")["optional-dependencies"]):
        if concerns(requirement, python, platform):
            assert pinned[index_name(requirement.name)] in requirement.specifier, str(requirement)
    assert "uv" in pinned  # the installer itself


def test_pins_are_exact_and_fit_every_build():
    for line in constraints():
        assert [part.operator for part in line.specifier] == ["=="], str(line)
        assert "+" not in str(line.specifier), "a +cpu label ties the pin to one build"
        assert line.name not in ("koopteach", "koopcourse")


def test_the_pins_were_resolved_for_the_oldest_python():
    """Of what is not installed here only the resolver knows the Python that it needs."""
    assert (
        project()["requires-python"]
        == project("course")["requires-python"]
        == f">={resolver.OLDEST.rpartition('.')[0]}"
    )
    assert (ROOT / "constraints.txt").read_text(encoding="utf-8").startswith(resolver.HEAD)
    assert dict(pins(resolver.OLDEST, PLATFORMS[0]))["torch"] == resolver.TORCH


def test_no_pin_refuses_the_oldest_python():
    """Debian's 3.11 is 3.11.2: a release that wants 3.11.5, and each newer one, needs a marker and an older pin."""
    refused = []
    for name, version in pins(resolver.OLDEST, PLATFORMS[0]):
        with contextlib.suppress(metadata.PackageNotFoundError):
            here = metadata.distribution(name)
            wanted = specifiers.SpecifierSet(here.metadata["Requires-Python"] or "")
            if version_of(here.version) <= version_of(version) and resolver.OLDEST not in wanted:
                refused.append(f"{name}=={version} needs Python {wanted}")
    assert refused == []


def test_the_citation_names_the_software_and_the_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["type"] == "software"
    assert citation["version"] == project()["version"] == project("course")["version"]
    links = [paper["url"] for paper in citation["references"]]
    assert [link.rsplit("/", 1)[1] for link in links] == ["2512.18837", "2506.22304", "2503.20719"]
    assert all(person["family-names"] for paper in citation["references"] for person in paper["authors"])


def test_the_changelog_opens_with_the_version_to_come():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)( \(unreleased\))?$", text, re.M)[1] == project()["version"]


FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
KINDS = {"markdown", "input", "textarea", "dropdown", "checkboxes"}  # what GitHub's forms are made of


@pytest.mark.parametrize("name", ["broken_setup", "wrong_check", "unclear_sentence"])
def test_an_issue_form_is_one_that_github_takes(name):
    form = yaml.safe_load((FORMS / f"{name}.yml").read_text(encoding="utf-8"))
    assert {"name", "description", "title", "labels", "body"} == form.keys()
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert {part["type"] for part in form["body"]} <= KINDS
    assert len({part["id"] for part in asked}) == len(asked) >= 3
    assert all(re.fullmatch(r"[a-z]+", part["id"]) and part["attributes"]["label"] for part in asked)
    assert all("value" in part["attributes"] for part in form["body"] if part not in asked)
    assert all(len(set(part["attributes"]["options"])) > 1 for part in asked if part["type"] == "dropdown")
    assert 2 <= sum(part.get("validations", {}).get("required", False) for part in asked) <= 4  # else nobody writes
    for part in form["body"]:
        assert part.keys() <= {"type", "id", "attributes", "validations"}
        assert part["attributes"].keys() <= {"label", "description", "placeholder", "value", "render", "options"}


def test_there_are_no_more_forms_than_these_and_one_may_do_without():
    assert {path.stem for path in FORMS.iterdir()} == {"broken_setup", "config", "unclear_sentence", "wrong_check"}
    assert yaml.safe_load((FORMS / "config.yml").read_text(encoding="utf-8"))["blank_issues_enabled"] is True


def test_the_form_after_a_lesson_asks_three_things():
    text = (ROOT / "docs" / "teaching" / "lesson_form.md").read_text(encoding="utf-8")
    assert [line[3] for line in text.splitlines() if line.startswith("## ")] == ["1", "2", "3"]
    assert text.count("?") == 3


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.slow
def test_the_readmes_example_does_what_it_says(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    torch = needs("torch")
    torch.manual_seed(0)
    exec(re.search(r"```python\n(.*?)```", text, re.S)[1], names := {})
    assert "tensor(" in capsys.readouterr().out
    assert abs(names["kt"].mode_weights(names["run"].final, names["ring"].modes) - 1 / 8).max() < 0.05


def test_ci_runs_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "python3 course.py test" in script
    assert "python3 course.py test  " in (ROOT / "README.md").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK) or os.name == "nt"


def test_the_workflow_runs_the_same_two_commands():
    job = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))["jobs"]["tests"]
    commands = [step for step in job["steps"] if "run" in step]
    always = [step["run"] for step in commands if "if" not in step]
    assert always == ["python course.py setup --dev", "python course.py test"]
    (sandbox,) = (step for step in commands if "if" in step)  # one system's package for the grader, and no command more
    assert sandbox["if"] == "runner.os == 'Linux'"
    assert "apt-get install -y -qq bubblewrap" in sandbox["run"]
    assert job["strategy"]["matrix"]["python"][0] == resolver.OLDEST.rpartition(".")[0]


def test_the_architecture_page_draws_the_floors():
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = page.split("## The floors of koopteach")[1].split("```")[1].strip()
    drawn = [{name for name in re.split(r" {2,}", line) if " " not in name} for line in block.splitlines()]
    assert drawn[::-1] == [set(floor) for floor in HOMES["koopteach"] if floor != ("__main__",)]


@pytest.mark.slow
def test_pip_reads_the_constraints():
    needs_command("pip")
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--dry-run", "-c", "constraints.txt", "pip"]
    done = subprocess.run(pip, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_one_way_asks_for_what_may_be_missing():
    """Else a missing extra would be skipped in silence under CI, too."""
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    assert [name for name, text in files.items() if "pytest.importor" + "skip" in text] == []


def test_the_conditions_of_a_test_run_are_set_before_torch_is_there():
    """Whoever works on the text alone has no torch; and kernels inherit what is set before it is loaded."""
    code = "import sys, runpy; sys.modules['torch'] = None; runpy.run_path('conftest.py')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_doctor_knows_every_extra():
    assert set(doctor.EXTRAS) == set(project("course")["optional-dependencies"])


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_ruff_has_nothing_to_say(command):
    needs_command("ruff")
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
    done = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
