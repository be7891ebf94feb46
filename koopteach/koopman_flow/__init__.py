"""Koopman-CFM: lift a flow until it is linear; then every time, the inverse and the modes come from one matrix."""

from koopteach.koopman_flow.diagnose import Diagnosis
from koopteach.koopman_flow.free import FreeGenerator
from koopteach.koopman_flow.linear_flow import Modes
from koopteach.koopman_flow.model import KoopmanFlow
from koopteach.koopman_flow.paths import TeacherPaths, teacher_paths
from koopteach.koopman_flow.time_functions import fit_time_functions, time_functions

__all__ = [
    "Diagnosis",
    "FreeGenerator",
    "KoopmanFlow",
    "Modes",
    "TeacherPaths",
    "fit_time_functions",
    "teacher_paths",
    "time_functions",
]
