"""A class's folder: what goes in, what stays out, what it links to, how it is written, brought up to date and run."""

import ast
import codecs
import json
import os
import posixpath
import re
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import asdict, replace

import pytest

from tests.needs import needs, needs_command

needs("jupytext")

from koopcourse.authoring.cut import leaks
from koopcourse.authoring.tree import Course
from koopcourse.checks.declared import load
from koopcourse.notebook_io import notebook_bytes, read_notebook, read_script, regions
from koopcourse.release import declared, folder, pages, parts, sheets, shipped
from koopcourse.release.command import main
from koopcourse.release.contents import Choice, data, gather
from koopcourse.zoo import TEACHERS

COURSE = Course()
CHOICE = Choice(("01", "05"))
PACKAGES = ("koopteach/", "course/koopcourse/")
LINKS = re.compile(r"\]\(([^()\s]+)\)|(?:href|src)=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def release():
    return gather(COURSE, CHOICE)


@pytest.fixture(scope="module")
def there(release, tmp_path_factory):
    """A release of lessons 01 and 05, written."""
    target = tmp_path_factory.mktemp("class") / "Kurs für Köpfe"
    folder.write(release.files, asdict(CHOICE), target)
    return target


def texts(release):
    """The text files of a release by name, those of the packages apart, whose checks hold the references."""
    return {name: content.decode() for name, content in release.files.items() if not name.startswith(PACKAGES)}


def notebook_of(release, path):
    return json.loads(release.files[path])


def prose(notebook):
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")


# ------------------------------------------------------------------ what goes in, and what stays out


@pytest.mark.slow
def test_the_lessons_and_sheets_are_those_of_the_course(release):
    notebooks = {name for name in release.files if name.endswith(".ipynb")}
    stems = ("01_langevin", "05_kswgd")
    assert notebooks == {f"{kind}/{stem}.ipynb" for kind in ("notebooks", "exercises") for stem in stems}
    assert release.files["exercises/05_kswgd.ipynb"] == (COURSE.root / "exercises/05_kswgd.ipynb").read_bytes()


@pytest.mark.slow
def test_no_solution_comes_along(release):
    found = texts(release)
    assert [name for name in release.files if "solution" in name] == []
    assert [name for name, text in found.items() if "BEGIN SOLUTION" in text] == []
    scripts = [read_script(script.path) for script in COURSE.scripts("solutions")]
    bodies = [
        textwrap.dedent(body).strip() for script in scripts for cell in script.cells for body in regions(cell.source)
    ]
    assert len(bodies) > 70
    code = {name: "\n".join(map(str.strip, text.splitlines())) for name, text in found.items() if name.endswith(".py")}
    code |= {n: sheets.code_in(text) for n, text in found.items() if n.endswith(".ipynb")}
    telling = [body for body in bodies if len(body) > 60]
    assert [(name, body) for name, text in code.items() for body in telling if body in text] == []
    handed_out = [
        read_notebook(COURSE.root / name) for name in found if name.startswith("exercises/") and "ipynb" in name
    ]
    assert not list(leaks(scripts, handed_out))


@pytest.mark.slow
def test_the_authors_and_the_teachers_tools_stay_out(release):
    mine = [name.removeprefix("course/koopcourse/") for name in release.files if name.startswith("course/koopcourse/")]
    assert {name for name in mine if name.split("/")[0] in parts.TEACHERS} == set(parts.RUNS)
    assert [name for name in mine if name.startswith("exercises/l")] == ["exercises/l01.py", "exercises/l05.py"]
    assert not [n for n in release.files if n.startswith(("experiments", "results", "solutions", ".git/", ".ci"))]
    assert not [name for name in release.files if name.endswith((".safetensors", ".npz", ".pyc"))]


def test_every_part_of_the_course_is_for_learners_or_known_to_be_for_teachers():
    """A new part of koopcourse is handed out unless somebody says that it is the teacher's."""
    learners = {
        "capstones",
        "checks",
        "exercises",
        "images",
        "plotting",
        "data",
        "doctor",
        "judges",
        "notebook_io",
        "runtime",
        "terminal",
        "zoo",
    }
    home = COURSE.root / "course" / "koopcourse"
    found = {path.stem for path in home.iterdir() if path.suffix in ("", ".py") and not path.stem.startswith("__")}
    assert found - {"py"} <= learners | set(parts.TEACHERS)


def test_a_module_brings_those_whose_exercises_it_reuses(tmp_path):
    assert declared.modules(COURSE.root / "course/koopcourse/exercises", ["17"]) == ["l01", "l03", "l05", "l10", "l17"]
    assert list(declared.siblings("from koopcourse.exercises.l03 import E1\nimport koopcourse.exercises.l04")) == [
        "l03",
        "l04",
    ]
    for name, source in {"l20": "from koopcourse.exercises import l21", "l21": "import math", "l22": ""}.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    assert declared.modules(tmp_path, ["20", "99"]) == ["l20", "l21"]


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ('kc.shipped("moons-teacher")', ["moons-teacher.safetensors"]),
        ('kc.shipped("moons-student")', ["moons-student.safetensors", "moons-teacher.safetensors"]),
        ('kc.load_images("fashion28")', ["fashion28-test.npz"]),
        ('read(DATA / "weather.csv")', ["weather.csv"]),
        ('page_picture("dimension", alt="")', ["page-dimension.png"]),
        (
            '{name: kc.shipped(f"{name}-student") for name in names}',
            ["moons-student.safetensors", "moons-teacher.safetensors"],
        ),
        ("list(map(kc.shipped, names))", ["moons-student.safetensors", "moons-teacher.safetensors"]),
        ("1 + 1", []),
    ],
)
def test_what_the_notebooks_load_is_there_and_nothing_else(code, kept):
    files = ["moons-student.safetensors", "moons-teacher.safetensors", "fashion28-test.npz", "weather.csv"]
    files += ["page-dimension.png", "models.json", "__init__.py"]
    assert shipped.needed(files, [code], code) == [*kept, "models.json", "__init__.py"]


def test_a_model_that_a_text_only_names_is_there_for_whoever_tries_it():
    assert shipped.needed(["moons-teacher.safetensors"], [""], "Now try `moons-teacher`.") == [
        "moons-teacher.safetensors"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("lesson", ["08", "10", "11", "12", "16", "17"])
def test_whatever_a_lesson_loads_by_name_is_in_its_release(lesson):
    notebooks = {path: notebook_bytes(notebook) for path, notebook in sheets.chosen(COURSE, [lesson]).items()}
    files = data(COURSE.root, notebooks)
    source = "\n".join(s.path.read_text(encoding="utf-8") for s in COURSE.scripts() if s.lesson == lesson)
    named = {f"{name}.safetensors" for name in TEACHERS if f'"{name}"' in source}
    named |= {f"{TEACHERS[name]}.safetensors" for name in TEACHERS if f'"{name}"' in source and TEACHERS[name]}
    named |= set(re.findall(r'"(\w+\.csv)"', source)) - {"measured.csv"}
    assert named
    assert named <= {posixpath.basename(name) for name in files}


# ------------------------------------------------------------------ links


def dead(files, texts):
    """Relative links of these texts that lead to no file."""
    for name, text in texts.items():
        for one, other in LINKS.findall(text):
            target = (one or other).partition("#")[0]
            inside = target and "://" not in target and not target.startswith(("mailto:", "data:"))
            if inside and posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) not in files:
                yield name, target


@pytest.mark.slow
@pytest.mark.parametrize("lessons", [("00",), ("10",), ("17",), ("01", "05"), ("03", "08", "10")], ids="-".join)
def test_every_relative_link_leads_somewhere(lessons):
    made = gather(COURSE, Choice(lessons, nbgrader=True))
    pages_there = {name: content.decode() for name, content in made.files.items() if name.endswith(".md")}
    read = {n: prose(notebook_of(made, n)) for n in made.files if n.endswith(".ipynb") and n.startswith(("n", "e"))}
    read = {name: text for name, text in read.items() if not name.startswith("nbgrader/")}
    assert list(dead(made.files, pages_there | read)) == []
    assert any(LINKS.search(text) for text in (pages_there | read).values())


def test_a_link_to_a_lesson_that_is_not_here_becomes_text():
    text = "See [lesson 08](08_x.ipynb#a), [this](05_y.ipynb), [a page](https://example.org/a) and [below](#b)."
    left, lost = sheets.unlinked(text, "notebooks/10_z.ipynb", ["notebooks/05_y.ipynb"])
    assert left == text.replace("[lesson 08](08_x.ipynb#a)", "lesson 08")
    assert lost == {"notebooks/08_x.ipynb"}


@pytest.mark.slow
def test_the_teacher_is_told_of_lost_links_and_of_what_a_lesson_builds_on(tmp_path, capsys):
    assert main([str(tmp_path / "class"), "--lessons", "10"]) == 0
    said = capsys.readouterr().out
    assert re.search("^lesson 10 builds on .*08, which the class must know: not in this folder$", said, re.M)
    assert "links to lessons 03, 08, 12, which are not here, became plain text" in said
    assert "became text" in (tmp_path / "class/README.md").read_text(encoding="utf-8")


# ------------------------------------------------------------------ the pages


@pytest.mark.slow
def test_an_exercise_gives_as_many_points_as_it_takes_minutes(release):
    assert release.files["due.csv"].startswith(codecs.BOM_UTF8), "without it Excel shows accents wrongly"
    lines = release.files["due.csv"].decode("utf-8-sig").splitlines()
    assert lines[0] == "lesson,exercise,title,points,due"
    assert [int(line.split(",")[-2]) for line in lines[1:]] == [
        e.minutes for n in ("01", "05") for e in load(n).EXERCISES
    ]
    assert '01,L01-E2,"A Langevin chain, thinned",10,' in lines
    page = release.files["DUE.md"].decode()
    assert "| **lesson 05** | | **39** | |" in page
    assert f"| **all** | | **{sum(row.points for row in release.exercises)}** | |" in page


def test_a_day_stands_in_every_row():
    listed = pages.rows(("05",), "2027-01-15")
    assert [line.endswith(",2027-01-15") for line in pages.due_csv(listed).splitlines()[1:]] == [True] * 5
    assert pages.due_page(listed).count("| 2027-01-15 |") == 5


@pytest.mark.slow
def test_the_readme_names_its_lessons_and_commands_alone(release):
    page = release.files["README.md"].decode()
    assert "# koopteach, for a class: lessons 01, 05" in page
    assert re.findall(r"^\| \[(\w+)\]", page, re.M) == ["01_langevin", "05_kswgd"]
    assert "| 75 | [5](exercises/05_kswgd.ipynb) | 39 |" in page
    assert re.findall(r"^python3 course.py(.*?)  +#", page, re.M) == ["", " test"]
    assert "nbgitpuller is to pull that repository" in page
    assert "nbgrader" not in page
    assert "wheels/" not in page
    assert max(len(line) for line in page.splitlines() if not line.startswith("|")) <= 120


@pytest.mark.slow
def test_the_evening_has_its_sheet_for_a_lesson():
    page = gather(COURSE, Choice(("17",))).files["README.md"].decode()
    assert "| [17_an_evening](exercises/17_an_evening.ipynb) | " in page
    assert "a class: lesson 17\n" in page


@pytest.mark.slow
def test_the_settings_are_pytests_alone(release):
    told = tomllib.loads(release.files["pyproject.toml"].decode())
    assert set(told["tool"]) == {"setuptools", "pytest"}
    assert told["project"] == tomllib.loads((COURSE.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    options = told["tool"]["pytest"]["ini_options"]
    assert options["testpaths"] == ["notebooks", "exercises", "tests"]
    assert options["addopts"].endswith("-m 'not slow and not browser and not all'")
    with pytest.raises(ValueError, match="testpaths"):
        parts.settings("[tool.pytest.ini_options]\naddopts = \"-m 'not all'\"\n")


@pytest.mark.slow
def test_its_tests_import_nothing_that_is_not_there(release):
    modules = {name.removesuffix(".py").removeprefix("course/").replace("/", ".") for name in release.files}
    modules |= {name.removesuffix(".__init__") for name in modules}
    packages = {".".join(name.split(".")[:k]) for name in modules for k in (1, 2)}
    for name in (name for name in release.files if name.startswith("tests/") and name.endswith(".py")):
        for node in ast.walk(ast.parse(release.files[name].decode())):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in ("tests", "koopcourse", "experiments"):
                assert node.module in modules | packages, name
    assert sum(name.startswith("tests/koopteach/") for name in release.files) > 40


# ------------------------------------------------------------------ writing and bringing up to date


def tree(target):
    return {p.relative_to(target).as_posix(): p.read_bytes() for p in sorted(target.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes(there, tmp_path):
    assert main([str(tmp_path / "again"), "--lessons", "5, 01"]) == 0
    assert tree(tmp_path / "again") == tree(there)


@pytest.fixture
def small(tmp_path):
    """A written release of three files."""
    files = {"README.md": b"one", "a/b.py": b"two", "DUE.md": b"three"}
    folder.write(files, {"lessons": ["05"]}, tmp_path / "class")
    return tmp_path / "class", files


def test_a_folder_that_holds_something_is_refused(tmp_path, small):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match=r"DIR must be a new or an empty folder, and .*full is not empty\."):
        folder.refuse_unless_free(tmp_path / "full", COURSE.root)
    with pytest.raises(ValueError, match="is not empty; --update brings it up to date"):
        folder.refuse_unless_free(small[0], COURSE.root)
    with pytest.raises(ValueError, match="is a file"):
        folder.refuse_unless_free(tmp_path / "full" / "mine.txt", COURSE.root)
    with pytest.raises(ValueError, match="must lie outside the course's own folder"):
        folder.refuse_unless_free(COURSE.root / "class", COURSE.root)
    folder.refuse_unless_free(tmp_path / "new", COURSE.root)


def test_an_empty_folder_is_filled_and_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "class").mkdir()
    with monkeypatch.context() as broken:
        broken.setattr(folder.os, "replace", lambda *paths: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            folder.write({"a": b"1"}, {}, tmp_path / "class")
    assert [path.name for path in tmp_path.rglob("*")] == ["class"]
    folder.write({"a": b"1"}, {}, tmp_path / "class")
    assert {path.name for path in (tmp_path / "class").iterdir()} == {"a", ".release.json"}


def test_an_update_changes_what_is_its_own_and_loses_nothing(small):
    target, _ = small
    (target / "work").mkdir()
    (target / "work/answers.ipynb").write_text("mine", encoding="utf-8")
    (target / "DUE.md").write_text("three, by Friday", encoding="utf-8")
    (target / "new.txt").write_text("the teacher's", encoding="utf-8")
    newer = {"README.md": b"ONE", "DUE.md": b"THREE", "new.txt": b"ours", "c.txt": b"four"}
    for _ in range(2):  # and again: it is still theirs
        assert folder.update(newer, {"lessons": ["05"]}, target) == ["DUE.md", "new.txt"]
        assert tree(target).keys() == {"README.md", "DUE.md", "new.txt", "c.txt", "work/answers.ipynb", ".release.json"}
        assert (target / "README.md").read_bytes() == b"ONE"
        assert (target / "DUE.md").read_text(encoding="utf-8") == "three, by Friday"
        assert (target / "work/answers.ipynb").read_text(encoding="utf-8") == "mine"
        assert not (target / "a").exists()
    (target / "DUE.md").unlink()  # whoever wants ours takes theirs away
    assert folder.update(newer, {"lessons": ["05"]}, target) == ["new.txt"]
    assert (target / "DUE.md").read_bytes() == b"THREE"


def test_an_update_that_was_interrupted_goes_on(small, monkeypatch):
    target, files = small
    newer = {name: content.upper() for name, content in files.items()}
    with monkeypatch.context() as broken:
        put = folder._put
        broken.setattr(folder, "_put", lambda path, content: put(path, content) if path.name == "README.md" else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            folder.update(newer, {}, target)
    assert (target / "README.md").read_bytes() == b"ONE"
    assert folder.update(newer, {}, target) == []
    assert (target / "a/b.py").read_bytes() == b"TWO"


@pytest.mark.slow
def test_an_update_needs_no_words_and_a_release(tmp_path, capsys):
    target = str(tmp_path / "class")
    assert main([target, "--lessons", "15", "--due", "2027-01-15", "--nbgrader"]) == 0
    before = tree(tmp_path / "class")
    assert main([target, "--update"]) == 0
    assert tree(tmp_path / "class") == before
    (tmp_path / "other").mkdir()
    assert main([str(tmp_path / "other"), "--update", "--lessons", "15"]) == 1
    assert "--update needs a folder that holds a release" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--lessons", "01,99"], "lesson must be one of 00, 01, .*, 17, got '99'"),
        ([], "--lessons names what goes in"),
    ],
)
def test_a_wrong_word_gets_a_sentence(tmp_path, capsys, words, told):
    assert main([str(tmp_path / "class"), *words]) == 1
    assert re.search(told, capsys.readouterr().err)
    assert not (tmp_path / "class").exists()


def test_a_day_that_is_none_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "class"), "--lessons", "15", "--due", "Friday"])
    assert "--due" in capsys.readouterr().err


# ------------------------------------------------------------------ it works alone


# What is installed in place would be found in the clone where the release lacks it.
ALONE = """
import sys

sys.meta_path[:] = [finder for finder in sys.meta_path if getattr(finder, "__name__", "") != "_EditableFinder"]
"""


def alone(there, *command):
    """A command in a release, which finds the packages there and nowhere else."""
    site = there.parent / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(ALONE, encoding="utf-8")
    paths = os.pathsep.join([str(site), str(there), str(there / "course")])
    found = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run([sys.executable, *command], cwd=there, env=found, capture_output=True, encoding="utf-8")


IMPORTS = """
import importlib, pkgutil
import koopcourse, koopteach
from koopcourse import check
from koopcourse.checks import declared

for package in (koopteach, koopcourse):
    assert package.__file__.startswith(HERE), package.__file__
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
for package in (koopteach, koopcourse):
    for name in package.__all__:
        getattr(package, name)
for lesson in declared.numbers():
    for exercise in declared.load(lesson).EXERCISES:
        check(exercise.id, exercise.reference)
"""


@pytest.mark.slow
def test_the_packages_import_and_every_check_works(there):
    done = alone(there, "-c", f"HERE = {str(there)!r}\n{IMPORTS}")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^PASSED ✓ (L\d\d-E\d)", done.stdout, re.M) == [
        f"L{n}-E{k}" for n in ("01", "05") for k in range(1, 6)
    ]


@pytest.mark.slow
def test_the_learners_commands_are_there_and_the_teachers_are_not(there):
    done = alone(there, "-m", "koopcourse", "--help")
    commands = re.findall(r"^  (\w+)", done.stdout, re.M)
    assert commands == ["doctor", "progress"], done.stdout + done.stderr


BROKEN = "from koopcourse import check\n\n1 / 0"


@pytest.mark.slow
def test_its_test_command_runs_lessons_and_unsolved_sheets(tmp_path):
    """A lesson is compared with what it stores; a sheet must run, solved or not; a cell that breaks is seen."""
    needs_command("nbval")
    target = tmp_path / "class"
    made = gather(COURSE, Choice(("00",)))
    sheet = read_notebook(COURSE.root / "exercises/00_start_here.ipynb")
    sheet.cells = sheet.cells[:2]
    sheet.cells[1].source = BROKEN
    folder.write({**made.files, "exercises/99_broken.ipynb": notebook_bytes(sheet)}, {}, target)
    done = alone(
        target, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--nbval", "notebooks", "exercises"
    )
    code = [c for n in ("notebooks", "exercises") for c in read_notebook(COURSE.root / n / "00_start_here.ipynb").cells]
    passed = sum(cell.cell_type == "code" for cell in code)
    assert re.search(rf"^1 failed, {passed} passed", done.stdout, re.M), done.stdout + done.stderr
    assert "exercises/99_broken.ipynb::Cell 0" in done.stdout


@pytest.mark.slow
def test_its_quick_tests_run_under_its_settings(there):
    """Some of them; the nightly command runs them all."""
    some = ["tests/koopteach/test_columns.py", "tests/course/test_relation.py"]
    done = alone(there, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *some)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed", done.stdout, re.M)


@pytest.mark.slow
def test_another_choice_changes_the_record(release, there):
    record = json.loads((there / folder.MANIFEST).read_text(encoding="utf-8"))
    assert record["lessons"] == ["01", "05"]
    assert set(record["files"]) == set(release.files)
    assert replace(CHOICE, due="2027-01-15") != CHOICE
