"""``python -m experiments speed [WHAT ...] [--quick]``: measure, print the tables, keep them under ``results/``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from experiments.speed import race_report, speed_report

SPEED = tuple(speed_report.PARTS)
ONE = tuple(speed_report.WORKLOADS)  # a single workload of theirs


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments speed", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        help=f"of: particles, {', '.join(SPEED)} (default: all but particles), or single ones: {', '.join(ONE)}",
    )
    parser.add_argument("--quick", action="store_true", help="smaller and fewer; prints, keeps nothing")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of the tables (default: results)")
    options = parser.parse_args(arguments)
    asked = options.what or list(SPEED)
    unknown = set(asked) - {"particles", *SPEED, *ONE}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from particles, {', '.join((*SPEED, *ONE))}")
    torch.set_num_threads(1)
    if "particles" in asked:
        race_report.report(options.quick, options.out)
    speed = [part for part in (*SPEED, *ONE) if part in asked]
    if speed:
        speed_report.report(speed, options.quick, options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
