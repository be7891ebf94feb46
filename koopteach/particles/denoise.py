"""The last step of a sampler: take off the little noise that its samples still have."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from koopteach.particles.kswgd import limit
from koopteach.tensors import as_points, positive


def denoise(score: Callable[[Tensor], Tensor], x: Tensor, variance: float) -> Tensor:
    """``x + variance * score(x)``, no move longer than the noise itself is, ``sqrt(variance * d)``.

    If ``x`` is data plus Gaussian noise of this variance in each coordinate and ``score`` belongs to the law of
    ``x``, this is the mean of the data that may have led to ``x`` (Tweedie's formula). The bound keeps a learned
    score, which knows nothing far from its data, from throwing strays about.

    Args:
        score: ``grad log pi``, for example :func:`spectral_score` or ``kde_score``.
        x: points ``(n, d)``.
        variance: of the noise, in the units of ``x`` squared.

    Raises:
        ValueError: points that are not ``(n, d)`` and finite, a variance that is not positive.

    Identity: of noisy points of a Gaussian of variance ``s``, ``x`` becomes ``x (1 - variance / (s + variance))``.

    Source: Robbins 1956; Efron 2011.
    """
    x, variance = as_points("denoise", "x", x), positive("denoise", "variance", variance)
    return x + limit(variance * score(x), (variance * x.shape[1]) ** 0.5)[0]
