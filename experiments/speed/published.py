"""What the package is compared with where no other package does the work: written here, vectorised, checked equal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import torch
from scipy.cluster.vq import kmeans2
from scipy.sparse.linalg import eigsh
from torch import Tensor


def spectral_velocity(
    x: np.ndarray, data: np.ndarray, density: np.ndarray, phi: np.ndarray, energies: np.ndarray, bandwidth: float
) -> np.ndarray:
    """The spectral particle update in the form of the published programs: tensors over particles, data and axes.

        v_i = - sum_j grad_x K(x_i, y_j) [Phi diag(1/energy) Phi^T mean_l K(., x_l)]_j
        K(x, y) = M(x, y) / sum_y M(x, y),   M = k(x, y) / sqrt(q(x) q(y)),   q(x) = sum_y k(x, y)

    ``K`` extends the eigenfunctions of the reversible walk off the data (the programs add its transpose's half).

    Args:
        x: particles ``(p, d)``.
        data: ``y``, ``(n, d)``.
        density: ``q`` at the data, ``(n,)``.
        phi: eigenfunctions at the data before the extension, ``(n, r)``.
        energies: ``(r,)``.
        bandwidth: of ``k``.
    """
    kernel = _gauss(x, data, bandwidth)
    q = kernel.sum(axis=1)
    m = kernel / np.sqrt(q)[:, None] / np.sqrt(density)
    rows = m.sum(axis=1)
    gradient = np.empty((*kernel.shape, x.shape[1]))
    for i in range(x.shape[1]):
        slope = -(x[:, i, None] - data[:, i]) / bandwidth**2 * kernel
        of_root = slope.sum(axis=1) / (2 * np.sqrt(q))
        of_m = slope / np.sqrt(q)[:, None] / np.sqrt(density) - m * (of_root / np.sqrt(q))[:, None]
        gradient[:, :, i] = of_m / rows[:, None] - m * (of_m.sum(axis=1) / rows**2)[:, None]
    cross = _gauss(data, x, bandwidth)
    cross = cross / np.sqrt(density)[:, None] / np.sqrt(cross.sum(axis=0))
    cross = cross / cross.sum(axis=0)
    spectral = phi @ (phi.T / energies[:, None])
    driving = spectral @ cross.mean(axis=1)
    return -np.stack([gradient[:, :, i] @ driving for i in range(x.shape[1])], axis=1)


def _gauss(x: np.ndarray, y: np.ndarray, bandwidth: float) -> np.ndarray:
    square = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T
    return np.exp(-square / (2 * bandwidth**2))


def svgd_by_autograd(x: Tensor, score: Callable[[Tensor], Tensor], bandwidth: float) -> Tensor:
    """SVGD's velocity as it is usually written: all distances, and the kernel differentiated by autograd."""
    moving = x.detach().requires_grad_(True)
    kernel = torch.exp(-torch.cdist(moving, x).square() / (2 * bandwidth**2))
    (repulsion,) = torch.autograd.grad(kernel.sum(), moving)
    return (kernel.detach() @ score(x) - repulsion) / len(x)


def radial_features(x: np.ndarray, centers: np.ndarray, width: float) -> np.ndarray:
    """Gaussian radial basis functions for the peers, by one matrix product."""
    return _gauss(x, centers, width)


def rank_cut(gram: np.ndarray, cross: np.ndarray, tol: float = 1e-8) -> np.ndarray:
    """Eigenvalues of EDMD as it is usually solved: whiten what is above the tolerance, then all eigenpairs."""
    values, vectors = scipy.linalg.eigh(gram)
    keep = values > tol * values[-1]
    w = vectors[:, keep] / np.sqrt(values[keep])
    return np.linalg.eig(w.T @ cross @ w)[0]


def walk_rates(x: np.ndarray, bandwidth: float, k: int) -> np.ndarray:
    """The ``k`` slowest rates of a diffusion map, ``alpha = 1/2``, from the whole matrix."""
    kernel = _gauss(x, x, bandwidth)
    kernel /= np.sqrt(np.outer(kernel.sum(axis=1), kernel.sum(axis=1)))
    rows = kernel.sum(axis=1)
    kernel /= np.sqrt(np.outer(rows, rows))
    start = np.random.default_rng(0).standard_normal(len(x))
    mu = eigsh(kernel, k + 1, which="LA", v0=start, return_eigenvectors=False)
    return 2 * (1 - np.sort(mu)[::-1][1:]) / bandwidth**2


# The default dictionary with plain tensors: three scales of Gaussians and a quadratic tail


def three_scales(x: Tensor, counts: tuple[int, ...] = (250, 60, 20)) -> tuple[Tensor, Tensor]:
    """Centres ``(m, d)`` by scipy's k-means++, and a width for each from the spacing of its scale."""
    centers, widths = [], []
    for count in counts:
        z = torch.from_numpy(kmeans2(x.numpy(), count, iter=15, minit="++", seed=0)[0])
        nearest = torch.cdist(z, z).sort(dim=1).values[:, 1 : 2 * x.shape[1] + 1]
        centers.append(z)
        widths.append((1.8 * nearest.mean()).expand(len(z)))
    return torch.cat(centers), torch.cat(widths)


def features(x: Tensor, centers: Tensor, widths: Tensor, units: Tensor, tail: tuple) -> tuple[Tensor, Tensor]:
    """Values ``(n, m)`` and gradients ``(n, m, d)`` of kernels at ``centers`` in ``units``, and of a quadratic tail."""
    apart = centers - (x / units)[:, None]
    kernel = torch.exp(-apart.square().sum(dim=2) / (2 * widths**2))
    slopes = kernel[:, :, None] * apart / widths[:, None] ** 2 / units
    u, (i, j) = (x - tail[0]) / tail[1], torch.triu_indices(x.shape[1], x.shape[1])
    first = torch.eye(x.shape[1], dtype=x.dtype).expand(len(x), -1, -1)
    second = first[:, i] * u[:, j, None] + first[:, j] * u[:, i, None]
    values = torch.cat([kernel, u, u[:, i] * u[:, j]], dim=1)
    return values, torch.cat([slopes, torch.cat([first, second], dim=1) / tail[1]], dim=1)


def expanded(
    x: Tensor, centers: Tensor, widths: Tensor, units: Tensor, tail: tuple, coefficients: Tensor, mean: Tensor
) -> tuple[Tensor, Tensor]:
    """Functions ``(n, r)`` in these features, and all their slopes ``(n, r, d)``."""
    values, slopes = features(x, centers, widths, units, tail)
    return (values - mean) @ coefficients, torch.einsum("nmd,mr->nrd", slopes, coefficients)


def damped_velocity(phi: Tensor, slopes: Tensor, energies: Tensor, damping: float) -> Tensor:
    """The definition: the moments, the metric, the weights, all slopes at once."""
    if np.isinf(damping):
        weights = phi.mean(0) / energies
    else:
        metric = torch.einsum("nkd,nld->kl", slopes, slopes) / len(phi)
        weights = (1 + damping) * torch.linalg.solve(metric + damping * torch.diag(energies), phi.mean(0))
    return -torch.einsum("nkd,k->nd", slopes, weights)


def generator_rates(x: Tensor, centers: Tensor, widths: Tensor, tol: float = 1e-8) -> Tensor:
    """Rates of the generator from samples: the Dirichlet form against the covariance, above a rank cut."""
    ones = torch.ones(x.shape[1], dtype=x.dtype)
    values, slopes = features(x, centers, widths, ones, (x.mean(0), x.std(0)))
    form, gram = torch.einsum("njd,nld->jl", slopes, slopes) / len(x), torch.cov(values.T, correction=0)
    size = gram.diagonal().sqrt()
    eigenvalues, vectors = torch.linalg.eigh(gram / torch.outer(size, size))
    keep = eigenvalues > tol * eigenvalues[-1]
    w = vectors[:, keep] / eigenvalues[keep].sqrt() / size[:, None]
    return torch.linalg.eigvalsh(w.T @ form @ w)
