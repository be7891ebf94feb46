"""Densities on R^n. Each is the invariant law of ``dX = grad log pi dt + sqrt(2) dW``, the course's one clock.

Temperature enters only through the density: ``QuadrupleWell(beta)`` has ``log pi = -beta V + const``.
Parameters given as lists become float64; ``.to(device, dtype)`` moves a target. All know where they peak: ``modes``
``(k, d)``, and how much each peak holds: ``mode_weights`` ``(k,)``.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Self

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from koopteach.tensors import (
    Movable,
    as_count,
    as_float,
    as_number,
    as_numbers,
    as_points,
    not_negative,
    positive,
    rand,
    randn,
    same_kind,
)

Numbers = Tensor | np.ndarray | float | Sequence[float] | Sequence[Sequence[float]]


class GaussianMixture(Movable):
    """A mixture of Gaussians with diagonal covariances.

        pi(x) = sum_k w_k N(x; mu_k, diag(s_k^2))

    Args:
        means: ``(k, d)``, one row a component.
        stds: standard deviations: one number, ``(k,)`` or ``(k, d)``.
        weights: ``(k,)``, positive; normalised to one. ``None`` means equal.

    Raises:
        ValueError: shapes that do not fit, or a standard deviation or weight that is not positive.

    >>> import torch
    >>> import koopteach as kt
    >>> target = kt.GaussianMixture([[-1.0], [1.0]], stds=0.5, weights=[1, 3])
    >>> target.mode_weights.tolist()
    [0.25, 0.75]
    >>> x = torch.zeros(1, 1, dtype=torch.float64)
    >>> round(float(target.score(x)), 3)  # (0.75 - 0.25) / 0.5^2
    2.0
    """

    def __init__(self, means: Numbers, stds: Numbers, weights: Numbers | None = None) -> None:
        self.means = as_points("GaussianMixture", "means", means)
        k, self.dim = self.means.shape
        stds = as_float("GaussianMixture", "stds", stds).to(self.means)
        if stds.ndim == 1:
            stds = stds[:, None]
        if stds.ndim > 2 or (stds.ndim == 2 and (stds.shape[0] != k or stds.shape[1] not in (1, self.dim))):
            raise ValueError(
                f"GaussianMixture: stds has shape {tuple(stds.shape)}, but one number, ({k},) or "
                f"({k}, {self.dim}) is needed for {k} means in dimension {self.dim}."
            )
        self.stds = stds.expand(k, self.dim).contiguous()
        as_numbers("GaussianMixture", "stds", self.stds.flatten(), self.stds.numel(), positive=True)
        weights = as_numbers("GaussianMixture", "weights", 1.0 if weights is None else weights, k, positive=True)
        self.mode_weights = (weights / weights.sum()).to(self.means)

    @property
    def modes(self) -> Tensor:
        """The means under the name that all targets have for their peaks, ``(k, d)``."""
        return self.means

    @classmethod
    def ring(cls, k: int, radius: float, std: float, weights: Numbers | None = None) -> Self:
        """``k`` round modes at equal angles on a circle, the first at ``(radius, 0)``."""
        k = as_count("GaussianMixture.ring", "k", k)
        angle = 2 * math.pi * torch.arange(k, dtype=torch.float64) / k
        return cls(radius * torch.stack([angle.cos(), angle.sin()], dim=1), std, weights)

    def __repr__(self) -> str:
        return f"GaussianMixture({len(self.means)} modes in dimension {self.dim})"

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent exact samples, ``(n, d)``."""
        n = as_count("GaussianMixture.sample", "n", n)
        # Inverting the cumulative weights keeps the draw on the generator's device, unlike multinomial.
        ends = self.mode_weights.cumsum(0)
        u = rand((n,), self.means, generator)
        component = torch.searchsorted(ends, u, right=True).clamp_max(len(ends) - 1)
        return self.means[component] + self.stds[component] * randn((n, self.dim), self.means, generator)

    def log_prob(self, x: Tensor) -> Tensor:
        """Normalised log density, ``(n,)``."""
        return torch.logsumexp(self._log_parts(x), dim=1)

    def score(self, x: Tensor) -> Tensor:
        """``grad log pi = sum_k p_k(x) (mu_k - x) / s_k^2`` with responsibilities ``p_k``, ``(n, d)``."""
        x = as_points("GaussianMixture", "x", x, dim=self.dim)
        p = self._log_parts(x).softmax(dim=1)
        precision = 1 / self.stds**2
        return p @ (self.means * precision) - x * (p @ precision)

    def _log_parts(self, x: Tensor) -> Tensor:
        """``log(w_k N(x; mu_k, s_k^2))``, ``(n, k)``, by expanding the square: no (n, k, d) array."""
        x = as_points("GaussianMixture", "x", x, dim=self.dim)
        same_kind("GaussianMixture", x, self.means, "the target")
        middle = self.means.mean(dim=0)  # expanded squares lose digits far from the origin
        y, mu, precision = x - middle, self.means - middle, 1 / self.stds**2
        square = y**2 @ precision.T - 2 * y @ (mu * precision).T + (mu**2 * precision).sum(1)
        log_norm = self.stds.log().sum(1) + 0.5 * self.dim * math.log(2 * math.pi)
        return self.mode_weights.log() - log_norm - 0.5 * square


class OrnsteinUhlenbeck(Movable):
    """The linear diffusion ``dX = -theta X dt + rotation J X dt + sqrt(2) dW`` with law ``N(0, I / theta)``.

    ``J = [[0, 1], [-1, 0]]`` (dimension two only) turns without changing the law: with ``rotation``
    the process is stationary but not reversible.

    Args:
        dim: dimension.
        theta: the pull to the origin, 1/time.
        rotation: angular speed, 1/time.

    Raises:
        ValueError: ``theta`` not positive, or a rotation outside dimension two.

    Identity: the rates are ``theta |alpha|``, one for each multi-index; the eigenfunctions are Hermite's.

    >>> import koopteach as kt
    >>> target = kt.OrnsteinUhlenbeck(2, theta=0.5)
    >>> target.exact_rates(5).tolist()
    [0.5, 0.5, 1.0, 1.0, 1.0]
    """

    def __init__(self, dim: int, theta: float = 1.0, rotation: float = 0.0) -> None:
        self.dim = dim = as_count("OrnsteinUhlenbeck", "dim", dim)
        self.theta = positive("OrnsteinUhlenbeck", "theta", theta)
        self.rotation = as_number("OrnsteinUhlenbeck", "rotation", rotation)
        if not math.isfinite(self.rotation):
            raise ValueError(f"OrnsteinUhlenbeck: rotation must be finite, got {rotation}.")
        if self.rotation and dim != 2:
            raise ValueError(f"OrnsteinUhlenbeck: rotation needs dim=2, got dim={dim}.")
        self.modes = torch.zeros(1, dim, dtype=torch.float64)
        self.mode_weights = torch.ones(1, dtype=torch.float64)

    def __repr__(self) -> str:
        return f"OrnsteinUhlenbeck(dim={self.dim}, theta={self.theta:g}, rotation={self.rotation:g})"

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent exact samples, ``(n, d)``."""
        n = as_count("OrnsteinUhlenbeck.sample", "n", n)
        return randn((n, self.dim), self.modes, generator) / math.sqrt(self.theta)

    def log_prob(self, x: Tensor) -> Tensor:
        """Normalised log density, ``(n,)``."""
        x = as_points("OrnsteinUhlenbeck", "x", x, dim=self.dim)
        return 0.5 * self.dim * math.log(self.theta / (2 * math.pi)) - 0.5 * self.theta * (x**2).sum(1)

    def score(self, x: Tensor) -> Tensor:
        """``grad log pi = -theta x``, ``(n, d)``."""
        x = as_points("OrnsteinUhlenbeck", "x", x, dim=self.dim)
        return -self.theta * x

    def drift(self, x: Tensor) -> Tensor:
        """``-theta x + rotation J x``: the score plus what turns, ``(n, d)``."""
        x = as_points("OrnsteinUhlenbeck", "x", x, dim=self.dim)
        if not self.rotation:
            return self.score(x)
        return self.score(x) + self.rotation * torch.stack([x[:, 1], -x[:, 0]], dim=1)

    def transition(self, x: Tensor, lag: float, generator: torch.Generator | None = None) -> Tensor:
        """The exact state after time ``lag``: ``e^{-theta lag} R x`` plus Gaussian noise, ``(n, d)``."""
        x = as_points("OrnsteinUhlenbeck", "x", x, dim=self.dim)
        lag = not_negative("OrnsteinUhlenbeck.transition", "lag", lag)
        shrink = math.exp(-self.theta * lag)
        mean = shrink * x
        if self.rotation:
            c, s = math.cos(self.rotation * lag), math.sin(self.rotation * lag)
            mean = mean @ torch.tensor([[c, -s], [s, c]], dtype=x.dtype, device=x.device)
        return mean + math.sqrt((1 - shrink**2) / self.theta) * randn(tuple(x.shape), x, generator)

    def exact_rates(self, n: int) -> Tensor:
        """The ``n`` smallest positive rates ``theta |alpha|`` with their multiplicities, ascending.

        Raises:
            ValueError: with rotation, where the rates are complex.
        """
        if self.rotation:
            raise ValueError("OrnsteinUhlenbeck.exact_rates: the rates are complex with a rotation; use rotation=0.")
        n = as_count("OrnsteinUhlenbeck.exact_rates", "n", n, at_least=0)
        counts = itertools.chain.from_iterable(
            itertools.repeat(k, math.comb(k + self.dim - 1, self.dim - 1)) for k in itertools.count(1)
        )
        return self.theta * torch.tensor(list(itertools.islice(counts, n)), dtype=torch.float64)


class _ProductOfWells(Movable):
    """``pi(x)`` proportional to ``exp(-sum_i a_i (x_i^2 - 1)^2)``: independent double wells in every coordinate."""

    _GRID = 4001

    def __init__(self, depths: Sequence[float]) -> None:
        self.dim = len(depths)
        self.depths = torch.tensor(depths, dtype=torch.float64)
        signs = list(itertools.product((-1.0, 1.0), repeat=self.dim))
        self.modes = torch.tensor(signs, dtype=torch.float64)
        self.mode_weights = torch.full((len(signs),), 1 / len(signs), dtype=torch.float64)
        # One table a coordinate serves exact sampling (inverse cumulative) and the normalising constant.
        reach = [math.sqrt(1 + math.sqrt(40 / a)) for a in depths]  # where the density is e^-40 of its maximum
        self._x = torch.stack([torch.linspace(-r, r, self._GRID, dtype=torch.float64) for r in reach])
        density = torch.exp(-self.depths[:, None] * (self._x**2 - 1) ** 2)
        area = 0.5 * (density[:, 1:] + density[:, :-1]) * (self._x[:, 1:] - self._x[:, :-1])
        mass = torch.cat([torch.zeros(self.dim, 1, dtype=torch.float64), area.cumsum(1)], dim=1)
        self.log_normaliser = float(mass[:, -1].log().sum())
        self._cumulative = mass / mass[:, -1:]

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent exact samples, ``(n, d)``, by inverting the cumulative distribution on a fine grid."""
        n = as_count(f"{type(self).__name__}.sample", "n", n)
        u = rand((self.dim, n), self.depths, generator)
        right = torch.searchsorted(self._cumulative, u).clamp(1, self._GRID - 1)
        c0, c1 = self._cumulative.gather(1, right - 1), self._cumulative.gather(1, right)
        x0, x1 = self._x.gather(1, right - 1), self._x.gather(1, right)
        return (x0 + (x1 - x0) * (u - c0) / (c1 - c0)).T.contiguous()

    def log_prob(self, x: Tensor) -> Tensor:
        """Normalised log density, ``(n,)``."""
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        same_kind(type(self).__name__, x, self.modes, "the target")
        return -((x**2 - 1) ** 2 @ self.depths) - self.log_normaliser

    def score(self, x: Tensor) -> Tensor:
        """``grad log pi``, with entries ``-4 a_i x_i (x_i^2 - 1)``, ``(n, d)``."""
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        same_kind(type(self).__name__, x, self.modes, "the target")
        return -4 * self.depths * x * (x**2 - 1)

    def exact_rates(self, n: int) -> Tensor:
        """The ``n`` smallest positive rates: sums of the one-dimensional ones, ascending, in our clock."""
        n = as_count(f"{type(self).__name__}.exact_rates", "n", n, at_least=0)
        axes = [torch.cat([torch.zeros(1, dtype=torch.float64), _well_rates(float(a), n)]) for a in self.depths]
        sums = axes[0]
        for axis in axes[1:]:
            sums = (sums[:, None] + axis).flatten()
        return sums.sort().values[1 : n + 1]


class DoubleWell(_ProductOfWells):
    """``log pi = -beta (x^2 - 1)^2 + const`` on the line: minima at -1 and 1, barrier ``beta`` at 0.

    Raises:
        ValueError: ``beta`` not positive.

    >>> import koopteach as kt
    >>> [round(float(rate), 2) for rate in kt.DoubleWell(4.0).exact_rates(2)]  # passing the barrier is slow
    [0.12, 13.24]
    """

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = positive("DoubleWell", "beta", beta)
        super().__init__([self.beta])

    def __repr__(self) -> str:
        return f"DoubleWell(beta={self.beta:g})"


class QuadrupleWell(_ProductOfWells):
    """``log pi = -beta [(x_1^2 - 1)^2 + stiffness (x_2^2 - 1)^2] + const`` in the plane: minima at (+-1, +-1).

    Args:
        beta: inverse temperature; the barrier between neighbouring wells is ``beta`` (times ``stiffness``).
        stiffness: ratio of the second coordinate's scale to the first's.

    Raises:
        ValueError: an argument that is not positive.

    >>> import torch
    >>> import koopteach as kt
    >>> target = kt.QuadrupleWell(beta=4.0)
    >>> at = torch.tensor([[1.0, -1.0], [0.0, 1.0]], dtype=torch.float64)
    >>> bottom, saddle = target.log_prob(at).tolist()
    >>> round(bottom - saddle, 6)  # the barrier
    4.0
    """

    def __init__(self, beta: float = 1.0, stiffness: float = 1.0) -> None:
        self.beta = positive("QuadrupleWell", "beta", beta)
        self.stiffness = positive("QuadrupleWell", "stiffness", stiffness)
        super().__init__([self.beta, self.beta * self.stiffness])

    def __repr__(self) -> str:
        return f"QuadrupleWell(beta={self.beta:g}, stiffness={self.stiffness:g})"


def _well_rates(depth: float, n: int) -> Tensor:
    """The ``n`` smallest positive rates of one double well, from two grids and Richardson's extrapolation.

    The generator is symmetric in L2(pi): with ``u_i = f_i sqrt(pi_i)`` the finite-difference operator with
    weights at the midpoints becomes a symmetric tridiagonal matrix, whose error is of second order.
    """
    coarse, fine = (_tridiagonal_rates(depth, n, points) for points in (2001, 4001))
    return fine + (fine - coarse) / 3


def _tridiagonal_rates(depth: float, n: int, points: int) -> Tensor:
    reach = math.sqrt(1 + math.sqrt(60 / depth))
    x = np.linspace(-reach, reach, points)
    h = x[1] - x[0]
    pi = np.exp(-depth * (x**2 - 1) ** 2)
    middle = np.exp(-depth * ((0.5 * (x[1:] + x[:-1])) ** 2 - 1) ** 2)
    flow = np.concatenate([[0], middle]) + np.concatenate([middle, [0]])
    diagonal, off = flow / pi / h**2, -middle / np.sqrt(pi[1:] * pi[:-1]) / h**2
    rates = scipy.linalg.eigh_tridiagonal(diagonal, off, eigvals_only=True, select="i", select_range=(0, n))
    return torch.as_tensor(rates)[1:]
