"""Pictures for the page: a few random samples of the first seed, drawn by the shipped decoders."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.images.samplers import evenly, many
from experiments.images.tasks import SETTINGS, Task, data, held_out
from experiments.images.tuned import options
from experiments.machinery.experiment import Numbers
from koopcourse import zoo

SEED, ACROSS = 2000, 20
OURS, HELD_OUT = "KSWGD, tuned", "held out"
NEAREST = "nearest learned from"
ROWS = (HELD_OUT, OURS, NEAREST, "Gaussian mixture, 40")


def sheet(_: dict[str, Numbers]) -> Any:
    """A row of pictures a sampler, clothes above digits; below ours the nearest of those that it learned from."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9.0, 4.4), layout="constrained")
    axes = fig.subplots(len(ROWS) * len(SETTINGS), 1)
    for i, name in enumerate(SETTINGS):
        shown = {method: some(name, method) for method in ROWS if method != NEAREST}
        learned = data(Task(name, SEED))[0]
        shown[NEAREST] = learned[torch.cdist(shown[OURS], learned).argmin(1)]
        for ax, method in zip(axes[i * len(ROWS) :], ROWS):
            pictures = zoo.shipped(f"{name}-codes").decode(shown[method])
            ax.imshow(torch.cat(list(pictures), dim=1).numpy(), cmap="gray_r", vmin=0, vmax=1)
            ax.set_ylabel(method, rotation=0, horizontalalignment="right", verticalalignment="center", fontsize=8)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    return fig


def some(name: str, method: str) -> Tensor:
    """A few random codes: of a sampler's even ones if they are particles, of its draws else, or held-out ones."""
    task, sampler = Task(name, SEED), evenly if method == OURS else many
    told = options(name, method)
    codes = held_out(name, "test").codes if method == HELD_OUT else sampler(task, method, **told)[0]
    return codes[torch.randperm(len(codes), generator=torch.Generator().manual_seed(SEED))[:ACROSS]]
