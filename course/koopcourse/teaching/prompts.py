"""What a teacher asks of whoever made a named mistake: a short question that lets them find it themselves.

The questions are ``questions/NN.toml``, a table for each exercise, a line for each mistake. What `check` says of a
mistake stands in its declaration, and a prompt does not say it again.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from koopcourse.checks.exercise import ID

_HOME = "questions"


def prompts(exercise_id: str) -> dict[str, str]:
    """The prompts of an exercise by the names of its mistakes, the likeliest first; empty where there are none."""
    match = ID.fullmatch(exercise_id)
    lesson = _lesson(match[1]) if match else {}
    borrowed = lesson.get("borrowed", {}).get(exercise_id)
    return prompts(borrowed) if borrowed else dict(lesson.get(exercise_id, {}))


def prompt(exercise_id: str, mistake: str) -> str:
    """What to ask after one mistake; empty where nobody has written a question for it."""
    return prompts(exercise_id).get(mistake, "")


@cache
def _lesson(digits: str) -> dict[str, dict[str, str]]:
    path = files("koopcourse.teaching") / _HOME / f"{digits}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
