"""A learner's answers in old sheets reach the newer ones, by exercise, and nothing of theirs is ever written over."""

import builtins
import json
import os
import re
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.needs import needs

REPOSITORY = Path(__file__).resolve().parents[2]
CARRY = runpy.run_path(str(REPOSITORY / "course" / "carry.py"))
STUB = '    # YOUR CODE HERE\n    raise NotImplementedError("replace these two lines by your answer")'
OLD_SETUP = 'import koopteach as kt\n\nprofile = kt.setup("05")'
NEW_SETUP = 'import koopteach as kt\nimport koopcourse as kc\n\nprofile = kc.setup("05")'


def stub(name):
    return f'def {name}(x):\n    """A number."""\n{STUB}'


def exercise(label, name, answer=None):
    """The cells of an exercise: heading, the learner's cells or the stub, check, hint, what comes after."""
    answers = [stub(name)] if answer is None else [answer] if isinstance(answer, str) else answer
    return [
        f"## {label} The {name}\n\nReturn it.",
        *answers,
        f'{name} = check("{label}", {name})',
        f"<details><summary>Hint 1: concept</summary>\n\nThink of {name}.\n\n</details>",
        f"print({name}(1))",
    ]


def notebook(*sources, setup, ids=True):
    """A notebook as JupyterLab writes it; a source that starts with + is of a cell that the learner added."""
    cells = []
    for number, source in enumerate(["# Exercises", setup, *sources]):
        code = not source.lstrip("+").startswith(("#", "<"))
        cell = {"cell_type": "code" if code else "markdown", "metadata": {}}
        cell["source"] = source.removeprefix("+").splitlines(keepends=True)
        if ids:
            cell["id"] = f"a1b2-{number}" if source.startswith("+") else f"c{number:03d}"
        if code:
            cell |= {"execution_count": 3, "outputs": [{"output_type": "stream", "name": "stdout", "text": "12\n"}]}
        cells.append(cell)
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 if ids else 4}


def sheet(*exercises, setup=OLD_SETUP, **options):
    """A learner's copy of the older edition, whose set-up differs."""
    return notebook(*(source for cells in exercises for source in cells), setup=setup, **options)


def as_bytes(content):
    return content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()


def carry(upstream, *copies):
    """New sheets as lists of sources, by name, and what cannot be read; copies are (name, notebook), newest first."""
    sheets, broken = CARRY["carry"](
        {name: as_bytes(content) for name, content in upstream.items()},
        [(name, as_bytes(content)) for name, content in copies],
    )
    return {name: sources(sheet.content) for name, sheet in sheets.items()}, broken


def sources(content):
    cells = json.loads(content)["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert all(cell["outputs"] == [] for cell in cells if cell["id"].startswith("own") and cell["cell_type"] == "code")
    return ["".join(cell["source"]) for cell in cells]


MINE = "def mean(x):\n    return 2 * x"
E1, E2 = exercise("L05-E1", "mean"), exercise("L05-E2", "spread")
NEW = {"05_a.ipynb": sheet(E1, E2, setup=NEW_SETUP)}


def test_an_answer_takes_the_place_of_its_stub_and_the_setup_is_the_new_ones():
    new, _ = carry(NEW, ("05_a.ipynb", sheet(exercise("L05-E1", "mean", MINE), E2)))
    assert new == {"05_a.ipynb": ["# Exercises", NEW_SETUP, E1[0], MINE, *E1[2:], *E2]}


def test_untouched_sheets_have_nothing_to_carry():
    older = exercise("L05-E1", "mean", '\n\ndef mean(y):\n    """Of another edition."""\n' + STUB)
    imported = exercise("L05-E2", "spread", "import scipy\n\n\n" + stub("spread"))
    assert carry(NEW, ("05_a.ipynb", sheet(older, imported))) == ({}, [])


@pytest.mark.parametrize(
    "answer",
    [
        "def mean(x):\n    y = x  # so far\n" + STUB,
        "def mean(x):\n    return 2 *",
        "mean = lambda x: 2 * x",
        "%timeit 3\n\ndef mean(x):\n    return x",
        'def mean(x):\n    """Größe in µm: 漢字."""\n    return x',
        "class mean:\n    pass",
    ],
    ids=["half", "broken", "lambda", "magic", "non-ascii", "class"],
)
def test_whatever_was_written_comes_along(answer):
    new, _ = carry(NEW, ("05_a.ipynb", sheet(exercise("L05-E1", "mean", answer), E2)))
    assert answer in new["05_a.ipynb"]
    assert stub("mean") not in new["05_a.ipynb"]


def test_an_answer_in_several_cells_keeps_their_order():
    cells = ["+def half(x):\n    return x / 2", "+# A note of mine", stub("mean"), "+def mean(x):\n    return half(x)"]
    new, _ = carry(NEW, ("05_a.ipynb", sheet(exercise("L05-E1", "mean", cells), E2)))
    half, note, _, mean = (cell.removeprefix("+") for cell in cells)
    assert new["05_a.ipynb"][3:7] == [half, note, mean, E1[2]]


def test_own_cells_elsewhere_come_along_before_the_next_answer():
    tries = "+print('tried')"
    own = sheet(["+import secrets\nfactor = 2"], exercise("L05-E1", "mean", MINE), [tries], E2, ["+# the end"])
    new, _ = carry(NEW, ("05_a.ipynb", own))
    told = [*E1[2:], "print('tried')", *E2, "# the end"]
    assert new["05_a.ipynb"][2:] == [E1[0], "import secrets\nfactor = 2", MINE, *told]


def test_a_helper_without_an_answer_comes_along_before_the_stub():
    helper = exercise("L05-E1", "mean", ["+def help(x):\n    return x", stub("mean")])
    new, _ = carry(NEW, ("05_a.ipynb", sheet(helper, exercise("L05-E2", "spread", "def spread(x):\n    return 1"))))
    assert new["05_a.ipynb"][3:5] == ["def help(x):\n    return x", stub("mean")]


def test_the_newest_answer_wins_and_an_older_one_fills_in():
    one, two = "def mean(x):\n    return 1", "def mean(x):\n    return 2"
    spread = "def spread(x):\n    return 3"
    older = sheet(exercise("L05-E1", "mean", one), exercise("L05-E2", "spread", spread))
    newer = sheet(exercise("L05-E1", "mean", two), E2)
    new, _ = carry(NEW, ("05_a (version 2).ipynb", newer), ("05_a.ipynb", older))
    assert two in new["05_a.ipynb"]
    assert spread in new["05_a.ipynb"]
    assert one not in new["05_a.ipynb"]


def test_an_exercise_that_moved_to_another_lesson_is_found_by_its_id():
    upstream = {"05_a.ipynb": sheet(E2, setup=NEW_SETUP), "06_b.ipynb": sheet(E1, setup=NEW_SETUP)}
    new, _ = carry(upstream, ("05_a.ipynb", sheet(exercise("L05-E1", "mean", MINE), E2)))
    assert list(new) == ["06_b.ipynb"]
    assert MINE in new["06_b.ipynb"]


def test_the_answer_to_an_exercise_that_is_gone_is_kept_at_the_end():
    gone = 'def old(x):\n    """```python\n    fenced```"""\n    return x'
    own = sheet(E1, exercise("L05-E9", "old", gone))
    new, _ = carry(NEW, ("05_a.ipynb", own))
    assert new["05_a.ipynb"][:-1] == sources(as_bytes(NEW["05_a.ipynb"]))
    assert new["05_a.ipynb"][-1].startswith("This sheet no longer has the exercise L05-E9.")
    assert f"````python\n{gone}\n````" in new["05_a.ipynb"][-1]


def test_an_import_that_an_answer_needs_comes_along():
    answer = "def mean(x):\n    return np.mean(x) + math.pi"
    setup = OLD_SETUP + "\nimport math\nimport numpy as np\nimport scipy\nfrom koopteach import check"
    new, _ = carry(NEW, ("05_a.ipynb", sheet(exercise("L05-E1", "mean", answer), E2, setup=setup)))
    assert new["05_a.ipynb"][1:4] == [NEW_SETUP, "import math\nimport numpy as np", E1[0]]


def test_a_check_in_the_answers_own_cell_and_a_lost_heading_hide_nothing():
    joined = [E1[0], MINE + '\nmean = check("L05-E1", mean)', *E1[3:]]
    spread = "def spread(x):\n    return 3"
    headless = exercise("L05-E2", "spread", spread)[1:]
    new, _ = carry(NEW, ("05_a.ipynb", sheet(joined, headless)))
    assert new["05_a.ipynb"][3:5] == [MINE, E1[2]]
    assert spread in new["05_a.ipynb"]


def test_a_lost_check_hides_nothing():
    cells = exercise("L05-E1", "mean", MINE)
    new, _ = carry(NEW, ("05_a.ipynb", sheet([*cells[:2], *cells[3:]], E2)))
    assert new["05_a.ipynb"][3:5] == [MINE, E1[2]]


def test_a_notebook_of_another_program_without_ids_carries_its_answers():
    own = sheet(exercise("L05-E1", "mean", MINE), E2, ids=False)
    new, _ = carry(NEW, ("05_a.ipynb", own))
    assert new["05_a.ipynb"] == ["# Exercises", NEW_SETUP, E1[0], MINE, *E1[2:], *E2]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b'{"cells": [', b"[]", b'{"cells": [{"source": 3}]}', b'{"worksheets": []}', b'{"cells": [1]}'],
)
def test_what_is_no_notebook_is_named_and_stops_nothing(content):
    new, broken = carry(NEW, ("05_b.ipynb", content), ("05_a.ipynb", sheet(exercise("L05-E1", "mean", MINE), E2)))
    assert broken == ["05_b.ipynb"]
    assert MINE in new["05_a.ipynb"]


def test_what_was_carried_once_is_not_carried_again():
    old = sheet(exercise("L05-E1", "mean", MINE), exercise("L05-E9", "old", "def old(x):\n    return x"), ["+# end"])
    sheets, _ = CARRY["carry"]({"05_a.ipynb": as_bytes(NEW["05_a.ipynb"])}, [("05_a.ipynb", as_bytes(old))])
    carried = sheets["05_a.ipynb"].content
    assert sheets["05_a.ipynb"].exercises == ["L05-E1", "L05-E9"]
    assert carry(NEW, ("05_a (version 2).ipynb", carried), ("05_a.ipynb", old)) == ({}, [])


# ------------------------------------------------------------------ through course.py


@pytest.fixture
def course(tmp_path):
    """course.py over a tree with one sheet, of which a learner has an old copy with an answer."""
    (tmp_path / "course").mkdir()
    for name in ("course.py", "course/carry.py", "course/systems.py"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    for folder in ("notebooks", "exercises"):
        (tmp_path / folder).mkdir()
    module = CourseAt(tmp_path)
    module.ship(sheet(E1, E2))
    module.deliver()
    module.copy().write_bytes(as_bytes(sheet(exercise("L05-E1", "mean", MINE), E2)))
    return module


class CourseAt:
    """The parts of course.py that lay out sheets in ``work/``."""

    def __init__(self, root):
        self.root, self.names = root, runpy.run_path(str(root / "course.py"))

    def ship(self, content):
        (self.root / "exercises" / "05_a.ipynb").write_bytes(as_bytes(content))

    def deliver(self, **options):
        self.names["deliver"](**options)

    def copy(self, name="05_a"):
        return self.root / "work" / "exercises" / f"{name}.ipynb"

    def names_here(self):
        return sorted(path.stem for path in self.copy().parent.iterdir())


def test_a_newer_sheet_takes_the_answers_along_if_the_learner_wants_it(course, monkeypatch, capsys):
    monkeypatch.setitem(course.names["with_answers"].__globals__, "agreed", lambda question: "Carry" in question)
    before = course.copy().read_bytes()
    course.ship(NEW["05_a.ipynb"])
    for _ in range(2):
        course.deliver()
        assert course.names_here() == ["05_a", "05_a (version 2)"]
    assert course.copy().read_bytes() == before
    assert sources(course.copy("05_a (version 2)").read_bytes())[3] == MINE
    assert "05_a takes along your answers to L05-E1; yours stays as it is." in capsys.readouterr().out


def test_without_a_yes_the_sheet_comes_empty_and_carry_does_it_later(course, capsys):
    course.ship(NEW["05_a.ipynb"])
    course.deliver()  # nobody at a terminal
    assert sources(course.copy("05_a (version 2)").read_bytes()) == sources(as_bytes(NEW["05_a.ipynb"]))
    assert "carry does it whenever you like" in capsys.readouterr().out
    for _ in range(2):
        course.deliver(carrying=True)
        assert course.names_here() == ["05_a", "05_a (version 2)", "05_a (version 3)"]
    assert MINE in sources(course.copy("05_a (version 3)").read_bytes())
    assert "nothing to carry" in capsys.readouterr().out


def test_a_file_that_is_no_notebook_is_left_alone(course, capsys):
    course.copy("05_a (version 7)").write_text("my shopping list", encoding="utf-8")
    course.ship(NEW["05_a.ipynb"])
    course.deliver(carrying=True)
    assert course.copy("05_a (version 7)").read_text(encoding="utf-8") == "my shopping list"
    assert "05_a (version 7).ipynb is no notebook that can be read" in capsys.readouterr().out
    assert MINE in sources(course.copy("05_a (version 2)").read_bytes())


def test_the_newest_copy_is_the_one_saved_last(course):
    second = course.copy("05_a (version 2)")
    second.write_bytes(as_bytes(sheet(exercise("L05-E1", "mean", "def mean(x):\n    return 7"), E2)))
    os.utime(second, (1, 1))
    course.ship(NEW["05_a.ipynb"])
    course.deliver(carrying=True)
    assert MINE in sources(course.copy("05_a (version 3)").read_bytes())
    assert CARRY["age"](second) > CARRY["age"](course.copy())


def test_of_two_copies_saved_at_once_the_later_version_is_newer(course):
    age, second = CARRY["age"], course.copy("05_a (version 2)")
    shutil.copy2(course.copy(), second)
    assert age(second) < age(course.copy())


@pytest.mark.parametrize(
    ("reply", "said"), [("", True), ("y", True), (" Yes ", True), ("n", False), ("later", False), (None, False)]
)
def test_somebody_at_a_terminal_is_asked(monkeypatch, reply, said):
    def answer(question):
        assert question == "koopteach: Carry? [Y/n] "
        if reply is None:
            raise EOFError  # Ctrl-D
        return reply

    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setitem(CARRY["agreed"].__globals__, "sys", SimpleNamespace(stdin=terminal, stdout=terminal))
    monkeypatch.setattr(builtins, "input", answer)
    assert CARRY["agreed"]("Carry?") is said


# ------------------------------------------------------------------ with the real sheets


def sections(cells):
    found, label = {}, ""
    for cell in cells:
        match = re.match(r"## (L\d\d-E\d+)", cell.source)
        label = match[1] if match else label
        found.setdefault(label, []).append(cell)
    return found


@pytest.mark.slow
def test_a_sheet_of_the_first_edition_is_carried_and_runs_to_its_end(tmp_path, monkeypatch):
    nbformat, nbclient, _ = needs("nbformat"), needs("nbclient"), needs("jupytext")
    from koopcourse.authoring.cut import cut
    from koopcourse.notebook_io import notebook_bytes, read_script

    name, solution = "05_kswgd.ipynb", read_script(REPOSITORY / "solutions" / "05_kswgd.py")
    shipped = notebook_bytes(cut(solution))
    old, solved = nbformat.reads(shipped.decode(), as_version=4), sections(solution.cells)
    old.cells[1].source = OLD_SETUP
    for cell in old.cells:
        cell.source = cell.source.replace("from koopcourse import", "from koopteach import")
    answers = {}
    for label in ("L05-E1", "L05-E3"):
        stub_cell = next(cell for cell in sections(old.cells)[label] if "YOUR CODE HERE" in cell.source)
        answer = next(cell for cell in solved[label] if "BEGIN SOLUTION" in cell.source)
        answers[label] = stub_cell.source = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", answer.source).strip()
    sheets, broken = CARRY["carry"]({name: shipped}, [(name, nbformat.writes(old).encode())])
    assert broken == []
    assert sheets[name].exercises == list(answers)
    new = nbformat.reads(sheets[name].content.decode(), as_version=4)
    nbformat.validate(new)
    monkeypatch.setenv("KOOPTEACH_UNTOUCHED", "1")
    nbclient.NotebookClient(new, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for label, cells in sections(new.cells).items():
        checks = ["".join(out.get("text", "") for out in cell.outputs) for cell in cells if "check(" in cell.source]
        assert [("PASSED" in text) for text in checks if label] == [label in answers] * bool(label)
