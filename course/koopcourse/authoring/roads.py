"""Which lessons build on which, and the roads through them that the README shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from koopcourse.authoring.minutes import promised
from koopcourse.authoring.tree import Course, Script
from koopcourse.notebook_io import read_script


@dataclass(frozen=True)
class Road:
    """A way through the course.

    Attributes:
        name: what the README calls it.
        lessons: two digits each, in order; none for all of them.
        leads: where it ends up, in a few words.
    """

    name: str
    lessons: tuple[str, ...]
    leads: str


ROADS = (
    Road("an evening", ("17",), "stuck particles, a spectrum in twelve lines, KSWGD, one-step sampling"),
    Road("a weekend", ("00", "01", "03", "04", "05", "08", "10"), "the two ideas, from the ground up"),
    Road("all", (), "the three papers, pictures, fields, conditions, your own data"),
)


def prerequisites(script: Script) -> tuple[str, ...]:
    """Lessons that a lesson's line of facts asks for; what only *helps*, after a semicolon, is not among them."""
    facts = re.search(
        r"prerequisites:(.*?)(?:\n\s*\n|\*\*|;|\Z)", read_script(script.path).cells[0].source, re.S | re.I
    )
    return tuple(re.findall(r"\b(\d\d)\b(?!_)", facts[1])) if facts else ()


def lessons_of(road: Road, course: Course) -> list[Script]:
    """The lessons of a road, in its order."""
    every = course.lessons()
    return [every[lesson] for lesson in road.lessons] if road.lessons else course.scripts("notebooks")


def gaps(road: Road, course: Course) -> list[str]:
    """Prerequisites that a road comes to too late or never, one sentence each."""
    asked = {script.lesson: prerequisites(script) for script in lessons_of(road, course)}
    return [f"{road.name}: {gap}" for gap in missed(asked)]


def missed(asked: Mapping[str, Sequence[str]]) -> list[str]:
    """What lessons in this order ask for and have not had, one sentence each."""
    order = [*asked]
    return [
        f"lesson {lesson} needs {needed} before it"
        for place, lesson in enumerate(order)
        for needed in asked[lesson]
        if needed not in order[:place]
    ]


def table(course: Course) -> str:
    """One row a road: its lessons, and the hours that they and their exercises take."""
    rows = ["| road | lessons | hours | with exercises | where it leads |", "|---|---|---|---|---|"]
    exercises = {script.lesson: promised(script) or 0 for script in course.scripts("solutions")}
    for road in ROADS:
        scripts = lessons_of(road, course)
        links = ", ".join(f"[{script.lesson}]({_opens(script)})" for script in scripts)
        reading = sum(promised(script) or 0 for script in scripts)
        more = sum(exercises.get(script.lesson, 0) for script in scripts if script.kind == "notebooks")
        rows.append(f"| {road.name} | {links} | {reading / 60:.1f} | {(reading + more) / 60:.1f} | {road.leads} |")
    return "\n".join(rows)


def _opens(script: Script) -> str:
    return f"notebooks/{script.notebook.name}" if script.kind == "notebooks" else f"exercises/{script.exercise.name}"
