"""A page for each lesson: the mistakes that its checks know by name, and what a teacher asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from koopcourse.checks.exercise import Exercise, Mistake
from koopcourse.teaching.plain import Lesson, escaped
from koopcourse.teaching.prompts import prompts

FOLDER = "docs/teaching"
INTRODUCTION = """\
What learners get wrong here. The left column is what `check` tells them; the right one is what to ask when somebody
still does not see it, or when half of the class has it. Ask, and wait. The folded lists hold what `check` knows beside
that.
[TEACHING.md](../../TEACHING.md) has the lesson.
"""


def page_name(digits: str) -> str:
    """Where the page of a lesson lies, from the root."""
    return f"{FOLDER}/misconceptions-{digits}.md"


def pages(of: Mapping[str, Lesson]) -> dict[str, str]:
    """The text of each page, by its path from the root."""
    return {page_name(digits): page(lesson) for digits, lesson in of.items()}


def page(lesson: Lesson) -> str:
    parts = [f"# Misconceptions {lesson.digits}: {lesson.title}", INTRODUCTION.rstrip()]
    parts += [_exercise(exercise) for exercise in lesson.exercises.values()]
    return "\n\n".join(parts) + "\n"


def table(of: Mapping[str, Lesson]) -> str:
    """One row a lesson: how many mistakes its exercises name, and for how many there is a prompt."""
    rows = ["| lesson | exercises | named mistakes | with a prompt |", "|---|---|---|---|"]
    total = [0, 0, 0]
    for digits, lesson in of.items():
        found = lesson.exercises.values()
        counts = [len(found), sum(len(e.mistakes) for e in found), sum(len(prompts(e.id)) for e in found)]
        total = [a + b for a, b in zip(total, counts)]
        rows.append(f"| [{digits} {lesson.title}]({page_name(digits)}) | " + " | ".join(map(str, counts)) + " |")
    return "\n".join([*rows, "| all | " + " | ".join(map(str, total)) + " |"])


def _exercise(exercise: Exercise) -> str:
    """Prompted mistakes in the order of the prompts, which is that of likelihood; the others in a fold."""
    asked = prompts(exercise.id)
    named = {mistake.name: mistake for mistake in exercise.mistakes}
    rows = ["| `check` says | ask |", "|---|---|"]
    rows += [f"| {_sign(named[name])} | {escaped(question)} |" for name, question in asked.items()]
    facts = f"*{exercise.minutes} minutes, importance {exercise.importance} of 3.*"
    parts = [f"## {exercise.id} {exercise.title}", facts, "\n".join(rows)]
    return "\n\n".join(parts + _folded(m for m in exercise.mistakes if m.name not in asked))


def _folded(mistakes: Iterable[Mistake]) -> list[str]:
    items = [f"- {_sign(mistake)}" for mistake in mistakes]
    if not items:
        return []
    return [f"<details><summary>{len(items)} more that check names</summary>", "\n".join(items), "</details>"]


def _sign(mistake: Mistake) -> str:
    return f"**{mistake.name}**: {escaped(mistake.says)}"
