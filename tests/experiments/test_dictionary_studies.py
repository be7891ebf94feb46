"""Which dictionary, how large, how many data: judges on laws that are known, every kind on few points, the pictures."""

import math

import pytest
import torch

from experiments.dictionary import judged, kinds
from experiments.dictionary import page as dictionary_page
from experiments.dictionary.table import EXPERIMENT as DICTIONARY
from experiments.machinery.common import stream
from experiments.sample_size import rows as sample_size
from experiments.sample_size.table import EXPERIMENT as SAMPLE_SIZE
from koopcourse.judges import energy_distance
from koopteach import Hermite, MultiScale, Spectrum, snapshot_pairs


def some_pairs(n=400):
    return kinds.Given(*snapshot_pairs(judged.WELL, n, lag=kinds.LAG, generator=stream(1, 0)), stream(1, 2))


# Rates


def test_exact_rates_have_no_error_and_missing_ones_a_whole():
    exact = judged.WELL.exact_rates(judged.RATES)
    assert judged.rate_errors(exact) == {"slow rates": 0, "fast rates": 0}
    assert judged.rate_errors(exact[: judged.SLOW]) == {"slow rates": 0, "fast rates": 1}
    off = exact.clone()
    off[1] *= 3
    assert judged.rate_errors(off)["slow rates"] == pytest.approx(2)


def test_the_known_functions_have_the_exact_rates():
    found = judged.known_functions().rates
    assert judged.rate_errors(found)["slow rates"] < 1e-4
    assert judged.rate_errors(found)["fast rates"] < 1e-3


def test_known_functions_on_data_are_a_galerkin_method():
    """In another basis of the same functions, with other means, the rates are the same."""
    x = judged.WELL.sample(2000, stream(1, 3))
    functions = judged.known_functions()
    turn = torch.linalg.qr(torch.randn(judged.RATES, judged.RATES, dtype=x.dtype, generator=stream(1, 4)))[0]
    values = functions(x) @ turn + 1
    slopes = functions.grad(x).transpose(1, 2) @ turn
    stiffness = torch.einsum("ndk,ndl->kl", slopes, slopes) / len(x)
    gram = torch.cov(values.T, correction=0)
    expected = torch.linalg.eigvals(torch.linalg.solve(gram, stiffness)).real.sort().values
    assert torch.allclose(judged.known_rates(x), expected, rtol=1e-8)


@pytest.mark.slow
def test_errors_of_known_functions_fall_with_the_root_of_the_data():
    few, many = (judged.rate_floors(n)["fast rates floor"] for n in (300, 4800))
    assert 2 < few / many < 8  # 4 in the limit


# Samples


@pytest.mark.slow
def test_quasi_random_samples_are_exact_and_even():
    x = judged.quasi_random(2048, stream(1, 5))
    assert x.shape == (2048, 2)
    exact = judged.WELL.sample(2048, stream(1, 6))
    reference = judged.WELL.sample(8192, stream(1, 7))
    assert energy_distance(x, reference) < energy_distance(exact, reference)
    for power in (2, 4):  # moments by the density on a line
        line = torch.linspace(-2.2, 2.2, 20_001, dtype=torch.float64)
        density = torch.exp(-judged.WELL.beta * (line**2 - 1) ** 2)
        moment = float((density * line**power).sum() / density.sum())
        assert (x**power).mean(0).sub(moment).abs().max() < 0.01


def test_lost_particles_have_no_number():
    lost = torch.full((judged.N_PARTICLES, 2), math.nan, dtype=torch.float64)
    found = judged.sample_errors(lost, lost, 1)
    assert set(found) == {"law SW2", "even SW2", "law KL", "even KL"}
    assert all(map(math.isnan, found.values()))


def test_a_flat_mode_moves_nobody():
    flat = Spectrum.from_functions([1e-30, 1.0], lambda x: x, lambda x: torch.eye(2).to(x).expand(len(x), 2, 2))
    assert bool(judged.run(flat, 1, 10).isnan().all())


# The dictionaries


SMALL = {"diffusion map": 100, "three scales and a tail": 40}
TRAINED = ("network", "network and a tail")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) if kind in TRAINED else kind for kind in kinds.KINDS]
)
def test_every_kind_makes_a_spectrum_of_few_points(kind):
    spectrum = kinds.KINDS[kind](some_pairs(), SMALL.get(kind, 5), 1.0)
    x = judged.WELL.sample(7, stream(1, 8))
    assert spectrum(x).shape == (7, len(spectrum))
    assert bool((spectrum.rates.diff() >= 0).all())


def test_the_default_is_the_packages():
    given = some_pairs(1500)
    ours = kinds.three_scales(given, 250, 1.0)
    theirs = kinds.of(MultiScale.from_data(given.x, generator=stream(1, 2)), given.x)
    assert torch.equal(ours.rates, theirs.rates)


def test_a_width_is_a_multiple_of_the_rules():
    one, two = (kinds.kernels(some_pairs(), 20, width) for width in (1.0, 2.0))
    assert torch.equal(one.centers, two.centers)
    assert torch.allclose(2 * one.widths, two.widths)


def test_a_tail_adds_the_five_polynomials_of_degree_two():
    given = some_pairs()
    with_tail = kinds.with_tail(Hermite(2, 3), given.x)
    assert with_tail.n_features == 9 + 5


# Many sets of data


def test_small_sets_of_data_are_many_and_none_is_another():
    counts = [len(list(sample_size.sets(1, n))) for n in (300, 3000, 10_000, 30_000, 300_000)]
    assert counts == [4, 4, 2, 1, 1]
    first, second = (sample_size.data(1, 50, place) for place in (0, 1))
    assert not bool((first == second).any())
    assert torch.equal(first, sample_size.data(1, 50))


def test_a_diffusion_map_takes_all_data():
    x = sample_size.data(1, 120)
    expected = kinds.diffusion_map(kinds.Given(x, x, stream(1, 1)), 120, 1.0)
    assert torch.equal(sample_size.fitted("diffusion map", x, 1).rates, expected.rates)


# The pages


def test_each_line_of_the_picture_goes_from_small_to_large():
    ids = {row.id: row.parameters for row in DICTIONARY.rows}
    for line in dictionary_page.LINES.values():
        sizes = [ids[id]["size"] for id in line]
        assert sizes == sorted(sizes)
    for line in dictionary_page.WIDTH_LINES.values():
        widths = [ids[id]["width"] for id in line]
        assert widths == sorted(widths)
        assert len({ids[id]["size"] for id in line}) == 1


@pytest.mark.parametrize("experiment", [DICTIONARY, SAMPLE_SIZE], ids=lambda one: one.title)
def test_a_picture_can_be_drawn_where_particles_were_lost(experiment):
    names = ("slow rates", "fast rates", "law SW2", "law KL", "even SW2", "even KL", "all SW2", "all KL")
    ours = {name: [0.2] for name in names} | {"fit, s": [1.0], "60 steps, s": [1.0], "modes": [3]}
    ours |= {f"{name} {what}": [0.1] for name in names for what in ("floor", "floor sd")}
    numbers = {row.id: dict(ours) for row in experiment.rows}
    numbers[experiment.rows[-1].id]["law KL"] = [math.nan]
    assert len(experiment.picture.draw(numbers).axes) >= 3
