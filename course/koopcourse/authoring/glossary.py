"""The course's own words, each beside the field's: at most a dozen, introduced once, listed in lesson 00."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from koopcourse.authoring.lesson_rules import ABILITIES
from koopcourse.authoring.sheet import Remark, Sheet

MOST = 12


class Word(NamedTuple):
    """A word of the course.

    Args:
        ours: as the lessons say it.
        standard: as the field says it; in bold where a lesson first uses the word, ours in brackets behind it.
        lesson: the two digits of that lesson.
        means: one line.
        ordinary: whether the field has the word, too, in a wider sense: *the invariant law*.
    """

    ours: str
    standard: str
    lesson: str
    means: str
    ordinary: bool = False


GLOSSARY = (
    Word("floor", "noise floor", "01", "what a distance says of exact samples, which it does not call zero"),
    Word("law", "distributional accuracy", "01", "how near the distribution is that particles are drawn from", True),
    Word("evenness", "quadrature quality", "01", "how well averages over these very particles are right"),
    Word("even floor", "floor of herded samples", "01", "what a distance says of exact samples picked to lie evenly"),
    Word("herded", "thinned by kernel herding", "01", "few points picked from many so that they lie evenly"),
    Word("pairs", "snapshot pairs", "02", "a state and the state a lag later"),
    Word("stuck", "metastable", "01", "in one mode for exponentially long"),
    Word("damping", "regularised metric", "04", "what keeps KSWGD's linear system well-posed far from the target"),
    Word("limiter", "step-size clipping", "05", "the longest move of a particle in one step"),
    Word("teacher, student", "distillation", "10", "a slow model, and a fast one that was trained to do the same"),
    Word("lift", "Koopman embedding", "10", "coordinates in which a flow is linear"),
    Word("halves", "memorisation test", "11", "are samples nearer to training data than to unseen data?"),
)


def table() -> str:
    """For lesson 00."""
    rows = ["| we say | the field says | lesson | meaning |", "|---|---|---|---|"]
    rows += [f"| {word.ours} | {word.standard} | {word.lesson} | {word.means} |" for word in GLOSSARY]
    return "\n".join(rows)


def own_words(sheet: Sheet) -> Iterator[Remark]:
    """Lesson 00 lists the words; the lesson that first uses one says the field's in bold, ours in brackets, before."""
    if sheet.script.lesson == "00" and not any(table() in cell.source for cell in sheet.prose):
        yield "", "the table of the course's own words is not koopcourse.authoring.glossary.table()"
    for word in GLOSSARY:
        if word.lesson != sheet.script.lesson:
            continue
        introduced, used = places(sheet, word)
        if introduced is None:
            yield "", f"introduce {word.ours!r} once as '**{word.standard}** ({word.ours})'"
        elif used is not None and used < introduced and not word.ordinary:
            yield "", f"{word.ours!r} is used before '**{word.standard}** ({word.ours})'; introduce it at first use"


def places(sheet: Sheet, word: Word) -> tuple[int | None, int | None]:
    """Where a sheet introduces a word, and where it first uses it otherwise than within the field's own.

    The list of abilities may be ahead of both.
    """
    heading = sheet.find(ABILITIES)
    prose = [cell for cell in sheet.prose if heading is None or cell is not sheet.cells[heading.position]]
    flat = " ".join(" ".join(cell.source for cell in prose).split()).lower()
    standard = word.standard.lower()
    introduced = flat.find(f"**{standard}** ({word.ours})")
    used = re.search(rf"\b{word.ours.split(', ')[0]}\b", flat.replace(standard, "*" * len(standard)))
    return (None if introduced < 0 else introduced), (used and used.start())
