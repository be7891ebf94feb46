"""What a student's code may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one exercise, and of reading one notebook.

    Args:
        seconds: of the processor, in which the answer is defined and all its calls are made.
        patience: so many times as long by the wall: what sleeps takes none of the processor's time, and a busy computer
            makes nobody late.
        restarts: how often an answer that ends its process (``os._exit``, a crash) is defined anew.
        notebook: bytes of a notebook, pictures and all.
    """

    seconds: float = 10.0
    patience: float = 10.0
    restarts: int = 3
    notebook: int = 32 << 20
