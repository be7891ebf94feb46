"""What a student learns from: a teacher's paths at equal times, with the teacher's velocities on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.flow_matching import Flow


@dataclass(frozen=True)
class TeacherPaths:
    """``times`` ``(T,)``, equal from 0 to 1; ``states`` and ``velocities`` ``(T, n, d)``."""

    times: Tensor
    states: Tensor
    velocities: Tensor

    def rows(self, n: int, generator: torch.Generator | None) -> Tensor:
        """``n`` random paths, with replacement."""
        return _randint(self.states.shape[1], n, self.states, generator)

    def moments(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Indices of ``n`` random times."""
        return _randint(len(self.times), n, self.states, generator)

    def to(self, like: Tensor) -> TeacherPaths:
        """In the dtype and on the device of ``like``."""
        return TeacherPaths(*(tensor.to(like) for tensor in (self.times, self.states, self.velocities)))


def teacher_paths(
    teacher: Flow, x0: Tensor, *, n_times: int = 21, solver: str = "midpoint", steps: int = 20
) -> TeacherPaths:
    """The teacher's paths from ``x0`` ``(n, d)``.

    Args:
        teacher: a flow.
        x0: start points.
        n_times: equal times from 0 to 1, the ends included.
        solver, steps: as of ``Flow.trajectory``.
    """
    times = torch.linspace(0, 1, n_times, dtype=torch.float64)
    states = teacher.trajectory(x0, times, solver=solver, steps=steps)
    velocities = torch.stack([teacher.velocity(x, t) for x, t in zip(states, times.tolist())])
    return TeacherPaths(times, states, velocities)


def _randint(high: int, n: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    where = generator.device if generator is not None else like.device
    return torch.randint(high, (n,), device=where, generator=generator).to(like.device)
