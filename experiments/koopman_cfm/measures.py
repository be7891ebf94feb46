"""What a sampler is measured by: errors against the flow it follows, distances to the law, the way back."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from torch import Tensor

from experiments.koopman_cfm.samplers import N_NOISE, TIMES, Sampler, law, noise
from experiments.machinery.common import exact_draws, floors, read, rms, stream
from koopteach.flow_matching import Flow
from koopteach.metrics import sliced_wasserstein2, wasserstein2

N_EXACT, N_REFERENCE = 1000, 10_000


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
def floors_of(toy: str) -> dict[str, float]:
    """Mean and spread of each distance over exact samples as large as the ones that are judged."""
    judges, found = distances(toy), {}
    slow = {"W2": judges.pop("W2")}
    for some, repeats in ((judges, 20), (slow, 10)):
        draws = exact_draws(lambda n, g: law(toy).sample(n, g).float(), N_NOISE, repeats)
        found |= floors(lambda x, some=some: read(some, x), draws)
    return found


@cache
def converged(flow: Flow, seed: int) -> Tensor:
    """The states ``(21, n, 2)`` of a flow from the shared noise, by 80 evaluations of Runge and Kutta's scheme."""
    return flow.trajectory(noise(seed), TIMES, solver="rk4", steps=20)


def errors(sampler: Sampler, seed: int) -> dict[str, float]:
    """Root mean square distance to the flow's states, relative to that of its end points."""
    true = converged(sampler.follows, seed)
    scale = rms(true[-1])
    found = {"end": rms(sampler.end(noise(seed)) - true[-1]) / scale}
    if sampler.path is not None:
        away = sampler.path(noise(seed)) - true
        found |= {"mid": rms(away[len(TIMES) // 2]) / scale, "path": rms(away) / scale}
    return found


def way_back(sampler: Sampler, seed: int) -> float:
    """The error of the noise that is found back from the teacher's end points."""
    return rms(sampler.student.invert(converged(sampler.follows, seed)[-1]) - noise(seed))
