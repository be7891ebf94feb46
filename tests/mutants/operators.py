"""Small mistakes in Python code, made on its syntax tree: each operator yields one changed tree at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div}
_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
_NAMES = {
    "mean": ("sum", "median"),
    "sum": ("mean", "amax"),
    "max": ("min",),
    "min": ("max",),
    "amax": ("amin",),
    "amin": ("amax",),
    "argmax": ("argmin",),
    "argmin": ("argmax",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "clamp_min": ("clamp_max",),
    "clamp_max": ("clamp_min",),
    "sin": ("cos",),
    "cos": ("sin",),
    "cat": ("stack",),
    "eigvalsh": ("eigvals",),
    "real": ("imag",),
    "imag": ("real",),
    "cumsum": ("cumprod",),
    "std": ("var",),
    "var": ("std",),
    "isfinite": ("isnan",),
    "all": ("any",),
    "any": ("all",),
}
# Methods without which the expression still means something: x.abs() for x.
_DROPPED = {"abs", "sqrt", "square", "exp", "log", "clamp", "clamp_min", "clamp_max", "flip", "conj", "clone", "detach"}
_STABLE = {"logsumexp", "softmax", "log_softmax", "expm1", "log1p"}

Operator = Callable[[ast.AST], Iterator[ast.AST]]


@dataclass(frozen=True)
class Mutant:
    """A changed source.

    Attributes:
        kind: the operator's name.
        change: the statement before and after, as text; with the kind it names the mutant.
        source: the whole.
    """

    kind: str
    change: str
    source: str


def mutants(source: str, operators: Mapping[str, Operator] | None = None) -> Iterator[Mutant]:
    """Every single mistake of every operator in ``source``."""
    operators = operators or OPERATORS
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    for place, node in enumerate(ast.walk(tree)):
        for kind, operator in operators.items():
            for number, _ in enumerate(operator(copy.deepcopy(node))):
                changed = copy.deepcopy(tree)
                target = next(n for k, n in enumerate(ast.walk(changed)) if k == place)
                replacement = next(new for k, new in enumerate(operator(target)) if k == number)
                text = ast.unparse(ast.fix_missing_locations(_Replace(target, replacement).visit(changed)))
                if text not in seen:
                    seen.add(text)
                    yield Mutant(kind, _difference(ast.unparse(tree), text), text)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().generic_visit(node)


def _difference(before: str, after: str) -> str:
    pairs = zip(before.splitlines(), after.splitlines())
    old, new = next(((a, b) for a, b in pairs if a != b), ("", ""))
    return f"{old.strip()}  ->  {new.strip()}"


def _sign(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    if isinstance(node, ast.Return) and isinstance(node.value, ast.BinOp | ast.Call | ast.Name):
        yield ast.Return(ast.UnaryOp(ast.USub(), node.value))


def _arithmetic(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)


def _transpose(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield ast.BinOp(node.right, ast.MatMult(), node.left)
        yield ast.BinOp(ast.Attribute(node.left, "mT", ast.Load()), ast.MatMult(), node.right)


def _axis(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.keyword) and node.arg in ("dim", "axis") and _whole(node.value) is not None:
        yield ast.keyword(node.arg, ast.Constant({0: 1, 1: 0, -1: 0, 2: 1, -2: -1}.get(_whole(node.value), 0)))
    if isinstance(node, ast.keyword) and node.arg == "keepdim":
        yield ast.keyword("keepdim", ast.Constant(False))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 1:
        number = _whole(node.args[0])
        if number is not None and node.func.attr in _NAMES:
            yield ast.Call(node.func, [ast.Constant({0: 1, 1: 0, -1: 0, 2: 1}.get(number, 0))], node.keywords)


def _comparison(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _COMPARISONS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [other()], node.comparators)


def _factor(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value not in (0, True, False):
        yield ast.Constant(2 * node.value)
        yield ast.Constant(node.value / 2)


def _off_by_one(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("len", "range"):
        yield (
            ast.BinOp(node, ast.Sub(), ast.Constant(1))
            if node.func.id == "len"
            else ast.Call(
                node.func, [*node.args[:-1], ast.BinOp(node.args[-1], ast.Sub(), ast.Constant(1))], node.keywords
            )
        )


def _other_function(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Attribute):
        for name in _NAMES.get(node.attr, ()):
            yield ast.Attribute(node.value, name, node.ctx)


def _missing_call(node: ast.AST) -> Iterator[ast.AST]:
    """``x.abs()`` becomes ``x``, ``torch.sqrt(x)`` becomes ``x``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _DROPPED:
        module = isinstance(node.func.value, ast.Name) and node.func.value.id in ("torch", "math", "np")
        if not module:
            yield node.func.value
        elif node.args:
            yield node.args[0]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield node.left


def _missing_stabilisation(node: ast.AST) -> Iterator[ast.AST]:
    """``x.logsumexp(d)`` becomes ``x.exp().sum(d).log()``, and its relatives."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _STABLE):
        return
    module = isinstance(node.func.value, ast.Name) and node.func.value.id == "torch"
    inner, *args = [*node.args] if module else [node.func.value, *node.args]
    name = node.func.attr
    if name in ("expm1", "log1p"):
        if name == "expm1":
            yield ast.BinOp(_call(inner, "exp"), ast.Sub(), ast.Constant(1))
        else:
            yield _call(ast.BinOp(inner, ast.Add(), ast.Constant(1)), "log")
        return
    total = ast.Call(ast.Attribute(_call(inner, "exp"), "sum", ast.Load()), args, node.keywords)
    if name == "logsumexp":
        yield _call(total, "log")
    else:
        kept = ast.Call(total.func, args, [*node.keywords, ast.keyword("keepdim", ast.Constant(True))])
        share = ast.BinOp(_call(inner, "exp"), ast.Div(), kept)
        yield share if name == "softmax" else _call(share, "log")


def _swapped_arguments(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and len(node.args) >= 2 and not any(isinstance(a, ast.Starred) for a in node.args):
        yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)


def _dropped_term(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.MatMult):
        yield node.left
        yield node.right


def _order_of_operations(node: ast.AST) -> Iterator[ast.AST]:
    """``(a + b) * c`` becomes ``a + b * c``; ``x.mean(0).square()`` becomes ``x.square().mean(0)``."""
    outer = node
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
        inside = node.left
        if isinstance(inside, ast.BinOp) and isinstance(inside.op, ast.Add | ast.Sub):
            yield ast.BinOp(inside.left, inside.op, ast.BinOp(inside.right, node.op, node.right))
    if isinstance(outer, ast.Call) and isinstance(outer.func, ast.Attribute) and isinstance(outer.func.value, ast.Call):
        inner = outer.func.value
        if isinstance(inner.func, ast.Attribute):
            moved = ast.Call(ast.Attribute(inner.func.value, outer.func.attr, ast.Load()), outer.args, outer.keywords)
            yield ast.Call(ast.Attribute(moved, inner.func.attr, ast.Load()), inner.args, inner.keywords)


def _missing_line(node: ast.AST) -> Iterator[ast.AST]:
    """An assignment to an entry, an in-place update or a loop that is forgotten."""
    if isinstance(node, ast.AugAssign) or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)):
        yield ast.Pass()


def _whole(node: ast.AST) -> int | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        return None
    return value if type(value) is int else None


def _call(value: ast.expr, method: str) -> ast.Call:
    return ast.Call(ast.Attribute(value, method, ast.Load()), [], [])


OPERATORS: dict[str, Operator] = {
    "sign": _sign,
    "arithmetic": _arithmetic,
    "transpose": _transpose,
    "axis": _axis,
    "comparison": _comparison,
    "factor": _factor,
    "off by one": _off_by_one,
    "another function": _other_function,
    "missing call": _missing_call,
    "missing stabilisation": _missing_stabilisation,
    "swapped arguments": _swapped_arguments,
    "dropped term": _dropped_term,
    "order of operations": _order_of_operations,
    "missing line": _missing_line,
}
