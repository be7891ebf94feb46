"""Compare a learner's result with the expected one, in words."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import torch

_HINTS = {
    "NoneType": "is a return missing?",
    "generator": "use return, not yield",
    "ndarray": "use torch's functions, or torch.as_tensor",
    "list": "torch.stack or torch.tensor makes one",
    "function": "return the result of calling it",
}
_FORM_HINTS = {
    "shape": "",
    "dtype": " (results follow their inputs: take it from them)",
    "device": " (results follow their inputs: make new tensors there)",
    "layout": " (to_dense makes it one)",
}


def is_number(value: Any) -> bool:
    """True for Python's and numpy's numbers and for arrays and tensors without axes."""
    return isinstance(value, numbers.Number) or (
        isinstance(value, torch.Tensor | np.ndarray | np.generic) and value.ndim == 0
    )


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
    for what in _FORM_HINTS:
        mine, needed = _show(getattr(value, what)), _show(getattr(expected, what))
        if mine != needed:
            return f"the result has {what} {mine}, and {needed} is needed" + _FORM_HINTS[what]
    return None


def finite(value: Any) -> bool:
    """True if there is no NaN and no infinity in ``value``."""
    return all(bool(torch.isfinite(part).all()) for part in _parts(value))


def agree(value: Any, expected: Any, tolerance: float = 1e-7) -> bool:
    """True if two results of the same form are equal, relative to the largest entry expected (or to 1)."""
    return all(_close(a, b, tolerance) for a, b in zip(_parts(value), _parts(expected), strict=True))


def same(value: Any, other: Any, tolerance: float) -> bool:
    """True if two results, right or wrong, of any form, are the same; NaN is the same as NaN."""
    mine, theirs = _parts(value), _parts(other)
    if len(mine) != len(theirs) or any(a.shape != b.shape for a, b in zip(mine, theirs)):
        return False
    if not mine:  # not made of numbers
        return type(value) is type(other)
    return all(
        torch.equal(a.isnan(), b.isnan()) and _close(a.nan_to_num(), b.nan_to_num(), tolerance)
        for a, b in zip(mine, theirs)
    )


def relation(value: Any, expected: Any, tolerance: float) -> str:
    """How a wrong value relates to the right one, where that is plain to see; else an empty string."""
    mine, right = _parts(value), _parts(expected)
    if len(mine) != 1 or mine[0].shape != right[0].shape:
        return ""
    (a,), (b,) = mine, right
    if _close(-a, b, tolerance):
        return "it has the opposite sign"
    if a.numel() < 2:
        return ""
    if a.ndim == 2 and a.shape[0] == a.shape[1] and _close(a.T, b, tolerance):
        return "it is the transpose of what is needed"
    if a.abs().max() > 0 and _close(a * ((a.conj() * b).sum() / (a.conj() * a).sum()), b, tolerance):
        return "it is right up to a constant factor"
    if not a.is_complex() and _close(a.flatten().sort().values, b.flatten().sort().values, tolerance):
        return "its entries are right but in another order"
    return ""


def tensors_in(value: Any, depth: int = 4) -> list[torch.Tensor]:
    """The tensors and arrays within arguments: in sequences, in dictionaries and as attributes of objects."""
    if isinstance(value, torch.Tensor):
        return [value.detach()]
    if isinstance(value, np.ndarray):
        return [torch.as_tensor(value)]
    if isinstance(value, dict):
        value = list(value.values())
    elif hasattr(value, "__dict__"):
        value = list(vars(value).values())
    if not isinstance(value, tuple | list) or depth == 0:
        return []
    return [tensor for part in value for tensor in tensors_in(part, depth - 1)]


def identical(a: Any, b: Any) -> bool:
    """True if the tensors within two arguments are equal bit for bit."""
    mine, theirs = tensors_in(a), tensors_in(b)
    return len(mine) == len(theirs) and all(
        x.shape == y.shape and x.dtype == y.dtype and bool(((x == y) | ((x != x) & (y != y))).all())
        for x, y in zip(mine, theirs)
    )


def _parts(value: Any) -> list[torch.Tensor]:
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in _parts(part)]
    if not is_number(value) and not isinstance(value, torch.Tensor | np.ndarray):
        return []
    tensor = torch.as_tensor(value).detach().cpu()
    return [tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)]


def _close(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    if b.numel() == 0:
        return True
    kind = torch.promote_types(a.dtype, b.dtype)
    scale = max(1.0, float(b.abs().nan_to_num(posinf=1.0).max()))
    return torch.allclose(a.to(kind), b.to(kind), rtol=0.0, atol=tolerance * scale)


def _wrong_parts(value: Any, expected: tuple | list) -> str | None:
    if not isinstance(value, tuple | list) or len(value) != len(expected):
        return f"{_came(value)}, and {len(expected)} results are needed"
    for k, (part, needed) in enumerate(zip(value, expected), 1):
        if words := wrong_form(part, needed):
            return f"in part {k} of {len(expected)}, {words}"
    return None


def _both_tensors(a: Any, b: Any) -> bool:
    return isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)


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
