"""Tables of the workloads: every contender's seconds, memory and error beside the machine's limit."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

from experiments.speed import imports, machine, turns
from experiments.speed.goals import GOALS, Goal
from experiments.speed.turns import Row
from experiments.speed.workloads import WORKLOADS

PARTS = {
    "operators": ("E1", "E2", "E3", "E4"),
    "kernels": ("K1", "K2", "D1"),
    "updates": ("P1", "P2", "P3", "P4", "P5"),
    "growth": (),
    "import": (),
}
COLUMNS = ("method", "median s", "least s", "n", "MB above the data", "error", "best peer / this", "share of the limit")
ROUNDS = {"E1": 3, "E2": 1, "E3": 3, "E4": 3, "K1": 3, "K2": 5, "D1": 3}  # else five


def report(parts: list[str], quick: bool, out: Path) -> None:
    """Measure these parts or single workloads, print them, and keep each unless quick; others stay as they are kept."""
    path = out / "benchmarks.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() and not quick else {}
    stored |= {"machine": machine.describe(), "limits": turns.ask("limits", *_quick(quick))}
    stored.setdefault("workloads", {})
    for part in parts:
        for key in PARTS.get(part, (part,)):
            stored["workloads"][key] = _workload(key, quick, stored["limits"])
            _keep(stored, quick, out)
        if part == "growth":
            stored["growth"] = turns.ask("growth", *_quick(quick))
            _keep(stored, quick, out)
        if part == "import":
            stored["import"] = imports.measure(quick)
            _keep(stored, quick, out)
    print(page(stored))


def _keep(stored: dict, quick: bool, out: Path) -> None:
    """After every table, so that an interruption loses one."""
    if quick:
        return
    out.mkdir(exist_ok=True)
    (out / "benchmarks.json").write_text(json.dumps(stored, indent=1), encoding="utf-8")
    (out / "benchmarks.md").write_text(page(stored), encoding="utf-8")


def _quick(quick: bool) -> tuple[str, ...]:
    return ("quick",) if quick else ()


def _workload(key: str, quick: bool, limits: dict[str, float]) -> dict:
    rows = turns.take_turns(key, WORKLOADS[key], 1 if quick else ROUNDS.get(key, 5), quick, limits)
    best = min((row.median for row in rows if row.is_peer and row.seconds), default=math.nan)
    return {"rows": [_plain(row, best) for row in rows]}


def _plain(row: Row, best_peer: float) -> dict:
    ratio = best_peer / row.median
    return {
        **dataclasses.asdict(row),
        "median": None if math.isnan(row.median) else row.median,
        "ratio": None if row.is_peer or math.isnan(ratio) else ratio,
        "share": None if row.limit is None else row.limit / row.least,
    }


def page(stored: dict) -> str:
    """The whole of ``results/benchmarks.md``."""
    facts = ", ".join(f"{name} {value}" for name, value in stored["machine"].items())
    rates = ", ".join(f"{name} {rate / 1e9:.3g} G/s" for name, rate in stored["limits"].items())
    lines = [
        "# Speed",
        "`python -m experiments speed operators kernels updates growth import`: CPU seconds of one thread, each fit",
        "in a fresh process with warm libraries, contenders taking turns. Peers get the same data, features and ridge.",
        "The limit is the least arithmetic of the method at the machine's own rates, measured in the same run.",
        f"\n{facts}.\n\nThe machine's rates on one thread: {rates}.",
    ]
    lines += [table(key, part) for key, part in stored["workloads"].items()]
    if "growth" in stored:
        lines.append(_growth(stored["growth"]))
    if "import" in stored:
        lines.append(_imports(stored["import"]))
    lines.append(_goals(stored))
    return "\n".join(lines) + "\n"


def table(key: str, part: dict) -> str:
    workload = WORKLOADS[key]
    lines = [f"\n## {key}: {workload.title}\n\nError: {workload.error}.\n", _row(COLUMNS), _rule(COLUMNS)]
    for row in part["rows"]:
        if row["remark"]:
            lines.append(_row([row["name"], row["remark"], *[""] * (len(COLUMNS) - 2)]))
            continue
        memory = row["peak"] if workload.memory else None
        numbers = (row["median"], min(row["seconds"]), len(row["seconds"]), memory)
        cells = [row["name"], *map(_number, (*numbers, row["error"], row["ratio"], row["share"]))]
        lines.append(_row(cells))
    return "\n".join(lines)


def _growth(rows: list[dict]) -> str:
    names = ("what grows", "sizes", "seconds", "exponent", "goal")
    lines = ["\n## Growth\n", _row(names), _rule(names)]
    for row in rows:
        spread = (", ".join(map(_number, row[name])) for name in ("sizes", "seconds"))
        lines.append(_row([row["what grows"], *spread, f"{row['exponent']:.2f}", f"at most {row['goal']:g}"]))
    return "\n".join(lines)


def _imports(seconds: dict[str, float]) -> str:
    lines = ["\n## Import\n", _row(("what", "CPU s")), _rule(("", ""))]
    return "\n".join(lines + [_row([name, f"{value:.2f}"]) for name, value in seconds.items()])


def _goals(stored: dict) -> str:
    names = ("goal", "wanted", "reached", "met", "at the limit", "why not")
    lines = ["\n## Goals\n", _row(names), _rule(names)]
    for goal in GOALS:
        reached = goal.value(stored)
        if reached is not None:
            lines.append(_row(_goal(goal, reached, goal.at_the_limit(stored))))
    return "\n".join(lines)


def _goal(goal: Goal, reached: float, at_the_limit: float | None) -> list[str]:
    met = goal.is_met(reached)
    sign = "at most" if goal.at_most else "at least"
    wanted, answer, reason = f"{sign} {goal.wanted:g}", "yes" if met else "no", "" if met else goal.reason
    return [goal.name, wanted, _number(reached), answer, _number(at_the_limit), reason]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _row(cells) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _rule(cells) -> str:
    return "|" + "---|" * len(cells)
