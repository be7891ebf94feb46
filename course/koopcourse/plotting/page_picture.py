"""The picture of a page of ``results/``, as it is committed: what takes too long to compute in a lesson."""

from __future__ import annotations

from importlib.resources import as_file, files

import matplotlib.pyplot as plt

from koopcourse.plotting.figures import finish


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
    with as_file(source) as path:
        pixels = plt.imread(path)
    height, width = pixels.shape[:2]
    fig = plt.figure(figsize=(width / 100, height / 100), layout="none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.imshow(pixels)
    ax.axis("off")
    finish(fig, alt)
