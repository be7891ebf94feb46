"""What is left of an answer when names, words and layout are taken away: two equal ones are listed, never judged."""

from __future__ import annotations

import ast
import builtins
import copy
import hashlib
from collections.abc import Iterable

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign)


def form(expression: ast.expr, statements: Iterable[ast.stmt]) -> tuple[str, int]:
    """A digest of an answer's definitions, and how many nodes its tree has."""
    kept = [node for node in statements if isinstance(node, _DEFINITIONS)]
    renamed = _Renamed()
    parts = [renamed.visit(copy.deepcopy(node)) for node in [*kept, ast.Expr(expression)]]
    text = "\n".join(ast.dump(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest(), sum(1 for part in parts for _ in ast.walk(part))


class _Renamed(ast.NodeTransformer):
    """Names by the order in which they come, without docstrings and annotations; library and builtin names stay."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._new(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._new(node.arg))

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        return ast.keyword(node.arg, self.visit(node.value))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name, node.returns = self._new(node.name), None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)

    def _new(self, name: str) -> str:
        return name if hasattr(builtins, name) else self._names.setdefault(name, f"n{len(self._names)}")
