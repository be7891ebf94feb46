"""What many tests use."""

from __future__ import annotations

import torch


def seeded(seed: int = 0) -> torch.Generator:
    """A random stream of its own."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal float64 numbers from a stream of their own."""
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))
