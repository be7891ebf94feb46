"""Handwritten digits of 8 x 8 pixels: interpolants in 32 principal components, and steps of Glow on the pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from experiments.curved_interpolants.flows import EULER, Trained
from experiments.curved_interpolants.gaussian import GaussianStraight
from experiments.image_flows.samplers import classifier, components, kept, pictures
from experiments.machinery.common import at_each, exact_draws, floors, reflowed, stream, timed
from koopteach.flow_matching import FlowMatching, FourierNet, straightness
from koopteach.interpolants import (
    ConvexChart,
    CurvedInterpolant,
    GlowInterpolant,
    Interpolant,
    LearnedSchedule,
    LinearInterpolant,
    TrigonometricInterpolant,
    fit_convex_map,
    straighten,
)
from koopteach.metrics import frechet_distance, sliced_wasserstein2, wasserstein2

SIDE, STEPS, BATCH, N_PATHS = 8, 2000, 256, 100
N_FLOOR = 400  # training digits of one draw; there are not many more
# Each step of the descent on Glow maps 16 x 32 pairs back, twice.
GLOW = {"n_steps": 60, "batch": 16, "pool": 32, "lr": 3e-3}
MAP = {"n_centres": 256, "strength": 1.0, "slope": 0.5, "pair_steps": 200, "likelihood_steps": 60}


@cache
def codes(part: str) -> Tensor:
    """Training or test digits in their components, of unit mean variance, ``(n, 32)``."""
    return components("digits").encode(getattr(pictures("digits"), part))


@cache
def scale() -> tuple[Tensor, Tensor]:
    """Mean and size of the pixels that Glow is trained on."""
    x = pictures("digits").train.flatten(1)
    return x.mean(dim=0), x.var(dim=0).mean().sqrt()


def pixels() -> Tensor:
    """Training digits ``(n, 64)`` of unit mean variance, with the noise that makes their law have a density."""
    x, (mean, size) = pictures("digits").train.flatten(1), scale()
    return (x + 0.05 * torch.randn(x.shape, generator=stream(0, 21)) - mean) / size


def from_pixels(x: Tensor) -> Tensor:
    """Standardised pixels in the components."""
    mean, size = scale()
    return components("digits").encode((x * size + mean).reshape(-1, SIDE, SIDE).clamp(0, 1))


# How each flow is trained


def net(seed: int, dim: int) -> FourierNet:
    """A wider network without the waves of the plane."""
    return FourierNet(dim, width=256, n_frequencies=0, generator=stream(seed, 2))


def fitted(flow: FlowMatching, x1: Tensor, seed: int) -> Trained:
    draw = stream(seed, 3)
    return timed(lambda: flow.fit(x1, standardize=False, n_steps=STEPS, batch=BATCH, generator=draw, verbose=False))


def curved(paths: Interpolant, seed: int, x1: Tensor, coupling: str = "independent") -> Trained:
    return fitted(CurvedInterpolant(paths, coupling=coupling, net=net(seed, paths.dim)), x1, seed)


def descended(make: Callable[..., Interpolant], seed: int, x1: Tensor, **options: float) -> Trained:
    """The paper's procedure, and a flow on what it found."""
    draw = stream(seed, 4)
    family = make(generator=draw)
    found, before = timed(lambda: straighten(family, x1, generator=draw, verbose=False, **options))
    flow, seconds = curved(family, seed, x1)
    flow.descent = found
    return flow, before + seconds


def charted(seed: int) -> Trained:
    """A convex chart, its map included."""
    x1 = codes("train")
    chart, before = timed(lambda: fit_convex_map(x1, generator=stream(seed, 4), verbose=False, **MAP))
    flow, seconds = curved(ConvexChart(chart), seed, x1)
    return flow, before + seconds


def gaussian(seed: int, coupling: str = "independent") -> Trained:
    """Straight between Gaussians of the right moments; inside, pairs of transport need straight paths, too."""
    x1 = codes("train")
    return curved(GaussianStraight.from_data(x1), seed, x1, coupling)


def plain(coupling: str, seed: int) -> Trained:
    return fitted(FlowMatching(32, coupling=coupling, net=net(seed, 32)), codes("train"), seed)


def second(seed: int) -> Trained:
    """A flow on the pairs that OT-CFM makes, from its weights on."""
    first = plain("ot", seed)
    options = {"n_steps": STEPS // 2, "batch": BATCH, "generator": stream(seed, 5)}
    return reflowed(first, steps=10, net=first[0].net, **options)


# In the components but for those whose name says pixels.
DIGITS: dict[str, Callable[[int], Trained]] = {
    "linear": lambda seed: curved(LinearInterpolant(32), seed, codes("train")),
    "trigonometric": lambda seed: curved(TrigonometricInterpolant(32), seed, codes("train")),
    "gaussian": gaussian,
    "gaussian, transport pairs": partial(gaussian, coupling="local"),
    "convex chart": charted,
    "schedule by descent": lambda seed: descended(
        lambda generator: LearnedSchedule(32), seed, codes("train"), n_steps=150, lam_acc=0.1, lam_ke=1.0
    ),
    "linear, pixels": lambda seed: curved(LinearInterpolant(64), seed, pixels()),
    "Glow by descent, pixels": lambda seed: descended(
        partial(GlowInterpolant, SIDE, n_steps=2, width=16), seed, pixels(), **GLOW
    ),
    "OT-CFM": partial(plain, "ot"),
    "OT-CFM + reflow": second,
}


# What is measured


def scores(z: Tensor) -> dict[str, float]:
    """Distances of digits in their components to the test digits; the Frechet distance is that of the pictures."""
    test, model = codes("test"), classifier("digits")
    features = model.features(components("digits").decode(z))
    return {
        "FD": frechet_distance(features, kept("digits")["test"][0]),
        "SW2": sliced_wasserstein2(z, test),
        "W2": wasserstein2(z, test[: len(z)]),
    }


@cache
def floors_of_digits() -> dict[str, float]:
    """Of training digits: there are no others."""
    train = codes("train")
    draws = exact_draws(lambda n, g: train[torch.randperm(len(train), generator=g)[:n]], N_FLOOR, repeats=5)
    return at_each(EULER, floors(scores, draws))


def digits_row(seed: int, method: str) -> dict[str, float]:
    """Straightness, distances, seconds, effective sample size of a descent."""
    flow, seconds = DIGITS[method](seed)
    x0 = torch.randn(N_FLOOR, flow.dim, generator=stream(seed, 6))
    found = {"S": straightness(flow, x0[:N_PATHS], n_times=33).deviation}
    ends = {k: flow.transport(x0, solver="euler", steps=k) for k in EULER}
    told = {k: scores(from_pixels(x) if method.endswith("pixels") else x) for k, x in ends.items()}
    found |= {f"{name} at {k}": told[k][name] for name in ("FD", "SW2", "W2") for k in EULER}
    found["training CPU s"] = seconds
    if getattr(flow, "descent", None) is not None:
        found |= {"ESS": flow.descent.ess, "warnings": float(len(flow.descent.report))}
    return found | floors_of_digits()
