"""Read a notebook of whatever make: its code cells, without magics, and of each exercise the slice that defines it."""

from __future__ import annotations

import ast
import json
import re
import sys
from dataclasses import dataclass
from typing import Any

from koopcourse.checks.preload import KNOWN
from koopcourse.grading.inside import normal, slices

_MAGIC = re.compile(r"^(?P<pad>\s*)(?:[%!?].*|[\w.,\s]+=\s*[%!].*|[^#'\"]*\?{1,2}\s*)$")
_DEEP = 20_000  # a sum of hundreds of terms is a tree as deep
_CODE = 1 << 20  # characters of code in one notebook


@dataclass(frozen=True)
class Cell:
    """A code cell: its place among all cells, counted from 1, its code, its statements, or why it has none."""

    place: int
    code: str
    body: tuple[ast.stmt, ...]
    problem: str = ""


def read(raw: bytes, ids: list[str]) -> dict[str, Any]:
    """Of each exercise its slice, by name; under ``"problem"`` why there is none at all.

    A slice is ``{"cells": [[place, code, [numbers of statements]], ...], "answer": expression, "names": ...,
    "uses": ..., "normal": ..., "size": ..., "problem": ...}``, as :mod:`koopcourse.grading.inside.answers` takes it.
    """
    sys.setrecursionlimit(_DEEP)
    try:
        cells = [parsed(place, code) for place, code in code_cells(raw)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        return {"problem": f"It is no notebook that can be read ({type(problem).__name__})."}
    return {"answers": {name: answer(cells, name, ids) for name in ids}}


def code_cells(raw: bytes) -> list[tuple[int, str]]:
    """The place and the text of each code cell."""
    text = raw.decode(json.detect_encoding(raw), errors="replace").removeprefix("\ufeff")
    content = json.loads(text)
    cells = content["cells"] if "cells" in content else [c for sheet in content["worksheets"] for c in sheet["cells"]]
    code = [(place, cell) for place, cell in enumerate(cells, 1) if cell.get("cell_type") == "code"]
    texts = [(place, cell.get("source", cell.get("input", ""))) for place, cell in code]
    read = [(place, source if isinstance(source, str) else "".join(source)) for place, source in texts]
    if sum(len(source) for _, source in read) > _CODE:
        raise ValueError("more code than anybody writes")
    return read


def parsed(place: int, code: str) -> Cell:
    """A cell and its statements; IPython's own lines become empty ones, so that all others keep their numbers."""
    lines = code.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").split("\n")
    if lines and lines[0].lstrip().startswith("%%"):
        lines[0] = ""
    plain = "\n".join(lines)
    for attempt in (plain, "\n".join(_without_magic(line) for line in lines)):
        try:
            return Cell(place, attempt, tuple(ast.parse(attempt).body))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            what = problem
    line = getattr(what, "lineno", None)
    told = f"{type(what).__name__}" + (f" in line {line}: {getattr(what, 'msg', '')}" if line else "")
    return Cell(place, plain, (), told)


def answer(cells: list[Cell], name: str, ids: list[str]) -> dict[str, Any]:
    """The slice of one exercise, among all of these."""
    try:
        return _answer(cells, name, ids)
    except (RecursionError, MemoryError, ValueError, SyntaxError) as problem:
        return {"problem": f"The code for {name} can't be taken apart ({type(problem).__name__})."}


def _answer(cells: list[Cell], name: str, ids: list[str]) -> dict[str, Any]:
    asked = [(k, place) for k, cell in enumerate(cells) for place, node in enumerate(cell.body) if checks(node, name)]
    if not asked:
        return {"problem": _missing(cells, name)}
    last, place = asked[-1]
    bodies = [cell.body for cell in cells[:last]] + [cells[last].body[:place]]
    expression = checks(cells[last].body[place], name)
    assert expression is not None
    kept = slices.reached(expression, bodies)
    statements = [bodies[k][number] for k, number in kept]
    uses = slices.of_the_package(statements)
    bound = {part for node in statements for part in slices.names(node)[1]} - {getattr(expression, "id", "")}
    shape, size = normal.form(expression, statements)
    by_cell = {k: [number for other, number in kept if other == k] for k, _ in kept}
    return {
        "cells": [[cells[k].place, cells[k].code, numbers] for k, numbers in by_cell.items()],
        "answer": ast.unparse(expression),
        "names": sorted(slices.words([*statements, expression]) & KNOWN),
        "uses": uses,
        "rests": [other for other in ids if other != name and _handed_to(cells, other) & bound],
        "normal": shape,
        "size": size,
        "broken": [f"cell {cell.place}, {cell.problem}" for cell in cells[: last + 1] if cell.problem],
    }


def checks(node: ast.AST, name: str) -> ast.expr | None:
    """What a statement hands to the check of this exercise: ``x`` of ``x = check("L05-E1", x)``."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or len(call.args) != 2:
            continue
        called = getattr(call.func, "id", getattr(call.func, "attr", ""))
        first = call.args[0]
        if called == "check" and isinstance(first, ast.Constant) and first.value == name:
            return call.args[1]
    return None


def _handed_to(cells: list[Cell], name: str) -> set[str]:
    """The names that are handed to the check of an exercise."""
    given = (checks(node, name) for cell in cells for node in cell.body)
    return {expression.id for expression in given if isinstance(expression, ast.Name)}


def _missing(cells: list[Cell], name: str) -> str:
    broken = [cell for cell in cells if cell.problem and name in cell.code]
    if broken:
        return f"The cell with the check of {name} has an error: {broken[-1].problem}."
    return f'There is no cell with check("{name}", ...).'


def _without_magic(line: str) -> str:
    found = _MAGIC.match(line)
    return f"{found['pad']}pass" if found else line
