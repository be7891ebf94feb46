"""The convex chart with time: how straight its flow becomes when map and network are trained for longer."""

from __future__ import annotations

from koopteach.flow_matching import FourierNet
from koopteach.interpolants import ConvexChart, CurvedInterpolant, fit_convex_map
from koopteach.reproduce._common import stream, timed
from koopteach.reproduce._curved_flows import (
    BATCH,
    N_DATA,
    PROBLEMS,
    TARGETS,
    Trained,
    judged,
    sample,
    straight_inside,
    train_set,
)

LIKELIHOOD, STEPS = 1500, 6000  # fifteen times and more than twice those of the other charts

# How the chart is made of its maps, and which pairs go with it.
CHARTS = {
    "convex chart, longer training": (ConvexChart, "independent"),
    "convex chart, latent transport pairs, longer training": (straight_inside, "local"),
}


def patient(problem: str, method: str, seed: int) -> Trained:
    """Maps of the data and of noise that is not N(0, I), and a flow on their chart."""
    maps, before = [], 0.0
    for law in filter(None, reversed(PROBLEMS[problem])):
        x = sample(law, N_DATA, stream(seed, 0 if law in TARGETS else 1))
        options = {"likelihood_steps": LIKELIHOOD, "generator": stream(seed, 4), "verbose": False}
        fitted, seconds = timed(lambda x=x, options=options: fit_convex_map(x, **options))
        maps.append(fitted)
        before += seconds
    x1, x0 = train_set(problem, seed)
    chart, coupling = CHARTS[method]
    net = FourierNet(2, generator=stream(seed, 2))
    flow = CurvedInterpolant(2, family=chart(*maps), coupling=coupling, net=net)
    options = {"n_steps": STEPS, "batch": BATCH, "generator": stream(seed, 3), "verbose": False}
    flow, seconds = timed(lambda: flow.fit(x1, x0, **options))
    return flow, before + seconds


def patient_row(seed: int, problem: str, method: str) -> dict[str, float]:
    """A row of the large table."""
    return judged(*patient(problem, method, seed), problem, seed)
