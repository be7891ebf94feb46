"""Proofs over every exercise of every lesson: its mistakes are named, its alternatives accepted."""

import re

import pytest
import torch

from koopcourse.checks import compare, declared, forms
from koopcourse.checks.engine import examine
from koopcourse.checks.exercise import ID, REGIMES
from koopcourse.checks.guard import Guard
from koopcourse.checks.probes import Probes
from koopcourse.checks.report import State, text
from tests.mutants.exercises import SOLUTIONS

EXERCISES = [exercise for lesson in declared.numbers() for exercise in declared.load(lesson).EXERCISES]
EVERY = 8  # --quick runs one exercise of so many, and its first mistake and alternative


def later(place, k=1):
    return () if place % EVERY == 0 and k == 1 else pytest.mark.slow


MISTAKES = [
    pytest.param(exercise, mistake, id=f"{exercise.id}-{mistake.name}", marks=later(place, k))
    for place, exercise in enumerate(EXERCISES)
    for k, mistake in enumerate(exercise.mistakes, 1)
]
ALTERNATIVES = [
    pytest.param(exercise, answer, id=f"{exercise.id}-{k}", marks=later(place, k))
    for place, exercise in enumerate(EXERCISES)
    for k, answer in enumerate(exercise.alternatives, 1)
]
REFERENCES = [pytest.param(exercise, id=exercise.id) for exercise in EXERCISES]


def every_exercise(claim):
    """A claim about an exercise as one test a lesson, which says for which exercises it does not hold, and why."""

    @pytest.mark.parametrize("lesson", declared.numbers())
    def test(lesson):
        wrong = []
        for exercise in declared.load(lesson).EXERCISES:
            try:
                claim(exercise)
            except AssertionError as error:
                wrong.append(f"{exercise.id}: {error}")
        assert not wrong, "\n".join(wrong)

    test.__name__, test.__doc__ = claim.__name__, claim.__doc__
    return test


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


@pytest.mark.slow
@pytest.mark.parametrize("exercise", REFERENCES)
def test_the_reference_passes_every_time(exercise):
    for _ in range(5):
        assert Probes(exercise, exercise.reference, Guard()).first_failure() is None


@pytest.mark.slow
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


@every_exercise
def test_every_regime_is_tried_or_there_is_a_reason(exercise):
    if exercise.inputs is None:
        return
    assert {edge.tries for edge in exercise.edges} <= {"", *REGIMES}
    tried = {edge.tries for edge in exercise.edges} | ({"units"} if exercise.units else set())
    for regime, words in REGIMES.items():
        reason = exercise.without.get(regime, "")
        assert regime in tried or len(reason.split()) >= 3, f"{regime} ({words}): neither tried nor a reason"
        assert not (regime in tried and reason), f"{regime} is tried, so its reason is stale"


@pytest.mark.slow
@every_exercise
def test_random_inputs_have_different_results(exercise):
    """Where every draw has one result, most mistakes look alike; L10-E3 uses the number of columns alone."""
    if exercise.inputs is not None and exercise.id != "L10-E3":
        results = [compare.numbers_in(_result(exercise.reference, exercise, seed, torch.float64)) for seed in range(5)]
        assert not all(all(map(torch.equal, results[0], other)) for other in results[1:])


@every_exercise
def test_as_many_rows_as_columns_are_tried(exercise):
    """Where both are equal, a wrong axis raises no error; L11-E1 needs more rows for a covariance of full rank."""
    if exercise.inputs is None or exercise.id == "L11-E1":
        return
    makes = (exercise.inputs, *(edge.inputs for edge in exercise.edges))
    drawn = [make(torch.Generator().manual_seed(1), torch.float64) for make in makes]
    tables = [[x.shape for x in case if isinstance(x, torch.Tensor) and x.ndim > 1] for case in drawn]
    square = any(shape[0] == shape[1] > 1 for shapes in tables for shape in shapes)
    assert square or not tables[0], "no case has as many rows as columns"


@every_exercise
def test_the_statement_says_the_minutes_and_the_importance(exercise):
    (script,) = SOLUTIONS.glob(f"{exercise.id[1:3]}_*.py")
    statement = script.read_text(encoding="utf-8").partition(f"# ## {exercise.id} ")[2]
    said = re.search(r"^# \*[\w-]+, (\d+) minutes, importance ([123]) of 3\.\*", statement, re.M)
    assert said, "the statement begins with '*core, 10 minutes, importance 3 of 3.*'"
    assert (int(said[1]), int(said[2])) == (exercise.minutes, exercise.importance)


@pytest.mark.parametrize("lesson", declared.numbers())
def test_ids_follow_each_other_and_carry_their_lesson(lesson):
    module = declared.load(lesson)
    assert module.TITLE
    assert [e.id for e in module.EXERCISES] == [f"L{lesson}-E{k + 1}" for k in range(len(module.EXERCISES))]
    assert all(ID.fullmatch(e.id) for e in module.EXERCISES)
