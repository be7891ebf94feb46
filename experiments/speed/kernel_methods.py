"""The workloads of kernel EDMD and of diffusion maps, in two dimensions; peers are imported where they run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from experiments.speed import processes, published
from experiments.speed.regressions import F64, edmd_work, our_error, pairs
from experiments.speed.workload import Contender, Work, Workload
from koopteach import DiffusionMaps, KernelEDMD

RIDGE_TIMES_POINTS = 0.2  # the same regularisation for every kernel method
KERNEL_WIDTH, CENTERS = 0.7, 200
GAMMA = 1 / (2 * KERNEL_WIDTH**2)


def our_kernel(n: int, dtype: torch.dtype, n_centers: int | None) -> Callable[[], Any]:
    x, y = pairs(n, 2, dtype)
    draw = torch.Generator().manual_seed(0)
    method = KernelEDMD(KERNEL_WIDTH, lag=processes.LAG, n_centers=n_centers, generator=draw)
    return lambda: method.fit(x, y).spectrum(4)


def exact_work(n: int) -> Work:
    """The kernel matrix, its pivoted factorisation up to its numerical rank, and EDMD on the kernels so picked."""
    rank = 180  # at 2,000 pairs
    edmd = nystroem_work(n, F64, rank)
    return Work(2 * n**2 * 4 + n * rank**2 + edmd.flops, n**2 + edmd.exponentials, "float64")


def nystroem_work(n: int, dtype: torch.dtype, m: int = CENTERS) -> Work:
    return edmd_work(n, dim=2, m=m, reversible=True, dtype=dtype)


def deeptime_kernel(n: int) -> Callable[[], np.ndarray]:
    from deeptime.decomposition import KernelEDMD as Peer
    from deeptime.kernels import GaussianKernel

    x, y = (part.numpy() for part in pairs(n, 2, torch.float64))
    method = Peer(GaussianKernel(KERNEL_WIDTH), epsilon=RIDGE_TIMES_POINTS, n_eigs=20)
    return lambda: method.fit((x, y)).fetch_model().eigenvalues


def kooplearn_kernel(n: int) -> Callable[[], np.ndarray]:
    from kooplearn.kernel import KernelRidge

    path = processes.trajectory(n, 2).numpy()
    options = {"kernel": "rbf", "gamma": GAMMA, "alpha": RIDGE_TIMES_POINTS / n, "random_state": 0}
    return lambda: KernelRidge(20, eigen_solver="randomized", **options).fit(path).eig()


def kooplearn_nystroem(n: int) -> Callable[[], np.ndarray]:
    from kooplearn.kernel import NystroemKernelRidge

    path = processes.trajectory(n, 2).numpy()
    options = {"kernel": "rbf", "gamma": GAMMA, "alpha": RIDGE_TIMES_POINTS / n, "random_state": 0}
    # its default, reduced_rank=True, has eigenvalues above one on these data
    return lambda: NystroemKernelRidge(20, reduced_rank=False, n_centers=CENTERS, **options).fit(path).eig()


def kernels(title: str, size: int, quick: int, ours: tuple, peers: tuple) -> Workload:
    our, their = (partial(f, dim=2, count=4) for f in (our_error, processes.error))
    contenders = [Contender(name, prepare, our, work) for name, prepare, work in ours]
    contenders += [Contender(name, prepare, their, package=name.split()[0]) for name, prepare in peers]
    return Workload(title, "largest error of 4 eigenvalues", tuple(contenders), size, quick, warm=500)


# Diffusion maps of normal data ----------------------------------------------------------------------------------------

BANDWIDTH, MODES = 0.3, 50
EPSILON = 0.5 * BANDWIDTH**2
COLUMNS = 1200  # of the kernel matrix that span the others, at 5,000 points


def normal(n: int) -> torch.Tensor:
    return torch.randn(n, 2, dtype=F64, generator=torch.Generator().manual_seed(4))


def our_map(n: int) -> Callable[[], tuple]:
    x = normal(n)
    return lambda: (DiffusionMaps(BANDWIDTH).fit(x).spectrum(MODES).rates.numpy(), n)


def map_work(n: int) -> Work:
    """The columns that span the kernel matrix, their factorisation and Gram matrix, and its leading eigenvectors."""
    return Work(2 * n * COLUMNS**2 + 4 / 3 * COLUMNS**3 + 2 * n * COLUMNS * MODES, n * COLUMNS, "float64")


def whole_matrix(n: int) -> Callable[[], tuple]:
    x = normal(n).numpy()
    return lambda: (published.walk_rates(x, BANDWIDTH, MODES), n)


def pydiffmap_map(n: int, neighbours: int) -> Callable[[], tuple]:
    from pydiffmap.diffusion_map import DiffusionMap

    x = normal(n).numpy()
    options = {"alpha": 0.5, "epsilon": EPSILON, "k": min(neighbours, n), "n_evecs": MODES}
    return lambda: (-DiffusionMap.from_sklearn(**options).fit(x).evals, n)


def map_error(result: tuple) -> float:
    rates, n = result
    exact = published.walk_rates(normal(n).numpy(), BANDWIDTH, MODES)
    return float(np.abs(np.sort(rates)[:10] / exact[:10] - 1).max())


def diffusion(title: str, size: int, quick: int) -> Workload:
    contenders = (
        Contender("by a factor of few columns", our_map, map_error, map_work),
        Contender("whole matrix, scipy's Lanczos", whole_matrix, map_error),
        Contender("pydiffmap, 200 neighbours", partial(pydiffmap_map, neighbours=200), map_error, package="pydiffmap"),
        Contender(
            "pydiffmap, 1,000 neighbours", partial(pydiffmap_map, neighbours=1000), map_error, package="pydiffmap"
        ),
    )
    return Workload(
        title, "largest relative difference of 10 rates from the whole matrix's", contenders, size, quick, warm=200
    )
