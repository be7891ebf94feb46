"""Estimators of the Koopman operator and of its generator; each ends in a ``Spectrum``."""

from koopteach.operators.diffusion import DiffusionMaps as DiffusionMaps
from koopteach.operators.edmd import EDMD as EDMD
from koopteach.operators.generator import GeneratorEDMD as GeneratorEDMD
from koopteach.operators.kernel import KernelEDMD as KernelEDMD
from koopteach.operators.scan import scan_lags as scan_lags
from koopteach.operators.score import spectral_score as spectral_score
from koopteach.operators.select import select as select
