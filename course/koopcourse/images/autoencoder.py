"""A small autoencoder: pictures to a few numbers with mean zero and covariance one, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from koopcourse.images.nets import PictureModel, as_images, as_shape, as_widths, batch_of, perceptron
from koopteach.flow_matching.train import train
from koopteach.tensors import as_count, as_points, map_chunks, not_negative, randn

# A direction of the codes with less than this share of the largest variance is unused; stretched to variance one it
# would be noise.
_UNUSED = 1e-6


class Autoencoder(PictureModel):
    """Pictures as codes of ``dim`` numbers: two perceptrons that minimise the mean squared error of a round trip.

        encode(x) = (f(x) - mean) C^{-1/2},      decode(z) = sigmoid(g(z C^{1/2} + mean))

    with ``mean`` and covariance ``C`` of ``f`` over the training pictures, measured after training: the codes have
    mean zero and covariance one, so that standard normal noise is their Gaussian.

    Args:
        shape: height and width of the pictures.
        dim: numbers in a code.
        widths: of the encoder's hidden layers; the decoder has them in reverse.
        generator: source of the first weights.

    Attributes:
        record: of the last ``fit``, a :class:`Training`; None before it and in a loaded autoencoder.

    Raises:
        TypeError, ValueError: sizes below one.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        dim: int,
        *,
        widths: Sequence[int] = (256, 128),
        generator: torch.Generator | None = None,
    ) -> None:
        self.dim, self.widths = as_count("Autoencoder", "dim", dim), as_widths("Autoencoder", widths)
        super().__init__(shape=as_shape("Autoencoder", shape), dim=dim, widths=self.widths)
        sizes = [self.shape[0] * self.shape[1], *self.widths, self.dim]
        self.encoder, self.decoder = perceptron(sizes, generator), perceptron(sizes[::-1], generator)
        self.mean: Tensor
        self.root: Tensor
        self.inverse_root: Tensor
        self.register_buffer("mean", torch.zeros(self.dim))
        self.register_buffer("root", torch.eye(self.dim))
        self.register_buffer("inverse_root", torch.eye(self.dim))

    def fit(
        self,
        images: Tensor,
        *,
        n_steps: int = 4000,
        batch: int = 256,
        lr: float = 2e-3,
        noise: float = 0.0,
        generator: torch.Generator | None = None,
        verbose: bool = True,
    ) -> Self:
        """Learn from pictures ``(n, h, w)``; a second call starts anew.

        Args:
            images: grey values from 0 to 1.
            n_steps, lr: as in :func:`train`.
            batch: pictures a step.
            noise: added to the codes in training, in units of their standard deviation in the batch; makes
                neighbouring codes neighbouring pictures, at the cost of sharpness.
            generator: source of the batches and the noise, and in a second call of the first weights.
            verbose: a progress bar where somebody watches, and a line when the training stopped early. An interrupt
                keeps what was learned.

        Raises:
            TypeError, ValueError: pictures of another shape or range, or all the same; numbers out of range.
        """
        pixels = as_images("Autoencoder.fit", images, self.shape).to(self.mean)
        if bool((pixels == pixels[0]).all()):
            raise ValueError("Autoencoder.fit: images are all the same, so there is nothing that a code could tell.")
        batch, noise = as_count("Autoencoder.fit", "batch", batch), not_negative("Autoencoder.fit", "noise", noise)
        self._start_anew(generator)

        def loss() -> Tensor:
            x = pixels[batch_of(len(pixels), batch, pixels, generator)]
            codes = self.encoder(x)
            if noise:
                codes = codes + noise * codes.detach().std(dim=0) * randn(tuple(codes.shape), codes, generator)
            return (self.decoder(codes).sigmoid() - x).square().mean()

        self.record = train(loss, self.parameters(), n_steps=n_steps, lr=lr, name="Autoencoder", verbose=verbose)
        self._standardise(pixels)
        return self

    @torch.no_grad()
    def _standardise(self, pixels: Tensor) -> None:
        codes = self._raw(pixels).double()
        values, vectors = torch.linalg.eigh(codes.T.cov(correction=0).reshape(self.dim, self.dim))
        values = values.clamp_min(_UNUSED * float(values[-1]))
        self.mean.copy_(codes.mean(dim=0))
        self.root.copy_((vectors * values.sqrt()) @ vectors.T)
        self.inverse_root.copy_((vectors / values.sqrt()) @ vectors.T)

    def _raw(self, pixels: Tensor) -> Tensor:
        return map_chunks(self.encoder, pixels, 4 * sum(self.widths))

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Codes ``(n, dim)`` of pictures ``(n, h, w)``, in the pictures' dtype.

        Raises:
            TypeError, ValueError: pictures of another shape or range.
        """
        pixels = as_images("encode", images, self.shape)
        return ((self._raw(pixels.to(self.mean)) - self.mean) @ self.inverse_root).to(pixels)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Pictures ``(n, h, w)`` of codes ``(n, dim)``, grey values from 0 to 1, in the codes' dtype.

        Raises:
            TypeError, ValueError: codes of another shape, NaN.
        """
        codes = as_points("decode", "codes", codes, dim=self.dim)
        raw = codes.to(self.mean) @ self.root + self.mean
        pixels = map_chunks(lambda part: self.decoder(part).sigmoid(), raw, 4 * sum(self.widths))
        return pixels.to(codes).unflatten(1, self.shape)

    def error(self, images: Tensor) -> float:
        """Mean squared error a pixel between pictures ``(n, h, w)`` and what ``decode(encode)`` makes of them."""
        return float((self.decode(self.encode(images)) - images).square().mean())
