"""``check``: what a learner calls at the end of an exercise."""

from __future__ import annotations

import copy
from typing import Any

from koopcourse import runtime
from koopcourse.checks import declared, progress_file
from koopcourse.checks.exercise import Exercise
from koopcourse.checks.forms import in_our_form
from koopcourse.checks.guard import Guard
from koopcourse.checks.ours import unfold
from koopcourse.checks.preload import preload
from koopcourse.checks.probes import SKELETON, Failure, Probes
from koopcourse.checks.report import State, Verdict, text
from koopcourse.terminal import print_anything

_NOT_A_MISTAKE = ("stub", "time", "memory", "stopped")


def check(exercise_id: str, answer: Any) -> Any:
    """Check an answer, say what is wrong with it, and return what the notebook should go on with.

    ``velocity = check("L05-E2", velocity)`` gives back the learner's own function when it passed, and the
    reference otherwise. It never raises at a learner; under ``KOOPTEACH_STRICT=1`` a check that does not pass
    raises AssertionError, unless ``KOOPTEACH_UNTOUCHED=1`` says that the exercises are unsolved on purpose.
    """
    try:
        exercise, following = declared.find(exercise_id)
    except LookupError as problem:
        _say(f"{State.NOT_YET.value} {problem.args[0]}\nNext: mend the name in check(...).", passed=False)
        return answer
    progress_file.begin(exercise.id)
    verdict = _examine_safely(exercise, answer)
    passed = verdict.state is State.PASSED
    progress_file.finish(exercise.id, passed, tried=verdict.state is not State.NOT_STARTED)
    (runtime.reference_in_use.discard if passed else runtime.reference_in_use.add)(exercise.id)
    _say(text(exercise, verdict, following), passed)
    if not passed:
        return _reference(exercise, answer)
    unfold(exercise.id)
    return in_our_form(answer, exercise.reference) if verdict.converted else answer


def preview(exercise_id: str, answer: Any) -> None:
    """Print what :func:`check` would say of an answer; nothing is recorded, replaced or raised.

    Raises:
        LookupError: no exercise of that name.
    """
    exercise, following = declared.find(exercise_id)
    print_anything()
    print(text(exercise, _examine_safely(exercise, answer), following))


def examine(exercise: Exercise, answer: Any) -> Verdict:
    """Run the probes on an answer, and look for its mistake among the named ones."""
    preload(answer)
    guard = Guard()
    probes = Probes(exercise, answer, guard)
    failure = probes.first_failure()
    if failure is None:
        converted = probes.converted or bool(probes.note)
        return Verdict(State.PASSED, printed=guard.printed, converted=converted, note=probes.note)
    kind = failure.fault.kind if failure.fault else ""
    if kind == "stub":
        return Verdict(State.NOT_STARTED)
    mistake = None if kind in _NOT_A_MISTAKE else probes.named_mistake(failure)
    return Verdict(State.NOT_YET, failure, mistake, guard.printed)


def _examine_safely(exercise: Exercise, answer: Any) -> Verdict:
    try:
        return examine(exercise, answer)
    except Exception as problem:
        if runtime.strict():
            raise
        words = f"This check broke down ({type(problem).__name__}): a fault of the course, not of your answer."
        return Verdict(State.NOT_YET, Failure(words, SKELETON))


def _reference(exercise: Exercise, answer: Any) -> Any:
    """The reference in the form that the notebook's next cells expect."""
    reference = exercise.reference
    if callable(reference):
        return reference
    return (lambda: copy.deepcopy(reference)) if callable(answer) else copy.deepcopy(reference)


def _say(words: str, passed: bool) -> None:
    print_anything()
    print(words)
    if not passed and runtime.strict() and not runtime.untouched():
        raise AssertionError(words)
