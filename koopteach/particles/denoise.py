"""The last step of a sampler: take off the little noise that its samples still have."""

from torch import Tensor

from koopteach.langevin import Score, as_score
from koopteach.particles.kswgd import limit
from koopteach.protocols import Target
from koopteach.tensors import as_points, positive


def denoise(score: Score | Target, x: Tensor, variance: float) -> Tensor:
    """``x + variance * score(x)``, no move longer than the noise itself is, ``sqrt(variance * d)``.

    If ``x`` is data plus Gaussian noise of this variance in each coordinate and ``score`` belongs to the law of
    ``x``, this is the mean of the data that may have led to ``x`` (Tweedie's formula). The bound keeps a learned
    score, which knows nothing far from its data, from throwing strays about.

    Args:
        score: ``grad log pi``, for example :func:`spectral_score` or ``kde_score``; a target's own is taken.
        x: points ``(n, d)``.
        variance: of the noise, in the units of ``x`` squared.

    Raises:
        TypeError: a score that is no function.
        ValueError: points that are not ``(n, d)`` and finite, a variance that is not positive, a score of wrong shape,
            or NaN.

    Identity: of noisy points of a Gaussian of variance ``s``, ``x`` becomes ``x (1 - variance / (s + variance))``.

    >>> import torch
    >>> import koopteach as kt
    >>> noisy = kt.OrnsteinUhlenbeck(1, theta=0.5)  # variance 2: a standard normal law, and noise of variance 1
    >>> kt.denoise(noisy, torch.tensor([[1.0], [-0.5]]), 1.0).tolist()
    [[0.5], [-0.25]]

    Source: Robbins 1956; Efron 2011.
    """
    x, variance = as_points("denoise", "x", x), positive("denoise", "variance", variance)
    return x + limit(variance * as_score("denoise", score)(x), (variance * x.shape[1]) ** 0.5)[0]
