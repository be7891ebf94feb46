"""The one style of the course, applied on import: Okabe-Ito colours, each with one meaning everywhere."""

from __future__ import annotations

import matplotlib as mpl
from cycler import cycler

# Safe for all common kinds of colour blindness; no series is told by colour alone.
COLORS = {
    "data": "#E69F00",
    "model": "#0072B2",
    "reference": "#000000",
    "error": "#D55E00",
    "floor": "#999999",
    "rival": "#009E73",
    "rival 2": "#CC79A7",
    "rival 3": "#56B4E9",
}

# Every further line of a plot differs in colour, dash and marker.
SERIES = [
    (COLORS["model"], "-", "o"),
    (COLORS["error"], "--", "s"),
    (COLORS["rival"], "-.", "^"),
    (COLORS["rival 2"], ":", "D"),
    (COLORS["data"], (0, (5, 1)), "v"),
    (COLORS["rival 3"], (0, (3, 1, 1, 1)), "P"),
    (COLORS["reference"], (0, (1, 1)), "x"),
]

DENSITY_MAP = "Greys"
SIGNED_MAP = "PuOr_r"

ONE_COLUMN, TWO_COLUMNS = 4.6, 9.0  # inches; 900 pixels at most

mpl.rcParams.update(
    {
        "figure.dpi": 100,
        "savefig.dpi": 100,
        "figure.constrained_layout.use": True,
        "font.family": "DejaVu Sans",  # ships with matplotlib: the same figure on every machine
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=[color for color, _, _ in SERIES]),
        "axes.axisbelow": True,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "lines.markersize": 4.5,
        "image.cmap": "viridis",
    }
)
