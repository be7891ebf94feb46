"""What the README takes from the lessons: its picture and its table."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping

from koopcourse.authoring import roads
from koopcourse.authoring.lesson_rules import MINUTES
from koopcourse.authoring.tree import Course, Script
from koopcourse.notebook_io import read_notebook, read_script, title

PICTURE = "docs/picture.png"
BLOCK = "<!-- {name} -->\n{text}\n<!-- end of {name} -->"
_FACT = r"\b{name}: ([^·*\n]+)"


def contents(course: Course, say: Callable[[str], None] = print) -> None:
    """Bring the README's picture and tables up to date with the built notebooks."""
    picture, readme = course.root / PICTURE, course.root / "README.md"
    picture.parent.mkdir(exist_ok=True)
    new = {picture: first_picture(course), readme: filled(readme.read_text(encoding="utf-8"), course).encode()}
    for path, data in new.items():
        changed = not path.exists() or path.read_bytes() != data
        if changed:
            path.write_bytes(data)
        say(f"{path.relative_to(course.root).as_posix()}: {'written' if changed else 'unchanged'}")


def first_picture(course: Course) -> bytes:
    """The first figure of the first lesson, as it is stored.

    Raises:
        ValueError: the lesson has no stored figure.
    """
    path = course.scripts("notebooks")[0].notebook
    for cell in read_notebook(path).cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                return base64.b64decode(output.data["image/png"])
    raise ValueError(f"{path.name} has no stored figure to show in the README; build it first.")


def filled(readme: str, course: Course) -> str:
    """The README with its tables of roads and of lessons replaced."""
    return marked(readme, {"roads": roads.table(course), "lessons": table(course)}, "README.md")


def marked(page: str, texts: Mapping[str, str], file: str) -> str:
    """A page with what stands between ``<!-- name -->`` and ``<!-- end of name -->`` replaced by ``texts``.

    Raises:
        ValueError: the page has lost the comments that mark a place.
    """
    for name, text in texts.items():
        block = BLOCK.format(name=name, text=text)
        page, count = re.subn(
            rf"<!-- {name} -->.*?<!-- end of {name} -->", lambda _, block=block: block, page, flags=re.S
        )
        if count != 1:
            raise ValueError(
                f"{file} needs one place marked <!-- {name} --> ... <!-- end of {name} --> for what is made."
            )
    return page


def table(course: Course) -> str:
    """One row a lesson, from its title and its line of facts."""
    rows = ["| lesson | | minutes | level | device | exercises |", "|---|---|---|---|---|---|"]
    exercises = {script.path.stem: script for script in course.scripts("solutions")}
    rows += [_row(script, exercises.get(script.path.stem)) for script in course.scripts("notebooks")]
    return "\n".join(rows)


def _row(lesson: Script, exercises: Script | None) -> str:
    notebook = read_script(lesson.path)
    first = notebook.cells[0].source
    facts = [_found(re.compile(_FACT.format(name=name), re.I), first).strip() for name in ("level", "device")]
    name = f"| [{lesson.path.stem}](notebooks/{lesson.notebook.name})"
    return " | ".join([name, title(notebook), _found(MINUTES, first), *facts, _work(exercises) + " |"])


def _work(exercises: Script | None) -> str:
    if exercises is None:
        return ""
    source = "\n".join(cell.source for cell in read_script(exercises.path).cells)
    count = len(set(re.findall(r"^## (L\d\d-E\d+)\b", source, re.M)))
    return f"[{count}](exercises/{exercises.exercise.name}), {_found(MINUTES, source)} minutes"


def _found(pattern: re.Pattern[str], text: str) -> str:
    """What the lint has made sure is there."""
    match = pattern.search(text)
    if match is None:
        raise ValueError(f"contents: the first cell lacks {pattern.pattern!r}; run the lint.")
    return match[1]
