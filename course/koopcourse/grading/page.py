"""An HTML page that needs nothing but itself: no script, no address; light and dark; everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --line: #bbb; --soft: #f2f2f2; --link: #0060a0 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #161616; --line: #555; --soft: #242424; --link: #7ab8f5 }
}
body { color: var(--ink); background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 60rem; padding: 1rem; overflow-wrap: anywhere }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top }
th, .number, .narrow { overflow-wrap: normal }
.number { text-align: right }
.number, .narrow { white-space: nowrap }
code { background: var(--soft); padding: 0 .2rem }
a { color: var(--link) }
.told { margin: 0 0 .4rem }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page; ``parts`` are HTML."""
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def paragraph(text: str) -> str:
    """One paragraph of plain text."""
    return f'<p class="told">{escape(text)}</p>'


def heading(text: str, level: int = 2) -> str:
    return f"<h{level}>{escape(text)}</h{level}>"


def rows(
    head: Sequence[str], body: Iterable[Sequence[object]], numbers: Sequence[int] = (), narrow: Sequence[int] = ()
) -> str:
    """A table. Cells are text, which is escaped; columns ``numbers`` stand to the right, and ``narrow`` in one line."""
    kinds = dict.fromkeys(narrow, " class=narrow") | dict.fromkeys(numbers, " class=number")
    lines = [_line("th", head, kinds), *(_line("td", cells, kinds) for cells in body)]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _line(tag: str, cells: Sequence[object], kinds: Mapping[int, str]) -> str:
    marked = (f"<{tag}{kinds.get(k, '')}>{escape(str(cell))}</{tag}>" for k, cell in enumerate(cells))
    return f"<tr>{''.join(marked)}</tr>"
