"""Reflow: a second flow, trained on the pairs that the first one makes, has straighter paths."""

from typing import Any

import torch
from torch import nn

from koopteach.flow_matching.flow import Flow
from koopteach.flow_matching.matching import FlowMatching
from koopteach.flow_matching.paths import PAIRED
from koopteach.flow_matching.units import Units
from koopteach.tensors import as_count


def reflow(
    flow: Flow,
    *,
    n_pairs: int = 12_000,
    solver: str = "midpoint",
    steps: int = 20,
    net: nn.Module | None = None,
    generator: torch.Generator | None = None,
    **fit: Any,
) -> FlowMatching:
    """Flow matching on pairs ``(x0, flow.transport(x0))``, whose straight lines no longer cross much.

    In the first flow's units; where it has none, its ends are mapped as ``fit`` does.

    Args:
        flow: the first flow, any :class:`Flow`.
        n_pairs: how many pairs it makes.
        solver, steps: how it makes them.
        net, generator: as of :class:`FlowMatching` and its ``fit``.
        fit: the other arguments of ``FlowMatching.fit``.

    Raises:
        TypeError, ValueError: fewer than two pairs, or what ``transport`` and ``fit`` raise.

    >>> import torch
    >>> import koopteach as kt
    >>> first, stream = kt.GaussianFlow([3.0, 0.0], [1.0, 1.0]), torch.Generator().manual_seed(0)
    >>> net = kt.FourierNet(2, width=8, depth=1, generator=stream)
    >>> second = kt.reflow(first, n_pairs=100, net=net, n_steps=20, batch=50, generator=stream)
    >>> second.coupling, tuple(second.sample(5, steps=1).shape)
    ('paired', (5, 2))

    Source: Liu, Gong, Liu 2023 (rectified flow).
    """
    x0 = flow.source(as_count("reflow", "n_pairs", n_pairs, at_least=2), generator)
    x1 = flow.transport(x0, solver=solver, steps=steps)
    units = flow._units or Units.of(x1, None if flow._x0 is None else x0)
    fit = {"standardize": units, **fit}
    return FlowMatching(flow.dim, coupling=PAIRED, net=net).fit(x1, x0, generator=generator, **fit)
