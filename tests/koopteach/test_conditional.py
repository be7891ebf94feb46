"""Conditional sampling: effective sample size, resampling, exponents, and the conditioned law in closed form."""

import math
import warnings

import pytest
import torch

from koopteach import GeneratorEDMD, Monomials, condition, effective_sample_size, systematic_resample
from koopteach.particles.conditional import next_exponent
from tests.tools import seeded

N = 4000
# a standard normal prior by its quantiles: samples without noise
PRIOR = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(N, dtype=torch.float64) + 0.5) / N)[:, None]
PRIOR = PRIOR[torch.randperm(N, generator=torch.Generator().manual_seed(0))]


def observed(value, std):
    return lambda x: -((x[:, 0] - value) ** 2) / (2 * std**2)


def posterior(value, std):
    """Mean and variance of a standard normal that was seen at ``value`` with an error of ``std``."""
    precision = 1 + 1 / std**2
    return value / std**2 / precision, 1 / precision


def quadratic(x, weights):
    """The dictionary in which Gaussians are exact."""
    return GeneratorEDMD(Monomials(1, 2)).fit(x, weights).spectrum()


def conditioned(log_likelihood, x=PRIOR, **options):
    options = {"fit": quadratic, "generator": seeded(), "noise": 0.0} | options
    return condition(x, log_likelihood, **options)


FEW = pytest.mark.filterwarnings("ignore:condition. the whole likelihood leaves")


# Effective sample size


@pytest.mark.parametrize("shift", [0.0, 5000.0, -5000.0])
def test_equal_weights_count_all_and_zeros_count_nothing(shift):
    log_weights = torch.full((50,), shift, dtype=torch.float64)
    assert effective_sample_size(log_weights) == pytest.approx(50)
    log_weights[7:] = -torch.inf
    assert effective_sample_size(log_weights) == pytest.approx(7)
    log_weights[1:] = -torch.inf
    assert effective_sample_size(log_weights) == 1


def test_effective_sample_size_is_kishs_ratio():
    log_weights = torch.randn(40, dtype=torch.float64, generator=seeded(1))
    weights = [math.exp(value) for value in log_weights.tolist()]
    assert effective_sample_size(log_weights) == pytest.approx(sum(weights) ** 2 / sum(w**2 for w in weights))


# Systematic resampling


def test_each_sample_stands_as_often_as_its_weight_says_but_for_rounding():
    log_weights = 2 * torch.randn(30, dtype=torch.float64, generator=seeded(2))
    log_weights[[0, 11, 29]] = -torch.inf
    expected = 200 * torch.softmax(log_weights, 0)
    counts = systematic_resample(log_weights, 200, seeded(3)).bincount(minlength=30)
    assert bool((counts >= expected.floor()).all())
    assert bool((counts <= expected.ceil()).all())
    assert counts[[0, 11, 29]].tolist() == [0, 0, 0]


def test_the_heights_start_at_random():
    """A weight of one half and one index: either, as often."""
    first = [int(systematic_resample(torch.zeros(2), 1, seeded(seed))) for seed in range(200)]
    assert 70 < sum(first) < 130


def test_heights_beyond_the_last_sum_belong_to_the_last_that_has_a_weight(monkeypatch):
    monkeypatch.setattr("koopteach.particles.conditional.rand", lambda *_: torch.tensor(1.0, dtype=torch.float64))
    log_weights = torch.tensor([0.0, 0.0, -torch.inf, -torch.inf], dtype=torch.float64)
    assert systematic_resample(log_weights, 2).tolist() == [1, 1]


def test_equal_weights_take_every_sample_once():
    assert systematic_resample(torch.zeros(9), 9, seeded(4)).tolist() == list(range(9))


# Exponents


def test_the_exponent_keeps_as_many_effective_samples_as_asked():
    values = observed(2.0, 0.1)(PRIOR)
    tau = next_exponent(values, 0.0, 500)
    assert 0 < tau < 1
    assert effective_sample_size(tau * values) == pytest.approx(500, rel=1e-6)
    later = next_exponent(values, tau, 500)
    assert later == pytest.approx(2 * tau)  # a level is as long as the one before, on the same samples


def test_an_easy_likelihood_comes_at_once():
    assert next_exponent(observed(0.0, 2.0)(PRIOR), 0.0, 500) == 1.0


# The conditioned law


def test_a_constant_likelihood_gives_the_unweighted_spectrum_and_the_prior():
    found = conditioned(lambda x: torch.full((len(x),), -7.0, dtype=x.dtype), n_particles=N)
    plain = GeneratorEDMD(Monomials(1, 2)).fit(PRIOR).spectrum()
    assert torch.allclose(found.spectrum.rates, plain.rates)
    assert torch.allclose(found.particles, PRIOR, atol=1e-9)
    assert found.exponents == (1.0,)
    assert found.effective_sizes == pytest.approx((N,))


@pytest.mark.parametrize("temper", [True, False])
def test_without_tempering_the_first_samples_are_moved_and_none_is_drawn_twice(temper):
    for likelihood in (lambda x: torch.zeros(len(x)), observed(1.0, 0.5)):
        found = conditioned(likelihood, n_particles=50, n_steps=1, temper=temper)
        assert torch.equal(found.runs[0].particles[0], PRIOR[:50])


@FEW
def test_a_tempered_level_starts_from_samples_drawn_by_its_weights():
    found = conditioned(observed(3.0, 0.2), n_particles=2000, n_steps=2)
    start = found.runs[0].particles[0]
    log_weights = found.exponents[0] * observed(3.0, 0.2)(PRIOR)
    assert torch.equal(start, PRIOR[systematic_resample(log_weights, 2000, seeded())])


@FEW
def test_later_levels_need_a_quarter_of_the_particles_at_most():
    """And the first as many of the samples as was asked."""
    few = conditioned(observed(3.0, 0.2), n_particles=800, n_steps=20)
    assert few.effective_sizes[0] == pytest.approx(500, rel=1e-6)
    assert all(size == pytest.approx(200, rel=1e-6) for size in few.effective_sizes[1:-1])
    assert few.effective_sizes[-1] >= 200 * (1 - 1e-6)
    many = conditioned(observed(3.0, 0.2), n_particles=4000, n_steps=20, least=400)
    assert all(size == pytest.approx(400, rel=1e-6) for size in many.effective_sizes[:-1])
    assert len(few.effective_sizes) > 2
    assert len(many.effective_sizes) > 2


def test_options_are_those_of_kswgd():
    found = conditioned(observed(1.0, 0.5), n_particles=50, n_steps=1, max_move=1e-3)
    assert float((found.particles - PRIOR[:50]).abs().max()) <= 1e-3 * found.spectrum.scale * (1 + 1e-9)
    with pytest.raises(ValueError, match="KSWGD: damping must be at least"):
        conditioned(observed(1.0, 0.5), damping=-1.0)


def test_gaussian_prior_and_likelihood_give_the_gaussian_posterior():
    mean, variance = posterior(1.0, 0.5)
    found = conditioned(observed(1.0, 0.5))
    # the generator of a Gaussian of variance v has the rates 1/v, 2/v
    assert torch.allclose(found.spectrum.rates * variance, torch.tensor([1.0, 2.0], dtype=torch.float64), rtol=0.01)
    assert float(found.particles.mean()) == pytest.approx(mean, abs=0.002)
    assert float(found.particles.var()) == pytest.approx(variance, rel=0.01)
    assert found.exponents == (1.0,)


def test_a_factor_of_the_likelihood_changes_nothing():
    plain, louder = conditioned(observed(1.0, 0.5)), conditioned(lambda x: observed(1.0, 0.5)(x) + 800)
    assert torch.allclose(plain.particles, louder.particles, atol=1e-6)
    assert plain.effective_sizes == pytest.approx(louder.effective_sizes)


@FEW
def test_tempering_reaches_a_posterior_where_the_prior_has_hardly_a_sample():
    value, std = 3.0, 0.2
    mean, variance = posterior(value, std)
    assert effective_sample_size(observed(value, std)(PRIOR)) < 50
    found = conditioned(observed(value, std), n_particles=2000, n_steps=20, noise=0.3)
    assert len(found.exponents) > 1
    assert found.exponents[-1] == 1
    assert list(found.exponents) == sorted(found.exponents)
    assert min(found.effective_sizes) > 499
    assert len(found.runs) == len(found.exponents)
    assert float(found.particles.mean()) == pytest.approx(mean, abs=0.05)
    assert float(found.particles.std()) == pytest.approx(math.sqrt(variance), rel=0.1)
    assert "exponents (effective sizes) 0." in repr(found)


def test_a_table_of_a_few_hundred_rows_is_enough_by_default():
    found = conditioned(observed(1.0, 0.5), PRIOR[:442])
    weights = torch.softmax(observed(1.0, 0.5)(PRIOR[:442]), 0)
    assert found.exponents == (1.0,)
    assert len(found.particles) == 442
    assert float(found.particles.mean()) == pytest.approx(float(weights @ PRIOR[:442, 0]), abs=1e-3)


def test_following_the_advice_on_least_helps():
    with pytest.raises(ValueError, match=r"but least=4000 are needed\. Take temper=True, a least below 1") as caught:
        conditioned(observed(1.0, 0.5), least=4000, temper=False)
    least = float(str(caught.value).split("a least below ")[1].split(",")[0])
    found = conditioned(observed(1.0, 0.5), least=0.99 * least, temper=False)
    assert float(found.particles.mean()) == pytest.approx(posterior(1.0, 0.5)[0], abs=0.002)


@pytest.mark.slow
def test_too_few_effective_samples_of_the_whole_likelihood_are_told_and_more_help():
    """A spread is then known to 1 / sqrt(2 n_eff), by weights and by particles alike."""
    far, few, errors = observed(3.0, 0.5), PRIOR[:200], []
    with pytest.warns(UserWarning, match=r"leaves [\d.]+ effective samples of 200: spreads .* \d+ %.* Take more"):
        conditioned(far, few)
    for x in (few, PRIOR):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if len(x) == 200 else "error")
            errors.append(abs(float(conditioned(far, x).particles.std()) / math.sqrt(posterior(3.0, 0.5)[1]) - 1))
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.slow
def test_other_units_are_the_same_law():
    """The other column in units of 1000, with the default fit."""
    x = torch.randn(300, 2, dtype=torch.float64, generator=seeded(1)) @ torch.tensor([[1, 0.5], [0, 1.0]]).double()
    one, other = (
        condition(x * units, observed(1.0, 0.5), n_steps=5, generator=seeded()).particles / units
        for units in (torch.ones(2).double(), torch.tensor([1.0, 1000.0]).double())
    )
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_the_default_dictionary_has_its_centres_where_the_weights_are():
    found = condition(PRIOR, observed(1.5, 0.2), n_steps=1, n_particles=50, least=100, generator=seeded())
    mean, variance = posterior(1.5, 0.2)
    centers = found.spectrum.functions.dictionary.parts[0].centers
    assert float((centers - mean).abs().max()) < 5 * math.sqrt(variance)


@pytest.mark.slow
def test_particles_follow_the_dtype_of_the_samples():
    assert condition(PRIOR.float(), lambda x: -(x[:, 0] ** 2), n_steps=1).particles.dtype == torch.float32


# Errors

ONE_HOT = torch.full((N,), -torch.inf, dtype=torch.float64).index_fill(0, torch.tensor([3]), 0.0)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: conditioned(observed(4.0, 0.2), temper=False),
            r"leave 1\.06 effective samples of 4000, but least=500 are needed\. Take temper=True, more samples",
        ),
        (lambda: conditioned(lambda x: ONE_HOT), "leave 1 effective samples of 4000.* only 1 have any likelihood"),
        (lambda: conditioned(lambda x: ONE_HOT, temper=False), "leave 1 effective samples of 4000"),
        (lambda: conditioned(lambda x: -(x**2)), r"log_likelihood returned .* \(4000, 1\), but \(4000,\) is needed"),
        (lambda: conditioned(lambda x: x[:, 0] * math.nan), "NaN or .inf. They are logarithms"),
        (
            lambda: conditioned(lambda x: torch.where(x[:, 0] > 2, math.inf, 0.0)),
            "holds NaN or .inf. They are logarithms",
        ),
        (lambda: effective_sample_size(torch.tensor([0.0, math.inf])), "effective_sample_size: .* holds NaN or .inf"),
        (lambda: conditioned(lambda x: x[:, 0] - math.inf), "all 4000 weights are zero"),
        (lambda: conditioned(observed(0.0, 1.0), n_particles=5000), "n_particles=5000, but x holds 4000 samples"),
        (lambda: conditioned(lambda x: 1e9 * x[:, 0], least=3999.9), "after 0 levels of tempering the exponent is"),
        (lambda: effective_sample_size(torch.zeros(3, 1)), r"log_weights has shape \(3, 1\), but \(n,\) is needed"),
        (lambda: systematic_resample(torch.zeros(3), 0), "n must be"),
    ],
)
def test_what_cannot_work_is_refused_with_its_number(call, told):
    with pytest.raises(ValueError, match=told):
        call()
