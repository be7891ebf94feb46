"""Exercise sheets for nbgrader: the metadata of their cells, and the folder that its commands run in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from koopcourse.authoring.cut import sections
from koopcourse.notebook_io import notebook_bytes

if TYPE_CHECKING:
    from nbformat import NotebookNode

HOME = "nbgrader"
CONFIG = "nbgrader_config.py"
MADE = [f"{HOME}/{name}" for name in ("release/", "submitted/", "autograded/", "feedback/", "gradebook.db", "*.csv")]
PAGE = """\
# Marking with nbgrader

The cells of the sheets in `../exercises` and `source` carry nbgrader's marks, and `{config}` sets the checks to
raise, without which an untouched sheet would have full marks. One exercise passes or fails as a whole.

**For honest students.** A sheet that defines a `check` of its own, or calls the package's method, gets the points.
Marks that stand against that come from `python -m koopcourse grade`, in the course's own clone.

`python3 course.py setup --dev` installs nbgrader. Move this folder to where you mark, out of what students see, and in
it, with the environment active:

```sh
nbgrader generate_assignment {first}     # release/: hand this out, or the sheet in exercises/
nbgrader autograde {first}               # of submitted/STUDENT/{first}/{first}.ipynb
nbgrader generate_feedback {first}       # feedback/
nbgrader export                                  # grades.csv
```

The assignments: {names}.
"""


def mark(notebooks: Iterable[NotebookNode], points: Mapping[str, int]) -> None:
    """Tell nbgrader, in the cells' metadata, where an answer goes and which check gives how many points."""
    for notebook in notebooks:
        for exercise, cells in sections(notebook.cells).items():
            code = [cell for cell in cells if cell.cell_type == "code"]
            answers = [cell for cell in code if "YOUR CODE HERE" in cell.source]
            checks = [cell for cell in code if re.search(rf'\bcheck\("{exercise}"', cell.source)]
            if not answers or len(checks) != 1:
                raise ValueError(
                    f"release: {exercise} has {len(answers)} answer cells and {len(checks)} checks; "
                    "nbgrader needs one or more, and one."
                )
            for number, cell in enumerate(answers, start=1):
                name = f"{exercise}-answer" + f"-{number}" * (number > 1)
                cell.metadata["nbgrader"] = _marks(name, solution=True)
            checks[0].metadata["nbgrader"] = _marks(f"{exercise}-check", grade=True, points=points[exercise])


def _marks(name: str, *, grade: bool = False, solution: bool = False, **more: int) -> dict[str, Any]:
    flags = {"grade": grade, "solution": solution, "locked": grade, "task": False}
    return {"grade_id": name, "schema_version": 3, **flags, **more}


def files(exercises: Mapping[str, NotebookNode]) -> dict[str, bytes]:
    """The folder for nbgrader: its settings, a page, and each sheet as an assignment's source."""
    names = [Path(path).stem for path in sorted(exercises)]
    page = PAGE.format(config=CONFIG, first=names[0], names=", ".join(f"`{name}`" for name in names))
    settings = (Path(__file__).parent / "nbgrader_config_there.py").read_bytes()
    sources = {f"{HOME}/source/{Path(p).stem}/{Path(p).name}": notebook_bytes(n) for p, n in exercises.items()}
    return {f"{HOME}/{CONFIG}": settings, f"{HOME}/README.md": page.encode(), **sources}
