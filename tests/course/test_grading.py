"""The grader's parts, without a sandbox: what is found, read, cut, sent, kept and written."""

import ast
import csv
import io
import json
import os
import platform
import socket
import struct
import sys
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from koopcourse.checks import declared
from koopcourse.checks.engine import examine
from koopcourse.checks.guard import Guard
from koopcourse.checks.probes import Probes
from koopcourse.checks.report import State
from koopcourse.grading import command, marking, output, results, run, sandbox, submissions
from koopcourse.grading.class_view import class_view
from koopcourse.grading.codec import MOST_NAMES, TooLarge, pack, unpack
from koopcourse.grading.copies import Alike, alike
from koopcourse.grading.feedback import feedback
from koopcourse.grading.frames import Channel, Garbage, Gone
from koopcourse.grading.fresh import FreshProcesses
from koopcourse.grading.inside import notebook, seccomp
from koopcourse.grading.inside.answers import defined
from koopcourse.grading.isolation import Boxes
from koopcourse.grading.limits import Limits
from koopcourse.grading.marking import unmarked
from koopcourse.grading.marks import Marks
from koopcourse.grading.score import row
from koopcourse.grading.table import table

E1, *_ = declared.load("05").EXERCISES
NAME = "05_kswgd.ipynb"


def cells(*texts):
    code = [{"cell_type": "code", "source": text, "outputs": [], "metadata": {}} for text in texts]
    return {"cells": [{"cell_type": "markdown", "source": "# words"}, *code], "nbformat": 4}


def read(*texts):
    """The slice of L05-E1 in a notebook of these cells."""
    return notebook.read(json.dumps(cells(*texts)).encode(), ["L05-E1"])["answers"]["L05-E1"]


def hand_in(folder, *path, text="{}", at=None):
    file = folder.joinpath(*path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    if at:
        os.utime(file, (at, at))
    return file


# ---- what is found


def test_the_last_notebook_of_each_student_and_lesson_counts(tmp_path):
    hand_in(tmp_path, "ada", NAME, at=1000)
    last = hand_in(tmp_path, "ada", "second try", "05_kswgd (1).ipynb", at=3000)
    hand_in(tmp_path, "ada", "old", NAME, at=2000)
    hand_in(tmp_path, "ada", "06_quadruple_well.ipynb")
    hand_in(tmp_path, "bo", ".ipynb_checkpoints", NAME)
    hand_in(tmp_path, "notes.txt")
    (found,) = submissions.find(tmp_path, ["05"])
    assert (found.student, found.path, found.earlier) == ("ada", last, 2)
    assert [student.name for student in submissions.students(tmp_path)] == ["ada", "bo"]


def test_nbgraders_folders_are_read_and_its_time_stamps_believed(tmp_path):
    early = hand_in(tmp_path, "submitted", "ada", "ps1", NAME, at=9_000_000_000)
    hand_in(tmp_path, "submitted", "ada", "ps1", "timestamp.txt", text="2026-03-01 12:00:00.000000 UTC")
    hand_in(tmp_path, "submitted", "ada", "ps2", NAME)
    hand_in(tmp_path, "submitted", "ada", "ps2", "timestamp.txt", text="2026-03-01 11:30:00.5 -0100\n")
    (found,) = submissions.find(tmp_path, ["05"])
    assert found.path.parent.name == "ps2"
    assert f"{submissions.handed_in(early):%Y-%m-%d %H:%M}" == "2026-03-01 12:00"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_and_pipes_are_no_notebooks(tmp_path):
    other = hand_in(tmp_path, "ada", NAME)
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / NAME).symlink_to(other)
    (tmp_path / "mallory").mkdir()
    os.mkfifo(tmp_path / "mallory" / NAME)
    (tmp_path / "zed").symlink_to(tmp_path / "ada")
    assert {one.student for one in submissions.find(tmp_path, ["05"])} == {"ada", "eve", "mallory"}
    with pytest.raises(OSError):  # noqa: PT011 (its text is the system's)
        submissions.read(tmp_path / "eve" / NAME, 100)
    with pytest.raises(ValueError, match="no plain file"):
        submissions.read(tmp_path / "mallory" / NAME, 100)


@pytest.mark.parametrize("stamp", ["0001-01-01 00:00:00 +23:59", "2026-03-01 12:00 ../../etc", "x" * 300])
def test_a_time_stamp_that_no_calendar_has_stops_nobody(tmp_path, stamp):
    notebook_ = hand_in(tmp_path, "ada", NAME, at=1000)
    hand_in(tmp_path, "ada", "timestamp.txt", text=stamp)
    assert submissions.handed_in(notebook_).timestamp() == 1000
    monstrous = SimpleNamespace(parent=tmp_path, lstat=lambda: SimpleNamespace(st_mtime=1e15))
    assert submissions.handed_in(monstrous).timestamp() == 0


def test_a_huge_notebook_is_not_read(tmp_path):
    with pytest.raises(ValueError, match="a notebook may have 1"):
        submissions.read(hand_in(tmp_path, "ada", NAME, text="x" * (3 << 20)), 1 << 20)


# ---- what is cut out of a notebook


def test_a_slice_holds_what_the_answer_reaches_and_nothing_else():
    told = read(
        "import torch, math\nimport koopteach as kt\nimport matplotlib.pyplot as plt",
        "scale = 2.0\nunused = kt.moons(10**9)\ntable = {}\ntable['a'] = 3",
        "def helper(x):\n    return x * scale * table['a']\n\ndef other(): return unused",
        "def velocity(phi, grad_phi, energies):\n    raise NotImplementedError",
        "def velocity(phi, grad_phi, energies):\n    data = helper(phi)\n    return data",
        'velocity = check("L05-E1", velocity)',
        "scale = 5",
    )
    assert [[place, numbers] for place, _, numbers in told["cells"]] == [[3, [0, 2, 3]], [4, [0]], [5, [0]], [6, [0]]]
    assert defined(told)(torch.ones(1), None, None) == 6
    assert told["uses"] == []


def test_magics_and_broken_cells_cost_themselves_alone():
    told = read(
        "%matplotlib inline\n!pip install x\nfiles = !ls\n?print\nscale = 3",
        "%%time\ndef helper(x):\n    %timeit x\n    return x * scale",
        "def broken(:\n  return",
        "answer = lambda phi, grad_phi, energies: helper(phi)\ncheck('L05-E1', answer)",
    )
    assert defined(told)(2, None, None) == 6
    assert told["broken"] == ["cell 4, SyntaxError in line 1: invalid syntax"]


def test_the_last_check_of_an_exercise_counts_and_a_missing_one_is_told():
    assert defined(read("a = 1\ncheck('L05-E1', a)", "a = 2\nx = kc.check('L05-E1', a)")) == 2
    assert 'no cell with check("L05-E1"' in read("a = 1")["problem"]
    assert "has an error: SyntaxError in line 2" in read("a = 1\nx = check('L05-E1', a")["problem"]


@pytest.mark.slow
def test_an_answer_of_hundreds_of_terms_is_an_answer():
    assert defined(read(f"def f():\n    return {'+'.join(['1'] * 3000)}\ncheck('L05-E1', f)"))() == 3000


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x00\xff\xfe", b"[]", b'{"cells": 3}', b'{"cells": [3]}', b'{"cells"', b"[" * 100_000, b'{"nbformat": 4}'],
)
def test_what_is_no_notebook_says_so(raw):
    assert "no notebook that can be read" in notebook.read(raw, ["L05-E1"])["problem"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_notebook_may_be_encoded_strangely(encoding):
    raw = json.dumps(cells("größe = 2\ncheck('L05-E1', größe)"), ensure_ascii=False).encode(encoding)
    assert defined(notebook.read(raw, ["L05-E1"])["answers"]["L05-E1"]) == 2


@pytest.mark.parametrize("text", ["(" * 5000, "x = " + "-" * 100_000 + "1", "a\0b = 1", "\ud800 = 1", "for" * 10**5])
def test_a_cell_that_breaks_parsers_breaks_nothing(text):
    assert defined(read(text, "a = 2\ncheck('L05-E1', a)")) == 2


def test_what_an_answer_uses_of_the_package_is_listed():
    told = read(
        "import koopteach as kt\nfrom koopteach.metrics import mmd as distance",
        "def f(x, y, z): return kt.KSWGD(x).velocity(y) + distance(x, y)",
        "check('L05-E1', f)",
    )
    assert told["uses"] == ["KSWGD", "metrics.mmd"]


def test_an_answer_that_rests_on_another_one_says_so():
    code = ("def f(x): return x\nf = check('L05-E1', f)", "def g(x): return f(x)\ng = check('L05-E2', g)")
    told = notebook.read(json.dumps(cells(*code)).encode(), ["L05-E1", "L05-E2"])["answers"]
    assert [told[name]["rests"] for name in ("L05-E1", "L05-E2")] == [[], ["L05-E1"]]
    mark = marks()
    for row_ in mark.rows[:2]:
        row_.update(state="NOT_YET", rests=told[row_["id"]]["rests"])
    assert mark.rests() == ["L05-E2 on L05-E1"]
    assert "It calls what you wrote for L05-E1" in feedback("ada", [mark])
    assert "L05-E2 on L05-E1" in class_view([mark], [])


def test_two_answers_are_alike_but_for_names_words_and_layout():
    mine = "def f(x, y):\n    '''Mine.'''\n    total = 0  # first\n    for k in x:\n        total += k * y\n"
    mine += "    return total"
    yours = "def g(a, b):\n    s = 0\n    for i in a: s += i * b\n    return (s)"
    other = yours.replace("i * b", "i - b")
    forms = [read(f"{text}\ncheck('L05-E1', {text[4]})")["normal"] for text in (mine, yours, other)]
    assert forms[0] == forms[1] != forms[2]


# ---- what is sent


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, -2.5, 1e300, 2 + 3j, (1, (2.0, None)), [], torch.zeros(0, 3), torch.tensor(2.0)),
        *(torch.arange(6).reshape(2, 3).T, torch.tensor([True, False]), torch.tensor([1 + 2j]).conj()),
        *(np.arange(6.0).reshape(2, 3).T, np.float32(2.5), np.arange(3, dtype=">i4"), torch.ones(2).bfloat16()),
    ],
    ids=str,
)
def test_a_value_arrives_as_it_was(value):
    described, raw = pack(value, 10**6)
    came = unpack(json.loads(json.dumps(described)), raw)
    assert type(came) is type(value)
    if hasattr(value, "dtype"):
        assert (came.shape, came.dtype) == (value.shape, _native(value.dtype))
    assert np.array_equal(np.asarray(_plain(came)), np.asarray(_plain(value)))


def _native(dtype):
    return dtype.newbyteorder("=") if isinstance(dtype, np.dtype) else dtype


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else str(value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", [torch.zeros(1).expand(10**12), torch.zeros(9000), np.zeros(2000), [0.0] * 400_000, [[]] * 400_000]
)
def test_too_large_a_value_is_not_sent(value):
    with pytest.raises(TooLarge):
        pack(value, 10_000)


@pytest.mark.parametrize(
    ("what", "raw"),
    [
        ({}, b""),
        ("text", b""),
        ([1], b""),
        ({"kind": "tensor", "dtype": "float64", "shape": [10**12], "bytes": 0}, b""),
        ({"kind": "tensor", "dtype": "float64", "shape": [1000], "bytes": 0}, b""),
        ({"kind": "array", "dtype": "float64", "shape": [1000], "bytes": 0}, b""),
        ({"kind": "tensor", "dtype": "float64", "shape": [-1, -1], "bytes": 8}, bytes(8)),
        ({"kind": "tensor", "dtype": "float64", "shape": [True], "bytes": 8}, bytes(8)),
        ({"kind": "tensor", "dtype": "object", "shape": [1], "bytes": 8}, bytes(8)),
        ({"kind": "array", "dtype": "float64", "shape": [1] * 99, "bytes": 8}, bytes(8)),
        ({"kind": "array", "dtype": "float64", "shape": [2], "bytes": 16}, bytes(8)),
        ({"kind": "tensor", "dtype": "float64", "shape": [0, 2**40], "bytes": 0}, b""),
        ({"kind": "array", "dtype": "float64", "shape": [0, 2**62, 2**62], "bytes": 0}, b""),
        ({"kind": "array", "dtype": "datetime64[s]", "shape": [1], "bytes": 8}, bytes(8)),
        ({"kind": "tensor", "dtype": "float64", "shape": "", "bytes": 8}, bytes(8)),
        ({"kind": "complex", "parts": [1]}, b""),
        ({"kind": "function", "bytes": 2}, b"N."),
        ({"kind": "list", "parts": [{"kind": "list", "parts": [{"kind": "list", "parts": [[]]}]}]}, b""),
        (1.0, b"more"),
    ],
)
def test_a_false_description_is_garbage(what, raw):
    with pytest.raises(Garbage):
        unpack(what, raw)


def test_many_names_of_types_become_one():
    names = [{"kind": "other", "name": f"n{k % 1000}"} for k in range(2000)]
    values = unpack({"kind": "list", "parts": names}, b"")
    kinds = {type(value).__name__ for value in values}
    assert kinds == {*(f"n{k}" for k in range(MOST_NAMES)), "object"}
    assert len(set(map(id, map(type, values)))) == len(kinds)


@pytest.mark.parametrize(
    ("sent", "raised"),
    [
        (struct.pack("!II", 2**32 - 1, 0), Garbage),
        (struct.pack("!II", 2, 0) + b"[]", Garbage),
        (struct.pack("!II", 100_000, 0) + b"[" * 100_000, Garbage),
        (struct.pack("!II", 3, 0) + b"\xff{}", Garbage),
        (b"12", Gone),
    ],
)
def test_a_frame_that_is_none_is_seen(sent, raised):
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(sent)
    channel = Channel(ours)
    with pytest.raises(raised):
        channel.receive(1.0)
    channel.close()


def test_a_silent_end_is_not_waited_for():
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError):
        Channel(ours).receive(0.01)


# ---- what is written


def marks(student="ada", uses=(), normal="", mistake=None, **more):
    first = row(E1) | {"uses": list(uses), "normal": normal}
    if mistake:
        first |= {"mistake": mistake.name, "says": mistake.says, "state": "NOT_YET"}
    rows = [first, *unmarked("05", "", "none")["rows"][1:]]
    return Marks(student, "05", rows, "", more.pop("isolation", "bubblewrap"), "ada/05.ipynb", "today", 0)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_every_row_says_how_it_was_isolated_and_no_cell_is_a_formula():
    (told,) = rows_of(table([marks("=cmd|' /C calc'!A0", isolation="none")], []))
    assert told["isolation"] == "none"
    assert told["student"] == "'=cmd|' /C calc'!A0"
    between = "ada/05;=1+1\t@x\r\n\0+y; -z.ipynb"  # where cells are separated by something else than commas
    (told,) = rows_of(table([replace(marks(), file=between)], []))
    assert told["file"] == "ada/05;'=1+1 @x   +y;' -z.ipynb"
    assert float(told["of"]) == sum(e.minutes for e in declared.load("05").EXERCISES)


def test_the_same_long_answers_are_listed_and_cost_nothing():
    class_ = [marks("ada", normal="x"), marks("bo", normal="x"), marks("cy", normal="y"), marks("di")]
    groups = alike(class_)
    assert groups == [(("ada", "bo"), ["L05-E1"])]
    assert [told["alike"] for told in rows_of(table(class_, groups))] == ["bo (L05-E1)", "ada (L05-E1)", "", ""]
    assert "<td>ada, bo</td>" in class_view(class_, groups)


def test_pages_escape_whatever_a_student_writes():
    evil = "<script>alert(1)</script>"
    mark = marks(evil, uses=[evil])
    mark.rows[0].update(words=evil, state="NOT_YET", broken=[evil])
    for page in (feedback(evil, [mark]), class_view([mark], [Alike((evil, "bo"), [evil])])):
        assert "<script" not in page
        assert "&lt;script" in page


def test_the_class_view_counts_mistakes_and_asks_the_guides_question():
    from koopcourse.teaching.prompts import prompts

    asked = prompts("L05-E1")
    likely = next(mistake for mistake in E1.mistakes if mistake.name in asked)
    page = class_view([marks(mistake=likely), marks("bo", mistake=likely), marks("cy")], [])
    text = " ".join(
        page.replace("&#x27;", "'").replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").split()
    )
    assert f"<td class=narrow>{E1.id}</td><td class=number>2</td>" in page
    assert " ".join(asked[likely.name].split()) in text


def test_a_result_is_kept_until_notebook_or_isolation_changes(tmp_path):
    kept = results.Results(tmp_path)
    name = results.name_of(b"{}", "05", "none")
    assert kept.get(name) is None
    kept.keep(name, {"rows": []})
    assert kept.get(name) == {"rows": []}
    others = [results.name_of(b"{ }", "05", "none"), results.name_of(b"{}", "05", "bubblewrap")]
    assert all(kept.get(other) is None for other in others)


def test_a_file_that_somebody_edited_is_kept_beside_the_new_one(tmp_path, capsys):
    output.Output(tmp_path).write("grades.csv", "points\n1\n")
    output.Output(tmp_path).write("grades.csv", "points\n2\n")
    assert capsys.readouterr().out == ""
    (tmp_path / "grades.csv").write_text("points\n2.5\n", encoding="utf-8")
    output.Output(tmp_path).write("grades.csv", "points\n3\n")
    assert (tmp_path / "grades.csv").read_text(encoding="utf-8") == "points\n3\n"
    assert (tmp_path / "grades (edited 1).csv").read_text(encoding="utf-8") == "points\n2.5\n"
    assert "kept as grades (edited 1).csv" in capsys.readouterr().out
    (tmp_path / "class.html").write_text("somebody else's", encoding="utf-8")
    output.Output(tmp_path).write("class.html", "ours")
    assert (tmp_path / "class (edited 1).html").read_text(encoding="utf-8") == "somebody else's"


def test_what_no_file_can_hold_costs_nobody_the_pages(tmp_path):
    odd = "Zo\udceb"  # a name in Latin-1, as old archives have them
    mark = marks(odd)
    mark.rows[0].update(words="ValueError: \ud800", state="NOT_YET")
    run.write(tmp_path, [mark, marks("bo")])
    assert {row["student"] for row in rows_of((tmp_path / "grades.csv").read_text(encoding="utf-8-sig"))} == {
        "Zo\\udceb",
        "bo",
    }
    assert len(list((tmp_path / "feedback").iterdir())) == 2


# ---- what the grader's own process withstands


@pytest.mark.parametrize("came", [2**70, 10**1000, -(10**400), Fraction(1, 3)], ids=["2**70", "long", "minus", "third"])
def test_numbers_of_any_length_are_wrong_and_no_more(came):
    exercise = declared.load("05").EXERCISES[3]

    def answer(start, step_size, n_steps):
        return came

    probes = Probes(exercise, answer, Guard(), explains=False)
    assert not any(map(probes.right_in, probes.of_values()))
    assert examine(exercise, answer).state is State.NOT_YET


def test_a_fault_of_the_graders_own_costs_one_exercise(monkeypatch, capsys):
    def broken(exercise, *others):
        if exercise is E1:
            raise TypeError("ours")
        return row(exercise, words="marked")

    monkeypatch.setattr(marking, "mark", broken)
    monkeypatch.setattr(marking, "_read", lambda box, raw, exercises, limits: ({e.id: {} for e in exercises}, ""))
    told = marking.marked("05", b"{}", Boxes(FreshProcesses, 1, ahead=0), Limits())
    words = [one["words"] for one in told["rows"]]
    assert words[0] == "The grader itself failed here (TypeError): mark this by hand."
    assert set(words[1:]) == {"marked"}
    assert "TypeError: ours" in capsys.readouterr().err


# ---- the filter of system calls


def _run(program, number, first=0, architecture=0xC000_003E):
    """What the filter says of a call: the kernel's own machine, in a few lines."""
    lines = list(struct.iter_unpack("=HBBI", program))
    data = {0: number, 4: architecture, 16: first}
    place = held = 0
    while True:
        code, yes, no, k = lines[place]
        place += 1
        if code == 0x20:
            held = data[k]
        elif code == 0x06:
            return k
        else:
            place += yes if {0x15: held == k, 0x35: held >= k, 0x45: bool(held & k)}[code] else no


@pytest.mark.parametrize(
    ("machine", "architecture", "calls"),
    [
        ("x86_64", 0xC000_003E, {"fork": 57, "kill": 62, "socket": 41, "unshare": 272, "keyctl": 250, "ptrace": 101}),
        ("aarch64", 0xC000_00B7, {"kill": 129, "socket": 198, "unshare": 97, "keyctl": 219, "ptrace": 117}),
    ],
)
def test_the_filter_forbids_what_it_names_and_lets_threads_begin(machine, architecture, calls):
    program = seccomp.program(machine)
    clone = {"x86_64": 56, "aarch64": 220}[machine]
    refused, allowed, killed = 0x5_0001, 0x7FFF_0000, 0x8000_0000
    assert {_run(program, number, architecture=architecture) for number in calls.values()} == {refused}
    assert _run(program, clone, 0x11, architecture) == refused
    assert _run(program, clone, 0x3D_0F00, architecture) == allowed  # a thread, as the C library makes it
    assert _run(program, 435, architecture=architecture) == 0x5_0026  # clone3: no such call
    assert _run(program, 63, architecture=architecture) == allowed  # uname, read
    assert _run(program, 0x4000_0000 + 59, architecture=architecture) == refused
    assert _run(program, 63, architecture=0x4000_0003) == killed


def test_a_processor_without_a_table_is_known_as_such(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not seccomp.known()


# ---- the command


@pytest.mark.parametrize(
    ("words", "told"),
    [(["nowhere"], "is no folder"), (["."], "holds no <student>"), ([".", "--lessons", "77"], "there is no 77")],
)
def test_a_wrong_word_is_told(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    assert command.main(words) == 2
    assert told in capsys.readouterr().err


def test_marks_are_not_written_among_the_submissions(tmp_path, capsys):
    hand_in(tmp_path, "submitted", "ada", NAME)
    assert command.main([str(tmp_path), "--out", str(tmp_path / "submitted" / "marks")]) == 2
    assert "is among the students' folders; choose one beside" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="paths and links of Linux")
def test_submissions_are_hidden_where_they_lie_among_what_a_sandbox_shows(tmp_path):
    usr, class_ = tmp_path / "usr", tmp_path / "usr" / "share" / "class"
    class_.mkdir(parents=True)
    (tmp_path / "bin").symlink_to(usr)
    (tmp_path / "python").mkdir()
    shown = [usr, tmp_path / "bin", tmp_path / "python"]
    hidden = [class_, tmp_path / "elsewhere", tmp_path / "bin" / "share"]
    assert sandbox._below(hidden, shown) == [usr / "share", class_]


def test_without_a_sandbox_nothing_is_marked_and_the_remedy_is_told(tmp_path, monkeypatch, capsys):
    hand_in(tmp_path, "class", "ada", NAME)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main([str(tmp_path / "class"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in ("Nothing was marked", "bubblewrap", "--trust"))
    assert not (tmp_path / "out" / "grades.csv").exists()


def test_nothing_of_a_student_is_parsed_unpickled_or_run_in_the_graders_own_process():
    """Its files outside ``inside`` call neither exec, eval, compile, ast, pickle nor nbformat."""
    home = results._HOME / "grading"
    never = {"exec", "eval", "compile", "ast", "pickle", "nbformat", "marshal", "linecache"}
    for path in home.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used = {getattr(node, "id", getattr(node, "attr", getattr(node, "name", ""))) for node in ast.walk(tree)}
        assert not used & never - ({"compile"} if path.name == "submissions.py" else set()), path.name
