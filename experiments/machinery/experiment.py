"""What an experiment is: rows of numbers, each computed for a few seeds and held to bands."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

Numbers = dict[str, list[float]]  # one value a seed


@dataclass(frozen=True)
class Band:
    """A promise about a row: the median over seeds of ``value`` is at most ``bound``.

    Args:
        value: name of one of the row's numbers.
        bound: a number, or the factor of ``floor`` if that is given.
        floor: name of another of the row's numbers.
        at_least: the value must not lie *below* the bound instead.
    """

    value: str
    bound: float
    floor: str | None = None
    at_least: bool = False

    def __str__(self) -> str:
        floor = "floor" if self.floor == f"{self.value} floor" else self.floor
        return f"{self.value} {'>=' if self.at_least else '<='} {self.bound:g}{f' x {floor}' if floor else ''}"

    def holds(self, numbers: Numbers) -> bool:
        """Whether the promise is kept; by NaN never.

        Raises:
            ValueError: the row has no such number.
        """
        for name in filter(None, (self.value, self.floor)):
            if name not in numbers:
                raise ValueError(f"Band {self}: the row has no {name!r}, only {', '.join(numbers)}.")
        value, bound = median(numbers[self.value]), self.bound
        if self.floor:
            bound *= median(numbers[self.floor])
        return value >= bound if self.at_least else value <= bound


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


@dataclass(frozen=True)
class Picture:
    """A figure for the page: ``draw`` makes it from all rows' numbers, by their ids; ``alt`` says what is seen."""

    draw: Callable[[dict[str, Numbers]], Any]
    alt: str


@dataclass(frozen=True)
class Experiment:
    """Rows that belong to one paper or question.

    Attributes:
        title: heading of the page.
        about: a paragraph under it: what was measured, and how to read the tables.
        rows: in the order of the page.
        picture: a figure below the tables, if there is one.

    Raises:
        ValueError: no rows, rows without seeds, ids that are not unique or no names of files.
    """

    title: str
    about: str
    rows: Sequence[Row] = field(repr=False)
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
