"""Lesson 17, the evening: one exercise of each of four lessons, under a number of its own."""

from __future__ import annotations

from dataclasses import replace

import torch

from koopcourse.exercises import l01, l03, l05, l10

TITLE = "One evening: stuck, seen, moved, in one step"

# In lesson 01's example the step is 1/2, where 2 h and its root are the same.
_CHAIN = replace(
    l01.E2,
    example=(
        (
            lambda x: -4 * x,
            torch.tensor([[2.0]], dtype=torch.float64),
            0.125,
            torch.tensor([0.0, -1.0, 2.0, 1.0], dtype=torch.float64)[:, None, None],
            2,
        ),
        torch.tensor([[[2.0]], [[0.0]], [[1.0]]], dtype=torch.float64),
    ),
)

EXERCISES = tuple(
    replace(exercise, id=f"L17-E{k}") for k, exercise in enumerate((_CHAIN, l03.E2, l05.E5, l10.E2), start=1)
)
