"""The shipped flows of pictures: principal components, teachers in them, their students."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from koopcourse import zoo
from koopcourse.images import ImageSet, PrincipalComponents, load_images
from koopteach.flow_matching import FlowMatching, FourierNet, reflow
from koopteach.koopman_flow import KoopmanFlow
from koopteach.metrics import class_balance, frechet_distance, neighbour_ratio, precision_recall

_FULL = {"digits": "digits8", "fashion": "fashion28-full"}  # to learn from
_AT_HAND = {"digits": "digits8", "fashion": "fashion28"}  # to measure by, on every machine
_DIM = {"digits": 32, "fashion": 40}
_WIDTH = {"digits": 192, "fashion": 256}
_FRESH = 10_000  # a seed that no training uses


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@cache
def _images(name: str) -> ImageSet:
    return load_images(name)


def _set(name: str) -> str:
    return name.split("-")[0]


def _coordinates(name: str) -> Tensor:
    components = zoo.shipped(f"{_set(name)}-components")
    return components.encode(_images(_FULL[_set(name)]).train)


def _components(name: str) -> PrincipalComponents:
    return PrincipalComponents.fit(_images(_FULL[_set(name)]).train, _DIM[_set(name)])


def _net(name: str, seed: int) -> FourierNet:
    """A plain perceptron: components of pictures have no detail that needs Fourier features."""
    sizes = {"width": _WIDTH[_set(name)], "depth": 4, "n_frequencies": 0}
    return FourierNet(_DIM[_set(name)], **sizes, generator=_seeded(seed))


def _teacher(name: str, *, coupling: str = "independent", seed: int = 1, n_steps: int = 2500) -> FlowMatching:
    flow = FlowMatching(_DIM[_set(name)], coupling=coupling, net=_net(name, seed))
    # components in one common unit: their spreads say how much each matters
    return flow.fit(_coordinates(name), n_steps=n_steps, batch=256, standardize=False, generator=_seeded(seed))


def _reflow(name: str, *, seed: int = 1) -> FlowMatching:
    teacher = zoo.shipped(f"{_set(name)}-teacher")
    sizes = {"n_pairs": 20_000, "n_steps": 2500, "batch": 256, "standardize": False}
    second = reflow(teacher, net=_net(name, seed), generator=_seeded(seed), **sizes)
    return FlowMatching(second.dim, net=second.net)  # its source is normal noise: the pairs need not be shipped


def _student(name: str, *, seed: int, n_pairs: int = 2, spectrum: Any = None) -> KoopmanFlow:
    net = {"width": _WIDTH[_set(name)], "depth": 3, "n_frequencies": 0}
    flow = KoopmanFlow(zoo.shipped(zoo.TEACHERS[name] or ""), n_pairs=n_pairs, net=net)
    generator = _seeded(seed)
    # noise as it is: in many dimensions all of it has about one length, and none that is rare has to be met
    x0 = flow.source(20_000, generator)
    # steps of the size with which lesson 12 was made; those of today, four times as large, better ends by a twentieth
    return flow.fit(spectrum=spectrum, x0=x0, n_steps=4000, lr=5e-3, generator=generator)


_one_pair = partial(_student, n_pairs=1)  # whose modes lesson 12 reads
RECIPES: dict[str, Callable[[str], Any]] = {
    "digits-components": _components,
    "digits-teacher": _teacher,
    "digits-ot-teacher": partial(_teacher, coupling="ot"),
    "digits-reflow": _reflow,
    "digits-student": partial(_one_pair, seed=2),
    "digits-student-2": partial(_one_pair, seed=3),
    "digits-student-3": partial(_one_pair, seed=4, spectrum=[-1 + 4j]),
    "fashion-components": _components,
    "fashion-teacher": partial(_teacher, n_steps=4000),
    "fashion-student": partial(_student, seed=2),
}


def measure(name: str) -> dict[str, float]:
    """Numbers of a shipped model on pictures or start points that it has not seen."""
    model, images = zoo.shipped(name), _images(_AT_HAND[_set(name)])
    if isinstance(model, PrincipalComponents):
        return {"share": model.share(images.test)}
    return _drawn(model, name, images) | (_followed(model) if isinstance(model, KoopmanFlow) else {})


def _drawn(flow: Any, name: str, images: ImageSet) -> dict[str, float]:
    """As many pictures as are held out, by one step of a student or forty evaluations of a flow."""
    components, classifier = (zoo.shipped(f"{_set(name)}-{part}") for part in ("components", "classifier"))
    x0 = torch.randn(len(images.test), flow.dim, generator=_seeded(_FRESH))
    drawn = components.decode(flow.transport(x0) if isinstance(flow, KoopmanFlow) else flow.transport(x0, steps=20))
    kept = [components.decode(components.encode(part)) for part in (images.train, images.test)]
    fake, train, held_out = (classifier.features(part) for part in (drawn, *kept))
    precision, recall = precision_recall(held_out, fake)
    return {
        "frechet": frechet_distance(fake, held_out),
        "precision": precision,
        "recall": recall,
        "balance": class_balance(classifier.predict(drawn), images.test_labels),
        "neighbour": neighbour_ratio(fake, train, held_out),
    }


def _followed(student: KoopmanFlow) -> dict[str, float]:
    x0 = torch.randn(2000, student.dim, generator=_seeded(_FRESH + 1))
    assert student.teacher is not None  # which the zoo loads with it
    told, back = student.diagnose(x0, verbose=False), student.invert(student.teacher.transport(x0, steps=20))
    numbers = {key: getattr(told, key) for key in ("end", "mid", "path", "residual")}
    return numbers | {"inverse": float((back - x0).square().mean().sqrt())}
