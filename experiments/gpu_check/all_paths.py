"""All hot paths, in the order of the lessons."""

from experiments.gpu_check import flows, operators, particles

PATHS = {**operators.PATHS, **particles.PATHS, **flows.PATHS}
