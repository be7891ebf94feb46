"""The page of :mod:`experiments.dictionary`: what came out, in words and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.machinery.common import dotted
from experiments.machinery.experiment import Cite, Numbers, median

# The rows: sizes at one width, and widths at one size

WIDTH = {
    "random waves": 0.5,
    "random waves and a tail": 0.5,
    "kernel EDMD": 0.5,
}  # lengths; all others are multiples of the package's rules, 1
SIZES: dict[str, tuple[int, ...]] = {
    "three scales and a tail": (30, 60, 250, 500),
    "kernels and a tail": (10, 20, 40, 80, 320),
    "polynomials": (4, 6, 10, 14, 18),
    "random waves": (25, 50, 100, 400),
    "random waves and a tail": (50, 100, 400),
    "kernels": (20, 80, 320),
    "network": (10, 40),
    "network and a tail": (10, 40),
    "kernel EDMD": (25, 100),
    "diffusion map": (250, 1000),
}
WIDTHS: dict[str, tuple[int, tuple[float, ...]]] = {
    "kernels and a tail": (80, (0.5, 1, 2, 4)),
    "random waves": (100, (0.25, 0.5, 1, 2)),
    "diffusion map": (1000, (0.5, 1)),
}
DEFAULT, DATA = ("three scales and a tail", 250), "data"


def id_of(kind: str, size: int, width: float | None = None) -> str:
    """Of a row."""
    usual = WIDTH.get(kind, 1)
    return dotted(kind, str(size), *([] if width in (None, usual) else [f"width {width:g}"]))


# The picture

LINES: dict[str, list[str]] = {kind: [id_of(kind, size) for size in sizes] for kind, sizes in SIZES.items()}
WIDTH_LINES: dict[str, list[str]] = {
    f"{kind}, {size:,}": [id_of(kind, size, width) for width in widths] for kind, (size, widths) in WIDTHS.items()
}
COLOR = dict.fromkeys(("kernels", "network", "kernel EDMD", "diffusion map"), "error")
COLOR |= dict.fromkeys(("polynomials", "random waves"), "rival")  # all others have a tail
BEYOND = {"model": "with a quadratic tail", "rival": "goes on beyond the data", "error": "ends where the data end"}
PANELS = {  # what stands above, and what the band is
    "slow rates": ("error of the slow rates", "eigenfunctions known"),
    "law KL": ("samples: their law", "exact samples"),
    "even KL": ("samples: evenness", "exact samples, herded"),
    "cost": ("fit and 60 steps", ""),
}
GAP, TILT = 1.4, 0.56  # between the two groups of lines; height of a line


ALL_LINES = LINES | WIDTH_LINES
PLACES = [k + GAP * (k >= len(LINES)) for k in range(len(ALL_LINES))]


def picture(numbers: dict[str, Numbers]) -> Any:
    """A line for each kind, its smallest size on top, in units of the floors; and what it costs."""
    from matplotlib.figure import Figure

    from koopcourse.plotting.style import COLORS, TWO_COLUMNS

    fig = Figure(figsize=(TWO_COLUMNS, 6.2), layout="constrained")
    axes = fig.subplots(1, len(PANELS), sharey=True)
    for ax, (name, (title, floor)) in zip(axes, PANELS.items()):
        draw_lines(ax, numbers, name, COLORS)
        draw_floor(ax, numbers, name, floor, COLORS)
        tidy(ax, title, "times the floor" if floor else "CPU seconds")
    label_lines(axes[0])
    keys = [axes[0].plot([], [], "o-", color=COLORS[color])[0] for color in BEYOND]
    keys.append(axes[0].plot([], [], "--", color=COLORS["data"], linewidth=1.2)[0])
    keys.append(axes[0].plot([], [], ":", color=COLORS["reference"], linewidth=0.8)[0])
    words = [*BEYOND.values(), "the data themselves", "the package's default"]
    fig.legend(keys, words, loc="outside lower center", ncols=3)
    return fig


def draw_lines(ax: Any, numbers: dict[str, Numbers], name: str, colors: Mapping[str, str]) -> None:
    """The sizes, or widths, of each kind from top to bottom, their dots growing."""
    for place, (label, ids) in zip(PLACES, ALL_LINES.items()):
        color = colors[COLOR.get(label.split(", ")[0], "model")]
        share = [k / (len(ids) - 1) for k in range(len(ids))]
        at = [place + TILT * (part - 0.5) for part in share]
        found = [value_of(numbers[id], name) for id in ids]
        ax.plot(found, at, color=color, linewidth=1.2)
        for x, y, part in zip(found, at, share):
            ax.plot(x, y, "o", color=color, markersize=2.8 + 3.4 * part)


def draw_floor(ax: Any, numbers: dict[str, Numbers], name: str, floor: str, colors: Mapping[str, str]) -> None:
    """The band of the floor and its name, the data themselves, and the default."""
    if floor:
        spread = median(numbers[DATA][f"{name} floor sd"]) / median(numbers[DATA][f"{name} floor"])
        ax.axvspan(max(1 - spread, 0.4), 1 + spread, color=colors["floor"], alpha=0.3, linewidth=0)
        ax.axvline(value_of(numbers[DATA], name), color=colors["data"], linewidth=1.2, linestyle="--", zorder=1)
        ax.text(0.02, 0.01, f"grey: {floor}", fontsize=8, color="#555555", transform=ax.transAxes)
    usual = value_of(numbers[id_of(*DEFAULT)], name)
    ax.axvline(usual, color=colors["reference"], linewidth=0.8, linestyle=":")


def label_lines(ax: Any) -> None:
    """Kinds with their sizes, and what each group of lines shows."""
    ax.set_yticks(PLACES, [named(kind) for kind in LINES] + list(WIDTH_LINES))
    ax.set_ylim(PLACES[-1] + 1.3, -0.7)
    look = {"ha": "right", "fontsize": 9, "style": "italic", "transform": ax.get_yaxis_transform()}
    ax.text(-0.04, -0.62, "few features (top) to many:", **look)
    ax.text(-0.04, PLACES[len(LINES)] - 0.72, "narrow (top) to wide:", **look)


def named(kind: str) -> str:
    """A kind and its sizes."""
    words = {"polynomials": "degree ", "diffusion map": "points "}.get(kind, "")
    return f"{kind}, {words}{SIZES[kind][0]:,} to {SIZES[kind][-1]:,}"


def value_of(row: Numbers, name: str) -> float:
    """In floors; and what a fit and 60 steps cost."""
    if name == "cost":
        return median(row["fit, s"]) + median(row["60 steps, s"])
    return median(row[name]) / median(row[f"{name} floor"])


def tidy(ax: Any, title: str, unit: str) -> None:
    """A logarithmic axis with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 50 else (1, 3)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="x", alpha=0.3)
    ax.tick_params(axis="y", length=0)
    ax.set_title(title)
    ax.set_xlabel(unit)


GOOD = (
    DEFAULT,
    ("three scales and a tail", 60),
    ("kernels and a tail", 80),
    ("polynomials", 10),
    ("random waves and a tail", 100),
)


def verdict(cite: Cite) -> Sequence[str]:
    """What came out."""

    def of(kind: str, size: int, name: str, width: float | None = None) -> float:
        id = id_of(kind, size, width)
        if name == "cost":
            return cite(id, "fit, s") + cite(id, "60 steps, s")
        return cite(id, name) / (cite(id, f"{name} floor") if name.endswith("KL") else 1)

    def span(name: str, digits: str) -> str:
        values = [of(*one, name) for one in GOOD]
        return f"{min(values):{digits}} to {max(values):{digits}}"

    good_rates = (("kernels", 80), ("network", 40), ("kernel EDMD", 100))
    rates, laws = ([of(*one, name) for one in good_rates] for name in ("slow rates", "law KL"))
    return (
        "**Which kind hardly matters, once some seventy features of the right width reach beyond the data**: kernels "
        f"of three scales or of one with a tail, polynomials and waves with a tail miss the slow rates by "
        f"{span('slow rates', '.2f')} (who knows the eigenfunctions by {cite(DATA, 'slow rates floor'):.2f}), have "
        f"laws of {span('law KL', '.2f')} floors (KL) and cost {span('cost', '.1f')} CPU seconds, the most with the "
        f"package's default.",
        f"**Good rates promise no good samples**: 80 kernels without the tail, a network and kernel EDMD miss the slow "
        f"rates by {rates[0]:.2f}, {rates[1]:.2f} and {rates[2]:.2f}, and their particles' laws are at {laws[0]:.0f}, "
        f"{laws[1]:.0f} and {laws[2]:.0f} floors, for beyond the data these functions are flat and hold nobody; "
        f"400 waves and polynomials of degree 18 are wild there, and a few strays spoil a run of 4,000 "
        f"({of('random waves', 400, 'law KL'):.1f} and {of('polynomials', 18, 'law KL'):.1f} floors).",
        f"**Too few features and wrong widths show in the rates, too many in seconds**: with 10 kernels the slow rates "
        f"are off by {of('kernels and a tail', 10, 'slow rates'):.1f}, with 80 half as wide as the rule makes them by "
        f"{of('kernels and a tail', 80, 'slow rates', 0.5):.1f}; twice the default takes "
        f"{of('three scales and a tail', 500, 'cost'):.1f} seconds instead of {of(*DEFAULT, 'cost'):.1f} and gains "
        f"little ({of('three scales and a tail', 500, 'even KL'):.1f} floors of evenness instead of "
        f"{of(*DEFAULT, 'even KL'):.1f}).",
    )


COLUMNS = ("features", "slow rates", "law SW2", "law KL", "even SW2", "even KL", "fit, s", "60 steps, s")
SHOWN = {
    "three scales and a tail, the default": id_of(*DEFAULT),
    "three scales and a tail, small": id_of("three scales and a tail", 60),
    "80 kernels and a tail": id_of("kernels and a tail", 80),
    "80 kernels": id_of("kernels", 80),
    "polynomials of degree 10": id_of("polynomials", 10),
    "100 random waves and a tail": id_of("random waves and a tail", 100),
    "100 random waves": id_of("random waves", 100),
    "400 random waves": id_of("random waves", 400),
    "network, 40 outputs": id_of("network", 40),
    "kernel EDMD, 100 centres": id_of("kernel EDMD", 100),
    "diffusion map, 1,000 points": id_of("diffusion map", 1000),
    "the data themselves": DATA,
}
MISSED: dict[str, tuple[tuple[str, ...], str]] = {
    "random-waves.100": (
        ("law KL <= 1.25 x floor",),
        "Without a tail a few of 4,000 particles stay beyond the data, and the others make up for their moments.",
    ),
    "random-waves-and-a-tail.400": (
        ("law KL <= 1.25 x floor",),
        "The tail is no match for 400 waves: at one or two strays of 4,000, some 3 from the middle, eigenfunctions "
        "reach thousands, where on the data they are at most about 30, and all other particles move to balance them.",
    ),
}
ALT = (
    "Four panels, a line for each of ten kinds of dictionary from few features to many, and for three from narrow to "
    "wide, in units of a grey floor. The error of the slow rates falls to the floor for most kinds, and rises with "
    "width. The law of samples reaches the floor with three scales, one scale and polynomials that are not too many; "
    "kernels without a tail, networks, kernel EDMD and diffusion maps stay at eight floors and more, four hundred "
    "waves at three. Evenness looks alike. The last panel has CPU seconds: from a tenth to four, the default near one."
)
ABOUT = (
    "The quadruple well at beta 4, whose rates are known: .119 twice, .238, and then from 13 on. Everybody gets the "
    "same 5,000 independent samples; networks and kernel EDMD, which need pairs, also where each of these is .05 of "
    "time later. *Size* is the number of centres, waves, outputs or points, and the degree of polynomials; *features* "
    "what comes of it, *modes* what the fit keeps. *Width* is a multiple of the package's rule; of random waves and of "
    "kernel EDMD the kernel's width itself, where a well is .35 wide.\n\n"
    "*Three scales and a tail*: `MultiScale`, the package's default at size 250 (250, 60 and 20 kernels and the five "
    "polynomials of degree two). *Kernels*: `GaussianRBF.from_data`, with or without that tail. *Polynomials*: "
    "`Hermite`. *Random waves*: `RandomFourierFeatures`. *Network*: `NeuralDictionary`, trained on the pairs, its "
    "outputs then given to `GeneratorEDMD` as all the others are. *Kernel EDMD*: `KernelEDMD` on the pairs. "
    "*Diffusion map*: `DiffusionMaps` of the first 250 or 1,000 samples.\n\n"
    "*Slow rates*: the largest relative error of the first three; *fast rates*: the mean one of the next twelve, where "
    "a rate that is not found counts 1. Their floor is what 5,000 data leave to whoever knows the eigenfunctions "
    "(Galerkin in the fifteen true ones, mean ± standard deviation over 20 draws).\n\n"
    "*Samples*: KSWGD with every default, 60 steps from one well. *Law*: a random 800 of a run of 4,000 particles, the "
    "mean of ten choices; its floor is 800 independent exact samples. *Even*: a run of 800 as it is; its floor is 800 "
    "points herded from 16,000 exact ones that are even themselves (Sobol points through the inverse distribution "
    "function). *SW2*: sliced W2 to 4,096 such points; *KL*: of a histogram of 24 cells a side from the density. "
    "*None*: particles were lost, or the spectrum has a flat mode and KSWGD refuses it. *The data themselves*: the "
    "known eigenfunctions on the same data; a random 800 of them; 800 of them herded. Seconds are CPU seconds of one "
    "thread, of the fit and of 60 steps of 800 particles.\n\n"
    "Aims, declared before anything was computed on these seeds and after a trial on another: with 65 features or "
    "more that have a tail, 100 waves and polynomials of degree 10 and 14, slow rates at most 1.5 floors, law at most "
    "its floor and a standard deviation (SW2) or 1.25 floors (KL), evenness at most .75 of the *independent* floor; "
    "kernels without a tail, the larger network, kernel EDMD, the diffusion map, 400 waves without a tail and degree "
    "18 at least 2 floors in law (KL), although most of them have the rates; the smallest dictionaries at least 3 "
    "floors in the slow rates."
)
