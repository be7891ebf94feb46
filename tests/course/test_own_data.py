"""The three files of lesson 16: their traps are there, and the answers that they were made for can be found."""

import math

import numpy as np
import pytest
import torch

import koopteach as kt
from koopcourse.authoring import own_data
from tests.needs import needs

BUMPS = kt.GaussianRBF(torch.linspace(450, 575, 8, dtype=torch.float64)[:, None], 15.0)


def stored(name):
    """The columns of a shipped file by name."""
    path = own_data.FOLDER / f"{name}.csv"
    names = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    return dict(zip(names, torch.from_numpy(np.genfromtxt(path, delimiter=",", skip_header=1)).T))


def scan(series, times=None, lags=(8.0,)):
    g = torch.Generator().manual_seed(0)
    return kt.scan_lags(
        lambda lag: kt.EDMD(BUMPS, lag=lag), series, lags, times=times, n_modes=1, n_resamples=30, generator=g
    )


def in_interval(found, value):
    return bool(found.low[-1, 0] < value < found.high[-1, 0])


def test_the_files_are_small():
    assert sum((own_data.FOLDER / f"{name}.csv").stat().st_size for name in own_data.TABLES) < 150_000


@pytest.mark.slow
@pytest.mark.parametrize("name", list(own_data.TABLES))
def test_the_files_are_what_the_script_makes(name):
    made, kept = own_data.table(name), stored(name)
    assert list(made) == list(kept)
    for column, values in kept.items():
        half = 0.51 * 10.0 ** -own_data.DIGITS.get(column, 0)  # rounded to the digits of the file
        assert torch.allclose(values, made[column].double(), rtol=0, atol=half, equal_nan=True)


def test_the_text_of_a_file_leaves_a_gap_where_a_value_is_missing():
    columns = {"hour": torch.tensor([0.0, 1.0]), "signal_mV": torch.tensor([512.25, math.nan])}
    assert own_data.csv(columns) == "hour,signal_mV\n0.0,512.2\n1.0,\n"


def test_the_weather_has_its_traps_and_its_answers():
    weather = stored("weather")
    assert (weather["temperature_C"] == own_data.NO_TEMPERATURE).sum() == 12
    assert 40 < weather["rain_mm"].isnan().sum() < 120
    assert len(weather["station"].unique()) == 1
    assert weather["cloud_okta"].unique().tolist() == list(range(9))
    whole = (weather["temperature_C"] > -100) & weather["rain_mm"].isfinite()
    x = torch.stack([weather["temperature_C"], weather["pressure_Pa"]], dim=1)[whole]
    storm = x[:, 1] < own_data.BETWEEN
    n = len(x)
    assert abs(float(storm.double().mean()) - own_data.STORMS) < 4 * (0.3 * 0.7 / n) ** 0.5
    for group, exact in ((storm, own_data.STORM_CORRELATION), (~storm, own_data.CALM_CORRELATION)):
        found = float(torch.corrcoef(x[group].T)[0, 1])
        assert abs(math.atanh(found) - math.atanh(exact)) < 4 * (2 / int(group.sum())) ** 0.5  # not quite Gaussian


@pytest.mark.slow
def test_the_sensor_forgets_within_eleven_hours_by_the_clock_alone():
    sensor = stored("sensor")
    signal = sensor["signal_mV"][:, None]
    assert in_interval(scan(signal, sensor["hour"]), own_data.TIMESCALE)
    dropped = scan(signal[signal.isfinite().all(dim=1)])
    assert dropped.high[0, 0] < own_data.TIMESCALE


@pytest.mark.slow
def test_visits_joined_by_hand_give_a_wrong_timescale():
    visits = stored("visits")
    signal = visits["signal_mV"][:, None]
    series = [signal[visits["visit"] == k] for k in visits["visit"].unique()]
    assert len(series) == own_data.N_VISITS
    assert in_interval(scan(series), own_data.TIMESCALE)
    assert scan(signal).high[0, 0] < own_data.TIMESCALE


@pytest.mark.slow
def test_a_scan_of_lags_is_drawn_with_its_intervals(monkeypatch):
    needs("matplotlib")
    from koopcourse.plotting import compare_timescales, figures

    drawn = []
    monkeypatch.setattr(figures, "_display", lambda fig, alt: drawn.append(fig))
    monkeypatch.setenv("KOOPTEACH_STRICT", "1")
    found = scan(list(torch.randn(30, 40, 1, dtype=torch.float64).mul(30).add(512).unbind(0)), lags=(1.0, 2.0))
    words = "Implied timescales of nothing much"
    compare_timescales({"one": found, "two": found}, exact=11.0, alt=words)
    (ax,) = drawn[0].axes
    assert ax.get_xlabel() == "lag"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["exact", "one", "two"]
