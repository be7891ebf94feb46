"""Packages whose public names cost nothing until they are used (PEP 562)."""

import ast
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any


def attach(
    package: str, stub: str, moved: dict[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package, from the imports in its stub ``__init__.pyi``.

    The stub is the one list of public names: type checkers and editors read the same file.

    Args:
        package: the package's ``__name__``.
        stub: path of its ``__init__.pyi``.
        moved: what to import in the place of names that had their home here once.
    """
    moved = moved or {}
    tree = ast.parse(Path(stub).read_text(encoding="utf-8"))
    home = {
        name.asname or name.name: (node.module, name.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for name in node.names
    }

    def __getattr__(name: str) -> Any:
        if name in moved:  # an AttributeError would lose its words in `from package import name`
            raise ImportError(f"{package}.{name} moved: {moved[name]}")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}{_near(name, home)}")
        module, original = home[name]
        # a submodule, such as `koopcourse.plotting`, is imported by its own name
        value = import_module(f"{module}.{original}") if module == package else getattr(import_module(module), original)
        setattr(import_module(package), name, value)
        return value

    names = sorted(home)
    return __getattr__, lambda: sorted({*vars(import_module(package)), *names}), names


def _near(name: str, names: Iterable[str]) -> str:
    """The names that somebody may have meant, in whatever case; empty if none is like it."""
    same = {known.lower(): known for known in names}
    near = [same[match] for match in get_close_matches(name.lower(), same)]
    return f". Did you mean {' or '.join(near)}?" if near else ""
