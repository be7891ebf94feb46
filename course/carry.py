"""Carry a learner's answers from the sheets they worked in into newer ones. Standard library only, for course.py.

An answer is found by its exercise: it is what stands between the heading ``## L05-E1`` and the cell that calls
``check("L05-E1", ...)``, in any sheet and any number of cells. It takes the place of the stub of the same exercise in
the new sheet, wherever that exercise is now. Cells that the learner added go along. Old sheets are read, never written.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

HEADING = re.compile(r"^## (L\d\d-E\d+\b)?", re.M)
CHECK = re.compile(r"""^.*\bcheck\(\s*["'](L\d\d-E\d+)["']\s*,\s*(\w+).*$""", re.M)
IMPORT = re.compile(r"^(?:import|from)\s+(?!koopteach\b|koopcourse\b)\w.*$", re.M)
STUB = "replace these two lines by your answer"
SHIPPED_ID = re.compile(r"c\d{3}")  # ids of the course's cells; those that a learner adds are random
KEPT = "This sheet no longer has the exercise {}. Your answer to it was:"


class Work(NamedTuple):
    """What one sheet holds for one exercise."""

    cells: list[dict]  # the answer, after the learner's own cells before it
    answered: bool
    after: list[dict]  # the learner's own cells between the check and the next exercise


class Carried(NamedTuple):
    """A new sheet: its bytes, and the exercises whose answers came along."""

    content: bytes
    exercises: list[str]


def with_answers(folder: Path, upstream: dict, new: dict, carrying: bool | None, say: Callable, me: str) -> dict:
    """Those of the exercise sheets that are to be written with the learner's answers in them.

    Args:
        folder: of the learner's copies.
        upstream, new: all of the course's sheets, and those that the learner has not got yet, by file name.
        carrying: False or None to ask first, and for the sheets in ``new`` alone.
        say: prints a line.
        me: the command that starts course.py.
    """
    copies = sorted(folder.glob("*.ipynb"), key=age)
    if not copies or not (new or carrying):
        return {}
    sheets, broken = carry(upstream, [(path.name, path.read_bytes()) for path in copies])
    for name in broken:
        say(f"work/exercises/{name} is no notebook that can be read; it stays as it is.")
    if not carrying:
        sheets = {name: sheet for name, sheet in sheets.items() if name in new}
        listed = ", ".join(Path(name).stem for name in sheets)
        if sheets and not agreed(f"there are newer sheets: {listed}. Carry your answers into them?"):
            say(f"{me} carry does it whenever you like.")
            return {}
    for name, sheet in sheets.items():
        say(f"{Path(name).stem} takes along your answers to {', '.join(sheet.exercises)}; yours stays as it is.")
    if carrying and not sheets:
        say("there is nothing to carry: your newest sheets have all your answers.")
    return {name: sheet.content for name, sheet in sheets.items()}


def age(own: Path) -> tuple:
    """Sorts copies, the one that the learner saved last first; of two of one time the later version."""
    version = re.search(r"\(version (\d+)\)$", own.stem)
    return -own.stat().st_mtime, -int(version.group(1)) if version else 0


def agreed(question: str) -> bool:
    """The answer of somebody at a terminal; no, where there is nobody to ask."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return input(f"koopteach: {question} [Y/n] ").strip().lower() in ("", "y", "yes")
    except EOFError:
        return False


def carry(upstream: dict[str, bytes], copies: list[tuple[str, bytes]]) -> tuple[dict[str, Carried], list[str]]:
    """The new sheets that hold more than the learner's own, by name; and the names of files that no one can read.

    Args:
        upstream: the course's sheets, by file name.
        copies: name and content of the learner's, the newest first: of two answers to an exercise the newer is taken.
    """
    sheets = {name: json.loads(content.decode("utf-8")) for name, content in upstream.items()}
    given = {text(cell) for sheet in sheets.values() for cell in sheet["cells"]}
    read = [(name, cells_of(content)) for name, content in copies]
    works = [(name, cells, found(cells, given)) for name, cells in read if cells is not None]
    best = choose([work for _, _, work in works])
    known = {exercise for sheet in sheets.values() for exercise in exercises(sheet["cells"])}
    result = {}
    for name, sheet in sheets.items():
        mine = {exercise: best[exercise] for exercise in exercises(sheet["cells"]) if exercise in best}
        gone = {e for own, _, work in works if own[:2] == name[:2] for e in work if e not in known and best[e].answered}
        lost = [kept(exercise, best[exercise].cells) for exercise in sorted(gone)]
        answered = sorted(exercise for exercise, work in mine.items() if work.answered)
        if (answered or lost) and not any(holds(cells, work, sheet, mine, lost) for _, cells, work in works):
            lines = imports([cells for _, cells, _ in works], mine, sheet)
            result[name] = Carried(compose(sheet, mine, lines, lost), [*answered, *sorted(gone)])
    return result, [name for name, cells in read if cells is None]


def cells_of(content: bytes) -> list[dict] | None:
    """The cells of a notebook, or ``None`` where the bytes are no notebook."""
    try:
        cells = json.loads(content.decode("utf-8"))["cells"]
        return [cell for cell in cells if cell["cell_type"] and text(cell) is not None]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def text(cell: dict) -> str:
    """A cell's source, which the file holds as one string or as lines, without white space around it."""
    source = cell.get("source", "")
    return (source if isinstance(source, str) else "".join(source)).strip()


def is_code(cell: dict) -> bool:
    return cell.get("cell_type") == "code"


def added(cell: dict) -> bool:
    """True for a cell that the learner made, which has an id of its own, and that says something."""
    return "id" in cell and not SHIPPED_ID.fullmatch(str(cell["id"])) and bool(text(cell))


def heading(cell: dict) -> str | None:
    """The exercise that begins here, ``""`` for another section of the course's, ``None`` for no heading."""
    match = None if is_code(cell) else HEADING.search(text(cell))
    return (match.group(1) or (None if added(cell) else "")) if match else None


def exercises(cells: list[dict]) -> list[str]:
    return [exercise for exercise in map(heading, cells) if exercise]


def defines(source: str, name: str) -> bool:
    return bool(re.search(rf"^\s*(?:(?:async )?def|class)\s+{name}\b|^{name}\s*(?::[^=\n]+)?=[^=]", source, re.M))


# ------------------------------------------------------------------ what a learner's sheet holds


def found(cells: list[dict], given: set) -> dict[str, Work]:
    """What the learner wrote for each exercise of a sheet; ``given`` is all that the course's own cells say."""
    works: dict[str, Work] = {}
    early: list[dict] = []  # own cells that belong to no exercise go before the next one
    marked = any(SHIPPED_ID.fullmatch(str(cell.get("id"))) for cell in cells)  # else nobody knows whose a cell is
    for exercise, section in sections(cells):
        zone, name, rest = split(section, exercise)
        own = [cell for cell in rest if marked and added(cell) and text(cell) not in given]
        if not exercise:
            early += own
            continue
        wrote = [cell for cell in zone if (is_code(cell) or added(cell)) and text(cell) not in given]
        wrote = [cell for cell in wrote if not (is_code(cell) and unsolved(text(cell)))]
        answered = any(is_code(cell) and defines(text(cell), name) for cell in wrote)
        works[exercise] = Work(early + wrote, answered, own)
        early = []
    if early and works:
        last = list(works)[-1]
        works[last] = works[last]._replace(after=works[last].after + early)
    return {exercise: work for exercise, work in works.items() if work.cells or work.after}


def sections(cells: list[dict]) -> Iterator[tuple[str, list[dict]]]:
    """The cells of each exercise; ``""`` for what belongs to none. A check whose heading is gone opens one, too."""
    exercise, section = "", []
    for cell in cells:
        new, checked = heading(cell), None if added(cell) or not is_code(cell) else CHECK.search(text(cell))
        if new is not None:
            yield exercise, section
            exercise, section = new, []
        elif checked and checked.group(1) != exercise:
            mine = [earlier for earlier in section if is_code(earlier) and defines(text(earlier), checked.group(2))]
            yield exercise, [earlier for earlier in section if earlier not in mine]
            exercise, section = checked.group(1), mine
        section = [*section, cell]
    yield exercise, section


def split(section: list[dict], exercise: str) -> tuple[list[dict], str, list[dict]]:
    """The cells up to the check, the name that it checks, and the cells after it. A hint stands for a lost check."""
    if not exercise:
        return [], "", section
    for place, cell in enumerate(section):
        match = CHECK.search(text(cell)) if is_code(cell) else None
        if match and match.group(1) == exercise:
            same_cell = {**cell, "source": CHECK.sub("", text(cell), count=1).strip()}
            answer = [same_cell] if defines(text(same_cell), match.group(2)) else []
            return section[:place] + answer, match.group(2), section[place + 1 :]
        if "<details>" in text(cell):
            return section[:place], r"\w+", section[place:]
    return section, r"\w+", []


def unsolved(source: str) -> bool:
    """True for a stub, of this edition or an older one, in which nobody wrote anything; and for an empty cell."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    stub = STUB in source and all(isinstance(node, (ast.Import, ast.ImportFrom)) or untouched(node) for node in body)
    return stub or not source


def untouched(node: ast.stmt) -> bool:
    body = node.body if isinstance(node, ast.FunctionDef) else []
    if body and ast.get_docstring(node) is not None:
        body = body[1:]
    return len(body) == 1 and isinstance(body[0], ast.Raise)


def choose(works: list[dict[str, Work]]) -> dict[str, Work]:
    """For each exercise the newest sheet's answer, or else its newest own cells."""
    best: dict[str, Work] = {}
    for work in works:
        for exercise, here in work.items():
            if exercise not in best or (here.answered and not best[exercise].answered):
                best[exercise] = here
    return best


def holds(cells: list[dict], work: dict[str, Work], sheet: dict, mine: dict[str, Work], lost: list[str]) -> bool:
    """True if a learner's sheet is of this edition and has every answer already, so that a new one gains nothing."""
    edition = {text(cell) for cell in sheet["cells"] if STUB not in text(cell)}
    same = [e in work and same_cells(work[e], mine[e]) for e in mine if mine[e].answered]
    return all(same) and edition | set(lost) <= {text(cell) for cell in cells}


def same_cells(one: Work, other: Work) -> bool:
    return [text(cell) for cell in one.cells] == [text(cell) for cell in other.cells]


def imports(copies: list[list[dict]], mine: dict[str, Work], sheet: dict) -> str:
    """Lines such as ``import math`` of the old sheets, where an answer needs them and the new sheet lacks them."""
    theirs = [line for cells in copies for cell in cells if is_code(cell) for line in IMPORT.findall(text(cell))]
    code = "\n".join(text(cell) for work in mine.values() for cell in work.cells + work.after)
    ours = "\n".join(text(cell) for cell in sheet["cells"] if is_code(cell))
    return "\n".join(line for line in dict.fromkeys(theirs) if line not in code + ours and used(line, code))


def used(line: str, code: str) -> bool:
    names = re.findall(r"(?<=^import )\w+|\w+(?=\s*(?:,|#|$))", line)
    return any(re.search(rf"\b{name}\b", code) for name in names)


# ------------------------------------------------------------------ the new sheet


def compose(sheet: dict, mine: dict[str, Work], lines: str, lost: list[str]) -> bytes:
    """The new sheet as the bytes of a file: the course's cells, with the learner's in their places."""
    cells: list[dict] = []
    exercise, after = "", []
    early = [own({"cell_type": "code", "source": lines})] if lines else []
    for cell in sheet["cells"]:
        new = heading(cell)
        if new is not None:
            cells += after + (early if new else [])
            exercise, after, early = new, [], [] if new else early
        if exercise in mine and STUB in text(cell):
            cells += map(own, mine[exercise].cells)
            after = list(map(own, mine[exercise].after))
            if mine[exercise].answered:
                continue
        cells.append(cell)
    cells += after + [own({"cell_type": "markdown", "source": source}) for source in lost]
    named = [cell if "id" in cell else {**cell, "id": f"own-{number:03d}"} for number, cell in enumerate(cells)]
    return (json.dumps({**sheet, "cells": named}, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def own(cell: dict) -> dict:
    """A learner's cell as a new one: its text, and pictures pasted into it, without what it printed."""
    new = {"cell_type": cell["cell_type"], "metadata": {}, "source": text(cell)}
    if is_code(cell):
        new.update(execution_count=None, outputs=[])
    elif "attachments" in cell:
        new["attachments"] = cell["attachments"]
    return new


def kept(exercise: str, cells: list[dict]) -> str:
    """As markdown, so that it stops nothing, the answer to an exercise that is in no sheet any more."""
    code = "\n\n\n".join(text(cell) for cell in cells)
    fence = "`" * max([3] + [len(run) + 1 for run in re.findall("`{3,}", code)])
    return f"{KEPT.format(exercise)}\n\n{fence}python\n{code}\n{fence}"
