"""The families by name, each fitted to data the way that serves it best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.interpolants.charts import CodedChart, ConvexChart, DecodedChart, PushedChart
from koopteach.interpolants.conditional import ConditionalAffine, ConditionalCoupling, CouplingChart
from koopteach.interpolants.convex import ConvexMap
from koopteach.interpolants.convex_fit import fit_convex_map
from koopteach.interpolants.descent import Descent, straighten
from koopteach.interpolants.field import LogProb
from koopteach.interpolants.gaussian import GaussianStraight
from koopteach.interpolants.geodesic import geodesic_schedule
from koopteach.interpolants.matrix import MatrixInterpolant
from koopteach.interpolants.protocol import Interpolant
from koopteach.interpolants.schedules import LearnedSchedule, LinearInterpolant, TrigonometricInterpolant


@dataclass(frozen=True)
class Task:
    """What a family is fitted to.

    Attributes:
        x1, x0, log_prob: data, noise samples (None for N(0, I)) and their log density.
        independent: whether noise and data are paired at random.
        generator, verbose: as of ``fit``.
    """

    x1: Tensor
    x0: Tensor | None
    log_prob: LogProb | None
    independent: bool
    generator: torch.Generator | None
    verbose: bool

    @property
    def dim(self) -> int:
        """Coordinates of a point."""
        return self.x1.shape[1]

    def convex_map(self, x: Tensor) -> ConvexMap:
        """A map from N(0, I) to the law of ``x``."""
        return fit_convex_map(x, generator=self.generator, verbose=self.verbose)


Fitted = tuple[Interpolant, Descent | None]


def _maps(task: Task) -> tuple[ConvexMap, ConvexMap | None]:
    """From N(0, I) to the data, and to the noise where that is something else.

    One map from the noise to the data would do, too, but from eight narrow modes it is steep and fits badly; in the
    coordinates of two maps both ends are nearly N(0, I), and little is left to do between them.
    """
    return task.convex_map(task.x1), None if task.x0 is None else task.convex_map(task.x0)


def _convex_chart(task: Task) -> Fitted:
    # pairs of transport are near already: a rotation would only swing them away from each other
    inner = None if task.independent else LinearInterpolant(task.dim)
    return ConvexChart(*_maps(task), inner=inner), None


def _coded(chart: type[CodedChart]) -> Callable[[Task], Fitted]:
    return lambda task: (chart(*_maps(task)), None)


def _geodesic(task: Task) -> Fitted:
    found = geodesic_schedule(task.x1, task.x0, log_prob=task.log_prob, generator=task.generator)
    return found.schedule, None


def _descended(
    make: Callable[[Task], Interpolant], *, batch: int = 128, pool: int = 512, **options: float
) -> Callable[[Task], Fitted]:
    """The family that ``make`` starts, trained by descent on the acceleration; a small sample is its own pool."""

    def fit(task: Task) -> Fitted:
        interpolant, most = make(task), min(pool, len(task.x1))
        found = straighten(
            interpolant,
            task.x1,
            task.x0,
            log_prob=task.log_prob,
            generator=task.generator,
            verbose=task.verbose,
            batch=min(batch, most),
            pool=most,
            **options,
        )
        return interpolant, found

    return fit


# The charts that a flow is saved with.
CODED: dict[str, type[CodedChart]] = {"decoded_chart": DecodedChart, "pushed_chart": PushedChart}

# The rates, batches and pools are those with which each family does well on the toy laws.
FAMILIES: dict[str, Callable[[Task], Fitted]] = {
    "convex_chart": _convex_chart,
    **{name: _coded(chart) for name, chart in CODED.items()},
    "linear": lambda task: (LinearInterpolant(task.dim), None),
    "trigonometric": lambda task: (TrigonometricInterpolant(task.dim), None),
    "geodesic": _geodesic,
    "gaussian": lambda task: (GaussianStraight.from_data(task.x1, task.x0), None),
    "schedule": _descended(lambda task: LearnedSchedule(task.dim)),
    "matrix": _descended(lambda task: MatrixInterpolant(task.dim)),
    "conditional_affine": _descended(
        lambda task: ConditionalAffine(task.dim, generator=task.generator), batch=96, pool=192, lr=3e-3
    ),
    "conditional_coupling": _descended(
        lambda task: ConditionalCoupling(task.dim, generator=task.generator), batch=64, pool=128, lr=3e-3
    ),
    "chart": _descended(
        lambda task: CouplingChart(task.dim, generator=task.generator),
        n_steps=1000,
        batch=256,
        lr=3e-3,
        lam_ke=0.3,
        h=0.02,
    ),
}
