"""Distributions with everything known: density, score, exact samples and, where there are any, exact rates."""

from koopteach.targets.densities import DoubleWell, GaussianMixture, OrnsteinUhlenbeck, QuadrupleWell

__all__ = ["DoubleWell", "GaussianMixture", "OrnsteinUhlenbeck", "QuadrupleWell"]
