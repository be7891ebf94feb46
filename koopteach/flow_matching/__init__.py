"""Flow matching: velocities that carry noise to data, learned or in closed form, and how straight their paths are."""

from koopteach.flow_matching.closed_form import GaussianFlow as GaussianFlow
from koopteach.flow_matching.closed_form import MixtureFlow as MixtureFlow
from koopteach.flow_matching.distill import DirectMap as DirectMap
from koopteach.flow_matching.distill import distill as distill
from koopteach.flow_matching.flow import Flow as Flow
from koopteach.flow_matching.local import local_permutation as local_permutation
from koopteach.flow_matching.matching import FlowMatching as FlowMatching
from koopteach.flow_matching.net import FourierNet as FourierNet
from koopteach.flow_matching.paths import linear_path as linear_path
from koopteach.flow_matching.paths import ot_permutation as ot_permutation
from koopteach.flow_matching.reflow import reflow as reflow
from koopteach.flow_matching.solvers import integrate as integrate
from koopteach.flow_matching.straightness import Straightness as Straightness
from koopteach.flow_matching.straightness import straightness as straightness
from koopteach.flow_matching.train import Training as Training
from koopteach.flow_matching.train import train as train
from koopteach.flow_matching.units import Units as Units
from koopteach.flow_matching.wrapped import VelocityFlow as VelocityFlow
