"""Fitting a convex map to data: first to locally matched pairs, then by maximum likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

from koopteach.flow_matching import local_permutation, train
from koopteach.flow_matching.paths import draw_source
from koopteach.interpolants.convex import ConvexMap
from koopteach.interpolants.field import standard_normal
from koopteach.tensors import as_points

_PAIRS, _POOL, _CLIP = 12_800, 8192, 5.0


def fit_convex_map(
    x1: Tensor,
    x0: Tensor | None = None,
    *,
    n_centres: int = 96,
    strength: float = 3.0,
    slope: float = 0.2,
    pair_steps: int = 500,
    likelihood_steps: int = 300,
    generator: torch.Generator | None = None,
    verbose: bool = True,
) -> ConvexMap:
    """A convex map T that carries the noise to the data.

    T is regressed on pairs that :func:`local_permutation` makes; where the noise is N(0, I), the likelihood
    ``log N(T^{-1}(x1)) - log det DT`` of the data then sharpens it.

    Args:
        x1: data ``(n, d)``, of about unit variance.
        x0: samples of the noise; None for N(0, I). With samples there is no likelihood, and its steps are left out.
        n_centres, strength, slope: as of :class:`ConvexMap`; at most as many centres as data.
        pair_steps, likelihood_steps: of each training.
        generator: source of the centres, the pairs and the batches.
        verbose: as of :func:`train`.

    Raises:
        ValueError: NaN, unequal dimensions, fewer than two points, no training at all.
    """
    x1 = as_points("fit_convex_map", "x1", x1, at_least=2)
    x0 = x0 if x0 is None else as_points("fit_convex_map", "x0", x0, dim=x1.shape[1], at_least=2).to(x1)
    if n_centres < 1 or pair_steps < 0 or likelihood_steps < 0 or pair_steps + likelihood_steps < 1:
        raise ValueError(
            "fit_convex_map: n_centres must be at least 1 and the steps not negative nor all zero, got "
            f"{n_centres}, {pair_steps} and {likelihood_steps}."
        )
    like = x1.double()
    centres = like[_some(len(like), n_centres, like, generator)]
    chart = ConvexMap(centres, strength=strength, slope=slope)
    options = {"clip": _CLIP, "verbose": verbose}
    if pair_steps:
        noise = draw_source(None if x0 is None else x0.double(), like, _PAIRS, generator)
        data = draw_source(like, like, _PAIRS, generator)
        data = data[local_permutation(noise, data)]
        loss = _regression(chart, noise, data, generator)
        train(loss, chart.parameters(), n_steps=pair_steps, lr=2e-2, name="convex map, pairs", **options)
    if likelihood_steps and x0 is None:
        loss = _likelihood(chart, like[_some(len(like), _POOL, like, generator)], generator)
        train(loss, chart.parameters(), n_steps=likelihood_steps, lr=1e-2, name="convex map, likelihood", **options)
    return chart.to(x1.dtype)


def _some(n: int, most: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """At most ``most`` of ``n`` rows, without repetition."""
    where = generator.device if generator is not None else like.device
    return torch.randperm(n, device=where, generator=generator)[:most].to(like.device)


def _regression(chart: ConvexMap, noise: Tensor, data: Tensor, generator: torch.Generator | None):
    def loss() -> Tensor:
        rows = _some(len(noise), 512, noise, generator)
        return (chart(noise[rows]) - data[rows]).square().sum(dim=1).mean()

    return loss


def _likelihood(chart: ConvexMap, data: Tensor, generator: torch.Generator | None):
    """The mean of ``-log p`` on batches; Newton's method starts where it ended for the same point before."""
    with torch.no_grad():
        latest = chart.inverse(data)[0]

    def loss() -> Tensor:
        rows = _some(len(data), 256, data, generator)
        z, logdet = chart.inverse(data[rows], latest[rows])
        latest[rows] = z.detach()
        return -(standard_normal(z) + logdet).mean()

    return loss
