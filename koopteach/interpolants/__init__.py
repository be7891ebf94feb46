"""Interpolants: bent conditional paths whose flow is straight, their analytic fields, and flows matched to them."""

from koopteach.interpolants.charts import ConvexChart
from koopteach.interpolants.coded import DecodedFlow, PushedFlow
from koopteach.interpolants.convex_fit import fit_convex_map
from koopteach.interpolants.curved import CurvedInterpolant
from koopteach.interpolants.descent import straighten
from koopteach.interpolants.field import acceleration, optimal_field
from koopteach.interpolants.geodesic import geodesic_schedule
from koopteach.interpolants.glow import GlowInterpolant
from koopteach.interpolants.interpolant import Interpolant, check_interpolant
from koopteach.interpolants.schedules import LearnedSchedule, LinearInterpolant, TrigonometricInterpolant

__all__ = [
    "ConvexChart",
    "CurvedInterpolant",
    "DecodedFlow",
    "GlowInterpolant",
    "Interpolant",
    "LearnedSchedule",
    "LinearInterpolant",
    "PushedFlow",
    "TrigonometricInterpolant",
    "acceleration",
    "check_interpolant",
    "fit_convex_map",
    "geodesic_schedule",
    "optimal_field",
    "straighten",
]
