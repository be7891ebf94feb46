"""A teacher with TEACHING.md alone: its own commands hand out, collect, mark and discuss lesson 05 for forty."""

import csv
import html
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests import submissions
from tests.needs import needs_program

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
LESSON, TOTAL = "05", 39
INSTALLS = "python3 course.py setup"  # in the clone, which is installed where this runs


def steps() -> dict[str, list[str]]:
    """The commands of "One lesson from start to end", by the step that they belong to."""
    walk = re.search(r"^## One lesson from start to end.*?(?=^## )", GUIDE, re.M | re.S).group()
    parts = re.split(r"^### (.*)\n", "### 0. Set up\n" + walk, flags=re.M)[1:]
    found = {
        title: [
            line for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S) for line in block.strip().split("\n")
        ]
        for title, text in zip(parts[::2], parts[1::2])
    }
    return {title.split(". ")[1].lower(): lines for title, lines in found.items() if title[0].isdigit()}


def obey(lines: list[str], folder: Path) -> str:
    """Type these lines in a folder, one after the other, each of which must succeed; what they print."""
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(
        ["sh", "-ec", "\n".join(lines)], cwd=folder, env=environment, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_guide_walks_through_all_five_steps():
    found = steps()
    assert list(found) == ["set up", "prepare", "hand out", "collect", "mark", "discuss"]
    assert INSTALLS in found["set up"][0]
    assert all(found[step] for step in ("hand out", "collect", "mark"))


@pytest.mark.slow
def test_the_guides_own_commands_teach_lesson_05_to_forty(tmp_path):
    needs_program("bwrap", "bubblewrap")
    found = steps()
    (tmp_path / "koopteach").symlink_to(ROOT, target_is_directory=True)
    obey([line for line in found["set up"] if INSTALLS not in line], tmp_path)
    folder = tmp_path / "lesson05"

    obey(found["hand out"], folder)
    due = (folder / "class" / "due.csv").read_text(encoding="utf-8-sig")
    assert sum(int(row["points"]) for row in csv.DictReader(due.splitlines())) == TOTAL
    obey(found["collect"], folder)
    class_ = submissions.write(folder, LESSON)
    assert len(class_) == 40
    obey(found["mark"], folder)

    with open(folder / "marks" / "grades.csv", encoding="utf-8-sig", newline="") as file:
        points = {row["student"]: float(row["points"]) for row in csv.DictReader(file)}
    assert len(points) == 42
    assert (points["nobody"], points["everything"]) == (0, TOTAL)
    for made in class_:
        assert all_right(made) == (points[made.student] == TOTAL), made
        assert (points[made.student] == 0) >= (made.kind == "empty"), made
        assert (folder / "marks" / "feedback" / f"{made.student}.html").exists()

    mistakes = Counter(what for made in class_ if made.kind == "mistakes" for what in made.answers.values())
    del mistakes["right"]
    told = html.unescape((folder / "marks" / "class.html").read_text(encoding="utf-8"))
    assert mistakes
    assert all(name in told for name, _ in mistakes.most_common(3))


def all_right(made: submissions.Made) -> bool:
    return set(made.answers.values()) == {"right"}
