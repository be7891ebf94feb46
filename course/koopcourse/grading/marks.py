"""The marks of one student in one lesson, as the table and the pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DIGITS = 2


@dataclass(frozen=True)
class Marks:
    """One student, one lesson.

    Args:
        student: the name of the student's folder.
        lesson: two digits.
        rows: one for each exercise, as :func:`koopcourse.grading.score.row` makes them.
        problem: what is wrong with the notebook as a whole.
        isolation: ``"bubblewrap"``, or ``"none"`` where the class was trusted.
        file: the notebook, from the folder of all submissions; "" where nothing was handed in.
        handed_in: when, in the form ``2026-03-01 12:00 UTC``.
        earlier: how many notebooks it replaces.
    """

    student: str
    lesson: str
    rows: list[dict[str, Any]]
    problem: str
    isolation: str
    file: str = ""
    handed_in: str = ""
    earlier: int = 0

    @property
    def points(self) -> float:
        return round(sum(row["points"] for row in self.rows), DIGITS)

    @property
    def of(self) -> int:
        return sum(row["of"] for row in self.rows)

    def rests(self) -> list[str]:
        """Answers that call one to another exercise which is not right: ``["L14-E3 on L14-E1"]``."""
        wrong = {row["id"] for row in self.rows if row["state"] != "PASSED"}
        pairs = [(row["id"], other) for row in self.rows for other in row.get("rests", ())]
        return [f"{name} on {other}" for name, other in pairs if name in wrong and other in wrong]

    def uses(self) -> list[str]:
        """The package's own names that answers use, by exercise."""
        return [f"{row['id']}: {', '.join(row['uses'])}" for row in self.rows if row.get("uses")]
