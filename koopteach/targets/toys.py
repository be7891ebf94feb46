"""Four toy laws in the plane, of mean zero and unit variance along each axis, each with a test of its structure.

Averaged distances hardly notice a lost structure (a disc in the place of a spiral, a ring in the place of eight blobs).
So each toy can also say which points lie where its samples do.
"""

import math

import torch
from torch import Tensor

from koopteach.targets.densities import GaussianMixture
from koopteach.tensors import Movable, as_count, as_points, map_chunks, rand, randn

_CURVE_POINTS = 1000


class Toy(Movable):
    """What the four have in common; a sample comes as float64 unless the toy was moved, ``moons.to(torch.float32)``."""

    dim = 2

    def on_structure(self, x: Tensor) -> Tensor:
        """Which points lie where the toy's own samples do, ``(n,)`` booleans."""
        raise NotImplementedError

    def structure(self, x: Tensor) -> float:
        """The share of the points that lie there: 1, or at least 0.99, for samples of the toy itself."""
        return float(self.on_structure(x).double().mean())


class NoisyCurves(Toy):
    """A point of some curves, plus Gaussian noise.

    The structure is a tube of three noise standard deviations about the curves.

    Args:
        curves: points ``(k, m, 2)`` of ``k`` curves, at equal steps of a parameter that is uniform on each.
        variance: ``(2,)``, of a random point of the curves; their mean is ``middle``.
        middle: ``(2,)``.
        noise: standard deviation, in the units of ``curves``.

    >>> import torch
    >>> import koopteach as kt
    >>> x = kt.moons.sample(1000, torch.Generator().manual_seed(0))
    >>> kt.moons.structure(x) > 0.99, kt.spirals.structure(x) < 0.5
    (True, True)
    """

    def __init__(self, curves: Tensor, middle: Tensor, variance: Tensor, noise: float) -> None:
        self.noise, self.middle, self.curves = noise, middle, curves
        self.scale = (variance + noise**2).sqrt()

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent samples, ``(n, 2)``."""
        n = as_count("sample", "n", n)
        k, m, _ = self.curves.shape
        u = rand((2, n), self.scale, generator)
        # the curves are stored finely enough for a chord to do, which keeps sampling and structure one curve
        place = u[0] * (m - 1)
        left = place.long().clamp_max(m - 2)
        curve, share = (u[1] * k).long().clamp_max(k - 1), (place - left)[:, None]
        point = self.curves[curve, left] * (1 - share) + self.curves[curve, left + 1] * share
        return (point - self.middle + self.noise * randn((n, 2), self.scale, generator)) / self.scale

    def on_structure(self, x: Tensor) -> Tensor:
        """Which points lie within three noise standard deviations of a curve, ``(n,)``."""
        x = as_points("on_structure", "x", x, dim=2)
        curve = self.curves.reshape(-1, 2).to(x)
        raw = x * self.scale.to(x) + self.middle.to(x)
        near = map_chunks(lambda part: torch.cdist(part, curve).min(dim=1).values, raw, len(curve))
        return near <= 3 * self.noise


class EightGaussians(Toy, GaussianMixture):
    """Eight round Gaussians of standard deviation 0.1 on a circle; the structure is a disc of 0.35 about each.

    >>> import koopteach as kt
    >>> tuple(kt.eight_gaussians.modes.shape), kt.eight_gaussians.structure(kt.eight_gaussians.modes)
    ((8, 2), 1.0)
    """

    def __init__(self) -> None:
        ring = GaussianMixture.ring(8, math.sqrt(2 * (1 - 0.1**2)), 0.1)
        super().__init__(ring.means, ring.stds)

    def on_structure(self, x: Tensor) -> Tensor:
        """Which points lie within 0.35 of a centre, ``(n,)``."""
        x = as_points("on_structure", "x", x, dim=2)
        return torch.cdist(x, self.means.to(x)).min(dim=1).values <= 0.35


class Checkerboard(Toy):
    """Uniform on the eight dark cells of a board of four by four; the structure is the cells, widened by 0.05.

    >>> import koopteach as kt
    >>> kt.checkerboard.structure(kt.checkerboard.sample(100))
    1.0
    """

    def __init__(self) -> None:
        self.side = math.sqrt(0.75)  # four of these have unit variance: side^2 * 4^2 / 12 = 1
        self._like = torch.empty(0, dtype=torch.float64)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent samples, ``(n, 2)``."""
        n = as_count("sample", "n", n)
        u = rand((n, 2), self._like, generator)
        column = (4 * u[:, :1]).floor()
        # two dark cells in each column: the upper or the lower pair's, shifted by one in odd columns
        height = 2 * u[:, 1:]
        row = 2 * height.floor() + column.remainder(2)
        return torch.cat([4 * u[:, :1] - 2, row + height.frac() - 2], dim=1) * self.side

    def on_structure(self, x: Tensor) -> Tensor:
        """Which points lie in a dark cell or at most 0.05 outside of it, along each axis, ``(n,)``."""
        x = as_points("on_structure", "x", x, dim=2)
        centres = [(i - 1.5, j - 1.5) for i in range(4) for j in range(4) if (i + j) % 2 == 0]
        centres = self.side * torch.tensor(centres, dtype=x.dtype, device=x.device)
        far = (x[:, None] - centres).abs().amax(dim=2).min(dim=1).values
        return far <= self.side / 2 + 0.05


def _pair(a: float, b: float) -> Tensor:
    return torch.tensor([a, b], dtype=torch.float64)


def _moons() -> NoisyCurves:
    angle = torch.linspace(0, math.pi, _CURVE_POINTS, dtype=torch.float64)
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], dim=1)
    return NoisyCurves(torch.stack([upper, lower]), _pair(0.5, 0.25), _pair(0.75, 0.5625 - 1 / math.pi), 0.06)


def _spirals() -> NoisyCurves:
    """Two arms of one and a half turns, ``theta = 3 pi sqrt(u)``, so that the plane is filled evenly."""
    most = 3 * math.pi
    theta = most * torch.linspace(0, 1, _CURVE_POINTS, dtype=torch.float64).sqrt()
    arm = 2 / most * torch.stack([theta * theta.cos(), theta * theta.sin()], dim=1)
    return NoisyCurves(torch.stack([arm, -arm]), _pair(0, 0), _pair(1 + 3 / most**2, 1 - 3 / most**2), 0.05)


moons = _moons()
eight_gaussians = EightGaussians()
checkerboard = Checkerboard()
spirals = _spirals()
