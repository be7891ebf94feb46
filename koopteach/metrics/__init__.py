"""Distances between samples and distributions, each to be read beside its noise floor."""

from koopteach.metrics.density import kl_histogram as kl_histogram
from koopteach.metrics.density import mode_weights as mode_weights
from koopteach.metrics.density import total_variation as total_variation
from koopteach.metrics.features import class_balance as class_balance
from koopteach.metrics.features import frechet_distance as frechet_distance
from koopteach.metrics.features import neighbour_ratio as neighbour_ratio
from koopteach.metrics.features import precision_recall as precision_recall
from koopteach.metrics.floor import noise_floor as noise_floor
from koopteach.metrics.transport import sliced_wasserstein2 as sliced_wasserstein2
from koopteach.metrics.transport import wasserstein2 as wasserstein2
