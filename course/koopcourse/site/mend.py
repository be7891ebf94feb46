"""What the theme's pages lack for readers who hear them or use a keyboard; tests ask axe-core on every kind of page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

MENDED = (
    # the front page is called as the site is
    (r"<title>(.+?) &#8212; \1</title>", r"<title>\1</title>"),
    # a name that a screen reader says in place of the words that are seen
    (r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1"),
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    # folds of the side bar that have no name
    (r'<summary>(<span class="toctree-toggle")', r'<summary aria-label="pages below">\1'),
    # arguments of a long signature: a list of definitions without terms
    (r"<dl>\n((?:<dd>.*</dd>\n)+)</dl>", lambda found: f'<span class="params">{_spans(found[1])}</span>'),
)


def _spans(arguments: str) -> str:
    return arguments.replace("<dd>", '<span class="param">').replace("</dd>", "</span>")


def mend(folder: Path) -> None:
    """Rewrite every page of a built site, and its search, which would quote the theme's menus."""
    for path in folder.rglob("*.html"):
        _rewrite(path, mended)
    _rewrite(folder / "_static" / "searchtools.js", lambda script: script.replace("('[role=\"main\"]')", "('article')"))


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


def mended(page: str) -> str:
    for pattern, instead in MENDED:
        page = re.sub(pattern, instead, page)
    return page
