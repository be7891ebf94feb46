"""Sets of small pictures: two that come along, and the full Fashion-MNIST from a folder or from its source, checked."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from koopcourse.images import fashion

NAMES = ("digits8", "fashion28", "fashion28-full")
# Of each digit so many pictures (the rarest has 174), every third of them for the test.
_OF_EACH_DIGIT, _TEST_EVERY = 174, 3


@dataclass(frozen=True)
class ImageSet:
    """Pictures with labels, split for good.

    Attributes:
        name: which set.
        train, test: ``(n, h, w)``, float32 in [0, 1].
        train_labels, test_labels: ``(n,)``, int64, indices of ``class_names``.
        class_names: what the labels mean.
        source: where the pictures were found.
    """

    name: str
    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    class_names: tuple[str, ...]
    source: str

    def __repr__(self) -> str:
        h, w = self.train.shape[1:]
        return f"ImageSet({self.name}: {len(self.train)} + {len(self.test)} pictures {h} x {w}, {self.source})"


def load_images(name: str = "digits8", root: str | Path | None = None) -> ImageSet:
    """A set of pictures by name, split into train and test, the same on every machine.

    - ``"digits8"``: 1,160 + 580 handwritten digits 8 x 8, as many of each; scikit-learn's copy of the UCI set.
    - ``"fashion28"``: 1,000 + 1,000 pictures of clothes 28 x 28, as many of each kind; the first ones of the two parts
      of Fashion-MNIST. Part of the package.
    - ``"fashion28-full"``: 60,000 + 10,000 of them. Looked for in the folder ``KOOPTEACH_DATA``, where Debian's
      ``dataset-fashion-mnist`` puts it, and in ``~/.cache/koopteach``; else fetched into the last. Always checked.

    Nothing is taken in the place of what was asked for.

    Args:
        name: one of these.
        root: for ``"fashion28-full"``: the folder of its four IDX files, and then no other is looked at.

    Raises:
        ValueError: another name, a root for another set, or a file that is truncated, foreign or of other pictures.
        FileNotFoundError: the full set is nowhere and cannot be fetched; names every place.
        ImportError: digits without scikit-learn.

    Source: Alpaydin, Kaynak 1998 (digits, CC BY 4.0); Xiao, Rasul, Vollgraf 2017 (Fashion-MNIST, MIT).
    """
    if name not in NAMES:
        raise ValueError(f"load_images: name must be one of {', '.join(NAMES)}, got {name!r}.")
    if name == "fashion28-full":
        return _fashion_full(root)
    if root is not None:
        raise ValueError(f'load_images: root is the folder of "fashion28-full"; {name} needs none, got {str(root)!r}.')
    return _digits() if name == "digits8" else _fashion()


def balanced_rows(labels: np.ndarray, of_each: int) -> np.ndarray:
    """Rows of the first ``of_each`` of every label, in their old order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:of_each] for label in np.unique(labels)]))


def _digits() -> ImageSet:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("load_images: digits8 needs scikit-learn: pip install scikit-learn") from error
    pictures, labels = load_digits(return_X_y=True)
    pictures = (np.asarray(pictures).reshape(-1, 8, 8) / 16).astype(np.float32)
    rows = balanced_rows(np.asarray(labels), _OF_EACH_DIGIT)
    test = np.zeros(len(labels), dtype=bool)
    for label in range(10):  # writers follow one another, so that every third sees them all
        test[rows[labels[rows] == label][_TEST_EVERY - 1 :: _TEST_EVERY]] = True
    train = np.setdiff1d(rows, np.flatnonzero(test))
    parts = (pictures[train], labels[train], pictures[test], labels[test])
    return _image_set("digits8", parts, tuple("0123456789"), "scikit-learn")


def _fashion() -> ImageSet:
    parts = []
    for part in ("train", "test"):
        with as_file(files("koopcourse.data") / f"fashion28-{part}.npz") as path, np.load(path) as stored:
            parts += [stored["pictures"].astype(np.float32) / 255, stored["labels"]]
    return _image_set("fashion28", tuple(parts), fashion.CLASS_NAMES, "koopcourse/data")


def _fashion_full(root: str | Path | None) -> ImageSet:
    folder = fashion.find(root)
    train, train_labels, test, test_labels = fashion.read(folder)
    parts = (train.astype(np.float32) / 255, train_labels, test.astype(np.float32) / 255, test_labels)
    return _image_set("fashion28-full", parts, fashion.CLASS_NAMES, str(folder))


def _image_set(name: str, parts: tuple[np.ndarray, ...], class_names: tuple[str, ...], source: str) -> ImageSet:
    train, train_labels, test, test_labels = (
        torch.from_numpy(part if part.dtype == np.float32 else part.astype(np.int64)) for part in parts
    )
    return ImageSet(name, train, train_labels, test, test_labels, class_names, source)
