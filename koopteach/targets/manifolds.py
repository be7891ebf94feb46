"""Compact manifolds in R^d with their uniform law, the invariant law of ``dX = sqrt(2) dW`` on them.

The generator is the Laplace-Beltrami operator, so the clock is the one of the densities. Points are ambient,
``(n, dim)``; what estimators and samplers need of a manifold is ``project`` and ``tangent``.
Samples are float64; ``.to(device, dtype)`` moves a manifold.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from koopteach.tensors import Movable, as_count, as_float, as_points, is_traced, positive, rand, randn

# Single precision knows a surface to 1e-6 of its size; data further off than this were never meant to lie on it.
_ON_THE_SURFACE = 1e-4


class Surface(Movable, ABC):
    """What the manifolds of this file share: one normal direction, and a size to measure distances with.

    Attributes:
        dim: of the space around it.
        size: a length.
    """

    dim: int
    size: float

    def __init__(self) -> None:
        self._like = torch.empty(0, dtype=torch.float64)  # dtype and device of the samples

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent points, uniform on the surface, ``(n, dim)``."""

    @abstractmethod
    def normal(self, x: Tensor) -> Tensor:
        """The outward unit normal at the nearest point of the surface, ``(n, dim)``."""

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """The nearest point of the surface, ``(n, dim)``."""

    def tangent(self, x: Tensor, v: Tensor) -> Tensor:
        """The part of ``v`` along the surface at ``x``: ``v - (v . n) n``.

        Args:
            x: points ``(n, dim)``.
            v: one vector a point ``(n, dim)``, or several ``(n, k, dim)``.

        Identity: ``tangent(x, v) . normal(x) = 0``.
        """
        normal = self.normal(x)
        v = v if isinstance(v, Tensor) else as_float(type(self).__name__, "v", v)  # tensors may be complex
        if v.ndim not in (2, 3) or (len(v), v.shape[-1]) != normal.shape:
            raise ValueError(
                f"{type(self).__name__}: v has shape {tuple(v.shape)}, but ({len(normal)}, {self.dim}) or "
                f"({len(normal)}, k, {self.dim}) is needed, vectors at the points of x."
            )
        if v.ndim == 3:
            normal = normal[:, None]
        return v - (v * normal).sum(dim=-1, keepdim=True) * normal

    def refuse_points_off(self, operation: str, x: Tensor) -> None:
        """Refuse points that do not lie on the surface, because tangents there mean nothing.

        Raises:
            ValueError: a point further than 1e-4 of the manifold's size from it.
        """
        if is_traced(x):
            return
        off = (x - self.project(x)).norm(dim=1)
        if float(off.max()) > _ON_THE_SURFACE * self.size:
            raise ValueError(
                f"{operation}: points lie off the {self!r} by {float(off.mean()):.2g} on average and up to "
                f"{float(off.max()):.2g}. Put them on it first: manifold.project(x). Particles leave it where the "
                "spectrum does not know it: fit with manifold=."
            )


class _Round(Surface):
    """Points at distance ``radius`` from the origin."""

    def __init__(self, radius: float = 1.0) -> None:
        super().__init__()
        self.radius = self.size = positive(type(self).__name__, "radius", radius)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(radius={self.radius:g})"

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent points, uniform on the surface, ``(n, dim)``: directions of Gaussian vectors."""
        n = as_count(f"{type(self).__name__}.sample", "n", n)
        return self.project(randn((n, self.dim), self._like, generator))

    def normal(self, x: Tensor) -> Tensor:
        """The outward unit normal ``x / |x|``, ``(n, dim)``; at the centre, the first axis."""
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        length = x.norm(dim=1, keepdim=True)
        first = torch.eye(self.dim, dtype=x.dtype, device=x.device)[0]
        return torch.where(length > 0, x / torch.where(length > 0, length, 1.0), first)

    def project(self, x: Tensor) -> Tensor:
        """The nearest point of the surface, ``radius x / |x|``, ``(n, dim)``."""
        return self.radius * self.normal(x)

    def brownian_step(self, x: Tensor, dt: float, generator: torch.Generator | None = None) -> Tensor:
        """One step of ``dX = sqrt(2) dW``: along the geodesic of a Gaussian tangent vector, ``(n, dim)``.

        Exact at any ``dt`` on the circle; on the sphere its law is off by ``O(dt^2)`` a step.
        """
        x = as_points(type(self).__name__, "x", x, dim=self.dim)
        normal = self.normal(x)
        noise = math.sqrt(2 * dt) / self.radius * randn(tuple(x.shape), x, generator)
        angle = self.tangent(x, noise)
        length = angle.norm(dim=1, keepdim=True)
        # sin(length) / length without a division by zero
        return self.radius * (length.cos() * normal + torch.sinc(length / math.pi) * angle)


class Circle(_Round):
    """The circle of radius ``R`` in the plane.

    Raises:
        ValueError: a radius that is not positive.

    Identity: rates ``k^2 / R^2``, each twice, with eigenfunctions ``sqrt(2) cos k angle`` and ``sqrt(2) sin k angle``.

    >>> import koopteach as kt
    >>> kt.Circle(2.0).exact_rates(4).tolist()
    [0.25, 0.25, 1.0, 1.0]
    """

    dim = 2

    def angles(self, x: Tensor) -> Tensor:
        """The angle of each point, in (-pi, pi], ``(n,)``."""
        x = as_points("Circle", "x", x, dim=2)
        return torch.atan2(x[:, 1], x[:, 0])

    def transition(self, x: Tensor, lag: float, generator: torch.Generator | None = None) -> Tensor:
        """The exact state after time ``lag``: turned by a Gaussian angle of variance ``2 lag / R^2``, ``(n, 2)``."""
        return self.brownian_step(x, lag, generator)

    def exact_rates(self, n: int) -> Tensor:
        """The ``n`` smallest positive rates ``k^2 / R^2``, each twice, ascending."""
        n = as_count("Circle.exact_rates", "n", n, at_least=0)
        return (torch.arange(2, n + 2) // 2).double() ** 2 / self.radius**2


class Sphere(_Round):
    """The sphere of radius ``R`` in space.

    Raises:
        ValueError: a radius that is not positive.

    Identity: rates ``l (l + 1) / R^2``, each ``2 l + 1`` times; the coordinates are eigenfunctions of ``l = 1``.

    >>> import torch
    >>> import koopteach as kt
    >>> kt.Sphere().exact_rates(4).tolist()
    [2.0, 2.0, 2.0, 6.0]
    >>> kt.Sphere(radius=5.0).project(torch.tensor([[3.0, 0.0, 4.0], [0.0, 0.0, -1.0]])).tolist()
    [[3.0, 0.0, 4.0], [0.0, 0.0, -5.0]]
    """

    dim = 3

    def exact_rates(self, n: int) -> Tensor:
        """The ``n`` smallest positive rates ``l (l + 1) / R^2`` with their ``2 l + 1`` copies, ascending."""
        # together with l = 0 the degrees below l have l^2 members
        n = as_count("Sphere.exact_rates", "n", n, at_least=0)
        degree = torch.arange(1, n + 1, dtype=torch.float64).sqrt().floor()
        return degree * (degree + 1) / self.radius**2


class Torus(Surface):
    """The torus of revolution ``((R + r cos p) cos theta, (R + r cos p) sin theta, r sin p)`` in space.

    Its uniform law is *not* uniform in ``p``: the outer half has more surface, and the density of ``p`` is
    ``(R + r cos p) / (2 pi R)``. In angles Brownian motion is, by Ito's formula,

        d theta = sqrt(2) / (R + r cos p) dW_1,     dp = - sin p / (r (R + r cos p)) dt + sqrt(2) / r dW_2.

    Args:
        R: radius of the circle through the tube's middle.
        r: radius of the tube, below ``R``.

    Raises:
        ValueError: radii that are not ``0 < r < R``.

    >>> import torch
    >>> import koopteach as kt
    >>> torus = kt.Torus(R=2.0, r=0.8)
    >>> theta, p = torus.angles(torus.sample(10_000, torch.Generator().manual_seed(0)))
    >>> outside = float((p.abs() < torch.pi / 2).double().mean())  # 1/2 + r / (pi R) = 0.627 of its surface
    >>> abs(outside - 0.627) < 0.02
    True
    """

    dim = 3

    def __init__(self, R: float = 2.0, r: float = 0.8) -> None:
        super().__init__()
        self.R, self.r = positive("Torus", "R", R), positive("Torus", "r", r)
        if not self.r < self.R:
            raise ValueError(f"Torus: 0 < r < R is needed, got R={R} and r={r}.")
        self.size = self.r

    def __repr__(self) -> str:
        return f"Torus(R={self.R:g}, r={self.r:g})"

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent points, uniform on the surface, ``(n, 3)``."""
        n = as_count("Torus.sample", "n", n)
        theta, p, u = rand((3, n), self._like, generator)
        p = 2 * math.pi * p
        # The densities of p and p + pi sum to 1/pi: moving the others to the opposite side loses no point.
        p = torch.where(2 * u < 1 + self.r / self.R * p.cos(), p, p + math.pi)
        return self.from_angles(2 * math.pi * theta, p)

    def from_angles(self, theta: Tensor, p: Tensor) -> Tensor:
        """Points ``(n, 3)`` at the angles ``theta`` (around the axis) and ``p`` (around the tube), each ``(n,)``."""
        a = self.R + self.r * p.cos()
        return torch.stack([a * theta.cos(), a * theta.sin(), self.r * p.sin()], dim=1)

    def angles(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``theta`` and ``p`` of the nearest point of the surface, each ``(n,)``, in (-pi, pi].

        On the axis every ``theta`` is as near, on the tube's middle every ``p``: there the angle is 0.
        """
        x = as_points("Torus", "x", x, dim=3)
        from_axis = torch.hypot(x[:, 0], x[:, 1])
        return torch.atan2(x[:, 1], x[:, 0]), torch.atan2(x[:, 2], from_axis - self.R)

    def normal(self, x: Tensor) -> Tensor:
        """The outward unit normal at the nearest point of the surface, ``(n, 3)``."""
        theta, p = self.angles(x)
        return torch.stack([p.cos() * theta.cos(), p.cos() * theta.sin(), p.sin()], dim=1)

    def project(self, x: Tensor) -> Tensor:
        """The nearest point of the surface, ``(n, 3)``."""
        return self.from_angles(*self.angles(x))

    def brownian_step(self, x: Tensor, dt: float, generator: torch.Generator | None = None) -> Tensor:
        """One Euler-Maruyama step of the equations above, ``(n, 3)``."""
        x = as_points("Torus", "x", x, dim=3)
        theta, p = self.angles(x)
        a = self.R + self.r * p.cos()
        noise = math.sqrt(2 * dt) * randn((2, len(x)), x, generator)
        return self.from_angles(theta + noise[0] / a, p - dt * p.sin() / (self.r * a) + noise[1] / self.r)

    def exact_rates(self, n: int) -> Tensor:
        """The ``n`` smallest positive rates with their multiplicities, ascending.

        Functions ``f(p) e^{i m theta}`` reduce ``-L`` to one eigenproblem on the circle of ``p`` for each ``m``:
        ``-(a f')' / (r^2 a) + m^2 / a^2 f = rate f`` with ``a = R + r cos p``; ``m`` and ``-m`` give the same rates.
        """
        n = as_count("Torus.exact_rates", "n", n, at_least=0)
        rates, m = self._ring_rates(0, n), 1
        # a rate of order m is at least m^2 / (R + r)^2, so larger m have nothing below the n-th rate found
        while len(rates) <= n or m**2 / (self.R + self.r) ** 2 < rates[n]:
            rates = torch.cat([rates, self._ring_rates(m, n).repeat_interleave(2)]).sort().values
            m += 1
        return rates[1 : n + 1]

    def _ring_rates(self, m: int, n: int) -> Tensor:
        """Eigenvalues for one ``m`` by trigonometric collocation, symmetric in the weight ``a``."""
        points = 129 + 4 * math.isqrt(n)
        points += 1 - points % 2  # odd: an even grid has a sawtooth without a derivative
        p = 2 * math.pi * torch.arange(points, dtype=torch.float64) / points
        a = self.R + self.r * p.cos()
        k = torch.arange(points, dtype=torch.float64)
        difference = k[:, None] - k
        half = math.pi * difference / points
        slope = (0.5 * (-1.0) ** difference / half.sin()).fill_diagonal_(0.0)
        scaled = a.sqrt()[:, None] * slope / a.sqrt()
        return torch.linalg.eigvalsh(scaled.T @ scaled / self.r**2 + torch.diag((m / a) ** 2)).clamp_min(0.0)[: n + 1]
