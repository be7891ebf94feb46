"""A table in, the same kind of table out: units, containers, gaps, levels, files; what the stages do."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import koopteach as kt
from koopteach.sampler import mixture
from koopteach.sampler import sampler as module
from koopteach.sampler.columns import Columns, _extended, calibrated, normal_scores
from koopteach.sampler.corrector import Mover
from koopteach.sampler.judge import energy_scores, held_out_report, told_apart
from tests.needs import needs
from tests.tools import normal, seeded


def table(n=120, d=3, seed=0):
    """A skewed column, one that belongs to it, and normal ones."""
    x = normal(n, d, seed=seed)
    x[:, 0] = x[:, 0].exp()
    if d > 1:
        x[:, 1] += x[:, 0]
    return x


def quick(**options):
    return kt.KoopmanSampler(**({"hold_out": 0, "n_steps": 8, "pool": 100, "components": 2} | options))


# Columns


def test_normal_scores_are_monotone_and_their_inverse_is_one():
    x = torch.tensor([0.0, 0.0, 1.0, 3.0, 40.0, 1e4]).double()
    share = torch.full((6,), 1 / 6, dtype=torch.float64)
    knots = normal_scores(x, share)
    scores = knots(x)
    assert (share * scores).sum().abs() < 1e-12
    assert abs((share * scores**2).sum() - 1) < 1e-12
    at = torch.tensor([-5.0, 0.5, 2.0, 20000.0]).double()
    assert (knots(at).diff() > 0).all()
    torch.testing.assert_close(knots.undo(knots(at)), at)


def test_a_map_goes_on_as_over_the_outer_tenth_of_the_rows():
    """Of 95 rows that is the tenth from either end; of three values the next one, however few rows hold it."""
    squares = torch.arange(95, dtype=torch.float64).square()
    tenths = _extended(squares, torch.arange(1, 96) / 95)
    assert tenths.tolist() == [-(9**2), *squares.tolist(), 94**2 + 94**2 - 85**2]
    assert _extended(squares[:3], torch.tensor([0.5, 0.97, 1.0])).tolist() == [-1, 0, 1, 4, 7]


def test_heavy_columns_alone_get_scores_and_constant_ones_come_back():
    x = torch.cat([table(500), torch.full((500, 1), 7.0).double()], dim=1)
    columns = Columns.of(x, torch.full((500,), 1 / 500, dtype=torch.float64))
    assert [j for j, _ in columns.scores] == [0, 1]
    assert columns.varying.tolist() == [0, 1, 2]
    torch.testing.assert_close(columns.undo(columns(x)), x)
    assert list(Columns.of(x, torch.full((500,), 1 / 500, dtype=torch.float64), "none").scores) == []


def test_calibrated_columns_are_the_datas_and_ranks_stay():
    data, x = table(100), normal(100, 3, seed=1)
    data[:, 2] = (data[:, 2] > 0.5).double()
    found = calibrated(x, data, torch.full((100,), 0.01, dtype=torch.float64))
    torch.testing.assert_close(found.sort(dim=0).values, data.sort(dim=0).values)
    assert found[:, 0].argsort().tolist() == x[:, 0].argsort().tolist()


# The mixture


@pytest.mark.parametrize(("kind", "stds"), [("full", 1.0), ("diagonal", 1.0)])
def test_a_mixture_of_one_has_the_moments(kind, stds):
    x = normal(200, 3) @ torch.tensor([[1.0, 0.9, 0], [0, 0.3, 0], [0, 0, 2]]).double()
    found = kt.FittedMixture.fit(x, most=1)
    assert found.kind in ("full", "tied")
    covariance = found.factors[0] @ found.factors[0].T
    of_data = torch.cov(x.T, correction=0)
    torch.testing.assert_close(covariance, of_data + 1e-5 * of_data.diag().diag())
    exact = torch.distributions.MultivariateNormal(found.means[0], covariance)
    torch.testing.assert_close(found.log_prob(x), exact.log_prob(x))


def test_a_mixture_finds_the_number_and_the_weights_of_its_components():
    x = kt.GaussianMixture([[-4.0, 0.0], [4.0, 0.0], [0.0, 6.0]], 1.0, [1, 2, 5]).sample(800, seeded())
    found = kt.FittedMixture.fit(x, generator=seeded(1))
    assert len(found) == 3
    assert found.weights.sort().values.sub(torch.tensor([1, 2, 5]) / 8).abs().max() < 0.05
    draws = found.sample(20000, seeded(2))
    assert (draws.mean(dim=0) - x.mean(dim=0)).abs().max() < 0.1
    again = found.refit(x)
    assert again.log_prob(x).mean() >= found.log_prob(x).mean() - 1e-9


@pytest.mark.parametrize("kind", ["full", "tied", "diagonal"])
def test_a_component_that_no_row_belongs_to_is_dropped(kind):
    """Nor one whose rows have no weight: its mean would be zero by zero."""
    x, parts = normal(40, 2), torch.zeros(40, 3).double()
    parts[:20, 0], parts[20:, 2] = 1, 1
    share = torch.full((40,), 1 / 40, dtype=torch.float64)
    found = mixture._maximise(x, share, parts, kind)
    one = mixture._maximise(x, share, parts[:, [0, 2]], kind)
    assert found["weights"].shape == (2,)
    assert all(torch.equal(found[name], one[name]) for name in ("weights", "means", "factors"))
    share = torch.cat([share[:20] * 2, torch.zeros(20, dtype=torch.float64)])
    assert mixture._maximise(x, share, parts, kind)["weights"].tolist() == pytest.approx([1.0])


def test_a_mixture_weights_rows_as_if_they_were_repeated():
    x, counts = normal(60, 2), torch.arange(60) % 3
    weighted = kt.FittedMixture.fit(x, counts, most=1)
    repeated = kt.FittedMixture.fit(x.repeat_interleave(counts, dim=0), most=1)
    torch.testing.assert_close(weighted.means, repeated.means)
    torch.testing.assert_close(weighted.factors, repeated.factors)


# Units


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    units=st.lists(st.floats(-6, 6), min_size=3, max_size=3),
    offsets=st.lists(st.floats(-1000, 1000), min_size=3, max_size=3),
    single=st.booleans(),
)
def test_samples_are_the_same_in_any_units(units, offsets, single):
    """Single precision sees a far offset in steps of 1e-4 spreads."""
    x = table().to(torch.float32 if single else torch.float64).double()
    spread, unit = x.std(dim=0), 10.0 ** torch.tensor(units).double()
    shift = torch.tensor(offsets).double() * (0.01 if single else 1)
    there = ((x / spread + shift) * unit).to(torch.float32 if single else torch.float64)
    here, moved = (quick().fit(data, generator=seeded()).sample(50, seeded(1)) for data in (x.to(there.dtype), there))
    back = (moved.double() / unit - shift) * spread
    assert moved.dtype == there.dtype
    assert float(((back - here.double()) / spread).abs().max()) < (1e-2 if single else 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 12, 100])
def test_units_in_many_columns(d):
    x = table(150, d)
    unit = 10.0 ** torch.linspace(-6, 6, d).double()
    there = (x + 100) * unit
    here, moved = (quick().fit(data, generator=seeded()) for data in (x, there))
    assert float((moved.sample(80, seeded(1)) / unit - 100 - here.sample(80, seeded(1))).abs().max()) < 1e-6
    assert float((moved.quadrature(20) / unit - 100 - here.quadrature(20)).abs().max()) < 1e-5


# Containers


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_the_same_kind_comes_out(dtype):
    array = (10 * table() + 100).numpy().clip(0, 200).astype(dtype)
    for given_table in (array, torch.from_numpy(array), array[::-1], array.astype(array.dtype.newbyteorder(">"))):
        found = quick().fit(given_table, generator=seeded()).sample(7, seeded(1))
        assert type(found) is type(given_table)
        assert found.shape == (7, 3)
        assert found.dtype == torch.from_numpy(array).dtype if isinstance(found, torch.Tensor) else found.dtype == dtype


def frame():
    pandas = needs("pandas")
    x = table().numpy()
    return pandas.DataFrame(
        {
            "income": 1e4 * x[:, 0],
            "age": (40 + 10 * x[:, 2]).round().astype("int64"),
            "member": x[:, 1] > 1,
            "country": np.full(len(x), 3),
            7: x[:, 1].astype("float32"),
        }
    )


def test_a_frame_comes_out_with_its_names_types_and_levels():
    people = frame()
    people.loc[[3, 5], "income"] = np.nan
    sampler = quick().fit(people, generator=seeded())
    found = sampler.sample(40, seeded(1))
    assert list(found.columns) == list(people.columns)
    assert list(found.dtypes) == list(people.dtypes)
    assert set(found["country"]) == {3}
    assert set(found["member"]) <= {True, False}
    for words in (
        "118 rows of 5 columns; 2 rows with missing",
        "constant: country",
        "scores: income",
        "sampled): member",
    ):
        assert words in sampler.report
    assert list(sampler.quadrature(5).columns) == list(people.columns)
    assert list(sampler.transport(people.dropna()[:9], seeded()).dtypes) == list(people.dtypes)


def test_text_is_refused_by_the_columns_name():
    people = frame().assign(city="Ulm")
    with pytest.raises(TypeError, match=r"^KoopmanSampler.fit: x has columns that are not all numbers: 'city'"):
        quick().fit(people)
    doubled = frame()
    doubled.columns = ["a", "b", "a", "c", "d"]
    with pytest.raises(ValueError, match=r"several columns are called a\."):
        quick().fit(doubled)


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (normal(19, 2), "19 of 19 rows .* at least 20"),
        (torch.cat([normal(15, 2), torch.full((30, 2), math.nan).double()]), "15 of 45 rows"),
        (torch.ones(50, 2), "all rows are the same"),
        (normal(50, 2).index_fill(0, torch.tensor([1]), math.inf), "infinity in 1 of 50"),
        (normal(50), r"Did you mean x\[:, None\]"),
        (torch.ones(50, 2, dtype=torch.complex64), "x is complex"),
        ("people.csv", "must be real numbers"),
    ],
)
def test_what_is_no_table_ends_in_one_line(x, told):
    with pytest.raises((TypeError, ValueError), match=f"^KoopmanSampler.fit: .*{told}") as caught:
        quick().fit(x)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: kt.KoopmanSampler(scores="yes"), "scores must be"),
        (lambda: kt.KoopmanSampler(hold_out=0.9), "hold_out must be between"),
        (lambda: kt.KoopmanSampler(dictionary=kt.MultiScale.from_data, units=1.0), "units are the default"),
        (lambda: kt.KoopmanSampler(n_steps=2.5), "n_steps must be a whole number"),
        (lambda: quick().fit(normal(50, 2), weights=-torch.ones(50)), "weights"),
        (lambda: quick().fit(normal(50, 2), weights=torch.ones(49)), r"weights has shape \(49,\)"),
        (lambda: quick().sample(3), "nothing was fitted yet"),
        (lambda: quick(units=0.0).fit(normal(50, 2)), "units must be positive"),
        (lambda: quick().fit(normal(50, 2)).sample(0), "n must be at least 1"),
        (lambda: quick().fit(normal(50, 2)).transport(normal(5, 3)), "2"),
    ],
)
def test_wrong_arguments_are_named(ask, told):
    with pytest.raises((TypeError, ValueError, RuntimeError), match=f"^KoopmanSampler.*{told}") as caught:
        ask()
    assert "\n" not in str(caught.value)


def test_one_column_and_repeated_rows_work():
    one = quick().fit(table(60, 1), generator=seeded()).sample(30, seeded(1))
    assert one.shape == (30, 1)
    assert one.min() > 0
    repeated = quick().fit(normal(25, 2).repeat(10, 1), generator=seeded()).sample(30, seeded(1))
    assert repeated.isfinite().all()


# What the stages do


@pytest.mark.slow
def test_bends_of_far_modes_are_sampled_by_a_kswgd_in_each_cluster(monkeypatch):
    """Third moments within the modes, over the data's: one spectrum of all modes has half of them at best."""
    centres = 6 / 2**0.5 * torch.eye(10, dtype=torch.float64)[:5]

    def bent(n, seed):
        u = normal(n, 10, seed=seed)
        u[:, 1] += 0.7 * (u[:, 0] ** 2 - 1)
        return centres[torch.randint(5, (n,), generator=seeded(seed))] + u

    def bend(x):
        u = x - centres[torch.cdist(x, centres).argmin(1)]
        return float(((u[:, 0] ** 2 - 1) * u[:, 1]).mean())

    x = bent(1800, 0)
    sampler = kt.KoopmanSampler(hold_out=0).fit(x, generator=seeded())
    assert "each gets a KSWGD of its own" in sampler.report
    with_it = bend(sampler.sample(2000, seeded(1))) / bend(x)
    monkeypatch.setattr(module, "_MOST_UNSEEN", 1.0)
    without = bend(sampler.sample(2000, seeded(1))) / bend(x)
    assert with_it > 0.5
    assert with_it > without + 0.1


def test_kswgd_brings_a_curve_that_the_mixture_lacks():
    x = normal(600, 2)
    x[:, 1] += 0.7 * (x[:, 0] ** 2 - 1)

    def third(sample):
        return float(((sample[:, 0] ** 2 - 1) * sample[:, 1]).mean()) / 1.4

    sampler = kt.KoopmanSampler(components=1, scores="none", hold_out=0).fit(x, generator=seeded())
    assert third(sampler.sample(800, seeded(1))) > 0.6 > 0.3 > third(sampler.draw(800, seeded(1), moved=False))


def test_many_are_moved_with_the_metric_of_a_thousand():
    """Whatever their order, and a thousand themselves as KSWGD moves them."""
    x = normal(300, 2)
    spectrum = kt.GeneratorEDMD(kt.Monomials(2, 2)).fit(x).spectrum()
    far = 3 + normal(1200, 2, seed=1)
    for n in (1000, 1001):
        own, all_of_them = (one(spectrum).velocity(far[:n]) for one in (Mover, kt.KSWGD))
        assert torch.equal(own, all_of_them) == (n == 1000)
        torch.testing.assert_close(own, all_of_them, rtol=0.1, atol=0.01)
    ordered = far[far[:, 0].argsort()]
    torch.testing.assert_close(
        Mover(spectrum).velocity(ordered), kt.KSWGD(spectrum).velocity(ordered), rtol=0.1, atol=0.1
    )


def test_columns_of_one_unit_are_seen_as_far_apart_as_they_are():
    """Two small columns hide a ring from kernels that see all columns alike wide."""
    x = table(200)
    sampler = quick(units=1.0, scores="none").fit(x * 5, generator=seeded())
    kernels = sampler.spectrum.functions.dictionary.parts[0]
    torch.testing.assert_close(kernels.units, 1 / (5 * x).std(dim=0, correction=0))
    one_each = quick(units=torch.full((3,), 7.0), scores="none").fit(x * 35, generator=seeded())
    torch.testing.assert_close(one_each.sample(20, seeded(1)) / 7, sampler.sample(20, seeded(1)))


@pytest.mark.parametrize("units", [2.0, [1.0, 2.0, 3.0], np.array([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 3.0])])
def test_units_of_any_container_are_in_the_file(units, tmp_path):
    sampler = quick(units=units).fit(table(200), generator=seeded())
    sampler.save(tmp_path / "sampler")
    found = kt.KoopmanSampler.load(tmp_path / "sampler")
    wanted = torch.as_tensor(units, dtype=torch.float64).expand(3)
    assert torch.equal(torch.as_tensor(found.units, dtype=torch.float64).expand(3), wanted)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "tail"), [(60, 16), (300, 44)])
def test_squares_hold_the_spread_where_there_is_no_room_for_products(n, tail):
    x = normal(n, 8)
    sampler = quick(n_steps=0).fit(x, generator=seeded())
    assert sampler.spectrum.functions.dictionary.parts[-1].n_features == tail
    moved = sampler.transport(0.1 * normal(200, 8, seed=1), seeded(2))
    torch.testing.assert_close(moved.var(dim=0), x.var(dim=0), rtol=0.05, atol=0)


def test_weights_tilt_the_law():
    x = normal(400, 1)
    sampler = quick().fit(x, weights=(0.5 * x[:, 0]).exp(), generator=seeded())  # a normal law moved by a half
    assert (
        abs(float(sampler.sample(100, seeded(1)).mean()) - float((x[:, 0] * torch.softmax(0.5 * x[:, 0], 0)).sum()))
        < 0.3
    )
    assert abs(float(sampler.quadrature(20).mean()) - float((x[:, 0] * torch.softmax(0.5 * x[:, 0], 0)).sum())) < 0.05


def test_quadrature_averages_as_the_table_does():
    x = 5 + table(300) * torch.tensor([1.0, 100.0, 1e-3]).double()
    points = quick(scores="none").fit(x, generator=seeded()).quadrature(30)
    independent = x.std(dim=0) / 30**0.5
    assert ((points.mean(dim=0) - x.mean(dim=0)).abs() < 0.2 * independent).all()


def test_conditioning_sees_units():
    x = normal(300, 2) @ torch.tensor([[1.0, 0.8], [0, 0.6]]).double() * torch.tensor([1.0, 1000.0]).double()
    sampler = quick().fit(x, generator=seeded())
    seen = sampler.condition(
        lambda x: -((x[:, 1] / 1000 - 1) ** 2) / 0.5, 300, prior=1000, n_steps=20, generator=seeded(1)
    )
    assert abs(float(seen[:, 0].mean()) - 0.64) < 0.15
    assert abs(float(seen[:, 1].std()) - 447) < 80


def test_the_report_tells_of_rows_kept_aside():
    sampler = quick(hold_out=0.25).fit(table(), generator=seeded())
    assert "beside 30 rows kept aside" in sampler.report


def test_the_judges_tell_right_from_wrong():
    right, wrong, held_out = normal(400, 2), 1.5 * normal(400, 2, seed=1), normal(200, 2, seed=2)
    assert energy_scores(right, held_out).mean() < energy_scores(wrong, held_out).mean()
    assert abs(told_apart(right, held_out) - 0.5) < 0.06 < told_apart(wrong + 2, held_out) - 0.5


# Parameters and files


def test_parameters_as_scikit_learn_asks_for_them():
    base = needs("sklearn.base")
    sampler = quick(pool=50).fit(table(), generator=seeded())
    copy = base.clone(sampler)
    assert copy.get_params() == sampler.get_params()
    assert copy.report == ""
    assert repr(copy.set_params(pool=800)) == "KoopmanSampler(components=2, n_steps=8, hold_out=0)"
    assert "fitted to 120 rows of 3 columns, start FittedMixture(" in repr(sampler)


def test_a_saved_sampler_samples_the_same(tmp_path):
    people = frame()
    sampler = quick().fit(people, generator=seeded())
    sampler.save(tmp_path / "people.safetensors")
    again = kt.KoopmanSampler.load(tmp_path / "people.safetensors")
    assert again.sample(20, seeded(1)).equals(sampler.sample(20, seeded(1)))
    assert again.quadrature(9).equals(sampler.quadrature(9))
    assert (again.report, repr(again)) == (sampler.report, repr(sampler))


class Own(kt.Hermite):
    """A dictionary of one's own."""


def test_a_file_that_does_not_fit_is_told(tmp_path):
    from koopteach.files import save_weights

    save_weights(tmp_path / "a", "KoopmanSampler", {"params": {"old": 1}}, {"data": torch.ones(2, 2)})
    with pytest.raises(ValueError, match="describes no KoopmanSampler of this version") as caught:
        kt.KoopmanSampler.load(tmp_path / "a")
    assert "\n" not in str(caught.value)
    hermite = type("Own", (kt.Hermite,), {})
    own = quick(dictionary=lambda u, g: hermite(u.shape[1], 2)).fit(table(), generator=seeded())
    with pytest.raises(RuntimeError, match="a Own cannot be saved"):
        own.save(tmp_path / "b")


def test_of_a_large_table_some_rows_judge():
    """All distances are held at once: of 50,000 rows kept aside they would take 20 GB."""

    class Exact:
        columns = staticmethod(lambda x: x)
        draw = staticmethod(lambda n, generator, moved: torch.randn(n, 2, dtype=torch.float64, generator=generator))

    told = held_out_report(Exact, torch.randn(50_000, 2, dtype=torch.float64, generator=seeded(1)), seeded(2))
    assert "beside 800 rows kept aside" in told
    apart = [float(share) for share in re.findall(r"kind (\S+), mixture (\S+) ", told)[0]]
    assert apart == pytest.approx([0.5, 0.5], abs=0.08)
    assert "the mixture alone is better" not in told


def test_samples_that_are_worse_than_the_mixtures_are_told():
    class Moved:
        columns = staticmethod(lambda x: x)
        draw = staticmethod(lambda n, generator, moved: normal(n, 2, seed=2) + 2 * moved)

    told = held_out_report(Moved, normal(400, 2, seed=1), seeded())
    assert told.endswith("the mixture alone is better here: take n_steps=0, or herd the rows")


def test_more_herded_rows_than_there_are_are_refused():
    with pytest.raises(ValueError, match=r"herd: n is 6, but x has 5 rows\."):
        kt.herd(normal(5, 2), 6)
