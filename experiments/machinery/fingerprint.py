"""What a row was computed from, in a few letters: its declaration, the code, torch; and the commit of that code."""

from __future__ import annotations

import inspect
import json
import subprocess
from functools import cache
from pathlib import Path

import torch

import koopcourse
import koopteach
from experiments.machinery.definitions import Code, digest
from experiments.machinery.experiment import Row

HERE = Path(__file__).resolve().parents[1]
HOMES = {
    "koopteach": Path(koopteach.__file__).resolve().parent,
    "koopcourse": Path(koopcourse.__file__).resolve().parent,
    "experiments": HERE,
}
CODE = Code(HOMES)


def fingerprint(row: Row) -> dict[str, str]:
    """All that a row's numbers depend on. Its bands are not among it: they are judged anew each time.

    Raises:
        ValueError: the row's function is not one at the top of a file, so that its code can't be followed.
    """
    declaration = json.dumps([row.function.__qualname__, row.parameters, list(row.seeds)], sort_keys=True)
    return {
        "declaration": digest(declaration),
        "code": code_hash(Path(inspect.getfile(row.function)).resolve(), row.function.__qualname__),
        "torch": torch.__version__,
    }


@cache
def code_hash(file: Path, function: str) -> str:
    """Hash of the definitions that a function reaches in the packages and experiments of this clone."""
    return CODE.hash(file, function)


@cache
def commit() -> str:
    """The commit of the code, with a ``+`` where files of it were changed since; "unknown" without git."""
    try:
        head, changed = (
            _git(*words) for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", *_ours()))
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + "+" * bool(changed)


def _ours() -> list[str]:
    return ["--", *map(str, HOMES.values())]


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=HERE, capture_output=True, encoding="utf-8", check=True).stdout.strip()
