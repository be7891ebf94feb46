"""KSWGD (arXiv 2512.18837) and its rivals: method x start x temperature x manifold, each beside its noise floor."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from experiments.machinery.common import stream, timed
from experiments.machinery.experiment import Band, Experiment, Row
from koopteach.dictionaries import Hermite, MultiScale
from koopteach.langevin import kde_score, snapshot_pairs
from koopteach.metrics import kl_histogram, mode_weights, noise_floor, sliced_wasserstein2, total_variation
from koopteach.operators import EDMD, GeneratorEDMD
from koopteach.particles import KSWGD, SVGD, ULA, Ladder, run_particles
from koopteach.spectrum import Spectrum
from koopteach.targets import Circle, DoubleWell, GaussianMixture, OrnsteinUhlenbeck, QuadrupleWell, Sphere, Torus

SEEDS = range(2000, 2005)  # nothing in the package was tuned on data of these seeds
N_DATA, N_PARTICLES, N_REFERENCE, N_FLOOR = 5000, 800, 10_000, 20
SIX = (0.05, 0.1, 0.15, 0.2, 0.25, 0.25)

Distances = dict[str, Callable[[Tensor], float]]
End = tuple[Tensor, float, int]  # particles, CPU seconds, steps


@dataclass(frozen=True)
class Problem:
    """A target, the box of its histogram, and the standard deviations of its starts."""

    title: str
    target: DoubleWell | QuadrupleWell | GaussianMixture
    box: tuple[float, float]
    near: float
    broad: float

    def start(self, kind: str, seed: int) -> Tensor:
        """``N_PARTICLES`` in one mode, in a broad or a twice as wide cloud, or uniform between the modes."""
        generator, dim = stream(seed, 2), self.target.dim
        if kind == "between":
            x = 4 * torch.rand(4 * N_PARTICLES, dim, dtype=torch.float64, generator=generator) - 2
            return x[torch.cdist(x, self.target.modes).amin(1) > 0.4][:N_PARTICLES]
        noise = torch.randn(N_PARTICLES, dim, dtype=torch.float64, generator=generator)
        starts = {
            "one mode": lambda: self.target.modes[0] + self.near * noise,
            "broad": lambda: self.broad * noise,
            "wide": lambda: 2 * self.broad * noise,
        }
        return starts[kind]()

    @property
    def distances(self) -> Distances:
        """To a large exact sample, to the density, and to the weights of the modes."""
        return _to_reference(self.target) | {
            "KL": lambda x: kl_histogram(x, self.target.log_prob, *self.box),
            "weights": lambda x: total_variation(mode_weights(x, self.target.modes), self.target.mode_weights),
        }


def _to_reference(target) -> Distances:
    reference = _reference(target)
    if target.dim > 1:
        return {"sliced W2": lambda x: sliced_wasserstein2(x, reference)}
    return {
        "W1": lambda x: float(wasserstein_distance(x[:, 0], reference[:, 0])),
        "W2": lambda x: sliced_wasserstein2(x, reference),  # on the line there is one direction
    }


def _ring(k: int, std: float, weights: tuple[float, ...] | None = None) -> Problem:
    title = f"Ring of {k}{', unequal weights' * bool(weights)}, standard deviation {std}"
    return Problem(title, GaussianMixture.ring(k, 3.0, std, weights), (-5.0, 5.0), 0.3, 2.0)


PROBLEMS = {
    "double-1": Problem("Double well on the line, beta 1", DoubleWell(1.0), (-2.2, 2.2), 0.15, 1.0),
    "double-4": Problem("Double well on the line, beta 4", DoubleWell(4.0), (-2.2, 2.2), 0.15, 1.0),
    "well-1": Problem("Quadruple well, beta 1", QuadrupleWell(1.0), (-2.2, 2.2), 0.2, 1.0),
    "well-4": Problem("Quadruple well, beta 4", QuadrupleWell(4.0), (-2.2, 2.2), 0.2, 1.0),
    "well-8": Problem("Quadruple well, beta 8", QuadrupleWell(8.0), (-2.2, 2.2), 0.2, 1.0),
    "ring8-0.5": _ring(8, 0.5),
    "ring8-0.4": _ring(8, 0.4),
    "ring8-0.3": _ring(8, 0.3),
    "ring6-0.7": _ring(6, 0.7, SIX),
    "ring6-0.4": _ring(6, 0.4, SIX),
}
MANIFOLDS = {"torus": Torus(), "sphere": Sphere()}


@cache
def _reference(target) -> Tensor:
    return target.sample(N_REFERENCE, stream(0, 8))


@cache
def floors(name: str) -> dict[str, float]:
    """Mean and spread of each distance over fresh exact samples as large as the set of particles."""
    if name in MANIFOLDS:
        target, distances = MANIFOLDS[name], _to_reference(MANIFOLDS[name])
    else:
        target, distances = PROBLEMS[name].target, PROBLEMS[name].distances
    found = {}
    for distance, read in distances.items():
        mean, sd = noise_floor(read, target.sample, N_PARTICLES, repeats=N_FLOOR, generator=stream(0, 9))
        found |= {f"{distance} floor": mean, f"{distance} floor sd": sd}
    return found


# The methods. Each takes what it may know, the start and a seed; "CPU s" includes every fit.


@cache
def data(target: str, seed: int) -> Tensor:
    """The sample that methods without a formula are given."""
    return PROBLEMS[target].target.sample(N_DATA, stream(seed, 0))


def fit(x: Tensor, seed: int, manifold=None) -> Spectrum:
    """The package's default spectrum of data."""
    return GeneratorEDMD(MultiScale.from_data(x, generator=stream(seed, 1)), manifold=manifold).fit(x).spectrum()


def moved(method, x0: Tensor, steps: int, seed: int) -> Tensor:
    """The particles after so many steps; not numbers where the run diverged, whose last state proves nothing."""
    options = {"n_steps": steps, "record_every": steps, "generator": stream(seed, 3)}
    run = run_particles(method, x0, verbose=False, **options)
    return torch.full_like(run.final, math.nan) if run.diverged else run.final


@cache
def damped(target: str, start: str, seed: int) -> End:
    """KSWGD with every default."""
    x0 = PROBLEMS[target].start(start, seed)
    return *timed(lambda: moved(KSWGD(fit(data(target, seed), seed)), x0, 60, seed)), 60


PAPERS = {"damping": math.inf, "step_size": 0.5, "max_move": 0.1}


def papers(target: str, start: str, seed: int, max_move: float = PAPERS["max_move"]) -> End:
    """KSWGD in the paper's metric on the same spectrum."""
    x0, options = PROBLEMS[target].start(start, seed), PAPERS | {"max_move": max_move}
    return *timed(lambda: moved(KSWGD(fit(data(target, seed), seed), **options), x0, 200, seed)), 200


def ladder(target: str, start: str, seed: int) -> End:
    """The paper's metric down a ladder of spectra, 50 steps a level."""
    x0, levels = PROBLEMS[target].start(start, seed), (0.66, 0.33, 0.16, 0.08, 0.0)
    if target.startswith("well"):
        levels = (0.4, 0.2, 0.1, 0.0)

    def run() -> Tensor:
        rungs = Ladder.from_data(data(target, seed), levels=levels, generator=stream(seed, 1), **PAPERS)
        return moved(rungs, x0, 50 * len(levels), seed)

    return *timed(run), 50 * len(levels)


def rival(
    kind: type, knows: str, sizes: tuple[float, ...], target: str, start: str, seed: int, *, steps: int = 0
) -> End:
    """The best of three step sizes, each given ``steps`` steps, or as many CPU seconds as KSWGD took with its fit."""
    x0, score = PROBLEMS[target].start(start, seed), PROBLEMS[target].target.score
    if knows == "data":
        score = kde_score(data(target, seed))
    methods = [kind(score, step_size=size) for size in sizes]
    if steps:
        ends = [(*timed(lambda method=method: moved(method, x0, steps, seed)), steps) for method in methods]
    else:
        ends = [within(damped(target, start, seed)[1], method, x0, seed) for method in methods]
    return min(ends, key=lambda end: sliced_w2(target, end[0]))


def within(seconds: float, method, x: Tensor, seed: int) -> End:
    """The particles, the seconds and the number of steps when the CPU seconds are used up or the particles lost."""
    state, steps, generator, started = method.init(x), 0, stream(seed, 3), time.process_time()
    while (used := time.process_time() - started) < seconds and bool(x.isfinite().all()):
        x, state, _ = method.step(x, state, progress=0.0, generator=generator)
        steps += 1
    return x, used, steps


def sliced_w2(target: str, x: Tensor) -> float:
    """To the exact sample; infinite for particles that are lost."""
    return sliced_wasserstein2(x, _reference(PROBLEMS[target].target)) if bool(x.isfinite().all()) else math.inf


def resampled(target: str, start: str, seed: int) -> End:
    """The free rival: points of the data, drawn again, with noise of half of Silverman's bandwidth."""
    x, generator = data(target, seed), stream(seed, 3)
    bandwidth = 0.5 * float(x.std(0).mean()) * (4 / ((x.shape[1] + 2) * len(x))) ** (1 / (x.shape[1] + 4))
    chosen = x[torch.randint(len(x), (N_PARTICLES,), generator=generator)]
    return chosen + bandwidth * torch.randn(chosen.shape, dtype=x.dtype, generator=generator), 0.0, 0


ULA_STEPS, SVGD_STEPS = (0.003, 0.01, 0.03), (0.1, 0.5, 2.0)
OURS = {
    "KSWGD, damped": damped,
    "KSWGD, paper": papers,
    "KSWGD, paper, wide limiter": partial(papers, max_move=0.25),
    "KSWGD, paper, ladder": ladder,
}
RIVALS = {
    "ULA, true score, equal CPU": partial(rival, ULA, "score", ULA_STEPS),
    "ULA, true score, 300 steps": partial(rival, ULA, "score", ULA_STEPS, steps=300),
    "ULA, KDE score, equal CPU": partial(rival, ULA, "data", ULA_STEPS),
    "SVGD, true score, equal CPU": partial(rival, SVGD, "score", SVGD_STEPS),
    "data resampled": resampled,
}


# What the rows compute


def particles(seed: int, target: str, method: str, start: str) -> dict[str, float]:
    """The distances at the end of a run, and a rival's as a multiple of KSWGD's from the same start."""
    x, seconds, steps = (OURS | RIVALS)[method](target, start, seed)
    finite = bool(x.isfinite().all())
    found = {name: read(x) if finite else math.inf for name, read in PROBLEMS[target].distances.items()}
    if method in RIVALS:
        found["over KSWGD"] = sliced_w2(target, x) / sliced_w2(target, damped(target, start, seed)[0])
    return {**found, "CPU s": seconds, "steps": steps, **floors(target)}


def surface(seed: int, manifold: str, projected: str) -> dict[str, float]:
    """From a patch of a surface: the distance to its uniform law, and how far off it any particle ever was."""
    ground = MANIFOLDS[manifold]
    x0 = _patch(ground, torch.randn(N_PARTICLES, 3, dtype=torch.float64, generator=stream(seed, 2)))
    started = time.process_time()
    spectrum = fit(ground.sample(3000, stream(seed, 0)), seed, ground if projected == "yes" else None)
    run = run_particles(KSWGD(spectrum), x0, generator=stream(seed, 3), verbose=False)
    seconds = time.process_time() - started
    path = run.particles.flatten(0, 1)
    return {
        "sliced W2": sliced_wasserstein2(run.final, _reference(ground)),
        "off surface": float((path - ground.project(path)).norm(dim=1).max()),
        "CPU s": seconds,
        **floors(manifold),
    }


def _patch(ground: Torus | Sphere, noise: Tensor) -> Tensor:
    if isinstance(ground, Torus):
        return ground.from_angles(0.3 * noise[:, 0], 0.3 * noise[:, 1])
    return ground.project(0.2 * noise + torch.eye(3, dtype=torch.float64)[2])


def circle(seed: int, metric: str, pairs: int = 10) -> dict[str, float]:
    """From an arc, with exact eigenfunctions: mean angle by which 500 particles miss even spacing."""
    ground, n = Circle(), 500

    def phi(x: Tensor) -> Tensor:
        angle = ground.angles(x)[:, None] * torch.arange(1, pairs + 1)
        return math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], dim=2).flatten(1)

    exact = Spectrum.from_functions(ground.exact_rates(2 * pairs), phi, manifold=ground)
    angle = 0.3 * torch.randn(n, dtype=torch.float64, generator=stream(seed, 2))
    x0 = torch.stack([angle.cos(), angle.sin()], dim=1)
    x = moved(KSWGD(exact, damping=1.0 if metric == "damped" else math.inf), x0, 200, seed)
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


# The rows

AT_THE_FLOOR = Band("sliced W2", 1.0, "sliced W2 floor"), Band("KL", 1.25, "KL floor"), Band("weights", 0.03)
ON_THE_LINE = Band("W1", 1.3, "W1 floor"), Band("weights", 0.03)
WITH_LADDER = Band("sliced W2", 1.3, "sliced W2 floor"), Band("weights", 0.03)
ON_THE_SURFACE = Band("sliced W2", 1.2, "sliced W2 floor"), Band("off surface", 1e-10)
BEHIND = {
    name: (Band("over KSWGD", 3.0, at_least=True),)
    for name in (
        "well-4 ULA, true score, 300 steps",
        "well-4 ULA, KDE score, equal CPU",
        "well-8 ULA, true score, equal CPU",
    )
}


def run_row(target: str, method: str, start: str, *bands: Band) -> Row:
    """A row of :func:`particles`."""
    parameters = {"target": target, "method": method, "start": start}
    id = re.sub(r"[^a-z0-9.-]+", "-", f"{target}.{method.lower()}.{start}")
    return Row(id, PROBLEMS[target].title, particles, parameters, SEEDS, bands)


def rows_on(target: str) -> Iterator[Row]:
    """KSWGD from every start, the paper's metric and the rivals from one mode."""
    flat = target.startswith("double")
    starts = ("one mode", "broad", "wide") + ("between",) * (target in ("well-1", "well-4"))
    for start in starts:
        yield run_row(target, "KSWGD, damped", start, *(ON_THE_LINE if flat else AT_THE_FLOOR))
    yield run_row(target, "KSWGD, paper", "one mode")
    yield run_row(target, "KSWGD, paper, wide limiter", "one mode")
    if target.startswith("ring") or target == "well-8":
        yield run_row(target, "KSWGD, paper, ladder", "one mode", *WITH_LADDER)
    if target in ("well-4", "well-8", "ring8-0.3"):
        for method in RIVALS:
            if "300 steps" not in method or target == "well-4":
                yield run_row(target, method, "one mode", *BEHIND.get(f"{target} {method}", ()))
    if target == "ring8-0.3":  # where nothing has to cross between modes Langevin dynamics is quick
        yield run_row(target, "ULA, true score, equal CPU", "wide")


def surface_row(manifold: str, projected: str, bands: tuple[Band, ...]) -> Row:
    """A row of :func:`surface`."""
    start = {"torus": "patch", "sphere": "cap"}[manifold]
    title = f"{manifold.capitalize()}, uniform law, from a {start}, 3,000 data"
    parameters = {"manifold": manifold, "projected": projected}
    return Row(f"{manifold}.{start}.projected-{projected}", title, surface, parameters, SEEDS, bands)


RATES_OU = "Ornstein-Uhlenbeck process on the line, rates 1, 2, 3, polynomials of degree 3, 130,000 data"
RATES_WELL = "Quadruple well, beta 1, rates 1 to 3, default dictionary, 10,000 data"
CIRCLE = "Circle from an arc, ten pairs of exact eigenfunctions, 500 particles, 200 steps"

EXPERIMENT = Experiment(
    title="KSWGD and its rivals",
    about=(
        "Particles after Koopman spectral Wasserstein gradient descent (arXiv 2512.18837). Unless a row says "
        "otherwise: 5,000 exact samples are the data, from which the package's default dictionary and GeneratorEDMD "
        "learn the spectrum; 800 particles; *damped* is the package's default (60 steps), *paper* the paper's metric "
        "(200 steps of size 0.5, none longer than a tenth of the data's size, or than a quarter of it: *wide limiter*; "
        "*ladder*: 50 steps on each of a ladder of spectra).\n\n"
        "Sliced W2 is to 10,000 exact samples, KL that of a histogram of 24 cells a side from the density, weights the "
        "total variation of the shares of the modes. The noise floor is what as many independent exact samples "
        "score, mean ± standard deviation over 20 draws. A result below it comes from particles more regular than "
        "independent ones; KSWGD carries them to the data, whose error they keep.\n\n"
        "*Equal CPU* gives a rival the seconds of KSWGD from the same start, fit included; each rival counts with the "
        "best of three step sizes; *over KSWGD* is its sliced W2 over that of KSWGD, damped. *Data resampled* draws "
        "from the data and adds noise of half of Silverman's bandwidth: whoever has samples has this for free."
    ),
    rows=[
        *(row for target in PROBLEMS for row in rows_on(target)),
        surface_row("torus", "yes", ON_THE_SURFACE),
        surface_row("torus", "no", ()),
        surface_row("sphere", "yes", ON_THE_SURFACE),
        surface_row("sphere", "no", ()),
        *(
            Row(f"circle.exact.{metric}", CIRCLE, circle, {"metric": metric}, SEEDS, (Band("angle error", 0.05),))
            for metric in ("damped", "paper")
        ),
        *(
            Row(
                f"ou.rates.{name.lower()}",
                RATES_OU,
                ou_rates,
                {"estimator": name},
                SEEDS,
                (Band("relative rms error", 0.03),),
            )
            for name in ("GeneratorEDMD", "EDMD")
        ),
        Row("well-1.rates", RATES_WELL, well_rates, {"target": "well-1"}, SEEDS, (Band("relative error", 0.1),)),
    ],
)
