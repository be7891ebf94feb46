"""Flow matching: solvers, closed forms, couplings, training, reflow, straightness, weights on disk."""

import itertools
import math

import pytest
import torch

from koopteach import (
    Flow,
    FlowMatching,
    FourierNet,
    GaussianFlow,
    GaussianMixture,
    MixtureFlow,
    distill,
    eight_gaussians,
    integrate,
    linear_path,
    moons,
    ot_permutation,
    reflow,
    straightness,
)
from koopteach.flow_matching import train
from koopteach.flow_matching.paths import Pairs, widened
from tests.tools import seeded

GAUSSIAN = GaussianFlow([0.5, -1.0], [[1.5, 0.4], [0.4, 0.3]])
MIXTURE = GaussianMixture([[-1.5, 0.0], [1.0, 1.0], [0.5, -1.5]], [0.4, 0.3, 0.6], [0.5, 0.3, 0.2])


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def small_net(dim=2, seed=0, **sizes):
    return FourierNet(dim, **{"width": 16, "depth": 2, "n_frequencies": 4, "generator": seeded(seed), **sizes})


# ---- solvers


ORDERS = [("euler", 1, 1, 1), ("midpoint", 2, 3, 2), ("rk4", 4, 4, 4)]


@pytest.mark.parametrize(("solver", "order", "on_gaussians", "per_step"), ORDERS)
def test_solvers_converge_at_their_order(solver, order, on_gaussians, per_step):
    """On Gaussians midpoint gains an order, since ``v = (q' / 2 q) x`` about the mean with q quadratic in t."""
    x0, mixture = normal(50, 2), MixtureFlow(MIXTURE)
    fine = mixture.transport(x0, solver="rk4", steps=1024)
    for flow, exact, p in ((mixture, fine, order), (GAUSSIAN, GAUSSIAN.exact(x0, [1.0])[0], on_gaussians)):
        errors = []
        for steps in (64, 128):
            errors.append(float((flow.transport(x0, solver=solver, steps=steps) - exact).norm()))
            assert flow.nfe == per_step * steps
        assert math.log2(errors[0] / errors[1]) == pytest.approx(p, abs=0.2)


def test_dopri5_meets_its_tolerance_and_counts_its_evaluations():
    calls = []

    def counted(x, t):
        assert 0 <= t <= 1
        calls.append(t)
        return GAUSSIAN.velocity(x, t)

    x0 = normal(50, 2)
    solution = integrate(counted, x0, solver="dopri5", tolerance=1e-8)
    torch.testing.assert_close(solution.states[-1], GAUSSIAN.exact(x0, [1.0])[0], rtol=0, atol=1e-5)
    assert solution.nfe == len(calls) > 20
    coarse = integrate(counted, x0, solver="dopri5", tolerance=1e-3)
    assert coarse.nfe < solution.nfe


@pytest.mark.parametrize("solver", ["euler", "midpoint", "rk4", "dopri5"])
def test_a_time_inside_the_span_is_passed_on_the_way(solver):
    """Exact for a velocity that is constant in time: halves of the way, and back again."""
    x0 = normal(5, 2)
    states = integrate(lambda x, t: torch.ones_like(x), x0, (0.0, 0.25, 1.0), solver=solver, steps=8).states
    torch.testing.assert_close(states, torch.stack([x0, x0 + 0.25, x0 + 1]))
    back = integrate(lambda x, t: torch.ones_like(x), states[-1], (1.0, 0.0), solver=solver).states[-1]
    torch.testing.assert_close(back, x0)


def test_trajectory_and_inversion_agree_with_the_closed_form():
    x0 = normal(20, 2)
    for times in ([0.0, 0.3, 1.0], [0.2, 0.7], [1.0]):
        states = GAUSSIAN.trajectory(x0, times, steps=64)
        torch.testing.assert_close(states, GAUSSIAN.exact(x0, times), rtol=0, atol=1e-5)
    x1 = GAUSSIAN.exact(x0, [1.0])[0]
    torch.testing.assert_close(GAUSSIAN.invert(x1, solver="rk4", steps=64), x0, rtol=0, atol=1e-5)
    torch.testing.assert_close(GAUSSIAN.transport(x0, t=0.0), x0)
    half = GAUSSIAN.transport(x0, solver="rk4", steps=32, t=0.5)
    torch.testing.assert_close(half, GAUSSIAN.exact(x0, [0.5])[0], rtol=0, atol=1e-5)


# ---- closed forms


def test_the_gaussian_velocity_is_the_slope_of_its_path():
    x0, times, h = normal(20, 2), torch.linspace(0.1, 0.9, 5, dtype=torch.float64), 1e-5
    for t in times.tolist():
        before, now, after = GAUSSIAN.exact(x0, [t - h, t, t + h])
        torch.testing.assert_close(GAUSSIAN.velocity(now, t), (after - before) / (2 * h), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(GAUSSIAN.velocity(x0, 0.0), GAUSSIAN.mean - x0)
    torch.testing.assert_close(GAUSSIAN.velocity(x0, 1.0), x0)
    cov = torch.tensor([[1.5, 0.4], [0.4, 0.3]], dtype=torch.float64)
    flow = GAUSSIAN.exact(torch.eye(2, dtype=torch.float64), [1.0])[0] - GAUSSIAN.mean
    torch.testing.assert_close(flow.T @ flow, cov)


def test_a_mixture_of_one_component_is_a_gaussian():
    one = MixtureFlow(GaussianMixture([[0.5, -1.0]], [[0.7, 1.3]]))
    same = GaussianFlow([0.5, -1.0], [0.49, 1.69])
    x, t = normal(30, 2), torch.rand(30, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(one.velocity(x, t), same.velocity(x, t))


def test_the_mixture_velocity_follows_from_the_score_by_autograd():
    """Tweedie: with independent noise, ``v = x / t + (1 - t) / t grad log p_t``."""
    x, flow = normal(30, 2), MixtureFlow(MIXTURE)
    for t in (0.1, 0.5, 0.95):
        stds = (t**2 * MIXTURE.stds**2 + (1 - t) ** 2).sqrt()
        marginal = GaussianMixture(t * MIXTURE.modes, stds, MIXTURE.mode_weights)
        u = x.clone().requires_grad_(True)
        (score,) = torch.autograd.grad(marginal.log_prob(u).sum(), u)
        torch.testing.assert_close(flow.velocity(x, t), x / t + (1 - t) / t * score)


def test_the_mixture_velocity_is_the_conditional_mean():
    """``E[x1 - x0 | x_t = x]`` by weighting data with the density of the noise that leads to x."""
    x, t, x1 = normal(6, 2), 0.6, MIXTURE.sample(400_000, seeded())
    x0 = (x[:, None] - t * x1) / (1 - t)
    weights = (-0.5 * x0.square().sum(2)).softmax(dim=1)
    expected = (weights[:, :, None] * (x1 - x0)).sum(1)
    torch.testing.assert_close(MixtureFlow(MIXTURE).velocity(x, t), expected, rtol=0, atol=0.03)


def test_the_residual_of_flow_matching_vanishes_against_every_test_function():
    n = 200_000
    x1, x0 = MIXTURE.sample(n, seeded()), normal(n, 2, seed=1)
    t = torch.rand(n, 1, generator=seeded(2), dtype=torch.float64)
    x, u = linear_path(x0, x1, t)
    residual = u - MixtureFlow(MIXTURE).velocity(x, t)
    tests = torch.cat([torch.ones_like(t), x, t * x, x[:, :1] * x[:, 1:], (3 * x).sin(), t.cos()], dim=1)
    terms = residual[:, :, None] * tests[:, None]
    scores = terms.mean(0) / (terms.std(0) / math.sqrt(n))
    assert float(scores.abs().max()) < 5  # sixteen normal scores: once in ten thousand seeds


def test_one_euler_step_lands_on_the_mean():
    mean = MIXTURE.mode_weights @ MIXTURE.modes
    end = MixtureFlow(MIXTURE).transport(normal(10, 2), solver="euler", steps=1)
    torch.testing.assert_close(end, mean.expand(10, 2))


# ---- couplings


def test_optimal_pairs_cost_what_brute_force_finds():
    x0, x1 = normal(6, 2), normal(6, 2, seed=1)
    cost = torch.cdist(x0, x1).square()
    best = min(sum(float(cost[i, p[i]]) for i in range(6)) for p in itertools.permutations(range(6)))
    found = ot_permutation(x0, x1)
    assert float((x0 - x1[found]).square().sum()) == pytest.approx(best, rel=1e-12)


def test_optimal_pairs_are_a_permutation_even_among_equal_points():
    x0, x1 = normal(64, 3).float(), torch.cat([normal(32, 3, seed=1), normal(32, 3, seed=1)]).float()
    found = ot_permutation(x0, x1)
    assert found.sort().values.tolist() == list(range(64))
    assert ot_permutation(x0, x0.roll(1, 0) + 1).tolist() == [*range(1, 64), 0]  # a cycle is not its own inverse
    for scale in (1e-6, 1e6):
        assert torch.equal(ot_permutation(scale * x0, scale * x0.flip(0)), torch.arange(64).flip(0))


def test_batches_hold_the_pairs_that_were_asked_for():
    x0, x1 = normal(50, 2), normal(50, 2, seed=1) + 5
    a, b = Pairs("fit", x1, x0, "paired").draw(20, seeded())
    rows = torch.cdist(a, x0).argmin(1)
    assert torch.equal(a, x0[rows])
    assert torch.equal(b, x1[rows])
    a, b = Pairs("fit", x1, x0, "independent").draw(20, seeded())
    assert not torch.equal(torch.cdist(a, x0).argmin(1), torch.cdist(b, x1).argmin(1))
    c, d = Pairs("fit", x1, x0, "ot").draw(20, seeded())
    assert torch.equal(c, a)
    assert torch.equal(d.sort(0).values, b.sort(0).values)
    assert float((c - d).square().sum()) < float((a - b).square().sum())
    e, f = Pairs("fit", x1, None, lambda noise, data: (noise, data.flip(0))).draw(20, seeded())
    assert torch.equal(f, b.flip(0))
    assert e.shape == (20, 2)


# ---- training


def test_training_finds_a_minimum_and_leaves_the_parameters_without_gradient():
    p, goal = torch.zeros(3), torch.tensor([1.0, -2.0, 0.5])
    record = train(lambda: (p - goal).square().sum(), [p], n_steps=400, lr=0.1, ema=0.9)
    torch.testing.assert_close(p, goal, rtol=0, atol=1e-3)
    assert not p.requires_grad
    assert record.steps[-1] == 400
    assert not record.diverged
    assert not record.interrupted
    assert float(record.losses[-1]) < 1e-5 < float(record.losses[0])


def test_the_average_is_the_exponential_one():
    """Against the recursion written out; a constant gradient moves Adam by its step size."""
    p, seen = torch.zeros(1), []

    def loss():
        seen.append(p.detach().clone())
        return p.sum()

    train(loss, [p], n_steps=8, lr=0.1, warm_up=0, ema=0.5)
    weights = [0.5 * (1 + math.cos(math.pi * k / 8)) for k in range(8)]
    path = [-0.1 * sum(weights[: k + 1]) for k in range(8)]
    torch.testing.assert_close(torch.cat(seen[1:]), torch.tensor(path[:-1]), rtol=1e-4, atol=1e-6)
    mean = 0.0
    for k, value in enumerate(path, start=1):
        memory = min(0.5, k / (k + 10))
        mean = memory * mean + (1 - memory) * value
    assert float(p) == pytest.approx(mean, rel=1e-4)


def test_an_interrupt_keeps_what_was_trained(capsys):
    x1, calls = moons.sample(500, seeded()), []

    def coupling(x0, x1):
        calls.append(1)
        if len(calls) > 30:
            raise KeyboardInterrupt
        return x0, x1

    flow = FlowMatching(2, coupling=coupling, net=small_net())
    before = flow.velocity(x1, 0.5)
    flow.fit(x1, n_steps=1000, generator=seeded())
    assert flow.training.interrupted
    assert flow.training.steps.tolist() == [10, 20, 30]
    assert float((flow.velocity(x1, 0.5) - before).norm()) > 0.1
    assert not flow.velocity(x1, 0.5).requires_grad
    assert "interrupted after 30 of 1000 steps; what was trained is kept" in capsys.readouterr().out


def test_an_error_of_the_loss_keeps_what_was_trained_too():
    p, calls = torch.full((2,), 3.0), []

    def loss():
        calls.append(1)
        if len(calls) > 20:
            raise ArithmeticError
        return p.square().sum()

    with pytest.raises(ArithmeticError):
        train(loss, [p], n_steps=100, lr=0.1)
    assert not p.requires_grad
    assert float(p.max()) < 2.5


@pytest.mark.parametrize("factor", [math.nan, math.inf, 1e4])
def test_a_lost_training_returns_to_its_best(factor, capsys):
    p, calls = torch.full((2,), 3.0), []

    def loss():
        calls.append(1)
        if len(calls) <= 150:
            return p.square().sum() + 1
        return factor * (9 - (p - 1).square().sum())  # large, and leads away

    record = train(loss, [p], n_steps=300, lr=0.5, ema=0.0, name="Toy")
    assert record.diverged
    assert record.steps[-1] == 150
    assert bool(p.isfinite().all())
    assert float(p.square().sum()) + 1 == pytest.approx(float(record.losses.min()), rel=0.02)
    assert "Toy: training diverged at step" in capsys.readouterr().out


@pytest.mark.parametrize("bad", [{"n_steps": 0}, {"lr": 0.0}, {"clip": -1.0}, {"ema": 1.0}])
def test_bad_training_arguments_are_named(bad):
    with pytest.raises(ValueError, match="Toy: n_steps must be at least 1"):
        train(lambda: None, [torch.zeros(1)], **{"n_steps": 5, "name": "Toy", **bad})


def test_a_trained_flow_approaches_the_closed_form():
    x1 = GAUSSIAN.exact(normal(4000, 2), [1.0])[0]
    flow = FlowMatching(2, net=small_net(width=48, n_frequencies=0)).fit(
        x1, n_steps=500, batch=256, lr=5e-3, generator=seeded()
    )
    x0 = normal(500, 2, seed=3)
    exact = GAUSSIAN.exact(x0, [1.0])[0]
    end = flow.transport(x0, solver="rk4", steps=8)
    assert float((end - exact).square().mean().sqrt()) < 0.12  # of a spread of one
    euler = flow.transport(x0, solver="euler", steps=1)
    assert float((euler - GAUSSIAN.mean).square().mean().sqrt()) < 0.2


def test_the_source_can_be_any_law():
    """Eight blobs are carried to moons; the flow's source gives rows of what it was fitted with."""
    x0, x1 = eight_gaussians.sample(300, seeded()).float(), moons.sample(300, seeded(1)).float()
    flow = FlowMatching(2, coupling="ot", net=small_net()).fit(x1, x0, n_steps=5, batch=32, generator=seeded())
    drawn = flow.source(40, seeded())
    assert bool((drawn[:, None] == x0).all(2).any(1).all())
    assert flow.sample(7, generator=seeded()).dtype == torch.float32
    torch.testing.assert_close(flow.sample(40, generator=seeded()), flow.transport(drawn))


def test_the_generator_decides_everything_and_the_dtype_follows():
    x1 = moons.sample(200, seeded())
    a, b = (FlowMatching(2).fit(x1, n_steps=3, batch=16, generator=seeded(1)) for _ in range(2))
    x = normal(9, 2)
    assert torch.equal(a.velocity(x, 0.3), b.velocity(x, 0.3))
    assert a.velocity(x, 0.3).dtype == torch.float64
    assert a.velocity(x.float(), 0.3).dtype == torch.float32
    assert a.sample(5).dtype == torch.float64
    torch.testing.assert_close(a.velocity(x, 0.3), a.velocity(x, torch.full((9,), 0.3, dtype=torch.float64)))
    assert repr(a) == "FlowMatching(dim 2, independent coupling, Training(3 steps))"


def test_a_moved_flow_is_a_copy():
    flow, x = FlowMatching(2, net=small_net()), normal(9, 2)
    double = flow.to(torch.float64)
    torch.testing.assert_close(double.velocity(x, 0.4), flow.velocity(x, 0.4), rtol=1e-5, atol=1e-5)
    assert (double.net.frequencies.dtype, flow.net.frequencies.dtype) == (torch.float64, torch.float32)
    assert flow.to(torch.float32).sample(3).dtype == GAUSSIAN.to(torch.float32).sample(3).dtype == torch.float32


def test_the_networks_random_numbers_come_from_its_generator():
    before = torch.get_rng_state()
    one, same = small_net(3, seed=5), small_net(3, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    x, t = normal(4, 3).float(), torch.rand(4, 1, generator=seeded())
    assert torch.equal(one(x, t), same(x, t))
    assert not torch.equal(one(x, t), small_net(3, seed=6)(x, t))
    waves = x @ one.frequencies.T
    torch.testing.assert_close(one.features(x, t)[:, 3:4], t)
    torch.testing.assert_close(one.features(x, t)[:, -4:], waves.cos())
    assert float(small_net(3, last_scale=0.0)(x, t).detach().abs().max()) == 0


# ---- reflow and straightness


def test_straightness_of_a_growing_gaussian():
    """``x_t = sigma(t) x0`` with ``sigma^2 = t^2 s^2 + (1 - t)^2``: every integral by quadrature."""
    s, x0 = 2.0, normal(200, 3)
    flow = GaussianFlow(torch.zeros(3, dtype=torch.float64), torch.full((3,), s**2, dtype=torch.float64))
    t = torch.linspace(0, 1, 4001, dtype=torch.float64)
    sigma = (t**2 * s**2 + (1 - t) ** 2).sqrt()
    rate = (t * s**2 - (1 - t)) / sigma
    bend = (s**2 + 1 - rate**2) / sigma
    size = float(x0.square().sum(1).mean())
    told = straightness(flow, x0, n_times=257)
    energy = float(torch.trapezoid(rate**2, t))
    assert told.energy == pytest.approx(size * energy, rel=1e-3)
    assert told.displacement == pytest.approx(size * (s - 1) ** 2, rel=1e-4)
    assert told.deviation == pytest.approx(energy / (s - 1) ** 2 - 1, rel=1e-3)
    assert told.length_ratio == pytest.approx(float(torch.trapezoid(rate.abs(), t)) / (s - 1), rel=1e-3)
    assert told.acceleration == pytest.approx(size * float(torch.trapezoid(bend**2, t)), rel=1e-2)


def test_a_straight_flow_is_straight_whatever_the_directions():
    class Spread(Flow):
        """``x_t = (1 + t) x0``."""

        dim = 2

        def _velocity(self, x, t):
            return x / (1 + t)

    told = straightness(Spread(), normal(50, 2))
    assert told.deviation == pytest.approx(0, abs=1e-5)
    assert told.length_ratio == pytest.approx(1, abs=1e-5)
    assert told.acceleration == pytest.approx(0, abs=1e-5)
    one_step = Spread().transport(normal(50, 2), solver="euler", steps=1)
    torch.testing.assert_close(one_step, 2 * normal(50, 2))


def test_reflow_straightens():
    teacher, x0 = MixtureFlow(eight_gaussians), normal(300, 2, seed=7)
    second = reflow(teacher, n_pairs=2000, net=small_net(width=48), n_steps=300, batch=128, lr=5e-3, generator=seeded())
    assert straightness(second, x0).deviation < 0.2 < 1 < straightness(teacher, x0).deviation
    exact = teacher.transport(x0, solver="rk4", steps=64)
    gap = [float((f.transport(x0, solver="euler", steps=1) - exact).square().mean()) for f in (second, teacher)]
    assert gap[0] < 0.25 * gap[1]


def test_every_fourth_start_is_a_quarter_further_out():
    x0 = normal(9, 2) + 3
    wide, middle = widened(x0), x0.mean(dim=0)
    moved = torch.tensor([True, False, False, False] * 2 + [True])
    torch.testing.assert_close(wide[moved] - middle, 1.25 * (x0[moved] - middle))
    assert torch.equal(wide[~moved], x0[~moved])


def test_a_direct_map_learns_the_ends():
    direct = distill(
        GAUSSIAN, n_pairs=2000, n_steps=250, batch=128, width=32, n_frequencies=0, generator=seeded(), verbose=False
    )
    x0 = normal(300, 2, seed=5)
    exact = GAUSSIAN.exact(x0, [1.0])[0]
    assert float((direct.transport(x0) - exact).square().mean().sqrt()) < 0.05
    same = direct.sample(9, generator=seeded())
    assert same.dtype == torch.float64
    assert torch.equal(same, direct.transport(GAUSSIAN.source(9, seeded())))
    with pytest.raises(ValueError, match=r"transport: x0 has shape \(3, 1\)"):
        direct.transport(normal(3, 1))


def test_a_direct_map_learns_from_the_starts_that_it_is_given():
    """Widened draws given by hand are those that it draws itself; other starts make another map."""
    sizes = {"n_steps": 3, "batch": 8, "width": 8, "verbose": False}
    drawn, draw = distill(GAUSSIAN, n_pairs=20, generator=seeded(), **sizes), seeded()
    given = distill(GAUSSIAN, x0=widened(GAUSSIAN.source(20, draw)), generator=draw, **sizes)
    other = distill(GAUSSIAN, x0=normal(20, 2, seed=9), generator=draw, **sizes)
    x0 = normal(5, 2)
    assert torch.equal(given.transport(x0), drawn.transport(x0))
    assert not torch.allclose(other.transport(x0), drawn.transport(x0))


# ---- weights on disk


def test_a_saved_flow_comes_back(tmp_path):
    x0, x1 = eight_gaussians.sample(100, seeded()), moons.sample(100, seeded(1))
    flow = FlowMatching(2, coupling="ot", net=small_net()).fit(x1, x0, n_steps=3, batch=16, generator=seeded())
    flow.save(tmp_path / "flow.safetensors")
    back = FlowMatching.load(tmp_path / "flow.safetensors")
    assert torch.equal(back.transport(x0), flow.transport(x0))
    assert torch.equal(back.sample(8, generator=seeded()), flow.sample(8, generator=seeded()))
    assert back.coupling == "ot"
    assert list(tmp_path.iterdir()) == [tmp_path / "flow.safetensors"]


def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path):
    from safetensors.torch import save_file

    whole, other = tmp_path / "whole", tmp_path / "other"
    FlowMatching(2, net=small_net()).save(whole)
    for size in (0, 5, 200, whole.stat().st_size - 1):
        other.write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ValueError, match="other is truncated or no safetensors file"):
            FlowMatching.load(other)
    other.write_bytes(b"cos\nsystem\n(S'false'\ntR." * 20)  # a pickle that would run a command
    with pytest.raises(ValueError, match="truncated or no safetensors file"):
        FlowMatching.load(other)
    save_file({"a": torch.zeros(1)}, other)
    with pytest.raises(ValueError, match="holds a model of another program, but a FlowMatching is needed"):
        FlowMatching.load(other)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        FlowMatching.load(tmp_path / "none")
    with pytest.raises(RuntimeError, match="only a fitted FlowMatching"):
        FlowMatching(2).save(other)


# ---- bad input


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: GAUSSIAN.velocity(normal(3, 2), 1.01), r"velocity: t must lie in \[0, 1\].*got 1.01"),
        (lambda: GAUSSIAN.velocity(normal(3, 2), math.nan), "t must lie in .* got NaN"),
        (lambda: GAUSSIAN.velocity(normal(3, 2), torch.zeros(3, 2)), r"t has shape \(3, 2\), but a number"),
        (lambda: GAUSSIAN.velocity(normal(3, 3), 0.5), r"x has shape \(3, 3\), but its points need 2"),
        (lambda: GAUSSIAN.transport(normal(3, 2), t=-0.1), r"transport: t must lie in \[0, 1\].*got -0.1"),
        (lambda: GAUSSIAN.transport(normal(3, 2) * math.nan), "transport: x0 has NaN"),
        (lambda: GAUSSIAN.transport(normal(3, 2), solver="heun"), "solver must be one of euler, .* got 'heun'"),
        (lambda: GAUSSIAN.transport(normal(3, 2), steps=0), "steps must be a whole number of at least 1"),
        (lambda: GAUSSIAN.trajectory(normal(3, 2), [0.5, 0.2, 1.0]), "times must rise"),
        (lambda: GAUSSIAN.trajectory(normal(3, 2), [0.5, 2.0, 3.0]), "times must lie in"),
        (lambda: GAUSSIAN.trajectory(normal(3, 2), 0.5), "a list of times"),
        (lambda: integrate(GAUSSIAN.velocity, normal(3, 2), (0.0, 0.5, 0.2)), "strictly rising"),
        (lambda: FlowMatching(0), "dim must be a whole number of at least 1, got 0"),
        (lambda: FlowMatching(2, coupling="OT"), 'coupling must be one of "independent", "ot", "paired".*\'OT\''),
        (lambda: FlowMatching(2).fit(normal(9, 2) / 0), "fit: x1 has NaN or infinity in 9 of 9"),
        (lambda: FlowMatching(2).fit(normal(9, 3)), r"fit: x1 has shape \(9, 3\)"),
        (lambda: FlowMatching(2).fit(normal(9, 2), normal(9, 1)), r"fit: x0 has shape \(9, 1\)"),
        (lambda: FlowMatching(2).fit(normal(9, 2), batch=0), "batch must be at least 1"),
        (lambda: FlowMatching(2, coupling="paired").fit(normal(9, 2)), "needs x0 with the 9 rows of x1, got none"),
        (lambda: ot_permutation(normal(3, 2), normal(4, 2)), "x0 has 3 rows and x1 4"),
        (lambda: straightness(GAUSSIAN, normal(3, 2), n_times=2), "n_times must be at least 3"),
        (lambda: reflow(GAUSSIAN, n_pairs=1), "n_pairs must be at least 2"),
        (lambda: GaussianFlow([0.0, 0.0], [1.0, -1.0]), "symmetric and positive definite"),
        (lambda: GaussianFlow([0.0, 0.0], [1.0]), r"got \(2,\) and \(1, 1\)"),
        (lambda: FourierNet(2, width=0), "must be at least 1"),
    ],
)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_a_flow_that_was_not_fitted_says_so():
    with pytest.raises(RuntimeError, match=r"Call fit\(x1\) first"):
        FlowMatching(2).sample(5)


def test_numbers_of_another_type_are_not_converted_silently():
    with pytest.raises(TypeError, match=r"fit: x1 has dtype torch.int64"):
        FlowMatching(2).fit(torch.ones(5, 2, dtype=torch.int64))


def test_missing_extras_are_named(monkeypatch):
    import sys

    for module in ("torchdiffeq", "safetensors", "ot"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"dopri5 needs torchdiffeq: pip install torchdiffeq"):
        GAUSSIAN.transport(normal(3, 2), solver="dopri5")
    with pytest.raises(ImportError, match="saving and loading need safetensors"):
        FlowMatching(2, net=small_net()).save("nowhere")
    with pytest.raises(ImportError, match="ot_permutation needs POT"):
        ot_permutation(normal(3, 2), normal(3, 2))
