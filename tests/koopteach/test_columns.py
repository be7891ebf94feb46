"""Which columns of a table get normal scores: those with tails, not those that reach far because a mode lies there."""

import pytest
import torch

from koopteach.sampler.columns import Columns
from tests.tools import seeded


def scored(x, weights=None):
    weights = torch.ones_like(x[:, 0]) if weights is None else weights
    return [j for j, _ in Columns.of(x, weights / weights.sum()).scores]


def uniform(*shape, seed=0):
    return torch.rand(shape, generator=seeded(seed), dtype=torch.float64)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("weight", [0.05, 0.1, 0.15])
def test_a_mode_apart_is_no_tail(weight, sign):
    """It skews its column by more than one, and normal scores would close the gap before it."""
    x = torch.randn(4000, 3, generator=seeded(1), dtype=torch.float64)
    apart = sign * (x + 4.24 * (uniform(4000, 3) < weight))
    u = (apart - apart.mean(0)) / apart.std(0)
    assert (u.pow(3).mean(0).abs() > 1).all()
    assert scored(apart) == []


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_tail_is_no_mode(sign):
    exponential = -uniform(4000, 4).log()
    lognormal = torch.randn(4000, 4, generator=seeded(2), dtype=torch.float64).exp()
    rain = -uniform(4000, 4, seed=3).log() * (uniform(4000, 4, seed=4) < 0.3)
    assert scored(sign * torch.cat([exponential, lognormal, rain], dim=1)) == list(range(12))


def test_few_rows_do_not_tell_and_keep_their_scores():
    x = torch.randn(900, 1, generator=seeded(1), dtype=torch.float64) + 4.24 * (uniform(900, 1) < 0.05)
    assert scored(x) == [0]
    no_row = torch.zeros(2000, dtype=torch.float64)
    more = torch.cat([x, torch.randn(2000, 1, generator=seeded(2), dtype=torch.float64)])
    assert scored(more, torch.cat([torch.ones_like(x[:, 0]), no_row])) == [0]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_weights_are_rows_that_are_met_so_often(sign):
    """Weighted, a third of the rows are a mode of a twentieth, and even rows fall off as a tail does."""
    x = torch.randn(4000, generator=seeded(1), dtype=torch.float64)
    apart = uniform(4000) < 1 / 3
    even = 6.5 * uniform(4000, seed=1)
    times = torch.where(apart, 1, 10), (300 * (-even).exp()).ceil().long()
    for column, weights, found in zip((x + 4.24 * apart, even), times, ([], [0])):
        column = sign * column[:, None]
        assert scored(column, weights.double()) == scored(column.repeat_interleave(weights, 0)) == found
