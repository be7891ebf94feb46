"""What every estimator returns: rates, and eigenfunctions that can be evaluated and differentiated anywhere."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import Tensor

from koopteach import dictionaries
from koopteach.dictionaries.expansion import Expansion
from koopteach.dictionaries.gram import add_gram_, from_lower_triangle
from koopteach.files import load_object, save_object
from koopteach.protocols import Functions, Manifold
from koopteach.standardizer import Standardizer
from koopteach.targets.manifolds import Circle, Sphere, Torus
from koopteach.tensors import (
    Movable,
    as_coefficients,
    as_count,
    as_float,
    as_points,
    chunks,
    is_traced,
    map_chunks,
    refuse_shape,
    same_kind,
)

# Features of particles that are held for all that a step asks of them: 8 MB.
_MOST_HELD = 2**20

# With three to twenty modes particles ended at 1.5 to 8 noise floors.
_FEWEST_MODES = 20

# Slow modes, at most so many, end where the next rate is so many times the last, at least.
MOST_SLOW, LEAST_GAP = 12, 1.25

# Of five modes in 2 to 20 columns: below this ratio of the last rate to the first within modes, variances within modes
# ended a quarter to four times too large, from 15 on (in up to five columns) right to a tenth.
_LEAST_RATIO = 5.0


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(Movable):
    """The slow part of a generator: ``-L phi_k = rate_k phi_k``, without the constant mode.

    Attributes:
        rates: ``(r,)``, 1/time, ascending (by real part when complex).
        energies: ``(r,)``, the Dirichlet energies ``E|grad phi_k|^2`` on the fit data. They equal the rates in
            the course's clock and do not change with anybody's unit of time, which is why samplers use them.
        scale: ``sqrt(trace cov)`` of the fit data, the length that samplers measure steps in.
        functions: evaluates the eigenfunctions; ``spectrum(x)``, ``.grad`` and ``.contract_grad`` call it.
        report: in words, what the fit kept and what it dropped.
        manifold: the manifold of the fit, or None in R^d. On a manifold all gradients are tangent to it.
        units: of a standardised fit, the map in whose coordinates rates, energies and ``scale`` are; None for the
            data's own. Points and gradients are in the data's coordinates either way.
        spread_ratio: of the fit data, the largest spread of a column over the smallest, in those coordinates.

    >>> import torch
    >>> import koopteach as kt
    >>> x = torch.randn(5000, 1, generator=torch.Generator().manual_seed(0))
    >>> spectrum = kt.GeneratorEDMD(kt.Hermite(1, 3)).fit(x).spectrum()
    >>> spectrum(x).shape, spectrum.grad(x).shape, len(spectrum.truncate(2))
    (torch.Size([5000, 3]), torch.Size([5000, 3, 1]), 2)
    >>> bool((spectrum(x).square().mean(0) - 1).abs().max() < 0.01)
    True
    """

    rates: Tensor
    energies: Tensor
    scale: float
    functions: Functions
    report: str = ""
    manifold: Manifold | None = None
    units: Standardizer | None = None
    spread_ratio: float = 1.0

    @classmethod
    def from_functions(
        cls,
        rates: Any,
        phi: Callable[[Tensor], Tensor],
        grad: Callable[[Tensor], Tensor] | None = None,
        *,
        scale: float = 1.0,
        manifold: Manifold | None = None,
    ) -> Self:
        """A spectrum given by formulas; its energies are the rates.

        Args:
            rates: ``(r,)``, ascending.
            phi: ``x (n, d) -> (n, r)``, of mean 0 and variance 1 under the target.
            grad: ``x (n, d) -> (n, r, d)``; ``None`` differentiates ``phi`` by autograd.
            scale: the target's ``sqrt(trace cov)``.
            manifold: where the functions live, None for R^d.

        Raises:
            ValueError: rates that are not a vector.
        """
        rates = as_float("Spectrum.from_functions", "rates", rates)
        refuse_shape("Spectrum.from_functions", "rates", rates, ("r",))
        if not bool(rates.isfinite().all()):
            raise ValueError(f"Spectrum.from_functions: rates must be finite, got {rates.tolist()}.")
        functions = _Formulas(phi, grad or _autograd(phi), len(rates))
        return cls(rates, rates, float(scale), functions, "exact eigenfunctions", manifold)

    def __len__(self) -> int:
        return len(self.rates)

    def __repr__(self) -> str:
        first = ", ".join(f"{abs(complex(rate)):.3g}" for rate in self.rates[:3])
        return f"Spectrum({len(self)} modes, rates {first}{', ...' if len(self) > 3 else ''})"

    @property
    def stretch(self) -> Tensor:
        """``(d,)`` or one: what a gradient in the data's coordinates is multiplied by to be one of ``units``."""
        return self.rates.real.new_ones(()) if self.units is None else self.units.spread.to(self.rates.real)

    @property
    def implied_timescales(self) -> Tensor:
        """``1 / rate`` (its real part), ``(r,)``."""
        return 1 / (self.rates.real if self.rates.is_complex() else self.rates)

    def __call__(self, x: Tensor) -> Tensor:
        """Eigenfunctions ``phi``, ``(n, r)``, of variance one on the fit data."""
        return map_chunks(self.functions, self._points(x), self.functions.width)

    def features(self, x: Tensor) -> Tensor | None:
        """What the eigenfunctions are combinations of, at ``x``, ``(n, m)``: ``mean``, ``contract_grad`` and
        ``dirichlet`` at the same points take it and compute no kernel again. None where there is none to hold.
        """
        functions, x = self.functions, self._points(x)
        if not isinstance(functions, Expansion) or len(x) * functions.width > _MOST_HELD:
            return None
        return functions.features(x)

    def mean(self, x: Tensor, features: Tensor | None = None) -> Tensor:
        """Means of the eigenfunctions over the points ``x``, ``(r,)``, without their single values."""
        x, width = self._points(x), self.functions.width
        if features is not None:
            return cast(Expansion, self.functions).sum(x, features) / len(x)
        return reduce(torch.add, (self.functions.sum(x[rows]) for rows in chunks(len(x), width))) / len(x)

    def grad(self, x: Tensor) -> Tensor:
        """Gradients of the eigenfunctions, ``(n, r, d)``; on a manifold their tangent parts."""
        x = self._points(x)
        width = self.functions.width * (1 + x.shape[1])
        return map_chunks(lambda part: self._tangent(part, self.functions.grad(part)), x, width)

    def contract_grad(self, x: Tensor, weights: Tensor, features: Tensor | None = None) -> Tensor:
        """``sum_k weights_k grad phi_k(x)``, ``(n, d)``, without the single gradients; on a manifold tangent.

        Raises:
            TypeError, ValueError: ``weights`` are not ``(r,)`` numbers of the rates' dtype.
        """
        x = self._points(x)
        weights = as_coefficients("Spectrum.contract_grad", "weights", weights, (len(self),), self.rates)
        if features is not None:
            return self._tangent(x, cast(Expansion, self.functions).contract_grad(x, weights, features))
        return self._tangent(
            x, map_chunks(lambda part: self.functions.contract_grad(part, weights), x, self.functions.width)
        )

    def dirichlet(self, x: Tensor, features: Tensor | None = None) -> Tensor:
        """``mean_i D phi_k(x_i) . D phi_l(x_i)``, ``(r, r)``, ``D`` the gradient in the coordinates of ``units``.

        Summed over chunks of points: never an array of (points, features, dim).
        """
        x, r = self._points(x), len(self)
        if isinstance(self.functions, Expansion) and self.manifold is None:
            by_features = self.functions.dirichlet(x, self.stretch)
            if by_features is not None:
                return by_features
        total = torch.zeros(r, r, dtype=torch.float64, device=x.device)
        held = (self.functions.width + 2 * r * x.shape[1]) * x.element_size() // 8
        for rows in chunks(len(x), held):
            known = () if features is None else (features[rows],)
            slopes = self._tangent(x[rows], self.functions.grad(x[rows], *known))
            slopes = slopes if self.units is None else slopes * self.stretch
            add_gram_(total, slopes.transpose(1, 2).reshape(-1, r))
        return (from_lower_triangle(total) / len(x)).to(x)

    def reaches(self, x: Tensor) -> Tensor:
        """Which of the points some kernel of the dictionary sees, ``(n,)``; all, where the functions are not local."""
        x = self._points(x)
        reaches = getattr(self.functions, "reaches", None)
        return torch.ones(len(x), dtype=torch.bool, device=x.device) if reaches is None else reaches(x)

    def _points(self, x: Tensor) -> Tensor:
        x = as_points("Spectrum", "x", x)
        same_kind("Spectrum", x, self.energies, "the spectrum")
        return x

    def _tangent(self, x: Tensor, slopes: Tensor) -> Tensor:
        return slopes if self.manifold is None else self.manifold.tangent(x, slopes)

    def truncate(self, r: int) -> Self:
        """The spectrum of the ``r`` slowest modes (all of them if there are fewer).

        Raises:
            ValueError: ``r`` below one.
        """
        r = as_count("Spectrum.truncate", "r", r)
        if r >= len(self):
            return self
        cut = f"truncated to {r} of {len(self)} modes"
        remarks = (self.report, cut, few_modes(self.rates[:r], len(self)), torn_pair(self.rates[:r]))
        return replace(
            self,
            rates=self.rates[:r],
            energies=self.energies[:r],
            functions=self.functions.first(r),
            report="\n".join(filter(None, remarks)),
        )

    def save(self, path: str | Path) -> None:
        """Write it as a safetensors file, which holds data and never code.

        Raises:
            RuntimeError: functions that are no expansion in the package's dictionaries, a manifold of one's own.
            ImportError: without safetensors.
        """
        save_object(path, self, saved_classes())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The spectrum of a file, bit by bit and in its dtype.

        Raises:
            FileNotFoundError, ValueError, ImportError: as :func:`koopteach.files.load_weights`, or numbers that do not
                fit.
        """

        def look(found: Self) -> None:
            origin = found.energies.new_zeros(1, cast(Expansion, found.functions).dictionary.dim)
            found.contract_grad(origin, torch.ones_like(found(origin)[0]))

        return load_object(path, cls, saved_classes(), look)


def saved_classes() -> tuple[type, ...]:
    """What a saved spectrum may be made of."""
    of_the_package = [getattr(dictionaries, name) for name in dictionaries.__all__]
    return (Spectrum, Expansion, Standardizer, *of_the_package, Circle, Sphere, Torus)


def torn_pair(rates: Tensor) -> str:
    """A line for the report when the last rate is complex and its conjugate is not among the others."""
    if not rates.is_complex():
        return ""
    last, near = rates[-1], 1e-6 * rates[-1].abs()
    if bool(last.imag.abs() <= near) or bool(((rates - last.conj()).abs() <= near).any()):
        return ""
    r = len(rates)
    mend = f"{r - 1} or {r + 1}" if r > 1 else "2"
    return f"mode {r} is one of a conjugate pair and the other is cut off: real functions need both; keep {mend} modes"


def few_modes(rates: Tensor, available: int) -> str:
    """A line for the report when so few modes are kept, or so slow ones, that particles miss the shape.

    The line about slow ones holds where rates count how often functions bend: it sees neither which functions are
    missing (in ten columns half a dictionary's may have been dropped) nor curved modes.
    """
    kept = len(rates)
    if kept < _FEWEST_MODES:
        few = (
            f"{kept} of {available} modes are enough for rates, not for shapes: particles match {kept} moments and "
            "nothing else; where a distance stays above its noise_floor, keep more"
        )
        return few if kept < available else ""
    sizes = rates.real.clamp_min(torch.finfo(rates.real.dtype).tiny)
    gap, slow = (sizes[1 : MOST_SLOW + 1] / sizes[:MOST_SLOW]).max(dim=0)
    first = int(slow) + 1 if gap > LEAST_GAP else 0
    ratio = float(sizes[-1] / sizes[first])
    told = f"the last of {kept} rates is {ratio:.1f} times number {first + 1}, the first within modes"
    told += f": below {_LEAST_RATIO:g} far starts get weights right, spreads wrong; keep more, or take more features"
    return told if ratio < _LEAST_RATIO else ""


@dataclass(frozen=True)
class _Formulas:
    """Functions given by formulas; keeps the first ``count`` of them."""

    phi: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor], Tensor]
    count: int

    @property
    def width(self) -> int:
        return self.count

    def __call__(self, x: Tensor) -> Tensor:
        return self._looked_at("phi", self.phi(x), (len(x), self.count))[:, : self.count]

    def sum(self, x: Tensor) -> Tensor:
        return self(x).sum(dim=0)

    def grad(self, x: Tensor) -> Tensor:
        return self._looked_at("grad", self.gradient(x), (len(x), self.count, x.shape[1]))[:, : self.count]

    def contract_grad(self, x: Tensor, weights: Tensor) -> Tensor:
        return torch.einsum("nrd,r->nd", self.grad(x), weights)

    def first(self, r: int) -> Self:
        return replace(self, count=r)

    def _looked_at(self, name: str, values: Tensor, needed: tuple[int, ...]) -> Tensor:
        """Another shape would be spread over the modes or the coordinates silently."""
        found = tuple(values.shape)
        if not (len(found) > 1 and found[1] >= needed[1] and (found[0], needed[1], *found[2:]) == needed):
            raise ValueError(f"Spectrum.from_functions: {name} returned shape {found}, but {needed} is needed.")
        if not is_traced(values) and bool(values.isnan().any()):
            bad = int(values.isnan().flatten(1).any(dim=1).sum())
            raise ValueError(f"Spectrum.from_functions: {name} is NaN at {bad} of {needed[0]} points.")
        return values


def _autograd(phi: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The gradient ``(n, r, d)`` of a row-wise ``phi``, one backward pass a function."""

    def gradient(x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            columns = phi(x).sum(dim=0)
            return torch.stack([torch.autograd.grad(c, x, retain_graph=True)[0] for c in columns], dim=1).detach()

    return gradient
