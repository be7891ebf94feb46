"""Where the course runs and how it speaks: device, seed, printed numbers.

Everything here is for notebooks. The numerical package never looks at it: it follows the device and dtype of the
tensors it is given, and takes its randomness as ``generator=``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch

# Exercises whose check has not passed in this kernel, and whose reference answer the notebook therefore
# goes on with. Figures print this, so that nobody takes the course's curve for their own.
reference_in_use: set[str] = set()


@dataclass(frozen=True)
class Profile:
    """What :func:`setup` decided for one notebook."""

    lesson: str
    device: torch.device
    dtype: torch.dtype
    seed: int

    def generator(self, offset: int = 0) -> torch.Generator:
        """A fresh random stream, on the CPU so that every device sees the same numbers."""
        return torch.Generator().manual_seed(1000 * self.seed + offset)


def device() -> torch.device:
    """The device of the course: ``KOOPTEACH_DEVICE`` if set, else CUDA where there is one, else the CPU.

    Raises:
        ValueError: ``mps``, which has no float64, or a name that torch does not know.
    """
    wanted = os.environ.get("KOOPTEACH_DEVICE")
    if not wanted:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted.startswith("mps"):
        raise ValueError("KOOPTEACH_DEVICE=mps: Apple's GPU has no float64, which the course needs; use cpu.")
    try:
        return torch.device(wanted)
    except RuntimeError:
        raise ValueError(f"KOOPTEACH_DEVICE={wanted}: no such device; use cpu or cuda, or unset it.") from None


def setup(lesson: str) -> Profile:
    """Seed the notebook, choose its device and say so in one line.

    Args:
        lesson: the lesson's two digits, ``"05"``.

    Raises:
        ValueError: if ``lesson`` is not two digits, or ``KOOPTEACH_DEVICE`` names no device that will do.
    """
    if not (isinstance(lesson, str) and len(lesson) == 2 and lesson.isdigit()):
        raise ValueError(f'setup: lesson must be two digits such as "05", got {lesson!r}.')
    chosen, seed = device(), int(lesson)
    torch.manual_seed(seed)
    reference_in_use.clear()
    print(f"lesson {lesson}, {chosen.type}, float64, seed {seed}")
    return Profile(lesson, chosen, torch.float64, seed)


def show(label: str, value: Any, digits: int = 3) -> None:
    """Print ``label: value`` with few significant digits, the same on every machine.

    Numbers, sequences, arrays and tensors are rounded; text and booleans are printed as they are.
    """
    print(f"{label}: {_text(value, digits)}")


def _text(value: Any, digits: int) -> str:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().tolist()
    elif hasattr(value, "tolist"):  # numpy arrays and scalars
        value = value.tolist()
    if isinstance(value, bool | str | int):
        return str(value)
    if isinstance(value, float):
        return f"{value + 0.0:.{digits}g}"  # + 0.0 turns a negative zero, a matter of luck, into zero
    if isinstance(value, complex):
        return f"{value.real + 0.0:.{digits}g}{value.imag:+.{digits}g}i"
    if isinstance(value, list | tuple):
        return "[" + "  ".join(_text(v, digits) for v in value) + "]"
    return str(value)


def strict() -> bool:
    """True while notebooks are tested or built: failed checks and broken figures raise."""
    return os.environ.get("KOOPTEACH_STRICT") == "1"


def untouched() -> bool:
    """True while unsolved exercise notebooks are run from top to bottom: failed checks do not raise."""
    return os.environ.get("KOOPTEACH_UNTOUCHED") == "1"
