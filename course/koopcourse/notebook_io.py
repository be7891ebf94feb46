"""Read the course's sources, write its notebooks: the same bytes whenever the same content is written.

A source is a percent script without header. Its notebook keeps of each cell the kind, the text and the
tags, and takes numbered ids in place of random ones, so that nothing differs from one build to the next.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

# No patch version of Python and nothing of the author's machine.
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

# A cell with this tag opens folded: it draws or proves, and the road goes past it.
COLLAPSED = "collapsed"

REGION = re.compile(r"^(?P<pad>[ \t]*)### BEGIN SOLUTION\n(?P<body>.*?)^[ \t]*### END SOLUTION[ \t]*$", re.S | re.M)
STUB = '{pad}# YOUR CODE HERE\n{pad}raise NotImplementedError("replace these two lines by your answer")'
_DETAILS = re.compile(r"<details>\s*<summary>(?P<title>.*?)</summary>(?P<body>.*?)</details>", re.S)


def read_script(path: Path) -> NotebookNode:
    """The notebook that a percent script describes, with no outputs and with the ids ``c000``, ``c001``, ...

    Raises:
        ValueError: if the script has a YAML header, which would make the pair disagree about metadata.
        ImportError: with the command that installs jupytext.
    """
    text = path.read_text(encoding="utf-8")
    if not text.startswith("# %%"):
        raise ValueError(
            f"{path}: the first line must open a cell with '# %%', got {text[:20]!r}. "
            "A source has no header; jupytext adds one when its settings in pyproject.toml are not found."
        )
    return canonical(_jupytext().reads(text, fmt="py:percent"))


def canonical(notebook: NotebookNode) -> NotebookNode:
    """A copy without outputs that keeps each cell's kind, text and tags alone, with numbered ids.

    JupyterLab opens a cell that is tagged ``collapsed`` with its code folded away.
    """
    from nbformat import v4

    cells = []
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        metadata: dict[str, Any] = {"tags": list(tags)} if tags else {}
        if COLLAPSED in metadata.get("tags", ()):
            metadata["jupyter"] = {"source_hidden": True}
        make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}[cell.cell_type]
        cells.append(make(cell.source, id=f"c{number:03d}", metadata=metadata))
    return v4.new_notebook(cells=cells, metadata=KERNEL, nbformat_minor=5)


def read_notebook(path: Path) -> NotebookNode:
    """The stored notebook, outputs and all."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    assert isinstance(notebook, nbformat.NotebookNode)
    return notebook


def title(notebook: NotebookNode) -> str:
    """What a lesson or a sheet is called: its first line."""
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


def notebook_bytes(notebook: NotebookNode) -> bytes:
    """What :func:`write_notebook` writes: sorted keys, an indent of one, a last line end."""
    import nbformat

    nbformat.validate(notebook)
    return (nbformat.writes(notebook, version=4).rstrip("\n") + "\n").encode()


def write_notebook(notebook: NotebookNode, path: Path) -> bool:
    """Write the notebook unless the file holds these bytes already; say whether it was written.

    The file is replaced in one step, so that an interrupted build leaves the old notebook whole.
    """
    content = notebook_bytes(notebook)
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(scratch, 0o644)  # mkstemp's files are their author's alone
    os.replace(scratch, path)
    return True


def cut_regions(source: str) -> str:
    """Replace every solution region by a stub at the region's indentation."""
    return REGION.sub(lambda region: STUB.format(pad=region["pad"]), source)


def regions(source: str) -> list[str]:
    """The text inside each solution region."""
    return [region["body"] for region in REGION.finditer(source)]


def folds(markdown: str) -> list[tuple[str, str]]:
    """The title and the text of each ``<details>`` block."""
    return [(fold["title"].strip(), fold["body"]) for fold in _DETAILS.finditer(markdown)]


def _jupytext() -> Any:
    try:
        import jupytext
    except ImportError as missing:
        raise ImportError("jupytext is missing. Install it: pip install jupytext") from missing
    return jupytext
