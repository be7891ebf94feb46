"""Interpolants to test with, one of each kind, with parameters that are not those they start from."""

from __future__ import annotations

import math

import torch

from koopteach import (
    ConvexChart,
    GaussianMixture,
    Interpolant,
    LearnedSchedule,
    LinearInterpolant,
    TrigonometricInterpolant,
)
from koopteach.interpolants.convex import ConvexMap
from koopteach.interpolants.schedules import Schedule, TabulatedSchedule
from tests.tools import normal, seeded

MIXTURE = GaussianMixture([[-1.5, 0.0], [1.0, 1.0], [0.5, -1.5]], [0.4, 0.3, 0.6], [0.5, 0.3, 0.2])


def uniform(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=seeded(seed))


def random_weights(interpolant, scale=0.3):
    for i, parameter in enumerate(interpolant.parameters()):
        parameter.data = scale * normal(*parameter.shape, seed=i)
    return interpolant.double()


def convex_map(seed=0, strength=1.5):
    return ConvexMap(normal(12, 2, seed=seed), strength=strength, slope=0.3)


class Late(Schedule):
    """A schedule of one's own, without slopes."""

    def coefficients(self, t):
        return 1 - t**2, 0.5 * t + 0.5 * t**3


class ByTheData(Interpolant):
    """``x_t = (1 - t) exp(4 t (1 - t) kappa tanh(x1_1)) x0 + t x1``, with the determinant or without."""

    def __init__(self, kappa, keep=True, dim=2):
        super().__init__(dim)
        self.kappa, self.keep = kappa, keep

    def _scale(self, x1, t):
        return (1 - t) * (4 * t * (1 - t) * self.kappa * x1[..., :1].tanh()).exp()

    def _value(self, x0, x1, t):
        return self._scale(x1, t) * x0 + t * x1

    def _inverse(self, x, x1, t):
        scale = self._scale(x1, t)
        return (x - t * x1) / scale, -self.dim * (scale if self.keep else 1 - t + 0 * scale).log()[..., 0]


def families():
    grid = torch.linspace(0, 1, 41, dtype=torch.float64)
    return {
        "linear": LinearInterpolant(2),
        "trigonometric": TrigonometricInterpolant(2),
        "late": Late(2),
        "learned": random_weights(LearnedSchedule(2)),
        "table": TabulatedSchedule(2, (math.pi / 2 * (1 - grid)).sin(), grid),
        "by the data": ByTheData(0.5),
        "convex chart": ConvexChart(convex_map()),
        "two charts": ConvexChart(convex_map(), convex_map(1)),
        "straight chart": ConvexChart(convex_map(), inner=LinearInterpolant(2)),
    }


ALL = families()


def mixture_field(flow, schedule, x, t):
    """The linear flow's mean at ``tau = b / (a + b)`` and ``x / (a + b)`` serves every schedule."""
    if not isinstance(t, torch.Tensor):
        t = x.new_full((len(x), 1), min(max(t, 1e-9), 1 - 1e-9))
    (a, b), (da, db) = schedule.coefficients(t), schedule.slopes(t)
    tau, at = b / (a + b), x / (a + b)
    mean = at + (1 - tau) * flow._velocity(at, tau)
    return da / a * x + (db - da / a * b) * mean
