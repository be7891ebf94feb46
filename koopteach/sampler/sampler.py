"""From a table to samples of its law in one call: ``fit(x)``, then ``sample(n)``."""

from __future__ import annotations

import copy
import inspect
import math
import operator
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from koopteach.dictionaries import Monomials, MultiScale
from koopteach.files import load_object, save_object
from koopteach.operators import GeneratorEDMD
from koopteach.particles import KSWGD, condition
from koopteach.protocols import Dictionary
from koopteach.sampler.clusters import Clusters, Make, settle
from koopteach.sampler.columns import Columns, Knots, calibrated
from koopteach.sampler.corrector import Corrector, Mover, last
from koopteach.sampler.herding import herd
from koopteach.sampler.judge import held_out_report
from koopteach.sampler.mixture import FittedMixture
from koopteach.sampler.tables import Kind, read
from koopteach.spectrum import Spectrum, saved_classes
from koopteach.tensors import as_count, as_number, as_numbers, as_points, as_weights, shuffled_rows

_FEWEST_ROWS = 20

# Directions of the Gram matrix below this are left out. In ten columns curves are found among the small ones (1e-5 lost
# half of a third moment); from single precision they would carry the last digit's rounding into the samples.
_TOL, _SINGLE_TOL = 1e-8, 1e-5

# Cubic monomials are taken where there are five rows for each, and at most 600 of them.
_ROWS_A_CUBIC, _MOST_CUBICS = 5, 600

# Where more of |z|^2 within clusters is beyond the modes, far starts end with its mean off: by about as much.
_MOST_UNSEEN = 0.08


class KoopmanSampler:
    """Samples of the law of a table, in the table's own units, types and names.

    The stages, each an argument: **columns** in units of their spread, normal scores where tails are heavy; a
    **mixture** of Gaussians as the start; the **spectrum** of the law's Langevin generator, all modes; **KSWGD** moves
    draws of the mixture until the modes' means are the data's; where these do not span the shapes within the law's
    clusters, as the report says, each cluster's own goes on; **calibration** gives each column the data's quantiles.

    Args:
        scores: which columns get normal scores: ``"heavy"`` (kurtosis above 5 or skewness above 1), ``"all"``,
            ``"none"``.
        components: most components of the mixture.
        dictionary: ``(mapped data (n, d), generator) -> Dictionary``; None is ``MultiScale.from_data``, with cubic
            monomials where there are at least five rows for each, and at most 600 of them, and with the squares of the
            columns where there is no room for their products.
        units: lengths in which those kernels measure distances, a tensor ``(d,)`` or one number, where all columns are
            in one unit as coordinates of a field are: then the large ones count most. None for their spreads. Not
            beside a ``dictionary``, which has its own.
        n_steps: of KSWGD; 0 samples the mixture alone.
        damping, noise: of KSWGD. Draws of a mixture need no noise to lie smoothly.
        calibrate: give columns the data's quantiles.
        pool: fewest particles of a run. ``sample(n)`` runs at least ``2n`` and returns a random ``n`` of them: all
            particles of a run lie more evenly than independent draws.
        hold_out: share of the rows that ``fit`` first keeps aside, to tell in the report how samples compare with the
            mixture's; then it fits all rows. 0 skips that.

    Attributes:
        columns, mixture, spectrum, clusters: what was fitted, in mapped coordinates; the clusters are told by the
            spectrum's slow eigenfunctions.
        report: what was fitted, in words.

    >>> import torch
    >>> import koopteach as kt
    >>> g = torch.Generator().manual_seed(0)
    >>> people = torch.randn(300, 2, generator=g) * torch.tensor([8.0, 12000.0]) + torch.tensor([175.0, 40000.0])
    >>> sampler = kt.KoopmanSampler(hold_out=0).fit(people, generator=g)
    >>> sampler.sample(1000, generator=g).shape
    torch.Size([1000, 2])

    Source: KSWGD of arXiv 2512.18837 as a corrector of a mixture.
    """

    columns: Columns
    mixture: FittedMixture
    spectrum: Spectrum
    clusters: Clusters
    kind: Kind
    share: Tensor

    def __init__(
        self,
        *,
        scores: str = "heavy",
        components: int = 8,
        dictionary: Make | None = None,
        units: Any = None,
        n_steps: int = 30,
        damping: float = 1.0,
        noise: float = 0.0,
        calibrate: bool = True,
        pool: int = 800,
        hold_out: float = 0.2,
    ) -> None:
        if scores not in ("heavy", "all", "none"):
            raise ValueError(f"KoopmanSampler: scores must be 'heavy', 'all' or 'none', got {scores!r}.")
        if dictionary is not None and units is not None:
            raise ValueError("KoopmanSampler: units are the default dictionary's; yours has its own.")
        if not 0 <= as_number("KoopmanSampler", "hold_out", hold_out) <= 0.5:
            raise ValueError(f"KoopmanSampler: hold_out must be between 0 and 0.5, got {hold_out}.")
        self.scores, self.dictionary, self.units, self.calibrate = scores, dictionary, units, calibrate
        self.components = as_count("KoopmanSampler", "components", components)
        self.n_steps = as_count("KoopmanSampler", "n_steps", n_steps, at_least=0)
        self.pool = as_count("KoopmanSampler", "pool", pool, at_least=2)
        self.damping, self.noise, self.hold_out = damping, noise, hold_out
        self.report, self.data = "", torch.empty(0)

    # Fitting

    def fit(self, x: Any, weights: Any = None, generator: torch.Generator | None = None) -> Self:
        """Learn the law of the rows of ``x``.

        Args:
            x: a tensor, array or data frame ``(n, d)`` of numbers; rows with missing ones are left out.
            weights: of the rows ``(n,)``, not negative; None for equal ones.
            generator: source of all random numbers of the fit.

        Raises:
            TypeError: columns of text, by name.
            ValueError: fewer than 20 rows, no column that varies, infinities, weights that do not fit.
        """
        values, self.kind = read("KoopmanSampler.fit", x)
        whole = values.isfinite().all(dim=1)
        share = as_weights("KoopmanSampler.fit", weights, values)[whole]
        data = values[whole]
        _refuse_small(data, len(values), share)
        self._dropped = len(values) - len(data)
        share = share / share.sum()
        judged = ""
        if self.hold_out and self.n_steps:
            order, few = shuffled_rows(data, generator), max(1, round(self.hold_out * len(data)))
            aside, rest = order[:few], order[few:]
            self._fit(data[rest], share[rest] / share[rest].sum(), generator)
            judged = held_out_report(self, data[aside], generator)
        self._fit(data, share, generator, self.mixture if judged else None)
        self.report = self._described() + judged
        return self

    def _fit(
        self, data: Tensor, share: Tensor, generator: torch.Generator | None, like: FittedMixture | None = None
    ) -> None:
        self.data, self.share = data, share
        self.columns = Columns.of(data, share, self.scores)
        u = self.columns(data)
        weights = share * len(u)
        if like is None or like.dim != u.shape[1]:
            self.mixture = FittedMixture.fit(u, weights, most=self.components, generator=generator)
        else:
            self.mixture = like.refit(u, weights)
        make = self.dictionary or partial(_default, units=self._lengths())
        tol = _SINGLE_TOL if "float32" in self.kind.dtypes else _TOL
        self.spectrum = GeneratorEDMD(make(u, generator), tol=tol).fit(u, weights).spectrum()
        self.clusters = Clusters.of(self.spectrum, u, share)

    def _lengths(self) -> Tensor | None:
        """The units of the mapped columns' kernels ``(k,)``; None for one."""
        if self.units is None:
            return None
        units = as_numbers("KoopmanSampler", "units", self.units, self.data.shape[1], positive=True)
        return units.to(self.data)[self.columns.varying] / self.columns.units.spread

    # Sampling

    def sample(self, n: int, generator: torch.Generator | None = None) -> Any:
        """``n`` samples of the law, in the kind of table that was fitted."""
        n = as_count("KoopmanSampler.sample", "n", n)
        return self._fitted("sample").kind.like(self.draw(n, generator))

    def draw(self, n: int, generator: torch.Generator | None = None, *, moved: bool = True) -> Tensor:
        """As :meth:`sample`, a float64 tensor ``(n, d)``; ``moved=False`` leaves KSWGD out: the mixture's samples."""
        u = self._fitted("draw").mixture.sample(max(2 * n, self.pool), generator)
        if self.n_steps and moved:
            u = last(Corrector(self.spectrum, damping=self.damping, noise=self.noise), u, self.n_steps, generator)
            u = self._settled(u, generator) if self.clusters.unseen > _MOST_UNSEEN else u
        x = self._undone(u)
        return x[shuffled_rows(x, generator)[:n]]

    def _settled(self, u: Tensor, generator: torch.Generator | None) -> Tensor:
        make, data = self.dictionary or _default, self.columns(self.data)
        return settle(self.clusters, self.spectrum, u, data, self.share, make, generator)

    def _undone(self, u: Tensor) -> Tensor:
        x = self.columns.undo(u)
        return calibrated(x, self.data, self.share) if self.calibrate else x

    def quadrature(self, n: int) -> Any:
        """``n`` points over which averages are the table's: herded rows, moved until the modes' means are the data's.

        They lie more evenly than independent samples, and are no sample of the law.

        Args:
            n: at most the number of rows.

        Source: :func:`koopteach.herd`, then 15 steps of KSWGD without noise, then calibrated columns.
        """
        u = self._fitted("quadrature").columns(self.data)
        return self.kind.like(self._undone(last(KSWGD(self.spectrum, noise=0.0), u[herd(u, n, self.share)], 15)))

    def transport(self, x0: Any, generator: torch.Generator | None = None, *, by_cluster: bool | None = None) -> Any:
        """Move points of one's own ``(n, d)``, in the table's units, to the law: damped KSWGD, 60 steps.

        Where the modes do not span the shapes within the law's clusters, as the report says, a second stage follows:
        the clusters' weights are made the data's, and each cluster gets a KSWGD of its own.

        Args:
            x0: the points.
            generator: source of all random numbers.
            by_cluster: with the second stage; None where the report says so.
        """
        self._fitted("transport")
        values, kind = read("KoopmanSampler.transport", x0, "x0")
        start = self.columns(as_points("KoopmanSampler.transport", "x0", values, dim=self.data.shape[1]))
        u = last(Mover(self.spectrum), start, 60, generator)
        if self.clusters.unseen > _MOST_UNSEEN if by_cluster is None else by_cluster:
            u = self._settled(u, generator)
        return kind.like(self.columns.undo(u))

    def condition(
        self,
        log_likelihood: Callable[[Tensor], Tensor],
        n: int = 800,
        *,
        prior: int = 4000,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> Any:
        """``n`` samples of the law conditioned on an observation.

        Args:
            log_likelihood: points in the table's units, a float64 tensor ``(n, d)``, to ``(n,)``, up to a constant.
            n: how many.
            prior: samples of the law that are weighted; as many as that also where the table is small.
            generator: source of all random numbers.
            options: of :func:`koopteach.condition`.

        Raises:
            ValueError: what :func:`koopteach.condition` refuses: an observation that hardly any sample explains.
        """
        self._fitted("condition")
        u = self.columns(self.draw(max(n, prior), generator))
        undo = self.columns.undo
        found = condition(u, lambda u: log_likelihood(undo(u)), n_particles=n, generator=generator, **options)
        return self.kind.like(undo(found.particles))

    # Words, parameters, files

    def _described(self) -> str:
        names = self.kind.names
        varying = [names[j] for j in self.columns.varying.tolist()]
        gone = f"; {self._dropped} rows with missing values left out" if self._dropped else ""
        lines = [
            f"{len(self.data)} rows of {len(names)} columns{gone}",
            *_named("constant", [name for name in names if name not in varying]),
            *_named("normal scores", [varying[j] for j, _ in self.columns.scores]),
            *_named("discrete (their levels alone are sampled)", [varying[j] for j in self.columns.discrete]),
            f"start: {self.mixture!r}",
            f"spectrum: {self.spectrum.report.splitlines()[0]}",
        ]
        if self.clusters.unseen > _MOST_UNSEEN:
            lack = f"{self.clusters.unseen:.0%} of the squares within {len(self.clusters)} clusters"
            lines.append(f"the modes lack {lack}: each gets a KSWGD of its own")
        return "\n".join(lines)

    def __repr__(self) -> str:
        default = {name: one.default for name, one in inspect.signature(KoopmanSampler).parameters.items()}
        told = [f"{name}={value!r}" for name, value in self.get_params().items() if value != default[name]]
        if len(self.data):
            rows, d = self.data.shape
            told += [f"fitted to {rows} rows of {d} columns", f"start {self.mixture!r}", f"{len(self.spectrum)} modes"]
        return f"KoopmanSampler({', '.join(told)})"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments by name, as scikit-learn asks for them."""
        return {name: getattr(self, name) for name in inspect.signature(KoopmanSampler).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change arguments by name; what was fitted is forgotten."""
        KoopmanSampler.__init__(self, **(self.get_params() | params))
        return self

    def save(self, path: str | Path) -> None:
        """Write the fitted sampler, its table included, as one safetensors file.

        A loaded one has the default dictionary for its next fit.

        Raises:
            RuntimeError: a dictionary that :meth:`koopteach.Spectrum.save` does not know.
            TypeError: columns whose names are neither text nor whole numbers.
            ImportError: without safetensors.
        """
        plain, kind = copy.copy(self._fitted("save")), self.kind
        names = tuple(name if isinstance(name, str) else operator.index(name) for name in kind.names)
        plain.dictionary, plain.kind = None, Kind(kind.container, names, kind.dtypes)
        plain.units = None if self.units is None else as_numbers("save", "units", self.units, self.data.shape[1])
        save_object(path, plain, _SAVED)

    @classmethod
    def load(cls, path: str | Path) -> KoopmanSampler:
        """The sampler of a file; nothing in it is executed.

        Raises:
            FileNotFoundError, ValueError, ImportError: as :func:`koopteach.files.load_object`.
        """
        return load_object(path, KoopmanSampler, _SAVED, lambda found: found.sample(1, torch.Generator()))

    def _fitted(self, action: str) -> Self:
        if not len(self.data):
            raise RuntimeError(f"KoopmanSampler.{action}: nothing was fitted yet. Call fit(x) first.")
        return self


def _default(u: Tensor, generator: torch.Generator | None, units: Tensor | None = None) -> Dictionary:
    """Curved modes show in third moments: without cubics half of one was found in ten columns, with them 0.7.

    Without squares nothing holds the spread of 64 columns: it ended between 0.15 and 2.1 of the data's variances.
    """
    d = u.shape[1]
    *kernels, tail = MultiScale.from_data(u, generator=generator, units=units).parts
    if math.comb(d + 3, 3) - 1 <= min(len(u) / _ROWS_A_CUBIC, _MOST_CUBICS):
        tail = Monomials(d, 3)
    elif tail.n_features == d:  # no room for products
        tail = Monomials(d, 2, mixed=False)
    return MultiScale([*kernels, tail])


# What a saved sampler may be made of.
_SAVED = (*saved_classes(), FittedMixture, Clusters, Columns, Knots, Kind, KoopmanSampler)


def _named(what: str, names: list[Any]) -> list[str]:
    return [f"{what}: {', '.join(str(name) for name in names)}"] if names else []


def _refuse_small(data: Tensor, rows: int, share: Tensor) -> None:
    if int((share > 0).sum()) < _FEWEST_ROWS:
        raise ValueError(
            f"KoopmanSampler.fit: {len(data)} of {rows} rows have all their numbers and a weight, but at least "
            f"{_FEWEST_ROWS} are needed. Take more rows, or leave out the columns with missing values."
        )
    if bool((data == data[0]).all()):
        raise ValueError("KoopmanSampler.fit: all rows are the same, so there is nothing to sample.")
