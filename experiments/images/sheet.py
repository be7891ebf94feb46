"""Pictures for the page: a few random samples of the first seed, drawn by the shipped decoders."""

from __future__ import annotations

from typing import Any

from experiments.images.samplers import SAMPLERS, SETTINGS, all_codes
from koopcourse import zoo

SEED, ACROSS = 2000, 20
ROWS = ("held out", "KSWGD, tuned", "Gaussian mixture, 40", "latent flow matching")


def sheet(_: object = None) -> Any:
    """A row of pictures a sampler, digits above clothes."""
    import torch
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9.0, 4.4), layout="constrained")
    axes = fig.subplots(len(ROWS) * len(SETTINGS), 1)
    for i, name in enumerate(SETTINGS):
        decode = zoo.shipped(f"{name}-codes").decode
        for ax, method in zip(axes[i * len(ROWS) :], ROWS):
            codes = all_codes(name)[1] if method == "held out" else SAMPLERS[method](name, SEED)[0]
            some = torch.randperm(len(codes), generator=torch.Generator().manual_seed(SEED))[:ACROSS]
            ax.imshow(torch.cat(list(decode(codes[some])), dim=1).numpy(), cmap="gray_r", vmin=0, vmax=1)
            ax.set_ylabel(method, rotation=0, horizontalalignment="right", verticalalignment="center", fontsize=8)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    return fig
