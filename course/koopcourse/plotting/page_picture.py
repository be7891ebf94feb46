"""The picture of a page of ``results/``, as it is committed: what takes too long to compute in a lesson."""

from __future__ import annotations

from importlib.resources import files

from koopcourse.plotting.figures import display_picture


def page_picture(name: str, *, alt: str) -> None:
    """Show the picture of the page ``results/{name}.md``, which ``python -m experiments {name}`` computes anew.

    Args:
        name: of the page.
        alt: text alternative.

    Raises:
        ValueError: the course has no picture of that page.
    """
    source = files("koopcourse") / "data" / f"page-{name}.png"
    if not source.is_file():
        raise ValueError(f"page_picture: the course has no picture of a page {name!r}.")
    display_picture(source.read_bytes(), alt)
