"""A scan of lags: timescales within their intervals, intervals that cover, and what is said where they cannot."""

import math

import numpy as np
import pytest
import torch

from koopteach import EDMD, DoubleWell, GaussianRBF, Hermite, lagged_pairs, langevin_trajectory, scan_lags
from tests.koopteach.test_series import ar1
from tests.needs import needs
from tests.tools import normal, seeded

TRUE = 20.0
HALF = torch.tensor([TRUE, TRUE / 2], dtype=torch.float64)


def hermite(lag):
    return EDMD(Hermite(1, 2), lag=lag)


def scan(series, lags=(5, 10), **options):
    return scan_lags(hermite, series, lags, **{"n_modes": 2, "n_resamples": 20, "generator": seeded(), **options})


def test_the_timescales_are_those_of_the_pairs():
    z = ar1(3000, TRUE)
    found = scan(z)
    for k, lag in enumerate((5, 10)):
        needed = hermite(lag).fit(*lagged_pairs(z, lag)).spectrum(2).implied_timescales
        torch.testing.assert_close(found.timescales[k], needed, rtol=0, atol=0)
    assert found.n_pairs == (2995, 2990)
    assert found.lags.tolist() == [5, 10]
    assert bool((found.low < found.timescales).all() and (found.timescales < found.high).all())


@pytest.mark.slow
def test_the_default_block_is_five_times_the_slower_of_lag_and_timescale():
    z = ar1(5000, TRUE)
    slow = scan(z)
    assert slow.block == 5 * float(slow.timescales[:, 0].nanmedian())
    assert slow.n_blocks[0] == round(4994 / slow.block)
    assert scan(z, (5, 60), n_modes=1).block == 300
    assert scan(z, block=50).n_blocks == (100, 100)


def test_short_trajectories_are_whole_blocks():
    assert scan(list(ar1(80, TRUE, many=60).unbind(1))).n_blocks == (60, 60)


@pytest.mark.slow
def test_times_and_gaps_are_those_of_pairs():
    """In another clock the same timescales; half of the rows missing leave the truth within four errors."""
    z = ar1(20_000, TRUE)
    plain, clock = scan(z), scan(z, [0.5, 1.0], times=0.1 * torch.arange(len(z)))
    torch.testing.assert_close(10 * clock.timescales, plain.timescales)
    torch.testing.assert_close(10 * clock.high, plain.high)
    z[torch.rand(len(z), generator=seeded(3)) < 0.5] = math.nan
    some = scan(z)
    assert some.n_pairs[0] < 0.3 * plain.n_pairs[0]
    error = (some.high / some.low).log() / (2 * 1.96)
    assert float(((some.timescales / HALF).log().abs() / error).max()) < 4
    dates = np.datetime64("2024-03-01") + np.timedelta64(6, "h") * np.arange(len(z))
    dated = scan(z, [np.timedelta64(30, "h")], times=dates)
    assert dated.unit == "h"
    torch.testing.assert_close(dated.timescales, 6 * some.timescales[:1])
    assert f"blocks of {dated.block:.4g} h" in str(dated)


@pytest.mark.slow
def test_the_spread_of_resamples_is_the_spread_of_fresh_series():
    fresh = [float(scan(ar1(6000, TRUE, seed=s), (5,), n_modes=1, n_resamples=2).timescales.log()) for s in range(30)]
    found = scan(ar1(6000, TRUE, seed=99), (5,), n_modes=1, n_resamples=60)
    spread = float((found.high / found.low).log()) / (2 * 1.96)
    assert spread == pytest.approx(float(torch.tensor(fresh).std()), rel=0.5)


@pytest.mark.slow
def test_intervals_cover():
    """Of 40 series with gaps: 95 % in the mean; fewer than 33 would happen once in two thousand times."""
    hits = 0
    for seed in range(40):
        z = ar1(10_000, TRUE, seed=seed)
        z[torch.rand(len(z), generator=seeded(seed)) < 0.3] = math.nan
        found = scan(z, (10,), n_modes=1, n_resamples=40)
        hits += int(found.low < TRUE < found.high)
    assert hits >= 33


@pytest.mark.slow
def test_the_double_well():
    """Exact 4.13: two dozen trajectories of 200 rows, whose borders no pair may cross."""
    well = DoubleWell(3.0)
    exact = 1 / float(well.exact_rates(1)[0])
    start = well.sample(24, seeded())
    path = langevin_trajectory(well, start, n_steps=100_000, dt=0.002, every=50, generator=seeded(1))
    psi = GaussianRBF(torch.linspace(-1.8, 1.8, 15, dtype=torch.float64)[:, None], 0.3)
    times = [0.1 * torch.arange(len(path))] * 24
    found = scan_lags(
        lambda lag: EDMD(psi, lag=lag), list(path.unbind(1)), [0.5, 1.0], times=times, n_modes=1, generator=seeded()
    )
    assert exact == pytest.approx(4.13, abs=0.01)
    assert bool(((found.low < exact) & (found.high > exact)).all())


def test_a_lag_without_modes_is_told_and_the_others_stand():
    found = scan(ar1(4000, 2.0), (1, 200), n_modes=1)
    assert bool(found.timescales[0].isfinite().all())
    if bool(found.timescales[1].isnan().any()):
        assert "lag 200: EDMD.spectrum: no eigenvalue" in found.report
    assert "only 4 blocks: the intervals are too narrow" in found.report
    assert str(found).count("\n") >= 3


def test_a_mode_that_resamples_lose_has_no_interval():
    found = scan(ar1(3000, 3.0), (9,), block=100)
    assert bool(found.low[0, 1].isnan() and found.high[0, 1].isnan())
    assert "nan" in str(found)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda z: scan(z, (999,)), "lagged_pairs: no two complete rows are 999 rows apart"),
        (lambda z: scan(z, ()), "Give at least one lag"),
        (lambda z: scan(z * 0, (1,)), "scan_lags: no lag gave a mode. lag 1: EDMD"),
        (lambda z: scan(z, n_modes=0), "scan_lags: n_modes must be at least 1"),
        (lambda z: scan(z, n_resamples=1), "scan_lags: n_resamples must be at least 2"),
        (lambda z: scan(z, block=-1), "length must be positive"),
        (
            lambda z: scan_lags(lambda lag: EDMD(Hermite(1, 1), lag=0.1 * lag), z, [5]),
            "has lag 0.5, so its timescales are in other units than the lags",
        ),
    ],
)
def test_what_does_not_fit_is_told(call, told):
    with pytest.raises(ValueError, match=told):
        call(normal(500, 1))


@pytest.mark.slow
def test_the_plot_is_drawn(monkeypatch):
    needs("matplotlib.pyplot")
    from koopcourse import plotting
    from koopcourse.plotting import figures

    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    seen = []
    monkeypatch.setattr(figures, "_display", lambda fig, alt: seen.append(fig))
    found = scan(ar1(3000, 3.0), (2, 9), block=100)  # the last one has no interval
    plotting.timescales(found, exact=[3.0, 1.5], alt="Two timescales at two lags with their intervals")
    (ax,) = seen[0].axes
    assert len(ax.lines) >= 2
    assert "lag" in ax.get_xlabel()
