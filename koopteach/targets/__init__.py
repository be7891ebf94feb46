"""Distributions with everything known: density, score, exact samples and, where there are any, exact rates."""

from koopteach.targets.allen_cahn import AllenCahn
from koopteach.targets.densities import DoubleWell, GaussianMixture, OrnsteinUhlenbeck, QuadrupleWell
from koopteach.targets.manifolds import Circle, Sphere, Torus
from koopteach.targets.toys import checkerboard, eight_gaussians, moons, spirals

__all__ = [
    "AllenCahn",
    "Circle",
    "DoubleWell",
    "GaussianMixture",
    "OrnsteinUhlenbeck",
    "QuadrupleWell",
    "Sphere",
    "Torus",
    "checkerboard",
    "eight_gaussians",
    "moons",
    "spirals",
]
