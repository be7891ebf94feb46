#!/usr/bin/env python3
"""Set up the koopteach course and open it.

    python3 course.py              open the first lesson in JupyterLab; installs everything the first time
    python3 course.py setup        install and copy the lessons, open nothing
    python3 course.py test [...]   run the test suite; further words go to pytest
                                   --quick: a minute, no notebook; --all: every lesson in a browser, too
    python3 course.py run          execute every lesson without a screen, one line each
    python3 course.py carry        carry your answers from older exercise sheets into the newest

On Windows write "py course.py". This file needs the standard library alone and parses on Python 3.8, so
that somebody with an old Python reads a sentence instead of a syntax error.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.append(str(ROOT / "course"))

from carry import with_answers
from systems import has_venv, no_wheel, obstacle, other_wheels, print_anything, system, too_deep

VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "koopteach.json"
EXTRAS = {"dev", "experiments", "site", "teach", "test"}  # of course/pyproject.toml
AUTHORS = ["dev"]  # what --dev brings
WHEELS = ROOT / "wheels"  # in a folder for a room without network: all that is installed
WORK = ROOT / "work"  # the learner's own copies; git ignores it
SHIPPED = WORK / ".shipped.json"
ME = "py course.py" if os.name == "nt" else "python3 course.py"

# What pytest runs: words that the whole suite takes, or leaves out. A notebook's cells stay together; where there is no
# notebook, a process that has nothing left takes over half of what the other has.
USUAL = ["--dist=loadfile", "--nbval"]
# Without nbval, whose loading takes two seconds, and hence without its options in pyproject.toml.
QUICK = ["--dist=worksteal", "-p", "no:nbval", "-o", "addopts=-ra --strict-markers --strict-config"]
QUICK += ["-m", "not slow and not browser and not all"]
ALL = ["--dist=loadfile", "--nbval", "-m", ""]


def main(arguments: list[str]) -> int:
    print_anything()
    message = obstacle(sys.version_info[:3], has_venv(), system(), lambda python: works(python, "ensurepip"), ME)
    if message:
        print(message, file=sys.stderr)
        return 1
    try:
        return obey(arguments)
    except KeyboardInterrupt:
        print(f"\nkoopteach: stopped. {ME} goes on from here.")
        return 130
    except OSError as problem:  # a disk that is full, a folder that nobody may write to
        where = f" ({problem.filename})" if problem.filename else ""
        print(f"koopteach: {problem.strerror or problem}{where}. Your own files are as they were.", file=sys.stderr)
        print(f"Make room, or mend what is named; then {ME} goes on from here.", file=sys.stderr)
        return 1


def obey(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=ME, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("command", nargs="?", default="open", choices=["open", "setup", "test", "run", "carry"])
    parser.add_argument("--dev", action="store_true", help="install the authors' tools, too")
    parser.add_argument("--torch", metavar="BUILD", help="cpu (default), auto (fits the driver), cu130, ...")
    parser.add_argument("--quick", action="store_true", help="test: leave out notebooks, browsers and slow tests")
    parser.add_argument("--all", action="store_true", help="test: run every lesson in a browser, too")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command in ("setup", "run", "carry"):
        parser.error(f"{options.command} does not know {' '.join(rest)}")
    if options.quick + options.all > (options.command == "test"):
        parser.error("--quick and --all go with test, one at a time")

    ensure_installed(["test"] + AUTHORS * options.dev, options.torch)
    if options.command == "test":
        return run_tests(rest, QUICK if options.quick else ALL if options.all else USUAL)
    if options.command == "run":
        return run_lessons()
    deliver(carrying=True if options.command == "carry" else None)
    if options.command == "carry":
        return 0
    if options.command == "setup":
        say(f"ready. {ME} opens the course.")
        return 0
    return open_lab(rest)


def say(text: str) -> None:
    print(f"koopteach: {text}", flush=True)


# ------------------------------------------------------------------ installing


def ensure_installed(extras: list[str], torch: str | None) -> None:
    """Bring .venv to what is asked for; does nothing, and starts nothing, when it is there already.

    The stamp is written last, so that an interrupted installation is taken up again. What somebody chose
    once (a torch build, an extra) stays chosen.
    """
    stamp = read_json(STAMP)
    wanted = {
        "fingerprint": fingerprint(),
        "extras": sorted({*extras, *stamp.get("extras", [])} & EXTRAS),
        "torch": torch or stamp.get("torch", "cpu"),
    }
    if stamp == wanted and PYTHON.exists():
        return
    if stamp:
        write_json(STAMP, {**stamp, "fingerprint": "unfinished"})
    install(wanted["extras"], wanted["torch"], rebuild_torch=torch not in (None, stamp.get("torch")))
    write_json(STAMP, wanted)


def fingerprint() -> str:
    """Changes with what is to be installed, and with the folder, which an environment can't leave."""
    names = ("pyproject.toml", "course/pyproject.toml", "constraints.txt")
    return digest(b"".join((ROOT / name).read_bytes() for name in names) + str(ROOT).encode())


def install(extras: list[str], torch: str, rebuild_torch: bool) -> None:
    wheels = os.environ.get("PIP_FIND_LINKS")
    bundle = ["--no-index", "--find-links", WHEELS] if WHEELS.is_dir() else []
    trouble = no_wheel(sysconfig.get_platform(), platform.machine(), platform.mac_ver()[0], platform.libc_ver())
    if bundle:
        trouble = other_wheels([path.name for path in WHEELS.glob("*.whl")], sys.version_info[:2], system())
    if trouble and (bundle or not wheels):
        sys.exit(f"koopteach: {trouble}")
    say("installing into .venv; the first time this takes some minutes.")
    if warning := too_deep(str(ROOT), system()):
        say(warning)
    if not works(PYTHON, "pip"):
        need("making .venv", sys.executable, "-m", "venv", "--clear", VENV)
    need("installing uv", PYTHON, "-m", "pip", "install", "--quiet", *bundle, "-c", "constraints.txt", "uv")

    options, environment = ["--torch-backend", torch], {}
    if rebuild_torch:  # both builds have the same version, so that uv would keep the one it finds
        options += ["--reinstall-package", "torch"]
    if wheels:  # torch's build is chosen by who put it there; uv does not read pip's settings
        options, environment = [], {"UV_FIND_LINKS": ",".join(wheels.split())}
    if bundle:
        options, environment = bundle, {}
    uv = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, *options, "-c", "constraints.txt"]
    need("installing the course", *uv, "-e", ".", "-e", f"./course[{','.join(extras)}]", **environment)

    news = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    write_json(VENV / "etc" / "jupyter" / "labconfig" / "default_setting_overrides.json", news)


def works(python: Path | str, module: str) -> bool:
    """False for a Python that is missing, half installed or without a module that we need of it."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.run([str(python), "-c", f"import {module}"], **quiet).returncode == 0
    except OSError:
        return False


def need(step: str, *command, **environment: str) -> None:
    if call(*command, **environment):
        in_use = " Close JupyterLab first: Windows keeps files that are in use." if os.name == "nt" else ""
        sys.exit(f"koopteach: {step} failed; the lines above say why.{in_use} The same command takes it up again.")


def call(*command, **environment: str) -> int:
    """Run a command in the repository's folder and wait; Ctrl-C is the command's to answer first."""
    child = subprocess.Popen([str(word) for word in command], cwd=str(ROOT), env=surroundings(**environment))
    interrupts = 0
    while True:
        try:
            status = child.wait()
            break
        except KeyboardInterrupt:  # the terminal sent it to the child as well
            interrupts += 1
            if interrupts > 1:
                child.terminate()
    if interrupts:
        raise KeyboardInterrupt
    return status


def surroundings(**extra: str) -> dict:
    """What our children see: an exported MPLBACKEND would take the figures out of the notebooks."""
    return {**{name: value for name, value in os.environ.items() if name != "MPLBACKEND"}, **extra}


# ------------------------------------------------------------------ the learner's copies


def deliver(carrying: bool | None = None) -> None:
    """Copy lessons, exercises and starters of capstones to work/; what the learner has there is never written over.

    A newer exercise sheet takes the learner's answers along: if ``carrying``, or if they say so when asked.
    """
    shipped = read_json(SHIPPED)
    for source, folder in (("notebooks", "lessons"), ("exercises", "exercises"), ("capstones", "projects")):
        upstream = {path.name: for_learners(path.read_bytes()) for path in sorted((ROOT / source).glob("*.ipynb"))}
        seen = {name: shipped.get(f"{folder}/{name}") for name in upstream}
        new = {name: content for name, content in upstream.items() if is_new(content, WORK / folder / name, seen[name])}
        if folder == "exercises":
            new.update(with_answers(WORK / folder, upstream, new, carrying, say, ME))
        for name, content in new.items():
            place(content, WORK / folder / name)
            shipped[f"{folder}/{name}"] = digest(upstream[name])
            write_json(SHIPPED, shipped)  # after each one: whatever stops the next, this one arrives once
        shipped.update({f"{folder}/{name}": digest(content) for name, content in upstream.items()})
    if shipped != read_json(SHIPPED):
        write_json(SHIPPED, shipped)


def for_learners(content: bytes) -> bytes:
    """A notebook as it is handed out: nothing computed yet, so that a prediction is one, and links between copies."""
    content = content.replace(b"(../notebooks/", b"(../lessons/")
    try:
        notebook = json.loads(content.decode("utf-8"))
        computed = [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")]
    except (ValueError, KeyError, TypeError, AttributeError):  # broken: JupyterLab will say how
        return content
    for cell in computed:
        cell.update(outputs=[], execution_count=None)
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8") if computed else content


def is_new(content: bytes, own: Path, seen: str | None) -> bool:
    """True if the learner's folder lacks this notebook: it never had it, or the learner took their copy away."""
    copies = own.parent.glob(f"{own.stem}*.ipynb")
    return not own.exists() or (seen != digest(content) and all(copy.read_bytes() != content for copy in copies))


def place(content: bytes, own: Path) -> None:
    """Put a notebook where the learner works, under the first free name if an older one is there."""
    target, version = own, 1
    while target.exists():
        version += 1
        target = own.with_name(f"{own.stem} (version {version}).ipynb")
    write(target, content)
    if version > 1:
        say(f"a newer {own.stem} is here as {target.name!r}, beside yours in work/{own.parent.name}.")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_json(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # not there, or cut short
        return {}


def write_json(path: Path, value: dict) -> None:
    write(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def write(path: Path, content: bytes) -> None:
    """Write all or nothing, whenever somebody presses Ctrl-C or the disk is full."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            part.unlink()  # half a file takes room and helps nobody
        raise OSError(problem.errno, problem.strerror, str(path)) from None


# ------------------------------------------------------------------ what is started at the end


def open_lab(arguments: list[str]) -> int:
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    page = f"/lab/tree/lessons/{lessons[0].name}" if lessons else "/lab"
    lab = [PYTHON, "-m", "jupyterlab", f"--ServerApp.root_dir={WORK}", f"--LabApp.default_url={page}"]
    return call(*lab, *arguments)


def run_tests(arguments: list[str], tier: list[str]) -> int:
    pytest = [PYTHON, "-m", "pytest", "-n", "2", *tier, *arguments]
    return call(*pytest, **by_the_dozen())


def by_the_dozen() -> dict:
    """For many processes in a row: one thread each, and bytecode kept, without which each compiles torch anew."""
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"), "PYTHONDONTWRITEBYTECODE": ""}


def run_lessons() -> int:
    failed = 0
    for lesson in sorted((ROOT / "notebooks").glob("*.ipynb")):
        start = time.perf_counter()
        trouble = run_lesson(lesson)
        failed += bool(trouble)
        print(f"{lesson.stem:28} {trouble or 'ok':60} {time.perf_counter() - start:4.0f} s", flush=True)
    return 1 if failed else 0


def run_lesson(lesson: Path) -> str:
    """Execute one notebook, changing neither it nor the learner's progress; where it stopped, or ""."""
    command = [str(PYTHON), "-m", "koopcourse.authoring.execute", str(lesson)]
    environment = surroundings(**by_the_dozen(), PYTHONIOENCODING="utf-8")  # what a check says has signs
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode("utf-8", errors="replace").strip().split("\n")[-1] if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
