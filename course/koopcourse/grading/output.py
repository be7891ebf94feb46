"""Write the table and the pages. What somebody has edited since it was written is kept beside the new one."""

from __future__ import annotations

import json
import os
from pathlib import Path

from koopcourse.grading.results import HIDDEN
from koopcourse.grading.submissions import digest


class Output:
    """A folder of files that are written as a whole, and the digests by which an edited one is known."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._index = folder, folder / HIDDEN / "written.json"
        self._index.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._written = dict(json.loads(self._index.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self._written = {}

    def write(self, name: str, text: str) -> None:
        """Write ``folder/name``. Letters that no file can hold, as in names from old archives, become numbers."""
        path, raw = self._folder / name, text.encode("utf-8", "backslashreplace")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._keep_edited(path, name, raw)
        _replace(path, raw)
        self._written[name] = digest(raw)
        _replace(self._index, json.dumps(self._written).encode())

    def _keep_edited(self, path: Path, name: str, raw: bytes) -> None:
        old = path.read_bytes() if path.is_file() else raw
        if old == raw or self._written.get(name) == digest(old):
            return
        beside = next(
            free for k in range(1, 10**6) if not (free := path.with_stem(f"{path.stem} (edited {k})")).exists()
        )
        os.replace(path, beside)
        print(f"{name} was edited since it was written: it is kept as {beside.name}")


def _replace(path: Path, raw: bytes) -> None:
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_bytes(raw)
    try:
        os.replace(scratch, path)
    except PermissionError:
        raise OSError(f"{path} can't be written; close it where it is open. The same command goes on there.") from None
