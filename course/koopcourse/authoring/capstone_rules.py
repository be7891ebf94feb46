"""The parts of a capstone: what its starter tells, and the sections that a report has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from koopcourse.authoring.sheet import Remark, Sheet, calls, syntax
from koopcourse.notebook_io import read_script

FACTS = ("3 to 6 hours", "level", "device", "prerequisites")
# Headings of a starter, in order; below the last one stand those of the report that it asks for.
PARTS = (
    "the question",
    "why it is open",
    "what loads",
    "a first run",
    "milestones",
    "three traps",
    "what is allowed",
    "how it is marked",
    "your report",
)
SECTIONS = ("Question", "Method", "Results", "What failed", "Limits")
LEAST, MOST = 180, 360  # minutes of all milestones


class Milestone(NamedTuple):
    """A row of a starter's table."""

    name: str
    minutes: int


class Criterion(NamedTuple):
    """A row of a rubric."""

    name: str
    section: str
    points: int
    marks: tuple[str, str, str]  # what full, half and no marks look like


def milestones(markdown: str) -> list[Milestone]:
    """Rows ``| 1. what | 40 | done when |``."""
    return [Milestone(name, int(m)) for name, m in re.findall(r"^\| (\d\. [^|]+?) \| (\d+) \|", markdown, re.M)]


def promised_points(markdown: str) -> dict[str, int]:
    """Criterion -> points, of a starter's table of marks: rows ``| name | points |``."""
    return {name: int(points) for name, points in re.findall(r"^\| ([^|]+?) \| (\d+) \|$", markdown, re.M)}


def rubric(path: Path) -> list[Criterion]:
    """The rows of a rubric's table: criterion, section, points, full, half, none."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return [Criterion(name, section, int(points), (a, b, c)) for name, section, points, a, b, c in rows[2:]]


def in_order(sheet: Sheet, wanted: Sequence[str], level: int) -> Iterator[Remark]:
    """The headings of this level are these, whatever case they have."""
    found = [heading.text.lower() for heading in sheet.headings if heading.level == level]
    if found != [text.lower() for text in wanted]:
        yield "", f"headings {found} of level {level}, needed {[text.lower() for text in wanted]}"


def facts(sheet: Sheet) -> Iterator[Remark]:
    missing = [fact for fact in FACTS if fact not in sheet.cells[0].source.lower()]
    if missing:
        yield sheet.cells[0].id, f"the first cell lacks {', '.join(missing)}"


def starter_parts(sheet: Sheet) -> Iterator[Remark]:
    yield from in_order(sheet, PARTS, 2)
    yield from in_order(sheet, SECTIONS, 3)


def report_parts(sheet: Sheet) -> Iterator[Remark]:
    yield from in_order(sheet, SECTIONS, 2)


def milestone_times(sheet: Sheet) -> Iterator[Remark]:
    total = sum(step.minutes for step in milestones(part(sheet, "milestones")))
    if not LEAST <= total <= MOST:
        yield "", f"the milestones take {total} minutes, and should take {LEAST} to {MOST}"


def traps(sheet: Sheet) -> Iterator[Remark]:
    count = len(re.findall(r"^\d\. ", part(sheet, "three traps"), re.M))
    if count != 3:
        yield "", f"{count} traps; number three"


def first_run(sheet: Sheet) -> Iterator[Remark]:
    heading = sheet.find("a first run")
    cells = [cell for cell in sheet.section(heading) if cell.cell_type == "code"] if heading else []
    if not any(calls(syntax(cell), "finish") for cell in cells):
        yield "", "the first run draws no figure"


def several_seeds(sheet: Sheet) -> Iterator[Remark]:
    if not any("in SEEDS" in cell.source for cell in sheet.code) or not any(
        calls(syntax(cell), "table") for cell in sheet.code
    ):
        yield "", "a report runs over SEEDS and prints a table of them"


def part(sheet: Sheet, words: str) -> str:
    """The markdown of a part."""
    heading = sheet.find(words)
    cells = sheet.section(heading) if heading else []
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def code_of(path: Path) -> set[str]:
    """Lines of code that say something: five words or more."""
    code = "\n".join(cell.source for cell in read_script(path).cells if cell.cell_type == "code")
    lines = map(str.strip, code.splitlines())
    return {s for s in lines if len(re.findall(r"\w+", s)) > 4 and not s.startswith(("#", "import", "from"))}


STARTER = (facts, starter_parts, milestone_times, traps, first_run)
REPORT = (report_parts, several_seeds)
