"""Distributions with everything known: density, score, exact samples and, where there are any, exact rates."""

from koopteach.targets.allen_cahn import AllenCahn as AllenCahn
from koopteach.targets.densities import DoubleWell as DoubleWell
from koopteach.targets.densities import GaussianMixture as GaussianMixture
from koopteach.targets.densities import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from koopteach.targets.densities import QuadrupleWell as QuadrupleWell
from koopteach.targets.manifolds import Circle as Circle
from koopteach.targets.manifolds import Sphere as Sphere
from koopteach.targets.manifolds import Torus as Torus
from koopteach.targets.toys import checkerboard as checkerboard
from koopteach.targets.toys import eight_gaussians as eight_gaussians
from koopteach.targets.toys import moons as moons
from koopteach.targets.toys import spirals as spirals
