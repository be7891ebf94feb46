"""Values as JSON and raw bytes: numbers, tensors, arrays and sequences of them; all else by the name of its type.

Functions go one way, from the grader to an answer: :func:`unpack` reads them where it is told to trust its source.
"""

from __future__ import annotations

import importlib
import math
import numbers
from typing import Any

import cloudpickle
import numpy as np
import torch

from koopcourse.checks.declared import HOME
from koopcourse.grading.frames import MOST_BYTES, MOST_RESULT, Garbage

MOST_PARTS, MOST_AXES, MOST_NAMES, DEEPEST = 300_000, 8, 100, 4
_KINDS = (
    *("float64", "float32", "float16", "bfloat16", "complex128", "complex64"),
    *("int64", "int32", "int16", "int8", "uint8", "bool"),
)
_TORCH = {name: getattr(torch, name) for name in _KINDS}
_NUMPY = {name: np.dtype(name) for name in _KINDS if name != "bfloat16"}


class TooLarge(ValueError):
    """A result that no exercise asks for."""


def pack(value: Any, most: int, functions: bool = False) -> tuple[Any, bytes]:
    """A description of ``value`` for JSON, and its bytes, at most so many.

    Raises:
        TooLarge: if there are more.
    """
    pieces: list[bytes] = []
    packer = _Packer(pieces, most, functions)
    return packer.pack(value, DEEPEST), b"".join(pieces)


def unpack(what: Any, raw: bytes, trusted: bool = False) -> Any:
    """The value that :func:`pack` described.

    Raises:
        Garbage: if description and bytes do not fit, or hold a function and ``trusted`` is false.
    """
    unpacker = _Unpacker(raw, trusted)
    try:
        value = unpacker.unpack(what, DEEPEST)
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as problem:
        raise Garbage(f"no value: {type(problem).__name__}") from None
    if unpacker.place != len(raw):
        raise Garbage("bytes that belong to nothing")
    return value


class Opaque:
    """What stands for a value of another kind; its type has that kind's name."""


def opaque(name: str) -> Any:
    """An object whose type has this name."""
    return type(name if name.isidentifier() and len(name) <= 60 else "object", (Opaque,), {})()


class _Packer:
    def __init__(self, pieces: list[bytes], most: int, functions: bool) -> None:
        self._pieces, self._left, self._parts, self._functions = pieces, most, MOST_PARTS, functions

    def pack(self, value: Any, depth: int) -> Any:
        self._parts -= 1
        if self._parts < 0:
            raise TooLarge(f"the result has more than {MOST_PARTS} parts")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, np.ndarray | np.generic) and not isinstance(value, float | complex):
            return self._array(np.asarray(value), isinstance(value, np.generic))
        if isinstance(value, numbers.Number):
            return _number(value)
        if isinstance(value, tuple | list) and depth:
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {"kind": kind, "parts": [self.pack(part, depth - 1) for part in value]}
        if self._functions and callable(value):
            return {"kind": "function", "bytes": self._put(shipped(value))}
        return {"kind": "other", "name": type(value).__name__}

    def _tensor(self, x: torch.Tensor) -> Any:
        name = str(x.dtype).removeprefix("torch.")
        if name not in _TORCH or x.layout != torch.strided or x.device.type == "meta":
            return {"kind": "other", "name": type(x).__name__}
        self._room(x.numel() * x.element_size())
        plain = x.detach().cpu().resolve_conj().resolve_neg().contiguous()
        return self._described("tensor", name, x.shape, plain.reshape(-1).view(torch.uint8).numpy().tobytes())

    def _array(self, x: np.ndarray, scalar: bool) -> Any:
        if x.dtype.name not in _NUMPY:
            return {"kind": "other", "name": "ndarray"}
        self._room(x.size * x.itemsize)
        native = np.ascontiguousarray(x).astype(x.dtype.newbyteorder("="), copy=False)
        return self._described("scalar" if scalar else "array", x.dtype.name, x.shape, native.tobytes())

    def _described(self, kind: str, name: str, shape: Any, data: bytes) -> Any:
        return {"kind": kind, "dtype": name, "shape": [int(size) for size in shape], "bytes": self._put(data)}

    def _room(self, count: int) -> None:
        if count > self._left:
            raise TooLarge("the result is larger than any that is asked for")

    def _put(self, data: bytes) -> int:
        self._room(len(data))
        self._left -= len(data)
        self._pieces.append(data)
        return len(data)


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() < 4096 else {"kind": "other", "name": "int"}
    if isinstance(value, complex):
        return {"kind": "complex", "parts": [value.real, value.imag]}
    return float(value)  # type: ignore[arg-type]  # a fraction, a decimal


class _Unpacker:
    def __init__(self, raw: bytes, trusted: bool) -> None:
        self._raw, self._trusted, self.place = raw, trusted, 0
        self._most = MOST_BYTES if trusted else MOST_RESULT
        self._parts, self._others = MOST_PARTS, dict[str, Any]()

    def unpack(self, what: Any, depth: int) -> Any:
        self._parts -= 1
        if self._parts < 0:
            raise Garbage("too many parts")
        if what is None or isinstance(what, bool | int | float):
            return what
        kind = what["kind"]
        if kind in ("tuple", "list") and depth:
            parts = [self.unpack(part, depth - 1) for part in what["parts"]]
            return tuple(parts) if kind == "tuple" else parts
        if kind == "complex":
            real, imaginary = what["parts"]
            return complex(float(real), float(imaginary))
        if kind == "tensor":
            return self._numbers(what, torch.frombuffer, torch.empty, _TORCH)
        if kind in ("array", "scalar"):
            array = self._numbers(what, np.frombuffer, np.empty, _NUMPY)
            return array[()] if kind == "scalar" else array
        if kind == "function" and self._trusted:
            return received(self._take(what["bytes"]))
        if kind == "other":
            return self._other(str(what["name"]))
        raise Garbage("a value of no kind")

    def _other(self, name: str) -> Any:
        """What stands for a value of another type. Types are slow to make: after many of them all are one."""
        name = name if name in self._others or len(self._others) < MOST_NAMES else "object"
        if name not in self._others:
            self._others[name] = opaque(name)
        return self._others[name]

    def _numbers(self, what: Any, read: Any, empty: Any, kinds: dict[str, Any]) -> Any:
        """A tensor or an array: as many bytes as its shape needs, and a copy, which may be written to."""
        shape, dtype = what["shape"], kinds[what["dtype"]]
        if len(shape) > MOST_AXES or any(type(size) is not int or size < 0 for size in shape):
            raise Garbage("no shape")
        if math.prod(size or 1 for size in shape) * dtype.itemsize > self._most:  # products fill it
            raise Garbage("a shape larger than any result")
        data = bytearray(self._take(what["bytes"]))
        if len(data) != math.prod(shape) * dtype.itemsize:
            raise Garbage("bytes that do not fill the shape")
        return read(data, dtype=dtype).reshape(shape) if data else empty(shape, dtype=dtype)

    def _take(self, count: int) -> bytes:
        if type(count) is not int or not 0 <= count <= len(self._raw) - self.place:
            raise Garbage("bytes that are not there")
        self.place += count
        return self._raw[self.place - count : self.place]


def shipped(function: Any) -> bytes:
    """A function with all that it reaches in the exercises' modules; what libraries hold goes by name."""
    cloudpickle.register_pickle_by_value(importlib.import_module(HOME))
    return cloudpickle.dumps(function)


def received(data: bytes) -> Any:
    """A function that the grader sent."""
    return cloudpickle.loads(data)
