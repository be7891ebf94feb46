"""The generator from samples alone: a Galerkin method on the Dirichlet form."""

from functools import partial
from typing import Self

import torch
from torch import Tensor

from koopteach.arrays import in_pieces
from koopteach.dictionaries.dirichlet import dirichlet
from koopteach.dictionaries.gram import add_gram_, from_lower_triangle
from koopteach.dictionaries.memory import refuse_too_many
from koopteach.operators import linear_algebra as la
from koopteach.operators import remarks
from koopteach.operators.sums import Additive
from koopteach.protocols import Dictionary, Manifold
from koopteach.spectrum import Expansion, Spectrum, few_modes
from koopteach.standardizer import Standardizer
from koopteach.tensors import as_points, as_weights, chunks, count_different, same_kind


class GeneratorEDMD(Additive):
    """Spectrum of the reversible Langevin generator ``L f = grad log pi . grad f + lap f`` from samples of ``pi``.

    Integration by parts turns ``-L phi = rate phi`` into a problem without the unknown ``pi``'s derivative:

        S a = rate G a,   S_ij = E_w[grad psi_i . grad psi_j],   G_ij = Cov_w(psi_i, psi_j).

    On a manifold the gradients are tangent ones and ``L`` is the manifold's own: uniform samples give the
    Laplace-Beltrami operator. Without it the motion across the surface would count as energy.

    No pairs, no lag, no score: static samples are enough, and weights condition them. Its rates are Dirichlet
    energies, so ``spectrum.rates == spectrum.energies``.

    Rates are in the data's own clock, 1/length^2. ``standardize=True`` fits the generator of the columns divided by
    their spreads: its rates, and what samplers make of its spectrum, are the same in anybody's units.

    Args:
        dictionary: see :mod:`koopteach.dictionaries`.
        tol: directions of the features' correlations with eigenvalues below ``tol`` times the largest are dropped; at
            least 1e-5 in float32.
        manifold: where the samples lie (see :mod:`koopteach.targets.manifolds`), None for R^d. The spectrum
            carries it.
        standardize: measure lengths in spreads of the columns, those of the first data seen, or of a
            :class:`Standardizer`. The dictionary and the spectrum take points in the data's coordinates either way.

    Fits of parts of the data add: ``sum(parts)`` is the fit of all (:class:`koopteach.operators.sums.Additive`).

    Raises:
        ValueError: ``tol`` out of range, a manifold in another space than the dictionary's, or one with
            ``standardize``, which would bend it.

    Identity: the fitted ``phi`` satisfy ``E[phi_k phi_l] = delta_kl`` and
    ``E[grad phi_k . grad phi_l] = rate_k delta_kl`` on the fit data.

    >>> import torch
    >>> import koopteach as kt
    >>> well = kt.DoubleWell(2.0)
    >>> g = torch.Generator().manual_seed(0)
    >>> x = well.sample(5000, g)
    >>> spectrum = kt.GeneratorEDMD(kt.MultiScale.from_data(x, (20, 8), generator=g)).fit(x).spectrum(3)
    >>> (spectrum.rates / well.exact_rates(3) - 1).abs().max() < 0.2
    tensor(True)

    Source: the Galerkin form of the generator as in gEDMD (Klus et al. 2020), here for reversible diffusions;
    the generator of arXiv 2512.18837 is ``-L``.
    """

    _SUMS = ("n_points", "_n_different", "_weight", "_psi", "_gram", "_stiffness", "_size")
    _SETTINGS = ("tol",)

    def __init__(
        self,
        dictionary: Dictionary,
        *,
        tol: float = 1e-8,
        manifold: Manifold | None = None,
        standardize: bool | Standardizer = False,
    ) -> None:
        la.refuse_other_space("GeneratorEDMD", manifold, dictionary)
        if standardize and manifold is not None:
            raise ValueError(f"GeneratorEDMD: standardize=True would bend the {manifold!r}. Leave one of them out.")
        self.standardize = standardize
        self.dictionary, self.tol, self.manifold = dictionary, la.checked_tol("GeneratorEDMD", tol), manifold
        self.n_points = 0

    def fit(self, x: Tensor, weights: Tensor | None = None) -> Self:
        """Forget what was seen and accumulate ``x``; arguments as in :meth:`partial_fit`."""
        self.n_points = 0
        return self.partial_fit(x, weights)

    @in_pieces
    def partial_fit(self, x: Tensor, weights: Tensor | None = None) -> Self:
        """Add samples ``x`` ``(n, d)``, each with a weight ``(n,)`` if given (any positive scale).

        Memory beyond the data is ``2 m^2`` and one chunk, at any ``n``.

        Arrays on disk (memory maps, zarr, HDF5) are read and added in pieces.

        Raises:
            ValueError: wrong shapes, NaN, weights that are negative or all zero, or points off the manifold; of an
                array on disk with file and rows. Its pieces before that have been added.
        """
        x = as_points("GeneratorEDMD.partial_fit", "x", x, dim=self.dictionary.dim).detach()
        la.refuse_points_off("GeneratorEDMD.partial_fit", self.manifold, x)
        weights = as_weights("GeneratorEDMD", weights, x)
        if self.n_points:
            same_kind("GeneratorEDMD.partial_fit", x, self._like, "what was seen before")
        else:
            self._begin(x, weights)
        m, d = self.dictionary.n_features, x.shape[1]
        # on a manifold the gradients themselves are held; else, as for pairs, at least m rows
        per_row, at_least = (m, m) if self.manifold is None else (m * (1 + 2 * d), 1)
        for rows in chunks(len(x), per_row, at_least):
            self._accumulate(x[rows], weights[rows, None])
        self.n_points += len(x)
        self._n_different += count_different(x)
        return self

    def _begin(self, x: Tensor, weights: Tensor) -> None:
        refuse_too_many("GeneratorEDMD", self.dictionary.n_features)
        self._n_different = 0
        m, zeros = self.dictionary.n_features, partial(torch.zeros, dtype=torch.float64, device=x.device)
        self._like, self._size = x[:1].clone(), la.Size()
        units = self.standardize
        self._units = (Standardizer.of(x, weights) if units else None) if isinstance(units, bool) else units.to(x)
        self._weight, self._psi, self._gram, self._stiffness = zeros(()), zeros(m), zeros(m, m), zeros(m, m)

    def _accumulate(self, x: Tensor, w: Tensor) -> None:
        # Products in the data's precision, sums over chunks in float64.
        psi, root = self.dictionary(x), w.sqrt()
        gram = torch.zeros_like(self._gram)
        add_gram_(gram, root * psi)
        gram = from_lower_triangle(gram)
        self._gram += gram
        self._psi = self._psi + (w * psi).sum(0)
        if self.manifold is None:
            stretch = torch.ones((), dtype=x.dtype) if self._units is None else self._units.spread
            self._stiffness += dirichlet(self.dictionary, x, w[:, 0], stretch, psi, gram)
        else:
            # gradients as (n d, m): the sum over coordinates and points is one product
            slopes = self.manifold.tangent(x, self.dictionary.grad(x)) * root[:, :, None]
            add_gram_(self._stiffness, slopes.transpose(1, 2).flatten(0, 1))
        self._weight = self._weight + w.sum()
        self._size.add(x if self._units is None else self._units(x), w)

    def spectrum(self, n_modes: int | None = None) -> Spectrum:
        """The ``n_modes`` slowest modes; ``None`` keeps all that the data support.

        Raises:
            RuntimeError: nothing was fitted yet.
            ValueError: ``n_modes`` below one, or features that are constant on the data.
        """
        if not self.n_points:
            raise RuntimeError("GeneratorEDMD.spectrum: nothing was fitted yet. Call fit(x) first.")
        mean = self._psi / self._weight
        gram = from_lower_triangle(self._gram) / self._weight - torch.outer(mean, mean)
        tol = max(self.tol, la.SMALLEST_TOL[self._like.dtype])
        least = la.rounding(self._gram.diagonal() / self._weight, self._like.dtype)
        w = la.whiten_features(gram, tol, "GeneratorEDMD", least)
        rates, vectors = torch.linalg.eigh(w.T @ (from_lower_triangle(self._stiffness) / self._weight) @ w)
        r = la.mode_count(n_modes, len(rates), "GeneratorEDMD")
        coefficients = la.fix_signs(w @ vectors[:, :r])
        scale = float(self._size)
        m, n = len(gram), self.n_points
        report = (
            f"{r} modes of {len(rates)} directions kept, {m - len(rates)} of {m} directions dropped, {m} features, "
            f"{n} points, tol {tol:g}"
        )
        report += remarks.paragraphs(
            remarks.missing_modes(n_modes, len(rates)),
            few_modes(rates[:r], len(rates)),
            remarks.many_modes(r, self.dictionary),
            remarks.few_points(self._n_different, m),
            remarks.kernel_gaps(self.dictionary),
            remarks.null_directions(rates[:r], scale),
            remarks.uneven_columns(self._size.spread_ratio),
        )
        rates = rates[:r].to(self._like).clamp_min(torch.finfo(self._like.dtype).tiny)
        return Spectrum(
            rates=rates,
            energies=rates,
            scale=scale,
            functions=Expansion(self.dictionary, mean.to(self._like), coefficients.to(self._like)),
            report=report,
            manifold=self.manifold,
            units=self._units,
            spread_ratio=self._size.spread_ratio,
        )
