"""The methods that KSWGD is compared with. All have its interface: ``init``, ``step``, and ``velocity`` if they can."""

import math
from typing import Any

import torch
from torch import Tensor

from koopteach.kernels import symmetric_sums
from koopteach.langevin import Score, as_score
from koopteach.operators import DiffusionMaps
from koopteach.particles.kswgd import KSWGD
from koopteach.protocols import Target
from koopteach.spectrum import Spectrum
from koopteach.tensors import as_points, is_traced, median_square_distance, positive, rand, randn, refuse_shape


class ULA:
    """The unadjusted Langevin algorithm ``x + h s(x) + sqrt(2 h) xi``.

    Args:
        score: ``s = grad log pi``, ``(n, d) -> (n, d)``: a target (its ``score`` is taken) or a ``kde_score``.
        step_size: ``h``, a time.

    Raises:
        TypeError: a score that is no function.
        ValueError: a step that is not positive; when it runs, a score of wrong shape, or NaN.

    Identity: on the Ornstein-Uhlenbeck target with ``theta = 1`` its variance is ``1 / (1 - h/2)``, not 1.

    >>> import torch
    >>> import koopteach as kt
    >>> method = kt.ULA(kt.OrnsteinUhlenbeck(1), step_size=0.5)
    >>> x0, g = torch.zeros(4000, 1, dtype=torch.float64), torch.Generator().manual_seed(0)
    >>> run = kt.run_particles(method, x0, n_steps=20, generator=g, verbose=False)
    >>> abs(float(run.final.var()) - 4 / 3) < 0.15
    True
    """

    def __init__(self, score: Score | Target, *, step_size: float) -> None:
        self.score, self.step_size = as_score("ULA", score), positive("ULA", "step_size", step_size)

    def init(self, x: Tensor) -> None:
        """Nothing to remember between steps."""
        return None

    def step(
        self, x: Tensor, state: None, *, progress: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, None, dict[str, Any]]:
        """One step of every particle; ``progress`` is not used."""
        x = as_points("ULA", "x", x)
        noise = math.sqrt(2 * self.step_size) * randn(tuple(x.shape), x, generator)
        return x + self.step_size * self.score(x) + noise, state, {"score_evaluations": len(x)}


class MALA:
    """The Metropolis-adjusted Langevin algorithm: a step of ULA, then accepted or refused so that ``pi`` is exact.

        y = x + h s(x) + sqrt(2 h) xi,     q(y|x) = exp(-|y - x - h s(x)|^2 / 4 h)

    replaces ``x`` with probability ``min(1, pi(y) q(x|y) / pi(x) q(y|x))``; a refused particle stays where it is.

    Args:
        target: has ``log_prob(x) -> (n,)``, up to a constant, and ``score(x) -> (n, d)``. For data alone take their
            kernel density estimate, ``GaussianMixture(data, bandwidth)``.
        step_size: ``h``, a time.

    Raises:
        TypeError: a target without these.
        ValueError: a step that is not positive; when it runs, densities or scores of wrong shape, or NaN at the start.

    Identity: it keeps ``pi`` at any step; the acceptance tends to 1 with ``h -> 0``.

    >>> import torch
    >>> import koopteach as kt
    >>> target, g = kt.DoubleWell(2.0), torch.Generator().manual_seed(0)
    >>> run = kt.run_particles(kt.MALA(target, step_size=1e-4), target.sample(500, g), n_steps=5, generator=g)
    >>> bool((run.acceptance[1:] > 0.98).all())
    True

    Source: Roberts and Tweedie 1996.
    """

    def __init__(self, target: Target, *, step_size: float) -> None:
        if not callable(getattr(target, "log_prob", None)) or not callable(getattr(target, "score", None)):
            raise TypeError(
                f"MALA: target must have log_prob(x) and score(x), got {type(target).__name__}. For data alone take "
                "GaussianMixture(data, bandwidth)."
            )
        self.target, self.step_size = target, positive("MALA", "step_size", step_size)

    def init(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log density ``(n,)`` and score ``(n, d)`` at the particles, so that a step evaluates the proposals alone."""
        x = as_points("MALA", "x", x)
        log_prob, score = self._evaluated(x)
        bad = int((log_prob.isnan() | score.isnan().any(dim=1)).sum()) if not is_traced(x) else 0
        if bad:
            raise ValueError(f"MALA: log_prob or score is NaN at {bad} of {len(x)} particles. Start where both exist.")
        return log_prob, score

    def _evaluated(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_prob, score = self.target.log_prob(x), self.target.score(x)
        refuse_shape("MALA", "what log_prob returned", log_prob, (len(x),), ", one number a point")
        refuse_shape("MALA", "what score returned", score, tuple(x.shape), ", one vector a point")
        return log_prob, score

    def step(
        self, x: Tensor, state: tuple[Tensor, Tensor], *, progress: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor], dict[str, Any]]:
        """One proposal for every particle; ``progress`` is not used. ``info`` has the share of accepted ones."""
        x = as_points("MALA", "x", x)
        log_prob, score = state
        h, noise = self.step_size, randn(tuple(x.shape), x, generator)
        y = x + h * score + math.sqrt(2 * h) * noise
        log_prob_y, score_y = self._evaluated(y)
        back = (x - y - h * score_y).square().sum(1) / (4 * h)
        ratio = log_prob_y - log_prob - back + 0.5 * noise.square().sum(1)
        accepted = rand((len(x),), x, generator).log() < ratio  # false for NaN: no particle is lost
        info = {"acceptance": float(accepted.to(x.dtype).mean()), "score_evaluations": len(x)}
        column = accepted[:, None]
        state = torch.where(accepted, log_prob_y, log_prob), torch.where(column, score_y, score)
        return torch.where(column, y, x), state, info


class LAWGD(KSWGD):
    """Laplacian-adjusted Wasserstein gradient descent: :class:`KSWGD` in the paper's metric, on an exact spectrum.

        v = - sum_k (m_k / rate_k) grad phi_k

    with the target's own eigenfunctions, which are known for few targets; KSWGD is LAWGD with estimated ones.

    Args:
        spectrum_exact: usually from ``Spectrum.from_functions``.
        step_size, max_move, noise: as in KSWGD. The method of the paper has neither limiter nor noise:
            ``max_move=None``.

    Identity: a moment ``m_k`` near equilibrium decays by the factor ``1 - step_size`` a step.

    >>> import torch
    >>> import koopteach as kt
    >>> circle = kt.Circle()  # its slowest eigenfunctions are the coordinates
    >>> exact = kt.Spectrum.from_functions(circle.exact_rates(2), lambda x: 2**0.5 * x, manifold=circle)
    >>> angle = torch.linspace(-1, 1, 100, dtype=torch.float64)
    >>> start = torch.stack([angle.cos(), angle.sin()], dim=1)
    >>> run = kt.run_particles(kt.LAWGD(exact), start, generator=torch.Generator().manual_seed(0))
    >>> float(run.final.mean(0).norm()) < 1e-3
    True

    Source: Chewi, Le Gouic, Lu, Maunu, Rigollet 2020 (arXiv 2006.02509).
    """

    def __init__(
        self, spectrum_exact: Spectrum, *, step_size: float = 1.0, max_move: float | None = 0.25, noise: float = 0.3
    ) -> None:
        super().__init__(spectrum_exact, damping=math.inf, step_size=step_size, max_move=max_move, noise=noise)


class DMPS(KSWGD):
    """The diffusion-map particle system: :class:`KSWGD` in the paper's metric, on a diffusion map of the data.

        v = - sum_k (m_k / energy_k) grad phi_k

    with the eigenfunctions of a random walk between the data, extended off them: LAWGD where nothing but samples is
    known. A step costs (particles) x (data) x (modes).

    Args:
        x: data ``(n, d)``.
        bandwidth, alpha: as in :class:`DiffusionMaps`.
        n_modes: how many modes; None keeps all that the bandwidth resolves, up to 200.
        step_size, max_move, noise: as in KSWGD. The method of its paper has neither limiter nor noise.

    Raises:
        ValueError: as :class:`DiffusionMaps` and KSWGD.

    Identity: it is ``KSWGD(DiffusionMaps(bandwidth).fit(x).spectrum(), damping=math.inf)``.

    >>> import torch
    >>> import koopteach as kt
    >>> data = kt.moons.sample(300, torch.Generator().manual_seed(0))
    >>> method = kt.DMPS(data, bandwidth=0.5, n_modes=10)
    >>> float(method.velocity(data).abs().max()) < 1e-6  # the data themselves do not move
    True

    Source: Li, Marzouk 2023 (arXiv 2304.00200). They divide by the walk's rates, we by the Dirichlet energies, which
    agree for slow modes; the walk's rates of fast ones are biased low.
    """

    def __init__(
        self,
        x: Tensor,
        bandwidth: float | None = None,
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

        v(x_i) = mean_j [k(x_i, x_j) s(x_j) + (x_i - x_j)/b^2 k(x_i, x_j)],     k(x, y) = exp(-|x - y|^2 / 2 b^2)

    The first term follows the score, the second keeps the particles apart.

    Args:
        score: ``s = grad log pi``, ``(n, d) -> (n, d)``: a target (its ``score`` is taken) or a ``kde_score``.
        step_size: plain: the step. Adaptive: the learning rate, in the units of ``x``.
        bandwidth: ``b``; None sets ``b^2 = median |x_i - x_j|^2 / (2 log(n + 1))`` at every step, from at most
            500 particles.
        adaptive: divide each coordinate by a running root mean square of its velocity (decay 0.9).

    Raises:
        TypeError: a score that is no function.
        ValueError: a step or bandwidth that is not positive; when it runs, a score of wrong shape, or NaN.

    Identity: a single particle climbs the score.

    >>> import torch
    >>> import koopteach as kt
    >>> target = kt.OrnsteinUhlenbeck(1)
    >>> alone = torch.tensor([[2.0]], dtype=torch.float64)
    >>> kt.SVGD(target, step_size=0.1).velocity(alone).tolist()
    [[-2.0]]

    Source: Liu and Wang 2016.
    """

    def __init__(
        self, score: Score | Target, *, step_size: float, bandwidth: float | None = None, adaptive: bool = False
    ) -> None:
        self.score, self.step_size = as_score("SVGD", score), positive("SVGD", "step_size", step_size)
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

    def step(
        self, x: Tensor, state: Tensor | None, *, progress: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None, dict[str, Any]]:
        """One step of every particle; deterministic, ``progress`` and ``generator`` are not used."""
        v = self.velocity(x)
        info = {"score_evaluations": len(x)}
        if not self.adaptive:
            return x + self.step_size * v, None, info
        state = v**2 if state is None else 0.9 * state + 0.1 * v**2
        return x + self.step_size * v / (state.sqrt() + 1e-6), state, info
