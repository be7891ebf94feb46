"""What a student learns from: a teacher's paths at equal times, with the teacher's velocities on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.flow_matching import Flow


@dataclass(frozen=True)
class TeacherPaths:
    """``times`` ``(T,)``, equal from 0 to 1; ``states`` and, where asked for, ``velocities`` ``(T, n, d)``."""

    times: Tensor
    states: Tensor
    velocities: Tensor | None

    def rows(self, n: int, generator: torch.Generator | None) -> Tensor:
        """``n`` random paths, with replacement."""
        return _randint(self.states.shape[1], n, self.states, generator)

    def moments(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Indices of ``n`` random times."""
        return _randint(len(self.times), n, self.states, generator)

    def to(self, like: Tensor) -> TeacherPaths:
        """In the dtype and on the device of ``like``."""
        velocities = None if self.velocities is None else self.velocities.to(like)
        return TeacherPaths(self.times.to(like), self.states.to(like), velocities)


def teacher_paths(
    teacher: Flow,
    x0: Tensor,
    *,
    n_times: int = 21,
    velocities: bool = True,
    solver: str = "midpoint",
    steps: int = 20,
) -> TeacherPaths:
    """The teacher's paths from ``x0`` ``(n, d)``.

    Args:
        teacher: a flow.
        x0: start points.
        n_times: equal times from 0 to 1, the ends included.
        velocities: whether to evaluate the teacher at every state, too.
        solver, steps: as of ``Flow.trajectory``.
    """
    times = torch.linspace(0, 1, n_times, dtype=torch.float64)
    states = teacher.trajectory(x0, times, solver=solver, steps=steps)
    if not velocities:
        return TeacherPaths(times, states, None)
    return TeacherPaths(times, states, torch.stack([teacher.velocity(x, t) for x, t in zip(states, times.tolist())]))


def _randint(high: int, n: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    where = generator.device if generator is not None else like.device
    return torch.randint(high, (n,), device=where, generator=generator).to(like.device)
