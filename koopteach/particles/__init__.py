"""Methods that move particles to a target, and the one loop that runs them all."""

from koopteach.particles.kswgd import KSWGD
from koopteach.particles.rivals import SVGD, ULA
from koopteach.particles.run import Run, run_particles

__all__ = ["KSWGD", "SVGD", "ULA", "Run", "run_particles"]
