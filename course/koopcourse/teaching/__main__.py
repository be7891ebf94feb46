"""``python -m koopcourse.teaching``: bring TEACHING.md, its picture and docs/teaching up to date with the lessons."""

from __future__ import annotations

import sys

from koopcourse.authoring.tree import Course
from koopcourse.teaching.guide import write


def main(course: Course | None = None) -> int:
    """Write what has changed; 1 and a sentence where the guide has lost a mark."""
    try:
        write(course or Course())
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
