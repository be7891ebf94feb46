"""The anatomy of a lesson: its parts, their order, and what each part must hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from koopcourse.authoring.sheet import Remark, Sheet, asserts, calls, syntax, tags
from koopcourse.notebook_io import COLLAPSED

FACTS = ("level", "device", "prerequisites")
MINUTES = re.compile(r"\b(\d+)\s+minutes\b", re.I)
IMAGE = re.compile(r"!\[[^\]]+\]\(|<img\b")
FORMULA = r"\tag{"
DRAWING_LINES = 6  # what is short may stand beside what it shows

# The parts that are headings, in the order in which a lesson has them, found by these words.
ABILITIES, SCRATCH, WRONG = "you will be able to", "from scratch", "what goes wrong"
EXERCISES, KEY_POINTS, REFERENCES = "exercises", "key points", "references"
PARTS = (ABILITIES, SCRATCH, WRONG, EXERCISES, KEY_POINTS, REFERENCES)


def facts_line(sheet: Sheet) -> Iterator[Remark]:
    first = sheet.cells[0].source if sheet.cells else ""
    missing = [fact for fact in FACTS if fact not in first.lower()]
    if not MINUTES.search(first):
        missing.insert(0, "a number of minutes")
    if missing:
        model = "'45 minutes · level: core · device: CPU · prerequisites: lesson 01'"
        yield "c000", f"the line of facts lacks {', '.join(missing)}; write under the title {model}"


def early_picture(sheet: Sheet) -> Iterator[Remark]:
    for cell in sheet.cells:
        if cell.cell_type == "markdown" and FORMULA in cell.source:
            break
        if IMAGE.search(cell.source) or (cell.cell_type == "code" and sheet.draws(cell)):
            return
    yield "", "no picture before the mathematics; show one by ![text](file), plt or koopcourse.plotting"


def key_points(sheet: Sheet) -> Iterator[Remark]:
    if not sheet.find(KEY_POINTS):
        yield "", "no heading 'Key points'"


def parts_in_order(sheet: Sheet) -> Iterator[Remark]:
    last = -1
    for words in PARTS:
        heading = sheet.find(words)
        if heading is None:
            yield "", f"no heading {words.capitalize()!r}"
            continue
        place = sheet.headings.index(heading)
        if place < last:
            yield (
                f"c{heading.position:03d}",
                f"{heading.text!r} comes too early; the order is {', '.join(PARTS)}",
            )
        last = max(last, place)


def setup_place(sheet: Sheet) -> Iterator[Remark]:
    abilities, scratch = sheet.find(ABILITIES), sheet.find(SCRATCH)
    for position, cell in enumerate(sheet.cells):
        sets_up = cell.cell_type == "code" and calls(syntax(cell), "setup")
        if sets_up and abilities and scratch and not abilities.position < position < scratch.position:
            yield cell.id, f"the set-up belongs between {ABILITIES!r} and {SCRATCH!r}"


def abilities(sheet: Sheet) -> Iterator[Remark]:
    heading = sheet.find(ABILITIES)
    if heading is None:
        return
    text = sheet.cells[heading.position].source.split(heading.text)[1].split("\n#")[0]
    items = re.split(r"^[-*] ", text, flags=re.M)[1:]
    where = f"c{heading.position:03d}"
    if not 3 <= len(items) <= 5:
        yield where, f"{len(items)} abilities; list 3 to 5, each opening with '- ' and a verb"
    for item in items:
        if not _ids(sheet, item):
            yield (
                where,
                f"{item.strip()[:40]!r} names no exercise; end it with one, as (L{sheet.script.lesson}-E1)",
            )


def numbered_formula(sheet: Sheet) -> Iterator[Remark]:
    if not any(FORMULA in cell.source for cell in sheet.prose):
        yield "", r"no numbered formula; number those that code refers to by \tag{1}"


def from_scratch(sheet: Sheet) -> Iterator[Remark]:
    heading = sheet.find(SCRATCH)
    if heading and not any(cell.cell_type == "code" and asserts(cell) for cell in sheet.section(heading)):
        yield f"c{heading.position:03d}", "nothing asserts that the code from scratch agrees with the package"


def predict_prompts(sheet: Sheet) -> Iterator[Remark]:
    prompts = [cell for cell in sheet.prose if "predict" in cell.source.lower() and "<details>" in cell.source]
    if not 2 <= len(prompts) <= 3:
        yield "", f"{len(prompts)} prompts; write 2 or 3 that say 'Predict' and fold the answer in <details>"


def widget(sheet: Sheet) -> Iterator[Remark]:
    if not any("widget" in tags(cell) for cell in sheet.code):
        yield "", 'no cell is tagged "widget"; let the learner move something'


def exercise_list(sheet: Sheet) -> Iterator[Remark]:
    heading = sheet.find(EXERCISES)
    if heading is None:
        return
    named = {found for cell in sheet.section(heading) for found in _ids(sheet, cell.source)}
    where = f"c{heading.position:03d}"
    if not named:
        yield where, f"names no exercise; list them by id, such as L{sheet.script.lesson}-E1"
    for wrong in sorted(named ^ set(sheet.declared if sheet.declared is not None else named)):
        yield where, f"{wrong} is in this list or in koopcourse.exercises, but not in both"


def _ids(sheet: Sheet, text: str) -> list[str]:
    return re.findall(rf"\bL{sheet.script.lesson}-E\d+\b", text)


def proof_aside(sheet: Sheet) -> Iterator[Remark]:
    """What a lesson claims is asserted in folded cells; in the open, that code from scratch agrees with the package."""
    scratch = sheet.find(SCRATCH)
    shown = {id(cell) for cell in sheet.section(scratch)} if scratch else set()
    for cell in sheet.code:
        if asserts(cell) and COLLAPSED not in tags(cell) and id(cell) not in shown:
            yield cell.id, f'asserts in the open; move that to a cell with tags=["{COLLAPSED}"] behind it'


def folded_drawing(sheet: Sheet) -> Iterator[Remark]:
    for cell in sheet.code:
        lines = sum(map(bool, map(str.strip, cell.source.splitlines())))
        if lines > DRAWING_LINES and COLLAPSED not in tags(cell) and sheet.draws(cell):
            yield cell.id, f'draws in {lines} lines; give a drawing a cell of its own with tags=["{COLLAPSED}"]'


FOLDED = (proof_aside, folded_drawing)
START_HERE = (facts_line, early_picture, key_points)  # all that lesson 00 owes beyond the common rules
LESSON = (
    facts_line,
    early_picture,
    parts_in_order,
    setup_place,
    abilities,
    numbered_formula,
    from_scratch,
    predict_prompts,
    widget,
    exercise_list,
)
