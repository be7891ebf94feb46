"""Particles against the clock: run the races, keep them under ``results/``, write their page."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.machinery.page import folded
from experiments.machinery.page import number as digits
from experiments.machinery.page import table as lines_of
from experiments.machinery.store import write
from experiments.speed import machine
from experiments.speed.race import SAMPLES_ONLY, TRUE_SCORE, race

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = 3
RACES = (
    (SAMPLES_ONLY, "well4", 2.0),
    (SAMPLES_ONLY, "well1", 2.0),
    (TRUE_SCORE, "well4", 4.0),
    (TRUE_SCORE, "ring8", 16.0),
)
OURS, AT_OURS, REACHED = "KSWGD", "distance at KSWGD's seconds", "seconds to 1.2 floors"
ALT = (
    "Four lines, one a race, and three columns: sliced W2 against CPU seconds, iterations and score evaluations, the "
    "noise floor as a band. After its fit KSWGD falls below the band within ten iterations and stays; rivals reach it "
    "later or not at all, but for ULA with the true score on the quadruple well, which is there a little later."
)
ABOUT = (
    "Sliced W2 of 800 particles to 10,000 exact samples, CPU seconds of one thread, fit included; KSWGD makes 60 "
    f"steps; medians over {SEEDS} seeds; each rival at the best of three steps. *Samples only*: all are given the same "
    "5,000 samples, and who needs a score takes it from a kernel density estimate. *True score*: the rival knows it. A "
    "distance below the floor comes from particles that lie more evenly than independent ones (see kswgd.md)."
)


def report(quick: bool, out: Path) -> None:
    """One seed and nothing kept when quick."""
    where, results = machine.describe(), []
    for kind, problem, budget in RACES:
        results.append(_plain(dataclasses.asdict(race(kind, problem, seeds=1 if quick else SEEDS, budget=budget))))
        print(table(results[-1]), flush=True)
    if not quick:
        write(out / "particles.json", json.dumps({"machine": where, "races": results}, indent=1))
        publish(out)


def publish(folder: Path) -> None:
    """Write the page and its picture from the kept numbers."""
    stored = json.loads((folder / "particles.json").read_text(encoding="utf-8"))
    write(folder / "particles.md", page(stored))
    picture(stored["races"]).savefig(folder / "particles.png", dpi=100, metadata={"Software": None})


def page(stored: dict[str, Any]) -> str:
    """The whole of ``results/particles.md``."""
    facts = ", ".join(f"{name} {value}" for name, value in stored["machine"].items())
    races = stored["races"]
    parts = ["# Particles against the clock\n", *(f"- {line}" for line in verdict(races)), "", summary(races)]
    parts += [f"![{ALT}](particles.png)\n", folded("What was measured", ABOUT)]
    parts += [folded(_title(result), table(result)) for result in races]
    return "\n".join([*parts, f"`python -m experiments speed particles`, {facts}.\n"])


def verdict(races: list[dict[str, Any]]) -> tuple[str, ...]:
    """What came out."""
    data4, data1, score4, ring = races

    def of(result: dict[str, Any], method: str, column: str) -> str:
        return _cell(_line(result, method)[column])

    return (
        f"**With samples alone it wins where there are barriers**: on the quadruple well at beta 4 KSWGD is at "
        f"{of(data4, OURS, AT_OURS)} (floor {digits(data4['floor'][0])}) after {of(data4, OURS, 'seconds in all')} "
        f"seconds, ULA and SVGD with an estimated score at {of(data4, 'ULA', AT_OURS)} and "
        f"{of(data4, 'SVGD', AT_OURS)}; at beta 1 SVGD is at the floor, too, after {of(data1, 'SVGD', REACHED)} "
        f"seconds instead of {of(data1, OURS, REACHED)}.",
        f"**Whoever knows the score is nearly as soon there**: on the same well at beta 4 ULA is at "
        f"{of(score4, 'ULA', AT_OURS)} after KSWGD's seconds, fit included; within 1.2 floors it is after "
        f"{of(score4, 'ULA', REACHED)}, KSWGD after {of(score4, OURS, REACHED)}.",
        f"**Not where modes are far apart**: on a ring of eight from one mode ULA with the true score needs "
        f"{of(ring, 'ULA', REACHED)} seconds, KSWGD {of(ring, OURS, REACHED)}.",
    )


def summary(races: list[dict[str, Any]]) -> str:
    """Seconds until each is within 1.2 floors."""
    methods = list(dict.fromkeys(row["method"] for result in races for row in result["rows"]))
    lines = [["seconds to 1.2 floors", *methods]]
    for result in races:
        reached = {row["method"]: _cell(row[REACHED]) for row in result["rows"]}
        lines.append([_title(result), *(reached.get(method, "") for method in methods)])
    return lines_of(lines)


def table(result: dict[str, Any]) -> str:
    """All numbers of a race."""
    mean, sd = result["floor"]
    columns = list(result["rows"][0])
    lines = [columns, *([_cell(row[name]) for name in columns] for row in result["rows"])]
    return f"Noise floor {digits(mean)} ± {digits(sd)}.\n\n{lines_of(lines)}"


def picture(races: list[dict[str, Any]]) -> Figure:
    """One line a race: distance against seconds, iterations and score evaluations."""
    from matplotlib.figure import Figure

    from koopcourse.plotting.style import COLORS, SERIES

    fig = Figure(figsize=(9.0, 2.5 * len(races)), layout="constrained")
    for row, result in zip(fig.subplots(len(races), 3, sharey="row"), races):
        for curve, (color, dash, marker) in zip(result["curves"], SERIES):
            for ax, name in zip(row, ("seconds", "steps", "score_evaluations")):
                if curve[name][-1] > 0:
                    kwargs = {"color": color, "linestyle": dash, "marker": marker, "markevery": 8}
                    ax.loglog(curve[name], curve["distance"], label=curve["method"], **kwargs)
        for ax, label in zip(row, ("CPU seconds, fit included", "iterations", "score evaluations")):
            mean, sd = result["floor"]
            ax.axhspan(mean - sd, mean + sd, color=COLORS["floor"], alpha=0.3)
            ax.set_xlabel(label)
        row[0].set(ylabel="sliced W2")
        row[0].set_title(_title(result), loc="left", fontsize=10)
        row[0].legend(fontsize=8)
    return fig


def _line(result: dict[str, Any], method: str) -> dict[str, Any]:
    return next(row for row in result["rows"] if row["method"] == method)


def _title(result: dict[str, Any]) -> str:
    return f"{result['kind']}: {result['problem']}"


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "not reached" if value is None else digits(value)


def _plain(value):
    """Numbers that JSON can hold."""
    if isinstance(value, float):
        return None if not math.isfinite(value) else round(value, 5)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
