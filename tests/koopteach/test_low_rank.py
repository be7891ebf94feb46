"""Cholesky factorisations with complete pivoting."""

import torch

from koopteach import GaussianRBF
from koopteach.operators import low_rank
from koopteach.operators.low_rank import factorised, pivots


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_factor_of_the_pivots_is_that_of_their_rows():
    a = normal(9, 4)
    gram = a @ a.T
    rows, factor = pivots(gram.clone(), 1e-10)
    assert len(rows) == 4
    torch.testing.assert_close(factor @ factor.T, gram[rows][:, rows])
    assert rows[0] == gram.diagonal().argmax()
    # the rows span the others
    torch.testing.assert_close(gram[:, rows] @ torch.linalg.solve(gram[rows][:, rows], gram[rows]), gram)


def test_the_pivots_are_those_of_the_naive_loop():
    a = normal(7, 7, seed=1)
    gram = a @ a.T
    left, expected = gram.clone(), []
    for _ in range(7):
        i = int(left.diagonal().argmax())
        expected.append(i)
        left = left - torch.outer(left[:, i], left[i]) / left[i, i]
    assert pivots(gram.clone(), 1e-12)[0].tolist() == expected


def test_a_kernel_matrix_is_factorised_in_pieces(monkeypatch):
    """In one piece and in many, and where points are there twice."""
    x = torch.cat([normal(200, 2), normal(50, 2)])
    kernels = GaussianRBF(x, 0.5)(x)
    for candidates in (1000, 60):
        monkeypatch.setattr(low_rank, "_CANDIDATES", candidates)
        factor = factorised(x, 0.5, 1e-10, most=250)
        assert 20 < factor.shape[1] <= 200
        torch.testing.assert_close(factor @ factor.T, kernels, rtol=0, atol=1e-9)


def test_too_many_columns_are_not_made():
    assert factorised(normal(100, 2), 1e-3, 1e-10, most=50) is None
    factor = factorised(normal(100, 2), 1e-3, 1e-10, most=100)
    torch.testing.assert_close(factor @ factor.T, torch.eye(100, dtype=torch.float64))
