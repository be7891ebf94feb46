"""The flows and samplers of pictures that ``image-flows`` compares, trained once for each set and seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from experiments.koopman_cfm.samplers import STAGES, TIMES
from experiments.machinery.common import noise as normal
from experiments.machinery.common import reflowed, stream, timed
from koopcourse.images import Classifier, ImageSet, PrincipalComponents, load_images
from koopteach.flow_matching import FlowMatching, FourierNet, distill
from koopteach.koopman_flow import KoopmanFlow


@dataclass(frozen=True)
class Setting:
    """A set of pictures and the sizes of what is trained on it.

    Attributes:
        images: as of ``load_images``.
        dim: principal components kept.
        width: of all networks; teachers have four hidden layers, students three.
        n_steps, batch: of every training.
        n_paths: of the teacher, for students and reflow.
        n_judged: pictures drawn, and training ones that a floor is made of.
        device: where the flows are.
    """

    images: str
    dim: int
    width: int
    n_steps: int
    batch: int
    n_paths: int
    n_judged: int
    device: str = "cpu"


SETTINGS = {
    "digits": Setting("digits8", 32, 192, 2000, 256, 12_000, 580),
    "fashion": Setting("fashion28-full", 40, 192, 2000, 256, 12_000, 2000),
    "fashion large": Setting("fashion28-full", 128, 1024, 40_000, 1024, 200_000, 10_000, "cuda"),
}


# The pictures, and what they are measured by: the same for all seeds


@cache
def pictures(name: str) -> ImageSet:
    return load_images(SETTINGS[name].images)


@cache
def components(name: str) -> PrincipalComponents:
    return PrincipalComponents.fit(pictures(name).train, SETTINGS[name].dim)


def learned_from(name: str) -> Tensor:
    """The training pictures' coordinates ``(n, d)``."""
    return components(name).encode(pictures(name).train)


@cache
def classifier(name: str) -> Classifier:
    images, generator = pictures(name), stream(0, 20)
    model = Classifier(tuple(images.train.shape[1:]), len(images.class_names), generator=generator)
    return model.fit(images.train, images.train_labels, generator=generator, verbose=False)


@cache
def kept(name: str) -> dict[str, tuple[Tensor, Tensor]]:
    """Features and labels of the real pictures, training and test, cut to their components as the drawn ones are."""
    images, found = pictures(name), {}
    for part in ("train", "test"):
        cut = components(name).decode(components(name).encode(getattr(images, part)))
        found[part] = classifier(name).features(cut), getattr(images, f"{part}_labels")
    return found


def noise(name: str, seed: int, n: int | None = None) -> Tensor:
    """The start points that all samplers share."""
    setting = SETTINGS[name]
    return normal(seed, n or setting.n_judged, setting.dim).to(setting.device)


# What is trained, once for each seed, with its CPU seconds


def _net(name: str, generator: torch.Generator) -> FourierNet:
    return FourierNet(SETTINGS[name].dim, **_sizes(name, 4), generator=generator)


def _sizes(name: str, depth: int) -> dict[str, int]:
    """A plain perceptron: components of pictures have no detail that needs Fourier features."""
    return {"width": SETTINGS[name].width, "depth": depth, "n_frequencies": 0}


def _training(name: str, times: int = 1) -> dict[str, Any]:
    return {"n_steps": times * SETTINGS[name].n_steps, "batch": SETTINGS[name].batch, "verbose": False}


@cache
def cfm(name: str, coupling: str, seed: int, times: int = 1) -> tuple[FlowMatching, float]:
    """Flow matching on the components of the training pictures, in so many times the steps."""
    draw, data = stream(seed, 1), learned_from(name).to(SETTINGS[name].device)
    flow = FlowMatching(SETTINGS[name].dim, coupling=coupling, net=_net(name, draw))
    return timed(lambda: flow.fit(data, standardize=False, generator=draw, **_training(name, times)))


@cache
def mixture(name: str, k: int, seed: int) -> tuple[GaussianMixture, float]:
    """The rival without a network: ``k`` Gaussians by expectation maximisation on the same components."""
    data = learned_from(name).double().numpy()
    return timed(lambda: GaussianMixture(k, reg_covar=1e-4, random_state=seed).fit(data))


def teacher(name: str, seed: int) -> FlowMatching:
    """The flow that one-step samplers imitate."""
    return cfm(name, "independent", seed)[0]


@cache
def converged(name: str, seed: int) -> Tensor:
    """The teacher's states ``(21, n, d)`` from the shared noise, in small steps."""
    return teacher(name, seed).trajectory(noise(name, seed), TIMES, solver="midpoint", steps=20)


@cache
def second(name: str, seed: int) -> tuple[FlowMatching, float]:
    """A second flow on the teacher's pairs."""
    draw, setting = stream(seed, 3), SETTINGS[name]
    options = {"n_pairs": setting.n_paths, "net": _net(name, draw), "n_steps": setting.n_steps, "batch": setting.batch}
    return reflowed((teacher(name, seed), 0.0), generator=draw, **options)


@cache
def direct(name: str, seed: int) -> tuple[Any, float]:
    """Regression of end points on start points."""
    flow, draw = teacher(name, seed), stream(seed, 4)
    x0 = flow.source(SETTINGS[name].n_paths, draw)
    return timed(lambda: distill(flow, x0=x0, generator=draw, **_sizes(name, 3), **_training(name)))


@cache
def student(name: str, seed: int) -> tuple[KoopmanFlow, float]:
    """Regression of path coefficients."""
    model, draw = KoopmanFlow(teacher(name, seed), net=_sizes(name, 3)), stream(seed, 4)
    # noise as it is: in many dimensions all of it has about one length, and none that is rare has to be met
    x0 = model.source(SETTINGS[name].n_paths, draw)
    return timed(lambda: model.fit(x0=x0, generator=draw, **_training(name)))


@cache
def consistent(name: str, seed: int) -> tuple[KoopmanFlow, float]:
    """A student by the paper's training, with all three of its terms."""
    model = KoopmanFlow(teacher(name, seed), net=_sizes(name, 3))
    fit = {"weights": "balanced", "lr": 2e-3, "n_paths": SETTINGS[name].n_paths}
    return timed(lambda: model.fit("consistency", generator=stream(seed, 4), **fit, **_training(name)))


# How pictures are drawn


@dataclass(frozen=True)
class Sampler:
    """A way from noise to coordinates.

    Attributes:
        seconds: CPU time of its training, without that of a teacher.
        nfe: evaluations of a network.
        end: from noise ``(n, d)`` to coordinates ``(n, d)``.
        student: the model, where it knows the way there and back.
        is_teachers: whether its end points should be the teacher's.
    """

    seconds: float
    nfe: int
    end: Callable[[Tensor], Tensor]
    student: KoopmanFlow | None = None
    is_teachers: bool = True


def _solved(trained: tuple[FlowMatching, float], solver: str, steps: int, is_teachers: bool) -> Sampler:
    flow, seconds = trained
    end = partial(flow.transport, solver=solver, steps=steps)
    return Sampler(seconds, STAGES[solver] * steps, end, is_teachers=is_teachers)


def _linear(trained: tuple[KoopmanFlow, float]) -> Sampler:
    return Sampler(trained[1], 1, trained[0].transport, trained[0])


def _direct(name: str, seed: int) -> Sampler:
    model, seconds = direct(name, seed)
    return Sampler(seconds, 1, model.transport)


def _mixture(name: str, seed: int, k: int) -> Sampler:
    model, seconds = mixture(name, k, seed)
    return Sampler(seconds, 0, lambda x0: torch.from_numpy(model.sample(len(x0))[0]).to(x0), is_teachers=False)


def _longer(name: str, seed: int, times: int) -> Sampler:
    return _solved(cfm(name, "independent", seed, times), "midpoint", 20, is_teachers=False)


def _its_own(name: str, seed: int, solver: str, steps: int) -> Sampler:
    return _solved(cfm(name, "independent", seed), solver, steps, True)


def _straight(name: str, seed: int, solver: str, steps: int) -> Sampler:
    return _solved(cfm(name, "ot", seed), solver, steps, False)


def _straightened(name: str, seed: int, steps: int) -> Sampler:
    return _solved(second(name, seed), "euler", steps, True)


SAMPLERS: dict[str, Callable[[str, int], Sampler]] = {
    "teacher, midpoint 20": partial(_its_own, solver="midpoint", steps=20),
    "teacher, midpoint 4": partial(_its_own, solver="midpoint", steps=4),
    "teacher, midpoint 2": partial(_its_own, solver="midpoint", steps=2),
    "teacher, Euler 4": partial(_its_own, solver="euler", steps=4),
    "teacher, Euler 1": partial(_its_own, solver="euler", steps=1),
    "Koopman-CFM, coefficients": lambda name, seed: _linear(student(name, seed)),
    "Koopman-CFM, consistency": lambda name, seed: _linear(consistent(name, seed)),
    "direct regression": _direct,
    **{f"reflow, Euler {steps}": partial(_straightened, steps=steps) for steps in (1, 2, 4)},
    **{f"OT-CFM, Euler {steps}": partial(_straight, solver="euler", steps=steps) for steps in (1, 2, 4)},
    "OT-CFM, midpoint 4": partial(_straight, solver="midpoint", steps=4),
    "6 x the training, midpoint 20": partial(_longer, times=6),
    "mixture of 40": partial(_mixture, k=40),
}
