"""A small classifier, whose last hidden layer is where samples of pictures are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from koopcourse.images.nets import PictureModel, as_images, as_shape, as_widths, batch_of, perceptron
from koopteach.flow_matching.train import train
from koopteach.tensors import as_count, map_chunks


class Classifier(PictureModel):
    """A perceptron that tells the classes of pictures apart, and thereby has features that matter in them.

    Trained by cross-entropy with smoothed labels. ``features`` are the values before the last linear layer.

    Args:
        shape: height and width of the pictures.
        n_classes: how many there are.
        widths: of the hidden layers; the last one is the number of features.
        generator: source of the first weights.

    Attributes:
        record: of the last ``fit``, a :class:`Training`; None before it and in a loaded classifier.

    Raises:
        TypeError, ValueError: sizes below one, or no hidden layer.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        n_classes: int,
        *,
        widths: Sequence[int] = (256, 64),
        generator: torch.Generator | None = None,
    ) -> None:
        self.n_classes, self.widths = as_count("Classifier", "n_classes", n_classes), as_widths("Classifier", widths)
        if not self.widths:
            raise ValueError("Classifier: widths is empty, but the last hidden layer holds the features.")
        super().__init__(shape=as_shape("Classifier", shape), n_classes=n_classes, widths=self.widths)
        h, w = self.shape
        self.body = nn.Sequential(*perceptron([h * w, *self.widths], generator), nn.SiLU())
        self.head = perceptron([self.widths[-1], self.n_classes], generator)

    def fit(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        n_steps: int = 2000,
        batch: int = 256,
        lr: float = 2e-3,
        generator: torch.Generator | None = None,
        verbose: bool = True,
    ) -> Self:
        """Learn from pictures ``(n, h, w)`` and their classes ``(n,)``; a second call starts anew.

        Args:
            images: grey values from 0 to 1.
            labels: whole numbers below ``n_classes``.
            n_steps, lr: as in :func:`train`.
            batch: pictures a step.
            generator: source of the batches, and in a second call of the first weights.
            verbose: a progress bar where somebody watches, and a line when the training stopped early. An interrupt
                keeps what was learned.

        Raises:
            TypeError, ValueError: pictures of another shape or range, or labels that do not fit.
        """
        like = self._like
        pixels = as_images("Classifier.fit", images, self.shape).to(like)
        labels = self._checked(labels, len(pixels)).to(like.device)
        batch = as_count("Classifier.fit", "batch", batch)
        self._start_anew(generator)

        def loss() -> Tensor:
            some = batch_of(len(pixels), batch, pixels, generator)
            # without the smoothing the features grow until only the surest digit of each class lies near its mean
            return nn.functional.cross_entropy(self.head(self.body(pixels[some])), labels[some], label_smoothing=0.1)

        self.record = train(loss, self.parameters(), n_steps=n_steps, lr=lr, name="Classifier", verbose=verbose)
        return self

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """What the last linear layer sees of pictures ``(n, h, w)``: ``(n, widths[-1])``, in their dtype.

        Raises:
            TypeError, ValueError: pictures of another shape or range.
        """
        pixels = as_images("features", images, self.shape)
        return map_chunks(self.body, pixels.to(self._like), 4 * sum(self.widths)).to(pixels)

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """The most probable class of each picture, ``(n,)``, whole numbers."""
        return self.head(self.features(images).to(self._like)).argmax(dim=1)

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Share of the pictures ``(n, h, w)`` whose class ``(n,)`` is recognised."""
        labels = self._checked(labels, len(images))
        return float((self.predict(images).cpu() == labels.cpu()).double().mean())

    @property
    def _like(self) -> Tensor:
        """A tensor of the networks' dtype and device."""
        return next(self.parameters())

    def _checked(self, labels: Tensor, n: int) -> Tensor:
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
            told = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
            raise TypeError(f"Classifier: labels must be a tensor of int64, got {told}. Use labels.long().")
        if labels.shape != (n,):
            raise ValueError(
                f"Classifier: labels has shape {tuple(labels.shape)}, but ({n},) is needed, one a picture."
            )
        if n and not (int(labels.min()) >= 0 and int(labels.max()) < self.n_classes):
            told = f"{int(labels.min())} to {int(labels.max())}"
            raise ValueError(f"Classifier: labels must be 0 to {self.n_classes - 1}, got {told}.")
        return labels
