"""Models that come with the package, so that a lesson can quote their numbers: trained weights are data."""

from __future__ import annotations

import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from koopcourse.images import Autoencoder, Classifier, PrincipalComponents
from koopteach.files import kind_of
from koopteach.flow_matching import FlowMatching
from koopteach.interpolants import CurvedInterpolant, DecodedFlow, PushedFlow
from koopteach.koopman_flow import KoopmanFlow

# Where flows of lesson 09 go, each from N(0, I) but the last, which comes from eight Gaussians.
LAWS = ("moons", "checkerboard", "eight_to_moons")

# The teacher of each student; all else has none.
TEACHERS: dict[str, str | None] = {
    "moons-teacher": None,
    "moons-ot-teacher": None,
    "checkerboard-teacher": None,
    "eight_gaussians-teacher": None,
    "eight_gaussians-ot-teacher": None,
    "eight_gaussians-reflow": None,
    "checkerboard-ot-teacher": None,
    "eight_to_moons-teacher": None,
    "eight_to_moons-ot-teacher": None,
    **{f"{laws}-{kind}": None for laws in LAWS for kind in ("ot-reflow", "local", "convex", "decoded", "pushed")},
    "moons-student": "moons-teacher",
    "moons-one-pair": "moons-teacher",
    "checkerboard-student": "checkerboard-teacher",
    "moons-consistency": "moons-teacher",
    "moons-consistency-2": "moons-teacher",
    "moons-target-only": "moons-teacher",
    "moons-collapsed": "moons-teacher",
    "moons-autoencoder": "moons-teacher",
    "digits-codes": None,
    "digits-classifier": None,
    "digits-components": None,
    "digits-teacher": None,
    "digits-ot-teacher": None,
    "digits-reflow": None,
    "digits-student": "digits-teacher",
    "digits-student-2": "digits-teacher",
    "digits-student-3": "digits-teacher",
    "fashion-codes": None,
    "fashion-classifier": None,
    "fashion-components": None,
    "fashion-teacher": None,
    "fashion-student": "fashion-teacher",
}
# What a file can hold, by the kind that it was saved as.
CLASSES = {
    model.__name__: model
    for model in (
        *(FlowMatching, CurvedInterpolant, DecodedFlow, PushedFlow, KoopmanFlow),
        *(Autoencoder, Classifier, PrincipalComponents),
    )
}


def load(path: str | Path) -> Any:
    """The model of a file, of the class that it was saved from; a student comes without its teacher.

    Raises:
        FileNotFoundError, ValueError: no such file; truncated, or of another program.
        ImportError: without safetensors.
    """
    kind = kind_of(path)
    if kind not in CLASSES:
        holds = "a model of another program" if kind is None else f"a {kind}"
        raise ValueError(f"load: {path} holds {holds}, but one of {', '.join(CLASSES)} is needed.")
    return CLASSES[kind].load(path)


def shipped(name: str) -> Any:
    """A model that comes with the package, a student with its teacher; float32 on the CPU.

    Teachers: ``moons-teacher``, ``checkerboard-teacher`` and ``eight_gaussians-teacher`` (independent pairs),
    ``moons-ot-teacher`` and ``eight_gaussians-ot-teacher`` (pairs of optimal transport), ``eight_gaussians-reflow``
    (pairs of the exact flow).
    The race of lesson 09, from N(0, I) to ``moons`` and ``checkerboard`` and, as ``eight_to_moons``, from eight
    Gaussians to moons: ``-ot-teacher``, ``-ot-reflow`` (reflow of it), ``-local`` (locally matched pairs), ``-convex``
    (a :class:`CurvedInterpolant` on a convex chart of one map or two), and of the same maps ``-decoded`` (a
    :class:`DecodedFlow`) and ``-pushed`` (a :class:`PushedFlow`).
    Students by regression on path coefficients: ``moons-student``, ``checkerboard-student``, and ``moons-one-pair``,
    with one pair of modes in the place of two, to be read. By the paper's consistency, from two starts:
    ``moons-consistency``, ``moons-consistency-2``. Failures, to be looked at: ``moons-target-only`` (end points alone),
    ``moons-collapsed`` (free generator, no reconstruction) and ``moons-autoencoder`` (free generator, all four terms).

    Of pictures, ``digits`` 8 x 8 and ``fashion`` 28 x 28: the autoencoders ``digits-codes`` and ``fashion-codes``, the
    classifiers ``digits-classifier`` and ``fashion-classifier``, the principal components ``digits-components`` and
    ``fashion-components``, and in these the flows ``digits-teacher``, ``digits-ot-teacher``, ``digits-reflow`` and
    ``fashion-teacher`` with the students ``digits-student``, ``digits-student-2`` (another seed), ``digits-student-3``
    (another spectrum) and ``fashion-student``.

    Returns:
        A flow of the class that its file names; of pictures also an :class:`Autoencoder`, a
        :class:`Classifier` or :class:`PrincipalComponents`.

    Raises:
        ValueError: another name.
        ImportError: without safetensors.
    """
    if name not in TEACHERS:
        raise ValueError(f"shipped: name must be one of {', '.join(TEACHERS)}, got {name!r}.")
    teacher = TEACHERS[name]
    with as_file(files("koopcourse.data") / f"{name}.safetensors") as path:
        return load(path) if teacher is None else KoopmanFlow.load(path, shipped(teacher))


def quoted(name: str) -> dict[str, float]:
    """The numbers of a shipped model, by name; ``seconds`` of CPU that its training took, where somebody compares."""
    return json.loads((files("koopcourse.data") / "models.json").read_text(encoding="utf-8"))[name]
