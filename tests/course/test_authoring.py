"""The authors' tools, on a small course of their own."""

import textwrap
import time

import pytest

from tests.needs import needs

needs("jupytext")

from koopcourse.authoring import glossary
from koopcourse.authoring.__main__ import main
from koopcourse.authoring.build import build, fingerprint
from koopcourse.authoring.cut import cut, leaks
from koopcourse.authoring.execute import CELL_SECONDS, CannotBuild, code_cells, execute
from koopcourse.authoring.lint import lint
from koopcourse.authoring.minutes import minutes
from koopcourse.authoring.tree import Course, Script
from koopcourse.notebook_io import read_notebook, read_script, write_notebook

LESSON = r"""
# %% [markdown]
# # Steps
#
# 30 minutes · level: core · device: CPU · prerequisites: none
#
# ![A staircase](steps.png)
#
# ## You will be able to
# - take one step (L05-E1)
# - take two steps (L05-E1)
# - look back (L05-E2)

# %%
setup = show = print  # the package itself takes seconds to import
profile = setup("05")

# %% [markdown]
# ## The mathematics
# $$x' = x + 1 \tag{1}$$
#
# ### Predict, then run
# **Predict** the sign of a **regularised metric** (damping).
# <details><summary>plus</summary>Right. Plus.</details> <details><summary>minus</summary>That is back.</details>
# <details><summary>none</summary>A step has one.</details>

# %% [markdown]
# ## From scratch

# %%
step = lambda x: x + 1
assert step(1) == 2
show("a step from one", step(1))

# %% [markdown]
# ## With the package
# **Predict** the second, after **step-size clipping** (limiter).
# <details><summary>two</summary>That was the first.</details> <details><summary>three</summary>Right. Three.</details>
# <details><summary>four</summary>Too far.</details>

# %% tags=["nbval-ignore-output"]
print("at no fixed time")

# %% tags=["collapsed"]
from ipywidgets import interact
assert step(2) == 3

# %% tags=["nbval-ignore-output", "widget"]
import matplotlib.pyplot as plt
def draw(a=1.0):
    plt.figure(figsize=(1, 1))
    plt.plot([0, a])
    plt.show()
_ = interact(draw, a=(0.0, 2.0))

# %% [markdown]
# ## What goes wrong
#
# ## Exercises
# L05-E1 and L05-E2.
#
# ## Key points
#
# ## References
""".lstrip()

EXERCISE = '''
# %% [markdown]
# ## L05-E{n}: exercise {n}
# Write a function of a number x, an array of any shape, that returns {n} more; for x = 1 it gives {m}.

# %%
def add{n}(x):
    """Add."""
    ### BEGIN SOLUTION
    shifted{n} = x + {n}
    return shifted{n}
    ### END SOLUTION

# %% tags=["check"]
add{n} = check("L05-E{n}", add{n})

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: the concept</summary>Add.</details>
# <details><summary>Hint 2: the formula</summary>A sum.</details>
# <details><summary>Hint 3: a skeleton</summary>
#
#     shifted{n} = x ___ {n}
#     return shifted{n}
# </details>
'''

SOLUTION = f"""
# %% [markdown]
# # Exercises on steps

# %%
setup = print
profile = setup("05")
check = lambda name, answer: print("PASSED") or answer
{EXERCISE.format(n=1, m=2)}
{EXERCISE.format(n=2, m=3)}
""".lstrip()

NUMBERS = ("L05-E1", "L05-E2")


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The small course, and a small package that no other work changes meanwhile."""
    monkeypatch.setattr("koopcourse.authoring.build.PACKAGES", (tmp_path / "package",))
    for folder, text in (("notebooks", LESSON), ("solutions", SOLUTION)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "05_steps.py").write_text(text, encoding="utf-8")
    return Course(tmp_path)


def change(script: Script, old: str, new: str) -> None:
    text = script.path.read_text(encoding="utf-8")
    assert old in text
    script.path.write_text(text.replace(old, new, 1), encoding="utf-8")


def notebook_of(tmp_path, *cells: str):
    path = tmp_path / "05_cells.py"
    path.write_text("".join(f"# %%\n{textwrap.dedent(cell)}\n" for cell in cells), encoding="utf-8")
    return read_script(path)


def test_a_good_course_has_no_findings(course):
    assert [str(finding) for finding in lint(course, lambda lesson: NUMBERS)] == []


FAULTS = [
    ("notebooks", "# # Steps\n", "# ## Steps\n", "title"),
    ("notebooks", "# ### Predict, then", "# #### Predict, then", "heading-steps"),
    ("notebooks", "![A staircase]", "![]", "text-alternative"),
    ("notebooks", "# %%\nstep", "# %% A title\nstep", "cell-marker"),
    ("notebooks", '["nbval-ignore-output"]', '["nbval-ignore-outputs"]', "known-tag"),
    (
        "notebooks",
        "step = lambda x: x + 1\n",
        "# %matplotlib inline\nstep = lambda x: x + 1\n",
        "plain-python",
    ),
    ("notebooks", "step = lambda x: x + 1\n", "step = lambda x x + 1\n", "plain-python"),
    ("notebooks", 'show("a step from one", step(1))', "step(1);", "shown-value"),
    ("notebooks", 'show("a step from one", step(1))', "step", "shown-value"),
    ("notebooks", 'show("a step from one", step(1))', "display(step(1))", "shown-value"),
    ("notebooks", "assert step(2) == 3", "step(2)", "ignored-output"),
    ("notebooks", '["nbval-ignore-output", "widget"]', '["widget"]', "ignored-output"),
    ("notebooks", 'tags=["collapsed"]\nfrom', 'tags=["nbval-ignore-output"]\nfrom', "proof-aside"),
    ("notebooks", "    plt.show()\n", "    plt.show()\nwidest = 1.0\n", "folded-drawing"),
    ("notebooks", 'print("at', "\n" * 30 + 'print("at', "size"),
    ("notebooks", 'setup("05")', 'setup("04")', "setup-cell"),
    ("notebooks", "setup = show = print", "import os\nimport re\nsetup = show = print", "setup-cell"),
    ("notebooks", "30 minutes", "half an hour", "facts-line"),
    ("notebooks", "device: CPU", "CPU", "facts-line"),
    ("notebooks", "# ![A staircase](steps.png)\n", "#\n", "early-picture"),
    ("notebooks", "## Key points", "## Main points", "parts-in-order"),
    ("notebooks", "## Key points\n#\n# ## References", "## References\n#\n# ## Key points", "parts-in-order"),
    ("notebooks", "# %% [markdown]\n# ## From scratch\n", "", "parts-in-order"),
    ("notebooks", "# - look back (L05-E2)\n", "", "abilities"),
    ("notebooks", "look back (L05-E2)", "look back", "abilities"),
    ("notebooks", r" \tag{1}", "", "numbered-formula"),
    ("notebooks", "assert step(1) == 2\n", "", "from-scratch"),
    ("notebooks", "**Predict** the second", "The second", "predict-prompts"),
    ("notebooks", "**Predict** the second", "The second", "questions"),
    ("notebooks", "Right. Plus.", "Plus.", "questions"),
    ("notebooks", "(limiter)", "", "own-words"),
    ("notebooks", "30 minutes", "80 minutes", "length"),
    ("notebooks", "## From scratch", "## Side road: back\n#\n# ## From scratch", "side-roads-last"),
    ("notebooks", 'print("at', 'word = "' + "a" * 100 + '"\nprint("at', "narrow-code"),
    ("notebooks", '["nbval-ignore-output", "widget"]\n', '["nbval-ignore-output"]\nassert True\n', "widget"),
    ("notebooks", "(0.0, 2.0))\n", "(0.0, 2.0))\n\n# %%\nfor plt in (1, 2):\n    pass\n", "widget-names"),
    (
        "notebooks",
        "def draw(a=1.0):\n    plt.figure(figsize=(1, 1))\n    plt.plot([0, a])\n    plt.show()\n"
        "_ = interact(draw, a=(0.0, 2.0))\n",
        "def above(a):\n    return step(a)\n\n\n_ = interact(lambda a: above(a), a=(0.0, 2.0))\n\n# %%\nstep = abs\n",
        "widget-names",
    ),
    ("notebooks", "# L05-E1 and L05-E2.", "# L05-E1 and L05-E3.", "exercise-list"),
    ("solutions", "## L05-E1: exercise 1", "## L04-E1: exercise 1", "exercise-ids"),
    (
        "solutions",
        "Write a function of a number x, an array of any shape, that returns",
        "Return",
        "statement",
    ),
    ("solutions", "    ### BEGIN SOLUTION\n", "", "cut"),
    ("solutions", "    ### BEGIN SOLUTION\n", "        ### BEGIN SOLUTION\n", "solution-region"),
    ("solutions", 'add1 = check("L05-E1", add1)', 'check("L05-E1", add1)', "check-line"),
    ("solutions", 'add1 = check("L05-E1", add1)', 'add1 = check("L05-E7", add1)', "declared"),
    ("solutions", "Hint 2: the formula", "Hint 2", "three-hints"),
    ("solutions", "x ___ 1", "x + 1 # ___", "three-hints"),
    ("solutions", "Add.</details>", "shifted1  =  x+1</details>", "leak"),
]


@pytest.mark.parametrize(("folder", "old", "new", "rule"), FAULTS, ids=[f"{f[3]}-{i}" for i, f in enumerate(FAULTS)])
def test_each_fault_is_found(course, folder, old, new, rule):
    (script,) = course.scripts(folder)
    change(script, old, new)
    findings = lint(course, lambda lesson: NUMBERS)
    assert rule in {finding.rule for finding in findings}
    assert all(str(finding).startswith(f"{folder}/05_steps.py ") for finding in findings if finding.rule == rule)


def test_lesson_00_owes_little(tmp_path):
    (tmp_path / "notebooks").mkdir()
    head = LESSON.split("# ## You")[0].removesuffix("#\n")
    words = "\n".join(f"# {line}" for line in glossary.table().splitlines())
    rest = f'\n# %%\nimport koopteach as kt\n_ = kc.setup("00")\n\n# %% [markdown]\n# ## Key points\n#\n{words}\n'
    (tmp_path / "notebooks" / "00_start.py").write_text(head + rest, encoding="utf-8")
    assert lint(Course(tmp_path), lambda lesson: None) == []


def test_a_cut_notebook_has_stubs_and_no_answer(course):
    (script,) = course.scripts("solutions")
    notebook = cut(read_script(script.path))
    stub = notebook.cells[3]
    assert "shifted1" not in stub.source
    with pytest.raises(NotImplementedError, match="replace"):
        exec(stub.source + "\nadd1(1)", {})
    assert [cell.id for cell in notebook.cells] == [f"c{i:03d}" for i in range(len(notebook.cells))]


def test_cells_tagged_solution_are_cut_whole(tmp_path):
    path = tmp_path / "05_words.py"
    path.write_text(
        '# %%\nx = 1\n\n# %% tags=["solution"]\nx = 2\n\n# %% [markdown] tags=["solution", "hint"]\n# Two.\n',
        encoding="utf-8",
    )
    cells = cut(read_script(path)).cells
    assert [(cell.id, cell.source) for cell in cells] == [("c000", "x = 1"), ("c002", "*Your answer here.*")]
    assert cells[1].metadata.tags == ["hint"]


def test_what_is_folded_in_a_solution_is_folded_in_the_sheet(tmp_path):
    path = tmp_path / "05_words.py"
    path.write_text('# %% tags=["collapsed"]\nx = 1\n\n# %%\nx = 2\n', encoding="utf-8")
    hidden = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in cut(read_script(path)).cells]
    assert hidden == [True, False]


def test_a_marker_without_partner_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"c000.*no partner"):
        cut(notebook_of(tmp_path, "def f():\n    ### BEGIN SOLUTION\n    return 1"))


def test_leaks_see_through_spacing_and_spare_the_third_hint(course):
    (script,) = course.scripts("solutions")
    solution = read_script(script.path)
    exercise = cut(solution)
    assert not list(leaks([solution], [exercise]))
    exercise.cells[0].source += "\nshifted2   = x\n + 2"
    assert list(leaks([solution], [exercise])) == [("c000", "shifted2 = x + 2")]


@pytest.mark.slow
def test_build_executes_once_and_then_writes_nothing(course):
    said = []
    assert build(course, say=said.append)
    files = sorted(course.root.glob("*/*.ipynb"))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    assert [path.parent.name for path in files] == ["exercises", "notebooks", "solutions"]
    assert build(course, say=said.append)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files} == before
    assert [line.split(": ")[1].split(" in ")[0] for line in said] == ["built", "built", "cut"] + ["unchanged"] * 3

    lesson, solution = (read_notebook(course.root / folder / "05_steps.ipynb") for folder in ("notebooks", "solutions"))
    widget = code_cells(lesson)[-1]
    assert [list(output.data) for output in widget.outputs] == [["image/png", "text/plain"]]
    assert set(lesson.metadata) == {"kernelspec", "language_info", "koopteach"}
    assert code_cells(solution)[2].outputs[0].text == "PASSED\n"

    assert build(course, ["notebooks/05"], force=True, say=said.append)  # the same bytes once more
    assert said[-1].startswith("notebooks/05_steps.py: same outputs in")


@pytest.mark.slow
def test_build_stops_at_an_error_and_keeps_the_old_notebook(course):
    (script,) = course.scripts("notebooks")
    script.notebook.write_text("old", encoding="utf-8")
    said = []
    change(script, "assert step(1) == 2", 'raise ValueError("lost my way")')
    assert not build(course, ["notebooks"], force=True, say=said.append)
    assert "c004 stopped with ValueError: lost my way" in said[0]
    assert script.notebook.read_text(encoding="utf-8") == "old"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "complaint"),
    [("1 + 1", "bare value"), ("import sys\nprint('x', file=sys.stderr)", "stderr")],
)
def test_build_refuses_outputs_that_do_not_repeat(course, cell, complaint):
    (script,) = course.scripts("notebooks")
    script.path.write_text(f"# %%\n{cell}\n", encoding="utf-8")
    said = []
    assert not build(course, ["notebooks"], say=said.append)
    assert complaint in said[0]
    assert not script.notebook.exists()


@pytest.mark.slow
def test_pieces_of_a_stream_are_joined_and_a_widget_without_picture_refused(tmp_path):
    pieces = "print(1, flush=True)\nprint(2)"
    assert len(execute(notebook_of(tmp_path, pieces), tmp_path).cells[0].outputs) == 1
    slider = "import ipywidgets\nfrom IPython.display import display\ndisplay(ipywidgets.IntSlider())"
    with pytest.raises(CannotBuild, match=r"c000.*without a picture"):
        execute(notebook_of(tmp_path, slider), tmp_path)


@pytest.mark.slow
def test_output_areas_do_not_stall_the_run(tmp_path):
    """A lost wake-up holds a cell until its time limit; without the cure, 1 in 20 such cells is held."""
    areas = ["with area: print('x')"] * 80
    started = time.monotonic()
    execute(notebook_of(tmp_path, "import ipywidgets\narea = ipywidgets.Output()", *areas), tmp_path)
    assert time.monotonic() - started < CELL_SECONDS


def test_fingerprint_follows_the_source_the_package_and_the_lessons_own_checks(course, tmp_path):
    (script,) = course.scripts("notebooks")
    package = tmp_path / "package"
    names = (
        "runtime.py",
        "checks/check.py",
        "exercises/l05.py",
        "exercises/l04.py",
        "authoring/build.py",
    )
    seen = [fingerprint(script)]
    for name in names:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name, encoding="utf-8")
        seen.append(fingerprint(script))
    assert len(set(seen[:4])) == 4
    assert seen[3] == seen[4] == seen[5]
    change(script, "30 minutes", "31 minutes")
    assert fingerprint(script) != seen[5]


def test_an_equal_notebook_is_not_written_again(tmp_path):
    notebook, path = notebook_of(tmp_path, "x = 1"), tmp_path / "new" / "x.ipynb"
    assert write_notebook(notebook, path)
    assert not write_notebook(notebook, path)


def test_a_header_is_refused(tmp_path):
    path = tmp_path / "05_header.py"
    path.write_text("# ---\n# jupyter: {}\n# ---\n\n# %%\nx = 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no header"):
        read_script(path)


def test_names_select_sources(course):
    assert len(course.select(["05"])) == 2
    assert [script.kind for script in course.select(["solutions/05_steps.py"])] == ["solutions"]
    with pytest.raises(ValueError, match="'06' names no source"):
        course.select(["06"])


@pytest.mark.slow
def test_minutes_add_up_and_seconds_are_measured(course):
    said = []
    assert minutes(course, ["solutions"], measure=True, say=said.append)
    assert [line.split(":")[0].strip() for line in said] == [
        "solutions/05_steps.py",
        "solutions",
        "exercises",
        "all lessons",
    ]
    said.clear()
    assert minutes(course, say=said.append)
    assert said[-1] == "all lessons: 30 minutes"


def test_commands_end_in_a_status(course, capsys):
    assert main(["minutes"], course) == 0
    assert main(["build", "06"], course) == 2
    assert "names no source" in capsys.readouterr().err
    change(course.scripts()[0], "## Key points", "## Main points")
    assert main(["lint"], course) == 1
    assert "[parts-in-order] no heading 'Key points'" in capsys.readouterr().out
