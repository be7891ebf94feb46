"""The paper's procedure: descend on the acceleration of the analytic field, without simulating a flow."""

from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.flow_matching import Training, train
from koopteach.flow_matching.density import LogDensity
from koopteach.flow_matching.paths import draw_source
from koopteach.flow_matching.units import warn_of_units
from koopteach.interpolants.field import Field, field_and_ess
from koopteach.interpolants.interpolant import Interpolant
from koopteach.tensors import as_points, rand

_CLIP = 5.0


@dataclass(frozen=True)
class Descent:
    """What a descent on the acceleration reached, on fresh draws at its end.

    Attributes:
        training: the record of the training.
        acceleration: ``E |Dv|^2`` over times up to ``t_max``, by one pool: biased upwards by its variance.
        two_pools: the same by the product of two independent pools, without the variance.
        energy: ``E |v*|^2``.
        ess: median effective sample size.
        hidden: share of ``E |u|^2`` after ``t_max``.
        report: one line for each thing that is wrong.
    """

    training: Training
    acceleration: float
    two_pools: float
    energy: float
    ess: float
    hidden: float
    report: tuple[str, ...]


def straighten(
    interpolant: Interpolant,
    x1: Tensor,
    x0: Tensor | None = None,
    *,
    log_prob: LogDensity | None = None,
    n_steps: int = 300,
    batch: int = 128,
    pool: int = 512,
    lr: float = 1e-2,
    lam_acc: float = 1.0,
    lam_ke: float = 0.1,
    t_max: float = 0.95,
    h: float = 0.04,
    generator: torch.Generator | None = None,
    verbose: bool = True,
) -> Descent:
    """Train an interpolant in place on ``lam_acc E |Dv*|^2 + lam_ke E |v*|^2``.

    Every step alternates: paths of the current interpolant are drawn, the inner problem is solved by the weighted mean
    over a pool that holds the data of these paths, and the outer loss, the difference of the field along its flow line,
    takes one step down. A small loss is no proof: with few effective samples every field looks straight.

    Args:
        interpolant: a family with parameters.
        x1, x0, log_prob: data, noise samples (None for N(0, I)) and their log density, needed with ``x0``.
        n_steps, lr: of Adam.
        batch, pool: paths and data points a step.
        lam_acc, lam_ke: weights; energy alone hides the motion after ``t_max``.
        t_max: times are drawn from ``[0.01, t_max]``.
        h: step of the difference.
        generator: source of the draws.
        verbose: as of :func:`train`; prints the report, too.

    Raises:
        ValueError: NaN, unequal dimensions, a pool larger than the data or smaller than the batch, ``x0`` without
            ``log_prob``, times that reach 1, nothing to train.

    Returns:
        A :class:`Descent`: ``acceleration``, ``energy``, ``ess``, and ``report``, a line for each thing that is wrong.

    Source: Shankar and Geffner 2025; they train interpolant and flow together, here the flow follows.

    Example:
        >>> import koopteach as kt, torch
        >>> g, schedule = torch.Generator().manual_seed(0), kt.LearnedSchedule(2)
        >>> x1, few = kt.moons.sample(200, g), {"n_steps": 5, "batch": 32, "pool": 128}
        >>> found = kt.straighten(schedule, x1, **few, generator=g, verbose=False)
        >>> found.training, bool(schedule.series.any())
        (Training(5 steps), True)
    """
    x1 = as_points("straighten", "x1", x1, dim=interpolant.dim, at_least=2)
    x0 = x0 if x0 is None else as_points("straighten", "x0", x0, dim=interpolant.dim).to(x1)
    warn_of_units("straighten: x1", x1)
    parameters, name = list(interpolant.parameters()), type(interpolant).__name__
    if not parameters:
        raise ValueError(f"straighten: {name} has no parameters to train.")
    if not 1 <= batch <= pool or not 2 <= pool <= len(x1):
        raise ValueError(f"straighten: pool must be between batch ({batch}) and the {len(x1)} rows of x1, got {pool}.")
    if not 0.01 < t_max < 1 - h or not h > 0:
        raise ValueError(f"straighten: t_max + h must stay below 1 and h be positive, got {t_max:g} and {h:g}.")
    if x0 is not None and log_prob is None:
        raise ValueError("straighten: log_prob is needed beside x0, such as GaussianMixture.log_prob.")
    interpolant.to(x1)
    step = _Step(interpolant, x1, x0, log_prob, batch, pool, t_max, h, generator)

    def loss() -> Tensor:
        x, t, members = step.draw()
        v, change, _ = step.differentiate(x, t, members)
        return lam_acc * change.square().sum(dim=1).mean() + lam_ke * v.square().sum(dim=1).mean()

    training = train(loss, parameters, n_steps=n_steps, lr=lr, clip=_CLIP, name=name, verbose=verbose)
    with torch.no_grad():
        found = step.measure(training)
    if verbose:
        print(*(f"straighten: {line}" for line in found.report), sep="\n", end="\n" if found.report else "")
    return found


@dataclass(frozen=True)
class _Step:
    """Draws, differences and the measurement at the end."""

    interpolant: Interpolant
    x1: Tensor
    x0: Tensor | None
    log_prob: LogDensity | None
    batch: int
    pool: int
    t_max: float
    h: float
    generator: torch.Generator | None

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """Path points, stratified times, and a pool whose first rows made the paths."""
        members = draw_source(self.x1, self.x1, self.pool, self.generator)
        noise = draw_source(self.x0, self.x1, self.batch, self.generator)
        strata = torch.arange(self.batch).to(self.x1)[:, None] + rand((self.batch, 1), self.x1, self.generator)
        t = 0.01 + (self.t_max - 0.01) * strata / self.batch
        return self.interpolant._value(noise, members[: self.batch], t), t, members

    def differentiate(self, x: Tensor, t: Tensor, members: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Velocity, its difference along the flow line, and the effective sample size."""
        v, ess = field_and_ess(self.interpolant, x, t, members, self.log_prob)
        later = field_and_ess(self.interpolant, x + self.h * v, t + self.h, members, self.log_prob)[0]
        return v, (later - v) / self.h, ess

    def measure(self, training: Training, repeats: int = 4) -> Descent:
        """Fresh draws, each with a second pool."""
        draws = [self.draw() for _ in range(repeats)]
        v, change, ess = (torch.cat(part) for part in zip(*(self.differentiate(*draw) for draw in draws)))
        others = [draw_source(self.x1, self.x1, self.pool, self.generator) for _ in draws]
        again = torch.cat([self.differentiate(x, t, other)[1] for (x, t, _), other in zip(draws, others)])
        one, two = float(change.square().sum(dim=1).mean()), float((change * again).sum(dim=1).mean())
        hidden = self.hidden_share()
        times = torch.cat([t for _, t, _ in draws])
        report = Field(v, ess, times).report()
        if one > 1.5 * max(two, 0.0):
            report.append(f"{1 - max(two, 0.0) / one:.0%} of the loss is variance; enlarge the pool")
        if hidden > 4 * (1 - self.t_max):
            report.append(f"{hidden:.0%} of the motion happens after t_max = {self.t_max:g}")
        energy = float(v.square().sum(dim=1).mean())
        return Descent(training, one, two, energy, float(ess.median()), hidden, tuple(report))

    def hidden_share(self) -> float:
        """The share of ``E |u|^2`` after ``t_max``."""
        n = 4000
        noise, data = (draw_source(x, self.x1, n, self.generator) for x in (self.x0, self.x1))
        t = (torch.arange(n).to(self.x1)[:, None] + 0.5) / n
        motion = self.interpolant._rate(noise, data, t).square().sum(dim=1)
        return float(motion[t[:, 0] > self.t_max].sum() / motion.sum())
