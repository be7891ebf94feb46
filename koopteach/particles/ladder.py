"""Annealing for modes too far apart: KSWGD down a ladder of spectra, from blurred data to the data themselves."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from koopteach.dictionaries import MultiScale
from koopteach.operators import GeneratorEDMD
from koopteach.particles.kswgd import KSWGD
from koopteach.spectrum import Spectrum
from koopteach.standardizer import Standardizer
from koopteach.tensors import as_points, not_negative, randn


class Ladder:
    """KSWGD on one spectrum after another, each for an equal share of the run, the particles handed down.

    Between separated modes the potential of the paper's metric has wells of its own, and particles collapse into
    them. Noise on the data fills the gaps: the coarse levels spread the mass, the fine ones its shape.

    Args:
        methods: the levels, coarse to fine, at least one; usually from :meth:`from_data`.

    Raises:
        ValueError: no level.

    Identity: one level is that method alone.

    >>> import torch
    >>> import koopteach as kt
    >>> g = torch.Generator().manual_seed(0)
    >>> data = kt.GaussianMixture([[-3.0], [3.0]], stds=0.3).sample(500, g)
    >>> def fit(z):
    ...     return kt.GeneratorEDMD(kt.MultiScale.from_data(z, (20, 6), generator=g)).fit(z).spectrum()
    >>> ladder = kt.Ladder.from_data(data, levels=(0.5, 0.0), fit=fit, generator=g)
    >>> run = kt.run_particles(ladder, data[data[:, 0] < 0], n_steps=40, generator=g)
    >>> abs(float((run.final > 0).double().mean()) - 0.5) < 0.1
    True
    """

    def __init__(self, methods: Sequence[KSWGD]) -> None:
        if not methods:
            raise ValueError("Ladder: methods is empty, but at least one level is needed.")
        self.methods, self.ranks = tuple(methods), methods[-1].ranks

    @classmethod
    def from_data(
        cls,
        x: Tensor,
        *,
        levels: Sequence[float] = (0.66, 0.33, 0.16, 0.08, 0.0),
        fit: Callable[[Tensor], Spectrum] | None = None,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> Self:
        """One spectrum for each level, of the data plus Gaussian noise of that size.

        Args:
            x: data ``(n, d)``.
            levels: standard deviations of the noise in units of ``sqrt(d)`` spreads of each column, descending;
                the last is usually 0, the data themselves.
            fit: ``data (n, d) -> Spectrum``; None is a standardised GeneratorEDMD with a MultiScale dictionary.
            generator: source of the noise.
            options: of :class:`KSWGD`, the same at every level.

        Raises:
            ValueError: levels that are empty, negative or ascending.
        """
        x = as_points("Ladder.from_data", "x", x, at_least=2)
        levels = [not_negative("Ladder.from_data", "levels", level) for level in levels]
        if not levels or levels != sorted(levels, reverse=True):
            raise ValueError(f"Ladder.from_data: levels must be descending, and at least one, got {levels}.")
        fit = _default_fit(generator) if fit is None else fit
        scale = math.sqrt(x.shape[1]) * Standardizer.of(x).spread
        noised = (x + level * scale * randn(tuple(x.shape), x, generator) for level in levels)
        return cls([KSWGD(fit(data), **options) for data in noised])

    @property
    def spectrum(self) -> Spectrum:
        """The finest one."""
        return self.methods[-1].spectrum

    @property
    def max_move(self) -> float | None:
        """The finest level's."""
        return self.methods[-1].max_move

    def init(self, x: Tensor) -> None:
        """Nothing to remember between steps."""
        return None

    def energy(self, x: Tensor) -> float:
        """The finest level's energy, at every level: a ladder climbs before it descends."""
        return self.methods[-1].energy(x)

    def step(
        self, x: Tensor, state: None, *, progress: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, None, dict[str, Any]]:
        """One step of the level whose share of the run ``progress`` falls in; its noise fades within that share."""
        position = progress * len(self.methods)
        level = min(int(position), len(self.methods) - 1)
        return self.methods[level].step(x, state, progress=position - level, generator=generator)


def _default_fit(generator: torch.Generator | None) -> Callable[[Tensor], Spectrum]:
    return lambda x: GeneratorEDMD(MultiScale.from_data(x, generator=generator), standardize=True).fit(x).spectrum()
