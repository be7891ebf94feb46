"""koopcourse: what a lesson needs beside ``koopteach`` - set-up, checks, figures, pictures, trained models.

    import koopteach as kt
    import koopcourse as kc

The public names are listed in ``__init__.pyi``, by home; each costs nothing until it is used.
"""

from pathlib import Path as _Path

from koopteach.lazy import attach as _attach

__version__ = "0.2.0"

__getattr__, __dir__, _names = _attach(__name__, str(_Path(__file__).with_suffix(".pyi")))
__all__ = [*_names, "__version__"]
