"""Write a release: a new folder all at once, one that is there already file by file. Nothing of anybody's is lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

MANIFEST = ".release.json"


def refuse_unless_free(folder: Path, root: Path) -> None:
    """Raises ValueError for a place at which no new release can be written."""
    if folder.resolve() == root or root in folder.resolve().parents:
        raise ValueError(f"release: DIR must lie outside the course's own folder, got {folder}.")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"release: DIR must be a new or an empty folder, and {folder} is a file.")
    if folder.exists() and any(folder.iterdir()):
        again = "; --update brings it up to date" if (folder / MANIFEST).exists() else ""
        raise ValueError(f"release: DIR must be a new or an empty folder, and {folder} is not empty{again}.")


def manifest(folder: Path) -> dict[str, Any]:
    """What is known of a release that is there: the choice, and the digest of each file.

    Raises:
        ValueError: the folder holds no release.
    """
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ValueError(f"release: --update needs a folder that holds a release, and {folder} holds none.") from None


def write(files: dict[str, bytes], choice: dict[str, Any], folder: Path) -> None:
    """Write a new release; an interruption leaves none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        whole = Path(scratch) / "release"
        for name, content in {**files, MANIFEST: _manifest(files, choice)}.items():
            _put(whole / name, content)
        if folder.exists():
            folder.rmdir()
        shutil.move(whole, folder)


def update(files: dict[str, bytes], choice: dict[str, Any], folder: Path) -> list[str]:
    """Bring a release up to date, and return the names of the files that somebody changed, which stay as they are."""
    known = manifest(folder)["files"]
    now = {name: _digest((folder / name).read_bytes()) for name in {*known, *files} if (folder / name).is_file()}
    new = {name: _digest(content) for name, content in files.items()}
    changed = [name for name, found in sorted(now.items()) if found not in (known.get(name), new.get(name))]
    for name in files:
        if name not in changed and now.get(name) != new[name]:
            _put(folder / name, files[name])
    for name in sorted(set(known) - set(files) - set(changed)):
        (folder / name).unlink(missing_ok=True)
        _remove_empty(folder / name, folder)
    recorded = {name: digest for name, digest in known.items() if name in changed} | {
        name: digest for name, digest in new.items() if name not in changed
    }
    _put(folder / MANIFEST, _manifest(recorded, choice))
    return changed


def _manifest(files: dict[str, Any], choice: dict[str, Any]) -> bytes:
    digests = {name: _digest(content) if isinstance(content, bytes) else content for name, content in files.items()}
    return (json.dumps({**choice, "files": digests}, indent=1, sort_keys=True) + "\n").encode()


def _remove_empty(path: Path, folder: Path) -> None:
    for parent in path.parents:
        if parent == folder or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
