"""Distances between samples and distributions, each to be read beside its noise floor."""

from koopteach.metrics.density import kl_histogram, mode_weights, total_variation
from koopteach.metrics.features import class_balance, frechet_distance, neighbour_ratio, precision_recall
from koopteach.metrics.floor import noise_floor
from koopteach.metrics.transport import sliced_wasserstein2, wasserstein2

__all__ = [
    "class_balance",
    "frechet_distance",
    "kl_histogram",
    "mode_weights",
    "neighbour_ratio",
    "noise_floor",
    "precision_recall",
    "sliced_wasserstein2",
    "total_variation",
    "wasserstein2",
]
