"""What the rows of the experiment on KSWGD compute."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from experiments.kswgd.methods import METHODS, RIVALS, damped, fit, sliced_w2
from experiments.kswgd.problems import MANIFOLDS, N_PARTICLES, PROBLEMS, exact, floors_of
from experiments.machinery.common import moved, noise, read, stream
from koopcourse.judges import law
from koopteach.dictionaries import Hermite
from koopteach.langevin import snapshot_pairs
from koopteach.metrics import sliced_wasserstein2
from koopteach.operators import EDMD, GeneratorEDMD
from koopteach.particles import KSWGD, run_particles
from koopteach.spectrum import Spectrum
from koopteach.targets import Circle, OrnsteinUhlenbeck, Sphere, Torus

MANY = 10  # times as many particles, of which a random part is judged


def particles(seed: int, target: str, method: str, start: str) -> dict[str, float]:
    """The distances at the end of a run, and a rival's as a multiple of KSWGD's from the same start."""
    x, seconds, steps = METHODS[method](target, start, seed)
    found = read(PROBLEMS[target].distances, x)
    if method in RIVALS:
        found["over KSWGD"] = sliced_w2(target, x) / sliced_w2(target, damped(target, start, seed)[0])
    return {**found, "CPU s": seconds, "steps": steps, **floors_of(target)}


def law_row(seed: int, target: str, method: str, start: str) -> dict[str, float]:
    """The law of KSWGD: the mean over random 800 of a run of 8,000 particles."""
    x, seconds, steps = damped(target, start, seed, MANY * N_PARTICLES)
    found = {
        name: law(distance, x, N_PARTICLES, generator=stream(seed, 5))[0]
        for name, distance in PROBLEMS[target].distances.items()
    }
    return {**found, "CPU s": seconds, "steps": steps, **floors_of(target)}


def surface(seed: int, manifold: str, projected: str) -> dict[str, float]:
    """From a patch of a surface: the distance to its uniform law, and how far off it any particle ever was."""
    ground = MANIFOLDS[manifold]
    x0 = _patch(ground, noise(seed, N_PARTICLES, 3, torch.float64))
    started = time.process_time()
    spectrum = fit(ground.sample(3000, stream(seed, 0)), seed, ground if projected == "yes" else None)
    run = run_particles(KSWGD(spectrum), x0, generator=stream(seed, 3), verbose=False)
    seconds = time.process_time() - started
    path = run.particles.flatten(0, 1)
    return {
        "sliced W2": sliced_wasserstein2(run.final, exact(ground)),
        "off surface": float((path - ground.project(path)).norm(dim=1).max()),
        "CPU s": seconds,
        **floors_of(manifold),
    }


def _patch(ground: Torus | Sphere, z: Tensor) -> Tensor:
    if isinstance(ground, Torus):
        return ground.from_angles(0.3 * z[:, 0], 0.3 * z[:, 1])
    return ground.project(0.2 * z + torch.eye(3, dtype=torch.float64)[2])


def circle(seed: int, metric: str, pairs: int = 10) -> dict[str, float]:
    """From an arc, with exact eigenfunctions: mean angle by which 500 particles miss even spacing."""
    ground, n = Circle(), 500

    def phi(x: Tensor) -> Tensor:
        angle = ground.angles(x)[:, None] * torch.arange(1, pairs + 1)
        return math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], dim=2).flatten(1)

    spectrum = Spectrum.from_functions(ground.exact_rates(2 * pairs), phi, manifold=ground)
    angle = 0.3 * noise(seed, n, 1, torch.float64)[:, 0]
    x0 = torch.stack([angle.cos(), angle.sin()], dim=1)
    x = moved(KSWGD(spectrum, damping=1.0 if metric == "damped" else math.inf), x0, 200, seed)
    even = 2 * math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n
    error = ground.angles(x).sort().values - even
    return {"angle error": float((error - error.mean()).abs().mean())}


def ou_rates(seed: int, estimator: str) -> dict[str, float]:
    """The first three rates of the Ornstein-Uhlenbeck process, 1, 2 and 3, from 130,000 samples or pairs."""
    process, psi, lag = OrnsteinUhlenbeck(1), Hermite(1, 3), 0.1
    x, y = snapshot_pairs(process, 130_000, lag=lag, generator=stream(seed, 0))
    fitted = EDMD(psi, lag=lag).fit(x, y) if estimator == "EDMD" else GeneratorEDMD(psi).fit(x)
    error = fitted.spectrum(3).rates / process.exact_rates(3) - 1
    return {"relative rms error": float(error.square().mean().sqrt())}


def well_rates(seed: int, target: str) -> dict[str, float]:
    """The largest relative error of the first three rates of a quadruple well, from 10,000 samples."""
    well = PROBLEMS[target].target
    rates, exact = fit(well.sample(10_000, stream(seed, 0)), seed).rates[:3], well.exact_rates(3)
    return {"relative error": float((rates / exact - 1).abs().max())}
