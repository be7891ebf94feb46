"""The minutes that lessons promise, and the processor seconds that their notebooks take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from koopcourse.authoring.cut import cut
from koopcourse.authoring.execute import code_cells, execute
from koopcourse.authoring.lesson_rules import MINUTES
from koopcourse.authoring.tree import Course, Script
from koopcourse.notebook_io import read_script

BUDGET = {
    "notebooks": 60.0,
    "solutions": 30.0,
    "capstones": 30.0,
    "capstones/reports": 90.0,
    "exercises": 30.0,
}  # processor seconds, quick profile, one thread
_CLOCK = "import time; print(time.process_time())"


def promised(script: Script) -> int | None:
    """The minutes of a source's line of facts."""
    found = MINUTES.search(read_script(script.path).cells[0].source)
    return int(found[1]) if found else None


def processor_seconds(script: Script, *, untouched: bool = False) -> float:
    """What a notebook's kernel takes, its start and imports included; ``untouched``: cut, and not solved."""
    from nbformat import v4

    notebook = read_script(script.path)
    if untouched:
        notebook = cut(notebook)
    notebook.cells.append(v4.new_code_cell(_CLOCK, id="clock"))
    execute(notebook, script.path.parent, untouched=untouched)
    return float(code_cells(notebook)[-1].outputs[0].text)


def minutes(course: Course, names: Sequence[str] = (), *, measure: bool = False, say: Callable = print) -> bool:
    """Print the minutes promised, with ``measure`` also the seconds taken. True if all keep the budget."""
    total = 0
    within = True
    for script in course.select(names):
        promise = promised(script)
        if script.kind == "notebooks":
            total += promise or 0
        say(f"{script.name}: {'no promise' if promise is None else f'{promise} minutes'}")
        for folder, seconds in _measured(script) if measure else ():
            within &= seconds <= BUDGET[folder]
            verdict = f"{'within' if seconds <= BUDGET[folder] else 'OVER'} its {BUDGET[folder]:.0f}"
            say(f"  {folder}: {seconds:.0f} s of processor time, {verdict}")
    say(f"all lessons: {total} minutes")
    return within


def _measured(script: Script) -> Iterator[tuple[str, float]]:
    yield script.kind, processor_seconds(script)
    if script.kind == "solutions":
        yield "exercises", processor_seconds(script, untouched=True)
