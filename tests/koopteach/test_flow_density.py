"""Densities of flows against known laws, and gradients through them."""

import pytest
import torch

from koopteach import (
    DecodedFlow,
    FlowMatching,
    FourierNet,
    GaussianFlow,
    GaussianMixture,
    KoopmanFlow,
    MixtureFlow,
    PushedFlow,
    VelocityFlow,
    moons,
)
from koopteach.flow_matching.density import EXACT_UP_TO, directions, standard_normal, with_divergence
from tests.interpolants import convex_map
from tests.tools import normal, seeded

MEAN = torch.tensor([0.5, -1.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.5, 0.4], [0.4, 0.3]], dtype=torch.float64)
GAUSSIAN = GaussianFlow(MEAN, COVARIANCE)
EXACT = torch.distributions.MultivariateNormal(MEAN, COVARIANCE)
MIXTURE = GaussianMixture([[-2.0, 0.0], [2.0, 1.0]], [0.5, 0.7])
MOONS = moons.sample(200, seeded())
FEW = {"n_steps": 5, "batch": 32, "verbose": False}


def small(**more):
    return FourierNet(2, width=16, depth=2, n_frequencies=4, generator=seeded(), **more)


def grid(half, n):
    """Points of a square, and the area that each stands for."""
    line = torch.linspace(-half, half, n, dtype=torch.float64)
    return torch.cartesian_prod(line, line), float(line[1] - line[0]) ** 2


# ---- densities


@pytest.mark.slow
def test_a_known_density_is_found_to_the_solvers_order():
    x = GAUSSIAN.exact(normal(20, 2), [1.0])[0]
    errors = [float((GAUSSIAN.log_prob(x, steps=steps) - EXACT.log_prob(x)).abs().max()) for steps in (8, 16, 32)]
    assert errors[2] < 1e-6
    assert errors[0] > 8 * errors[1] > 64 * errors[2]
    adaptive = GAUSSIAN.log_prob(x, solver="dopri5", tolerance=1e-8)
    torch.testing.assert_close(adaptive, EXACT.log_prob(x), rtol=0, atol=1e-5)
    y = MIXTURE.sample(30, seeded())
    torch.testing.assert_close(MixtureFlow(MIXTURE).log_prob(y), MIXTURE.log_prob(y), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_another_source_brings_its_own_density():
    """A shift by three of a mixture: the density is the mixture's, three further on."""
    flow, y = VelocityFlow(lambda x, t: 0 * x + 3, 2, x0=MIXTURE.sample(9, seeded())), MIXTURE.sample(30, seeded())
    torch.testing.assert_close(flow.log_prob(y + 3, source=MIXTURE.log_prob), MIXTURE.log_prob(y))
    with pytest.raises(ValueError, match=r"starts from a sample, whose density is not known\. Give it as source"):
        flow.log_prob(y)
    with pytest.raises(ValueError, match="probes must be at least 0"):
        flow.log_prob(y, source=MIXTURE.log_prob, probes=-1)


def test_random_directions_estimate_the_divergence():
    """By default above sixteen coordinates; of a matrix the trace, within its known variance."""
    assert directions(normal(3, EXACT_UP_TO), None, None)[0].shape == (EXACT_UP_TO, 1, EXACT_UP_TO)
    signs, weight = directions(normal(3, EXACT_UP_TO + 1), None, seeded())
    assert signs.shape == (16, 3, EXACT_UP_TO + 1)
    assert set(signs.flatten().tolist()) == {-1.0, 1.0}
    assert weight == 1 / 16
    a, state, t = normal(5, 5), torch.zeros(4000, 6, dtype=torch.float64), torch.zeros(4000, 1, dtype=torch.float64)
    found = with_divergence(lambda x, t: x @ a.T, *directions(state[:, :-1], 2, seeded()))(state, t)[:, -1]
    symmetric = (a + a.T) / 2
    variance = 2 * (symmetric.square().sum() - symmetric.diagonal().square().sum()) / 2
    assert abs(float(found.mean() - a.trace())) < 4 * float(variance / 4000) ** 0.5
    assert float(found.var() / variance) == pytest.approx(1, rel=0.2)
    exact = with_divergence(lambda x, t: x @ a.T, *directions(state[:, :-1], 0, None))(state, t)[:, -1]
    torch.testing.assert_close(exact, a.trace().expand(4000))


def test_the_divergence_of_a_network_is_the_trace_of_its_jacobian():
    flow = FlowMatching(2, net=small().double())
    x, t = normal(5, 2), torch.full((5, 1), 0.3, dtype=torch.float64)
    found = with_divergence(flow._velocity, *directions(x, None, None))(torch.cat([x, x[:, :1]], dim=1), t)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda y: flow._velocity(y[None], t[:1])[0]))(x)
    torch.testing.assert_close(found[:, -1], jacobian.diagonal(dim1=1, dim2=2).sum(dim=1).detach())
    torch.testing.assert_close(found[:, :2], flow.velocity(x, 0.3))


def flows():
    flow = FlowMatching(2, net=small()).fit(MOONS, n_steps=100, batch=64, lr=1e-2, generator=seeded(), verbose=False)
    yield "trained", flow
    # hardly trained, two pairs turn faster than twelve steps can follow
    yield "student", KoopmanFlow(flow, n_pairs=1, net={"width": 8}).fit(n_paths=50, **FEW)
    for kind in (DecodedFlow, PushedFlow):
        yield kind.__name__, kind(convex_map(), coupling="independent", net=small()).fit(MOONS, **FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "flow"), list(flows()))
def test_a_density_integrates_to_one(name, flow):
    x, area = grid(8.0, 81)
    assert float(flow.log_prob(x, steps=12).exp().sum()) * area == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("kind", [DecodedFlow, PushedFlow])
def test_a_coded_flows_density_is_that_of_its_jacobian(kind):
    """``p(x1) = N(x0) / |det dx1/dx0|``, with the Jacobian by automatic differentiation through the transport."""
    flow = kind(convex_map(), coupling="independent", net=small().double()).fit(MOONS, **FEW)
    x0, how = normal(6, 2), {"solver": "rk4", "steps": 16}
    jacobian = torch.stack(
        [
            torch.autograd.functional.jacobian(lambda y: flow.transport(y[None], differentiable=True, **how)[0], x)
            for x in x0
        ]
    )
    expected = standard_normal(x0) - jacobian.slogdet().logabsdet
    torch.testing.assert_close(flow.log_prob(flow.transport(x0, **how), **how), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", [DecodedFlow, PushedFlow])
def test_a_map_of_the_noise_enters_the_density_of_a_coded_flow(kind):
    """As above, from a source of its own, with differences: Newton's method on the way has no derivative."""
    flow = kind(convex_map(), convex_map(1), coupling="independent", net=small().double())
    flow.fit(MOONS, MIXTURE.sample(100, seeded()), **FEW)
    x0, how, h = MIXTURE.sample(6, seeded(1)), {"solver": "rk4", "steps": 16}, 1e-4
    columns = [
        (flow.transport(x0 + e, **how) - flow.transport(x0 - e, **how)) / (2 * h)
        for e in h * torch.eye(2, dtype=torch.float64)
    ]
    expected = MIXTURE.log_prob(x0) - torch.stack(columns, dim=2).slogdet().logabsdet
    found = flow.log_prob(flow.transport(x0, **how), source=MIXTURE.log_prob, **how)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_other_units_move_the_log_density_by_the_logarithms_of_their_ratios():
    scale = torch.tensor([1e3, 1e-3], dtype=torch.float64)
    a, b = (FlowMatching(2, net=small()).fit(x, generator=seeded(1), **FEW) for x in (MOONS, MOONS * scale + 7))
    gap = a.log_prob(MOONS[:20]) - b.log_prob(MOONS[:20] * scale + 7)
    torch.testing.assert_close(gap, scale.log().sum().expand(20), rtol=0, atol=1e-4)


# ---- gradients

ROUTES = {
    "closed form": lambda: GAUSSIAN,
    "mapped": lambda: FlowMatching(2, net=small().double()).fit(10 * MOONS + 5, **FEW),
    "student": lambda: KoopmanFlow(GAUSSIAN, net={"width": 8}).fit(n_paths=50, **FEW).to(torch.float64),
    "decoded": lambda: DecodedFlow(convex_map(), coupling="independent", net=small().double()).fit(MOONS, **FEW),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n == "student")) for n in ROUTES])
def test_a_gradient_passes_through_the_transport_where_it_is_asked_for(name):
    flow, x0, h = ROUTES[name](), normal(5, 2), 1e-5
    x = x0.clone().requires_grad_(True)
    end = flow.transport(x, differentiable=True)
    (slope,) = torch.autograd.grad(end.sum(), x)
    step = torch.tensor([h, 0.0], dtype=torch.float64)
    difference = (flow.transport(x0 + step) - flow.transport(x0 - step)).sum(dim=1) / (2 * h)
    torch.testing.assert_close(slope[:, 0], difference, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(end.detach(), flow.transport(x0))
    for plain in (flow.transport(x), flow.invert(x), flow.trajectory(x, [0.5]), flow.log_prob(x.detach())):
        assert not plain.requires_grad


def test_a_gradient_reaches_parameters_that_require_one():
    flow = FlowMatching(2, net=small()).fit(MOONS, **FEW)
    flow.net.requires_grad_(True)
    flow.transport(normal(5, 2), differentiable=True).square().sum().backward()
    assert all(float(p.grad.abs().max()) > 0 for p in flow.net.parameters())
