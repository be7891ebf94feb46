"""What every flow can do once it has a velocity: transport, trajectories, inversion, samples, densities."""

import copy
import math
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

from koopteach.flow_matching.density import LogDensity, directions, standard_normal, with_divergence
from koopteach.flow_matching.paths import draw_source
from koopteach.flow_matching.solvers import integrate
from koopteach.flow_matching.units import Units
from koopteach.tensors import Movable, as_count, as_points, is_traced


class Flow(Movable):
    """A velocity field ``v(x, t)`` on [0, 1] that carries a source law to a target law.

    A subclass has ``dim``, gives ``_velocity(x, t)`` for points ``(n, d)`` and times ``(n, 1)`` without looking at
    their values, and ``_like``, an empty tensor of the dtype and device of its samples. Where a flow has ``_units``,
    ``_velocity`` is that of mapped coordinates, in which it is solved; all that is public speaks the data's units.

    Attributes:
        nfe: evaluations of the velocity in the last transport, trajectory, inversion or sample.

    >>> import torch
    >>> import koopteach as kt
    >>> class Growth(kt.Flow):
    ...     dim = 1
    ...     def _velocity(self, x, t):
    ...         return x / (1 + t)
    >>> flow, x0 = Growth(), torch.tensor([[1.0], [-3.0]])
    >>> flow.transport(x0, solver="euler", steps=4).tolist(), flow.nfe  # x_t = (1 + t) x0: no solver errs
    ([[2.0], [-6.0]], 4)
    >>> flow.invert(2 * x0, solver="euler", steps=4).tolist()
    [[1.0], [-3.0]]
    """

    dim: int
    nfe: int = 0
    _like: Tensor = torch.empty(0, dtype=torch.float64)
    _x0: Tensor | None = None
    _units: Units | None = None

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        raise NotImplementedError

    def velocity(self, x: Tensor, t: Any) -> Tensor:
        """``v(x, t)``, ``(n, d)``.

        Args:
            x: points ``(n, d)``.
            t: a number, or one for each point, ``(n,)`` or ``(n, 1)``.

        Raises:
            ValueError: shapes that do not fit, NaN, or a time outside [0, 1].
        """
        x = as_points("velocity", "x", x, dim=self.dim)
        return self._field(x, as_times("velocity", t, x))

    def source(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` samples of the law at t = 0: standard normal, or rows of the source sample the flow was fitted with.

        Raises:
            TypeError, ValueError: ``n`` is no whole number of at least one.
        """
        return draw_source(self._x0, self._like.new_empty(0, self.dim), as_count("source", "n", n), generator)

    def transport(
        self,
        x0: Tensor,
        *,
        solver: str = "midpoint",
        steps: int = 8,
        tolerance: float = 1e-4,
        t: float = 1.0,
        differentiable: bool = False,
    ) -> Tensor:
        """Where the flow carries ``x0`` from time 0 to ``t``, ``(n, d)``.

        Args:
            x0: points ``(n, d)``.
            solver: ``"euler"``, ``"midpoint"``, ``"rk4"``, or ``"dopri5"`` (adaptive). A flow that needs no solver,
                such as :class:`KoopmanFlow`, takes these three as every flow does, and they change nothing.
            steps: of a fixed-step solver; its evaluations are one, two or four times as many.
            tolerance: of dopri5.
            t: the last time, in [0, 1].
            differentiable: whether gradients pass, to ``x0`` and to parameters that require one; costs the memory of
                all steps.

        Raises:
            TypeError, ValueError: shapes that do not fit, NaN, another solver, no steps, a time outside [0, 1].
            ArithmeticError: the solver does not arrive: states that are not finite, or a step that became too small.
        """
        with torch.set_grad_enabled(differentiable):
            return self._states("transport", "x0", x0, 0.0, [t], solver=solver, steps=steps, tolerance=tolerance)[-1]

    def invert(
        self, x1: Tensor, *, solver: str = "midpoint", steps: int = 8, tolerance: float = 1e-4, t: float = 1.0
    ) -> Tensor:
        """Where the points ``x1`` of time ``t`` came from at time 0, ``(n, d)``: the flow solved backwards."""
        with torch.no_grad():
            return self._states("invert", "x1", x1, t, [0.0], solver=solver, steps=steps, tolerance=tolerance)[-1]

    def trajectory(
        self, x0: Tensor, times: Any, *, solver: str = "rk4", steps: int = 32, tolerance: float = 1e-4
    ) -> Tensor:
        """States ``(k, n, d)`` at ``times`` ``(k,)``, which rise within [0, 1], of the points that start at ``x0``.

        Args:
            x0: points ``(n, d)`` at time 0.
            times: ``(k,)``.
            solver, steps, tolerance: as in :meth:`transport`; at least one step lies between two times.

        Raises:
            TypeError, ValueError, ArithmeticError: as :meth:`transport`, or times that do not rise within [0, 1].
        """
        with torch.no_grad():
            return self._states("trajectory", "x0", x0, 0.0, times, solver=solver, steps=steps, tolerance=tolerance)

    def sample(
        self,
        n: int,
        *,
        solver: str = "midpoint",
        steps: int = 8,
        tolerance: float = 1e-4,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """``n`` samples of the law at t = 1, ``(n, d)``: the source, transported."""
        x0 = self.source(as_count("sample", "n", n), generator)
        return self.transport(x0, solver=solver, steps=steps, tolerance=tolerance)

    def log_prob(
        self,
        x: Tensor,
        *,
        source: LogDensity | None = None,
        probes: int | None = None,
        solver: str = "rk4",
        steps: int = 32,
        tolerance: float = 1e-4,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Log density ``(n,)`` of the flow's samples at points ``(n, d)``, in the data's units.

        ``log p_1(x_1) = log p_0(x_0) - int_0^1 div v(x_t, t) dt`` along the path that ends in ``x_1``. A student's
        is that of its velocity, which its one-step ``sample`` follows as far as the lifted flow is linear.

        Args:
            x: points ``(n, d)``.
            source: log density of the law at t = 0, ``(n, d) -> (n,)``; None for N(0, I).
            probes: random directions that estimate the divergence (Hutchinson), the same on a whole path; 0 for the
                exact one, ``d`` derivatives a step; None: exact up to 16 coordinates, 16 directions above.
            solver, steps, tolerance: as in :meth:`transport`.
            generator: source of the directions.

        Raises:
            TypeError, ValueError: points that do not fit, ``probes`` that is no whole number of at least zero, or a
                source sample, whose density is not known, without ``source``.
            ArithmeticError: as :meth:`transport`.

        Source: Chen et al. 2018; Grathwohl et al. 2019 (random directions).
        """
        source, x = self._known_source(source), as_points("log_prob", "x", x, dim=self.dim)
        units = self._units
        u = x if units is None else units.into(x, 1.0)
        velocity = with_divergence(self._velocity, *directions(x, probes, generator))
        start, how = torch.cat([u, u[:, :1] * 0], dim=1), {"solver": solver, "steps": steps, "tolerance": tolerance}
        with torch.no_grad():
            end = self._integrate(velocity, start, (1.0, 0.0), **how)[-1]
            x0, gained = end[:, :-1], end[:, -1]
            if units is not None:
                x0 = units.undo(x0, 0.0)
                gained = gained + (units.start.spread.log() - units.end.spread.log()).sum().to(gained)
            return source(x0) + gained

    def _known_source(self, source: LogDensity | None) -> LogDensity:
        """Log density of the law at t = 0."""
        if source is None and self._x0 is not None:
            raise ValueError(
                "log_prob: this flow starts from a sample, whose density is not known. Give it as source, a function "
                "(n, d) -> (n,), such as kt.GaussianMixture(...).log_prob."
            )
        return source or standard_normal

    def _states(self, who: str, name: str, x: Tensor, start: float, times: Any, **how: Any) -> Tensor:
        """States ``(k, n, d)`` at ``times`` ``(k,)`` of the points that are at ``x`` at time ``start``."""
        times = checked_times(who, times).tolist()
        checked_times(who, [start])
        on_the_way = times[0] != start  # the path begins at `start` also where nobody asked for that state
        grid = (start, *times) if on_the_way else tuple(times)
        states = self._solve(who, name, x, grid, **how)
        return states[1:] if on_the_way else states

    def _solve(self, who: str, name: str, x: Tensor, times: tuple, **how: Any) -> Tensor:
        """States at all ``times``, of which the first is that of ``x``."""
        return self._carry(as_points(who, name, x, dim=self.dim), times, **how)

    def _carry(self, x: Tensor, times: tuple, **how: Any) -> Tensor:
        """States at all ``times`` of the points that are at ``x`` first, solved in mapped coordinates."""
        start = x if self._units is None else self._units.into(x, times[0])
        return self._undone(self._integrate(self._velocity, start, times, **how), times)

    def _undone(self, states: Tensor, times: Any) -> Tensor:
        """States ``(k, n, d)`` at ``times`` ``(k,)`` in the data's units."""
        if (units := self._units) is None:
            return states
        return torch.stack([units.undo(u, float(t)) for u, t in zip(states, times)])

    def _field(self, x: Tensor, t: Tensor) -> Tensor:
        """The velocity in the data's units, unchecked."""
        if self._units is None:
            return self._velocity(x, t)
        u = self._units.into(x, t)
        return self._units.rate(u, self._velocity(u, t), t)

    def _mapped(self, x0: Tensor) -> tuple[Self, Tensor]:
        """This flow and start points in mapped coordinates: what students learn from."""
        if self._units is None:
            return self, x0
        flow = copy.copy(self)
        flow._units = None
        return flow, self._units.into(x0, 0.0)

    def _integrate(self, velocity: Callable[[Tensor, Tensor], Tensor], x: Tensor, times: tuple, **how: Any) -> Tensor:
        """States of another ``velocity(x (n, d), t (n, 1))``, its evaluations counted as this flow's."""
        solution = integrate(lambda y, s: velocity(y, y.new_full((len(y), 1), s)), x, times, **how)
        self.nfe = solution.nfe
        return solution.states

    def _source_tensors(self) -> dict[str, Tensor]:
        """What a file keeps of the ends: dtype, units, and the source's sample where it is not standard normal."""
        units = {} if self._units is None else self._units.tensors()
        return {"like": self._like, **units} | ({} if self._x0 is None else {"x0": self._x0})

    def _restore_source(self, tensors: dict[str, Tensor]) -> None:
        """The ends of a file; older ones keep neither dtype nor units."""
        self._x0 = tensors.get("x0", self._x0)
        self._like = tensors.get("like", self._like)
        self._units = Units.restored(tensors)


def as_times(operation: str, t: Any, x: Tensor) -> Tensor:
    """``t`` as a column ``(n, 1)`` beside the points ``x`` ``(n, d)``.

    Raises:
        ValueError: neither a number nor one for each point, or outside [0, 1].
    """
    t = torch.as_tensor(t, dtype=torch.float64).to(x.dtype)
    if t.ndim and t.shape not in ((len(x),), (len(x), 1)):
        raise ValueError(f"{operation}: t has shape {tuple(t.shape)}, but a number or ({len(x)},) is needed.")
    if not is_traced(t):
        _inside(operation, "t", t)  # where it came from: a number of the host needs no look at the device
    t = t.to(x.device)
    # contiguous, because a forward derivative writes to every entry
    return (t.expand(len(x), 1) if t.ndim == 0 else t.reshape(len(x), 1)).contiguous()


def checked_times(operation: str, times: Any) -> Tensor:
    """``times`` as float64 ``(k,)`` on the CPU, rising within [0, 1].

    Raises:
        ValueError: another shape, none, not rising, or outside [0, 1].
    """
    times = torch.as_tensor(times, dtype=torch.float64).detach().cpu()
    if times.ndim != 1 or not len(times):
        raise ValueError(f"{operation}: times has shape {tuple(times.shape)}, but a list of times, (k,), is needed.")
    _inside(operation, "t" if len(times) == 1 else "times", times)
    if bool((times.diff() < 0).any()):
        raise ValueError(f"{operation}: times must rise, got {times.tolist()}.")
    return times


def _inside(operation: str, name: str, t: Tensor) -> None:
    if t.numel() and not (float(t.min()) >= 0 and float(t.max()) <= 1):  # NaN compares as false
        bad = t[~((t >= 0) & (t <= 1))].flatten()[0].item()
        where = "NaN" if math.isnan(bad) else f"{bad:g}"
        raise ValueError(f"{operation}: {name} must lie in [0, 1], from noise at 0 to data at 1; got {where}.")
