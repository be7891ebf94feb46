"""Estimators of the Koopman operator and of its generator; each ends in a ``Spectrum``."""

from koopteach.operators.edmd import EDMD
from koopteach.operators.generator import GeneratorEDMD

__all__ = ["EDMD", "GeneratorEDMD"]
