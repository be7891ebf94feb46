"""What a release takes over as it stands: the two packages, course.py and its parts, licences, and tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from koopcourse.release import declared

PLAIN = (
    *(
        "course.py",
        "course/carry.py",
        "course/systems.py",
        "constraints.txt",
        "course/pyproject.toml",
        "environment.yml",
    ),
    *("LICENSE", "LICENSE-content", "CITATION.cff", "course/LICENSE", "course/LICENSE-content", ".gitattributes"),
    *("conftest.py", "tests/needs.py", "tests/offline/sitecustomize.py", "tests/nbval_sanitize.cfg"),
)
TEACHERS = ("authoring", "grading", "release", "site", "teaching")  # parts of koopcourse that no learner needs
RUNS = ("authoring/__init__.py", "authoring/execute.py")  # but for what `course.py run` starts
# Of the course's tests those that hold in every class; koopteach's are all there, but for those that need experiments.
TESTS = (
    *("test_course.py", "test_guard.py", "test_image_models.py", "test_judges.py"),
    *("test_plotting.py", "test_relation.py", "test_runtime.py"),
)
SECTIONS = ("build-system", "project", "tool.setuptools", "tool.pytest")


def packages(root: Path, lessons: Collection[str]) -> Iterator[str]:
    """The files of koopteach and of what learners need of koopcourse, data apart, as paths from the root."""
    home = root / "course" / "koopcourse"
    exercises = {f"{name}.py" for name in declared.modules(home / "exercises", lessons)} | {"__init__.py"}
    yield from sources(root, root / "koopteach")
    for name in sources(root, home):
        part, *rest = Path(name).relative_to("course/koopcourse").parts
        if part == "exercises":
            wanted = rest[0] in exercises
        else:
            wanted = part != "data" and (part not in TEACHERS or "/".join([part, *rest]) in RUNS)
        if wanted:
            yield name


def sources(root: Path, folder: Path) -> Iterator[str]:
    """All files below a folder but what Python makes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path.relative_to(root).as_posix()


def tests(root: Path) -> Iterator[str]:
    """Tests that make sense in a class's folder, and the files that these import."""
    koopteach = [f"tests/koopteach/{path.name}" for path in (root / "tests" / "koopteach").glob("test_*.py")]
    found: set[str] = set()
    for name in (*koopteach, *(f"tests/course/{test}" for test in TESTS)):
        helpers = set(needed(root, name))
        if not any(helper.startswith("experiments") for helper in helpers):
            found |= helpers
    yield from sorted(found)


def needed(root: Path, name: str) -> Iterator[str]:
    """A test's file and those of ours that it imports, each with what it imports in turn."""
    yield name
    for node in ast.walk(ast.parse((root / name).read_text(encoding="utf-8"))):
        for module in imported(node):
            path = f"{module.replace('.', '/')}.py"
            if module.startswith("experiments"):
                yield path
            elif (root / path).exists() and path != name:
                yield from needed(root, path)


def imported(node: ast.AST) -> list[str]:
    """The dotted names of ``tests`` and ``experiments`` that a node may import."""
    if isinstance(node, ast.Import):
        names = [name.name for name in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    else:
        return []
    return [name for name in names if name.split(".")[0] in ("tests", "experiments")]


def settings(pyproject: str) -> str:
    """The package's pyproject.toml without the authors' tools: what is tested are notebooks, sheets and quick tests."""
    blocks = re.split(r"^(?=\[)", pyproject, flags=re.M)
    kept = "".join(block for block in blocks if block.lstrip("[").startswith(SECTIONS))
    for was, now in (
        (r"^testpaths = .*$", 'testpaths = ["notebooks", "exercises", "tests"]'),
        (r"-m 'not all'", "-m 'not slow and not browser and not all'"),
    ):
        kept, times = re.subn(was, now, kept, flags=re.M)
        if times != 1:
            raise ValueError(f"release: pyproject.toml holds {was!r} {times} times, needed once.")
    return kept.rstrip() + "\n"
