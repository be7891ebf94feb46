"""The toy laws: their moments, their structure, and that the structure test sees what averaged distances do not."""

import math

import pytest
import torch

from koopteach import checkerboard, eight_gaussians, moons, sliced_wasserstein2, spirals
from tests.tools import seeded

TOYS = {"moons": moons, "eight gaussians": eight_gaussians, "checkerboard": checkerboard, "spirals": spirals}


@pytest.mark.parametrize("name", TOYS)
def test_mean_zero_and_unit_variance(name):
    n = 40_000
    x = TOYS[name].sample(n, seeded())
    assert x.shape == (n, 2)
    assert x.dtype == torch.float64
    fourth = (x**4).mean(0).max()  # the variance of a sample's second moment is at most this over n
    assert float(x.mean(0).abs().max()) < 5 / math.sqrt(n)
    assert float((x.square().mean(0) - 1).abs().max()) < 5 * float(fourth / n) ** 0.5


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
