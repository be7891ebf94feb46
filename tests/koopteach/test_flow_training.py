"""The one training loop: Adam by hand, clipping, warm-up, averages, records, interruption, divergence."""

import math

import numpy as np
import pytest
import torch

from koopteach.flow_matching import train
from tests.tools import seeded


def trained(slopes, *, starts=(0.0,), **options):
    """Parameters before each step under the loss ``sum_i slopes_k * p_i``, and after the last one; the record."""
    parameters, seen = [torch.full((1,), start) for start in starts], []

    def loss():
        seen.append([float(p.detach()) for p in parameters])
        return slopes[len(seen) - 1] * sum(p.sum() for p in parameters)

    options = {"n_steps": len(slopes), "lr": 0.1, "warm_up": 0, "ema": 0.0, "verbose": False, **options}
    record = train(loss, parameters, **options)
    return torch.tensor([*seen, [float(p) for p in parameters]]), record


def adam(slopes, rates, *, count=1, clip=1.0):
    """The recursion written out: clipped by the norm of all ``count`` equal gradients together."""
    p, m, v, path = 0.0, 0.0, 0.0, [0.0]
    for k, (slope, rate) in enumerate(zip(slopes, rates), start=1):
        slope *= min(1.0, clip / (abs(slope) * count**0.5))
        m, v = 0.9 * m + 0.1 * slope, 0.999 * v + 0.001 * slope**2
        p -= rate * m / (1 - 0.9**k) / ((v / (1 - 0.999**k)) ** 0.5 + 1e-8)
        path.append(p)
    return torch.tensor(path)


def cosine(n, lr=0.1, warm_up=0):
    return [lr * min(1.0, (k + 1) / (warm_up + 1)) * 0.5 * (1 + math.cos(math.pi * k / n)) for k in range(n)]


SLOPES = [1.0, 200.0, 0.5, -3.0, 0.01, 50.0]


@pytest.mark.parametrize("clip", [1.0, 2.5, 1e6])
def test_a_long_gradient_is_shortened_before_adam_sees_it(clip):
    path, _ = trained(SLOPES, clip=clip)
    torch.testing.assert_close(path[:, 0], adam(SLOPES, cosine(6), clip=clip), rtol=1e-4, atol=1e-5)


def test_the_gradient_is_shortened_by_the_norm_of_all_parameters_together():
    path, _ = trained(SLOPES, starts=(0.0, 0.0, 0.0, 0.0))
    torch.testing.assert_close(path[:, 2], adam(SLOPES, cosine(6), count=4), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n", "warm_up", "used"), [(20, 1, 1), (20, 100, 2), (30, 2, 2)])
def test_the_step_size_rises_linearly_and_falls_as_a_cosine(n, warm_up, used):
    """A constant gradient moves Adam by its step size; at most a tenth of all steps warm up."""
    path, _ = trained([0.5] * n, warm_up=warm_up)
    torch.testing.assert_close(-path[:, 0].diff(), torch.tensor(cosine(n, warm_up=used)), rtol=1e-4, atol=1e-6)


def test_the_average_is_the_exponential_one():
    """Against the recursion written out, whose memory is short at first."""
    for ema in (0.3, 0.9):
        path, _ = trained([1.0] * 8, ema=ema)
        exact, mean = adam([1.0] * 8, cosine(8)), 0.0
        torch.testing.assert_close(path[:-1, 0], exact[:-1], rtol=1e-4, atol=1e-6)
        for k, value in enumerate(exact[1:].tolist(), start=1):
            memory = min(ema, k / (k + 10))
            mean = memory * mean + (1 - memory) * value
        assert float(path[-1, 0]) == pytest.approx(mean, rel=1e-4)


def test_training_finds_a_minimum_and_leaves_the_parameters_without_gradient():
    p, goal = torch.zeros(3), torch.tensor([1.0, -2.0, 0.5])
    record = train(lambda: (p - goal).square().sum(), [p], n_steps=400, lr=0.1, ema=0.9, verbose=False)
    torch.testing.assert_close(p, goal, rtol=0, atol=1e-3)
    assert (p.requires_grad, p.grad) == (False, None)
    assert float(record.losses[-1]) < 1e-5 < float(record.losses[0])
    assert repr(record) == "Training(400 steps)"


def test_a_record_holds_the_mean_loss_of_the_steps_since_the_last():
    """A hundred records, and one for what is left of an interrupted window."""
    values = iter(range(1, 1000))
    p = torch.zeros(1)
    record = train(lambda: 0 * p.sum() + 1 / next(values), [p], n_steps=250, verbose=False)
    assert record.steps.tolist() == list(range(2, 251, 2))
    assert record.losses[:2].tolist() == pytest.approx([(1 + 1 / 2) / 2, (1 / 3 + 1 / 4) / 2])
    assert record.seconds > 0
    assert (record.diverged, record.interrupted) == (False, False)


def test_gradients_are_on_during_the_call_also_where_they_are_off():
    p = torch.ones(1)
    with torch.no_grad():
        train(lambda: p.square().sum(), [p], n_steps=20, lr=0.1, verbose=False)
    assert float(p) < 0.9


# ---- ends before the end


def test_an_interrupt_keeps_what_was_trained(capsys):
    p, calls = torch.full((2,), 3.0), []

    def loss():
        calls.append(1)
        if len(calls) > 25:
            raise KeyboardInterrupt
        return p.square().sum()

    record = train(loss, [p], n_steps=1000, lr=0.1, ema=0.0, name="Toy")
    assert record.interrupted
    assert record.steps.tolist() == [10, 20, 25]
    assert float(p.max()) < 2.9
    assert not p.requires_grad
    assert "Toy: interrupted after 25 of 1000 steps; what was trained is kept" in capsys.readouterr().out
    assert repr(record) == "Training(25 steps, interrupted)"


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
    assert repr(record) == "Training(150 steps, diverged)"


@pytest.mark.parametrize(
    ("first", "then", "lost"),
    [
        (1.0, 9.5, False),
        (1.0, 10.5, True),
        (-1.0, 7.5, False),
        (-1.0, 8.5, True),
        (-1.0, -0.5, False),
        (0.0, 1.0, False),
    ],
)
def test_a_loss_is_lost_nine_times_its_first_size_above_it(first, then, lost):
    """Tenfold where it is positive; a likelihood may be below zero."""
    p, calls = torch.zeros(1), []

    def loss():
        calls.append(1)
        return 0 * p.sum() + (first if len(calls) <= 20 else then)

    assert train(loss, [p], n_steps=50, verbose=False).diverged is lost


def test_a_gradient_that_is_not_finite_ends_the_training():
    """Also where the loss still is: the slope of a root at zero."""
    p = torch.zeros(2)
    record = train(lambda: p.abs().sqrt().sum(), [p], n_steps=30, verbose=False)
    assert record.diverged
    assert bool(p.isfinite().all())


def test_a_quiet_training_says_nothing(capsys):
    p = torch.zeros(1)
    train(lambda: p.sum() * math.nan, [p], n_steps=3, verbose=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"n_steps": 0}, "Toy: n_steps must be at least 1, got 0"),
        ({"lr": 0.0}, "Toy: lr must be positive"),
        ({"lr": math.nan}, "Toy: lr must be positive"),
        ({"clip": -1.0}, "Toy: clip must be positive"),
        ({"ema": 1.0}, r"Toy: ema must lie in \[0, 1\)"),
        ({"ema": -0.1}, r"Toy: ema must lie in \[0, 1\)"),
        ({"warm_up": -1}, "Toy: warm_up must be at least 0"),
        ({"parameters": []}, "Toy: there are no parameters to train"),
    ],
)
def test_bad_arguments_are_named(bad, told):
    with pytest.raises(ValueError, match=told):
        train(lambda: torch.zeros(()), **{"parameters": [torch.zeros(1)], "n_steps": 5, "name": "Toy", **bad})


def test_a_number_of_steps_is_whole():
    with pytest.raises(TypeError, match=r"Toy: n_steps must be a whole number, got 2\.5"):
        train(lambda: torch.zeros(()), [torch.zeros(1)], n_steps=2.5, name="Toy")
    p = torch.randn(2, generator=seeded())
    assert train(lambda: p.square().sum(), [p], n_steps=np.int64(3), verbose=False).steps.tolist() == [1, 2, 3]
