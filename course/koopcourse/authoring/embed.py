"""Cut the pictures that come with the package out of the full Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from koopcourse.authoring.tree import ROOT
from koopcourse.images import fashion
from koopcourse.images.data import balanced_rows

DATA = ROOT / "course" / "koopcourse" / "data"
_OF_EACH = 100


def embed(root: str | None = None, folder: Path = DATA) -> None:
    """Write ``fashion28-train.npz`` and ``fashion28-test.npz``: the first hundred of each kind, in their old order."""
    train, train_labels, test, test_labels = fashion.read(fashion.find(root))
    for part, pictures, labels in (("train", train, train_labels), ("test", test, test_labels)):
        rows = balanced_rows(labels, _OF_EACH)
        path = folder / f"fashion28-{part}.npz"
        np.savez_compressed(path, pictures=pictures[rows], labels=labels[rows])
        print(f"{path.name}: {len(rows)} pictures, {path.stat().st_size} bytes")
