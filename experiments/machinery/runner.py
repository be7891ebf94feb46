"""Compute an experiment's rows, save each as it is done, judge the bands, write the page."""

from __future__ import annotations

import dataclasses
import importlib
import traceback
from collections.abc import Sequence
from pathlib import Path

import torch

from experiments.machinery import page
from experiments.machinery.experiment import Experiment, Row
from experiments.machinery.store import Record, Store, compute, write

HOME = Path(__file__).resolve().parents[1]
RESULTS = HOME.parent / "results"
HELD, BROKEN, USAGE, INTERRUPTED = 0, 1, 2, 130  # exit statuses


def names() -> list[str]:
    """The experiments: each a folder of ``experiments/`` with a file ``table.py``."""
    return sorted(path.parent.name.replace("_", "-") for path in HOME.glob("*/table.py"))


def load(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in names():
        raise ValueError(f"no experiment {name!r}. There are: {', '.join(names())}, and speed.")
    return importlib.import_module(f"experiments.{name.replace('-', '_')}.table").EXPERIMENT


def main(name: str | None, only: str | None, fresh: bool, quick: bool, out: Path | None) -> int:
    """The command: list the experiments, or run one. Returns the exit status."""
    if name in (None, "list"):
        print("\n".join(f"{name:<20} {load(name).title}" for name in names()))
        print(f"{'speed':<20} Speed and memory beside other packages")
        return HELD
    try:
        experiment = load(name)
        rows = experiment.matching(only)
    except ValueError as error:
        print(f"experiments: {error}")
        return USAGE
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # numbers repeat, and CPU seconds can be compared
    try:
        return try_out(rows) if quick else run(name, experiment, rows, out or RESULTS, fresh)
    except KeyboardInterrupt:
        print("\nInterrupted." + " The rows printed above are saved; the same command goes on there." * (not quick))
        return INTERRUPTED
    finally:
        torch.set_num_threads(threads)


def try_out(rows: Sequence[Row]) -> int:
    """Compute each row for its first seed, print it, keep nothing. A band is for many seeds, so none is judged."""
    records = [_attempt(dataclasses.replace(row, seeds=row.seeds[:1], bands=()), "one seed") for row in rows]
    return HELD if all(records) else BROKEN


def run(name: str, experiment: Experiment, rows: Sequence[Row], folder: Path, fresh: bool = False) -> int:
    """Compute those of ``rows`` that are not saved yet (all if ``fresh``); write the page once no row is missing."""
    store, done = Store(folder / ".rows" / name), {}
    print(f"{len(rows)} rows, each saved when it is done in {store.folder}")
    for place, row in enumerate(rows, 1):
        record, why = (None, "") if fresh else store.load(row)
        if record is not None:
            _tell(row, record, f"saved on {record['date']}, used again")
        else:
            record = _attempt(row, ", ".join(filter(None, (f"{place} of {len(rows)}", why))))
            if record is None:
                continue
            store.save(row, record)
        done[row.id] = row.verdicts(record["numbers"]).values()
    failed = [row.id for row in rows if row.id not in done]
    if failed:
        print(f"\nfailed: {', '.join(failed)}. The other rows are saved; the same command computes these alone.")
    else:
        _publish(name, experiment, store, folder)
    broken = [id for id, verdicts in done.items() if not all(verdicts)]
    count = sum(map(len, done.values()))
    print(f"bands broken in: {', '.join(broken)}" if broken else f"all {count} bands held")
    return BROKEN if broken or failed else HELD


def _attempt(row: Row, note: str) -> Record | None:
    """The record of a row, or None if it failed: the other rows need not wait until that is mended."""
    try:
        record = compute(row)
        _tell(row, record, f"{note}, {record['seconds']} s")
    except Exception:
        traceback.print_exc()
        print(f"{row.id} failed; the other rows go on", flush=True)
        return None
    return record


def _tell(row: Row, record: Record, note: str) -> None:
    columns = ", ".join(f"{name} {text}" for name, text in page.shown(record["numbers"]).items())
    print(": ".join(filter(None, (row.id, columns, page.verdict(row, record["numbers"])))), f"[{note}]", flush=True)


def _publish(name: str, experiment: Experiment, store: Store, folder: Path) -> None:
    """Write the page and its JSON if every row of the experiment is saved and up to date; say where."""
    found = {row.id: store.load(row)[0] for row in experiment.rows}
    if missing := [id for id, record in found.items() if record is None]:
        print(f"\nThe page is written once all rows are saved; {len(missing)} of {len(found)} are missing.")
        return
    write(folder / f"{name}.md", page.markdown(name, experiment, found))
    write(folder / f"{name}.json", page.json_text(experiment, found))
    if experiment.picture is not None:
        figure = experiment.picture.draw({id: record["numbers"] for id, record in found.items()})
        figure.savefig(folder / f"{name}.png", dpi=100)
    print(f"\nWritten: {folder / name}.md and .json. Saved rows are used again; --fresh computes them anew.")
