"""The workloads of extended dynamic mode decomposition; peers are imported where they run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from experiments.speed import processes, published
from experiments.speed.workload import Contender, Work, Workload
from koopteach import EDMD, GaussianMixture, GaussianRBF, GeneratorEDMD, Hermite, MultiScale

F32, F64 = torch.float32, torch.float64


def pairs(n: int, dim: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    path = processes.trajectory(n, dim).to(dtype)
    return path[:-1], path[1:]


def dictionary(dim: int, m: int, width: float, dtype: torch.dtype = torch.float64) -> GaussianRBF:
    theta = torch.tensor(processes.THETA[:dim], dtype=torch.float64)
    draw = torch.Generator().manual_seed(1)
    return GaussianRBF(torch.randn(m, dim, dtype=torch.float64, generator=draw) / theta.sqrt(), width).to(dtype)


def our_error(spectrum, dim: int, count: int) -> float:
    eigenvalues = torch.exp(-processes.LAG * spectrum.rates[:count]).numpy()
    return float(np.abs(eigenvalues - processes.leading(dim, count)).max())


# The whole fit --------------------------------------------------------------------------------------------------------


def our_edmd(n: int, *, dim: int, basis: Callable, reversible: bool, dtype: torch.dtype) -> Callable[[], Any]:
    (x, y), psi = pairs(n, dim, dtype), basis(dtype=dtype)
    return lambda: EDMD(psi, lag=processes.LAG, reversible=reversible).fit(x, y).spectrum(6)


def polynomials_work(n: int, *, dim: int, m: int, reversible: bool, dtype: torch.dtype) -> Work:
    """Reversible: two symmetric products; else a symmetric and a general one. A feature is one multiplication."""
    return Work((2 if reversible else 3) * n * m**2 + 2 * n * m, 0, str(dtype).removeprefix("torch."))


def edmd_work(n: int, *, dim: int, m: int, reversible: bool, dtype: torch.dtype) -> Work:
    """The same products; a feature is a kernel, at x and at y."""
    products = polynomials_work(n, dim=dim, m=m, reversible=reversible, dtype=dtype)
    return Work(products.flops + 2 * 2 * n * m * (dim + 1), 2 * n * m, products.dtype)


def deeptime_edmd(n: int, *, dim: int, features: Callable) -> Callable[[], np.ndarray]:
    from deeptime.decomposition import EDMD as Peer

    x, y = (part.numpy() for part in pairs(n, dim, torch.float64))
    return lambda: Peer(features, n_eigs=20).fit((x, y)).fetch_model().eigenvalues


def kooplearn_ridge(n: int, *, dim: int, features: Callable) -> Callable[[], np.ndarray]:
    from kooplearn.linear_model import Ridge

    path = processes.trajectory(n, dim).numpy()
    return lambda: Ridge(20).fit(features(path)).eig()


def deeptime_monomials(n: int) -> Callable[[], np.ndarray]:
    from deeptime.basis import Monomials

    return deeptime_edmd(n, dim=10, features=Monomials(3, 10))


def kooplearn_polynomials(n: int) -> Callable[[], np.ndarray]:
    from sklearn.preprocessing import PolynomialFeatures

    return kooplearn_ridge(n, dim=10, features=PolynomialFeatures(3).fit_transform)


def edmd(title: str, size: int, quick: int, shape: dict[str, int], basis: Callable, work: Callable, peers) -> Workload:
    """Ours in both precisions, reversible and plain, and the peers; ``shape`` has ``dim`` and ``m``."""
    dim = shape["dim"]
    contenders = []
    for dtype in (F64, F32):
        for name, reversible in (("reversible", True), ("plain", False)):
            case = {"reversible": reversible, "dtype": dtype}
            contenders.append(
                Contender(
                    f"{str(dtype).removeprefix('torch.')} {name}",
                    partial(our_edmd, dim=dim, basis=basis, **case),
                    partial(our_error, dim=dim, count=6),
                    partial(work, **shape, **case),
                )
            )
    error = partial(processes.error, dim=dim, count=6)
    contenders += [Contender(name, prepare, error, package=name.split()[0]) for name, prepare in peers.items()]
    return Workload(title, "largest error of 6 eigenvalues", tuple(contenders), size, quick, warm=6 * shape["m"])


def on_kernels(title: str, size: int, quick: int, *, dim: int, m: int, width: float) -> Workload:
    basis = partial(dictionary, dim, m, width)
    features = partial(published.radial_features, centers=basis().centers.numpy(), width=width)
    peers = {
        "deeptime EDMD": partial(deeptime_edmd, dim=dim, features=features),
        "kooplearn Ridge": partial(kooplearn_ridge, dim=dim, features=features),
    }
    return edmd(title, size, quick, {"dim": dim, "m": m}, basis, edmd_work, peers)


def on_polynomials(title: str, size: int, quick: int) -> Workload:
    peers = {"deeptime Monomials": deeptime_monomials, "kooplearn Ridge": kooplearn_polynomials}
    return edmd(title, size, quick, {"dim": 10, "m": 285}, Hermite(10, 3).to, polynomials_work, peers)


# Threads: many small steps, between which libraries hand over to each other -------------------------------------------


def our_generator(n: int) -> Callable[[], tuple]:
    """The default recipe: three scales of kernels on a ring of eight modes."""
    draw = torch.Generator().manual_seed(3)
    x = GaussianMixture.ring(8, 4.0, 0.3).sample(n, draw)
    psi = MultiScale.from_data(x, generator=draw)
    return lambda: (GeneratorEDMD(psi).fit(x).spectrum(20), x)


def orthonormality(result: tuple) -> float:
    spectrum, x = result
    phi = spectrum(x)
    return float((phi.T @ phi / len(x) - torch.eye(len(spectrum), dtype=x.dtype)).abs().max())


def generator_work(n: int, m: int = 280, d: int = 2) -> Work:
    """A kernel's exponent; the triangles of the Gram matrix and of its like for every coordinate's slopes."""
    return Work(2 * n * m * (d + 2) + (1 + d) * n * m**2, n * m, "float64")


def on_threads(title: str, size: int, quick: int) -> Workload:
    """One thread is the peer of two."""
    contenders = (
        Contender("one thread", our_generator, orthonormality, repeats=10),
        Contender("two threads, by the clock", our_generator, orthonormality, generator_work, repeats=10, threads=2),
    )
    return Workload(title, "largest entry of the functions' Gram matrix less one", contenders, size, quick, warm=1000)


# The eigenproblem alone, the sums over the data being made ------------------------------------------------------------

PAIRS = 20_000
KEPT = 590  # directions above the tolerance, with a thousand kernels


def our_pairs(m: int, reversible: bool) -> Callable[[], Any]:
    method = EDMD(dictionary(10, m, 2.0), lag=processes.LAG, reversible=reversible).fit(*pairs(PAIRS, 10, F64))
    return lambda: method.spectrum(8)


def pairs_work(m: int, reversible: bool) -> Work:
    """Eigenvectors of the Gram matrix, two products, eigenvectors of what is left (ten times the cubes if general)."""
    flops = (4 / 3 + 2) * m**3 + 2 * m**2 * KEPT + 2 * m * KEPT**2 + (10 / 3 if reversible else 10) * KEPT**3
    return Work(flops, 0, "float64")


def given_moments(m: int, solve: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[], np.ndarray]:
    x, y = (dictionary(10, m, 2.0)(part).numpy() for part in pairs(PAIRS, 10, F64))
    gram, cross = (((x - x.mean(0)).T @ (z - z.mean(0))) / PAIRS for z in (x, y))
    return lambda: solve(gram, cross)


def eigenpairs(title: str, size: int, quick: int) -> Workload:
    ours, theirs = (partial(f, dim=10, count=6) for f in (our_error, processes.error))
    contenders = (
        Contender("reversible", partial(our_pairs, reversible=True), ours, partial(pairs_work, reversible=True)),
        Contender("plain", partial(our_pairs, reversible=False), ours, partial(pairs_work, reversible=False)),
        Contender("rank cut, then numpy's eig", partial(given_moments, solve=published.rank_cut), theirs),
        Contender(
            "scipy's generalised eig",
            partial(given_moments, solve=lambda gram, cross: scipy.linalg.eig(cross, gram)[0]),
            theirs,
        ),
    )
    return Workload(title, "largest error of 6 eigenvalues", contenders, size, quick, warm=100)
