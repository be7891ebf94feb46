"""Particles against the clock: run the races, print their tables, keep them under ``results/``."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

from experiments.speed import machine
from experiments.speed.race import SAMPLES_ONLY, TRUE_SCORE, Result, race

SEEDS = 3
RACES = (
    (SAMPLES_ONLY, "well4", 2.0),
    (SAMPLES_ONLY, "well1", 2.0),
    (TRUE_SCORE, "well4", 4.0),
    (TRUE_SCORE, "ring8", 16.0),
)


def report(quick: bool, out: Path) -> None:
    """One seed and nothing kept when quick."""
    where = machine.describe()
    print(head(where))
    results = []
    for kind, problem, budget in RACES:
        results.append(race(kind, problem, seeds=1 if quick else SEEDS, budget=budget))
        print(table(results[-1]), flush=True)
    if quick:
        return
    out.mkdir(exist_ok=True)
    page = "\n".join([head(where), *map(table, results)])
    (out / "particles.md").write_text(page, encoding="utf-8")
    stored = {"machine": where, "races": [dataclasses.asdict(result) for result in results]}
    (out / "particles.json").write_text(json.dumps(_plain(stored), indent=1), encoding="utf-8")
    draw(results, out / "particles.png")


def head(where: dict[str, str]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in where.items())
    return (
        "# Particles against the clock\n\n"
        "`python -m experiments speed particles`: sliced W2 of 800 particles to 10,000 exact samples, CPU\n"
        f"seconds of one thread, fit included; KSWGD makes 60 steps; medians over {SEEDS} seeds; each rival at the\n"
        "best of three steps.\n\n"
        f"{facts}.\n"
    )


def table(result: Result) -> str:
    mean, sd = result.floor
    columns = list(result.rows[0])
    lines = [
        f"\n## {result.kind}: {result.problem}\n\nNoise floor {mean:.3f} ± {sd:.3f}.\n",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
    ]
    for row in result.rows:
        lines.append("| " + " | ".join(_cell(row[name]) for name in columns) + " |")
    return "\n".join(lines) + "\n"


def draw(results: list[Result], path: Path) -> None:
    """One row a race: distance against seconds, iterations and score evaluations."""
    import matplotlib.pyplot as plt

    from koopcourse.plotting import COLORS
    from koopcourse.plotting.style import SERIES

    fig, axes = plt.subplots(len(results), 3, figsize=(9.0, 2.6 * len(results)), sharey="row")
    for row, result in zip(axes, results):
        for curve, (color, dash, marker) in zip(result.curves, SERIES):
            for ax, x in zip(row, (curve.seconds, curve.steps, curve.score_evaluations)):
                if x[-1] > 0:
                    kwargs = {"color": color, "linestyle": dash, "marker": marker, "markevery": 8}
                    ax.loglog(x, curve.distance, label=curve.method, **kwargs)
        for ax, label in zip(row, ("CPU seconds, fit included", "iterations", "score evaluations")):
            mean, sd = result.floor
            ax.axhspan(mean - sd, mean + sd, color=COLORS["floor"], alpha=0.3)
            ax.set_xlabel(label)
        row[0].set(ylabel="sliced W2", title=f"{result.kind}: {result.problem}")
        row[0].legend(fontsize=8)
    fig.savefig(path)
    plt.close(fig)


def _cell(value) -> str:
    if isinstance(value, str):
        return value
    return "not reached" if math.isinf(value) else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _plain(value):
    """Numbers that JSON can hold."""
    if isinstance(value, float):
        return None if not math.isfinite(value) else round(value, 5)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
