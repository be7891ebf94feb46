"""NeuralDictionary: its gradient, its score, and that training finds slow modes which the random start had not."""

import math

import pytest
import torch

from koopteach import EDMD, Hermite, NeuralDictionary, OrnsteinUhlenbeck, QuadrupleWell, snapshot_pairs
from koopteach.dictionaries.neural import _vamp2
from tests.tools import seeded

TARGET, LAG = QuadrupleWell(2.0), 0.1


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def pairs(n, seed=0):
    return snapshot_pairs(TARGET, n, lag=LAG, dt=0.02, generator=seeded(seed))


@pytest.fixture(scope="module")
def learned():
    return NeuralDictionary.from_pairs(*pairs(3000), 4, n_steps=400, generator=seeded())


def test_gradients_are_those_of_autograd(learned):
    x, c = normal(20, 2), normal(4, 3, seed=1)
    u = x.clone().requires_grad_(True)
    expected = torch.stack([torch.autograd.grad(f, u, retain_graph=True)[0] for f in learned(u).sum(0)], dim=1)
    torch.testing.assert_close(learned.grad(x), expected, rtol=1e-8, atol=1e-8)
    contracted = torch.einsum("nmd,mr->nrd", expected, c)
    torch.testing.assert_close(learned.contract_grad(x, c), contracted, rtol=1e-8, atol=1e-8)
    assert (learned.dim, learned.n_features, learned(x).shape) == (2, 4, (20, 4))


def test_training_finds_the_slow_modes(learned):
    """On pairs it has not seen; the network it started from misses them."""
    fresh = pairs(20_000, seed=1)
    exact = TARGET.exact_rates(3)
    rates = EDMD(learned, lag=LAG).fit(*fresh).spectrum(3).rates
    torch.testing.assert_close(rates, exact, rtol=0.1, atol=0)
    start = NeuralDictionary._fresh(fresh[0], 40, 4, seeded())
    before = EDMD(start, lag=LAG).fit(*fresh).spectrum(3).rates
    assert float((before / exact).max()) > 1.3


def test_the_score_is_the_sum_of_squared_eigenvalues():
    x, y = snapshot_pairs(OrnsteinUhlenbeck(1), 5000, lag=0.3, generator=seeded())
    psi = Hermite(1, 3)
    mu = torch.exp(-0.3 * EDMD(psi, lag=0.3).fit(x, y).spectrum().rates)
    assert float(_vamp2(psi(x), psi(y))) == pytest.approx(float((mu**2).sum()), rel=1e-3)
    mixed = normal(3, 3, seed=4)
    assert float(_vamp2(psi(x) @ mixed + 5, psi(y) @ mixed + 5)) == pytest.approx(float((mu**2).sum()), rel=5e-3)
    assert float(_vamp2(psi(x), psi(x))) == pytest.approx(3, rel=1e-3)


def test_the_generator_decides_the_network_and_other_units_do_not():
    x, y = pairs(500)
    one, same, scaled = (
        NeuralDictionary.from_pairs(c * x + b, c * y + b, 2, n_steps=5, batch=100, generator=seeded(1))
        for c, b in ((1, 0), (1, 0), (64, 640))
    )
    assert torch.equal(one(x), same(x))
    torch.testing.assert_close(scaled(64 * x + 640), one(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_a_constant_coordinate_is_no_direction(value):
    """Divided by its spread it would be nothing over nothing, or rounding blown up."""
    x, y = (torch.cat([z, torch.full((len(z), 1), value, dtype=z.dtype)], 1) for z in pairs(300))
    psi = NeuralDictionary.from_pairs(x, y, 2, n_steps=3, batch=50, generator=seeded())
    assert bool(psi(x).isfinite().all())
    assert float(psi.grad(x).abs().max()) < 1e3
    torch.testing.assert_close(psi.scale, torch.cat([x[:, :2].std(0, correction=0), torch.ones(1).double()]))


def test_the_first_weights_keep_the_size_of_what_goes_through():
    """Fan-in scaling: a wide layer's outputs have variance one, its biases half of that scale."""
    x = normal(500, 30)
    psi = NeuralDictionary._fresh(x, 400, 200, seeded())
    for weight, bias in psi.layers:
        assert float(weight.std()) * math.sqrt(len(weight)) == pytest.approx(1, rel=0.1)
        assert float(bias.std()) == pytest.approx(0.5, rel=0.25)
    torch.testing.assert_close(psi.middle, x.mean(0))
    torch.testing.assert_close(psi.scale, x.std(0, correction=0))


def test_it_is_an_ordinary_dictionary(learned):
    x = normal(10, 2)
    assert not learned(x).requires_grad
    single = learned.to(torch.float32)
    torch.testing.assert_close(single(x.float()).double(), learned(x), rtol=0, atol=1e-4)
    torch.testing.assert_close(single.grad(x.float()).double(), learned.grad(x), rtol=0, atol=1e-3)
    with torch.no_grad():  # training brings its own gradients
        trained = NeuralDictionary.from_pairs(*(z.float() for z in pairs(200)), 2, n_steps=3, batch=50)
    assert trained(x.float()).dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_features": 0}, "n_features must be at least 1, got 0"),
        ({"n_features": 30}, "x has 100 points, but at least 300"),
        ({"n_features": 4, "batch": 20}, "batch must be at least 10 .* = 40, got 20"),
        ({"y": normal(99, 2)}, "x has 100 rows and y 99"),
        ({"y": normal(100, 3)}, r"y has shape \(100, 3\)"),
        ({"x": torch.full((100, 2), math.nan)}, "NaN or infinity"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        NeuralDictionary.from_pairs(**{"x": normal(100, 2), "y": normal(100, 2), "n_features": 2, **arguments})


def test_features_that_are_constant_to_the_last_bit_score_nothing():
    """A ridge in units of their variance alone would leave a matrix of zeros to be solved with."""
    still = torch.zeros(20, 2, dtype=torch.float64, requires_grad=True)
    score = _vamp2(still, still)
    score.backward()
    assert score.item() == 0.0
    assert still.grad.isfinite().all()
