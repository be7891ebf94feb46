"""Scalar schedules ``x_t = a(t) x0 + b(t) x1``: all of them induce the same map, at another speed."""

import math

import torch
from torch import Tensor, nn

from koopteach.interpolants.interpolant import Interpolant
from koopteach.tensors import as_count, jvp

_QUARTER = math.pi / 2  # of a turn


class Schedule(Interpolant):
    """``x_t = a(t) x0 + b(t) x1``, so that ``x0 = (x_t - b(t) x1) / a(t)``.

    A subclass gives ``coefficients``, and ``slopes`` where it has them in closed form. Shankar and Geffner write
    ``1 - h`` for ``a`` and ``g`` for ``b``.
    """

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``a(t)`` and ``b(t)`` at times ``(..., 1)``, shaped like them: from 1 to 0 and from 0 to 1."""
        raise NotImplementedError

    def slopes(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``a'(t)`` and ``b'(t)``."""
        da, db = jvp(lambda s: torch.stack(self.coefficients(s)), (t,), (torch.ones_like(t),))[1]
        return da, db

    def mean_rate(self, x: Tensor, x0: Tensor, x1: Tensor, weights: Tensor, t: Tensor) -> Tensor:
        """``a' E[x0 | x] + b' m`` from the one mean ``m = E[x1 | x]``, since ``a E[x0 | x] + b m = x``."""
        (a, b), (da, db) = self.coefficients(t), self.slopes(t)
        return da / a * x + (db - da / a * b) * (weights @ x1)

    def _value(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        a, b = self.coefficients(t)
        return a * x0 + b * x1

    def _rate(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        da, db = self.slopes(t)
        return da * x0 + db * x1

    def _inverse(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        a, b = self.coefficients(t)
        return (x - b * x1) / a, -self.dim * a.log()[..., 0]


class LinearInterpolant(Schedule):
    """``x_t = (1 - t) x0 + t x1``: straight paths, which with independent pairs cross and give a bent flow.

    Args:
        dim: coordinates of a point.

    Example:
        >>> import koopteach as kt, torch
        >>> x0, x1 = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])
        >>> straight = kt.LinearInterpolant(2)
        >>> straight.value(x0, x1, 0.5), straight.rate(x0, x1, 0.5)
        (tensor([[2., 2.]]), tensor([[2., 4.]]))
    """

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``1 - t`` and ``t``."""
        return 1 - t, t

    def slopes(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``-1`` and ``1``."""
        one = torch.ones_like(t)
        return -one, one


class TrigonometricInterpolant(Schedule):
    """``x_t = cos(pi t / 2) x0 + sin(pi t / 2) x1``: keeps the variance of two laws of unit variance.

    Args:
        dim: coordinates of a point.

    Example:
        >>> import koopteach as kt, torch
        >>> x0, x1 = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> kt.TrigonometricInterpolant(2).value(x0, x1, 1 / 3)
        tensor([[0.8660, 0.5000]])
    """

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``cos(pi t / 2)``, as the sine of the rest of the way so that it ends at 0 exactly, and ``sin(pi t / 2)``."""
        return (_QUARTER * (1 - t)).sin(), (_QUARTER * t).sin()

    def slopes(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Their derivatives."""
        return -_QUARTER * (_QUARTER * (1 - t)).cos(), _QUARTER * (_QUARTER * t).cos()


class LearnedSchedule(Schedule):
    """``a = (1 - t) exp(t P(t))`` and ``b = t exp((1 - t) Q(t))``, P and Q Chebyshev series; at first linear.

    Args:
        dim: coordinates of a point.
        degree: terms of each series.

    Attributes:
        series: the coefficients of P and Q, ``(2, degree, 1)``; :func:`straighten` trains them.

    Raises:
        TypeError, ValueError: ``dim`` or ``degree`` that is no whole number of at least one.

    Example:
        >>> import koopteach as kt, torch
        >>> schedule = kt.LearnedSchedule(1, degree=2)
        >>> _ = schedule.series[0].copy_(torch.tensor([[1.0], [0.0]]))  # P = 1: the noise is held up
        >>> a, b = schedule.coefficients(torch.tensor([[0.5]]))
        >>> round(float(a), 4), float(b)
        (0.8244, 0.5)
    """

    def __init__(self, dim: int, *, degree: int = 6) -> None:
        super().__init__(dim)
        degree = as_count("LearnedSchedule", "degree", degree)
        self.series = nn.Parameter(torch.zeros(2, degree, 1), requires_grad=False)

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``a(t)`` and ``b(t)``."""
        terms = chebyshev(t, self.series.shape[1])
        p, q = (terms @ series for series in self.series.to(t))
        return (1 - t) * (t * p).exp(), t * ((1 - t) * q).exp()


class TabulatedSchedule(Schedule):
    """``a`` and ``b`` by cubic Hermite interpolation of a table at equal times.

    Args:
        dim: coordinates of a point.
        a, b: values ``(k,)`` at ``linspace(0, 1, k)``, the ends among them.

    Raises:
        ValueError: tables of unequal lengths, or of fewer than three values.
    """

    table: Tensor
    table_slopes: Tensor

    def __init__(self, dim: int, a: Tensor, b: Tensor) -> None:
        super().__init__(dim)
        if a.shape != b.shape or a.ndim != 1 or len(a) < 3:
            raise ValueError(f"TabulatedSchedule: a and b must be (k,), k > 2, got {tuple(a.shape)}, {tuple(b.shape)}.")
        table = torch.stack([a, b])
        (slopes,) = torch.gradient(table, spacing=1 / (len(a) - 1), dim=1, edge_order=2)
        self.register_buffer("table", table)
        self.register_buffer("table_slopes", slopes)

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``a(t)`` and ``b(t)``."""
        table, slopes = self.table.to(t), self.table_slopes.to(t)
        last = table.shape[1] - 2
        place = t * (last + 1)
        i = place.detach().floor().clamp(0, last).long()
        s, step = place - i, 1 / (last + 1)
        y0, y1, m0, m1 = table[:, i], table[:, i + 1], slopes[:, i] * step, slopes[:, i + 1] * step
        excess = m0 + m1 - 2 * (y1 - y0)
        a, b = y0 + s * (m0 + s * (y1 - y0 - m0 + (s - 1) * excess))
        return a, b


def chebyshev(t: Tensor, count: int) -> Tensor:
    """``T_0 .. T_{count-1}`` of ``2 t - 1`` for times ``(..., 1)``, ``(..., count)``."""
    x = 2 * t - 1
    terms = [torch.ones_like(x), x]
    for _ in range(count - 2):
        terms.append(2 * x * terms[-1] - terms[-2])
    return torch.cat(terms[:count], dim=-1)
