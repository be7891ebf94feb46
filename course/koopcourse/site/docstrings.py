"""What docstrings need before Sphinx reads them: they are written to be read as plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from koopcourse.site.names import NAMES

SECTION = re.compile(r"(Args|Arguments|Attributes|Raises|Returns|Yields|Example|Examples|Note|Notes):$")


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("autodoc-process-docstring", _process, priority=400)  # before napoleon reads the sections
    app.connect("missing-reference", _public, priority=400)


def _process(_app: Any, _what: str, _name: str, _value: object, _options: object, lines: list[str]) -> None:
    lines[:] = formulas_as_blocks(lines)


def formulas_as_blocks(lines: list[str]) -> list[str]:
    """A block that is indented below a paragraph is a formula or a table: it is shown as it is written.

    Nothing changes inside the sections (``Args:`` and the like), whose indentation means something else.
    """
    return list(_blocks(lines))


def _blocks(lines: list[str]) -> Iterator[str]:
    section = block = False
    previous, paragraph = "", ""  # the line before; the last line that said something at the margin
    for line in lines:
        indented = line.startswith("    ")
        if line.strip() and not indented:
            section, block, paragraph = bool(SECTION.match(line)), False, line
        starts = indented and not previous.strip() and not section and not block
        if starts and not paragraph.rstrip().endswith("::") and not paragraph.startswith(".. "):
            yield ".. code-block:: text"
            yield ""
            block = True
        yield line
        previous = line


def _public(app: Any, env: Any, node: Any, child: Any) -> Any:
    """A type is named by its home, ``koopteach.spectrum.Spectrum``; its entry is under its public name."""
    name = str(node.get("reftarget", "")).rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in NAMES:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", f"koopteach.{name}", node, child)


def slug(heading: str) -> str:
    """The anchor that JupyterLab gives to a heading: ``L05-E1-The-velocity-of-the-paper``."""
    return heading.replace(" ", "-")
