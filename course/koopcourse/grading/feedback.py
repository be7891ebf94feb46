"""A page for one student: what each answer got, what is wrong with it, and the mistake by its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from koopcourse.checks import declared
from koopcourse.grading.marks import DIGITS, Marks
from koopcourse.grading.page import heading, page, paragraph

_STATES = {
    "PASSED": "right",
    "NOT_YET": "not right yet",
    "NOT_STARTED": "not started",
    "MISSING": "not found",
}


def feedback(student: str, marks: Sequence[Marks]) -> str:
    """The page's HTML."""
    return page(f"Feedback for {student}", (part for mark in marks for part in _lesson(mark)))


def _lesson(mark: Marks) -> Iterator[str]:
    title = declared.load(mark.lesson).TITLE
    yield heading(f"{mark.lesson} {title}: {mark.points:g} of {mark.of} points")
    if mark.file:
        yield paragraph(f"Marked: {mark.file}, handed in {mark.handed_in}.")
    if mark.problem:
        yield paragraph(mark.problem)
        return
    for row in mark.rows:
        points = f"{round(row['points'], DIGITS):g} of {row['of']} points"
        yield heading(f"{row['id']} {row['title']}", 3)
        yield paragraph(f"{_STATES[row['state']].capitalize()}; {points}.")
        yield from map(paragraph, remarks(row))


def remarks(row: dict[str, Any]) -> list[str]:
    """What is said of one answer."""
    told = []
    if row["probes"] and row["state"] == "NOT_YET":
        told.append(f"It is right in {row['right']} of the {row['probes']} cases that give points.")
    if row["words"]:
        told.append(row["words"])
    if row["mistake"]:
        told.append(f"Recognised: {row['mistake']}. {row['says']}")
    told += [f"It calls what you wrote for {other}, as it stands there." for other in row.get("rests", ())]
    return [*told, *(f"A cell before it does not run: {words}." for words in row.get("broken", ()))]
