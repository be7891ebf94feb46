"""Make ``constraints.txt`` anew, or try it on every Python and system that the course claims. Needs the network.

    python -m tests.pins            resolve anew, for Python 3.11.0 and newer and every system at once
    python -m tests.pins --check    does each Python on each system find all that is pinned, as wheels?

One file serves everybody: where the newest release wants a newer Python, the file holds two pins with markers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / "constraints.txt"
OLDEST = "3.11.0"
TORCH = "2.13.0"  # the release whose small CPU build the tests run with; raised by hand
PYTHONS = (OLDEST, "3.12", "3.13", "3.14")
SYSTEMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin", "x86_64-pc-windows-msvc")
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # torch has no wheel for an older one
CUDA = ("cuda-", "nvidia-", "triton")  # torch pins what its CUDA builds need itself
HEAD = f"""\
# The exact versions that the tests ran with; the only place where versions are pinned. One resolution for Python
# {OLDEST} and newer on every system. Made, not written:
#     python -m tests.pins            resolves anew (--check tries every Python and system; both need the network)
# torch is pinned without a label such as +cpu or +cu130: one constraint serves every build.
"""


def main(words: list[str]) -> int:
    if words == ["--check"]:
        return check()
    if words:
        print(__doc__)
        return 2
    lines = resolve("--universal", "--python-version", OLDEST, pins=[f"torch=={TORCH}"])
    PINS.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"{len(lines)} pins")
    return 0


def check() -> int:
    """Resolve for each Python and system under the pins; say what is refused, has no wheel or has no pin."""
    pins = PINS.read_text(encoding="utf-8").splitlines()
    troubles = 0
    for python in PYTHONS:
        for system in SYSTEMS:
            trouble = refused(python, system, pins)
            troubles += bool(trouble)
            print(f"Python {python:8} {system:26} {trouble or 'ok'}", flush=True)
    return 1 if troubles else 0


def refused(python: str, system: str, pins: list[str]) -> str:
    """Why this Python on this system does not find all that is pinned, or ``""``."""
    options = ["--python-version", python, "--python-platform", system, "--only-binary", ":all:"]
    try:
        found = {line.split("==")[0] for line in resolve(*options, pins=pins)}
    except RuntimeError as refusal:
        return str(refusal)
    unpinned = found - {line.split("==")[0] for line in pins}
    return f"without a pin: {' '.join(sorted(unpinned))}" if unpinned else ""


def resolve(*options: str, pins: list[str]) -> list[str]:
    """What uv would install of both distributions with every extra, and of uv itself: lines ``name==version``.

    Raises:
        RuntimeError: with uv's own words, where there is no solution.
    """
    with _files(requirements(), pins) as (wanted, limits):
        uv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", *options]
        uv += ["--no-emit-package", "koopteach", "--no-emit-package", "koopcourse", "--constraint", limits, wanted]
        done = subprocess.run(uv, cwd=ROOT, env={**os.environ, **MACOS}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return [line for line in done.stdout.splitlines() if "==" in line and not line.startswith(CUDA)]


def requirements() -> list[str]:
    """Both distributions with all their extras, and the installer."""
    return [*(f"-e {folder}[{','.join(extras(folder))}]" for folder in (".", "./course")), "uv"]


def extras(folder: str) -> list[str]:
    """The names of a distribution's extras, from its ``pyproject.toml``."""
    text = (ROOT / folder / "pyproject.toml").read_text(encoding="utf-8")
    return sorted(tomllib.loads(text)["project"]["optional-dependencies"])


@contextmanager
def _files(*contents: list[str]) -> Iterator[list[str]]:
    """A file for each list of lines, in the repository, to which the paths in them are relative."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.txt" for number in range(len(contents))]
        for path, lines in zip(paths, contents):
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield [str(path) for path in paths]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
