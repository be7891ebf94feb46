"""From scripts to notebooks: execute what has changed, cut the exercises, touch nothing else."""

from __future__ import annotations

import copy
import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import koopcourse
import koopteach
from koopcourse.authoring import recordings
from koopcourse.authoring.cut import cut
from koopcourse.authoring.execute import CannotBuild, code_cells, complaints, execute
from koopcourse.authoring.tree import EXECUTED, Course, Script
from koopcourse.notebook_io import notebook_bytes, read_notebook, read_script, write_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

PACKAGES = (Path(koopteach.__file__).parent, Path(koopcourse.__file__).parent)
UNUSED = {"__pycache__", "authoring", "grading", "release", "site", "teaching"}  # folders that change no output
Say = Callable[[str], None]


def build(course: Course, names: Sequence[str] = (), *, force: bool = False, say: Say = print) -> bool:
    """Build the named notebooks, or all; one line for each. True if every one of them could be built."""
    fine = True
    for script in course.select(names):
        try:
            say(f"{script.name}: {_build_pair(script, force) if script.kind in EXECUTED else _begun(script)}")
            if script.kind == "solutions":
                written = write_notebook(cut(read_script(script.path)), script.exercise)
                say(f"exercises/{script.exercise.name}: {'cut' if written else 'unchanged'}")
        except (CannotBuild, ValueError) as problem:
            fine = False
            say(f"{script.name}: NOT BUILT, {problem}")
    return fine


def unexecuted(script: Script, built_from: str) -> NotebookNode:
    """The notebook of a script as it is before it runs: all that a build decides by itself."""
    notebook = read_script(script.path)
    notebook.metadata["koopteach"] = {"built_from": built_from}
    return notebook


def fingerprint(script: Script) -> str:
    """A hash of the source and of the files of both packages that can change its outputs."""
    digest = hashlib.sha256()
    for path in [script.path, *_package_files(script.lesson)]:
        digest.update(path.name.encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:16]


def _package_files(lesson: str) -> list[Path]:
    """All but the authors' and the teachers' tools, which no lesson uses, and other lessons' exercises."""

    def counts(path: Path, package: Path) -> bool:
        if UNUSED & {*path.relative_to(package).parts} or not path.is_file():
            return False
        return path.parent.name != "exercises" or path.stem in ("__init__", f"l{lesson}")

    return [path for package in PACKAGES for path in sorted(package.rglob("*")) if counts(path, package)]


def _begun(script: Script) -> str:
    """The notebook of a starter, which its reader is the first to run."""
    return "written" if write_notebook(read_script(script.path), script.notebook) else "unchanged"


def _build_pair(script: Script, force: bool) -> str:
    fresh = unexecuted(script, fingerprint(script))
    if not force and _is_built(fresh, script):
        return "unchanged"
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        notebook = execute(fresh, script.path.parent, record=Path(scratch))
        found = complaints(notebook)
        if found:
            raise CannotBuild("; ".join(found))
        pictures = recordings.store(Path(scratch), script.recorded)
    written = write_notebook(notebook, script.notebook)  # last: interrupted before, it is built again
    told = f", {pictures} pictures of its widgets" if pictures else ""
    return f"{'built' if written else 'same outputs'} in {time.perf_counter() - started:.0f} s{told}"


def _is_built(fresh: NotebookNode, script: Script) -> bool:
    """True if the stored notebook came from this source and package, nobody edited it since, and it is recorded."""
    if not script.notebook.exists():
        return False
    stored = read_notebook(script.notebook)
    if without_outputs(stored) != notebook_bytes(fresh) or complaints(stored):
        return False
    return not recordings.faults(stored, script.recorded)


def without_outputs(stored: NotebookNode) -> bytes:
    """A stored notebook's bytes but for its outputs and counts."""
    bare = copy.deepcopy(stored)
    for cell in code_cells(bare):
        cell.outputs, cell.execution_count = [], None
    return notebook_bytes(bare)
