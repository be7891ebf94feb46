"""The committed result of an experiment: one Markdown page for readers, one JSON file for programs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby

from experiments.machinery.experiment import Experiment, Numbers, Row, median
from experiments.machinery.store import Record, to_json

FLOOR, SPREAD = " floor", " floor sd"


def markdown(name: str, experiment: Experiment, records: dict[str, Record]) -> str:
    """The page; ``records`` holds one for every row."""
    parts = [f"# {experiment.title}\n", _head(name, experiment, records)]
    for title, rows in groupby(experiment.rows, key=lambda row: row.table):
        parts.append(f"## {title}\n\n{_table(list(rows), records)}")
    if experiment.picture is not None:
        parts.append(f"![{experiment.picture.alt}]({name}.png)\n")
    return "\n".join(parts)


def json_text(experiment: Experiment, records: dict[str, Record]) -> str:
    """All numbers, one row a line."""
    lines = []
    for row in experiment.rows:
        record = records[row.id]
        declared = {"id": row.id, "table": row.table, "parameters": row.parameters, "seeds": list(row.seeds)}
        lines.append(to_json({**declared, "bands": row.verdicts(record["numbers"]), **record}))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def verdict(row: Row, numbers: Numbers) -> str:
    """The bands of a row in words, the broken ones first; "" without any."""
    kinds: dict[str, list[str]] = {"**broken**": [], "held": []}
    for band, held in row.verdicts(numbers).items():
        kinds["held" if held else "**broken**"].append(band)
    return "; ".join(f"{kind}: {', '.join(bands)}" for kind, bands in kinds.items() if bands)


def spread(values: list[float]) -> str:
    """The median and, in brackets, the largest; one number if all seeds agree."""
    middle, largest = _number(median(values)), _number(max(values))
    return middle if middle == largest else f"{middle} ({largest})"


def shown(numbers: Numbers) -> dict[str, str]:
    """The columns of a row."""
    return {name: spread(values) for name, values in numbers.items() if not name.endswith((FLOOR, SPREAD))}


def _head(name: str, experiment: Experiment, records: dict[str, Record]) -> str:
    verdicts = [held for row in experiment.rows for held in row.verdicts(records[row.id]["numbers"]).values()]
    seconds = sum(record["seconds"] for record in records.values())
    dates = sorted({record["date"] for record in records.values()})
    machines = sorted({record["machine"] for record in records.values()})
    seeds = dict.fromkeys(_seeds(row) for row in experiment.rows)
    return (
        f"{experiment.about}\n\n"
        f"`python -m experiments {name}`, {' to '.join(dates[:: max(1, len(dates) - 1)])}, {seconds:.0f} "
        f"seconds in all, on {'; '.join(machines)}. A cell holds the median over the seeds ({'; '.join(seeds)}) and, "
        "in brackets, the largest; bands are for the median. "
        f"{sum(verdicts)} of {len(verdicts)} bands are held.\n"
    )


def _table(rows: list[Row], records: dict[str, Record]) -> str:
    cells = {row.id: shown(records[row.id]["numbers"]) for row in rows}
    labels, columns = _varying(rows), list(dict.fromkeys(name for row in cells.values() for name in row))
    lines = [[*labels, *columns, "bands"]]
    floors = [_floor(name, rows, records) for name in columns]
    if any(floors):
        lines.append(["*noise floor*", *[""] * (len(labels) - 1), *floors, ""])
    for row in rows:
        left = [str(row.parameters.get(label, "")) for label in labels]
        middle = [cells[row.id].get(name, "") for name in columns]
        lines.append([*left, *middle, verdict(row, records[row.id]["numbers"])])
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _varying(rows: list[Row]) -> list[str]:
    """The parameters that tell the rows of a table apart; the first if there is but one row."""
    names = dict.fromkeys(name for row in rows for name in row.parameters)
    return [name for name in names if len({str(row.parameters.get(name)) for row in rows}) > 1] or list(names)[:1]


def _floor(name: str, rows: list[Row], records: dict[str, Record]) -> str:
    """Mean ± standard deviation; several of them if the rows of the table do not share one."""
    return " or ".join(dict.fromkeys(text for row in rows for text in _floors(name, records[row.id]["numbers"])))


def _floors(name: str, numbers: Numbers) -> Iterator[str]:
    if name + FLOOR in numbers:
        sd = f" ± {_number(median(numbers[name + SPREAD]))}" if name + SPREAD in numbers else ""
        yield _number(median(numbers[name + FLOOR])) + sd


def _seeds(row: Row) -> str:
    first, last = row.seeds[0], row.seeds[-1]
    return str(first) if len(row.seeds) == 1 else f"{first} to {last}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "none"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
