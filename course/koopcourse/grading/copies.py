"""Who has the same answers, but for names and layout: listed by pairs, never judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from koopcourse.grading.marks import Marks


def pairs(marks: Iterable[Marks]) -> list[tuple[str, str, list[str]]]:
    """Pairs of students with the exercises in which they are alike; those with most come first."""
    by_form: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mark in marks:
        for row in mark.rows:
            if form := row.get("normal"):
                by_form[row["id"], form].append(mark.student)
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (exercise, _), students in sorted(by_form.items()):
        for pair in combinations(sorted({*students}), 2):
            alike[pair].append(exercise)
    return sorted(((a, b, names) for (a, b), names in alike.items()), key=lambda pair: (-len(pair[2]), pair))
