"""Metrics of pictures against closed forms and loops."""

import numpy as np
import pytest
import torch

from koopteach import class_balance, frechet_distance, neighbour_ratio, precision_recall
from tests.tools import Table


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def with_moments(mean, covariance, n=40, seed=0):
    """Points whose mean and covariance are these, to rounding."""
    x = normal(n, len(mean), seed=seed)
    x = x - x.mean(0)
    x = torch.linalg.solve_triangular(torch.linalg.cholesky(x.T.cov()), x.T, upper=False).T
    return x @ torch.linalg.cholesky(covariance).T + mean


def test_frechet_of_gaussians_on_the_same_axes_is_known():
    """sum (mean difference)^2 + (difference of standard deviations)^2, in any rotated frame."""
    q = torch.linalg.qr(normal(3, 3, seed=1)).Q
    stds = torch.tensor([[1.0, 2.0, 0.1], [3.0, 0.5, 0.1]], dtype=torch.float64)
    means = normal(2, 3, seed=2)
    x, y = (with_moments(m, q @ torch.diag(s**2) @ q.T, seed=k) for k, (m, s) in enumerate(zip(means, stds)))
    known = (means[0] - means[1]).square().sum() + (stds[0] - stds[1]).square().sum()
    assert frechet_distance(x, y) == pytest.approx(float(known), rel=1e-9)


def test_frechet_with_covariances_that_do_not_commute():
    """Against the eigenvalues of C_x C_y, whose roots the trace sums."""
    x, y = normal(50, 4) @ normal(4, 4, seed=3), normal(60, 4, seed=4) @ normal(4, 4, seed=5)
    cx, cy = x.T.cov(), y.T.cov()
    roots = torch.linalg.eigvals(cx @ cy).real.sqrt().sum()
    known = (x.mean(0) - y.mean(0)).square().sum() + cx.trace() + cy.trace() - 2 * roots
    assert frechet_distance(x, y) == pytest.approx(float(known), rel=1e-9)


def test_frechet_shift_scale_and_symmetry():
    x, shift = normal(30, 3), torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + shift) == pytest.approx(float(shift.square().sum()), rel=1e-9)
    y = x.mean(0) + 3 * (x - x.mean(0))
    assert frechet_distance(x, y) == pytest.approx(4 * float(x.T.cov().trace()), rel=1e-9)
    assert frechet_distance(x.float(), y) == pytest.approx(frechet_distance(y, x), rel=1e-5)


def test_frechet_with_fewer_points_than_coordinates():
    """Covariances without an inverse."""
    x, c = normal(3, 8), normal(8, seed=7)
    assert frechet_distance(x, x + c) == pytest.approx(float(c.square().sum()), rel=1e-6)


def test_a_sample_compared_with_itself_is_precise_and_whole():
    x = normal(20, 3)
    assert precision_recall(x, x) == (1.0, 1.0)


@pytest.mark.parametrize("k", [1, 2])
def test_precision_and_recall_are_their_loops(k):
    real, fake = normal(5, 2), normal(6, 2, seed=1) + 0.5

    def share(points, balls):
        inside = 0
        for p in points:
            reach = [sorted(float((b - c).norm()) for c in balls)[k] for b in balls]
            inside += any(float((p - b).norm()) <= r for b, r in zip(balls, reach))
        return inside / len(points)

    assert precision_recall(real, fake, k=k) == (share(fake, real), share(real, fake))
    assert precision_recall(fake, real, k=k) == precision_recall(real, fake, k=k)[::-1]


def test_strays_cost_precision_and_lost_kinds_cost_recall():
    real = torch.cat([normal(50, 2), normal(50, 2, seed=1) + 20])
    assert precision_recall(real, torch.cat([real[:80], normal(20, 2) + 100]))[0] == pytest.approx(0.8)
    assert precision_recall(real, real[:50]) == (1.0, 0.5)


def test_class_balance_counts_the_pictures_in_the_wrong_class():
    reference = torch.tensor([0, 0, 1, 1])
    assert class_balance(reference, reference.flip(0)) == 0
    assert class_balance(torch.tensor([0, 0, 0, 1]), reference) == pytest.approx(0.25)
    assert class_balance(torch.tensor([2]), reference) == pytest.approx(1)
    assert class_balance(reference, torch.tensor([2])) == pytest.approx(1)
    for labels in ([0, 0, 0, 1], np.array([0, 0, 0, 1]), Table([[0, 0, 0, 1]]).to_numpy()[0]):
        assert class_balance(labels, reference) == pytest.approx(0.25)


def test_copies_are_at_ratio_zero_and_units_do_not_matter():
    train, held_out, x = normal(40, 3), normal(30, 3, seed=1), normal(20, 3, seed=2)
    assert neighbour_ratio(train[:7], train, held_out) == 0
    assert neighbour_ratio(held_out, train, held_out) == 1
    assert neighbour_ratio(5 * x, 5 * train, 5 * held_out) == pytest.approx(neighbour_ratio(x, train, held_out))

    def median(points):
        return sorted(min(float((p - t).norm()) for t in train) for p in points)[(len(points) - 1) // 2]

    assert neighbour_ratio(x, train, held_out) == pytest.approx(median(x) / median(held_out))


def test_chunks_do_not_show(monkeypatch):
    real, fake = normal(100, 3), normal(90, 3, seed=1)
    whole = precision_recall(real, fake), neighbour_ratio(fake, real, real + 0.1)
    monkeypatch.setattr("koopteach.tensors.CHUNK_NUMBERS", 100)
    assert (precision_recall(real, fake), neighbour_ratio(fake, real, real + 0.1)) == whole


X = normal(10, 2)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: frechet_distance(X, X[:, :1]), "frechet_distance: y has shape .* need 2 coordinates"),
        (lambda: frechet_distance(X[:1], X), "frechet_distance: x has 1 points, but at least 2"),
        (lambda: precision_recall(X, X, k=10), "precision: k must be between 1 and 9"),
        (lambda: class_balance(X, torch.tensor([1])), "class_balance: labels must be whole numbers"),
        (lambda: class_balance(torch.tensor([1]), torch.tensor([-1])), "class_balance: reference must be"),
        (lambda: neighbour_ratio(X, X, X), "neighbour_ratio: half of held_out lies on points of train"),
    ],
)
def test_bad_arguments_are_named(call, told):
    with pytest.raises((ValueError, TypeError), match=told):
        call()
