"""The wheels of everything that a class installs, for one system and Python: a room without network needs no more."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class System(NamedTuple):
    """How uv and pip call a system, and the words for people."""

    uv: str
    pip: tuple[str, ...]
    told: str


def _linux(machine: str) -> tuple[str, ...]:
    """The tags of wheels that run beside a C library of 2018, which PyTorch asks for, or an older one."""
    libraries = ("_2_28", "_2_27", "_2_26", "_2_24", "_2_17", "_2_12", "_2_5", "2014", "2010", "1")
    return (*(f"manylinux{library}_{machine}" for library in libraries), f"linux_{machine}")


SYSTEMS = {
    "linux": System("x86_64-manylinux_2_28", _linux("x86_64"), "Linux (Intel, AMD)"),
    "linux-arm": System("aarch64-manylinux_2_28", _linux("aarch64"), "Linux (ARM)"),
    "windows": System("x86_64-pc-windows-msvc", ("win_amd64",), "Windows"),
    "macos": System(
        "aarch64-apple-darwin", ("macosx_14_0_arm64", "macosx_14_0_universal2"), "macOS (Apple processors)"
    ),
}
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # PyTorch has no wheel for an older one
TOOLS = ("uv", "pip")  # what course.py installs with
PATCHES = (0, 99)  # some pins differ between the first and later releases of one Python; a room may have either


def this_system() -> str:
    """The name of the system that this runs on."""
    linux = "linux-arm" if platform.machine() == "aarch64" else "linux"
    return {"Windows": "windows", "Darwin": "macos"}.get(platform.system(), linux)


def this_python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def told(system: str, python: str) -> str:
    """What a bundle is for, in words."""
    return f"Python {python} on {SYSTEMS[system].told}"


def download(release: Path, system: str, python: str) -> int:
    """Fill ``wheels/`` of a release; return the bytes. What lies there already is not fetched again.

    Raises:
        RuntimeError: there is no set of wheels for this system and Python, or the network failed.
    """
    wheels = release / "wheels"
    fetched: set[str] = set()
    for full in (f"{python}.{patch}" for patch in PATCHES):
        pins, indexes = resolve(requirements(release), release / "constraints.txt", system, full)
        if new := sorted(set(pins) - fetched):
            fetch(new, indexes, wheels, system, full)
        fetched |= set(pins)
    for stale in {path.name for path in wheels.glob("*.whl")} - set(wanted(wheels, fetched)):
        (wheels / stale).unlink()
    return sum(path.stat().st_size for path in wheels.iterdir())


def fetch(pins: Iterable[str], indexes: Iterable[str], wheels: Path, system: str, python: str) -> None:
    """Let pip put the wheels of these pins into a folder, and nothing that they depend on."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    pip += ["--implementation", "cp", "--python-version", python, "--dest", str(wheels)]
    pip += [word for tag in SYSTEMS[system].pip for word in ("--platform", tag)]
    pip += [word for index in indexes for word in ("--extra-index-url", index)]
    _run("downloading wheels", *pip, *pins)


def requirements(release: Path) -> list[str]:
    """What course.py installs there: the dependencies of both distributions, their builder, and its own tools."""
    lines = [*TOOLS]
    for folder, extras in ((".", ("files",)), ("course", ("test",))):
        told = tomllib.loads((release / folder / "pyproject.toml").read_text(encoding="utf-8"))
        project = told["project"]
        lines += [*told["build-system"]["requires"], *project["dependencies"]]
        lines += [line for extra in extras for line in project["optional-dependencies"][extra]]
    return [line for line in lines if not line.startswith(("koopteach", "koopcourse"))]


def resolve(lines: Iterable[str], pins: Path, system: str, python: str) -> tuple[list[str], list[str]]:
    """What uv would install: lines ``name==version``, and the further indexes at which some of them lie."""
    links = os.environ.get("PIP_FIND_LINKS", "").split()
    backend = (
        [] if links or not system.startswith("linux") else ["--torch-backend", "cpu"]
    )  # elsewhere the usual build is the small one
    uv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--format", "pylock.toml", "--no-header", *backend]
    uv += ["--python-platform", SYSTEMS[system].uv, "--python-version", python, "--only-binary", ":all:"]
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text("\n".join(lines) + "\n", encoding="utf-8")
        environment = {**MACOS, "UV_FIND_LINKS": ",".join(links)} if links else MACOS
        found = _run("resolving", *uv, "-c", str(pins), str(wanted), **environment)
    return read_lock(found)


def read_lock(text: str) -> tuple[list[str], list[str]]:
    """The pins of a lock file in the standard format, and the indexes that its packages name."""
    packages = tomllib.loads(text)["packages"]
    indexes = {package["index"] for package in packages if "index" in package}
    return sorted(f"{package['name']}=={package['version']}" for package in packages), sorted(indexes)


def wanted(wheels: Path, pins: Iterable[str]) -> list[str]:
    """The names of the wheels that belong to these pins."""
    known = {(_name(pin.partition("==")[0]), pin.partition("==")[2]) for pin in pins}
    parted = {path.name: path.name.split("-") for path in wheels.glob("*.whl")}
    return [name for name, part in parted.items() if (_name(part[0]), part[1]) in known]


def _name(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _run(step: str, *command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        raise RuntimeError(f"release: {step} failed:\n{done.stderr.strip()}")
    return done.stdout
