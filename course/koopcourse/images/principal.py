"""Pictures as a few numbers: coordinates along their principal components."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from koopcourse.images.nets import as_images, as_shape
from koopteach.files import load_weights, save_weights
from koopteach.tensors import as_count, as_float, as_points

_KIND = "PrincipalComponents"


class PrincipalComponents:
    """An affine map of pictures to ``d`` coordinates and back: ``z = (x - mean) V^T / scale``.

    ``V`` are the directions of largest variance, orthonormal. One ``scale`` for all coordinates makes their mean square
    one and keeps their proportions; scaling each to unit variance would blow up the faintest directions as loud as the
    main ones.

    Args:
        mean: ``(h, w)``.
        directions: ``(d, h, w)``, orthonormal.
        scale: in grey values.
    """

    def __init__(self, mean: Tensor, directions: Tensor, scale: float) -> None:
        self.mean, self.directions, self.scale = mean, directions, float(scale)
        self.shape, self.dim = tuple(mean.shape), len(directions)

    @classmethod
    def fit(cls, images: Tensor, dim: int) -> Self:
        """The first ``dim`` components of pictures ``(n, h, w)``; each is signed so that its largest pixel is positive.

        Raises:
            TypeError, ValueError: other pictures, or ``dim`` above the number of pixels or of pictures.
        """
        shape = as_shape("PrincipalComponents", getattr(images, "shape", ())[1:])
        pixels, dim = as_images("PrincipalComponents.fit", images, shape), as_count("fit", "dim", dim)
        if dim > min(pixels.shape[1], len(pixels) - 1):
            raise ValueError(
                f"PrincipalComponents.fit: dim is {dim}, but {len(pixels)} pictures of {pixels.shape[1]} pixels have "
                f"at most {min(pixels.shape[1], len(pixels) - 1)} directions."
            )
        mean, away = pixels.mean(dim=0), (pixels - pixels.mean(dim=0)).double()
        values, vectors = torch.linalg.eigh(away.T @ away / len(away))
        directions = vectors.T.flip(0)[:dim]
        largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
        scale = values.flip(0)[:dim].mean().sqrt()
        return cls(mean.reshape(shape), (directions * largest.sign()).to(pixels).reshape(dim, *shape), float(scale))

    def encode(self, images: Tensor) -> Tensor:
        """Coordinates ``(n, d)`` of pictures ``(n, h, w)``."""
        pixels = as_images("encode", images, self.shape)
        return (pixels - self.mean.flatten().to(pixels)) @ self.directions.flatten(1).T.to(pixels) / self.scale

    def decode(self, z: Tensor) -> Tensor:
        """Pictures ``(n, h, w)`` of coordinates ``(n, d)``, cut to [0, 1]."""
        return (self.linear(z) + self.mean.to(z)).clamp(0, 1)

    def linear(self, z: Tensor) -> Tensor:
        """What coordinates ``(n, d)`` add to the mean picture, ``(n, h, w)``, of either sign."""
        z = as_points("decode", "z", z, dim=self.dim)
        return (self.scale * z @ self.directions.flatten(1).to(z)).reshape(-1, *self.shape)

    def share(self, images: Tensor) -> float:
        """The share of the pictures' variance that the coordinates keep."""
        images = as_float("share", "images", images)
        return float(self.linear(self.encode(images)).var(dim=0).sum() / images.var(dim=0).sum())

    def save(self, path: str | Path) -> None:
        """Write mean and directions to a safetensors file."""
        save_weights(path, _KIND, {"scale": self.scale}, {"mean": self.mean, "directions": self.directions})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The components of a file that :meth:`save` wrote.

        Raises:
            FileNotFoundError, ValueError: no such file; truncated, foreign, or of another kind.
        """
        config, tensors = load_weights(path, _KIND)
        try:
            return cls(tensors["mean"], tensors["directions"], config["scale"])
        except KeyError as error:
            raise ValueError(f"load: {path} lacks {error}.") from error

    def __repr__(self) -> str:
        h, w = self.shape
        return f"PrincipalComponents({self.dim} of {h} x {w})"
