"""The toy laws: their moments, their structure, and that the structure test sees what averaged distances do not."""

import math

import pytest
import torch

from koopteach import checkerboard, eight_gaussians, moons, sliced_wasserstein2, spirals
from koopteach.targets import toys as module
from tests.tools import seeded

TOYS = {"moons": moons, "eight gaussians": eight_gaussians, "checkerboard": checkerboard, "spirals": spirals}


def on_a_grid(monkeypatch, name, m=400):
    """All points of a toy that a regular grid of random numbers gives, its own noise left out, and that noise."""
    middles = (torch.arange(m, dtype=torch.float64) + 0.5) / m
    grid = torch.cartesian_prod(middles, middles)
    monkeypatch.setattr(module, "rand", lambda shape, like, generator: grid if shape[1] == 2 else grid.T)
    monkeypatch.setattr(module, "randn", lambda shape, like, generator: torch.zeros(shape, dtype=torch.float64))
    return TOYS[name].sample(len(grid))


@pytest.mark.parametrize("name", ["moons", "checkerboard", "spirals"])
def test_mean_zero_and_unit_variance(name, monkeypatch):
    """Without chance: on a grid the error is that of the midpoint rule, and of chords in the place of curves."""
    x, toy = on_a_grid(monkeypatch, name), TOYS[name]
    noise = (toy.noise / toy.scale) ** 2 if hasattr(toy, "noise") else 0.0
    torch.testing.assert_close(x.mean(0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-4)
    torch.testing.assert_close(x.square().mean(0) + noise, torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-4)


def test_the_eight_gaussians_have_mean_zero_and_unit_variance():
    means, stds = eight_gaussians.means, eight_gaussians.stds
    torch.testing.assert_close(means.mean(0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close((means**2 + stds**2).mean(0), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_noise_of_the_curves_is_their_own(monkeypatch):
    for toy in (moons, spirals):
        monkeypatch.setattr(module, "rand", lambda shape, like, generator: torch.full(shape, 0.3, dtype=torch.float64))
        x = toy.sample(20_000, seeded()) * toy.scale
        error = 5 * toy.noise / math.sqrt(2 * 20_000)
        torch.testing.assert_close(x.std(0), torch.full((2,), toy.noise, dtype=torch.float64), rtol=0, atol=error)


@pytest.mark.slow
def test_both_curves_are_drawn_along_their_whole_length(monkeypatch):
    """The grid's points are the curves themselves; half of them belong to each."""
    for name in ("moons", "spirals"):
        toy, x = TOYS[name], on_a_grid(monkeypatch, name, 100)
        raw = x * toy.scale + toy.middle
        nearest = torch.cdist(raw, toy.curves.flatten(0, 1)).min(dim=1)
        step = (toy.curves[:, 1:] - toy.curves[:, :-1]).norm(dim=2).max()
        assert float(nearest.values.max()) <= step / 2
        assert torch.bincount(nearest.indices // 1000).tolist() == [5000, 5000]
        assert sorted({int(i) // 100 for i in nearest.indices}) == list(range(20))  # each tenth of each curve


def test_the_structure_ends_at_three_standard_deviations_and_at_0_35():
    end = moons.curves[1, 999] + torch.tensor([[2.95], [3.05]]) * 0.06 * torch.tensor([1.0, 0.0])  # beyond the last
    assert moons.on_structure((end - moons.middle) / moons.scale).tolist() == [True, False]
    outward = eight_gaussians.means[:1] / eight_gaussians.means[0].norm()
    off = eight_gaussians.means[:1] + torch.tensor([[0.345], [0.355]]) * outward
    assert eight_gaussians.on_structure(off).tolist() == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "share", "margin"),
    [
        ("eight gaussians", 1 - math.exp(-(3.5**2) / 2), 1e-3),  # a disc of 3.5 standard deviations
        ("checkerboard", 1.0, 0.0),
        ("moons", 0.9973, 2e-3),  # a tube of three standard deviations about a curve with two ends
        ("spirals", 0.9973, 2e-3),
    ],
)
def test_samples_lie_on_their_structure_and_noise_does_not(name, share, margin):
    n = 20_000
    assert TOYS[name].structure(TOYS[name].sample(n, seeded())) == pytest.approx(share, abs=margin)
    assert TOYS[name].structure(torch.randn(n, 2, generator=seeded())) < 0.55


def test_the_checkerboard_has_eight_cells_that_touch_at_corners():
    side = checkerboard.side
    x = checkerboard.sample(8000, seeded()) / side + 2
    cell = x.floor().long()
    assert bool(((cell.sum(1) % 2) == 0).all())
    counts = torch.bincount(4 * cell[:, 0] + cell[:, 1], minlength=16)
    assert int((counts > 0).sum()) == 8
    assert float((counts[counts > 0] - 1000).abs().max()) < 5 * math.sqrt(8000 / 8 * 7 / 8)
    inside = side * (torch.tensor([[0.5, 0.5], [0.5, 1.5], [1.0 - 0.04 / side, 1.5], [1.0 - 0.06 / side, 1.5]]) - 2)
    assert checkerboard.on_structure(inside.double()).tolist() == [True, False, True, False]
    edge = side * torch.tensor([[0.5, 1.0]], dtype=torch.float64) - 2 * side
    shifted = torch.cat([edge + torch.tensor([0.0, 0.049]), edge + torch.tensor([0.0, 0.051])])
    assert checkerboard.on_structure(shifted).tolist() == [True, False]


def test_a_ring_passes_the_distance_but_not_the_structure():
    """Eight blobs smeared to a ring: the reason why the toys have a structure test."""
    angle = 2 * math.pi * torch.rand(4000, generator=seeded(), dtype=torch.float64)
    ring = math.sqrt(1.98) * torch.stack([angle.cos(), angle.sin()], dim=1)
    ring += 0.1 * torch.randn(4000, 2, generator=seeded(1), dtype=torch.float64)
    assert sliced_wasserstein2(ring, eight_gaussians.sample(4000, seeded(2))) < 0.12
    assert eight_gaussians.structure(ring) < 0.8


def test_a_toy_holds_double_precision():
    """Its draws take their precision from what it holds, and a mixture of two would hide the coarser one."""
    for toy in (moons, spirals):
        assert {toy.curves.dtype, toy.middle.dtype, toy.scale.dtype} == {torch.float64}
    assert {toy.sample(2, seeded()).dtype for toy in TOYS.values()} == {torch.float64}


def test_a_moved_toy_draws_in_its_own_dtype():
    for toy in TOYS.values():
        single = toy.to(torch.float32)
        x = single.sample(10, seeded())
        assert x.dtype == torch.float32
        assert torch.equal(single.on_structure(x), toy.on_structure(x.double()))
        assert torch.equal(toy.sample(10, seeded(3)), toy.sample(10, seeded(3)))


def test_points_of_another_dimension_are_named():
    with pytest.raises(ValueError, match=r"on_structure: x has shape \(4, 3\)"):
        moons.structure(torch.zeros(4, 3))
