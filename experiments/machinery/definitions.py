"""Which definitions a function reaches, and a hash of them: moves, renamed modules and texts for people are none.

A definition is a statement at the top of a file that binds a name: a function, a class, a constant. From a function on,
every name that a reached definition uses is looked up in its file and followed through imports, ``__init__`` files and
stubs to where it is defined. What cannot be looked up is taken whole: a module that is handed on as an object, a name
that it seems to lack. Left out is what changes no number: comments, docstrings, annotations, and of an error all but
its kind.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.machinery.syntax import (
    canonical,
    chain_of,
    field_of,
    imports_in,
    is_text,
    names_bound,
    runs_elsewhere,
    top_of,
    tree_of,
)

WHOLE = -1  # in place of a statement's number: all that a file defines

Key = tuple[Path, int]  # a file and the number of a statement in it
Binding = tuple[str, str | None]  # an imported module, and the name taken from it, if one is


@dataclass
class Node:
    """A definition: its text without what does not matter, and where the names that it uses lead."""

    text: str
    uses: dict[str, tuple[Key, ...]]


class Code:
    """The sources of some packages, read once.

    Args:
        homes: the folder of each package by its name.
    """

    def __init__(self, homes: Mapping[str, Path]) -> None:
        self.homes = homes
        self._files: dict[Path, File] = {}
        self._nodes: dict[Key, Node] = {}

    def hash(self, path: Path, function: str) -> str:
        """Hash of all that a function at the top of a file reaches.

        Each definition's label is refined by the labels of those that it uses, as often as the farthest one is away:
        in the end the function's label holds all of them and how they hang together, but no name of a file.

        Raises:
            ValueError: the file has no such function at its top.
        """
        layers = self._layers(path, function)
        labels = {key: digest(self._node(key).text) for layer in layers for key in layer}
        for _ in layers:
            labels = {key: digest(label, *self._lines(key, labels)) for key, label in labels.items()}
        return digest(*(labels[key] for key in layers[0]))

    def reached(self, path: Path, function: str) -> set[str]:
        """The names of the definitions that a function reaches, its own included."""
        keys = {key for layer in self._layers(path, function) for key in layer}
        return {name for path, at in keys for name, found in self._file(path).bound.items() if at in found}

    def _layers(self, path: Path, function: str) -> list[list[Key]]:
        """The reached definitions by their distance from the function."""
        file = self._file(path)
        if function not in file.bound:
            raise ValueError(f"Row: function must stand at the top of its file, but {function!r} does not.")
        layers, seen = [list(self.find(file, [function]))], set()
        while layers[-1]:
            seen |= set(layers[-1])
            used = (key for at in layers[-1] for keys in self._node(at).uses.values() for key in keys)
            layers.append([key for key in dict.fromkeys(used) if key not in seen])
        return layers

    def _lines(self, key: Key, labels: Mapping[Key, str]) -> list[str]:
        return [" ".join([name, *map(labels.__getitem__, keys)]) for name, keys in sorted(self._node(key).uses.items())]

    def _file(self, path: Path) -> File:
        if path not in self._files:
            homes = [(top, folder) for top, folder in self.homes.items() if path.is_relative_to(folder)]
            parts = [(top, *path.relative_to(folder).with_suffix("").parts) for top, folder in homes]
            self._files[path] = File(path, parts[0] if parts else (path.stem,))
        return self._files[path]

    def _node(self, key: Key) -> Node:
        if key not in self._nodes:
            file = self._file(key[0])
            if key[1] == WHOLE:
                names = {name: tuple(self.find(file, [name])) for name in {*file.bound, *file.imports}}
                node = Node("", names | {star: tuple(self.imported((star, None), [])) for star in file.stars})
            else:
                node = _Reader(self, file).read(file.body[key[1]])
            if file.effects:  # what a file does when it is imported, beside binding names
                node.uses[""] = tuple((key[0], at) for at in file.effects)
            self._nodes[key] = node
        return self._nodes[key]

    def find(self, file: File, chain: list[str], within: Mapping[str, Binding] | None = None) -> Iterator[Key]:
        """Where a dotted name of a file leads: nowhere if it is built in, local, or another package's.

        Args:
            file: where it is used.
            chain: its parts.
            within: imports of the statement that uses it.
        """
        head, *rest = chain
        binding = (within or {}).get(head) or file.imports.get(head)
        yield from ((file.path, at) for at in file.bound.get(head, ()))
        if binding is not None:
            yield from self.imported(binding, rest)
        elif head not in file.bound:
            for star in file.stars:
                yield from self.imported((star, head), rest, may_lack=True)

    def imported(self, binding: Binding, rest: list[str], may_lack: bool = False) -> Iterator[Key]:
        """Where an imported name leads, and what is taken from it; ``may_lack`` if it need not come from there."""
        module, name = binding
        chain = rest if name is None else [name, *rest]
        path, deeper = self.module(module), ".".join([module, *chain[:1]])
        file = self._file(path) if path else None
        rebound = file and chain and file.imports.get(chain[0], (module, chain[0])) != (module, chain[0])
        if chain and self.module(deeper) and not rebound:
            yield from self.imported((deeper, None), chain[1:])
            if path and file:  # a definition of the same name
                yield from ((path, at) for at in file.bound.get(chain[0], ()))
        elif path is None or file is None:  # another package's, or a folder
            return
        elif not chain:
            yield path, WHOLE
        elif chain[0] in file.bound or chain[0] in file.imports or file.stars:
            yield from self.find(file, chain)
        elif not may_lack:
            yield path, WHOLE

    def module(self, name: str) -> Path | None:
        """The file of a module of these packages."""
        top, *parts = name.split(".")
        if top not in self.homes:
            return None
        folder = self.homes[top].joinpath(*parts)
        files = [folder / "__init__.py", *([folder.with_suffix(".py")] if parts else [])]
        return next(filter(Path.is_file, files), None)


class File:
    """One file: its statements, what each name at its top is bound by, and what each imported name stands for."""

    def __init__(self, path: Path, parts: tuple[str, ...]) -> None:
        self.path, self.package = path, parts[:-1]
        self.body = [node for node in tree_of(path).body if not (is_text(node) or runs_elsewhere(node))]
        self.bound: dict[str, list[int]] = {}
        self.effects: list[int] = []
        for at, node in enumerate(self.body):
            names = set(names_bound(node))
            for name in names:
                self.bound.setdefault(name, []).append(at)
            if not names and not any(imports_in([node])):
                self.effects.append(at)
        top = [node for node in self.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        self.stars = [self.absolute(node) for node in imports_in(top) if node.names[0].name == "*"]
        stub = path.with_suffix(".pyi")  # tells of what is imported when first used
        self.imports = self.bindings([*(tree_of(stub).body if stub.is_file() else []), *top])

    def bindings(self, nodes: Iterable[ast.AST]) -> dict[str, Binding]:
        """What each name stands for that some statements import."""
        found: dict[str, Binding] = {}
        for node in imports_in(nodes):
            for alias in node.names:
                if isinstance(node, ast.ImportFrom):
                    found[alias.asname or alias.name] = self.absolute(node), alias.name
                else:
                    found[alias.asname or top_of(alias.name)] = alias.name if alias.asname else top_of(alias.name), None
        return found

    def absolute(self, node: ast.Import | ast.ImportFrom) -> str:
        """The module that an import names, dots resolved."""
        if isinstance(node, ast.Import):
            return node.names[0].name
        above = self.package[: len(self.package) - node.level + 1] if node.level else ()
        return ".".join([*above, *([node.module] if node.module else [])])


class _Reader(ast.NodeTransformer):
    """Cuts from one statement what does not matter, and notes where its names lead."""

    def __init__(self, code: Code, file: File) -> None:
        self.code, self.file = code, file
        self.within: dict[str, Binding] = {}
        self.uses: dict[str, tuple[Key, ...]] = {}
        self.leaves: set[str] = set()

    def read(self, node: ast.stmt) -> Node:
        self.within = self.file.bindings([node])
        for name in self.within:
            self._note([name], name)
        tree = self.visit(node)  # in place: each statement is read once
        text = "\n".join([canonical(tree), *sorted(self.leaves)])
        return Node(text, {name: keys for name, keys in self.uses.items() if keys})

    def _binding(self, name: str) -> Binding | None:
        return self.within.get(name) or self.file.imports.get(name)

    def _note(self, chain: list[str], shown: str) -> None:
        self.uses[shown] = tuple(dict.fromkeys(self.code.find(self.file, chain, self.within)))
        binding = self._binding(chain[0])
        if binding is not None and top_of(binding[0]) not in self.code.homes:
            self.leaves.add(f"{chain[0]} = {'.'.join(filter(None, binding))}")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        self._note([node.id], node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        chain = chain_of(node)
        if chain is None:
            return self.generic_visit(node)
        binding, first = self._binding(chain[0]), 0
        while (
            binding
            and first + 1 < len(chain)
            and self.code.module(".".join([*filter(None, binding), *chain[1 : first + 1]]))
        ):
            first += 1  # modules' names are left out: they may change
        shown = ".".join(chain[first:])
        self._note(chain, shown)
        return ast.Name(shown, ast.Load())

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and "." in node.value and self.code.module(node.value):
            self.uses[node.value] = tuple(self.code.imported((node.value, None), []))  # imported by its name, perhaps
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        # Python 3.12 puts empty text behind a nested format
        node.values = [part for part in node.values if not (isinstance(part, ast.Constant) and part.value == "")]
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return self.generic_visit(ast.Raise(kind))

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if top_of(self.file.absolute(node)) in self.code.homes else node

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        return None if all(top_of(alias.name) in self.code.homes for alias in node.names) else node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [field_of(part) if isinstance(part, ast.AnnAssign) else part for part in node.body]
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return None if node.value is None else self.generic_visit(ast.Assign([node.target], node.value))


def digest(*texts: str) -> str:
    """A few letters for any texts."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
