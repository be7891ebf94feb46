"""Which weights, pictures and tables a release needs: those that its notebooks name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from koopcourse.zoo import TEACHERS

LOADERS = {"shipped": ".safetensors", "load_images": ".npz", "page_picture": ".png"}
OPENED = (*LOADERS.values(), ".csv")  # what is left out where nobody names it; all else is small


def needed(files: Iterable[str], codes: Iterable[str], prose: str) -> list[str]:
    """Those of the names of data files that are needed.

    A file that the code or the text names is kept, with the teacher of a student. Where a loader is called with a name
    that is computed, all files of its kind are.

    Args:
        files: the names of all.
        codes: what the notebooks run, one text each.
        prose: all that they say, code included.
    """
    every = {kind for code in codes for kind in computed(code)}
    words = set(re.findall(r"[\w-]+(?:\.csv)?", prose))
    words |= {teacher for name, teacher in TEACHERS.items() if teacher and name in words}
    return [name for name in files if suffix(name) not in OPENED or suffix(name) in every or stem(name) in words]


def computed(code: str) -> set[str]:
    """The kinds of files that are loaded here by a name which is not written out."""
    nodes = list(ast.walk(ast.parse(code)))
    plain = {id(n.func) for n in nodes if isinstance(n, ast.Call) and n.args and isinstance(n.args[0], ast.Constant)}
    others = [ast.unparse(n) for n in nodes if isinstance(n, ast.Name | ast.Attribute) and id(n) not in plain]
    return {LOADERS[name] for name in (other.rpartition(".")[2] for other in others) if name in LOADERS}


def suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}"


def stem(name: str) -> str:
    """What a lesson calls a file: ``fashion28`` for ``fashion28-train.npz``, ``weather.csv`` for itself."""
    if name.endswith(".csv"):
        return name
    bare = name.rpartition(".")[0]
    return {".npz": bare.partition("-")[0], ".png": bare.removeprefix("page-")}.get(suffix(name), bare)
