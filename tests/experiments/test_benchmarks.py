"""The harness on tiny workloads, the written-out formulas, and the results that are kept."""

import json
import math
import shutil

import numpy as np
import pytest
import torch

from experiments.speed import (
    growth,
    limits,
    processes,
    published,
    race_report,
    speed_report,
    turns,
    updates,
    waits,
    worker,
)
from experiments.speed.workload import Contender, Work, Workload
from experiments.speed.workloads import WORKLOADS
from koopteach import KSWGD, SVGD, GaussianRBF, GeneratorEDMD, Monomials, MultiScale

RATES = {"gemm float32": 4.0, "gemm float64": 2.0, "exp float32": 1.0, "exp float64": 0.5}
TINY = Workload(
    "sums",
    "distance from n",
    (
        Contender(
            "ours", lambda n: lambda: n, lambda found: abs(found - 8), lambda n: Work(2.0 * n, n, "float64"), None, 3
        ),
        Contender("peer", lambda n: lambda: n + 1, lambda found: abs(found - 8), package="torch"),
        Contender("another", lambda n: lambda: n, float, package="a_package_that_nobody_has"),
    ),
    size=8,
    quick=8,
    warm=2,
)


def test_the_least_work_in_seconds():
    assert Work(10.0, 3.0, "float64").seconds(RATES) == 10 / 2 + 3 / 0.5
    assert Work(10.0, 3.0, "float32").seconds(RATES) == 10 / 4 + 3 / 1


def test_a_worker_warms_up_and_then_measures_every_run():
    sizes, runs = [], []
    contender = Contender(
        "recording",
        lambda n: sizes.append(n) or (lambda: runs.append(n)),
        lambda _: 0.5,
        lambda n: Work(n, 0, "float64"),
        None,
        4,
    )
    told = worker.measure(Workload("", "", (contender,), 100, 50, 10), contender, 50)
    assert (sizes, runs) == ([10, 50], [10, 50, 50, 50, 50])
    assert len(told["seconds"]) == 4
    assert told["error"] == 0.5


def test_contenders_take_turns_and_a_missing_peer_is_no_failure(monkeypatch):
    asked = []

    def ask(key, name, size, threads):
        asked.append(name)
        assert threads == 1
        return worker.measure(TINY, next(c for c in TINY.contenders if c.name == name), int(size))

    monkeypatch.setattr(turns, "ask", ask)
    rows = turns.take_turns("tiny", TINY, 2, False, RATES)
    assert asked == ["ours", "peer", "ours", "peer"]
    ours, peer, missing = rows
    assert [len(row.seconds) for row in rows] == [6, 2, 0]
    assert (ours.error, peer.error, missing.error) == (0, 1, None)
    assert ours.limit == 16 / 2 + 8 / 0.5
    assert peer.limit is None
    assert peer.name == f"peer {torch.__version__}"
    assert missing.remark == turns.NOT_INSTALLED
    plain = speed_report._plain(missing, math.nan)
    monkeypatch.setitem(WORKLOADS, "tiny", TINY)
    assert speed_report.table("tiny", {"rows": [plain]}).splitlines()[-1].startswith("| another | not installed |")


@pytest.mark.slow
def test_a_worker_that_fails_says_why():
    with pytest.raises(RuntimeError, match="E0 nothing 5 failed: KeyError: 'E0'"):
        turns.ask("E0", "nothing", "5")


@pytest.mark.parametrize(
    ("key", "size", "bound"),
    [
        ("E2", 6000, 0.1),
        pytest.param("E3", 6000, 0.1, marks=pytest.mark.slow),
        pytest.param("E4", 200, 0.1, marks=pytest.mark.slow),
        ("T1", 600, 1e-6),
        ("K1", 600, 0.3),
        ("D1", 400, 1e-8),
        ("P1", 100, 1e-4),
        pytest.param("P2", 100, 1e-2, marks=pytest.mark.slow),
        ("W1", 2000, 0.6),
        ("P3", 300, 1e-4),
        ("P4", 100, 1e-9),
        ("P5", 100, 1e-7),
    ],
)
def test_our_contenders_solve_their_problem(key, size, bound, monkeypatch):
    """On a few points; the kernel spectrum's update is that of the written-out formulas."""
    monkeypatch.setattr(updates, "DATA", 300)
    monkeypatch.setattr(updates, "RANK", 10)
    ours = [contender for contender in WORKLOADS[key].contenders if contender.work]
    for contender in ours:
        assert contender.error(contender.prepare(size)()) < bound
    if key.startswith("P"):
        assert ours[0].error(ours[0].prepare(100)()) < 1e-12


def test_eigenvalues_by_a_rank_cut_are_those_of_the_pencil():
    a, b = (np.random.default_rng(seed).standard_normal((6, 6)) for seed in (0, 1))
    gram = a @ a.T
    np.testing.assert_allclose(
        np.sort_complex(published.rank_cut(gram, b)), np.sort_complex(np.linalg.eigvals(np.linalg.solve(gram, b)))
    )
    singular = np.diag([1.0, 1.0, 0.0])  # a feature that is constant, and the others as before
    np.testing.assert_allclose(np.sort(published.rank_cut(singular, np.diag([0.5, 0.2, 9.0]))), [0.2, 0.5])


def test_plain_tensors_move_particles_as_the_package_does():
    """Its functions, slopes, weights, and sixty steps; and the rates are those of a fit in the same features."""
    x0, spectrum = waits.steps_case(40)
    phi, slopes = updates.plain_functions(spectrum)(x0)
    torch.testing.assert_close(phi, spectrum(x0), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(slopes, spectrum.grad(x0), rtol=1e-8, atol=1e-8)
    for damping in (math.inf, 1.0):
        expected = KSWGD(spectrum, damping=damping).velocity(x0)
        found = published.damped_velocity(phi, slopes, spectrum.energies, damping)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))
    x = waits.RING.sample(600, torch.Generator().manual_seed(3))
    centers, widths = published.three_scales(x, (20, 6))
    psi = MultiScale([GaussianRBF(centers, widths), Monomials(2, 2, x.mean(0), x.std(0))])
    rates = GeneratorEDMD(psi).fit(x).spectrum().rates
    torch.testing.assert_close(published.generator_rates(x, centers, widths)[:15], rates[:15], rtol=1e-5, atol=1e-5)


def test_goals_are_of_rows_that_are_measured(kept):
    """And a missed one is named, with what takes the time."""
    title, table = speed_report.goals(kept)
    reached = {
        (key, name): speed_report.of(kept, key, name, "ratio") >= goal
        for key, hoped in speed_report.GOALS.items()
        for name, goal in hoped.items()
    }
    assert title == f"Goals: {list(reached.values()).count(False)} of {len(reached)} missed"
    for (key, name), there in reached.items():
        line = next(line for line in table.splitlines() if line.startswith(f"| {key} | {name} |"))
        assert line.endswith(" |  |  |" if there else f" | missed | {speed_report.WHY[key]} |")


def test_svgd_by_autograd_is_svgd():
    x = torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = SVGD(lambda z: -z, step_size=1.0, bandwidth=0.7).velocity(x)
    torch.testing.assert_close(published.svgd_by_autograd(x, lambda z: -z, 0.7), expected)


def test_the_process_has_the_eigenvalues_that_errors_are_taken_from():
    path = processes.trajectory(200_000, 2).numpy()
    correlation = (path[1:] * path[:-1]).mean(axis=0) / path.var(axis=0)
    np.testing.assert_allclose(correlation, processes.leading(2, 2), atol=5e-3)
    assert processes.error(np.array([0.3, 1.0, *processes.leading(2, 3)]), 2, 3) < 1e-12
    assert processes.error(np.array([0.3, *processes.leading(2, 3) + 0.01]), 2, 3) == pytest.approx(0.01)


def test_an_exponent_is_the_slope_between_logarithms(monkeypatch):
    clock = iter(np.cumsum([0, 1, 0, 4, 0, 16]).tolist())
    monkeypatch.setattr(growth.time, "process_time", lambda: float(next(clock)))
    found = growth._fit(growth.Axis("size", (1, 2, 4), lambda n: lambda: n), [1, 2, 4], 1)
    assert found["exponent"] == pytest.approx(2.0)
    assert found["seconds"] == [1, 4, 16]


@pytest.mark.slow
def test_limits_are_rates():
    found = limits.measure(quick=True)
    assert set(found) == set(RATES)
    assert all(1e7 < rate < 1e14 for rate in found.values())


@pytest.fixture(scope="module")
def kept():
    with open("results/benchmarks.json", encoding="utf-8") as file:
        return json.load(file)


def test_what_is_kept_has_every_workload_and_column(kept):
    assert set(kept["workloads"]) == set(WORKLOADS)
    for key, part in kept["workloads"].items():
        assert len(part["rows"]) == len(WORKLOADS[key].contenders)
        for row in part["rows"]:
            if row["remark"]:
                continue
            assert min(row["seconds"]) > 0
            assert row["is_peer"] or key in ("W3", "W4") or 0 < row["share"] <= 1  # of these no least work is known
            assert row["error"] >= 0
    assert set(kept["limits"]) == set(RATES)
    assert kept["machine"]["commit"]


def test_the_page_is_made_from_what_is_kept(kept):
    with open("results/benchmarks.md", encoding="utf-8") as file:
        page = file.read()
    assert page == speed_report.page(kept)
    for column in speed_report.COLUMNS:
        assert column in page
    assert page.count("\n- **") == 3


def test_the_page_on_particles_is_made_from_what_is_kept():
    with open("results/particles.json", encoding="utf-8") as file:
        stored = json.load(file)
    with open("results/particles.md", encoding="utf-8") as file:
        assert file.read() == race_report.page(stored)


@pytest.mark.slow
def test_pages_and_pictures_are_written_from_what_is_kept(tmp_path):
    for name, report in (("benchmarks", speed_report), ("particles", race_report)):
        shutil.copy(f"results/{name}.json", tmp_path)
        report.publish(tmp_path)
        assert f"]({name}.png)" in (tmp_path / f"{name}.md").read_text(encoding="utf-8")
        assert 0 < (tmp_path / f"{name}.png").stat().st_size <= 200_000
