"""Estimators of the Koopman operator and of its generator; each ends in a ``Spectrum``."""

from koopteach.operators.diffusion import DiffusionMaps
from koopteach.operators.edmd import EDMD
from koopteach.operators.generator import GeneratorEDMD
from koopteach.operators.kernel import KernelEDMD
from koopteach.operators.scan import scan_lags
from koopteach.operators.score import spectral_score
from koopteach.operators.select import select

__all__ = ["EDMD", "DiffusionMaps", "GeneratorEDMD", "KernelEDMD", "scan_lags", "select", "spectral_score"]
