"""Plane waves: gradients from autograd, orthonormality on a grid, the kernel that random ones stand for."""

import math

import pytest
import torch

from koopteach import (
    EDMD,
    Fourier,
    GaussianRBF,
    GeneratorEDMD,
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


WAVES = {
    "circle": Fourier(1, 3, 2 * math.pi),
    "torus": Fourier(2, 2, [2 * math.pi, 1.0]),
    "space": Fourier(3, 1, 2.0),
    "random": RandomFourierFeatures(2, 9, 0.7, seeded()),
}


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


@pytest.mark.parametrize(("psi", "m"), [(WAVES["circle"], 6), (WAVES["torus"], 24), (WAVES["space"], 26)])
def test_a_periods_waves_are_periodic_and_orthonormal(psi, m):
    """On a grid finer than twice the order sums of waves are exact integrals."""
    assert psi.n_features == m
    axes = [torch.arange(7, dtype=torch.float64) / 7 * p for p in psi.period.expand(psi.dim)]
    x = torch.cartesian_prod(*axes).reshape(-1, psi.dim)
    values = psi(x)
    torch.testing.assert_close(values.mean(0), torch.zeros(m, dtype=x.dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(values.T @ values / len(x), torch.eye(m, dtype=x.dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(psi(x + psi.period), values, rtol=0, atol=1e-12)


def test_waves_are_the_modes_of_the_flat_torus():
    psi = Fourier(2, 2, torch.tensor([2 * math.pi, math.pi], dtype=torch.float64))
    axis = torch.arange(8, dtype=torch.float64) / 8
    x = torch.cartesian_prod(axis, axis) * psi.period
    rates = GeneratorEDMD(psi).fit(x).spectrum(8).rates
    expected = torch.tensor([1, 1, 4, 4, 4, 4, 5, 5], dtype=torch.float64)
    torch.testing.assert_close(rates, expected, rtol=1e-9, atol=0)


def test_low_waves_come_first():
    lengths = WAVES["circle"].frequencies[:, 0]
    torch.testing.assert_close(lengths, torch.tensor([1, 2, 3, 1, 2, 3], dtype=torch.float64))
    torch.testing.assert_close(
        WAVES["circle"](torch.zeros(1, 1, dtype=torch.float64)),
        math.sqrt(2) * torch.tensor([[1, 1, 1, 0, 0, 0]], dtype=torch.float64),
    )

    k = WAVES["torus"].frequencies[:12] * WAVES["torus"].period / (2 * math.pi)
    assert bool((k.abs().sum(1).diff() > -1e-9).all())


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


def test_the_generator_decides_the_waves():
    one, same, other = (RandomFourierFeatures(2, 5, 1.0, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one.frequencies, same.frequencies)
    assert not torch.equal(one.frequencies, other.frequencies)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Fourier(0, 1, 1.0), "dim must be at least 1, got 0"),
        (lambda: Fourier(1, 0, 1.0), "order must be at least 1, got 0"),
        (lambda: Fourier(8, 3, 1.0), "5764800 features.*RandomFourierFeatures"),
        (lambda: Fourier(2, 1, [1.0, 1.0, 1.0]), r"period has shape \(3,\), but one number or \(2,\)"),
        (lambda: Fourier(1, 1, -1.0), "period must be positive, got -1"),
        (lambda: Fourier(1, 1, math.nan), "period must be positive, got nan"),
        (lambda: Fourier(2, 1, 1.0)(normal(3, 1)), r"Fourier: x has shape \(3, 1\).*need 2 coordinates"),
        (lambda: RandomFourierFeatures(1, 0, 1.0), " n must be at least 1, got 0"),
        (lambda: RandomFourierFeatures(1, 3, 0.0), "width must be positive, got 0"),
        (lambda: RandomFourierFeatures(1, 3, math.inf), "width must be positive, got inf"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
