"""TEACHING.md: what is made of the lessons in it, beside what somebody wrote; its pages and its picture, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from koopcourse.authoring import glossary
from koopcourse.authoring.contents import marked
from koopcourse.authoring.tree import Course
from koopcourse.teaching import graph, grids, misconceptions
from koopcourse.teaching.plain import Lesson, lessons, plain_spaces

GUIDE = "TEACHING.md"
NOTATION = "| symbol | in code |"


def write(course: Course, say: Callable[[str], None] = print) -> None:
    """Bring the guide and all that belongs to it up to date."""
    for name, text in made(course).items():
        path = course.root / name
        changed = not path.exists() or path.read_bytes() != text.encode()
        if changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        say(f"{name}: {'written' if changed else 'unchanged'}")


def made(course: Course) -> dict[str, str]:
    """Every file, by its path from the root."""
    page, of = (course.root / GUIDE).read_text(encoding="utf-8"), lessons(course)
    return {
        GUIDE: marked(page, blocks(of), GUIDE),
        graph.PICTURE: graph.picture(of),
        **misconceptions.pages(of),
    }


def blocks(of: Mapping[str, Lesson]) -> dict[str, str]:
    """What stands between the marks of the guide."""
    shown = f"![Which lesson builds on which: {graph.words(of)}]({graph.PICTURE})"
    return {
        "schedules": grids.tables(of),
        "prerequisites": f"{shown}\n\n{graph.table(of)}",
        **{f"facts {digits}": facts(lesson) for digits, lesson in of.items()},
        "misconceptions": misconceptions.table(of),
        "words": f"{glossary.table()}\n\n{notation(of['00'])}",
    }


def facts(lesson: Lesson) -> str:
    """A line of minutes and links, and in a fold what the lesson says of itself."""
    line = [f"{lesson.minutes} minutes" + (f", exercises {lesson.extra}" if lesson.extra else " with its exercises")]
    line += [f"needs {', '.join(lesson.needs)}"] if lesson.needs else []
    links = {"lesson": lesson.page, "exercises": lesson.sheet_of_exercises}
    links["misconceptions"] = misconceptions.page_name(lesson.digits)
    line += [f"[{word}]({path})" for word, path in links.items() if word != "exercises" or lesson.extra]
    works = [f"- {e.id} {e.title}: {e.minutes} minutes, importance {e.importance}" for e in lesson.exercises.values()]
    lists = {"You will be able to": lesson.items("you will be able"), "Exercises": works}
    lists["Key points"] = lesson.items("key points")
    folded = [f"**{title}**\n\n" + "\n".join(items) for title, items in lists.items() if items]
    fold = ["<details><summary>Objectives, exercises, key points</summary>", *folded, "</details>"]
    return "\n\n".join([f"*{' · '.join(line)}*", *fold])


def notation(first: Lesson) -> str:
    """Lesson 00's table of symbols."""
    for cell in first.sheet.prose:
        if NOTATION in cell.source:
            table = cell.source[cell.source.index(NOTATION) :].split("\n\n")[0]
            return plain_spaces(table.rstrip())
    raise ValueError(f"lesson 00 has no table that begins with {NOTATION!r}.")
