"""nbgrader's settings for these sheets, read by its commands in this folder."""

import os

from traitlets.config import get_config

c = get_config()
c.CourseDirectory.course_id = "koopteach"
c.ExecutePreprocessor.timeout = 120  # seconds a cell
c.ExecutePreprocessor.startup_timeout = 300  # a busy machine takes long to start a kernel
# The sheets come without solutions already; nbgrader would take an answer's first line away, too.
c.ClearSolutions.enabled = False
# What kernels inherit. A check that does not pass raises: that is what nbgrader counts.
os.environ.update(KOOPTEACH_STRICT="1", KOOPTEACH_DEVICE="cpu", OMP_NUM_THREADS="1")
os.environ.pop("KOOPTEACH_UNTOUCHED", None)
