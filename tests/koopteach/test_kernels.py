"""Gaussian kernels: the three traps of fast ones, and sums in tiles against plain double loops."""

import pytest
import torch

from koopteach import DiffusionMaps, GaussianRBF, Hermite, kernels
from koopteach.dictionaries.gram import add_gram_, from_lower_triangle
from koopteach.spectrum import Expansion, Spectrum

FLOATS = [torch.float32, torch.float64]


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def plain_sums(u, precision, columns):
    total = torch.zeros_like(columns)
    for i in range(len(u)):
        for j in range(len(u)):
            total[i] += torch.exp(-0.5 * precision * (u[i] - u[j]).square().sum()) * columns[j]
    return total


@pytest.mark.parametrize("dtype", FLOATS)
def test_one_particle_far_away_takes_no_digit_from_the_others(dtype):
    """Its own kernel is one, although the numbers that cancel in its exponent are of size 1e8."""
    u, columns = normal(6, 2, dtype=dtype), normal(6, 3, seed=1, dtype=dtype)
    u[3] = 1e4
    alone = [0, 1, 2, 4, 5]
    found = kernels.symmetric_sums(u, 1.0, columns)
    assert torch.equal(found[3], columns[3])
    torch.testing.assert_close(found[alone], plain_sums(u[alone], 1.0, columns[alone]))


@pytest.mark.parametrize("numbers", [2**19, 40, 1])
def test_symmetric_sums_are_the_double_loop(numbers, monkeypatch):
    monkeypatch.setitem(kernels._TILE, "cpu", numbers)
    monkeypatch.setattr(kernels, "_LEAST", 1)
    u, columns = normal(7, 2), normal(7, 3, seed=1)
    torch.testing.assert_close(kernels.symmetric_sums(u, 2.0, columns), plain_sums(u, 2.0, columns), rtol=1e-12, atol=0)


def test_weights_and_widths_are_in_the_exponent():
    z, u, p, weights = normal(4, 3), normal(6, 3, seed=1), normal(4, seed=2).abs(), normal(4, seed=3).abs()
    found = torch.exp2(kernels.augmented(u) @ kernels.exponents(z, p, weights.log()).T)
    expected = weights * torch.exp(-0.5 * p * (u[:, None] - z).square().sum(2))
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("dtype", FLOATS)
def test_no_kernel_is_subnormal_or_above_one(dtype):
    """Subnormal numbers make every later product slow."""
    value = kernels.exp2_(torch.tensor([1e-6, 0.0, -100.0, -126.5, -140.0, -1030.0, -1e9], dtype=dtype))
    assert bool((value >= torch.finfo(dtype).tiny).all())
    assert float(value.max()) == 1.0


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_kernels_far_from_the_origin_keep_their_digits_in_float32(offset):
    """Whoever makes kernels centres first; 1/8 and its multiples shift without rounding.

    What is left is the rounding of an exponent, a sum of three as large as the squared distance from the middle.
    """
    x = (8 * normal(60, 2)).round() / 8
    moved = (x + offset).float()
    exact = torch.exp(-torch.cdist(x, x).square() / 2)
    rounding = 4 * torch.finfo(torch.float32).eps * float((x - x.mean(0)).square().sum(1).max())
    torch.testing.assert_close(GaussianRBF(moved, 1.0)(moved).double(), exact, rtol=0, atol=rounding)
    here, there = (DiffusionMaps(1.0).fit(z).spectrum(3) for z in (x.float(), moved))
    at = moved[:10]
    torch.testing.assert_close(there.grad(at), here.grad(at - offset), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("numbers", [2**19, 1])
def test_averages_in_tiles_are_those_of_a_softmax(numbers, monkeypatch):
    monkeypatch.setitem(kernels._TILE, "cpu", numbers)
    x, u = normal(80, 2), 2 * normal(30, 2, seed=1)
    spectrum = DiffusionMaps(0.6).fit(x).spectrum(4)
    f = spectrum.functions
    shares = torch.softmax(f.log_weights - torch.cdist(u, x).square() / (2 * 0.6**2), dim=1)
    torch.testing.assert_close(spectrum(u), shares @ f.values, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(spectrum.mean(u), spectrum(u).mean(0), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", [float, complex])
def test_the_mean_is_that_of_the_single_values(kind):
    psi = Hermite(2, 3)
    coefficients = normal(psi.n_features, 4).to(torch.complex128 if kind is complex else torch.float64)
    coefficients = coefficients * (1 + 2j) if kind is complex else coefficients
    functions = Expansion(psi, normal(psi.n_features, seed=1), coefficients)
    spectrum = Spectrum(torch.ones(4).to(coefficients), torch.ones(4).double(), 1.0, functions)
    x = normal(50, 2, seed=2)
    torch.testing.assert_close(spectrum.mean(x), spectrum(x).mean(0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", FLOATS)
def test_gram_matrices_add_up_in_float64(dtype):
    m = 100  # two blocks of columns and a part of one
    a, b = normal(50, m, dtype=dtype), normal(9, m, seed=1, dtype=dtype)
    total = torch.zeros(m, m, dtype=torch.float64)
    add_gram_(total, a)
    add_gram_(total, b.T.contiguous().T)  # not in the order of rows
    expected = a.double().T @ a.double() + b.double().T @ b.double()
    tol = 1e-13 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(from_lower_triangle(total), expected, rtol=tol, atol=tol)
