"""Hot paths of lessons 04 to 06, 11, 14 and 16: what moves particles, what judges them, tables in and samples out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from experiments.gpu_check.hot_paths import (
    FORMULA,
    RING,
    SOLVED,
    HotPath,
    Move,
    data,
    features,
    known_spectrum,
    normal,
    seeded,
    slow,
)
from koopteach import (
    DMPS,
    KSWGD,
    MALA,
    SVGD,
    ULA,
    FittedMixture,
    GeneratorEDMD,
    KoopmanSampler,
    Ladder,
    class_balance,
    condition,
    denoise,
    effective_sample_size,
    frechet_distance,
    herd,
    kl_histogram,
    mode_weights,
    neighbour_ratio,
    precision_recall,
    run_particles,
    sliced_wasserstein2,
    systematic_resample,
    wasserstein2,
)
from koopteach.protocols import Sampler


def _moved(method: Sampler, x: Tensor, steps: int = 3) -> list[Tensor]:
    run = run_particles(method, x, n_steps=steps, record_every=1, generator=seeded(1), verbose=False)
    return [run.final, run.energy.to(x)]


def kswgd(to: Move) -> Sequence[Tensor]:
    """Both metrics: velocity, and three steps with noise."""
    x, found = to(0.3 * normal(200, 2) + 1), []
    for damping in (math.inf, 1.0):
        method = KSWGD(to(known_spectrum()), damping=damping)
        found += [method.velocity(x), *_moved(method, x)]
    return found


def in_units(to: Move) -> Sequence[Tensor]:
    """Damped steps where a spectrum measures slopes in columns of unit spread, and of a kernel spectrum."""
    spectrum = GeneratorEDMD(to(features()), standardize=True).fit(to(data())).spectrum()
    x = to(0.3 * normal(100, 2))
    return [*_moved(KSWGD(spectrum), x), DMPS(to(data()), 0.5, n_modes=6).velocity(x)]


def ladder(to: Move) -> Sequence[Tensor]:
    """Levels of noise, each with its own spectrum."""
    method = Ladder.from_data(
        to(data()),
        levels=(0.3, 0.0),
        fit=lambda x: GeneratorEDMD(to(features())).fit(x).spectrum(),
        generator=seeded(),
    )
    return _moved(method, to(normal(100, 2)), 4)


def rivals(to: Move) -> Sequence[Tensor]:
    """SVGD, ULA and MALA."""
    x, target, found = to(normal(100, 2)), to(RING), []
    for options in ({"bandwidth": 0.5}, {}, {"adaptive": True}):
        found += _moved(SVGD(target, step_size=0.1, **options), x)[:1]
    for method in (ULA(target, step_size=0.05), MALA(target, step_size=0.05)):
        found += _moved(method, x)[:1]
    return [*found, denoise(target, x, 0.1)]


def conditional(to: Move) -> Sequence[Tensor]:
    """Weights, resampling, a conditioned run."""
    x, log_weights = to(data()), to(normal(600, seed=2))
    rows = systematic_resample(log_weights, 200, seeded(3))
    found = condition(
        x,
        lambda z: -0.5 * ((z[:, 0] - 1) / 0.6) ** 2,
        n_particles=100,
        n_steps=3,
        fit=lambda z, weights: GeneratorEDMD(to(features())).fit(z, weights).spectrum(),
        generator=seeded(),
    )
    return [rows, x.new_tensor(effective_sample_size(log_weights)), found.particles, x.new_tensor(found.exponents)]


def metrics(to: Move) -> Sequence[Tensor]:
    """Distances of samples, of densities, of classes."""
    x, y, z = to(data()[:200]), to(data()[200:400]), to(data()[400:])
    target = to(RING)
    labels = (x[:, 0] > 0).long()
    weights = mode_weights(x, target.modes)
    return [
        weights,
        x.new_tensor(
            [
                wasserstein2(x, y),
                sliced_wasserstein2(x, y),
                kl_histogram(x, target.log_prob, -4.0, 4.0),
                frechet_distance(x, y),
                *precision_recall(x, y),
                neighbour_ratio(x, y, z),
                class_balance(labels, (y[:, 0] > 0).long()),
            ]
        ),
    ]


def sampler(to: Move) -> Sequence[Tensor]:
    """A table in, samples out; few points that stand for many."""
    x = to(data()[:200] * torch.tensor([1.0, 30.0], dtype=torch.float64))
    fitted = KoopmanSampler(
        components=2, dictionary=lambda u, _: to(features()), n_steps=3, pool=100, hold_out=0.0
    ).fit(x, generator=seeded())
    few = herd(x, 10)
    moved = fitted.transport(x[:50], seeded(2))
    return [fitted.draw(50, seeded(1)), fitted.quadrature(10), moved, few]


def mixture(to: Move) -> Sequence[Tensor]:
    """The start of a sampler."""
    fitted = FittedMixture.fit(to(data()), most=3, generator=seeded())
    x = fitted.sample(50, seeded(1))
    return [x, fitted.log_prob(x), *slow(GeneratorEDMD(to(features())).fit(to(data())).spectrum(), x)[:2]]


PATHS = {
    "KSWGD, both metrics": HotPath(kswgd, SOLVED),
    "KSWGD in units, DMPS": HotPath(in_units, SOLVED, "leading eigenpairs of the diffusion map (LAPACK)"),
    "Ladder": HotPath(ladder, SOLVED),
    "SVGD, ULA, MALA, denoise": HotPath(rivals, FORMULA),
    "condition, resampling": HotPath(conditional, SOLVED),
    "metrics": HotPath(metrics, SOLVED, "exact transport (POT), counts of classes"),
    "KoopmanSampler, herd": HotPath(sampler, SOLVED, "k-means of the mixture's starts (SciPy)"),
    "FittedMixture": HotPath(mixture, SOLVED, "k-means of the starts (SciPy)"),
}
