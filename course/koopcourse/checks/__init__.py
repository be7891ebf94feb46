"""Exercises: ``check`` an answer, show ``progress``, and declare an ``Exercise``."""

from koopcourse.checks.engine import check, preview
from koopcourse.checks.exercise import Exercise, Identity, Mistake
from koopcourse.checks.progress_file import progress

__all__ = ["Exercise", "Identity", "Mistake", "check", "preview", "progress"]
