"""Koopman-CFM (arXiv 2506.22304) and its rivals: four laws in the plane, each sampler beside the flow it imitates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from koopteach.flow_matching import Flow, MixtureFlow, straightness
from koopteach.koopman_flow import Diagnosis, KoopmanFlow, fit_time_functions, teacher_paths
from koopteach.koopman_flow.sampling import TILE
from koopteach.metrics import noise_floor, sliced_wasserstein2, wasserstein2
from koopteach.reproduce._flow_samplers import (
    COUPLING,
    DETAIL,
    N_NOISE,
    SAMPLERS,
    STAGES,
    TIMES,
    Sampler,
    cfm,
    consistent,
    law,
    linear,
    noise,
    regressed,
    stream,
    teacher,
    timed,
)
from koopteach.reproduce.experiment import Band, Experiment, Row

SEEDS = range(3000, 3001)  # nothing in the package was tuned on data of this seed
N_EXACT, N_REFERENCE, N_TIMED = 1000, 10_000, 10_000


# What is measured


@cache
def reference(toy: str) -> Tensor:
    return law(toy).sample(N_REFERENCE, stream(0, 8)).float()


def distances(toy: str) -> dict[str, Callable[[Tensor], float]]:
    """To fresh samples of the law, and the share of points that lie where the law does."""
    exact = reference(toy)
    return {
        "sliced W2": lambda x: sliced_wasserstein2(x, exact),
        "W2": lambda x: wasserstein2(x[:N_EXACT], exact[:N_EXACT]),
        "structure": law(toy).structure,
    }


@cache
def floors(toy: str) -> dict[str, float]:
    """Mean and spread of each distance over exact samples as large as the ones that are judged."""
    found = {}
    for name, read in distances(toy).items():
        draw = {"repeats": 10 if name == "W2" else 20, "generator": stream(0, 9)}
        mean, sd = noise_floor(read, lambda n, g: law(toy).sample(n, g).float(), N_NOISE, **draw)
        found |= {f"{name} floor": mean, f"{name} floor sd": sd}
    return found


@cache
def converged(flow: Flow, seed: int) -> Tensor:
    """The states ``(21, n, 2)`` of a flow from the shared noise, by 80 evaluations of Runge and Kutta's scheme."""
    return flow.trajectory(noise(seed), TIMES, solver="rk4", steps=20)


def cpu_ms(*works: Callable[[], Any], repeats: int = 5) -> list[float]:
    """The least CPU milliseconds of each, taking turns."""
    rounds = [[timed(work)[1] for work in works] for _ in range(repeats)]
    return [1000 * min(seconds) for seconds in zip(*rounds)]


def rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())


def errors(sampler: Sampler, seed: int) -> dict[str, float]:
    """Root mean square distance to the flow's states, relative to that of its end points."""
    true = converged(sampler.follows, seed)
    scale = rms(true[-1])
    found = {"end": rms(sampler.end(noise(seed)) - true[-1]) / scale}
    if sampler.path is not None:
        away = sampler.path(noise(seed)) - true
        found |= {"mid": rms(away[len(TIMES) // 2]) / scale, "path": rms(away) / scale}
    return found


def to_noise(x: Tensor) -> float:
    """Sliced W2 to normal noise."""
    return sliced_wasserstein2(x, torch.randn(N_REFERENCE, 2, generator=stream(0, 7)))


@cache
def noise_floors() -> dict[str, float]:
    """Mean and spread of :func:`to_noise` over fresh normal noise."""
    mean, sd = noise_floor(to_noise, lambda n, g: torch.randn(n, 2, generator=g), N_NOISE, generator=stream(0, 9))
    return {"inverse sliced W2 floor": mean, "inverse sliced W2 floor sd": sd}


def way_back(sampler: Sampler, seed: int) -> dict[str, float]:
    """From the teacher's end points: the error of the recovered noise, and its distance to normal noise."""
    back = sampler.student.invert(converged(sampler.follows, seed)[-1])
    return {"inverse": rms(back - noise(seed)), "inverse sliced W2": to_noise(back), **noise_floors()}


# What the rows compute


def samples(seed: int, toy: str, method: str) -> dict[str, float]:
    """Errors against the flow it follows, distances to the law, seconds."""
    sampler = SAMPLERS[method](toy, seed)
    found, x = errors(sampler, seed), sampler.end(noise(seed))
    found |= {name: read(x) for name, read in distances(toy).items()}
    found["above teacher"] = found["sliced W2"] - sliced_wasserstein2(
        converged(sampler.follows, seed)[-1], reference(toy)
    )
    if sampler.student is not None:
        found |= way_back(sampler, seed)
    found["training CPU s"] = sampler.seconds
    if method == "Koopman-CFM, coefficients":
        found["over direct"] = sampler.seconds / regressed(toy, seed)[0][1]
    start = noise(seed, N_TIMED)
    return {**found, "NFE": sampler.nfe, "CPU ms": cpu_ms(lambda: sampler.end(start))[0], **floors(toy)}


def coupling(seed: int, toy: str, pairs: str) -> dict[str, float]:
    """How straight a flow is, what few steps cost, and how well shared functions of time write its paths."""
    flow = MixtureFlow(law(toy)) if pairs == "exact" else cfm(toy, pairs, seed)[0]
    states = converged(flow, seed)
    few, many = (flow.transport(noise(seed), solver="midpoint", steps=steps) for steps in (4, 16))
    return {
        "deviation": straightness(flow, noise(seed, 1000)).deviation,
        "midpoint 4 over 16": sliced_wasserstein2(few, reference(toy)) / sliced_wasserstein2(many, reference(toy)),
        **{f"floor, {k} pairs": fit_time_functions(states, TIMES, k)[2] for k in (0, 1, 2)},
    }


def acceptance(seed: int, recipe: str) -> dict[str, float]:
    """A student of the moons by the paper's training, and the sums by which it would be judged."""
    toy = "moons"
    student, seconds = consistent(toy, recipe, seed)
    told = student.diagnose(noise(seed), verbose=False)
    x, exact = student.transport(noise(seed)), converged(student.teacher, seed)[-1]
    return {
        **_told(told),
        "above teacher": sliced_wasserstein2(x, reference(toy)) - sliced_wasserstein2(exact, reference(toy)),
        "inverse": way_back(linear((student, seconds)), seed)["inverse"],
        "last loss": float(student.training.losses[-1]),
        **_beside_paper(student, told, recipe, seed),
        "training CPU s": seconds,
    }


def _told(told: Diagnosis) -> dict[str, float]:
    errors = {"end": told.end, "mid": told.mid, "path": told.path}
    return {**errors, "residual": told.residual, "raw residual": told.raw_residual, "spread": told.spread}


def _beside_paper(student: KoopmanFlow, told: Diagnosis, recipe: str, seed: int) -> dict[str, float]:
    """For a second start of the spectrum: its path error over the first's, and how far the eigenvalues lie apart."""
    if "started" not in recipe:
        return {}
    first = consistent("moons", "paper", seed)[0]
    gap = (student.rates[:, None] - first.rates).abs().amin(dim=1).max()
    return {"path over paper": told.path / first.diagnose(noise(seed)).path, "rates moved": float(gap)}


def identity(seed: int, recipe: str) -> dict[str, float]:
    """``z(x1, 1) - e^L z(x0, 0)`` against the integral of ``e^{(1-t)L} (Lie z - L z)``, 200 steps of the trapezoid."""
    student = consistent("moons", recipe, seed)[0]
    paths = teacher_paths(student.teacher, noise(seed, 500), n_times=201, solver="rk4", steps=200)
    lifting, h = student.lifting, 1 / 200
    with torch.no_grad():
        sums, ends = 0.0, []
        for j, t in enumerate(paths.times.tolist()):
            z, rate = lifting.rate(paths.states[j], torch.full((500, 1), t), paths.velocities[j])
            residual = lifting.evolve(rate - z @ lifting.generator().T, 1 - t).double()
            sums, ends = sums + (h / 2 if j in (0, 200) else h) * residual, [*ends[:1], z]
        error = (ends[1] - lifting.evolve(ends[0], 1.0)).double()
    return {"relative difference": float((sums - error).norm() / error.norm()), "lift error": rms(error)}


@cache
def narrow(toy: str, seed: int) -> tuple[KoopmanFlow, float]:
    """Coefficients by a network two thirds as wide: half of the products."""
    student = KoopmanFlow(teacher(toy, seed), net={"width": 64, **DETAIL.get(toy, {})})
    return timed(lambda: student.fit(generator=stream(seed, 4), verbose=False))


def speed(seed: int, toy: str, n: int) -> dict[str, float]:
    """CPU time of a one-step student against the solver with the fewest evaluations that lose no quality."""
    flow, (student, seconds), x0 = teacher(toy, seed), narrow(toy, seed), noise(seed, n)
    solver, steps, distance = cheapest(toy, seed)
    solve, evaluations = partial(flow.transport, solver=solver, steps=steps), STAGES[solver] * steps
    found = errors(linear((student, seconds)), seed)
    found["sliced W2"] = sliced_wasserstein2(student.transport(noise(seed)), reference(toy))
    found |= {"solver sliced W2": distance, "order": STAGES[solver], "NFE": evaluations}
    works = [lambda: student.transport(x0), lambda: solve(x0)]
    if n <= N_TIMED:
        adaptive = partial(flow.transport, x0, solver="dopri5", tolerance=1e-4)
        ours, theirs, third = cpu_ms(*works, adaptive)
        beside = {"dopri5 NFE": flow.nfe, "dopri5 CPU ms": third, "times dopri5": third / ours}
    else:
        ours, theirs, third = cpu_ms(*works, lambda: [solve(part) for part in x0.split(TILE)], repeats=3)
        beside = {"times faster / NFE": theirs / ours / evaluations, "solver in tiles CPU ms": third}
    return {**found, "CPU ms": ours, "solver CPU ms": theirs, "times faster": theirs / ours, **beside}


def cheapest(toy: str, seed: int) -> tuple[str, int, float]:
    """The fewest evaluations whose sliced W2 is within one standard deviation of the floor of the converged one."""
    flow, exact = teacher(toy, seed), reference(toy)
    enough = sliced_wasserstein2(converged(flow, seed)[-1], exact) + floors(toy)["sliced W2 floor sd"]
    settings = [(STAGES[solver] * steps, solver, steps) for solver in STAGES for steps in range(1, 65)]
    for _, solver, steps in sorted(settings, key=lambda setting: (setting[0], -STAGES[setting[1]])):
        distance = sliced_wasserstein2(flow.transport(noise(seed), solver=solver, steps=steps), exact)
        if distance <= enough:
            return solver, steps, distance
    raise RuntimeError(f"no solver of up to 64 evaluations is as good as the converged one on {toy}")


# The rows

FOLLOWS = tuple(Band(name, 0.03) for name in ("end", "mid", "path"))


def slug(*names: str) -> str:
    """An id of words."""
    return re.sub(r"[^a-z0-9]+", "-", ".".join(names).lower()).strip("-")


def goals(toy: str) -> tuple[Band, ...]:
    """Of regression on path coefficients."""
    return *FOLLOWS, Band("above teacher", 0.01 if toy == "spirals" else 0.004), Band("over direct", 1.3)


def bands(toy: str, method: str) -> tuple[Band, ...]:
    """What a sampler must keep; one Euler step on independent pairs must fail."""
    drawn = {"eight gaussians": (Band("structure", 0.75, at_least=True),)}
    drawn |= {name: (Band("sliced W2", 0.06),) for name in ("moons", "checkerboard")}
    drawn["checkerboard"] += (Band("structure", 0.8, at_least=True),)
    held = {
        "teacher, midpoint 8": drawn.get(toy, ()),
        "teacher, Euler 1": (Band("sliced W2", 0.8, at_least=True),) * (COUPLING[toy] == "independent"),
        "OT-CFM, Euler 4": (Band("sliced W2", 0.07),),
        "Koopman-CFM, coefficients": goals(toy),
    }
    return held.get(method, ())


# What takes longest is trained on the other laws alone.
LEFT_OUT = {
    "eight gaussians": ("OT-CFM", "consistency"),
    "checkerboard": ("OT-CFM", "consistency"),
    "spirals": ("of OT-CFM", "consistency", "reflow"),
}


def sample_rows(toy: str) -> Iterator[Row]:
    """Every sampler on one law; the teacher of the spirals is a flow of optimal-transport pairs itself."""
    title = f"{toy.capitalize()}, teacher with {COUPLING[toy].replace('ot', 'optimal-transport')} pairs"
    for method in SAMPLERS:
        if not any(part in method for part in LEFT_OUT.get(toy, ())):
            yield Row(slug(toy, method), title, samples, {"toy": toy, "method": method}, SEEDS, bands(toy, method))


CURVED = Band("deviation", 1.0, at_least=True), Band("floor, 1 pairs", 0.02)
FLOW_BANDS = {
    "independent": (*CURVED, Band("midpoint 4 over 16", 1.3)),
    "ot": (Band("deviation", 0.1), Band("floor, 0 pairs", 0.015)),
    "exact": CURVED,  # in closed form, without any training
}


def flow_rows() -> Iterator[Row]:
    flows = [*COUPLING.items(), ("moons", "ot"), ("eight gaussians", "exact")]
    for toy, pairs in flows:
        parameters, title = {"toy": toy, "pairs": pairs}, "How straight the flows are"
        yield Row(slug("flow", toy, pairs), title, coupling, parameters, SEEDS, FLOW_BANDS[pairs])


ACCEPTED = {
    "balanced": (Band("end", 0.06), Band("mid", 0.05), Band("path", 0.06), Band("inverse", 0.4)),
    "paper": (Band("end", 0.1), Band("path", 0.1), Band("above teacher", 0.025)),
    "path": (Band("path", 0.04), Band("mid", 0.03)),
    "target alone": (Band("mid", 0.2, at_least=True), Band("end", 0.08)),
    "consistency alone": (Band("mid", 0.06), Band("end", 0.09, at_least=True)),
    "paper, no pair": (Band("path", 0.12, at_least=True),),
    "paper, one pair": (Band("path", 0.08),),
    "paper, started at 0.5i and 5i": (Band("path over paper", 1.5), Band("rates moved", 0.5, at_least=True)),
    "free generator, consistency and phase": (Band("last loss", 1e-5), Band("spread", 0.1)),
    "free generator, autoencoder": (Band("raw residual", 0.02), Band("residual", 0.5, at_least=True)),
}


def acceptance_rows() -> Iterator[Row]:
    title = "Moons, the paper's training and what fails of it"
    for recipe, promised in ACCEPTED.items():
        yield Row(slug("moons.recipe", recipe), title, acceptance, {"recipe": recipe}, SEEDS, promised)
    title, exact = "The error is the propagated residual", (Band("relative difference", 1e-3),)
    yield Row("moons.identity", title, identity, {"recipe": "balanced"}, SEEDS, exact)


SPEEDS = {
    10_000: (*FOLLOWS, Band("times faster", 10.0, at_least=True), Band("times dopri5", 80.0, at_least=True)),
    100_000: (*FOLLOWS, Band("times faster / NFE", 1.5, at_least=True)),
}


def speed_rows() -> Iterator[Row]:
    """Only for flows of independent pairs: with those of optimal transport a few Euler steps are enough."""
    for n, names in ((10_000, ("moons", "eight gaussians", "checkerboard")), (100_000, ("moons",))):
        for toy in names:
            parameters, title = {"toy": toy, "n": n}, f"Speed at {n:,} samples, student of width 64"
            yield Row(slug("speed", toy, str(n)), title, speed, parameters, SEEDS, SPEEDS[n])


EXPERIMENT = Experiment(
    title="Koopman-CFM: one-step sampling, states on the way, and the paper's training",
    about=(
        "Four laws in the plane of unit variance. A teacher (flow matching; the heading says with which pairs) carries "
        "normal noise to the law. One-step samplers learn from 12,000 of its paths: *direct regression* the end from "
        "the start, *Koopman-CFM* the whole path, from one evaluation of a network and a matrix exponential, by "
        "regression on path *coefficients* or by the *consistency* of arXiv 2506.22304. All start from the same 4,000 "
        "points of noise.\n\n"
        "*End*, *mid* and *path* are root mean square distances to the states of the flow that a sampler follows, at "
        "t = 1, at t = 1/2 and over 21 times, relative to the size of that flow's end points; between two steps of a "
        "solver its state lies on the line that joins them. OT-CFM is compared with itself in small steps, all "
        "others with the teacher; a reflow is meant to have other paths, so that only its end counts. Sliced W2 is to "
        "10,000 fresh samples, W2 of 1,000 points to as many, *structure* the share of points where the law has its "
        "own; the noise floor is what independent exact samples score, mean ± standard deviation over 20 draws (10 "
        "for W2). *Above teacher* is the difference of sliced W2 to that of the followed flow in small steps, for the "
        "same noise. *Inverse* is the error of the noise that the student finds back from the teacher's end points, "
        "*inverse sliced W2* its distance to normal noise. Training seconds are those of the sampler alone for what "
        "has a teacher, of the whole flow for OT-CFM; *CPU ms* is for 10,000 samples.\n\n"
        "Under *the paper's training*, *balanced* is as in the first table, the other recipes have 1,000 steps on "
        "4,000 paths; some must fail, and their bands say so. Speed is against the fewest evaluations whose sliced W2 "
        "is within one standard deviation of the floor of the converged one. Everything is of one seed, and seconds "
        "were taken on a busy machine: those of different rows may differ twofold for that reason alone. Only *over "
        "direct* and the speeds compare runs side by side.\n\n"
        "How to read it: for the end point alone direct regression is about as good as the lift at about the same "
        "cost; the lift adds the states on the way, a way back and modes. The noise found back is "
        "near normal noise, but not at its floor. One Euler step fails where pairs are independent, and two midpoint "
        "steps are not enough there either. With pairs of optimal transport four Euler steps do without any student, "
        "at the price of a longer training. No number is enough alone: one Euler step on the checkerboard leaves "
        "nearly all points in the middle, where widened cells meet, and passes the test of structure. At 100,000 "
        "samples a part of the speed comes from working in tiles, from which a solver gains as well."
    ),
    rows=[
        *(row for toy in COUPLING for row in sample_rows(toy)),
        *flow_rows(),
        *acceptance_rows(),
        *speed_rows(),
    ],
)
