"""Lesson 17, the evening: one exercise of each of four lessons, under a number of its own."""

from __future__ import annotations

from dataclasses import replace

from koopcourse.exercises import l01, l03, l05, l10

TITLE = "One evening: stuck, seen, moved, in one step"

EXERCISES = tuple(
    replace(exercise, id=f"L17-E{k}") for k, exercise in enumerate((l01.E2, l03.E2, l05.E5, l10.E2), start=1)
)
