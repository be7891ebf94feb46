"""The methods that KSWGD is compared with. All have its interface: ``init``, ``step``, and ``velocity`` if they can."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from koopteach.kernels import symmetric_sums
from koopteach.operators import DiffusionMaps
from koopteach.particles.kswgd import KSWGD
from koopteach.spectrum import Spectrum
from koopteach.tensors import as_points, median_square_distance, positive, rand, randn

Score = Callable[[Tensor], Tensor]


class ULA:
    """The unadjusted Langevin algorithm ``x + h s(x) + sqrt(2 h) xi``.

    Args:
        score: ``s = grad log pi``, ``(n, d) -> (n, d)``: a target's ``score`` or a ``kde_score``.
        step_size: ``h``, a time.

    Raises:
        ValueError: a step that is not positive.

    Identity: on the Ornstein-Uhlenbeck target with ``theta = 1`` its variance is ``1 / (1 - h/2)``, not 1.
    """

    def __init__(self, score: Score, *, step_size: float) -> None:
        self.score, self.step_size = score, positive("ULA", "step_size", step_size)

    def init(self, x: Tensor) -> None:
        """Nothing to remember between steps."""
        return None

    def step(self, x: Tensor, state: None, *, progress: float, generator: torch.Generator | None = None):
        """One step of every particle; ``progress`` is not used."""
        x = as_points("ULA", "x", x)
        noise = math.sqrt(2 * self.step_size) * randn(tuple(x.shape), x, generator)
        return x + self.step_size * self.score(x) + noise, state, {"score_evaluations": len(x)}


class MALA:
    """The Metropolis-adjusted Langevin algorithm: a step of ULA, then accepted or refused so that ``pi`` is exact.

    ``y = x + h s(x) + sqrt(2 h) xi`` replaces ``x`` with probability ``min(1, pi(y) q(x|y) / pi(x) q(y|x))``,
    ``q(y|x) = exp(-|y - x - h s(x)|^2 / 4 h)``; a refused particle stays where it is.

    Args:
        target: has ``log_prob(x) -> (n,)``, up to a constant, and ``score(x) -> (n, d)``. For data alone take their
            kernel density estimate, ``GaussianMixture(data, bandwidth)``.
        step_size: ``h``, a time.

    Raises:
        ValueError: a step that is not positive.

    Identity: it keeps ``pi`` at any step; the acceptance tends to 1 with ``h -> 0``.

    Source: Roberts and Tweedie 1996.
    """

    def __init__(self, target, *, step_size: float) -> None:
        self.target, self.step_size = target, positive("MALA", "step_size", step_size)

    def init(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log density ``(n,)`` and score ``(n, d)`` at the particles, so that a step evaluates the proposals alone."""
        x = as_points("MALA", "x", x)
        return self.target.log_prob(x), self.target.score(x)

    def step(
        self, x: Tensor, state: tuple[Tensor, Tensor], *, progress: float, generator: torch.Generator | None = None
    ):
        """One proposal for every particle; ``progress`` is not used. ``info`` has the share of accepted ones."""
        x = as_points("MALA", "x", x)
        log_prob, score = state
        h, noise = self.step_size, randn(tuple(x.shape), x, generator)
        y = x + h * score + math.sqrt(2 * h) * noise
        log_prob_y, score_y = self.init(y)
        back = (x - y - h * score_y).square().sum(1) / (4 * h)
        ratio = log_prob_y - log_prob - back + 0.5 * noise.square().sum(1)
        accepted = rand((len(x),), x, generator).log() < ratio  # false for NaN: no particle is lost
        told = {"acceptance": float(accepted.to(x.dtype).mean()), "score_evaluations": len(x)}
        column = accepted[:, None]
        state = torch.where(accepted, log_prob_y, log_prob), torch.where(column, score_y, score)
        return torch.where(column, y, x), state, told


class LAWGD(KSWGD):
    """Laplacian-adjusted Wasserstein gradient descent: :class:`KSWGD` in the paper's metric, on an exact spectrum.

    ``v = - sum_k (m_k / rate_k) grad phi_k`` with the target's own eigenfunctions, which are known for few targets;
    KSWGD is LAWGD with estimated ones.

    Args:
        spectrum_exact: usually from ``Spectrum.from_functions``.
        step_size, max_move, noise: as in KSWGD. The method of the paper has neither limiter nor noise:
            ``max_move=None``.

    Source: Chewi, Le Gouic, Lu, Maunu, Rigollet 2020 (arXiv 2006.02509).
    """

    def __init__(
        self,
        spectrum_exact: Spectrum,
        *,
        step_size: float = 1.0,
        max_move: float | None = 0.25,
        noise: float = 0.3,
    ) -> None:
        super().__init__(spectrum_exact, damping=math.inf, step_size=step_size, max_move=max_move, noise=noise)


class DMPS(KSWGD):
    """The diffusion-map particle system: :class:`KSWGD` in the paper's metric, on a diffusion map of the data.

    ``v = - sum_k (m_k / energy_k) grad phi_k`` with the eigenfunctions of a random walk between the data, extended off
    them: LAWGD where nothing but samples is known. A step costs (particles) x (data) x (modes).

    Args:
        x: data ``(n, d)``.
        bandwidth, alpha: as in :class:`DiffusionMaps`.
        n_modes: how many modes; None keeps all that the bandwidth resolves, up to 200.
        step_size, max_move, noise: as in KSWGD. The method of its paper has neither limiter nor noise.

    Raises:
        ValueError: as :class:`DiffusionMaps` and KSWGD.

    Identity: it is ``KSWGD(DiffusionMaps(bandwidth).fit(x).spectrum(), damping=math.inf)``.

    Source: Li, Marzouk 2023 (arXiv 2304.00200). They divide by the walk's rates, we by the Dirichlet energies, which
    agree for slow modes; the walk's rates of fast ones are biased low.
    """

    def __init__(
        self,
        x: Tensor,
        bandwidth: float,
        *,
        alpha: float = 0.5,
        n_modes: int | None = None,
        step_size: float = 1.0,
        max_move: float | None = 0.25,
        noise: float = 0.3,
    ) -> None:
        spectrum = DiffusionMaps(bandwidth, alpha).fit(x).spectrum(n_modes)
        super().__init__(spectrum, damping=math.inf, step_size=step_size, max_move=max_move, noise=noise)


class SVGD:
    """Stein variational gradient descent.

    ``v(x_i) = mean_j [k(x_i, x_j) s(x_j) + (x_i - x_j)/b^2 k(x_i, x_j)]``, ``k = exp(-|x_i - x_j|^2 / 2 b^2)``:
    the first term follows the score, the second keeps the particles apart.

    Args:
        score: ``s = grad log pi``, ``(n, d) -> (n, d)``.
        step_size: plain: the step. Adaptive: the learning rate, in the units of ``x``.
        bandwidth: ``b``; None sets ``b^2 = median |x_i - x_j|^2 / (2 log(n + 1))`` at every step, from at most
            500 particles.
        adaptive: divide each coordinate by a running root mean square of its velocity (decay 0.9).

    Raises:
        ValueError: a step or bandwidth that is not positive.

    Source: Liu and Wang 2016.
    """

    def __init__(
        self, score: Score, *, step_size: float, bandwidth: float | None = None, adaptive: bool = False
    ) -> None:
        self.score, self.step_size = score, positive("SVGD", "step_size", step_size)
        self.bandwidth = None if bandwidth is None else positive("SVGD", "bandwidth", bandwidth)
        self.adaptive = adaptive

    def init(self, x: Tensor) -> Tensor | None:
        """The running mean square of the velocity, None before the first step."""
        return None

    def velocity(self, x: Tensor) -> Tensor:
        """``v`` at every particle, ``(n, d)``, in tiles: never an n x n array."""
        x = as_points("SVGD", "x", x)
        n = len(x)
        middle = x.mean(dim=0)  # expanded squares lose digits far from the origin
        u = x - middle
        b2 = self.bandwidth**2 if self.bandwidth else median_square_distance(u) / (2 * math.log(n + 1))
        sources = torch.cat([self.score(x) - u / b2, torch.ones_like(u[:, :1])], dim=1)
        summed = symmetric_sums(u, 1 / b2, sources)
        # the sources hold s(x_j) - x_j / b^2; what is missing is x_i / b^2 times the sum of the kernel
        return (summed[:, :-1] + u / b2 * summed[:, -1:]) / n

    def step(self, x: Tensor, state: Tensor | None, *, progress: float, generator: torch.Generator | None = None):
        """One step of every particle; deterministic, ``progress`` and ``generator`` are not used."""
        v = self.velocity(x)
        info = {"score_evaluations": len(x)}
        if not self.adaptive:
            return x + self.step_size * v, None, info
        state = v**2 if state is None else 0.9 * state + 0.1 * v**2
        return x + self.step_size * v / (state.sqrt() + 1e-6), state, info
