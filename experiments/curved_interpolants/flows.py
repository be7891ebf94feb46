"""The flows in the plane that the experiment on curved interpolants compares, and what is measured of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from experiments.curved_interpolants.families import ConditionalAffine, CouplingChart
from experiments.machinery.common import at_each, exact_draws, floors, reflowed, stream, timed
from koopteach.flow_matching import Flow, FlowMatching, FourierNet, straightness
from koopteach.interpolants import (
    ConvexChart,
    CurvedInterpolant,
    Interpolant,
    LearnedSchedule,
    LinearInterpolant,
    TrigonometricInterpolant,
    fit_convex_map,
    geodesic_schedule,
    straighten,
)
from koopteach.interpolants.coded import CodedFlow
from koopteach.interpolants.convex import ConvexMap
from koopteach.metrics import sliced_wasserstein2, wasserstein2
from koopteach.targets import toys

# Noise (None for N(0, I)) and data.
PROBLEMS = {
    "gaussian to moons": (None, "moons"),
    "eight gaussians to moons": ("eight_gaussians", "moons"),
    "gaussian to checkerboard": (None, "checkerboard"),
}
TARGETS = {law for _, law in PROBLEMS.values()}
# Standard deviations along the axes at which the field draws these laws: eight modes at radius 2, cells of side 1,
# and moons half as large again as scikit-learn's.
SIZES = {"moons": (1.32, 0.74), "eight_gaussians": (1.43, 1.43), "checkerboard": (1.155, 1.155)}
EULER = (1, 2, 4, 8, 16, 100)
N_DATA, N_NOISE, N_REFERENCE, N_EXACT, N_PATHS = 20_000, 4000, 40_000, 400, 200
STEPS, BATCH = 2500, 256  # of every flow of the large table that does not race

Trained = tuple[Flow, float]  # and its CPU seconds


def sample(law: str, n: int, draw: torch.Generator) -> Tensor:
    """Exact samples of a toy, which has unit variance, at its size here."""
    return getattr(toys, law).sample(n, draw).float() * torch.tensor(SIZES[law])


def log_prob(x: Tensor) -> Tensor:
    """Of the eight Gaussians at their size, up to a constant."""
    return toys.eight_gaussians.to(x.dtype).log_prob(x / torch.tensor(SIZES["eight_gaussians"]).to(x))


def noise(problem: str, n: int, draw: torch.Generator) -> Tensor:
    """Start points."""
    law = PROBLEMS[problem][0]
    return torch.randn(n, 2, generator=draw) if law is None else sample(law, n, draw)


def target(problem: str, n: int, draw: torch.Generator) -> Tensor:
    """Exact samples."""
    return sample(PROBLEMS[problem][1], n, draw)


def train_set(problem: str, seed: int) -> tuple[Tensor, Tensor | None]:
    """Data, and samples of the noise where it is not N(0, I)."""
    x1 = target(problem, N_DATA, stream(seed, 0))
    return x1, None if PROBLEMS[problem][0] is None else noise(problem, N_DATA, stream(seed, 1))


def net(seed: int) -> FourierNet:
    """The network that all flows of a seed start from."""
    return FourierNet(2, generator=stream(seed, 2))


# How each flow is trained


def plain(coupling: str, problem: str, seed: int, steps: int = STEPS) -> Trained:
    """Flow matching on straight paths."""
    return fitted(FlowMatching(2, coupling=coupling, net=net(seed)), problem, seed, steps)


def fitted(
    flow: FlowMatching | CodedFlow,
    problem: str,
    seed: int,
    steps: int = STEPS,
    draw: torch.Generator | None = None,
) -> Trained:
    """A flow trained on a problem, by the stream of the seed, if no other is given."""
    x1, x0 = train_set(problem, seed)
    options = {"n_steps": steps, "batch": BATCH, "generator": draw or stream(seed, 3), "verbose": False}
    options["standardize"] = False  # the laws have unit variance
    return timed(lambda: flow.fit(x1, x0, **options))


def curved(
    paths: Interpolant,
    problem: str,
    seed: int,
    coupling: str = "independent",
    start: FourierNet | None = None,
    **options: Any,
) -> Trained:
    """Flow matching on an interpolant; from the network of the seed, if no other is given."""
    return fitted(CurvedInterpolant(paths, coupling=coupling, net=start or net(seed)), problem, seed, **options)


def geodesic(problem: str, seed: int) -> Trained:
    """On the schedule of least energy, whose quadrature counts."""
    (x1, x0), draw = train_set(problem, seed), stream(seed, 3)
    density = None if x0 is None else log_prob
    found, before = timed(lambda: geodesic_schedule(x1, x0, log_prob=density, generator=draw))
    flow, seconds = curved(found.schedule, problem, seed, draw=draw)
    return flow, before + seconds


# Fewer steps than the package's own: every second counts in the race.
MAP = {"pair_steps": 250, "likelihood_steps": 100}


@cache
def law_map(law: str, seed: int) -> tuple[ConvexMap, float]:
    """From N(0, I) to a law in the plane."""
    x = sample(law, N_DATA, stream(seed, 0 if law in TARGETS else 1))
    return timed(lambda: fit_convex_map(x, generator=stream(seed, 4), verbose=False, **MAP))


def maps(problem: str, seed: int) -> tuple[list[ConvexMap], float]:
    """From N(0, I) to the data and, where that is something else, to the noise: what all convex charts share."""
    noise_law, law = PROBLEMS[problem]
    found = [law_map(name, seed) for name in (law, noise_law) if name is not None]
    return [convex for convex, _ in found], sum(seconds for _, seconds in found)


def second(problem: str, seed: int) -> Trained:
    """A flow on the pairs that the linear one makes."""
    options = {"n_steps": STEPS, "batch": BATCH, "generator": stream(seed, 5)}
    return reflowed(curved(LinearInterpolant(2), problem, seed), net=net(seed), **options)


def descended(make: Callable[..., Interpolant], options: dict[str, Any], problem: str, seed: int) -> Trained:
    """A family trained on the acceleration of its field, as the paper does it, and a flow on it."""
    x1, x0 = train_set(problem, seed)
    source = {} if x0 is None else {"log_prob": log_prob}
    draw = stream(seed, 4)
    family = make(generator=draw)
    found, before = timed(lambda: straighten(family, x1, x0, generator=draw, verbose=False, **source, **options))
    flow, seconds = curved(family, problem, seed)
    flow.descent = found
    return flow, before + seconds


def charted(make: Callable[..., Interpolant], problem: str, seed: int, **options: Any) -> Trained:
    """A flow on a chart of the shared maps, whose seconds count."""
    both, before = maps(problem, seed)
    flow, seconds = curved(make(*both), problem, seed, **options)
    return flow, before + seconds


def coded(make: type[CodedFlow], problem: str, seed: int, **options: Any) -> Trained:
    """A flow between the codes of the shared maps."""
    both, before = maps(problem, seed)
    flow, seconds = fitted(make(*both, net=net(seed)), problem, seed, **options)
    return flow, before + seconds


def straight_inside(*both: ConvexMap) -> ConvexChart:
    """The convex chart for pairs of optimal transport, which a rotation would tear apart."""
    return ConvexChart(*both, inner=LinearInterpolant(2))


# Families trained on the acceleration of their fields, with what departs from the package's choices.
DESCENTS: dict[str, tuple[Callable[..., Interpolant], dict[str, Any]]] = {
    "schedule": (lambda generator: LearnedSchedule(2), {}),
    "conditional affine": (partial(ConditionalAffine, 2), {"lr": 3e-3, "batch": 96, "pool": 192, "n_steps": 150}),
    "chart": (partial(CouplingChart, 2), {"lr": 3e-3, "n_steps": 300, "lam_ke": 0.3, "h": 0.02}),
}

METHODS: dict[str, Callable[[str, int], Trained]] = {
    "linear": partial(curved, LinearInterpolant(2)),
    "trigonometric": partial(curved, TrigonometricInterpolant(2)),
    "geodesic schedule": geodesic,
    "one convex chart": lambda problem, seed: curved(ConvexChart(maps(problem, seed)[0][0]), problem, seed),
    "convex chart": partial(charted, ConvexChart),
    "convex chart, latent transport pairs": partial(charted, straight_inside, coupling="local"),
    **{f"{name} by descent": partial(descended, *made) for name, made in DESCENTS.items()},
    "trigonometric, transport pairs": partial(curved, TrigonometricInterpolant(2), coupling="local"),
    "linear + reflow": second,
}


# What is measured


@cache
def reference(problem: str) -> Tensor:
    return target(problem, N_REFERENCE, stream(0, 8))


def exact_w2(problem: str, x: Tensor) -> float:
    """W2 of the first points to as many."""
    return wasserstein2(x[:N_EXACT], reference(problem)[:N_EXACT])


def sliced(x: Tensor, y: Tensor) -> float:
    return sliced_wasserstein2(x, y, n_projections=64)


def structure(problem: str, x: Tensor) -> float:
    """The share of the points that lie where the target's own do."""
    law = PROBLEMS[problem][1]
    return getattr(toys, law).structure(x / torch.tensor(SIZES[law]))


@cache
def floors_of(problem: str) -> dict[str, float]:
    """Mean and spread of both distances over exact samples."""
    exact = partial(target, problem)
    found = floors(lambda x: {"SW2": sliced(x, reference(problem))}, exact_draws(exact, N_NOISE, repeats=10))
    found |= floors(lambda x: {"W2": exact_w2(problem, x)}, exact_draws(exact, N_EXACT, repeats=10))
    return at_each(EULER, found)


def few_steps(flow: Flow, x0: Tensor, problem: str) -> dict[str, float]:
    """Both distances at every number of Euler steps."""
    ends = {k: flow.transport(x0, solver="euler", steps=k) for k in EULER}
    found = {f"SW2 at {k}": sliced(x, reference(problem)) for k, x in ends.items()}
    return found | {f"W2 at {k}": exact_w2(problem, x) for k, x in ends.items()}


def deviation(flow: Flow, x0: Tensor) -> float:
    """S; of a coded flow between its codes, where it steps."""
    if isinstance(flow, CodedFlow):
        flow, x0 = flow.between, flow.noise_code(x0)
    return straightness(flow, x0, n_times=33).deviation


def judged(flow: Flow, seconds: float, problem: str, seed: int) -> dict[str, float]:
    """Straightness, distances, seconds, and how much the flow itself tells that is wrong with it."""
    x0 = noise(problem, N_NOISE, stream(seed, 6))
    found = {"S": deviation(flow, x0[:N_PATHS]), **few_steps(flow, x0, problem), "training CPU s": seconds}
    x1, draw = train_set(problem, seed)[0], stream(seed, 7)
    if isinstance(flow, CodedFlow):
        found["warnings"] = float(len(flow.diagnose(x1, generator=draw)))
    elif isinstance(flow, CurvedInterpolant):
        told = flow.diagnose(x1, descent=getattr(flow, "descent", None), generator=draw)
        found["warnings"] = float(len(told))
    return found | floors_of(problem)


def flow_row(seed: int, problem: str, method: str) -> dict[str, float]:
    """One method of the large table."""
    return judged(*METHODS[method](problem, seed), problem, seed)
