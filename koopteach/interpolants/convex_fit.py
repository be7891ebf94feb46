"""Fitting a convex map to data: first to locally matched pairs, then by maximum likelihood."""

from collections.abc import Callable

import torch
from torch import Tensor

from koopteach.flow_matching import local_permutation, train
from koopteach.flow_matching.density import standard_normal
from koopteach.flow_matching.paths import draw_source
from koopteach.flow_matching.units import warn_of_units
from koopteach.interpolants.convex import ConvexMap
from koopteach.tensors import as_points, shuffled_rows

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
    """The gradient T of a convex function that carries the noise to the data.

    ``T(z) = eps z + sum_k softmax_k(beta c_k . z + b_k) c_k`` is regressed on pairs that :func:`local_permutation`
    makes; where the noise is N(0, I), the likelihood ``log N(T^{-1}(x1)) - log det DT`` of the data then sharpens it.

    Args:
        x1: data ``(n, d)``, of about unit variance.
        x0: samples of the noise; None for N(0, I). With samples there is no likelihood, and its steps are left out.
        n_centres: how many ``c_k``, at first rows of the data; at most as many as there are.
        strength: first ``beta``; large for separated modes.
        slope: first ``eps``, the smallest slope of T.
        pair_steps, likelihood_steps: of each training.
        generator: source of the centres, the pairs and the batches.
        verbose: as of :func:`train`.

    Returns:
        A :class:`ConvexMap` in the dtype of the data: ``T(z)``, ``T.inverse(x)``, ``T.derivatives(z)``.

    Raises:
        ValueError: NaN, unequal dimensions, fewer than two points, no training at all, ``strength`` or ``slope`` not
            positive.

    Example:
        >>> import koopteach as kt, torch
        >>> x = kt.moons.sample(500, torch.Generator().manual_seed(0))
        >>> T = kt.fit_convex_map(x, n_centres=8, pair_steps=0, likelihood_steps=5, verbose=False)
        >>> z, logdet = T.inverse(x)
        >>> z.shape, bool(torch.allclose(T(z), x)), logdet.shape
        (torch.Size([500, 2]), True, torch.Size([500]))
    """
    x1 = as_points("fit_convex_map", "x1", x1, at_least=2)
    x0 = x0 if x0 is None else as_points("fit_convex_map", "x0", x0, dim=x1.shape[1], at_least=2).to(x1)
    warn_of_units("fit_convex_map: x1", x1)
    steps = pair_steps + (likelihood_steps if x0 is None else 0)
    if n_centres < 1 or pair_steps < 0 or likelihood_steps < 0 or steps < 1:
        raise ValueError(
            "fit_convex_map: n_centres must be at least 1 and the steps not negative nor all zero (with x0 pair_steps "
            f"alone count), got {n_centres}, {pair_steps} and {likelihood_steps}."
        )
    like = x1.double()
    centres = like[shuffled_rows(like, generator)[:n_centres]]
    T = ConvexMap(centres, strength=strength, slope=slope)
    options = {"clip": _CLIP, "verbose": verbose}
    if pair_steps:
        noise = draw_source(None if x0 is None else x0.double(), like, _PAIRS, generator)
        data = draw_source(like, like, _PAIRS, generator)
        data = data[local_permutation(noise, data)]
        loss = _regression(T, noise, data, generator)
        train(loss, T.parameters(), n_steps=pair_steps, lr=2e-2, name="convex map, pairs", **options)
    if likelihood_steps and x0 is None:
        loss = _likelihood(T, like[shuffled_rows(like, generator)[:_POOL]], generator)
        train(loss, T.parameters(), n_steps=likelihood_steps, lr=1e-2, name="convex map, likelihood", **options)
    return T.to(x1.dtype)


def _regression(T: ConvexMap, noise: Tensor, data: Tensor, generator: torch.Generator | None) -> Callable[[], Tensor]:
    """The mean of ``|T(z) - x|^2`` over batches of pairs."""

    def loss() -> Tensor:
        rows = shuffled_rows(noise, generator)[:512]
        return (T(noise[rows]) - data[rows]).square().sum(dim=1).mean()

    return loss


def _likelihood(T: ConvexMap, data: Tensor, generator: torch.Generator | None) -> Callable[[], Tensor]:
    """The mean of ``-log p`` on batches; Newton's method starts where it ended for the same point before."""
    with torch.no_grad():
        latest = T.inverse(data)[0]

    def loss() -> Tensor:
        rows = shuffled_rows(data, generator)[:256]
        z, logdet = T.inverse(data[rows], latest[rows])
        latest[rows] = z.detach()
        return -(standard_normal(z) + logdet).mean()

    return loss
