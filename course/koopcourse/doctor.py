"""``python -m koopcourse doctor``: what is installed, on what it runs, and how to get what is missing.

Nothing heavy is imported before it is known to be there, so that the doctor also speaks in an environment
in which nothing else does.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

OLDEST = (3, 11)
EXTRAS = ("test", "dev", "teach", "site", "experiments")
NEEDED = ("koopteach", "koopcourse")  # without one of these the lessons do not run
MEMORY_GB, DISK_GB = 2, 1  # a lesson's budget of memory; room for figures and checkpoints
ROOT = Path(__file__).resolve().parents[2]
PRINTED = ("koopteach", "koopcourse", "torch", "numpy", "scipy", "matplotlib", "jupyterlab", "ipywidgets", "jupytext")


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``mend`` is the command that helps, ``fatal`` that the course can't run so."""

    label: str
    text: str
    mend: str | None = None
    fatal: bool = False

    def __str__(self) -> str:
        line = f"{self.label:<9} {self.text}"
        return f"{line}\n{'':10} what helps: {self.mend}" if self.mend else line


def main(words: Sequence[str] = ()) -> int:
    """Print the report; the exit status is 0 where the course can run."""
    findings = list(examine())
    print("\n".join(map(str, findings)))
    ill = any(finding.fatal for finding in findings)
    print("The course can't run here yet." if ill else "The course can run here.")
    return 1 if ill else 0


def examine() -> Iterator[Finding]:
    """Everything the doctor looks at, in the order of the report."""
    yield python()
    yield Finding("versions", "  ".join(f"{name} {version(name) or '-'}" for name in PRINTED))
    yield from devices()
    yield memory()
    yield disk()
    yield from packages()


def version(name: str) -> str | None:
    """The installed version of a distribution, ``None`` where it is missing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.prefix}"
    if sys.version_info < OLDEST:
        return Finding("python", f"{text}: too old", "python3 course.py", fatal=True)
    return Finding("python", text)


def devices() -> Iterator[Finding]:
    """The CPU, each CUDA device, and a driver that this build of torch can't use."""
    yield Finding("cpu", f"{os.cpu_count()} cores")
    if version("torch") is None:
        return  # said under "koopteach"
    try:
        import torch
    except (ImportError, OSError) as error:  # on Windows most often for want of Microsoft's C++ runtime
        yield Finding("torch", f"is installed but does not load: {error}", repair_torch(), fatal=True)
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield Finding("cuda", f"{properties.name}, {properties.total_memory / 1e9:.0f} GB")
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        text = f"there is an NVIDIA driver, which torch {torch.__version__} does not use"
        yield Finding("cuda", text, f"{_course()} setup --torch auto")


def memory() -> Finding:
    try:
        import psutil
    except ImportError:  # comes with jupyterlab
        return Finding("memory", "unknown")
    now = psutil.virtual_memory()
    text = f"{now.available / 1e9:.1f} GB free of {now.total / 1e9:.1f}"
    if now.available < MEMORY_GB * 1e9:
        return Finding("memory", f"{text}: a lesson may need {MEMORY_GB}", "close other programs and kernels")
    return Finding("memory", text)


def disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < DISK_GB:
        return Finding("disk", f"{free:.1f} GB free here: {DISK_GB} is a safe minimum", "free some space")
    return Finding("disk", f"{free:.0f} GB free here")


def packages() -> Iterator[Finding]:
    """Both packages and each extra: complete, or what is missing or too old, and how to get it."""
    required: dict[str, list[tuple[str, str]]] = {}
    for package in NEEDED:
        try:
            lines = metadata.requires(package) or []
        except metadata.PackageNotFoundError:
            yield Finding(package, f"this Python does not have {package} installed", install(), fatal=True)
            continue
        required |= {name or package: wanted for name, wanted in requirements(lines).items()}
    for group in [*NEEDED, *EXTRAS] if set(NEEDED) <= set(required) else []:
        lacking = [problem for name, bound in required.get(group, []) if (problem := lacks(name, bound))]
        if not lacking:
            yield Finding(group, "complete")
        elif group in NEEDED:
            yield Finding(group, f"missing: {', '.join(lacking)}", install(), fatal=True)
        else:
            yield Finding(group, f"optional, missing: {', '.join(lacking)}", install(group))


def requirements(lines: list[str]) -> dict[str, list[tuple[str, str]]]:
    """Sort lines like ``'ruff>=0.8; extra == "dev"'`` into ``{"dev": [("ruff", "0.8")]}``; the core is under ``""``."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        wanted, _, marker = line.partition(";")
        name = re.split(r"[^\w.-]", wanted.strip())[0]
        bound = re.search(r">=\s*([\d.]+)", wanted)
        extra = re.search(r"extra == .(\w+)", marker)
        groups.setdefault(extra[1] if extra else "", []).append((name, bound[1] if bound else "0"))
    return groups


def lacks(name: str, bound: str) -> str | None:
    """What to say of a distribution that is missing or older than its lower bound."""
    here = version(name)
    if here is None:
        return name
    return f"{name} {bound} (here is {here})" if _numbers(here) < _numbers(bound) else None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.split(r"[^\d.]", text)[0].split(".") if part)


def install(extra: str = "") -> str:
    """The command that brings both packages, and an extra, into *this* environment."""
    if Path(sys.prefix).resolve() != (ROOT / ".venv").resolve() or extra not in ("", "dev", "test"):
        course = f'"./course[{extra}]"' if extra else "./course"
        return f'"{sys.executable}" -m pip install -c constraints.txt -e . -e {course}'
    return f"{_course()} setup" + (" --dev" if extra == "dev" else "")


def repair_torch() -> str:
    """The command for a torch that is installed but broken."""
    if os.name == "nt":
        return "winget install Microsoft.VCRedist.2015+.x64"
    return f'"{sys.executable}" -m pip install --force-reinstall --no-deps -c constraints.txt torch'


def _course() -> str:
    return "py course.py" if os.name == "nt" else "python3 course.py"
