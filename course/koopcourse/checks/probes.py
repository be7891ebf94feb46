"""The probes of a check, in order, and the comparison with the named mistakes when one of them fails."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from koopcourse.checks import compare
from koopcourse.checks.cases import Case, Observation, does, observe, value_of, worked_example
from koopcourse.checks.exercise import Exercise, Identity, Inputs, Mistake
from koopcourse.checks.fault import Fault
from koopcourse.checks.forms import digits_kept, in_a_container, is_whole, settled, wrong_form
from koopcourse.checks.guard import Guard
from koopcourse.checks.relation import relation
from koopcourse.checks.values import came_and_needed

FIXED_SEED = 20_260
FLOAT32_TOLERANCE = 1e-3
_MORE = range(FIXED_SEED + 1, FIXED_SEED + 7)  # seeds of the draws that tell named mistakes apart
UNIT = 1e4  # so many times smaller and larger are the other units; an exercise says how much further they go
IDEA, FORMULA, SKELETON = 1, 2, 3  # the three hints below every exercise


@dataclass(frozen=True)
class Failure:
    """The first probe that an answer did not pass."""

    words: str
    hint: int
    fault: Fault | None = None
    case: Case | None = None  # None where no single case shows it


class Probes:
    """All that one check does with one answer."""

    def __init__(self, exercise: Exercise, answer: Any, guard: Guard) -> None:
        self.exercise, self.answer, self.guard = exercise, answer, guard
        self.converted = False  # whether a right result came in another container than ours
        self._more: list[Case] = []
        self._seen: dict[int, Observation] = {}  # by case, which live as long as this object
        fresh_seed = int.from_bytes(os.urandom(4), "big")
        self.example = worked_example(exercise)
        self.fixed = self._random_case("On random input", FIXED_SEED)
        self.fresh = self._random_case("On random input", fresh_seed)
        self.single = self._random_case("With float32 input", FIXED_SEED, torch.float32)
        factors = (1 / UNIT, UNIT, 1 / exercise.farthest, exercise.farthest) if exercise.units else ()
        self.units = [self._in_units(factor) for factor in factors]
        self.edges = [
            self._random_case(
                f"In the case of {edge.words}",
                FIXED_SEED,
                inputs=edge.inputs,
                least=0.0 if edge.tries in ("units", "far") else 1.0,
            )
            for edge in exercise.edges
        ]

    def first_failure(self) -> Failure | None:
        """The first probe that fails, or None."""
        return next(filter(None, self._results()), None)

    def named_mistake(self, failure: Failure) -> Mistake | None:
        """The one named mistake that does just what the answer does, wherever both were tried; None if it is not one.

        That is on the worked example, on random input and in the case that failed. The edge cases decide as well where
        that says little: where the answer is wrong in none of them but the last, or where a fact failed and several
        mistakes are left. Whole numbers agree by chance, and some mistakes on one draw: then more draws are tried.
        """
        usual = [self.example, self.fixed, self.fresh]
        cases = [*usual, *([failure.case] if failure.case else [])]
        matches = [m for m in self.exercise.mistakes if self._does_as(m.answer, cases)]
        if matches and (self._does_as(self.exercise.reference, usual) or (failure.case is None and len(matches) > 1)):
            matches = [m for m in matches if self._does_as(m.answer, self.edges)]
        coarse = is_whole(self._observed(self.fixed).value)
        for seed in _MORE:
            if len(matches) < 2 and not (coarse and matches):
                break
            more = self._draw(seed)
            matches = [m for m in matches if self._does_as(m.answer, [more])]
        return matches[0] if len(matches) == 1 else None

    def _draw(self, seed: int) -> Case:
        case = self._random_case("On random input", seed)
        self._more.append(case)
        return case

    def _does_as(self, other: Any, cases: list[Case]) -> bool:
        """Whether another answer does just what this one does in all these cases."""
        return all(does(other, case, self._observed(case)) for case in cases)

    def _observed(self, case: Case) -> Observation:
        if id(case) not in self._seen:
            self._seen[id(case)] = observe(self.answer, case, self.guard)
        return self._seen[id(case)]

    def _results(self) -> Iterator[Failure | None]:
        yield wrong_signature(self.exercise, self.answer)
        yield self._try(self.example, IDEA)
        if self.exercise.inputs is not None:  # an identity may stumble over a form that nobody has named yet
            yield self._try(self.fixed, FORMULA, form_alone=True)
        for identity in self.exercise.identities:
            yield self._violated(identity)
        if self.exercise.inputs is not None:
            for case in (self.fixed, self.fresh, self.single, *self.units):
                yield self._try(case, FORMULA)
        for case in self.edges:
            yield self._try(case, FORMULA)

    def _try(self, case: Case, hint: int, form_alone: bool = False) -> Failure | None:
        """Every probe of one case: it ends, its form, finite, inputs unchanged, the value."""
        what = observe(self.answer, case, self.guard)
        if what.fault is not None:
            return Failure(what.fault.words, SKELETON, what.fault, case)
        expected = value_of(self.exercise.reference, case.arguments())
        value = settled(what.value, expected)
        self.converted |= value is not what.value and not isinstance(expected, tuple | list)
        if words := wrong_form(value, expected):
            return Failure(f"{case.words}, {words}.", SKELETON, case=case)
        if what.changed is not None:
            name = self.exercise.parameters[what.changed]
            words = f"Your function changes its argument {name} in place; work on a copy, such as {name}.clone()."
            return Failure(words, SKELETON, case=case)
        if form_alone:
            return None
        if compare.finite(expected) and not compare.finite(value):
            return Failure(f"{case.words}, the result holds NaN or infinity.", hint, case=case)
        tolerance = max(case.tolerance, digits_kept(value))
        if not compare.agree(value, expected, tolerance, case.least):
            return Failure(self._wrong_value(case, value, expected, tolerance), hint, case=case)
        return None

    def _wrong_value(self, case: Case, value: Any, expected: Any, tolerance: float) -> str:
        """Both values, and how they relate where that shows."""
        stated = case is self.example and self.exercise.example is not None
        words = f"{case.words}, {came_and_needed(value, expected, tolerance, case.least, stated)}"
        related = relation(list(self._pairs(case)), max(tolerance, 1e-6))
        return f"{words}: {related}." if related else f"{words}."

    def _pairs(self, failed: Case) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """What came and what is right in the failed case, the worked example and on random input; of one part each."""
        cases = [failed, self.example, self.fixed, self.fresh]
        if is_whole(self._observed(self.fixed).value):  # which are one apart by chance
            cases += [self._draw(seed) for seed in _MORE]
        for case in {id(case): case for case in cases}.values():
            what = observe(self.answer, case, self.guard)
            expected = value_of(self.exercise.reference, case.arguments())
            mine, right = compare.numbers_in(settled(what.value, expected)), compare.numbers_in(expected)
            if len(mine) == len(right) == 1:
                yield mine[0], right[0]

    def _violated(self, identity: Identity) -> Failure | None:
        for case in (self.fixed, self.fresh):
            answer = _Watched(self.answer, self.exercise)
            outcome = self.guard.call(lambda case=case, answer=answer: identity.holds(answer, case.arguments()))
            fault = outcome.fault
            if fault is not None and (answer.raised or fault.kind != "raised"):
                return Failure(fault.words, SKELETON, fault)
            if (
                fault is not None or not outcome.value
            ):  # where the comparison itself raised, the result has no such form
                return Failure(f"This does not hold for your answer: {identity.words}", IDEA)
        return None

    def _in_units(self, factor: float) -> Case:
        which, times = ("larger", f"{factor:,.0f}") if factor > 1 else ("smaller", f"{factor:g}")
        words = f"In units that are much {which} ({', '.join(self.exercise.units)}, changed by {times})"
        return self._random_case(words, FIXED_SEED, inputs=self.exercise.in_units(factor), least=0.0)

    def _random_case(
        self,
        words: str,
        seed: int,
        dtype: torch.dtype = torch.float64,
        inputs: Inputs | None = None,
        least: float = 1.0,
    ) -> Case:
        make, tolerance = inputs or self.exercise.inputs, self.exercise.tolerance
        if dtype == torch.float32:
            tolerance = max(tolerance, FLOAT32_TOLERANCE)
        if make is None:
            return self.example
        return Case(words, lambda: tuple(make(torch.Generator().manual_seed(seed), dtype)), tolerance, least)


class _Watched:
    """An answer as identities use it: its results in the usual container, and whether it was the one that raised."""

    def __init__(self, answer: Any, exercise: Exercise) -> None:
        self._answer, self._reference, self.raised = answer, exercise.reference, False
        self._several = exercise.example is not None and isinstance(exercise.example[1], tuple | list)

    def __call__(self, *arguments: Any) -> Any:
        try:
            value = value_of(self._answer, arguments)
        except BaseException:
            self.raised = True
            raise
        needs_settling = self._several or in_a_container(value)
        return settled(value, value_of(self._reference, arguments)) if needs_settling else value


def wrong_signature(exercise: Exercise, answer: Any) -> Failure | None:
    """The probe of an answer's kind and parameters."""
    if answer is None or answer is Ellipsis:
        return Failure("There is no answer yet.", IDEA, Fault("stub", "", ""))
    if not callable(exercise.reference):
        return None
    needed = f"a function of ({', '.join(exercise.parameters)}) is needed"
    if not callable(answer):
        kind = type(answer).__name__
        return Failure(f"The answer is a {kind}; {needed}. Pass the function itself, uncalled.", SKELETON)
    try:
        inspect.signature(answer).bind(*exercise.parameters)
    except TypeError:
        return Failure(f"The parameters of your function do not fit: {needed}.", SKELETON)
    except ValueError:  # some functions written in C do not tell; the worked example will
        return None
    return None
