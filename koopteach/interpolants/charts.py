"""Charts ``x_t = F_t(a z0 + b z1)``: straight or rotating paths seen through a map that bends the flow straight."""

import torch
from torch import Tensor

from koopteach.interpolants.convex import ConvexMap, blended_inverse
from koopteach.interpolants.interpolant import Interpolant
from koopteach.interpolants.schedules import LinearInterpolant, Schedule, TrigonometricInterpolant
from koopteach.tensors import jvp


class Chart(Interpolant):
    """``x_t = F_t(a z0 + b z1)`` with ``z0 = F_0^{-1}(x0)`` and ``z1 = F_1^{-1}(x1)``.

    The field is ``d_t F_t(y) + DF_t(y) v_lat(y, t)`` at ``y = F_t^{-1}(x)``: one derivative of F.
    A subclass gives ``push`` and ``pull``, and ``code0`` and ``_source`` where ``F_0`` is not the identity.

    Args:
        dim: coordinates of a point.
        inner: the schedule of the latent points; None for the trigonometric one, which keeps N(0, I).
    """

    gaussian_source = True

    def __init__(self, dim: int, inner: Schedule | None = None) -> None:
        super().__init__(dim)
        self.inner = TrigonometricInterpolant(dim) if inner is None else inner

    def push(self, y: Tensor, t: Tensor) -> Tensor:
        """``F_t(y)``."""
        raise NotImplementedError

    def pull(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """``y = F_t^{-1}(x)`` and ``log |det dy / dx|``."""
        raise NotImplementedError

    def code1(self, x1: Tensor) -> Tensor:
        """``z1 = F_1^{-1}(x1)``."""
        return self.pull(x1, torch.ones_like(x1[..., :1]))[0]

    def path(self, code0: Tensor, code1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The point and its rate from the latent ends."""
        return self._pushed(self.inner._value(code0, code1, t), self.inner._rate(code0, code1, t), t)

    def mean_rate(self, x: Tensor, x0: Tensor, x1: Tensor, weights: Tensor, t: Tensor) -> Tensor:
        """The latent mean, carried by one derivative of F."""
        y = self.pull(x, t)[0]
        latent = self.inner.mean_rate(y, x0, self.code1(x1), weights, t)
        return self._pushed(y, latent, t)[1]

    def _pushed(self, y: Tensor, dy: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """``F_t(y)`` and its rate of change where ``y`` moves by ``dy``."""
        t = t.expand(*y.shape[:-1], 1).contiguous()
        return jvp(self.push, (y, t), (dy, torch.ones_like(t)))

    def _source(self, z0: Tensor) -> tuple[Tensor, Tensor]:
        """``x0 = F_0(z0)`` and ``log |det dx0 / dz0|``."""
        return z0, torch.zeros_like(z0[..., 0])

    def _value(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        return self.path(self.code0(x0), self.code1(x1), t)[0]

    def _rate(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        return self.path(self.code0(x0), self.code1(x1), t)[1]

    def _inverse(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        y, outer = self.pull(x, t)
        z0, inner = self.inner._inverse(y, self.code1(x1), t)
        x0, source = self._source(z0)
        return x0, outer + inner + source


class ConvexChart(Chart):
    """``F_t = (1 - t) T0 + t T1``, gradients of convex functions; straight wherever both ends are N(0, I) in the chart.

    If ``T1`` carries N(0, I) to the data, the flow of independent pairs is ``x0 -> (1 - t) x0 + t T1(x0)``: optimal
    transport, although nobody paired anything. The rotation inside keeps N(0, I) alone; other noise needs a map of its
    own. (One map from the noise to the data would do, too, but from eight narrow modes it is steep and fits badly; in
    the coordinates of two maps little is left to do between the ends.)

    Args:
        to_data: ``T1``, of :func:`fit_convex_map`.
        to_noise: ``T0``; None for the identity, where the noise is N(0, I).
        inner: the schedule of the latent points; None for the trigonometric one. Pairs of transport are near already
            and want a :class:`LinearInterpolant`: a rotation would swing them away from each other.

    Raises:
        ValueError: maps of unequal dimensions.

    Example:
        >>> import koopteach as kt, torch
        >>> x1 = kt.moons.sample(500, torch.Generator().manual_seed(0))
        >>> T = kt.fit_convex_map(x1, n_centres=8, pair_steps=0, likelihood_steps=5, verbose=False)
        >>> kt.check_interpolant(kt.ConvexChart(T), torch.zeros_like(x1), x1)
        >>> kt.optimal_field(kt.ConvexChart(T), torch.zeros(3, 2).double(), 0.5, x1).velocity.shape
        torch.Size([3, 2])
    """

    def __init__(self, to_data: ConvexMap, to_noise: ConvexMap | None = None, *, inner: Schedule | None = None) -> None:
        super().__init__(to_data.dim, inner)
        if to_noise is not None and to_noise.dim != to_data.dim:
            raise ValueError(f"ConvexChart: to_data has dimension {to_data.dim}, but to_noise {to_noise.dim}.")
        self.to_data, self.to_noise = to_data, to_noise
        # straight paths inside do not rotate, and then any noise will do
        self.gaussian_source = to_noise is None and not isinstance(inner, LinearInterpolant)

    def push(self, y: Tensor, t: Tensor) -> Tensor:
        """``(1 - t) T0(y) + t T1(y)``."""
        first = y if self.to_noise is None else self.to_noise(y)
        return (1 - t) * first + t * self.to_data(y)

    def pull(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """By Newton's method on the convex potential."""
        return blended_inverse(x, t, self.to_noise, self.to_data)

    def code0(self, x0: Tensor) -> Tensor:
        """``T0^{-1}(x0)``."""
        return x0 if self.to_noise is None else self.to_noise.inverse(x0)[0]

    def _source(self, z0: Tensor) -> tuple[Tensor, Tensor]:
        if self.to_noise is None:
            return super()._source(z0)
        return self.to_noise(z0), self.to_noise.derivatives(z0)[2].logdet()
