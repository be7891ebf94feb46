"""Rows on disk: one file each, replaced as a whole, used again while what they were computed from is unchanged."""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from experiments.machinery.experiment import Row
from experiments.machinery.fingerprint import fingerprint

Record = dict[str, Any]


def compute(row: Row) -> Record:
    """A row's numbers, and when, where, how long and from what they were computed."""
    made_from, started = fingerprint(row), time.perf_counter()  # of the code as it is now, not when the row is done
    numbers = row.numbers()
    return {
        "numbers": numbers,
        "seconds": round(time.perf_counter() - started, 1),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "made_from": made_from,
    }


class Store:
    """The saved rows of one experiment.

    Args:
        folder: holds a file ``<id>.json`` for each row; made when the first is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, row: Row) -> tuple[Record | None, str]:
        """The saved record of a row, or None and the reason why it has to be computed ("" if it never was)."""
        path = self.folder / f"{row.id}.json"
        if not path.is_file():
            return None, ""
        try:
            record = _checked(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None, f"{path.name} could not be read and is kept as {_move_aside(path).name}"
        changed = [name for name, value in fingerprint(row).items() if record["made_from"].get(name) != value]
        return (None, f"{' and '.join(changed)} changed since it was saved") if changed else (record, "")

    def save(self, row: Row, record: Record) -> None:
        """Keep a record; a crash leaves the old file or the new one."""
        write(self.folder / f"{row.id}.json", to_json(record))


def machine() -> str:
    """Where this runs, in words."""
    threads = torch.get_num_threads()
    return (
        f"{os.cpu_count()} cores ({processor()}), {threads} thread{'s' * (threads > 1)}, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def write(path: Path, text: str) -> None:
    """Replace a file as a whole; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)  # mkstemp makes it for the owner's eyes alone
        os.replace(name, path)
    except BaseException:  # an interruption, too, leaves no half a file behind
        Path(name).unlink(missing_ok=True)
        raise


def to_json(value: Any) -> str:
    """One line of JSON, strictly by its standard: NaN and infinity become null."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _checked(record: Any) -> Record:
    """A record as it was before it became JSON, null being NaN again.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is no record.
    """
    texts = (record["date"], record["machine"], *record["made_from"].values())
    if not record["numbers"] or not all(isinstance(text, str) for text in texts):
        raise ValueError("not a record")
    numbers = {name: [math.nan if v is None else float(v) for v in vs] for name, vs in record["numbers"].items()}
    return {**record, "numbers": numbers, "seconds": float(record["seconds"])}


def _move_aside(path: Path) -> Path:
    """Keep an unreadable file under a free name: it may still tell its owner something."""
    k = 1
    while (aside := path.with_name(f"{path.stem}.unreadable-{k}")).exists():
        k += 1
    return path.rename(aside)


def processor() -> str:
    """The processor's name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
