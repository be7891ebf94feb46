"""Rows on disk: the committed JSON of an experiment, replaced as a whole after each row."""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import torch

from experiments.machinery.experiment import Row
from experiments.machinery.fingerprint import commit, fingerprint

Record = dict[str, Any]
KEPT = ("numbers", "seconds", "date", "machine", "commit", "made_from")


def compute(row: Row) -> Record:
    """A row's numbers, and when, where, in how many CPU seconds and from what they were computed."""
    made_from, started = fingerprint(row), _cpu_seconds()  # of the code as it is now, not when the row is done
    numbers = row.numbers()
    return {
        "numbers": numbers,
        "seconds": round(_cpu_seconds() - started, 1),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "commit": commit(),
        "made_from": made_from,
    }


def _cpu_seconds() -> float:
    """Of this process and its children: unlike those of a clock they do not grow on a busy computer."""
    return sum(os.times()[:4])


def load(path: Path) -> dict[str, Record]:
    """The records of an experiment by their rows' ids; none if it has no file.

    Raises:
        ValueError: the file holds something else.
    """
    if not path.is_file():
        return {}
    try:
        return {row["id"]: _record(row) for row in json.loads(path.read_text(encoding="utf-8"))}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} could not be read ({error!r}). Take it from git again (git checkout -- {path.name}), or remove it "
            "and have all rows computed anew."
        ) from error


def changed(row: Row, record: Record) -> list[str]:
    """What is not as it was when a row was computed: its declaration, the code, torch."""
    return [name for name, value in fingerprint(row).items() if record["made_from"].get(name) != value]


def is_older(row: Row, record: Record) -> bool:
    """Whether a row was made by other code, or another declaration, than the present one."""
    return bool({"declaration", "code"} & set(changed(row, record)))


def machine() -> str:
    """Where this runs, in words."""
    threads = torch.get_num_threads()
    return (
        f"{os.cpu_count()} cores ({processor()}), {threads} thread{'s' * (threads > 1)}, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def processor() -> str:
    """The processor's name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def write(path: Path, text: str) -> None:
    """Replace a file as a whole, or leave it as it was; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
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


def _record(row: dict[str, Any]) -> Record:
    """A record as it was before it became JSON, null being NaN again."""
    record = {name: row[name] for name in KEPT}
    texts = (record["date"], record["machine"], record["commit"], *record["made_from"].values())
    if not record["numbers"] or not all(isinstance(text, str) for text in texts):
        raise ValueError("not a record")
    numbers = {name: [math.nan if v is None else float(v) for v in vs] for name, vs in record["numbers"].items()}
    return {**record, "numbers": numbers, "seconds": float(record["seconds"])}
