"""The recorded widgets beside their notebook: ``notebooks/recorded/NN_topic/``, for pages without a kernel.

``widgets.json`` lists the calls of ``explore``, in order::

    [{"cell": 31, "call": 0, "controls": [
        {"name": "damping", "labels": ["inf", "30"], "start": 0,
         "frames": ["1-start.webp", "1-damping-1.webp"], "alts": ["...", "..."]}]}]

``cell`` is the cell's index in the notebook, ``call`` counts its calls from 0, ``start`` is the index of the label that
the widget opens with; all controls of a widget share its picture.
"""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from koopcourse.authoring.sheet import calls, syntax

if TYPE_CHECKING:
    from nbformat import NotebookNode

INDEX, NOTES = "widgets.json", "widgets.jsonl"  # the latter by koopcourse.plotting.recorder
DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def store(scratch: Path, folder: Path) -> int:
    """Put what a run recorded into the notebook's folder, in place of all that was there; how many pictures it is.

    Args:
        scratch: where the kernel recorded.
        folder: of the recording. It is removed if nothing was recorded; a file with the same bytes is left alone.
    """
    wanted = {picture.name: picture.read_bytes() for picture in sorted(scratch.glob("*.webp"))}
    if wanted:
        index = json.dumps(_index(scratch / NOTES), indent=1, ensure_ascii=False) + "\n"
        wanted[INDEX] = index.encode()
    for path in folder.glob("*"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    if not wanted:
        shutil.rmtree(folder, ignore_errors=True)
    return max(0, len(wanted) - 1)


def _index(notes: Path) -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = []
    for line in notes.read_text(encoding="utf-8").splitlines():
        noted = json.loads(line)
        call = sum(widget["cell"] == noted["cell"] for widget in widgets)
        widgets.append({"cell": noted["cell"], "call": call, "controls": noted["controls"]})
    return widgets


def read(folder: Path) -> list[dict[str, Any]]:
    """The widgets of a recorded notebook; none where nothing is recorded."""
    path = folder / INDEX
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def exploring(notebook: NotebookNode) -> list[int]:
    """The places of the cells that call ``explore`` themselves, not only in a function that they define."""

    def explores(cell: NotebookNode) -> bool:
        tree = syntax(cell) if cell.cell_type == "code" else None
        return any(calls(node, "explore") for node in tree.body if not isinstance(node, DEFINITIONS)) if tree else False

    return [i for i, cell in enumerate(notebook.cells) if explores(cell)]


def faults(notebook: NotebookNode, folder: Path) -> list[str]:
    """Where a stored notebook and its recording disagree."""
    widgets = read(folder)
    recorded, explored = {widget["cell"] for widget in widgets}, set(exploring(notebook))
    found = [f"cell {i} calls explore and is not recorded" for i in sorted(explored - recorded)]
    found += [f"cell {i} is recorded and does not call explore" for i in sorted(recorded - explored)]
    named = {frame for widget in widgets for control in widget["controls"] for frame in control["frames"]}
    there = {path.name for path in folder.glob("*")} - {INDEX}
    found += [f"{name} is missing" for name in sorted(named - there)]
    return found + [f"{name} belongs to no widget" for name in sorted(there - named)]
