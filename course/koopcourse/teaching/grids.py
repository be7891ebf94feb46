"""Schedules as tables: days by the clock, courses by the week, and one table that compares them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from koopcourse.teaching.plain import Lesson
from koopcourse.teaching.schedules import SCHEDULES
from koopcourse.teaching.timetable import Schedule, Session, left


def tables(of: Mapping[str, Lesson]) -> str:
    """The comparison, then each schedule under a heading of its own."""
    return "\n\n".join([comparison(of), *(_schedule(schedule, of) for schedule in SCHEDULES)])


def comparison(of: Mapping[str, Lesson]) -> str:
    rows = ["| schedule | lessons | in class | at home before | at home | in all |", "|---|---|---|---|---|---|"]
    for schedule in SCHEDULES:
        taught = list(dict.fromkeys(part.lesson for part in schedule.parts if part.lesson))
        minutes = (in_class(schedule, of), before(schedule, of), at_home(schedule, of))
        cells = [schedule.name, ", ".join(taught), *map(_hours, minutes), _hours(sum(minutes))]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def in_class(schedule: Schedule, of: Mapping[str, Lesson]) -> int:
    """Minutes of work together, without breaks."""
    return sum(part.minutes(of) for part in schedule.parts if not part.rests)


def before(schedule: Schedule, of: Mapping[str, Lesson]) -> int:
    """Minutes of the lessons that everybody does before the first session."""
    return sum(of[digits].minutes + of[digits].extra for digits in schedule.before)


def at_home(schedule: Schedule, of: Mapping[str, Lesson]) -> int:
    """Minutes of the exercises that are left for home."""
    taught = dict.fromkeys(part.lesson for part in schedule.parts if part.lesson)
    names = {digits: left(schedule, digits, of) for digits in taught} if schedule.home else {}
    return sum(of[digits].exercises[name].minutes for digits in names for name in names[digits])


def _schedule(schedule: Schedule, of: Mapping[str, Lesson]) -> str:
    parts = [f"### {schedule.name}", schedule.about]
    if schedule.before:
        links = ", ".join(f"[{digits} {of[digits].title}]({of[digits].page})" for digits in schedule.before)
        parts.append(f"At home before: {links} with its exercises, {before(schedule, of)} minutes.")
    if schedule.home:
        parts.append("\n".join(_weeks(schedule, of)))
    else:
        for session in schedule.sessions:
            parts += [f"**{session.name}**"] * (len(schedule.sessions) > 1) + ["\n".join(_clock(session, of))]
    return "\n\n".join(parts)


def _clock(session: Session, of: Mapping[str, Lesson]) -> Iterator[str]:
    yield "| from | minutes | |"
    yield "|---|---|---|"
    now = session.start or 0
    for part in session.parts:
        text = f"*{part.text(of)}*" if part.rests else part.text(of)
        yield f"| {_time(now)} | {part.minutes(of)} | {text} |"
        now += part.minutes(of)
    yield f"| {_time(now)} | | end |"


def _weeks(schedule: Schedule, of: Mapping[str, Lesson]) -> Iterator[str]:
    yield "| week | in class | minutes | at home | minutes |"
    yield "|---|---|---|---|---|"
    for session in schedule.sessions:
        parts = [part for part in session.parts if not part.rests]
        digits = parts[0].lesson
        names = left(schedule, digits, of)
        work = "; ".join(part.text(of) for part in parts)
        class_minutes = sum(part.minutes(of) for part in parts)
        home = sum(of[digits].exercises[name].minutes for name in names)
        week = session.name.removeprefix("week ")
        yield f"| {week} | {work} | {class_minutes} | {', '.join(names)} | {home or ''} |"


def _time(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _hours(minutes: int) -> str:
    return f"{minutes / 60:.1f} h" if minutes else ""
