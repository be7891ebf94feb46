"""What an experiment is: rows of numbers, each computed for a few seeds and held to bands."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

Numbers = dict[str, list[float]]  # one value a seed


@dataclass(frozen=True)
class Band:
    """An aim: the median over seeds of a row's ``value`` is at most ``bound``.

    Args:
        value: name of one of the row's numbers.
        bound: a number, or the factor of ``floor`` if that is given.
        floor: name of another of the row's numbers.
        at_least: the value must not lie *below* the bound instead.
        spread: name of the number by which the value may miss the bound, where one picture or draw more or less is
            chance: the floor's own standard deviation, say.
        spreads: how many of it.
    """

    value: str
    bound: float
    floor: str | None = None
    at_least: bool = False
    spread: str | None = None
    spreads: float = 1.0

    def __str__(self) -> str:
        floor = "floor" if self.floor == f"{self.value} floor" else self.floor
        times = "" if self.spreads == 1 else f"{self.spreads:g} x "
        chance = f" {'-' if self.at_least else '+'} {times}{self.spread}" if self.spread else ""
        return f"{self.value} {'>=' if self.at_least else '<='} {self.bound:g}{f' x {floor}' if floor else ''}{chance}"

    def holds(self, numbers: Numbers) -> bool:
        """Whether the aim is reached; by NaN never.

        Raises:
            ValueError: the row has no such number.
        """
        for name in filter(None, (self.value, self.floor, self.spread)):
            if name not in numbers:
                raise ValueError(f"Band {self}: the row has no {name!r}, only {', '.join(numbers)}.")
        value, bound = median(numbers[self.value]), self.bound
        if self.floor:
            bound *= median(numbers[self.floor])
        chance = self.spreads * median(numbers[self.spread]) if self.spread else 0.0
        return value >= bound - chance if self.at_least else value <= bound + chance


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        id: short and unique in its experiment: lower-case letters, digits, dots and dashes.
        table: heading of the table it stands in.
        function: ``function(seed, **parameters) -> {name: number}``. A floor that is called ``"<name> floor"``, with
            its spread ``"<name> floor sd"``, is shown above the column ``<name>``.
        parameters: what JSON can hold; a change makes the row be computed anew.
        seeds: the function is called once for each.
        bands: what the medians over seeds must keep.
    """

    id: str
    table: str
    function: Callable[..., dict[str, float]]
    parameters: dict[str, Any]
    seeds: Sequence[int]
    bands: tuple[Band, ...] = ()

    def numbers(self) -> Numbers:
        """Compute the row, to six digits."""
        results = [self.function(seed, **self.parameters) for seed in self.seeds]
        return {name: [float(f"{result[name]:.6g}") for result in results] for name in results[0]}

    def verdicts(self, numbers: Numbers) -> dict[str, bool]:
        """For each band, in words, whether it holds."""
        return {str(band): band.holds(numbers) for band in self.bands}

    def missed(self, numbers: Numbers) -> list[str]:
        """The bands that do not hold, each with the row's id before it."""
        return [f"{self.id}: {band}" for band, held in self.verdicts(numbers).items() if not held]


@dataclass(frozen=True)
class Summary:
    """The small table at the head of a page: medians alone.

    Attributes:
        columns: names of numbers; ``"<name> / floor"`` is the ratio to the row's own floor.
        rows: the id of a row by what it is called here.
    """

    columns: Sequence[str]
    rows: Mapping[str, str]


@dataclass(frozen=True)
class Picture:
    """A figure for the page.

    Attributes:
        draw: makes it from all rows' numbers, by their ids.
        alt: says what is seen.
        live: it shows what is computed for it alone, so that it is drawn only when asked for.
    """

    draw: Callable[[dict[str, Numbers]], Any]
    alt: str
    live: bool = False


Cite = Callable[[str, str], float]  # the median of a row's number


@dataclass(frozen=True)
class Experiment:
    """Rows that belong to one paper or question.

    Attributes:
        title: heading of the page.
        verdict: what came out, in three sentences. All numbers in them are taken from the rows: ``cite(id, name)``.
        summary: the few rows that show it.
        about: what was measured, and how to read the tables; the page folds it.
        rows: in the order of the page.
        missed: the bands that are known to be broken, as ``"<row id>: <band>"``, and why.
        picture: a figure below the summary, if there is one.

    Raises:
        ValueError: no rows, rows without seeds, ids that are not unique or no names of files.
    """

    title: str
    verdict: Callable[[Cite], Sequence[str]] = field(repr=False)
    summary: Summary = field(repr=False)
    about: str = field(repr=False)
    rows: Sequence[Row] = field(repr=False)
    missed: Mapping[str, str] = field(default_factory=dict, repr=False)
    picture: Picture | None = None

    def __post_init__(self) -> None:
        ids = [row.id for row in self.rows]
        odd = [id for id in ids if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", id) or ids.count(id) > 1]
        if odd or not ids:
            raise ValueError(
                "Experiment: row ids must be unique and of lower-case letters, digits, dots and dashes, "
                f"got {sorted(set(odd)) or 'no row'}."
            )
        if bare := [row.id for row in self.rows if not row.seeds]:
            raise ValueError(f"Experiment: every row needs at least one seed, but {', '.join(bare)} has none.")

    def matching(self, pattern: str | None) -> list[Row]:
        """The rows whose id matches a pattern such as ``ring-*``, or contains it; all of them for None.

        Raises:
            ValueError: none does.
        """
        rows = [row for row in self.rows if pattern is None or pattern in row.id or fnmatch(row.id, pattern)]
        if not rows:
            ids = "\n  ".join(row.id for row in self.rows)
            raise ValueError(f"no row matches {pattern!r}. Rows:\n  {ids}")
        return rows


def median(values: Sequence[float]) -> float:
    """The median, NaN if one value is: sorting would hide it."""
    return math.nan if any(map(math.isnan, values)) else statistics.median(values)
