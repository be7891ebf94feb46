"""Koopman-CFM on pictures: one-step samplers and their rivals, and speed at equal quality."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from experiments.image_flows.claim_rows import ABOUT, MISSED, claim_rows
from experiments.image_flows.rows import samples, speed
from experiments.image_flows.samplers import SAMPLERS
from experiments.machinery.common import fresh_seeds, slug
from experiments.machinery.experiment import Band, Cite, Experiment, Numbers, Picture, Row, Summary
from experiments.machinery.figure import dots

SEEDS = fresh_seeds(3000)

# The rows

BANDS = {
    "digits": {
        "teacher, midpoint 2": (Band("Frechet", 4.0, "Frechet floor"),),
        "teacher, Euler 1": (Band("Frechet", 20.0, "Frechet floor", at_least=True),),
        "Koopman-CFM, coefficients": (Band("end", 0.3), Band("path", 0.2), Band("inverse", 0.8)),
    },
    "fashion": {
        "teacher, Euler 1": (Band("Frechet", 20.0, "Frechet floor", at_least=True),),
        "Koopman-CFM, coefficients": (Band("end", 0.3), Band("path", 0.2), Band("inverse", 0.8)),
    },
}
TITLES = {
    "digits": "Digits 8 x 8 in 32 components",
    "fashion": "Fashion-MNIST 28 x 28 in 40 components",
}


LONG = ("consistency", "OT-CFM")  # the longest trainings: for digits alone, and on a GPU


def sample_rows(name: str) -> Iterator[Row]:
    for method in SAMPLERS:
        if name == "fashion" and any(part in method for part in LONG):
            continue
        parameters, bands = {"name": name, "method": method}, BANDS.get(name, {}).get(method, ())
        yield Row(slug(name, method), TITLES[name], samples, parameters, SEEDS, bands)


def other_rows() -> Iterator[Row]:
    for name in ("digits", "fashion"):
        title = "Speed against the cheapest setting of the teacher of equal quality"
        yield Row(slug("speed", name), title, speed, {"name": name}, SEEDS, (Band("times faster", 1.5, at_least=True),))


# The page


def verdict(cite: Cite) -> tuple[str, ...]:
    """What came out."""

    def of(method: str, name: str = "Frechet", pictures: str = "digits") -> float:
        return cite(slug(pictures, method), name)

    ours, small = "Koopman-CFM, coefficients", "teacher, midpoint 20"
    longer, rival = "6 x the training, midpoint 20", "mixture of 40"
    return (
        f"**One evaluation draws, and not best.** Digits: Frechet distance {of('direct regression'):.1f} by direct "
        f"regression, {of(ours):.1f} by the lifted flow, {of(small):.1f} by their teacher in small steps and "
        f"{of('teacher, Euler 1'):.0f} in one; clothes {of('direct regression', pictures='fashion'):.1f}, "
        f"{of(ours, pictures='fashion'):.1f}, {of(small, pictures='fashion'):.1f} and "
        f"{of('teacher, Euler 1', pictures='fashion'):.0f}. None is at the floor of {of(ours, 'Frechet floor'):.2f} or "
        f"{of(ours, 'Frechet floor', 'fashion'):.2f}, the teacher neither: it is a short training of 2,000 steps. "
        f"Six times as many bring {of(longer):.2f} and {of(longer, pictures='fashion'):.2f}, a mixture of 40 "
        f"Gaussians {of(rival):.2f} and {of(rival, pictures='fashion'):.2f}.",
        f"**The gain is {cite('speed-digits', 'times faster'):.0f}- to "
        f"{cite('speed-fashion', 'times faster'):.0f}fold, not a hundredfold**: {cite('speed-digits', 'NFE'):.0f} and "
        f"{cite('speed-fashion', 'NFE'):.0f} evaluations of the teacher, without any student, are as good. Four Euler "
        f"steps of OT-CFM score {of('OT-CFM, Euler 4'):.1f}, after {of('OT-CFM, Euler 4', 'training CPU s'):.0f} "
        f"seconds of training.",
        f"**What the lift adds** are the states on the way (off by {100 * of(ours, 'path'):.0f} %), modes, and a way "
        f"back, which is off by {of(ours, 'inverse'):.2f} standard deviations of the noise. Of what "
        f"version 3 claims, as we read its abstract: the pair's direction changes digits more alike (coherence "
        f"{cite('edit-digits-student-pair', 'coherence'):.2f}) than random ones "
        f"({cite('edit-digits-student-pair', 'coherence floor'):.2f}); but so does one from end points alone "
        f"({cite('edit-digits-student-end-points-no-operator', 'coherence'):.2f}). The modes' energies "
        f"are no signature: they name {100 * cite('signature-digits-student-drawn', 'energies'):.0f} % of the digits, "
        f"where the largest class has {100 * cite('signature-digits-student-drawn', 'largest class'):.0f} %.",
    )


def picture(numbers: dict[str, Numbers]) -> Any:
    """Both sets."""
    panels = {
        TITLES[name]: {method: id for method in SAMPLERS if (id := slug(name, method)) in numbers}
        for name in ("digits", "fashion")
    }
    return dots(panels, "Frechet", numbers, ours=[name for name in SAMPLERS if name.startswith("Koopman")], columns=2)


ALT = (
    "Two panels, digits and clothes: Frechet distance over its noise floor. The teacher in small steps is at three and "
    "eleven, direct regression and the lifted flow a little above, one Euler step of the teacher at a hundred and "
    "more. Nearest to the floor, at one to three, are a flow with six times the training and a mixture of Gaussians."
)

EXPERIMENT = Experiment(
    title="Koopman-CFM on pictures: one step, and its rivals at equal quality",
    verdict=verdict,
    summary=Summary(
        ("Frechet", "held-out sd", "precision", "recall", "halves", "end", "path", "inverse", "training CPU s", "NFE"),
        {
            method: slug("digits", method)
            for method in (
                "teacher, midpoint 20",
                "teacher, midpoint 2",
                "teacher, Euler 1",
                "direct regression",
                "Koopman-CFM, coefficients",
                "Koopman-CFM, consistency",
                "reflow, Euler 1",
                "OT-CFM, Euler 1",
                "OT-CFM, Euler 4",
                "6 x the training, midpoint 20",
                "mixture of 40",
            )
        },
    ),
    picture=Picture(picture, ALT),
    about=(
        "The table above is for digits.\n\n"
        "Digits 8 x 8 (1,160 to learn from, 580 held out) and Fashion-MNIST 28 x 28 (60,000 and 10,000), in principal "
        "components with one common scale. A teacher, flow matching with independent pairs, carries normal noise to "
        "them. All else of a set has networks of the same width, as many training steps and, where it learns from the "
        "teacher, as many of its paths: *direct regression* the end from the start, *reflow* a second flow, "
        "*Koopman-CFM* the whole path from one evaluation. *OT-CFM* is trained on the data with pairs of optimal "
        "transport. All of them take 2,000 steps of 256 pictures or paths: a short training, after which the "
        "teacher is weak, and what is compared is what each makes of the same steps. *6 x the training* is a flow "
        "by itself with 12,000. *Mixture of 40* is scikit-learn's, fitted to the same components. Each row is of "
        "three seeds, from the weights to the noise: their median and, in brackets, the largest.\n\n"
        "Drawn and real pictures are compared in the 64 features of a perceptron trained to tell the classes, both "
        "cut to their components: 580 and 2,000 drawn ones with all 580 and, of clothes, 10,000 held-out ones. "
        "*Frechet* is the Frechet distance; it depends on classifier and number and means something beside its "
        "floor only: what as many real training pictures as are drawn score, mean ± standard deviation of ten "
        "draws. *Held-out sd* is its deviation over which pictures were held out, from halves of them. The full set "
        "of clothes is not part of the course: a folder of the four files, or Debian's package "
        "dataset-fashion-mnist. *Precision*: the share of drawn pictures among real ones, *recall* of real among "
        "drawn ones, at equal numbers. *Balance*: total variation between class frequencies. *Halves*: the share that "
        "is nearer to training pictures than to as many held-out ones: 1/2 for new pictures; training pictures "
        "themselves, cut to that number, have 0.75 of digits and 0.59 of clothes. *Neighbour*: median distance to the "
        "nearest training picture, over the same of held-out ones; near zero for copies. *End*, *mid* and *path* are "
        "distances to the teacher's states in small steps, relative to the size of its end points; "
        "*inverse* the error of the noise that a student finds back, in standard deviations. Training seconds are a "
        "sampler's own, without its teacher's; *CPU ms* is for 2,000 pictures. Seconds were taken on a busy "
        "machine.\n\n"
        "*Speed*: against the fewest evaluations by which the teacher's Frechet distance is at most the student's.\n\n"
        "How to read it: with one evaluation direct regression draws best, the lifted flow next; both draw better "
        "than one Euler step of any flow. Two to four midpoint steps of the teacher, without any student, are as "
        "good as either, so that the gain is five- to sevenfold and not a hundredfold. No sampler is at the floor, "
        "the teacher itself included. What the lift has beyond is the states on the way, the modes, and a way back, "
        "which is off by half a standard deviation here. For digits, OT-CFM and the paper's training by consistency "
        "are beside them; for clothes they are left out, as they take longest. Large networks are an experiment of "
        "their own, image-flows-gpu, which has not been computed. Faces (CelebA-HQ) are not reproduced. A diffusion "
        "model beside the flow would tell nothing new: divided by the sum of its two coefficients, a Gaussian "
        "diffusion's path is the flow's straight one in another clock, and score and velocity are the same conditional "
        "mean.\n\n" + ABOUT
    ),
    rows=[*(row for name in ("digits", "fashion") for row in sample_rows(name)), *other_rows(), *claim_rows()],
    missed=MISSED,
)
