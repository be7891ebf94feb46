"""``python -m koopcourse site [DIR]``: build the site from what is stored in the clone."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from koopcourse.authoring.tree import ROOT, Course
from koopcourse.site.address import Address

NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme")


def main(words: Sequence[str] = ()) -> int:
    """Build, and say where; the exit status is 0 where there was nothing to complain about."""
    options = _parser().parse_args(words)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        mend = f'"{sys.executable}" -m pip install -c constraints.txt -e . -e "./course[site]"'
        print(f"site: {', '.join(missing)} missing. In the clone: {mend}", file=sys.stderr)
        return 1
    course = Course(options.course)
    if not course.notebooks("notebooks"):
        print(f"site: {course.root} holds no notebooks/*.ipynb; it is built from a clone.", file=sys.stderr)
        return 1
    from koopcourse.site.build import build

    start = time.process_time()
    folder = options.folder or course.root / "build" / "site"
    try:
        status = build(course, folder, Address.of(course.root, options.address))
    except (OSError, ValueError) as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{folder / 'index.html'}: {len(files)} files, {size:.0f} MB, {time.process_time() - start:.0f} CPU seconds")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m koopcourse site", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="where to (default: build/site)")
    parser.add_argument("--address", metavar="URL", help="the project's (default: [project.urls] Repository)")
    parser.add_argument("--course", type=Path, default=ROOT, metavar="CLONE", help="another clone than this one")
    return parser
