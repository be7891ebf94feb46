"""A law's modes, found without their number from slow eigenfunctions, and KSWGD within each of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from koopteach.operators import GeneratorEDMD
from koopteach.protocols import Dictionary
from koopteach.sampler.corrector import Corrector, last
from koopteach.sampler.mixture import LEAST_VARIANCE, moments
from koopteach.spectrum import LEAST_GAP, MOST_SLOW, Spectrum
from koopteach.tensors import Movable, chunks, rand, randn, shuffled_rows

Make = Callable[[Tensor, torch.Generator | None], Dictionary]

# Eigenfunctions that tell clusters apart vary little within them, measured up to 0.22 of their variance, above 0.5 if
# one is too many. A gap among the rates is needed, too: a circle's rates come in pairs, and k-means cuts any curve.
_MOST_WITHIN = 0.3

# Rows of the smallest cluster, at least, and two for each column.
_FEWEST = 20

# Below this a cluster is a point, of whose squares nothing can be missed.
_POINT = 1e-12

# Lloyd's steps of k-means.
_LLOYD = 10

# Steps of KSWGD within a cluster, where particles start near.
_STEPS = 30


@dataclass(frozen=True, eq=False)
class Clusters(Movable):
    """Clusters of data in the values of slow eigenfunctions, which hardly vary within the modes of a law.

    Attributes:
        centers: ``(k, k - 1)``, in the values of the ``k - 1`` slowest eigenfunctions; of one cluster ``(1, 1)``.
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
        centers, parts = phi[:1, :1], torch.ones_like(phi[:, :1])
        gaps = spectrum.rates[1 : MOST_SLOW + 1] / spectrum.rates[: min(MOST_SLOW, len(spectrum) - 1)]
        for k in (gaps.argsort() + 2)[gaps.sort().values > LEAST_GAP].tolist():  # the largest comes last
            tries = (_k_means(phi[:, : k - 1], share, k, seed) for seed in range(3))
            within, *found = min(tries, key=lambda one: one[0])
            if within < _MOST_WITHIN and _rows(found[1], share).min() >= max(_FEWEST, 2 * x.shape[1]):
                centers, parts = found
        least = LEAST_VARIANCE * torch.eye(x.shape[1]).to(x)
        found = cls(centers, *moments(x, share[:, None] * parts, "full", least), unseen=0.0)
        z = found.whiten(x, parts.argmax(dim=1))
        return replace(found, unseen=_unseen(spectrum, x, z, share[:, None] * parts))

    def __len__(self) -> int:
        return len(self.weights)

    def labels(self, spectrum: Spectrum, x: Tensor) -> Tensor:
        """The cluster of each point, ``(n,)``."""
        return torch.cdist(spectrum.truncate(self.centers.shape[1])(x), self.centers).argmin(dim=1)

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
    clusters: Clusters, spectrum: Spectrum, u: Tensor, data: Tensor, share: Tensor, make: Make, generator: Any = None
) -> Tensor:
    """Particles ``(n, d)`` with the clusters' weights, and in each cluster moved by a KSWGD of its own.

    The first stage brings weights right to some hundredths. Surplus particles, a random choice, change to clusters
    that lack some, at the place there that has their whitened coordinates. In these coordinates all columns of a
    cluster have one scale, and its dictionary has nothing but its shape to describe.

    Args:
        clusters, spectrum: of the data.
        u: particles ``(n, d)``, near the data.
        data: ``(N, d)``.
        share: of each row ``(N,)``, summing to one.
        make: ``(data (n, d), generator) -> Dictionary``.
        generator: source of all random numbers.
    """
    labels, rows = clusters.labels(spectrum, u), clusters.labels(spectrum, data)
    # the data have the least variance, too, so that they are not flat in whitened coordinates where columns depend
    noisy = data + LEAST_VARIANCE**0.5 * randn(tuple(data.shape), data, generator)
    z, of_data = clusters.whiten(u, labels), clusters.whiten(noisy, rows)
    labels = balanced(labels, clusters.weights, generator)
    for k in labels.unique().tolist():
        inside, weights = of_data[rows == k], share[rows == k]
        own = GeneratorEDMD(make(inside, generator)).fit(inside, weights / weights.mean()).spectrum()
        z[labels == k] = last(Corrector(own, noise=0.0), z[labels == k], _STEPS)
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
    lacking = torch.arange(k, device=labels.device).repeat_interleave(-surplus.clamp_max(0))
    return labels.index_copy(0, leave[shuffled_rows(leave, generator)], lacking)


def _k_means(phi: Tensor, share: Tensor, k: int, seed: int) -> tuple[float, Tensor, Tensor]:
    """The largest share of a column's variance that is within clusters, their centres, and who is in which.

    Rows count by their share, at the start of k-means++, too.
    """
    generator, nearest = torch.Generator().manual_seed(seed), torch.ones_like(share)
    centers, parts = phi[:0], phi
    for _ in range(k):
        ends = (share * nearest).cumsum(0)
        row = torch.searchsorted(ends, ends[-1:] * rand((1,), phi, generator), right=True)
        centers = torch.cat([centers, phi[row.clamp_max(len(phi) - 1)]])
        nearest = torch.cdist(phi, centers).amin(dim=1).square()
    for _ in range(_LLOYD):
        parts = one_hot(torch.cdist(phi, centers).argmin(dim=1), k).to(phi)
        sizes = share @ parts
        centers = torch.where(sizes[:, None] > 0, (share[:, None] * parts).T @ phi / sizes[:, None], centers)
    within = share @ (phi - parts @ centers).square() / (share @ (phi - share @ phi).square())
    return float(within.max()), centers, parts


def _rows(parts: Tensor, share: Tensor) -> Tensor:
    """As many rows of equal share tell as much of each cluster, ``(k,)``."""
    weights = share[:, None] * parts
    tiny = torch.finfo(weights.dtype).tiny
    return (weights.sum(dim=0).square() / weights.square().sum(dim=0).clamp_min(tiny)).round()


def _unseen(spectrum: Spectrum, x: Tensor, z: Tensor, parts: Tensor) -> float:
    """See :class:`Clusters`; the eigenfunctions have mean zero and covariance one on the data."""
    squares = z.square().sum(dim=1, keepdim=True)
    wanted = parts * (squares - (parts * squares).sum(dim=0) / parts.sum(dim=0))  # weighted, of sum zero
    seen = torch.zeros(len(spectrum), parts.shape[1]).to(x)
    for rows in chunks(len(x), spectrum.functions.width):
        seen += spectrum(x[rows]).T @ wanted[rows]
    spanned = (seen.square().sum(dim=0) + _POINT) / ((wanted * squares).sum(dim=0) + _POINT)
    return 1 - float(parts.sum(dim=0) @ spanned)
