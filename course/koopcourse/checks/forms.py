"""The form of a result: its kind, shape and dtype, what is wrong with it, and which other forms mean the same."""

from __future__ import annotations

import functools
import numbers
from typing import Any

import numpy as np
import torch

_HINTS = {
    "NoneType": "is a return missing?",
    "generator": "use return, not yield",
    "list": "torch.stack or torch.tensor makes one",
    "function": "return the result of calling it",
}
_ATTRIBUTES = {
    "shape": "",
    "dtype": " (results follow their inputs: take it from them)",
    "device": " (results follow their inputs: make new tensors there)",
    "layout": " (to_dense makes it one)",
}
_NARROWER = {(torch.float64, torch.float32), (torch.complex128, torch.complex64)}


def is_number(value: Any) -> bool:
    """True for Python's and numpy's numbers and for arrays and tensors without axes."""
    return isinstance(value, numbers.Number) or (
        isinstance(value, torch.Tensor | np.ndarray | np.generic) and value.ndim == 0
    )


def settled(value: Any, expected: Any) -> Any:
    """``value`` in the container of ``expected`` where it holds the same numbers in another one.

    An array for a tensor, a list of numbers or of equal tensors for a stacked one, a stacked one for several results.
    Of dtypes only one changes: numpy computes with its own double precision numbers, which are rounded if need be.
    """
    try:
        if isinstance(expected, tuple | list):
            parts = list(value) if _holds(value, len(expected)) else None
            return value if parts is None else tuple(settled(part, needed) for part, needed in zip(parts, expected))
        if isinstance(expected, torch.Tensor) and expected.ndim:
            return _as_tensor(value, expected)
    except (TypeError, ValueError, RuntimeError):  # a list of unequal parts, text, what torch cannot read
        pass
    return value


def is_whole(value: Any) -> bool:
    """Whether a result is one whole number."""
    if isinstance(value, int):  # of any length
        return True
    return is_number(value) and complex(value).imag == 0 and complex(value).real.is_integer()


def in_a_container(value: Any) -> bool:
    """Whether a result may need :func:`settled`."""
    return isinstance(value, tuple | list | np.ndarray)


def in_our_form(answer: Any, reference: Any) -> Any:
    """An answer that passed in another container or as float32, wrapped so that the next cells get the usual form."""
    if not callable(answer) or not callable(reference):
        return answer

    @functools.wraps(answer)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value = answer(*args, **kwargs)
        if not in_a_container(value) and not isinstance(value, torch.Tensor):
            return value
        expected = reference(*args, **kwargs)
        return _widened(narrowed(settled(value, expected), expected), expected)

    return wrapped


def _widened(value: Any, expected: Any) -> Any:
    """``value`` in double precision for single, where that is needed."""
    if isinstance(value, tuple) and isinstance(expected, tuple | list):
        return tuple(map(_widened, value, expected))
    both = getattr(expected, "dtype", None), getattr(value, "dtype", None)
    return value.to(both[0]) if both in _NARROWER and isinstance(value, torch.Tensor) else value


def narrowed(value: Any, expected: Any) -> Any:
    """``value`` in single precision for double, where that is needed: no digit is missing."""
    if isinstance(value, tuple) and isinstance(expected, tuple | list) and len(value) == len(expected):
        return tuple(map(narrowed, value, expected))
    if isinstance(value, torch.Tensor) and isinstance(expected, torch.Tensor) and expected.ndim:
        return _rounded(value, expected)
    return value


def wrong_form(value: Any, expected: Any) -> str | None:
    """What is wrong with the kind, shape, dtype, device or layout of ``value``; None if nothing is."""
    if isinstance(expected, tuple | list):
        return _wrong_parts(value, expected)
    if is_number(expected) and is_number(value) and not _both_tensors(value, expected):
        return None
    if not isinstance(expected, torch.Tensor):
        return None if is_number(value) else f"{_came(value)}, and a number is needed"
    if not isinstance(value, torch.Tensor):
        needed = f"a tensor of shape {tuple(expected.shape)}" if expected.ndim else "a number"
        return f"{_came(value)}, and {needed} is needed"
    for what in _ATTRIBUTES:
        mine, needed = _show(getattr(value, what)), _show(getattr(expected, what))
        if mine != needed and not (what == "dtype" and expected.ndim == 0 and _both_real(value, expected)):
            return f"the result has {what} {mine}, and {needed} is needed" + _ATTRIBUTES[what]
    return None


def same_form(value: Any, other: Any) -> bool:
    """True if two results, right or wrong, are of one kind, shape and dtype, part for part."""
    if isinstance(value, tuple | list) or isinstance(other, tuple | list):
        return (
            isinstance(value, tuple | list)
            and isinstance(other, tuple | list)
            and len(value) == len(other)
            and all(same_form(a, b) for a, b in zip(value, other))
        )
    if is_number(value) and is_number(other):
        return True  # a number is a number in any dress
    if type(value) is not type(other):
        return False
    return getattr(value, "shape", None) == getattr(other, "shape", None) and (
        getattr(value, "dtype", None) == getattr(other, "dtype", None)
    )


def digits_kept(value: Any) -> float:
    """The rounding of the coarsest number in ``value``: a right number that came as float32 is right."""
    if isinstance(value, tuple | list):
        return max(map(digits_kept, value), default=0.0)
    dtype = str(getattr(value, "dtype", "")).removeprefix("torch.")
    return {"float32": 1e-6, "complex64": 1e-6}.get(dtype, 0.0)


def _as_tensor(value: Any, expected: torch.Tensor) -> Any:
    if isinstance(value, np.ndarray):
        return _rounded(torch.as_tensor(value), expected)
    if not isinstance(value, tuple | list) or not value:
        return value
    if isinstance(value[0], torch.Tensor):
        return torch.stack([torch.as_tensor(part) for part in value])
    if isinstance(value[0], np.ndarray | np.generic):
        return _rounded(torch.as_tensor(np.stack(value)), expected)
    made = torch.tensor(value)
    if made.is_complex() > expected.is_complex():
        return made
    if made.is_complex() or made.is_floating_point():  # Python's numbers have sixteen digits
        made = torch.tensor(value, dtype=torch.complex128 if made.is_complex() else torch.float64)
    return made.to(expected.dtype)


def _rounded(made: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Single precision for double, where that is needed; the other way digits are missing."""
    return made.to(expected.dtype) if (made.dtype, expected.dtype) in _NARROWER else made


def _holds(value: Any, count: int) -> bool:
    if isinstance(value, torch.Tensor | np.ndarray):
        return value.ndim > 0 and len(value) == count
    return isinstance(value, tuple | list) and len(value) == count


def _wrong_parts(value: Any, expected: tuple | list) -> str | None:
    if not isinstance(value, tuple | list) or len(value) != len(expected):
        return f"{_came(value)}, and {len(expected)} results are needed"
    for k, (part, needed) in enumerate(zip(value, expected), 1):
        if words := wrong_form(part, needed):
            return f"in part {k} of {len(expected)}, {words}"
    return None


def _both_tensors(a: Any, b: Any) -> bool:
    return isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)


def _both_real(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.is_floating_point() and b.is_floating_point()


def _came(value: Any) -> str:
    kind = type(value).__name__
    if value is None:
        name = "nothing (None)"
    elif isinstance(value, torch.Tensor):
        name = f"a tensor of shape {tuple(value.shape)}"
    else:
        name = f"a value of type {kind}"
    hint = f" ({_HINTS[kind]})" if kind in _HINTS else ""
    return f"{name} came back{hint}"


def _show(value: Any) -> str:
    return str(tuple(value)) if isinstance(value, torch.Size) else str(value).removeprefix("torch.")
