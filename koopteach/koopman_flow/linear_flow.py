"""A flow that is linear in its lifted state: every time, the inverse and the modes from one lift."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from koopteach.flow_matching import Flow
from koopteach.flow_matching.flow import as_times, checked_times
from koopteach.flow_matching.net import like_weights
from koopteach.flow_matching.solvers import check_solver
from koopteach.flow_matching.units import Units
from koopteach.koopman_flow.lifting import Lifting, ModeSum
from koopteach.koopman_flow.sampling import read_states
from koopteach.tensors import as_float, as_points, brief, jvp, refuse_shape


@dataclass(frozen=True)
class Modes:
    """A student's paths as a sum, ``u(t) = position + t drift + 2 Re sum_k e^{rates_k t} amplitudes_k``.

    In the coordinates in which the student is linear: the data's, or those of unit spread where it has ``units``.

    Attributes:
        position, drift: ``(n, d)``, the Jordan block at zero.
        rates: ``(K,)``, complex, the eigenvalue of each pair with positive imaginary part.
        amplitudes: ``(K, n, d)``, complex.
        units: what :meth:`at` undoes.
    """

    position: Tensor
    drift: Tensor
    rates: Tensor
    amplitudes: Tensor
    units: Units | None = None

    __repr__ = brief

    def at(self, t: float) -> Tensor:
        """The state at time ``t``, ``(n, d)``, in the data's units."""
        turned = (self.rates * t).exp()[:, None, None] * self.amplitudes
        u = self.position + t * self.drift + 2 * turned.real.sum(dim=0)
        return u if self.units is None else self.units.undo(u, t)


class LinearFlow(Flow):
    """What a flow can do once it has a ``lifting``: the states at all times, and the way back, from one lift.

    ``transport``, ``trajectory``, ``invert`` and ``sample`` take solver, steps and tolerance as those of every flow do;
    nothing is solved, so they change nothing, and ``nfe`` is one.
    """

    lifting: Lifting | None

    def _states(self, who: str, name: str, x: Tensor, start: float, times: Any, **how: Any) -> Tensor:
        """A lift at ``start``, and ``e^{(t - start) L}`` for each time."""
        check_solver(who, **how)
        lifting, x = self._fitted(who), as_points(who, name, x, dim=self.dim)
        checked_times(who, [start])
        if start and not lifting.way_back:
            raise RuntimeError(f"{who}: with later_starts=0 no way back was learned. Fit with later_starts=0.5.")
        times, x = checked_times(who, times), x if self._units is None else self._units.into(x, start)
        self.nfe = 1
        return self._undone(read_states(lifting, x, start, times - start), times)

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """The velocity that the linear flow reads at ``(x, t)``: the slope of ``C e^{sL} z(x, t)`` at s = 0."""
        lifting = self._fitted("velocity")
        like = like_weights(lifting)
        z = lifting.lift(x.to(like), t.to(like))
        _, slope = jvp(lifting.read, (z,), (z @ lifting.generator().T,))
        return slope.to(x)

    def lift(self, x: Tensor, t: Any) -> Tensor:
        """The observables ``z(x, t)``, ``(n, D)``."""
        x = as_points("lift", "x", x, dim=self.dim)
        lifting, t = self._fitted("lift"), as_times("lift", t, x)
        like, u = like_weights(lifting), x if self._units is None else self._units.into(x, t)
        return lifting.lift(u.to(like), t.to(like)).to(x)

    @property
    def rates(self) -> Tensor:
        """The eigenvalues of ``L``, complex ``(D / d,)`` for a mode sum (each ``d`` times), else ``(D,)``; 1/time.

        They are coordinates of the model, not of the flow: on a finite horizon any others would do. Of several pairs
        the last ones may sit on the bounds of their search (see ``fit_time_functions``): a better basis, less to read.
        """
        lifting = self._fitted("rates")
        if not isinstance(lifting, ModeSum):
            return torch.linalg.eigvals(lifting.generator().double())
        pairs = torch.complex(lifting.growth.double(), lifting.frequency.double())
        return torch.cat([pairs.new_zeros(2), pairs, pairs.conj()])

    def modes(self, x0: Tensor) -> Modes:
        """The modes of the paths that start at ``x0`` ``(n, d)``; needs a mode sum.

        Identity: ``modes(x0).at(t)`` is ``transport(x0, t=t)``.
        """
        lifting = self._mode_sum("modes")
        p, u, a, b = lifting.split(self.lift(as_points("modes", "x0", x0, dim=self.dim), 0.0))
        rates = torch.complex(lifting.growth.to(p), lifting.frequency.to(p))
        return Modes(p, u, rates, (torch.complex(a, -b) / 2).transpose(0, 1), self._units)

    def edit(self, x0: Tensor, gains: Any, *, t: float = 1.0) -> Tensor:
        """States at time ``t``, ``(n, d)``, with the modes of the paths amplified or deleted; needs a mode sum.

        Args:
            x0: start points ``(n, d)``.
            gains: ``(1 + K,)``: of the straight drift, and of each pair. Ones change nothing.
            t: the time to read, in [0, 1].

        Raises:
            ValueError: gains of another shape.
        """
        lifting, x0 = self._mode_sum("edit"), as_points("edit", "x0", x0, dim=self.dim)
        gains = as_float("edit", "gains", gains).to(x0)
        refuse_shape("edit", "gains", gains, (1 + lifting.n_pairs,), ": of the drift, then of each pair")
        checked_times("edit", [t])
        p, u, a, b = lifting.split(self.lift(x0, 0.0))
        pair = gains[1:, None]
        edited = lifting.join(p, gains[0] * u, pair * a, pair * b)
        like = lifting.growth
        states = lifting.read(lifting.evolve(edited.to(like), t)).to(x0)
        return self._undone(states[None], [t])[0]

    def _fitted(self, who: str) -> Lifting:
        if self.lifting is None:
            raise RuntimeError(f"{who}: there is no lifting yet. Call fit() first.")
        return self.lifting

    def _mode_sum(self, who: str) -> ModeSum:
        lifting = self._fitted(who)
        if not isinstance(lifting, ModeSum):
            raise RuntimeError(f'{who}: only generator="mode_sum" has modes.')
        return lifting
