"""Where the course runs and how it speaks: device, profile, seed, printed numbers, progress.

Everything here is for notebooks. The numerical code of the package never looks at it: it follows the
device and dtype of the tensors it is given, and takes its randomness as ``generator=``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

PROFILES = ("quick", "full", "gpu")
_T = TypeVar("_T")

# Exercises whose check has not passed in this kernel, and whose reference answer the notebook therefore
# goes on with. Figures print this, so that nobody takes the course's curve for their own.
reference_in_use: set[str] = set()


@dataclass(frozen=True)
class Profile:
    """What :func:`setup` decided for one notebook."""

    lesson: str
    name: str
    device: torch.device
    dtype: torch.dtype
    seed: int

    @property
    def quick(self) -> bool:
        """True where a lesson should stay within its 60 seconds on a laptop."""
        return self.name == "quick"

    def generator(self, offset: int = 0) -> torch.Generator:
        """A fresh random stream, on the CPU so that every device sees the same numbers."""
        return torch.Generator().manual_seed(1000 * self.seed + offset)


def device() -> torch.device:
    """The device of the course: ``KOOPTEACH_DEVICE`` if set, else CUDA where there is one, else the CPU.

    Apple's ``mps`` is never chosen by itself, because it has no float64, which the linear systems need.
    """
    wanted = os.environ.get("KOOPTEACH_DEVICE")
    if wanted:
        return torch.device(wanted)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def setup(lesson: str, profile: str | None = None) -> Profile:
    """Seed the notebook, choose its device and say so in one line.

    Args:
        lesson: the lesson's two digits, ``"05"``.
        profile: ``"quick"`` (a laptop, the default), ``"full"`` or ``"gpu"``; ``None`` reads
            ``KOOPTEACH_PROFILE``.

    Raises:
        ValueError: if ``lesson`` is not two digits or ``profile`` is not one of the three.
    """
    if not (isinstance(lesson, str) and len(lesson) == 2 and lesson.isdigit()):
        raise ValueError(f'setup: lesson must be two digits such as "05", got {lesson!r}.')
    name = profile or os.environ.get("KOOPTEACH_PROFILE") or "quick"
    if name not in PROFILES:
        raise ValueError(
            f"setup: profile must be one of {', '.join(PROFILES)}, got {name!r} "
            "(from the argument or the variable KOOPTEACH_PROFILE)."
        )
    chosen = device()
    if name == "gpu" and chosen.type != "cuda":
        raise ValueError(
            "setup: the gpu profile needs a CUDA device and found none. "
            "Use profile='full', or install torch for your driver: python3 course.py setup --torch auto"
        )
    seed = int(lesson)
    torch.manual_seed(seed)
    reference_in_use.clear()
    print(f"lesson {lesson}, {name} profile, {chosen.type}, float64, seed {seed}")
    return Profile(lesson, name, chosen, torch.float64, seed)


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


def interactive() -> bool:
    """True where a person watches: a terminal, or a notebook that is not being tested or built."""
    return not strict() and ("ipykernel" in sys.modules or sys.stderr.isatty())


def progress(items: Iterable[_T], description: str, total: int | None = None) -> Iterator[_T]:
    """Iterate with a progress bar where a person watches, silently elsewhere.

    The bar removes itself at the end, so that a saved notebook holds no trace of it.
    """
    if not interactive():
        yield from items
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:  # the bar is a comfort of the extra "course", never a need
        yield from items
        return
    yield from tqdm(items, desc=description, total=total, leave=False)
