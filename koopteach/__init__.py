"""koopteach: Koopman operators for generative modelling.

Every public name can be imported from here, and costs nothing until it is used::

    from koopteach import GaussianMixture, GeneratorEDMD, KSWGD, MultiScale, run_particles

They are listed in ``__init__.pyi``, by home. What lessons need beside the science is the package ``koopcourse``.
"""

from pathlib import Path as _Path

from koopteach.lazy import attach as _attach

__version__ = "0.2.0"

# Lessons from before the course had a package of its own still ask for these.
_COURSE = "Autoencoder Classifier ImageSet PrincipalComponents Profile check device load_images plotting progress setup"
_MOVED = {name: f"import koopcourse as kc, then kc.{name}" for name in (*_COURSE.split(), "shipped", "show")} | {
    "images": "from koopcourse import images",
    "reproduce": "python -m experiments, in a clone of the repository",
    "runtime": "from koopcourse import runtime",
    "teach": "from koopcourse import checks",
    "zoo": "from koopcourse import zoo",
}

__getattr__, __dir__, _names = _attach(__name__, str(_Path(__file__).with_suffix(".pyi")), _MOVED)
__all__ = [*_names, "__version__"]
