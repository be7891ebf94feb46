"""What has been marked, kept by the digest of the notebook and of all that marks it: an interrupted run goes on."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import koopteach
from koopcourse.checks import declared
from koopcourse.grading.submissions import digest

_HOME = Path(__file__).resolve().parents[1]
HIDDEN = ".marked"  # folder of the output


class Results:
    """Files in a hidden folder of the output, one a notebook, each written as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / HIDDEN

    def get(self, name: str) -> dict[str, Any] | None:
        """What was kept under this name; None if nothing, or nothing that can be read."""
        try:
            return json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def keep(self, name: str, result: dict[str, Any]) -> None:
        """Keep a result."""
        self._folder.mkdir(parents=True, exist_ok=True)
        scratch = self._folder / f"{name}.new"
        scratch.write_text(json.dumps(result), encoding="utf-8")
        os.replace(scratch, self._folder / f"{name}.json")


def name_of(raw: bytes, lesson: str, isolation: str) -> str:
    """The name under which a notebook's result is kept: another one after a change of its text or of the checks."""
    return digest(raw, lesson, isolation, _version(lesson))


@functools.cache
def _version(lesson: str) -> str:
    """A digest of the code that marks a lesson, and of the package that both sides call."""
    declaration = declared.load(lesson).__file__
    packages = [_HOME / "checks", _HOME / "grading", Path(koopteach.__file__).parent]
    files = [path for package in packages for path in package.rglob("*.py")] + [Path(str(declaration))]
    return digest(b"".join(_contents(files)))


def _contents(files: Iterable[Path]) -> Iterable[bytes]:
    return (path.read_bytes() for path in sorted(files))
