"""``python -m koopcourse release``: write a folder for a class, or bring one up to date."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from koopcourse.authoring.tree import Course
from koopcourse.checks import declared
from koopcourse.release import bundle, folder
from koopcourse.release.contents import Choice, Release, gather


def main(words: Sequence[str] = ()) -> int:
    """Obey the command; 1 and a sentence where it cannot."""
    options = parser().parse_args(words)
    try:
        release(Course(), options.folder.resolve(), options)
    except (ValueError, RuntimeError, OSError) as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    told = argparse.ArgumentParser(
        prog="python -m koopcourse release",
        description="Write DIR, a class's folder without solutions: opened by `python3 course.py`, tested by "
        "`python3 course.py test`, with a list of what is due.",
        allow_abbrev=False,
    )
    told.add_argument("folder", metavar="DIR", type=Path, help="a new or an empty folder outside the course's")
    told.add_argument(
        "--lessons", metavar="01,05", help="the lessons whose notebook and exercises go in; all for every one"
    )
    told.add_argument(
        "--due", metavar="2027-01-15", type=day, help="when the exercises are due; else that column is empty"
    )
    told.add_argument(
        "--nbgrader", action="store_true", help="sheets marked for nbgrader, and its folder: for honest students"
    )
    told.add_argument(
        "--bundle",
        nargs="?",
        const=bundle.this_system(),
        choices=bundle.SYSTEMS,
        help="add all wheels for a room without network; for another system than this one name it",
    )
    told.add_argument("--python", default=bundle.this_python(), help="the room's Python, with --bundle (%(default)s)")
    told.add_argument(
        "--update", action="store_true", help="bring DIR up to date; what was left unsaid stays as it was"
    )
    return told


def day(text: str) -> str:
    """A date as it is written in the list."""
    return datetime.date.fromisoformat(text).isoformat()


def release(course: Course, target: Path, options: argparse.Namespace) -> None:
    """Write or update a release, and say what it holds.

    Raises:
        ValueError: the words do not fit the folder or the course.
        RuntimeError: the wheels were not to be had.
    """
    if not course.scripts("solutions"):
        raise ValueError(f"release: run this in the course's own clone; {course.root} has no exercises to choose from.")
    if not options.update:
        folder.refuse_unless_free(target, course.root)
    choice = chosen(course, folder.manifest(target) if options.update else {}, options)
    made, changed = gather(course, choice), []
    if options.update:
        changed = folder.update(made.files, asdict(choice), target)
    else:
        folder.write(made.files, asdict(choice), target)
    say(target, choice, made, changed)
    if options.bundle:
        try:
            size = bundle.download(target, options.bundle, options.python)
        except RuntimeError as trouble:
            raise RuntimeError(f"{trouble}\nThe folder is there; --update --bundle takes up the wheels.") from None
        print(f"wheels/: {size / 1e6:.0f} MB, for {choice.bundle}; too large for git, hand out the folder itself.")


def chosen(course: Course, known: dict, options: argparse.Namespace) -> Choice:
    """What is asked for, on top of what the release there was made with."""
    before = Choice(
        *(tuple(known.get("lessons", ())), known.get("due", ""), known.get("nbgrader", False), known.get("bundle", ""))
    )
    lessons = numbers(course, options.lessons) if options.lessons else before.lessons
    if not lessons:
        raise ValueError("release: --lessons names what goes in, such as --lessons 01,05; none was given.")
    new = replace(before, lessons=lessons, nbgrader=options.nbgrader or before.nbgrader)
    if options.due:
        new = replace(new, due=options.due)
    return replace(new, bundle=bundle.told(options.bundle, options.python)) if options.bundle else new


def numbers(course: Course, text: str) -> tuple[str, ...]:
    """``("01", "05")`` for ``01,05``; every lesson for ``all``."""
    if text == "all":
        return tuple(course.lessons())
    return tuple(sorted(set(declared.named(text))))


def say(target: Path, choice: Choice, made: Release, changed: Sequence[str]) -> None:
    """The report: what is there, what a lesson asks for that is not, what was left as somebody changed it."""
    points = sum(row.points for row in made.exercises)
    print(f"{target}: lessons {', '.join(choice.lessons)}; {len(made.exercises)} exercises, {points} points")
    print(f"{len(made.files)} files, {sum(map(len, made.files.values())) / 1e6:.1f} MB")
    for lesson, needed in made.asked_for.items():
        print(f"lesson {lesson} builds on {', '.join(needed)}, which the class must know: not in this folder")
    if made.unlinked:
        others = sorted({Path(path).name[:2] for path in made.unlinked})
        print(f"links to lessons {', '.join(others)}, which are not here, became plain text")
    for name in changed:
        print(f"kept as you changed it: {name}")
