"""From a solution to its exercise notebook, and the proof that nothing of the answer came along."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from koopcourse.notebook_io import cut_regions, folds, regions

if TYPE_CHECKING:
    from nbformat import NotebookNode

ANSWER_HERE = "*Your answer here.*"
BLANK = "___"
_HEADING = re.compile(r"^## (?P<id>L\d\d-E\d+)\b")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_SHORT = 4  # lines of so few tokens, such as "return x", give nothing away


def cut(solution: NotebookNode) -> NotebookNode:
    """The learner's notebook: stubs for solution regions, no cell tagged ``solution``, no outputs.

    Cells keep the ids of the solution's, so that a teacher finds one in the other; what is folded there is folded here.

    Raises:
        ValueError: if a solution marker has no partner.
    """
    from nbformat import v4

    cells = []
    for cell in solution.cells:
        tags = cell.metadata.get("tags", [])
        source = cut_regions(cell.source)
        if "solution" in tags:
            if cell.cell_type == "code":
                continue
            source = ANSWER_HERE
        if "### BEGIN SOLUTION" in source or "### END SOLUTION" in source:
            raise ValueError(f"cell {cell.id}: a SOLUTION marker has no partner; each BEGIN needs its END.")
        make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}[cell.cell_type]
        kept = [tag for tag in tags if tag != "solution"]
        folded = {name: cell.metadata[name] for name in ("jupyter",) if name in cell.metadata}
        cells.append(make(source, id=cell.id, metadata=folded | ({"tags": kept} if kept else {})))
    metadata = {name: value for name, value in solution.metadata.items() if name != "koopteach"}
    return v4.new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)


def sections(cells: Iterable[NotebookNode]) -> dict[str, list[NotebookNode]]:
    """The cells of each exercise, from its heading ``## L05-E1 ...`` to the next heading of that level."""
    found: dict[str, list[NotebookNode]] = {}
    current: list[NotebookNode] = []
    for cell in cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            heading = _HEADING.match(cell.source)
            current = found.setdefault(heading["id"], []) if heading else []
        current.append(cell)
    return found


def hints(section: Iterable[NotebookNode]) -> list[tuple[str, str]]:
    """Title and text of an exercise's fold-outs, in order."""
    return [fold for cell in section if cell.cell_type == "markdown" for fold in folds(cell.source)]


def solution_lines(cells: Iterable[NotebookNode]) -> list[str]:
    """The lines inside solution regions and solution cells, as spaced tokens, comments left out."""
    lines = []
    for cell in cells:
        whole = cell.cell_type == "code" and "solution" in cell.metadata.get("tags", [])
        for text in [cell.source] if whole else regions(cell.source):
            lines += [_spaced(line.split("#")[0]) for line in text.splitlines()]
    return [line for line in lines if line]


def leaks(solutions: Iterable[NotebookNode], exercises: Iterable[NotebookNode]) -> Iterator[tuple[str, str]]:
    """The id of a cell in ``exercises`` and the line of more than four tokens that it gives away."""
    telling = {line for solution in solutions for line in _telling(solution_lines(solution.cells))}
    for exercise in exercises:
        third = [fold[1] for section in sections(exercise.cells).values() for fold in hints(section)[2:3]]
        for cell in exercise.cells:
            text = cell.source
            for body in third:
                text = text.replace(body, "")
            visible = f" {_spaced(text)} "
            yield from ((cell.id, line) for line in sorted(telling) if f" {line} " in visible)


def covers_key_line(skeleton: str, section: Iterable[NotebookNode]) -> bool:
    """True if a third hint leaves a blank and does not hold every telling line of the answer."""
    lines = solution_lines(section)
    visible = f" {_spaced(skeleton)} "
    return BLANK in skeleton and any(f" {line} " not in visible for line in _telling(lines) or lines)


def _telling(lines: list[str]) -> list[str]:
    return [line for line in lines if len(line.split()) > _SHORT]


def _spaced(text: str) -> str:
    return " ".join(_TOKEN.findall(text))
