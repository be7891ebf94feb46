"""Find the notebooks that were handed in: ``<student>/**/NN_topic.ipynb``, the last one of each student and lesson."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

_NOTEBOOK = re.compile(r"(\d\d)_.*\.ipynb")
_DEEPEST = 8  # folders below a student's


@dataclass(frozen=True)
class Submission:
    """One notebook of one student. ``earlier`` counts those that it replaces."""

    student: str
    lesson: str
    path: Path
    time: datetime
    earlier: int = 0


def find(folder: Path, lessons: Collection[str]) -> list[Submission]:
    """The last submission of each student for each of these lessons, by name.

    A folder with a ``submitted`` in it is nbgrader's course folder; its ``submitted/<student>/<assignment>/`` is read.
    The time is that of nbgrader's ``timestamp.txt`` beside the notebook, else the file's own.
    """
    found: dict[tuple[str, str], Submission] = {}
    for student in students(folder):
        for path in sorted(_notebooks(student)):
            lesson = path.name[:2]
            if lesson in lessons:
                before = found.get((student.name, lesson))
                this = Submission(student.name, lesson, path, handed_in(path))
                found[student.name, lesson] = _later(before, this)
    return list(found.values())


def students(folder: Path) -> list[Path]:
    """The students' folders."""
    return sorted(entry for entry in home(folder).iterdir() if not _skipped(entry) and entry.is_dir())


def home(folder: Path) -> Path:
    """Where the students' folders are: below nbgrader's course folder, or this one."""
    return folder / "submitted" if (folder / "submitted").is_dir() else folder


def read(path: Path, most: int) -> bytes:
    """The bytes of a notebook; a link, a pipe or a device is none.

    Raises:
        ValueError: if it is no plain file, or larger than ``most`` bytes.
        OSError: if it can't be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    with open(handle, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is no plain file")
        if about.st_size > most:
            raise ValueError(f"it has {about.st_size >> 20} MB, and a notebook may have {most >> 20}")
        return file.read(most + 1)[:most]


def digest(raw: bytes, *others: str) -> str:
    """A name for what was marked: the bytes, and whatever else the marks depend on."""
    made = hashlib.sha256(raw)
    for other in others:
        made.update(f"\0{other}".encode())
    return made.hexdigest()[:32]


def handed_in(path: Path) -> datetime:
    """When a notebook was handed in."""
    stamp = path.parent / "timestamp.txt"
    try:
        return _moment(read(stamp, 200).decode("utf-8"))
    except (OSError, ValueError, OverflowError):
        pass
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except (ValueError, OverflowError, OSError):  # of a year that no calendar has
        return datetime.fromtimestamp(0, UTC)


_BINARY = getattr(os, "O_BINARY", 0)


def _moment(text: str) -> datetime:
    """``2026-03-01 12:00:00.000000 UTC`` as nbgrader writes it, with the name of a zone or an offset."""
    words = text.split()
    zone = words.pop() if len(words) > 2 else ""
    moment = datetime.fromisoformat(" ".join(words) if not zone.startswith(("+", "-")) else " ".join(words) + zone)
    if moment.tzinfo is None:
        try:
            moment = moment.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
        except (KeyError, OSError):  # a zone that this system does not know
            moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _later(before: Submission | None, this: Submission) -> Submission:
    if before is None:
        return this
    last = this if this.time >= before.time else before
    return Submission(last.student, last.lesson, last.path, last.time, before.earlier + 1)


def _notebooks(student: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(student, followlinks=False):
        here = Path(folder)
        deep = len(here.relative_to(student).parts) >= _DEEPEST
        folders[:] = [] if deep else sorted(name for name in folders if not _skipped(here / name))
        yield from (here / name for name in files if _NOTEBOOK.fullmatch(name))


def _skipped(path: Path) -> bool:
    """Links, and hidden folders such as .ipynb_checkpoints."""
    return path.name.startswith(".") or path.is_symlink()
