"""What else one would use: fitted to the data it draws, or told the score it moves particles."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from experiments.dimension.laws import N_JUDGED, N_MANY, End, Problem, Start
from experiments.machinery.common import nearest, stream, timed, within
from experiments.own_data.rivals import PLAIN
from koopteach import ULA, herd

SECONDS = 1.0  # of each run of ULA
HERDED = "data herded"
DRAWN = {"mixture, BIC": "mixture", "KDE": "KDE", "flow matching": "flow"}
MOVED, STEP_SIZES = "ULA, true score", (0.03, 0.1, 0.3)


def drawn(problem: Problem, method: str, seed: int) -> End:
    """A rival that is fitted and draws; the most even of its points are picked by herding."""
    draw, fitted = timed(lambda: PLAIN[DRAWN[method]](problem.data, stream(seed, 1)))
    _, seconds = timed(lambda: draw(N_JUDGED, stream(seed, 2)))
    many = draw(N_MANY, stream(seed, 3))
    return many, many[herd(many, N_JUDGED)], fitted + seconds


def herded(problem: Problem) -> End:
    """Rows of the data, picked to lie evenly; the large sample are the data themselves."""
    rows, seconds = timed(lambda: herd(problem.data, N_JUDGED))
    return problem.data, problem.data[rows], seconds


def moved(
    problem: Problem,
    score: Callable[[Tensor], Tensor],
    start: Start,
    seed: int,
    reduce: Callable[[Tensor], Tensor] = lambda x: x,
) -> End:
    """ULA, told the score: the best of three step sizes, each with the same seconds.

    Args:
        problem: what judges.
        score: ``(n, m) -> (n, m)``.
        start: particles of a number.
        seed: of the noise.
        reduce: from where they move ``(n, m)`` to the problem's coordinates.
    """
    runs = [within(SECONDS, ULA(score, step_size=size), start(N_JUDGED), seed) for size in STEP_SIZES]
    x, seconds = nearest([(reduce(x), seconds) for x, seconds, _ in runs], problem.distance)
    return x, x, seconds


def rival(problem: Problem, method: str, score: Callable[[Tensor], Tensor], start: Start, seed: int, **more) -> End:
    """A rival by its name."""
    if method == HERDED:
        return herded(problem)
    return moved(problem, score, start, seed, **more) if method == MOVED else drawn(problem, method, seed)
