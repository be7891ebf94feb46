"""What the log-determinant costs, and how few data the weights rest on, against the dimension."""

from __future__ import annotations

from typing import Any

from experiments.machinery.experiment import Numbers, median

ALT = (
    "Below, three panels against the dimension, 2 to 784, all logarithmic. Milliseconds and megabytes of a "
    "log-determinant by automatic differentiation rise to two seconds and gigabytes; those of a full matrix, of "
    "coupling layers and of a PLU form stay far below, in this order at the end. The effective sample size of 512 "
    "weights falls from half of them to one at dimension 32 and stays there."
)


def costs(numbers: dict[str, Numbers], fig: Any) -> None:
    """From the rows ``cost.<dimension>``, into a figure or a part of one."""
    from koopcourse.plotting.style import COLORS, SERIES

    rows = {int(id.removeprefix("cost.")): row for id, row in numbers.items() if id.startswith("cost.")}
    panels = fig.subplots(1, 3)
    for ax, unit, label in zip(panels, ("ms", "MB"), ("CPU milliseconds, 16 points", "megabytes allocated")):
        for name, (color, dash, marker) in zip(("autograd", "matrix", "coupling", "PLU"), SERIES):
            values = [median(row[f"{name} {unit}"]) for row in rows.values()]
            ax.loglog(list(rows), values, color=color, linestyle=dash, marker=marker, label=name)
        ax.set(xlabel="dimension", ylabel=label)
    panels[0].legend()
    panels[2].loglog(list(rows), [median(row["ESS of 512"]) for row in rows.values()], color="black", marker="o")
    panels[2].axhline(1.0, color=COLORS["floor"], linestyle="--")
    panels[2].annotate("one datum: no average left", (2, 1.0), xytext=(0, -14), textcoords="offset points")
    panels[2].set(xlabel="dimension", ylabel="effective sample size of 512", ylim=(0.4, None))
