"""The declared exercises of a release: those of its lessons, and the modules that these reuse."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

HOME = "koopcourse.exercises"


def modules(folder: Path, lessons: Collection[str]) -> list[str]:
    """The names ``l01``, ... of the modules in ``folder`` that these lessons load, directly or by one another."""
    waiting, found = [f"l{lesson}" for lesson in lessons], set()
    while waiting:
        name = waiting.pop()
        if name not in found and (folder / f"{name}.py").exists():
            found.add(name)
            waiting += siblings((folder / f"{name}.py").read_text(encoding="utf-8"))
    return sorted(found)


def siblings(source: str) -> Iterator[str]:
    """The modules of other lessons that a module imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == HOME:
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{HOME}."):
            yield str(node.module).removeprefix(f"{HOME}.")
        elif isinstance(node, ast.Import):
            yield from (n.name.removeprefix(f"{HOME}.") for n in node.names if re.match(rf"{HOME}\.l\d\d$", n.name))
