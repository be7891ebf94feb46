"""What the lessons say of themselves, as the guide repeats it: objectives, key points, exercises, links that lead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from koopcourse.authoring.links import relinked
from koopcourse.authoring.minutes import promised
from koopcourse.authoring.roads import prerequisites
from koopcourse.authoring.sheet import Sheet
from koopcourse.authoring.tree import Course, Script
from koopcourse.checks import declared
from koopcourse.checks.exercise import Exercise

_ITEM = re.compile(r"^- .*(?:\n {2}.*)*", re.M)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#$])")


@dataclass(frozen=True)
class Lesson:
    """A lesson and its exercises; the evening is both in one notebook.

    Attributes:
        script: where the lesson is written.
        solution: where its exercises are written.
    """

    script: Script
    solution: Script

    @property
    def digits(self) -> str:
        return self.script.lesson

    @cached_property
    def sheet(self) -> Sheet:
        return Sheet(self.script)

    @property
    def title(self) -> str:
        return self.sheet.headings[0].text

    @property
    def page(self) -> str:
        """The notebook that a learner opens, from the root."""
        script = self.script
        return (script.notebook if script.kind == "notebooks" else script.exercise).relative_to(self._root).as_posix()

    @property
    def sheet_of_exercises(self) -> str:
        """The notebook of the exercises, from the root."""
        return self.solution.exercise.relative_to(self._root).as_posix()

    @property
    def _root(self):
        return self.script.path.parents[1]

    @cached_property
    def minutes(self) -> int:
        """What the line of facts promises for the main road."""
        return promised(self.script) or 0

    @cached_property
    def needs(self) -> tuple[str, ...]:
        return prerequisites(self.script)

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """By their short names, ``"E1"``; what a lesson has in itself is not counted beside it."""
        return {exercise.id.split("-")[1]: exercise for exercise in declared.load(self.digits).EXERCISES}

    @cached_property
    def extra(self) -> int:
        """The minutes that the sheet of exercises promises, where it is not the lesson itself."""
        return (promised(self.solution) or 0) if self.script != self.solution else 0

    def items(self, words: str) -> list[str]:
        """The list below the first heading that holds these words, links leading from the root."""
        heading = self.sheet.find(words)
        text = "\n".join(cell.source for cell in self.sheet.section(heading)) if heading else ""
        text = text.partition(f"# {heading.text}\n")[2].split("\n## ")[0] if heading else ""
        return [plain_spaces(from_the_root(item, self.script.name)) for item in _ITEM.findall(text)]


def lessons(course: Course) -> dict[str, Lesson]:
    """All lessons in order, the evening last."""
    solutions = {script.lesson: script for script in course.scripts("solutions")}
    return {digits: Lesson(script, solutions[digits]) for digits, script in course.lessons().items()}


def from_the_root(markdown: str, page: str) -> str:
    """Links of a page as a page at the root writes them."""
    return relinked(markdown, page, lambda link: f"[{link.words}]({link.place}{link.fragment})")


def plain_spaces(markdown: str) -> str:
    """Formulas without thin spaces, whose backslash code hosts take for Markdown's and print the comma."""
    return re.sub(r"\\[,;!]", " ", markdown)


def escaped(words: str) -> str:
    """Plain words as Markdown that shows them as they are, in a table, too."""
    return _SPECIAL.sub(r"\\\1", words)
