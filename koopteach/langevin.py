"""The diffusion itself: trajectories, snapshot pairs, and the score of a kernel density estimate."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from koopteach.protocols import Manifold, Target
from koopteach.targets.manifolds import Surface
from koopteach.tensors import as_count, as_numbers, as_points, is_traced, map_chunks, positive, randn, refuse_shape

Score = Callable[[Tensor], Tensor]


def as_score(operation: str, score: Score | Target, name: str = "score") -> Score:
    """``score`` with a look at what it returns, or the ``score`` of a target that is given in its place.

    Args:
        operation: who asks; opens the messages.
        score: ``(n, d) -> (n, d)``, one vector a point.
        name: of the function in that operation.

    Raises:
        TypeError, at once or when called: no function, or anything but a tensor of the points' dtype.
        ValueError, when called: another shape, which would be spread over the coordinates silently, or NaN.
    """
    function = getattr(score, "score", score)
    if not callable(function):
        kind = type(score).__name__
        raise TypeError(f"{operation}: {name} must be a function (n, d) -> (n, d), such as target.score, got {kind}.")

    def checked(x: Tensor) -> Tensor:
        vectors = function(x)
        if not isinstance(vectors, Tensor) or vectors.dtype != x.dtype:
            found = vectors.dtype if isinstance(vectors, Tensor) else type(vectors).__name__
            raise TypeError(f"{operation}: {name} returned {found} at points of {x.dtype}. Convert one of them.")
        refuse_shape(operation, f"what {name} returned", vectors, tuple(x.shape), ", one vector a point")
        if not is_traced(vectors) and bool(vectors.isnan().any()):
            bad = int(vectors.isnan().any(dim=1).sum())
            raise ValueError(
                f"{operation}: {name} is NaN at {bad} of {len(x)} points. Look at {name}(x) there: a division by "
                "zero, or the logarithm of a density that is zero?"
            )
        return vectors

    return checked


def langevin_trajectory(
    target: Target | Manifold,
    x0: Tensor,
    *,
    n_steps: int,
    dt: float,
    every: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Steps of ``dX = b(X) dt + sqrt(2) dW``: Euler-Maruyama in R^d, Brownian motion on a manifold.

    Args:
        target: has ``dim`` and ``score(x)``, and ``drift(x)`` where its drift ``b`` differs; or is a manifold, which
            has ``brownian_step(x, dt, generator)``.
        x0: starts ``(n, d)``; all walk independently.
        n_steps: steps of length ``dt``.
        every: keep each ``every``-th state.
        generator: source of the noise.

    Returns:
        ``(n_steps // every + 1, n, d)``, the start included.

    Raises:
        TypeError: a target without these.
        ValueError: ``dt`` not positive, ``n_steps`` negative or ``every`` below one; a score of wrong shape, or NaN.

    >>> import torch
    >>> import koopteach as kt
    >>> start = torch.zeros(100, 1, dtype=torch.float64)
    >>> path = kt.langevin_trajectory(kt.DoubleWell(), start, n_steps=200, dt=0.01, every=50)
    >>> tuple(path.shape)
    (5, 100, 1)
    """
    dt = positive("langevin_trajectory", "dt", dt)
    n_steps = as_count("langevin_trajectory", "n_steps", n_steps, at_least=0)
    every = as_count("langevin_trajectory", "every", every)
    advance = getattr(target, "brownian_step", None) or _euler_maruyama(target)
    x = as_points("langevin_trajectory", "x0", x0, dim=target.dim)
    states = [x]
    for step in range(1, n_steps + 1):
        x = advance(x, dt, generator)
        if step % every == 0:
            states.append(x)
    return torch.stack(states)


def _euler_maruyama(target: Target | Manifold) -> Callable[[Tensor, float, torch.Generator | None], Tensor]:
    name = "drift" if hasattr(target, "drift") else "score"
    if not hasattr(target, name) or not hasattr(target, "dim"):
        raise TypeError(f"langevin_trajectory: target needs dim and score, or brownian_step: {type(target).__name__}.")
    drift = as_score("langevin_trajectory", getattr(target, name), name)
    return lambda x, dt, generator: x + dt * drift(x) + math.sqrt(2 * dt) * randn(tuple(x.shape), x, generator)


def snapshot_pairs(
    target: Target | Surface, n: int, *, lag: float, dt: float | None = None, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """``n`` independent stationary pairs ``(x, y)``, ``y`` the state one ``lag`` after ``x``, each ``(n, d)``.

    Exact where the target knows its transition; else :func:`langevin_trajectory` in steps of at most ``dt``
    (``None``: ``min(lag, 0.001)``).

    Raises:
        TypeError: a target that cannot draw samples.
        ValueError: a lag or step that is not positive; as :func:`langevin_trajectory`.

    >>> import torch
    >>> import koopteach as kt
    >>> x, y = kt.snapshot_pairs(kt.Circle(), 4000, lag=0.5, generator=torch.Generator().manual_seed(0))
    >>> cosine = (x * y).sum(1).mean()  # of the angle between them: exp(-lag) on average
    >>> abs(float(cosine) - 0.607) < 0.03
    True
    """
    if not hasattr(target, "sample"):
        raise TypeError(f"snapshot_pairs: target must have sample(n, generator), got {type(target).__name__}.")
    lag, dt = positive("snapshot_pairs", "lag", lag), positive("snapshot_pairs", "dt", 1e-3 if dt is None else dt)
    x = target.sample(n, generator)
    transition = getattr(target, "transition", None)
    if transition is not None:
        return x, transition(x, lag, generator)
    steps = math.ceil(lag / dt - 1e-9)
    path = langevin_trajectory(target, x, n_steps=steps, dt=lag / steps, every=steps, generator=generator)
    return x, path[-1]


def kde_score(x: Tensor, bandwidth: float | Tensor | None = None) -> Score:
    """The score of a Gaussian kernel density estimate, for data without a formula.

        grad log p(u) = (sum_j p_j(u) x_j - u) / b^2,     p_j(u) = softmax_j(-|(u - x_j) / b|^2 / 2)

    Args:
        x: data ``(n, d)``.
        bandwidth: ``b``, in the units of ``x``, one number or one a column ``(d,)``; ``None`` is Silverman's rule
            column by column, which gives the same estimate in any units.

    Returns:
        A function ``u (p, d) -> (p, d)``, evaluated in chunks.

    Raises:
        TypeError, ValueError: a bandwidth that is not positive or of wrong shape, or fewer than two points.

    >>> import torch
    >>> import koopteach as kt
    >>> score = kt.kde_score(torch.tensor([[-1.0], [1.0]]), bandwidth=1.0)
    >>> score(torch.tensor([[0.0], [4.0]])).round(decimals=2).abs().tolist()  # nothing in the middle, 4 - 1 outside
    [[0.0], [3.0]]
    """
    x = as_points("kde_score", "x", x, at_least=2)
    n, d = x.shape
    width = _silverman(x) if bandwidth is None else as_numbers("kde_score", "bandwidth", bandwidth, d, positive=True)
    width = width.to(x)
    middle = x.mean(dim=0)  # expanded squares lose digits far from the origin
    centred = (x - middle) / width
    half_square = 0.5 * (centred**2).sum(1)

    def score(u: Tensor) -> Tensor:
        u = (u - middle) / width
        # |u|^2 is the same for all j and drops out of the softmax
        p = torch.softmax(u @ centred.T - half_square, dim=1)
        return (p @ centred - u) / width

    return lambda u: map_chunks(score, as_points("kde_score", "u", u, dim=d), n)


def _silverman(x: Tensor) -> Tensor:
    """A bandwidth for each column ``(d,)``; one that does not vary takes the mean of the others."""
    n, d = x.shape
    spread = x.std(dim=0)
    if not is_traced(x) and not bool((spread > 0).any()):
        raise ValueError("kde_score: no bandwidth follows from x. Are all points the same?")
    return torch.where(spread > 0, spread, spread.mean()) * (4 / ((d + 2) * n)) ** (1 / (d + 4))


def kde_snapshot_pairs(
    x: Tensor,
    *,
    lag: float,
    bandwidth: float | Tensor | None = None,
    manifold: Manifold | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Pairs from static data, the route of arXiv 2512.18837: one Langevin step with the KDE's score.

        y = x + lag s(x) + sqrt(2 lag) xi

    What EDMD finds from them is the generator of the *kernel density
    estimate*, whose barriers are lower than the data's. On a manifold score and noise are tangent, and the step ends at
    the nearest point of it: ``y = project(x + P(lag s(x) + sqrt(2 lag) xi))``, which makes rates too
    low by a share of the order of ``lag / R^2``.

    Args:
        x: data ``(n, d)``.
        lag: length of the step, a time.
        bandwidth: of the estimate, as in :func:`kde_score`; on a manifold, whose coordinates have one unit, ``None``
            is the mean over the columns.
        manifold: where the data lie (see :mod:`koopteach.targets.manifolds`), None for R^d.
        generator: source of the noise.

    Raises:
        ValueError: a lag that is not positive, or points off the manifold; see :func:`kde_score` for the others.

    >>> import torch
    >>> import koopteach as kt
    >>> x, y = kt.kde_snapshot_pairs(kt.moons.sample(50), lag=0.01, generator=torch.Generator().manual_seed(0))
    >>> tuple(y.shape), float((y - x).norm(dim=1).max()) < 1
    ((50, 2), True)
    """
    lag = positive("kde_snapshot_pairs", "lag", lag)
    x = as_points("kde_snapshot_pairs", "x", x, at_least=2)
    score = kde_score(x, _silverman(x).mean() if bandwidth is None and manifold is not None else bandwidth)
    move = lag * score(x) + math.sqrt(2 * lag) * randn(tuple(x.shape), x, generator)
    if manifold is None:
        return x, x + move
    refuse = getattr(manifold, "refuse_points_off", None)  # a manifold of one's own need not have it
    if refuse is not None:
        refuse("kde_snapshot_pairs", x)
    return x, manifold.project(x + manifold.tangent(x, move))
