"""What many tests use."""

from __future__ import annotations

import numpy as np
import torch


def seeded(seed: int = 0) -> torch.Generator:
    """A random stream of its own."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal float64 numbers from a stream of their own."""
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


class Table:
    """What the package asks of a DataFrame: ``to_numpy`` and ``columns``; it is no array itself."""

    def __init__(self, values, columns=None) -> None:
        self._values = np.asarray(values)
        self.columns = range(self._values.shape[1]) if columns is None else columns

    def __getitem__(self, key):
        raise KeyError(key)

    def to_numpy(self) -> np.ndarray:
        """The numbers, which may not be written to."""
        values = self._values.view()
        values.flags.writeable = False
        return values
