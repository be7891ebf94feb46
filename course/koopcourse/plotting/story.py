"""The picture of the whole course: three reasons why sampling is slow, and a cure for each, all of it computed."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from mpl_toolkits.mplot3d import Axes3D
from torch import Tensor

from koopcourse.plotting.figures import density, finish, points
from koopcourse.plotting.style import COLORS
from koopteach.dictionaries import MultiScale
from koopteach.langevin import langevin_trajectory
from koopteach.operators import GeneratorEDMD
from koopteach.particles import KSWGD, run_particles
from koopteach.targets import GaussianMixture

_TITLES = {
    "a": ("1  Particles get stuck", "60 steps of Langevin dynamics"),
    "b": ("2  Paths are curved", "three steps of a solver miss"),
    "c": ("3  The flow is nonlinear", "a solver creeps along"),
    "A": ("Precondition", "60 steps along eigenfunctions"),
    "B": ("Straighten", "one step arrives"),
    "C": ("Lift", "up, one matrix exponential, down"),
}
_ALT = (
    "Three troubles and their cures: particles stuck in one of eight modes, and spread over all eight; curved paths "
    "that three long steps miss, and straight ones; a bent flow, and two arrows that jump along a lifted surface."
)
_BUMPS, _WIDTH = torch.tensor([-2.0, 2.0], dtype=torch.float64), 0.35


def story(seed: int = 0) -> None:
    """Compute and draw the course in one picture: troubles above, cures below.

    Args:
        seed: of the samples and particles.
    """
    fig, axes = plt.subplot_mosaic("abc;ABC", figsize=(9, 6.9), per_subplot_kw={"C": {"projection": "3d"}})
    _particles(axes["a"], axes["A"], torch.Generator().manual_seed(seed))
    _paths(axes["b"], axes["B"])
    _lift(axes["c"], axes["C"])
    for name, (title, line) in _TITLES.items():
        color = COLORS["error" if name in "abc" else "model"]
        # annotated, because titles of axes in three dimensions do not stay where they are put
        axes[name].annotate(title, (0, 1.09), xycoords="axes fraction", color=color, size=12, weight="bold")
        axes[name].annotate(line, (0, 1.02), xycoords="axes fraction")
        axes[name].axis("off")
    finish(fig, _ALT)


def _particles(above: Axes, below: Axes, generator: torch.Generator) -> None:
    """Five hundred particles in one of eight modes: Langevin dynamics with the density, KSWGD with 5,000 samples."""
    ring = GaussianMixture.ring(8, radius=3.0, std=0.3)
    start = GaussianMixture(ring.modes[2:3], 0.3).sample(500, generator)
    stuck = langevin_trajectory(ring, start, n_steps=60, dt=0.02, generator=generator)[-1]
    data = ring.sample(5000, generator)
    spectrum = GeneratorEDMD(MultiScale.from_data(data, generator=generator)).fit(data).spectrum()
    moved = run_particles(KSWGD(spectrum), start, n_steps=60, generator=generator, verbose=False).final
    for ax, x, color in ((above, stuck, "error"), (below, moved, "model")):
        density(ax, ring.log_prob, (-4.2, 4.2))
        points(ax, x, (-4.2, 4.2), color=color)


def _paths(above: Axes, below: Axes) -> None:
    """The exact flow from noise to two bumps, three steps of a solver, and straight paths between its ends."""
    noise = torch.special.ndtri((torch.arange(14, dtype=torch.float64) + 0.5) / 14)  # quantiles of N(0, 1)
    curved, coarse = _solve(_velocity, noise, 400), _solve(_velocity, noise, 3)
    for ax in (above, below):
        _hills(ax)
    above.plot(torch.linspace(0, 1, 401), curved, color=COLORS["floor"], linewidth=1.2)
    above.plot(torch.linspace(0, 1, 4), coarse, "o--", color=COLORS["error"], linewidth=1, markersize=3.5)
    below.plot([0, 1], curved[[0, -1]], "o-", color=COLORS["model"], linewidth=1.2, markersize=3.5)


def _velocity(x: Tensor, t: float) -> Tensor:
    """The flow-matching velocity for data with two Gaussian bumps, which is known exactly."""
    variance, offset = (1 - t) ** 2 + (t * _WIDTH) ** 2, x[:, None] - t * _BUMPS
    share = torch.softmax(-(offset**2) / (2 * variance), dim=1)
    return (share * (_BUMPS + (t * _WIDTH**2 - (1 - t)) / variance * offset)).sum(dim=1)


def _solve(velocity: Callable[[Tensor, float], Tensor], x: Tensor, n_steps: int, time: float = 1.0) -> Tensor:
    """All states of Euler's method, ``(n_steps + 1, ...)``."""
    path = [x]
    for k in range(n_steps):
        path.append(path[-1] + time / n_steps * velocity(path[-1], k / n_steps))
    return torch.stack(path)


def _hills(ax: Axes) -> None:
    y = torch.linspace(-3, 3, 200, dtype=torch.float64)
    data = torch.exp(-((y[:, None] - _BUMPS) ** 2) / (2 * _WIDTH**2)).sum(dim=1)
    for edge, side, hill, word in ((-0.02, -1, torch.exp(-(y**2) / 2), "noise"), (1.02, 1, data, "data")):
        ax.fill_betweenx(y, edge, edge + 0.2 * side * hill, color="#CCCCCC")
        ax.text(edge + 0.1 * side, -3.4, word, ha="center")


def _lift(above: Axes, below: Axes) -> None:
    crept, lifted, jumped = lifted_flow()
    above.plot(*crept.unbind(2), ".-", color=COLORS["error"], markevery=8, linewidth=1, markersize=4)
    above.plot(*crept[0].T, "o", color=COLORS["error"], markerfacecolor="white")
    assert isinstance(below, Axes3D)
    _surface(below, crept, lifted[:2], jumped[:2])


def lifted_flow(n_steps: int = 400) -> tuple[Tensor, Tensor, Tensor]:
    """``x' = -x/2, y' = -4 (y - x^2)`` is linear in ``(x, y, x^2)``, since ``(x^2)' = -x^2``.

    Returns:
        Euler's states up to time 2 ``(n_steps + 1, 6, 2)``, the lifted starts ``(6, 3)``, and where one matrix
        exponential takes them ``(6, 3)``.
    """
    first = torch.tensor(
        [[-1.7, 0.2], [1.2, 2.9], [1.7, -0.3], [0.6, 2.4], [-0.5, -0.6], [-1.1, 3.0]], dtype=torch.float64
    )
    crept = _solve(
        lambda z, t: torch.stack([-0.5 * z[:, 0], -4 * (z[:, 1] - z[:, 0] ** 2)], 1), first, n_steps, time=2.0
    )
    generator = torch.tensor([[-0.5, 0, 0], [0, -4, 4], [0, 0, -1]], dtype=torch.float64)
    lifted = torch.cat([first, first[:, :1] ** 2], dim=1)
    return crept, lifted, lifted @ torch.linalg.matrix_exp(2.0 * generator).T


def _surface(ax: Axes3D, crept: Tensor, lifted: Tensor, jumped: Tensor, floor: float = -4.5) -> None:
    side, depth = torch.linspace(-1.9, 1.9, 21), torch.linspace(-0.8, 3.2, 9)
    x, y = (mesh.numpy() for mesh in torch.meshgrid(side, depth, indexing="xy"))
    ax.plot_surface(x, y, x**2, color=COLORS["floor"], alpha=0.18, edgecolor=COLORS["floor"], linewidth=0.3)
    ax.plot_surface(x, y, 0 * x + floor, color=COLORS["floor"], alpha=0.12)
    for path in crept.unbind(1):
        ax.plot(*path.T, floor, color=COLORS["error"], linewidth=0.8)
    for a, b in zip(lifted.tolist(), jumped.tolist()):
        for x, y, z in (a, b):
            ax.plot([x, x], [y, y], [floor, z], "o:", color=COLORS["model"], linewidth=1.2, markersize=3.5)
        arrow = [q - p for p, q in zip(a, b)]
        ax.quiver(*a, *arrow, color=COLORS["model"], linewidth=2, arrow_length_ratio=0.15)
    ax.view_init(18, -70)
    ax.set_box_aspect((1, 1, 1.1), zoom=1.22)
