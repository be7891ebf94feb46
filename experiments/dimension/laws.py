"""Laws of which one number grows: modes in more and more dimensions, fields in more and more coordinates; judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial

import torch
from torch import Tensor

from experiments.allen_cahn.fields import Setting, equation, exact, exactly, kinks
from experiments.machinery.common import noise, stream
from experiments.own_data.data import WEIGHTS, exact_third_moment, third_moment
from koopcourse.judges import Judge, auc, evenness, law
from koopcourse.judges import floors as both_floors
from koopteach import herd
from koopteach.metrics import mode_weights, sliced_wasserstein2, total_variation
from koopteach.protocols import Target
from koopteach.targets import GaussianMixture

N_DATA, N_JUDGED, N_MANY, N_REFERENCE = 5000, 800, 8000, 10_000
PROJECTIONS, PARTS, PARTS_CLASSIFIED = 100, 8, 3  # directions of sliced W2; random parts of a large sample
BEND, DISTANCE, POINTS = 0.7, 6.0, 64

Numbers = dict[str, float]
Start = Callable[[int], Tensor]  # so many particles
# a large sample, or none; 800 even points, or none; the CPU seconds of a fit and 800 points
End = tuple[Tensor | None, Tensor | None, float]


class FiveModes:
    """Five modes of unit variance at distance 6 from each other, as far as the plane allows; straight or bent.

    In the plane they are the corners of a pentagon. Bent, ``x2 += .7 (x1^2 - 1)`` about each centre.

    Args:
        dim: ``d``, two or at least five.
        bent: whether.
    """

    def __init__(self, dim: int, bent: bool = False) -> None:
        if dim != 2 and dim < len(WEIGHTS):
            raise ValueError(f"FiveModes: dim must be 2, or at least {len(WEIGHTS)}, got {dim}.")
        radius = DISTANCE / (2 * torch.sin(torch.tensor(torch.pi / 5, dtype=torch.float64)))
        corners = GaussianMixture.ring(5, float(radius), 1.0).modes
        centres = corners if dim == 2 else DISTANCE / 2**0.5 * torch.eye(dim, dtype=torch.float64)[:5]
        self.dim, self.bent, self.gaussian = dim, bent, GaussianMixture(centres, 1.0, WEIGHTS)
        self.modes, self.mode_weights = self.gaussian.modes, self.gaussian.mode_weights

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` exact samples ``(n, d)``."""
        which = torch.multinomial(self.mode_weights, n, True, generator=generator)
        u = torch.randn(n, self.dim, dtype=torch.float64, generator=generator)
        if self.bent:
            u[:, 1] += BEND * (u[:, 0] ** 2 - 1)
        return self.modes[which] + u

    def score(self, x: Tensor) -> Tensor:
        """``grad log pi``, of straight modes alone."""
        if self.bent:
            raise NotImplementedError("FiveModes: the score of bent modes is not written down.")
        return self.gaussian.score(x)


def mode_variance(x: Tensor, modes: Tensor) -> float:
    """Mean variance of a coordinate within a mode, about the mode's own mean; points belong to the nearest one."""
    which = torch.cdist(x, modes).argmin(dim=1)
    groups = (x[which == k] for k in range(len(modes)))
    return sum(float((u - u.mean(dim=0)).square().sum()) for u in groups if len(u)) / x.numel()


@dataclass(frozen=True, eq=False)
class Problem:
    """What a method is given and what it is judged by.

    Attributes:
        data: rows that methods see ``(N, d)``.
        reference: exact samples that judge.
        draw: ``draw(n, generator)``, fresh exact samples.
        judges: further numbers of all of a large sample, by name.
        modes: where they are known.
    """

    data: Tensor
    reference: Tensor
    draw: Callable[[int, torch.Generator | None], Tensor]
    judges: dict[str, Judge]
    modes: Tensor | None = None

    def distance(self, x: Tensor) -> float:
        """Sliced W2 to the reference."""
        return sliced_wasserstein2(x, self.reference, n_projections=PROJECTIONS)

    @cached_property
    def law_of_data(self) -> float:
        """Of random 800 of the data: no sampler that has them alone can be expected to do better."""

        def some(n: int, generator: torch.Generator | None) -> Tensor:
            return self.data[torch.randperm(len(self.data), generator=generator)[:n]]

        return law(self.distance, some, N_JUDGED, repeats=PARTS, generator=stream(0, 5))[0]

    @cached_property
    def evenness_of_data(self) -> float:
        """Of the 800 of the data that lie most evenly."""
        return self.distance(self.data[herd(self.data, N_JUDGED)])

    def read(self, many: Tensor, even: Tensor, seed: int) -> Numbers:
        """The law of a large sample and the evenness of a small one.

        Args:
            many: of it random 800 are judged by distance and classifier; 800 points are judged as they are.
            even: 800 points.
            seed: of the choice and of the classifier's trees.
        """
        fresh = self.draw(N_JUDGED, stream(seed, 6))
        told: dict[str, Tensor | None] = {"AUC": None}
        if self.modes is not None:
            told["AUC, told the modes"] = self.modes
        classified = {
            name: partial(auc, held_out=fresh, modes=modes, generator=stream(seed, 7)) for name, modes in told.items()
        }
        return {
            "law SW2": mean_law(self.distance, many, PARTS, seed),
            **{name: mean_law(judge, many, PARTS_CLASSIFIED, seed) for name, judge in classified.items()},
            **{name: judge(many) for name, judge in self.judges.items()},
            "even SW2": evenness(self.distance, even, N_JUDGED),
            "data's law": self.law_of_data,
            "herded data": self.evenness_of_data,
        }


def mean_law(judge: Judge, many: Tensor, parts: int, seed: int) -> float:
    """Mean over random 800 of many, or of all points where there are no more than are judged."""
    if len(many) == N_JUDGED:
        return judge(many)
    return law(judge, many, N_JUDGED, repeats=parts, generator=stream(seed, 5))[0]


@cache
def target(dim: int, bent: bool) -> FiveModes:
    """The law of that name."""
    return FiveModes(dim, bent)


@cache
def reference(dim: int, bent: bool) -> Tensor:
    """Exact samples, which judge; no method sees them."""
    return target(dim, bent).sample(N_REFERENCE, stream(0, 8))


@cache
def modes(dim: int, bent: bool, seed: int) -> Problem:
    """Five modes, and the data of a seed."""
    given, exact_ones = target(dim, bent), reference(dim, bent)
    unit = mode_variance(exact_ones, given.modes)
    judges: dict[str, Judge] = {
        "TV": lambda x: total_variation(mode_weights(x, given.modes), given.mode_weights),
        "variance": lambda x: mode_variance(x, given.modes) / unit,
    }
    if bent:
        judges["third moment"] = lambda x: third_moment(x) / exact_third_moment()
    return Problem(given.sample(N_DATA, stream(seed, 0)), exact_ones, given.sample, judges, given.modes)


@cache
def fields(coordinates: int, seed: int) -> tuple[Problem, Setting]:
    """2,000 exact fields in the coordinates of their largest second moments, and the setting they come from."""
    setting = exactly(POINTS, seed, coordinates)
    seen = setting.reduce(exact(POINTS))
    unit = kinks(setting.lift(seen))
    judges: dict[str, Judge] = {"kinks": lambda z: kinks(setting.lift(z)) / unit}

    def draw(n: int, generator: torch.Generator | None) -> Tensor:
        return setting.reduce(equation(POINTS).sample(n, generator))

    return Problem(setting.reduce(setting.fields), seen, draw, judges), setting


def start(given: Target | FiveModes, kind: str, seed: int, n: int) -> Tensor:
    """``n`` particles: ``N(0, 4 I)``, or all of them in the lightest mode."""
    z = noise(seed, n, given.dim, torch.float64)
    return 2 * z if kind == "broad" else given.modes[0] + z


@cache
def floors(dim: int, bent: bool) -> Numbers:
    """Both floors of sliced W2, in the names of the page."""
    return _named(modes(dim, bent, 0))


@cache
def floors_of_fields(coordinates: int) -> Numbers:
    """The same, in the coordinates of other fields: they hardly differ."""
    return _named(fields(coordinates, 0)[0])


def _named(problem: Problem) -> Numbers:
    found = both_floors(problem.distance, problem.draw, N_JUDGED, repeats=20, even_repeats=3, generator=stream(0, 9))
    parts = {"law SW2": found.law, "even SW2": found.even}
    return {f"{name} floor{end}": part[i] for name, part in parts.items() for i, end in enumerate(("", " sd"))}
