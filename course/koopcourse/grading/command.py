"""``python -m koopcourse grade FOLDER``: mark what a class handed in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from koopcourse.checks import declared
from koopcourse.grading.run import grade
from koopcourse.grading.sandbox import Refused

_ABOUT = """\
Mark FOLDER/<student>/**/NN_topic.ipynb, or nbgrader's submitted/<student>/<assignment>/NN_topic.ipynb; of a student's
notebooks for one lesson the last counts. Answers run in bubblewrap sandboxes, a fresh one for each notebook."""
_OUT = """\
DIR then holds grades.csv, class.html (exercises that are stuck, mistakes by frequency, what to ask) and
feedback/<student>.html. Interrupted, the same command goes on where it was."""


def main(words: Sequence[str] = ()) -> int:
    """Obey the command."""
    told = _parser().parse_args(words)
    out = told.out or told.folder.resolve().with_name(f"{told.folder.resolve().name}-marks")
    try:
        grade(told.folder, out, told.lessons, told.trust)
    except (Refused, ValueError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. What is marked is kept: the same command goes on from there.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m koopcourse grade", description=_ABOUT, epilog=_OUT)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder with one folder a student")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where marks go; FOLDER-marks beside it, if not said")
    parser.add_argument(
        "--lessons",
        type=declared.named,
        metavar="05,06",
        help="these lessons alone; all that were handed in, if not said",
    )
    parser.add_argument("--trust", action="store_true", help="no sandbox: answers run as you, and every row says so")
    return parser
