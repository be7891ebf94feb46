"""The optimal velocity of any interpolant without a network: a weighted mean over a pool of data."""

from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.flow_matching.density import LogDensity, standard_normal
from koopteach.flow_matching.flow import as_times
from koopteach.interpolants.interpolant import Interpolant
from koopteach.tensors import as_points, chunks, jvp

# Below so many effective samples an average is noise; the second number is for single points.
ENOUGH, TOO_FEW = 20.0, 5.0


@dataclass(frozen=True)
class Field:
    """An estimate of the optimal velocity, and how much data it rests on.

    Attributes:
        velocity: ``(n, d)``.
        ess: effective sample size ``1 / sum_j w_j^2`` at each point, ``(n,)``.
        t: times ``(n, 1)``.
        acceleration: ``dv/dt`` along the flow line, ``(n, d)``; None where nobody asked for it.
    """

    velocity: Tensor
    ess: Tensor
    t: Tensor
    acceleration: Tensor | None = None

    def report(self) -> list[str]:
        """One line where the weights have collapsed; a field that rests on one sample looks straight and is not."""
        worst = self.ess < ENOUGH
        poor = float(self.ess.median()) < ENOUGH or float((self.ess < TOO_FEW).double().mean()) > 0.2
        if not poor:
            return []
        t = float(self.t[worst].median())
        return [
            f"the field rests on {float(self.ess.median()):.1f} effective samples at t = {t:.2g}; "
            "lower t_max, enlarge the pool or reduce d"
        ]

    def __repr__(self) -> str:
        return f"Field({len(self.ess)} points, median ESS {float(self.ess.median()):.3g})"


def optimal_field(
    interpolant: Interpolant, x: Tensor, t: float | Tensor, pool: Tensor, *, log_prob: LogDensity | None = None
) -> Field:
    """``v*(x, t) = sum_j w_j u_t(x0_j, x1_j)`` over all pairs of a pool that meet at ``x``.

    ``x0_j`` is the noise that the j-th data point sends to ``x``, and
    ``w = softmax_j(log p0(x0_j) + log |det dx0_j / dx|)``. Bias O(1/N), error O(1/sqrt(N)) in the effective size.

    Args:
        interpolant: the family.
        x: points ``(n, d)``.
        t: times in [0, 1), a number or one for each point.
        pool: data ``(N, d)``, at least two.
        log_prob: log density of the noise, ``(m, d) -> (m,)``; None for N(0, I).

    Returns:
        A :class:`Field`: ``velocity`` ``(n, d)``, ``ess`` ``(n,)``, the effective sample size, and ``report()``, a line
        where that is too small.

    Raises:
        ValueError: shapes that do not fit, NaN, a time outside [0, 1), a pool of fewer than two points.

    Source: Shankar and Geffner 2025, Proposition 1.

    Example:
        >>> import koopteach as kt, torch
        >>> pool = torch.tensor([[2.0, 0.0], [4.0, 2.0]])
        >>> field = kt.optimal_field(kt.LinearInterpolant(2), torch.ones(1, 2), 0.0, pool)
        >>> field.velocity  # at t = 0 nothing is known: straight to the mean of the data
        tensor([[2., 0.]])
        >>> field
        Field(1 points, median ESS 2)
    """
    x, t, pool = _checked("optimal_field", interpolant, x, t, pool)
    velocity, ess = field_and_ess(interpolant, x, t, pool, log_prob)
    return Field(velocity, ess, t)


def acceleration(
    interpolant: Interpolant,
    x: Tensor,
    t: float | Tensor,
    pool: Tensor,
    *,
    method: str = "jvp",
    h: float = 0.04,
    log_prob: LogDensity | None = None,
) -> Field:
    """``Dv = d_t v + (grad_x v) v``, the change of the optimal velocity along its own flow line.

    Args:
        interpolant, x, t, pool, log_prob: as in :func:`optimal_field`.
        method: ``"jvp"``, one derivative in the direction ``(v, 1)``; ``"difference"``,
            ``(v(x + h v, t + h) - v(x, t)) / h`` with the same pool.
        h: step of the difference; ``t + h`` stays below 1.

    Raises:
        ValueError: as :func:`optimal_field`, another method, a step that leaves [0, 1).

    Example:
        >>> import koopteach as kt, torch
        >>> pool, x = torch.tensor([[-2.0], [2.0]]), torch.tensor([[0.1]])
        >>> bent = kt.acceleration(kt.LinearInterpolant(1), x, 0.3, pool)
        >>> bool(bent.acceleration > 0), bent.acceleration.shape  # away from the middle, to the nearer of both data
        (True, torch.Size([1, 1]))
    """
    if method not in ("jvp", "difference"):
        raise ValueError(f'acceleration: method must be "jvp" or "difference", got {method!r}.')
    x, t, pool = _checked("acceleration", interpolant, x, t, pool)
    v, ess = field_and_ess(interpolant, x, t, pool, log_prob)

    def velocity(y: Tensor, s: Tensor) -> Tensor:
        return field_and_ess(interpolant, y, s, pool, log_prob)[0]

    if method == "difference":
        if not 0 < h < 1 - float(t.max()):
            raise ValueError(f"acceleration: h = {h:g} must be positive and t + h below 1, got t up to {t.max():g}.")
        change = (velocity(x + h * v, t + h) - v) / h
    else:
        change = jvp(velocity, (x, t), (v, torch.ones_like(t)))[1]
    return Field(v, ess, t, change)


def field_and_ess(
    interpolant: Interpolant, x: Tensor, t: Tensor, pool: Tensor, log_prob: LogDensity | None
) -> tuple[Tensor, Tensor]:
    """The field and its effective sample size, in chunks, differentiable; nothing is checked."""
    parts = [_field(interpolant, x[rows], t[rows], pool, log_prob) for rows in chunks(len(x), 4 * pool.numel())]
    velocity, ess = zip(*parts)
    return torch.cat(velocity), torch.cat(ess)


def pool_weights(
    interpolant: Interpolant, x: Tensor, t: Tensor, pool: Tensor, log_prob: LogDensity | None = None
) -> tuple[Tensor, Tensor]:
    """Noise points ``x0`` ``(n, N, d)`` and log-weights ``(n, N)``, which sum to one as ``exp``."""
    x0, logdet = interpolant._inverse(x[:, None], pool, t[:, None])
    x0 = x0.expand(len(x), len(pool), -1)
    log_p0 = standard_normal(x0) if log_prob is None else log_prob(x0.reshape(-1, x.shape[1])).reshape(x0.shape[:2])
    return x0, (log_p0 + logdet).log_softmax(dim=1)


def _field(
    interpolant: Interpolant, x: Tensor, t: Tensor, pool: Tensor, log_prob: LogDensity | None
) -> tuple[Tensor, Tensor]:
    x0, log_w = pool_weights(interpolant, x, t, pool, log_prob)
    ess = (-(2 * log_w.detach()).logsumexp(dim=1)).exp()
    return interpolant.mean_rate(x, x0, pool, log_w.exp(), t), ess


def _checked(
    who: str, interpolant: Interpolant, x: Tensor, t: float | Tensor, pool: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    x = as_points(who, "x", x, dim=interpolant.dim)
    pool = as_points(who, "pool", pool, dim=interpolant.dim, at_least=2).to(x)
    t = as_times(who, t, x)
    if float(t.max()) >= 1:
        raise ValueError(f"{who}: t = {float(t.max()):g}, but a time below 1 is needed, where the weights collapse.")
    return x, t, pool
