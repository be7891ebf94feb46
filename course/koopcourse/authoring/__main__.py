"""``python -m koopcourse.authoring build | contents | embed | lint | minutes | weights``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from koopcourse.authoring.build import build
from koopcourse.authoring.contents import contents
from koopcourse.authoring.embed import embed
from koopcourse.authoring.lint import lint
from koopcourse.authoring.minutes import minutes
from koopcourse.authoring.tree import Course
from koopcourse.authoring.weights import weights
from koopcourse.terminal import print_anything


def main(arguments: Sequence[str] | None = None, course: Course | None = None) -> int:
    """Run one command on the course; 0 if all is well, 1 if not, 2 for a name that means no source."""
    print_anything()
    course = course or Course()
    options = _parser().parse_args(arguments)
    try:
        if options.command == "build":
            return 0 if build(course, options.names, force=options.force) else 1
        if options.command == "contents":
            contents(course)
            return 0
        if options.command == "embed":
            embed(options.root)
            return 0
        if options.command == "minutes":
            return 0 if minutes(course, options.names, measure=options.measure) else 1
        if options.command == "weights":
            weights(options.names)
            return 0
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    findings = lint(course)
    print(*findings, f"{len(findings)} findings in {len(course.scripts())} sources", sep="\n")
    return 1 if findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m koopcourse.authoring", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build", help="execute what has changed, cut the exercises")
    builder.add_argument("--force", action="store_true", help="execute although nothing has changed")
    commands.add_parser("contents", help="bring the README's picture and lesson table up to date")
    commands.add_parser("lint", help="hold the sources to the anatomy of a lesson")
    measurer = commands.add_parser("minutes", help="print the minutes promised")
    measurer.add_argument("--measure", action="store_true", help="run the notebooks and compare with the budget")
    embedder = commands.add_parser("embed", help="cut the pictures of koopcourse/data out of the full Fashion-MNIST")
    embedder.add_argument("--root", help="its folder; the usual places without it")
    trainer = commands.add_parser("weights", help="train the models of koopcourse/data anew and measure them")
    trainer.add_argument("names", nargs="*", help="moons-teacher, moons-student, ...; all without a name")
    for command in (builder, measurer):
        command.add_argument("names", nargs="*", help="05, 05_kswgd or solutions/05; all without a name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
