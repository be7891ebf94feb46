"""The page of a GPU: which numbers are the processor's, and how fast they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.machinery.page import folded, number, table


def holds(row: Mapping[str, Any]) -> bool:
    """Whether a hot path ran and gave the processor's numbers."""
    return "failed" not in row and row["difference"] <= row["tolerance"]


def all_hold(found: Mapping[str, Any]) -> bool:
    """Whether all hot paths do, and every speed was measured."""
    return all(map(holds, found["equal"])) and not any("failed" in row for row in found["speed"])


def markdown(found: Mapping[str, Any]) -> str:
    """The whole of ``results/gpu.md``."""
    told = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    parts = [
        "# The lessons' hot paths on a GPU\n",
        *(f"- {line}" for line in verdict(found)),
        "",
        _speeds(found["speed"]),
        folded("Equality with the processor, path by path", _equalities(found["equal"])),
        folded("How it was measured", ABOUT),
        f"`python -m experiments gpu-check`, {found['seconds']:.0f} s. Measured: {told}.\n",
    ]
    return "\n".join(parts)


ABOUT = (
    "Each hot path starts from the same numbers on both: its data and models are moved, and random numbers come from a "
    "generator of the processor. The difference is the largest one between the two results, relative to the largest "
    "entry of the tensor that it is in. Tolerances: 1e-9 for sums in float64; 1e-6 where a system is solved whose "
    "directions are cut at 1e-8; 1e-4 for networks in float32; 1e-3 after a few steps of their training. Milliseconds "
    "are the least of three runs after a first one, with all threads of the processor."
)


def verdict(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What came out."""
    equal, device = found["equal"], found["machine"]["device"]
    held = sum(map(holds, equal))
    missed = [row["path"] for row in equal if not holds(row)]
    lines = [f"On {device}, {held} of {len(equal)} hot paths give the processor's numbers within their tolerances."]
    lines += [f"Not: {', '.join(missed)}."] * bool(missed)
    ratios = {row["what"]: row["cpu"] / row["gpu"] for row in found["speed"] if "failed" not in row}
    if ratios:
        slow, fast = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
        told = (f"{number(ratios[name])} times the processor's speed ({name})" for name in (fast, slow))
        lines.append("From {1} to {0}.".format(*told))
    return tuple(lines)


def _speeds(rows: list[Mapping[str, Any]]) -> str:
    lines = [["", "CPU ms", "GPU ms", "times as fast"]]
    for row in rows:
        cells = [row["failed"], "", ""] if "failed" in row else []
        lines.append([row["what"], *(cells or map(number, (row["cpu"], row["gpu"], row["cpu"] / row["gpu"])))])
    return table(lines)


def _equalities(rows: list[Mapping[str, Any]]) -> str:
    lines = [["hot path", "largest difference", "tolerance", "", "on the processor on purpose"]]
    for row in rows:
        gap = row["failed"] if "failed" in row else f"{row['difference']:.1e}"
        lines.append([row["path"], gap, f"{row['tolerance']:.0e}", "held" if holds(row) else "missed", row["on_cpu"]])
    return table(lines)
