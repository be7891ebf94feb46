"""What many tests use."""

from __future__ import annotations

import torch


def seeded(seed: int = 0) -> torch.Generator:
    """A random stream of its own."""
    return torch.Generator().manual_seed(seed)
