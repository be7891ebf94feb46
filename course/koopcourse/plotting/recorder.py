"""Pictures of a widget for pages without a kernel: one control moves at a time, the others rest where they start.

The builder of notebooks names a folder in ``KOOPTEACH_RECORD``. Learners and tests have none: nothing is recorded.
"""

from __future__ import annotations

import io
import json
import os
import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from koopcourse.plotting import figures
from koopcourse.plotting.controls import Control

FOLDER = "KOOPTEACH_RECORD"
CELL, NOTES = "cell", "widgets.jsonl"  # in the folder: the place of the running cell; what was seen, a line a widget
MOST = 60  # pictures of a widget
SLOW, SECONDS, FEW = 1.0, 25.0, 8  # a slow picture; then so many processor seconds a widget, or so few values a control
DPI = 130  # a page's width is 1,170 pixels: three for each of a telephone's 390
SHADES = 8  # of 255: levels of a colour are rounded to it, which nobody sees and which takes a third of the bytes


def folder() -> Path | None:
    """Where the builder of notebooks wants its pictures; None for everybody else."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else None


def record(draw: Callable[..., None], controls: Mapping[str, Control], folder: Path) -> None:
    """Draw at the start and along each control, and leave pictures and a line about them in the folder.

    Args:
        draw: draws one figure and ends in ``finish``.
        controls: name of an argument of ``draw`` -> its control.
        folder: where the pictures go, and the line: a JSON object at the end of ``widgets.jsonl``. It names the cell
            that runs as the builder does in ``cell``.

    Raises:
        RuntimeError: ``draw`` failed, or showed no figure or several; says at which control and value.
    """
    notes = folder / NOTES
    number = 1 + (len(notes.read_text(encoding="utf-8").splitlines()) if notes.exists() else 0)
    start = {name: control.start for name, control in controls.items()}
    began = time.process_time()
    alts = {f"{number}-start.webp": _picture(draw, start, folder / f"{number}-start.webp", "the start")}
    each = allowance([len(control.values) for control in controls.values()], time.process_time() - began)
    seen = []
    for name, control in controls.items():
        home = control.values.index(control.start)
        chosen = spread(len(control.values), each, home)
        files = [f"{number}-start.webp" if i == home else f"{number}-{name}-{i}.webp" for i in chosen]
        for i, file in zip(chosen, files):
            if i != home:
                where = f"{name} at {control.labels[i]}"
                alts[file] = _picture(draw, {**start, name: control.values[i]}, folder / file, where)
        labels = [control.labels[i] for i in chosen]
        told = {"labels": labels, "start": chosen.index(home), "frames": files, "alts": [alts[f] for f in files]}
        seen.append({"name": shown_name(name), **told})
    with notes.open("a", encoding="utf-8") as lines:
        cell = int((folder / CELL).read_text(encoding="utf-8"))
        lines.write(json.dumps({"cell": cell, "controls": seen}, ensure_ascii=False) + "\n")


def shown_name(name: str) -> str:
    """What stands beside a control."""
    return name.replace("_", " ")


def allowance(counts: Sequence[int], seconds: float) -> int:
    """The most values that a control may have.

    Args:
        counts: how many values each control of the widget has.
        seconds: processor time of its first picture.
    """
    affordable = MOST if seconds <= SLOW else min(MOST, int(SECONDS / seconds))

    def pictures(each: int) -> int:
        return 1 + sum(min(count, each) - 1 for count in counts)

    each = max(counts)
    while pictures(each) > MOST or (pictures(each) > affordable and each > FEW):
        each -= 1
    return each


def spread(count: int, most: int, start: int) -> list[int]:
    """``most`` of the positions ``0 ... count - 1``, or all: evenly over all, the start always among them."""
    chosen = _evenly(count, most)
    if start not in chosen:
        chosen = _evenly(count, most - 1) | {start}
        if len(chosen) < most:  # the start is one of the fewer: the widest gap is halved
            low, high = max(pairwise(sorted(chosen)), key=lambda gap: gap[1] - gap[0])
            chosen.add((low + high) // 2)
    return sorted(chosen)


def _evenly(count: int, most: int) -> set[int]:
    return set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist())


def _picture(draw: Callable[..., None], values: dict, file: Path, where: str) -> str:
    """Draw, write what is shown to the file, and return its text alternative."""
    alts = []

    def keep(fig: Figure, alt: str) -> None:
        _write(fig, file)
        alts.append(alt)

    try:
        with aside(keep):
            draw(**values)
    except Exception as failed:
        raise RuntimeError(f"recording a widget, {where}: {type(failed).__name__}: {failed}") from failed
    if len(alts) != 1:
        raise RuntimeError(f"recording a widget, {where}: draw must end in one finish, got {len(alts)} figures.")
    return alts[0]


def _write(fig: Figure, file: Path) -> None:
    """As WebP without losses but for the rounding: lines and letters stay sharp, at no more bytes than with them."""
    drawn = io.BytesIO()
    fig.savefig(drawn, format="png", dpi=DPI)
    with Image.open(drawn) as image:
        exact = np.asarray(image.convert("RGB"), dtype=int)
    rounded = (exact + SHADES // 2) // SHADES * SHADES
    Image.fromarray(rounded.clip(0, 255).astype(np.uint8)).save(file, lossless=True, quality=60)


@contextmanager
def aside(keep: Callable[[Figure, str], None]) -> Iterator[None]:
    """Hand what is drawn to ``keep``, and leave no trace: no output, no open figure, no random number used up."""
    from IPython.utils.capture import capture_output

    display, opened = figures._display, set(plt.get_fignums())
    python, array = random.getstate(), np.random.get_state()  # noqa: NPY002, the generator that a lesson may use
    figures._display = lambda fig, alt: keep(fig, alt)
    try:
        with torch.random.fork_rng([]), mpl.rc_context(), warnings.catch_warnings(), capture_output():
            yield
    finally:
        figures._display = display
        random.setstate(python)
        np.random.set_state(array)  # noqa: NPY002
        for number in set(plt.get_fignums()) - opened:
            plt.close(number)
