"""What a check prints: words only, the same from run to run, at most twelve lines, the next step last."""

from __future__ import annotations

import enum
import textwrap
from dataclasses import dataclass

from koopcourse.checks.exercise import Exercise, Mistake
from koopcourse.checks.probes import FORMULA, IDEA, SKELETON, Failure

_PRINTED_LINES, _WIDTH = 3, 100  # JupyterLab breaks longer lines within a word
_HINTS = {IDEA: "hint 1, the idea", FORMULA: "hint 2, the formula", SKELETON: "hint 3, the skeleton"}


class State(enum.Enum):
    """How a check ended: the word, then the symbol."""

    PASSED = "PASSED ✓"
    NOT_YET = "NOT YET ✗"
    NOT_STARTED = "NOT STARTED ○"


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Args:
        state: how it ended.
        failure: the probe that failed, if one did.
        mistake: the named mistake that was recognised, if one was.
        printed: the beginning of what the learner's code printed.
        converted: whether right results came in another container than the notebook uses.
        note: what a right answer may still learn.
    """

    state: State
    failure: Failure | None = None
    mistake: Mistake | None = None
    printed: str = ""
    converted: bool = False
    note: str = ""


def text(exercise: Exercise, verdict: Verdict, following: Exercise | None) -> str:
    """The lines to print."""
    lines = [f"{verdict.state.value} {exercise.id} {exercise.title}"]
    if verdict.failure is not None:
        lines += [verdict.failure.words]
        if verdict.mistake is not None:
            lines += [f"Recognised: {verdict.mistake.name}. {verdict.mistake.says}"]
    lines += _printed(verdict.printed)
    if verdict.state is State.PASSED:
        how = ", its results turned into what it needs" if verdict.converted else ""
        lines += [verdict.note] if verdict.note else []
        lines += [f"The notebook goes on with your answer{how}."]
    else:
        lines += ["The notebook goes on with the reference answer."]
    lines += [f"Next: {_next_step(verdict, following)}"]
    return "\n".join(part for line in lines for part in _wrapped(line))


def _wrapped(line: str) -> list[str]:
    """A line broken at words; what the learner printed stays as it is."""
    if line.startswith("  "):
        return [line]
    return textwrap.wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False) or [line]


def _next_step(verdict: Verdict, following: Exercise | None) -> str:
    if verdict.state is State.PASSED:
        return f"{following.id}, {following.title}." if following else "this was the last exercise of the lesson."
    if verdict.state is State.NOT_STARTED:
        return f"write your answer in place of the stub and run this cell again; {_HINTS[IDEA]}, gets you going."
    hint = verdict.failure.hint if verdict.failure is not None and verdict.mistake is None else FORMULA
    return f"mend this and run this cell again; {_HINTS[hint]}, is below."


def _printed(output: str) -> list[str]:
    lines = output.strip().splitlines()
    if not lines:
        return []
    shown = [f"  {line[: _WIDTH - 2]}" for line in lines[:_PRINTED_LINES]]
    return ["Your code printed, to begin with:", *shown]
