"""Methods that move particles to a target, and the one loop that runs them all."""

from koopteach.particles.conditional import condition as condition
from koopteach.particles.conditional import effective_sample_size as effective_sample_size
from koopteach.particles.conditional import systematic_resample as systematic_resample
from koopteach.particles.denoise import denoise as denoise
from koopteach.particles.kswgd import KSWGD as KSWGD
from koopteach.particles.ladder import Ladder as Ladder
from koopteach.particles.rivals import DMPS as DMPS
from koopteach.particles.rivals import LAWGD as LAWGD
from koopteach.particles.rivals import MALA as MALA
from koopteach.particles.rivals import SVGD as SVGD
from koopteach.particles.rivals import ULA as ULA
from koopteach.particles.run import Run as Run
from koopteach.particles.run import run_particles as run_particles
