"""Interpolants: bent conditional paths whose flow is straight, their analytic fields, and flows matched to them."""

from koopteach.interpolants.charts import Chart, CodedChart, ConvexChart, DecodedChart, PushedChart
from koopteach.interpolants.conditional import ConditionalAffine, ConditionalCoupling, CouplingChart
from koopteach.interpolants.convex import ConvexMap
from koopteach.interpolants.convex_fit import fit_convex_map
from koopteach.interpolants.curved import CurvedInterpolant
from koopteach.interpolants.descent import Descent, straighten
from koopteach.interpolants.field import Field, acceleration, optimal_field
from koopteach.interpolants.gaussian import GaussianStraight
from koopteach.interpolants.geodesic import Geodesic, geodesic_schedule
from koopteach.interpolants.glow import GlowInterpolant, GlowStep
from koopteach.interpolants.matrix import MatrixInterpolant
from koopteach.interpolants.protocol import Interpolant, check_interpolant
from koopteach.interpolants.schedules import (
    LearnedSchedule,
    LinearInterpolant,
    Schedule,
    TabulatedSchedule,
    TrigonometricInterpolant,
)

__all__ = [
    "Chart",
    "CodedChart",
    "ConditionalAffine",
    "ConditionalCoupling",
    "ConvexChart",
    "ConvexMap",
    "CouplingChart",
    "CurvedInterpolant",
    "DecodedChart",
    "Descent",
    "Field",
    "GaussianStraight",
    "Geodesic",
    "GlowInterpolant",
    "GlowStep",
    "Interpolant",
    "LearnedSchedule",
    "LinearInterpolant",
    "MatrixInterpolant",
    "PushedChart",
    "Schedule",
    "TabulatedSchedule",
    "TrigonometricInterpolant",
    "acceleration",
    "check_interpolant",
    "fit_convex_map",
    "geodesic_schedule",
    "optimal_field",
    "straighten",
]
