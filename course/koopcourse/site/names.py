"""The public names of both packages, from the stubs that list them."""

from __future__ import annotations

import ast
from pathlib import Path

import koopcourse
import koopteach


def by_home(stub: Path) -> dict[str, list[str]]:
    """Module -> the names that the stub imports from it."""
    homes: dict[str, list[str]] = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            homes.setdefault(node.module, []).extend(name.name for name in node.names)
    return homes


def _stub(init: str | None) -> Path:
    return Path(init or "").with_suffix(".pyi")


SCIENCE = by_home(_stub(koopteach.__file__))
COURSE = by_home(_stub(koopcourse.__file__))
NAMES = frozenset(name for names in SCIENCE.values() for name in names)  # of koopteach
