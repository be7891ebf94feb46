"""The slides: all of the lesson's own, and each fits on a screen, without network."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from koopcourse.authoring.tree import Course, Script
from koopcourse.notebook_io import read_notebook
from koopcourse.teaching.slides.blocks import Block, chosen, sections
from koopcourse.teaching.slides.chosen import DECKS
from koopcourse.teaching.slides.command import FORMULAS, main, write
from koopcourse.teaching.slides.deck import deck
from koopcourse.teaching.slides.picks import Pick, figure, formula, sentence, slide, text
from tests.needs import needs

needs("nbconvert")

COURSE = Course()
SCRIPTS = {script.lesson: script for script in COURSE.scripts("notebooks") if script.lesson in DECKS}


@pytest.fixture(scope="module", params=DECKS)
def lesson(request) -> tuple[str, Script]:
    return request.param, SCRIPTS[request.param]


def test_every_slide_finds_what_it_shows(lesson):
    digits, script = lesson
    found = sections(read_notebook(script.notebook))
    assert [one.section for one in DECKS[digits] if one.section not in found] == []
    assert all(chosen(found[one.section], pick).source for one in DECKS[digits] for pick in one.picks)


def test_slides_follow_the_lesson_and_end_with_its_key_points(lesson):
    digits, script = lesson
    order = [*sections(read_notebook(script.notebook))]
    places = [order.index(one.section) for one in DECKS[digits]]
    assert places == sorted(places)
    assert DECKS[digits][-1].section == "Key points"
    assert not any(one.section.startswith("Side road") for one in DECKS[digits])


def test_a_page_has_words_for_each_figure_and_asks_nobody(lesson):
    digits, script = lesson
    made = deck(script, DECKS[digits])
    alts = re.findall(r'<img src="figures/([^"]+)" alt="([^"]*)">', made.page)
    assert {name for name, _ in alts} == {*made.figures}
    assert [name for name, alt in alts if len(alt) < 30] == []
    assert "http" not in re.sub(r"<pre.*?</pre>", "", made.page, flags=re.S)
    assert made.page.count('<section class="slide') == len(DECKS[digits])


BLOCKS = [
    Block("text", "One. Two of\nthem! Three."),
    Block("text", "Four."),
    Block("formula", "$$x \\tag{3}$$"),
    Block("figure", "aaaa", "words"),
]


def test_a_pick_means_one_block():
    assert chosen(BLOCKS, text(2)).source == "Four."
    assert chosen(BLOCKS, text("Two of them")) == BLOCKS[0]
    assert chosen(BLOCKS, sentence("Two of them")).source == "Two of\nthem!"
    assert chosen(BLOCKS, formula(3)) == BLOCKS[2]
    assert chosen(BLOCKS, figure()) == BLOCKS[3]


@pytest.mark.parametrize("pick", [text(3), text("."), text("Five"), formula(4), Pick("table")])
def test_a_pick_that_means_none_or_two_is_refused(pick):
    with pytest.raises(LookupError, match="needed once"):
        chosen(BLOCKS, pick)


def test_a_question_holds_its_answers_and_no_others():
    from nbformat import v4

    asked = "## A\n\n**Predict, then run.** Which?\n\n<details><summary>a</summary>\n\nNo.\n\n</details>\n\nLater."
    found = sections(v4.new_notebook(cells=[v4.new_markdown_cell(asked)]))["A"]
    assert [block.kind for block in found] == ["question", "text"]
    assert "No." in found[0].source


@pytest.mark.parametrize(
    ("changed", "told"),
    [(slide("No such", text()), "there is no such section"), (slide("Key points", text("Lorem ipsum")), "0 times")],
)
def test_a_lesson_that_changed_is_told(changed, told):
    with pytest.raises(LookupError, match=told):
        deck(SCRIPTS["05"], (changed,))


def test_lessons_without_slides_and_other_folders_are_refused(tmp_path, capsys):
    assert main([str(tmp_path), "--lessons", "03"]) == 1
    assert "some for 05, 10" in capsys.readouterr().err
    with pytest.raises(ValueError, match="own clone"):
        write(replace(COURSE, root=tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


FITS = """() => {
    const body = document.querySelector('.here .body');
    const over = () => Math.max(body.scrollHeight - body.clientHeight, body.scrollWidth - body.clientWidth);
    const found = [over()];
    for (const fold of body.querySelectorAll('details')) { fold.open = true; found.push(over()); fold.open = false; }
    const low = [...body.querySelectorAll('img')].map(image => image.clientHeight);
    return [Math.max(...found), Math.min(...low, 720)];
}"""


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("digits", DECKS)
def test_every_slide_fits_on_a_screen_and_needs_no_network(browser, digits, tmp_path):
    (path,) = write(COURSE, tmp_path, [digits])
    complaints, asked = [], []
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_function("() => window.MathJax?.startup?.promise")
    page.evaluate("() => MathJax.startup.promise")
    assert page.locator("mjx-container").count() > 20
    assert "$" not in page.locator("main").inner_text().replace("$\n", "")
    for number, _ in enumerate(DECKS[digits], start=1):
        assert page.locator("#place").inner_text() == f"{number} of {len(DECKS[digits])}"
        over, low = page.evaluate(FITS)
        assert over <= 0, f"slide {number} does not fit"
        assert low >= 200, f"a figure of slide {number} is {low} pixels high"
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    assert page.locator("#place").inner_text().startswith("1 of")
    assert complaints == []
    assert [url for url in asked if not url.startswith(tmp_path.as_uri())] == []
    page.close()


def test_the_formulas_are_the_sites_own():
    assert (COURSE.root / FORMULAS / "startup.js").is_file()
    assert (COURSE.root / FORMULAS / "LICENSE").is_file()
