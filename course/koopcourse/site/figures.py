"""Stored pictures as files of the site, each with its words for who cannot see it, and as its caption."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

from nbformat import NotebookNode
from PIL import Image

FOLDER = "_figures"  # of the site
WIDE = 600  # pixels; a telephone scrolls a wider picture, whose letters would be too small
FIGURE = '<figure class="stored">{picture}<figcaption aria-hidden="true">{alt}</figcaption></figure>'


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
    return FIGURE.format(picture=picture(f"../{FOLDER}/{name}", data, alt, ' loading="lazy"'), alt=html.escape(alt))


def picture(address: str, data: bytes, alt: str, more: str = "") -> str:
    """The HTML of a picture, with its size, so that the text below does not jump when it comes."""
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    shown = f'<img src="{address}" alt="{html.escape(alt)}" width="{width}" height="{height}"{more}>'
    return f'<div class="wide">{shown}</div>' if width > WIDE else shown


def write(files: dict[str, bytes], folder: Path) -> None:
    """Each file below the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
