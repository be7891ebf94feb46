"""The README shows what the lessons hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from koopcourse.authoring.contents import PICTURE, filled, first_picture, table
from koopcourse.authoring.glossary import GLOSSARY, places
from koopcourse.authoring.minutes import promised
from koopcourse.authoring.roads import ROADS, gaps, lessons_of, prerequisites
from koopcourse.authoring.sheet import Sheet
from koopcourse.authoring.tree import Course
from koopcourse.teaching.schedules import SCHEDULES

COURSE = Course()


@pytest.mark.slow
def test_the_readmes_table_is_that_of_the_lessons() -> None:
    readme = (COURSE.root / "README.md").read_text(encoding="utf-8")
    assert filled(readme, COURSE) == readme, "run: python -m koopcourse.authoring contents"


def test_the_readmes_picture_is_the_first_of_the_first_lesson() -> None:
    same = (COURSE.root / PICTURE).read_bytes() == first_picture(COURSE)  # pytest would explain every byte
    assert same, "run: python -m koopcourse.authoring contents"


@pytest.mark.slow
def test_every_lesson_has_a_row_with_its_minutes() -> None:
    rows = table(COURSE).splitlines()[2:]
    assert [row.split("]")[0].strip("| [") for row in rows] == [s.path.stem for s in COURSE.scripts("notebooks")]
    assert all(row.count("|") == 7 for row in rows)


def test_the_first_lesson_leads_to_every_other() -> None:
    first, *others = COURSE.scripts("notebooks")
    source = first.path.read_text(encoding="utf-8")
    assert [s.name for s in others if f"({s.notebook.name})" not in source] == []


@pytest.mark.slow
def test_every_road_passes_what_its_lessons_ask_for() -> None:
    assert [gap for road in ROADS for gap in gaps(road, COURSE)] == []


def test_a_road_that_skips_a_prerequisite_is_found() -> None:
    assert gaps(replace(ROADS[1], lessons=("00", "05")), COURSE) == [
        f"a weekend: lesson 05 needs {needed} before it" for needed in ("01", "03", "04")
    ]


def test_all_is_all_and_the_evening_asks_for_nothing() -> None:
    assert lessons_of(ROADS[-1], COURSE) == COURSE.scripts("notebooks")
    (evening,) = lessons_of(ROADS[0], COURSE)
    assert prerequisites(evening) == ()
    assert promised(evening) == 90


BOTH = ("KSWGD", "matrix exponential")  # ways of sampling
TOPICS = (*BOTH, "Gaussian mixture", "quadruple well", "Pictures", "Allen-Cahn", "your own data", "condition")


def missing(topics, scripts) -> list[str]:
    text = " ".join("\n".join(script.path.read_text(encoding="utf-8") for script in scripts).split()).lower()
    return [topic for topic in topics if topic.lower() not in text]


def test_the_roads_teach_what_the_course_promises() -> None:
    """Mixtures, wells, pictures and fields are on the whole road; both ways of sampling are on each."""
    topics = {"an evening": BOTH, "a weekend": (*BOTH, "Gaussian mixture"), "all": TOPICS}
    assert [missing(topics[road.name], lessons_of(road, COURSE)) for road in ROADS] == [[], [], []]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_the_schedules_teach_what_the_course_promises(schedule) -> None:
    """KSWGD is in all, one matrix exponential where there is room for more than a day's, and a term has everything."""
    every = COURSE.lessons()
    taught = list(dict.fromkeys(part.lesson for session in schedule.sessions for part in session.parts if part.lesson))
    topics = TOPICS if len(taught) > 12 else BOTH if len(taught) > 5 or taught == ["17"] else BOTH[:1]
    assert missing(topics, [every[lesson] for lesson in taught]) == []


@pytest.mark.parametrize("road", ROADS, ids=lambda road: road.name)
def test_on_every_road_the_field_s_word_comes_before_ours(road) -> None:
    """Whoever skips the lesson that introduces a word meets it, the field's beside it, where the road first uses it."""
    told = set()
    for script in lessons_of(road, COURSE):
        for word in GLOSSARY:
            introduced, used = places(Sheet(script), word)
            if script.lesson != "00" and used is not None and word.ours not in told and not word.ordinary:
                assert introduced is not None, f"{script.name} uses {word.ours!r}, which this road has not introduced"
            if introduced is not None:
                told.add(word.ours)


LESSONS = {script.path.stem for script in COURSE.scripts("notebooks")}
WITH_LESSON = [script for script in COURSE.scripts("solutions") if script.path.stem in LESSONS]


def test_the_evening_alone_has_its_lesson_and_its_exercises_in_one() -> None:
    assert [s.lesson for s in COURSE.scripts("solutions") if s not in WITH_LESSON] == list(ROADS[0].lessons)


@pytest.mark.parametrize("exercises", WITH_LESSON, ids=lambda script: script.path.stem)
def test_a_lesson_and_its_exercises_lead_to_each_other(exercises) -> None:
    name = exercises.path.stem
    lesson = (COURSE.root / "notebooks" / f"{name}.py").read_text(encoding="utf-8")
    assert f"(../exercises/{name}.ipynb" in lesson  # some name the very exercise behind it
    assert f"(../notebooks/{name}.ipynb)" in exercises.path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_readme_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="one place marked"):
        filled("# koopteach", COURSE)
