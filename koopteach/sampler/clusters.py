"""A law's modes, found without their number from slow eigenfunctions, and KSWGD within each of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor

from koopteach.operators import GeneratorEDMD
from koopteach.particles import run_particles
from koopteach.protocols import Dictionary
from koopteach.sampler.corrector import Corrector
from koopteach.sampler.mixture import LEAST_VARIANCE, moments
from koopteach.spectrum import LEAST_GAP, MOST_SLOW, Spectrum
from koopteach.tensors import Movable, chunks, shuffled_rows

# K-means starts so often.
_STARTS = 3

# Eigenfunctions that tell clusters apart vary little within them (measured up to 0.16 of their variance, above 0.5
# where one is too many), and the next one is faster by so much (1.7 and more; an interval has that, too, but there
# they vary). Both are needed: a circle has pairs of rates, and k-means cuts any curve in pieces.
_MOST_WITHIN = 0.2

# A cluster needs so many rows a column.
_ROWS_A_COLUMN = 2

# Steps of KSWGD within a cluster, where particles start near.
_STEPS = 30


@dataclass(frozen=True, eq=False)
class Clusters(Movable):
    """Clusters of data in the values of slow eigenfunctions, which hardly vary within the modes of a law.

    Attributes:
        centers: ``(k, k - 1)``, in the values of the ``k - 1`` slowest eigenfunctions.
        weights: ``(k,)``, summing to one.
        means: ``(k, d)``.
        factors: ``(k, d, d)``, lower triangular: the covariances are ``factors @ factors^T``.
        unseen: share of the variance of ``|z|^2`` within the clusters, ``z`` the whitened coordinates, that no
            combination of the spectrum's modes has. KSWGD does not control what its modes do not span: far starts
            end with a spread in the clusters that is off. It sees no bend, which is a third moment.
    """

    centers: Tensor
    weights: Tensor
    means: Tensor
    factors: Tensor
    unseen: float

    @classmethod
    def of(cls, spectrum: Spectrum, x: Tensor, share: Tensor) -> Self:
        """As many as the largest gap among the rates tells, of those that eigenfunctions tell apart; one if none is.

        Args:
            spectrum: of the law.
            x: the data that it was fitted to ``(n, d)``.
            share: of each row ``(n,)``, summing to one.
        """
        phi = spectrum.truncate(MOST_SLOW)(x)
        centers, labels = phi[:1, :0], torch.zeros(len(x), dtype=torch.long, device=x.device)
        gaps = spectrum.rates[1 : MOST_SLOW + 1] / spectrum.rates[: min(MOST_SLOW, len(spectrum) - 1)]
        for k in (gaps.argsort() + 2)[gaps.sort().values > LEAST_GAP].tolist():  # the largest comes last
            found = min((_k_means(phi[:, : k - 1], k, seed) for seed in range(_STARTS)), key=lambda one: one[0])
            if found[0] < _MOST_WITHIN and int(found[2].bincount(minlength=k).min()) >= _ROWS_A_COLUMN * x.shape[1]:
                _, centers, labels = found
        parts = share[:, None] * torch.nn.functional.one_hot(labels).to(x)
        weights, means, factors = moments(x, parts, "full", LEAST_VARIANCE * torch.eye(x.shape[1]).to(x))
        found = cls(centers, weights, means, factors, 0.0)
        return cls(centers, weights, means, factors, _unseen(spectrum, x, found.whiten(x, labels), parts))

    def __len__(self) -> int:
        return len(self.weights)

    def labels(self, spectrum: Spectrum, x: Tensor) -> Tensor:
        """The cluster of each point, ``(n,)``."""
        if len(self) == 1:
            return torch.zeros(len(x), dtype=torch.long, device=x.device)
        return torch.cdist(spectrum.truncate(len(self) - 1)(x), self.centers).argmin(dim=1)

    def whiten(self, x: Tensor, labels: Tensor) -> Tensor:
        """Points ``(n, d)`` in coordinates in which their clusters have mean zero and covariance one."""
        z = x - self.means[labels]
        for k, factor in enumerate(self.factors):
            z[labels == k] = torch.linalg.solve_triangular(factor, z[labels == k].T, upper=False).T
        return z

    def undo(self, z: Tensor, labels: Tensor) -> Tensor:
        """Back from the whitened coordinates of these clusters, which need not be those where the points came from."""
        x = self.means[labels]
        for k, factor in enumerate(self.factors):
            x[labels == k] += z[labels == k] @ factor.T
        return x


def settle(
    clusters: Clusters,
    spectrum: Spectrum,
    particles: Tensor,
    data: Tensor,
    share: Tensor,
    make: Callable[[Tensor, torch.Generator | None], Dictionary],
    generator: torch.Generator | None = None,
) -> Tensor:
    """Particles ``(n, d)`` with the clusters' weights, and in each cluster moved by a KSWGD of its own.

    The first stage brings weights right to some hundredths. Surplus particles, a random choice, change to clusters
    that lack some, at the place there that has their whitened coordinates. In these coordinates all columns of a
    cluster have one scale, and its dictionary has nothing but its shape to describe.

    Args:
        clusters, spectrum: of the data.
        particles: ``(n, d)``, near the data.
        data: ``(N, d)``.
        share: of each row ``(N,)``, summing to one.
        make: ``(data (n, d), generator) -> Dictionary``.
        generator: source of all random numbers.
    """
    labels, rows = clusters.labels(spectrum, particles), clusters.labels(spectrum, data)
    z, of_data = clusters.whiten(particles, labels), clusters.whiten(data, rows)
    labels = balanced(labels, clusters.weights, generator)
    for k in labels.unique().tolist():
        inside, weights = of_data[rows == k], share[rows == k]
        own = GeneratorEDMD(make(inside, generator)).fit(inside, weights / weights.mean()).spectrum()
        method = Corrector(own, noise=0.0)
        run = run_particles(method, z[labels == k], n_steps=_STEPS, record_every=_STEPS, verbose=False)
        z[labels == k] = run.final
    return clusters.undo(z, labels)


def balanced(labels: Tensor, weights: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Labels ``(n,)`` of which each is met ``n weights`` times, rounded up or down; as few as possible are changed.

    Args:
        labels: ``(n,)``, whole numbers below ``k``.
        weights: ``(k,)``, summing to one.
        generator: source of the choice.
    """
    n, k = len(labels), len(weights)
    wanted = (n * weights).floor()
    wanted[(n * weights - wanted).argsort(descending=True)[: n - int(wanted.sum())]] += 1
    surplus = (labels.bincount(minlength=k) - wanted).long()
    order = shuffled_rows(labels, generator)
    leave = torch.cat([order[labels[order] == j][: max(0, int(surplus[j]))] for j in range(k)])
    labels = labels.clone()
    take = torch.arange(k, device=labels.device).repeat_interleave(-surplus.clamp_max(0))
    labels[leave[shuffled_rows(leave, generator)]] = take
    return labels


def _k_means(phi: Tensor, k: int, seed: int) -> tuple[float, Tensor, Tensor]:
    """The largest share of a column's variance that is within clusters, their centres and the labels."""
    with warnings.catch_warnings():  # an empty cluster is a bad start, and another one wins
        warnings.simplefilter("ignore", UserWarning)
        centers, labels = map(torch.from_numpy, kmeans2(phi.cpu().double().numpy(), k, minit="++", seed=seed))
    centers, labels = centers.to(phi), labels.long().to(phi.device)
    within = (phi - centers[labels]).square().mean(dim=0) / phi.var(dim=0, correction=0)
    return float(within.max()), centers, labels


def _unseen(spectrum: Spectrum, x: Tensor, z: Tensor, parts: Tensor) -> float:
    """See :class:`Clusters`; the eigenfunctions have mean zero and covariance one on the data."""
    squares = z.square().sum(dim=1, keepdim=True)
    wanted = (squares - (parts * squares).sum(dim=0) / parts.sum(dim=0)) * (parts > 0)
    share = parts.sum(dim=1, keepdim=True)
    seen = torch.zeros(len(spectrum), parts.shape[1]).to(x)
    for rows in chunks(len(x), spectrum.functions.width):
        seen += spectrum(x[rows]).T @ (share * wanted)[rows]
    return 1 - float(parts.sum(dim=0) @ (seen.square().sum(dim=0) / (share * wanted.square()).sum(dim=0)))
