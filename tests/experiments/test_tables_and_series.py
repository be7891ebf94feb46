"""Your own data: tables as declared, judges on laws that are known, pages that show the rows' numbers."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from experiments.machinery import page, runner, store
from experiments.own_data import data, judged, rivals, series, which
from tests.needs import needs

ROOT = Path(__file__).resolve().parents[2]


def is_of_statsmodels(table):
    return getattr(table.load, "func", None) is data.statsmodels


# statsmodels comes with the extra of experiments, which tests run without
HERE = [name for name, one in data.TABLES.items() if find_spec("statsmodels") or not is_of_statsmodels(one)]


@pytest.mark.parametrize("name", HERE)
def test_a_table_has_the_columns_that_are_declared(name):
    given = data.TABLES[name]
    x = given.load()
    assert len(x) >= 150
    assert x.shape[1] == given.columns
    assert sum(len(column.unique()) < 20 for column in x.T) == given.discrete
    assert bool(x.isfinite().all())


def test_the_parts_of_a_split_share_no_row():
    given = data.split("mixed units", 100)
    both = torch.cat([given.train, given.held_out])
    assert (len(given.train), len(given.held_out)) == (900, 600)
    assert len(both.unique(dim=0)) == len(data.mixed_units().unique(dim=0))


def test_a_bend_leaves_a_third_moment_and_no_bend_none():
    """Of exact samples the share is one; without a bend nothing is left."""
    x, exact = data.curved(20_000, use=7), data.exact_third_moment()
    assert abs(data.third_moment(x) / exact - 1) < 0.15
    flat = data.CENTRES[0] + torch.randn(20_000, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert abs(data.third_moment(flat) / exact) < 0.1


@pytest.mark.slow
def test_copies_are_copies_and_noise_is_noise():
    """Rows of the table given back are nearer to the training part; a wrong law is told from it always."""
    given = data.split("mixed units", 100)
    copies = judged.read(given.train[:600], given, torch.Generator().manual_seed(0))
    assert copies["halves"] > 0.75
    assert copies["AUC"] < 0.6
    far = judged.read(given.train[:600] * 2, given, torch.Generator().manual_seed(0))
    assert far["AUC"] > 0.95
    assert far["sliced W2, floors"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("method", [rivals.scott, rivals.half_silverman, rivals.mixture])
def test_rivals_keep_mean_and_spread_of_a_gaussian(method):
    needs("sklearn")
    g = torch.Generator().manual_seed(0)
    x = torch.randn(1000, 3, dtype=torch.float64, generator=g) * torch.tensor([1.0, 2.0, 3.0]) + 5
    y = method(x, g)(4000, g)
    assert (y.mean(0) - x.mean(0)).abs().max() < 0.25
    assert ((y.std(0) / x.std(0)) - 1).abs().max() < 0.3


def test_segments_hold_all_rows_and_no_gap():
    rows = torch.arange(8.0)[:, None]
    rows[[2, 3, 7]] = torch.nan
    given = series.Series([rows, torch.arange(2.0)[:, None]], None, 1, 1.0)
    assert [part[:, 0].tolist() for part in given.segments()] == [[0, 1], [4, 5, 6], [0, 1]]


@pytest.mark.parametrize(
    ("file", "mark", "table"),
    [
        ("docs/which_method.md", "which method", which.methods),
        ("docs/which_method.md", "series", which.timescales),
        ("README.md", "which method", which.methods),
    ],
)
def test_the_pages_show_the_rows_numbers(file, mark, table):
    """If not: ``python -m experiments.own_data.which`` prints them."""
    shown = re.search(rf"<!-- {mark} -->\n(.*?)<!-- end", (ROOT / file).read_text(encoding="utf-8"), re.S)[1]
    assert shown == table(page.cite(store.load(runner.RESULTS / "own-data.json")))


@pytest.mark.slow
def test_the_readmes_csv_becomes_samples(tmp_path, monkeypatch, capsys):
    pandas = needs("pandas")
    needs("safetensors")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = next(part for part in re.findall(r"```python\n(.*?)```", text, re.S) if "read_csv" in part)
    monkeypatch.chdir(tmp_path)
    exec(code.replace("course/koopcourse", (ROOT / "course" / "koopcourse").as_posix()), {})
    told, drawn = capsys.readouterr().out, pandas.read_csv("samples.csv")
    assert "rows with missing values left out" in told
    assert (len(drawn), list(drawn)) == (1000, ["temperature_C", "pressure_Pa", "rain_mm", "cloud_okta", "station"])
    assert Path("weather.safetensors").is_file()
