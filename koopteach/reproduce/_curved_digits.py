"""Handwritten digits of 8 x 8 pixels, in pixel space: the interpolants of 64 coordinates, steps of Glow among them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from koopteach.flow_matching import FlowMatching, FourierNet, reflow, straightness
from koopteach.interpolants import CurvedInterpolant, GlowInterpolant, straighten
from koopteach.metrics import noise_floor, sliced_wasserstein2, wasserstein2
from koopteach.reproduce._common import stream, timed
from koopteach.reproduce._curved_flows import EULER, Trained

N_TRAIN, STEPS, BATCH, N_PATHS = 1200, 600, 256, 100
GLOW = {"n_steps": 20, "batch": 16, "pool": 32, "lr": 3e-3}  # each step maps 16 x 32 pairs back, twice


@cache
def pixels() -> tuple[Tensor, Tensor]:
    """Training and test digits ``(n, 64)`` of unit mean variance, with the noise that makes their law have a density.

    Raises:
        ImportError: without scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError('digits: scikit-learn is needed. Try pip install "koopteach[course]".') from None
    x = torch.as_tensor(load_digits().data).float() / 16
    x = x[torch.randperm(len(x), generator=stream(0, 20))]
    x = x + 0.05 * torch.randn(x.shape, generator=stream(0, 21))
    x = (x - x.mean(dim=0)) / x.var(dim=0).mean().sqrt()
    return x[:N_TRAIN], x[N_TRAIN:]


def net(seed: int) -> FourierNet:
    """A wider network without the waves of the plane."""
    return FourierNet(64, width=256, n_frequencies=0, generator=stream(seed, 2))


def curved(family: str, seed: int) -> Trained:
    flow = CurvedInterpolant(64, family=family, net=net(seed))
    draw = stream(seed, 3)
    return timed(lambda: flow.fit(pixels()[0], n_steps=STEPS, batch=BATCH, generator=draw, verbose=False))


def glow(seed: int) -> Trained:
    """The paper's procedure with the paper's maps."""
    draw, x1 = stream(seed, 3), pixels()[0]
    family = GlowInterpolant(8, n_steps=2, width=16, generator=draw)
    found, before = timed(lambda: straighten(family, x1, generator=draw, verbose=False, **GLOW))
    flow = CurvedInterpolant(64, family=family, net=net(seed))
    flow, seconds = timed(lambda: flow.fit(x1, n_steps=STEPS, batch=BATCH, generator=draw, verbose=False))
    flow.descent = found
    return flow, before + seconds


def plain(coupling: str, seed: int) -> Trained:
    flow = FlowMatching(64, coupling=coupling, net=net(seed))
    draw = stream(seed, 3)
    return timed(lambda: flow.fit(pixels()[0], n_steps=STEPS, batch=BATCH, generator=draw, verbose=False))


def reflowed(seed: int) -> Trained:
    flow, before = plain("ot", seed)
    options = {"net": flow.net, "n_steps": 300, "batch": BATCH, "generator": stream(seed, 5), "verbose": False}
    again, seconds = timed(lambda: reflow(flow, steps=10, **options))
    return again, before + seconds


DIGITS: dict[str, Callable[[int], Trained]] = {
    "linear": partial(curved, "linear"),
    "trigonometric": partial(curved, "trigonometric"),
    "Glow by descent": glow,
    "gaussian": partial(curved, "gaussian"),
    "OT-CFM": partial(plain, "ot"),
    "OT-CFM + reflow": reflowed,
}


def to_test(x: Tensor) -> dict[str, float]:
    """Both distances to the test digits, of as many points."""
    test = pixels()[1]
    x = x[: len(test)]
    return {"SW2": sliced_wasserstein2(x, test), "W2": wasserstein2(x, test)}


@cache
def floors() -> dict[str, float]:
    """Of training digits: there are no others."""
    found, train = {}, pixels()[0]
    for name in ("SW2", "W2"):
        mean, sd = noise_floor(
            lambda x, name=name: to_test(x)[name],
            lambda n, g: train[torch.randperm(len(train), generator=g)[:n]],
            len(pixels()[1]),
            generator=stream(0, 9),
            repeats=5,
        )
        for k in EULER:
            found |= {f"{name} at {k} floor": mean, f"{name} at {k} floor sd": sd}
    return found


def digits_row(seed: int, method: str) -> dict[str, float]:
    """Straightness, distances, seconds, effective sample size of a descent."""
    flow, seconds = DIGITS[method](seed)
    x0 = torch.randn(len(pixels()[1]), 64, generator=stream(seed, 6))
    ends = {k: to_test(flow.transport(x0, solver="euler", steps=k)) for k in EULER}
    found = {"S": straightness(flow, x0[:N_PATHS], n_times=33).deviation}
    found |= {f"{name} at {k}": ends[k][name] for name in ("SW2", "W2") for k in EULER}
    found["training CPU s"] = seconds
    if getattr(flow, "descent", None) is not None:
        found |= {"ESS": flow.descent.ess, "warnings": float(len(flow.descent.report))}
    return found | floors()
