"""The convex chart once more: map and network trained for longer, and a network that cannot see the late turn."""

from __future__ import annotations

from experiments.curved_interpolants.flows import (
    N_DATA,
    PROBLEMS,
    TARGETS,
    charted,
    curved,
    judged,
    sample,
    straight_inside,
)
from experiments.machinery.common import stream, timed
from koopteach.flow_matching import FourierNet
from koopteach.interpolants import ConvexChart, fit_convex_map

LIKELIHOOD, STEPS = 1500, 6000  # fifteen times and more than twice those of the other charts

# How the chart is made of its maps, and which pairs go with it.
CHARTS = {
    "convex chart, longer training": (ConvexChart, "independent"),
    "convex chart, latent transport pairs, longer training": (straight_inside, "local"),
}


def longer_row(seed: int, problem: str, method: str) -> dict[str, float]:
    """Maps of the data and of noise that is not N(0, I), and a flow on their chart, all trained for longer."""
    maps, before = [], 0.0
    for law in filter(None, reversed(PROBLEMS[problem])):
        x = sample(law, N_DATA, stream(seed, 0 if law in TARGETS else 1))
        options = {"likelihood_steps": LIKELIHOOD, "generator": stream(seed, 4), "verbose": False}
        fitted, seconds = timed(lambda x=x, options=options: fit_convex_map(x, **options))
        maps.append(fitted)
        before += seconds
    chart, coupling = CHARTS[method]
    flow, seconds = curved(chart(*maps), problem, seed, coupling=coupling, steps=STEPS)
    return judged(flow, before + seconds, problem, seed)


def smooth_row(seed: int, problem: str, method: str) -> dict[str, float]:
    """The maps of the other charts, and a perceptron without waves.

    Where a map leaves a haze between the modes the field turns late and fast. A network that smooths this over is
    straighter, and no better.
    """
    net = FourierNet(2, width=96, n_frequencies=0, generator=stream(seed, 2))
    return judged(*charted(ConvexChart, problem, seed, start=net), problem, seed)
