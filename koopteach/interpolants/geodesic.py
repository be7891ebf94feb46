"""The schedule of least energy, without training: a straight segment in the plane of radius and angle."""

from dataclasses import dataclass

import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from koopteach.flow_matching.density import LogDensity
from koopteach.flow_matching.paths import draw_source
from koopteach.interpolants.field import optimal_field
from koopteach.interpolants.schedules import LinearInterpolant, TabulatedSchedule
from koopteach.tensors import as_points

_TABLE, _FIRST, _LAST = 401, 0.001, 0.985


@dataclass(frozen=True)
class Geodesic:
    """The schedule, and what the polar plane says about it.

    Attributes:
        schedule: the interpolant.
        angle: ``Theta``, the length of the angle from noise to data, in (0, pi).
        energy: the least ``E int |v*|^2 dt`` that any schedule reaches.
        ess: the smallest median effective sample size of the fields that were averaged.
    """

    schedule: TabulatedSchedule
    angle: float
    energy: float
    ess: float


def geodesic_schedule(
    x1: Tensor,
    x0: Tensor | None = None,
    *,
    log_prob: LogDensity | None = None,
    pool: int = 2000,
    queries: int = 1000,
    n_times: int = 65,
    generator: torch.Generator | None = None,
) -> Geodesic:
    """The ``a, b`` of least ``E int |v*|^2 dt`` among all schedules of independent pairs.

    With ``M = E|x_tau|^2`` and ``K = E|v*|^2`` of the linear interpolant, ``r = c sqrt(M)`` and
    ``theta = int sqrt(K / M - (M' / 2 M)^2) dtau``, the energy of ``c ((1 - tau) x0 + tau x1)`` is
    ``int (r'^2 + r^2 theta'^2) dt``: least on the straight segment of the polar plane.

    Args:
        x1: data ``(n, d)``, about centred.
        x0: the noise's samples; None for N(0, I).
        log_prob: their log density, needed with ``x0``.
        pool, queries: points in the weighted means, and points they are taken at.
        n_times: times of the table of ``K``.
        generator: source of the draws.

    Returns:
        A :class:`Geodesic`: ``schedule``, the interpolant; ``angle``, ``energy``, ``ess``.

    Raises:
        ValueError: NaN, unequal dimensions, fewer than two points, ``x0`` without ``log_prob``.

    Example:
        >>> import koopteach as kt, torch
        >>> x1 = kt.moons.sample(500, torch.Generator().manual_seed(0))
        >>> found = kt.geodesic_schedule(x1, pool=100, queries=50, n_times=9)
        >>> found.schedule.value(torch.zeros(1, 2), torch.ones(1, 2), 1.0)
        tensor([[1., 1.]])
    """
    x1 = as_points("geodesic_schedule", "x1", x1, at_least=2)
    if x0 is not None and log_prob is None:
        raise ValueError("geodesic_schedule: log_prob is needed beside x0, such as GaussianMixture.log_prob.")
    x0 = x0 if x0 is None else as_points("geodesic_schedule", "x0", x0, dim=x1.shape[1], at_least=2).to(x1)
    noise = draw_source(x0, x1, queries, generator)
    data, members = draw_source(x1, x1, queries, generator), draw_source(x1, x1, pool, generator)
    tau = torch.linspace(_FIRST, _LAST, n_times, dtype=torch.float64, device=x1.device)
    line, energies, ess = LinearInterpolant(x1.shape[1]), [], []
    for time in tau.tolist():
        field = optimal_field(line, line.value(noise, data, time), time, members, log_prob=log_prob)
        energies.append(float(field.velocity.square().sum(dim=1).mean()))
        ess.append(float(field.ess.median()))
    moments = _second_moments(noise, data)
    angle = _angles(tau, tau.new_tensor(energies), *moments)
    schedule, energy = _segment(x1.shape[1], tau, angle, *moments)
    return Geodesic(schedule.to(x1.dtype), float(angle[-1]), energy, min(ess))


def _second_moments(x0: Tensor, x1: Tensor) -> tuple[float, float, float]:
    """``E|x0|^2``, ``E x0 . E x1`` and ``E|x1|^2``."""
    first, last = (float(x.double().square().sum(dim=1).mean()) for x in (x0, x1))
    return first, float(x0.double().mean(dim=0) @ x1.double().mean(dim=0)), last


def _moment(tau: Tensor, first: float, cross: float, last: float) -> Tensor:
    """``E|x_tau|^2`` of independent pairs."""
    return (1 - tau) ** 2 * first + 2 * tau * (1 - tau) * cross + tau**2 * last


def _angles(tau: Tensor, energy: Tensor, first: float, cross: float, last: float) -> Tensor:
    """``theta`` at the table's times with 0 before and 1 after them, ``(k + 2,)``."""
    moment = _moment(tau, first, cross, last)
    slope = -2 * (1 - tau) * first + 2 * (1 - 2 * tau) * cross + 2 * tau * last
    omega = (energy / moment - (slope / (2 * moment)) ** 2).clamp_min(0).sqrt()
    knots, omega = _with_ends(tau, 0, 1), torch.cat([omega[:1], omega, omega[-1:]])
    steps = 0.5 * (omega[1:] + omega[:-1]) * knots.diff()
    return torch.cat([steps.new_zeros(1), steps.cumsum(dim=0)])


def _segment(
    dim: int, tau: Tensor, angle: Tensor, first: float, cross: float, last: float
) -> tuple[TabulatedSchedule, float]:
    """The schedule whose polar curve is the straight segment between the ends, and its energy."""
    t = torch.linspace(0, 1, _TABLE, dtype=tau.dtype, device=tau.device)
    r0, r1, turn = first**0.5, last**0.5, angle[-1]
    x, y = (1 - t) * r0 + t * r1 * turn.cos(), t * r1 * turn.sin()
    theta = torch.atan2(y, x).clamp(0, float(turn))
    # monotone and smooth, so that the schedule's slopes have no corners
    rising = angle + 1e-12 * torch.arange(len(angle)).to(angle)
    inverse = PchipInterpolator(rising.cpu().numpy(), _with_ends(tau, 0, 1).cpu().numpy())
    place = torch.as_tensor(inverse(theta.cpu().numpy())).to(tau).clamp(0, 1)
    place[0], place[-1] = 0, 1
    scale = (x.square() + y.square()).sqrt() / _moment(place, first, cross, last).sqrt()
    a, b = scale * (1 - place), scale * place
    a[0], b[0], a[-1], b[-1] = 1, 0, 0, 1
    return TabulatedSchedule(dim, a, b), float(r0**2 + r1**2 - 2 * r0 * r1 * turn.cos())


def _with_ends(tau: Tensor, low: float, high: float) -> Tensor:
    return torch.cat([tau.new_tensor([low]), tau, tau.new_tensor([high])])
