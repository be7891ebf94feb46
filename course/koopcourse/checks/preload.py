"""Load what an answer uses before its time runs: torch's transforms alone take seconds the first time."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

import torch

_TRANSFORMS = {"func", "vmap", "jacrev", "jacfwd", "hessian", "functional_call", "jvp", "vjp"}
_LIBRARIES = {"ot", "sklearn", "scipy"}  # what answers import inside a function
KNOWN = frozenset(_TRANSFORMS | _LIBRARIES)


def preload(answer: Any) -> None:
    """Call and import once what the names in an answer's code, and in the functions it calls, point to."""
    load(set(_names(answer)) if isinstance(answer, FunctionType) else set())


def load(names: set[str]) -> None:
    """Call and import once what these names point to, of those that are known."""
    if names & _TRANSFORMS:
        _once(lambda: torch.func.vmap(torch.func.grad(torch.sin))(torch.zeros(1)))
    for name in sorted(names & _LIBRARIES):
        _once(lambda name=name: importlib.import_module(name))


def _names(function: FunctionType, depth: int = 3) -> Iterator[str]:
    """The names in a function's code, in the functions inside it, and in those of the notebook that it calls."""
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [part for part in code.co_consts if isinstance(part, CodeType)]
        yield from code.co_names
        for name in code.co_names if depth else ():
            called = function.__globals__.get(name)
            if isinstance(called, FunctionType) and called is not function:
                yield from _names(called, depth - 1)


def _once(load: Callable[[], Any]) -> None:
    try:
        load()
    except Exception:  # what is missing or broken is for the answer's own call to tell
        return
