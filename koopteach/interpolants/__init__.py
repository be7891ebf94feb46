"""Interpolants: bent conditional paths whose flow is straight, their analytic fields, and flows matched to them."""

from koopteach.interpolants.charts import ConvexChart as ConvexChart
from koopteach.interpolants.coded import DecodedFlow as DecodedFlow
from koopteach.interpolants.coded import PushedFlow as PushedFlow
from koopteach.interpolants.convex_fit import fit_convex_map as fit_convex_map
from koopteach.interpolants.curved import CurvedInterpolant as CurvedInterpolant
from koopteach.interpolants.descent import straighten as straighten
from koopteach.interpolants.field import acceleration as acceleration
from koopteach.interpolants.field import optimal_field as optimal_field
from koopteach.interpolants.geodesic import geodesic_schedule as geodesic_schedule
from koopteach.interpolants.glow import GlowInterpolant as GlowInterpolant
from koopteach.interpolants.interpolant import Interpolant as Interpolant
from koopteach.interpolants.interpolant import check_interpolant as check_interpolant
from koopteach.interpolants.schedules import LearnedSchedule as LearnedSchedule
from koopteach.interpolants.schedules import LinearInterpolant as LinearInterpolant
from koopteach.interpolants.schedules import TrigonometricInterpolant as TrigonometricInterpolant
