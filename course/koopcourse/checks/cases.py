"""A case is an input to try an answer on; an observation, what the answer did with it."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from koopcourse.checks import compare
from koopcourse.checks.exercise import Exercise
from koopcourse.checks.fault import Fault
from koopcourse.checks.forms import settled
from koopcourse.checks.guard import Guard


@dataclass(frozen=True)
class Case:
    """Arguments to try an answer on. ``arguments()`` makes the same ones anew at each call.

    Results are compared relative to the largest entry, or to ``least`` where that is smaller; ``by_row`` each row of a
    table by itself, where rows are of very different size.
    """

    words: str
    arguments: Callable[[], tuple]
    tolerance: float
    least: float = 1.0
    by_row: bool = False


@dataclass(frozen=True)
class Observation:
    """What an answer did in one case."""

    value: Any = None
    changed: int | None = None  # the position of an argument that it changed in place
    fault: Fault | None = None


def observe(answer: Any, case: Case, guard: Guard) -> Observation:
    """Call ``answer`` on the case's arguments and watch what it does to them."""
    arguments = case.arguments()
    given = tuple(_of_points(part) if inspect.isfunction(part) else part for part in arguments)
    outcome = guard.call(lambda: value_of(answer, given))
    if outcome.fault is not None:
        return Observation(fault=outcome.fault)
    pairs = enumerate(zip(arguments, case.arguments()))
    changed = next((k for k, (used, fresh) in pairs if not compare.identical(used, fresh)), None)
    return Observation(outcome.value, changed)


def value_of(answer: Any, arguments: tuple) -> Any:
    """What an answer gives for some arguments; a value is its own."""
    return answer(*arguments) if callable(answer) else answer


def in_double(answer: Callable[..., Any]) -> Callable[..., Any]:
    """An answer, run where torch makes float64 of Python's numbers, as it does not by itself."""

    @functools.wraps(answer)
    def run(*arguments: Any) -> Any:
        usual = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return answer(*arguments)
        finally:
            torch.set_default_dtype(usual)

    return run


def _of_points(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that an answer is given: all of them take points ``(n, d)``, and one that got less would guess."""

    @functools.wraps(function)
    def strict(*arguments: Any) -> Any:
        if arguments and isinstance(arguments[0], torch.Tensor) and arguments[0].ndim != 2:
            raise ValueError(f"the function takes points (n, d), one a row, and got shape {tuple(arguments[0].shape)}")
        return function(*arguments)

    return strict


def does(mistake: Any, case: Case, seen: Observation) -> bool:
    """Whether a named mistake does in this case what was seen of the learner's answer."""
    what = observe(mistake, case, Guard())
    if what.fault is not None or seen.fault is not None:
        return what.fault is not None and seen.fault is not None and what.fault.error == seen.fault.error
    try:
        value = settled(seen.value, what.value)  # stacked, or a list: the same in another container
        return what.changed == seen.changed and compare.same(what.value, value, case.tolerance, case.least)
    except (RuntimeError, TypeError):  # values that cannot be compared, such as tensors without data
        return False


def worked_example(exercise: Exercise) -> Case:
    """The worked example; for an answer without arguments, the only case there is."""
    if exercise.example is None:
        return Case("In this exercise", tuple, exercise.tolerance)
    arguments, _ = exercise.example
    return Case("On the worked example", lambda: copy.deepcopy(tuple(arguments)), exercise.tolerance)
