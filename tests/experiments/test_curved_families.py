"""What the table of curved interpolants needs alone: maps given the data, coupling charts, Gaussians, its methods."""

import pytest
import torch

from experiments.curved_interpolants import flows
from experiments.curved_interpolants.families import ConditionalAffine, ConditionalCoupling, CouplingChart
from experiments.curved_interpolants.gaussian import GaussianStraight
from koopteach import (
    CurvedInterpolant,
    FourierNet,
    LinearInterpolant,
    PushedFlow,
    TrigonometricInterpolant,
    acceleration,
    check_interpolant,
    integrate,
    optimal_field,
)
from koopteach.tensors import jvp
from tests.interpolants import convex_map, random_weights, uniform
from tests.tools import normal, seeded

S0 = torch.tensor([[1.0, 0.3, 0.1], [0.3, 0.5, -0.2], [0.1, -0.2, 0.8]], dtype=torch.float64)
S1 = torch.tensor([[0.4, -0.5, 0.0], [-0.5, 1.6, 0.3], [0.0, 0.3, 0.7]], dtype=torch.float64)
BELLS = GaussianStraight(normal(3), S0, normal(3, seed=1), S1)
ALL = {
    "affine": random_weights(ConditionalAffine(3, width=8)),
    "coupling": random_weights(ConditionalCoupling(3, width=8)),
    "coupling chart": random_weights(CouplingChart(3, width=8)),
    "gaussian": BELLS,
}
EVERY = pytest.mark.parametrize("interpolant", ALL.values(), ids=ALL)


@pytest.mark.slow
@EVERY
def test_ends_inverse_determinant_and_rate(interpolant):
    x0, x1, h = normal(6, 3), normal(6, 3, seed=1), 1e-5
    check_interpolant(interpolant, x0, x1)
    for t in (0.05, 0.4, 0.95):
        back, logdet = interpolant.inverse(interpolant.value(x0, x1, t), x1, t)
        torch.testing.assert_close(back, x0, rtol=0, atol=1e-10)
        slope = (interpolant.value(x0, x1, t + h) - interpolant.value(x0, x1, t - h)) / (2 * h)
        torch.testing.assert_close(interpolant.rate(x0, x1, t), slope, rtol=1e-6, atol=1e-6)
        x = interpolant.value(x0, x1, t)[0]
        jacobian = torch.autograd.functional.jacobian(lambda y, t=t: interpolant.inverse(y, x1[0], t)[0], x)
        assert float(logdet[0]) == pytest.approx(float(jacobian.slogdet().logabsdet), abs=1e-9)


@EVERY
def test_the_field_is_the_naive_double_loop(interpolant):
    x, pool, t = normal(3, 3), normal(4, 3, seed=1), 0.7 * uniform(3, 1)
    expected = torch.empty_like(x)
    for i in range(3):
        weights, rates = [], []
        for j in range(4):
            x0, logdet = interpolant.inverse(x[i], pool[j], t[i])
            weights.append(float((-0.5 * x0.square().sum() + logdet).exp()))
            rates.append(interpolant.rate(x0[None], pool[j : j + 1], t[i : i + 1])[0])
        expected[i] = sum(w * u for w, u in zip(weights, rates)) / sum(weights)
    torch.testing.assert_close(optimal_field(interpolant, x, t, pool).velocity, expected, rtol=1e-9, atol=1e-10)


def test_fresh_families_are_the_linear_or_the_trigonometric_one():
    x0, x1, t = normal(9, 2), normal(9, 2, seed=1), uniform(9, 1)
    fresh = [ConditionalAffine(2), ConditionalCoupling(2)]
    pairs = [(family, LinearInterpolant(2)) for family in fresh] + [(CouplingChart(2), TrigonometricInterpolant(2))]
    for family, simple in pairs:
        torch.testing.assert_close(family.double().value(x0, x1, t), simple.value(x0, x1, t), rtol=0, atol=1e-12)
        assert not any(p.requires_grad for p in family.parameters())


@pytest.mark.slow
def test_the_acceleration_by_jvp_is_the_difference_along_the_flow_line():
    x, pool = 0.7 * normal(8, 3), normal(200, 3, seed=1)
    for name in ("affine", "coupling", "coupling chart"):
        exact = acceleration(ALL[name], x, 0.3, pool).acceleration
        near = acceleration(ALL[name], x, 0.3, pool, method="difference", h=1e-7).acceleration
        torch.testing.assert_close(near, exact, rtol=1e-4, atol=1e-3)


# ---- between two Gaussians


def velocity(x, t):
    """With the conditional mean of the rotation, which is zero."""
    return BELLS._pushed(BELLS.pull(x, t)[0], torch.zeros_like(x), t)[1]


@pytest.mark.slow
def test_between_gaussians_the_flow_is_straight_and_optimal():
    y, t = normal(30, 3), uniform(30, 1)
    zero, one, x = torch.zeros_like(t), torch.ones_like(t), BELLS.push(y, t)
    v, change = jvp(velocity, (x, t), (velocity(x, t), torch.ones_like(t)))
    torch.testing.assert_close(change, torch.zeros_like(change), rtol=0, atol=1e-10)
    torch.testing.assert_close(v, BELLS.push(y, one) - BELLS.push(y, zero))
    # an optimal map between Gaussians is symmetric and positive definite, and carries S0 to S1
    first, last = BELLS.factors
    transport = last @ first.inverse()
    torch.testing.assert_close(transport, transport.T)
    assert float(torch.linalg.eigvalsh(transport).min()) > 0
    torch.testing.assert_close(transport @ S0 @ transport, S1)
    # one Euler step, a hundred of them, and the Jordan block e^L [x; v] = [x + v; v] agree
    x0 = BELLS.push(y, zero)
    jordan = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64).matrix_exp()
    lifted = torch.einsum("ij,jnd->ind", jordan, torch.stack([x0, velocity(x0, zero)]))
    many = integrate(lambda x, s: velocity(x, x.new_full((len(x), 1), s)), x0, solver="euler", steps=100).states[-1]
    torch.testing.assert_close(lifted[0], BELLS.push(y, one), rtol=0, atol=1e-10)
    torch.testing.assert_close(many, lifted[0], rtol=0, atol=1e-10)


def test_moments_of_both_samples_are_those_that_count():
    """Neither law of mean zero; between laws of these moments the field does not turn."""
    x1, x0 = 2 + normal(50, 3) @ S1, -1 + normal(60, 3, seed=1) @ S0
    family = GaussianStraight.from_data(x1, x0)
    torch.testing.assert_close(family.means, torch.stack([x0.mean(dim=0), x1.mean(dim=0)]))
    torch.testing.assert_close(family.factors @ family.factors.mT, torch.stack([x0.T.cov(), x1.T.cov()]))
    standard = GaussianStraight.from_data(x1)
    torch.testing.assert_close(standard.means[0], torch.zeros(3).double())
    torch.testing.assert_close(standard.factors[0], torch.eye(3).double())
    # in coordinates where the noise is N(0, I) both are the same interpolant, seen from elsewhere
    pool, t = BELLS.push(normal(20_000, 3, seed=2), torch.ones(20_000, 1).double()), 0.5
    bell = torch.distributions.MultivariateNormal(BELLS.means[0], S0).log_prob
    x = BELLS.push(0.5 * normal(5, 3), torch.full((5, 1), t, dtype=torch.float64))
    exact = velocity(x, torch.full((5, 1), t, dtype=torch.float64))
    torch.testing.assert_close(optimal_field(BELLS, x, t, pool, log_prob=bell).velocity, exact, rtol=0, atol=0.06)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: ConditionalCoupling(1), "ConditionalCoupling: dim must be at least 2 and n_layers at least 1"),
        (lambda: CouplingChart(2, n_layers=0), "got 2 and 0"),
        (lambda: GaussianStraight.from_data(normal(50, 1).expand(-1, 2)), "not positive definite"),
    ],
    ids=["one coordinate", "no layer", "flat data"],
)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


# ---- the table's flows, with the smallest trainings


@pytest.fixture
def shortened(monkeypatch):
    """Two steps of everything, on few data."""
    sizes = {"STEPS": 2, "N_DATA": 300, "N_NOISE": 50, "N_REFERENCE": 500, "N_EXACT": 20, "N_PATHS": 10}
    for name, value in sizes.items():
        monkeypatch.setattr(flows, name, value)
    less = {
        "fitted": {"steps": 2},
        "straighten": {"n_steps": 2, "batch": 8, "pool": 16},
        "geodesic_schedule": {"pool": 30, "queries": 10, "n_times": 9},
        "reflowed": {"n_pairs": 50},
    }

    def shorter(function, few):
        return lambda *args, **options: function(*args, **{**options, **few})

    for name, few in less.items():
        monkeypatch.setattr(flows, name, shorter(getattr(flows, name), few))
    monkeypatch.setattr(flows, "net", lambda seed: FourierNet(2, width=4, depth=1, generator=seeded(seed)))
    monkeypatch.setattr(flows, "law_map", lambda law, seed: (convex_map().float(), 0.5))
    monkeypatch.setattr("koopteach.flow_matching.paths.LOCAL_PAIRS", 512)


@pytest.mark.slow
@pytest.mark.parametrize("method", flows.METHODS)
def test_every_method_of_the_table_makes_a_flow(method, shortened):
    problem = "eight gaussians to moons"
    flow, seconds = flows.METHODS[method](problem, 0)
    x0 = flows.noise(problem, 20, seeded())
    assert seconds > 0
    assert flow.transport(x0, solver="euler", steps=1).shape == (20, 2)
    assert flow._x0 is not None  # the noise of the problem, and not N(0, I)
    assert hasattr(flow, "descent") == ("descent" in method)
    assert isinstance(flow, CurvedInterpolant) == (method != "linear + reflow")


def test_a_coded_flow_is_judged_between_its_codes(shortened):
    flow, seconds = flows.coded(PushedFlow, "gaussian to moons", 0)
    assert seconds > 0.5  # its map's among them
    x0 = flows.noise("gaussian to moons", 30, seeded())
    same = flows.straightness(flow.between, convex_map()(x0.double()).float(), n_times=33).deviation
    assert flows.deviation(flow, x0) == pytest.approx(same, rel=1e-3)
