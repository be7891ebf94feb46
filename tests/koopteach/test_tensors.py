"""Checked input, chunks, random numbers, and moving objects between devices and dtypes."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from koopteach import tensors
from koopteach.tensors import (
    Movable,
    as_count,
    as_float,
    as_number,
    as_points,
    brief,
    chunks,
    device_of,
    is_traced,
    jvp,
    map_chunks,
    median_square_distance,
    not_negative,
    positive,
    rand,
    randn,
    random_rows,
    same_kind,
    shuffled_rows,
    symmetric_power,
)
from tests.tools import Table, seeded


@pytest.mark.parametrize("value", [1, 1.5, [1, 2], [[1.0, 2.0]]])
def test_python_numbers_become_float64(value):
    assert as_float("f", "x", value).dtype == torch.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_and_tensors_keep_their_precision(dtype):
    a = np.arange(6, dtype=dtype).reshape(3, 2)
    assert as_float("f", "x", a).dtype == as_float("f", "x", torch.from_numpy(a)).dtype == torch.from_numpy(a).dtype
    for rows in (list(a), tuple(a), list(torch.from_numpy(a)), [a[0], *torch.from_numpy(a[1:])]):
        torch.testing.assert_close(as_float("f", "x", rows), torch.from_numpy(a), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float16, torch.bfloat16, torch.bool])
def test_other_types_are_refused_with_the_remedy(dtype):
    with pytest.raises(TypeError, match=rf"^sample: start has dtype {dtype}.*float64 is needed.*start\.double\(\)"):
        as_points("sample", "start", torch.ones(3, 2, dtype=dtype))


@pytest.mark.parametrize(
    ("x", "more", "message"),
    [
        ([], {}, r"^f: x has shape \(0,\), but \(n, d\) is needed"),
        (torch.zeros(4), {}, r"^f: x has shape \(4,\), but \(n, d\) is needed.*Did you mean x\[:, None\]\?"),
        (torch.zeros(2, 3, 4), {}, r"^f: x has shape \(2, 3, 4\).*a point a row\.$"),
        (torch.zeros(2, 5), {"dim": 2}, r"^f: x has shape \(2, 5\).*2 coordinates, \(n, 2\)\. Did you mean x\.T\?"),
        (torch.zeros(4, 5), {"dim": 2}, r"^f: x has shape \(4, 5\).*2 coordinates, \(n, 2\)\.$"),
        (torch.zeros(1, 2), {"at_least": 2}, r"^f: x has 1 points, but at least 2 are needed"),
        (torch.zeros(0, 2), {}, r"^f: x has 0 points"),
        (torch.tensor([[0.0, torch.nan], [1, 2], [torch.inf, 0]]), {}, r"^f: x has NaN or infinity in 2 of 3 points"),
        (torch.tensor([[torch.inf], [0.0]]), {}, r"^f: x has NaN or infinity in 1 of 2 points"),
        (torch.tensor([[torch.inf], [-torch.inf]]), {}, r"in 2 of 2 points.*the same ones of all that belongs to them"),
    ],
)
def test_bad_points_are_refused_by_name(x, more, message):
    with pytest.raises(ValueError, match=message):
        as_points("f", "x", x, **more)


class Series:
    """A column of a table on its own."""

    def to_numpy(self):
        return np.ones(3)

    def to_frame(self):
        return Table(self.to_numpy()[:, None])


GAPS = np.ma.masked_array(np.ones((4, 1)), mask=[[0], [1], [0], [1]])
MIXED = Table(np.array([["a", 1.0, "x"], [None, 2, "y"]], dtype=object), ["place", 7, "kind"])


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (MIXED, TypeError, "x has columns that are not all numbers: 'place', 'kind'. Leave them out, or encode them."),
        (np.array(["a", None]), TypeError, "x has entries that are no numbers"),
        (np.array(["a", "b"]), TypeError, "x has dtype <U1, but real numbers"),
        (np.zeros((2, 1), dtype=[("a", float)]), TypeError, r"x has dtype \[\('a', '<f8'\)\], but real numbers"),
        (GAPS, ValueError, "x has NaN or infinity in 2 of 4 points"),
        (Table(np.array([[None], [1.0]])), ValueError, "x has NaN or infinity in 1 of 2 points"),
        (Series(), ValueError, r"Did you mean x\.to_frame\(\)\?"),
        (torch.eye(2).to_sparse(), TypeError, r"x has a sparse layout.*needed: x\.to_dense\(\)\."),
        (scipy.sparse.eye(2), TypeError, r"x has a sparse layout.*needed: x\.toarray\(\)\."),
        (np.ones((2, 1), dtype=int), TypeError, r"torch\.int64.*np\.asarray\(x, dtype=float\)"),
        (torch.ones(2, 1, dtype=torch.complex64), TypeError, r"complex64.*Take x\.real"),
        ([torch.ones(2), torch.ones(3)], TypeError, "x must be real numbers or lists of them"),
    ],
)
def test_what_holds_no_numbers_is_told_with_the_remedy_of_its_kind(value, error, told):
    with pytest.raises(error, match=f"^f: {told}" if told.startswith("x ") else told):
        as_points("f", "x", value)


def test_the_remedies_help():
    numbers = Table(np.array([[1, 2.5], [3, 4.5]], dtype=object))
    whole = np.ones((2, 1), dtype=int)
    for x in (Series().to_frame(), numbers, torch.eye(2).to_sparse().to_dense(), np.asarray(whole, dtype=float)):
        assert as_points("f", "x", x).dtype in (torch.float32, torch.float64)
    assert as_points("f", "x", Table(whole)).dtype == torch.float64  # as of lists, nobody chose a precision


def test_memory_is_shared_where_torch_can_and_read_only_arrays_stay_as_they_are():
    array = np.ones((3, 2))
    as_points("f", "x", array)[0, 0] = 5
    assert array[0, 0] == 5
    array.flags.writeable = False
    as_points("f", "x", array)[0, 0] = 7
    assert array[0, 0] == 5


def test_large_finite_numbers_are_not_taken_for_infinity():
    x = torch.full((4, 1), 3e38, dtype=torch.float32)  # their sum overflows
    assert as_points("f", "x", x) is x


def test_tensors_without_values_pass_unseen():
    x = torch.empty(3, 2, device="meta")
    assert is_traced(x)
    assert not is_traced(torch.empty(3, 2))
    assert as_points("f", "x", x) is x


def test_points_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"^f: the points are torch.float32 on cpu, but the target is torch.float64"):
        same_kind("f", torch.zeros(1, 2), torch.zeros(1, dtype=torch.float64), "the target")
    same_kind("f", torch.zeros(1, 2), torch.zeros(1), "the target")


@settings(deadline=None, derandomize=True, max_examples=60)
@given(n=st.integers(0, 2000), width=st.integers(0, 50_000))
def test_chunks_cover_every_row_once_and_stay_small(n, width):
    parts = list(chunks(n, width))
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    assert all(part.stop - part.start <= max(16, tensors.CHUNK_NUMBERS // max(1, width)) for part in parts)


def test_map_chunks_is_the_function(monkeypatch):
    x = torch.arange(80.0).reshape(40, 2)
    monkeypatch.setattr(tensors, "CHUNK_NUMBERS", 1)
    seen = []
    result = map_chunks(lambda part: (seen.append(len(part)), part.sin())[1], x, 10)
    assert torch.equal(result, x.sin())
    assert seen == [16, 16, 8]


@pytest.mark.parametrize("draw", [rand, randn])
def test_random_numbers_follow_the_generator_and_the_dtype(draw):
    like = torch.zeros(1, dtype=torch.float32)
    a, b = (draw((5, 2), like, seeded(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert a.dtype == torch.float32
    torch.manual_seed(3)
    assert torch.equal(draw((5, 2), like), a)  # without one, torch's own stream


def test_seeds_for_other_libraries_repeat():
    a, b = (tensors.seed_from(seeded(5)) for _ in range(2))
    assert a == b
    generator = seeded(5)
    assert [tensors.seed_from(generator) for _ in range(2)][1] != a


@dataclass(frozen=True)
class _Inner(Movable):
    values: torch.Tensor


@dataclass(frozen=True)
class _Outer(Movable):
    parts: tuple
    index: torch.Tensor
    name: str


def test_moving_reaches_every_part_and_copies():
    thing = _Outer((_Inner(torch.zeros(2, dtype=torch.float64)), "as it is"), torch.tensor([1, 2]), "n")
    moved = thing.to(torch.float32)
    assert moved.parts[0].values.dtype == torch.float32
    assert moved.index.dtype == torch.int64
    assert (moved.parts[1], moved.name) == ("as it is", "n")
    assert thing.parts[0].values.dtype == torch.float64
    assert thing.to("meta").index.is_meta


def test_the_forward_derivative_is_that_of_autograd():
    x, v = torch.randn(2, 4, 3, dtype=torch.float64, generator=seeded(0))
    value, slope = jvp(lambda y: y.sin() * y.sum(), (x,), (v,))
    torch.testing.assert_close(value, x.sin() * x.sum())
    torch.testing.assert_close(slope, x.cos() * v * x.sum() + x.sin() * v.sum())


@pytest.mark.parametrize("value", [3, np.int32(3), torch.tensor(3)])
def test_whole_numbers_of_any_make_are_counts(value):
    assert as_count("f", "n", value) == 3
    assert type(as_count("f", "n", value)) is int


@pytest.mark.parametrize("value", [0.5, 2, np.float32(0.5), torch.tensor(0.5)])
def test_numbers_of_any_make_are_numbers(value):
    assert positive("f", "h", value) == not_negative("f", "h", value) == float(value)
    assert type(as_number("f", "h", value)) is float


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: as_count("f", "n", 2.5), TypeError, "^f: n must be a whole number, got 2.5"),
        (lambda: as_count("f", "n", 1, at_least=2), ValueError, "^f: n must be at least 2, got 1"),
        (lambda: as_number("f", "h", "0.1"), TypeError, "^f: h must be one number, got '0.1'"),
        (lambda: as_number("f", "h", torch.ones(2)), TypeError, "^f: h must be one number, got tensor"),
        (lambda: positive("f", "h", 0), ValueError, "^f: h must be positive, got 0"),
        (lambda: positive("f", "h", float("inf")), ValueError, "^f: h must be positive, got inf"),
        (lambda: not_negative("f", "h", -1), ValueError, "^f: h must not be negative, got -1"),
        (lambda: as_float("f", "x", [[1], [1, 2]]), TypeError, "^f: x must be real numbers or lists of them, got"),
    ],
)
def test_what_is_no_number_is_told(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_rows_are_drawn_by_their_stream():
    x, stream = torch.zeros(7, 2), seeded(3)
    assert device_of(stream) == device_of(None) == device_of(None, x) == x.device
    drawn, shuffled = random_rows(x, 1000, stream), shuffled_rows(x, stream)
    assert drawn.bincount().shape == (7,)
    assert drawn.bincount().min() > 100
    assert shuffled.sort().values.tolist() == list(range(7))
    assert shuffled.tolist() != list(range(7))
    again = seeded(3)
    assert torch.equal(random_rows(x, 1000, again), drawn)
    assert torch.equal(shuffled_rows(x, again), shuffled)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_power_of_a_symmetric_matrix(power):
    a = torch.randn(5, 5, dtype=torch.float64, generator=seeded(0))
    root = symmetric_power(a @ a.T, power)
    assert torch.allclose(torch.linalg.matrix_power(root, round(2 / power)), torch.linalg.matrix_power(a @ a.T, 2))
    assert torch.allclose(root, root.T)


def test_what_rounding_made_negative_counts_as_zero():
    assert torch.equal(symmetric_power(torch.diag(torch.tensor([4.0, -1e-9]))), torch.diag(torch.tensor([2.0, 0.0])))


def test_the_median_distance_is_that_of_all_points_in_any_order():
    """As many are near zero as far out, first all of these, then all of those."""
    x = torch.cat([torch.zeros(500, 2), 10 * torch.randn(500, 2, generator=seeded(1))]).double()
    everything = torch.pdist(x).square().median()
    for points in (x, x.flip(0), x[torch.randperm(1000, generator=seeded(2))]):
        torch.testing.assert_close(median_square_distance(points), everything, rtol=0.25, atol=0)
    few = x[490:510]
    assert median_square_distance(few) == torch.pdist(few).square().median()


def test_where_there_is_no_distance_it_is_one():
    for x in (torch.ones(1, 2), torch.ones(9, 2)):
        assert median_square_distance(x) == 1


def test_warnings_of_torch_about_its_own_helpers_stay_inside():
    """Of this kind alone: what a user's function warns of is his to see."""

    def noisy(message, kind):
        def f(y):
            warnings.warn(message, kind, stacklevel=1)
            return y**2

        return f

    x = torch.ones(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in (DeprecationWarning, FutureWarning):
            jvp(noisy("`torch.jit.script` is deprecated. Please switch", kind), (x,), (x,))
            jvp(noisy("`torch.jit.script` is not supported in Python 3.14+", kind), (x,), (x,))
    with pytest.warns(FutureWarning, match="mine"):
        jvp(noisy("mine", FutureWarning), (x,), (x,))


def test_numbers_are_drawn_where_the_stream_lives():
    """A stream without a place draws where the points are; its place wins."""
    like = torch.empty(3, device="meta")
    assert device_of(None, like).type == "meta"
    assert device_of(seeded(), like).type == "cpu"
    for draw in (rand, randn):
        assert draw((2,), like, seeded()).is_meta
    assert random_rows(like, 2, seeded()).is_meta


def test_chunks_have_a_number_of_rows_at_least():
    assert [part.stop - part.start for part in chunks(100, 10**9, at_least=40)] == [40, 40, 20]
    assert [part.stop - part.start for part in chunks(20, 10**9)] == [16, 4]
    assert next(iter(chunks(10**6, 5))).stop == tensors.CHUNK_NUMBERS // 5


@dataclass
class _Record:
    few: torch.Tensor
    many: torch.Tensor
    number: float
    word: str
    rate: complex = 1 + 2j

    __repr__ = brief


def test_records_print_in_one_line():
    record = _Record(torch.tensor([1.0, 1 / 3]), torch.zeros(100, 2), 2 / 3, "w")
    assert repr(record) == "_Record(few=[1, 0.3333], many=tensor(100, 2), number=0.6667, word='w', rate=1+2j)"


def test_what_numpy_can_convert_comes_with_the_advice_and_text_does_not():
    """Of the real numbers torch lacks the long ones, where a processor has any."""
    advice = r"x has dtype float\d+, .* needed\. Convert it first: x\.astype\(float\)\.$"
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(TypeError, match=advice):
            as_points("f", "x", np.ones((3, 2), dtype=np.longdouble))
    with pytest.raises(TypeError, match=r"x has dtype <U1, but real numbers are needed\.$"):
        as_points("f", "x", np.array([["a", "b"]]))
