"""Somebody's own data: what went wrong once, and its kind, in any units, precision, layout, container and dimension."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import koopteach as kt
from tests.needs import needs
from tests.tools import Table, normal, seeded

QUIET = {"verbose": False}
EVERY = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=25)
FACTORS, OFFSETS = st.integers(-6, 6).map(lambda power: 10.0**power), st.sampled_from([0.0, -3.0, 100.0, 1000.0])


def units(data, d):
    """Factors and offsets (in spreads) of the columns, a different one for each."""
    return (torch.tensor(data.draw(st.lists(kind, min_size=d, max_size=d))).double() for kind in (FACTORS, OFFSETS))


def walk(n, d, seed=0):
    """Pairs of an AR(1) process of stationary unit variance, ``exp(-0.2)`` a step."""
    x = normal(n, d, seed=seed)
    return x, 0.8187 * x + (1 - 0.8187**2) ** 0.5 * normal(n, d, seed=seed + 1)


# Eigenvalues


@pytest.mark.parametrize("factor", [1e-6, 1.0, 100.0, 1e6])
def test_no_mode_is_lost_in_large_numbers(factor):
    """Exact timescales 1, 1/2, 1/3; at a factor of 100 two were left, .643 and .518."""
    x, y = (factor * z for z in walk(5000, 1))
    found = kt.EDMD(kt.Monomials(1, 3), lag=0.2).fit(x, y).spectrum()
    exact = torch.tensor([1.0, 1 / 2, 1 / 3]).double()
    torch.testing.assert_close(found.implied_timescales, exact, rtol=0.06, atol=0)
    assert "0 of 3 directions dropped" in found.report


def test_weather_keeps_its_nine_modes():
    """Temperature 15 +- 8 with pressure 1013 +- 10; three were left."""
    shift, size = torch.tensor([15.0, 1013.0]).double(), torch.tensor([8.0, 10.0]).double()
    x, y = walk(3000, 2)
    here, there = (
        kt.EDMD(kt.Monomials(2, 3), lag=0.2).fit(*pair).spectrum()
        for pair in ((x, y), (shift + size * x, shift + size * y))
    )
    assert len(here) == len(there) == 9
    # Cubes at a hundred spreads from zero: sums round to some 1e-14, the smallest direction is 1e-12 of the largest.
    torch.testing.assert_close(there.rates, here.rates, rtol=1e-2, atol=0)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_numbers_near_the_ends_of_the_range(scale):
    x = normal(200, 2)
    one, other = (
        kt.GeneratorEDMD(kt.MultiScale.from_data(z, (12, 4), generator=seeded()), standardize=True).fit(z).spectrum()
        for z in (x, scale * x)
    )
    torch.testing.assert_close(other.rates, one.rates, rtol=1e-6, atol=0)


# Dictionaries


def test_thirty_columns_are_enumerated_at_once():
    assert kt.Monomials(30, 2).n_features == 495
    assert kt.MultiScale.from_data(normal(60, 30), (12, 4), generator=seeded()).n_features < 60


BAD = {
    "NaN or infinity in 1 of 60": torch.cat([normal(59, 2), torch.full((1, 2), torch.nan).double()]),
    "NaN or infinity in 2 of 60": torch.cat([normal(58, 2), torch.full((2, 2), torch.inf).double()]),
    "x has 1 (different )?point": normal(1, 2),
    "x has 0 points": normal(0, 2),
    r"Did you mean x\[:, None\]": normal(60),
    "dtype torch.int64": torch.ones(60, 2, dtype=torch.long),
    "1 different point": torch.ones(60, 2),
}


@pytest.mark.parametrize("told", BAD)
@pytest.mark.parametrize("make", [lambda x: kt.MultiScale.from_data(x), lambda x: kt.GaussianRBF.from_data(x, 9)])
def test_no_dictionary_is_made_of_what_is_no_table(make, told):
    with pytest.raises((ValueError, TypeError), match=told):
        make(BAD[told])


# Outliers


def test_an_outlier_is_told_and_left_out_as_advised():
    """Its mode of rate zero passed, and KSWGD ended at spreads of (1.9, 3.3)."""
    x = torch.cat([normal(400, 2), torch.tensor([[50.0, 50.0]]).double()])
    found = kt.DiffusionMaps(bandwidth=0.6).fit(x).spectrum(20)
    assert "islands: " in found.report
    with pytest.raises(ValueError, match=r"KSWGD: .*constant on islands of data"):
        kt.KSWGD(found)
    kt.KSWGD(kt.DiffusionMaps(bandwidth=1.0).fit(x[:400]).spectrum(20))


# Flows


@pytest.mark.slow
@pytest.mark.parametrize("velocity", [lambda x, t: 10 * x**3, lambda x, t: x**2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_exploding_velocity_ends_in_one_line(velocity, dtype):
    needs("torchdiffeq")
    x = torch.full((3, 1), 5.0, dtype=dtype)
    with pytest.raises(ArithmeticError, match="grows without bound"):
        kt.integrate(velocity, x, solver="dopri5", tolerance=1e-6)
    with pytest.raises(ArithmeticError, match="grows without bound"):
        kt.integrate(lambda x, t: 1e3 * velocity(x, t), x, solver="euler", steps=20)


def test_a_tolerance_below_rounding_does_not_run_for_ever(monkeypatch):
    """And the larger one that is advised arrives."""
    needs("torchdiffeq")
    monkeypatch.setattr("koopteach.flow_matching.solvers._MOST_CALLS", 500)
    x = torch.full((3, 1), 2.0)
    with pytest.raises(ArithmeticError, match=r"tolerance 1e-14 in torch.float32 \(500 evaluations, and only at time"):
        kt.integrate(lambda x, t: -x, x, solver="dopri5", tolerance=1e-14)
    found = kt.integrate(lambda x, t: -x, x, solver="dopri5", tolerance=1e-6).states[-1]
    torch.testing.assert_close(found, x * np.exp(-1), rtol=1e-5, atol=0)


MOONS = kt.moons.sample(150, seeded())
FEW = {"n_steps": 2, "batch": 16, "generator": seeded(), **QUIET}


def fitted_map(x):
    return kt.fit_convex_map(x, n_centres=8, pair_steps=2, likelihood_steps=0, generator=seeded(), **QUIET)


def straightened(x):
    return kt.straighten(kt.LearnedSchedule(2), x, pool=32, **FEW)


def of_teacher(learn):
    """A student of a closed form whose ends have the moments of the data."""
    return lambda x: learn(kt.GaussianFlow(x.mean(0).tolist(), x.std(0).tolist()))


distilled = of_teacher(lambda flow: kt.distill(flow, n_pairs=50, width=8, **FEW))
student = of_teacher(lambda flow: kt.KoopmanFlow(flow, net={"width": 8}).fit(n_paths=50, **FEW))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("train", "told", "factor"),
    [
        pytest.param(fitted_map, "fit_convex_map: x1", 1e-2, marks=pytest.mark.slow),
        pytest.param(fitted_map, "fit_convex_map: x1", 1e3, marks=pytest.mark.slow),
        (straightened, "straighten: x1", 1e-2),
        (straightened, "straighten: x1", 1e3),
        (distilled, "distill: what the teacher makes", 1e3),
        (student, "KoopmanFlow.fit: what the teacher makes", 1e3),
    ],
)
def test_what_trains_on_raw_numbers_tells_of_far_units_and_the_advice_helps(train, told, factor):
    x = MOONS * torch.tensor([1.0, factor]).double()
    with pytest.warns(UserWarning, match=f"^{told} has columns of spreads from .* Map the data first"):
        train(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(kt.Standardizer.of(x)(x))


def test_a_flow_takes_a_table_of_a_hundred_columns():
    x = 1e4 * normal(60, 100) + 1e7
    flow = kt.FlowMatching(100, net=kt.FourierNet(100, width=8, depth=1)).fit(Table(x.numpy()), **FEW)
    u = (flow.sample(200, generator=seeded()) - x.mean(0)) / x.std(0)
    assert float(u.mean().abs()) < 0.1
    assert float(u.std()) == pytest.approx(1, abs=0.3)


# Small things, each of which ended in a raw error or in silence


def flow():
    return kt.FlowMatching(2, net=kt.FourierNet(2, width=8, depth=1)).fit(MOONS, **FEW)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: flow().sample(-1), "sample: n must be at least 1, got -1"),
        (lambda: flow().sample(0), "sample: n must be at least 1, got 0"),
        (lambda: flow().sample(2.5), "sample: n must be a whole number, got 2.5"),
        (lambda: kt.FlowMatching(2).fit(MOONS, n_steps=2.5), "fit: n_steps must be a whole number, got 2.5"),
        (
            lambda: kt.run_particles(kt.ULA(lambda x: -x[:, :1], step_size=0.1), MOONS),
            r"score returned has shape \(150, 1\)",
        ),
        (lambda: kt.run_particles(kt.SVGD(lambda x: -x[:, :1], step_size=0.1), MOONS), "one vector a point"),
        (lambda: kt.run_particles(kt.ULA(lambda x: x * torch.nan, step_size=0.1), MOONS), "score is NaN at 150 of 150"),
        (lambda: kt.run_particles(kt.SVGD(lambda x: x * torch.nan, step_size=0.1), MOONS), "score is NaN"),
        (lambda: kt.noise_floor(MOONS, MOONS, 10), "metric must be a function, such as"),
        (lambda: kt.lagged_pairs([], 1), "series has no rows"),
        (lambda: kt.lagged_pairs([normal(0, 2)], 1), "series has no rows"),
        (lambda: kt.GeneratorEDMD(kt.Hermite(2, 1)).fit(MOONS).spectrum().save("/no/folder/s"), "there is no folder"),
    ],
)
def test_it_ends_in_one_line(call, told):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_small_things_work():
    assert kt.run_particles(
        kt.ULA(kt.GaussianMixture([[0.0, 0.0]], 1.0), step_size=0.1), MOONS[:9], n_steps=1, **QUIET
    ).final.shape == (9, 2)
    chosen = kt.select({m: kt.GeneratorEDMD(kt.Hermite(2, m)) for m in (1, 2)}, MOONS, n_modes=2, generator=seeded())
    assert "1" in repr(chosen)
    assert kt.FlowMatching(np.int64(2)).dim == 2
    pairs = kt.KoopmanFlow(kt.GaussianFlow([0.0], [1.0]), n_pairs=np.int64(1))
    assert pairs.n_pairs == 1
    assert kt.integrate(lambda x, t: -x, MOONS, steps=np.int64(3)).nfe == 6
    assert len(repr(kt.straightness(flow(), normal(20, 2)))) < 300


# Series


def test_series_of_whole_numbers_and_of_single_precision():
    z = torch.arange(12)
    for dtype in (torch.float32, torch.float64):
        x, y = kt.lagged_pairs(z.to(dtype), 3)
        assert x.dtype == dtype
        assert (y - x).unique().tolist() == [3.0]
    x, y = kt.lagged_pairs(list(range(12)), 3)
    assert (y - x).unique().tolist() == [3.0]
    with pytest.raises(TypeError, match=r"series has dtype torch.int64.*series.double\(\)"):
        kt.lagged_pairs(z, 3)


@pytest.mark.parametrize("times", [[4, 3, 2, 1, 0], [0, 1, 1, 2, 3]], ids=["falling", "twice"])
def test_times_that_do_not_rise_are_told_and_sorting_helps(times):
    z, times = torch.arange(5.0), np.array(times, dtype=float)
    with pytest.raises(ValueError, match=r"times must increase .* Sort the rows by time, keep one for each time"):
        kt.lagged_pairs(z, 1, times=times)
    times, rows = np.unique(times, return_index=True)
    assert kt.lagged_pairs(z[rows], 1, times=times).n_pairs == len(times) - 1


def test_series_no_longer_than_the_lag_are_counted_or_refused():
    short, long = normal(5, 2), normal(30, 2)
    assert kt.lagged_pairs([short, long, short], 5).n_skipped == 2
    with pytest.raises(ValueError, match="take a shorter"):
        kt.lagged_pairs([short, short], 5)


# The sampler on odd tables


def quick(**options):
    return kt.KoopmanSampler(n_steps=3, pool=40, hold_out=0, components=2, **options)


def one_row_apart(x):
    x[:, 1] = 0
    x[7, 1] = 1
    return x


TABLES = {
    "one column": lambda: normal(40, 1),
    "fewer rows than columns": lambda: normal(24, 40),
    "one column is another": lambda: normal(60, 2)[:, [0, 1, 0]] * torch.tensor([1.0, 1.0, -1e4]).double(),
    "a column is the sum of the others": lambda: torch.cat([z := normal(60, 2), z.sum(1, keepdim=True)], dim=1),
    "one level but one row": lambda: one_row_apart(normal(60, 2)),
    "whole numbers": lambda: (3 * normal(60, 2)).round(),
    "ties": lambda: normal(30, 2).repeat(2, 1).round(decimals=1),
    "units within one table": lambda: normal(60, 3) * torch.tensor([1e-6, 1.0, 1e6]).double() + 1e3,
    "heavy tails": lambda: normal(60, 2).pow(5) * 1e5,
    "tiny numbers": lambda: normal(60, 2) * 1e-200,
    "huge numbers": lambda: normal(60, 2) * 1e200,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_odd_tables_are_sampled_within_their_range(name):
    """Every column keeps its mean and, being calibrated, its range; few whole numbers stay whole."""
    x = TABLES[name]()
    found = quick().fit(x, generator=seeded()).sample(200, seeded(1))
    assert bool((found >= x.amin(0)).all())
    assert bool((found <= x.amax(0)).all())
    spread = (x - x.mean(0)).abs().mean(0)
    assert bool(((found.mean(0) - x.mean(0)).abs() <= 0.4 * spread).all())
    assert name != "whole numbers" or torch.equal(found, found.round())


@pytest.mark.parametrize("name", ["one column", "units within one table", "one level but one row"])
def test_a_loaded_sampler_draws_the_same_in_the_tables_units(name, tmp_path):
    sampler = quick().fit(TABLES[name](), generator=seeded())
    sampler.save(tmp_path / "s")
    assert torch.equal(kt.KoopmanSampler.load(tmp_path / "s").sample(9, seeded(1)), sampler.sample(9, seeded(1)))


def test_conditioning_is_the_same_law_in_any_units():
    """The other column in units of 1000 ended at a mean of -3.67; exact are .8 and .447."""
    x = normal(2000, 2) @ torch.tensor([[1.0, 0.8], [0.0, 0.6]]).double()

    def fit(x, weights):
        return kt.GeneratorEDMD(kt.Monomials(2, 2), standardize=True).fit(x, weights).spectrum()

    for unit in (1.0, 1000.0):
        scale = torch.tensor([1.0, unit]).double()
        seen = kt.condition(
            x * scale, lambda x: -2 * (x[:, 0] - 1) ** 2, fit=fit, n_steps=30, noise=0.0, generator=seeded(1)
        ).particles
        assert float(seen[:, 0].mean()) == pytest.approx(0.8, abs=0.05)
        assert float(seen[:, 0].std()) == pytest.approx(0.447, abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_conditioning_with_its_defaults_takes_seconds(unit):
    x = normal(2000, 2) @ torch.tensor([[1.0, 0.8], [0.0, 0.6]]).double() * torch.tensor([1.0, unit]).double()
    seen = kt.condition(x, lambda x: -2 * (x[:, 0] - 1) ** 2, generator=seeded(1)).particles
    assert float(seen[:, 0].mean()) == pytest.approx(0.8, abs=0.05)
    assert float(seen[:, 0].std()) == pytest.approx(0.447, abs=0.04)


# Any units, precisions, layouts, containers and dimensions


def laid_out(x):
    """The same numbers in all ways that people hold them."""
    array = x.numpy()
    frozen = array.copy()
    frozen.flags.writeable = False
    return {
        "torch": x,
        "torch, turned": x.T.contiguous().T,
        "columns first": np.asfortranarray(array),
        "backwards": array[::-1].copy()[::-1],
        "strided": np.repeat(array, 2, axis=1)[:, ::2],
        "frozen": frozen,
        "another byte order": array.astype(array.dtype.newbyteorder(">")),
        "list": x.tolist(),
        "table": Table(array),
    }


WAYS = st.sampled_from(list(laid_out(torch.zeros(2, 2))))
DIMS = st.sampled_from([1, 2, 3, 7, 20, 100])


@pytest.mark.slow
@EVERY
@given(st.data())
def test_rates_are_the_same_of_any_data(data):
    d, how, single = data.draw(DIMS), data.draw(WAYS), data.draw(st.booleans())
    c, b = units(data, d)
    b = b.clamp(-3, 3) if single else b  # single precision sees a thousand spreads in steps of 1e-4
    dtype = torch.float32 if single and how not in ("list", "table") else torch.float64
    x, y = walk(150, d)
    fits = []
    for factor, shift in ((torch.ones(d).double(), 0.0), (c, b)):
        one, two = (laid_out((factor * (z + shift)).to(dtype))[how] for z in (x, y))
        psi = kt.MultiScale.from_data(one, (12, 4), "linear", seeded())
        samples, pairs = kt.GeneratorEDMD(psi, standardize=True, tol=1e-3), kt.EDMD(psi, lag=0.2, tol=1e-3)
        fits.append([samples.fit(one).spectrum(3).rates, pairs.fit(one, two).spectrum(3).rates])
    for here, there in zip(*fits):
        assert there.dtype == dtype
        torch.testing.assert_close(there, here, rtol=1e-2 if dtype == torch.float32 else 1e-5, atol=0)


@pytest.mark.slow
@EVERY
@given(st.data())
def test_samples_are_the_same_of_any_data(data):
    d, how = data.draw(DIMS), data.draw(WAYS)
    c, b = units(data, d)
    x = normal(40, d)
    here = quick().fit(x, generator=seeded()).sample(9, seeded(1))
    given_table = needs("pandas").DataFrame((c * (x + b)).numpy()) if how == "table" else laid_out(c * (x + b))[how]
    there = quick().fit(given_table, generator=seeded()).sample(9, seeded(1))
    assert type(there) is (np.ndarray if how == "list" else type(given_table))
    there = torch.as_tensor(there.to_numpy(copy=True) if how == "table" else there).double()
    assert float((there / c - b - here).abs().max()) < 1e-6


@pytest.mark.slow
@EVERY
@given(st.data())
def test_pairs_are_the_same_of_any_data(data):
    d, how, lag = data.draw(DIMS), data.draw(WAYS), data.draw(st.integers(1, 9))
    c, b = units(data, d)
    z = c * (normal(12, d) + b)
    x, y = kt.lagged_pairs(laid_out(z)[how], lag)
    assert torch.equal(x, z[:-lag])
    assert torch.equal(y, z[lag:])


@pytest.mark.slow
@EVERY
@given(st.data())
def test_flows_are_the_same_of_any_data(data):
    d, how = data.draw(DIMS), data.draw(WAYS)
    c, b = units(data, d)
    x = normal(40, d)

    def drawn(x):
        net = kt.FourierNet(d, width=8, depth=1, generator=seeded())
        few = {"n_steps": 2, "batch": 16, "generator": seeded(1), **QUIET}
        return kt.FlowMatching(d, net=net).fit(x, **few).sample(9, generator=seeded(2), steps=2)

    assert float((drawn(laid_out(c * (x + b))[how]) / c - b - drawn(x)).abs().max()) < 1e-4


# Ties


@pytest.mark.slow
@pytest.mark.parametrize(("d", "decimals"), [(2, 1), (3, 0)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ties_choose_the_same_centres_in_any_units(d, decimals, seed):
    """On a grid many distances are the same to the last bit; samples were a spread apart, rates a tenth."""
    grid = (normal(150, d, seed=seed) * (3 if decimals == 0 else 1)).round(decimals=decimals)
    c = 10.0 ** torch.linspace(-6, 6, d).double()
    moved = c * (grid + torch.linspace(-1000, 777.7, d).double())
    rates, samples = [], []
    for x in (grid, moved):
        psi = kt.MultiScale.from_data(x, (40, 12), generator=seeded(seed))
        rates.append(kt.GeneratorEDMD(psi, standardize=True).fit(x).spectrum().rates)
        samples.append(quick().fit(x, generator=seeded()).sample(60, seeded(1)) / x.std(0))
    torch.testing.assert_close(rates[1], rates[0], rtol=1e-5, atol=0)
    back = samples[1] - moved.mean(0) / moved.std(0) + grid.mean(0) / grid.std(0)
    assert float((back - samples[0]).abs().max()) < 1e-6


# Traps of a sampler in one call


def test_a_rare_level_stays_as_rare_as_it_is():
    """Snapped to the nearest level, a binary column with ones in a hundredth came out with twice its spread."""
    x = torch.cat([normal(400, 2), torch.zeros(400, 1).double()], dim=1)
    x[::100, 2] = 1
    found = kt.KoopmanSampler(hold_out=0, n_steps=5).fit(x, generator=seeded()).sample(2000, seeded(1))
    assert float(found[:, 2].std() / x[:, 2].std()) == pytest.approx(1, abs=0.3)
    assert found[:, 2].unique().tolist() == [0.0, 1.0]


@pytest.mark.slow
def test_few_samples_scatter_as_independent_ones():
    """Particles of one short run alone would lie evenly: their mean would hardly scatter."""
    sampler = quick().fit(normal(200, 1), generator=seeded())
    means = torch.stack([sampler.sample(20, seeded(k)).mean() for k in range(200)])
    assert float(means.std() * 20**0.5) == pytest.approx(1, abs=0.2)


def test_turned_signs_and_permuted_columns_change_no_rate_by_a_tenth():
    x = normal(600, 3)
    rates = [
        kt.GeneratorEDMD(kt.MultiScale.from_data(z, (40, 12), generator=seeded()), standardize=True).fit(z).spectrum(3)
        for z in (x, -x, x[:, [2, 0, 1]])
    ]
    for other in rates[1:]:
        torch.testing.assert_close(other.rates, rates[0].rates, rtol=0.1, atol=0)


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e6])
def test_a_mixture_is_the_same_in_any_units(factor):
    """Its least variance was in units of one: columns of a millionth came out three thousand times too wide."""
    x = torch.cat([normal(200, 2), normal(100, 2, seed=1) + 5])
    c = torch.tensor([1.0, factor]).double()
    one, other = (kt.FittedMixture.fit(z, generator=seeded()) for z in (x, c * x))
    assert (len(other), other.kind) == (len(one), one.kind)
    torch.testing.assert_close(other.sample(20, seeded()) / c, one.sample(20, seeded()), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(other.log_prob(c * x) + np.log(factor), one.log_prob(x), rtol=1e-6, atol=1e-6)


# What was right already


def test_far_origins_constant_and_doubled_columns_change_nothing():
    x, y = walk(400, 2)
    more = [torch.cat([z, z[:, :1], torch.ones(400, 1).double()], dim=1) + 1e8 for z in (x, y)]
    one = kt.EDMD(kt.Monomials(2, 1), lag=0.2).fit(x, y).spectrum()
    other = kt.EDMD(kt.Monomials(4, 1, center=1e8 * torch.ones(4).double()), lag=0.2).fit(*more).spectrum()
    assert len(one) == len(other) == 2
    torch.testing.assert_close(other.rates, one.rates, rtol=1e-5, atol=0)  # 1e8 leaves eight digits


def test_the_same_numbers_give_the_same_bits():
    one, other = (quick().fit(normal(60, 3), generator=seeded()).sample(9, seeded(1)) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.slow
def test_records_print_in_a_few_words():
    student = kt.KoopmanFlow(kt.GaussianFlow([0.0], [1.0]), net={"width": 8}).fit(n_paths=50, **FEW)
    assert len(repr(student.diagnose(normal(20, 1), verbose=False))) < 600


def test_one_mode_of_a_pair_says_how_many_to_keep():
    x = normal(500, 2)
    turn = torch.tensor([[0.6, 0.6], [-0.6, 0.6]]).double()
    y = x @ turn + 0.3 * normal(500, 2, seed=1)
    found = kt.EDMD(kt.Hermite(2, 1), lag=0.1, reversible=False).fit(x, y)
    assert "need both; keep 2 modes" in found.spectrum(1).report
    assert "keep 2" not in found.spectrum(2).report


@pytest.mark.parametrize(
    "fit",
    [
        lambda x, y: kt.DiffusionMaps().fit(x).spectrum(4),
        lambda x, y: kt.KernelEDMD(1.0, lag=0.2, n_centers=100, generator=seeded()).fit(x, y).spectrum(4),
    ],
    ids=["diffusion", "kernel"],
)
def test_one_length_for_columns_of_mixed_units_is_told_and_the_advice_helps(fit):
    """Distances see the widest column alone, and so does the spectrum."""
    x, y = walk(300, 2)
    c = torch.tensor([1.0, 60.0]).double()
    assert "the columns' spreads differ" in fit(c * x, c * y).report
    units = kt.Standardizer.of(c * x)
    assert "spreads differ" not in fit(units(c * x), units(c * y)).report
