"""The diffusion itself: trajectories, snapshot pairs, and the score of a kernel density estimate."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from koopteach.tensors import as_count, as_number, as_points, map_chunks, positive, randn


def langevin_trajectory(
    target,
    x0: Tensor,
    *,
    n_steps: int,
    dt: float,
    every: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Steps of ``dX = b(X) dt + sqrt(2) dW``: Euler-Maruyama in R^d, Brownian motion on a manifold.

    Args:
        target: has ``score(x)``, and ``drift(x)`` where its drift ``b`` differs; or is a manifold, which has
            ``brownian_step(x, dt, generator)``.
        x0: starts ``(n, d)``; all walk independently.
        n_steps: steps of length ``dt``.
        every: keep each ``every``-th state.
        generator: source of the noise.

    Returns:
        ``(n_steps // every + 1, n, d)``, the start included.

    Raises:
        ValueError: ``dt`` not positive, ``n_steps`` negative or ``every`` below one.
    """
    dt = positive("langevin_trajectory", "dt", dt)
    n_steps = as_count("langevin_trajectory", "n_steps", n_steps, at_least=0)
    every = as_count("langevin_trajectory", "every", every)
    x = as_points("langevin_trajectory", "x0", x0, dim=target.dim)
    advance = getattr(target, "brownian_step", None) or _euler_maruyama(target)
    states = [x]
    for step in range(1, n_steps + 1):
        x = advance(x, dt, generator)
        if step % every == 0:
            states.append(x)
    return torch.stack(states)


def _euler_maruyama(target) -> Callable[[Tensor, float, torch.Generator | None], Tensor]:
    drift = getattr(target, "drift", target.score)
    return lambda x, dt, generator: x + dt * drift(x) + math.sqrt(2 * dt) * randn(tuple(x.shape), x, generator)


def snapshot_pairs(
    target, n: int, *, lag: float, dt: float | None = None, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """``n`` independent stationary pairs ``(x, y)``, ``y`` the state one ``lag`` after ``x``, each ``(n, d)``.

    Exact where the target knows its transition; else :func:`langevin_trajectory` in steps of at most ``dt``
    (``None``: ``min(lag, 0.001)``).

    Raises:
        ValueError: a lag or step that is not positive.
    """
    lag, dt = positive("snapshot_pairs", "lag", lag), positive("snapshot_pairs", "dt", 1e-3 if dt is None else dt)
    x = target.sample(n, generator)
    if hasattr(target, "transition"):
        return x, target.transition(x, lag, generator)
    steps = math.ceil(lag / dt - 1e-9)
    path = langevin_trajectory(target, x, n_steps=steps, dt=lag / steps, every=steps, generator=generator)
    return x, path[-1]


def kde_score(x: Tensor, bandwidth: float | None = None) -> Callable[[Tensor], Tensor]:
    """The score of a Gaussian kernel density estimate, for data without a formula.

    ``grad log p(u) = (sum_j p_j(u) x_j - u) / b^2``, ``p = softmax_j(-|u - x_j|^2 / 2 b^2)``.

    Args:
        x: data ``(n, d)``.
        bandwidth: ``b``, in the units of ``x``; ``None`` is Silverman's rule.

    Returns:
        A function ``u (p, d) -> (p, d)``, evaluated in chunks.

    Raises:
        ValueError: a bandwidth that is not positive, or fewer than two points.
    """
    x = as_points("kde_score", "x", x, at_least=2)
    n, d = x.shape
    if bandwidth is None:
        bandwidth = float(x.std(dim=0).mean()) * (4 / ((d + 2) * n)) ** (1 / (d + 4))
    bandwidth = as_number("kde_score", "bandwidth", bandwidth)
    if not 0 < bandwidth < math.inf:
        raise ValueError(f"kde_score: bandwidth must be positive, got {bandwidth}. Are all points the same?")
    middle = x.mean(dim=0)  # expanded squares lose digits far from the origin
    centred = x - middle
    half_square = 0.5 * (centred**2).sum(1)

    def score(u: Tensor) -> Tensor:
        u = u - middle
        # |u|^2 is the same for all j and drops out of the softmax
        p = torch.softmax((u @ centred.T - half_square) / bandwidth**2, dim=1)
        return (p @ centred - u) / bandwidth**2

    return lambda u: map_chunks(score, as_points("kde_score", "u", u, dim=d), n)


def kde_snapshot_pairs(
    x: Tensor,
    *,
    lag: float,
    bandwidth: float | None = None,
    manifold=None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Pairs from static data, the route of arXiv 2512.18837: one Langevin step with the KDE's score.

    ``y = x + lag s(x) + sqrt(2 lag) xi``. What EDMD finds from them is the generator of the *kernel density
    estimate*, whose barriers are lower than the data's. On a manifold score and noise are tangent, and the step ends at
    the nearest point of it: ``y = project(x + P(lag s(x) + sqrt(2 lag) xi))``, which makes rates too
    low by a share of the order of ``lag / R^2``.

    Args:
        x: data ``(n, d)``.
        lag: length of the step, a time.
        bandwidth: of the estimate, as in :func:`kde_score`.
        manifold: where the data lie (see :mod:`koopteach.targets.manifolds`), None for R^d.
        generator: source of the noise.

    Raises:
        ValueError: a lag that is not positive, or points off the manifold; see :func:`kde_score` for the others.
    """
    lag = positive("kde_snapshot_pairs", "lag", lag)
    x, score = as_points("kde_snapshot_pairs", "x", x, at_least=2), kde_score(x, bandwidth)
    move = lag * score(x) + math.sqrt(2 * lag) * randn(tuple(x.shape), x, generator)
    if manifold is None:
        return x, x + move
    manifold.refuse_points_off("kde_snapshot_pairs", x)
    return x, manifold.project(x + manifold.tangent(x, move))
