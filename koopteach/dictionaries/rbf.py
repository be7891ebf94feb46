"""Gaussian radial basis functions, at one scale and at several: the dictionaries for data without a formula."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import Self

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor

from koopteach.dictionaries.polynomial import Monomials
from koopteach.kernels import augmented, exp2_, exponents
from koopteach.protocols import Dictionary
from koopteach.standardizer import Standardizer
from koopteach.tensors import Movable, as_coefficients, as_count, as_numbers, as_points, chunks, same_kind, seed_from

# A kernel reaches its neighbours at 1.2 times what covers them on average (1.5 mean distances): narrower leaves
# holes between the kernels, wider makes them all alike (the Gram matrix loses its rank).
_COVER = 1.2 * 1.5

# A kernel smaller than this (3.7 widths away) moves no particle any more.
_FELT = 1e-3

# Features of a quadratic tail that nobody asked for: those of fifty columns are 1,325, and a fit's seconds grow with
# the third power.
_MOST_IN_TAIL = 1500

# A centre with less than this share of the average number of points is dropped: what little its kernel knows is
# noise, and it shows as spurious modes. On the quadruple well at beta = 8 (12 data sets, other ones than those of
# the acceptance test) the median histogram KL from one mode is 0.12 without the rule and 0.07 with it.
_FEWEST = 0.4

# Columns of unit spread are rounded here before k-means: in data with ties, as all measured to some digit are, many
# distances are the same to the last bit, and other units, which round otherwise, would choose other centres.
_DECIMALS = 9


# A product with so few columns is faster with the factors exchanged.
_FEW = 16

# For more functions than so many a coordinate their gradients are made from the slopes of the kernels: that takes two
# passes over the kernels for each coordinate, and saves products that are a part as wide as all functions.
_MANY = 30


class GaussianRBF(Movable):
    """``psi_j(x) = exp(-|(x - z_j) / units|^2 / (2 s_j^2))``.

    Args:
        centers: ``z``, ``(m, d)``.
        widths: ``s``, one number or ``(m,)``, in ``units``.
        units: one length for each column, ``(d,)``, or one for all.

    Raises:
        ValueError: shapes that do not fit, or a width or unit that is not positive.

    >>> import torch
    >>> import koopteach as kt
    >>> psi = kt.GaussianRBF([[0.0], [2.0]], widths=1.0)
    >>> x = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    >>> psi(x).round(decimals=3).tolist(), psi.grad(x).shape
    ([[1.0, 0.135], [0.607, 0.607]], torch.Size([2, 2, 1]))
    """

    def __init__(self, centers: Tensor, widths: Tensor | float, units: Tensor | float = 1.0) -> None:
        self.centers = as_points("GaussianRBF", "centers", centers).clone()
        m, d = self.centers.shape
        self.widths, self.units = (
            as_numbers("GaussianRBF", name, value, count, positive=True).to(self.centers)
            for name, value, count in (("widths", widths, m), ("units", units, d))
        )
        # Distances are expanded into products; around the middle of the centres they lose no digits.
        self._middle = self.centers.mean(dim=0)
        self._z = (self.centers - self._middle) / self.units
        self._precision = 1 / self.widths**2
        self._exponents = exponents(self._z, self._precision)

    @classmethod
    def from_data(
        cls, x: Tensor, n_centers: int, generator: torch.Generator | None = None, *, units: Tensor | float | None = None
    ) -> Self:
        """Centres by k-means, and one width from the spacing of the centres, both in ``units``.

        The width is ``1.8`` times the mean distance from a centre to its ``2 d`` nearest ones.

        Args:
            x: data ``(n, d)``.
            n_centers: how many; fewer are made when the data have fewer different points.
            generator: source of the k-means start.
            units: None for the columns' spreads, so that nobody's units matter; one number where all columns share a
                unit (points of a surface, amplitudes of modes, principal components) and wide ones are to count for
                more; or ``(d,)``.

        Raises:
            ValueError: fewer than two different points, which have no spacing.
        """
        x = as_points("GaussianRBF.from_data", "x", x)
        n_centers = as_count("GaussianRBF.from_data", "n_centers", n_centers)
        columns = Standardizer.of(x)
        if units is not None:
            columns = Standardizer(
                columns.center, as_numbers("GaussianRBF.from_data", "units", units, x.shape[1], positive=True).to(x)
            )
        u = columns(x) if units is not None else columns(x).round(decimals=_DECIMALS)
        centers = _kmeans(u, n_centers, generator)
        if len(centers) < 2:
            raise ValueError(
                f"GaussianRBF.from_data: x has {len(centers)} different point(s) for n_centers={n_centers}, but at "
                "least 2 of each are needed to have a spacing. Ask for more centres, or give widths yourself: "
                "GaussianRBF(centers, widths)."
            )
        nearest = torch.cdist(centers, centers).sort(dim=1).values[:, 1 : 2 * x.shape[1] + 1]
        return cls(columns.undo(centers), _COVER * nearest.mean(), columns.spread)

    @property
    def dim(self) -> int:
        """``d``."""
        return self.centers.shape[1]

    @property
    def n_features(self) -> int:
        """``m``."""
        return self.centers.shape[0]

    def __call__(self, x: Tensor) -> Tensor:
        """Values, ``(n, m)``."""
        return self._kernel(self._shifted(x))

    def grad(self, x: Tensor) -> Tensor:
        """Gradients ``(z_j - x) / (units s_j)^2 psi_j(x)``, ``(n, m, d)``."""
        return torch.stack([partial for _, partial in self.partials(x)], dim=2)

    def partials(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """For each coordinate the numbers of all features ``(m,)`` and their derivatives along it, ``(n, m)``."""
        u, every = self._shifted(x), torch.arange(self.n_features, device=self._z.device)
        return ((every, slope) for slope in self._slopes(u, self._kernel(u) * self._precision))

    def contract_grad(self, x: Tensor, coefficients: Tensor, values: Tensor | None = None) -> Tensor:
        """Gradients of the functions ``psi(x) @ coefficients``, ``(n, r, d)``; ``values`` is ``psi(x)``, if known.

        They lie in memory as ``(n, d, r)``: all coordinates come from one product, as do sums over points of their
        products.
        """
        u = self._shifted(x)
        coefficients = as_coefficients("contract_grad", "coefficients", coefficients, (self.n_features, "r"), u)
        kernel = self._kernel(u) if values is None else values
        c = coefficients * self._precision[:, None]
        if c.shape[1] > _MANY * self.dim:
            return torch.stack([slope @ c for slope in self._slopes(u, kernel)], dim=1).transpose(1, 2)
        c, u = c[:, None], u / self.units
        z = torch.cat([self._z / self.units, torch.ones_like(self._z[:, :1])], dim=1)[:, :, None]
        products = [_product(kernel, (z[:, i] * c).flatten(1)) for i in chunks(self.dim + 1, c.numel(), at_least=1)]
        moved = (products[0] if len(products) == 1 else torch.cat(products, dim=1)).unflatten(1, (self.dim + 1, -1))
        return torch.addcmul(moved[:, :-1], u[:, :, None], moved[:, -1:], value=-1).transpose(1, 2)

    def dirichlet(self, x: Tensor, weights: Tensor, stretch: Tensor, values: Tensor, gram: Tensor) -> Tensor:
        """``sum_i weights_i D psi_j(x_i) . D psi_l(x_i)``, ``(m, m)``, where ``D`` is the gradient times ``stretch``.

        By distances, one product instead of ``d``: ``2 (z_j - x) . (z_l - x) = |z_j - x|^2 + |z_l - x|^2 -
        |z_j - z_l|^2``. In float64 the rounding is 1e-12 of the largest entry; float32 has no digits to spare.

        Args:
            x, weights, stretch: ``(n, d)``, ``(n,)``, ``(d,)``.
            values: ``psi(x)``, ``(n, m)``.
            gram: ``sum_i weights_i psi_j(x_i) psi_l(x_i)``, ``(m, m)``.
        """
        # gradients are (z - u) / units, and the units of u are those of z
        z, u = (part * (stretch / self.units) for part in (self._z, self._shifted(x)))
        columns = torch.cat([-2 * z, z.square().sum(1, keepdim=True), torch.ones_like(z[:, :1])], dim=1)
        squares = (augmented(u) * weights[:, None]) @ columns.T
        mixed = squares.mul_(values).T @ values
        between = torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist").square()
        return 0.5 * torch.outer(self._precision, self._precision) * (mixed + mixed.T - between * gram)

    def dirichlet_beside(self, x: Tensor, others: Iterable[tuple[Tensor, Tensor]], values: Tensor, q: int) -> Tensor:
        """``sum_i D psi_j(x_i) . b_l(x_i)``, ``(m, q)``: the columns ``b``, coordinate by coordinate, as of partials.

        ``D psi_j = p_j (z_j - u) psi_j / units``, so that sums over points are products with the kernels themselves.
        """
        u, total, at_u = self._shifted(x), values.new_zeros(q, self.n_features), values.new_zeros(q, len(x))
        for i, (columns, slopes) in enumerate(others):
            rows = slopes.T / self.units[i]
            at_u.index_add_(0, columns, rows * u[:, i])
            total.index_add_(0, columns, (rows @ values) * self._z[:, i])
        return ((total - at_u @ values) * self._precision).T

    def reaches(self, x: Tensor) -> Tensor:
        """Which of the points feel some kernel (the largest above 0.001), ``(n,)``."""
        x = as_points("GaussianRBF", "x", x, dim=self.dim)
        return torch.cat([self(x[rows]).amax(dim=1) > _FELT for rows in chunks(len(x), self.n_features)])

    def _shifted(self, x: Tensor) -> Tensor:
        x = as_points("GaussianRBF", "x", x, dim=self.dim)
        same_kind("GaussianRBF", x, self.centers, "the dictionary")
        return (x - self._middle) / self.units

    def _kernel(self, u: Tensor) -> Tensor:
        return exp2_(augmented(u) @ self._exponents.T)

    def _slopes(self, u: Tensor, kernel: Tensor) -> Iterator[Tensor]:
        """Derivatives of the kernels along each coordinate, ``(n, m)``, over their precisions."""
        z, u = self._z / self.units, u / self.units
        return ((z[:, i] - u[:, i : i + 1]).mul_(kernel) for i in range(self.dim))


class MultiScale(Movable):
    """Several dictionaries side by side; from data, the package's default: three kernel widths and a polynomial tail.

    Narrow kernels resolve the inside of a mode, wide ones see from mode to mode, and the quadratic tail pulls in
    particles that no kernel reaches.

    Args:
        parts: the dictionaries, all of one dimension.

    Raises:
        ValueError: no parts, or parts of different dimensions.

    >>> import torch
    >>> import koopteach as kt
    >>> g = torch.Generator().manual_seed(0)
    >>> x = kt.GaussianMixture.ring(3, 2.0, 0.3).sample(500, g)
    >>> psi = kt.MultiScale.from_data(x, n_centers=(20, 5), generator=g)
    >>> [type(part).__name__ for part in psi.parts], psi(x).shape == (500, psi.n_features)
    (['GaussianRBF', 'GaussianRBF', 'Monomials'], True)
    """

    def __init__(self, parts: Sequence[Dictionary]) -> None:
        self.parts = tuple(parts)
        if len({part.dim for part in self.parts}) != 1:
            raise ValueError(f"MultiScale: parts must have one dimension, got {[part.dim for part in self.parts]}.")
        self.groups = _merged(self.parts)

    def __repr__(self) -> str:
        degrees = [f" of degree {part.degree}" if isinstance(part, Monomials) else "" for part in self.parts]
        names = [f"{part.n_features} {type(part).__name__}{degree}" for part, degree in zip(self.parts, degrees)]
        return f"MultiScale({', '.join(names)})"

    @classmethod
    def from_data(
        cls,
        x: Tensor,
        n_centers: Sequence[int] = (250, 60, 20),
        tail: str | None = None,
        generator: torch.Generator | None = None,
        *,
        units: Tensor | float | None = None,
    ) -> Self:
        """One :class:`GaussianRBF` for each number of centres, and monomials.

        Args:
            x: data ``(n, d)``.
            n_centers: centres at each scale; fewer centres are wider kernels.
            tail: ``"quadratic"``, ``"linear"`` or ``"none"``; None is the first while it has at most 1,500 features and
                half as many as there are points, and then the second.
            generator: source of the k-means starts.
            units: of the kernels, as in :meth:`GaussianRBF.from_data`; None for the columns' spreads.

        Raises:
            ValueError: an unknown tail, or data all at one point.
        """
        x = as_points("MultiScale.from_data", "x", x, at_least=2)
        d, degree = x.shape[1], {"none": 0, "linear": 1, "quadratic": 2}
        if tail is None:
            tail = "quadratic" if d * (d + 3) / 2 <= min(_MOST_IN_TAIL, len(x) / 2) else "linear"
        if tail not in degree:
            raise ValueError(f"MultiScale.from_data: tail must be one of {', '.join(degree)}, got {tail!r}.")
        parts: list[Dictionary] = [GaussianRBF.from_data(x, n, generator, units=units) for n in n_centers]
        if degree[tail]:
            columns = Standardizer.of(x)
            parts.append(Monomials(d, degree[tail], center=columns.center, scale=columns.spread))
        return cls(parts)

    @property
    def dim(self) -> int:
        """``d``."""
        return self.parts[0].dim

    @property
    def n_features(self) -> int:
        """``m``, the sum over the parts."""
        return sum(part.n_features for part in self.parts)

    def __call__(self, x: Tensor) -> Tensor:
        """Values, ``(n, m)``."""
        return torch.cat([group(x) for group in self.groups], dim=1)

    def grad(self, x: Tensor) -> Tensor:
        """Gradients, ``(n, m, d)``."""
        return torch.cat([group.grad(x) for group in self.groups], dim=1)

    def contract_grad(self, x: Tensor, coefficients: Tensor, values: Tensor | None = None) -> Tensor:
        """Gradients of the functions ``psi(x) @ coefficients``, ``(n, r, d)``; ``values`` is ``psi(x)``, if known."""
        x = as_points("MultiScale", "x", x, dim=self.dim)
        coefficients = as_coefficients("contract_grad", "coefficients", coefficients, (self.n_features, "r"), x)
        slopes, start = [], 0
        for group in self.groups:
            own = slice(start, start := start + group.n_features)
            known = [values[:, own]] if values is not None and isinstance(group, GaussianRBF) else []
            slopes.append(group.contract_grad(x, coefficients[own], *known))
        return reduce(torch.add, slopes)

    def reaches(self, x: Tensor) -> Tensor:
        """Which of the points feel some kernel, ``(n,)``; all where no part is made of kernels."""
        x = as_points("MultiScale", "x", x, dim=self.dim)
        felt = [group.reaches(x) for group in self.groups if hasattr(group, "reaches")]
        return torch.stack(felt).any(dim=0) if felt else torch.ones(len(x), dtype=torch.bool, device=x.device)


def _product(kernel: Tensor, columns: Tensor) -> Tensor:
    """``kernel @ columns``; few of them are rows, with which it takes a third of the time."""
    return kernel @ columns if columns.shape[1] > _FEW else (columns.T.contiguous() @ kernel.T).T


def _merged(parts: tuple[Dictionary, ...]) -> tuple[Dictionary, ...]:
    """The same features with neighbouring kernels in one matrix, where their units are the same."""
    groups: list[Dictionary] = []
    for part in parts:
        last = groups[-1] if groups else None
        if isinstance(part, GaussianRBF) and isinstance(last, GaussianRBF) and torch.equal(part.units, last.units):
            centers, widths = torch.cat([last.centers, part.centers]), torch.cat([last.widths, part.widths])
            groups[-1] = GaussianRBF(centers, widths, part.units)
        else:
            groups.append(part)
    return tuple(groups)


def _kmeans(x: Tensor, k: int, generator: torch.Generator | None) -> Tensor:
    """At most ``k`` centres ``(k, d)`` after 15 Lloyd steps: a cover of the data, which need not be the best one."""
    points = np.unique(x.detach().cpu().double().numpy(), axis=0)
    if k >= len(points):
        centers = points
    else:
        with warnings.catch_warnings():  # an empty cluster keeps its centre, which does no harm here
            warnings.simplefilter("ignore", UserWarning)
            start = _spread_out(points, k, np.random.default_rng(seed_from(generator)))
            centers, nearest = kmeans2(points, start, iter=15, minit="matrix")
        members = np.bincount(nearest, minlength=len(centers))
        centers = np.unique(centers[members >= _FEWEST * len(points) / k], axis=0)
    return torch.from_numpy(centers).to(x)


def _spread_out(points: np.ndarray, k: int, draw: np.random.Generator) -> np.ndarray:
    """The start of k-means++, ``(k, d)``: each next point is drawn by its squared distance to the nearest so far."""
    rows, nearest = [int(draw.integers(len(points)))], np.full(len(points), np.inf)
    squares = np.square(points).sum(axis=1)
    for _ in range(k - 1):
        last = rows[-1]
        nearest = np.minimum(nearest, (squares - 2 * points @ points[last] + squares[last]).clip(0))
        nearest[last] = 0
        shares = nearest.cumsum()
        rows.append(min(int(shares.searchsorted(shares[-1] * draw.random(), side="right")), len(points) - 1))
    return points[rows]
