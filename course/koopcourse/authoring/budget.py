"""What a lesson may cost its reader: minutes, words, visible code and questions of its main road.

What goes beyond stands under a heading ``## Side road: ...`` before the exercises, where nobody has to go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from koopcourse.authoring.sheet import Remark, Sheet, tags, without_fences
from koopcourse.notebook_io import COLLAPSED, folds

if TYPE_CHECKING:
    from nbformat import NotebookNode

MINUTES, WORDS, LINES, QUESTIONS, CHOICES = 75, 1_500, 200, 3, 3
SIDE, EXERCISES, RIGHT = "side road", "exercises", "Right."


def main_road(sheet: Sheet) -> list[NotebookNode]:
    """The cells that everybody goes through: those outside side roads."""
    aside = {id(cell) for heading in side_roads(sheet) for cell in sheet.section(heading)}
    return [cell for cell in sheet.cells if id(cell) not in aside]


def side_roads(sheet: Sheet) -> list:
    return [heading for heading in sheet.headings if heading.level == 2 and heading.text.lower().startswith(SIDE)]


def words(cells: list[NotebookNode]) -> int:
    """Words of the prose: a formula is one, and what is folded or in a table is none."""
    text = "\n".join(without_fences(cell.source) for cell in cells if cell.cell_type == "markdown")
    text = text.split("## References")[0]
    text = re.sub(r"<details>.*?</details>|^\|[^\n]*$", "", text, flags=re.S | re.M)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", " x ", text, flags=re.S)
    return len(re.findall(r"[^\W\d_]\S*", re.sub(r"\]\([^)]*\)", "]", text)))


def visible_lines(cells: list[NotebookNode]) -> int:
    """Lines of code that meet the eye: not blank, in cells that open unfolded."""
    shown = (cell for cell in cells if cell.cell_type == "code" and COLLAPSED not in tags(cell))
    return sum(bool(line.strip()) for cell in shown for line in cell.source.splitlines())


def length(sheet: Sheet) -> Iterator[Remark]:
    road = main_road(sheet)
    minutes = re.search(r"\b(\d+)\s+minutes\b", road[0].source, re.I) if road else None
    found = {
        "minutes": (int(minutes[1]) if minutes else 0, MINUTES),
        "words": (words(road), WORDS),
        "visible lines of code": (visible_lines(road), LINES),
    }
    for what, (count, most) in found.items():
        if count > most:
            yield "", f"{count} {what} on the main road, at most {most}; shorten, fold, or move to a side road"


def side_roads_last(sheet: Sheet) -> Iterator[Remark]:
    roads, exercises = side_roads(sheet), sheet.find(EXERCISES)
    for heading in roads:
        between = [h for h in sheet.headings if h.level == 2 and h.position > heading.position and h not in roads]
        if exercises and between and between[0] != exercises:
            yield f"c{heading.position:03d}", f"{heading.text!r} belongs right before the exercises"


def questions(sheet: Sheet) -> Iterator[Remark]:
    """Two or three predictions, each a question with answers to open: one is right, the others say why they are not."""
    prompts = [cell for cell in main_road(sheet) if cell.cell_type == "markdown" and "**Predict" in cell.source]
    if not 2 <= len(prompts) <= QUESTIONS:
        yield "", f"{len(prompts)} predictions on the main road; ask 2 or 3"
    for cell in prompts:
        answers = [body.strip() for _, body in folds(cell.source.split("**Predict", 1)[1])]
        right = sum(body.startswith(RIGHT) for body in answers)
        if len(answers) < CHOICES or right != 1:
            yield (
                cell.id,
                f"offer {CHOICES} or more folded answers, one of which begins with {RIGHT!r}: why, or why not",
            )


BUDGET = (length, side_roads_last, questions)
