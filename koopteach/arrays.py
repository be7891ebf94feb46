"""Numbers in anybody's container as a tensor: lists, arrays of any layout, and tables, known by what they can do."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

Method = TypeVar("Method", bound=Callable)

_FINITE = WeakIdKeyDictionary()  # tensors on a device that were found finite, and their version then
# Numbers of an array on disk that are read at once, 16 MB.
_PIECE = 2_000_000

_number = np.frompyfunc(lambda cell: _as_number(cell), 1, 1)
_MISSING = ("NoneType", "NAType", "NaTType")  # pandas is never imported, so its own have names alone


def as_tensor(operation: str, name: str, value: Any) -> Tensor:
    """``value`` as a tensor: precision as it comes, float64 where nobody chose one (Python numbers, lists, tables).

    Missing entries become NaN, for the caller to refuse or to drop. What torch cannot share (negative strides, another
    byte order, memory that may not be written) is copied.

    Raises:
        TypeError: no numbers, with the columns that hold none; a sparse matrix.
    """
    if isinstance(value, Tensor) or hasattr(value, "toarray"):
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            dense = "to_dense" if isinstance(value, Tensor) else "toarray"
            raise TypeError(f"{operation}: {name} has a sparse layout, but a dense one is needed: {name}.{dense}().")
        return value
    if hasattr(value, "to_numpy"):
        array = np.asarray(value.to_numpy())
        return _shared(operation, name, array.astype(np.float64) if array.dtype.kind in "biu" else array, value)
    if hasattr(value, "__array__") and not isinstance(value, np.generic):
        array = np.asarray(value)
        masked = isinstance(value, np.ma.MaskedArray) and array.dtype.kind == "f"
        return _shared(operation, name, value.filled(np.nan) if masked else array, value)
    try:
        if isinstance(value, list | tuple) and value and isinstance(value[0], Tensor | np.ndarray):
            return torch.stack([as_tensor(operation, name, part) for part in value])
        return torch.tensor(value.item() if isinstance(value, np.generic) else value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):  # text, None, lists of unequal lengths
        raise TypeError(f"{operation}: {name} must be real numbers or lists of them, got {value!r:.80}.") from None


def is_finite(x: Tensor) -> bool:
    """Whether all entries are. On a device, where the host waits for the answer, an unchanged tensor is asked once."""
    version = None if x.device.type == "cpu" or x.is_inference() else x._version
    if version is not None and _FINITE.get(x) == version:
        return True
    # One pass without a temporary: a sum is finite unless an entry is not (or the numbers overflow).
    finite = bool(x.sum().isfinite()) or bool(x.isfinite().all())
    if finite and version is not None:
        _FINITE[x] = version
    return finite


def in_pieces(method: Method) -> Method:
    """A method that adds rows: those of arrays on disk (memory maps, zarr, HDF5) block by block, all others at once.

    An error then says which rows of which file.
    """

    @wraps(method)
    def add(self: Any, x: Any, *others: Any, **named: Any) -> Any:
        if not (isinstance(x, np.memmap) or hasattr(x, "chunks")) or 0 in x.shape or len(x.shape) != 2:
            return method(self, x, *others, **named)
        n, step = x.shape[0], max(1, _PIECE // x.shape[1])
        for start in range(0, n, step):
            rows = slice(start, start + step if start + step < n else None)  # what is too long reaches the last block
            try:
                method(self, *(None if array is None else array[rows] for array in (x, *others, *named.values())))
            except ValueError as error:
                names = (getattr(a, "filename", None) or getattr(a, "store_path", "") for a in (x, *others))
                told = " and ".join(dict.fromkeys(map(str, filter(None, names)))) or type(x).__name__
                raise ValueError(f"{error} These are rows {start} to {min(n, start + step) - 1} of {told}.") from None
        return self

    return cast(Method, add)


def _shared(operation: str, name: str, array: np.ndarray, value: Any) -> Tensor:
    """``array`` as a tensor that shares its memory where torch can; ``value`` is what was given."""
    if array.dtype.kind == "O":
        array = _from_objects(operation, name, array, value)
    try:
        odd = any(stride < 0 or stride % array.itemsize for stride in array.strides)
        if odd or not (array.flags.writeable and array.dtype.isnative):
            array = array.astype(array.dtype.newbyteorder("="), order="C")
        return torch.as_tensor(array)
    except TypeError:
        hint = f" Convert it first: {name}.astype(float)." if array.dtype.kind == "f" else ""
        raise TypeError(f"{operation}: {name} has dtype {array.dtype}, but real numbers are needed.{hint}") from None


def _from_objects(operation: str, name: str, array: np.ndarray, value: Any) -> np.ndarray:
    """Numbers that came as objects, as those of a table do where one column holds text or has gaps."""
    found = np.asarray(_number(array), dtype=object)
    bad = np.array([cell is None for cell in found.flat], dtype=bool).reshape(found.shape)
    if not bad.any():
        return found.astype(np.float64)
    wrong = [bool(column.any()) for column in bad.T] if bad.ndim > 1 else []
    names = getattr(value, "columns", range(len(wrong)))
    columns = ", ".join(repr(column) for column, without in zip(names, wrong) if without)
    told = f"columns that are not all numbers: {columns:.120}" if columns else "entries that are no numbers"
    raise TypeError(f"{operation}: {name} has {told}. Leave them out, or encode them.")


def _as_number(cell: Any) -> float | None:
    if type(cell).__name__ in _MISSING:
        return float("nan")
    return float(cell) if hasattr(cell, "__float__") else None
