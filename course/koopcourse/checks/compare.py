"""Compare the numbers of two results, and tell whether arguments came back as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from koopcourse.checks.forms import is_number, same_form


def finite(value: Any) -> bool:
    """True if there is no NaN and no infinity in ``value``."""
    return all(bool(torch.isfinite(part).all()) for part in numbers_in(value))


def agree(value: Any, expected: Any, tolerance: float = 1e-7, least: float = 1.0) -> bool:
    """True if two results of the same form are equal, relative to the largest entry expected, or to ``least``."""
    pairs = zip(numbers_in(value), numbers_in(expected), strict=True)
    return all(close(a, b, tolerance, least) for a, b in pairs)


def wrong_row(value: Any, expected: Any, tolerance: float) -> tuple[int, torch.Tensor, torch.Tensor] | None:
    """The first row of a table that is wrong beside its own largest entry: its place, what came and what is right."""
    for a, b in zip(numbers_in(value), numbers_in(expected), strict=True):
        for k, (mine, right) in enumerate(zip(a, b)) if b.ndim > 1 else ():
            if not close(mine, right, tolerance, 0.0):
                return k, mine, right
    return None


def same(value: Any, other: Any, tolerance: float, least: float = 1.0) -> bool:
    """True if two results, right or wrong, are the same in form and numbers; NaN is the same as NaN."""
    if not same_form(value, other):
        return False
    mine, theirs = numbers_in(value), numbers_in(other)
    if len(mine) != len(theirs) or any(a.shape != b.shape for a, b in zip(mine, theirs)):
        return False
    return all(
        torch.equal(a.isnan(), b.isnan()) and close(a.nan_to_num(), b.nan_to_num(), tolerance, least)
        for a, b in zip(mine, theirs)
    )


def near(value: Any, expected: Any, tolerance: float, least: float = 1.0) -> bool:
    """As :func:`agree`, for results of any form."""
    mine, right = numbers_in(value), numbers_in(expected)
    return len(mine) == len(right) and all(
        a.shape == b.shape and close(a, b, tolerance, least) for a, b in zip(mine, right)
    )


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float, least: float = 1.0) -> bool:
    """True if every entry of ``a`` is that of ``b`` up to ``tolerance`` times the largest finite one."""
    if b.numel() == 0:
        return True
    kind = torch.promote_types(a.dtype, b.dtype)
    scale = max(least, float(b.abs().nan_to_num(nan=0.0, posinf=0.0).max())) or 1.0
    return torch.allclose(a.to(kind), b.to(kind), rtol=0.0, atol=tolerance * scale)


def numbers_in(value: Any) -> list[torch.Tensor]:
    """The numbers of a result in double precision, one tensor for each of its parts."""
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in numbers_in(part)]
    if not is_number(value) and not isinstance(value, torch.Tensor | np.ndarray):
        return []
    tensor = (value if isinstance(value, torch.Tensor) else torch.as_tensor(_array(value))).detach().cpu()
    return [tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)]


def _array(value: Any) -> np.ndarray:
    """Python's numbers by way of numpy, which keeps their digits; those that it lacks (``2**70``) rounded."""
    array = np.asarray(value)
    if array.dtype != object:
        return array
    try:
        return np.asarray(float(value))
    except OverflowError:
        return np.asarray(np.inf)


def identical(a: Any, b: Any) -> bool:
    """True if the tensors within two arguments are equal bit for bit, in what they require and in their gradients."""
    mine, theirs = tensors_in(a), tensors_in(b)
    return len(mine) == len(theirs) and all(map(_untouched, mine, theirs))


def tensors_in(value: Any, depth: int = 4) -> list[torch.Tensor]:
    """The tensors and arrays within arguments: in sequences, in dictionaries and as attributes of objects."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, np.ndarray):
        return [torch.as_tensor(value)]
    if isinstance(value, dict):
        value = list(value.values())
    elif hasattr(value, "__dict__"):
        value = list(vars(value).values())
    if not isinstance(value, tuple | list) or depth == 0:
        return []
    return [tensor for part in value for tensor in tensors_in(part, depth - 1)]


def _untouched(x: torch.Tensor, y: torch.Tensor) -> bool:
    if x.shape != y.shape or x.dtype != y.dtype or x.requires_grad != y.requires_grad:
        return False
    mine, theirs = x.grad, y.grad
    same_slopes = mine is theirs if mine is None or theirs is None else _untouched(mine, theirs)
    if not same_slopes:
        return False
    x, y = x.detach(), y.detach()
    return bool(((x == y) | ((x != x) & (y != y))).all())
