"""Conditional sampling by weighted spectra: samples of a prior, a likelihood, and what both give."""

from __future__ import annotations

from typing import Any

from experiments.conditional.methods import METHODS, law_row, row_numbers
from experiments.conditional.problems import PROBLEMS
from experiments.machinery.common import dotted, fresh_seeds
from experiments.machinery.experiment import Band, Cite, Experiment, Numbers, Picture, Row, Summary
from experiments.machinery.figure import dots

SEEDS = fresh_seeds(4000)


def at_most(factor: float) -> tuple[Band, ...]:
    """A promise in floors."""
    return (Band("sliced W2", factor, "sliced W2 floor"),)


EVEN_TOO = ("sum", "well", "ring")  # with enough effective samples for a law and an evenness apart
LAW = "KSWGD, damped, a random 800 of 8,000"
BANDS = {
    ("sum", "KSWGD, damped"): at_most(1.3),
    ("well", "KSWGD, damped"): at_most(1.3),
    ("ring", "KSWGD, damped"): at_most(1.3),
    **{(problem, LAW): at_most(1.2) for problem in EVEN_TOO},
    ("narrow", "KSWGD, damped"): at_most(1.6),
    ("narrow", "KSWGD, tempered sooner"): at_most(1.3),
}


def rows_on(problem: str) -> list[Row]:
    """KSWGD and importance resampling; tempering where few effective samples are left; law and evenness apart where
    many are; Langevin on three problems."""
    methods = ["KSWGD, damped", "KSWGD, paper", "importance resampling"]
    methods += {"narrow": ["KSWGD, tempered sooner"], "needle": ["KSWGD, tempered"]}.get(problem, [])
    if problem in EVEN_TOO:
        methods += [LAW, "weighted data, herded", "exact samples, herded"]
    if problem in ("sum", "narrow", "well"):
        methods += ["ULA, KDE score, equal CPU", "ULA, true score, equal CPU"]
    return [
        Row(
            dotted(problem, method),
            PROBLEMS[problem].title,
            law_row if method == LAW else row_numbers,
            {"problem": problem, "method": method},
            SEEDS,
            BANDS.get((problem, method), ()),
        )
        for method in methods
    ]


# The page


def verdict(cite: Cite) -> tuple[str, ...]:
    """What came out."""

    def floors(problem: str, method: str) -> float:
        id = dotted(problem, method)
        return cite(id, "sliced W2") / cite(id, "sliced W2 floor")

    ours, copies, even = "KSWGD, damped", "importance resampling", "weighted data, herded"
    return (
        f"**It works while a few hundred effective samples are left.** Of 10,000 prior samples the noisy sum leaves "
        f"{cite('sum.kswgd-damped', 'effective size'):,.0f}, and KSWGD ends at {floors('sum', ours):.2f} noise floors; "
        f"the narrow sum leaves {cite('narrow.kswgd-damped', 'effective size'):,.0f}: {floors('narrow', ours):.2f}.",
        f"**It does not beat the weighted data, which cost nothing.** In law a random 800 of 8,000 particles score "
        f"{floors('sum', LAW):.2f} floors on the noisy sum and {floors('well', LAW):.2f} in one well of four, copies "
        f"by importance resampling {floors('sum', copies):.2f} and {floors('well', copies):.2f}; as evenly as its own "
        f"800 ({floors('sum', ours):.2f}, {floors('well', ours):.2f}) lie weighted data that are herded "
        f"({floors('sum', even):.2f}, {floors('well', even):.2f}).",
        f"**Told the true score, ULA is as near in law** ({floors('sum', 'ULA, true score, equal CPU'):.2f}, "
        f"{floors('well', 'ULA, true score, equal CPU'):.2f}); with an estimated one it is not "
        f"({floors('sum', 'ULA, KDE score, equal CPU'):.2f}, {floors('well', 'ULA, KDE score, equal CPU'):.2f}). A "
        f"needle is beyond all that know {cite('needle.kswgd-damped', 'effective size'):.0f} effective samples: KSWGD "
        f"is at {floors('needle', ours):.1f} floors, tempered at {floors('needle', 'KSWGD, tempered'):.1f}, resampling "
        f"at {floors('needle', copies):.1f}.",
    )


SHOWN = {name: name for name in ("KSWGD, damped", "KSWGD, paper", "importance resampling", "weighted data, herded")}
SHOWN |= {"KSWGD, its law": LAW}
SHOWN |= {name.removesuffix(", equal CPU"): name for name in METHODS if name.startswith("ULA")}


def picture(numbers: dict[str, Numbers]) -> Any:
    """All problems."""
    panels = {
        problem.title: {shown: id for shown, method in SHOWN.items() if (id := dotted(name, method)) in numbers}
        for name, problem in PROBLEMS.items()
    }
    return dots(panels, "sliced W2", numbers, ours=[name for name in SHOWN if name.startswith("KSWGD")])


ALT = (
    "Five panels, one a problem: sliced W2 over its noise floor. KSWGD and weighted data that are herded lie at about "
    "one half, and at one or below where little data are left; KSWGD's law, importance resampling and ULA with the "
    "true score at about one, ULA with an estimated one at two to five. At the needle nothing is below two."
)

EXPERIMENT = Experiment(
    title="Conditional sampling by weighted spectra",
    verdict=verdict,
    summary=Summary(
        ("sliced W2", "sliced W2 / floor", "effective size", "CPU s"),
        {
            f"{PROBLEMS[problem].title}: {method}": dotted(problem, method)
            for problem in ("sum", "narrow", "needle")
            for method in ("KSWGD, damped", "importance resampling")
        },
    ),
    picture=Picture(picture, ALT),
    about=(
        "10,000 exact samples of a prior are all that is known of it; a likelihood weighs them. GeneratorEDMD learns "
        "the spectrum of the conditioned law from the weighted samples, and KSWGD moves 800 prior samples there in 100 "
        "steps: *damped* is the package's default, *paper* the paper's metric. *Tempered* brings the likelihood in "
        "parts that keep 500 effective samples (*sooner*: 1,000), with 2,000 particles; 800 of them are then moved by "
        "the last spectrum. The prior is the quadruple well at beta 1, whose coordinates' sum is observed to be 1, "
        "or which is softly told to be in one well; and a ring of five modes (radius 2, standard deviation 0.5), "
        "tilted by exp(x).\n\n"
        "Sliced W2 is to 10,000 exact samples of the conditioned law, KL that of a histogram of 24 cells a side from "
        "its density, where the law is wider than a cell. The noise floor is what 800 exact samples score, mean ± "
        "standard deviation over 20 draws. Below one floor lies what is even: particles that lie more evenly than "
        "independent ones and know no more. *A random 800 of 8,000* is KSWGD's law: the mean over random parts of a "
        "run with ten times as many. *Importance resampling* draws 800 of the prior samples by their weights, "
        "systematically, so that its copies are even in part; it costs nothing. *Herded* picks rows that lie evenly "
        "under their weights, of exact samples 800 of 8,000. *Equal CPU* gives ULA the seconds of KSWGD, damped, "
        "fit included, and the best of three step sizes; its score is that of the prior (true, or a kernel density "
        "estimate's) plus the slope of the log likelihood."
    ),
    rows=[row for problem in PROBLEMS for row in rows_on(problem)],
)
