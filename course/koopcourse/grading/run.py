"""Mark a class: find, mark or take what was kept, write the table and the pages."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from koopcourse.checks import declared
from koopcourse.grading import submissions
from koopcourse.grading.class_view import class_view
from koopcourse.grading.copies import alike
from koopcourse.grading.feedback import feedback
from koopcourse.grading.isolation import Boxes, boxes, note
from koopcourse.grading.limits import Limits
from koopcourse.grading.marking import marked, unmarked
from koopcourse.grading.marks import Marks
from koopcourse.grading.output import Output
from koopcourse.grading.results import Results, name_of
from koopcourse.grading.submissions import Submission
from koopcourse.grading.table import table

_MINUTE = "%Y-%m-%d %H:%M UTC"


def grade(folder: Path, out: Path, lessons: Sequence[str] | None, trust: bool, limits: Limits | None = None) -> None:
    """Mark what lies in ``folder`` and write ``out``.

    Raises:
        ValueError: there is no such folder or lesson, nothing was handed in, or ``out`` is among the students' folders.
        Refused: there is no sandbox, and the class is not trusted.
    """
    start, limits = time.monotonic(), limits or Limits()
    found = _found(folder, lessons)
    if out.resolve().is_relative_to(submissions.home(folder).resolve()):
        raise ValueError(f"--out: {out} is among the students' folders; choose one beside {submissions.home(folder)}.")
    results, isolation = Results(out), "none" if trust else "bubblewrap"
    new = sum(_is_new(one, results, limits, isolation) for one in found)
    asked = sorted({one.lesson for one in found})
    print(f"{len(found)} notebooks of lesson {', '.join(asked)}: {new} to mark; isolation: {isolation}", flush=True)
    made = boxes(new, trust, hidden=(folder, out))
    if not trust and new and note():
        print(note())
    try:
        marks = [_marks(one, folder, results, made, limits, isolation) for one in found]
    finally:
        made.close()
    marks += _absent(folder, marks, asked, isolation)
    write(out, sorted(marks, key=lambda mark: (mark.student, mark.lesson)))
    print(f"{time.monotonic() - start:.0f} s. See {out / 'grades.csv'}, class.html and feedback/ beside it.")


def write(out: Path, marks: Sequence[Marks]) -> None:
    """The table and the pages."""
    groups, output = alike(marks), Output(out)
    output.write("grades.csv", f"\N{BYTE ORDER MARK}{table(marks, groups)}")  # by it Excel knows UTF-8
    output.write("class.html", class_view(marks, groups))
    for student in dict.fromkeys(mark.student for mark in marks):
        text = feedback(student, [mark for mark in marks if mark.student == student])
        output.write(f"feedback/{student}.html", text)


def _found(folder: Path, lessons: Sequence[str] | None) -> list[Submission]:
    known = declared.numbers()
    if unknown := [lesson for lesson in lessons or () if lesson not in known]:
        raise ValueError(f"--lessons: there is no {', '.join(unknown)}; exercises have {', '.join(known)}.")
    if not folder.is_dir():
        raise ValueError(f"FOLDER: {folder} is no folder; it has to hold one folder for each student.")
    found = submissions.find(folder, lessons or known)
    if not found:
        raise ValueError(f"{folder} holds no <student>/**/NN_topic.ipynb of lesson {', '.join(lessons or known)}.")
    return found


def _raw(one: Submission, limits: Limits) -> tuple[bytes, str]:
    """The bytes of a notebook, and why there are none."""
    try:
        return submissions.read(one.path, limits.notebook), ""
    except (OSError, ValueError) as problem:
        words = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        return b"", f"The notebook can't be opened: {words}."


def _is_new(one: Submission, results: Results, limits: Limits, isolation: str) -> bool:
    raw, problem = _raw(one, limits)
    return not problem and results.get(name_of(raw, one.lesson, isolation)) is None


def _marks(one: Submission, folder: Path, results: Results, made: Boxes, limits: Limits, isolation: str) -> Marks:
    """The marks of one submission: those that were kept, or new ones, which are kept at once."""
    raw, problem = _raw(one, limits)
    name = name_of(raw, one.lesson, isolation)
    if problem:
        result = unmarked(one.lesson, problem, isolation)
    elif (result := results.get(name)) is None:
        result = marked(one.lesson, raw, made, limits)
        results.keep(name, result)
        points = sum(row["points"] for row in result["rows"])
        print(f"{one.student}, lesson {one.lesson}: {points:.1f} points", flush=True)
    return Marks(
        one.student,
        one.lesson,
        result["rows"],
        result["problem"],
        result["isolation"],
        one.path.relative_to(folder).as_posix(),
        one.time.strftime(_MINUTE),
        one.earlier,
    )


def _absent(folder: Path, marks: Sequence[Marks], lessons: Sequence[str], isolation: str) -> Iterator[Marks]:
    """A row for each student without a notebook of a lesson that others have handed in."""
    there = {(mark.student, mark.lesson) for mark in marks}
    for student in submissions.students(folder):
        for lesson in lessons:
            if (student.name, lesson) not in there:
                nothing = unmarked(lesson, "Nothing was handed in.", isolation)
                yield Marks(student.name, lesson, nothing["rows"], nothing["problem"], isolation)
