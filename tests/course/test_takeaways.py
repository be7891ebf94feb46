"""The take-away pages: one for each part of the course, a printed page long, and nothing that no lesson says."""

import re

import pytest

from koopcourse.authoring.tree import Course
from koopcourse.notebook_io import folds, read_script

COURSE = Course()
LESSONS = {script.lesson: script for script in COURSE.scripts("notebooks")}
PARTS = {  # page -> first and last lesson
    "spectra": ("00", "07"),
    "flows": ("08", "10"),
    "fields": ("11", "14"),
    "own_data": ("15", "16"),
}
A_PAGE = 480  # words of prose and tables, beside three formulas
NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w-])")


def page(name):
    return (COURSE.root / "docs" / "takeaways" / f"{name}.md").read_text(encoding="utf-8")


def part(name):
    first, last = PARTS[name]
    return [lesson for lesson in LESSONS if first <= lesson <= last]


def source(lesson):
    return "\n".join(cell.source for cell in read_script(LESSONS[lesson].path).cells)


def section(name, heading):
    return page(name).split(f"## {heading}\n")[1].split("\n## ")[0]


def spoken(text):
    """A text without formulas, code, the texts of links and the numbers of lists: what is left is said in words."""
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\[\d\d\]\([^)]*\)", " ", text, flags=re.S)
    return re.sub(r"^\d\. ", "", text, flags=re.M)


def unsaid(text, lessons):
    """Numbers of a text that none of the lessons has."""
    said = {number for lesson in lessons for number in NUMBER.findall(source(lesson).replace("_", ","))}
    return sorted(set(NUMBER.findall(spoken(text))) - said)


def formulas(text):
    found = (re.sub(r"\\tag\{\d\}|\s", "", formula) for formula in re.findall(r"\$\$(.*?)\$\$", text, re.S))
    return {formula.rstrip(".,") for formula in found}


def test_the_parts_are_the_course():
    assert [lesson for name in PARTS for lesson in part(name)] == [*LESSONS]
    assert sorted(path.stem for path in (COURSE.root / "docs" / "takeaways").glob("*")) == sorted(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_a_page_has_five_sentences_three_formulas_one_table_and_three_questions(name):
    sentences = re.findall(r"^\d\. (.*)$", section(name, "Five sentences"), re.M)
    assert len(sentences) == 5
    assert all("](../../notebooks/" in sentence and sentence.endswith(").") for sentence in sentences)
    assert len(formulas(page(name))) == 3
    assert len(re.findall(r"^\|(?:---\|)+$", page(name), re.M)) == 1
    assert [len(answer.strip()) > 40 for _, answer in folds(section(name, "Three questions"))] == [True] * 3


@pytest.mark.parametrize("name", PARTS)
def test_it_fits_on_a_printed_page(name):
    assert words_of(page(name)) <= A_PAGE


def words_of(text):
    return len(re.findall(r"[^\W\d_]\S*", re.sub(r"\]\([^)]*\)|</?\w+>|\$[^$]*\$", " ", text)))


@pytest.mark.parametrize("name", PARTS)
def test_links_lead_to_lessons_of_the_part(name):
    links = re.findall(r"\[(\d\d)\]\(([^)]+)\)", page(name))
    folder = COURSE.root / "docs" / "takeaways"
    assert {(folder / target).resolve() for _, target in links} <= {
        path.resolve() for path in COURSE.notebooks("notebooks")
    }
    assert all(LESSONS[lesson].notebook.name == target.rsplit("/")[-1] for lesson, target in links)
    assert {lesson for lesson, _ in links} >= set(part(name)) - {"00", "07"}


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_its_formulas_are_those_of_the_lessons(name):
    lessons = {formula for lesson in part(name) for formula in formulas(source(lesson))}
    assert formulas(page(name)) - lessons == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_its_numbers_are_those_of_the_lessons(name):
    """Of a sentence, in the lessons that it names; of table and answers, in the part's."""
    for sentence in re.findall(r"^\d\. .*$", section(name, "Five sentences"), re.M):
        assert unsaid(sentence, re.findall(r"\[(\d\d)\]\(", sentence)) == [], sentence
    assert unsaid(section(name, "One table") + section(name, "Three questions"), part(name)) == []


def test_a_number_that_no_lesson_says_is_found():
    assert unsaid("of 9,731 particles, 200 pairs, $77$ and `78`", ["02"]) == ["9,731"]


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_roads_teachers_and_the_part_itself_lead_there(name):
    for document in ("README.md", "TEACHING.md"):
        assert f"](docs/takeaways/{name}.md)" in (COURSE.root / document).read_text(encoding="utf-8"), document
    assert any(f"`docs/takeaways/{name}.md`" in source(lesson).split("## Key points")[1] for lesson in part(name))
