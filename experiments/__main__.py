"""``python -m experiments``: list the experiments, compute one, measure speed, check a GPU, or write all pages anew."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from experiments.machinery import runner
from koopcourse.terminal import print_anything


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    print_anything()
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["speed"]:
        from experiments.speed.__main__ import main as speed

        return speed(arguments[1:])
    if arguments[:1] == ["gpu-check"]:
        from experiments.gpu_check.check import main as gpu_check

        return gpu_check(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument(
        "name",
        nargs="?",
        default="list",
        help="an experiment; list (the default); speed; gpu-check; pages: from the kept rows",
    )
    parser.add_argument("--only", metavar="PATTERN", help="only rows whose id contains or matches this: 'ring8-*'")
    parser.add_argument("--fresh", action="store_true", help="compute kept rows anew")
    parser.add_argument("--quick", action="store_true", help="one seed; prints, keeps and judges nothing")
    parser.add_argument("--live", action="store_true", help="with pages: draw also pictures of what must be computed")
    parser.add_argument("--out", type=Path, help="folder of the tables (default: results/ of the clone)")
    options = vars(parser.parse_args(arguments))
    live = options.pop("live")
    if options["name"] == "list":
        print(runner.overview())
        return runner.HELD
    if options["name"] == "pages":
        return pages(options["out"] or runner.RESULTS, live)
    return runner.main(**options)


def pages(folder: Path, live: bool) -> int:
    """Write every page from its JSON."""
    from experiments.gpu_check import check
    from experiments.speed import race_report, speed_report

    for name in runner.names():
        runner.publish(name, runner.load(name), folder, live)
    race_report.publish(folder)
    speed_report.publish(folder)
    if (folder / "gpu.json").is_file():
        check.republish(folder)
    return runner.HELD


if __name__ == "__main__":
    sys.exit(main())
