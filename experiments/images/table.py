"""Pictures by KSWGD on the codes of an autoencoder, beside the rivals on the same codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from experiments.images.rows import evenness, law, training, validation
from experiments.images.samplers import WIDTHS
from experiments.images.sheet import sheet
from experiments.images.tasks import SETTINGS
from experiments.images.tuned import COPIES, STEPS, options
from experiments.machinery.common import dotted, fresh_seeds
from experiments.machinery.experiment import Band, Cite, Experiment, Picture, Row, Summary

SEEDS = fresh_seeds(2000)
TUNING_SEEDS = range(2)

# The rows

AIMS = (
    Band("precision", 0.99, "precision floor", at_least=True, spread="precision floor sd"),
    Band("recall", 1.0, "recall floor", at_least=True, spread="recall floor sd"),
    Band("classes", 1.2, "classes floor", spread="classes floor sd"),
    Band("neighbour", 0.9, at_least=True),
    Band("neighbour", 1.2),
    Band("halves", COPIES),
    Band("CPU s", 10.0),
)
QUESTIONS = {
    "law": (law, (Band("Frechet", 1.0, "Frechet floor", spread="Frechet floor sd"), *AIMS)),
    "evenness": (evenness, (Band("Frechet", 1.2, "Frechet floor", spread="Frechet floor sd"), *AIMS)),
}
TITLES = {
    "fashion": "Fashion-MNIST 28 x 28, twelve numbers a code",
    "digits": "Digits 8 x 8, six numbers a code",
}
METHODS = (
    "training codes",
    "data resampled",
    "Gaussian mixture, 10",
    "Gaussian mixture, 40",
    "Gaussian mixture, 100",
    "latent flow, equal seconds",
    "latent flow",
    "KSWGD, selected",
    "KSWGD, tuned",
)
BY_CLASS = ("Gaussian mixture, by class", "KSWGD, by class")
TRIED = {"fashion": WIDTHS, "digits": (0.3, *WIDTHS)}  # of 300 kernels of clothes, 0.3 leaves islands and is refused
BUDGETS = {"fashion": (3000, 6000, 12_000, 24_000, 48_000), "digits": (1000, 2000, 4000, 8000)}


def rows() -> Iterator[Row]:
    """Both questions to all methods, for clothes and digits; then what was chosen on the validation part."""
    for name, title in TITLES.items():
        for question, (function, aims) in QUESTIONS.items():
            for method in METHODS:
                parameters = {"pictures_of": name, "method": method, **options(name, method)}
                bands = aims if method.startswith("KSWGD") else ()
                yield Row(dotted(name, question, method), f"{title}: {question}", function, parameters, SEEDS, bands)
    for method in BY_CLASS:
        parameters = {"pictures_of": "digits", "method": method}
        yield Row(dotted("digits.evenness", method), "Digits, with labels: evenness", evenness, parameters, SEEDS)
    for name in TITLES:
        yield from tuning_rows(name)


def tuning_rows(name: str) -> Iterator[Row]:
    """The candidates for kernels and last step, and for the length of a flow's training."""
    table = f"Tuning on the validation part: {name}"
    for kernels in SETTINGS[name].sizes:
        for width in TRIED[name]:
            parameters = {"pictures_of": name, "kernels": kernels, "width": width}
            yield Row(dotted(name, f"tuning.{kernels}-{width}"), table, validation, parameters, TUNING_SEEDS)
    for steps in BUDGETS[name]:
        parameters = {"pictures_of": name, "steps": steps}
        yield Row(dotted(name, f"training.{steps}"), f"{table}, flow", training, parameters, TUNING_SEEDS[:1])


# The page


def verdict(cite: Cite) -> tuple[str, ...]:
    """What came out."""
    ours, chosen, mix, flow, real = (
        "KSWGD, tuned",
        "KSWGD, selected",
        "Gaussian mixture, 40",
        "latent flow",
        "training codes",
    )

    def of(method: str, question: str = "law", name: str = "Frechet", pictures: str = "fashion") -> float:
        return cite(dotted(pictures, question, method), name)

    places = {"fashion": 3, "digits": 2}  # as far as held-out pictures tell

    def far(method: str, question: str = "law", pictures: str = "fashion", name: str = "Frechet") -> str:
        return f"{of(method, question, name, pictures):.{places[pictures]}f}"

    def spread(method: str, question: str = "law", pictures: str = "fashion") -> str:
        return f"{far(method, question, pictures)} ± {far(method, question, pictures, 'held-out sd')}"

    def near(method: str) -> str:
        return f"{100 * of(method, name='halves'):.0f}"

    trained, longer = (dotted("fashion", f"training.{n}") for n in (STEPS["fashion"], max(BUDGETS["fashion"])))
    gain = cite(trained, "Frechet") - cite(longer, "Frechet")
    return (
        f"**Clothes: the plain mixture has the better law.** Against {of(ours, name='judged by'):,.0f} untouched test "
        f"pictures KSWGD, tuned on a validation part, has a Frechet distance of {spread(ours)} (over which pictures "
        f"were held out), a mixture of 40 {spread(mix)}, of 100 {far('Gaussian mixture, 100')}, real codes "
        f"{far(ours, name='Frechet floor')}. A latent flow has {far(flow)} after {cite(trained, 'CPU s'):.0f} "
        f"seconds of training ({cite(longer, 'CPU s'):.0f} take off another {gain:.3f} on the validation part), and "
        f"{far('latent flow, equal seconds')} in KSWGD's {of(ours, name='CPU s'):.0f} seconds.",
        f"**Evenness is to be had otherwise, too.** A run of KSWGD as it is has {spread(ours, 'evenness')}; picked to "
        f"lie evenly, draws of the mixture of 40 have {spread(mix, 'evenness')}, of 100 "
        f"{far('Gaussian mixture, 100', 'evenness')}, of the flow {far(flow, 'evenness')}, "
        f"training codes {far(real, 'evenness')}. Nearer to what was learned than to as many held-out codes (halves) "
        f"are {near(ours)} % of KSWGD's, {near(mix)} % of the mixture's, {near(flow)} % of the flow's and {near(real)} "
        f"% of the training codes themselves.",
        f"**Digits cannot decide.** Judged by {of(ours, name='judged by', pictures='digits'):.0f} pictures the law of "
        f"KSWGD has {spread(ours, pictures='digits')}, without any tuning {far(chosen, pictures='digits')}, a mixture "
        f"of 40 {far(mix, pictures='digits')}, the flow {far(flow, pictures='digits')}, real codes "
        f"{far(ours, pictures='digits', name='Frechet floor')}: less apart than the error. Only the flow in equal "
        f"seconds ({far('latent flow, equal seconds', pictures='digits')}) is behind.",
    )


SHEET = (
    "Four rows of clothes and four of digits, twenty each: held-out pictures after the round trip, KSWGD, below "
    "it the nearest pictures that it learned from, and a mixture of 40. All clothes are blurred alike; the nearest "
    "pictures are of the same kind and shade as KSWGD's and not the same; two of the mixture's clothes are torn."
)
BLUR = (
    "Kernels blur: some particles stay in the gaps between real codes, as precision shows; on clothes a mixture of 40 "
    "leaves fewer there."
)
WIDE = (
    "Chosen without looking, kernels are fewer and wider than samples need: `select` sees what slow modes gain from "
    "the data and stops there."
)
SCARCE = (
    "No sampler that learns from 1,160 digits is as near to the held-out ones as these codes are themselves; mixtures "
    "and flow are as far."
)
SINGLE = (
    "There is but one even choice of the digits' codes, so that its recall has no spread; two or three pictures lack."
)
CHANCE = "Of 580 particles halves is known to two hundredths; the larger run of the same sampler holds the aim."
SLOWER = "The aim was set on a processor on which it takes 8.7 seconds."
BROKEN = {
    "fashion.law.kswgd-selected": {WIDE: ("Frechet", "precision", "classes")},
    "fashion.law.kswgd-tuned": {BLUR: ("Frechet", "precision"), SLOWER: ("CPU s",)},
    "fashion.evenness.kswgd-selected": {WIDE: ("Frechet", "precision")},
    "fashion.evenness.kswgd-tuned": {BLUR: ("Frechet", "precision")},
    "digits.law.kswgd-selected": {SCARCE: ("Frechet", "precision", "classes")},
    "digits.law.kswgd-tuned": {SCARCE: ("Frechet", "precision", "classes")},
    "digits.evenness.kswgd-selected": {WIDE: ("Frechet", "precision"), SINGLE: ("recall",)},
    "digits.evenness.kswgd-tuned": {SINGLE: ("recall",), CHANCE: ("halves",)},
}


def missed(all_rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Each broken band and its reason."""
    for row in all_rows:
        for reason, values in BROKEN.get(row.id, {}).items():
            for band in row.bands:
                if band.value in values:
                    yield f"{row.id}: {band}", reason


ABOUT = (
    "The table above is for clothes, the main set. The picture shows twenty random samples of the first seed each; "
    "below ours is, for each, the nearest of the codes that it learned from.\n\n"
    "An autoencoder turns pictures into a few numbers, standardised to mean zero and covariance one; every method "
    "moves or draws such codes, and the same decoder makes pictures of them. All learn from the same codes: 12,000 of "
    "the 60,000 training pictures of Fashion-MNIST, drawn anew for each seed, and all 1,160 of the digits.\n\n"
    "**Who judges.** Clothes are judged by all 10,000 test pictures where the full set is on the computer (Debian's "
    "package dataset-fashion-mnist, or a folder that KOOPTEACH_DATA names), else by the 1,000 that come with the "
    "course: *judged by* says which of the two made a row, and all rows here are of the full set. Digits are judged by "
    "580. Nothing is chosen by these pictures. *Tuned* is by a validation part, every fourth training picture, which "
    "no fit of the tuning learns from: of all sizes, widths and last steps that were tried the least Frechet distance "
    "among those with halves of at most 0.55; without that bound narrower kernels win, whose particles are nearer to "
    "copies. Autoencoder and classifier have seen the validation part, so it is good for comparing candidates and for "
    "nothing else.\n\n"
    "**Two questions.** *Law*: each number is the mean over random parts of many codes: three of 5,000 out of 25,000 "
    "clothes, six of 580 out of 5,800 digits. *Evenness*: a run of 1,000 or 580 particles as it is; for a sampler of "
    "independent draws as many that are herded, picked to lie evenly, out of ten times as many. The floors are those "
    "of real training codes, as many of them, at random (8 draws) or herded (4 draws; of the digits' codes there is "
    "but one such choice). A Frechet distance falls with the number of codes: compare within a table.\n\n"
    "*Frechet*, *precision* and *recall* (five nearest neighbours, 1,000 or 580 of either) are in the "
    "features of a small classifier, after the same round trip; *to pictures* is the Frechet distance to them as they "
    "are, autoencoder included. *Held-out sd* is its deviation over which pictures were held out, from halves of them: "
    "the error of every number of a table together, larger than that of differences in it. *Classes* is the total "
    "variation of the class frequencies by that classifier. *Halves* is the share of samples nearer to the training "
    "codes, cut to as many as are held out, than to the held-out ones: 1/2 for new codes, and for copies what the row "
    "of training codes shows. *Neighbour* is the median distance to the nearest training code over that of held-out "
    "codes. *CPU s* is everything but the autoencoder: choice, fit, herding and codes; in the tables of the law all "
    "25,000 or 5,800 of them.\n\n"
    "KSWGD starts from standard normal noise and takes 60 steps in the paper's metric with step size 1. *Selected*: "
    "size and width of the kernels by the held-out energy of 20 slow modes (the finest candidate that is no worse than "
    "the best), never by pictures; tuned may end with one step along the spectrum's own score (Tweedie) that takes off "
    "noise of the given variance. Clothes have one small spectrum for each of 20 k-means cells, for which no label is "
    "needed; *by class*: one for each class, with labels, as is the mixture of 4 components a class. The latent flow "
    "(flow matching, a network of width 256, 40 evaluations) stands for a latent diffusion model. *Equal seconds*: as "
    "many steps of training as make it cost what KSWGD costs. Else digits have the length of training that is best "
    "on the validation part; clothes have 24,000 steps, where its distance falls more and more slowly but has not "
    "stopped: the last tables show the lengths that were tried. *Data resampled* draws training codes and adds noise "
    "of half of Silverman's bandwidth: whoever has the data has this for free."
)

EXPERIMENT = Experiment(
    title="Pictures by KSWGD, and its rivals on the same codes",
    verdict=verdict,
    summary=Summary(
        ("Frechet", "held-out sd", "Frechet / floor", "precision", "recall", "halves", "CPU s"),
        {
            f"{method}: {question}": dotted("fashion", question, method)
            for question in QUESTIONS
            for method in ("training codes", "Gaussian mixture, 40", "latent flow", "KSWGD, tuned")
        },
    ),
    picture=Picture(sheet, SHEET, live=True),
    missed=dict(missed(rows())),
    about=ABOUT,
    rows=list(rows()),
)
