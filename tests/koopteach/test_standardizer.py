"""The affine map of columns: mean zero, unit spread, and the same answer in anybody's units."""

import pytest
import torch

from koopteach import Standardizer
from tests.tools import seeded


@pytest.mark.parametrize("unit", [1e-200, 1e-6, 1.0, 1e6, 1e150])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_units_and_offsets_change_nothing(unit, offset):
    x = torch.randn(100, 3, dtype=torch.float64, generator=seeded(1))
    there = unit * (x + offset)
    u, moved = Standardizer.of(x)(x), Standardizer.of(there)(there)
    torch.testing.assert_close(moved, u, rtol=0, atol=1e-11 if offset else 1e-13)
    torch.testing.assert_close(u.var(dim=0, correction=0), torch.ones(3).double())
    torch.testing.assert_close(u.mean(dim=0), torch.zeros(3).double(), rtol=0, atol=1e-12)


def test_undo_is_the_inverse_and_keeps_the_dtype():
    x = 1e5 + 1e3 * torch.randn(50, 2, generator=seeded(2))
    units = Standardizer.of(x)
    assert units(x).dtype == torch.float32
    torch.testing.assert_close(units.undo(units(x)), x)
    assert units.to(torch.float64).center.dtype == torch.float64


def test_a_constant_column_keeps_its_unit():
    x = torch.stack([torch.full((9,), 7.0), torch.arange(9.0)], dim=1)
    units = Standardizer.of(x)
    assert units.spread[0] == 1
    assert units(x)[:, 0].abs().max() == 0


def test_weights_are_repeated_rows():
    x = torch.randn(4, 2, dtype=torch.float64, generator=seeded(3))
    counts = torch.tensor([1, 3, 0, 2])
    weighted, repeated = Standardizer.of(x, weights=counts), Standardizer.of(x.repeat_interleave(counts, dim=0))
    torch.testing.assert_close(weighted.center, repeated.center)
    torch.testing.assert_close(weighted.spread, repeated.spread)
