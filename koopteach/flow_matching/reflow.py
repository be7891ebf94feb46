"""Reflow: a second flow, trained on the pairs that the first one makes, has straighter paths."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from koopteach.flow_matching.flow import Flow
from koopteach.flow_matching.matching import FlowMatching
from koopteach.flow_matching.paths import PAIRED


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

    Args:
        flow: the first flow.
        n_pairs: how many pairs it makes.
        solver, steps: how it makes them.
        net, generator: as of :class:`FlowMatching` and its ``fit``.
        fit: the other arguments of ``FlowMatching.fit``.

    Raises:
        ValueError: fewer than two pairs, or what ``transport`` and ``fit`` raise.

    Source: Liu, Gong, Liu 2023 (rectified flow).
    """
    if n_pairs < 2:
        raise ValueError(f"reflow: n_pairs must be at least 2, got {n_pairs}.")
    x0 = flow.source(n_pairs, generator)
    x1 = flow.transport(x0, solver=solver, steps=steps)
    return FlowMatching(flow.dim, coupling=PAIRED, net=net).fit(x1, x0, generator=generator, **fit)
