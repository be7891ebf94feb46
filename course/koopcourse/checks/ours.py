"""After a check has passed: the course's own few lines, folded, for comparison."""

from __future__ import annotations

import html
import re
import sys
import textwrap
from pathlib import Path

from koopteach.progress_bar import interactive

SOLUTIONS = Path(__file__).resolve().parents[3] / "solutions"  # of a clone; a class's folder has none
_REGION = re.compile(r"^[ ]*### BEGIN SOLUTION\n(.*?)^[ ]*### END SOLUTION", re.S | re.M)


def unfold(exercise_id: str) -> None:
    """Show the course's answer behind a fold, in a notebook that a person sits at; elsewhere nothing."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not interactive() or not hasattr(shell, "kernel") or not (lines := our_answer(exercise_id)):
        return
    from IPython.display import HTML, display

    fold = f"<details><summary>Our answer, for comparison</summary><pre>{html.escape(lines)}</pre></details>"
    display(HTML(fold))


def our_answer(exercise_id: str, folder: Path = SOLUTIONS) -> str:
    """The lines between the solution marks of an exercise, "" where its solution is not at hand."""
    for script in folder.glob(f"{exercise_id[1:3]}_*.py"):
        before, found, _ = script.read_text(encoding="utf-8").partition(f'check("{exercise_id}"')
        regions = _REGION.findall(before.rpartition("\n# ## L")[2]) if found else []
        return "\n\n".join(textwrap.dedent(region).strip() for region in regions)
    return ""
