"""Stored pictures as files of the site, each with its words for who cannot see it, and as its caption."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

from nbformat import NotebookNode
from PIL import Image

FOLDER = "_figures"  # of the site
FIGURE = (
    '<figure class="stored"><img src="../{folder}/{file}" alt="{alt}"{size} loading="lazy">'
    '<figcaption aria-hidden="true">{alt}</figcaption></figure>'
)


def is_picture(output: NotebookNode) -> bool:
    return "image/png" in output.get("data", {})


def is_caption(output: NotebookNode) -> bool:
    """The words that a notebook shows below a picture."""
    return str(output.get("data", {}).get("text/html", "")).startswith("<small>")


def stored(output: NotebookNode, name: str, files: dict[str, bytes]) -> str:
    """The HTML of one picture; its bytes join ``files`` under ``name``.

    Raises:
        ValueError: a picture without words.
    """
    data = base64.b64decode(output.data["image/png"])
    alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
    if not alt:
        raise ValueError(f"{name} has no text alternative; build its notebook anew.")
    files[f"{FOLDER}/{name}"] = data
    return FIGURE.format(folder=FOLDER, file=name, alt=html.escape(alt), size=size(data))


def size(picture: bytes) -> str:
    """Width and height as attributes, so that the text below does not jump when the picture comes."""
    with Image.open(io.BytesIO(picture)) as image:
        return f' width="{image.width}" height="{image.height}"'


def write(files: dict[str, bytes], folder: Path) -> None:
    """Each file below the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
