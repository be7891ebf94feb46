"""The probes of a check, in order, and the comparison with the named mistakes when one of them fails."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from koopcourse.checks import compare
from koopcourse.checks.cases import Case, Observation, does, in_double, observe, value_of, worked_example
from koopcourse.checks.exercise import STRETCH, Exercise, Identity, Inputs, Mistake
from koopcourse.checks.fault import Fault
from koopcourse.checks.forms import digits_kept, in_a_container, is_number, is_whole, narrowed, settled, wrong_form
from koopcourse.checks.guard import Guard
from koopcourse.checks.relation import Pair, by_sizes, nearly, relation
from koopcourse.checks.values import came_and_needed, first_wrong

FIXED_SEED = 20_260
FLOAT32_TOLERANCE = 1e-3
NOTES = {
    "python": "Seven digits are right: torch makes float32 of Python's numbers and of whole ones. "
    "torch.tensor(..., dtype=x.dtype) and .to(x), with x one of your arguments, keep all of them.",
    "digits": "Torch makes float32 of Python's numbers, too few digits here: torch.tensor(..., dtype=x.dtype).",
    "numpy": "With float32 input your result is float64; .to(x), with x one of your arguments, makes it follow.",
}
FLOAT32_DIGITS = 1e-5  # what is left of a right value where torch made float32 of Python's numbers
_MORE = range(FIXED_SEED + 1, FIXED_SEED + 7)  # seeds of the draws that tell named mistakes apart
_ROUGH = (
    "with float64 input it was right, so digits are lost on the way, in a difference or in a step that is too small"
)
_NUMBERS = range(FIXED_SEED + 7, FIXED_SEED + 27)  # and those that try answers whose result is one number
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
    """All that one check does with one answer. ``explains``: whether a failure says how far results are related."""

    def __init__(self, exercise: Exercise, answer: Any, guard: Guard, explains: bool = True) -> None:
        self.exercise, self.answer, self.guard, self._explains = exercise, answer, guard, explains
        self._plain = answer
        self.converted = False  # whether a right result came in another container than ours
        self.in_double = False  # whether it is right to all digits where torch makes float64 of Python's numbers
        self.note = ""  # what a right answer may still learn
        self._more: list[Case] = []
        self._seen: dict[int, Observation] = {}  # by case, which live as long as this object
        fresh_seed = int.from_bytes(os.urandom(4), "big")
        self.example = worked_example(exercise)
        self.fixed = self._random_case("On random input", FIXED_SEED)
        self.fresh = self._random_case("On random input", fresh_seed)
        self.single = self._random_case("With float32 input", FIXED_SEED, torch.float32)
        factors = (1 / UNIT, UNIT, 1 / exercise.farthest, exercise.farthest) if exercise.units else ()
        self.units = [self._in_units(factor) for factor in factors]
        self.stretched = [] if exercise.inputs is None else [*self._stretched()]
        self.edges = [
            self._random_case(
                f"In the case of {edge.words}",
                FIXED_SEED,
                inputs=edge.inputs,
                least=0.0 if edge.tries in ("units", "far") else 1.0,
                by_row=edge.tries == "far",
            )
            for edge in exercise.edges
        ]

        self.edges_in_units = [*self._edges_in_units()] if exercise.units else []

    def of_values(self) -> list[Case]:
        """The cases by which an answer is marked: the example, random input in both precisions, and the edges."""
        usual = [] if self.exercise.inputs is None else [self.fixed, self.fresh, self.single]
        return [self.example, *usual, *self.edges]

    def right_in(self, case: Case) -> bool:
        """Whether the answer is right in one case, by its form and its value."""
        return self._try(case, FORMULA) is None

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
        coarse = is_number(self._observed(self.fixed).value)
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
            self._seen[id(case)] = observe(self._run_of(case), case, self.guard)
        return self._seen[id(case)]

    def _results(self) -> Iterator[Failure | None]:
        yield wrong_signature(self.exercise, self.answer)
        yield self._try(self.example, IDEA)
        if self.exercise.inputs is not None:  # an identity may stumble over a form that nobody has named yet
            yield self._try(self.fixed, FORMULA, form_alone=True)
        for identity in self.exercise.identities:
            yield self._violated(identity)
        if self.exercise.inputs is not None:
            for case in (self.fixed, self.fresh, self.single, *self._numbers_more(), *self.units, *self.stretched):
                yield self._try(case, FORMULA)
        for case in (*self.edges, *self.edges_in_units):
            yield self._try(case, FORMULA)
        if self.in_double:
            for case in (self.example, self.fixed, self.fresh, *self.units, *self.stretched, *self.edges):
                yield self._as_it_is(case)

    def _run_of(self, case: Case) -> Any:
        """The answer as it is tried; in float32 torch's own dtype is the right one."""
        return self._plain if self._in_single(case) else self.answer

    def _in_single(self, case: Case) -> bool:
        return case is self.single and self.exercise.inputs is not None

    def _numbers_more(self) -> list[Case]:
        """More draws where the result is one number: whole ones and shares are right by chance."""
        expected = value_of(self.exercise.reference, self.fixed.arguments())
        return [self._draw(seed) for seed in _NUMBERS] if is_number(expected) else []

    def _try(self, case: Case, hint: int, form_alone: bool = False) -> Failure | None:
        return self._or_in_double(lambda: self._tried(case, hint, form_alone))

    def _or_in_double(self, probe: Callable[[], Failure | None]) -> Failure | None:
        """The failure of a probe; none where it fails for want of the digits of Python's numbers alone."""
        failure = probe()
        settled_so = self.exercise.asks_for_dtype or not callable(self.answer)
        if failure is None or failure.fault or self.in_double or settled_so:
            return failure
        plain, seen = self.answer, self._seen
        self.answer, self.in_double, self._seen = in_double(plain), True, {}
        if probe() is None:
            self._plain, self.note = plain, NOTES["python"]
            return None
        self.answer, self.in_double, self._seen = plain, False, seen
        return failure

    def _as_it_is(self, case: Case) -> Failure | None:
        """The failure of an answer that has too few of those digits left."""
        what = observe(self._plain, case, self.guard)
        expected = value_of(self.exercise.reference, case.arguments())
        if compare.near(settled(what.value, expected), expected, FLOAT32_DIGITS, case.least):
            return None
        self.answer, self._seen = self._plain, {}
        failure = self._tried(case, FORMULA)
        return failure and replace(failure, words=f"{failure.words} {NOTES['digits']}")

    def _tried(self, case: Case, hint: int, form_alone: bool = False) -> Failure | None:
        """Every probe of one case: it ends, its form, finite, inputs unchanged, the value."""
        what = observe(self._run_of(case), case, self.guard)
        if what.fault is not None:
            return Failure(self._fault(case, what.fault), SKELETON, what.fault, case)
        expected = value_of(self.exercise.reference, case.arguments())
        value = settled(what.value, expected)
        self.converted |= value is not what.value and not isinstance(expected, tuple | list)
        if self._in_single(case) and not self.exercise.asks_for_dtype:
            value = self._followed(value, expected)
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
        if case.by_row and (wrong := compare.wrong_row(value, expected, tolerance)):
            row, mine, right = wrong
            words = f"{case.words}, in row {row} {came_and_needed(mine, right, tolerance, 0.0)}."
            return Failure(words, hint, case=case)
        return None

    def _fault(self, case: Case, fault: Fault) -> str:
        """What was raised; with float32 input that is mostly a tensor of another dtype."""
        if not self._in_single(case) or fault.kind != "raised":
            return fault.words
        return f"{fault.words} That was with float32 input: make new tensors with dtype=x.dtype, or .to(x)."

    def _followed(self, value: Any, expected: Any) -> Any:
        """A result in double precision is right in single precision, too."""
        same = narrowed(value, expected)
        if same is not value and wrong_form(value, expected):
            self.note = self.note or NOTES["numpy"]
        return same

    def _wrong_value(self, case: Case, value: Any, expected: Any, tolerance: float) -> str:
        """Both values, and how they relate where that shows."""
        stated = case is self.example and self.exercise.example is not None
        words = f"{case.words}, {came_and_needed(value, expected, tolerance, case.least, stated)}"
        related = self._related(case, value, expected, tolerance)
        return f"{words}: {related}." if related else f"{words}."

    def _related(self, case: Case, value: Any, expected: Any, tolerance: float) -> str:
        if self._in_single(case):
            return _ROUGH
        if not self._explains:
            return ""
        wrong = first_wrong(value, expected, tolerance, case.least)
        told = list(self._pairs(case, wrong))
        pairs, sizes = [pair for pair, _ in told], [size for _, size in told]
        tolerance = max(tolerance, 1e-6)
        return relation(pairs, tolerance) or by_sizes(pairs, sizes, tolerance) or nearly(pairs)

    def _pairs(self, failed: Case, part: int) -> Iterator[tuple[Pair, dict[str, int]]]:
        """What came and what is right in a part of the result, and the sizes of the input.

        In the failed case, the worked example, on random input, and on input of other sizes where a result comes.
        """
        usual = [failed, self.example, self.fixed, self.fresh]
        others = [case for case, edge in zip(self.edges, self.exercise.edges) if edge.tries == "sizes"]
        cases = usual + others
        if is_whole(self._observed(self.fixed).value):  # which are one apart by chance
            cases += [self._draw(seed) for seed in _MORE]
        for case in {id(case): case for case in cases}.values():
            arguments = case.arguments()
            expected = value_of(self.exercise.reference, arguments)
            right = compare.numbers_in(expected)
            mine = compare.numbers_in(settled(self._observed(case).value, expected))
            if len(mine) != len(right):
                continue
            pair = mine[part], right[part]
            if case in usual or (pair[0].shape == pair[1].shape and compare.finite(list(pair))):
                yield pair, sizes_of(self.exercise.parameters, arguments)

    def _violated(self, identity: Identity) -> Failure | None:
        return self._or_in_double(lambda: self._broken(identity))

    def _broken(self, identity: Identity) -> Failure | None:
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

    def _stretched(self) -> Iterator[Case]:
        """One argument after the other that is much smaller and larger, while the others stay."""
        for name in self.exercise.stretchable():
            for factor, words in ((1 / STRETCH, "smaller"), (STRETCH, "larger")):
                inputs = self.exercise.stretched(name, factor)
                yield self._random_case(f"With {name} {STRETCH:g} times {words}", FIXED_SEED, inputs=inputs, least=0.0)

    def _edges_in_units(self) -> Iterator[Case]:
        """Zeros, equal entries and other edges in the farthest units, compared relative to what is usual there."""
        farthest = 4.0 ** round(math.log(self.exercise.farthest, 4))  # a power of two keeps all digits, and ties
        for factor, which in ((1 / farthest, "smaller"), (farthest, "larger")):
            usual = value_of(self.exercise.reference, self._in_units(factor).arguments())
            if is_whole(usual):  # in other units a tie is one but for rounding
                return
            sizes = [float(part[part.isfinite()].abs().max()) for part in compare.numbers_in(usual)]
            for edge in self.exercise.edges:
                if edge.tries in ("", "ties"):
                    yield self._random_case(
                        f"In much {which} units, in the case of {edge.words}",
                        FIXED_SEED,
                        inputs=self.exercise.in_units(factor, edge.inputs),
                        least=min(sizes, default=1.0),
                    )

    def _random_case(
        self,
        words: str,
        seed: int,
        dtype: torch.dtype = torch.float64,
        inputs: Inputs | None = None,
        least: float = 1.0,
        by_row: bool = False,
    ) -> Case:
        make, tolerance = inputs or self.exercise.inputs, self.exercise.tolerance
        if dtype == torch.float32:
            tolerance = max(tolerance, FLOAT32_TOLERANCE)
        if make is None:
            return self.example
        return Case(words, lambda: tuple(make(torch.Generator().manual_seed(seed), dtype)), tolerance, least, by_row)


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


def sizes_of(names: tuple[str, ...], arguments: tuple) -> dict[str, int]:
    """The sizes of tensors by what they count: ``{"rows of x": 7, "columns of x": 2}``."""
    counted = ("rows", "columns", "entries along axis 2", "entries along axis 3")
    return {
        f"{what if x.ndim > 1 else 'entries'} of {name}": size
        for name, x in zip(names, arguments)
        if isinstance(x, torch.Tensor)
        for what, size in zip(counted, x.shape)
    }


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
