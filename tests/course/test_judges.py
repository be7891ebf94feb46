"""Judges: identities, the order of the floors, and what each can and cannot see."""

import math

import pytest
import torch

from koopcourse import judges
from koopteach import GaussianMixture, sliced_wasserstein2
from tests.needs import needs
from tests.tools import seeded

RING = GaussianMixture.ring(8, radius=3.0, std=0.3)


def normal(n, d=2, seed=0, dtype=torch.float64):
    return torch.randn(n, d, dtype=dtype, generator=seeded(seed))


# Herding


def naive_energy(x, y):
    """The definition, a pair at a time."""

    def mean(a, b):
        return sum(math.dist(p, q) for p in a.tolist() for q in b.tolist()) / (len(a) * len(b))

    return 2 * mean(x, y) - mean(x, x) - mean(y, y)


def test_energy_distance_is_its_double_sum():
    x, y = normal(5), normal(7, seed=1)
    assert judges.energy_distance(x, y) == pytest.approx(naive_energy(x, y), rel=1e-12)
    assert judges.energy_distance(x, x) == pytest.approx(0, abs=1e-14)


def test_herding_takes_what_lowers_the_energy_distance_most():
    x, chosen = normal(5), []
    for _ in range(4):
        rest = [i for i in range(5) if i not in chosen]
        chosen.append(min(rest, key=lambda i: naive_energy(x[[*chosen, i]], x)))
    assert judges.herd(x, 4).tolist() == chosen


@pytest.mark.parametrize("n", [1, 7, 40])
def test_herded_rows_are_distinct(n):
    x = normal(40).repeat(2, 1)  # each point twice
    assert len(set(judges.herd(x, n).tolist())) == n
    assert sorted(judges.herd(x, 80).tolist()) == list(range(80))


def test_herded_points_lie_more_evenly_than_independent_ones():
    """By a factor: the energy distance falls like 1 / n^2 or so instead of 1 / n."""
    data = RING.sample(2000, seeded())
    independent = [judges.energy_distance(data[:100], data), judges.energy_distance(data[100:200], data)]
    assert judges.energy_distance(data[judges.herd(data, 100)], data) < 0.2 * min(independent)


def test_herding_follows_no_unit_and_no_origin():
    x = normal(60)
    assert judges.herd(x, 20).tolist() == judges.herd(0.5 * x + 4, 20).tolist()
    assert judges.herd(x.float(), 5).tolist() == judges.herd(x.float().double(), 5).tolist()


# Law and evenness


REFERENCE = RING.sample(4000, seeded(9))


def to_reference(x):
    return sliced_wasserstein2(x, REFERENCE, n_projections=50, n_quantiles=128)


@pytest.mark.slow
def test_the_even_floor_lies_below_the_independent_one_and_herded_data_reach_it():
    found = judges.floors(to_reference, RING.sample, 100, repeats=10, even_repeats=3, of=20, generator=seeded(1))
    data = RING.sample(800, seeded(2))
    herded = judges.evenness(to_reference, data[judges.herd(data, 100)], 100)
    assert found.even[0] < 0.5 * found.law[0]
    assert herded < found.law[0] - found.law[1]


@pytest.mark.slow
def test_a_random_part_of_an_even_run_is_judged_as_independent_draws_are():
    """Herded points have the data's law: nearly all of their evenness is gone in a random fifth of them."""
    data = RING.sample(2000, seeded(3))
    run = data[judges.herd(data, 500)]
    mean, _ = judges.law(to_reference, run, 100, repeats=10, generator=seeded(4))
    independent, sd = judges.law(to_reference, RING.sample, 100, repeats=10, generator=seeded(5))
    assert abs(mean - independent) < 2 * sd
    assert judges.evenness(to_reference, run[:100], 100) < independent  # herding's first 100 lie evenly, too


def judged(particles, **options):
    return judges.verdict(to_reference, particles, RING.sample, generator=seeded(6), **options)


@pytest.mark.slow
def test_a_verdict_tells_law_and_evenness_apart():
    data = RING.sample(4000, seeded(4))
    samples = {
        "herded": data[judges.herd(data, 400)],
        "independent": data[:400],
        "one mode": RING.modes[:1] + 0.3 * normal(400),
    }
    found = {name: judged(x) for name, x in samples.items()}
    assert [v.as_good for v in found.values()] == [True, True, False]
    assert [v.even for v in found.values()] == [True, False, False]
    assert found["one mode"].floors > 5
    assert str(found["one mode"]).startswith("as good as exact samples: no (")


@pytest.mark.slow
def test_a_verdict_judges_the_law_by_the_large_run_where_there_is_one():
    """Even particles of a wrong law's large run: as they are they score low, and their law is found out."""
    data = RING.sample(2000, seeded(3))
    herded, wrong = data[judges.herd(data, 400)], RING.modes[:1] + 0.3 * normal(2000)
    known = judges.law(to_reference, RING.sample, 400, repeats=10, generator=seeded(7))
    found = judged(herded, large=wrong, independent=known)
    assert (found.as_good, found.even) == (False, True)
    assert found.exact == found.exact_part == known


def test_the_line_and_the_fold_of_a_verdict(capsys):
    found = judges.Verdict(part=(0.31, 0.1), exact_part=(0.3, 0.1), whole=0.05, exact=(0.1, 0.02))
    assert str(found) == "as good as exact samples: yes (1.0 floors); even: yes"
    worse = judges.Verdict(part=(0.47, 0.1), exact_part=(0.3, 0.1), whole=0.08, exact=(0.1, 0.02))
    assert str(worse) == "as good as exact samples: no (1.6 floors); even: no"
    numbers = judges.Numbers({"KSWGD <damped>": found})
    assert repr(numbers).splitlines()[1].split()[:3] == ["KSWGD", "<damped>", "0.31"]
    numbers.show()
    assert capsys.readouterr().out == f"{numbers!r}\n"
    shown = numbers._repr_html_()
    assert shown.startswith("<details>")
    assert "<td>KSWGD &lt;damped&gt;</td><td>0.31 ± 0.1</td>" in shown


# A sample against held-out data


@pytest.mark.slow
def test_a_forest_cannot_tell_equal_laws_and_can_tell_shifted_ones():
    """Of 600 against 600 independent rows a rank statistic has a standard deviation of .017; six of them, rounded."""
    x, y = normal(700, 2), normal(650, 2, seed=1)
    assert abs(judges.auc(x, y, generator=seeded()) - 0.5) < 0.1
    assert judges.auc(x + 1.5, y, generator=seeded()) > 0.9


@pytest.mark.slow
def test_the_modes_help_the_forest_to_see_blurred_ones():
    x, y = RING.sample(300, seeded()), RING.sample(300, seeded(1))
    blurred = x + 0.15 * normal(300, seed=2)
    plain, helped = (judges.auc(blurred, y, modes=modes, generator=seeded(3)) for modes in (None, RING.modes))
    assert helped > plain + 0.02


@pytest.mark.slow
def test_at_most_600_rows_of_each_are_compared(monkeypatch):
    ensemble, seen = needs("sklearn.ensemble"), []
    fit = ensemble.ExtraTreesClassifier.fit
    monkeypatch.setattr(
        ensemble.ExtraTreesClassifier,
        "fit",
        lambda self, x, y: seen.append((len(x), len(x[0]))) or fit(self, x[::10], y[::10]),
    )
    monkeypatch.setattr("sklearn.metrics.roc_auc_score", lambda y, p: 0.5)
    judges.auc(normal(900), normal(1000, seed=1), generator=seeded())
    judges.auc(normal(50), normal(1000, seed=1), modes=RING.modes, generator=seeded())
    assert seen == [(1200, 2), (100, 4)]


def test_copies_are_nearer_to_the_training_part_and_fresh_rows_to_neither():
    """Of 2,000 fresh rows the share has a standard deviation of .011, and both parts' own luck about as much again."""
    train, held_out = normal(800), normal(600, seed=1)
    assert judges.halves(train[:600], train[:600], held_out, generator=seeded()) == 1
    assert judges.halves(held_out, train, held_out, generator=seeded()) == 0
    assert abs(judges.halves(normal(2000, seed=2), train, held_out, generator=seeded()) - 0.5) < 0.06


def test_halves_is_a_double_loop_and_ties_count_half():
    x, train, held_out = normal(5), normal(5, seed=1), normal(5, seed=2)
    nearer = sum(
        min(math.dist(p, q) for q in train.tolist()) < min(math.dist(p, q) for q in held_out.tolist())
        for p in x.tolist()
    )
    assert judges.halves(x, train, held_out) == pytest.approx(nearer / 5)
    assert judges.halves(x, train, train[[4, 3, 2, 1, 0]]) == 0.5


def test_a_larger_training_part_is_cut():
    """Uncut, ten times as many training rows would be nearer nearly always."""
    x = normal(1000, seed=2)
    assert abs(judges.halves(x, normal(3000), normal(300, seed=1), generator=seeded()) - 0.5) < 0.08


def test_training_rows_are_one_away_in_any_units():
    train, held_out = normal(400), normal(300, seed=1)
    sample = normal(200, seed=2)
    one = judges.relative_sliced_w2(sample, train, held_out, generator=seeded())
    assert 0.5 < one < 2
    units = torch.tensor([1e-3, 1e3], dtype=torch.float64)
    scaled = judges.relative_sliced_w2(units * sample + 7, units * train + 7, units * held_out + 7, generator=seeded())
    assert scaled == pytest.approx(one, rel=1e-9)
    assert judges.relative_sliced_w2(sample + 1, train, held_out, generator=seeded()) > 5


def test_the_unit_is_the_mean_of_eight_draws_of_as_many_training_rows():
    train, held_out, sample = normal(40), normal(30, seed=1), normal(20, seed=2)
    draw, unit, total = seeded(5), train.std(0), 0.0
    for _ in range(8):
        total += sliced_wasserstein2(train[torch.randperm(40, generator=draw)[:20]] / unit, held_out / unit)
    found = judges.relative_sliced_w2(sample, train, held_out, generator=seeded(5))
    assert found == pytest.approx(sliced_wasserstein2(sample / unit, held_out / unit) / (total / 8), rel=1e-12)


def test_a_constant_column_divides_nothing_by_zero():
    train, held_out, sample = (torch.nn.functional.pad(normal(50, 1, seed), (0, 1)) for seed in (0, 1, 2))
    assert math.isfinite(judges.relative_sliced_w2(sample, train, held_out))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: judges.herd(normal(3), 4), "herd: n is 4, but x has 3 rows"),
        (lambda: judges.law(to_reference, normal(499), 100), "499 points, but a random 100 of fewer than 500"),
        (lambda: judges.evenness(to_reference, normal(99), 100), "particles are 99, but the floor is of 100"),
        (lambda: judged(normal(9)), "particles has 9 points, but at least 10"),
        (lambda: judged(normal(40), large=normal(199)), "199 points, but a random 40 of fewer than 200"),
        (lambda: judges.auc(normal(19), normal(50)), "sample has 19 points, but at least 20"),
        (lambda: judges.auc(normal(50), normal(50, 3)), r"held_out has shape \(50, 3\)"),
        (lambda: judges.halves(normal(5), normal(5, 3), normal(5)), r"train has shape \(5, 3\)"),
        (lambda: judges.relative_sliced_w2(normal(9), normal(8), normal(8)), "9 rows, but train has 8"),
    ],
)
def test_what_cannot_be_judged_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()
