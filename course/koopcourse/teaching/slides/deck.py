"""A lesson's slides as one page of HTML: a section each, formulas as TeX for MathJax, figures as files beside it."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from koopcourse.authoring.tree import Script
from koopcourse.notebook_io import folds, read_notebook
from koopcourse.teaching.slides.blocks import Block, chosen, sections
from koopcourse.teaching.slides.picks import Slide

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="deck.css">
<style>{colours}</style>
<script src="deck.js"></script>
<script src="mathjax/startup.js" defer></script>
</head>
<body>
<main aria-label="{title}">
{slides}
</main>
<nav aria-label="Slides">
<button type="button" id="back" aria-label="Previous slide">&#8249;</button>
<output id="place" aria-live="polite">1 of {count}</output>
<button type="button" id="on" aria-label="Next slide">&#8250;</button>
</nav>
</body>
</html>
"""
SLIDE = """<section class="slide{kind}" id="{id}" aria-label="{label}">
<h2>{heading}</h2>
<div class="body">
{body}
</div>
</section>"""
FIGURE = '<figure><img src="{src}" alt="{alt}"></figure>'


class Deck(NamedTuple):
    """What a lesson's slides consist of: the page, and its figures by their names."""

    page: str
    figures: dict[str, bytes]


def deck(script: Script, slides: tuple[Slide, ...]) -> Deck:
    """The slides of a lesson.

    Raises:
        LookupError: the lesson has lost a section, or what a slide shows of it.
    """
    found = sections(read_notebook(script.notebook))
    title = next(block.source for block in found[""] if block.kind == "heading").lstrip("# ")
    figures: dict[str, bytes] = {}
    pages = []
    for number, slide in enumerate(slides, start=1):
        shown = {f"{script.lesson}-{number}-{k}.png": block for k, block in enumerate(_shown(slide, found, script))}
        figures |= {name: base64.b64decode(b.source) for name, b in shown.items() if b.kind == "figure"}
        pages.append(_slide(slide.section or title, shown, f"{number} of {len(slides)}", first=not slide.section))
    words = {"title": html.escape(title), "count": len(slides), "slides": "\n".join(pages), "colours": _colours()}
    return Deck(PAGE.format(**words), figures)


def _shown(slide: Slide, found: Mapping[str, list[Block]], script: Script) -> list[Block]:
    try:
        return [chosen(found[slide.section], pick) for pick in slide.picks]
    except LookupError as lost:
        what = lost.args[0] if slide.section in found else "there is no such section"
        raise LookupError(
            f"slides: {script.name}, {slide.section!r}: {what}. The lesson has changed: mend teaching/slides/chosen.py."
        ) from lost


def _slide(heading: str, shown: Mapping[str, Block], place: str, *, first: bool) -> str:
    """``shown``: the blocks, by the file names of those that are figures; ``place``: ``"3 of 20"``."""
    body = "\n".join(_block(block, name, place) for name, block in shown.items())
    words = {"id": f"slide-{place.split()[0]}", "label": f"{place}: {html.escape(heading)}"}
    return SLIDE.format(kind=" first" if first else "", heading=_line(heading), body=body, **words)


def _block(block: Block, name: str, place: str) -> str:
    if block.kind == "figure":
        return FIGURE.format(src=f"figures/{name}", alt=html.escape(block.alt, quote=True))
    if block.kind == "code":
        return _code(block.source)
    if block.kind == "printed":
        return f'<pre class="printed">{html.escape(block.source)}</pre>'
    if block.kind == "question":
        return "\n".join(_question(block.source, place.split()[0]))
    return _markdown(block.source)


def _question(source: str, slide: str) -> Iterator[str]:
    """The question, and its answers to open, one at a time."""
    yield f'<div class="question">{_markdown(source.split("<details>")[0])}</div>'
    for title, body in folds(source):
        yield f'<details name="answers-{slide}"><summary>{_line(title)}</summary>{_markdown(body.strip())}</details>'


def _markdown(source: str) -> str:
    """HTML whose formulas are still TeX; what links to other notebooks is plain words on a slide."""
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    return markdown2html_mistune(re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", source)).strip()


def _line(source: str) -> str:
    """HTML of a single line, without a paragraph around it."""
    return _markdown(source).removeprefix("<p>").removesuffix("</p>")


def _code(source: str) -> str:
    from pygments import highlight
    from pygments.lexers import PythonLexer

    return highlight(source, PythonLexer(), _formatter())


def _colours() -> str:
    return _formatter().get_style_defs(".code")


def _formatter():
    from pygments.formatters import HtmlFormatter

    return HtmlFormatter(cssclass="code")
