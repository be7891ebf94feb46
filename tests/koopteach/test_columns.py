"""Which columns of a table get normal scores: those with tails, not those that reach far because a mode lies there."""

import pytest
import torch

from koopteach.sampler.columns import Columns
from tests.tools import seeded


def scored(x):
    return [j for j, _ in Columns.of(x, torch.full((len(x),), 1 / len(x), dtype=x.dtype)).scores]


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
