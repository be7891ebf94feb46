"""What every interpolant can do: join a noise and a data point, say how fast it moves, and find the noise again."""

import torch
from torch import Tensor, nn

from koopteach.tensors import as_count, jvp

# The Jacobian of an inverse is checked up to so many coordinates; above, it costs more than it tells.
_MOST_CHECKED = 64


class Interpolant(nn.Module):
    """Paths ``x_t = I_t(x0, x1)`` with ``I_0 = x0``, ``I_1 = x1``, invertible in ``x0`` for ``t < 1``.

    Points ``(..., d)`` and times ``(..., 1)`` broadcast, so that queries ``(n, 1, d)`` meet a pool ``(N, d)``.
    A subclass gives ``_value`` and ``_inverse``, and ``_rate`` where it has a closed form. Parameters require a
    gradient during a training alone.

    Args:
        dim: coordinates of a point.

    Attributes:
        gaussian_source: whether the field is straight only for noise N(0, I).

    Raises:
        TypeError, ValueError: ``dim`` that is no whole number of at least one.

    Source: Shankar and Geffner 2025, arXiv 2503.20719.

    Example:
        >>> import koopteach as kt, torch
        >>> class Late(kt.Interpolant):
        ...     def _value(self, x0, x1, t):
        ...         return (1 - t**2) * x0 + t**2 * x1
        ...     def _inverse(self, x, x1, t):
        ...         return (x - t**2 * x1) / (1 - t**2), -self.dim * (1 - t**2).log()[..., 0]
        >>> x0, x1 = torch.zeros(1, 2), torch.ones(1, 2)
        >>> Late(2).value(x0, x1, 0.5), Late(2).rate(x0, x1, 0.5)
        (tensor([[0.2500, 0.2500]]), tensor([[1., 1.]]))
    """

    gaussian_source = False

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = as_count(type(self).__name__, "dim", dim)

    def value(self, x0: Tensor, x1: Tensor, t: float | Tensor) -> Tensor:
        """``I_t(x0, x1)``, ``(..., d)``.

        Raises:
            ValueError: points of another dimension, a time outside [0, 1].
        """
        t = self._checked("value", t, x0=x0, x1=x1)
        return self._value(x0, x1, t)

    def rate(self, x0: Tensor, x1: Tensor, t: float | Tensor) -> Tensor:
        """``u_t = d/dt I_t(x0, x1)``, ``(..., d)``; raises as :meth:`value`."""
        t = self._checked("rate", t, x0=x0, x1=x1)
        return self._rate(x0, x1, t)

    def inverse(self, x: Tensor, x1: Tensor, t: float | Tensor) -> tuple[Tensor, Tensor]:
        """``x0`` with ``I_t(x0, x1) = x``, ``(..., d)``, and ``log |det dx0 / dx|``, ``(...)``.

        Raises:
            ValueError: points of another dimension, a time outside [0, 1): at 1 every noise leads to ``x1``.
        """
        t = self._checked("inverse", t, x=x, x1=x1)
        if float(t.max()) >= 1:
            raise ValueError(f"inverse: t = {float(t.max()):g}, but at 1 every noise point is x1. Use t <= 0.97.")
        x0, logdet = self._inverse(x, x1, t)
        return x0, logdet.expand(torch.broadcast_shapes(logdet.shape, x0.shape[:-1]))

    # ---- codes: coordinates in which a pair is joined, computed once for a whole sample

    def code0(self, x0: Tensor) -> Tensor:
        """What :meth:`path` needs of ``x0``."""
        return x0

    def code1(self, x1: Tensor) -> Tensor:
        """What :meth:`path` needs of ``x1``."""
        return x1

    def path(self, code0: Tensor, code1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The point and its rate from the codes of both ends, ``(n, d)`` each: what a flow is regressed on."""
        return self._value(code0, code1, t), self._rate(code0, code1, t)

    # ---- for the field: x (n, d), x0 (n, N, d), x1 (N, d), weights (n, N), t (n, 1)

    def mean_rate(self, x: Tensor, x0: Tensor, x1: Tensor, weights: Tensor, t: Tensor) -> Tensor:
        """``sum_j w_j u_t(x0_j, x1_j)`` over all pairs that meet at ``x``, ``(n, d)``."""
        return (weights[:, :, None] * self._rate(x0, x1, t[:, None])).sum(dim=1)

    # ---- what a family gives

    def _value(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        raise NotImplementedError

    def _rate(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        t = t.contiguous()
        return jvp(lambda s: self._value(x0, x1, s), (t,), (torch.ones_like(t),))[1]

    def _inverse(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def _checked(self, who: str, t: float | Tensor, **points: Tensor) -> Tensor:
        for name, x in points.items():
            if x.shape[-1] != self.dim:
                raise ValueError(f"{who}: {name} has {x.shape[-1]} coordinates, but the interpolant {self.dim}.")
        like = next(iter(points.values()))
        t = torch.as_tensor(t, dtype=like.dtype, device=like.device)
        t = t[None] if t.ndim == 0 else t
        if t.shape[-1] != 1:
            raise ValueError(f"{who}: t has shape {tuple(t.shape)}, but (n, 1) or a number is needed. Try t[:, None].")
        if not (bool((t >= 0).all()) and bool((t <= 1).all())):
            raise ValueError(f"{who}: t must lie in [0, 1], got {float(t.min()):g} to {float(t.max()):g}.")
        return t


def check_interpolant(interpolant: Interpolant, x0: Tensor, x1: Tensor) -> None:
    """Refuse a family whose ends, inverse or determinant are wrong, seen on pairs ``(n, d)``.

    Raises:
        ValueError: the paths do not start and end at the pair; the inverse does not lead back; the log-determinant is
            not that of the inverse.

    Example:
        >>> import koopteach as kt, torch
        >>> class Short(kt.LinearInterpolant):
        ...     def coefficients(self, t):
        ...         return 1 - t, 0.9 * t
        >>> kt.check_interpolant(Short(1), torch.zeros(1, 1), torch.ones(1, 1))
        Traceback (most recent call last):
        ValueError: I(x0, x1, 1) differs from x1 by 0.1; an interpolant must join its ends.
    """
    sharp = x0.dtype == torch.float64
    for t, wanted, name in ((0.0, x0, "x0"), (1.0, x1, "x1")):
        gap = float((interpolant.value(x0, x1, t) - wanted).abs().max())
        if not gap < (1e-5 if sharp else 1e-4) * _size(wanted):
            raise ValueError(f"I(x0, x1, {t:g}) differs from {name} by {gap:.2g}; an interpolant must join its ends.")
    for t in (0.1, 0.5, 0.9):
        x = interpolant.value(x0, x1, t)
        back, logdet = interpolant.inverse(x, x1, t)
        gap = float((back - x0).abs().max())
        if not gap < (1e-4 if sharp else 1e-2) * _size(x0):
            raise ValueError(f"not invertible at t = {t:g}: the inverse misses x0 by {gap:.2g}.")
        if interpolant.dim > _MOST_CHECKED:
            continue
        few = slice(4)
        exact = _log_determinants(interpolant, x[few], x1[few], t)
        if not float((logdet[few] - exact).abs().max()) < (1e-4 if sharp else 1e-2):
            depends = float(exact.max() - exact.min()) > 1e-4 and float(logdet.max() - logdet.min()) < 1e-8
            raise ValueError(
                "logdet is constant but the Jacobian of inverse depends on x1."
                if depends
                else f"logdet is not that of the Jacobian of inverse at t = {t:g}."
            )


def _size(x: Tensor) -> float:
    """The largest number, and at least one: data may have any units."""
    return max(1.0, float(x.abs().max()))


def _log_determinants(interpolant: Interpolant, x: Tensor, x1: Tensor, t: float) -> Tensor:
    """``log |det dx0 / dx|`` by automatic differentiation: every row with all its directions in one pass."""
    d = x.shape[1]
    points = x[:, None].expand(-1, d, -1).contiguous()
    directions = torch.eye(d).to(x).expand_as(points).contiguous()
    time = x.new_full((1,), t)
    columns = jvp(lambda y: interpolant._inverse(y, x1[:, None], time)[0], (points,), (directions,))[1]
    return columns.slogdet().logabsdet
