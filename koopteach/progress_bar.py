"""Progress of long loops, shown where a person watches and nowhere else."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


def interactive() -> bool:
    """True where a person watches: a terminal, or a notebook that is not being tested or built."""
    return os.environ.get("KOOPTEACH_STRICT") != "1" and ("ipykernel" in sys.modules or sys.stderr.isatty())


def progress(items: Iterable[_T], description: str) -> Iterator[_T]:
    """Iterate with a progress bar where a person watches, silently elsewhere.

    The bar removes itself at the end, so that a saved notebook holds no trace of it.
    """
    if interactive():
        with suppress(ImportError):  # the bar is a comfort, never a need
            from tqdm.auto import tqdm

            items = tqdm(items, desc=description, leave=False)
    yield from items
