"""What a student learns from: a teacher's paths at equal times, with the teacher's velocities on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.flow_matching import Flow
from koopteach.tensors import as_count, brief, random_rows


@dataclass(frozen=True)
class TeacherPaths:
    """``times`` ``(T,)``, equal from 0 to 1; ``states`` and, where asked for, ``velocities`` ``(T, n, d)``."""

    times: Tensor
    states: Tensor
    velocities: Tensor | None

    __repr__ = brief

    def rows(self, n: int, generator: torch.Generator | None) -> Tensor:
        """``n`` random paths, with replacement."""
        return random_rows(self.states[0], n, generator)

    def moments(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Indices of ``n`` random times."""
        return random_rows(self.times, n, generator)

    def velocity(self, j: Tensor | int | slice, rows: Tensor | slice = slice(None)) -> Tensor:
        """Velocities at the times ``j``, on all paths or on these.

        Raises:
            RuntimeError: nobody asked for them.
        """
        if self.velocities is None:
            raise RuntimeError("teacher_paths: these paths hold no velocities; ask for velocities=True.")
        return self.velocities[j, rows]

    def to(self, like: Tensor) -> TeacherPaths:
        """In the dtype and on the device of ``like``."""
        velocities = None if self.velocities is None else self.velocities.to(like)
        return TeacherPaths(self.times.to(like), self.states.to(like), velocities)


def teacher_paths(
    teacher: Flow, x0: Tensor, *, n_times: int = 21, velocities: bool = True, solver: str = "midpoint", steps: int = 20
) -> TeacherPaths:
    """The teacher's paths from ``x0`` ``(n, d)``.

    Args:
        teacher: a flow of any kind.
        x0: start points.
        n_times: equal times from 0 to 1, the ends included; at least two.
        velocities: whether to evaluate the teacher at every state, too.
        solver, steps: as of ``Flow.trajectory``.

    Raises:
        TypeError, ValueError: fewer than two times, and what ``Flow.trajectory`` raises.

    >>> import torch
    >>> import koopteach as kt
    >>> paths = kt.teacher_paths(kt.GaussianFlow([1.0, 0.0], [1.0, 1.0]), torch.zeros(3, 2), n_times=5)
    >>> paths.times.tolist(), tuple(paths.states.shape), tuple(paths.velocities.shape)
    ([0.0, 0.25, 0.5, 0.75, 1.0], (5, 3, 2), (5, 3, 2))
    """
    times = torch.linspace(0, 1, as_count("teacher_paths", "n_times", n_times, at_least=2), dtype=torch.float64)
    states = teacher.trajectory(x0, times, solver=solver, steps=steps)
    if not velocities:
        return TeacherPaths(times, states, None)
    with torch.no_grad():
        rates = [teacher.velocity(x, t) for x, t in zip(states, times.tolist())]
    return TeacherPaths(times, states, torch.stack(rates))
