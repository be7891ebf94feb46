"""Links of the course's own Markdown pages: where they lead, and how a page that moves or stands alone has them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import NamedTuple

_LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\(([^()#\s]+)(#[^()\s]*)?\)")


class Link(NamedTuple):
    """A relative link.

    Args:
        words: what is seen of it.
        target: as it is written, without the fragment.
        fragment: ``#part``, or empty.
        place: where it leads, from the root.
    """

    words: str
    target: str
    fragment: str
    place: str


def relinked(markdown: str, page: str, instead: Callable[[Link], str]) -> str:
    """The text of a page, whose path is given from the root, with something else for each of its relative links."""

    def one(found: re.Match[str]) -> str:
        words, target, fragment = found[1], found[2], found[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        return instead(Link(words, target, fragment, place(page, target)))

    return _LINK.sub(one, markdown)


def place(page: str, target: str) -> str:
    """Where a relative address on a page leads, from the root."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
