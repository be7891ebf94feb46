"""Koopman-CFM (arXiv 2506.22304) and its rivals: four laws in the plane, each sampler beside the flow it imitates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from experiments.koopman_cfm.equal import DIRECT, FREE, LIFT, MAP, METHODS, PAIRING, TUNED, one_step, seconds, setting
from experiments.koopman_cfm.figure import errors
from experiments.koopman_cfm.rows import acceptance, coupling, identity, samples, speed
from experiments.koopman_cfm.samplers import COUPLING, SAMPLERS
from experiments.koopman_cfm.words import ABOUT, ALT
from experiments.machinery.common import fresh_seeds, slug
from experiments.machinery.experiment import Band, Cite, Experiment, Numbers, Picture, Row, Summary

SEEDS = fresh_seeds(3000)

FOLLOWS = tuple(Band(name, 0.03) for name in ("end", "mid", "path"))


BACK = Band("inverse", 1.2, floor="inverse of Koopman-CFM, one pair")
PATHS, SPIRALS = (Band("path", bound, floor=f"path of {MAP}") for bound in (0.8, 0.95))
ENDS, FREELY = (Band("end", bound, floor=f"end of {DIRECT}") for bound in (1.05, 1.0))
GOALS = {
    LIFT: lambda toy: (ENDS, SPIRALS if toy == "spirals" else PATHS, BACK),
    FREE: lambda toy: (FREELY,),
}


def equal_rows() -> Iterator[Row]:
    """The lift and its rivals at one evaluation, each trained for the same CPU seconds."""
    for toy in PAIRING:
        title = f"One step, rivals at equal seconds: {toy}"
        for method in METHODS:
            promised = GOALS[method](toy) if method in GOALS else ()
            yield Row(slug("equal", toy, method), title, one_step, {"toy": toy, "method": method}, SEEDS, promised)


def fairness_rows() -> Iterator[Row]:
    """That seconds are equal, and how settings were chosen."""
    for toy in ("moons", "spirals"):
        title = "Seconds of each training over the lift's, all at once"
        yield Row(slug("seconds", toy), title, seconds, {"toy": toy}, [TUNED], EQUAL)
    for method, declared in METHODS.items():
        for chosen in declared.settings if len(declared.settings) > 1 else ():
            words = [f"{name} {value:g}" for name, value in chosen.items()]
            parameters, title = {"method": method, **chosen}, f"Settings, tried with seed {TUNED} on the moons"
            yield Row(slug("setting", method, *words), title, setting, parameters, [TUNED])


EQUAL = (
    Band("lift alone / one pair alone", 1.1),
    *(Band(f"{method} / lift", 1.1) for method in METHODS if method != LIFT),
    *(Band(f"{method} / lift", 0.9, at_least=True) for method in METHODS if method != LIFT),
)


def bands(toy: str, method: str) -> tuple[Band, ...]:
    """What a sampler must keep; one Euler step on independent pairs must fail."""
    drawn = {"eight gaussians": (Band("structure", 0.75, at_least=True),)}
    drawn |= {name: (Band("sliced W2", 0.06),) for name in ("moons", "checkerboard")}
    drawn["checkerboard"] += (Band("structure", 0.8, at_least=True),)
    held = {
        "teacher, midpoint 8": drawn.get(toy, ()),
        "teacher, Euler 1": (Band("sliced W2", 0.8, at_least=True),) * (COUPLING[toy] == "independent"),
        "OT-CFM, Euler 4": (Band("sliced W2", 0.07),),
    }
    return held.get(method, ())


def sample_rows(toy: str) -> Iterator[Row]:
    """Every sampler on one law; the teacher of the spirals is a flow of optimal-transport pairs itself."""
    title = f"{toy.capitalize()}, teacher with {COUPLING[toy].replace('ot', 'optimal-transport')} pairs"
    for method in SAMPLERS:
        parameters = {"toy": toy, "method": method}
        yield Row(slug(toy, method), title, samples, parameters, SEEDS, bands(toy, method))


CURVED = Band("deviation", 1.0, at_least=True), Band("floor, 1 pairs", 0.02)
FLOW_BANDS = {
    "independent": (*CURVED, Band("midpoint 4 over 16", 1.3)),
    "ot": (Band("deviation", 0.1), Band("floor, 0 pairs", 0.015)),
    "exact": CURVED,  # in closed form, without any training
}


def flow_rows() -> Iterator[Row]:
    straight = [(toy, "ot") for toy in COUPLING if COUPLING[toy] != "ot"]
    for toy, pairs in [*COUPLING.items(), *straight, ("eight gaussians", "exact")]:
        parameters, title = {"toy": toy, "pairs": pairs}, "How straight the flows are"
        yield Row(slug("flow", toy, pairs), title, coupling, parameters, SEEDS, FLOW_BANDS[pairs])


ACCEPTED = {
    "balanced": (Band("end", 0.06), Band("mid", 0.05), Band("path", 0.06), Band("inverse", 0.4)),
    "paper": (Band("end", 0.1), Band("path", 0.1), Band("above teacher", 0.025)),
    "path": (Band("path", 0.04), Band("mid", 0.03)),
    "target alone": (Band("mid", 0.2, at_least=True), Band("end", 0.08)),
    "consistency alone": (Band("mid", 0.06), Band("end", 0.09, at_least=True)),
    "paper, no pair": (Band("path", 0.12, at_least=True),),
    "paper, one pair": (Band("path", 0.08),),
    "paper, started at 0.5i and 5i": (Band("path over paper", 1.5), Band("rates moved", 0.5, at_least=True)),
    "free generator, consistency and phase": (Band("last loss", 1e-5), Band("spread", 0.1)),
    "free generator, autoencoder": (Band("raw residual", 0.02), Band("residual", 0.5, at_least=True)),
}


def acceptance_rows() -> Iterator[Row]:
    title = "Moons, the paper's training and what fails of it"
    for recipe, promised in ACCEPTED.items():
        yield Row(slug("moons.recipe", recipe), title, acceptance, {"recipe": recipe}, SEEDS, promised)
    title, exact = "The error is the propagated residual", (Band("relative difference", 1e-3),)
    yield Row("moons.identity", title, identity, {"recipe": "balanced"}, SEEDS, exact)


SPEED = *FOLLOWS, Band("times faster", 10.0, at_least=True), Band("times dopri5", 80.0, at_least=True)


def speed_rows() -> Iterator[Row]:
    """The bands are for flows of independent pairs: with those of optimal transport a few Euler steps are enough."""
    for toy, pairs in COUPLING.items():
        parameters, title = {"toy": toy, "n": 10_000}, "Speed at 10,000 samples, student of width 64 with one pair"
        held = SPEED if pairs == "independent" else ()
        yield Row(slug("speed", toy, "10000"), title, speed, parameters, SEEDS, held)


# The page


def verdict(cite: Cite) -> tuple[str, ...]:
    """What came out."""

    def of(method: str, name: str, toy: str = "moons") -> float:
        return cite(slug("equal", toy, method), name)

    def ratios(method: str, name: str, other: str) -> str:
        found = [of(method, name, toy) / of(other, name, toy) for toy in PAIRING]
        return f"{min(found):.2f} to {max(found):.2f}"

    few = "moons-ot-cfm-euler-4"
    return (
        f"**At equal seconds, each at its best step size, the lift is not far from plain rivals**: over the laws it "
        f"has {ratios(LIFT, 'path', MAP)} times the error of a time-conditioned map on the path and "
        f"{ratios(LIFT, 'end', DIRECT)} times that of direct regression at the end, {ratios(FREE, 'path', MAP)} and "
        f"{ratios(FREE, 'end', DIRECT)} times without a way back (which errs by {of(LIFT, 'inverse'):.2f} on the "
        f"moons). What needs no teacher is further off: MeanFlow's ends on the moons by {of('MeanFlow', 'end'):.3f}, "
        f"the lift's by {of(LIFT, 'end'):.3f}.",
        f"**Against the cheapest solver of equal quality** a lift with one pair draws 10,000 samples "
        f"{cite('speed-moons-10000', 'times faster'):.0f} times as fast where pairs are independent, and "
        f"{cite('speed-spirals-10000', 'times faster'):.1f} times with pairs of optimal transport. With those, four "
        f"Euler steps need no student: {cite(few, 'sliced W2'):.3f} beside {of(LIFT, 'sliced W2'):.3f} (floor "
        f"{of(LIFT, 'sliced W2 floor'):.3f}), after {cite(few, 'training CPU s'):.0f} seconds of training instead of "
        f"{of(LIFT, 'training CPU s'):.0f}.",
        f"**A small loss proves little.** Trained on end points alone a student is off by "
        f"{100 * cite('moons-recipe-target-alone', 'mid'):.0f} % half way; a free generator trained by consistency and "
        f"phase has the loss {cite('moons-recipe-free-generator-consistency-and-phase', 'last loss'):.0e} and nothing "
        f"in it: all its lifted points coincide, and its ends are off by "
        f"{100 * cite('moons-recipe-free-generator-consistency-and-phase', 'end'):.0f} %.",
    )


def picture(numbers: dict[str, Numbers]) -> Any:
    """All four laws."""
    return errors([*PAIRING], [*METHODS], numbers)


ENDS_ALONE = (
    "direct regression takes a quarter more steps in the same seconds, and its network has to know the end alone"
)
WITH_A_WAY_BACK = (
    "at its best step size, eight times the one before, the map gained more than the lift did, half of whose batch is "
    "for the way back"
)
CLOCK = "milliseconds beside milliseconds: with the same evaluations 86 to 114 on another processor, here 76 to 113"
MISSED = {
    **{f"{slug('equal', toy, LIFT)}: {ENDS}": ENDS_ALONE for toy in ("eight gaussians", "checkerboard")},
    f"{slug('equal', 'eight gaussians', FREE)}: {FREELY}": ENDS_ALONE,
    **{f"{slug('equal', toy, LIFT)}: {PATHS}": WITH_A_WAY_BACK for toy in ("moons", "checkerboard")},
    "speed-checkerboard-10000: times dopri5 >= 80": CLOCK,
}

EXPERIMENT = Experiment(
    title="Koopman-CFM: one-step sampling, states on the way, and the paper's training",
    verdict=verdict,
    summary=Summary(
        ("end", "mid", "path", "inverse", "sliced W2", "structure", "training CPU s"),
        {method: slug("equal", "moons", method) for method in METHODS}
        | {method: slug("moons", method) for method in ("teacher, midpoint 8", "teacher, Euler 1", "OT-CFM, Euler 4")},
    ),
    picture=Picture(picture, ALT),
    about=ABOUT,
    missed=MISSED,
    rows=[
        *equal_rows(),
        *fairness_rows(),
        *(row for toy in COUPLING for row in sample_rows(toy)),
        *flow_rows(),
        *acceptance_rows(),
        *speed_rows(),
    ],
)
