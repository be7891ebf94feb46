"""Find declared exercises, in the modules ``l00``, ``l01``, ... of ``koopcourse.exercises``; loaded one by one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from types import ModuleType

from koopcourse.checks.exercise import ID, Exercise

HOME = "koopcourse.exercises"  # by name: its modules are written with those of this folder


def numbers() -> list[str]:
    """The two digits of every lesson that has exercises, in order."""
    names = sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(HOME).__path__))
    return [name[1:] for name in names if re.fullmatch(r"l\d\d", name)]


def named(text: str) -> tuple[str, ...]:
    """``("05", "10")`` for ``5, 10``, as somebody types it after ``--lessons``."""
    return tuple(word.strip().zfill(2) for word in text.split(",") if word.strip())


def load(lesson: str) -> ModuleType:
    """The module of one lesson, given its two digits."""
    return importlib.import_module(f"{HOME}.l{lesson}")


def find(exercise_id: str) -> tuple[Exercise, Exercise | None]:
    """An exercise and the one after it in the lesson. Only the lesson's own module is loaded.

    Raises:
        LookupError: if there is no such exercise; its text says which there are.
    """
    match = ID.fullmatch(exercise_id) if isinstance(exercise_id, str) else None
    if match is None:
        raise LookupError(f'{exercise_id!r} is not the name of an exercise; they look like "L05-E2".')
    lesson = match[1]
    if lesson not in numbers():
        raise LookupError(f"Lesson {lesson} has no exercises; there are some in {', '.join(numbers())}.")
    declared = load(lesson).EXERCISES
    for exercise, following in zip(declared, (*declared[1:], None)):
        if exercise.id == exercise_id:
            return exercise, following
    raise LookupError(f"There is no {exercise_id}; lesson {lesson} has {', '.join(e.id for e in declared)}.")
