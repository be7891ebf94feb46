"""What marks are worth: all points for the course's own answers, few for named mistakes, none for zeros."""

import ast
import inspect
import statistics
import sys
from types import SimpleNamespace

import pytest
import torch

from koopcourse.checks import declared
from koopcourse.grading import score
from koopcourse.grading.codec import shipped
from koopcourse.grading.isolation import boxes
from koopcourse.grading.limits import Limits
from koopcourse.grading.marking import marked
from koopcourse.grading.proxy import Remote
from koopcourse.grading.sandbox import Sandbox
from tests.needs import needs_program
from tests.submissions import ROOT, Sheet
from tests.tools import seeded

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is Linux' own")]
if sys.platform == "linux":
    needs_program("bwrap", "bubblewrap")

# With functions among their arguments, and the guide's example. The nightly command's --all takes all lessons.
OFTEN, MISTAKEN = ("00", "05", "09", "10"), ("00", "05")
LESSONS, OF_MISTAKES = (
    [pytest.param(n, marks=() if n in often else pytest.mark.all) for n in declared.numbers()]
    for often in (OFTEN, MISTAKEN)
)
LIMITS = Limits()


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_courses_own_answers_get_all_points(lesson):
    (path,) = (ROOT / "solutions").glob(f"{lesson}_*.ipynb")
    made = boxes(1, trust=False)
    told = marked(lesson, path.read_bytes(), made, LIMITS)
    made.close()
    assert told["problem"] == ""
    assert [row["points"] for row in told["rows"]] == [e.minutes for e in declared.load(lesson).EXERCISES]
    assert {row["state"] for row in told["rows"]} == {"PASSED"}, [row["words"] for row in told["rows"]]


@pytest.mark.parametrize("lesson", OF_MISTAKES)
def test_named_mistakes_get_less_than_half(lesson):
    sheet, shares = Sheet(lesson), []
    box = Sandbox()
    try:
        for exercise in sheet.exercises:
            shares += [share(box, exercise, sheet.wrong(exercise, mistake.name)) for mistake in exercise.mistakes]
    finally:
        box.close()
    assert statistics.median(shares) < 0.5


def share(box, exercise, code):
    """The share of its points that an answer gets."""
    tree = ast.parse(code)
    what = {"cells": [[1, code, list(range(len(tree.body)))]], "answer": tree.body[-1].targets[0].id}
    remote = Remote(box, what, LIMITS)
    try:
        right, probes = score.values(exercise, remote.define(), remote)
    finally:
        remote.close()
    return right / probes


@pytest.mark.parametrize("lesson", declared.numbers())
def test_zeros_get_nothing(lesson):
    for exercise in declared.load(lesson).EXERCISES:
        nobody = SimpleNamespace(mirrors=True, changed=False)
        right, _ = score.values(exercise, _zeros(exercise.reference), nobody)
        assert right == 0, exercise.id


def _zeros(reference):
    """A function whose results have the right form, and nothing in them."""

    def answer(*arguments):
        return _nothing(reference(*arguments))

    answer.__signature__ = inspect.signature(reference)
    return answer


def _nothing(value):
    return tuple(map(_nothing, value)) if isinstance(value, tuple | list) else 0 * value


@pytest.mark.parametrize("lesson", declared.numbers())
def test_no_function_that_is_sent_to_an_answer_has_the_right_one_in_it(lesson):
    for exercise in declared.load(lesson).EXERCISES:
        drawn = exercise.inputs(seeded(), torch.float64) if exercise.inputs else ()
        for sent in (shipped(part) for part in (*drawn, *exercise.example[0]) if callable(part)):
            for right in (exercise.reference, *exercise.alternatives):
                assert right.__code__.co_code not in sent, exercise.id
                assert right.__name__ == "<lambda>" or f"{right.__name__}".encode() not in sent, exercise.id
