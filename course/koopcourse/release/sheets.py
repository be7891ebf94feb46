"""The notebooks of a release: lessons and exercise sheets, in which no link leads to what is not there."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING

from koopcourse.authoring.links import Link, relinked
from koopcourse.authoring.roads import prerequisites
from koopcourse.authoring.tree import Course, Script
from koopcourse.notebook_io import read_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode


def chosen(course: Course, lessons: Collection[str]) -> dict[str, NotebookNode]:
    """The lessons and exercise sheets of these numbers, by their path in the release.

    Raises:
        ValueError: no lesson of such a number.
    """
    there = course.notebooks("notebooks", "exercises")
    known = sorted({path.name[:2] for path in there})
    for lesson in lessons:
        if lesson not in known:
            raise ValueError(f"release: lesson must be one of {', '.join(known)}, got {lesson!r}.")
    return {f"{p.parent.name}/{p.name}": read_notebook(p) for p in there if p.name[:2] in lessons}


def without_dead_links(notebooks: dict[str, NotebookNode]) -> set[str]:
    """Leave of each link to a notebook that is not among these its text alone; return the targets, as paths."""
    lost: set[str] = set()
    for path, notebook in notebooks.items():
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source, dead = unlinked(cell.source, path, notebooks)
                lost |= dead
    return lost


def unlinked(markdown: str, path: str, there: Collection[str]) -> tuple[str, set[str]]:
    """A page's text with only the words of its links to files that are not there, and the paths of these."""
    lost: set[str] = set()

    def instead(link: Link) -> str:
        if link.place in there:
            return f"[{link.words}]({link.target}{link.fragment})"
        lost.add(link.place)
        return link.words

    return relinked(markdown, path, instead), lost


def asked_for(course: Course, lessons: Collection[str]) -> dict[str, list[str]]:
    """For each lesson the prerequisites that are not in the release, where there are any."""
    wanted = {script.lesson: prerequisites(script) for script in reading(course, lessons)}
    missing = {lesson: [needed for needed in first if needed not in lessons] for lesson, first in wanted.items()}
    return {lesson: needed for lesson, needed in missing.items() if needed}


def reading(course: Course, lessons: Collection[str]) -> list[Script]:
    """For each number what is read first."""
    scripts = course.lessons()
    return [scripts[lesson] for lesson in sorted(lessons)]


def code_in(notebook: str) -> str:
    """The code cells of a stored notebook as one text."""
    cells = json.loads(notebook)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
