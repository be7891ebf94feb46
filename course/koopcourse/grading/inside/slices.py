"""Which statements of a notebook an answer needs: those that bind a name that it reaches, and theirs in turn."""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType

_LOADS, _STORES = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}, {"STORE_NAME", "STORE_GLOBAL"}
Body = Sequence[ast.stmt]


def reached(expression: ast.expr, bodies: Sequence[Body]) -> list[tuple[int, int]]:
    """The places ``(cell, statement)``, in order, of what the expression needs.

    A statement that hands something to a check belongs to nobody's answer. Star imports bind whatever they like.
    """
    about = [(place, *names(node)) for place, node in _all(bodies) if not _is_check(node)]
    needed = names(ast.Expr(expression))[0]
    kept: set[tuple[int, int]] = set()
    while True:
        more = [(place, loads) for place, loads, stores in about if place not in kept and stores & (needed | {"*"})]
        if not more:
            return sorted(kept)
        for place, loads in more:
            kept.add(place)
            needed |= loads


def names(node: ast.stmt) -> tuple[set[str], set[str]]:
    """The global names that a statement reads, and those that it binds or changes."""
    if isinstance(node, ast.ImportFrom) and any(part.name == "*" for part in node.names):
        return set(), {"*"}
    code = compile(ast.fix_missing_locations(ast.Module([node], [])), "?", "exec", dont_inherit=True)
    told = [line for part in _codes(code) for line in dis.get_instructions(part)]
    loads = {line.argval for line in told if line.opname in _LOADS}
    stores = {line.argval for line in told if line.opname in _STORES}
    return loads, stores | {*_changed(node)}


def of_the_package(statements: Iterable[ast.stmt]) -> list[str]:
    """The names of koopteach that the statements use: ``["KSWGD", "metrics.mmd"]``."""
    statements = list(statements)
    homes = dict(pair for node in _nodes(statements) for pair in _imported(node))
    used = set()
    for node in _nodes(statements):
        chain = _chain(node)
        if chain and chain[0] in homes:
            used.add(".".join([*homes[chain[0]], *chain[1:]]))
    longest = {name for name in used if not any(other.startswith(f"{name}.") for other in used)}
    return sorted(name.removeprefix("koopteach.") for name in longest if name != "koopteach")[:20]


def words(nodes: Iterable[ast.AST]) -> set[str]:
    """Every name and attribute that stands there."""
    everything = [part for node in nodes for part in ast.walk(node)]
    imported = {name.split(".")[0] for node in everything for name in _modules(node)}
    plain = {getattr(node, "id", getattr(node, "attr", "")) for node in everything}
    return plain | imported | {node.name for node in everything if isinstance(node, ast.alias)}


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [part.name for part in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def _all(bodies: Sequence[Body]) -> Iterator[tuple[tuple[int, int], ast.stmt]]:
    for cell, body in enumerate(bodies):
        for number, node in enumerate(body):
            yield (cell, number), node


def _is_check(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    called = getattr(value, "func", None)
    return isinstance(value, ast.Call) and getattr(called, "id", getattr(called, "attr", "")) in ("check", "preview")


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes(part)


def _changed(node: ast.stmt) -> Iterator[str]:
    """Names whose value is changed, not bound: ``table["a"] = 1``, ``net.scale = 2``, ``widths.append(3)``."""
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        targets = [node.value.func]
    for target in targets:
        if isinstance(target, ast.Subscript | ast.Attribute) and (chain := _base(target)):
            yield chain


def _base(node: ast.AST) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _nodes(statements: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    for statement in statements:
        yield from ast.walk(statement)


def _imported(node: ast.AST) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Local names of the package or of parts of it, each with its full name."""
    if isinstance(node, ast.Import):
        for part in node.names:
            if part.name.split(".")[0] == "koopteach":
                yield (part.asname, tuple(part.name.split("."))) if part.asname else ("koopteach", ("koopteach",))
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "koopteach":
        for part in node.names:
            yield part.asname or part.name, (*str(node.module).split("."), part.name)


def _chain(node: ast.AST) -> list[str]:
    """``["kt", "metrics", "mmd"]`` of ``kt.metrics.mmd``."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []
