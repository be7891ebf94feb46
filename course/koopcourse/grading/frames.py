"""Frames between the grader and an answer: two lengths, a JSON object, raw bytes. Both ends use this file."""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

_LENGTHS = struct.Struct("!II")
MOST_JSON, MOST_BYTES = 8 << 20, 96 << 20  # of one frame
MOST_RESULT = 4 << 20  # bytes of a result: exercises ask for some thousands, and the grader computes with what comes


class Garbage(Exception):
    """What came is no frame, or no answer to what was asked."""


class Gone(Exception):
    """The other end is closed."""


class Channel:
    """One end of a socket that carries frames, with the seconds left to wait for the other end."""

    def __init__(self, end: socket.socket, most_bytes: int = MOST_BYTES) -> None:
        self._end, self._most = end, (MOST_JSON, most_bytes)

    def send(self, message: dict[str, Any], raw: bytes = b"", seconds: float | None = None) -> None:
        """Send one frame.

        Raises:
            Gone: if nobody listens any more.
            TimeoutError: if the other end does not take it in so many seconds.
        """
        text = json.dumps(message).encode()
        self._end.settimeout(seconds)
        try:
            self._end.sendall(_LENGTHS.pack(len(text), len(raw)) + text + raw)
        except (BrokenPipeError, ConnectionError):
            raise Gone from None

    def receive(self, seconds: float | None = None) -> tuple[dict[str, Any], bytes]:
        """The next frame.

        Raises:
            Gone, Garbage: see there.
            TimeoutError: if it is not complete after so many seconds.
        """
        end = None if seconds is None else time.monotonic() + seconds
        lengths = _LENGTHS.unpack(self._exactly(_LENGTHS.size, end))
        if any(length > most for length, most in zip(lengths, self._most)):
            raise Garbage(f"a frame of {lengths[0]} and {lengths[1]} bytes")
        text, raw = (self._exactly(length, end) for length in lengths)
        try:
            message = json.loads(text.decode("utf-8"))
        except (ValueError, RecursionError):
            raise Garbage("no JSON") from None
        if not isinstance(message, dict):
            raise Garbage("no JSON object")
        return message, raw

    def has_more(self) -> bool:
        """Whether something lies there that nobody asked for."""
        self._end.setblocking(False)
        try:
            return bool(self._end.recv(1, socket.MSG_PEEK))
        except (BlockingIOError, ConnectionError):
            return False

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _exactly(self, count: int, end: float | None) -> bytes:
        parts, left = [], count
        while left:
            seconds = None if end is None else end - time.monotonic()
            if seconds is not None and seconds <= 0:
                raise TimeoutError
            self._end.settimeout(seconds)
            try:
                part = self._end.recv(min(left, 1 << 20))
            except ConnectionError:
                part = b""
            if not part:
                raise Gone
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
