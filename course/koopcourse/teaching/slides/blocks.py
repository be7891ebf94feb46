"""What a section of a stored notebook holds: paragraphs, formulas, questions, code, figures, each by its kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from koopcourse.authoring.sheet import tags
from koopcourse.notebook_io import COLLAPSED
from koopcourse.teaching.slides.picks import Pick

if TYPE_CHECKING:
    from nbformat import NotebookNode

_APART = re.compile(r"(<details>.*?</details>|\$\$.*?\$\$|^```.*?^```)", re.S | re.M)
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z*`$\"])")
_KINDS = {
    "<details>": "fold",
    "$$": "formula",
    "```": "fence",
    "#": "heading",
    "- ": "list",
    "1. ": "list",
    "|": "table",
}


class Block(NamedTuple):
    """A part of a section.

    Args:
        kind: as in :class:`Pick`, or ``fold``, ``fence``, ``heading``.
        source: Markdown, code, printed text, or a figure's PNG in base64.
        alt: the figure's words.
    """

    kind: str
    source: str
    alt: str = ""


def sections(notebook: NotebookNode) -> dict[str, list[Block]]:
    """The blocks under each heading of the second level; the lesson's head is under the empty one."""
    found: dict[str, list[Block]] = {"": []}
    here = ""
    for cell in notebook.cells:
        for block in _cell(cell):
            if block.kind == "heading" and block.source.startswith("## "):
                here = block.source.removeprefix("## ").strip()
                found[here] = []
            else:
                found[here].append(block)
    return {heading: _with_questions(blocks) for heading, blocks in found.items()}


def chosen(blocks: list[Block], pick: Pick) -> Block:
    """The block that a pick means.

    Raises:
        LookupError: there is no such block, or more than one.
    """
    if pick.kind == "sentence":
        whole = chosen(blocks, Pick("text", pick.which))
        return whole._replace(source=next(s for s in _SENTENCE.split(whole.source) if _says(s, str(pick.which))))
    of_kind = [block for block in blocks if block.kind == pick.kind]
    if pick.kind == "formula" and isinstance(pick.which, int):
        found = [block for block in of_kind if f"\\tag{{{pick.which}}}" in block.source]
    elif isinstance(pick.which, int):
        found = of_kind[pick.which - 1 : pick.which]
    else:
        found = [block for block in of_kind if _says(block.source, pick.which)]
    if len(found) != 1:
        raise LookupError(f"{pick.kind} {pick.which!r} is there {len(found)} times among {len(of_kind)}, needed once")
    return found[0]


def _says(source: str, words: str) -> bool:
    return words in " ".join(source.split())


def _cell(cell: NotebookNode) -> Iterator[Block]:
    if cell.cell_type == "markdown":
        yield from _markdown(cell.source)
        return
    if COLLAPSED not in tags(cell):
        yield Block("code", cell.source)
    for output in cell.outputs:
        data = output.get("data", {})
        if output.output_type == "stream":
            yield Block("printed", output.text.rstrip())
        elif "image/png" in data:
            yield Block("figure", data["image/png"], output.metadata.get("image/png", {}).get("alt", ""))


def _markdown(source: str) -> Iterator[Block]:
    for part in _APART.split(source):
        whole = part.startswith(("<details>", "$$", "```"))
        for piece in [part] if whole else re.split(r"\n\s*\n", part):
            if piece := piece.strip():
                head, _, rest = piece.partition("\n") if piece.startswith("#") else (piece, "", "")
                yield Block(next((kind for mark, kind in _KINDS.items() if head.startswith(mark)), "text"), head)
                if rest.strip():
                    yield from _markdown(rest)


def _with_questions(blocks: list[Block]) -> list[Block]:
    """A paragraph that asks for a prediction and the folds behind it are one block."""
    found: list[Block] = []
    for block in blocks:
        if block.kind == "text" and "**Predict" in block.source:
            found.append(Block("question", block.source))
        elif block.kind == "fold" and found and found[-1].kind == "question":
            found[-1] = found[-1]._replace(source=f"{found[-1].source}\n\n{block.source}")
        else:
            found.append(block)
    return found
