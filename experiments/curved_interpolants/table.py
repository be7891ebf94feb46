"""Learned curved interpolants (arXiv 2503.20719) and their rivals: few Euler steps in the plane and on digits."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.curved_interpolants import text
from experiments.curved_interpolants.again import CHARTS, longer_row, smooth_row
from experiments.curved_interpolants.checks import cost_row, determinant_row, gaussian_row
from experiments.curved_interpolants.digits import DIGITS, digits_row
from experiments.curved_interpolants.flows import METHODS, PROBLEMS, flow_row
from experiments.curved_interpolants.race import FEW, LONGER, RACERS, race_row, racer_row
from experiments.machinery.common import fresh_seeds, slug
from experiments.machinery.experiment import Band, Experiment, Picture, Row

RACE = fresh_seeds(6000, 5)
SEEDS, ONE = RACE[:3], RACE[:1]


def below(name: str, bound: float) -> Band:
    return Band(name, bound)


def above(name: str, bound: float) -> Band:
    return Band(name, bound, at_least=True)


MOONS, RING, BOARD = PROBLEMS
# On independent straight paths a flow is bent, and one Euler step lands on the data's mean.
COLLAPSES = above("S", 1.2), above("SW2 at 1", 0.8)
BANDS: dict[tuple[str, str], tuple[Band, ...]] = {
    (MOONS, "linear"): (
        *COLLAPSES,
        above("SW2 at 4", 0.2),
        below("SW2 at 4", 0.3),
        above("SW2 at 16", 0.06),
        below("SW2 at 16", 0.1),
    ),
    (MOONS, "trigonometric"): (below("SW2 at 4", 0.078), above("warnings", 1)),
    (MOONS, "geodesic schedule"): (below("SW2 at 4", 0.078),),
    (MOONS, "convex chart"): (below("SW2 at 1", 0.13), below("SW2 at 4", 0.065), below("S", 0.15)),
    (MOONS, "convex chart, latent transport pairs"): (below("SW2 at 1", 0.08), below("SW2 at 4", 0.05)),
    (MOONS, "linear + reflow"): (below("SW2 at 1", 0.07),),
    (MOONS, "OT-CFM"): (below("SW2 at 1", 0.07),),
    (MOONS, "OT-CFM + reflow"): (below("SW2 at 1", 0.07),),
    (RING, "linear"): (
        above("S", 1.2),
        above("SW2 at 4", 0.22),
        below("SW2 at 4", 0.37),
        above("SW2 at 16", 0.05),
        below("SW2 at 16", 0.09),
    ),
    (RING, "convex chart"): (below("SW2 at 4", 0.1), below("S", 0.1)),
    (RING, "convex chart, latent transport pairs"): (below("SW2 at 4", 0.05),),
    (RING, "schedule by descent"): (above("warnings", 1),),
    (BOARD, "linear"): (*COLLAPSES, above("SW2 at 16", 0.06), below("SW2 at 16", 0.11)),
    (BOARD, "convex chart"): (below("SW2 at 1", 0.1), below("SW2 at 4", 0.07), below("S", 0.1)),
}
# Elsewhere the one chart is the other, and nothing new is seen of what takes a minute and more each.
ONLY = {
    "one convex chart": (RING,),
    "schedule by descent": (MOONS, RING),
    "conditional affine by descent": (MOONS,),
    "chart by descent": (MOONS,),
    "trigonometric, transport pairs": (MOONS,),
    "convex chart, longer training": (MOONS,),
    "convex chart, latent transport pairs, longer training": (MOONS, RING),
    "convex chart, network without waves": (MOONS,),
}
# Ours are the two coded charts.
RIVALS = *RACERS[2:], LONGER
# Not behind by more than this is level: it is less than the spread of the noise floor on every problem.
LEVEL = 0.002


def flow_rows(problem: str) -> Iterator[Row]:
    """Every method on one problem; what races is trained once for both tables."""
    title = problem.capitalize()
    for method in METHODS:
        if problem in ONLY.get(method, PROBLEMS):
            parameters, held = {"problem": problem, "method": method}, BANDS.get((problem, method), ())
            yield Row(slug(problem, method), title, flow_row, parameters, SEEDS, held)
    for method in CHARTS:
        short = method.removesuffix(", longer training")
        if problem in ONLY[method] and (held := BANDS.get((problem, short), ())):
            yield Row(slug(problem, method), title, longer_row, {"problem": problem, "method": method}, SEEDS, held)
    parameters = {"problem": problem, "method": "convex chart, network without waves"}
    if problem in ONLY[parameters["method"]]:
        held = tuple(band for band in BANDS[problem, "convex chart"] if band.value == "S")
        yield Row(slug(*parameters.values()), title, smooth_row, parameters, SEEDS, held)
    for method in RACERS:
        parameters, held = {"problem": problem, "method": method}, BANDS.get((problem, method), ())
        yield Row(slug(problem, method), title, racer_row, parameters, SEEDS, held)


def race_rows(problem: str) -> Iterator[Row]:
    """In each seed all start from the same noise and are judged by the same samples."""
    title = f"The race, {problem}"
    one, *more = FEW
    level = (above(f"above ours at {k}", -LEVEL) for k in more)
    won = above(f"above ours at {one}", 0.0), *level, above("seconds / ours", 1.0)
    for method in (*RACERS, LONGER):
        parameters, held = {"problem": problem, "method": method}, won if method in RIVALS else ()
        yield Row(slug("race", problem, method), title, race_row, parameters, RACE, held)


def digit_rows() -> Iterator[Row]:
    bands = {
        "linear": (above("FD at 4", 4.0), below("FD at 4", 6.5)),
        "trigonometric": (below("FD at 4", 2.5),),
        **{name: (above("warnings", 1),) for name in DIGITS if "by descent" in name},
    }
    for method in DIGITS:
        held, title = bands.get(method, ()), "Digits of 8 x 8 pixels"
        yield Row(slug("digits", method), title, digits_row, {"method": method}, SEEDS, held)


def check_rows() -> Iterator[Row]:
    for schedule, band in (("straight", below("A", 1e-10)), ("linear", above("A", 1.0))):
        title = "One Gaussian to a narrower one: the acceleration of its field"
        yield Row(slug("gaussian", schedule), title, gaussian_row, {"schedule": schedule}, ONE, (band,))
    for kept, band in (("kept", below("standard errors", 5.0)), ("omitted", above("standard errors", 8.0))):
        title = "Proposition 1 where the determinant depends on the data"
        yield Row(slug("determinant", kept), title, determinant_row, {"determinant": kept}, SEEDS, (band,))


def cost_rows() -> Iterator[Row]:
    title = "What a log-determinant costs, and how many data the weights rest on"
    for dim in (2, 8, 32, 64, 196, 784):
        held = (below("autograd error", 1e-2),) + (below("ESS of 512", 2.0),) * (dim >= 32)
        yield Row(f"cost.{dim}", title, cost_row, {"dim": dim}, ONE, held)


EXPERIMENT = Experiment(
    title="Straight flows by curved interpolants: few Euler steps",
    verdict=text.verdict,
    summary=text.SUMMARY,
    about=text.ABOUT,
    missed=text.MISSED,
    rows=[
        *(row for problem in PROBLEMS for row in race_rows(problem)),
        *(row for problem in PROBLEMS for row in flow_rows(problem)),
        *digit_rows(),
        *check_rows(),
        *cost_rows(),
    ],
    picture=Picture(text.picture, text.ALT),
)
