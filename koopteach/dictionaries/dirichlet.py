"""The Dirichlet form of a dictionary's features on points, without an array of their gradients."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor

from koopteach.dictionaries.rbf import GaussianRBF, MultiScale
from koopteach.protocols import Dictionary


def dirichlet(dictionary: Dictionary, x: Tensor, weights: Tensor, stretch: Tensor) -> Tensor:
    """``sum_i weights_i D psi_j(x_i) . D psi_l(x_i)``, ``(m, m)``, where ``D`` is the gradient times ``stretch``.

    Kernels need three products of ``(n, m)`` instead of ``d``, and polynomials for each coordinate the few features
    that it takes part in: a hundred columns cost hardly more than two.

    Args:
        dictionary: of ``m`` features.
        x: points ``(n, d)``.
        weights: ``(n,)``, not negative.
        stretch: ``(d,)`` or one.
    """
    groups = dictionary.groups if isinstance(dictionary, MultiScale) else (dictionary,)
    stretch = stretch.to(x).expand(x.shape[1])
    blocks: dict[tuple[int, int], Tensor] = {}
    for a, b in itertools.combinations_with_replacement(range(len(groups)), 2):
        one, other = groups[a], groups[b]
        if a == b and isinstance(one, GaussianRBF) and x.dtype == torch.float64:
            blocks[a, a] = one.dirichlet(x, weights, stretch)
        else:
            blocks[a, b] = _by_coordinates(one, other, x, weights, stretch)
            blocks[b, a] = blocks[a, b].T
    return torch.cat([torch.cat([blocks[a, b] for b in range(len(groups))], dim=1) for a in range(len(groups))])


def _by_coordinates(one: Dictionary, other: Dictionary, x: Tensor, weights: Tensor, stretch: Tensor) -> Tensor:
    block = x.new_zeros(one.n_features, other.n_features)
    for (i, a), (j, b), factor in zip(_partials(one, x), _partials(other, x), stretch.square()):
        block.index_put_((i[:, None], j), (a * (factor * weights)[:, None]).T @ b, accumulate=True)
    return block


def _partials(part: Dictionary, x: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    """For each coordinate numbers ``(q,)`` of features and their derivatives ``(n, q)``; all others are zero."""
    partials = getattr(part, "partials", None)
    if partials is not None:
        return partials(x)
    every = torch.arange(part.n_features, device=x.device)
    return ((every, slope) for slope in part.grad(x).unbind(dim=2))
