"""Trajectories, snapshot pairs and the score of a kernel density estimate."""

import math

import pytest
import torch

from koopteach import (
    SVGD,
    ULA,
    DoubleWell,
    GaussianMixture,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    denoise,
    kde_score,
    kde_snapshot_pairs,
    langevin_trajectory,
    snapshot_pairs,
    tensors,
)
from tests.tools import seeded


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def test_a_trajectory_is_euler_and_maruyamas():
    target, x, dt = QuadrupleWell(2.0), normal(3, 2), 0.01
    path = langevin_trajectory(target, x, n_steps=7, dt=dt, every=3, generator=seeded(1))
    noise, states = seeded(1), [x]
    for _ in range(7):
        xi = torch.randn(3, 2, dtype=torch.float64, generator=noise)
        states.append(states[-1] + dt * target.score(states[-1]) + math.sqrt(2 * dt) * xi)
    torch.testing.assert_close(path, torch.stack(states[::3]), rtol=0, atol=1e-14)


def test_a_turning_process_follows_its_drift():
    target, x = OrnsteinUhlenbeck(2, rotation=5.0), normal(4, 2)
    step = langevin_trajectory(target, x, n_steps=1, dt=0.1, generator=seeded(1))[1]
    noise = math.sqrt(0.2) * torch.randn(4, 2, dtype=torch.float64, generator=seeded(1))
    torch.testing.assert_close(step, x + 0.1 * target.drift(x) + noise)


def test_pairs_are_exact_where_the_transition_is_known():
    target = OrnsteinUhlenbeck(2, rotation=1.0)
    x, y = snapshot_pairs(target, 50, lag=3.0, generator=seeded(2))
    same = seeded(2)
    assert torch.equal(x, target.sample(50, same))
    assert torch.equal(y, target.transition(x, 3.0, same))


@pytest.mark.parametrize(
    ("lag", "dt", "steps"), [(0.05, None, 50), (0.0005, None, 1), (0.05, 0.02, 3), (0.06, 0.02, 3)]
)
def test_other_pairs_walk_the_whole_lag_in_steps_of_at_most_dt(lag, dt, steps):
    target = DoubleWell(2.0)
    x, y = snapshot_pairs(target, 20, lag=lag, dt=dt, generator=seeded(3))
    same = seeded(3)
    assert torch.equal(x, target.sample(20, same))
    path = langevin_trajectory(target, x, n_steps=steps, dt=lag / steps, generator=same)
    assert torch.equal(y, path[-1])


def log_kde(u, x, b):
    """The kernel density estimate written out."""
    normals = torch.distributions.Normal(u[:, None], b).log_prob(x).sum(2)
    return normals.logsumexp(1) - math.log(len(x))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_kde_score_is_the_gradient_of_the_log_estimate(d, monkeypatch):
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    x, u, b = normal(30, d), normal(600, d, seed=1).requires_grad_(True), 0.4
    (gradient,) = torch.autograd.grad(log_kde(u, x, b).sum(), u)
    torch.testing.assert_close(kde_score(x, b)(u.detach()), gradient, rtol=1e-10, atol=1e-10)


def test_kde_score_keeps_its_digits_far_from_the_origin():
    x, u = normal(30, 2), normal(9, 2, seed=1)
    torch.testing.assert_close(kde_score(x + 1e6, 0.4)(u + 1e6), kde_score(x, 0.4)(u), rtol=0, atol=1e-7)


def test_the_bandwidth_is_silvermans():
    x, u = normal(200, 2), normal(9, 2, seed=1)
    silverman = x.std(0) * len(x) ** (-1 / 6)  # (4 / (d + 2))^(1 / (d + 4)) is one in the plane
    torch.testing.assert_close(kde_score(x)(u), kde_score(x, silverman)(u))
    x, u = normal(200, 1), normal(9, 1, seed=1)
    silverman = float(x.std()) * (4 / (3 * len(x))) ** 0.2
    torch.testing.assert_close(kde_score(x)(u), kde_score(x, silverman)(u))


@pytest.mark.parametrize("units", [[1e-6, 1.0], [1.0, 1e6], [7.0, 7.0]])
def test_the_estimate_is_the_same_in_any_units(units):
    x, u, units = normal(200, 2), normal(9, 2, seed=1), torch.tensor(units).double()
    torch.testing.assert_close(kde_score(units * x)(units * u) * units, kde_score(x)(u), rtol=1e-8, atol=1e-8)


def test_a_bandwidth_for_each_column_is_one_number_in_their_units():
    x, u, b = normal(50, 3), normal(9, 3, seed=1), torch.tensor([0.2, 1.0, 30.0]).double()
    torch.testing.assert_close(kde_score(x, b)(u), kde_score(x / b, 1.0)(u / b) / b)
    constant = torch.cat([x, torch.full((50, 1), 3.0)], dim=1)
    assert bool(kde_score(constant)(constant).isfinite().all())
    with pytest.raises(ValueError, match=r"kde_score: bandwidth has shape \(2,\), but one number or \(3,\) is needed"):
        kde_score(x, torch.ones(2))
    with pytest.raises(ValueError, match=r"bandwidth must be positive and finite, got 0"):
        kde_score(x, torch.tensor([1.0, 0.0, 1.0]))


def test_a_target_that_cannot_draw_is_told():
    with pytest.raises(TypeError, match=r"snapshot_pairs: target must have sample\(n, generator\), got method"):
        snapshot_pairs(DoubleWell().score, 3, lag=0.1)


def test_static_data_make_pairs_by_one_step_along_the_estimate():
    x = normal(40, 2)
    before, after = kde_snapshot_pairs(x, lag=0.02, bandwidth=0.5, generator=seeded(4))
    assert torch.equal(before, x)
    noise = torch.randn(40, 2, dtype=torch.float64, generator=seeded(4))
    torch.testing.assert_close(after, x + 0.02 * kde_score(x, 0.5)(x) + math.sqrt(0.04) * noise)


class Scored:
    """A target of one's own, with the least that a trajectory needs."""

    dim = 2

    def __init__(self, score):
        self.score = score


TAKERS = {
    "ULA": lambda score: ULA(score, step_size=0.1).step(X, None, progress=0.0),
    "SVGD": lambda score: SVGD(score, step_size=0.1).velocity(X),
    "denoise": lambda score: denoise(score, X, 0.1),
    "langevin_trajectory": lambda score: langevin_trajectory(Scored(score), X, n_steps=1, dt=0.1),
}
X = normal(9, 2)


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize(
    ("score", "error", "told"),
    [
        (lambda x: -x[:, :1], ValueError, r"what score returned has shape \(9, 1\), .* is needed, one vector a point"),
        (lambda x: -x.sum(1), ValueError, r"what score returned has shape \(9,\)"),
        (lambda x: -x[:1], ValueError, r"what score returned has shape \(1, 2\)"),
        (lambda x: torch.where(x > 1, math.nan, -x), ValueError, r"score is NaN at \d of 9 points"),
        (lambda x: -x.float(), TypeError, r"score returned torch\.float32 at points of torch\.float64"),
        (lambda x: (-x).numpy(), TypeError, r"score returned ndarray at points"),
    ],
    ids=["column", "vector", "row", "nan", "float32", "array"],
)
def test_a_score_is_one_vector_a_point(name, score, error, told):
    """Nothing is spread over coordinates silently, and a NaN is named where it comes from."""
    with pytest.raises(error, match=f"^{name}: {told}"):
        TAKERS[name](score)


@pytest.mark.parametrize("name", ["ULA", "SVGD", "denoise"])
def test_a_target_stands_for_its_score(name, monkeypatch):
    monkeypatch.setattr("koopteach.particles.rivals.randn", lambda shape, like, generator: torch.zeros(shape).to(like))
    target = GaussianMixture.ring(3, 1.0, 0.5)
    for one, other in zip(TAKERS[name](target), TAKERS[name](target.score)):
        assert one is other is None or isinstance(one, dict) or torch.equal(one, other)
    with pytest.raises(TypeError, match=rf"^{name}: score must be a function .* such as target\.score, got Tensor"):
        TAKERS[name](X)


def test_a_drift_is_looked_at_like_a_score():
    turning = OrnsteinUhlenbeck(2)
    turning.drift = lambda x: x[:, :1]
    with pytest.raises(ValueError, match=r"langevin_trajectory: what drift returned has shape \(9, 1\)"):
        langevin_trajectory(turning, X, n_steps=1, dt=0.1)
    with pytest.raises(TypeError, match=r"target needs dim and score, or brownian_step: function"):
        langevin_trajectory(lambda x: -x, X, n_steps=1, dt=0.1)


def test_a_manifold_of_ones_own_needs_two_methods():
    """The plane's first axis; it cannot tell whether points lie on it."""

    class Axis:
        dim = 2

        def project(self, x):
            return x * torch.tensor([1.0, 0.0]).to(x)

        def tangent(self, x, v):
            return v * torch.tensor([1.0, 0.0]).to(v)

    x = Axis().project(X)
    y = kde_snapshot_pairs(x, lag=0.01, bandwidth=0.5, manifold=Axis(), generator=seeded())[1]
    assert float(y[:, 1].abs().max()) == 0
    assert float((y - x)[:, 0].abs().min()) > 0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: langevin_trajectory(DoubleWell(), normal(2, 1), n_steps=3, dt=0), "dt must be positive, got 0"),
        (lambda: langevin_trajectory(DoubleWell(), normal(2, 1), n_steps=-1, dt=0.1), "n_steps must be at least 0"),
        (
            lambda: langevin_trajectory(DoubleWell(), normal(2, 1), n_steps=1, dt=0.1, every=0),
            "every must be at least 1",
        ),
        (lambda: langevin_trajectory(DoubleWell(), normal(2, 3), n_steps=1, dt=0.1), r"x0 has shape \(2, 3\)"),
        (lambda: snapshot_pairs(DoubleWell(), 3, lag=0.0), "lag must be positive, got 0"),
        (lambda: snapshot_pairs(DoubleWell(), 3, lag=1.0, dt=-1.0), "dt must be positive, got -1"),
        (lambda: kde_score(normal(5, 1), 0.0), "bandwidth must be positive and finite, got 0"),
        (lambda: kde_score(torch.ones(5, 1)), "Are all points the same"),
        (lambda: kde_score(torch.ones(1, 1), 1.0), "at least 2 are needed"),
        (lambda: kde_score(normal(5, 1), 1.0)(normal(5, 2)), r"kde_score: u has shape \(5, 2\)"),
        (lambda: kde_snapshot_pairs(normal(5, 1), lag=0), "lag must be positive, got 0"),
    ],
)
def test_bad_arguments_are_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()
