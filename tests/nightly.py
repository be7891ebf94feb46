"""What takes too long for every change, one line a step. Needs the network and an hour or two.

    python -m tests.nightly               every step
    python -m tests.nightly oldest pins   these

Each step prints as it goes; the table comes last, and the exit status is 1 where a step failed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import course
from tests import pins

COURSE = [sys.executable, "course.py", "test"]
PLAINEST = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}


def main(words: list[str]) -> int:
    if not set(words) <= set(STEPS):
        print(f"{__doc__}\nThe steps are {', '.join(STEPS)}.")
        return 2
    lines, failed = [], 0
    for name in words or STEPS:
        start = time.monotonic()
        status = STEPS[name]()
        failed += bool(status)
        lines.append(f"{name:12} {'failed' if status else 'ok':7} {(time.monotonic() - start) / 60:5.1f} minutes")
        print(lines[-1], flush=True)
    print("\n".join(["", *lines]))
    return 1 if failed else 0


def run(*command: str | Path, **environment: str) -> int:
    """The exit status of a command in the repository's folder."""
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=pins.ROOT, env={**os.environ, **environment}).returncode


def with_versions(*options: str) -> int:
    """The quick tests in an environment of its own, with the versions that uv resolves under these options."""
    links = os.environ.get("PIP_FIND_LINKS", "").split()
    build = [word for link in links for word in ("--find-links", link)] or ["--torch-backend", "cpu"]
    torch = [f"torch=={pins.TORCH}+cpu"] if links else []  # what lies there; without its label, a CUDA build
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        python = Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        uv = [sys.executable, "-m", "uv"]
        wanted = ["-e", ".[files]", "-e", "./course[test]", *torch]
        return (
            run(*uv, "venv", "--quiet", "--python", sys.executable, folder)
            or run(*uv, "pip", "install", "--quiet", "--python", python, *build, *options, *wanted)
            or run(*uv, "pip", "list", "--python", python)
            or run(python, "-m", "pytest", "-n", "2", *course.QUICK, "tests/koopteach", "tests/course")
        )


def bundle() -> int:
    """A class's folder with its wheels: set up where there is no network, then tested."""
    nowhere = "http://127.0.0.1:9"  # where the system cannot close the network, a proxy that is not there does
    away = {"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        room = Path(folder) / "room"
        return (
            run(sys.executable, "-m", "koopcourse", "release", room, "--lessons", "00", "--bundle")
            or run(*closed(), sys.executable, room / "course.py", "setup", **away)
            or run(sys.executable, room / "course.py", "test", **away)
        )


def closed() -> list[str]:
    """The words before a command that runs it without network, where the system has such."""
    words = ["unshare", "--map-root-user", "--net"]
    there = shutil.which(words[0]) and subprocess.run([*words, "true"], capture_output=True).returncode == 0
    return words if there else []


def mutants(table: str) -> int:
    return run(sys.executable, "-m", "tests.mutants", table)


STEPS: dict[str, Callable[[], int]] = {
    "pins": lambda: run(sys.executable, "-m", "tests.pins", "--check"),
    "oldest": lambda: with_versions("--resolution", "lowest-direct"),
    "newest": lambda: with_versions(),
    "arithmetic": lambda: run(*COURSE, **PLAINEST),
    "bundle": bundle,
    "everything": lambda: run(*COURSE, "--all"),
    "mutants": lambda: mutants("house") | mutants("exercises"),
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
