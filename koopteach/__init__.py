"""koopteach: Koopman operators for generative modelling.

Every public name can be imported from here, and costs nothing until it is used::

    from koopteach import GaussianMixture, GeneratorEDMD, KSWGD, MultiScale, run_particles

They are listed in ``__init__.pyi``, by home.
"""

from pathlib import Path as _Path

from koopteach.lazy import attach as _attach

__version__ = "0.2.0"

__getattr__, __dir__, _names = _attach(__name__, str(_Path(__file__).with_suffix(".pyi")))
__all__ = [*_names, "__version__"]
