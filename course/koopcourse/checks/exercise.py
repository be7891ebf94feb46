"""What the author of an exercise writes down: one :class:`Exercise`, with its mistakes and alternatives."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import torch

ID = re.compile(r"L(\d\d)-E([1-9]\d?)")
WORST_FALSE_REJECTION = 1e-5

# Fresh arguments for the answer. Called again with an equal generator it must return equal arguments.
Inputs = Callable[[torch.Generator, torch.dtype], tuple]


STRETCH = 16.0  # so many times smaller and larger is each argument tried, alone

# Inputs that a comfortable random draw never meets. Every exercise tries each kind, or says why there is none.
REGIMES = {
    "units": "the same input in much smaller and much larger units",
    "sizes": "another number of rows and of columns than the usual one",
    "ties": "equal entries, zeros, bounds that are met exactly",
    "far": "rows or columns of very different size in one input; each row of a table is then compared by itself",
}


def altered(inputs: Inputs, answer: Callable[..., Any], **changes: Callable[[Any], Any]) -> Inputs:
    """``inputs`` with the arguments of those names changed: ``altered(_moves, limiter, length=lambda r: 9 * r)``."""
    names = [*inspect.signature(answer).parameters]

    def other(generator: torch.Generator, dtype: torch.dtype) -> tuple:
        drawn = zip(names, inputs(generator, dtype), strict=True)
        return tuple(changes[name](part) if name in changes else part for name, part in drawn)

    return other


class Edge(NamedTuple):
    """An input beside the usual ones.

    Args:
        words: complete "In the case of ...".
        inputs: makes the arguments.
        tries: which of :data:`REGIMES` it tries, if one of them.
    """

    words: str
    inputs: Inputs
    tries: str = ""


def _is_measure(part: Any) -> bool:
    return isinstance(part, float) or (
        isinstance(part, torch.Tensor) and (part.is_floating_point() or part.is_complex())
    )


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners are known to give, and what to tell them.

    Args:
        name: a kebab-case name, unique within the exercise, ``"noise-times-dt"``.
        says: one sentence in the second person: what was done, and why it is wrong.
        answer: a function with the signature of the reference (or a value) that makes the mistake.
    """

    name: str
    says: str
    answer: Any


@dataclass(frozen=True)
class Identity:
    """A fact that a right answer satisfies for every input.

    Args:
        words: the fact as a sentence, ``"Without drift and noise the point stays where it is."``
        holds: ``holds(answer, args) -> bool``, with ``args`` as the exercise's ``inputs`` made them.
        false_rejection: for a statistical fact, the probability (at most 1e-5) that a right answer fails it.
    """

    words: str
    holds: Callable[[Any, tuple], bool]
    false_rejection: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.false_rejection <= WORST_FALSE_REJECTION:
            raise ValueError(
                f"Identity: false_rejection must lie in [0, {WORST_FALSE_REJECTION}], got "
                f"{self.false_rejection}. Draw more samples or widen the margin."
            )


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """An exercise, from its worked example to its named mistakes.

    Values are compared relative to the largest entry of the expected result, or to 1 where that is smaller:
    choose inputs whose results are of order one.

    Args:
        id: ``"L05-E2"``.
        title: a few words.
        minutes: how long a learner takes.
        importance: from 1 (a side road) to 3 (the lesson rests on it).
        reference: the right answer, in the form the notebook uses: a function, a number or a tensor.
        mistakes: at least four :class:`Mistake`, which the inputs below tell apart.
        alternatives: at least two right answers in other styles.
        inputs: ``inputs(generator, dtype) -> args``. None where the answer takes no arguments.
        example: the statement's worked example, ``(args, expected)``, in float64.
        identities: facts, each tried on random inputs.
        edge_cases: of class :class:`Edge`, or pairs of words and inputs.
        units: for each argument that has a unit, its power of it: ``{"x": 1, "score": -1}``. The inputs are then tried
            in units 1e4 times smaller and larger as well, and results compared relative to their own size.
        farthest: and in units so many times smaller and larger; more where the statement says "in any units".
        bounded: arguments that cannot be :data:`STRETCH` times smaller or larger while the others stay, such as shares
            or a time from 0 to 1; each of the others is tried so.
        without: for each of :data:`REGIMES` that is not tried, the reason.
        tolerance: largest relative error in float64; in float32 it is at least 1e-3.
        asks_for_dtype: whether a result in another dtype misses the point; else one that holds float32 because torch
            makes it of Python's numbers passes with a note, if all digits are right where torch makes float64.
    """

    id: str
    title: str
    minutes: int
    reference: Any
    mistakes: tuple[Mistake, ...]
    alternatives: tuple[Any, ...]
    inputs: Inputs | None = None
    example: tuple[tuple, Any] | None = None
    identities: tuple[Identity, ...] = ()
    edge_cases: tuple[Edge | tuple[str, Inputs], ...] = ()
    units: Mapping[str, float] = field(default_factory=dict)
    farthest: float = 1e12
    bounded: tuple[str, ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 1e-9
    asks_for_dtype: bool = False
    importance: int = 2

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise ValueError(f'Exercise: id must look like "L05-E2", got {self.id!r}.')
        if self.parameters and (self.inputs is None or self.example is None):
            raise ValueError(
                f"Exercise {self.id}: its reference takes ({', '.join(self.parameters)}), "
                "so it needs inputs= and example=."
            )
        if unknown := {*self.units, *self.bounded} - {*self.parameters} | {*self.without} - {*REGIMES}:
            raise ValueError(
                f"Exercise {self.id}: units and bounded name of ({', '.join(self.parameters)}), without names some of "
                f"{', '.join(REGIMES)}, got {', '.join(sorted(unknown))}."
            )

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edge cases, each an :class:`Edge`."""
        return tuple(edge if isinstance(edge, Edge) else Edge(edge[0], edge[1]) for edge in self.edge_cases)

    def stretched(self, name: str, factor: float) -> Inputs:
        """The usual inputs with one argument ``factor`` times as large."""
        return altered(self._usual, self.reference, **{name: lambda part: part * factor})

    def stretchable(self) -> list[str]:
        """The arguments that are measures, and no counts, labels or functions, without those that are bounded."""
        drawn = self._usual(torch.Generator().manual_seed(0), torch.float64)
        return [name for name, x in zip(self.parameters, drawn) if _is_measure(x) and name not in self.bounded]

    @property
    def _usual(self) -> Inputs:
        return self.inputs or (lambda generator, dtype: ())

    def in_units(self, factor: float, inputs: Inputs | None = None) -> Inputs:
        """The usual inputs, or others, measured in a unit that is ``factor`` times smaller."""
        usual = inputs or self._usual

        def inputs(generator: torch.Generator, dtype: torch.dtype) -> tuple:
            powers = (self.units.get(name, 0) for name in self.parameters)
            return tuple(x * factor**p if p else x for x, p in zip(usual(generator, dtype), powers))

        return inputs

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the reference's parameters; empty for a value."""
        return tuple(inspect.signature(self.reference).parameters) if callable(self.reference) else ()
