"""The shipped autoencoders of pictures, whose codes lesson 11 moves, and the classifiers that judge pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from koopcourse import zoo
from koopcourse.images import Autoencoder, Classifier, ImageSet, load_images

_TO_LEARN = {"digits": "digits8", "fashion": "fashion28-full"}
_AT_HAND = {"digits": "digits8", "fashion": "fashion28"}  # to measure by, on every machine
_SIZES: dict[str, dict[str, Any]] = {
    "digits": {"dim": 6, "widths": (128,)},
    "fashion": {"dim": 12, "widths": (256, 128)},
}
_FIT = {"digits": {"n_steps": 2000, "batch": 128}, "fashion": {"n_steps": 4000, "batch": 256}}


@cache
def _images(name: str) -> ImageSet:
    return load_images(name)


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[1], images.shape[2]


def _codes(name: str) -> Autoencoder:
    which = name.split("-")[0]
    images, generator = _images(_TO_LEARN[which]).train, torch.Generator().manual_seed(1)
    model = Autoencoder(_size(images), **_SIZES[which], generator=generator)
    return model.fit(images, **_FIT[which], generator=generator)


def _classifier(name: str) -> Classifier:
    images, generator = _images(_TO_LEARN[name.split("-")[0]]), torch.Generator().manual_seed(1)
    model = Classifier(_size(images.train), len(images.class_names), generator=generator)
    return model.fit(images.train, images.train_labels, generator=generator)


RECIPES: dict[str, Callable[[str], Autoencoder | Classifier]] = {
    "digits-classifier": _classifier,
    "fashion-classifier": _classifier,
    "digits-codes": _codes,
    "fashion-codes": _codes,
}


def measure(name: str) -> dict[str, float]:
    """The error of the round trip on pictures not learned from, and how many of them are still recognised after it."""
    which = name.split("-")[0]
    model, images = zoo.shipped(name), _images(_AT_HAND[which])
    if isinstance(model, Classifier):
        return {"accuracy": model.accuracy(images.test, images.test_labels)}
    classifier = zoo.shipped(f"{which}-classifier")
    back = model.decode(model.encode(images.test))
    return {"error": model.error(images.test), "accuracy": classifier.accuracy(back, images.test_labels)}
