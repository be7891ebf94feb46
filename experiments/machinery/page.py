"""The committed result of an experiment: one Markdown page for readers, one JSON file for programs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import groupby

from experiments.machinery.experiment import Cite, Experiment, Numbers, Row, Summary, median
from experiments.machinery.store import Record, to_json

FLOOR, SPREAD = " floor", " floor sd"
AGE = re.compile(r"Compared with the code of commit `[^`]*`, \d+ of \d+ rows were made by older code\.")


def age(commit: str, older: int, rows: int) -> str:
    """How many rows were made by other code than that of this commit; :data:`AGE` finds it on a page again."""
    return f"Compared with the code of commit `{commit}`, {older} of {rows} rows were made by older code."


def markdown(name: str, experiment: Experiment, records: Mapping[str, Record], made_by: str) -> str:
    """The page: verdict, a small table, a picture, missed aims; all else is folded.

    Args:
        name: of the experiment.
        experiment: its declaration.
        records: one for every row.
        made_by: what :func:`age` says.
    """
    parts = [f"# {experiment.title}\n", *(f"- {line}" for line in experiment.verdict(cite(records)))]
    parts += ["", _summary(experiment.summary, records)]
    if experiment.picture is not None:
        parts.append(f"![{experiment.picture.alt}]({name}.png)\n")
    parts += [*_missed(experiment, records), folded("What was measured, and how to read the tables", experiment.about)]
    for title, rows in groupby(experiment.rows, key=lambda row: row.table):
        parts.append(folded(title, _table(list(rows), records)))
    return "\n".join([*parts, _foot(name, experiment, records, made_by)])


def json_text(experiment: Experiment, records: Mapping[str, Record]) -> str:
    """All numbers of the rows that have some, one row a line."""
    lines = []
    for row in experiment.rows:
        if (record := records.get(row.id)) is not None:
            declared = {"id": row.id, "table": row.table, "parameters": row.parameters, "seeds": list(row.seeds)}
            lines.append(to_json({**declared, "bands": row.verdicts(record["numbers"]), **record}))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def cite(records: Mapping[str, Record]) -> Cite:
    """``cite(id, name)``: the median of a row's number.

    Raises:
        ValueError: there is no such row or number.
    """

    def number(id: str, name: str) -> float:
        if id not in records or name not in records[id]["numbers"]:
            raise ValueError(f"cite: no row {id!r} with a number {name!r}.")
        return median(records[id]["numbers"][name])

    return number


def folded(title: str, text: str) -> str:
    """Text that a reader opens."""
    return f"<details>\n<summary>{title}</summary>\n\n{text.rstrip()}\n\n</details>\n"


def verdict(row: Row, numbers: Numbers) -> str:
    """The bands of a row in words, the missed ones first; "" without any."""
    kinds: dict[str, list[str]] = {"missed": [], "held": []}
    for band, held in row.verdicts(numbers).items():
        kinds["held" if held else "missed"].append(band)
    return "; ".join(f"{kind}: {', '.join(bands)}" for kind, bands in kinds.items() if bands)


def spread(values: list[float]) -> str:
    """The median and, in brackets, the largest; one number if all seeds agree."""
    middle, largest = number(median(values)), number(max(values))
    return middle if middle == largest else f"{middle} ({largest})"


def shown(numbers: Numbers) -> dict[str, str]:
    """The columns of a row."""
    return {name: spread(values) for name, values in numbers.items() if not name.endswith((FLOOR, SPREAD))}


def number(value: float) -> str:
    """Three digits."""
    if math.isnan(value):
        return "none"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def table(lines: list[list[str]]) -> str:
    """Lines of cells, the first one the head."""
    return "".join(f"| {' | '.join(line)} |\n" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]])


def _summary(summary: Summary, records: Mapping[str, Record]) -> str:
    rows = [records[id]["numbers"] for id in summary.rows.values()]
    floors = [_floors(name, rows) for name in summary.columns]
    lines = [["", *summary.columns]]
    if any(len(shared) == 1 for shared in floors):
        lines.append(["*noise floor*", *(shared[0] if len(shared) == 1 else "" for shared in floors)])
    for label, id in summary.rows.items():
        lines.append([label, *(_cell(name, records[id]["numbers"]) for name in summary.columns)])
    return table(lines)


def _cell(name: str, numbers: Numbers) -> str:
    base = name.removesuffix(" /" + FLOOR)
    if name in numbers:
        return number(median(numbers[name]))
    if base in numbers and base + FLOOR in numbers:
        return number(median(numbers[base]) / median(numbers[base + FLOOR]))
    return ""


def _missed(experiment: Experiment, records: Mapping[str, Record]) -> Iterator[str]:
    """The aims that are not reached, by the reason."""
    verdicts = [row.verdicts(records[row.id]["numbers"]) for row in experiment.rows]
    broken = [band for row in experiment.rows for band in row.missed(records[row.id]["numbers"])]
    count = sum(map(len, verdicts))
    if broken:
        yield f"**Missed: {len(broken)} of {count} aims.**\n"
        reasons = [(experiment.missed.get(band, "not explained yet"), band) for band in broken]
        for reason in dict.fromkeys(reason for reason, _ in reasons):
            yield f"- {reason} ({'; '.join(f'`{band}`' for why, band in reasons if why == reason)})"
        yield ""
    elif count:
        yield f"All {count} aims are held.\n"


def _table(rows: list[Row], records: Mapping[str, Record]) -> str:
    cells = {row.id: shown(records[row.id]["numbers"]) for row in rows}
    labels, columns = _varying(rows), list(dict.fromkeys(name for row in cells.values() for name in row))
    floors = {name: _floors(name, [records[row.id]["numbers"] for row in rows]) for name in columns}
    own = [name for name in columns if len(floors[name]) > 1]  # a column of its own for a floor that differs
    marked = any(row.bands for row in rows)
    lines = [[*labels, *(part for name in columns for part in (name, *["its floor"] * (name in own)))]]
    lines[0] += ["aims"] * marked
    if any(len(found) == 1 for found in floors.values()):
        middle = [
            part for name in columns for part in ("".join(floors[name] * (name not in own)), *[""] * (name in own))
        ]
        lines.append(["*noise floor*", *[""] * (len(labels) - 1), *middle, *[""] * marked])
    for row in rows:
        numbers, line = records[row.id]["numbers"], [str(row.parameters.get(label, "")) for label in labels]
        for name in columns:
            line.append(cells[row.id].get(name, ""))
            line += ["".join(_floors(name, [numbers]))] * (name in own)
        lines.append([*line, *[_mark(row, numbers)] * marked])
    return table(lines)


def _mark(row: Row, numbers: Numbers) -> str:
    return "" if not row.bands else "**missed**" if row.missed(numbers) else "held"


def _varying(rows: list[Row]) -> list[str]:
    """The parameters that tell the rows of a table apart; the first if there is but one row."""
    names = dict.fromkeys(name for row in rows for name in row.parameters)
    return [name for name in names if len({str(row.parameters.get(name)) for row in rows}) > 1] or list(names)[:1]


def _floors(name: str, rows: list[Numbers]) -> list[str]:
    """The different floors of some rows, mean ± standard deviation."""
    texts = []
    for numbers in rows:
        if name + FLOOR in numbers:
            sd = f" ± {number(median(numbers[name + SPREAD]))}" if name + SPREAD in numbers else ""
            texts.append(number(median(numbers[name + FLOOR])) + sd)
    return list(dict.fromkeys(texts))


def _foot(name: str, experiment: Experiment, records: Mapping[str, Record], made_by: str) -> str:
    rows = list(records.values())
    dates, machines = sorted({row["date"] for row in rows}), sorted({row["machine"] for row in rows})
    seeds = dict.fromkeys(_seeds(row) for row in experiment.rows)
    commits = dict.fromkeys(row["commit"] for row in sorted(rows, key=lambda row: row["date"]))
    counts = ", ".join(f"`{commit}` ({sum(row['commit'] == commit for row in rows)})" for commit in commits)
    return (
        f"`python -m experiments {name}`, {' to '.join(dates[:: max(1, len(dates) - 1)])}, "
        f"{sum(row['seconds'] for row in rows):.0f} seconds in all, on {'; '.join(machines)}. A cell holds the median "
        f"over the seeds ({'; '.join(seeds)}) and, in brackets, the largest; aims are for the median, and stand in "
        f"`{name}.json`. Rows by commit: {counts}. {made_by}\n"
    )


def _seeds(row: Row) -> str:
    first, last = row.seeds[0], row.seeds[-1]
    return str(first) if len(row.seeds) == 1 else f"{first} to {last}"
