"""``python -m koopcourse``: the commands for learners and teachers. Authors use ``python -m koopcourse.authoring``."""

import importlib
import sys

# A module's main(words) obeys its command; it is imported when it is called, since some need an extra.
COMMANDS = {
    "doctor": ("koopcourse.doctor", "say what is installed, what is missing, and the one command that mends it"),
    "progress": ("koopcourse.checks.progress_file", "show which exercises you have solved"),
}


def main(words: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    name, *rest = (sys.argv[1:] if words is None else words) or ["--help"]
    if name not in COMMANDS:
        print("usage: python -m koopcourse command ...\n", file=sys.stdout if name in ("-h", "--help") else sys.stderr)
        print("\n".join(f"  {command:10} {what}" for command, (_, what) in COMMANDS.items()))
        return 0 if name in ("-h", "--help") else 2
    return importlib.import_module(COMMANDS[name][0]).main(rest)


if __name__ == "__main__":
    sys.exit(main())
