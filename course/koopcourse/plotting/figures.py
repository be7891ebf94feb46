"""Figure helpers. Each ends in :func:`finish`, which checks the figure and gives it its text alternative."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from torch import Tensor

from koopcourse import runtime
from koopcourse.plotting.style import COLORS, DENSITY_MAP, ONE_COLUMN, SERIES, SIGNED_MAP, TWO_COLUMNS

Box = tuple[float, float]

_TIMED = re.compile(  # "a second" may be another one
    r"\b(\d[\d.,]*|one|ten) (CPU )?(milli)?seconds?\b|\b(\d[\d.,]*|a|an|one|ten) (CPU )?(minute|hour)s?\b"
)


def new_figure(columns: int = 1, height: float = 2.9, rows: int = 1, **kwargs: Any) -> tuple[Figure, np.ndarray]:
    """A figure of the course's width with ``rows x columns`` axes, returned as a flat array."""
    width = ONE_COLUMN if columns == 1 else TWO_COLUMNS
    fig, axes = plt.subplots(rows, columns, figsize=(width, rows * height), squeeze=False, **kwargs)
    return fig, axes.ravel()


def _panels(count: int, lines: int = 1) -> tuple[Figure, np.ndarray]:
    """A row of square maps under titles of so many lines, none wider than a third of the page."""
    side = TWO_COLUMNS / max(3, count)
    fig, axes = plt.subplots(1, count, figsize=(side * count, side + 0.18 * lines), squeeze=False)
    return fig, axes.ravel()


def finish(fig: Figure, alt: str, *, allow_nonfinite: bool = False) -> None:
    """Check a figure, show it with its text alternative, and close it.

    Args:
        fig: the figure.
        alt: in a sentence, what there is to see; text alternative and caption in one.
        allow_nonfinite: for figures that show a divergence on purpose.

    Raises:
        ValueError: ``alt`` of fewer than five words; and, while notebooks are tested, axes without labels, without
            content, or with data that are not finite or lie under a legend, and an ``alt`` that tells seconds.
    """
    alt = " ".join(alt.split())  # written over several lines, read as one
    if len(alt.split()) < 5:
        plt.close(fig)
        raise ValueError(f"finish: alt must say in a sentence what the figure shows, got {alt!r}.")
    if runtime.strict():
        faults = [fault for ax in fig.axes for fault in _faults(ax, allow_nonfinite)]
        faults += _covered(fig)
        if timed := _TIMED.search(alt):
            faults.append(f"alt tells {timed[0]!r}, which another machine does not take")
        if faults:
            plt.close(fig)
            raise ValueError("finish: " + "; ".join(faults))
    if runtime.reference_in_use:
        ids = ", ".join(sorted(runtime.reference_in_use))
        fig.supxlabel(f"drawn with the course's answer to {ids}", fontsize=8, color=COLORS["error"], ha="right", x=0.99)
    _display(fig, alt)
    plt.close(fig)


def display_picture(png: bytes, alt: str) -> None:
    """Show a picture that was drawn before, ``png``, with its text alternative."""
    alt = " ".join(alt.split())
    if "inline" in plt.get_backend():
        _show(alt, {"image/png": base64.b64encode(png).decode()}, raw=True)
        return
    pixels = plt.imread(io.BytesIO(png))
    fig = plt.figure(figsize=(pixels.shape[1] / 100, pixels.shape[0] / 100), layout="none")
    fig.figimage(pixels)
    _display(fig, alt)
    plt.close(fig)


def _display(fig: Figure, alt: str) -> None:
    if "inline" in plt.get_backend():
        _show(alt, fig)
    else:
        fig.set_label(alt)
        plt.show()


def _show(alt: str, *what: Any, **options: Any) -> None:
    """In a notebook; JupyterLab drops the metadata, so the words also stand below the picture, as its caption."""
    from IPython.display import display

    display(*what, metadata={"image/png": {"alt": alt}}, **options)
    display({"text/html": f"<small>{html.escape(alt)}</small>", "text/plain": alt}, raw=True)


def _faults(ax: Axes, allow_nonfinite: bool) -> list[str]:
    name = ax.get_title(loc="left") or ax.get_title() or "an axes"
    if ax.get_label() == "<colorbar>":
        return []
    faults = []
    if not (ax.lines or ax.collections or ax.patches or ax.images or ax.texts):
        faults.append(f"{name}: nothing drawn")
    for axis, label in ((ax.xaxis, "x"), (ax.yaxis, "y")):
        if ax.axison and _has_numbers(axis) and not axis.get_label_text():
            faults.append(f"{name}: no {label} label")
    data = [line.get_xydata() for line in ax.lines] + [c.get_offsets() for c in ax.collections]
    # a scatter plot masks what is not finite
    if not allow_nonfinite and not all(np.isfinite(np.ma.filled(d, np.nan)).all() for d in data):
        faults.append(f"{name}: data that are not finite")
    return faults


def _covered(fig: Figure) -> list[str]:
    """Legends that lie over data, whose places are known once the figure is drawn."""
    boxes = [(ax, legend) for ax in fig.axes if (legend := ax.get_legend()) is not None]
    if boxes:
        fig.canvas.draw()
    return [
        f"{ax.get_title() or 'an axes'}: the legend covers data"
        for ax, legend in boxes
        if any(legend.get_window_extent().contains(x, y) for x, y in _places(ax))
    ]


def legend_off_data(ax: Axes, loc: Literal["best", "lower right"] = "best", **options: Any) -> None:
    """A legend where it covers nothing: in its place inside, or else beside the axes, for which there is made room.

    Args:
        ax: the only axes of their figure.
        loc: the place inside.
        options: of ``ax.legend``.
    """
    ax.legend(loc=loc, **options)
    fig = ax.get_figure()
    if isinstance(fig, Figure) and _covered(fig):
        legend = ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), **options)
        fig.set_figwidth(ONE_COLUMN + legend.get_window_extent().width / fig.dpi)


def _places(ax: Axes) -> np.ndarray:
    """Where the marks of its lines and points are on the figure, in pixels, ``(n, 2)``."""
    lines = [line.get_transform().transform(line.get_xydata()) for line in ax.lines]
    points = [c.get_offset_transform().transform(np.ma.filled(c.get_offsets(), np.nan)) for c in ax.collections]
    places = np.concatenate([np.zeros((0, 2)), *lines, *points])
    low, high = ax.get_window_extent().get_points()
    return places[((places >= low) & (places <= high)).all(axis=1)]  # what is cut off, and NaN, is not seen


def _has_numbers(axis: Axis) -> bool:
    """An axis without visible tick labels needs no label: maps of the plane, and inner panels with shared axes."""
    return any(tick.get_text() and tick.get_visible() for tick in axis.get_ticklabels())


def density(ax: Axes, log_prob: Callable[[Tensor], Tensor], box: Box) -> None:
    """Faint filled contours of a plane density in the square ``box x box``."""
    grid, side = _grid(box, 120)
    p = log_prob(grid).exp().reshape(side, side).cpu().numpy()
    levels = np.linspace(0.03, 1.0, 8) * p.max()
    axis = np.linspace(*box, side)
    ax.contourf(axis, axis, p, levels=levels, cmap=DENSITY_MAP, alpha=0.45, extend="max", zorder=0)


def points(ax: Axes, x: Tensor, box: Box, *, color: str = "model", title: str = "", marker: str = "o") -> None:
    """Points of the plane in the square ``box x box``, without ticks; says how many lie outside."""
    outside = int(((x < box[0]) | (x > box[1])).any(dim=1).sum())
    a = x.detach().cpu().numpy()
    line = 0.6 if marker == "x" else 0
    ax.scatter(a[:, 0], a[:, 1], s=6, color=COLORS[color], alpha=0.6, marker=marker, linewidths=line)
    ax.set_title(title)
    as_map(ax, box)
    if outside:
        ax.text(
            0.98,
            0.02,
            f"{outside} outside",
            transform=ax.transAxes,
            ha="right",
            fontsize=8,
            color=COLORS["error"],
        )


def as_map(ax: Axes, box: Box) -> None:
    """A square of the plane without ticks, in a thin frame."""
    ax.set(xlim=box, ylim=box, xticks=[], yticks=[], aspect="equal")
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color("#CCCCCC")


def compare(
    generated: Mapping[str, Tensor],
    reference: Tensor,
    box: Box,
    *,
    alt: str,
    log_prob: Callable[[Tensor], Tensor] | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Generated samples beside as many points of the reference, in equal panels.

    Args:
        generated: name -> ``(n, 2)``.
        reference: exact sample; as many points as the first generated sample has are drawn.
        box: the square shown.
        alt: text alternative.
        log_prob: density drawn faintly behind.
        notes: name -> a line under the title, usually the distance and its floor.
    """
    n = len(next(iter(generated.values())))
    panels = {**generated, "exact sample": reference[:n]}
    fig, axes = _panels(len(panels), lines=2 if notes else 1)
    for ax, (name, x) in zip(axes, panels.items()):
        if log_prob is not None:
            density(ax, log_prob, box)
        exact = name == "exact sample"
        note = (notes or {}).get(name, "")
        color, marker = ("reference", "x") if exact else ("model", "o")
        points(ax, x, box, color=color, marker=marker, title=name + (f"\n{note}" if note else ""))
    finish(fig, alt)


def film_strip(
    particles: Tensor,
    steps: Sequence[int],
    box: Box,
    *,
    alt: str,
    log_prob: Callable[[Tensor], Tensor] | None = None,
    records: Tensor | None = None,
    title: str = "",
) -> None:
    """A few moments of a run side by side.

    Args:
        particles: ``(k, n, 2)``, ``run.particles``.
        steps: the step numbers to show.
        box: the square shown.
        alt: text alternative.
        log_prob: density drawn faintly behind.
        records: ``run.steps``; None when every step was recorded.
        title: what runs, put before the first panel's step number.

    Raises:
        ValueError: a step that was not recorded.
    """
    index = list(range(len(particles))) if records is None else records.tolist()
    missing = sorted(set(steps) - set(index))
    if missing:
        raise ValueError(
            f"film_strip: steps {missing} were not recorded, only {index}. "
            "Pass records=run.steps, and record_every=1 to run_particles to have them all."
        )
    fig, axes = _panels(len(steps))
    for i, (ax, step) in enumerate(zip(axes, steps)):
        if log_prob is not None:
            density(ax, log_prob, box)
        name = f"{title}, step {step}" if title and i == 0 else f"step {step}"
        points(ax, particles[index.index(step)], box, title=name)
    finish(fig, alt)


def eigenfunctions(
    phi: Callable[[Tensor], Tensor],
    rates: Tensor,
    box: Box,
    *,
    alt: str,
    count: int = 4,
    log_prob: Callable[[Tensor], Tensor] | None = None,
) -> None:
    """The first eigenfunctions on the plane: sign by colour, the zero line drawn, hidden where there are no data."""
    grid, side = _grid(box, 120)
    values = phi(grid)[:, :count].reshape(side, side, count).cpu().numpy()
    shade = None if log_prob is None else log_prob(grid).exp().reshape(side, side).cpu().numpy()
    axis = np.linspace(*box, side)
    fig, axes = _panels(count)
    for k, ax in enumerate(axes):
        known = np.ones((side, side), bool) if shade is None else shade > 1e-3 * shade.max()
        v = np.where(known, values[..., k], np.nan)
        top = np.nanquantile(np.abs(v), 0.98)
        ax.pcolormesh(axis, axis, v, cmap=SIGNED_MAP, vmin=-top, vmax=top, shading="nearest", rasterized=True)
        ax.contour(axis, axis, np.where(known, values[..., k], np.nan), levels=[0], colors="black", linewidths=0.8)
        ax.set_title(f"rate {float(rates[k]):.2g}")
        as_map(ax, box)
        ax.set_xlabel(f"full colour: ±{top:.2g}", fontsize=8)
    finish(fig, alt)


def curves(
    x: Sequence[float] | Tensor,
    ys: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    alt: str,
    logx: bool = False,
    logy: bool = False,
    floor: tuple[float, float] | None = None,
    title: str = "",
) -> None:
    """Lines over one axis, each with its colour, dash and marker; a noise floor as a band of mean and spread.

    Args:
        x: abscissae, or per-curve ones when the values of ``ys`` are pairs ``(x, y)``; then pass an empty list.
        ys: name -> ordinates, or name -> ``(x, y)``.
        xlabel, ylabel: axis labels.
        alt: text alternative.
        logx, logy: logarithmic axes.
        floor: mean and standard deviation of the floor.
        title: of the axes.
    """
    fig, (ax,) = new_figure()
    for (name, y), (color, dash, marker) in zip(ys.items(), SERIES * (1 + len(ys) // len(SERIES))):
        horizontal, vertical = y if isinstance(y, tuple) else (x, y)
        every = max(1, len(vertical) // 10)
        ax.plot(horizontal, vertical, color=color, linestyle=dash, marker=marker, markevery=every, label=name)
    if floor is not None:
        mean, sd = floor
        ax.axhline(mean, color=COLORS["floor"], linewidth=1)
        ax.axhspan(mean - sd, mean + sd, color=COLORS["floor"], alpha=0.25, label="noise floor")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if logx:
        ax.set_xscale("log")
    if logy:
        ax.set_yscale("log")
    if len(ys) + (floor is not None) > 1:
        legend_off_data(ax)
    finish(fig, alt)


def _grid(box: Box, side: int) -> tuple[Tensor, int]:
    """Points of a square grid on the course's device, row by row from below, ``(side^2, 2)``."""
    axis = torch.linspace(*box, side, dtype=torch.float64, device=runtime.device())
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1), side
