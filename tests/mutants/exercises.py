"""Mistakes planted in every solution, each sent through the exercise's check.

A survivor is either no mistake (it computes the same), or a hole in the declaration. ``survivors.json`` holds the
reason for each that is left.
"""

from __future__ import annotations

import ast
import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutants.operators import Mutant, mutants

HERE = Path(__file__).parent
SOLUTIONS = HERE.parents[1] / "solutions"
REASONS = HERE / "survivors.json"


@dataclass(frozen=True)
class Solution:
    """One function of a solution notebook and what its cell needs around it."""

    exercise: str
    source: str
    namespace: dict[str, Any]

    def answer(self, source: str) -> Any:
        """The function that ``source`` defines."""
        namespace = dict(self.namespace)
        exec(compile(source, f"<{self.exercise}>", "exec"), namespace)
        return namespace[ast.parse(source).body[-1].name]


def solutions(lessons: Sequence[str] = ()) -> Iterator[Solution]:
    """The functions between solution marks, lesson by lesson."""
    for script in sorted(SOLUTIONS.glob("*.py")):
        if lessons and script.stem[:2] not in lessons:
            continue
        namespace: dict[str, Any] = {"__name__": "solution"}
        waiting = ""
        for cell in script.read_text(encoding="utf-8").split("\n# %%"):
            head, _, code = cell.partition("\n")
            if "[markdown]" in head:
                continue
            if "### BEGIN SOLUTION" in code:
                waiting = _without_docstrings(code)
            elif 'check("L' in code and waiting:
                yield Solution(code.split('check("')[1].split('"')[0], waiting, dict(namespace))
                exec(compile(waiting, script.name, "exec"), namespace)
                waiting = ""
            else:
                _define(code, namespace)


def survivors(solution: Solution) -> Iterator[tuple[str, bool]]:
    """The name of each mutant of a solution, as in :func:`reasons`, and whether the check let it pass."""
    if not _passes(solution.exercise, lambda: solution.answer(solution.source)):
        raise AssertionError(f"{solution.exercise}: the solution itself does not pass outside its notebook.")
    for mutant in mutants(solution.source):
        yield _name(solution, mutant), _survives(solution, mutant)


def sample(count: int, seed: int) -> list[tuple[str, bool]]:
    """As :func:`survivors`, of so many mutants of all solutions together, drawn without replacement."""
    every = [(solution, mutant) for solution in solutions() for mutant in mutants(solution.source)]
    drawn = random.Random(seed).sample(every, count)
    return [(_name(solution, mutant), _survives(solution, mutant)) for solution, mutant in drawn]


def _name(solution: Solution, mutant: Mutant) -> str:
    return f"{solution.exercise} {mutant.kind}: {mutant.change}"


def _survives(solution: Solution, mutant: Mutant) -> bool:
    return _passes(solution.exercise, lambda: _safely(solution, mutant))


def _passes(exercise_id: str, answer: Callable[[], Any]) -> bool:
    """Asked in a process of its own, where autograd begins: its threads do not survive a fork."""
    from koopcourse.checks import declared
    from koopcourse.checks.engine import examine
    from koopcourse.checks.report import State

    exercise, _ = declared.find(exercise_id)
    return _in_a_child(lambda: examine(exercise, answer()).state is State.PASSED)


def reasons() -> dict[str, str]:
    """Why a survivor may stay, by ``"L05-E1 factor: before  ->  after"``."""
    return json.loads(REASONS.read_text(encoding="utf-8")) if REASONS.exists() else {}


def main(lessons: Sequence[str]) -> int:
    """Print the table; 1 if a survivor has no reason."""
    if not hasattr(os, "fork"):
        print("Mistakes run in forks of one process, which Windows has not: use Linux, macOS or WSL2.")
        return 2
    os.environ.pop("KOOPTEACH_STRICT", None)
    known, total, passed, open_ones = reasons(), 0, 0, 0
    print("| exercise | mutants | rejected | survivors with a reason | without |\n|---|---|---|---|---|")
    for solution in solutions(lessons):
        results = list(survivors(solution))
        alive = [name for name, survives in results if survives]
        unknown = [name for name in alive if name not in known]
        total, passed, open_ones = total + len(results), passed + len(alive), open_ones + len(unknown)
        counts = (len(results), len(results) - len(alive), len(alive) - len(unknown), len(unknown))
        print(f"| {solution.exercise} | {' | '.join(map(str, counts))} |", flush=True)
        print("".join(f"    {name}\n" for name in unknown), end="", flush=True)
    print(
        f"\n{total} mutants, {total - passed} rejected ({100 * (total - passed) / max(total, 1):.1f} %), "
        f"{passed - open_ones} survivors with a reason, {open_ones} without"
    )
    return 1 if open_ones else 0


def _in_a_child(holds: Callable[[], bool]) -> bool:
    """Whether it holds, asked in a process of its own: some mistakes crash the linear algebra below torch."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if holds() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _safely(solution: Solution, mutant: Mutant) -> Any:
    try:
        return solution.answer(mutant.source)
    except Exception as error:  # it does not even define a function
        problem = error

        def broken(*_: Any) -> None:
            raise problem

        return broken


def _define(code: str, namespace: dict[str, Any]) -> None:
    """Run what defines names and costs nothing: imports, functions, classes, plain constants."""
    for node in ast.parse(code).body:
        constant = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_literal(node.value)
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) or constant:
            exec(compile(ast.Module([node], []), "<cell>", "exec"), namespace)


def _is_literal(node: ast.AST) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError):
        return False
    return True


def _without_docstrings(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) and len(node.body) > 1:
            node.body = node.body[1:]
    return ast.unparse(tree)
