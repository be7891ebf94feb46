"""The tables of ``docs/which_method.md``, from the rows: ``python -m experiments.own_data.which`` prints them."""

from __future__ import annotations

from experiments.machinery import runner, store
from experiments.machinery.experiment import Cite
from experiments.machinery.page import cite, table
from experiments.own_data.page import OURS, mean

JUDGES = ("AUC", "sliced W2, floors", "halves", "CPU s")
TAKE = {  # what one would use: when it is the right choice, and when not
    OURS: ("columns in any units, bent modes; conditioning", "over 30 columns; all columns discrete"),
    "mixture": ("a density; Gaussian modes", "heavy tails; columns of few values"),
    "mixture, mapped": ("when the sampler's report says so: `n_steps=0`", "bent modes"),
    "KDE": ("two or three columns", "more: it blurs"),
    "KDE, mapped": ("a little noise on each row", "where rows must not be copied"),
    "flow": ("thousands of rows; a map from noise", "a few hundred rows; little time"),
    "herded rows": ("averages", "new rows are wanted"),
}
SERIES = {"gaps": "one double well with gaps", "short": "thirty short AR(1)"}


def methods(cite: Cite) -> str:
    """Means over the real tables; the README shows it, too."""
    lines = [["", *JUDGES, "take it for", "not for"]]
    for method, words in TAKE.items():
        lines.append([method, *(f"{mean(cite, name, method):.2f}" for name in JUDGES), *words])
    return table(lines)


def timescales(cite: Cite) -> str:
    """Medians over the seeds."""
    lines = [["", "exact", "EDMD (95 %)", "deeptime's TICA", "joined by hand"]]
    for name, words in SERIES.items():
        exact, found, low, high, peer, joined = (
            f"{cite(f'series.{name}', number):.2f}"
            for number in ("exact", "timescale", "low", "high", "deeptime", "joined by hand")
        )
        lines.append([words, exact, f"{found} ({low} to {high})", peer, joined])
    return table(lines)


if __name__ == "__main__":
    number = cite(store.load(runner.RESULTS / "own-data.json"))
    print(methods(number), timescales(number), sep="\n")
