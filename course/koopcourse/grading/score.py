"""Mark one answer: its share of the value probes, and what the check would say of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from koopcourse.checks.engine import examine
from koopcourse.checks.exercise import Exercise, Identity
from koopcourse.checks.guard import Guard
from koopcourse.checks.probes import Probes, wrong_signature
from koopcourse.checks.report import State, Verdict
from koopcourse.grading.codec import pack, unpack
from koopcourse.grading.frames import MOST_BYTES, MOST_RESULT
from koopcourse.grading.job import Box
from koopcourse.grading.limits import Limits
from koopcourse.grading.proxy import Remote

_LONG = 60  # nodes of an answer's tree: shorter ones are alike by nature
_seen: dict[str, tuple[Identity, ...]] = {}  # by exercise


def mark(exercise: Exercise, what: dict[str, Any], box: Box, limits: Limits) -> dict[str, Any]:
    """The row of one exercise, for JSON.

    Args:
        exercise: as declared.
        what: the slice of the notebook that defines the answer, as it was cut in the sandbox, or its ``problem``.
        box: where the answer lives.
        limits: of its time.
    """
    if problem := what.get("problem"):
        return row(exercise, words=str(problem)[:400])
    box.warm([str(name) for name in what["names"]][:20])
    remote = Remote(box, {name: what[name] for name in ("cells", "answer")}, limits)
    try:
        answer = remote.define()
        right, probes = values(exercise, answer, remote)
        verdict = examine(_tellable(exercise), answer)
    finally:
        remote.close()
    if verdict.failure and verdict.failure.fault and verdict.failure.fault.kind == "stopped":
        raise KeyboardInterrupt
    return row(exercise, right, probes, verdict) | _about(what, verdict)


def row(
    exercise: Exercise, right: int = 0, probes: int = 1, verdict: Verdict | None = None, words: str = ""
) -> dict[str, Any]:
    """What is kept of one exercise."""
    told = verdict or Verdict(State.NOT_STARTED)
    if told.failure is not None:
        words = told.failure.words
    return {
        "id": exercise.id,
        "title": exercise.title,
        "of": exercise.minutes,
        "points": exercise.minutes * right / probes,
        "right": right,
        "probes": probes if verdict else 0,
        "state": told.state.name if verdict or not words else "MISSING",
        "words": words,
        "mistake": told.mistake.name if told.mistake else "",
        "says": told.mistake.says if told.mistake else "",
    }


def _about(what: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    """What is listed beside the points."""
    started = verdict.state is not State.NOT_STARTED
    long = started and int(what["size"]) >= _LONG
    return {
        "uses": [str(name)[:80] for name in what["uses"]][:10],
        "normal": str(what["normal"])[:64] if long else "",
        "rests": [str(name)[:8] for name in what["rests"]][:20],
        "broken": [str(words)[:200] for words in what["broken"]][:5],
    }


def values(exercise: Exercise, answer: Any, remote: Remote) -> tuple[int, int]:
    """How many of the value probes an answer passes, and of how many; a change in place costs one.

    Where none of the example and the random inputs is right no edge counts: zeros are right on many of them.

    Args:
        exercise: as declared.
        answer: what ``remote`` has defined: itself, or what stands for something that is no function.
        remote: the answer's way here.
    """
    probes = Probes(exercise, answer, Guard(), explains=False)
    cases = probes.of_values()
    if wrong_signature(exercise, answer) is not None:
        return 0, len(cases)
    remote.mirrors = False
    usual = [case for case in cases if case not in probes.edges]
    right = sum(probes.right_in(case) for case in usual)
    if right:
        right += sum(probes.right_in(case) for case in cases if case in probes.edges)
    remote.mirrors = True
    return max(right - remote.changed, 0), len(cases)


def _tellable(exercise: Exercise) -> Exercise:
    """The exercise with those of its facts that can be seen from outside, where no derivative passes."""
    if exercise.id not in _seen:
        _seen[exercise.id] = tuple(fact for fact in exercise.identities if _seen_from_outside(exercise, fact))
    return replace(exercise, identities=_seen[exercise.id])


def _seen_from_outside(exercise: Exercise, fact: Identity) -> bool:
    def reference(*arguments: Any) -> Any:  # a function that counts its calls counts them in the sandbox
        there = unpack(*pack(arguments, MOST_BYTES, functions=True), trusted=True)
        return unpack(*pack(exercise.reference(*there), MOST_RESULT))

    probes = Probes(exercise, reference, Guard())
    held = Guard().call(lambda: fact.holds(reference, probes.fixed.arguments()))
    return held.fault is None and bool(held.value)
