"""The page on speed: every contender's seconds, memory and error beside the machine's limit."""

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
from experiments.speed import imports, machine, turns
from experiments.speed.turns import Row
from experiments.speed.workloads import WORKLOADS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTS = {
    "waits": ("W1", "W2", "W3", "W4"),
    "operators": ("E1", "E2", "E3", "E4"),
    "kernels": ("K1", "K2", "D1"),
    "updates": ("P1", "P2", "P3", "P4", "P5"),
    "threads": ("T1",),
    "growth": (),
    "import": (),
}
COLUMNS = ("method", "median s", "least s", "n", "MB above the data", "error", "best peer / this")
WAITS = {  # what one waits for first
    "W1": ("GeneratorEDMD", "a fit: 5,000 points, the default recipe"),
    "W2": ("KSWGD", "60 damped steps of 800 particles"),
    "W3": ("KoopmanSampler", "a sample of 10,000 from a fitted table"),
    "W4": ("KoopmanFlow, one step", "10,000 samples of a flow in one step"),
}
SHOWN = {  # workload: ours, and in a few words what it is
    "E1": ("float64 reversible", "EDMD, 100,000 pairs, 500 kernels"),
    "E2": ("float64 reversible", "EDMD, 1,000,000 pairs, 100 kernels"),
    "E3": ("float64 reversible", "EDMD, 100,000 pairs, polynomials"),
    "E4": ("reversible", "8 eigenpairs of 1,000 kernels"),
    "K1": ("exact, float64", "kernel EDMD, 2,000 pairs"),
    "K2": ("Nystroem 200, float64", "Nystroem kernel EDMD, 100,000 pairs"),
    "D1": ("by a factor of few columns", "diffusion map, 5,000 points"),
    "P1": ("float64", "particle update, kernel spectrum"),
    "P2": ("damped, float64", "particle update, dictionary, damped"),
    "P3": ("float64", "SVGD, 2,000 particles"),
}
ALT = (
    "CPU seconds on a logarithmic axis of four things that one waits for: a fit, sixty steps, a sample of a table, a "
    "sample of a flow; ours as circles, and as squares what one would use instead."
)
_ROUNDS = 3  # but for those that take long
ROUNDS = {
    "E1": 1,
    "E2": 1,
    "E3": 1,
    "E4": 1,
    "K1": 1,
    "K2": 2,
    "D1": 1,
    "P4": 1,
    "P5": 1,
    "W2": 2,
    "W3": 2,
}  # else three
GOALS = {  # the fastest peer's seconds over ours, as set before they were measured
    "E1": {"float64 reversible": 3.6, "float32 reversible": 6.4},
    "E2": {"float64 reversible": 8.0, "float32 reversible": 12.0},
    "E3": {"float64 reversible": 4.4, "float32 reversible": 7.5},
    "E4": {"reversible": 0.95},
    "K1": {"exact, float64": 8.0},
    "K2": {"Nystroem 200, float64": 2.5},
    "D1": {"by a factor of few columns": 0.6},
    "P1": {"float64": 10.0, "float32": 24.0},
    "P2": {
        "damped, float64": 2.7,
        "damped, float32": 4.5,
        "the paper's metric, float64": 8.0,
        "the paper's metric, float32": 12.0,
    },
    "P3": {"float64": 10.0, "float32": 22.0},
}
GOALS_ABOUT = (
    "The fastest peer's seconds over ours. Prototypes set the goals on a machine with fast matrix products (105 G/s in "
    "float64 on one thread; this one's rates are at the end of the page): where more of our time is products than of "
    "the peer's, a ratio is lower on a machine with slower ones, and some goals are held on one processor alone."
)
WHY = {  # what takes the time where a goal is missed
    "E1": "Gram matrices are three quarters of the time, at 0.7 of the rate of large products",
    "E2": "Gram matrices of only 100 columns are half of the time, at 0.65 of the rate of large products; kernels, "
    "whose exponents are products of 4 columns, are a fifth; sums and differences of features an eighth",
    "E3": "Gram matrices are half of the time; features, gathered from those of lower degree, a quarter, and they wait "
    "for memory",
    "E4": "two eigenproblems of 1,000 and 961 columns are half of the time; the peer keeps 590 directions of the "
    "second, and does not look in all functions for what contradicts a reversible process",
    "K1": "the kernel matrix and its pivoted factorisation are half of the time; a first run, as is timed, takes 1.4 "
    "times as long as the next",
    "K2": "Gram matrices of 200 columns are three fifths of the time, at 0.65 of the rate of large products; kernels "
    "are an eighth, sums and differences of features a tenth",
    "D1": "the least arithmetic of 1,200 columns is two thirds of the peer's time, which looks at 200 neighbours alone",
    "P1": "every kernel is computed twice, for moments and for slopes, and none is held: memory would be particles "
    "times data; exponents and exponentials are three fifths of the time",
    "P2": "a call lasts milliseconds: half of a damped one are products and a third of the other kernels; the tail, "
    "moments and checks are the rest",
    "P3": "within the scatter of the runs",
}


def report(parts: list[str], quick: bool, out: Path) -> None:
    """Measure these parts or single workloads, print them, and keep each unless quick; others stay as they are kept."""
    path = out / "benchmarks.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() and not quick else {}
    here = {"machine": machine.describe(), "limits": turns.ask("limits", *_quick(quick))}
    asked = [key for part in parts for key in PARTS.get(part, (part,))]
    stored = stored | here if set(asked) >= set(WORKLOADS) else here | stored
    stored.setdefault("workloads", {})
    for part in parts:
        for key in PARTS.get(part, (part,)):
            stored["workloads"][key] = here | _workload(key, quick, here["limits"])
            _keep(stored, quick, out)
        if part == "growth":
            stored["growth"] = turns.ask("growth", *_quick(quick))
            _keep(stored, quick, out)
        if part == "import":
            stored["import"] = imports.measure(quick)
            _keep(stored, quick, out)
    for key in stored["workloads"]:
        print(f"{key}: {WORKLOADS[key].title}\n\n{table(key, stored['workloads'][key])}\n")


def _keep(stored: dict, quick: bool, out: Path) -> None:
    """After every table, so that an interruption loses one."""
    if quick:
        return
    write(out / "benchmarks.json", json.dumps(stored, indent=1))
    publish(out)


def publish(folder: Path) -> None:
    """Write the page and its picture from the kept numbers; where rows are not measured yet both stay as they are."""
    stored = json.loads((folder / "benchmarks.json").read_text(encoding="utf-8"))
    missing = sorted(set(WORKLOADS) - set(stored["workloads"]))
    if missing:
        print(f"benchmarks.md stays as it is: measure {', '.join(missing)} first (python -m experiments speed).")
        return
    write(folder / "benchmarks.md", page(stored))
    picture(stored).savefig(folder / "benchmarks.png", dpi=100, metadata={"Software": None})


def _quick(quick: bool) -> tuple[str, ...]:
    return ("quick",) if quick else ()


def _workload(key: str, quick: bool, limits: dict[str, float]) -> dict:
    rows = turns.take_turns(key, WORKLOADS[key], 1 if quick else ROUNDS.get(key, _ROUNDS), quick, limits)
    best = min((row.median for row in rows if row.is_peer and row.seconds), default=math.nan)
    return {"rows": [_plain(row, best) for row in rows]}


def _plain(row: Row, best_peer: float) -> dict:
    ratio = best_peer / row.median
    return {
        **dataclasses.asdict(row),
        "median": None if math.isnan(row.median) else row.median,
        "ratio": None if row.is_peer or math.isnan(ratio) else ratio,
        "share": None if row.limit is None or math.isnan(row.limit) else row.limit / row.least,
        "limit": None if row.limit is None or math.isnan(row.limit) else row.limit,
    }


def page(stored: dict) -> str:
    """The whole of ``results/benchmarks.md``."""
    parts = ["# What one waits for\n", *(f"- {line}" for line in verdict(stored)), ""]
    parts += [summary(stored, WAITS), f"![{ALT}](benchmarks.png)\n", folded(*goals(stored))]
    parts += [folded("Beside other packages", summary(stored, SHOWN)), folded("How it was measured", ABOUT)]
    for key, part in ((key, stored["workloads"][key]) for key in WORKLOADS):
        title = f"{key}: {WORKLOADS[key].title}"
        elsewhere = "" if part.get("machine", stored["machine"]) == stored["machine"] else f"\n\n{facts(part)}"
        parts.append(folded(title, f"Error: {WORKLOADS[key].error}.{elsewhere}\n\n{table(key, part)}"))
    parts.append(folded("Shares of the machine's limit", _shares(stored)))
    if "growth" in stored:
        parts.append(folded("How the time grows", _growth(stored["growth"])))
    if "import" in stored:
        parts.append(folded("What importing the package costs", _imports(stored["import"])))
    parts.append(f"`python -m experiments speed {' '.join(PARTS)}`. {facts(stored)}\n")
    return "\n".join(parts)


def facts(measured: dict) -> str:
    """Where and when, and how fast that machine is."""
    where = ", ".join(f"{name} {value}" for name, value in measured["machine"].items())
    rates = ", ".join(f"{name} {rate / 1e9:.3g} G/s" for name, rate in measured["limits"].items())
    return f"Measured: {where}. The machine's rates on one thread: {rates}."


ABOUT = (
    "CPU seconds of one thread (seconds of the clock where a line says two), each fit in a fresh process with warm "
    "libraries, contenders taking turns. Peers get the same data, features and ridge. Peers of P2 and W2 are "
    "written with plain tensors in float64. *Share of the limit*: the least arithmetic of the method at the machine's "
    "own rates, measured in the same run, over the least seconds."
)


def of(stored: dict, key: str, name: str, column: str = "median") -> float:
    """A cell of a workload's table; a peer by the first words of its line."""
    row = next(row for row in stored["workloads"][key]["rows"] if row["name"].startswith(name))
    return row[column]


def fastest_peer(stored: dict, key: str) -> dict:
    """The line of the fastest of them."""
    return min((row for row in stored["workloads"][key]["rows"] if row["is_peer"] and row["seconds"]), key=_median)


def _median(row: dict) -> float:
    return row["median"]


def verdict(stored: dict) -> tuple[str, ...]:
    """What came out."""

    def cell(key: str, name: str, column: str = "median") -> str:
        return digits(of(stored, key, name, column))

    def ratio(key: str) -> str:
        return f"{fastest_peer(stored, key)['median'] / of(stored, key, SHOWN[key][0]):.2g}"

    def beside(key: str) -> str:
        peer = fastest_peer(stored, key)
        return f"{cell(key, WAITS[key][0])} s ({peer['name']}: {digits(peer['median'])})"

    return (
        f"**Seconds for what one waits for first**: a fit of 5,000 points takes {beside('W1')}, 60 steps of 800 "
        f"particles {beside('W2')}, 10,000 samples of a fitted table {beside('W3')}, and of a flow by a one-step "
        f"student {beside('W4')}; errors are in the table.",
        f"**Fits of many pairs are faster than other packages', in a hundredth of the memory**: EDMD on 100,000 pairs "
        f"and 500 kernels takes {cell('E1', 'float64 rev')} s and {cell('E1', 'float64 rev', 'peak')} MB beside the "
        f"data, kooplearn {cell('E1', 'kooplearn')} s and {cell('E1', 'kooplearn', 'peak')} MB. A particle update is "
        f"{ratio('P1')} times as fast as the published formulas on a kernel spectrum, {ratio('P3')} times as fast as "
        f"autograd's SVGD, and damped on the default dictionary {ratio('P2')} times as fast as plain tensors.",
        f"**Not faster**: the leading eigenpairs alone ({ratio('E4')} of numpy's speed), for a rank cut that is safe; "
        f"the diffusion map beside one of few neighbours ({ratio('D1')}), whose rates are off by "
        f"{100 * of(stored, 'D1', 'pydiffmap, 200', 'error'):.0f} %. Not more exact: kernel EDMD at 2,000 pairs, error "
        f"{cell('K1', 'exact', 'error')} beside {cell('K1', 'deeptime', 'error')} of deeptime in "
        f"{cell('K1', 'deeptime')} s instead of {cell('K1', 'exact')}.",
    )


def summary(stored: dict, shown: dict[str, tuple[str, str]]) -> str:
    """A line a workload: ours in float64 beside the fastest peer."""
    lines = [["", "s", "fastest peer", "its s", "MB", "its MB", "error", "its error"]]
    for key, (name, title) in shown.items():
        peer = fastest_peer(stored, key)
        numbers = [(of(stored, key, name, column), peer[column]) for column in ("median", "peak", "error")]
        (s, its_s), *others = [[_number(value) for value in pair] for pair in numbers]
        lines.append([f"{key}: {title}", s, peer["name"], its_s, *(text for pair in others for text in pair)])
    return lines_of(lines)


def picture(stored: dict) -> Figure:
    """Seconds of ours and of all peers."""
    from matplotlib.figure import Figure

    from koopcourse.plotting.style import COLORS

    fig = Figure(figsize=(9.0, 2.4), layout="constrained")
    ax = fig.subplots()
    for at, (key, (name, _)) in enumerate(WAITS.items()):
        peers = [row["median"] for row in stored["workloads"][key]["rows"] if row["is_peer"] and row["seconds"]]
        ax.plot(
            peers,
            [at] * len(peers),
            color=COLORS["error"],
            marker="s",
            linestyle="none",
            label="instead" if at == 0 else None,
        )
        ax.plot(
            of(stored, key, name),
            at,
            color=COLORS["model"],
            marker="o",
            linestyle="none",
            markersize=7,
            label="ours" if at == 0 else None,
        )
    ax.set_yticks(range(len(WAITS)), [title for _, title in WAITS.values()])
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.set_xlabel("CPU seconds")
    ax.grid(axis="x", alpha=0.3)
    fig.legend(loc="outside right upper")
    return fig


def table(key: str, part: dict) -> str:
    """All contenders of a workload."""
    lines = [list(COLUMNS)]
    for row in part["rows"]:
        if row["remark"]:
            lines.append([row["name"], row["remark"], *[""] * (len(COLUMNS) - 2)])
            continue
        memory = row["peak"] if WORKLOADS[key].memory else None
        numbers: tuple[Any, ...] = (row["median"], min(row["seconds"]), len(row["seconds"]), memory)
        lines.append([row["name"], *map(_number, (*numbers, row["error"], row["ratio"]))])
    return lines_of(lines)


def goals(stored: dict) -> tuple[str, str]:
    """How many were missed, and a line for each: the ratio hoped for, the one found, and why it is lower."""
    lines = [["", "method", "goal", "found", "", "why"]]
    for key, hoped in GOALS.items():
        for name, goal in hoped.items():
            ratio = of(stored, key, name, "ratio")
            told = ["missed", WHY[key]] if ratio < goal else ["", ""]
            lines.append([key, name, f"{goal:g}", f"{ratio:.3g}", *told])
    missed = sum(line[4] == "missed" for line in lines)
    return f"Goals: {missed} of {len(lines) - 1} missed", f"{GOALS_ABOUT}\n\n{lines_of(lines)}"


def _shares(stored: dict) -> str:
    lines = [["", "method", "share of the limit"]]
    for key, part in stored["workloads"].items():
        lines += [[key, row["name"], _number(row["share"])] for row in part["rows"] if row["share"] is not None]
    return lines_of(lines)


def _growth(rows: list[dict]) -> str:
    lines = [["what grows", "sizes", "seconds", "exponent"]]
    for row in rows:
        spread = (", ".join(map(_number, row[name])) for name in ("sizes", "seconds"))
        lines.append([row["what grows"], *spread, f"{row['exponent']:.2f}"])
    return lines_of(lines)


def _imports(seconds: dict[str, float]) -> str:
    return lines_of([["what", "CPU s"], *([name, f"{value:.2f}"] for name, value in seconds.items())])


def _number(value: float | None) -> str:
    return "" if value is None else digits(value)
