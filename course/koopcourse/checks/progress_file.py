"""The learner's progress: one JSON file on the learner's own computer, and the table that shows it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from koopcourse import runtime
from koopcourse.checks import declared

VERSION = 1


def location() -> Path | None:
    """Where progress is kept: ``KOOPTEACH_PROGRESS``, else the learner's ``work/``, else the home directory.

    None while notebooks are tested or built, which is nobody's progress.
    """
    if chosen := os.environ.get("KOOPTEACH_PROGRESS"):
        return Path(chosen).expanduser()
    if runtime.strict():
        return None
    here = Path.cwd()
    for folder in (here, *here.parents):
        for work in (folder, folder / "work"):
            if work.name == "work" and any((work / part).is_dir() for part in ("lessons", "exercises")):
                return work / "progress.json"
    return Path.home() / ".koopteach" / "progress.json"


def begin(exercise_id: str) -> None:
    """Note that a check of this exercise runs now: after a killed kernel, this is what remains."""
    _update(exercise_id, lambda entry: {"running": True}, tell=False)  # the end of the check tells


def finish(exercise_id: str, passed: bool, tried: bool) -> None:
    """Note how the check ended. What has once been passed stays so; an untouched stub is no try."""

    def ended(entry: dict[str, Any]) -> dict[str, Any]:
        tries = entry.get("tries", 0) + tried
        return {"running": False, "passed": passed or entry.get("passed", False), "tries": tries}

    _update(exercise_id, ended, tell=True)


def main(words: Sequence[str] = ()) -> int:
    """Obey ``python -m koopcourse progress``."""
    progress()
    return 0


def progress() -> None:
    """Print which exercises have been passed, tried or not started. Nothing leaves this computer."""
    try:
        entries = _entries()
    except (OSError, RuntimeError) as problem:
        print(f"Your progress cannot be read now: {problem}.")
        return
    for lesson in declared.numbers():
        module = declared.load(lesson)
        states = [(exercise, _state(entries.get(exercise.id, {}))) for exercise in module.EXERCISES]
        done = sum(state == "passed" for _, state in states)
        print(f"Lesson {lesson}: {module.TITLE}, {done} of {len(states)} passed")
        for exercise, state in states:
            print(f"  {exercise.id:<8} {exercise.title:<44} {state}")
    path = location()
    print(f"Kept on this computer only, in {path}" if path else "Nothing is kept while notebooks are tested.")


def _state(entry: dict[str, Any]) -> str:
    tries = entry.get("tries", 0)
    if entry.get("passed"):
        return "passed"
    if entry.get("running"):
        return "the last check did not finish"
    if tries:
        return "tried once" if tries == 1 else f"tried {tries} times"
    return "not started"


def _update(exercise_id: str, change: Callable[[dict[str, Any]], dict[str, Any]], tell: bool) -> None:
    """Change one entry; where that cannot be, a check goes on without."""
    try:
        path = location()
        if path is None:
            return
        entries = _entries()
        entry = entries.get(exercise_id, {})
        entries[exercise_id] = entry | change(entry)
        _write(path, {"version": VERSION, "exercises": entries})
    except (OSError, RuntimeError) as problem:  # RuntimeError: there is no home directory
        if tell:
            print(f"Your progress could not be saved: {problem}.")


def _entries() -> dict[str, dict[str, Any]]:
    """What is kept. An ``OSError`` where it cannot be read, so that nobody writes over it as if it were nothing."""
    path = location()
    if path is None:
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["exercises"]
        if all(_is_entry(entry) for entry in entries.values()):
            return entries
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    _move_aside(path)
    return {}


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("tries", 0), int)


def _move_aside(path: Path) -> None:
    """Keep an unreadable file under a free name: it may still tell its owner something."""
    k = 1
    while (aside := path.with_name(f"{path.stem}.unreadable-{k}{path.suffix}")).exists():
        k += 1
    try:
        path.rename(aside)
    except OSError:
        return
    print(f"Your progress file could not be read. It is kept as {aside.name}, and a new one begun.")


def _write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file as a whole, so that a crash leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, sort_keys=True)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
