"""``python -m koopcourse``: the commands for learners and teachers. Authors use ``python -m koopcourse.authoring``."""

import importlib
import sys
from importlib.util import find_spec

from koopcourse.terminal import print_anything

# A module's main(words) obeys its command; it is imported when it is called, since some need an extra.
COMMANDS = {
    "doctor": ("koopcourse.doctor", "say what is installed, what is missing, and the one command that mends it"),
    "grade": ("koopcourse.grading.command", "mark what a class handed in, each answer in a sandbox"),
    "progress": ("koopcourse.checks.progress_file", "show which exercises you have solved"),
    "site": ("koopcourse.site.command", "build the course as pages to read, without network or kernel"),
    "release": ("koopcourse.release.command", "write a class's folder: chosen lessons, no solutions"),
    "slides": ("koopcourse.teaching.slides.command", "write slides of some lessons, made of their notebooks"),
}


def main(words: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    print_anything()
    name, *rest = (sys.argv[1:] if words is None else words) or ["--help"]
    there = {command: entry for command, entry in COMMANDS.items() if _is_here(entry[0])}
    if name not in there:
        print("usage: python -m koopcourse command ...\n", file=sys.stdout if name in ("-h", "--help") else sys.stderr)
        print("\n".join(f"  {command:10} {what}" for command, (_, what) in there.items()))
        return 0 if name in ("-h", "--help") else 2
    return importlib.import_module(there[name][0]).main(rest)


def _is_here(module: str) -> bool:
    """False for what a class's folder lacks; nothing is imported."""
    return find_spec(".".join(module.split(".")[:2])) is not None


if __name__ == "__main__":
    sys.exit(main())
