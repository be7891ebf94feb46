"""What the source of an exercise must hold: statement, stub, check and three hints."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from koopcourse.authoring.cut import covers_key_line, hints, sections
from koopcourse.authoring.sheet import Remark, Sheet, syntax
from koopcourse.notebook_io import REGION, cut_regions, regions

if TYPE_CHECKING:
    from nbformat import NotebookNode

HINTS = ("concept", "formula", "skeleton")
STATEMENT_WORDS = 15


def exercise_ids(sheet: Sheet) -> Iterator[Remark]:
    present = set(sections(sheet.cells))
    if not present:
        yield "", f"no exercise; head each by '## L{sheet.script.lesson}-E1 title'"
    for wrong in sorted(i for i in present if not i.startswith(f"L{sheet.script.lesson}-")):
        yield "", f"{wrong} belongs to another lesson"


def statement(sheet: Sheet) -> Iterator[Remark]:
    for name, section in sections(sheet.cells).items():
        if len(section[0].source.split()) < STATEMENT_WORDS:
            yield section[0].id, f"{name} has no statement; say the shapes, a worked example and the identity"


def solution_region(sheet: Sheet) -> Iterator[Remark]:
    for name, section in sections(sheet.cells).items():
        if not any(regions(cell.source) for cell in _code(section)):
            yield section[0].id, f"{name} has no '### BEGIN SOLUTION' region"
    for cell in sheet.code:
        yield from ((cell.id, fault) for fault in _region_faults(cell))


def check_line(sheet: Sheet) -> Iterator[Remark]:
    for name, section in sections(sheet.cells).items():
        answer = next((i for i, cell in enumerate(section) if regions(cell.source)), 0)
        line = re.compile(rf'^(\w+) = check\("{name}", \1\)$', re.M)
        if sum(len(line.findall(cell.source)) for cell in _code(section[answer:])) != 1:
            yield section[0].id, f'{name} needs one line  f = check("{name}", f)  after its answer'


def three_hints(sheet: Sheet) -> Iterator[Remark]:
    for name, section in sections(sheet.cells).items():
        titles = [title.lower() for title, _ in hints(section)]
        if len(titles) != 3 or not all(word in title for word, title in zip(HINTS, titles)):
            yield section[0].id, f"{name} needs three <details> whose <summary> says {', '.join(HINTS)}"
        elif not covers_key_line(hints(section)[2][1], section):
            yield section[0].id, f"{name}'s skeleton must cover the key line of the answer by ___"


def _code(cells: Sequence[NotebookNode]) -> list[NotebookNode]:
    return [cell for cell in cells if cell.cell_type == "code"]


def _region_faults(cell: NotebookNode) -> Iterator[str]:
    tree = syntax(cell)
    if tree is None or not regions(cell.source):
        return
    bodies = [(node.lineno, node.end_lineno) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for region in REGION.finditer(cell.source):
        line = cell.source.count("\n", 0, region.start("body")) + 1  # the first line of the answer
        if not any(first < line <= last for first, last in bodies):
            yield "a solution region stands outside a function, so that its stub would stop the notebook"
    try:
        ast.parse(cut_regions(cell.source))
    except SyntaxError:
        yield "is not valid Python once the solution is cut; check the indentation of BEGIN SOLUTION"


EXERCISE = (exercise_ids, statement, solution_region, check_line, three_hints)
