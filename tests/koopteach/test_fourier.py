"""Random plane waves: gradients from autograd, the kernel that they stand for, the laws of their parts."""

import math

import pytest
import torch

from koopteach import (
    EDMD,
    GaussianRBF,
    OrnsteinUhlenbeck,
    RandomFourierFeatures,
    snapshot_pairs,
)
from tests.tools import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def autograd(function, x):
    """``(n, m, d)``, one backward pass a feature."""
    x = x.clone().requires_grad_(True)
    return torch.stack([torch.autograd.grad(c, x, retain_graph=True)[0] for c in function(x).sum(0)], dim=1)


WAVES = {"line": RandomFourierFeatures(1, 4, 0.2, seeded()), "plane": RandomFourierFeatures(2, 9, 0.7, seeded())}


@pytest.mark.parametrize("name", WAVES)
def test_gradients_are_those_of_autograd(name):
    psi = WAVES[name]
    x, c = normal(20, psi.dim, seed=1), normal(psi.n_features, 5, seed=2)
    gradient = psi.grad(x)
    assert psi(x).shape == (20, psi.n_features)
    torch.testing.assert_close(gradient, autograd(psi, x), rtol=1e-8, atol=1e-8)
    expected = torch.einsum("nmd,mr->nrd", gradient, c)
    torch.testing.assert_close(psi.contract_grad(x, c), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", WAVES)
def test_single_precision_agrees(name):
    psi = WAVES[name]
    x = normal(20, psi.dim, seed=1)
    angle = 1 + float((x.abs() @ psi.frequencies.abs().T).max())  # of which float32 keeps seven digits
    for single in (psi(x.float()), psi.to(torch.float32)(x.float())):
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), psi(x), rtol=0, atol=2 * torch.finfo(torch.float32).eps * angle)


@pytest.mark.parametrize("n", [100, 10_000])
def test_random_waves_stand_for_the_kernel(n):
    x, width = normal(12, 2, seed=4), 1.3
    psi = RandomFourierFeatures(2, n, width, seeded(5))
    error = psi(x) @ psi(x).T - GaussianRBF(x, width)(x)
    assert float(error.square().mean().sqrt()) < 1.5 / math.sqrt(n)


def test_random_waves_find_slow_rates():
    pairs = snapshot_pairs(OrnsteinUhlenbeck(2), 20_000, lag=0.3, generator=seeded())
    rates = EDMD(RandomFourierFeatures(2, 60, 2.0, seeded()), lag=0.3).fit(*pairs).spectrum(2).rates
    torch.testing.assert_close(rates, torch.ones(2, dtype=torch.float64), rtol=0.05, atol=0)


def test_frequencies_are_normal_and_phases_uniform():
    """Their first four moments; 100,000 draws know the last, the worst, to 0.03."""
    psi = RandomFourierFeatures(1, 100_000, 0.5, seeded())
    u = 0.5 * psi.frequencies[:, 0]
    moments = torch.stack([u.mean(), u.square().mean(), (u**3).mean(), (u**4).mean()])
    torch.testing.assert_close(moments, torch.tensor([0.0, 1.0, 0.0, 3.0]).double(), rtol=0, atol=0.12)
    phases = psi.phases.sort().values / (2 * math.pi)
    uniform = (torch.arange(100_000) + 0.5).double() / 100_000
    assert float((phases - uniform).abs().max()) < 0.01  # Kolmogorov and Smirnov: 0.004 in one of twenty


def test_the_generator_decides_the_waves():
    one, same, other = (RandomFourierFeatures(2, 5, 1.0, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one.frequencies, same.frequencies)
    assert not torch.equal(one.frequencies, other.frequencies)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RandomFourierFeatures(0, 1, 1.0), "dim must be at least 1, got 0"),
        (lambda: WAVES["plane"](normal(3, 1)), r"RandomFourierFeatures: x has shape \(3, 1\).*need 2 coordinates"),
        (lambda: RandomFourierFeatures(1, 0, 1.0), " n must be at least 1, got 0"),
        (lambda: RandomFourierFeatures(1, 3, 0.0), "width must be positive, got 0"),
        (lambda: RandomFourierFeatures(1, 3, math.inf), "width must be positive, got inf"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
