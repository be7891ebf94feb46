"""Distances between samples and distributions, each to be read beside its noise floor."""

from koopteach.metrics.density import kl_histogram, mode_weights, total_variation
from koopteach.metrics.floor import noise_floor
from koopteach.metrics.kernel import mmd
from koopteach.metrics.neighbours import coverage, precision
from koopteach.metrics.transport import sliced_wasserstein2, wasserstein2

__all__ = [
    "coverage",
    "kl_histogram",
    "mmd",
    "mode_weights",
    "noise_floor",
    "precision",
    "sliced_wasserstein2",
    "total_variation",
    "wasserstein2",
]
