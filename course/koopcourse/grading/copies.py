"""Who has the same answers, but for names and layout: listed, never judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from koopcourse.grading.marks import Marks


class Alike(NamedTuple):
    """Students, two or more, and the exercises in which their answers are the same."""

    students: tuple[str, ...]
    exercises: list[str]


def alike(marks: Iterable[Marks]) -> list[Alike]:
    """Each group of students with equal answers; those that share most exercises come first."""
    by_form: dict[tuple[str, str], set[str]] = defaultdict(set)
    for mark in marks:
        for row in mark.rows:
            if form := row.get("normal"):
                by_form[row["id"], form].add(mark.student)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for (exercise, _), students in sorted(by_form.items()):
        if len(students) > 1:
            groups[tuple(sorted(students))].append(exercise)
    return sorted((Alike(*group) for group in groups.items()), key=lambda group: (-len(group.exercises), group))
