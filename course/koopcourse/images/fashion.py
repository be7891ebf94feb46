"""The four files of Fashion-MNIST: where they may be, what they must hold, how they are fetched."""

from __future__ import annotations

import hashlib
import os
import tempfile
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import numpy as np

from koopcourse.images.idx import read_idx
from koopteach.progress_bar import progress

CLASS_NAMES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")

# Name, number of axes, and the SHA-256 of the numbers themselves: packers compress them differently.
FILES = (
    ("train-images-idx3-ubyte", 3, "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012"),
    ("train-labels-idx1-ubyte", 1, "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7"),
    ("t10k-images-idx3-ubyte", 3, "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a"),
    ("t10k-labels-idx1-ubyte", 1, "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9"),
)
_MOST_BYTES, _BLOCK = 40_000_000, 1 << 18  # the largest file has 26 MB
_TIMEOUT = 15.0  # seconds without a byte


def cache() -> Path:
    """The folder that a download is kept in."""
    return Path("~/.cache/koopteach").expanduser()


def find(root: str | Path | None = None) -> Path:
    """The folder with all four files: ``root`` if given, else the usual places, else the cache after a download.

    Raises:
        FileNotFoundError: nowhere, with every place that was looked at.
        ValueError: what was fetched is not Fashion-MNIST.
    """
    if root is not None:
        if _complete(Path(root)):
            return Path(root)
        raise FileNotFoundError(f"load_images: the folder {root} does not hold {_wanted()}.")
    named = os.environ.get("KOOPTEACH_DATA")
    places = [*([Path(named).expanduser()] if named else []), DEBIAN, cache()]
    for place in places:
        if _complete(place):
            return place
    try:
        return download(URL, cache())
    except (OSError, HTTPException) as error:
        raise FileNotFoundError(
            f"load_images: Fashion-MNIST is neither in {', '.join(map(str, places))}, nor could it be fetched from "
            f"{URL} ({getattr(error, 'reason', error)}). Put {_wanted()} into a folder and name it by root= or the "
            'variable KOOPTEACH_DATA, or use "fashion28", which comes with the package.'
        ) from error


def read(folder: Path) -> list[np.ndarray]:
    """Training pictures and labels, test pictures and labels, uint8, each checked against its sum.

    Raises:
        ValueError: a file that is truncated, foreign, or holds other pictures.
    """
    found = [(_present(folder, name), axes, digest) for name, axes, digest in FILES]
    return [_checked(path, axes, digest) for path, axes, digest in found if path is not None]


def download(url: str, folder: Path, contents: tuple = FILES) -> Path:
    """Fetch the ``contents`` (name, axes, SHA-256) into ``folder``; a file appears there once it is whole and right.

    Raises:
        OSError: no connection, or no such file there.
        ValueError: what came is truncated, foreign, or holds other pictures. Nothing is kept of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, axes, digest in contents:
        if not _present(folder, name):
            _fetch(f"{url}/{name}.gz", folder / f"{name}.gz", axes, digest)
    return folder


def _fetch(url: str, path: Path, axes: int, digest: str) -> None:
    handle, part = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file, urlopen(url, timeout=_TIMEOUT) as response:
            count = 0
            for block in progress(iter(lambda: response.read(_BLOCK), b""), path.name):
                count += file.write(block)
                if count > _MOST_BYTES:
                    raise ValueError(f"load_images: {url} is larger than the file that is needed. Nothing was kept.")
        try:
            _checked(Path(part), axes, digest)
        except ValueError as error:
            raise ValueError(f"load_images: what {url} sent was not kept. {error}") from None
        os.replace(part, path)
    finally:  # also where the download was interrupted
        Path(part).unlink(missing_ok=True)


def _checked(path: Path, axes: int, digest: str) -> np.ndarray:
    numbers = read_idx(path, n_axes=axes)
    if hashlib.sha256(numbers.data).hexdigest() != digest:
        raise ValueError(
            f"load_images: {path} is not Fashion-MNIST (its SHA-256 differs). The files of MNIST, for one, have the "
            "same names."
        )
    return numbers


def _present(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def _complete(folder: Path) -> bool:
    return all(_present(folder, name) for name, _, _ in FILES)


def _wanted() -> str:
    return f"{', '.join(name for name, _, _ in FILES)} (plain or .gz)"
