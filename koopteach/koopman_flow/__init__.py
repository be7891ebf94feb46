"""Koopman-CFM: lift a flow until it is linear; then every time, the inverse and the modes come from one matrix."""

from koopteach.koopman_flow.diagnose import Diagnosis as Diagnosis
from koopteach.koopman_flow.free import FreeGenerator as FreeGenerator
from koopteach.koopman_flow.linear_flow import Modes as Modes
from koopteach.koopman_flow.model import KoopmanFlow as KoopmanFlow
from koopteach.koopman_flow.paths import TeacherPaths as TeacherPaths
from koopteach.koopman_flow.paths import teacher_paths as teacher_paths
from koopteach.koopman_flow.time_functions import fit_time_functions as fit_time_functions
from koopteach.koopman_flow.time_functions import time_functions as time_functions
