"""Mark one submission in a box of its own: read it there, then one exercise after the other."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any

from koopcourse.checks import declared
from koopcourse.checks.exercise import Exercise
from koopcourse.grading.isolation import AnyBox, Boxes
from koopcourse.grading.job import Died, Job
from koopcourse.grading.limits import Limits
from koopcourse.grading.score import mark, row

_WHY = {
    "time": "reading it took too long",
    "ended": "reading it took too much memory, or broke off",
    "garbage": "reading it came to nothing",
}


def marked(lesson: str, raw: bytes, boxes: Boxes, limits: Limits) -> dict[str, Any]:
    """What is kept of one notebook: the rows of its exercises, what is wrong with the whole, and the isolation."""
    exercises = declared.load(lesson).EXERCISES
    box = boxes.take()
    try:
        slices, problem = _read(box, raw, exercises, limits)
        rows = []
        for exercise in exercises:
            if not box.alive():  # whoever broke this one paid with the exercise
                box.close()
                box = boxes.take()
            rows.append(_row(exercise, slices, box, limits))
    finally:
        box.close()
    return {"lesson": lesson, "rows": rows, "problem": problem, "isolation": box.isolation}


def unmarked(lesson: str, problem: str, isolation: str) -> dict[str, Any]:
    """The same for a notebook that can't even be opened, or is not there."""
    rows = [row(exercise, words=problem) for exercise in declared.load(lesson).EXERCISES]
    return {"lesson": lesson, "rows": rows, "problem": problem, "isolation": isolation}


def _read(box: AnyBox, raw: bytes, exercises: Sequence[Exercise], limits: Limits) -> tuple[dict[str, Any], str]:
    """The slices by exercise, and why there are none."""
    job = Job(box, limits.seconds, limits.seconds * limits.patience)
    try:
        told, _ = job.ask({"do": "read", "ids": [exercise.id for exercise in exercises]}, raw)
        job.end()
    except Died as death:
        return {}, f"The notebook can't be read: {_WHY[death.why]}."
    slices = told.get("answers")
    return (slices, "") if isinstance(slices, dict) else ({}, str(told.get("problem"))[:400])


def _row(exercise: Exercise, slices: dict[str, Any], box: AnyBox, limits: Limits) -> dict[str, Any]:
    what = slices.get(exercise.id)
    if not isinstance(what, dict):
        return row(exercise, words="The notebook can't be read.")
    try:
        return mark(exercise, what, box, limits)
    except Exception as problem:  # a fault of ours must not cost the class its table
        traceback.print_exc()
        return row(exercise, words=f"The grader itself failed here ({type(problem).__name__}): mark this by hand.")
