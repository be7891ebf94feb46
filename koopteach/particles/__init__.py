"""Methods that move particles to a target, and the one loop that runs them all."""

from koopteach.particles.conditional import condition, effective_sample_size, systematic_resample
from koopteach.particles.denoise import denoise
from koopteach.particles.kswgd import KSWGD
from koopteach.particles.ladder import Ladder
from koopteach.particles.rivals import DMPS, LAWGD, MALA, SVGD, ULA
from koopteach.particles.run import Run, run_particles

__all__ = [
    "DMPS",
    "KSWGD",
    "LAWGD",
    "MALA",
    "SVGD",
    "ULA",
    "Ladder",
    "Run",
    "condition",
    "denoise",
    "effective_sample_size",
    "run_particles",
    "systematic_resample",
]
