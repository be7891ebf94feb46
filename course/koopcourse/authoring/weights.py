"""Train the models of ``koopcourse.zoo`` anew, measure them, and write both into ``koopcourse/data``."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from koopcourse import zoo
from koopcourse.authoring import code_weights, picture_weights
from koopcourse.authoring.tree import ROOT
from koopteach import metrics, targets
from koopteach.flow_matching import Flow, FlowMatching, MixtureFlow, reflow
from koopteach.interpolants import ConvexChart, CurvedInterpolant, DecodedFlow, PushedFlow, fit_convex_map
from koopteach.interpolants.convex import ConvexMap
from koopteach.koopman_flow import KoopmanFlow

DATA = ROOT / "course" / "koopcourse" / "data"
_FRESH = 10_000  # a seed that no training uses


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _toy(name: str) -> Any:
    return targets.moons if name.startswith("eight_to_moons") else getattr(targets, name.split("-")[0])


def _noise(name: str, n: int, generator: torch.Generator) -> torch.Tensor | None:
    """Samples of the source; None for N(0, I)."""
    return targets.eight_gaussians.sample(n, generator).float() if name.startswith("eight_to_moons") else None


def _ends(name: str, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Data, and samples of the source."""
    return _toy(name).sample(50_000, generator).float(), _noise(name, 20_000, generator)


def _teacher(name: str, *, coupling: str = "independent", seed: int = 1, **fit: Any) -> FlowMatching:
    generator = _seeded(seed)
    flow = FlowMatching(2, coupling=coupling)
    # the toys' columns are about of unit spread as they are
    return flow.fit(*_ends(name, generator), standardize=False, generator=generator, **fit)


def _on_maps(name: str, make: Callable[..., Any], seed: int = 1) -> Flow:
    """A flow made of a convex map to the data and, where that is not N(0, I), one to the noise."""
    generator = _seeded(seed)
    x1, x0 = _ends(name, generator)
    maps = [fit_convex_map(x, generator=generator) for x in (x1, x0) if x is not None]
    return make(*maps).fit(x1, x0, n_steps=4000, standardize=False, generator=generator)


def _on_a_chart(*maps: ConvexMap) -> CurvedInterpolant:
    return CurvedInterpolant(ConvexChart(*maps))


def _ot_reflow(name: str, *, seed: int = 1) -> FlowMatching:
    """Two thirds of the teacher's steps more, from its own network, on as many pairs as a local match has."""
    teacher = zoo.shipped(name.replace("-reflow", "-teacher"))
    net = copy.deepcopy(teacher.net)
    flow = reflow(teacher, n_pairs=65_536, net=net, n_steps=2000, standardize=False, generator=_seeded(seed))
    assert flow._x0 is not None
    flow._x0 = flow._x0[:12_000].float()  # what `sample` draws from; all the noise would be most of the file
    return flow


def _reflow(name: str, *, seed: int = 1) -> FlowMatching:
    return reflow(MixtureFlow(_toy(name).to(torch.float32)), standardize=False, generator=_seeded(seed))


def _student(name: str, *, seed: int = 2, n_pairs: int = 2, form: str = "mode_sum", **fit: Any) -> KoopmanFlow:
    flow = KoopmanFlow(zoo.shipped(zoo.TEACHERS[name] or ""), generator=form, n_pairs=n_pairs)
    return flow.fit(**fit, generator=_seeded(seed))


_paper = partial(_student, n_pairs=1, method="consistency")  # whose spectrum lessons look at
RECIPES: dict[str, Callable[[str], Any]] = {
    "moons-teacher": _teacher,
    "moons-ot-teacher": partial(_teacher, coupling="ot"),
    "checkerboard-teacher": _teacher,
    "eight_gaussians-teacher": _teacher,
    "eight_gaussians-ot-teacher": partial(_teacher, coupling="ot"),
    "eight_gaussians-reflow": _reflow,
    "checkerboard-ot-teacher": partial(_teacher, coupling="ot"),
    "eight_to_moons-teacher": _teacher,
    "eight_to_moons-ot-teacher": partial(_teacher, coupling="ot"),
    **{f"{laws}-ot-reflow": _ot_reflow for laws in zoo.LAWS},
    # as many steps more as a coded chart spends on its map
    **{f"{laws}-local": partial(_teacher, coupling="local", n_steps=5000) for laws in zoo.LAWS},
    **{f"{laws}-convex": partial(_on_maps, make=_on_a_chart) for laws in zoo.LAWS},
    **{f"{laws}-decoded": partial(_on_maps, make=DecodedFlow) for laws in zoo.LAWS},
    **{f"{laws}-pushed": partial(_on_maps, make=PushedFlow) for laws in zoo.LAWS},
    "moons-student": _student,
    "moons-one-pair": partial(_student, n_pairs=1),  # whose modes and rate lessons read
    "checkerboard-student": _student,
    "moons-consistency": partial(_paper, spectrum=[0.5j]),
    "moons-consistency-2": partial(_paper, spectrum=[4.5j], seed=3),
    "moons-target-only": partial(_paper, weights={"target": 1.0}),
    "moons-collapsed": partial(_paper, form="free", weights={"consistency": 1.0, "phase": 1.0}, n_steps=600),
    "moons-autoencoder": partial(_paper, form="free", weights="autoencoder"),
    **code_weights.RECIPES,
    **picture_weights.RECIPES,
}


def measure(name: str) -> dict[str, float]:
    """Numbers of a shipped model on 4,000 start points, or on pictures, that it has not seen."""
    for of_pictures in (code_weights, picture_weights):
        if name in of_pictures.RECIPES:
            return of_pictures.measure(name)
    flow, toy = zoo.shipped(name), _toy(name)
    x0 = _noise(name, 4000, _seeded(_FRESH))
    x0 = torch.randn(4000, 2, generator=_seeded(_FRESH)) if x0 is None else x0
    x1 = flow.transport(x0)
    numbers = {
        "sliced_w2": float(metrics.sliced_wasserstein2(x1, toy.sample(20_000, _seeded(_FRESH + 1)).float())),
        "structure": toy.structure(x1),
    }
    if isinstance(flow, KoopmanFlow):
        assert flow.teacher is not None  # which the zoo loads with it
        told = flow.diagnose(x0, verbose=False)
        names = ("end", "mid", "path", "residual", "raw_residual", "participation", "size")
        numbers |= {key: getattr(told, key) for key in names}
        numbers["inverse"] = float((flow.invert(flow.teacher.transport(x0, steps=20)) - x0).square().mean().sqrt())
    return numbers


def weights(names: Sequence[str] = (), folder: Path = DATA) -> None:
    """Train these models, or all, in the order in which they need each other; prints what each can do.

    Raises:
        ValueError: a name without a recipe.
    """
    unknown = sorted(set(names) - set(RECIPES))
    if unknown:
        raise ValueError(f"weights: no recipe for {', '.join(unknown)}. There are: {', '.join(RECIPES)}.")
    for name in names or RECIPES:
        started = time.process_time()
        flow = RECIPES[name](name)
        seconds = time.process_time() - started
        flow.save(folder / f"{name}.safetensors")
        numbers = {key: float(f"{value:.4g}") for key, value in measure(name).items()}
        numbers["seconds"] = float(f"{seconds:.2g}")
        _note(name, numbers, folder / "models.json")
        print(name, numbers, flush=True)


def _note(name: str, numbers: dict[str, float], path: Path) -> None:
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**known, name: numbers}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
