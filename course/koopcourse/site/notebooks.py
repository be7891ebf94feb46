"""Stored notebooks as pages: pictures as files, recorded widgets, how to run it, and where to go from there."""

from __future__ import annotations

import re
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output

from koopcourse.authoring.tree import Course
from koopcourse.notebook_io import COLLAPSED, read_notebook
from koopcourse.site import figures, recorded
from koopcourse.site.address import Address
from koopcourse.site.api import reference
from koopcourse.site.relations import Relations

RUN = """<details class="run"><summary>Run this {kind}</summary>

In {place}, with Python 3.11 to 3.14 (on Windows `py course.py`):

```sh
python3 course.py        # opens the lessons; installs all the first time
python3 course.py test   # runs every notebook and test
```

This {kind} is `work/{folder}/{stem}.ipynb` there, a copy of your own.{badges}

</details>"""


def page(path: Path, course: Course, known: Relations, address: Address, files: dict[str, bytes]) -> NotebookNode:
    """The notebook as Sphinx is to read it; its pictures join ``files``."""
    notebook = read_notebook(path)
    lesson = path.parent.name == "notebooks"
    shown = recorded.recordings(course.root / "notebooks" / "recorded" / path.stem) if lesson else []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            here = [recording for recording in shown if recording.cell == number]
            _fold(cell)
            _show(cell, f"{path.stem}-{number}", here, course, files)
        else:
            cell.source = formulas_in_summaries(linked(cell.source, course))
    notebook.cells.insert(1, new_markdown_cell(_run(path, address)))
    notebook.cells.append(new_markdown_cell(_onward(path.stem, known, lesson=lesson)))
    return notebook


def _fold(cell: NotebookNode) -> None:
    """Code that JupyterLab opens folded is folded here, too; columns in an output are marked for the style."""
    folded = COLLAPSED in cell.metadata.get("tags", [])
    cell.metadata["tags"] = ["hide-input"] * folded + ["columns"] * columns(cell)


def columns(cell: NotebookNode) -> bool:
    """Whether two printed lines have three columns: these stay in line and scroll where others are folded."""
    lines = [line for output in cell.outputs for line in output.get("text", "").splitlines()]
    bare = [re.sub(r"\[.*?\]", "", line) for line in lines]
    return sum(len(re.findall(r"\S {2,}(?=\S)", line)) > 1 for line in bare) > 1


def _show(
    cell: NotebookNode,
    name: str,
    here: list[recorded.Recording],
    course: Course,
    files: dict[str, bytes],
) -> None:
    """Replace stored pictures by files, and those of widgets by their recordings, or put these below."""
    pictures = [output for output in cell.outputs if figures.is_picture(output)]
    folder = course.root / "notebooks" / "recorded" / name.rsplit("-", 1)[0]
    widgets = [recorded.widget(recording, folder, files) for recording in here]
    instead = dict(zip(map(id, pictures), widgets)) if len(widgets) == len(pictures) else {}
    outputs = []
    for output in cell.outputs:
        if figures.is_picture(output):
            file = f"{name}-{len(outputs)}.png"
            outputs.append(_html(instead.get(id(output)) or figures.stored(output, file, files)))
        elif not figures.is_caption(output):
            outputs.append(output)
    cell.outputs = outputs + [_html(widget) for widget in widgets if not instead]


def _html(text: str) -> NotebookNode:
    return new_output("display_data", {"text/html": text})


def _run(path: Path, address: Address) -> str:
    lesson = path.parent.name == "notebooks"
    links = address.badges(f"{path.parent.name}/{path.name}")
    badges = " Without installing anything: " + ", ".join(f"[{name}]({link})" for name, link in links.items()) + "."
    return RUN.format(
        kind="lesson" if lesson else "sheet",
        place=f"a clone of [the repository]({address.url})" if address.url else "the folder of the course",
        folder="lessons" if lesson else "exercises",
        stem=path.stem,
        badges=badges if links else "",
    )


def _onward(stem: str, known: Relations, *, lesson: bool) -> str:
    """Links to the other half, to the pages of results and to the names."""
    lines = ["## Goes with this", ""]
    title = known.titles.get(stem, "")
    if lesson and stem in known.sheets:
        lines.append(f"- [Exercises {stem[:2]}](../exercises/{stem}.ipynb)")
    elif title:
        lines.append(f"- [Lesson {stem[:2]}: {title}](../notebooks/{stem}.ipynb)")
    else:
        lines.append("- [All lessons](../index.md)")
    if pages := known.results.get(stem):
        links = ", ".join(f"[{page.replace('-', ' ')}](../results/{page}.md)" for page in pages)
        lines.append(f"- Measured at length: {links}")
    if names := known.names.get(stem):
        lines.append(f"- In the reference: {', '.join(map(reference, names))}")
    return "\n".join(lines)


def linked(markdown: str, course: Course) -> str:
    """A page that the text names by its path, between backticks, is a link to it."""

    def link(found: re.Match[str]) -> str:
        return f"[{found[0]}](../{found[1]})" if (course.root / found[1]).is_file() else found[0]

    return re.sub(r"(?<!\[)`((?:results|docs)/[\w/-]+\.md)`(?!\])", link, markdown)


_SUMMARY = re.compile(r"(<summary>)(.*?)(</summary>)")
_FORMULA = re.compile(r"\$([^$]+)\$")


def formulas_in_summaries(markdown: str) -> str:
    r"""A fold's title is HTML, whose ``$...$`` nobody reads: ``\(...\)`` in a span that MathJax looks at."""

    def mend(found: re.Match[str]) -> str:
        span = r'<span class="math notranslate nohighlight">\\(\1\\)</span>'
        return found[1] + _FORMULA.sub(span, found[2]) + found[3]

    return _SUMMARY.sub(mend, markdown)
