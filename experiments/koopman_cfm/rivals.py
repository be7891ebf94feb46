"""One-step rivals of the lift, each a network of a student's size, trained for a given number of steps.

All of them say ``x0 + t net(x0, t)``, one evaluation for each time; they differ in what they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from koopteach.flow_matching import Flow, FourierNet, linear_path, train
from koopteach.flow_matching.net import seeded_linear
from koopteach.flow_matching.paths import Pairs, widened
from koopteach.koopman_flow import TeacherPaths, teacher_paths

N_PATHS, BATCH, MEMORY = 12_000, 256, 0.995  # those of the lift, and of direct regression
SCALE = 12.0  # of the losses, as of the lift's: with it the gradient's clip acts


@dataclass(frozen=True)
class Jumps:
    """States ``x0 + t net(x0, t)``.

    Attributes:
        net: from points ``(n, d)`` and times ``(n, 1)`` to mean velocities ``(n, d)`` since time 0.
    """

    net: Callable[[Tensor, Tensor], Tensor]

    def at(self, x0: Tensor, t: float = 1.0) -> Tensor:
        """The state at one time."""
        with torch.no_grad():
            return x0 + t * self.net(x0, torch.full_like(x0[:, :1], t))

    def path(self, x0: Tensor, times: Tensor) -> Tensor:
        """The states ``(k, n, d)``, by ``k`` evaluations."""
        return torch.stack([self.at(x0, float(t)) for t in times])


def stored(flow: Flow, generator: torch.Generator) -> TeacherPaths:
    """Paths of the teacher such as a lift has: as many, every fourth start a quarter further out."""
    paths = teacher_paths(flow, widened(flow.source(N_PATHS, generator)), velocities=False)
    return paths.to(torch.empty(0))


def minimised(loss: Callable[[], Tensor], net: nn.Module, n_steps: int, **options: Any) -> None:
    """The house's loop, with the lift's memory where nothing is said."""
    train(loss, net.parameters(), n_steps=n_steps, verbose=False, **{"ema": MEMORY} | options)


def time_conditioned(
    flow: Flow, *, n_steps: int, at_end: float, lr: float, generator: torch.Generator, **sizes: Any
) -> Jumps:
    """Regression of the teacher's states at random times on their starts; a share ``at_end`` of a batch has t = 1."""
    paths, net = stored(flow, generator), FourierNet(flow.dim, width=96, generator=generator, **sizes)
    last, ending = len(paths.times) - 1, torch.arange(BATCH) < at_end * BATCH

    def loss() -> Tensor:
        rows = paths.rows(BATCH, generator)
        j = paths.moments(BATCH, generator).masked_fill(ending, last)
        x0, t = paths.states[0, rows], paths.times[j, None]
        return SCALE * (x0 + t * net(x0, t) - paths.states[j, rows]).square().mean()

    minimised(loss, net, n_steps, name="time-conditioned", lr=lr)
    return Jumps(net)


def consistency(
    flow: Flow, *, n_steps: int, intervals: int, lr: float, generator: torch.Generator, **sizes: Any
) -> Jumps:
    """Consistency distillation: ``f(x, t) = x + (1 - t) net(x, t)`` says the same at neighbouring times of a path.

    Args:
        intervals: of equal length on [0, 1]; a divisor of 20.

    Source: Song, Dhariwal, Chen, Sutskever 2023, arXiv 2303.01469, on stored paths instead of a solver's steps.
    """
    paths, net = stored(flow, generator), FourierNet(flow.dim, width=96, generator=generator, **sizes)
    stride = (len(paths.times) - 1) // intervals

    def end(j: Tensor, rows: Tensor) -> Tensor:
        x, t = paths.states[j, rows], paths.times[j, None]
        return x + (1 - t) * net(x, t)

    def loss() -> Tensor:
        rows, j = paths.rows(BATCH, generator), stride * torch.randint(intervals, (BATCH,), generator=generator)
        with torch.no_grad():
            later = end(j + stride, rows)
        return SCALE * (end(j, rows) - later).square().mean()

    minimised(loss, net, n_steps, name="consistency distillation", lr=lr)
    return Jumps(lambda x0, t: net(x0, torch.zeros_like(t)))


class MeanVelocity(FourierNet):
    """``u(x, s, t)``, the mean velocity from time ``s`` to ``t`` of the path through ``x`` at ``s``.

    Arguments are those of :class:`FourierNet`; the second time comes in through a layer of its own.
    """

    def __init__(self, dim: int, *, generator: torch.Generator | None = None, **sizes: Any) -> None:
        super().__init__(dim, generator=generator, **sizes)
        clock = 1 + 2 * len(self.time_frequencies)
        self.later = seeded_linear(clock, self.layers[0].out_features, generator)

    def forward(self, x: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """Mean velocities ``(n, d)`` at points ``(n, d)`` and times ``(n, 1)``."""
        h = self._first(x, s, t)
        for layer in self.layers[1:]:
            h = layer(nn.functional.silu(h))
        return h

    def along(self, x: Tensor, s: Tensor, t: Tensor, v: Tensor) -> Tensor:
        """The derivative of ``u`` in the direction ``(v, 1, 0)``, ``(n, d)``; twice as fast as ``torch.func.jvp``."""
        clock, waves, turning = s * self.time_frequencies, x @ self.frequencies.T, v @ self.frequencies.T
        of_clock = [self.time_frequencies * clock.cos(), -self.time_frequencies * clock.sin()]
        of_waves = [turning * waves.cos(), -turning * waves.sin()]
        h = self._first(x, s, t)
        slope = torch.cat([v, torch.ones_like(s), *of_clock, *of_waves], dim=1) @ self.layers[0].weight.T
        for layer in self.layers[1:]:
            gate = h.sigmoid()
            slope = (slope * gate * (1 + h * (1 - gate))) @ layer.weight.T
            h = layer(h * gate)
        return slope

    def _first(self, x: Tensor, s: Tensor, t: Tensor) -> Tensor:
        clock = t * self.time_frequencies
        return self.layers[0](self.features(x, s)) + self.later(torch.cat([t, clock.sin(), clock.cos()], dim=1))


def meanflow_target(u: MeanVelocity, x: Tensor, s: Tensor, t: Tensor, v: Tensor) -> Tensor:
    """What ``u(x, s, t)`` has to be where the point moves with ``v``: ``v + (t - s) du/ds`` along the path.

    The end ``x + (t - s) u`` of an interval is the same from wherever on the path one looks at it.
    """
    with torch.no_grad():
        return v + (t - s) * u.along(x, s, t, v)


def mean_flow(
    pairs: Pairs, *, n_steps: int, at_once: float, lr: float, generator: torch.Generator, **sizes: Any
) -> Jumps:
    """MeanFlow: no teacher, the velocity of a pair in the place of the flow's own.

    Args:
        pairs: of noise and data.
        n_steps, lr: of the training.
        at_once: the share of a batch whose interval has no length; there this is flow matching.

    Source: Geng et al. 2025, arXiv 2505.13447, with anchors at the start and without weights of the loss.
    """
    net, batch = MeanVelocity(pairs.x1.shape[1], width=96, generator=generator, **sizes), 2 * BATCH
    empty = torch.arange(batch)[:, None] < at_once * batch

    def loss() -> Tensor:
        x0, x1 = pairs.draw(batch, generator)
        s, t = torch.rand(2, batch, 1, generator=generator).sort(dim=0).values
        s = torch.where(empty, t, s)
        x, v = linear_path(x0, x1, s)
        return (net(x, s, t) - meanflow_target(net, x, s, t, v)).square().mean()

    minimised(loss, net, n_steps, name="MeanFlow", lr=lr, ema=0.999)
    return Jumps(lambda x0, t: net(x0, torch.zeros_like(t), t))
