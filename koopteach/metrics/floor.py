"""What a distance reads when there is nothing left to improve."""

import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from koopteach.tensors import as_count


def noise_floor(
    metric: Callable[..., float],
    sampler: Callable[[int, torch.Generator | None], Tensor],
    n: int,
    *,
    reference: Tensor | None = None,
    repeats: int = 20,
    generator: torch.Generator | None = None,
) -> tuple[float, float]:
    """Mean and standard deviation of ``metric`` over fresh exact samples: the scale a result is read on.

    A perfect sampler still scores the floor, because ``n`` points are not a distribution. A result well below
    the floor comes from points that are more regular than independent ones, not from a better law.

    Args:
        metric: ``metric(sample, reference)``, or ``metric(sample)`` when ``reference`` is None.
        sampler: ``sampler(n, generator) -> (n, d)``, usually ``target.sample``.
        n: points per draw; as many as the result to be judged has.
        reference: the sample that results are compared with, much larger than ``n``.
        repeats: fresh draws, at least two.
        generator: source of the draws.

    Raises:
        TypeError: a metric or sampler that is no function.
        ValueError: fewer than two repeats.

    >>> import torch
    >>> import koopteach as kt
    >>> target, g = kt.OrnsteinUhlenbeck(1), torch.Generator().manual_seed(0)
    >>> mean, spread = kt.noise_floor(lambda x: abs(float(x.mean())), target.sample, 100, repeats=200, generator=g)
    >>> abs(mean - 0.08) < 0.02, abs(spread - 0.06) < 0.02  # of a normal number of variance 1/100
    (True, True)
    """
    repeats = as_count("noise_floor", "repeats", repeats, at_least=2)  # one has no spread
    for name, function, example in (("metric", metric, "kt.wasserstein2"), ("sampler", sampler, "target.sample")):
        if not callable(function):
            raise TypeError(
                f"noise_floor: {name} must be a function, such as {example}, got {type(function).__name__}. Of data "
                "alone hold a part back: its distance to the other part is the floor."
            )
    more = () if reference is None else (reference,)
    values = [float(metric(sampler(n, generator), *more)) for _ in range(repeats)]
    return statistics.fmean(values), statistics.stdev(values)
