"""``python -m koopcourse``: the commands for learners. Authors use ``python -m koopcourse.authoring``."""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m koopcourse", description="Commands for learners.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for run in (doctor, progress):
        command = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
    return parser.parse_args(arguments).run()


def doctor() -> int:
    """say what is installed, what is missing, and the one command that mends it"""
    from koopcourse import doctor

    return doctor.main()


def progress() -> int:
    """show which exercises you have solved"""
    from koopcourse import checks

    checks.progress()
    return 0


if __name__ == "__main__":
    sys.exit(main())
