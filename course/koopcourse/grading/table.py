"""grades.csv: a row for each student and lesson, a column for each exercise."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from koopcourse.grading.copies import Alike
from koopcourse.grading.marks import DIGITS, Marks

_BEFORE = ("student", "lesson", "points", "of")
_AFTER = ("problem", "alike", "uses", "file", "handed_in", "replaces", "isolation")
_FORMULA = r"(^|;)(?=\s*[=+@-])"  # other countries separate cells by semicolons


def table(marks: Sequence[Marks], groups: Iterable[Alike]) -> str:
    """The file's text."""
    widest = max((len(mark.rows) for mark in marks), default=0)
    with_whom = _with_whom(groups)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*_BEFORE, *(f"E{k}" for k in range(1, widest + 1)), *_AFTER])
    for mark in marks:
        points = [round(row["points"], DIGITS) for row in mark.rows]
        before = [mark.student, mark.lesson, mark.points, mark.of]
        after = [mark.problem, with_whom.get((mark.student, mark.lesson), ""), "; ".join(mark.uses())]
        after += [mark.file, mark.handed_in, mark.earlier, mark.isolation]
        writer.writerow([_plain(cell) for cell in [*before, *points, *[""] * (widest - len(points)), *after]])
    return out.getvalue()


def _with_whom(groups: Iterable[Alike]) -> Mapping[tuple[str, str], str]:
    """By student and lesson, who has the same answers, and where."""
    told: dict[tuple[str, str], list[str]] = {}
    for students, exercises in groups:
        for lesson in sorted({name[1:3] for name in exercises}):
            where = " ".join(name for name in exercises if name[1:3] == lesson)
            for student in students:
                others = ", ".join(other for other in students if other != student)
                told.setdefault((student, lesson), []).append(f"{others} ({where})")
    return {key: "; ".join(parts) for key, parts in told.items()}


def _plain(cell: object) -> object:
    """Text in one line that no spreadsheet takes for a formula."""
    return re.sub(_FORMULA, r"\1'", re.sub(r"[\x00-\x1f\x7f]", " ", cell)) if isinstance(cell, str) else cell
