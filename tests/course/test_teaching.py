"""The teaching guide: what is made in it is up to date and adds up, what is written by hand is complete."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from koopcourse.__main__ import COMMANDS
from koopcourse.authoring.tree import Course
from koopcourse.checks import declared
from koopcourse.notebook_io import read_notebook
from koopcourse.teaching import graph, grids, guide
from koopcourse.teaching.misconceptions import page, page_name
from koopcourse.teaching.plain import escaped, from_the_root, lessons, plain_spaces
from koopcourse.teaching.prompts import prompt, prompts
from koopcourse.teaching.schedules import DAY, EVENING, FIFTEEN_WEEKS, SCHEDULES, TEN_WEEKS, TWO_DAYS
from koopcourse.teaching.timetable import exercises, faults, left, lesson, pause

COURSE = Course()
OF = lessons(COURSE)  # read when they are asked
TEXT = (COURSE.root / guide.GUIDE).read_text(encoding="utf-8")
EXERCISES = {exercise.id: exercise for one in OF.values() for exercise in one.exercises.values()}
LEADS = ("Aim", "Resist", "Questions", "When late")


def half_page(digits: str) -> str:
    """What somebody wrote about a lesson, without what is made."""
    _, _, rest = TEXT.partition(f"\n### {digits} ")
    part = re.split(r"^##", rest, maxsplit=1, flags=re.M)[0]
    return re.sub(r"<!-- facts .*?<!-- end of facts \d\d -->", "", part, flags=re.S)


# ------------------------------------------------------------------ made


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Every file as it should be."""
    return guide.made(COURSE)


@pytest.mark.slow
@pytest.mark.parametrize("name", [guide.GUIDE, graph.PICTURE, *map(page_name, OF)])
def test_what_is_made_is_up_to_date(made, name):
    stored = COURSE.root / name
    same = stored.is_file() and stored.read_text(encoding="utf-8") == made[name]
    assert same, "run: python -m koopcourse.teaching"


@pytest.mark.slow
@pytest.mark.parametrize("digits", OF)
def test_every_mistake_stands_on_the_lessons_page(digits):
    text = page(OF[digits])
    for exercise in OF[digits].exercises.values():
        part = text.partition(f"## {exercise.id} ")[2].partition("\n## ")[0]
        assert [m.name for m in exercise.mistakes if f"**{m.name}**: {escaped(m.says)}" not in part] == []
        assert [words for words in prompts(exercise.id).values() if escaped(words) not in part] == []


@pytest.mark.slow
def test_the_words_and_symbols_are_lesson_00s():
    source = OF["00"].script.path.read_text(encoding="utf-8").replace("# |", "|")
    assert guide.blocks(OF)["words"].split("\n\n")[1] in plain_spaces(source)


@pytest.mark.slow
def test_a_guide_that_lost_a_mark_is_refused():
    with pytest.raises(ValueError, match=r"TEACHING.md needs one place marked <!-- facts 05 -->"):
        guide.marked(TEXT.replace("<!-- facts 05 -->", ""), guide.blocks(OF), guide.GUIDE)


def test_words_are_shown_as_they_are_and_links_lead_from_the_root():
    assert escaped("|x|^2 (*=) a_b <c> [d]") == r"\|x\|^2 (\*=) a\_b \<c\> \[d\]"
    assert from_the_root("[a](02_edmd.ipynb#x) [b](../results/a.md) [c](https://d) [e](#f)", "notebooks/05.py") == (
        "[a](notebooks/02_edmd.ipynb#x) [b](results/a.md) [c](https://d) [e](#f)"
    )
    assert plain_spaces(r"$\sqrt2\,dW$") == r"$\sqrt2 dW$"


@pytest.mark.parametrize("name", [guide.GUIDE, *map(page_name, OF)])
def test_links_lead_somewhere(name):
    path = COURSE.root / name
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"\$[^$\n]*\$", "", text))
    files = {link.partition("#")[0] for link in links if not link.startswith(("#", "https://"))}
    assert files
    assert [file for file in files if not (path.parent / file).exists()] == []
    headings = {slug(heading) for heading in re.findall(r"^#{1,6} (.+)$", text, re.M)}
    assert {link[1:] for link in links if link.startswith("#")} <= headings


def slug(heading: str) -> str:
    """The anchor that a code host gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# ------------------------------------------------------------------ written


@pytest.mark.parametrize("digits", OF)
def test_every_lesson_has_half_a_page(digits):
    text = half_page(digits)
    places = [text.find(f"\n**{lead}") for lead in LEADS]
    assert -1 not in places
    assert places == sorted(places)
    assert 120 <= len(re.findall(r"\S+", text)) <= 260
    assert text.count("\n- *") >= 3  # questions


def test_no_sentence_is_said_of_two_lessons():
    said = [sentence for d in OF for sentence in re.split(r"(?<=[.?:])\s+", half_page(d)) if len(sentence) > 50]
    assert len(said) == len(set(said))


@pytest.mark.parametrize("digits", OF)
def test_a_half_page_names_exercises_that_are_there(digits):
    text = half_page(digits)
    named = set(re.findall(r"\bL\d\d-E\d\b", text))
    named |= {f"L{digits}-{name}" for name in re.findall(r"(?<![-\w])E\d\b", text)}
    assert named - {*EXERCISES} == set()


DECIMAL = re.compile(r"(?<![\w.])\d*\.\d+")
OWN: dict[str, dict[str, str]] = {}  # lesson -> decimal that its half page has from elsewhere -> from where


def stored(*folders: str, digits: str) -> str:
    """All that a lesson's stored notebooks in these folders show: their cells, and the words of the outputs."""
    every = [path for folder in folders for path in COURSE.notebooks(folder) if path.name.startswith(digits)]
    cells = [cell for path in every for cell in read_notebook(path).cells]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return "\n".join(
        [cell.source for cell in cells]
        + [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    )


def decimals(text: str) -> list[str]:
    return DECIMAL.findall(re.sub(r"(?<=\d),(?=\d{3})", "", text))


def unsaid(text: str, lesson_says: str) -> list[str]:
    """Decimals that neither the lesson has nor a results page that the same passage names."""
    found = []
    for passage in re.split(r"\n(?=- |\n)", text):
        pages = [COURSE.root / name for name in re.findall(r"\bresults/[\w-]+\.md\b", passage)]
        known = {*map(float, decimals("\n".join([lesson_says, *(page.read_text(encoding="utf-8") for page in pages)])))}
        words = re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", " ", passage)
        found += [number for number in decimals(words) if float(number) not in known]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("digits", OF)
def test_a_half_pages_decimals_stand_in_its_lesson(digits):
    """In the stored notebook or the exercises: a lesson that is built anew may have other numbers than it had."""
    found = unsaid(half_page(digits), stored("notebooks", "exercises", digits=digits))
    assert sorted({*found}) == sorted(OWN.get(digits, {}))


def test_a_decimal_that_a_lesson_does_not_say_is_found():
    says, page = "error .25, 1,200.5 points", "results/adaptive.md"
    measured = decimals((COURSE.root / page).read_text(encoding="utf-8"))[0]
    passages = f"- 0.25 of 1,200.5, not 0.2617 (`0.3`)\n- {measured} and 0.2617 (`{page}`)\n\nIn short: {measured}11"
    assert unsaid(passages, says) == ["0.2617", "0.2617", f"{measured}11"]


def test_the_guides_commands_are_commands():
    named = re.findall(r"^python -m koopcourse (\w+)", TEXT, re.M)
    assert {"release", "grade", "slides"} <= {*named} <= {*COMMANDS}


# ------------------------------------------------------------------ prompts


@pytest.mark.parametrize("name", EXERCISES)
def test_the_likely_mistakes_have_a_question(name):
    says = {mistake.name: mistake.says for mistake in EXERCISES[name].mistakes}
    asked = prompts(name)
    assert len(asked) >= 3
    assert {*asked} <= {*says}
    assert [words for words in asked.values() if "?" not in words or not 15 <= len(words) <= 200] == []
    same = {k: SequenceMatcher(None, words.lower(), says[k].lower()).ratio() for k, words in asked.items()}
    assert {k: ratio for k, ratio in same.items() if ratio > 0.6} == {}


def test_no_two_mistakes_share_a_question():
    every = [words for name in EXERCISES if not name.startswith("L17") for words in prompts(name).values()]
    assert len(every) == len(set(every))


def test_the_evening_borrows_exercises_and_prompts_alike():
    others = {exercise.mistakes: name for name, exercise in EXERCISES.items() if not name.startswith("L17")}
    for exercise in declared.load("17").EXERCISES:
        assert prompts(exercise.id) == prompts(others[exercise.mistakes])


def test_what_nobody_asks_is_empty():
    assert prompt("L05-E1", "uphill").endswith("Where should they go?")
    assert prompt("L05-E1", "no-such-mistake") == ""
    assert prompts("L99-E1") == prompts("nonsense") == {}


# ------------------------------------------------------------------ schedules


@pytest.mark.slow
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_every_schedule_can_be_taught(schedule):
    assert faults(schedule, OF) == []


def with_parts(schedule, *parts):
    return replace(schedule, sessions=(replace(schedule.sessions[0], parts=parts),))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ((lesson("01"), pause(9), lesson("05")), "lesson 05 needs 03 before it"),
        ((lesson("01"), lesson("03")), "145 minutes of work without a break"),
        ((exercises("01", "E2"), lesson("01")), "exercises of 01 come before the lesson"),
        ((lesson("01"), exercises("01", "E2"), pause(9), exercises("01", "E2")), "01-E2 comes twice"),
        ((lesson("01", "half of it", 35),), "lesson 01 is given 35 minutes and promises 70"),
        ((lesson("01"), pause(500)), "570 minutes, at most 480"),
    ],
)
def test_a_fault_is_found(parts, told):
    assert any(told in fault for fault in faults(with_parts(DAY, *parts), OF))


@pytest.mark.slow
def test_what_was_not_done_at_home_is_missed():
    assert faults(replace(TEN_WEEKS, before=()), OF) == ["Ten weeks: lesson 01 needs 00 before it"]


def numbers(table: str, column: int) -> list[int]:
    """The whole numbers in a column of a Markdown table."""
    cells = [row.split("|")[column].strip() for row in table.splitlines() if row.startswith("|")]
    return [int(cell) for cell in cells if cell.isdigit()]


def shown(schedule) -> str:
    """The tables of one schedule, as the guide has them."""
    return TEXT.partition(f"\n### {schedule.name}\n")[2].partition("\n### ")[0].partition("<!--")[0]


@pytest.mark.slow
@pytest.mark.parametrize("schedule", [EVENING, DAY, TWO_DAYS], ids=lambda schedule: schedule.name)
def test_a_days_clock_adds_up(schedule):
    grids_of_days = re.split(r"\n\n(?=\|)", shown(schedule))[1:]
    assert len(grids_of_days) == len(schedule.sessions)
    for grid in grids_of_days:
        times = [60 * int(h) + int(m) for h, m in re.findall(r"^\| (\d\d):(\d\d) \|", grid, re.M)]
        assert [b - a for a, b in pairwise(times)] == numbers(grid, 2)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", [TEN_WEEKS, FIFTEEN_WEEKS], ids=lambda schedule: schedule.name)
def test_the_weeks_add_up_to_lessons_and_exercises(schedule):
    text = shown(schedule)
    promised = sum(OF[d].minutes + sum(e.minutes for e in OF[d].exercises.values()) for d in taught(schedule))
    assert sum(numbers(text, 3)) + sum(numbers(text, 5)) == promised
    assert grids.in_class(schedule, OF) == sum(numbers(text, 3))
    assert grids.at_home(schedule, OF) == sum(numbers(text, 5))


def taught(schedule) -> list[str]:
    return list(dict.fromkeys(part.lesson for part in schedule.parts if part.lesson))


@pytest.mark.slow
def test_the_comparison_is_the_sum_of_its_row():
    rows = [row.split("|")[1:-1] for row in grids.comparison(OF).splitlines()[2:]]
    assert [row[0].strip() for row in rows] == [schedule.name for schedule in SCHEDULES]
    for row, schedule in zip(rows, SCHEDULES):
        hours = [float(cell.replace("h", "") or 0) for cell in map(str.strip, row[2:])]
        assert sum(hours[:3]) == pytest.approx(hours[3], abs=0.15)
        assert row[1].strip().split(", ") == taught(schedule)


@pytest.mark.slow
def test_what_is_left_is_what_no_class_does():
    assert left(TEN_WEEKS, "03", OF) == ["E3", "E6"]
    assert left(EVENING, "17", OF) == []


# ------------------------------------------------------------------ the picture


@pytest.mark.slow
def test_the_picture_is_whole_and_tells_its_words():
    tree = ElementTree.fromstring(graph.picture(OF))
    spans = [span.text for span in tree.iter("{http://www.w3.org/2000/svg}tspan")]
    assert sorted(spans) == [*OF]
    assert {*graph.NAMES} == {*OF}
    described = tree.find("{http://www.w3.org/2000/svg}desc")
    assert described is not None
    assert described.text == graph.words(OF)
    arrows = [path for path in tree.iter("{http://www.w3.org/2000/svg}path") if path.get("fill") == "none"]
    assert len(arrows) == sum(map(len, graph.needed(OF).values()))


@pytest.mark.slow
def test_the_arrows_say_all_that_lessons_ask_for():
    asked, drawn = {d: one.needs for d, one in OF.items()}, graph.needed(OF)
    assert all(graph.above(d, asked) == graph.above(d, drawn) for d in OF)
    assert all(other not in graph.above(near, drawn) for d in OF for other in drawn[d] for near in drawn[d])


@pytest.mark.slow
def test_arrows_lead_to_the_right():
    column = {d: k for k, found in enumerate(graph.columns(graph.needed(OF))) for d in found}
    assert all(column[other] < column[d] for d, asks in graph.needed(OF).items() for other in asks)
