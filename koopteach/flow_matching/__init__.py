"""Flow matching: velocities that carry noise to data, learned or in closed form, and how straight their paths are."""

from koopteach.flow_matching.closed_form import GaussianFlow, MixtureFlow
from koopteach.flow_matching.distill import DirectMap, distill
from koopteach.flow_matching.flow import Flow
from koopteach.flow_matching.local import local_permutation
from koopteach.flow_matching.matching import FlowMatching
from koopteach.flow_matching.net import FourierNet
from koopteach.flow_matching.paths import linear_path, ot_permutation
from koopteach.flow_matching.reflow import reflow
from koopteach.flow_matching.solvers import integrate
from koopteach.flow_matching.straightness import Straightness, straightness
from koopteach.flow_matching.train import Training, train
from koopteach.flow_matching.units import Units
from koopteach.flow_matching.wrapped import VelocityFlow

__all__ = [
    "DirectMap",
    "Flow",
    "FlowMatching",
    "FourierNet",
    "GaussianFlow",
    "MixtureFlow",
    "Straightness",
    "Training",
    "Units",
    "VelocityFlow",
    "distill",
    "integrate",
    "linear_path",
    "local_permutation",
    "ot_permutation",
    "reflow",
    "straightness",
    "train",
]
