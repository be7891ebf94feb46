"""Everything that a release holds, as bytes by path: the same input gives the same bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import koopcourse
from koopcourse.authoring.tree import Course
from koopcourse.notebook_io import notebook_bytes
from koopcourse.release import nbgrader, pages, parts, sheets, shipped

HERE = Path(__file__).parent
DATA = "course/koopcourse/data"


@dataclass(frozen=True)
class Choice:
    """What the teacher asked for."""

    lessons: tuple[str, ...]
    due: str = ""
    nbgrader: bool = False
    bundle: str = ""


@dataclass(frozen=True)
class Release:
    """The files, and what the teacher is to know of them.

    Attributes:
        unlinked: notebooks that lessons linked to and that are not here.
        asked_for: for a lesson the prerequisites that are not here.
    """

    files: dict[str, bytes]
    exercises: list[pages.Row]
    unlinked: set[str] = field(default_factory=set)
    asked_for: dict[str, list[str]] = field(default_factory=dict)


def gather(course: Course, choice: Choice) -> Release:
    """All files of a release.

    Raises:
        ValueError: no lesson of such a number.
    """
    notebooks = sheets.chosen(course, choice.lessons)
    unlinked = sheets.without_dead_links(notebooks)
    files = as_they_are(course.root, choice)
    listed = pages.rows(choice.lessons, choice.due)
    if choice.nbgrader:
        exercises = {path: notebook for path, notebook in notebooks.items() if path.startswith("exercises/")}
        nbgrader.mark(exercises.values(), {row.exercise: row.points for row in listed})
        files |= nbgrader.files(exercises)
    files |= {path: notebook_bytes(notebook) for path, notebook in notebooks.items()}
    files |= written(course, choice, listed, files, bool(unlinked))
    files |= data(course.root, files)
    return Release(dict(sorted(files.items())), listed, unlinked, sheets.asked_for(course, choice.lessons))


def as_they_are(root: Path, choice: Choice) -> dict[str, bytes]:
    """What is taken over byte by byte."""
    names = (*parts.PLAIN, *parts.packages(root, choice.lessons), *parts.tests(root))
    files = {name: (root / name).read_bytes() for name in names}
    return files | {"exercises/conftest.py": (HERE / "exercises_conftest_there.py").read_bytes()}


def written(course: Course, choice: Choice, listed: list[pages.Row], files: dict, unlinked: bool) -> dict[str, bytes]:
    """What is made for this class."""
    table = pages.lessons_table(sheets.reading(course, choice.lessons), listed, list(files))
    facts = {"version": koopcourse.__version__, "unlinked": unlinked}
    settings = parts.settings((course.root / "pyproject.toml").read_text(encoding="utf-8"))
    texts = {
        "README.md": pages.readme(choice.lessons, table, **facts, bundle=choice.bundle, nbgrader=choice.nbgrader),
        "DUE.md": pages.due_page(listed),
        "due.csv": pages.due_csv(listed),
        "pyproject.toml": settings,
        ".gitignore": "\n".join([*pages.IGNORED, *nbgrader.MADE * choice.nbgrader, ""]),
    }
    return {name: text.encode() for name, text in texts.items()}


def data(root: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    """Those of the weights, pictures and tables that a notebook or a declared exercise among the files names."""
    told = [content.decode() for name, content in files.items() if name.endswith(".ipynb")]
    declarations = [files[name].decode() for name in files if name.startswith("course/koopcourse/exercises/l")]
    folder = root / DATA
    every = [path.name for path in sorted(folder.iterdir()) if path.is_file()]
    codes = [*declarations, *map(sheets.code_in, told)]
    kept = shipped.needed(every, codes, "\n".join([*declarations, *told]))
    return {f"{DATA}/{name}": (folder / name).read_bytes() for name in kept}
