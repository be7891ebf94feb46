"""Proofs over every exercise of every lesson: its mistakes are named, its alternatives accepted."""

import re

import pytest
import torch

from koopcourse.checks import compare, declared, forms
from koopcourse.checks.engine import examine
from koopcourse.checks.exercise import ID
from koopcourse.checks.guard import Guard
from koopcourse.checks.probes import Probes
from koopcourse.checks.report import State, text

EXERCISES = [exercise for lesson in declared.numbers() for exercise in declared.load(lesson).EXERCISES]
MISTAKES = [
    pytest.param(exercise, mistake, id=f"{exercise.id}-{mistake.name}")
    for exercise in EXERCISES
    for mistake in exercise.mistakes
]
ALTERNATIVES = [
    pytest.param(exercise, answer, id=f"{exercise.id}-{k}")
    for exercise in EXERCISES
    for k, answer in enumerate(exercise.alternatives, 1)
]
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES)
def test_a_named_mistake_is_rejected_and_named(exercise, mistake):
    verdict = examine(exercise, mistake.answer)
    assert verdict.state is State.NOT_YET
    assert verdict.mistake is not None, f"not told from the others; the check says: {verdict.failure.words}"
    assert verdict.mistake.name == mistake.name
    assert len(text(exercise, verdict, None).splitlines()) <= 12


@pytest.mark.parametrize(("exercise", "answer"), ALTERNATIVES)
def test_an_alternative_is_accepted(exercise, answer):
    verdict = examine(exercise, answer)
    assert verdict.state is State.PASSED, verdict.failure.words


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(("exercise", "answer"), ALTERNATIVES)
def test_an_alternative_agrees_with_the_reference_in_both_dtypes(exercise, answer, dtype):
    tolerance = exercise.tolerance if dtype == torch.float64 else max(exercise.tolerance, 1e-3)
    for seed in range(5):
        mine, theirs = (_result(f, exercise, seed, dtype) for f in (answer, exercise.reference))
        mine = forms.settled(mine, theirs)
        assert forms.wrong_form(mine, theirs) is None
        assert compare.agree(mine, theirs, tolerance)


def _result(function, exercise, seed, dtype):
    if exercise.inputs is None:
        return function() if callable(function) else function
    return function(*exercise.inputs(torch.Generator().manual_seed(seed), dtype))


@every_exercise
def test_the_reference_passes_every_time(exercise):
    for _ in range(5):
        assert Probes(exercise, exercise.reference, Guard()).first_failure() is None


@every_exercise
def test_the_worked_example_is_what_the_reference_gives(exercise):
    if exercise.example is None:
        return
    arguments, expected = exercise.example
    assert compare.agree(exercise.reference(*arguments), expected, 5e-3)  # statements show few digits


@every_exercise
def test_an_equal_generator_makes_equal_inputs(exercise):
    for make in (exercise.inputs, *(edge.inputs for edge in exercise.edges)):
        if make is not None:
            one, other = (make(torch.Generator().manual_seed(1), torch.float64) for _ in range(2))
            assert compare.identical(one, other)


@every_exercise
def test_a_declaration_is_complete(exercise):
    assert len(exercise.mistakes) >= 4
    assert len(exercise.alternatives) >= 2
    assert 1 <= exercise.minutes <= 60
    assert 0 < exercise.tolerance <= 1e-2
    names = [mistake.name for mistake in exercise.mistakes]
    assert len(set(names)) == len(names)
    for mistake in exercise.mistakes:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", mistake.name)
        assert mistake.says.endswith(".")
        assert len(mistake.says) <= 200


@pytest.mark.parametrize("lesson", declared.numbers())
def test_ids_follow_each_other_and_carry_their_lesson(lesson):
    module = declared.load(lesson)
    assert module.TITLE
    assert [e.id for e in module.EXERCISES] == [f"L{lesson}-E{k + 1}" for k in range(len(module.EXERCISES))]
    assert all(ID.fullmatch(e.id) for e in module.EXERCISES)
