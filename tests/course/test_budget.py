"""What a lesson may cost: the rules of the budget, each on a sheet that breaks it."""

import pytest

from tests.needs import needs

needs("jupytext")

from koopcourse.authoring import budget, glossary
from koopcourse.authoring.common_rules import CELLS, ignored_output, narrow_code
from koopcourse.authoring.glossary import GLOSSARY, MOST, Word
from koopcourse.authoring.lesson_rules import folded_drawing, proof_aside
from koopcourse.authoring.sheet import Sheet
from koopcourse.authoring.tree import Course, Script
from koopcourse.notebook_io import read_script

QUESTION = """
# %% [markdown]
# **Predict, then run.** What is one and one?
#
# <details><summary>one</summary>
#
# That is one alone.
#
# </details>
# <details><summary>two</summary>
#
# Right. Count.
#
# </details>
# <details><summary>three</summary>
#
# Not in this lesson.
#
# </details>
"""


def sheet(tmp_path, body, minutes=45):
    folder = tmp_path / "notebooks"
    folder.mkdir(exist_ok=True)
    path = folder / "99_budget.py"
    path.write_text(f"# %% [markdown]\n# # Title\n#\n# {minutes} minutes · level: core\n\n{body}", encoding="utf-8")
    return Sheet(Script(path))


def said(rule, found):
    return [remark for _, remark in rule(found)]


def test_a_short_lesson_is_within_its_budget(tmp_path):
    found = sheet(tmp_path, QUESTION + QUESTION)
    assert [remark for rule in budget.BUDGET for remark in rule(found)] == []


def test_formulas_count_one_and_what_is_folded_or_in_tables_none(tmp_path):
    body = (
        "# %% [markdown]\n# Three words and $a + b = c$ here.\n# $$x\n# = y$$\n# [link](far/away.md)\n"
        "# | a | table |\n# <details><summary>folded words</summary>never counted</details>\n"
        "# ```\n# code()\n# ```\n# ## References\n# nobody reads these"
    )
    assert budget.words(sheet(tmp_path, body).cells[1:]) == len(["Three", "words", "and", "x", "here", "x", "link"])


def test_folded_cells_and_side_roads_cost_nothing(tmp_path):
    code = "\n".join(f"x{k} = {k}" for k in range(30))
    body = (
        f"# %%\n{code}\n\n# %% tags=['collapsed']\n".replace("'", '"')
        + f"{code}\n\n# %% [markdown]\n# ## Side road: more\n\n# %%\n{code}\n\n# %% [markdown]\n# ## Exercises\n"
    )
    found = sheet(tmp_path, body)
    assert budget.visible_lines(budget.main_road(found)) == 30
    assert [tuple(cell.metadata.get("tags", ())) for cell in read_script(found.script.path).cells[2:3]] == [
        ("collapsed",)
    ]
    assert read_script(found.script.path).cells[2].metadata["jupyter"] == {"source_hidden": True}


@pytest.mark.parametrize(
    ("minutes", "body", "what"),
    [
        (76, "", "76 minutes"),
        (45, "# %% [markdown]\n# " + "word " * 1501, "words"),
        (45, "# %%\n" + "x = 1\n" * 201, "201 visible lines"),
    ],
)
def test_what_is_too_long_is_said(tmp_path, minutes, body, what):
    (remark,) = said(budget.length, sheet(tmp_path, body, minutes))
    assert what in remark


def test_a_prediction_has_one_right_answer_and_reasons_against_the_others(tmp_path):
    assert said(budget.questions, sheet(tmp_path, QUESTION)) == ["1 predictions on the main road; ask 2 or 3"]
    two_right = QUESTION.replace("That is one alone.", "Right. It is.")
    none_right = QUESTION.replace("Right. Count.", "Count.")
    single = QUESTION.split("# <details><summary>two")[0]
    for wrong in (two_right, none_right, single):
        assert [
            "offer 3 or more" in remark for remark in said(budget.questions, sheet(tmp_path, QUESTION + wrong))
        ] == [True]


def test_side_roads_stand_right_before_the_exercises(tmp_path):
    road, exercises, more = (
        f"# %% [markdown]\n# ## {name}\n\n" for name in ("Side road: a", "Exercises", "What goes wrong")
    )
    assert said(budget.side_roads_last, sheet(tmp_path, more + road + road.replace("a", "b") + exercises)) == []
    assert len(said(budget.side_roads_last, sheet(tmp_path, road + more + exercises))) == 1


def test_the_authors_guide_names_the_budget():
    guide = " ".join((Course().root / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    assert (
        f"at most {budget.MINUTES} minutes, {budget.WORDS:,} words of prose, {budget.LINES} visible lines of code, "
        f"{CELLS} cells and {budget.QUESTIONS} questions"
    ) in guide


def in_the_open(code, *, tags=(), heading="A claim", behind=""):
    mark = f" tags={list(tags)}".replace("'", '"') if tags else ""
    scratch = "# %% [markdown]\n# ## From scratch\n\n# %%\nassert ours == package\n\n"
    return f"{scratch}# %% [markdown]\n# ## {heading}\n\n# %%{mark}\n{code}\n\n{behind}"


FOLDED_CELL = '# %% tags=["collapsed"]\nassert error < 1\n'


def test_claims_are_asserted_in_folded_cells_but_where_code_from_scratch_agrees(tmp_path):
    assert said(proof_aside, sheet(tmp_path, in_the_open("print(error)", behind=FOLDED_CELL))) == []
    (remark,) = said(proof_aside, sheet(tmp_path, in_the_open("assert error < 1")))
    assert 'tags=["collapsed"]' in remark


def test_output_that_is_not_compared_is_asserted_before_the_next_heading(tmp_path):
    unchecked = {"tags": ["nbval-ignore-output"]}
    assert said(ignored_output, sheet(tmp_path, in_the_open("print(error)", behind=FOLDED_CELL, **unchecked))) == []
    for behind in ("", "# %% [markdown]\n# ## Another\n\n" + FOLDED_CELL, FOLDED_CELL.replace("assert", "print")):
        assert len(said(ignored_output, sheet(tmp_path, in_the_open("print(error)", behind=behind, **unchecked)))) == 1


def test_long_drawings_are_folded(tmp_path):
    drawing = "from koopcourse import plotting\n\nplotting.curves(\n" + "    1,\n" * 6 + ")"
    assert said(folded_drawing, sheet(tmp_path, in_the_open(drawing, tags=["collapsed"]))) == []
    assert said(folded_drawing, sheet(tmp_path, in_the_open("from koopcourse import plotting\nplotting.story()"))) == []
    (remark,) = said(folded_drawing, sheet(tmp_path, in_the_open(drawing)))
    assert "draws in 9 lines" in remark


def test_a_wide_line_is_found(tmp_path):
    (remark,) = said(narrow_code, sheet(tmp_path, "# %%\nx = '" + "a" * 100 + "'"))
    assert "106 characters" in remark


def test_a_dozen_words_of_our_own_each_introduced_in_a_lesson():
    lessons = {script.lesson for script in Course().scripts("notebooks")}
    assert len(GLOSSARY) <= MOST
    assert {word.lesson for word in GLOSSARY} <= lessons
    assert len({word.ours for word in GLOSSARY}) == len(GLOSSARY)


def test_the_field_s_word_stands_in_bold_where_ours_is_first_used(tmp_path, monkeypatch):
    monkeypatch.setattr(glossary, "GLOSSARY", (Word("floor", "noise floor", "99", "what exact samples score"),))
    said_so = sheet(tmp_path, "# %% [markdown]\n# the **noise\n# floor** (floor)")
    assert said(glossary.own_words, said_so) == []
    assert len(said(glossary.own_words, sheet(tmp_path, "# %% [markdown]\n# the floor"))) == 1
    early = "# %% [markdown]\n# a floor\n\n# %% [markdown]\n# the **noise floor** (floor)"
    (remark,) = said(glossary.own_words, sheet(tmp_path, early))
    assert "at first use" in remark
