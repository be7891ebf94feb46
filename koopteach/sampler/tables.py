"""A table in any container becomes numbers, and samples become the same kind of table."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from koopteach.arrays import as_tensor
from koopteach.tensors import as_points


@dataclass(frozen=True)
class Kind:
    """What a table was.

    Attributes:
        container: ``"torch"``, ``"numpy"`` or ``"frame"``.
        names: of the columns.
        dtypes: of a frame's columns, or the one of all numbers.
        make: makes a frame from ``{name: array}``; None for one of a file.
    """

    container: str
    names: tuple[Any, ...]
    dtypes: tuple[str, ...]
    make: Callable[[dict[Any, np.ndarray]], Any] | None = None

    def like(self, values: Tensor) -> Any:
        """``values`` ``(n, d)`` in the container, types and names of the table."""
        if self.container == "torch":
            dtype = getattr(torch, self.dtypes[0])
            return (values if dtype.is_floating_point else values.round()).to(dtype)
        array = values.cpu().numpy()
        make = self.make or getattr(sys.modules.get("pandas"), "DataFrame", None)
        if self.container == "numpy" or make is None:  # a frame's file, where nobody uses frames
            return _as_dtype(array, self.dtypes[0] if self.container == "numpy" else "float64")
        columns = {name: _as_dtype(array[:, j], self.dtypes[j]) for j, name in enumerate(self.names)}
        frame = make(columns)
        return frame.astype(dict(zip(self.names, self.dtypes))) if hasattr(frame, "astype") else frame


def _as_dtype(values: np.ndarray, dtype: str) -> np.ndarray:
    """Whole numbers are rounded; a type that NumPy doesn't know is left to the frame."""
    whole = dtype.lower().startswith(("int", "uint", "bool"))
    try:
        return (values.round() if whole else values).astype(np.dtype(dtype))
    except TypeError:
        return values.round() if whole else values


def read(who: str, x: Any, name: str = "x") -> tuple[Tensor, Kind]:
    """A table's numbers ``(n, d)`` in float64, missing ones as NaN, and what kind it was.

    Raises:
        TypeError: columns without numbers, by name; no table.
        ValueError: another shape, infinities, two columns of one name.
    """
    numbers = as_tensor(who, name, x).detach()
    if numbers.is_complex():
        raise TypeError(f"{who}: {name} is complex, but real numbers are needed. Give its real and imag as columns.")
    values = numbers.double()
    as_points(who, name, values.nan_to_num(0.0, torch.inf, -torch.inf))  # missing numbers are the caller's to drop
    names = tuple(getattr(x, "columns", range(values.shape[1])))
    if hasattr(x, "columns"):
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{who}: several columns are called {', '.join(twice)}. Give each a name of its own.")
        return values, Kind("frame", names, tuple(str(x[name].dtype) for name in names), type(x))
    dtype = str(numbers.dtype).removeprefix("torch.")
    return values, Kind("torch" if isinstance(x, Tensor) else "numpy", names, (dtype,))
