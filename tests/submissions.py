"""Made-up submissions of a class: right, with named mistakes, unfinished, broken, copied; and what each of them is.

python -m tests.submissions FOLDER          forty of lesson 05, in FOLDER/submitted/<student>/05_kswgd.ipynb
"""

from __future__ import annotations

import ast
import inspect
import json
import random
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from koopcourse.checks import declared
from koopcourse.checks.exercise import Exercise
from koopcourse.grading.inside import slices
from koopcourse.notebook_io import cut_regions, regions

ROOT = Path(__file__).resolve().parents[1]
_CHECK = re.compile(r'check\("(L\d\d-E\d+)", (\w+)\)')
_MARKS = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION\n", re.M)
_GIVEN = [  # forty of them
    *("Ada", "Amal", "Anan", "Bela", "Bo", "Chen", "Dara", "Eda", "Efe", "Femi", "Gül", "Hana", "Ilja", "Imre"),
    *("Ines", "Isa", "Jin", "José", "Kaya", "Kim", "Lena", "Lior", "Luz", "Mai", "Maja", "Milo", "Nia", "Noor"),
    *("Olu", "Paz", "Qi", "Rana", "Rui", "Sam", "Sara", "Tove", "Uma", "Vera", "Wen", "Zoë"),
]
_KINDS = ("right", "mistakes", "mistakes", "other", "mistakes", "copied", "right", "empty", "copied", "broken")


@dataclass
class Made:
    """What one student handed in: a kind, and of each exercise ``"right"``, ``"stub"``, ``"broken"`` or a mistake."""

    student: str
    kind: str
    answers: dict[str, str] = field(default_factory=dict)


def write(folder: Path, lesson: str = "05", count: int = 40, seed: int = 0) -> list[Made]:
    """Write the notebooks of so many students under ``folder/submitted``."""
    sheet, dice = Sheet(lesson), random.Random(seed)
    made = [_student(name, k, sheet, dice) for k, name in enumerate(_GIVEN[:count])]
    for one, text in made:
        path = folder / "submitted" / one.student / sheet.path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    return [one for one, _ in made]


class Sheet:
    """The exercise notebook of a lesson, with answers to put into it."""

    def __init__(self, lesson: str) -> None:
        (self.path,) = (ROOT / "exercises").glob(f"{lesson}_*.ipynb")
        self.exercises: tuple[Exercise, ...] = declared.load(lesson).EXERCISES
        self._solutions = json.loads((ROOT / "solutions" / self.path.name).read_text(encoding="utf-8"))["cells"]
        self._stubs = json.loads(self.path.read_text(encoding="utf-8"))

    def notebook(self, answers: dict[str, str]) -> dict[str, Any]:
        """The sheet with the code of these answers, by exercise, in place of their stubs."""
        sheet = json.loads(json.dumps(self._stubs))
        for cell, following in zip(sheet["cells"], sheet["cells"][1:]):
            if (found := _CHECK.search("".join(following["source"]))) and found[1] in answers:
                cell["source"] = answers[found[1]]
        return sheet

    def right(self, exercise: Exercise) -> str:
        """The course's own answer."""
        cells = zip(self._solutions, self._solutions[1:])
        (text,) = ("".join(a["source"]) for a, b in cells if f'check("{exercise.id}"' in "".join(b["source"]))
        assert regions(text)
        assert cut_regions(text) != text
        return _MARKS.sub("", text)

    def wrong(self, exercise: Exercise, mistake: str) -> str:
        """The code of a named mistake, with all that it uses of the module that declares it."""
        module, own = _home(exercise)
        calls = (node for node in _nodes(module) if isinstance(node, ast.Call) and _name(node) == "Mistake")
        mine = _within(module, own)
        (answer,) = (c.args[2] for c in calls if c in mine and ast.literal_eval(c.args[0]) == mistake)
        return self._code(exercise, answer)

    def other(self, exercise: Exercise, number: int) -> str:
        """The code of one of the right answers in other styles."""
        module, own = _home(exercise)
        (call,) = (node for node in module if _declares(node, own))
        others = next(k.value for k in call.value.keywords if k.arg == "alternatives")
        return self._code(exercise, others.elts[number])

    def name(self, exercise: Exercise) -> str:
        """What the sheet calls the answer."""
        cells = ("".join(cell["source"]) for cell in self._stubs["cells"])
        return next(found[2] for text in cells if (found := _CHECK.search(text)) and found[1] == exercise.id)

    def _code(self, exercise: Exercise, answer: ast.expr) -> str:
        usable = [node for node in _home(exercise)[0] if not _declares(node)]
        kept = [ast.unparse(usable[k]) for _, k in slices.reached(answer, [usable])]
        return "\n\n".join([*kept, f"{self.name(exercise)} = {ast.unparse(answer)}"])


def _home(exercise: Exercise) -> tuple[list[ast.stmt], Exercise]:
    """The module that declares an exercise, and the exercise there: the evening has others' under ids of its own."""
    every = ((number, one) for number in declared.numbers() for one in declared.load(number).EXERCISES)
    number, own = next((number, one) for number, one in every if one.mistakes is exercise.mistakes)
    return _parsed(number), own


@cache
def _parsed(number: str) -> list[ast.stmt]:
    return ast.parse(inspect.getsource(declared.load(number))).body


def _student(name: str, k: int, sheet: Sheet, dice: random.Random) -> tuple[Made, bytes]:
    """The k-th student and what they hand in."""
    kind = _KINDS[k % len(_KINDS)]
    made = Made(name, kind)
    texts = {exercise.id: _answer(exercise, k, sheet, dice, made) for exercise in sheet.exercises}
    notebook = sheet.notebook({name: text for name, text in texts.items() if text})
    notebook["metadata"]["authors"] = [{"name": name}]
    return made, _bytes(notebook, k // 10) if kind == "broken" else json.dumps(notebook, indent=1).encode()


def _answer(exercise: Exercise, k: int, sheet: Sheet, dice: random.Random, made: Made) -> str:
    what, text = "right", ""
    if made.kind == "right":
        text = sheet.right(exercise)
    elif made.kind == "other":
        text = sheet.other(exercise, dice.randrange(len(exercise.alternatives)))
    elif made.kind == "copied":
        text = _renamed(max((sheet.other(exercise, n) for n in range(len(exercise.alternatives))), key=len), k)
    elif made.kind == "mistakes" and dice.random() < 0.7:
        what = dice.choice(exercise.mistakes).name
        text = sheet.wrong(exercise, what)
    elif made.kind == "mistakes":
        text = sheet.right(exercise)
    else:
        what = "stub" if made.kind == "empty" else "broken"
    made.answers[exercise.id] = what
    return text


def _bytes(notebook: dict[str, Any], how: int) -> bytes:
    """A notebook that can't be read as it should: cut off, with cells that do not parse, in UTF-16, something else."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "def " in "".join(cell["source"]):
            cell["source"] = "def velocity(phi, grad_phi, energies:\n    return"
    text = json.dumps(notebook)
    return (text[: len(text) // 2].encode(), text.encode(), text.encode("utf-16"), b"\x00\xff\xfe PDF")[how % 4]


def _renamed(code: str, k: int) -> str:
    """The same code under other names, with a word of one's own."""
    tree = ast.parse(code)
    local = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    inner = {name for name in local if code.count(f"{name} =") and not re.search(rf"^{name} =", code, re.M)}
    for name in sorted(inner):
        code = re.sub(rf"(?<![\w.]){name}(?![\w(])(?!=[^=])", f"{name}_{k}", code)
    return f"# my own work, number {k}\n{code}"


def _declares(node: ast.stmt, exercise: Exercise | None = None) -> bool:
    """Whether a statement declares an exercise, or this one."""
    value = getattr(node, "value", None)
    if not isinstance(value, ast.Call) or _name(value) != "Exercise":
        return exercise is None and isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXERCISES"
    if exercise is None:
        return True
    return any(k.arg == "id" and ast.literal_eval(k.value) == exercise.id for k in value.keywords)


def _within(module: list[ast.stmt], exercise: Exercise) -> set[ast.AST]:
    return {part for node in module if _declares(node, exercise) for part in ast.walk(node)}


def _nodes(module: list[ast.stmt]):
    return (part for node in module for part in ast.walk(node))


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", "")


if __name__ == "__main__":
    for one in write(Path(sys.argv[1])):
        print(one.student, one.kind, *one.answers.values())
