"""KSWGD and its rivals on fields, each from fields of one start, and what the rows compute."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from experiments.allen_cahn.fields import DT, LAG, N_PARTICLES, SETTLED, equation, exactly, floors_of, simulated
from experiments.allen_cahn.fields import exact as exact_fields
from experiments.allen_cahn.fields import kinks as count_kinks
from experiments.machinery.common import moved, nearest, read, stream, timed, within
from koopteach.dictionaries import MultiScale
from koopteach.langevin import kde_score
from koopteach.operators import EDMD, GeneratorEDMD
from koopteach.particles import KSWGD, SVGD, ULA, run_particles
from koopteach.spectrum import Spectrum

End = tuple[Tensor, float, float]  # coordinates, CPU seconds with the fit, steps or units of time


@cache
def fitted(points: int, seed: int, pairs: bool = False) -> tuple[Spectrum, float]:
    """The spectrum of the fields, or of the pairs of fields, in eight coordinates; and its CPU seconds."""
    setting = simulated(points, seed)
    z = setting.reduce(setting.fields)

    def fit() -> Spectrum:
        psi = MultiScale.from_data(z, (150, 40, 12), generator=stream(seed, 1), units=1.0)
        if pairs:
            return EDMD(psi, lag=LAG).fit(z, setting.reduce(setting.later)).spectrum()
        return GeneratorEDMD(psi).fit(z).spectrum()

    return timed(fit)


# The methods


@cache
def damped(points: int, start: str, seed: int, pairs: bool = False) -> End:
    """KSWGD with every default but the number of steps."""
    spectrum, seconds = fitted(points, seed, pairs)
    x0 = simulated(points, seed).reduce(simulated(points, seed).start(start, seed))
    x, transport = timed(lambda: moved(KSWGD(spectrum), x0, 40, seed))
    return x, seconds + transport, 40


def papers(points: int, start: str, seed: int) -> End:
    """The paper's metric on the same spectrum."""
    spectrum, seconds = fitted(points, seed)
    x0 = simulated(points, seed).reduce(simulated(points, seed).start(start, seed))
    x, transport = timed(lambda: moved(KSWGD(spectrum, damping=math.inf), x0, 100, seed))
    return x, seconds + transport, 100


def relaxed(points: int, start: str, seed: int, span: float = 0.0) -> End:
    """The equation itself, for ``span`` units of time or as many CPU seconds as KSWGD took with its fit."""
    setting, generator = simulated(points, seed), stream(seed, 3)
    limit, u, steps, began = damped(points, start, seed)[1], setting.start(start, seed), 0, time.process_time()
    while (steps * DT < span) if span else (time.process_time() - began < limit):
        u = equation(points).trajectory(u, n_steps=25, dt=DT, every=25, generator=generator)[-1]
        steps += 25
    return setting.reduce(u), time.process_time() - began, steps * DT


def waited(points: int, start: str, seed: int) -> End:
    """The equation until it has settled: from zero as long as the data had, from one phase three slowest timescales."""
    span = SETTLED if start == "zero" else 3 * float(fitted(points, seed, pairs=True)[0].implied_timescales[0])
    return relaxed(points, start, seed, span)


def rival(kind: type, sizes: tuple[float, ...], points: int, start: str, seed: int) -> End:
    """The best of three step sizes, each with KSWGD's seconds and a kernel density estimate's score of the fields."""
    setting = simulated(points, seed)
    score, x0 = kde_score(setting.reduce(setting.fields)), setting.reduce(setting.start(start, seed))
    limit = damped(points, start, seed)[1]
    ends = [within(limit, kind(score, step_size=size), x0, seed) for size in sizes]
    return nearest(ends, setting.distances["sliced W2"])


def given(points: int, start: str, seed: int) -> End:
    """The fields that KSWGD is given, as they are."""
    setting = simulated(points, seed)
    return setting.reduce(setting.fields), setting.seconds, SETTLED


def redrawn(points: int, start: str, seed: int) -> End:
    """As many of these fields as there are particles: free for whoever has them."""
    setting = simulated(points, seed)
    chosen = torch.randperm(len(setting.fields), generator=stream(seed, 3))[:N_PARTICLES]
    return setting.reduce(setting.fields[chosen]), 0.0, 0


OURS: dict[str, Callable[..., End]] = {
    "training fields": given,
    "training fields, redrawn": redrawn,
    "KSWGD, damped": damped,
    "KSWGD, paper": papers,
    "KSWGD, damped, from pairs": partial(damped, pairs=True),
}
RIVALS: dict[str, Callable[..., End]] = {
    "the equation, equal CPU": relaxed,
    "the equation, settled": waited,
    "ULA, KDE score, equal CPU": partial(rival, ULA, (0.001, 0.004, 0.016)),
    "SVGD, KDE score, equal CPU": partial(rival, SVGD, (0.02, 0.1, 0.5)),
}


# What the rows compute


def fields(seed: int, points: int, method: str, start: str) -> dict[str, float]:
    """The four distances at the end, and a rival's sliced W2 as a multiple of KSWGD's from the same start."""
    z, seconds, steps = (OURS | RIVALS)[method](points, start, seed)
    setting = simulated(points, seed)
    found = read(setting.distances, z)
    if method in RIVALS:
        found["over KSWGD"] = found["sliced W2"] / read(setting.distances, damped(points, start, seed)[0])["sliced W2"]
    return {**found, "CPU s": seconds, "steps or time": steps, **floors_of(simulated, points, seed)}


def kept(seed: int, points: int) -> dict[str, float]:
    """What eight coordinates keep of exact fields: the share of their second moment, and of their kinks."""
    setting, u = simulated(points, seed), exact_fields(points)
    seen = setting.lift(setting.reduce(u))
    share = float(seen.square().sum() / u.square().sum())
    return {"second moment kept": share, "kinks": count_kinks(u), "kinks seen": count_kinks(seen)}


def bill(seed: int, points: int) -> dict[str, float]:
    """CPU seconds of everything, and after how many batches of 800 fields KSWGD has paid for its data and fit."""
    data, fit = simulated(points, seed).seconds, fitted(points, seed)[1]
    transport = damped(points, "one phase", seed)[1] - fit
    found = {"data s": data, "fit s": fit, "transport s": transport}
    for start in ("zero", "one phase"):
        equation_s = waited(points, start, seed)[1]
        saved = equation_s - transport
        found[f"equation from {start} s"] = equation_s
        found[f"batches to pay, from {start}"] = math.ceil((data + fit) / saved) if saved > 0 else math.inf
    return found


def growth(seed: int, points: int, coordinates: int, metric: str) -> dict[str, float]:
    """From one phase, without noise: steps until the energy has fallen by a million, and the distances after 100."""
    setting = exactly(points, seed, coordinates)
    started, z = time.process_time(), setting.reduce(setting.fields)
    psi = MultiScale.from_data(z, (150, 40, 12), generator=stream(seed, 1), units=1.0)
    method = KSWGD(GeneratorEDMD(psi).fit(z).spectrum(), damping=1.0 if metric == "damped" else math.inf, noise=0.0)
    x0 = setting.reduce(setting.start("one phase", seed))
    run = run_particles(method, x0, n_steps=100, record_every=1, verbose=False)
    seconds, fallen = time.process_time() - started, run.steps[run.energy < 1e-6 * run.energy[0]]
    steps = float(fallen[0]) if len(fallen) else 101.0  # more than were made
    told = {"steps": steps, **read(setting.distances, run.final), "CPU s": seconds}
    return told | floors_of(exactly, points, seed, coordinates)
