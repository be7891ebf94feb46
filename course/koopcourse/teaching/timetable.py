"""Timetables: what is taught when, how long it takes, and what is left for home. Their minutes are the lessons' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from koopcourse.authoring.roads import missed
from koopcourse.teaching.plain import Lesson

STRETCH = 100  # minutes that a class works without a break, at most


@dataclass(frozen=True)
class Part:
    """A stretch of a session: a lesson, some of its exercises, or something else.

    Attributes:
        lesson: two digits; empty for what is neither lesson nor exercise.
        exercises: short names, ``("E1", "E5")``; empty for the lesson itself.
        words: which portion of a lesson, or what else is done.
        own: minutes of a portion or of something else; those of lessons and exercises are promised elsewhere.
        rests: whether it is a break.
    """

    lesson: str = ""
    exercises: tuple[str, ...] = ()
    words: str = ""
    own: int = 0
    rests: bool = False

    def minutes(self, of: Mapping[str, Lesson]) -> int:
        if self.exercises:
            return sum(of[self.lesson].exercises[name].minutes for name in self.exercises)
        return self.own or of[self.lesson].minutes

    def text(self, of: Mapping[str, Lesson]) -> str:
        if not self.lesson:
            return self.words
        lesson = of[self.lesson]
        if self.exercises:
            every = len(self.exercises) == len(lesson.exercises)
            names = "all exercises" if every else ", ".join(self.exercises)
            return f"[{names}]({lesson.sheet_of_exercises}) of {self.lesson}"
        return f"[{self.lesson} {lesson.title}]({lesson.page})" + (f", {self.words}" if self.words else "")


@dataclass(frozen=True)
class Session:
    """A day, or a week's class. ``start``: minutes after midnight; none where the room decides."""

    name: str
    parts: tuple[Part, ...]
    start: int | None = None


@dataclass(frozen=True)
class Schedule:
    """A way to teach some lessons.

    Attributes:
        before: lessons that everybody does at home before the first session, exercises included.
        room: the minutes of a session at most, breaks included.
        home: whether the exercises that no session has are done at home.
    """

    name: str
    about: str
    sessions: tuple[Session, ...]
    room: int
    before: tuple[str, ...] = ()
    home: bool = False

    @property
    def parts(self) -> list[Part]:
        return [part for session in self.sessions for part in session.parts]


def lesson(digits: str, words: str = "", minutes: int = 0) -> Part:
    """A whole lesson, or a portion of it that takes so many minutes."""
    return Part(digits, words=words, own=minutes)


def exercises(digits: str, *names: str) -> Part:
    return Part(digits, names)


def pause(minutes: int, words: str = "break") -> Part:
    return Part(words=words, own=minutes, rests=True)


def other(minutes: int, words: str) -> Part:
    return Part(words=words, own=minutes)


def faults(schedule: Schedule, of: Mapping[str, Lesson]) -> list[str]:
    """What is wrong with a schedule, one sentence each: an order, a sum, a class that is too long."""
    order = (*schedule.before, *(part.lesson for part in schedule.parts if part.lesson))
    early = [*missed({digits: of[digits].needs for digits in order}), *_early(schedule)]
    found = [f"{schedule.name}: {fault}" for fault in (*early, *_portions(schedule, of))]
    return found + [
        f"{schedule.name}, {s.name}: {fault}" for s in schedule.sessions for fault in _long(s, schedule, of)
    ]


def _early(schedule: Schedule) -> Iterator[str]:
    seen = set(schedule.before)
    for part in schedule.parts:
        if part.exercises and part.lesson not in seen:
            yield f"exercises of {part.lesson} come before the lesson"
        seen |= {part.lesson} - ({part.lesson} if part.exercises else set())
    twice = [(p.lesson, name) for p in schedule.parts for name in p.exercises]
    yield from (f"{digits}-{name} comes twice" for digits, name in sorted({x for x in twice if twice.count(x) > 1}))


def _portions(schedule: Schedule, of: Mapping[str, Lesson]) -> Iterator[str]:
    taught: dict[str, int] = {}
    for part in schedule.parts:
        if part.lesson and not part.exercises:
            taught[part.lesson] = taught.get(part.lesson, 0) + part.minutes(of)
    for digits, minutes in taught.items():
        if minutes != of[digits].minutes:
            yield f"lesson {digits} is given {minutes} minutes and promises {of[digits].minutes}"


def _long(session: Session, schedule: Schedule, of: Mapping[str, Lesson]) -> Iterator[str]:
    total = sum(part.minutes(of) for part in session.parts)
    if total > schedule.room:
        yield f"{total} minutes, at most {schedule.room}"
    worked = 0
    for part in session.parts:
        worked = 0 if part.rests else worked + part.minutes(of)
        if worked > STRETCH:
            yield f"{worked} minutes of work without a break, at most {STRETCH}"


def left(schedule: Schedule, digits: str, of: Mapping[str, Lesson]) -> list[str]:
    """The exercises of a lesson that no session has."""
    done = {name for part in schedule.parts if part.lesson == digits for name in part.exercises}
    return [name for name in of[digits].exercises if name not in done] if of[digits].extra else []
