"""Fits of parts add to the fit of all, however the data are cut, and whatever does not belong together is refused."""

import copy
import math
import operator
import pickle
import sys
from functools import reduce

import numpy as np
import pytest
import torch

from koopteach import (
    EDMD,
    Circle,
    GeneratorEDMD,
    Hermite,
    KernelEDMD,
    MultiScale,
    OrnsteinUhlenbeck,
    Sphere,
    Standardizer,
    arrays,
    snapshot_pairs,
)
from koopteach.operators.balance import Runs
from koopteach.operators.kept import MOST, Kept
from koopteach.operators.linear_algebra import Size
from tests.needs import needs
from tests.tools import normal, seeded

X, Y = snapshot_pairs(OrnsteinUhlenbeck(2), 9001, lag=0.3, generator=seeded())
W = torch.rand(len(X), dtype=X.dtype, generator=seeded(1))
PSI = MultiScale.from_data(X[:1000], (12, 6), generator=seeded())
CUTS = [1, 3999, 1, 0, 5000]
MAKE = {
    "generator": (lambda psi, x: GeneratorEDMD(psi), (X,)),
    "weighted": (lambda psi, x: GeneratorEDMD(psi), (X, W)),
    "standardised": (lambda psi, x: GeneratorEDMD(psi, standardize=Standardizer.of(x[:500])), (X,)),
    "pairs": (lambda psi, x: EDMD(psi, lag=0.3), (X, Y)),
    "irreversible": (lambda psi, x: EDMD(psi, lag=0.3, reversible=False), (X, Y)),
    "kernels": (lambda psi, x: KernelEDMD(0.7, lag=0.3, centers=x[:12]), (X, Y)),
}


def parts_of(make, data, psi):
    """A fit of each piece, as it comes back from another process; of the empty one nothing was fitted."""
    pieces = zip(*(column.split(CUTS) for column in data))
    fits = [make(psi, data[0]).fit(*piece) if len(piece[0]) else make(psi, data[0]) for piece in pieces]
    return [pickle.loads(pickle.dumps(part)) for part in fits]


def state(fitted):
    """What adds, by name, as tensors; symmetric sums by their lower triangle, which alone is kept."""
    found, fitted = {}, getattr(fitted, "_edmd", fitted)
    for name in fitted._SUMS:
        value = getattr(fitted, name)
        if isinstance(value, Size):
            found |= {"size": torch.tensor(float(value)), "ratio": torch.tensor(value.spread_ratio)}
        elif isinstance(value, Kept):
            found |= {"kept": value.different, "copies": value.copies}
        elif not isinstance(value, Runs):
            value = torch.as_tensor(value).double()
            found[name] = value.tril() if value.ndim == 2 and name != "_second" else value
    return found


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", MAKE)
def test_parts_add_to_one_fit(name, dtype):
    make, data = MAKE[name]
    data, psi = [column.to(dtype) for column in data], PSI.to(dtype)
    total, whole = sum(parts_of(make, data, psi)), make(psi, data[0]).fit(*data)
    found, needed = state(total), state(whole)
    if name in ("pairs", "kernels"):  # of the symmetrised operator this one is symmetric, too
        found["_second"], needed["_second"] = found["_second"].tril(), needed["_second"].tril()
    rounding = 1e-12 if dtype == torch.float64 else 1e-5  # of sums over 9,001 rows
    for sums, value in needed.items():
        torch.testing.assert_close(found[sums], value, rtol=0, atol=rounding * float(value.abs().max()), msg=sums)
    assert total.spectrum(3).report.split("\n")[0] == whole.spectrum(3).report.split("\n")[0]


@pytest.mark.parametrize("name", MAKE)
def test_a_sum_leaves_its_parts_alone(name):
    """Also where it has but one, and where the sum goes on by itself."""
    make, data = MAKE[name]
    a, b, *_ = parts_of(make, data, PSI)
    before = [copy.deepcopy(state(part)) for part in (a, b)]
    for total in (a + b, sum([a]), a + make(PSI, data[0]), make(PSI, data[0]) + a):
        assert total is not a
        total.partial_fit(*(column[:50] for column in data))
    for part, kept in zip((a, b), before):
        assert all(torch.equal(value, kept[sums]) for sums, value in state(part).items())


def test_empty_parts_add():
    total = sum([EDMD(PSI, lag=0.3).partial_fit(X[:0], Y[:0]), EDMD(PSI, lag=0.3)])
    assert (total.n_pairs, total.n_skipped) == (0, 1)
    assert (total + EDMD(PSI, lag=0.3).fit(X[:20], Y[:20])).n_skipped == 1


def test_parts_that_do_not_belong_together_are_refused():
    a, own = GeneratorEDMD(PSI).fit(X[:500]), MultiScale.from_data(X[-500:], (12, 6), generator=seeded())
    for other, told in (
        (GeneratorEDMD(PSI, tol=1e-6), r"parts of a sum differ in tol, 1e-08 and 1e-06\. Fit every part"),
        (GeneratorEDMD(own).fit(X[-500:]), "have another dictionary each. Make it from a sample x of all the data"),
        (GeneratorEDMD(Hermite(2, 2)).fit(X[:500]), "another dictionary"),
        (GeneratorEDMD(PSI, standardize=True).fit(X[:500]), "another units each"),
    ):
        with pytest.raises(ValueError, match=told):
            a + other
    with pytest.raises(TypeError, match=r"torch.float64 on cpu, but the other part is torch.float32"):
        a + GeneratorEDMD(PSI.to(torch.float32)).fit(X[:500].float())
    for other in (EDMD(PSI, lag=0.3).fit(X, Y), 1, None):
        with pytest.raises(TypeError, match="unsupported operand"):
            a + other
        with pytest.raises(TypeError, match="unsupported operand"):
            other + a
    with pytest.raises(ValueError, match=r"differ in lag, 0\.3 and 0\.2"):
        EDMD(PSI, lag=0.3) + EDMD(PSI, lag=0.2)


def test_fits_on_kernels_add_where_the_centres_are_shared():
    """The ridge, ``0.2 / n``, is that of all pairs; what nobody shared is refused."""
    shared = {"lag": 0.3, "centers": X[:12], "generator": seeded()}
    total = KernelEDMD(0.7, **shared).partial_fit(X[:0], Y[:0])
    for rows in (slice(400, 401), slice(401, 2000)):
        total = total + KernelEDMD(0.7, **shared).fit(X[rows], Y[rows])
    whole = KernelEDMD(0.7, lag=0.3, centers=X[:12], ridge=0.2 / 2000).fit(X[:2000], Y[:2000])
    pieces = KernelEDMD(0.7, **shared).fit(X[:400], Y[:400])
    pieces.spectrum(1)  # with a ridge of its own
    total, pieces = pieces + total, pieces.partial_fit(X[400:2000].numpy(), Y[400:2000].numpy())
    here, there, more = (fit.spectrum(3) for fit in (total, whole, pieces))
    for found in (here, more):
        torch.testing.assert_close(found.rates, there.rates, rtol=1e-8, atol=0)  # condition of the Gram matrix 1e3
        torch.testing.assert_close(found.energies, there.energies, rtol=1e-8, atol=0)
    assert "1 trajectories without a pair skipped" in here.report
    for other, told in (
        (KernelEDMD(0.7, lag=0.3, centers=X[1:13]).fit(X, Y), r"^KernelEDMD: .* another dictionary .*centers=x"),
        (KernelEDMD(0.7, lag=0.3).fit(X[:500], Y[:500]), "another dictionary each"),
        (KernelEDMD(0.7, lag=0.3, ridge=0.0, centers=X[:12]), "differ in ridge, None and 0.0"),
        (KernelEDMD(0.8, lag=0.3, centers=X[:12]), r"differ in kernel_width, 0\.7 and 0\.8"),
    ):
        with pytest.raises(ValueError, match=told):
            total + other
    with pytest.raises(TypeError, match="unsupported operand"):
        total + EDMD(PSI, lag=0.3)
    with pytest.raises(RuntimeError, match=r"KernelEDMD\.spectrum: nothing was fitted yet"):
        KernelEDMD(0.7, **shared).partial_fit(X[:0], Y[:0]).spectrum()
    with pytest.raises(ValueError, match="x has 0 points"):
        KernelEDMD(0.7, **shared).fit(X[:0], Y[:0])


def test_units_and_manifolds_are_shared_by_their_values():
    halves = X[:400], 3 * X[400:800]
    a, b = (GeneratorEDMD(PSI, standardize=True).fit(half) for half in halves)
    with pytest.raises(ValueError, match=r"another units .*standardize=Standardizer\.of\(x\)"):
        a + b
    units = Standardizer.of(X)
    a, b = (GeneratorEDMD(PSI, standardize=copy.deepcopy(units)).fit(half) for half in halves)
    assert torch.equal((a + b).spectrum(2).units.spread, units.spread)
    x, psi = Circle(1.0).sample(40, seeded()), Hermite(2, 2)
    a, b = (GeneratorEDMD(psi, manifold=circle).fit(x) for circle in (Circle(1.0), None))
    with pytest.raises(ValueError, match="another manifold"):
        a + b
    with pytest.raises(ValueError, match="another manifold"):
        a + GeneratorEDMD(psi, manifold=Circle(2.0)).fit(2 * x)
    assert (a + GeneratorEDMD(psi, manifold=Circle(1.0)).fit(-x)).n_points == 80
    assert Sphere().dim == 3


def test_an_engine_sees_how_large_a_fit_is():
    fitted = GeneratorEDMD(PSI).fit(X[:100])
    assert sys.getsizeof(fitted) > fitted._gram.nbytes + fitted._stiffness.nbytes


@pytest.mark.parametrize("far", [0.0, 1e6])
def test_a_size_has_the_moments_of_all_points(far):
    x, w = normal(300, 2) * torch.tensor([1.0, 30.0]).double() + far, torch.rand(300, 1, generator=seeded()).double()
    whole, *parts = (Size() for _ in range(4))
    for part, rows in zip((whole, *parts), (slice(None), slice(0, 1), slice(1, 100), slice(100, None))):
        part.add(x[rows], w[rows])
    total = reduce(operator.add, parts)
    assert float(total) == pytest.approx(float(whole), rel=1e-12)
    assert total.spread_ratio == pytest.approx(whole.spread_ratio, rel=1e-12)


# The pairs that are kept


def kept_of(*pieces):
    kept = Kept(pieces[0][0])
    for x, y in pieces:
        kept.add(x, y)
    return kept


def test_the_same_pairs_are_kept_however_the_data_are_cut():
    whole = kept_of((X, Y))
    assert len(whole.pairs) == MOST < len(X)
    rows = torch.isin(X[:, 0], whole.pairs[:, 0, 0]).nonzero()[:, 0]
    assert torch.equal(whole.pairs, torch.stack([X[rows], Y[rows]], dim=1))  # in the order of the data
    for cut in ([1, 9000], [4500, 4501], [8000, 1, 1000]):
        pieces = list(zip(X.split(cut), Y.split(cut)))
        assert torch.equal(kept_of(*pieces).pairs, whole.pairs)
        first, *rest = map(kept_of, pieces)
        for part in rest:
            first += part
        assert torch.equal(first.pairs, whole.pairs)
    # they stand for all: within five standard errors
    error = X.std(dim=0) / math.sqrt(MOST)
    assert bool(((whole.pairs[:, 0].mean(dim=0) - X.mean(dim=0)).abs() < 5 * error).all())


def test_all_are_kept_while_there_is_room():
    kept = kept_of((X[:MOST], Y[:MOST]))
    assert torch.equal(kept.pairs, torch.stack([X[:MOST], Y[:MOST]], dim=1))


@pytest.mark.parametrize("n", [3000, 30_000])
def test_repeated_pairs_count_as_often_as_they_come(n):
    """Ten states, some of them rare: a sample of rows by their hashes alone would hold one state or none."""
    share = torch.arange(1.0, 11.0)
    state = torch.multinomial(share, n, replacement=True, generator=seeded()).double()[:, None]
    kept = kept_of((state, -0.0 * state))
    assert kept.different[:, 0, 0].sort().values.tolist() == list(range(10))
    counts = state[:, 0].long().bincount()
    assert torch.equal(kept.copies[kept.different[:, 0, 0].argsort()], counts.double())
    found = kept.pairs[:, 0, 0].long().bincount() / len(kept.pairs)
    torch.testing.assert_close(found.double(), counts / n, rtol=0, atol=1.001 / MOST, check_dtype=False)


def test_runs_of_parts_are_runs_of_neighbours():
    """The mean is that of all rows; the error, of rows that hang together, that of runs of equal length."""
    rows = normal(5000, 1).cumsum(dim=0)
    rows = rows[::2] - rows[1::2] + 0.3 * normal(50, 1, seed=1).repeat_interleave(50, dim=0)
    whole, total = Runs(1, rows.device), Runs(1, rows.device)
    whole.add(rows)
    for piece in rows.split([3, 997, 1, 1499]):
        part = Runs(1, rows.device)
        part.add(piece)
        total += part
    first, second = Runs(1, rows.device), Runs(1, rows.device)
    first.add(rows[:1280])
    second.add(rows[1280:])
    torch.testing.assert_close((first + second).sums, whole.sums)  # runs of 32 in runs of 64
    one = torch.eye(1, dtype=rows.dtype)
    (mean, error), (needed, spread) = total.mean_and_error(one), whole.mean_and_error(one)
    torch.testing.assert_close(mean, needed, rtol=1e-10, atol=1e-12)
    assert 0.7 < float(error / spread) < 1.4
    assert total.n == 2500


# Arrays on disk


@pytest.mark.parametrize("name", ["weighted", "pairs", "kernels"])
@pytest.mark.parametrize("kind", ["memmap", pytest.param("zarr", marks=pytest.mark.slow)])
def test_arrays_on_disk_are_read_in_pieces(name, kind, tmp_path, monkeypatch):
    """Read-only memory maps and arrays without a length, without a warning."""
    make, data = MAKE[name]
    monkeypatch.setattr(arrays, "_PIECE", 2 * 4000)
    stored = []
    for number, column in enumerate(data):
        path = tmp_path / f"{number}.npy"
        if kind == "zarr":
            stored.append(needs("zarr").array(column.numpy(), store=str(path.with_suffix(".zarr")), chunks=len(X) // 3))
        else:
            np.save(path, column.numpy())
            stored.append(np.load(path, mmap_mode="r"))
    found, needed = state(make(PSI, X).fit(*stored)), state(make(PSI, X).fit(*data))
    for sums, value in needed.items():
        torch.testing.assert_close(found[sums], value, rtol=0, atol=1e-12 * float(value.abs().max()), msg=sums)


def test_of_an_array_on_disk_an_error_names_file_and_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "_PIECE", 200)
    x = X[:250].numpy().copy()
    x[130] = np.nan
    np.save(tmp_path / "sensor.npy", x)
    stored = np.load(tmp_path / "sensor.npy", mmap_mode="r")
    with pytest.raises(ValueError, match=r"x has NaN .* These are rows 100 to 199 of .*sensor\.npy\.$"):
        GeneratorEDMD(PSI).fit(stored)
    np.save(tmp_path / "later.npy", x[::-1])
    with pytest.raises(ValueError, match=r"y has NaN .* These are rows 0 to 99 of .*sensor\.npy and .*later\.npy\.$"):
        EDMD(PSI, lag=0.3).fit(stored[:100], np.load(tmp_path / "later.npy", mmap_mode="r")[50:150])
    with pytest.raises(ValueError, match="x has 100 rows and y 200"):
        EDMD(PSI, lag=0.3).fit(stored[:100], Y[:200])
