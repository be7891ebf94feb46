"""The table of workloads, each with its contenders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

from experiments.speed import kernel_methods, regressions, updates, waits
from experiments.speed.regressions import F32, F64
from experiments.speed.workload import Contender


def in_both_precisions(prepare: Callable, error: Callable, work: Callable, what: str = "") -> Iterator[Contender]:
    for name, dtype in (("float64", F64), ("float32", F32)):
        title = f"{what}, {name}" if what else name
        yield Contender(title, partial(prepare, dtype=dtype), error, partial(work, dtype=name), repeats=10)


WORKLOADS = {
    **waits.waits(),
    "E1": regressions.on_kernels("EDMD, 100,000 pairs, d = 10, 500 kernels", 100_000, 10_000, dim=10, m=500, width=2.0),
    "E2": regressions.on_kernels(
        "EDMD, 1,000,000 pairs, d = 2, 100 kernels", 1_000_000, 20_000, dim=2, m=100, width=0.5
    ),
    "E3": regressions.on_polynomials("EDMD, 100,000 pairs, d = 10, polynomials of degree 3 (285)", 100_000, 10_000),
    "E4": regressions.eigenpairs("The leading 8 eigenpairs of 1,000 kernels, d = 10", 1000, 200),
    "T1": regressions.on_threads("GeneratorEDMD, 5,000 points, d = 2, the default dictionary", 5000, 1000),
    "K1": kernel_methods.kernels(
        "Kernel EDMD at 2,000 pairs, d = 2",
        2000,
        600,
        (
            (
                "exact, float64",
                partial(kernel_methods.our_kernel, dtype=F64, n_centers=None),
                kernel_methods.exact_work,
            ),
            (
                "Nystroem 200, float64",
                partial(kernel_methods.our_kernel, dtype=F64, n_centers=kernel_methods.CENTERS),
                partial(kernel_methods.nystroem_work, dtype=F64),
            ),
        ),
        (
            ("deeptime KernelEDMD", kernel_methods.deeptime_kernel),
            ("kooplearn randomised", kernel_methods.kooplearn_kernel),
        ),
    ),
    "K2": kernel_methods.kernels(
        "Nystroem kernel EDMD, 100,000 pairs, d = 2, 200 centres",
        100_000,
        10_000,
        tuple(
            (
                f"Nystroem 200, {name}",
                partial(kernel_methods.our_kernel, dtype=dtype, n_centers=kernel_methods.CENTERS),
                partial(kernel_methods.nystroem_work, dtype=dtype),
            )
            for name, dtype in (("float64", F64), ("float32", F32))
        ),
        (("kooplearn Nystroem", kernel_methods.kooplearn_nystroem),),
    ),
    "D1": kernel_methods.diffusion("Diffusion map of 5,000 normal points, d = 2, 50 modes", 5000, 800),
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
                    updates.plain_error,
                    partial(updates.dictionary_work, damping=damping),
                    name,
                ),
                Contender(
                    f"{name}, plain tensors, float64",
                    partial(updates.plain_velocity, damping=damping),
                    updates.plain_error,
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
    "P4": updates.iteration(
        "Adverse numbers: one iteration on a kernel spectrum, as P1",
        2000,
        500,
        updates.adverse(
            ("ordinary", updates.ordinary_particles),
            {
                "one particle 1,000 away": updates.far_particle,
                "everything 1,000 from the origin": updates.far_from_the_origin,
            },
            updates.velocity_work,
        ),
    ),
    "P5": updates.iteration(
        "Adverse numbers: one iteration of SVGD, as P3",
        2000,
        500,
        updates.adverse(
            ("ordinary", partial(updates.stein, distance=None, bandwidth=updates.BANDWIDTH)),
            {
                "one particle 1,000 away": partial(updates.stein, distance=updates.FAR, bandwidth=updates.BANDWIDTH),
                "bandwidth a thousandth": partial(updates.stein, distance=None, bandwidth=1e-3),
            },
            updates.svgd_work,
        ),
    ),
}
