"""The README shows what the lessons hold."""

from __future__ import annotations

import pytest

from koopcourse.authoring.contents import PICTURE, filled, first_picture, table
from koopcourse.authoring.tree import Course

COURSE = Course()


def test_the_readmes_table_is_that_of_the_lessons() -> None:
    readme = (COURSE.root / "README.md").read_text(encoding="utf-8")
    assert filled(readme, COURSE) == readme, "run: python -m koopcourse.authoring contents"


def test_the_readmes_picture_is_the_first_of_the_first_lesson() -> None:
    same = (COURSE.root / PICTURE).read_bytes() == first_picture(COURSE)  # pytest would explain every byte
    assert same, "run: python -m koopcourse.authoring contents"


def test_every_lesson_has_a_row_with_its_minutes() -> None:
    rows = table(COURSE).splitlines()[2:]
    assert [row.split("]")[0].strip("| [") for row in rows] == [s.path.stem for s in COURSE.scripts("notebooks")]
    assert all(row.count("|") == 7 for row in rows)


def test_the_first_lesson_leads_to_every_other() -> None:
    first, *others = COURSE.scripts("notebooks")
    source = first.path.read_text(encoding="utf-8")
    assert [s.name for s in others if f"({s.notebook.name})" not in source] == []


@pytest.mark.parametrize("exercises", COURSE.scripts("solutions"), ids=lambda script: script.path.stem)
def test_a_lesson_and_its_exercises_lead_to_each_other(exercises) -> None:
    name = exercises.path.stem
    lesson = (COURSE.root / "notebooks" / f"{name}.py").read_text(encoding="utf-8")
    assert f"(../exercises/{name}.ipynb" in lesson  # some name the very exercise behind it
    assert f"(../notebooks/{name}.ipynb)" in exercises.path.read_text(encoding="utf-8")


def test_a_readme_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="one place marked"):
        filled("# koopteach", COURSE)
