"""A cheap judge of samples beside held-out rows: what ``KoopmanSampler.fit`` reports of itself."""

from typing import Any

import torch
from torch import Tensor

from koopteach.metrics.neighbours import distances

# Shares of neighbours scatter by as much where some fifty rows are kept aside.
_MARGIN = 0.05

# Of samples and of rows kept aside: all distances between them are held at once.
_JUDGED = 800


def energy_scores(sample: Tensor, held_out: Tensor) -> Tensor:
    """``E|X - y| - E|X - X'| / 2`` of each held-out row ``y``, ``(m,)``: lower is better, the truth is best on average.

    Source: Gneiting, Raftery 2007.
    """
    n = len(sample)
    within = distances(sample, sample).sum() / (n * (n - 1))
    return distances(held_out, sample).mean(dim=1) - within / 2


def told_apart(sample: Tensor, held_out: Tensor) -> float:
    """Share of points whose nearest neighbour is of their own kind, equal parts: one half if they can't be told apart.

    Source: Schilling 1986.
    """
    m = len(held_out)
    shares = []
    for part in sample.split(m)[: max(1, len(sample) // m)]:
        both = torch.cat([part, held_out])
        kind = torch.arange(len(both)) < len(part)
        nearest = distances(both, both).fill_diagonal_(torch.inf).argmin(dim=1)
        own = (kind == kind[nearest.cpu()]).double()
        shares.append((own[kind].mean() + own[~kind].mean()) / 2)
    return float(torch.stack(shares).mean())


def held_out_report(sampler: Any, held_out: Tensor, generator: torch.Generator | None) -> str:
    """Lines for the report: samples and the mixture's, beside rows that were kept aside, the first 800 at most."""
    y = sampler.columns(held_out[:_JUDGED])
    ours, mixtures = (sampler.columns(sampler.draw(_JUDGED, generator, moved=moved)) for moved in (True, False))
    gain = energy_scores(mixtures, y) - energy_scores(ours, y)
    mean, error = float(gain.mean()), float(gain.std() / len(gain) ** 0.5)
    apart = [told_apart(sample, y) for sample in (ours, mixtures)]
    lines = (
        f"\nbeside {len(y)} rows kept aside: nearest neighbour of its own kind {apart[0]:.2f}, mixture {apart[1]:.2f} "
        f"(0.5 is best); energy score better than the mixture's by {mean:.4f} +- {error:.4f}"
    )
    if mean < -2 * error or apart[0] > apart[1] + _MARGIN:
        lines += "\nthe mixture alone is better here: take n_steps=0, or herd the rows"
    return lines
