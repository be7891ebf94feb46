"""``python -m experiments``: list the experiments, compute one of them, or measure speed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from experiments.machinery import runner


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["speed"]:
        from experiments.speed.__main__ import main as speed

        return speed(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("name", nargs="?", help="which experiment, or speed; without it, or by list, they are listed")
    parser.add_argument("--only", metavar="PATTERN", help="only rows whose id contains or matches this: 'ring8-*'")
    parser.add_argument("--fresh", action="store_true", help="compute saved rows anew")
    parser.add_argument("--quick", action="store_true", help="one seed; prints, keeps and judges nothing")
    parser.add_argument("--out", type=Path, help="folder of the tables (default: results/ of the clone)")
    return runner.main(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
