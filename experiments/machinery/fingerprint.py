"""What a row was computed from, in a few letters: its declaration, the code, torch."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch

from experiments.machinery.experiment import Row

PACKAGE = Path(__file__).resolve().parents[1]

# These files of this folder compute no numbers: a change in them makes no saved row out of date.
MACHINERY = ("__init__", "experiment", "fingerprint", "page", "runner", "store")


def fingerprint(row: Row) -> dict[str, str]:
    """All that a row's numbers depend on. Its bands are not among it: they are judged anew each time.

    Raises:
        ValueError: the row's function is not one at the top of a file, so that its code can't be followed.
    """
    declaration = json.dumps([row.function.__qualname__, row.parameters, list(row.seeds)], sort_keys=True)
    return {
        "declaration": _digest(declaration),
        "code": code_hash(Path(inspect.getfile(row.function)).resolve(), row.function.__qualname__),
        "torch": torch.__version__,
    }


@cache
def code_hash(file: Path, function: str, package: Path = PACKAGE) -> str:
    """Fingerprint of a function: of what it uses in its own file, and of all the package's files imported there.

    Those files' own imports are followed. Comments, docstrings and layout do not count.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    codes, pending = {file: _dump(_used_by(function, tree))}, list(_imported(tree, package))
    while pending:
        path = pending.pop()
        if path not in codes and path not in [package / "reproduce" / f"{name}.py" for name in MACHINERY]:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            codes[path] = _dump(tree)
            pending += _imported(tree, package)
    return _digest("\n".join(codes[path] for path in sorted(codes)))


def _used_by(function: str, tree: ast.Module) -> ast.Module:
    """The function and what of its file it names, directly or not: changing one row's helper leaves others saved."""
    homes = {name: node for node in tree.body for name in _defined(node)}
    if function not in homes:
        raise ValueError(f"Row: function must stand at the top of its file, but {function!r} does not.")
    pending, used = [function], []
    while pending:
        node = homes.get(pending.pop())
        if node is not None and node not in used:
            used.append(node)
            pending += [name.id for name in ast.walk(node) if isinstance(name, ast.Name)]
    return ast.Module([node for node in tree.body if node in used], [])


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a file defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = getattr(node, "targets", None) or [getattr(node, "target", ast.Pass())]
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]


def _dump(tree: ast.Module) -> str:
    return ast.dump(_WithoutDocstrings().visit(tree))


class _WithoutDocstrings(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node


def _imported(tree: ast.Module, package: Path) -> Iterator[Path]:
    """The package's own files that a file imports, wherever in it, and the ``__init__`` of the folders above them."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{name.name}" for name in node.names}
    for name in names:
        top, *parts = name.split(".")
        for depth in range(1, len(parts) + 1) if top == package.name else ():
            base = package.joinpath(*parts[:depth])
            yield from filter(Path.is_file, (base.with_suffix(".py"), base / "__init__.py"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
