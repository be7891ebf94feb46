"""The Dirichlet form of a dictionary's features on points, without an array of their gradients."""

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor

from koopteach.dictionaries.rbf import GaussianRBF, MultiScale
from koopteach.protocols import Dictionary


def dirichlet(
    dictionary: Dictionary,
    x: Tensor,
    weights: Tensor,
    stretch: Tensor,
    values: Tensor | None = None,
    gram: Tensor | None = None,
) -> Tensor:
    """``sum_i weights_i D psi_j(x_i) . D psi_l(x_i)``, ``(m, m)``, where ``D`` is the gradient times ``stretch``.

    Kernels need one product of ``(n, m)`` besides their Gram matrix instead of ``d``, and polynomials for each
    coordinate the few features that it takes part in: a hundred columns cost hardly more than two.

    Args:
        dictionary: of ``m`` features.
        x: points ``(n, d)``.
        weights: ``(n,)``, not negative.
        stretch: ``(d,)`` or one.
        values: ``psi(x)``, ``(n, m)``, where somebody has it.
        gram: ``sum_i weights_i psi_j(x_i) psi_l(x_i)``, ``(m, m)``, where somebody has it.
    """
    groups = dictionary.groups if isinstance(dictionary, MultiScale) else (dictionary,)
    values = dictionary(x) if values is None else values
    kernels = any(isinstance(group, GaussianRBF) for group in groups)
    if kernels and x.dtype == torch.float32:  # differences of products, which have no digits to spare
        double = (part.double() for part in (x, weights, stretch, values))
        return dirichlet(dictionary.to(torch.float64), *double).to(x)
    stretch = stretch.to(x).expand(x.shape[1])
    sizes = [group.n_features for group in groups]
    parts = values.split(sizes, dim=1)
    factors, blocks = stretch.square()[:, None] * weights, {}
    for a, b in itertools.combinations_with_replacement(range(len(groups)), 2):
        one = groups[a]
        slopes = ((j, partial * weight[:, None]) for (j, partial), weight in zip(_partials(groups[b], x), factors))
        if not isinstance(one, GaussianRBF):
            block = x.new_zeros(one.n_features, groups[b].n_features)
            for (i, left), (j, right) in zip(_partials(one, x), slopes):
                block.index_put_((i[:, None], j), left.T @ right, accumulate=True)
        elif a == b:
            own = (
                parts[a].T @ (weights[:, None] * parts[a]) if gram is None else gram.split(sizes)[a].split(sizes, 1)[a]
            )
            block = one.dirichlet(x, weights, stretch, parts[a], own)
        else:
            block = one.dirichlet_beside(x, slopes, parts[a], groups[b].n_features)
        blocks[a, b], blocks[b, a] = block, block.T
    return torch.cat([torch.cat([blocks[a, b] for b in range(len(groups))], dim=1) for a in range(len(groups))])


def _partials(part: Dictionary, x: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    """For each coordinate numbers ``(q,)`` of features and their derivatives ``(n, q)``; all others are zero."""
    partials = getattr(part, "partials", None)
    if partials is not None:
        return partials(x)
    every = torch.arange(part.n_features, device=x.device)
    return ((every, slope) for slope in part.grad(x).unbind(dim=2))
