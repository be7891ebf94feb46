"""A source as the lint reads it: its cells, its headings, its code as syntax."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from koopcourse.authoring.tree import Script
from koopcourse.notebook_io import COLLAPSED, read_script

if TYPE_CHECKING:
    from nbformat import NotebookNode

# What a rule yields: the id of a cell ("" for the whole file), and what to do there.
Remark = tuple[str, str]


class Heading(NamedTuple):
    """A markdown heading and the position of its cell."""

    position: int
    level: int
    text: str


@dataclass(frozen=True)
class Sheet:
    """One source under the lint.

    Attributes:
        declared: ids of the exercises that ``koopcourse.checks`` declares for this lesson; ``None`` where
            it has no module for the lesson.
    """

    script: Script
    declared: tuple[str, ...] | None = None

    @cached_property
    def cells(self) -> list[NotebookNode]:
        return read_script(self.script.path).cells

    @property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def prose(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @cached_property
    def headings(self) -> list[Heading]:
        return [
            Heading(position, len(marks), text.strip())
            for position, cell in enumerate(self.cells)
            if cell.cell_type == "markdown"
            for marks, text in re.findall(r"^(#{1,6}) (.+)$", without_fences(cell.source), re.M)
        ]

    def find(self, words: str) -> Heading | None:
        """The first heading below the title that holds these words."""
        return next((h for h in self.headings if h.level > 1 and words in h.text.lower()), None)

    def section(self, heading: Heading) -> list[NotebookNode]:
        """The heading's cell and those up to the next heading of its level or above."""
        ends = [h.position for h in self.headings if h.position > heading.position and h.level <= heading.level]
        return self.cells[heading.position : min(ends, default=len(self.cells))]

    @cached_property
    def drawing_names(self) -> set[str]:
        """Names that draw when they are called: matplotlib's, and what a cell imports from koopcourse.plotting."""
        imported = {
            name.asname or name.name
            for cell in self.code
            for node in ast.walk(syntax(cell) or ast.Module([], []))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("koopcourse.plotting")
            for name in node.names
        }
        return {"plt", "plotting", *imported}

    def draws(self, cell: NotebookNode) -> bool:
        return any(self.drawing_names & set(called.split(".")) for called in called_names(syntax(cell)))

    def folded_behind(self, cell: NotebookNode) -> list[NotebookNode]:
        """The folded code cells that follow before the next heading."""
        position = next(k for k, other in enumerate(self.cells) if other is cell)
        end = min((h.position for h in self.headings if h.position > position), default=len(self.cells))
        return [c for c in self.cells[position + 1 : end] if c.cell_type == "code" and COLLAPSED in tags(c)]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def syntax(cell: NotebookNode) -> ast.Module | None:
    """The parsed cell, or ``None`` where it is not plain Python (which is a rule's own finding)."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return None


def calls(tree: ast.AST | None, name: str) -> bool:
    """True if the tree calls this name, bare or as an attribute: ``setup(...)``, ``kc.setup(...)``."""
    return any(called.split(".")[-1] == name for called in called_names(tree))


def called_names(tree: ast.AST | None) -> Iterator[str]:
    """The dotted names that are called anywhere in the tree: ``show``, ``plt.show``."""
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def asserts(cell: NotebookNode) -> bool:
    return any(isinstance(node, ast.Assert) for node in ast.walk(syntax(cell) or ast.Module([], [])))


def without_fences(markdown: str) -> str:
    """Markdown less its code blocks, in which a # is no heading."""
    return re.sub(r"^```.*?^```", "", markdown, flags=re.S | re.M)
