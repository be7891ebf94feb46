"""The same eigenfunctions in three metrics, with a fixed step and with an adaptive one."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from koopteach.particles import KSWGD
from koopteach.spectrum import Spectrum

DECAY, LEAST = 0.9, 1e-6  # of the running mean square, as in SVGD


class NoMetric(KSWGD):
    """Steepest descent of ``1/2 sum_k m_k^2``: every moment counts the same, ``w_k = m_k / energy_max``.

    At equilibrium mode ``k`` decays by ``step_size energy_k / energy_max`` a step: the fastest as it should, the slow
    ones, which hold the weights of the modes, by what is left.

    Args:
        spectrum, options: of :class:`koopteach.KSWGD`.
    """

    def _weights(self, x: Tensor, m: Tensor) -> Tensor:
        return m / self.spectrum.energies.max()


class AdaptiveStep:
    """A velocity whose coordinates are divided by their running root mean square, as RMSprop does.

    Args:
        method: whose ``velocity`` it is, and whose noise at the start is added.
        step_size: of a coordinate, in units of ``spectrum.scale``.

    Source: Hinton 2012; the step of SVGD in Liu, Wang 2016 is of this kind.
    """

    def __init__(self, method: KSWGD, step_size: float) -> None:
        self.method, self.step_size = method, step_size

    def init(self, x: Tensor) -> None:
        """The running mean square is made by the first step."""
        return None

    def step(
        self, x: Tensor, state: Tensor | None, *, progress: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """One step of every particle; noise as in :class:`koopteach.KSWGD`, faded after half of the run."""
        v, method = self.method.velocity(x), self.method
        state = v**2 if state is None else DECAY * state + (1 - DECAY) * v**2
        x = x + self.step_size * method.spectrum.scale * v / (state.sqrt() + LEAST)
        length = method.noise * (method.max_move or 0.0) * max(0.0, 1 - 2 * progress) * method.spectrum.scale
        z = torch.randn(x.shape, dtype=x.dtype, generator=generator)
        return x + length * math.sqrt(2 / x.shape[1]) * z, state, {}


def in_metric(metric: str, spectrum: Spectrum, step: str, setting: float) -> KSWGD | AdaptiveStep:
    """A metric and a kind of step, whose size is the setting.

    Args:
        metric: ``"none"``, ``"paper"`` or ``"damped"``.
        spectrum: of the data.
        step: ``"fixed"`` or ``"adaptive"``.
        setting: its size.
    """
    size = setting if step == "fixed" else 1.0
    methods = {
        "none": lambda: NoMetric(spectrum, step_size=size),
        "paper": lambda: KSWGD(spectrum, damping=math.inf, step_size=size),
        "damped": lambda: KSWGD(spectrum, step_size=size),
    }
    return methods[metric]() if step == "fixed" else AdaptiveStep(methods[metric](), setting)
