"""What holds for every source, lesson, solution or capstone: plain Python, repeatable outputs, readable pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from koopcourse.authoring.budget import main_road
from koopcourse.authoring.sheet import Remark, Sheet, asserts, calls, syntax, tags
from koopcourse.notebook_io import COLLAPSED

if TYPE_CHECKING:
    from nbformat import NotebookNode

CELLS = 45
LINES = 30  # of a cell that opens unfolded
FOLDED_LINES = 45
SETUP_LINES = 3
WIDTH = 100
TAGS = {"nbval-ignore-output", "widget", "check", "hint", "solution", COLLAPSED}
_MARKER = re.compile(r'^# %%( \[markdown\])?( tags=\[("[\w-]+"(, )?)+\])?$')


def title(sheet: Sheet) -> Iterator[Remark]:
    ones = [heading for heading in sheet.headings if heading.level == 1]
    first = sheet.cells[0].source if sheet.cells else ""
    if len(ones) != 1 or not first.startswith("# "):
        yield "", f"{len(ones)} first-level headings; give one, in the first line of the first cell"


def heading_steps(sheet: Sheet) -> Iterator[Remark]:
    above = 0
    for position, level, text in sheet.headings:
        if level > above + 1:
            yield f"c{position:03d}", f"heading {text!r} skips a level; use {'#' * (above + 1)}"
        above = level


def text_alternative(sheet: Sheet) -> Iterator[Remark]:
    for cell in sheet.prose:
        bare = [image for image in re.findall(r"<img[^>]*>", cell.source) if not re.search(r'alt="[^"]+"', image)]
        if bare or re.search(r"!\[\s*\]\(", cell.source):
            yield cell.id, "an image has no text alternative; say what it shows: ![text](file) or alt="


def cell_marker(sheet: Sheet) -> Iterator[Remark]:
    for line in sheet.script.path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# %%") and not _MARKER.match(line):
            yield (
                "",
                f"marker {line!r}; a cell opens with '# %%', [markdown] or not, and tags=[\"...\"] alone",
            )


def known_tag(sheet: Sheet) -> Iterator[Remark]:
    for cell in sheet.cells:
        for tag in set(tags(cell)) - TAGS:
            yield cell.id, f"tag {tag!r} has no meaning here; use one of {', '.join(sorted(TAGS))}"
        if cell.cell_type == "code" and "NBVAL_" in cell.source:
            yield (
                cell.id,
                'a comment steers nbval; use the tag "nbval-ignore-output", which learners do not see',
            )


def plain_python(sheet: Sheet) -> Iterator[Remark]:
    for cell in sheet.code:
        magic = re.search(r"^\s*[%!?].*", cell.source, re.M)
        if magic:
            yield cell.id, f"{magic[0].strip()!r} is a magic; the source must run as a script, so use Python"
        elif (tree := syntax(cell)) is None:
            yield cell.id, "is not valid Python"
        elif not tree.body:
            yield cell.id, "is an empty code cell; remove it"


def shown_value(sheet: Sheet) -> Iterator[Remark]:
    for cell in sheet.code:
        if cell.source.rstrip().endswith(";"):
            yield cell.id, "a trailing ';' hides nothing under nbval; assign the value to _"
        body = getattr(syntax(cell), "body", [])
        if body and isinstance(body[-1], ast.Expr) and not isinstance(body[-1].value, ast.Call):
            yield cell.id, "ends in a bare value, whose digits differ by machine; use show(label, value)"
        if calls(syntax(cell), "display"):
            yield cell.id, "display() exists in notebooks alone; use show(), plt.show() or explore()"


def ignored_output(sheet: Sheet) -> Iterator[Remark]:
    for cell in sheet.code:
        if "widget" in tags(cell) and "nbval-ignore-output" not in tags(cell):
            yield cell.id, 'a widget\'s output never repeats; add the tag "nbval-ignore-output"'
        if "nbval-ignore-output" in tags(cell) and "widget" not in tags(cell) and not _asserted(sheet, cell):
            yield cell.id, "its output is not compared, so assert what must hold, here or folded in its section"


def _asserted(sheet: Sheet, cell: NotebookNode) -> bool:
    return any(map(asserts, (cell, *sheet.folded_behind(cell))))


def size(sheet: Sheet) -> Iterator[Remark]:
    road = len(main_road(sheet))
    if road > CELLS:
        yield "", f"{road} cells, at most {CELLS}; join or drop some, or move them to a side road"
    for cell in sheet.code:
        lines, most = len(cell.source.splitlines()), FOLDED_LINES if COLLAPSED in tags(cell) else LINES
        if lines > most:
            yield cell.id, f"{lines} lines, at most {most}; split it or move the helper into the package"


def narrow_code(sheet: Sheet) -> Iterator[Remark]:
    for cell in sheet.code:
        widest = max(map(len, cell.source.splitlines()), default=0)
        if widest > WIDTH:
            yield cell.id, f"a line of {widest} characters, at most {WIDTH}: JupyterLab cuts longer ones off"


def setup_cell(sheet: Sheet) -> Iterator[Remark]:
    cells = [cell for cell in sheet.code if calls(syntax(cell), "setup")]
    if len(cells) != 1:
        yield "", f"{len(cells)} cells call setup(...); exactly one does"
    for cell in cells:
        lines = sum(map(bool, map(str.strip, cell.source.splitlines())))
        if lines > SETUP_LINES:
            yield (
                cell.id,
                f"the set-up takes {lines} lines, at most {SETUP_LINES}; import the rest where it is used",
            )
        if f'setup("{sheet.script.lesson}"' not in cell.source:
            yield cell.id, f'sets up another lesson; call setup("{sheet.script.lesson}")'


COMMON = (
    title,
    heading_steps,
    text_alternative,
    cell_marker,
    known_tag,
    plain_python,
    shown_value,
    ignored_output,
    size,
    narrow_code,
)
