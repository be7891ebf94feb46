"""The words in which a slide is described: a section of the lesson, and what of it is shown, in this order."""

from __future__ import annotations

from typing import NamedTuple


class Pick(NamedTuple):
    """One thing of a section.

    Args:
        kind: one of those that the functions below make.
        which: its place among its kind, from 1; a formula's own number; or words that it alone has.
    """

    kind: str
    which: int | str = 1


class Slide(NamedTuple):
    """One slide.

    Args:
        section: the heading of the lesson's section; the slide's title, too. Empty for the lesson's head.
        picks: what is shown.
    """

    section: str
    picks: tuple[Pick, ...]


def slide(section: str, *picks: Pick) -> Slide:
    return Slide(section, picks)


def text(which: int | str = 1) -> Pick:
    """A paragraph."""
    return Pick("text", which)


def sentence(words: str) -> Pick:
    """The sentence that holds these words."""
    return Pick("sentence", words)


def items(which: int = 1) -> Pick:
    return Pick("list", which)


def table(which: int = 1) -> Pick:
    return Pick("table", which)


def formula(number: int | str) -> Pick:
    """A displayed formula by its number, or by what it alone has."""
    return Pick("formula", number)


def question(which: int = 1) -> Pick:
    """*Predict, then run*, with its folded answers."""
    return Pick("question", which)


def code(which: int = 1) -> Pick:
    """A cell whose code opens unfolded."""
    return Pick("code", which)


def printed(which: int = 1) -> Pick:
    """What a cell printed."""
    return Pick("printed", which)


def figure(which: int = 1) -> Pick:
    return Pick("figure", which)
