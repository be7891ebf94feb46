"""A sampler for anybody's table, in one call, with every stage in sight."""

from koopteach.sampler.herding import herd
from koopteach.sampler.mixture import FittedMixture
from koopteach.sampler.sampler import KoopmanSampler

__all__ = ["FittedMixture", "KoopmanSampler", "herd"]
