"""The exercise notebooks: cut from the solutions, giving nothing away, and running to their end unsolved."""

import re

import pytest

from tests.needs import needs

needs("jupytext")

from koopcourse.authoring.cut import cut, leaks, sections
from koopcourse.authoring.execute import code_cells, execute
from koopcourse.authoring.tree import Course
from koopcourse.notebook_io import notebook_bytes, read_notebook, read_script

COURSE = Course()
EXERCISES = COURSE.notebooks("exercises")
CHECK = re.compile(r'\bcheck\("(L\d\d-E\d+)"')


def printed(cell):
    """Everything that a cell shows as text."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(texts)


@pytest.mark.slow
def test_every_exercise_notebook_is_its_solution_cut():
    scripts = COURSE.scripts("solutions")
    assert [script.exercise for script in scripts] == EXERCISES
    for script in scripts:
        expected = notebook_bytes(cut(read_script(script.path)))
        assert script.exercise.read_bytes() == expected, f"run python -m koopcourse.authoring build {script.name}"


@pytest.mark.slow
def test_no_line_of_an_answer_stands_outside_a_third_hint():
    solutions = [read_script(script.path) for script in COURSE.scripts("solutions")]
    assert not list(leaks(solutions, map(read_notebook, EXERCISES)))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_an_untouched_notebook_runs_to_its_end_and_says_not_started(path):
    notebook = execute(read_notebook(path), path.parent, untouched=True)
    said = {}
    for cell in code_cells(notebook):
        said |= dict.fromkeys(CHECK.findall(cell.source), printed(cell))
    assert set(said) == set(sections(notebook.cells))
    assert not {name: text for name, text in said.items() if "NOT STARTED" not in text}
