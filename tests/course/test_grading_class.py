"""``python -m koopcourse grade`` on a small class: what it writes, that it goes on where it was, and who is trusted."""

import csv
import shutil
import sys

import pytest

from koopcourse.checks import declared
from koopcourse.grading import command, run
from tests.needs import needs_program
from tests.submissions import ROOT, write

pytestmark = pytest.mark.slow
EXERCISES = declared.load("05").EXERCISES
NAME = "05_kswgd.ipynb"

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is Linux' own")


@pytest.fixture(scope="module")
def class_(tmp_path_factory):
    """A folder of submissions, and what each of them is: of each kind one, two copies, and a student without any."""
    home = tmp_path_factory.mktemp("class")
    made = {one.student: one for one in write(home, count=20)}
    chosen = ["Ada", "Amal", "Chen", "Efe", "Eda", "Femi", "Kim"]
    for student in made.keys() - {*chosen}:
        shutil.rmtree(home / "submitted" / student)
    (home / "submitted" / "Nobody").mkdir()
    return home, {student: made[student] for student in chosen}


@pytest.fixture(scope="module")
def marked(class_):
    needs_program("bwrap", "bubblewrap")
    home, _ = class_
    assert command.main([str(home), "--out", str(home / "marks")]) == 0
    return home / "marks"


def rows(folder):
    with (folder / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@on_linux
def test_everybody_gets_what_they_are_worth(class_, marked):
    told, (_, made) = rows(marked), class_
    assert told.keys() == {*made, "Nobody"}
    assert {row["isolation"] for row in told.values()} == {"bubblewrap"}
    for student, one in made.items():
        for k, exercise in enumerate(EXERCISES, 1):
            points, what = float(told[student][f"E{k}"]), one.answers[exercise.id]
            if what == "right":
                assert points == exercise.minutes, (student, exercise.id)
            else:
                assert points < exercise.minutes * (what not in ("stub", "broken")) or points == 0
    assert told["Nobody"]["problem"] == "Nothing was handed in."
    assert "no notebook that can be read" in told["Femi"]["problem"]


@on_linux
def test_pages_name_mistakes_and_list_who_is_alike(class_, marked):
    page, view = ((marked / name).read_text(encoding="utf-8") for name in ("feedback/Amal.html", "class.html"))
    for name in set(class_[1]["Amal"].answers.values()) - {"right"}:
        assert f"Recognised: {name}." in page
        assert f"{name}: " in view
    assert "Not started; 0 of" in (marked / "feedback/Eda.html").read_text(encoding="utf-8")
    assert "Chen (" in rows(marked)["Efe"]["alike"]
    assert "<td>Chen, Efe</td>" in view


@on_linux
def test_what_is_marked_is_not_marked_again(class_, marked, capsys):
    before = {path: path.read_bytes() for path in marked.rglob("*") if path.is_file()}
    assert command.main([str(class_[0]), "--out", str(marked)]) == 0
    assert ": 0 to mark" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in marked.rglob("*") if path.is_file()} == before


@on_linux
def test_an_interrupted_run_goes_on_where_it_was(class_, marked, tmp_path, monkeypatch, capsys):
    calls, usual = [], run.marked

    def interrupted(*words):
        calls.append(words)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return usual(*words)

    monkeypatch.setattr(run, "marked", interrupted)
    words = [str(class_[0]), "--out", str(tmp_path)]
    assert command.main(words) == 130
    assert "the same command goes on" in capsys.readouterr().err
    shutil.copytree(marked / ".marked", tmp_path / ".marked", dirs_exist_ok=True)  # as if the others had been marked
    assert command.main(words) == 0
    assert ": 0 to mark" in capsys.readouterr().out
    assert (tmp_path / "grades.csv").read_bytes() == (marked / "grades.csv").read_bytes()


def test_whoever_trusts_the_class_has_it_in_every_row(tmp_path, capsys):
    (tmp_path / "class" / "ada").mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / NAME, tmp_path / "class" / "ada")
    assert command.main([str(tmp_path / "class"), "--trust", "--out", str(tmp_path / "marks")]) == 0
    assert "isolation: none" in capsys.readouterr().out
    (told,) = rows(tmp_path / "marks").values()
    assert (told["isolation"], float(told["points"])) == ("none", float(told["of"]))
