"""The class at a glance: where it is stuck, which mistakes are made how often, and what to ask; who is alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from koopcourse.checks import declared
from koopcourse.grading.copies import Alike
from koopcourse.grading.marks import Marks
from koopcourse.grading.page import heading, page, paragraph, rows
from koopcourse.teaching.prompts import prompt

_LISTED = 200


def class_view(marks: Sequence[Marks], groups: Sequence[Alike]) -> str:
    """The page's HTML."""
    lessons = sorted({mark.lesson for mark in marks})
    parts = [part for lesson in lessons for part in _lesson(lesson, [m for m in marks if m.lesson == lesson])]
    return page("The class", [*parts, *_lists(marks, groups)])


def _lesson(lesson: str, marks: Sequence[Marks]) -> Iterator[str]:
    handed_in = [mark for mark in marks if mark.file]
    yield heading(f"{lesson} {declared.load(lesson).TITLE}")
    yield paragraph(f"{len(handed_in)} of {len(marks)} handed in; their mean is {_mean(handed_in)}.")
    by_exercise = [[mark.rows[k] for mark in handed_in] for k in range(len(marks[0].rows))]
    stuck = sorted((part for part in by_exercise if part), key=_share)
    yield heading("Exercises, the one that is most stuck first", 3)
    head = ("exercise", "solved", "tried", "points, of all")
    yield rows(head, [_exercise(part) for part in stuck], numbers=(1, 2, 3))
    yield heading("Mistakes by frequency, and what to ask", 3)
    found = list(_mistakes(row for part in by_exercise for row in part))
    head = ("exercise", "made by", "mistake", "ask")
    yield rows(head, found, numbers=(1,), narrow=(0,)) if found else paragraph("None was recognised.")


def _exercise(part: Sequence[dict[str, Any]]) -> tuple[str, int, int, str]:
    solved = sum(row["state"] == "PASSED" for row in part)
    tried = sum(row["state"] in ("PASSED", "NOT_YET") for row in part)
    return f"{part[0]['id']} {part[0]['title']}", solved, tried, f"{_share(part):.0%}"


def _share(part: Sequence[dict[str, Any]]) -> float:
    """The points of all, as a share of what there is to get."""
    return sum(row["points"] for row in part) / sum(row["of"] for row in part)


def _mistakes(part: Iterable[dict[str, Any]]) -> Iterator[tuple[str, int, str, str]]:
    """Each named mistake with its number of students, what the check says, and the guide's question."""
    told = [row for row in part if row["mistake"]]
    said = {(row["id"], row["mistake"]): row["says"] for row in told}
    for (exercise, name), count in Counter((row["id"], row["mistake"]) for row in told).most_common():
        yield exercise, count, f"{name}: {said[exercise, name]}", prompt(exercise, name)


def _lists(marks: Sequence[Marks], groups: Sequence[Alike]) -> Iterator[str]:
    yield heading("To look at yourself")
    yield paragraph("None of this has changed a point. Short answers, and those by the hints, are often alike.")
    if groups:
        listed = [(", ".join(names), len(names), ", ".join(exercises)) for names, exercises in groups[:_LISTED]]
        yield heading("The same answers but for names and layout", 3)
        yield rows(("students", "how many", "exercises"), listed, numbers=(1,))
    if using := [(mark.student, words) for mark in marks for words in mark.uses()]:
        yield heading("Answers that use the package", 3)
        yield rows(("student", "where, and what"), using)
    if resting := [(mark.student, words) for mark in marks for words in mark.rests()]:
        yield heading("Answers that rest on one which is not right", 3)
        yield rows(("student", "which on which"), resting)
    if broken := [(mark.student, mark.lesson, mark.problem) for mark in marks if mark.problem]:
        yield heading("Without a notebook that can be marked", 3)
        yield rows(("student", "lesson", "why"), broken)


def _mean(marks: Sequence[Marks]) -> str:
    if not marks:
        return "not to be had"
    return f"{sum(mark.points for mark in marks) / len(marks):.1f} of {marks[0].of} points"
