"""Hold every source to the anatomy of a lesson, and say for each fault where it is and what mends it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from koopcourse.authoring.budget import BUDGET
from koopcourse.authoring.capstone_rules import REPORT, STARTER
from koopcourse.authoring.common_rules import COMMON, setup_cell
from koopcourse.authoring.cut import cut, leaks
from koopcourse.authoring.exercise_rules import EXERCISE
from koopcourse.authoring.glossary import own_words
from koopcourse.authoring.lesson_rules import FOLDED, LESSON, START_HERE
from koopcourse.authoring.sheet import Sheet
from koopcourse.authoring.tree import Course, Script
from koopcourse.authoring.widget_rules import widget_names
from koopcourse.notebook_io import read_script

Declared = Callable[[str], tuple[str, ...] | None]
CAPSTONES = {"capstones": STARTER, "capstones/reports": REPORT}
_CHECK = re.compile(r'\bcheck\("(L\d\d-E\d+)"')


@dataclass(frozen=True)
class Finding:
    """One fault: file, cell, rule and what to do."""

    file: str
    cell: str
    rule: str
    remark: str

    def __str__(self) -> str:
        return f"{self.file} {self.cell or 'whole file'} [{self.rule}] {self.remark}"


def declared_ids(lesson: str) -> tuple[str, ...] | None:
    """Ids of the exercises that ``koopcourse.checks`` declares for a lesson; ``None`` without a module."""
    name = f"koopcourse.exercises.l{lesson}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if not name.startswith(missing.name or "?"):
            raise  # the lesson's module is there and lacks something itself
        return None
    return tuple(exercise.id for exercise in module.EXERCISES)


def lint(course: Course, declared: Declared = declared_ids) -> list[Finding]:
    """All faults of the course's sources, in order of the files."""
    return list(_findings(course, declared))


def _findings(course: Course, declared: Declared) -> Iterator[Finding]:
    sheets = [Sheet(script, declared(script.lesson)) for script in course.scripts()]
    for sheet in sheets:
        for rule in COMMON + _rules_of(sheet.script):
            for cell, remark in rule(sheet):
                yield Finding(sheet.script.name, cell, rule.__name__.replace("_", "-"), remark)
    yield from _unmatched_checks(sheets)
    yield from _leaks([sheet for sheet in sheets if sheet.script.kind == "solutions"])


def _unmatched_checks(sheets: list[Sheet]) -> Iterator[Finding]:
    """Each declared exercise is checked in some source of its lesson, and no other is."""
    for last in {sheet.script.lesson: sheet for sheet in sheets}.values():
        if last.declared is None:
            continue
        same = [sheet for sheet in sheets if sheet.script.lesson == last.script.lesson]
        checked = {name for sheet in same for cell in sheet.code for name in _CHECK.findall(cell.source)}
        for name in sorted(checked ^ set(last.declared)):
            remark = f"{name} is checked in a source or declared in koopcourse.exercises, but not both"
            yield Finding(last.script.name, "", "declared", remark)


def _leaks(sheets: list[Sheet]) -> Iterator[Finding]:
    solutions = [read_script(sheet.script.path) for sheet in sheets]
    for sheet, solution in zip(sheets, solutions):
        try:
            exercise = cut(solution)
        except ValueError as uncut:
            yield Finding(sheet.script.name, "", "cut", str(uncut))
            continue
        for cell, line in leaks(solutions, [exercise]):
            remark = f"gives away, outside a third hint, the answer's line: {line}"
            yield Finding(sheet.script.name, cell, "leak", remark)


def _rules_of(script: Script) -> tuple[Callable, ...]:
    if script.kind in CAPSTONES:
        return CAPSTONES[script.kind]
    if script.kind == "solutions":
        return (setup_cell, *EXERCISE, *FOLDED, widget_names)
    rules = START_HERE if script.lesson == "00" else LESSON + BUDGET
    return (setup_cell, *rules, *FOLDED, own_words, widget_names)
