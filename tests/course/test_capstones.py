"""Capstones: rubrics add up and name what a starter asks for, starters run and give nothing away, reports are whole."""

from __future__ import annotations

import ast
import re

import pytest

from tests.needs import needs

needs("jupytext")
v4 = needs("nbformat.v4")
torch = needs("torch")

from koopcourse.authoring.capstone_rules import (
    SECTIONS,
    code_of,
    milestones,
    part,
    promised_points,
    rubric,
)
from koopcourse.authoring.execute import code_cells, execute
from koopcourse.authoring.lint import lint
from koopcourse.authoring.minutes import BUDGET
from koopcourse.authoring.sheet import Sheet
from koopcourse.authoring.tree import STARTERS, Course
from koopcourse.capstones import SEEDS, TUNED_ON, stream, table, timed, within
from koopcourse.notebook_io import notebook_bytes, read_notebook, read_script
from koopcourse.release.command import numbers

COURSE = Course()
CAPSTONES = COURSE.scripts(STARTERS)
NAMES = [script.path.stem for script in CAPSTONES]
FOLDER = COURSE.root / STARTERS
POINTS = 20
by_name = pytest.mark.parametrize("script", CAPSTONES, ids=NAMES)


def sheet_of(script):
    return Sheet(script)


def report_of(script):
    return Sheet(next(s for s in COURSE.scripts("capstones/reports") if s.path.name == script.path.name))


def test_there_are_four_each_with_a_rubric_and_a_report():
    assert NAMES == ["c1_dictionary", "c2_dimension", "c3_adaptive", "c4_observation"]
    assert sorted(path.stem for path in FOLDER.glob("c*.md")) == NAMES
    assert [script.path.stem for script in COURSE.scripts("capstones/reports")] == NAMES


# ------------------------------------------------------------------ rubrics


@by_name
def test_points_add_up_and_criteria_name_sections_of_the_report(script):
    criteria = rubric(script.path.with_suffix(".md"))
    assert sum(criterion.points for criterion in criteria) == POINTS
    assert {criterion.section for criterion in criteria} == set(SECTIONS)
    for criterion in criteria:
        assert len(set(criterion.marks)) == 3, criterion.name
        assert all(len(mark.split()) > 1 for mark in criterion.marks), criterion.name


@by_name
def test_the_starter_promises_the_rubrics_points(script):
    criteria = rubric(script.path.with_suffix(".md"))
    told = promised_points(part(sheet_of(script), "how it is marked"))
    assert told == {criterion.name: criterion.points for criterion in criteria}


def test_a_rubric_is_read_row_by_row(tmp_path):
    path = tmp_path / "c9_x.md"
    rows = "| a | b | c | d | e | f |\n|---|---|---|---|---|---|\n| Q | Limits | 3 | x | y | z |\n"
    path.write_text(f"# R\n\n{rows}", encoding="utf-8")
    (one,) = rubric(path)
    assert (one.name, one.section, one.points, one.marks) == ("Q", "Limits", 3, ("x", "y", "z"))


# ------------------------------------------------------------------ starters


@by_name
def test_the_stored_starter_is_its_source_and_has_not_run(script):
    same = notebook_bytes(read_notebook(script.notebook)) == notebook_bytes(read_script(script.path))
    assert same, f"run: python -m koopcourse.authoring build {script.name}"


@pytest.mark.slow
@by_name
def test_a_starter_runs_in_seconds(script):
    notebook = read_script(script.path)
    notebook.cells.append(v4.new_code_cell("import time; print(time.process_time())", id="clock"))
    done = execute(notebook, script.path.parent)
    figures = [o for cell in code_cells(done) for o in cell.outputs if "image/png" in o.get("data", {})]
    assert len(figures) == 1
    assert float(code_cells(done)[-1].outputs[0].text) < BUDGET[STARTERS]


@by_name
def test_milestones_are_six_and_say_when_they_are_done(script):
    text = part(sheet_of(script), "milestones")
    steps = milestones(text)
    assert [step.name[0] for step in steps] == list("123456")
    assert all(row.count("|") == 4 for row in text.splitlines() if row.startswith("|"))
    assert 180 <= sum(step.minutes for step in steps) <= 360


@pytest.mark.slow
@by_name
def test_a_starter_gives_no_answer_away(script):
    """Lines of the report's code stand in the starter only where they load what both need."""
    starter, report = code_of(script.path), code_of(report_of(script).script.path)
    assert len(report - starter) > 40
    assert len(starter & report) < len(report) / 3
    invented = _names(report_of(script)) & INVENTED
    assert invented, "name here what the report invents"
    assert not invented & _names(sheet_of(script))


# What reports invent: laws, properties, rivals, forward maps.
INVENTED = {"pull", "span", "whiteness", "two_stages", "variance", "Valleys", "Whitened", "MAST", "slope", "ula"}


def _names(sheet):
    nodes = [node for cell in sheet.code for node in ast.walk(ast.parse(cell.source))]
    made = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    return made | {node.id for node in nodes if isinstance(node, ast.Name)}


# ------------------------------------------------------------------ reports


@by_name
def test_a_report_has_the_sections_that_the_starter_asks_for(script):
    asked = [heading.text for heading in sheet_of(script).headings if heading.level == 3]
    written = [heading.text for heading in report_of(script).headings if heading.level == 2]
    assert asked == written == list(SECTIONS)


@by_name
def test_a_report_has_three_seeds_that_nothing_was_chosen_on(script):
    code = "\n".join(cell.source for cell in report_of(script).code)
    assert "SEEDS" in code
    assert "floor" in code
    assert len(SEEDS) >= 3
    assert TUNED_ON not in SEEDS
    chooses = bool(re.search(r"\bmin\([^)]*key=", code))
    assert ("TUNED_ON" in code) == chooses


@by_name
def test_a_report_says_what_it_expected_and_leads_back(script):
    first, *_ = report_of(script).cells
    assert f"(../{script.notebook.name})" in first.source
    assert "before the reported" in first.source
    failed = part(report_of(script), "what failed")
    assert len(re.findall(r"^- ", failed, re.M)) >= 2
    assert re.search(r"\d", failed)


# ------------------------------------------------------------------ the page, the lint


def test_every_link_of_the_pages_leads_somewhere():
    for page in FOLDER.glob("*.md"):
        links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        assert links
        assert [link for link in links if not (page.parent / link).exists()] == [], page.name


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("## Three traps", "## Two traps", "starter-parts"),
        ("### Limits", "### Afterwards", "starter-parts"),
        ("3. *", "- *", "traps"),
        ("| 50 | a friend", "| 500 | a friend", "milestone-times"),
        ("plotting.finish(", "str(", "first-run"),
        ("level: advanced", "advanced", "facts"),
    ],
)
def test_a_broken_starter_is_found(tmp_path, old, new, rule):
    folder = tmp_path / STARTERS
    folder.mkdir()
    source = (FOLDER / "c4_observation.py").read_text(encoding="utf-8")
    assert old in source
    (folder / "c4_observation.py").write_text(source.replace(old, new), encoding="utf-8")
    assert rule in {finding.rule for finding in lint(Course(tmp_path))}


@pytest.mark.parametrize(("old", "new"), [("## Limits", "## End"), ("in SEEDS", "in [11]"), ("table(", "print(")])
def test_a_broken_report_is_found(tmp_path, old, new):
    folder = tmp_path / "capstones" / "reports"
    folder.mkdir(parents=True)
    source = (FOLDER / "reports" / "c4_observation.py").read_text(encoding="utf-8")
    (folder / "c4_observation.py").write_text(source.replace(old, new), encoding="utf-8")
    assert {finding.rule for finding in lint(Course(tmp_path))} & {"report-parts", "several-seeds"}


# ------------------------------------------------------------------ what loads


def test_streams_differ_by_seed_and_by_use():
    first = [float(torch.rand((), generator=stream(seed, use))) for seed in (*SEEDS, TUNED_ON) for use in (0, 1)]
    assert len(set(first)) == 8
    assert first[0] == float(torch.rand((), generator=stream(SEEDS[0], 0)))


class Counted:
    """Moves every particle by one a step; its fit and each step take some CPU time; lost after so many steps."""

    def __init__(self, lost=10**9, error=False):
        self.lost, self.error = lost, error
        sum(range(200_000))

    def init(self, x):
        return 0

    def step(self, x, state, *, progress, generator=None):
        assert 0 <= progress <= 1
        sum(range(50_000))
        if state >= self.lost:
            if self.error:
                raise ValueError("score is NaN")
            return x * torch.inf, state, {}
        return x + 1, state + 1, {}


def test_particles_move_until_the_seconds_are_used_up():
    (x, steps), seconds = timed(lambda: within(0.1, Counted, torch.zeros(2, 1), stream(1)))
    assert steps > 0
    assert bool((x == steps).all())
    assert seconds >= 0.1


def test_what_is_fitted_is_on_the_clock():
    def slow():
        timed(lambda: sum(range(10**7)))
        return Counted()

    assert within(0.02, slow, torch.zeros(2, 1), stream(1))[1] == 0


@pytest.mark.parametrize("error", [False, True])
def test_lost_particles_are_no_numbers(error):
    x, steps = within(5.0, lambda: Counted(lost=3, error=error), torch.zeros(2, 1), stream(1))
    assert bool(x.isnan().all())
    assert steps <= 4


@pytest.mark.slow
def test_progress_ends_where_noise_should_have_faded():
    seen = []

    class Told(Counted):
        def step(self, x, state, *, progress, generator=None):
            seen.append(progress)
            return super().step(x, state, progress=progress)

    within(0.5, Told, torch.zeros(2, 1), stream(1), fades=4)
    assert seen[:6] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]


def test_a_table_shows_the_middle_the_least_and_the_most(capsys):
    table({"ours": {"error": [0.5, 2.0, 0.75]}, "floor": {"error": [1.0], "seconds": [3.0]}})
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["       error          seconds", "ours   0.75 [0.5, 2]  -", "floor  1              3"]


def test_a_release_of_every_lesson_takes_no_capstone_for_one():
    assert all(lesson.isdigit() for lesson in numbers(COURSE, "all"))
