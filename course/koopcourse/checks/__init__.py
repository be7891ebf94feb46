"""Exercises: ``check`` an answer, show ``progress``, and declare an ``Exercise``."""

from koopteach.teach.engine import check, preview
from koopteach.teach.exercise import Exercise, Identity, Mistake
from koopteach.teach.progress_file import progress

__all__ = ["Exercise", "Identity", "Mistake", "check", "preview", "progress"]
