"""The convex chart's flow by a network that cannot see how late the field turns."""

from __future__ import annotations

from koopteach.flow_matching import FourierNet
from koopteach.interpolants import ConvexChart, CurvedInterpolant
from koopteach.reproduce._common import stream, timed
from koopteach.reproduce._curved_flows import BATCH, STEPS, judged, maps, train_set


def smooth_row(seed: int, problem: str, method: str) -> dict[str, float]:
    """The maps of the other charts, and a perceptron without waves.

    Where a map leaves a haze between the modes the field turns late and fast. A network that smooths this over is
    straighter, and no better.
    """
    both, before = maps(problem, seed)
    x1, x0 = train_set(problem, seed)
    net = FourierNet(2, width=96, n_frequencies=0, generator=stream(seed, 2))
    flow = CurvedInterpolant(2, family=ConvexChart(*both), net=net)
    options = {"n_steps": STEPS, "batch": BATCH, "generator": stream(seed, 3), "verbose": False}
    flow, seconds = timed(lambda: flow.fit(x1, x0, **options))
    return judged(flow, before + seconds, problem, seed)
