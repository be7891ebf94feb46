"""How a sample is judged: its law and its evenness apart, each beside its own floor, and what copies give away.

Particles that match the moments of the data lie more evenly than independent draws, and then every distance to the
target reads less than it does for exact samples. That is a virtue, for integrals, and no better law: rows of the data
that are picked to lie evenly (:func:`koopteach.herd`) score as well. Hence two questions, which are never mixed:

- the **law**: a random part of a large run, or many draws (:func:`law`), beside independent exact samples;
- the **evenness**: the particles of a run as they are (:func:`evenness`), beside exact samples that were herded.

:func:`floors` gives both floors. Whoever is given N data and asked for n even points can do no better than the N data
herded to n, ``x[herd(x, n)]``: the rival that costs nothing. :func:`verdict` asks both questions and answers in a line.
"""

from __future__ import annotations

import html
import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.metrics import noise_floor, sliced_wasserstein2
from koopteach.metrics.neighbours import distances
from koopteach.sampler import herd
from koopteach.tensors import as_count, as_points, chunks, seed_from, shuffled_rows

Judge = Callable[[Tensor], float]
Draw = Callable[[int, torch.Generator | None], Tensor]

LARGE = 5  # a run is large if it holds so many times the particles that are judged
MOST_ROWS, FEWEST_ROWS = 600, 20  # of each sample, for the classifier
UNIT_DRAWS = 8
ONE_IN_TWENTY = 1.645  # a normal number lies so many standard deviations below its mean, or further


# The law, the evenness, and their floors


def law(
    judge: Judge, source: Tensor | Draw, n: int, *, repeats: int = 20, generator: torch.Generator | None = None
) -> tuple[float, float]:
    """Mean and standard deviation of a judge over ``n`` random points of a large run, or over many draws.

    A random part of a run has its law without its evenness: what two of its points know of each other is lost.

    Args:
        judge: ``judge(sample) -> number``.
        source: the run ``(N, d)``, ``N`` at least five times ``n``; or ``source(n, generator) -> (n, d)``.
        n: points that are judged.
        repeats: random parts, or draws; at least two.
        generator: source of the choice.

    Raises:
        ValueError: a run that is not large, fewer than two repeats.

    >>> import torch
    >>> from koopcourse.judges import law
    >>> run = torch.randn(8000, 1, generator=torch.Generator().manual_seed(0))
    >>> mean, sd = law(lambda x: float(x.mean()), run, 400, repeats=50, generator=torch.Generator().manual_seed(1))
    >>> abs(mean) < 0.05, 0.03 < sd < 0.07  # the mean of 400 independent numbers is 0 +- .05
    (True, True)
    """
    n = as_count("law", "n", n)
    if not isinstance(source, Tensor):
        return noise_floor(judge, source, n, repeats=repeats, generator=generator)
    run = as_points("law", "source", source)
    if len(run) < LARGE * n:
        raise ValueError(
            f"law: source has {len(run)} points, but a random {n} of fewer than {LARGE * n} keep some of their "
            "evenness. Make a longer run, or judge many draws: source(n, generator)."
        )
    return noise_floor(judge, lambda n, g: run[shuffled_rows(run, g)[:n]], n, repeats=repeats, generator=generator)


def evenness(judge: Judge, particles: Tensor, n: int) -> float:
    """A judge's number for a run of ``n`` particles, as they are; to be read beside the even floor alone.

    Args:
        judge: ``judge(sample) -> number``.
        particles: all of the run ``(n, d)``: a part of a larger one would be judged by its law.
        n: as many as the floor was made for.

    Raises:
        ValueError: another number of particles.
    """
    particles = as_points("evenness", "particles", particles)
    if len(particles) != n:
        raise ValueError(
            f"evenness: particles are {len(particles)}, but the floor is of {n}. Make a run of {n} particles; "
            "a part of a larger one tells its law: use law."
        )
    return float(judge(particles))


@dataclass(frozen=True)
class Floors:
    """What a judge says where nothing is left to improve, mean and standard deviation: of the law, of the evenness."""

    law: tuple[float, float]
    even: tuple[float, float]


def floors(
    judge: Judge,
    exact: Draw,
    n: int,
    *,
    repeats: int = 20,
    even_repeats: int = 5,
    of: int = 10,
    generator: torch.Generator | None = None,
) -> Floors:
    """Both floors: of ``n`` independent exact samples, and of ``n`` that were herded from ``of`` times as many.

    Args:
        judge: ``judge(sample) -> number``.
        exact: ``exact(n, generator) -> (n, d)``, usually ``target.sample``.
        n: points that are judged.
        repeats, even_repeats: draws of each, at least two.
        of: exact samples for each one that herding keeps.
        generator: source of the draws.
    """
    n, of = as_count("floors", "n", n), as_count("floors", "of", of, at_least=2)

    def herded(n: int, generator: torch.Generator | None) -> Tensor:
        x = exact(of * n, generator)
        return x[herd(x, n)]

    independent = noise_floor(judge, exact, n, repeats=repeats, generator=generator)
    return Floors(independent, noise_floor(judge, herded, n, repeats=even_repeats, generator=generator))


# Both answers in a line


@dataclass(frozen=True)
class Verdict:
    """A judge's two answers about a sample; printed, they are one line.

    Attributes:
        part, exact_part: what a random part of the sample scores, and what as many exact samples do; mean and standard
            deviation.
        whole, exact: what all of the sample scores, as it is, and what as many independent exact samples do.

    >>> from koopcourse.judges import Verdict
    >>> print(Verdict(part=(0.31, 0.1), exact_part=(0.3, 0.1), whole=0.05, exact=(0.1, 0.02)))
    as good as exact samples: yes (1.0 floors); even: yes
    """

    part: tuple[float, float]
    exact_part: tuple[float, float]
    whole: float
    exact: tuple[float, float]

    @property
    def floors(self) -> float:
        """The law, in noise floors: 1 for exact samples."""
        return self.part[0] / self.exact_part[0]

    @property
    def as_good(self) -> bool:
        """True if the mean part is an ordinary exact sample: no more than a standard deviation above the mean."""
        mean, sd = self.exact_part
        return self.part[0] <= mean + sd

    @property
    def even(self) -> bool:
        """True if the sample scores less than nineteen of twenty independent exact ones.

        Distances are positive, and downwards they spread by a factor: the logarithm has the deviation ``sd / mean``.
        """
        mean, sd = self.exact
        return self.whole < mean * math.exp(-ONE_IN_TWENTY * sd / mean)

    def __str__(self) -> str:
        law, even = ("yes" if answer else "no" for answer in (self.as_good, self.even))
        return f"as good as exact samples: {law} ({self.floors:.1f} floors); even: {even}"


def verdict(
    judge: Judge,
    particles: Tensor,
    exact: Draw,
    *,
    large: Tensor | None = None,
    independent: tuple[float, float] | None = None,
    repeats: int = 10,
    generator: torch.Generator | None = None,
) -> Verdict:
    """Are particles as good as exact samples, and do they lie evenly? One line that answers both.

    The law is that of random parts: of as many points as ``particles`` has where there is a ``large`` run, else of a
    fifth of the particles, beside a fifth as many exact samples. Evenness is that of all particles, as they are.

    Args:
        judge: ``judge(sample) -> number``, small is good.
        particles: ``(n, d)``.
        exact: ``exact(n, generator) -> (n, d)``, usually ``target.sample``.
        large: a run of the same method ``(N, d)``, ``N`` at least five times ``n``.
        independent: mean and deviation of ``n`` independent exact samples, if they are known already.
        repeats: random parts, and exact samples.
        generator: source of both.

    >>> import torch
    >>> from koopcourse.judges import verdict
    >>> from koopteach import OrnsteinUhlenbeck, sliced_wasserstein2
    >>> g, normal = torch.Generator().manual_seed(0), OrnsteinUhlenbeck(1)
    >>> far = normal.sample(5000, g)
    >>> found = verdict(lambda x: sliced_wasserstein2(x, far), 3 * normal.sample(500, g), normal.sample, generator=g)
    >>> found.as_good, found.even
    (False, False)
    """
    particles = as_points("verdict", "particles", particles, at_least=2 * LARGE)
    source, n = (particles, len(particles) // LARGE) if large is None else (large, len(particles))
    if independent is None:
        independent = noise_floor(judge, exact, len(particles), repeats=repeats, generator=generator)
    of_part = independent
    if n != len(particles):
        of_part = noise_floor(judge, exact, n, repeats=repeats, generator=generator)
    part = law(judge, source, n, repeats=repeats, generator=generator)
    return Verdict(part, of_part, float(judge(particles)), independent)


@dataclass(frozen=True)
class Numbers:
    """The numbers behind verdicts, by name: a table in a fold where a notebook shows it, lines elsewhere."""

    verdicts: Mapping[str, Verdict]

    HEADS = "", "parts: law", "exact", "as they are", "exact"

    def rows(self) -> list[tuple[str, ...]]:
        return [
            (name, _spread(v.part), _spread(v.exact_part), f"{v.whole:.2g}", _spread(v.exact))
            for name, v in self.verdicts.items()
        ]

    def __repr__(self) -> str:
        return "\n".join("  ".join(f"{cell:>14}" for cell in row) for row in [self.HEADS, *self.rows()])

    def show(self) -> None:
        """Put the fold below the cell, wherever in it this is called."""
        from IPython.display import display

        display(self)

    def _repr_html_(self) -> str:
        lines = [
            "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
            for tag, row in [("th", self.HEADS), *(("td", row) for row in self.rows())]
        ]
        table = "<table>" + "".join(lines) + "</table>"
        return f'<details><summary>the numbers</summary><div style="overflow-x: auto">{table}</div></details>'


def _spread(number: tuple[float, float]) -> str:
    return f"{number[0]:.2g} ± {number[1]:.1g}"


# The energy distance, which herding makes small


def energy_distance(x: Tensor, y: Tensor) -> float:
    """``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` of two samples, all pairs; zero for the same points, never negative.

    Args:
        x, y: ``(n, d)`` and ``(m, d)``.

    Source: Szekely, Rizzo 2013.

    >>> from koopcourse.judges import energy_distance
    >>> energy_distance([[0.0], [2.0]], [[1.0]])  # 2 * 1 - 1 - 0
    1.0
    """
    x = as_points("energy_distance", "x", x).double()
    y = as_points("energy_distance", "y", y, dim=x.shape[1]).to(x)
    return 2 * _mean_distance(x, y) - _mean_distance(x, x) - _mean_distance(y, y)


def _mean_distance(x: Tensor, y: Tensor) -> float:
    return sum(float(distances(x[rows], y).sum()) for rows in chunks(len(x), len(y))) / (len(x) * len(y))


# A sample against held-out data: can they be told apart, does it copy, how far off is it in the data's own units


def auc(
    sample: Tensor, held_out: Tensor, *, modes: Tensor | None = None, generator: torch.Generator | None = None
) -> float:
    """How well a forest tells a sample from held-out data: area under its curve, .5 if it can't, 1 if always.

    Distances see where mass lies; a classifier also sees what hardly any mass tells: values that no datum has, a
    coordinate that does not belong to another. 100 extremely randomised trees with two rows a leaf at least, each
    judged on the rows that it did not see. A little *below* .5 is usual for equal laws, and far below it means that
    the sample lies more evenly than the data: judge a random part of a larger one.

    Args:
        sample, held_out: ``(n, d)`` and ``(m, d)``; as many of each are taken at random, at most 600.
        modes: ``(k, d)`` where they are known: distance to and index of the nearest become two columns.
        generator: source of the choice and of the trees.

    Raises:
        ValueError: fewer than 20 rows, shapes that do not fit, NaN.

    Source: Lopez-Paz, Oquab 2017 (classifier two-sample test); Geurts et al. 2006 (the trees).
    """
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import roc_auc_score

    sample = as_points("auc", "sample", sample, at_least=FEWEST_ROWS).double()
    held_out = as_points("auc", "held_out", held_out, dim=sample.shape[1], at_least=FEWEST_ROWS).to(sample)
    n = min(len(sample), len(held_out), MOST_ROWS)
    rows = torch.cat([part[shuffled_rows(part, generator)[:n]] for part in (sample, held_out)])
    if modes is not None:
        nearest = distances(rows, as_points("auc", "modes", modes, dim=rows.shape[1]).to(rows)).min(dim=1)
        rows = torch.cat([rows, nearest.values[:, None], nearest.indices[:, None].to(rows)], dim=1)
    is_held_out = [False] * n + [True] * n
    forest = ExtraTreesClassifier(
        100, min_samples_leaf=2, bootstrap=True, oob_score=True, random_state=seed_from(generator)
    ).fit(rows.tolist(), is_held_out)
    return float(roc_auc_score(is_held_out, forest.oob_decision_function_[:, 1]))


def halves(sample: Tensor, train: Tensor, held_out: Tensor, *, generator: torch.Generator | None = None) -> float:
    """Share of the sample that is nearer to the training data than to held-out data: .5 for new points, 1 for copies.

    Both parts are cut at random to the smaller one's size, as the nearer of two is likelier in the larger part. A
    point that is equally near to both counts half.

    Args:
        sample: ``(n, d)``.
        train: what the sampler was given ``(m, d)``.
        held_out: what it was not ``(k, d)``.
        generator: source of the cut.

    Raises:
        ValueError: shapes that do not fit, NaN.
    """
    sample = as_points("halves", "sample", sample)
    parts = {"train": train, "held_out": held_out}
    both = [as_points("halves", name, part, dim=sample.shape[1]).to(sample) for name, part in parts.items()]
    n = min(map(len, both))
    seen, unseen = (_to_nearest(sample, part[shuffled_rows(part, generator)[:n]]) for part in both)
    return float(((seen < unseen).double() + 0.5 * (seen == unseen).double()).mean())


def _to_nearest(x: Tensor, y: Tensor) -> Tensor:
    return torch.cat([distances(x[rows], y).amin(dim=1) for rows in chunks(len(x), len(y))])


def relative_sliced_w2(
    sample: Tensor, train: Tensor, held_out: Tensor, *, generator: torch.Generator | None = None
) -> float:
    """Sliced W2 to held-out data, each column in units of the training part, over the same of training rows.

    One means as far off as as many rows of the data themselves, the mean of 8 draws; no unit that somebody happened
    to measure in counts. A constant column is left in its own unit.

    Args:
        sample: ``(n, d)``; at most as many rows as ``train`` has.
        train: what the sampler was given ``(m, d)``.
        held_out: ``(k, d)``.
        generator: source of the draws.

    Raises:
        ValueError: more rows than training rows, shapes that do not fit, NaN.
    """
    who = "relative_sliced_w2"
    train = as_points(who, "train", train, at_least=2)
    sample, held_out = (
        as_points(who, name, part, dim=train.shape[1]).to(train)
        for name, part in {"sample": sample, "held_out": held_out}.items()
    )
    if len(sample) > len(train):
        raise ValueError(
            f"{who}: sample has {len(sample)} rows, but train has {len(train)} to draw as many from. "
            f"Judge a random {len(train)} of them."
        )
    deviation = train.std(dim=0)
    unit = torch.where(deviation > 0, deviation, 1.0)
    draws = [train[shuffled_rows(train, generator)[: len(sample)]] for _ in range(UNIT_DRAWS)]
    floor = statistics.fmean(sliced_wasserstein2(draw / unit, held_out / unit) for draw in draws)
    return sliced_wasserstein2(sample / unit, held_out / unit) / floor
