"""Mistakes planted in the package, one at a time, in a copy: does a test notice?

First the tests that name what was changed, the file that names it most before the others, then all quick ones, then
what ``--quick`` leaves out of the files that import the changed module; each time up to the first failure. A mistake
that nothing notices is none (it computes the same), or a test is missing.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.operators import OPERATORS, Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
# For one run of tests, since a mistake that never ends is noticed, too: seconds of a processor where the system counts
# them, so that a busy computer accuses nobody, and on the clock for what sleeps.
PATIENCE, SLEEPING = 1200, 4 * 3600
COPIED = ("koopteach", "course", "experiments", "tests", "conftest.py", "pyproject.toml", "results")
QUICK = "not slow and not browser and not gpu and not all"
SLOW = "slow and not browser and not gpu and not all"
OTHERS = ("comparison", "default", "ignored option", "missing guard", "opposite condition", "missing line")


@dataclass(frozen=True)
class Planted:
    """One mistake in one file of the package."""

    path: Path
    where: str
    mutant: Mutant

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.where} [{self.mutant.kind}] {self.mutant.change}"


def draw(pattern: str, formulas: int, others: int, seed: int) -> list[Planted]:
    """So many mistakes in formulas, and in options, guards and defaults: a definition at random, then one in it."""
    places = [place for path in _files(pattern) for place in _definitions(path)]
    chance, chosen, wanted = random.Random(seed), {}, {True: formulas, False: others}
    chance.shuffle(places)
    for path, where, text in places * 3:
        found = [m for m in mutants(text, OPERATORS | HOUSE) if wanted[m.kind not in OTHERS]]
        if not found:
            continue
        mutant = chance.choice(found)
        indent = "    " if "." in where else ""
        changed = mutant.source.replace("\n", f"\n{indent}")
        source = path.read_text(encoding="utf-8").replace(text, changed)
        planted = Planted(path, where, Mutant(mutant.kind, mutant.change, source))
        if str(planted) not in chosen:
            chosen[str(planted)] = planted
            wanted[mutant.kind not in OTHERS] -= 1
        if not any(wanted.values()):
            break
    return list(chosen.values())


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 if fewer are noticed than wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants house", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="", help="only files whose path matches, such as operators/")
    parser.add_argument("--formulas", type=int, default=10)
    parser.add_argument("--others", type=int, default=40, help="options, guards and defaults")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes for all the quick tests; 0: this one")
    options = parser.parse_args(arguments)
    chosen = draw(options.pattern, options.formulas, options.others, options.seed)
    noticed = {"by --quick": 0, "by the importing files": 0}
    print("| noticed by | mistake |\n|---|---|", flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        copy = _copy(Path(scratch))
        if _fails([str(copy / "tests" / "koopteach")], QUICK, copy, options.workers):
            parser.error("a quick test fails already without a mistake: what it says would prove nothing.")
        for mistake in chosen:
            by = examine(mistake, copy, options.workers)
            noticed[by] = noticed.get(by, 0) + 1
            print(f"| {by} | {str(mistake).replace('|', ' or ')} |", flush=True)
    quick, both = noticed["by --quick"], noticed["by --quick"] + noticed["by the importing files"]
    print(f"\n{len(chosen)} mistakes: {quick} noticed by --quick, {both} with the files that import the module")
    return 0 if quick >= 0.85 * len(chosen) and both >= 0.95 * len(chosen) else 1


def examine(mistake: Planted, copy: Path, workers: int = 2) -> str:
    """Which tests notice it: "by --quick", "by the importing files" or "nothing"."""
    file = copy / mistake.path.relative_to(ROOT)
    kept = file.read_text(encoding="utf-8")
    file.write_text(mistake.mutant.source, encoding="utf-8")
    try:
        near, far = _test_files(mistake.path, copy)
        for by, files, marks, processes in (
            ("by --quick", near, QUICK, 0),  # most are noticed at once, before a second process has started
            ("by --quick", far, QUICK, workers),
            ("by the importing files", near, SLOW, workers),
        ):
            if files and _fails(files, marks, copy, processes):
                return by
        return "nothing"
    finally:
        file.write_text(kept, encoding="utf-8")


def _files(pattern: str) -> list[Path]:
    every = sorted((ROOT / "koopteach").rglob("*.py"))
    return [
        path for path in every if path.name != "__init__.py" and re.search(pattern, path.relative_to(ROOT).as_posix())
    ]


def _definitions(path: Path) -> Iterator[tuple[Path, str, str]]:
    """File, name and text of each function, method and module constant."""
    source = path.read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        for part in node.body if isinstance(node, ast.ClassDef) else [node]:
            text = ast.get_source_segment(source, part)
            if text and isinstance(part, ast.FunctionDef):
                yield path, part.name if part is node else f"{node.name}.{part.name}", text
            elif text and isinstance(part, ast.Assign) and isinstance(part.value, ast.Constant):
                yield path, ast.unparse(part.targets[0]), text


def _test_files(path: Path, copy: Path) -> tuple[list[str], list[str]]:
    """The package's test files: those that name the module or something public in it, most often first; the others."""
    defined = re.findall(r"^(?:def|class) ([A-Za-z]\w*)|^([A-Za-z]\w*) = ", path.read_text(encoding="utf-8"), re.M)
    names = map("".join, defined)
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    told = re.compile("|".join([re.escape(module), *(rf"\b{name}\b" for name in names)]))
    files = sorted((copy / "tests" / "koopteach").glob("test_*.py"))
    often = {str(file): len(told.findall(file.read_text(encoding="utf-8"))) for file in files}
    near = sorted(filter(often.get, often), key=lambda file: -often[file])
    return near, [file for file in often if not often[file]]


def _fails(files: Sequence[str], marks: str, copy: Path, workers: int) -> bool:
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(copy), str(copy / "course")]),
    }
    options = ["-q", "-x", "-n", str(workers), "-p", "no:cacheprovider", "--no-header", "-m", marks]
    pytest = [sys.executable, "-m", "pytest", *options, *files]
    try:
        done = subprocess.run(
            pytest,
            cwd=copy,
            env=environment,
            capture_output=True,
            timeout=SLEEPING,
            check=False,
            preexec_fn=_patience(),
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode not in (0, 5)  # 5: the marks leave no test


def _patience() -> Callable[[], None] | None:
    """What a child does first: limit its own seconds of a processor. Windows can't."""
    if importlib.util.find_spec("resource") is None:
        return None
    resource = importlib.import_module("resource")
    return lambda: resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))


def _copy(scratch: Path) -> Path:
    for name in COPIED:
        source, target = ROOT / name, scratch / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, target)
    return scratch


def _default(node: ast.AST) -> Iterator[ast.AST]:
    """Another default for a parameter."""
    if not isinstance(node, ast.arguments):
        return
    for name in ("defaults", "kw_defaults"):
        values = getattr(node, name)
        for place, value in enumerate(values):
            if isinstance(value, ast.Constant) and type(value.value) in (bool, int, float):
                other = not value.value if isinstance(value.value, bool) else 2 * value.value + (value.value == 0)
                changed = [*values[:place], ast.Constant(other), *values[place + 1 :]]
                fields = {field: getattr(node, field) for field in node._fields} | {name: changed}
                yield ast.arguments(**fields)


def _ignored_option(node: ast.AST) -> Iterator[ast.AST]:
    """A call that forgets to hand on a keyword."""
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg and isinstance(keyword.value, ast.Name | ast.Attribute):
                yield ast.Call(node.func, node.args, [other for other in node.keywords if other is not keyword])


def _missing_guard(node: ast.AST) -> Iterator[ast.AST]:
    """A refusal, or an early return, that is gone."""
    if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise | ast.Return) and not node.orelse:
        yield ast.Pass()


def _opposite_condition(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)


HOUSE = {
    "default": _default,
    "ignored option": _ignored_option,
    "missing guard": _missing_guard,
    "opposite condition": _opposite_condition,
}
