"""``python -m tests.mutants exercises [05 ...]`` or ``python -m tests.mutants house [NAME ...]``."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run one of the two tables."""
    if arguments[:1] == ["exercises"]:
        from tests.mutants import exercises

        return exercises.main(arguments[1:])
    if arguments[:1] == ["house"]:
        from tests.mutants import house

        return house.main(arguments[1:])
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
