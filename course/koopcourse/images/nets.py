"""What the picture models share: a perceptron from a generator, files, and the check of what they are given."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from koopteach.files import fill, load_weights, save_weights
from koopteach.flow_matching.train import Training
from koopteach.tensors import as_count, as_float, rand


class PictureModel(nn.Module):
    """Networks for pictures of one shape, on disk as tensors and the arguments that make the networks anew.

    Args:
        config: the arguments of the subclass, but for its generator.

    Attributes:
        record: of the last ``fit``, a :class:`Training`; None before it and in a loaded model.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = config
        self.shape: tuple[int, int] = config["shape"]
        self.record: Training | None = None
        self._learned = False

    def _start_anew(self, generator: torch.Generator | None) -> None:
        """Forget what an earlier fit or a file has put into the layers; the first fit begins with the given ones."""
        if self._learned:
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    draw_weights(layer, generator)
        self._learned = True

    def save(self, path: str | Path) -> None:
        """Write the networks to a safetensors file, their configuration inside.

        Raises:
            ImportError: without safetensors.
        """
        save_weights(path, type(self).__name__, self.config, self.state_dict())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The model of a file that :meth:`save` wrote, on the CPU; runs no code of the file.

        Raises:
            FileNotFoundError, ValueError: no such file; truncated, foreign, or of another kind.
        """
        config, tensors = load_weights(path, cls.__name__)
        try:
            model = cls(**config)
        except (TypeError, ValueError) as error:
            raise ValueError(f"load: {path} describes no {cls.__name__} of this version: {error}") from error
        fill(model, tensors, path)
        model._learned = True
        return model

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {value}" for name, value in self.config.items())
        return f"{type(self).__name__}({sizes}{'' if self.record is None else f', {self.record}'})"


def perceptron(sizes: Sequence[int], generator: torch.Generator | None = None) -> nn.Sequential:
    """Linear layers between ``sizes`` with SiLU between them; no gradients until a training asks for them.

    Args:
        sizes: of the input, the hidden layers and the output.
        generator: source of the first weights, uniform up to one over the root of a layer's inputs.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layer = nn.Linear(n_in, n_out, device="meta").to_empty(device="cpu")  # torch would draw from its own stream
        layers += [draw_weights(layer, generator), nn.SiLU()]
    return nn.Sequential(*layers[:-1]).requires_grad_(False)


@torch.no_grad()
def draw_weights(layer: nn.Linear, generator: torch.Generator | None) -> nn.Linear:
    """``layer`` with weights and biases uniform up to one over the root of its inputs."""
    for parameter in (layer.weight, layer.bias):
        parameter.copy_((2 * rand(tuple(parameter.shape), parameter, generator) - 1) / layer.in_features**0.5)
    return layer


def as_shape(operation: str, shape: Any) -> tuple[int, int]:
    """``shape`` as height and width.

    Raises:
        TypeError, ValueError: not two whole numbers of at least one.
    """
    try:
        height, width = shape
    except (TypeError, ValueError):
        raise ValueError(f"{operation}: shape must be (height, width), got {shape!r}.") from None
    return as_count(operation, "height", height), as_count(operation, "width", width)


def as_widths(operation: str, widths: Sequence[int]) -> tuple[int, ...]:
    """Widths of hidden layers as whole numbers.

    Raises:
        TypeError, ValueError: no sequence of whole numbers of at least one.
    """
    if not isinstance(widths, Sequence):
        raise TypeError(f"{operation}: widths must be a sequence such as (256, 128), got {widths!r}.")
    return tuple(as_count(operation, "widths", width) for width in widths)


def batch_of(n: int, size: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """``size`` of the row numbers below ``n``, drawn with replacement, on the device of ``like``."""
    where = generator.device if generator is not None else "cpu"
    return torch.randint(n, (size,), generator=generator, device=where).to(like.device)


def as_images(operation: str, images: Any, shape: Sequence[int]) -> Tensor:
    """``images`` as rows of pixels ``(n, h w)``.

    Args:
        operation: who asks; opens the message.
        images: ``(n, h, w)``, grey values from 0 to 1.
        shape: the height and width that are needed.

    Raises:
        TypeError: another dtype than float32 or float64.
        ValueError: another shape, no pictures, NaN, or values outside [0, 1].
    """
    images = as_float(operation, "images", images)
    if images.ndim != 3 or tuple(images.shape[1:]) != tuple(shape) or not len(images):
        h, w = shape
        hint = " Did you mean images[None]?" if images.shape == tuple(shape) else ""
        raise ValueError(f"{operation}: images has shape {tuple(images.shape)}, but (n, {h}, {w}) is needed.{hint}")
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):  # NaN, too
        raise ValueError(
            f"{operation}: images must hold grey values from 0 to 1, got {float(low):.3g} to {float(high):.3g}. "
            "Divide bytes by 255."
        )
    return images.flatten(1)
