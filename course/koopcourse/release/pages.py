"""What is written for a class: its README, and the list of exercises with their points."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from koopcourse.authoring.minutes import promised
from koopcourse.authoring.tree import Script
from koopcourse.checks.declared import load
from koopcourse.notebook_io import read_script, title

IGNORED = [
    *(".venv/", "work/", "wheels/", "__pycache__/", "*.egg-info/", "build/"),
    *(".ipynb_checkpoints/", ".pytest_cache/", ".hypothesis/"),
]
README = """\
# koopteach, for a class: {names}

Part of *koopteach*, a course on Koopman operators for generative modelling: {count} with exercises that say what is
wrong with an answer. Your work stays on your computer.

## Start

With Python 3.11 to 3.14, in this folder:

```sh
python3 course.py          # on Windows: py course.py
```

The first time this installs everything into `.venv` here,
{installs},
copies lessons and exercises to `work/`, where you write your answers, and opens the first lesson in JupyterLab. Later
it just opens. What you wrote is never written over, also where a newer version of this folder arrives.

```sh
python3 course.py test     # on Windows: py course.py test
```

tells whether everything works on your computer: it runs the lessons, the exercises as they were handed out and quick
tests of the package. What is in `work/` is neither read nor changed. In trouble, ask
`.venv/bin/python -m koopcourse doctor` (Windows: `.venv\\Scripts\\python -m koopcourse doctor`).

## Lessons

{lessons}

Exercises give as many points as they take minutes; [DUE.md](DUE.md) lists them one by one, [due.csv](due.csv) for a
spreadsheet.

## For whoever hands this out

The folder is plain: copy it, pack it, or make it a repository of its own. nbgitpuller is to pull that repository, not
the course's, which holds the solutions. In the course's own clone, `python -m koopcourse release THIS_FOLDER --update`
brings it up to date; files that you changed by hand, such as the dates in DUE.md, stay as they are.
{more}
## Licence

Made from [koopteach](CITATION.cff) {version} by choosing lessons{unlinked}. Code is under the
[MIT licence](LICENSE), text and figures under [CC BY 4.0](LICENSE-content).
"""
NETWORK = "some 360 MB from the network"
BUNDLED = "from `wheels/` and without network ({bundle})"
MARKED = "`nbgrader/` is for marking with nbgrader, and says how.\n"


class Row(NamedTuple):
    """One exercise of the list."""

    lesson: str
    exercise: str
    title: str
    points: int
    due: str


def rows(lessons: Sequence[str], due: str) -> list[Row]:
    """The exercises of these lessons; an exercise has a point for each minute that it takes."""
    return [Row(lesson, e.id, e.title, e.minutes, due) for lesson in lessons for e in load(lesson).EXERCISES]


def due_csv(listed: Sequence[Row]) -> str:
    """The list for a spreadsheet."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([Row._fields, *listed])
    return f"\N{BYTE ORDER MARK}{file.getvalue()}"  # by it Excel knows UTF-8


def due_page(listed: Sequence[Row]) -> str:
    """The list for people, with the sum of each lesson."""
    lines = ["# What is due", "", "| exercise | | points | due |", "|---|---|---|---|"]
    for lesson in sorted({row.lesson for row in listed}):
        mine = [row for row in listed if row.lesson == lesson]
        lines += [f"| {row.exercise} | {row.title} | {row.points} | {row.due} |" for row in mine]
        lines.append(f"| **lesson {lesson}** | | **{sum(row.points for row in mine)}** | |")
    total = sum(row.points for row in listed)
    return "\n".join([*lines, f"| **all** | | **{total}** | |", "", "A point is a minute that an exercise takes.", ""])


def lessons_table(scripts: Sequence[Script], listed: Sequence[Row], there: Sequence[str]) -> str:
    """One row a lesson: what it is called, how long it takes, its exercises and their points."""
    lines = ["| lesson | | minutes | exercises | points |", "|---|---|---|---|---|"]
    for script in scripts:
        mine = [row.points for row in listed if row.lesson == script.lesson]
        links = [f"{folder}/{script.path.stem}.ipynb" for folder in ("notebooks", "exercises")]
        lesson, sheet = (link if link in there else "" for link in links)
        name, count = f"[{script.path.stem}]({lesson or sheet})", f"[{len(mine)}]({sheet})" if sheet else ""
        lines.append(f"| {name} | {title(read_script(script.path))} | {promised(script)} | {count} | {sum(mine)} |")
    return "\n".join(lines)


def readme(lessons: Sequence[str], table: str, *, version: str, unlinked: bool, bundle: str, nbgrader: bool) -> str:
    """The page that a class sees first."""
    some = len(lessons) > 1
    return README.format(
        names=f"{'lessons' if some else 'lesson'} {', '.join(lessons)}",
        count=f"{len(lessons)} {'lessons' if some else 'lesson'}",
        installs=BUNDLED.format(bundle=bundle) if bundle else NETWORK,
        lessons=table,
        more=MARKED if nbgrader else "",
        version=version,
        unlinked="; links to others became text" if unlinked else "",
    )
