"""``python -m koopteach``: the commands for learners. Authors use ``python -m koopteach.authoring``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m koopteach", description="Commands for learners.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    made = {}
    for run in (doctor, progress, reproduce):
        made[run] = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        made[run].set_defaults(run=run)
    _options_of_reproduce(made[reproduce])
    options = vars(parser.parse_args(arguments))
    del options["command"]
    return options.pop("run")(**options)


def _options_of_reproduce(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", nargs="?", help="which experiment; without it they are listed")
    command.add_argument("--only", metavar="PATTERN", help="only rows whose id contains or matches this: 'ring8-*'")
    command.add_argument("--fresh", action="store_true", help="compute saved rows anew")
    command.add_argument("--quick", action="store_true", help="one seed; prints, keeps and judges nothing")
    command.add_argument("--out", type=Path, help="folder of the tables (default: results/ of the checkout, or here)")


def doctor() -> int:
    """say what is installed, what is missing, and the one command that mends it"""
    from koopteach import doctor

    return doctor.main()


def progress() -> int:
    """show which exercises you have solved"""
    from koopteach import teach

    teach.progress()
    return 0


def reproduce(**options) -> int:
    """compute an experiment's table, beside its noise floors, and hold it to its bands"""
    from koopteach.reproduce import runner

    return runner.main(**options)


if __name__ == "__main__":
    sys.exit(main())
