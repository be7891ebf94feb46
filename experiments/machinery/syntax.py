"""Small questions about syntax trees, whose answers are the same in every Python."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path


def canonical(value: object) -> str:
    """A syntax tree as the same text in every Python: its fields, without places, contexts and empty ones.

    ``ast.dump``, and for f-strings ``ast.unparse``, differ between versions.
    """
    if isinstance(value, list):
        return f"[{', '.join(map(canonical, value))}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    parts = [(name, part) for name, part in ast.iter_fields(value) if name not in ("ctx", "kind", "type_comment")]
    told = ", ".join(f"{name}={canonical(part)}" for name, part in parts if part != [] and part is not None)
    return f"{type(value).__name__}({told})"


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def runs_elsewhere(node: ast.stmt) -> bool:
    """``if TYPE_CHECKING`` and ``if __name__ == "__main__"``."""
    return isinstance(node, ast.If) and bool({"TYPE_CHECKING", "__name__"} & set(words(node.test)))


def imports_in(nodes: Iterable[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports in some statements, however deep."""
    for node in nodes:
        yield from (part for part in ast.walk(node) if isinstance(part, ast.Import | ast.ImportFrom))


def names_bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement at the top of a file binds or changes, but for imported ones."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
        return
    for part in ast.walk(node):
        if isinstance(part, ast.stmt | ast.withitem | ast.NamedExpr):
            for name in ("targets", "target", "optional_vars"):
                targets = getattr(part, name, None) or []
                for target in targets if isinstance(targets, list) else [targets]:
                    yield from words(target)
            if isinstance(part, ast.FunctionDef | ast.ClassDef):
                yield part.name


def field_of(node: ast.AnnAssign) -> ast.stmt:
    """A field of a dataclass, whatever its type; a few annotations are no types."""
    kind = "".join(sorted({"ClassVar", "InitVar", "KW_ONLY"} & set(words(node.annotation))))
    values = [] if node.value is None else [node.value]
    return ast.Expr(ast.Call(ast.Name(f"field {kind}", ast.Load()), [node.target, *values], []))


def words(node: ast.AST) -> Iterator[str]:
    return (part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def chain_of(node: ast.expr) -> list[str] | None:
    """``["a", "b", "c"]`` of ``a.b.c``; None of ``f().b``."""
    if isinstance(node, ast.Name):
        return [node.id]
    if not isinstance(node, ast.Attribute) or (above := chain_of(node.value)) is None:
        return None
    return [*above, node.attr]


def top_of(module: str) -> str:
    return module.split(".")[0]
