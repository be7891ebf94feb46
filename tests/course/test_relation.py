"""What a check says of how a wrong result relates to the right one: only what every case shows."""

import pytest
import torch

from koopcourse.checks.relation import by_sizes, nearly, relation
from koopcourse.checks.values import came_and_needed
from tests.tools import seeded


def _cases(change, shapes=((3, 3), (5, 5))):
    right = [torch.rand(shape, generator=seeded(k), dtype=torch.float64) + 0.5 for k, shape in enumerate(shapes)]
    return [(change(b), b) for b in right]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: -b, "it has the opposite sign"),
        (lambda b: 1 / b, "it is one over what is needed"),
        (lambda b: b**2, "it is the square of what is needed"),
        (lambda b: b**0.5, "it is the square root of what is needed"),
        (lambda b: b.log(), "it is the logarithm of what is needed"),
        (lambda b: b.exp(), "it is the exponential of what is needed"),
        (lambda b: b.T, "it is the transpose of what is needed"),
        (lambda b: b.flip(1), "it is in the reverse order"),
        (lambda b: b.flip(0), "its rows are in the reverse order"),
        (lambda b: 2 * b, "it is twice what is needed, in every case"),
        (lambda b: b / 3, "it is 0.3333 times what is needed, in every case"),
        (lambda b: b + 0.25, "it is larger than needed by 0.25, in every case"),
        (lambda b: b - 0.25, "it is smaller than needed by 0.25, in every case"),
        (lambda b: b.roll(1, 0), "its entries are right but in another order"),
        (lambda b: len(b) * b, ""),  # another factor in each case is no constant
        (lambda b: b + b.mean(), ""),
        (lambda b: b * torch.inf, ""),
        (lambda b: b.sum(0), ""),
        (lambda b: b + 1e-10, ""),  # nearly right is not "the complex conjugate"
        (lambda b: 1.00001 * b, ""),  # nor "1 times"
    ],
)
def test_a_relation_is_said_where_every_case_shows_it(change, words):
    assert relation(_cases(change), 1e-9) == words


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda b: b * (1 + torch.eye(len(b))).flip(0).roll(1, 0), ""),
        (lambda b: b.diagonal().diag(), "its diagonal is right, the rest is not"),
        (lambda b: b[:1].expand_as(b), "its first row is right, the rest is not"),
        (lambda b: b[:, :1].expand_as(b), "its first column is right, the rest is not"),
        (lambda b: b.mean(0).expand_as(b), "all its rows are equal, and those that are needed differ"),
        (lambda b: b.mean(0) + 0 * b + torch.arange(len(b))[:, None], ""),
    ],
)
def test_the_part_that_is_right_in_every_case_is_said(wrong, words):
    assert relation(_cases(wrong), 1e-9) == words


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (lambda n: n, "it is n times what is needed, where n is the number of rows of x"),
        (lambda n: 1 / n, "it is 1/n of what is needed, where n is the number of rows of x"),
        (lambda n: n / (n - 1), "it is n/(n-1) times what is needed, where n is the number of rows of x"),
        (lambda n: n**3, ""),
    ],
)
def test_a_factor_that_follows_a_size_is_said(factor, words):
    sizes = [{"rows of x": n, "rows of y": 4} for n in (3, 4, 7)]
    pairs = _cases(lambda b: factor(len(b)) * b, [(n, 2) for n in (3, 4, 7)])
    assert by_sizes(pairs, sizes, 1e-9) == words
    assert by_sizes(pairs[:2], sizes[:2], 1e-9) == ""  # two sizes are explained by anything


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b.round(decimals=4), "about 4 digits are right"),
        (lambda b: b * (1 + 1e-6), "about 6 digits are right"),
        (lambda b: 1.1 * b, ""),
        (lambda b: b * (1 + 1e-14), ""),
    ],
)
def test_nearly_right_is_said_in_digits(change, words):
    assert nearly(_cases(change)).partition(":")[0] == words


def test_a_relation_of_the_worked_example_alone_is_not_said():
    doubled, right = _cases(lambda b: 2 * b), _cases(lambda b: b + b.square())
    assert relation([doubled[0], right[1]], 1e-9) == ""


def test_a_factor_or_a_shift_that_one_case_does_not_show_is_not_said():
    """A small number below the line shows in small units alone."""
    (wrong,), (right,) = _cases(lambda b: b - 1e-5, [(3, 3)]), _cases(lambda b: b, [(5, 5)])
    large = (1e9 * right[0] - 1e-5, 1e9 * right[1])
    assert relation([wrong, large], 1e-9) == ""
    assert relation([wrong, wrong], 1e-9) != ""


@pytest.mark.parametrize("numbers", [[2.0], [2.0, 4.0], [2.0, 0.0, 0.0], [2.0, 2.0, 2.0]])
def test_two_numbers_explain_nothing(numbers):
    b = torch.tensor(numbers, dtype=torch.float64)
    assert relation([(3 * b, b)], 1e-9) == ""


def test_single_numbers_relate_over_several_cases():
    pairs = [(torch.tensor(2.0 * k), torch.tensor(float(k))) for k in (1, 3, 4)]
    assert relation(pairs, 1e-9) == "it is twice what is needed, in every case"


def test_complex_results_relate_too():
    b = torch.complex(torch.rand(4, generator=seeded(1)), torch.rand(4, generator=seeded(2))).to(torch.complex128)
    assert relation([(b.conj(), b)], 1e-9) == "it is the complex conjugate of what is needed"


def test_values_show_as_many_digits_as_tell_them_apart():
    a, b = torch.tensor([1.0, 2.00001]), torch.tensor([1.0, 2.0])
    assert came_and_needed(a, b, 1e-9) == "you returned [1, 2.00001], and [1, 2] is right"
    assert came_and_needed(-0.0, 1.0, 1e-9, stated=True) == "you returned 0, and the statement says 1"


def test_of_a_large_result_the_first_wrong_entry_is_shown():
    b = torch.arange(20.0).reshape(4, 5)
    a = b.clone()
    a[2, 1] = 7.5
    assert came_and_needed(a, b, 1e-9) == "entry (2, 1) is 7.5, and 11 is right"
    assert came_and_needed((b, a.flatten()), (b, b.flatten()), 1e-9) == (
        "in part 2 of 2 entry 11 is 7.5, and 11 is right"
    )
