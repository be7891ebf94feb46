"""A mixture of Gaussians fitted to data: the start of the sampler, and its first rival."""

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor

from koopteach.standardizer import Standardizer
from koopteach.tensors import Movable, as_count, as_points, as_weights, rand, randn, seed_from

# Added to every variance, in units of the column's own: without it a component sits down on a point.
LEAST_VARIANCE = 1e-5

_MOST_STEPS, _LEAST_GAIN = 100, 1e-3


@dataclass(frozen=True, eq=False)
class FittedMixture(Movable):
    """A mixture of ``k`` Gaussians by expectation maximisation, their number and kind by the BIC.

    Attributes:
        weights: ``(k,)``, summing to one.
        means: ``(k, d)``.
        factors: ``(k, d, d)``, lower triangular: the covariances are ``factors @ factors^T``.
        kind: ``"full"``, ``"diagonal"``, or ``"tied"``, where all components have one covariance.
        bic: Bayesian information criterion; lower is better.

    >>> import torch
    >>> import koopteach as kt
    >>> g = torch.Generator().manual_seed(0)
    >>> x = kt.GaussianMixture([[-3.0, 0.0], [3.0, 0.0]], stds=1.0, weights=[1, 3]).sample(1000, g)
    >>> found = kt.FittedMixture.fit(x, generator=g)
    >>> found, found.sample(5, g).shape, found.log_prob(x).shape
    (FittedMixture(2 tied components in dimension 2), torch.Size([5, 2]), torch.Size([1000]))

    Source: Dempster, Laird, Rubin 1977; Schwarz 1978 (BIC). Started by k-means++ (Arthur, Vassilvitskii 2007).
    """

    weights: Tensor
    means: Tensor
    factors: Tensor
    kind: str
    bic: float

    @classmethod
    def fit(
        cls, x: Tensor, weights: Tensor | None = None, *, most: int = 8, generator: torch.Generator | None = None
    ) -> Self:
        """The mixture with the least BIC.

        Args:
            x: data ``(n, d)``, in any units.
            weights: ``(n,)``, not negative; None for equal ones.
            most: components to try, and no more than ``n / 2d``; a kind is left when two more in a row made it worse.
            generator: source of the starts.

        Raises:
            TypeError, ValueError: what :func:`koopteach.tensors.as_points` refuses.
        """
        x = as_points("FittedMixture.fit", "x", x, at_least=2)
        share = as_weights("FittedMixture.fit", weights, x)
        share = share / share.sum()
        most = max(1, min(as_count("FittedMixture.fit", "most", most), len(x) // (2 * x.shape[1])))
        u = Standardizer.of(x, share)(x)
        starts = [by_k_means(u, k, generator) for k in range(1, most + 1)]
        best: dict[str, Any] = {"bic": math.inf}
        for kind in ("full", "diagonal", "tied"):
            before, worse = math.inf, 0
            for i, start in enumerate(starts):
                found = _maximise(x, share, start, kind)
                if kind == "full":  # the others start where it ended: k-means may split across a wide noise
                    starts[i] = _log_parts(x, found["weights"], found["means"], found["factors"]).softmax(dim=1)
                best = min(best, found, key=lambda one: one["bic"])
                worse = worse + 1 if found["bic"] > before else 0
                before = min(before, found["bic"])
                if worse == 2:
                    break
        return cls(**best)

    def refit(self, x: Tensor, weights: Tensor | None = None) -> Self:
        """The mixture of this kind and about this many components for other data ``(n, d)``, started from this one."""
        x = as_points("FittedMixture.refit", "x", x, dim=self.dim, at_least=2)
        share = as_weights("FittedMixture.refit", weights, x)
        parts = _log_parts(x, self.weights, self.means, self.factors).softmax(dim=1)
        return replace(self, **_maximise(x, share / share.sum(), parts, self.kind))

    @property
    def dim(self) -> int:
        """``d``."""
        return self.means.shape[1]

    def __len__(self) -> int:
        return len(self.weights)

    def __repr__(self) -> str:
        return f"FittedMixture({len(self)} {self.kind} component{'s'[: len(self) > 1]} in dimension {self.dim})"

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent draws, ``(n, d)``."""
        n = as_count("FittedMixture.sample", "n", n)
        ends = self.weights.cumsum(0)
        which = torch.searchsorted(ends, rand((n,), self.means, generator), right=True).clamp_max(len(self) - 1)
        z, x = randn((n, self.dim), self.means, generator), self.means[which]
        for k, factor in enumerate(self.factors):
            x[which == k] += z[which == k] @ factor.T
        return x

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density, ``(n,)``."""
        x = as_points("FittedMixture.log_prob", "x", x, dim=self.dim)
        return _log_parts(x, self.weights, self.means, self.factors).logsumexp(dim=1)


def by_k_means(x: Tensor, k: int, generator: torch.Generator | None) -> Tensor:
    """Which of ``k`` clusters a point starts in, as numbers ``(n, k)`` that are zero or one."""
    if k == 1:
        return torch.ones_like(x[:, :1])
    with warnings.catch_warnings():  # an empty cluster is a component less, and points may be the same
        warnings.simplefilter("ignore")
        labels = kmeans2(x.detach().cpu().double().numpy(), k, iter=10, minit="++", seed=seed_from(generator))[1]
    return torch.nn.functional.one_hot(torch.from_numpy(labels).long(), k).to(x)


def _maximise(x: Tensor, share: Tensor, parts: Tensor, kind: str) -> dict[str, Any]:
    """Expectation maximisation from the responsibilities ``parts`` ``(n, k)``."""
    mean, before = -math.inf, -math.inf
    weights = means = factors = x
    least = torch.diag(LEAST_VARIANCE * Standardizer.of(x, share).spread.square())
    for _ in range(_MOST_STEPS):
        parts = parts[:, (share @ parts) > 0]
        weights, means, factors = moments(x, share[:, None] * parts, kind, least)
        logs = _log_parts(x, weights, means, factors)
        total = logs.logsumexp(dim=1, keepdim=True)
        parts, before, mean = (logs - total).exp(), mean, float(share @ total[:, 0])
        if mean - before < _LEAST_GAIN:
            break
    k, d = means.shape
    covariances = {"full": k * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diagonal": k * d}[kind]
    effective = float(1 / share.square().sum())  # n for equal weights
    bic = -2 * effective * mean + (k * d + k - 1 + covariances) * math.log(effective)
    return {"weights": weights, "means": means, "factors": factors, "kind": kind, "bic": bic}


def moments(x: Tensor, parts: Tensor, kind: str, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and Cholesky factors of points that belong to the components by these parts ``(n, k)``."""
    weights = parts.sum(dim=0)
    means = parts.T @ x / weights[:, None]
    covariances = []
    for part, weight, mean in zip(parts.T, weights, means):
        away = x - mean
        covariances.append((part[:, None] * away).T @ away / weight)
    covariance = torch.stack(covariances)
    if kind == "tied":
        covariance = torch.einsum("k,kij->ij", weights, covariance).expand_as(covariance)
    if kind == "diagonal":
        covariance = torch.diag_embed(covariance.diagonal(dim1=1, dim2=2))
    return weights / weights.sum(), means, torch.linalg.cholesky(covariance + least)


def _log_parts(x: Tensor, weights: Tensor, means: Tensor, factors: Tensor) -> Tensor:
    """``log(w_k N(x; mu_k, L_k L_k^T))``, ``(n, k)``."""
    whitened = (torch.linalg.solve_triangular(a, (x - mean).T, upper=False) for mean, a in zip(means, factors))
    squares = torch.stack([z.square().sum(dim=0) for z in whitened], dim=1)
    heights = factors.diagonal(dim1=1, dim2=2).log().sum(dim=1) + 0.5 * x.shape[1] * math.log(2 * math.pi)
    return weights.log() - heights - 0.5 * squares
