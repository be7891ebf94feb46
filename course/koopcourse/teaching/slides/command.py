"""``python -m koopcourse slides DIR``: write the slides, with all that they need to be shown without network."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from koopcourse.authoring.tree import Course
from koopcourse.checks import declared
from koopcourse.teaching.slides.chosen import DECKS
from koopcourse.teaching.slides.deck import deck

STYLE, FORMULAS = "docs/teaching/slides", "docs/site/vendor/mathjax"


def main(words: Sequence[str] = ()) -> int:
    """Write, and say what; 1 and a sentence where it cannot."""
    options = _parser().parse_args(words)
    try:
        for name in write(Course(), options.folder, options.lessons):
            print(name)
    except (LookupError, OSError, ValueError) as trouble:
        print(trouble.args[0] if isinstance(trouble, LookupError) else trouble, file=sys.stderr)
        return 1
    return 0


def write(course: Course, folder: Path, lessons: Sequence[str] = ()) -> list[Path]:
    """The slides of these lessons, or of all that have some; their pages.

    Raises:
        ValueError: a lesson that has no slides, or a folder that is no clone of the course.
    """
    if unknown := set(lessons) - {*DECKS}:
        raise ValueError(f"slides: none for {', '.join(sorted(unknown))}; there are some for {', '.join(DECKS)}.")
    style, formulas = course.root / STYLE, course.root / FORMULAS
    if not style.is_dir() or not formulas.is_dir():
        raise ValueError(f"slides: run this in the course's own clone; {course.root} lacks {STYLE} or {FORMULAS}.")
    scripts = {script.lesson: script for script in course.scripts("notebooks")}
    made = {digits: deck(scripts[digits], DECKS[digits]) for digits in lessons or DECKS}
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    shutil.copytree(formulas, folder / "mathjax", dirs_exist_ok=True)
    for path in style.iterdir():
        shutil.copy(path, folder)
    for digits, one in made.items():
        (folder / f"{scripts[digits].path.stem}.html").write_text(one.page, encoding="utf-8")
        for name, data in one.figures.items():
            (folder / "figures" / name).write_bytes(data)
    return [folder / f"{scripts[digits].path.stem}.html" for digits in made]


def _parser() -> argparse.ArgumentParser:
    told = argparse.ArgumentParser(
        prog="python -m koopcourse slides",
        description=f"Write slides of lessons {', '.join(DECKS)} to DIR; open them in any browser, without network.",
    )
    told.add_argument("folder", metavar="DIR", type=Path)
    told.add_argument("--lessons", type=declared.named, default=(), metavar="05", help="slides of these alone")
    return told
