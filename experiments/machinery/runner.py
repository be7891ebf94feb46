"""Compute an experiment's rows, keep each as it is done, judge the bands, write the page."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from experiments.machinery import page, store
from experiments.machinery.experiment import Experiment, Row
from experiments.machinery.fingerprint import commit
from experiments.machinery.store import Record

HOME = Path(__file__).resolve().parents[1]
RESULTS = HOME.parent / "results"
DATA = HOME.parent / "course" / "koopcourse" / "data"
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
        raise ValueError(f"no experiment {name!r}. There are: {', '.join(names())}, speed and gpu-check.")
    return importlib.import_module(f"experiments.{name.replace('-', '_')}.table").EXPERIMENT


def overview(folder: Path = RESULTS) -> str:
    """Each experiment with the number of its rows that are not those of the present code."""
    lines = []
    for name in names():
        experiment, records = load(name), store.load(folder / f"{name}.json")
        rows = experiment.rows
        older = sum(row.id in records and store.is_older(row, records[row.id]) for row in rows)
        missing = sum(row.id not in records for row in rows)
        told = (
            f"{len(rows)} rows" + f", {missing} not computed" * bool(missing) + f", {older} by older code" * bool(older)
        )
        lines.append(f"{name:<20} {experiment.title} ({told})")
    lines.append(f"{'speed':<20} Speed and memory beside other packages")
    return "\n".join([*lines, f"{'gpu-check':<20} The lessons' hot paths on a GPU, where there is one"])


def main(name: str, only: str | None, fresh: bool, quick: bool, out: Path | None) -> int:
    """The command: run one experiment. Returns the exit status."""
    try:
        experiment = load(name)
        rows = experiment.matching(only)
    except ValueError as error:
        print(f"experiments: {error}")
        return USAGE
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # numbers repeat, and CPU seconds can be compared
    try:
        with threadpool_limits(1):  # those of SciPy and scikit-learn, too
            return try_out(rows) if quick else run(name, experiment, rows, out or RESULTS, fresh)
    except ValueError as error:
        print(f"experiments: {error}")
        return USAGE
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
    """Compute those of ``rows`` that are missing or of older code (all if ``fresh``); write the page."""
    path, failed = folder / f"{name}.json", []
    print(f"{len(rows)} rows, each kept when it is done in {path}")
    for place, row in enumerate(rows, 1):
        record = None if fresh else store.load(path).get(row.id)
        parts = [] if record is None else store.changed(row, record)
        if record is not None and not parts:
            _tell(row, record, f"computed on {record['date']}, used again")
            continue
        why = f", {' and '.join(parts)} changed since it was computed" if parts else ""
        record = _attempt(row, f"{place} of {len(rows)}{why}")
        if record is None:
            failed.append(row.id)
        else:  # others may have written there meanwhile
            store.write(path, page.json_text(experiment, store.load(path) | {row.id: record}))
    if failed:
        print(f"\nfailed: {', '.join(failed)}. The other rows are kept; the same command computes these alone.")
    publish(name, experiment, folder)
    return BROKEN if _judged(experiment, rows, store.load(path)) or failed else HELD


def publish(name: str, experiment: Experiment, folder: Path, live: bool = True) -> bool:
    """Write the page of an experiment, its JSON and its picture from the kept rows, if no row is missing.

    Args:
        name, experiment: which.
        folder: of the JSON, and of the page.
        live: draw also a picture whose content has to be computed.
    """
    records = store.load(folder / f"{name}.json")
    if missing := [row.id for row in experiment.rows if row.id not in records]:
        print(
            f"\nThe page {name} is written once all rows are computed; "
            f"{len(missing)} of {len(experiment.rows)} are missing."
        )
        return False
    records = {row.id: records[row.id] for row in experiment.rows}
    older = sum(store.is_older(row, records[row.id]) for row in experiment.rows)
    made_by = page.age(commit(), older, len(records))
    store.write(folder / f"{name}.json", page.json_text(experiment, records))
    store.write(folder / f"{name}.md", page.markdown(name, experiment, records, made_by))
    picture = experiment.picture
    if picture is not None and (live or not picture.live):
        figure = picture.draw({id: record["numbers"] for id, record in records.items()})
        _write_small(figure, folder / f"{name}.png")
        shown = DATA / f"page-{name}.png"
        if folder == RESULTS and shown.exists():  # a lesson shows it, too
            shutil.copy(folder / f"{name}.png", shown)
    print(f"\nWritten: {folder / name}.md and .json. {made_by}")
    return True


def _write_small(figure: Figure, path: Path) -> None:
    """A picture of lines and words needs few colours: a third of the bytes."""
    from PIL import Image

    figure.savefig(path, dpi=100, metadata={"Software": None})
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def _judged(experiment: Experiment, rows: Sequence[Row], records: Mapping[str, Record]) -> list[str]:
    """The bands that are broken and not known to be; says so, and what is held against expectation."""
    done = [row for row in rows if row.id in records]
    broken = [band for row in done for band in row.missed(records[row.id]["numbers"])]
    count = sum(len(row.bands) for row in done)
    known, new = ([band for band in broken if (band in experiment.missed) == is_known] for is_known in (True, False))
    ids = {row.id for row in done}
    held = [band for band in experiment.missed if band not in broken and band.split(": ")[0] in ids]
    for told, bands in (("known to be missed", known), ("missed", new), ("held, though declared as missed", held)):
        if bands:
            print(f"{told}:", *bands, sep="\n  ")
    print(f"{count - len(broken)} of {count} bands held")
    return new + held


def _attempt(row: Row, note: str) -> Record | None:
    """The record of a row, or None if it failed: the other rows need not wait until that is mended."""
    try:
        record = store.compute(row)
        _tell(row, record, f"{note}, {record['seconds']} s")
    except Exception:
        traceback.print_exc()
        print(f"{row.id} failed; the other rows go on", flush=True)
        return None
    return record


def _tell(row: Row, record: Record, note: str) -> None:
    columns = ", ".join(f"{name} {text}" for name, text in page.shown(record["numbers"]).items())
    print(": ".join(filter(None, (row.id, columns, page.verdict(row, record["numbers"])))), f"[{note}]", flush=True)
