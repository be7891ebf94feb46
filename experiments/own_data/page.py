"""The page of :mod:`experiments.own_data`: what came out, in words and as a picture."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from experiments.machinery.common import dotted
from experiments.machinery.experiment import Cite, Numbers, median
from experiments.own_data.data import REAL, TABLES

OURS = "KoopmanSampler"
COLUMNS = ("AUC", "rival's AUC", "sliced W2, floors", "halves", "CPU s")
AVERAGED = "mixed units"  # the table of the picture's last panel


def mean(cite: Cite, name: str, method: str, tables: Iterable[str] = REAL) -> float:
    """Of the tables' medians."""
    return statistics.fmean(cite(dotted(table, method), name) for table in tables)


def verdict(cite: Cite) -> tuple[str, ...]:
    """What came out."""
    below = sum(cite(dotted(table, OURS), "AUC") < cite(dotted(table, OURS), "rival's AUC") for table in REAL)
    auc = {m: mean(cite, "AUC", m) for m in (OURS, "mixture", "KDE", "flow", "mixture, mapped", "KDE, mapped")}
    bend = {m: cite(dotted("curved", m), "third moment") for m in (OURS, "mixture, mapped", "flow")}
    error = {way: cite(dotted("means", AVERAGED), f"{way}, 50") for way in WAYS}
    return (
        f"**On {below} of the ten real tables its samples are harder to tell from rows kept aside than those of a "
        f"mixture or a kernel density as they come**: mean AUC {auc[OURS]:.2f} against {auc['mixture']:.2f} and "
        f"{auc['KDE']:.2f} (one half is best); a flow has {auc['flow']:.2f} in {mean(cite, 'CPU s', 'flow'):.1f} CPU "
        f"seconds instead of {mean(cite, 'CPU s', OURS):.1f}.",
        "**Columns do most of it, the spectrum what is curved**: in the same coordinates and with the same calibration "
        f"the mixture alone comes to {auc['mixture, mapped']:.2f}, the kernel density to {auc['KDE, mapped']:.2f} with "
        f"copies (halves {mean(cite, 'halves', 'KDE, mapped'):.2f}; ours {mean(cite, 'halves', OURS):.2f}). Of the "
        f"third moment of curved modes the sampler recovers {bend[OURS]:.2f}, that mixture "
        f"{bend['mixture, mapped']:.2f}, a flow {bend['flow']:.2f}.",
        f"**Averages and rates**: 50 even points give the means of the mixed units to {error['quadrature']:.4f} "
        f"spreads, herded rows to {error['herded rows']:.4f}, random ones to {error['random rows']:.3f}. The slowest "
        f"timescale of a series with gaps is {cite('series.gaps', 'timescale'):.2f}, deeptime's "
        f"{cite('series.gaps', 'deeptime'):.2f}, the exact one {cite('series.gaps', 'exact'):.2f}.",
    )


SHOWN = {  # marker, colour of the house, filled
    OURS: ("o", "model", True),
    "mixture, mapped": ("s", "error", False),
    "mixture": ("s", "error", True),
    "KDE": ("^", "rival", True),
    "flow": ("D", "rival 2", True),
}
WAYS = {
    "quadrature": ("o", "model", "-", -34),
    "herded rows": ("s", "error", "--", 8),
    "random rows": ("x", "reference", ":", 8),
}


def picture(numbers: dict[str, Numbers]) -> Any:
    """Both judges on all tables; averages over few points."""
    from matplotlib.figure import Figure

    from koopcourse.plotting.style import COLORS, TWO_COLUMNS

    fig = Figure(figsize=(TWO_COLUMNS, 4.6), layout="constrained")
    left, middle, right = fig.subplots(1, 3, width_ratios=[1.25, 1.25, 1])
    for ax, name, best in ((left, "AUC", 0.5), (middle, "sliced W2, floors", 1.0)):
        ax.axvline(best, color=COLORS["floor"], linewidth=1.2)
        for method, (marker, color, filled) in SHOWN.items():
            at = [median(numbers[dotted(table, method)][name]) for table in TABLES]
            look = {"color": COLORS[color], "markerfacecolor": COLORS[color] if filled else "none"}
            look |= {"markersize": 7, "zorder": 3} if method == OURS else {"markersize": 5.5}
            ax.plot(at, range(len(TABLES)), marker, label=method, **look)
        ax.set_ylim(len(TABLES) - 0.5, -0.5)
        ax.set_yticks(range(len(TABLES)), TABLES if ax is left else [""] * len(TABLES))
        ax.grid(axis="y", alpha=0.3)
        ax.set_title({"AUC": "told from held-out rows: AUC", "sliced W2, floors": "sliced W2, in floors"}[name])
    fig.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=len(SHOWN), handletextpad=0.2)
    kept = numbers[dotted("means", AVERAGED)]
    for way, (marker, color, line, above) in WAYS.items():
        found = {
            int(name.split(", ")[1]): median(values) for name, values in kept.items() if name.startswith(f"{way},")
        }
        right.loglog(list(found), list(found.values()), line, marker=marker, color=COLORS[color])
        right.annotate(way, (50, found[50]), (4, above), textcoords="offset points", color=COLORS[color])
    right.set_xticks(list(found), list(found))
    right.minorticks_off()
    right.set_title(f"error of means, {AVERAGED}")
    right.set_xlabel("points")
    return fig


MISSED = {
    "iris.koopmansampler": (
        ("AUC <= 1 x AUC allowed", "sliced W2, floors <= 1.2", "halves <= 0.65", "AUC <= 0.66"),
        "Three groups that are Gaussian, 90 rows to learn from and 60 to judge by: the mixture as it comes is the "
        "right law, and whatever else is fitted to so few rows adds its own errors.",
    ),
    "curved.koopmansampler": (
        ("third moment >= 0.6",),
        "From .50 to .77 on the three splits: the spectrum of each cluster finds more of the bend than that, and the "
        "columns' calibration takes some of it back (table *What each stage buys*).",
    ),
    "star98.koopmansampler": (("AUC <= 0.66",), "182 rows; by less than splits differ, from .54 to .70."),
    "modechoice.koopmansampler": (
        ("AUC <= 0.66",),
        "Waiting time is zero exactly where the mode is the car: a relation that holds in each row, which no sampler "
        "here keeps.",
    ),
}

ALT = (
    "Three panels. Left, the AUC of twelve tables: KoopmanSampler and the mapped mixture lie nearest to one half on "
    "most (on breast cancer and macrodata the flow does); mixture, kernel density and flow as they come lie far off "
    "on tables with discrete columns. Middle, sliced W2 over its floor: nearly all but the kernel density lie near "
    "one. Right, the error of averages over 25 to 200 points: random rows far above herded rows, and those above "
    "the sampler's quadrature, but for 200."
)

ABOUT = (
    "All tables of scikit-learn and statsmodels with at least 150 rows and 4 to 30 columns of numbers, raw: no "
    "scaling, no column left out, 3,000 random rows where there are more. *Mixed units*: three groups in six "
    "columns whose spreads run from 1e-6 to 1e6, one log-normal, one heavy-tailed, one of whole numbers. *Curved*: "
    "five modes of unit variance at distance 6 in ten dimensions, weights .05 to .35, each bent by x2 += .7 (x1^2 - "
    "1). Each is split three times: 60 per cent of the rows to learn from, 40 kept aside.\n\n"
    "Each cell is the mean over four random parts of one draw, each of as many samples as were kept aside, at most "
    "600: a part has a method's law without its evenness. Herded rows are judged as they are. *AUC*: how well a "
    "forest tells samples from the rows kept aside (out-of-bag, 100 extremely randomised trees); one half is best, "
    "one means always. *Sliced W2, floors*: distance to the rows kept aside in the training rows' spreads, over "
    "that of as many training rows. *Halves*: share of samples that are nearer to a training row than to a row kept "
    "aside; one half is right, one means copies. *Third moment*: E (x1^2 - 1) x2 about the nearest centre, over "
    "that of exact samples. *CPU s*: fit and 800 samples, one thread; the sampler's fit has its own look at a fifth "
    "of the rows.\n\n"
    "*Mixture*: scikit-learn's, the least BIC of full, diagonal and tied ones of one to eight components; *KDE*: "
    "Scott's width, the data's covariance; *flow*: `FlowMatching`, 3,000 steps of 512 pairs, on the first split "
    "alone; all three on columns of unit spread. *Herded rows* are training rows picked to lie evenly. *Mapped*: in "
    "the sampler's coordinates, calibrated as it is, the kernel density with half of Silverman's width. *Rival's "
    "AUC* is the better of mixture and KDE as they come; *allowed* is .06 more. Aims, declared before anything was "
    "computed: AUC at most what is allowed on every table and below the rival's on four fifths; AUC at most .66 "
    "unless more than half of the columns have fewer than 20 values; sliced W2 at most 1.2 floors; halves at most "
    ".65; third moment at least .6; 5 CPU seconds up to 11 columns, 15 up to 30.\n\n"
    "*What each stage buys*: the sampler with one stage left out, on the first split of five tables. *Averages*: "
    "rms error of the columns' means, in spreads, against the table's own, of 25 to 200 points, at the head of the "
    "page 50 of them, as far as they are at most half of the rows.\n\n"
    "*A series with gaps*: 10,000 rows of a double well (beta 2) in hectopascals; 20 stretches of 30 rows and two "
    "of a hundred other rows are missing; 15 Gaussians, lag 10 rows. *Thirty short series*: AR(1) with timescale 1, "
    "100 rows each; cubic polynomials, lag 10 rows. Errors are the bootstrap's standard deviation of the logarithm, "
    "of `scan_lags`. Deeptime's numbers are TICA's (0.5.0) on the same features, along the stretches without a gap, "
    "made once by `python -m experiments.own_data.deeptime_rows`. *Joined by hand*: missing rows dropped and "
    "trajectories put one behind the other before pairing."
)
