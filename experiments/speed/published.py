"""What the package is compared with where no other package does the work: written here, vectorised, checked equal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import torch
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
