"""Pictures by KSWGD on the codes of an autoencoder, beside the rivals on the same codes."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.images.rows import evenness, law, training, validation
from experiments.images.samplers import WIDTHS
from experiments.images.sheet import sheet
from experiments.images.tasks import SETTINGS
from experiments.images.tuned import COPIES, options
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
NARROW = 0.3  # width that is tried for tuning, beside those that are chosen from without looking
BUDGETS = {"fashion": (3000, 6000, 12_000, 24_000), "digits": (1000, 2000, 4000, 8000)}


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
        for width in (NARROW, *WIDTHS):
            parameters = {"pictures_of": name, "kernels": kernels, "width": width}
            yield Row(dotted(name, f"tuning.{kernels}-{width}"), table, validation, parameters, TUNING_SEEDS)
    for steps in BUDGETS[name]:
        parameters = {"pictures_of": name, "steps": steps}
        yield Row(dotted(name, f"training.{steps}"), f"{table}, flow", training, parameters, TUNING_SEEDS[:1])


# The page


def verdict(cite: Cite) -> tuple[str, ...]:
    """What came out."""
    return ("", "", "")


SHEET = "x"
MISSED: dict[str, str] = {}

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
    missed=MISSED,
    about="",
    rows=list(rows()),
)
