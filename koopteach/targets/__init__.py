"""Distributions with everything known: density, score, exact samples and, where there are any, exact rates."""

from koopteach.targets.densities import DoubleWell, GaussianMixture, OrnsteinUhlenbeck, QuadrupleWell
from koopteach.targets.manifolds import Circle, Sphere, Torus

__all__ = ["Circle", "DoubleWell", "GaussianMixture", "OrnsteinUhlenbeck", "QuadrupleWell", "Sphere", "Torus"]
