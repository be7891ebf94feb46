"""Sheets for nbgrader: their marks, and its own commands from the first to the last."""

import copy
import csv
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.needs import needs, needs_command

needs("jupytext")

from koopcourse.authoring.tree import Course
from koopcourse.checks.declared import load
from koopcourse.notebook_io import read_notebook, read_script, write_notebook
from koopcourse.release import folder, nbgrader
from koopcourse.release.contents import Choice, gather

COURSE = Course()
SHEETS = COURSE.notebooks("exercises")
NAME = "15_scaling_out"
HALF = {"L15-E1", "L15-E4"}  # half of the points


def points(lesson):
    return {exercise.id: exercise.minutes for exercise in load(lesson).EXERCISES}


@pytest.mark.slow
@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_each_exercise_has_its_answer_and_its_points(path):
    before, sheet, given = read_notebook(path), read_notebook(path), points(path.name[:2])
    nbgrader.mark([sheet], given)
    assert [cell.source for cell in sheet.cells] == [cell.source for cell in before.cells]
    marks = [cell.metadata.nbgrader for cell in sheet.cells if "nbgrader" in cell.metadata]
    assert len({mark["grade_id"] for mark in marks}) == len(marks)
    graded = {mark["grade_id"].removesuffix("-check"): mark["points"] for mark in marks if mark["grade"]}
    assert graded == given
    assert all(mark["locked"] and not mark["solution"] for mark in marks if mark["grade"])
    answers = [c for c in sheet.cells if c.metadata.get("nbgrader", {}).get("solution")]
    assert all("YOUR CODE HERE" in cell.source for cell in answers)
    assert {cell.metadata.nbgrader["grade_id"][:6] for cell in answers} == set(given)


def test_an_exercise_without_its_check_is_refused():
    sheet = read_notebook(SHEETS[5])
    sheet.cells = [cell for cell in sheet.cells if 'check("L05-E2"' not in cell.source]
    with pytest.raises(ValueError, match="L05-E2 has 1 answer cells and 0 checks; nbgrader needs one or more, and one"):
        nbgrader.mark([sheet], points("05"))


def hand_in(home: Path, student: str, solved: set[str]) -> None:
    """The sheet with the course's own answers to these exercises, where nbgrader looks for a student's."""
    sheet = copy.deepcopy(read_notebook(home / "source" / NAME / f"{NAME}.ipynb"))
    answers = {cell.id: cell.source for cell in read_script(COURSE.root / "solutions" / f"{NAME}.py").cells}
    for cell in sheet.cells:
        mark = cell.metadata.get("nbgrader", {})
        if mark.get("solution") and mark["grade_id"][:6] in solved:
            cell.source = answers[cell.id]
    write_notebook(sheet, home / "submitted" / student / NAME / f"{NAME}.ipynb")


@pytest.mark.slow
def test_nbgraders_own_commands_give_all_half_or_no_points(tmp_path):
    """Every check is strict there: without that an untouched sheet has them all."""
    needs_command("nbgrader")
    choice = Choice(("15",), nbgrader=True)
    folder.write(gather(COURSE, choice).files, asdict(choice), tmp_path / "class")
    home, given = tmp_path / "class" / nbgrader.HOME, points("15")
    for student, solved in {"all": set(given), "half": HALF, "none": set()}.items():
        hand_in(home, student, solved)
    loose = {name: value for name, value in os.environ.items() if name != "KOOPTEACH_STRICT"}
    loose["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # it calls alembic
    for words in (
        ("generate_assignment", NAME),
        ("autograde", NAME, "--create"),
        ("generate_feedback", NAME),
        ("export",),
    ):
        command = [sys.executable, "-m", "nbgrader", *words]
        done = subprocess.run(command, cwd=home, env=loose, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    with open(home / "grades.csv", encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    total = sum(given.values())
    assert sum(given[exercise] for exercise in HALF) == total / 2
    assert scores == {"all": total, "half": total / 2, "none": 0}
    handed_out = read_notebook(home / "release" / NAME / f"{NAME}.ipynb")
    sheet = read_notebook(COURSE.root / "exercises" / f"{NAME}.ipynb")
    assert [cell.source for cell in handed_out.cells] == [cell.source for cell in sheet.cells]
    assert "NotImplementedError" in (home / "feedback/none" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
