"""Which names a notebook uses and which page of results it draws on, read off its text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from koopcourse.authoring.tree import Course
from koopcourse.notebook_io import read_notebook, title
from koopcourse.site.names import NAMES

PAGE = re.compile(r"results/([\w-]+)|experiments ([\w-]+)|page_picture\(\s*\"([\w-]+)\"")
OTHER_NAMES = {"speed": "benchmarks"}  # a page that is not called as the command that makes it


@dataclass(frozen=True)
class Relations:
    """What the notebooks of a course have to do with each other and with its pages.

    Attributes:
        titles: ``05_kswgd`` -> what the lesson is called, without its question.
        names: ``05_kswgd`` -> public names of koopteach that the lesson writes.
        results: ``05_kswgd`` -> pages of results that it draws on.
        sheets: those that have exercises.
    """

    titles: dict[str, str]
    names: dict[str, list[str]]
    results: dict[str, list[str]]
    sheets: frozenset[str]

    def lessons_with(self, name: str) -> list[str]:
        """The lessons that use a public name."""
        return [lesson for lesson, names in self.names.items() if name in names]

    def lessons_on(self, page: str) -> list[str]:
        """The lessons that draw on a page of results."""
        return [lesson for lesson, pages in self.results.items() if page in pages]


def relations(course: Course) -> Relations:
    """Read all lessons once."""
    notebooks = {path.stem: read_notebook(path) for path in course.notebooks("notebooks")}
    pages = {path.stem for path in (course.root / "results").glob("*.md")}
    return Relations(
        titles={stem: short(title(notebook)) for stem, notebook in notebooks.items()},
        names={stem: names_in(notebook) for stem, notebook in notebooks.items()},
        results={stem: pages_in(stem, notebook, pages) for stem, notebook in notebooks.items()},
        sheets=frozenset(path.stem for path in course.notebooks("exercises")),
    )


def short(text: str) -> str:
    """``KSWGD`` of ``KSWGD: let the spectrum move the particles``."""
    return text.split(":")[0]


def names_in(notebook: NotebookNode) -> list[str]:
    """Public names that code writes as ``kt.name``, or prose between backticks, in alphabetical order."""
    found: set[str] = set()
    for cell in notebook.cells:
        pattern = r"\bkt\.(\w+)" if cell.cell_type == "code" else r"`(?:kt\.)?(\w+)[^`]*`"
        found |= set(re.findall(pattern, cell.source))
    return sorted(found & NAMES, key=str.lower)


def pages_in(stem: str, notebook: NotebookNode, pages: set[str]) -> list[str]:
    """Pages that the text names, and the one that is called as the lesson is."""
    text = "\n".join(cell.source for cell in notebook.cells)
    told = {next(filter(None, groups)) for groups in PAGE.findall(text)}
    told = {OTHER_NAMES.get(name, name) for name in told}
    topic = stem[3:]
    own = {page for page in pages if topic.endswith(page.replace("-", "_")) and not topic.startswith("images_")}
    return sorted((told | own) & pages)
