"""Charts ``x_t = F_t(a x0 + b z1)``: straight or rotating paths seen through a map that bends the flow straight."""

from __future__ import annotations

import torch
from torch import Tensor

from koopteach.interpolants.convex import ConvexMap, blended_inverse
from koopteach.interpolants.protocol import Interpolant
from koopteach.interpolants.schedules import LinearInterpolant, Schedule, TrigonometricInterpolant
from koopteach.tensors import jvp


class Chart(Interpolant):
    """``x_t = F_t(a z0 + b z1)`` with ``z0 = F_0^{-1}(x0)`` and ``z1 = F_1^{-1}(x1)``.

    The field is ``d_t F_t(y) + DF_t(y) v_lat(y, t)`` at ``y = F_t^{-1}(x)``: one derivative of F.
    A subclass gives ``push`` and ``pull``, and ``_source`` where ``F_0`` is not the identity.

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
        t = t.expand(*y.shape[:-1], 1).contiguous()
        return jvp(self.push, (y, t), (dy, torch.ones_like(t)))

    def _source(self, z0: Tensor) -> tuple[Tensor, Tensor]:
        """``x0 = F_0(z0)`` and ``log |det dx0 / dz0|``."""
        return z0, torch.zeros_like(z0[..., 0])

    def _value(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        return Chart.path(self, self.code0(x0), self.code1(x1), t)[0]

    def _rate(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        return Chart.path(self, self.code0(x0), self.code1(x1), t)[1]

    def _inverse(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        y, outer = self.pull(x, t)
        z0, inner = self.inner._inverse(y, self.code1(x1), t)
        x0, source = self._source(z0)
        return x0, outer + inner + source


class ConvexMaps(Chart):
    """What the charts of convex maps share: ``z0 = T0^{-1}(x0)``, where ``T0`` carries N(0, I) to the noise."""

    def __init__(self, to_data: ConvexMap, to_noise: ConvexMap | None, inner: Schedule | None) -> None:
        super().__init__(to_data.dim, inner)
        self.to_data, self.to_noise = to_data, to_noise
        self.common_logdet = to_noise is None

    def code0(self, x0: Tensor) -> Tensor:
        """``T0^{-1}(x0)``."""
        return x0 if self.to_noise is None else self.to_noise.inverse(x0)[0]

    def _source(self, z0: Tensor) -> tuple[Tensor, Tensor]:
        if self.to_noise is None:
            return super()._source(z0)
        return self.to_noise(z0), self.to_noise.derivatives(z0)[2].logdet()


class ConvexChart(ConvexMaps):
    """``F_t = (1 - t) T0 + t T1``, gradients of convex functions; straight wherever both ends are N(0, I) in the chart.

    If ``T1`` carries N(0, I) to the data, the flow of independent pairs is ``x0 -> (1 - t) x0 + t T1(x0)``: optimal
    transport, although nobody paired anything. The rotation inside keeps N(0, I) alone; other noise needs a map of its
    own.

    Args:
        to_data: ``T1``.
        to_noise: ``T0``; None for the identity, where the noise is N(0, I).
        inner: as of :class:`Chart`.
    """

    def __init__(self, to_data: ConvexMap, to_noise: ConvexMap | None = None, *, inner: Schedule | None = None) -> None:
        super().__init__(to_data, to_noise, inner)
        # straight paths inside do not rotate, and then any noise will do
        self.gaussian_source = to_noise is None and not isinstance(inner, LinearInterpolant)

    def push(self, y: Tensor, t: Tensor) -> Tensor:
        """``(1 - t) T0(y) + t T1(y)``."""
        first = y if self.to_noise is None else self.to_noise(y)
        return (1 - t) * first + t * self.to_data(y)

    def pull(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """By Newton's method on the convex potential."""
        return blended_inverse(x, t, self.to_noise, self.to_data)


class CodedChart(ConvexMaps):
    """What the charts for few steps share: their flow runs on straight lines between the codes of both ends.

    The paths start at ``T1(z0)`` and not at ``x0``, where ``z0 = T0^{-1}(x0)``; as a sampler it loses nothing by that.
    With a map of the noise Newton's method finds ``z0``, at the price of a few evaluations of a network; without,
    ``z0 = x0``.

    Args:
        to_data: ``T1``.
        to_noise: ``T0``; None for the identity.
    """

    def __init__(self, to_data: ConvexMap, to_noise: ConvexMap | None = None) -> None:
        super().__init__(to_data, to_noise, LinearInterpolant(to_data.dim))
        self.gaussian_source = False

    def start(self, x0: Tensor) -> Tensor:
        """``T1(z0)``."""
        return self.to_data(ConvexMaps.code0(self, x0))

    def path(self, code0: Tensor, code1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The point between the *codes* and its rate: there the flow runs."""
        return self.inner._value(code0, code1, t), self.inner._rate(code0, code1, t)


class DecodedChart(CodedChart):
    """``x_t = T1((1 - t) z0 + t z1)`` with ``z1 = T1^{-1}(x1)``: the chart at full strength at all times.

    The flow runs in the latent coordinates, ``k`` Euler steps there and ``T1`` once at the end: the maps make the jumps
    between modes, the flow the small rest. What it does wrong is magnified where ``T1`` is steep. Arguments as of
    :class:`CodedChart`.
    """

    def push(self, y: Tensor, t: Tensor) -> Tensor:
        """``T1(y)`` at all times."""
        return self.to_data(y)

    def pull(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """``T1^{-1}(x)`` at all times."""
        return self.to_data.inverse(x)


class PushedChart(CodedChart):
    """``x_t = (1 - t) T1(z0) + t x1``: the maps push the noise next to the data, and the flow does the rest there.

    ``T1`` comes first, once, then ``k`` Euler steps among the points: whatever law ``T1`` makes, the flow is matched to
    carry that one to the data, and nothing magnifies its errors. Arguments as of :class:`CodedChart`.
    """

    moves_source = True

    def __init__(self, to_data: ConvexMap, to_noise: ConvexMap | None = None) -> None:
        super().__init__(to_data, to_noise)
        self.common_logdet = False

    def code0(self, x0: Tensor) -> Tensor:
        """``T1(z0)``."""
        return self.start(x0)

    def code1(self, x1: Tensor) -> Tensor:
        """``x1`` itself."""
        return x1

    def push(self, y: Tensor, t: Tensor) -> Tensor:
        """``y``: the flow runs among the points."""
        return y

    def pull(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """``x``, and 0."""
        return x, torch.zeros_like(x[..., 0])

    def _source(self, z0: Tensor) -> tuple[Tensor, Tensor]:
        code, logdet = self.to_data.inverse(z0)
        x0, outer = super()._source(code)
        return x0, outer + logdet
