"""Can the course run on this Python and this system? Standard library only, for course.py, and parses on Python 3.8."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from typing import Callable

OLDEST, NEWEST = (3, 11), (3, 14)  # PyTorch has wheels for these
DEEPEST = 90  # characters of the course's folder on Windows: below it lie paths of 160, and Windows may stop at 260

# Per system: the command that installs a Python of ours, and the command that then starts the course.
NEW_PYTHON = {
    "debian": ("sudo apt install python3.11 python3.11-venv", "python3.11 course.py"),
    "fedora": ("sudo dnf install python3.12", "python3.12 course.py"),
    "macos": ("brew install python@3.13", "python3.13 course.py"),
    "windows": ("winget install Python.Python.3.13", "py -3.13 course.py"),
}


def system() -> str:
    if sys.platform == "darwin":
        return "macos"
    if os.name == "nt":
        return "windows"
    return "debian" if shutil.which("apt-get") else "fedora" if shutil.which("dnf") else "other"


def print_anything() -> None:
    """Let a terminal that has no such letter print its number: a file's name in Greek must not stop anything."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # there may be no stream, or somebody's own
            stream.reconfigure(errors="backslashreplace")


def too_deep(folder: str, where: str) -> str | None:
    """The sentence for a folder in which Windows may not find all that is installed, or None."""
    if where != "windows" or len(folder) <= DEEPEST:
        return None
    return (
        f"the path of this folder has {len(folder)} characters, and Windows may stop at 260, with what lies in it. "
        f"If a file is not found, move this folder to a shorter one, such as {folder[:2]}\\koopteach."
    )


def has_venv() -> bool:
    return all(importlib.util.find_spec(module) for module in ("venv", "ensurepip"))  # Debian parts them


def obstacle(version: tuple, venv_found: bool, where: str, installed: Callable, me: str) -> str | None:
    """What keeps this Python from running the course and the one command that mends it, or None."""
    fits = OLDEST <= version[:2] <= NEWEST
    if fits and venv_found:
        return None
    this = ".".join(map(str, version))
    mend, start = NEW_PYTHON.get(where, ("an installer from https://www.python.org/downloads/", me))
    if fits:
        lacks = f"this Python {this} has no venv module"
        if where == "debian":
            mend, start = f"sudo apt install python{version[0]}.{version[1]}-venv", me
    else:
        wants = f"{OLDEST[0]}.{OLDEST[1]} or newer" if version < OLDEST else f"{OLDEST[0]}.{OLDEST[1]} to 3.{NEWEST[1]}"
        lacks = f"the course needs Python {wants}, and this is {this}"
        for name in ("python3.14", "python3.13", "python3.12", "python3.11"):
            if installed(name):
                return f"koopteach: {lacks}. There is another one here; start with\n    {name} course.py"
    return f"koopteach: {lacks}. Mend it with\n    {mend}\nand start with\n    {start}"


def no_wheel(where: str, machine: str, macos: str, libc: tuple[str, str]) -> str | None:
    """The sentence for a system for which nobody builds PyTorch, or None."""
    if where.startswith("macosx") and machine != "arm64":
        return "PyTorch is no longer built for Macs with an Intel processor; conda (see README) still has it."
    if where.startswith("macosx") and numbers(macos) < (14,):
        return f"PyTorch is built for macOS 14 and newer, and this is {macos}."
    if where.startswith("win") and where != "win-amd64":
        return f"PyTorch needs the 64-bit Python for Intel and AMD, which Windows on ARM runs, too; this is {where}."
    if where.startswith("linux") and machine not in ("x86_64", "aarch64"):
        return f"PyTorch is built for x86_64 and aarch64 processors, and this is {machine}."
    if where.startswith("linux") and (libc[0] != "glibc" or numbers(libc[1]) < (2, 28)):
        this = " ".join(libc).strip() or "another C library"
        return f"PyTorch is built for Linux with glibc 2.28 or newer, and this has {this}."
    return None


def other_wheels(names: list[str], python: tuple, where: str) -> str | None:
    """The sentence for a folder wheels/ that is for another Python or system than this, or None.

    Args:
        names: the files in it.
        python: the version of this Python, two numbers.
        where: what :func:`system` says.
    """
    torch = [name for name in names if name.startswith("torch-")]
    if not torch:
        return "wheels/ holds no PyTorch: it was not copied whole. Copy it again, or move it away to use the network."
    where = where if where in ("windows", "macos") else "linux"
    systems = {"windows": "win", "macos": "macosx", "linux": "linux"}
    if any(f"-cp{python[0]}{python[1]}-" in name and systems[where] in name.split("-")[-1] for name in torch):
        return None
    this = f"Python {python[0]}.{python[1]} on {where}"
    return f"wheels/ is for another Python or system ({torch[0]}), and this is {this}. Start with that Python."


def numbers(version: str) -> tuple:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
