"""The IDX format of the MNIST family, read strictly: a file is whole and of the expected kind, or refused in a line."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

_UNSIGNED_BYTE = 0x08


def read_idx(path: str | Path, *, n_axes: int) -> np.ndarray:
    """The bytes of an IDX file as a uint8 array with ``n_axes`` axes; gzip or plain, whatever the name says.

    Two zero bytes, the type (0x08), the number of axes, one big-endian 32-bit length for each axis, then the data.

    Args:
        path: the file.
        n_axes: 3 for pictures ``(n, h, w)``, 1 for labels ``(n,)``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no IDX file, another type or number of axes, truncated, longer than its header says, or broken gzip.

    Source: Y. LeCun, C. Cortes, C. Burges, the MNIST database's page (the format).
    """
    path = Path(path)
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            return _parse(gzip.GzipFile(fileobj=raw) if zipped else raw, n_axes)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"read_idx: {path} is truncated or broken gzip ({error}). Fetch it again.") from error
        except ValueError as error:
            raise ValueError(f"read_idx: {path} {error}") from None


def _parse(file: BinaryIO | gzip.GzipFile, n_axes: int) -> np.ndarray:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise ValueError("is no IDX file: it does not begin with two zero bytes, a type and a number of axes.")
    kind, axes = start[2], start[3]
    if kind != _UNSIGNED_BYTE:
        raise ValueError(f"holds numbers of type 0x{kind:02x}, but bytes (0x{_UNSIGNED_BYTE:02x}) are needed.")
    if axes != n_axes:
        raise ValueError(f"has {axes} axes, but {n_axes} are needed. Are pictures and labels mixed up?")
    lengths = file.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise ValueError("is truncated within its header. Fetch it again.")
    shape = struct.unpack(f">{axes}I", lengths)
    count = math.prod(shape)
    data = _read_up_to(file, count + 1)
    if len(data) != count:
        what = "is truncated" if len(data) < count else "is longer than its header says"
        came = f"{len(data)} came" if len(data) < count else "more came"
        raise ValueError(f"{what}: {count} bytes of data for shape {shape} are needed, {came}. Fetch it again.")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _read_up_to(file: BinaryIO | gzip.GzipFile, count: int, block: int = 1 << 22) -> bytes:
    """At most ``count`` bytes, never more memory than came: the header of a broken file may promise anything."""
    parts, missing = [], count
    while missing and (part := file.read(min(block, missing))):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
