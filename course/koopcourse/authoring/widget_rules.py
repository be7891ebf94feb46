"""What a slider draws from must still be there when it is moved: after the last cell, not after its own."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from typing import TYPE_CHECKING

from koopcourse.authoring.sheet import Remark, Sheet, syntax, tags

if TYPE_CHECKING:
    from nbformat import NotebookNode

RUN_AT_ONCE = ("listcomp", "setcomp", "dictcomp", "genexpr")


def widget_names(sheet: Sheet) -> Iterator[Remark]:
    """Names that a widget's functions read, and the functions that these call, and a later cell binds anew."""
    reads: dict[str, set[str]] = {}
    for place, cell in enumerate(sheet.code):
        reads |= _functions(cell)
        if "widget" not in tags(cell):
            continue
        needed = set().union(*_functions(cell).values())
        while more := set().union(*(reads.get(name, set()) for name in needed)) - needed:
            needed |= more
        for later in sheet.code[place + 1 :]:
            for name in sorted(needed & _bound(later)):
                yield later.id, f"binds {name!r} anew, from which the widget of {cell.id} draws; take another name"


def _functions(cell: NotebookNode) -> dict[str, set[str]]:
    """The functions of a cell, those without a name together, and the global names that each reads when called."""
    found: dict[str, set[str]] = {}
    for table in _table(cell).get_children():
        if table.get_name() not in RUN_AT_ONCE:
            found[table.get_name()] = found.get(table.get_name(), set()) | set(_globals(table))
    return found


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    yield from (symbol.get_name() for symbol in table.get_symbols() if symbol.is_global())
    for inner in table.get_children():
        yield from _globals(inner)


def _bound(cell: NotebookNode) -> set[str]:
    """What a cell binds but for modules and what is taken from them, which are the same wherever they are imported."""
    return {name.get_name() for name in _table(cell).get_symbols() if name.is_assigned() and not name.is_imported()}


def _table(cell: NotebookNode) -> symtable.SymbolTable:
    return symtable.symtable(ast.unparse(syntax(cell) or ast.Module([], [])), cell.id, "exec")
