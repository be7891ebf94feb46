"""The schedules that the guide offers. A test holds each to the prerequisites and to its own room."""

from __future__ import annotations

from koopcourse.teaching.timetable import Schedule, Session, exercises, lesson, other, pause

_NINE = 9 * 60


def _day(name: str, *parts) -> Session:
    return Session(name, parts, _NINE)


def _two_hours(week: int, digits: str, *names: str) -> Session:
    return Session(f"week {week}", (lesson(digits), pause(10), exercises(digits, *names)))


def _double_hour(week: int, digits: str, *names: str) -> Session:
    return Session(f"week {week}", (lesson(digits), exercises(digits, *names)))


EVENING = Schedule(
    "An evening",
    "For guests, a seminar or a public lecture. Nothing comes before it.",
    (
        Session(
            "The evening",
            (
                other(15, "everybody's first cell runs"),
                lesson("17", "parts one and two", 45),
                pause(15),
                lesson("17", "parts three and four", 45),
                other(15, "questions"),
            ),
            18 * 60,
        ),
    ),
    room=150,
)

DAY = Schedule(
    "One day",
    "KSWGD, from the ground up. A few exercises in class, the others are for whoever wants more.",
    (
        _day(
            "The day",
            other(10, "everybody's first cell runs"),
            lesson("01"),
            exercises("01", "E2"),
            pause(15),
            lesson("03"),
            exercises("03", "E2"),
            pause(60, "lunch"),
            lesson("04"),
            exercises("04", "E2", "E5"),
            pause(20),
            lesson("05"),
            pause(10),
            exercises("05", "E1", "E5"),
            other(15, "what failed, and what nobody asked"),
        ),
    ),
    room=480,
    before=("00",),
)

TWO_DAYS = Schedule(
    "Two days",
    "The README's weekend: both ideas with all their exercises.",
    (
        _day(
            "First day",
            lesson("01"),
            pause(15),
            exercises("01", "E1", "E2", "E3", "E4", "E5"),
            pause(10),
            lesson("03"),
            pause(60, "lunch"),
            exercises("03", "E1", "E2", "E3", "E4", "E5", "E6"),
            pause(15),
            lesson("04"),
            pause(15),
            exercises("04", "E1", "E2", "E3", "E4", "E5"),
        ),
        _day(
            "Second day",
            lesson("05"),
            pause(15),
            exercises("05", "E1", "E2", "E3", "E4", "E5"),
            pause(10),
            lesson("08"),
            pause(60, "lunch"),
            exercises("08", "E1", "E2", "E3", "E4", "E5"),
            pause(15),
            lesson("10"),
            pause(15),
            exercises("10", "E1", "E2", "E3", "E4", "E5", "E6"),
            other(20, "what failed, and what nobody asked"),
        ),
    ),
    room=510,
    before=("00",),
)

TEN_WEEKS = Schedule(
    "Ten weeks",
    "Two hours a week with a break of ten minutes; nearly all exercises in class.",
    (
        _two_hours(1, "01", "E1", "E2", "E3", "E4", "E5"),
        _two_hours(2, "02", "E1", "E2", "E3", "E4", "E5", "E6"),
        _two_hours(3, "03", "E1", "E2", "E4", "E5"),
        _two_hours(4, "04", "E1", "E2", "E3", "E4", "E5"),
        _two_hours(5, "05", "E1", "E2", "E3", "E4", "E5"),
        _two_hours(6, "06", "E1", "E2", "E3", "E4", "E5", "E6"),
        _two_hours(7, "08", "E1", "E2", "E3", "E4", "E5"),
        _two_hours(8, "10", "E1", "E2", "E4", "E5", "E6"),
        _two_hours(9, "14", "E1", "E2", "E3", "E4"),
        _two_hours(10, "16", "E1", "E2", "E3", "E4"),
    ),
    room=130,
    before=("00",),
    home=True,
)

FIFTEEN_WEEKS = Schedule(
    "Fifteen weeks",
    "A lesson a week in ninety minutes, with an exercise to begin with; the others are homework. All but lesson 15.",
    (
        _double_hour(1, "01", "E2"),
        _double_hour(2, "02", "E2"),
        _double_hour(3, "03", "E2"),
        _double_hour(4, "04", "E2", "E5"),
        _double_hour(5, "05", "E1"),
        _double_hour(6, "06", "E4"),
        _double_hour(7, "07", "E1"),
        _double_hour(8, "08", "E1"),
        _double_hour(9, "09", "E3"),
        _double_hour(10, "10", "E2"),
        _double_hour(11, "11", "E2"),
        _double_hour(12, "12", "E4"),
        _double_hour(13, "13", "E4"),
        _double_hour(14, "14", "E1"),
        _double_hour(15, "16", "E4"),
    ),
    room=90,
    before=("00",),
    home=True,
)

SCHEDULES = (EVENING, DAY, TWO_DAYS, TEN_WEEKS, FIFTEEN_WEEKS)
