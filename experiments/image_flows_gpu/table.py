"""The samplers of ``image-flows`` with networks that no laptop trains: on a machine with CUDA."""

from __future__ import annotations

from experiments.image_flows.rows import samples
from experiments.image_flows.samplers import SAMPLERS as ALL
from experiments.machinery.common import fresh_seeds, slug
from experiments.machinery.experiment import Cite, Experiment, Row, Summary

NAME, SEEDS = "fashion large", fresh_seeds(3000)
SAMPLERS = [method for method in ALL if not method.startswith("6 x")]  # 40,000 steps are no short training


def verdict(cite: Cite) -> tuple[str, ...]:
    """What came out."""

    def line(method: str) -> str:
        id = slug(NAME, method)
        return (
            f"{method}: Frechet distance {cite(id, 'Frechet'):.2f} (floor {cite(id, 'Frechet floor'):.2f}) with "
            f"{cite(id, 'NFE'):.0f} evaluations"
        )

    return tuple(map(line, ("teacher, midpoint 20", "direct regression", "Koopman-CFM, coefficients")))


EXPERIMENT = Experiment(
    title="Koopman-CFM on pictures with large networks, on a GPU",
    verdict=verdict,
    summary=Summary(
        ("Frechet", "precision", "recall", "end", "path", "NFE"), {method: slug(NAME, method) for method in SAMPLERS}
    ),
    about=(
        "The experiment image-flows on Fashion-MNIST with 128 components, networks of width 1,024, 40,000 training "
        "steps and 10,000 pictures drawn, on a machine with CUDA. Names and scores are those of image-flows."
    ),
    rows=[
        Row(
            slug(NAME, method),
            "Fashion-MNIST 28 x 28 in 128 components",
            samples,
            {"name": NAME, "method": method},
            SEEDS,
        )
        for method in SAMPLERS
    ],
)
