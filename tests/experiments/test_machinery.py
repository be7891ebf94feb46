"""The machinery of experiments with toys: rows, bands, what is kept, pages, and what a row's fingerprint follows."""

import dataclasses
import json
import math
import os
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

import koopteach as kt
from experiments.__main__ import main
from experiments.kswgd import rows as kswgd
from experiments.machinery import common, fingerprint, page, runner, store
from experiments.machinery.definitions import Code
from experiments.machinery.experiment import Band, Experiment, Picture, Row, Summary

CALLS = []
UNWELL = set()


def toy(seed, x, kind):
    """Distances 10 x + seed beside a floor of 20."""
    CALLS.append((x, seed))
    if x in UNWELL:
        raise KeyboardInterrupt if x == 3 else RuntimeError("no luck")
    return {"distance": 10.0 * x + seed, "distance floor": 20.0, "distance floor sd": 1.5, "steps": 60}


def row(x, bound=2.0, seeds=(0, 1, 5)):
    return Row(f"row-{x}", "Toys", toy, {"x": x, "kind": "toy"}, seeds, (Band("distance", bound, "distance floor"),))


def verdict(cite):
    """One sentence with a number of the rows, two without."""
    return f"The first is at {cite('row-1', 'distance'):.3g}.", "It goes on.", "It ends."


def experiment(*rows, **more):
    rows = rows or [row(x) for x in (1, 2, 3)]
    summary = Summary(("distance", "distance / floor"), {"the first": "row-1"})
    return Experiment("A title", verdict, summary, "What was measured.", rows, **more)


@pytest.fixture(autouse=True)
def _healthy():
    CALLS.clear()
    UNWELL.clear()


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """``python -m experiments toy ARGUMENTS`` on a given experiment: its exit status and what it printed."""

    def call(*arguments, of=None):
        monkeypatch.setattr(runner, "load", lambda name: of or experiment())
        status = main(["toy", "--out", str(tmp_path), *arguments])
        return status, capsys.readouterr().out

    return call


def computed():
    return sorted({x for x, _ in CALLS})


# One run


def test_a_run_prints_every_row_and_writes_the_page(command, tmp_path):
    status, printed = command()
    assert status == 0
    assert "row-1: distance 11 (15), steps 60: held: distance <= 2 x floor [1 of 3" in printed
    assert "3 of 3 bands held" in printed
    assert f"each kept when it is done in {tmp_path / 'toy.json'}" in printed
    assert f"Written: {tmp_path / 'toy'}.md and .json" in printed
    text = (tmp_path / "toy.md").read_text(encoding="utf-8")
    head, body = text.split("<details>", 1)
    assert head.splitlines() == [
        "# A title",
        "",
        "- The first is at 11.",
        "- It goes on.",
        "- It ends.",
        "",
        "|  | distance | distance / floor |",
        "| --- | --- | --- |",
        "| *noise floor* | 20 ± 1.5 |  |",
        "| the first | 11 | 0.55 |",
        "",
        "All 3 aims are held.",
        "",
    ]
    assert "<summary>What was measured, and how to read the tables</summary>\n\nWhat was measured.\n" in body
    table = body[body.index("<summary>Toys</summary>") :].splitlines()
    assert table[2:8] == [
        "| x | distance | steps | aims |",
        "| --- | --- | --- | --- |",
        "| *noise floor* | 20 ± 1.5 |  |  |",
        "| 1 | 11 (15) | 60 | held |",
        "| 2 | 21 (25) | 60 | held |",
        "| 3 | 31 (35) | 60 | held |",
    ]
    for told in ("`python -m experiments toy`", "the median over the seeds (0 to 5)", f"torch {torch.__version__}"):
        assert told in body
    assert f"Rows by commit: `{fingerprint.commit()}` (3)." in body
    assert body.rstrip().endswith(page.age(fingerprint.commit(), 0, 3))


def test_the_json_holds_every_number_and_where_it_comes_from(command, tmp_path):
    command()
    first = json.loads((tmp_path / "toy.json").read_text(encoding="utf-8"))[0]
    assert first["numbers"]["distance"] == [10.0, 11.0, 15.0]
    assert first["seeds"] == [0, 1, 5]
    assert first["parameters"] == {"x": 1, "kind": "toy"}
    assert first["bands"] == {"distance <= 2 x floor": True}
    assert set(first) >= {"date", "machine", "seconds", "commit", "made_from"}


def test_a_broken_band_is_named_and_ends_in_failure(command, tmp_path):
    status, printed = command(of=experiment(row(1), row(2, bound=1.0)))
    assert status == 1
    assert "row-2: distance 21 (25), steps 60: missed: distance <= 1 x floor" in printed
    assert "missed:\n  row-2: distance <= 1 x floor\n1 of 2 bands held" in printed
    text = (tmp_path / "toy.md").read_text(encoding="utf-8")
    assert "**Missed: 1 of 2 aims.**\n\n- not explained yet (`row-2: distance <= 1 x floor`)" in text
    assert "| 2 | 21 (25) | 60 | **missed** |" in text


def test_a_band_that_is_known_to_be_missed_is_explained_and_no_failure(command, tmp_path):
    known = {"row-2: distance <= 1 x floor": "Two is too far."}
    status, printed = command(of=experiment(row(1), row(2, bound=1.0), missed=known))
    assert status == 0
    assert "known to be missed:\n  row-2: distance <= 1 x floor" in printed
    assert "- Two is too far. (`row-2: distance <= 1 x floor`)" in (tmp_path / "toy.md").read_text(encoding="utf-8")
    status, printed = command(of=experiment(row(1), row(2), missed={"row-2: distance <= 2 x floor": "Too far."}))
    assert status == 1
    assert "held, though declared as missed:\n  row-2: distance <= 2 x floor" in printed


def test_floors_that_differ_within_a_table_have_a_column_of_their_own(command, tmp_path):
    other = Row("other", "Toys", another_floor, {"x": 9, "kind": "toy"}, (0,))
    command(of=experiment(row(1), other))
    table = (tmp_path / "toy.md").read_text(encoding="utf-8").split("<summary>Toys</summary>")[1].splitlines()
    assert table[2:6] == [
        "| x | distance | its floor | steps | aims |",
        "| --- | --- | --- | --- | --- |",
        "| 1 | 11 (15) | 20 ± 1.5 | 60 | held |",
        "| 9 | 1 | 30 |  |  |",
    ]


def another_floor(seed, **_):
    return {"distance": 1.0, "distance floor": 30.0}


def test_quick_computes_one_seed_judges_nothing_and_keeps_nothing(command, tmp_path):
    status, printed = command("--quick", of=experiment(row(1, bound=0.0)))
    assert status == 0
    assert CALLS == [(1, 0)]
    assert "row-1: distance 10, steps 60 [one seed" in printed
    assert list(tmp_path.iterdir()) == []


def test_the_threads_of_whoever_calls_are_left_as_they_were(command):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        command("--quick")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# Kept rows


def test_kept_rows_are_used_again_and_that_is_said(command):
    command()
    CALLS.clear()
    status, printed = command()
    assert (status, CALLS) == (0, [])
    assert printed.count("used again]") == 3
    command("--fresh", "--only", "row-2")
    assert computed() == [2]


def test_an_interrupted_run_goes_on_where_it_stopped(command, tmp_path):
    UNWELL.add(3)
    status, printed = command()
    assert status == 130
    assert "the same command goes on there" in printed
    assert not (tmp_path / "toy.md").exists()
    UNWELL.clear()
    CALLS.clear()
    status, printed = command()
    assert status == 0
    assert computed() == [3]
    assert "row-3: distance 31 (35), steps 60: held: distance <= 2 x floor [3 of 3" in printed
    assert "| 3 | 31 (35) |" in (tmp_path / "toy.md").read_text(encoding="utf-8")


def test_a_row_that_fails_holds_up_no_other(command, tmp_path, capsys):
    UNWELL.add(2)
    status, printed = command()
    assert status == 1
    assert "failed: row-2. The other rows are kept" in printed
    assert computed() == [1, 2, 3]
    assert not (tmp_path / "toy.md").exists()
    UNWELL.clear()
    CALLS.clear()
    assert command()[0] == 0
    assert computed() == [2]


def test_only_some_rows_leave_the_page_until_all_are_there(command, tmp_path):
    status, printed = command("--only", "*-[12]")
    assert (status, computed()) == (0, [1, 2])
    assert "The page toy is written once all rows are computed; 1 of 3 are missing" in printed
    assert not (tmp_path / "toy.md").exists()
    CALLS.clear()
    command("--only", "w-3")
    assert computed() == [3]
    assert (tmp_path / "toy.md").is_file()


def make_older(path, *ids):
    """As if some rows had been made by other code."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    for one in rows:
        if one["id"] in ids:
            one["made_from"]["code"], one["commit"] = "another", "0ld"
    path.write_text(json.dumps(rows), encoding="utf-8")


def test_a_page_says_how_many_rows_older_code_made_and_they_stay_until_computed(command, tmp_path):
    command()
    make_older(tmp_path / "toy.json", "row-2", "row-3")
    CALLS.clear()
    command("--only", "row-1")
    text = (tmp_path / "toy.md").read_text(encoding="utf-8")
    assert CALLS == []
    assert page.age(fingerprint.commit(), 2, 3) in text
    assert page.AGE.search(text)
    assert "`0ld` (2)" in text
    _, printed = command("--only", "row-2")
    assert computed() == [2]
    assert "[1 of 1, code changed since it was computed" in printed


def test_a_changed_declaration_recomputes_that_row_alone(command):
    command()
    CALLS.clear()
    _, printed = command(of=experiment(row(1), row(2, seeds=(0, 1)), row(3)))
    assert computed() == [2]
    assert "[2 of 3, declaration changed since it was computed" in printed


def test_a_changed_band_is_judged_on_the_kept_numbers(command):
    command()
    CALLS.clear()
    assert command(of=experiment(row(1, bound=0.1), row(2), row(3)))[0] == 1
    assert CALLS == []


@pytest.mark.parametrize("part", ["code", "torch"])
def test_rows_of_other_code_or_another_torch_are_recomputed(command, monkeypatch, part):
    command()
    CALLS.clear()
    now = fingerprint.fingerprint(row(1))
    monkeypatch.setattr(store, "fingerprint", lambda row: {**fingerprint.fingerprint(row), part: now[part] + "x"})
    _, printed = command()
    assert computed() == [1, 2, 3]
    assert f"{part} changed since it was computed" in printed


@pytest.mark.parametrize(
    "text",
    ["", '[{"id": "row-1", "numbers": {"distance": [1', "[1]", '[{"id": "row-1"}]', '[{"id": "row-1", "numbers": 3}]'],
)
def test_a_file_that_holds_no_rows_is_named_and_left_alone(command, tmp_path, text):
    (tmp_path / "toy.json").write_text(text, encoding="utf-8")
    status, printed = command()
    assert status == 2
    assert "toy.json could not be read" in printed
    assert (tmp_path / "toy.json").read_text(encoding="utf-8") == text


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "row.json"
    store.write(path, "old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(path.parent.iterdir()) == [path]


def lost(seed):
    return {"distance": math.inf if seed else 1.0}


def test_infinite_numbers_are_kept_as_null_and_break_bands(command, tmp_path):
    lost_row = Row("row-1", "Toys", lost, {}, (0, 1, 2), (Band("distance", 1e9),))
    for _ in range(2):  # computed, then kept
        status, printed = command(of=experiment(lost_row))
        assert status == 1
        assert "missed: distance <= 1e+09" in printed
    assert json.loads((tmp_path / "toy.json").read_text(encoding="utf-8"))[0]["numbers"] == {
        "distance": [1.0, None, None]
    }


# What a row depends on

HOME = {
    "rows.py": """
import numpy as np
from home.a import f, g as h
from home import tools

SCALE = 2
UNUSED = 5

class Base:
    def run(self):
        return 1

class Method(Base):
    '''Doc.'''

    def step(self):
        return tools.shift(SCALE)

def twice(function):
    return lambda seed: 2 * function(seed)

def helper(x, power=2):
    if x < 0:
        raise ValueError(f"x is {x}")
    return x**power

def other():
    return 2

@twice
def compute(seed: int) -> float:
    from home.deep import late

    return helper(f()) + h() + Method().run() + late() + np.sqrt(seed)
""",
    "a/__init__.py": "from home.a.b import f\nfrom .b import g\n",
    "a/b.py": """
LEVEL = 3

def f():
    '''Doc.'''
    return LEVEL  # three

def g():
    return 4

def unused():
    return 7
""",
    "tools.py": "def shift(x):\n    return x + 1\n\ndef unused():\n    return 8\n",
    "deep.py": "def late():\n    return f'{1:.3f} of {2}' != ''\n",
    "stub/__init__.py": "__getattr__ = None\n",
    "stub/__init__.pyi": "from home.a.b import f as f\n",
}


def hashed(folder, files, rows="rows.py"):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return Code({"home": folder}).hash(folder / rows, "compute")


@pytest.mark.parametrize(
    ("file", "old", "new", "matters"),
    [
        ("rows.py", "SCALE = 2", "SCALE = 3", True),  # a constant, of a method of a class that is used
        ("rows.py", "return x**power", "return -(x**power)", True),  # a helper
        ("rows.py", "power=2", "power=3", True),  # a default
        ("rows.py", "        return 1\n", "        return 2\n", True),  # a base class
        ("rows.py", "lambda seed: 2 *", "lambda seed: 3 *", True),  # a decorator
        ("rows.py", "@twice", "@helper", True),
        ("rows.py", "f, g as h", "g as f, f as h", True),  # which of two a name stands for
        ("rows.py", "import numpy as np", "import scipy as np", True),
        ("rows.py", "if x < 0", "if x < 1", True),
        ("rows.py", "ValueError(", "TypeError(", True),  # whoever tries finds another
        ("rows.py", "x is {x}", "x must not be negative, got {other()}", False),
        ("rows.py", "UNUSED = 5", "UNUSED = 6", False),
        ("rows.py", "    return 2\n", "    return 3\n", False),  # a function that nobody calls
        ("rows.py", "seed: int) -> float", "seed: 'float') -> 'int'", False),
        ("rows.py", "Doc.", "Better doc.", False),
        ("a/__init__.py", "import g\n", "import g\nA = 1\n", False),
        ("a/b.py", "LEVEL = 3", "LEVEL = 4", True),
        ("a/b.py", "return 4", "return 5", True),
        ("a/b.py", "return 7", "return 8", False),
        ("a/b.py", "  # three", "", False),
        ("a/b.py", "'''Doc.'''\n", "'''Better doc.'''\n\n", False),
        ("a/b.py", "LEVEL = 3", "LEVEL = 3\nprint()", True),  # what happens when it is imported
        ("tools.py", "x + 1", "x + 2", True),
        ("tools.py", "return 8", "return 9", False),
        ("deep.py", ":.3f", ":.4f", True),  # imported within the function
    ],
)
def test_what_makes_a_row_out_of_date(tmp_path, file, old, new, matters):
    assert old in HOME[file]
    changed = {name: text.replace(old, new) if name == file else text for name, text in HOME.items()}
    assert (hashed(tmp_path / "one", HOME) != hashed(tmp_path / "two", changed)) == matters


def test_moves_and_renamed_modules_make_no_row_out_of_date(tmp_path):
    text = HOME["rows.py"].replace("home.a", "home.z").replace("import tools", "import gear").replace("tools.", "gear.")
    moved = {
        "table/rows.py": text.replace("home.deep", "home.table.late"),
        "z.py": "def g():\n    return 4\n\nfrom home.levels import LEVEL as LEVEL\n\ndef f():\n    return LEVEL\n",
        "levels.py": "LEVEL = 3\n",
        "gear.py": HOME["tools.py"],
        "table/late.py": HOME["deep.py"],
    }
    assert hashed(tmp_path / "one", HOME) == hashed(tmp_path / "two", moved, rows="table/rows.py")


@pytest.mark.parametrize(
    "use",
    [
        "from home import a\n\ndef compute(seed):\n    return getattr(a.b, 'f')()\n",  # a module as an object
        "from home.a import b\n\ndef compute(seed):\n    return b.made_up_later()\n",  # a name that it seems to lack
        "def compute(seed):\n    return __import__('home.a.b')\n",  # its name as text
        "from home.a.b import *\n\ndef compute(seed):\n    return f()\n",
        "import home.stub as kt\n\ndef compute(seed):\n    return kt.f()\n",  # by the list in a stub
        "import home.a.b\n\ndef compute(seed):\n    return home.a.b.f()\n",
        "VIA = {}\nfrom home.a import f\nVIA['f'] = f\n\ndef compute(seed):\n    return VIA['f']()\n",
        "try:\n    from home.a import f\nexcept ImportError:\n    f = None\n\ndef compute(seed):\n    return f()\n",
        "class Row:\n    from home.a import f\n\ndef compute(seed):\n    return Row.f()\n",
    ],
)
def test_whatever_way_a_row_takes_to_a_definition_its_change_is_seen(tmp_path, use):
    before = HOME | {"rows.py": use}
    after = before | {"a/b.py": HOME["a/b.py"].replace("LEVEL = 3", "LEVEL = 4")}
    assert hashed(tmp_path / "one", before) != hashed(tmp_path / "two", after)


def test_definitions_that_use_each_other_end(tmp_path):
    loop = "def compute(seed):\n    return other(seed)\n\ndef other(seed):\n    return seed and compute(seed - 1)\n"
    texts = (loop, loop, loop.replace("- 1", "- 2"))
    found = [hashed(tmp_path / str(i), {"rows.py": text}) for i, text in enumerate(texts)]
    assert found[0] == found[1] != found[2]


@pytest.mark.slow
def test_a_row_of_the_real_experiment_depends_on_the_method_it_runs():
    reached = fingerprint.CODE.reached(Path(kswgd.__file__).resolve(), "particles")
    assert {
        "KSWGD",
        "GeneratorEDMD",
        "MultiScale",
        "run_particles",
        "papers",
        "sliced_wasserstein2",
        "stream",
    } <= reached
    assert not {"surface", "rows_on", "check", "FlowMatching", "attach", "markdown"} & reached


def test_the_commit_of_changed_code_is_marked(monkeypatch):
    answers = {"rev-parse": "abc1234", "status": ""}
    monkeypatch.setattr(fingerprint, "_git", lambda word, *_: answers[word])
    assert fingerprint.commit.__wrapped__() == "abc1234"
    answers["status"] = " M koopteach/spectrum.py"
    assert fingerprint.commit.__wrapped__() == "abc1234+"

    def no_git(*_):
        raise FileNotFoundError

    monkeypatch.setattr(fingerprint, "_git", no_git)
    assert fingerprint.commit.__wrapped__() == "unknown"


# What experiments share


def test_floors_are_mean_and_standard_deviation_over_draws():
    found = common.floors(lambda x: {"a": float(x), "b": 2.0}, torch.tensor([1.0, 2.0, 6.0]))
    assert found == {"a floor": 3.0, "a floor sd": pytest.approx(7**0.5), "b floor": 2.0, "b floor sd": 0.0}
    draws = list(common.exact_draws(lambda n, g: torch.randn(n, generator=g), 4, 3))
    assert [draw.shape for draw in draws] == [(4,)] * 3
    assert not torch.equal(draws[0], draws[1])
    again = common.exact_draws(lambda n, g: torch.randn(n, generator=g), 4, 3)
    assert all(map(torch.equal, draws, again))


def test_lost_particles_are_infinitely_far_and_never_the_nearest():
    lost, near = torch.full((3, 1), math.nan), torch.zeros(3, 1)
    assert common.read({"a": lambda x: 1.0}, lost) == {"a": math.inf}
    assert common.nearest([(lost, "lost"), (near + 2, "far"), (near, "near")], lambda x: float(x.sum()))[1] == "near"


def test_a_run_of_so_many_seconds_ends_where_its_particles_are_lost_before_their_score_is_nan():
    target = kt.GaussianMixture(2 * torch.eye(2, dtype=torch.float64), stds=1.0)
    x0 = torch.ones(4, 2, dtype=torch.float64)
    assert bool(target.score(1e200 * x0).isnan().all())
    kept, seconds, _ = common.within(0.05, kt.ULA(target.score, step_size=0.01), x0, 0)
    assert seconds >= 0.05
    assert bool(kept.isfinite().all())
    lost, _, steps = common.within(60.0, kt.ULA(target.score, step_size=30.0), x0, 0)
    assert bool(lost.isnan().all())
    assert steps < 10


def test_seeds_below_2000_are_for_tuning():
    assert list(common.fresh_seeds(2000, 2)) == [2000, 2001]
    with pytest.raises(ValueError, match="seeds below 2000 are for tuning, got 1999"):
        common.fresh_seeds(1999)


# Errors


def test_unknown_experiments_and_rows_are_answered_with_what_there_is(capsys, tmp_path):
    assert main(["kwsgd"]) == 2
    assert "no experiment 'kwsgd'. There are: " in capsys.readouterr().out
    assert main(["kswgd", "--only", "moon", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().out
    assert "no row matches 'moon'" in told
    assert "torus.patch.projected-yes" in told
    assert list(tmp_path.iterdir()) == []


def test_without_a_name_the_experiments_are_listed_with_the_age_of_their_rows(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(runner, "names", lambda: ["toy", "other"])
    monkeypatch.setattr(runner, "load", lambda name: experiment())
    assert runner.run("toy", experiment(), experiment().rows[:2], tmp_path) == 0
    make_older(tmp_path / "toy.json", "row-1")
    assert runner.overview(tmp_path).splitlines() == [
        f"{'toy':<20} A title (3 rows, 1 not computed, 1 by older code)",
        f"{'other':<20} A title (3 rows, 3 not computed)",
        f"{'speed':<20} Speed and memory beside other packages",
        f"{'gpu-check':<20} The lessons' hot paths on a GPU, where there is one",
    ]
    monkeypatch.setattr(runner, "overview", lambda: "the list")
    assert main([]) == main(["list"]) == 0
    assert capsys.readouterr().out.endswith("the list\nthe list\n")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: experiment(row(1), row(1)), r"ids must be unique.*got \['row-1'\]"),
        (lambda: experiment(dataclasses.replace(row(1), id="a/b")), r"lower-case letters.*got \['a/b'\]"),
        (lambda: Experiment("t", verdict, Summary((), {}), "a", []), "got no row"),
        (lambda: experiment(row(1, seeds=())), "at least one seed, but row-1 has none"),
        (lambda: page.cite({})("row-1", "distance"), "no row 'row-1' with a number 'distance'"),
        (lambda: Band("kl", 1.0).holds({"distance": [1.0]}), "has no 'kl', only distance"),
        (lambda: Band("distance", 1.0, "floor").holds({"distance": [1.0]}), "has no 'floor'"),
        (lambda: Band("distance", 1.0, spread="sd").holds({"distance": [1.0]}), "has no 'sd'"),
        (
            lambda: fingerprint.fingerprint(dataclasses.replace(row(1), function=lambda seed: {})),
            "function must stand at the top of its file",
        ),
    ],
)
def test_bad_declarations_are_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize(
    ("band", "values", "holds"),
    [
        (Band("v", 2.0), [1.0, 2.0, 9.0], True),
        (Band("v", 2.0), [1.0, 2.1, 9.0], False),
        (Band("v", 2.0, at_least=True), [1.0, 2.0, 9.0], True),
        (Band("v", 2.0, at_least=True), [1.0, 1.9, 9.0], False),
        (Band("v", 2.0, "floor"), [6.0], True),
        (Band("v", 2.0, "floor"), [6.1], False),
        (Band("v", 2.0, "floor", spread="sd"), [6.5], True),
        (Band("v", 2.0, "floor", spread="sd"), [6.6], False),
        (Band("v", 2.0, "floor", at_least=True, spread="sd", spreads=2), [5.0], True),
        (Band("v", 2.0, "floor", at_least=True, spread="sd", spreads=2), [4.9], False),
        (Band("v", 2.0), [math.nan, 1.0, 1.0], False),
        (Band("v", 2.0, at_least=True), [math.nan, 3.0, 3.0], False),
    ],
)
def test_bands_are_about_the_median(band, values, holds):
    assert band.holds({"v": values, "floor": [3.0], "sd": [0.5]}) is holds


def test_a_band_says_what_it_asks_for():
    assert str(Band("v", 2.0, "v floor")) == "v <= 2 x floor"
    assert str(Band("v", 0.5, "w", at_least=True, spread="v sd", spreads=1.5)) == "v >= 0.5 x w - 1.5 x v sd"


@pytest.mark.parametrize("live", [False, True])
def test_an_experiment_may_have_a_picture(tmp_path, live):
    """Drawn from all rows' numbers when the page is written, and shown by it; what must be computed when asked for."""
    given = []
    picture = Picture(lambda numbers: given.append(numbers) or Figure(), "what is seen", live=live)
    drawn = experiment(row(1), row(2), picture=picture)
    assert runner.run("toy", drawn, drawn.rows[:1], tmp_path) == runner.HELD
    assert not given  # a row is missing
    assert runner.run("toy", drawn, drawn.rows, tmp_path) == runner.HELD
    assert list(given[0]) == [r.id for r in drawn.rows]
    assert (tmp_path / "toy.png").stat().st_size > 0
    head = (tmp_path / "toy.md").read_text(encoding="utf-8").split("<details>")[0]
    assert head.index("| the first") < head.index("![what is seen](toy.png)")
    runner.publish("toy", drawn, tmp_path, live=False)
    assert len(given) == (1 if live else 2)
