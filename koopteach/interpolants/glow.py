"""Steps of Glow on image tensors as an interpolant: the parametrisation of the paper."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, silu

from koopteach.flow_matching.net import with_weights
from koopteach.interpolants.interpolant import Interpolant
from koopteach.tensors import rand


class GlowStep(nn.Module):
    """Actnorm, an invertible 1x1 convolution and an affine coupling on images ``(n, C, H, W)``, turned up by a weight.

    With weight ``w`` ``(n, 1, 1, 1)``, 0 for the identity: ``x exp(w s) + w m`` for each channel; the matrix
    ``P (I + w L)(diag(e^{w r}) + w U) P^T`` at each pixel, whose log-determinant is ``H W w sum(r)`` without any
    computation; half of the channels scaled and shifted by a convolutional net of the other half and of ``given``.

    Args:
        channels: ``C``, at least two.
        n_given: channels of ``given``.
        width: of the net.
        bound: the largest log-scale of the coupling.
        generator: source of the permutation ``P`` and of the first weights; at first the step is the identity.

    Raises:
        ValueError: fewer than two channels.

    Source: Kingma and Dhariwal 2018 (Glow).
    """

    permutation: Tensor

    def __init__(
        self,
        channels: int,
        n_given: int,
        *,
        width: int = 32,
        bound: float = 1.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if channels < 2:
            raise ValueError(f"GlowStep: channels must be at least 2, to have halves, got {channels}.")
        self.bound, self.kept = bound, channels // 2  # of the channels the first stay
        self.log_scale, self.shift = (nn.Parameter(torch.zeros(channels, 1, 1)) for _ in range(2))
        self.lower, self.upper = (nn.Parameter(torch.zeros(channels, channels)) for _ in range(2))
        self.log_diagonal = nn.Parameter(torch.zeros(channels))
        self.register_buffer("permutation", rand((channels,), self.log_diagonal, generator).argsort())
        sizes = [(self.kept + n_given, width, 3), (width, width, 1), (width, 2 * (channels - self.kept), 3)]
        self.net = nn.ModuleList(_convolution(*size, generator) for size in sizes)
        for parameter in self.net[-1].parameters():
            nn.init.zeros_(parameter)
        self.requires_grad_(False)

    def forward(self, x: Tensor, w: Tensor, given: Tensor) -> Tensor:
        """The step's value, ``(n, C, H, W)``."""
        x = x * (w * self.log_scale).exp() + w * self.shift
        lower, upper = self._triangles(w)
        pixels = x[:, self.permutation].flatten(2)
        x = (lower @ (upper @ pixels)).reshape(x.shape)[:, self.permutation.argsort()]
        kept, factor, summand = self._coupling(x, w, given)
        return torch.cat([kept, x[:, self.kept :] * factor.exp() + summand], dim=1)

    def inverse(self, y: Tensor, w: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """What the step maps to ``y``, and ``log |det|`` of the inverse, ``(n,)``."""
        kept, factor, summand = self._coupling(y, w, given)
        y = torch.cat([kept, (y[:, self.kept :] - summand) * (-factor).exp()], dim=1)
        lower, upper = self._triangles(w)
        pixels = y[:, self.permutation].flatten(2)
        pixels = torch.linalg.solve_triangular(lower, pixels, upper=False, unitriangular=True)
        pixels = torch.linalg.solve_triangular(upper, pixels, upper=True)
        x = pixels.reshape(y.shape)[:, self.permutation.argsort()]
        x = (x - w * self.shift) * (-w * self.log_scale).exp()
        per_pixel = w[:, 0, 0, 0] * (self.log_scale.sum() + self.log_diagonal.sum())
        return x, -factor.sum(dim=(1, 2, 3)) - y.shape[2] * y.shape[3] * per_pixel

    def _triangles(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """``I + w L`` and ``diag(e^{w r}) + w U``, ``(n, C, C)``."""
        w = w[:, 0]
        eye = torch.eye(len(self.log_diagonal)).to(w)
        diagonal = torch.diag_embed((w[:, 0] * self.log_diagonal).exp())
        return eye + w * self.lower.tril(-1), diagonal + w * self.upper.triu(1)

    def _coupling(self, x: Tensor, w: Tensor, given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The kept channels, and the log-factor and the summand of the others."""
        kept = x[:, : self.kept]
        h = torch.cat([kept, given], dim=1)
        for layer in self.net[:-1]:
            h = silu(layer(h))
        factor, summand = self.net[-1](h).chunk(2, dim=1)
        return kept, w * self.bound * torch.tanh(factor / self.bound), w * summand


class GlowInterpolant(Interpolant):
    """``x_t = (1 - t) G(x0; x1, t) + t x1`` on flattened images, G steps of Glow that see ``x1`` and ``t``.

    Images are squeezed first, each 2 x 2 block to four channels. At first it is the linear interpolant.

    Args:
        size: pixels of a side, even.
        channels: of an image; a point has ``channels size^2`` coordinates.
        n_steps: steps of Glow.
        width: of the convolutional nets of the steps.
        generator: source of their permutations and first weights.

    Raises:
        ValueError: an odd size, or a number below one.

    Source: Shankar and Geffner 2025 use maps of this kind; sizes are ours.

    Example:
        >>> import koopteach as kt, torch
        >>> glow = kt.GlowInterpolant(4, n_steps=2, width=8)
        >>> for parameter in glow.parameters():
        ...     _ = parameter.normal_(std=0.1)
        >>> x0, x1 = torch.randn(2, 5, 16)
        >>> back, logdet = glow.inverse(glow.value(x0, x1, 0.5), x1, 0.5)
        >>> bool(torch.allclose(back, x0, atol=1e-4)), logdet.shape
        (True, torch.Size([5]))
    """

    def __init__(
        self,
        size: int,
        channels: int = 1,
        *,
        n_steps: int = 4,
        width: int = 32,
        generator: torch.Generator | None = None,
    ) -> None:
        if size < 2 or size % 2 or channels < 1 or n_steps < 1:
            raise ValueError(f"GlowInterpolant: size must be even, others positive, got {(size, channels, n_steps)}.")
        super().__init__(channels * size * size)
        self.image = (channels, size, size)
        steps = (GlowStep(4 * channels, 4 * channels + 1, width=width, generator=generator) for _ in range(n_steps))
        self.steps = nn.ModuleList(steps)

    def _value(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        x0, x1, t, shape = self._broadcast(x0, x1, t)
        h, w, given = self._images(x0), self._weight(t), self._given(x1, t)
        for step in self.steps:
            h = step(h, w, given)
        return ((1 - t) * self._points(h) + t * x1).reshape(shape)

    def _inverse(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        x, x1, t, shape = self._broadcast(x, x1, t)
        h, w, given = self._images((x - t * x1) / (1 - t)), self._weight(t), self._given(x1, t)
        logdet = -self.dim * (1 - t[:, 0]).log()
        for step in reversed(self.steps):
            h, more = cast(GlowStep, step).inverse(h, w, given)
            logdet = logdet + more
        return self._points(h).reshape(shape), logdet.reshape(shape[:-1])

    def _broadcast(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, torch.Size]:
        """Rows ``(m, d)``, ``(m, d)`` and ``(m, 1)``, and the shape of the points that they stand for."""
        shape = torch.broadcast_shapes(x.shape, x1.shape, t.shape)
        x, x1, t = x.expand(shape), x1.expand(shape), t.expand(*shape[:-1], 1)
        return x.reshape(-1, self.dim), x1.reshape(-1, self.dim), t.reshape(-1, 1), shape

    def _images(self, x: Tensor) -> Tensor:
        return pixel_unshuffle(x.reshape(-1, *self.image), 2)

    def _points(self, h: Tensor) -> Tensor:
        return pixel_shuffle(h, 2).reshape(-1, self.dim)

    def _weight(self, t: Tensor) -> Tensor:
        """0 at both ends, where the steps are then the identity."""
        return (4 * t * (1 - t))[:, :, None, None]

    def _given(self, x1: Tensor, t: Tensor) -> Tensor:
        """The data's squeezed image, and a channel that tells the time."""
        image = self._images(x1)
        return torch.cat([image, t[:, :, None, None].expand(-1, 1, *image.shape[2:])], dim=1)


def _convolution(n_in: int, n_out: int, side: int, generator: torch.Generator | None) -> nn.Conv2d:
    """A convolution that keeps the image's size."""
    layer = nn.Conv2d(n_in, n_out, side, padding=side // 2, device="meta")
    return with_weights(layer, n_in * side**2, generator)
