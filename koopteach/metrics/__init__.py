"""Distances between samples and distributions, each to be read beside its noise floor."""

from koopteach.metrics.density import kl_histogram, mode_weights, total_variation
from koopteach.metrics.floor import noise_floor
from koopteach.metrics.transport import sliced_wasserstein2

__all__ = ["kl_histogram", "mode_weights", "noise_floor", "sliced_wasserstein2", "total_variation"]
