"""KSWGD on fields of the stochastic Allen-Cahn equation: from both starts, rivals at equal time, and the whole bill."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from experiments.allen_cahn.fields import DT, LAG, N_PARTICLES, SETTLED, equation, exactly, floors, simulated
from experiments.allen_cahn.fields import exact as exact_fields
from experiments.allen_cahn.fields import kinks as count_kinks
from experiments.kswgd.table import moved, within
from experiments.machinery.common import stream, timed
from experiments.machinery.experiment import Band, Experiment, Row
from koopteach.dictionaries import MultiScale
from koopteach.langevin import kde_score
from koopteach.operators import EDMD, GeneratorEDMD
from koopteach.particles import KSWGD, SVGD, ULA, run_particles
from koopteach.spectrum import Spectrum

SEEDS = range(3000, 3003)  # nothing was tuned on fields of these seeds
GRIDS = (64, 128, 256)

End = tuple[Tensor, float, float]  # coordinates, CPU seconds with the fit, steps or units of time


@cache
def fitted(points: int, seed: int, pairs: bool = False) -> tuple[Spectrum, float]:
    """The spectrum of the fields, or of the pairs of fields, in eight coordinates; and its CPU seconds."""
    setting = simulated(points, seed)
    z = setting.reduce(setting.fields)

    def fit() -> Spectrum:
        psi = MultiScale.from_data(z, (150, 40, 12), generator=stream(seed, 1))
        if pairs:
            return EDMD(psi, lag=LAG).fit(z, setting.reduce(setting.later)).spectrum()
        return GeneratorEDMD(psi).fit(z).spectrum()

    return timed(fit)


# The methods, each from fields of one start


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
    limit, read = damped(points, start, seed)[1], setting.distances["sliced W2"]
    ends = [within(limit, kind(score, step_size=size), x0, seed) for size in sizes]
    return min(ends, key=lambda end: read(end[0]) if bool(end[0].isfinite().all()) else math.inf)


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
    found = setting.judged(z)
    if method in RIVALS:
        found["over KSWGD"] = found["sliced W2"] / setting.judged(damped(points, start, seed)[0])["sliced W2"]
    return {**found, "CPU s": seconds, "steps or time": steps, **floors(simulated, points, seed)}


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
    psi = MultiScale.from_data(z, (150, 40, 12), generator=stream(seed, 1))
    method = KSWGD(GeneratorEDMD(psi).fit(z).spectrum(), damping=1.0 if metric == "damped" else math.inf, noise=0.0)
    x0 = setting.reduce(setting.start("one phase", seed))
    run = run_particles(method, x0, n_steps=100, record_every=1, verbose=False)
    seconds, fallen = time.process_time() - started, run.steps[run.energy < 1e-6 * run.energy[0]]
    steps = float(fallen[0]) if len(fallen) else 101.0  # more than were made
    told = {"steps": steps, **setting.judged(run.final), "CPU s": seconds}
    return told | floors(exactly, points, seed, coordinates)


# The rows

PHYSICS = tuple(Band(name, 1.5, f"{name} data or floor") for name in ("magnetisation", "correlation", "kinks"))
GOAL = (Band("sliced W2", 1.1, "sliced W2 floor"), *PHYSICS)
BEHIND = (Band("over KSWGD", 2.0, at_least=True),)


def table(points: int) -> list[Row]:
    """KSWGD and its data on one grid; on the coarsest also the rivals and the spectrum of the pairs."""

    def row(method: str, start: str, bands: tuple[Band, ...] = ()) -> Row:
        title = f"{points} grid points, eight coordinates, 2,000 simulated fields"
        id = re.sub(r"[^a-z0-9.-]+", "-", f"grid-{points}.{method.lower()}.{start}")
        return Row(id, title, fields, {"points": points, "method": method, "start": start}, SEEDS, bands)

    rows = [row(method, "zero") for method in ("training fields", "training fields, redrawn")]
    for start in ("zero", "one phase"):
        rows += [row("KSWGD, damped", start, GOAL), row("KSWGD, paper", start)]
        if points == GRIDS[0]:
            rows.append(row("KSWGD, damped, from pairs", start))
            rows += [row(method, start, BEHIND if "KDE" in method else ()) for method in RIVALS]
    return rows


def growing(points: int, coordinates: int, metric: str) -> Row:
    """A row of :func:`growth`."""
    parameters = {"points": points, "coordinates": coordinates, "metric": metric}
    id = f"growth.{points}-points.{coordinates}-coordinates.{metric}"
    title = "Growing dimension: 2,000 exact fields, from one phase, 100 steps without noise"
    return Row(id, title, growth, parameters, SEEDS, (Band("steps", 100.0),))


EXPERIMENT = Experiment(
    title="KSWGD on fields of the Allen-Cahn equation",
    about=(
        "Fields of the stochastic Allen-Cahn equation on an interval with free ends (stiffness 0.01, temperature "
        "0.04). 2,000 fields, simulated from zero for 12 units of time in steps of 0.02, are the data; in the eight "
        "coordinates of their largest second moments GeneratorEDMD learns the spectrum from them (*from pairs*: EDMD, "
        "from the same fields a lag of 0.1 apart). 800 particles start near zero, or all in the phase +1. *Damped* "
        "is the package's default, 40 steps; *paper* the paper's metric, 100 steps.\n\n"
        "All distances are to 10,000 exact fields (transfer matrices), seen through the same coordinates: sliced W2 "
        "of the coordinates, W2 of the magnetisation, mean absolute difference of the two-point correlation, "
        "difference of the mean number of kinks. The noise floor is what 800 exact fields score, mean ± standard "
        "deviation over 20 draws. A transport to the data cannot be better than they are: *data or floor* is the "
        "larger of the floor and the training fields' own distance, which stands in the first row.\n\n"
        "*Equal CPU* gives a rival the CPU seconds of KSWGD from the same start, its fit included; ULA and SVGD count "
        "with the best of three step sizes. *Settled* is the equation after 12 units of time from zero, after three "
        "slowest timescales from one phase. Training fields' seconds are those of their simulation. *Batches to pay* "
        "counts batches of 800 fields until KSWGD has spent no more than the equation, data, fit and transport "
        "included; *none* where at least one seed never gets there. *Steps* is where the energy has fallen by a "
        "million (101: not within 100)."
    ),
    rows=[
        *(row for points in GRIDS for row in table(points)),
        *(
            Row(f"coordinates.{n}-points", "What eight coordinates keep of exact fields", kept, {"points": n}, SEEDS)
            for n in GRIDS
        ),
        *(Row(f"bill.{n}-points", "The whole bill", bill, {"points": n}, SEEDS) for n in GRIDS),
        *(growing(64, r, metric) for r in (2, 4, 8, 12) for metric in ("paper", "damped")),
        growing(64, 16, "paper"),
        *(growing(n, 8, metric) for n in GRIDS[1:] for metric in ("paper", "damped")),
    ],
)
