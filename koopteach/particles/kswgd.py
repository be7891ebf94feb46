"""Koopman spectral Wasserstein gradient descent: the paper's metric and the damped one."""

import math
import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor

from koopteach.operators.remarks import flat_modes, uneven_columns
from koopteach.ranks import ALONE, Ranks
from koopteach.spectrum import Spectrum
from koopteach.tensors import as_number, as_points, is_traced, not_negative, positive, same_kind

# The metric at the particles is singular wherever they cluster; below this the damped system is, too.
_LEAST_DAMPING = 1e-6


class _Seen(NamedTuple):
    """Particles ``(n, d)``, the spectrum's features there, and the means of its functions over them ``(r,)``."""

    x: Tensor
    features: Tensor | None
    mean: Tensor


class KSWGD:
    """Move particles so that the spectral moments ``m_k = mean_j phi_k(x_j)`` of their law decay to zero.

        v(x) = - sum_k w_k grad phi_k(x),     w = (1 + eps) (M + eps Lam)^{-1} m,
        M_kl = mean_j grad phi_k(x_j) . grad phi_l(x_j),   Lam = diag(energies),   eps = damping

    ``damping=math.inf`` is the paper: ``w_k = m_k / energy_k``, the gradient flow of the energy
    ``E = 1/2 sum_k m_k^2 / energy_k``. It is the right metric where the particles already follow the target
    (there ``M = Lam``), and stalls or overshoots far from it. With finite damping the moments scaled by
    ``energy^{-1/2}`` obey

        d mt/dt = -(1 + eps) Mt (Mt + eps I)^{-1} mt,    Mt = Lam^{-1/2} M Lam^{-1/2},

    so that every direction decays at a rate between 0 and ``1 + eps``, exactly 1 at equilibrium.

    One step moves each particle by ``step_size * v``, shortened to ``max_move``, plus noise that fades to zero over
    the first half of the run: ``m = 0`` has many solutions, and the noise picks a smooth one. On the spectrum's
    manifold the velocity is tangent, and each step ends at the nearest point of the manifold. Particles are in the
    data's coordinates; with a standardised spectrum lengths, noise and gradients are those of its ``units``.

    Args:
        spectrum: of the target, real (reversible data). Particles go where its data are: the weights of their modes
            are the data's, also where one trajectory saw a mode too rarely.
        damping: ``eps``; ``math.inf`` is the paper's metric.
        step_size: dimensionless; stable below ``2 / (1 + eps)``, or 2 for the paper's metric.
        max_move: longest move of a particle in one step, in units of ``spectrum.scale``; None switches it off.
        noise: length of the noise at the start in units of ``max_move`` (times ``sqrt(2/d)`` in each coordinate, added
            after the limiter); none without a limiter.
        ranks: :class:`koopteach.ranks.Ranks`, where several processes share the particles; None for one process.

    Raises:
        ValueError: numbers out of range, or a complex spectrum.

    Identity: for the paper's metric ``v_i = -n dE/dx_i``, in the spectrum's coordinates.

    >>> import torch
    >>> import koopteach as kt
    >>> g = torch.Generator().manual_seed(0)
    >>> data = kt.GaussianMixture([[-2.0], [2.0]], stds=0.5).sample(2000, g)
    >>> spectrum = kt.GeneratorEDMD(kt.MultiScale.from_data(data, (20, 6), generator=g)).fit(data).spectrum()
    >>> one_side = -2 + 0.1 * torch.randn(200, 1, dtype=torch.float64, generator=g)
    >>> run = kt.run_particles(kt.KSWGD(spectrum), one_side, generator=g)
    >>> abs(float((run.final > 0).double().mean() - (data > 0).double().mean())) < 0.02  # half of them have crossed
    True

    Source: arXiv 2512.18837 (paper's metric, after LAWGD, Chewi et al. 2020); damping is a Koopman form of
    Sobolev descent (Mroueh, Sercu, Raj, arXiv 1805.12062).
    """

    def __init__(
        self,
        spectrum: Spectrum,
        *,
        damping: float = 1.0,
        step_size: float = 1.0,
        max_move: float | None = 0.25,
        noise: float = 0.3,
        ranks: Ranks | None = None,
    ) -> None:
        if spectrum.rates.is_complex():
            raise ValueError(
                "KSWGD: the spectrum has complex rates, so its process is not the gradient flow that KSWGD needs. "
                "For reversible data use EDMD(..., reversible=True) or GeneratorEDMD."
            )
        _refuse_flat_modes(spectrum)
        told = uneven_columns(spectrum.spread_ratio)
        if told:
            warnings.warn(f"KSWGD: {told}", stacklevel=2)
        damping = as_number("KSWGD", "damping", damping)
        if not damping >= _LEAST_DAMPING:
            raise ValueError(
                f"KSWGD: damping must be at least {_LEAST_DAMPING:g} (math.inf is the paper's metric), got {damping}."
            )
        self.ranks = ALONE if ranks is None else ranks
        self._seen: _Seen | None = None
        self.spectrum, self.damping, self.step_size = spectrum, damping, positive("KSWGD", "step_size", step_size)
        self.max_move = None if max_move is None else positive("KSWGD", "max_move", max_move)
        self.noise = not_negative("KSWGD", "noise", noise)

    def init(self, x: Tensor) -> None:
        """Nothing to remember between steps."""
        return None

    def energy(self, x: Tensor) -> float:
        """``E = 1/2 sum_k m_k^2 / energy_k``, the squared distance of the moments from the target's."""
        return self._energy(self._moments(self._points(x)))

    def velocity(self, x: Tensor) -> Tensor:
        """``v`` at every particle, ``(n, d)``."""
        x = self._points(x)
        return self._velocity(x, self._moments(x))

    def step(
        self, x: Tensor, state: None, *, progress: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, None, dict[str, Any]]:
        """One limited, noisy step; ``progress`` in [0, 1] is the share of the run that is done.

        Returns:
            the new particles, the state, and ``info`` with the energy before the step and the share of particles
            that the limiter shortened.
        """
        x = self._points(x)
        m = self._moments(x)
        stretch = self.spectrum.stretch
        move = self.step_size * self._velocity(x, m) / stretch  # in the spectrum's coordinates
        length = self.max_move * self.spectrum.scale if self.max_move is not None else math.inf
        move, limited = limit(move, length)
        if self.ranks.size > 1:
            limited = float(self.ranks.mean(x.new_tensor(limited), len(x)))
        amplitude = self.noise * max(0.0, 1 - 2 * progress)
        if amplitude and math.isfinite(length):
            noise = self.ranks.randn(tuple(x.shape), x, generator)
            move = move + amplitude * length * math.sqrt(2 / x.shape[1]) * noise
        x = x + stretch * move
        if self.spectrum.manifold is not None:
            x = self.spectrum.manifold.project(x)
        return x, state, {"energy": self._energy(m), "limited": limited, "score_evaluations": 0}

    def _points(self, x: Tensor) -> Tensor:
        x = as_points("KSWGD", "x", x)
        same_kind("KSWGD", x, self.spectrum.rates, "the spectrum")
        return x.detach()

    def _at(self, x: Tensor) -> _Seen:
        """Features and means, computed once for all that a step, and before it a record, asks of the same particles."""
        if self._seen is None or is_traced(x) or not torch.equal(self._seen.x, x):
            features = self.spectrum.features(x)
            self._seen = _Seen(x.clone(), features, self.spectrum.mean(x, features))
        return self._seen

    def _moments(self, x: Tensor) -> Tensor:
        return self.ranks.mean(self._at(x).mean, len(x))

    def _energy(self, m: Tensor) -> float:
        return float(0.5 * (m**2 / self.spectrum.energies).sum())

    def _velocity(self, x: Tensor, m: Tensor) -> Tensor:
        slopes = self.spectrum.contract_grad(x, self._weights(x, m), self._at(x).features)
        return -self.spectrum.stretch.square() * slopes

    def _weights(self, x: Tensor, m: Tensor) -> Tensor:
        if math.isinf(self.damping):
            return m / self.spectrum.energies
        metric = self.ranks.mean(self.spectrum.dirichlet(x, self._at(x).features), len(x))
        return damped_weights(m, metric, self.spectrum.energies, self.damping)


def _refuse_flat_modes(spectrum: Spectrum) -> None:
    if is_traced(spectrum.energies):
        return
    least = float(spectrum.energies.min())
    if flat_modes(spectrum.energies, spectrum.scale):
        raise ValueError(
            f"KSWGD: the spectrum has a mode of energy {least:.2g}, by which its moment would be divided. The mode is "
            "constant on islands of data, or rounding: take wider kernels, a larger bandwidth or a larger tol."
        )


def damped_weights(m: Tensor, metric: Tensor, energies: Tensor, damping: float) -> Tensor:
    """``w = (1 + eps)(M + eps diag(energies))^{-1} m``, ``(r,)``.

    Args:
        m: moments ``(r,)``.
        metric: ``M``, ``(r, r)``, symmetric and positive semi-definite.
        energies: ``(r,)``, positive.
        damping: ``eps``, positive and finite.

    Identity: where ``M = diag(energies)``, ``w = m / energies`` for every damping.
    """
    # Solved for sqrt(energy) * w, whose matrix has its eigenvalues above eps in any units.
    root = energies.sqrt()
    scaled = metric / torch.outer(root, root)
    damped = scaled + damping * torch.eye(len(m), dtype=m.dtype, device=m.device)
    try:
        factor = torch.linalg.cholesky(damped)
    except torch.linalg.LinAlgError:
        # particles so far out that the damping is lost in rounding: add it to the eigenvalues
        values, vectors = torch.linalg.eigh(scaled)
        return (1 + damping) * vectors @ ((vectors.T @ (m / root)) / (values.clamp_min(0) + damping)) / root
    return (1 + damping) * torch.cholesky_solve((m / root)[:, None], factor)[:, 0] / root


def limit(move: Tensor, length: float) -> tuple[Tensor, float]:
    """Shorten each row of ``move`` ``(n, d)`` to at most ``length``; also the share of rows that were longer."""
    if math.isinf(length):
        return move, 0.0
    norms = move.norm(dim=1, keepdim=True)
    factor = (length / norms.clamp_min(1e-300 if move.dtype == torch.float64 else 1e-30)).clamp_max(1.0)
    return move * factor, float((norms > length).to(move.dtype).mean())
