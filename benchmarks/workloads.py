"""The workloads and their contenders; peers are imported where they run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import processes, published, updates
from benchmarks.workload import Contender, Work, Workload
from koopteach import EDMD, GaussianRBF, KernelEDMD

F32, F64 = torch.float32, torch.float64

RIDGE_TIMES_POINTS = 0.2  # the same regularisation for every kernel method


def pairs(n: int, dim: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    path = processes.trajectory(n, dim).to(dtype)
    return path[:-1], path[1:]


def dictionary(dim: int, m: int, width: float, dtype: torch.dtype = torch.float64) -> GaussianRBF:
    theta = torch.tensor(processes.THETA[:dim], dtype=torch.float64)
    draw = torch.Generator().manual_seed(1)
    return GaussianRBF(torch.randn(m, dim, dtype=torch.float64, generator=draw) / theta.sqrt(), width).to(dtype)


def our_error(spectrum, dim: int, count: int) -> float:
    eigenvalues = torch.exp(-processes.LAG * spectrum.rates).numpy()
    return float(np.abs(eigenvalues - processes.leading(dim, count)).max())


# E: extended dynamic mode decomposition ------------------------------------------------------------------------------


def our_edmd(n: int, *, dim: int, m: int, width: float, reversible: bool, dtype: torch.dtype) -> Callable[[], Any]:
    (x, y), psi = pairs(n, dim, dtype), dictionary(dim, m, width, dtype)
    return lambda: EDMD(psi, lag=processes.LAG, reversible=reversible).fit(x, y).spectrum(6)


def edmd_work(n: int, *, dim: int, m: int, width: float, reversible: bool, dtype: torch.dtype) -> Work:
    """Reversible: two symmetric products; else a symmetric and a general one. Kernels at x and at y."""
    products = (2 if reversible else 3) * n * m**2
    return Work(products + 2 * 2 * n * m * (dim + 2), 2 * n * m, str(dtype).removeprefix("torch."))


def deeptime_edmd(n: int, *, dim: int, m: int, width: float) -> Callable[[], np.ndarray]:
    from deeptime.decomposition import EDMD as Peer

    x, y = (part.numpy() for part in pairs(n, dim, torch.float64))
    basis = partial(published.radial_features, centers=dictionary(dim, m, width).centers.numpy(), width=width)
    return lambda: Peer(basis, n_eigs=20).fit((x, y)).fetch_model().eigenvalues


def kooplearn_ridge(n: int, *, dim: int, m: int, width: float) -> Callable[[], np.ndarray]:
    from kooplearn.linear_model import Ridge

    path, centers = processes.trajectory(n, dim).numpy(), dictionary(dim, m, width).centers.numpy()
    return lambda: Ridge(20).fit(published.radial_features(path, centers, width)).eig()


def edmd(title: str, size: int, quick: int, shape: dict[str, Any]) -> Workload:
    def ours(name: str, reversible: bool, dtype: torch.dtype) -> Contender:
        case = {**shape, "reversible": reversible, "dtype": dtype}
        error = partial(our_error, dim=shape["dim"], count=6)
        return Contender(name, partial(our_edmd, **case), error, partial(edmd_work, **case))

    def peer(name: str, prepare: Callable) -> Contender:
        error = partial(processes.error, dim=shape["dim"], count=6)
        return Contender(name, partial(prepare, **shape), error, package=name.split()[0])

    contenders = (
        ours("float64 reversible", True, torch.float64),
        ours("float64 plain", False, torch.float64),
        ours("float32 reversible", True, torch.float32),
        ours("float32 plain", False, torch.float32),
        peer("deeptime EDMD", deeptime_edmd),
        peer("kooplearn Ridge", kooplearn_ridge),
    )
    return Workload(title, "largest error of 6 eigenvalues", contenders, size, quick, warm=6 * shape["m"])


# K: kernel methods, d = 2 -------------------------------------------------------------------------------------------

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
    return edmd_work(n, dim=2, m=m, width=KERNEL_WIDTH, reversible=True, dtype=dtype)


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


# P: one update of the particles --------------------------------------------------------------------------------------


def in_both_precisions(prepare: Callable, error: Callable, work: Callable, what: str = "") -> Iterator[Contender]:
    for name, dtype in (("float64", F64), ("float32", F32)):
        title = f"{what}, {name}" if what else name
        yield Contender(title, partial(prepare, dtype=dtype), error, partial(work, dtype=name), repeats=10)


WORKLOADS = {
    "E1": edmd("EDMD, 100,000 pairs, d = 10, 500 kernels", 100_000, 10_000, {"dim": 10, "m": 500, "width": 2.0}),
    "E2": edmd("EDMD, 1,000,000 pairs, d = 2, 100 kernels", 1_000_000, 20_000, {"dim": 2, "m": 100, "width": 0.5}),
    "K1": kernels(
        "Kernel EDMD at 2,000 pairs, d = 2",
        2000,
        600,
        (
            ("exact, float64", partial(our_kernel, dtype=F64, n_centers=None), exact_work),
            (
                "Nystroem 200, float64",
                partial(our_kernel, dtype=F64, n_centers=CENTERS),
                partial(nystroem_work, dtype=F64),
            ),
        ),
        (("deeptime KernelEDMD", deeptime_kernel), ("kooplearn randomised", kooplearn_kernel)),
    ),
    "K2": kernels(
        "Nystroem kernel EDMD, 100,000 pairs, d = 2, 200 centres",
        100_000,
        10_000,
        tuple(
            (
                f"Nystroem 200, {name}",
                partial(our_kernel, dtype=dtype, n_centers=CENTERS),
                partial(nystroem_work, dtype=dtype),
            )
            for name, dtype in (("float64", F64), ("float32", F32))
        ),
        (("kooplearn Nystroem", kooplearn_nystroem),),
    ),
    "P1": updates.iteration(
        "One iteration on a kernel spectrum: 2,000 particles, 2,000 data, d = 2, rank 50",
        2000,
        500,
        (
            *in_both_precisions(updates.our_velocity, updates.velocity_error, updates.velocity_work),
            Contender("published formulas, numpy", updates.tensor_velocity, updates.velocity_error, repeats=5),
        ),
    ),
    "P2": updates.iteration(
        "One iteration on the default dictionary's spectrum: 2,000 particles, 20,000 data, d = 2, rank 50",
        2000,
        500,
        tuple(
            contender
            for name, damping in (("the paper's metric", math.inf), ("damped", 1.0))
            for contender in (
                *in_both_precisions(
                    partial(updates.dictionary_velocity, damping=damping),
                    updates.slopes_error,
                    partial(updates.dictionary_work, damping=damping),
                    name,
                ),
                Contender(
                    f"{name}, all slopes at once, float64",
                    partial(updates.slopes_velocity, damping=damping),
                    updates.slopes_error,
                    repeats=5,
                ),
            )
        ),
    ),
    "P3": updates.iteration(
        "One iteration of SVGD: 2,000 particles, d = 2",
        2000,
        500,
        (
            *in_both_precisions(updates.our_svgd, updates.svgd_error, updates.svgd_work),
            Contender(
                "cdist and autograd, float64", partial(updates.autograd_svgd, dtype=F64), updates.svgd_error, repeats=5
            ),
            Contender(
                "cdist and autograd, float32", partial(updates.autograd_svgd, dtype=F32), updates.svgd_error, repeats=5
            ),
        ),
    ),
}
