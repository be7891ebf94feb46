"""KSWGD for many particles: its metric, nearly all of a step's cost, is made from some of them."""

from typing import Any

import torch
from torch import Tensor

from koopteach.particles import KSWGD, run_particles
from koopteach.particles.kswgd import damped_weights
from koopteach.spectrum import Spectrum
from koopteach.tensors import shuffled_rows

# A metric of more particles differs by less than what a step changes.
_PARTICLES = 400

# From far the metric changes with the particles. In 2 to 20 columns the law of 8,000 is the same with theirs and with
# that of so many.
_MOST = 1000


class Mover(KSWGD):
    """Damped KSWGD from anywhere; the metric ``M`` of more than 1,000 particles is that of a random 1,000 of them."""

    def _weights(self, x: Tensor, m: Tensor) -> Tensor:
        if len(x) <= _MOST:
            return super()._weights(x, m)
        some = shuffled_rows(x, torch.Generator().manual_seed(0))[:_MOST]  # the order may tell where they start
        return damped_weights(m, self.spectrum.dirichlet(x[some]), self.spectrum.energies, self.damping)


class Corrector(KSWGD):
    """Damped KSWGD whose metric ``M`` is that of the first 400 particles at the start.

    The metric is nearly all of a step's cost, and near the target it hardly changes: there it is ``diag(energies)``,
    but for modes that bend where the data have no points. Those it holds back, as the metric of every step does.

    Args:
        spectrum: of the target.
        options: of :class:`koopteach.KSWGD`.
    """

    def __init__(self, spectrum: Spectrum, **options: Any) -> None:
        super().__init__(spectrum, **options)
        self._start = torch.empty(0)

    def init(self, x: Tensor) -> None:
        """Make the metric."""
        self._start = self.spectrum.dirichlet(x[:_PARTICLES])

    def _weights(self, x: Tensor, m: Tensor) -> Tensor:
        return damped_weights(m, self._start, self.spectrum.energies, self.damping)


def last(method: KSWGD, u: Tensor, n_steps: int, generator: torch.Generator | None = None) -> Tensor:
    """Where particles ``(n, d)`` end after so many steps."""
    return run_particles(method, u, n_steps=n_steps, record_every=n_steps, generator=generator, verbose=False).final
