"""The course's own answer: in a fold after PASSED and nowhere else; and what is loaded before the clock starts."""

import sys
from types import SimpleNamespace

import pytest

from koopcourse.checks import declared, engine, ours, preload
from koopcourse.checks.report import State, Verdict
from tests.needs import needs

EVERY_ID = [exercise.id for lesson in declared.numbers() for exercise in declared.load(lesson).EXERCISES]


@pytest.mark.parametrize("exercise_id", EVERY_ID)
def test_our_answer_is_a_few_lines_of_the_solution(exercise_id):
    lines = ours.our_answer(exercise_id).splitlines()
    assert 1 <= len(lines) <= 30
    assert not any(mark in line for line in lines for mark in ("SOLUTION", "check(", "raise NotImplementedError"))
    compile("def f():\n" + "\n".join(f"    {line}" for line in lines), exercise_id, "exec")


def test_without_solutions_at_hand_there_is_no_fold(tmp_path):
    assert ours.our_answer("L05-E1", tmp_path) == ""


@pytest.mark.parametrize(("state", "folds"), [(State.PASSED, ["L05-E1"]), (State.NOT_YET, []), (State.NOT_STARTED, [])])
def test_it_unfolds_after_passed_alone(monkeypatch, tmp_path, state, folds):
    seen = []
    monkeypatch.delenv("KOOPTEACH_STRICT", raising=False)
    monkeypatch.setenv("KOOPTEACH_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(engine, "unfold", seen.append)
    monkeypatch.setattr(engine, "examine", lambda exercise, answer: Verdict(state))
    engine.check("L05-E1", lambda phi, grad_phi, energies: phi)
    assert seen == folds


@pytest.mark.parametrize("watched", [True, False])
def test_it_is_folded_and_shown_where_a_person_watches(monkeypatch, watched):
    needs("IPython.display")
    shown = []
    monkeypatch.setattr(ours, "interactive", lambda: watched)
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr("IPython.display.display", lambda html: shown.append(html.data))
    ours.unfold("L05-E2")
    assert len(shown) == watched
    assert all(html.startswith("<details><summary>Our answer") for html in shown)


def test_a_library_that_a_helper_of_the_notebook_imports_is_loaded_too(monkeypatch):
    loaded = []
    monkeypatch.setattr(preload.importlib, "import_module", loaded.append)
    notebook = {}
    exec("def helper():\n    import ot\n    return ot\n\ndef answer():\n    return helper()", notebook)
    preload.preload(notebook["answer"])
    assert loaded == ["ot"]
