"""What one waits for first: a fit, sixty steps, a sample of 10,000, a one-step student; and what one would use instead.

Peers are written with plain tensors, without the package, or are another package.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from experiments.speed import published, updates
from experiments.speed.workload import Contender, Work, Workload
from koopteach import (
    KSWGD,
    GaussianMixture,
    GeneratorEDMD,
    KoopmanSampler,
    MultiScale,
    Spectrum,
    moons,
    run_particles,
    sliced_wasserstein2,
)

PARTICLES, STEPS, SAMPLE, KERNELS = 800, 60, 10_000, 287
STD = 0.3
RING = GaussianMixture.ring(8, 4.0, STD)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def distance(x: Tensor, law: Any) -> float:
    return sliced_wasserstein2(x.double(), law.sample(SAMPLE, seeded(999)).double())


# A fit ----------------------------------------------------------------------------------------------------------------


def our_fit(n: int) -> Callable[[], tuple]:
    """The default recipe: centres, moments, eigenfunctions."""
    x = RING.sample(n, seeded(3))
    return lambda: (GeneratorEDMD(MultiScale.from_data(x, generator=seeded(1))).fit(x).spectrum().rates, n)


def plain_fit(n: int) -> Callable[[], tuple]:
    x = RING.sample(n, seeded(3))
    return lambda: (published.generator_rates(x, *published.three_scales(x)), n)


def first_within(result: tuple) -> float:
    """Relative error of the eighth rate: seven of jumps between the modes are tiny, the next is that of one mode."""
    rates, _ = result
    return abs(float(rates[7]) * STD**2 - 1)


def fit_work(n: int) -> Work:
    """The triangle of the Gram matrix and a product as large for the slopes; eigenvectors twice."""
    return Work(3 * n * KERNELS**2 + 3 * KERNELS**3, n * KERNELS, "float64")


# Sixty steps ----------------------------------------------------------------------------------------------------------


@cache
def steps_case(n: int) -> tuple[Tensor, Spectrum]:
    x = RING.sample(5000, seeded(3))
    spectrum = GeneratorEDMD(MultiScale.from_data(x, generator=seeded(1))).fit(x).spectrum()
    return x[:1] + 0.3 * torch.randn(n, 2, dtype=torch.float64, generator=seeded(4)), spectrum


def our_steps(n: int) -> Callable[[], Tensor]:
    x0, spectrum = steps_case(n)
    method = KSWGD(spectrum)
    return lambda: run_particles(method, x0, n_steps=STEPS, generator=seeded(0), verbose=False).final


def plain_steps(n: int) -> Callable[[], Tensor]:
    """The same steps, limiter and noise."""
    x0, spectrum = steps_case(n)
    functions, longest = updates.plain_functions(spectrum), 0.25 * spectrum.scale

    def run() -> Tensor:
        x, draw = x0, seeded(0)
        for step in range(STEPS):
            move = published.damped_velocity(*functions(x), spectrum.energies, 1.0)
            move = move * (longest / move.norm(dim=1, keepdim=True)).clamp_max(1.0)
            amplitude = 0.3 * max(0.0, 1 - 2 * step / STEPS) * longest
            x = x + move + amplitude * torch.randn(x.shape, dtype=x.dtype, generator=draw)
        return x

    return run


def steps_work(n: int, rank: int = 172) -> Work:
    """Each step: every kernel, the slopes of every mode, their products."""
    return Work(STEPS * (2 * n * KERNELS * (4 + 3 * rank) + 2 * n * rank**2), STEPS * n * KERNELS, "float64")


# A sample of 10,000 ---------------------------------------------------------------------------------------------------


def our_sample(n: int) -> Callable[[], Tensor]:
    x = moons.sample(2000, seeded(3)).double()
    fitted = KoopmanSampler().fit(x, generator=seeded(0))
    return lambda: fitted.draw(n, seeded(1))


def mixture_sample(n: int) -> Callable[[], Tensor]:
    from sklearn.mixture import GaussianMixture as Peer

    fitted = Peer(10, random_state=0).fit(moons.sample(2000, seeded(3)).numpy())
    return lambda: torch.from_numpy(fitted.sample(n)[0])


def langevin_sample(n: int) -> Callable[[], Tensor]:
    """Twenty steps with the score of a kernel estimate, from normal numbers."""
    x = moons.sample(2000, seeded(3)).double()
    h, step, start = 0.15, 0.02, torch.randn(n, 2, dtype=torch.float64, generator=seeded(1))

    def run() -> Tensor:
        z, draw = start, seeded(2)
        for _ in range(20):
            score = torch.cat(
                [(torch.softmax(-(torch.cdist(p, x) ** 2) / (2 * h**2), 1) @ x - p) for p in z.split(1000)]
            )
            z = z + step * score / h**2 + math.sqrt(2 * step) * torch.randn(z.shape, dtype=z.dtype, generator=draw)
        return z

    return run


def to_moons(x: Tensor) -> float:
    return distance(x, moons)


# A one-step student ---------------------------------------------------------------------------------------------------


def student_sample(n: int) -> Callable[[], Tensor]:
    from koopcourse import shipped

    student = shipped("moons-student")
    return lambda: student.sample(n, generator=seeded(1))


def teacher_sample(n: int, steps: int) -> Callable[[], Tensor]:
    from koopcourse import shipped

    teacher = shipped("moons-teacher")
    return lambda: teacher.sample(n, generator=seeded(1), steps=steps)


def nothing(n: int) -> Work:
    """Of these no least work is known."""
    return Work(math.nan, math.nan, "float64")


def waits() -> dict[str, Workload]:
    """The four, by their ids."""
    to_ring = "sliced W2 to the law"
    return {
        "W1": Workload(
            "A fit: 5,000 points, the default recipe with its centres",
            "relative error of the first rate within a mode",
            (
                Contender("GeneratorEDMD", our_fit, first_within, fit_work, repeats=3),
                Contender("plain tensors", plain_fit, first_within),
            ),
            5000,
            1000,
            500,
        ),
        "W2": Workload(
            "Sixty damped steps of 800 particles, recorded",
            to_ring,
            (
                Contender("KSWGD", our_steps, lambda x: distance(x, RING), steps_work),
                Contender("plain tensors", plain_steps, lambda x: distance(x, RING)),
            ),
            PARTICLES,
            100,
            50,
        ),
        "W3": Workload(
            "A sample of 10,000 from 2,000 rows of the two moons, the model fitted",
            to_ring,
            (
                Contender("KoopmanSampler", our_sample, to_moons, nothing),
                Contender("scikit-learn's mixture of 10", mixture_sample, to_moons, package="scikit-learn", repeats=5),
                Contender("Langevin steps, kernel score, plain tensors", langevin_sample, to_moons),
            ),
            SAMPLE,
            500,
            200,
        ),
        "W4": Workload(
            "A sample of 10,000 from a flow: one step of a student, or its teacher's equation",
            to_ring,
            (
                Contender("KoopmanFlow, one step", student_sample, to_moons, nothing, repeats=5),
                Contender("its teacher, 100 midpoint steps", lambda n: teacher_sample(n, 100), to_moons),
                Contender("its teacher, 10 midpoint steps", lambda n: teacher_sample(n, 10), to_moons, repeats=3),
            ),
            SAMPLE,
            500,
            200,
        ),
    }
