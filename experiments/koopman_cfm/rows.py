"""What the rows of the experiment on Koopman-CFM compute, one function a table."""

from __future__ import annotations

from functools import cache, partial

import torch

from experiments.koopman_cfm.measures import converged, distances, errors, floors_of, reference, way_back
from experiments.koopman_cfm.samplers import (
    DETAIL,
    SAMPLERS,
    STAGES,
    TIMES,
    cfm,
    consistent,
    evaluations_first,
    law,
    linear,
    noise,
    teacher,
)
from experiments.machinery.common import cpu_ms, rms, stream, timed
from koopteach.flow_matching import MixtureFlow, straightness
from koopteach.koopman_flow import Diagnosis, KoopmanFlow, fit_time_functions, teacher_paths
from koopteach.koopman_flow.sampling import TILE
from koopteach.metrics import sliced_wasserstein2

N_TIMED = 10_000


def samples(seed: int, toy: str, method: str) -> dict[str, float]:
    """Errors against the flow it follows, distances to the law, seconds."""
    sampler = SAMPLERS[method](toy, seed)
    found, x = errors(sampler, seed), sampler.end(noise(seed))
    found |= {name: read(x) for name, read in distances(toy).items()}
    found["above teacher"] = found["sliced W2"] - sliced_wasserstein2(
        converged(sampler.follows, seed)[-1], reference(toy)
    )
    found["training CPU s"] = sampler.seconds
    start = noise(seed, N_TIMED)
    return {**found, "NFE": sampler.nfe, "CPU ms": cpu_ms(lambda: sampler.end(start))[0], **floors_of(toy)}


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
        "inverse": way_back(linear((student, seconds)), seed),
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
    """One pair's coefficients by a network two thirds as wide: half of the products."""
    student = KoopmanFlow(teacher(toy, seed), n_pairs=1, net={"width": 64, **DETAIL.get(toy, {})})
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
        ours, theirs, third = cpu_ms(*works, adaptive, repeats=3)
        beside = {"dopri5 NFE": flow.nfe, "dopri5 CPU ms": third, "times dopri5": third / ours}
    else:
        ours, theirs, third = cpu_ms(*works, lambda: [solve(part) for part in x0.split(TILE)], repeats=3)
        beside = {"times faster / NFE": theirs / ours / evaluations, "solver in tiles CPU ms": third}
    return {**found, "CPU ms": ours, "solver CPU ms": theirs, "times faster": theirs / ours, **beside}


def cheapest(toy: str, seed: int) -> tuple[str, int, float]:
    """The fewest evaluations whose sliced W2 is within one standard deviation of the floor of the converged one."""
    flow, exact = teacher(toy, seed), reference(toy)
    enough = sliced_wasserstein2(converged(flow, seed)[-1], exact) + floors_of(toy)["sliced W2 floor sd"]
    for solver, steps in evaluations_first(64):
        distance = sliced_wasserstein2(flow.transport(noise(seed), solver=solver, steps=steps), exact)
        if distance <= enough:
            return solver, steps, distance
    raise RuntimeError(f"no solver of up to 64 evaluations is as good as the converged one on {toy}")
