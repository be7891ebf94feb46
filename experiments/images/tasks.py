"""The pictures and how they are dealt: what a sampler learns from, and the part of them that judges it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from experiments.machinery.common import noise, stream
from koopcourse import zoo
from koopcourse.images import ImageSet, load_images

VALIDATION = 4  # every so-manyth training picture


@dataclass(frozen=True)
class Setting:
    """A set of pictures, and the sizes of what is compared on it.

    Attributes:
        images: names as of ``load_images``; the second is taken where the first is not to be had.
        n_train: codes that a sampler learns from, drawn from all for each seed.
        n_judged: pictures drawn.
        sizes: kernels to choose from.
        coarse: wide kernels beside them.
    """

    images: tuple[str, ...]
    n_train: int
    n_judged: int
    sizes: tuple[int, ...]
    coarse: int


SETTINGS = {
    "fashion": Setting(("fashion28-full", "fashion28"), 12_000, 1000, (150, 300), 0),
    "digits": Setting(("digits8",), 1160, 580, (250, 500), 200),
}


@dataclass(frozen=True)
class Task:
    """What a sampler is given.

    Attributes:
        name: of the set of pictures.
        seed: of the data, of the start points and of all that is random.
        judge: ``"test"``; or ``"validation"``, a part of the training pictures that is not learned from then.
    """

    name: str
    seed: int
    judge: str = "test"

    @property
    def setting(self) -> Setting:
        return SETTINGS[self.name]

    def noise(self, n: int) -> Tensor:
        """Standard normal start points."""
        x = encoded(self.name, "train")
        return noise(self.seed, n, x.shape[1], x.dtype)


@cache
def pictures(name: str) -> ImageSet:
    """The full set where it is on this computer or can be fetched, else the one that comes with the course."""
    first, *others = SETTINGS[name].images
    try:
        return load_images(first)
    except FileNotFoundError:
        if not others:
            raise
        return load_images(others[0])


@cache
def encoded(name: str, part: str) -> Tensor:
    """Codes of all training or test pictures."""
    return zoo.shipped(f"{name}-codes").encode(getattr(pictures(name), part)).double()


def rows_of(name: str, judge: str) -> tuple[Tensor, Tensor]:
    """Numbers of the training pictures to learn from, and of those that judge among training or test pictures."""
    n = len(pictures(name).train)
    if judge == "test":
        return torch.arange(n), torch.arange(len(pictures(name).test))
    kept = torch.arange(n) % VALIDATION == VALIDATION - 1
    return torch.arange(n)[~kept], torch.arange(n)[kept]


@cache
def data(task: Task) -> tuple[Tensor, Tensor]:
    """Codes and labels of the pictures that this seed may learn from."""
    rows = rows_of(task.name, task.judge)[0]
    rows = rows[torch.randperm(len(rows), generator=stream(task.seed, 0))[: task.setting.n_train].sort().values]
    return encoded(task.name, "train")[rows], pictures(task.name).train_labels[rows]


@dataclass(frozen=True)
class HeldOut:
    """The part that judges: codes, features of the pictures after the round trip and as they are, labels."""

    codes: Tensor
    features: Tensor
    as_they_are: Tensor
    labels: Tensor


@cache
def held_out(name: str, judge: str) -> HeldOut:
    """The pictures that samples are compared with."""
    images, part = pictures(name), "test" if judge == "test" else "train"
    rows = rows_of(name, judge)[1]
    codes, as_they_are = encoded(name, part)[rows], getattr(images, part)[rows]
    features = zoo.shipped(f"{name}-classifier").features(as_they_are).double()
    return HeldOut(codes, seen(name, codes), features, getattr(images, f"{part}_labels")[rows])


def seen(name: str, codes: Tensor) -> Tensor:
    """Features of the decoded codes."""
    return zoo.shipped(f"{name}-classifier").features(zoo.shipped(f"{name}-codes").decode(codes)).double()
