"""Estimators that add: what several processes have seen of the data, put together without the data."""

import copy
import pickle
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from koopteach.tensors import same_kind


class Additive:
    """``a + b`` has seen the data of both, and ``sum(parts)`` those of all: what a single fit of all data would hold.

    A sum is a new object and leaves its parts as they are, so an engine may run a task again on parts that it kept.
    Parts may be of any length, also empty, and may come from other processes. Weights of all parts are on one scale.

    Raises:
        TypeError: another estimator, dtype or device.
        ValueError: other settings, or another dictionary, manifold or units, as of parts with a k-means of their own.
    """

    _SUMS: ClassVar[tuple[str, ...]]  # what adds; the first is zero where nothing was seen
    _SETTINGS: ClassVar[tuple[str, ...]]
    _like: Tensor  # the first point, (1, d)

    def __add__(self, other: Any) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        seen = [part for part in (self, other) if getattr(part, self._SUMS[0])]
        _refuse_unlike(self, other, len(seen) == 2 and hasattr(self, "_like"))  # else the sums refuse what is unlike
        total = copy.deepcopy((seen or [self])[0])
        for name in self._SUMS:
            if len(seen) == 2 or name.startswith("n_"):
                setattr(total, name, getattr(self, name) + getattr(other, name))
        return total

    def __radd__(self, other: Any) -> Self:
        return copy.deepcopy(self) if isinstance(other, int) and other == 0 else NotImplemented  # where sum() starts

    def __sizeof__(self) -> int:
        return len(pickle.dumps(self))  # with its tensors: what an engine has to hold and to send


def _refuse_unlike(one: Additive, other: Additive, seen: bool) -> None:
    """Refuse parts that were not set alike, nor fitted alike where both have ``seen`` data."""
    who = f"{type(one).__name__.lstrip('_')}: the parts of a sum"
    for name in one._SETTINGS:
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine != theirs:
            raise ValueError(f"{who} differ in {name}, {mine!r} and {theirs!r}. Fit every part with the same settings.")
    if seen:
        same_kind(who, one._like, other._like, "the other part")
    for name in ("dictionary", "manifold", "_units") if seen else ():
        mine, theirs = getattr(one, name, None), getattr(other, name, None)
        if not all(_agree(mine, theirs, point) for point in (one._like, other._like)):
            raise ValueError(
                f"{who} have another {name.strip('_')} each. Make it from a sample x of all the data, before they are "
                "cut, and give it to every part (units as standardize=Standardizer.of(x), kernels as centers=x)."
            )


def _agree(mine: Any, theirs: Any, point: Tensor) -> bool:
    """Whether two functions, or manifolds, have the same values there, however they came here."""
    if mine is None or theirs is None:
        return mine is theirs
    a, b = (getattr(function, "project", function)(point) for function in (mine, theirs))
    near = torch.finfo(a.dtype).eps ** 0.75 * a.abs().max()
    return a.shape == b.shape and bool((a - b).abs().max() <= near)
