"""Whatever knows how many coordinates its points need refuses others, names the argument and says how many."""

import pytest
import torch

import koopteach as kt
from koopteach.targets import toys
from tests.tools import seeded


def normal(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=seeded())


D, N = 2, 30
X = normal(N, D)
FEW = {"n_steps": 1, "batch": 4, "verbose": False, "generator": seeded()}
BRIEF = {"pool": 8, "queries": 5, "n_times": 5, "generator": seeded()}
LAW = kt.GaussianMixture(X[:2], 1.0).log_prob
FIELD = kt.AllenCahn(8)
MIXTURE = kt.FittedMixture.fit(X, generator=seeded())
SAMPLER = kt.KoopmanSampler(n_steps=2, pool=60).fit(X, generator=seeded())
LINEAR = kt.LinearInterpolant(D)
WAVES = kt.Hermite(D, 1)
PAIR = kt.EDMD(WAVES, lag=0.1).fit(X, 0.9 * X)
MAP = kt.DiffusionMaps(0.7).fit(X).spectrum(3)

# call, the argument's name, and points that it takes
TAKERS = {
    "AllenCahn.energy": (FIELD.energy, "u", normal(4, 8)),
    "AllenCahn.score": (FIELD.score, "u", normal(4, 8)),
    "AllenCahn.step": (lambda u: FIELD.step(u, 0.01, 0 * u), "u", normal(4, 8)),
    "AllenCahn.trajectory": (lambda u: FIELD.trajectory(u, n_steps=2, dt=0.01, generator=seeded()), "u0", normal(4, 8)),
    "AllenCahn.stationarity": (FIELD.stationarity, "u", normal(4, 8)),
    "FittedMixture.refit": (lambda x: MIXTURE.refit(x, torch.ones(len(x)).double() / len(x)), "x", X),
    "FittedMixture.log_prob": (MIXTURE.log_prob, "x", X),
    "KoopmanSampler.transport": (SAMPLER.transport, "x0", X),
    "EDMD.predict": (lambda x: PAIR.predict(x), "x", X),
    "DiffusionMaps": (MAP, "x", X),
    "kde_score": (kt.kde_score(X), "u", X),
    "frechet_distance": (lambda y: kt.frechet_distance(X, y), "y", X),
    "neighbour_ratio(train)": (lambda y: kt.neighbour_ratio(X, y, -X), "train", X),
    "neighbour_ratio(held_out)": (lambda y: kt.neighbour_ratio(X, -X, y), "held_out", X),
    "ot_permutation": (lambda y: kt.ot_permutation(X, y), "x1", X),
    "straighten(x1)": (lambda y: kt.straighten(kt.LearnedSchedule(D), y, pool=8, **FEW), "x1", X),
    "straighten(x0)": (lambda y: kt.straighten(kt.LearnedSchedule(D), X, y, pool=8, log_prob=LAW, **FEW), "x0", X),
    "optimal_field(x)": (lambda y: kt.optimal_field(LINEAR, y, 0.5, X), "x", X),
    "optimal_field(pool)": (lambda y: kt.optimal_field(LINEAR, X, 0.5, y), "pool", X),
    "geodesic_schedule": (lambda y: kt.geodesic_schedule(X, y, log_prob=LAW, **BRIEF), "x0", X),
    "fit_convex_map": (lambda y: kt.fit_convex_map(X, y, pair_steps=1, likelihood_steps=1, verbose=False), "x0", X),
    "FlowMatching.fit(x1)": (lambda y: kt.FlowMatching(D).fit(y, **FEW), "x1", X),
    "FlowMatching.fit(x0)": (lambda y: kt.FlowMatching(D).fit(X, y, **FEW), "x0", X),
    "on_structure": (toys.moons.structure, "x", X),
}


@pytest.mark.parametrize("name", TAKERS)
def test_points_of_another_dimension_are_refused(name):
    call, argument, good = TAKERS[name]
    call(good)
    for other in (torch.cat([good, good[:, :1]], dim=1), good[:, :-1]):
        needed = rf": {argument} has shape .* need {good.shape[1]} coordinates"
        with pytest.raises(ValueError, match=needed) as caught:
            call(other)
        assert str(caught.value).split(":")[0] in name  # who was asked, not what it asks in turn


CODED = kt.DecodedFlow(kt.fit_convex_map(X, pair_steps=1, likelihood_steps=1, verbose=False))
TWO = {
    "AllenCahn.stationarity": (FIELD.stationarity, normal(4, 8)),
    "FittedMixture.refit": (lambda x: MIXTURE.refit(x, torch.ones(len(x)).double() / len(x)), X),
    "frechet_distance": (lambda y: kt.frechet_distance(X, y), X),
    "straighten": (lambda y: kt.straighten(kt.LearnedSchedule(D), y, pool=8, **FEW), X),
    "diagnose": (CODED.diagnose, X),
    "fit": (lambda y: CODED.fit(y, **FEW), X),
}


@pytest.mark.parametrize("name", TWO)
def test_one_point_is_too_few_where_points_are_compared(name):
    call, good = TWO[name]
    with pytest.raises(ValueError, match=rf"^{name}: \w+ has 1 points, but at least 2 are needed"):
        call(good[:1])


def test_a_reaction_that_neither_grows_nor_decays_allows_any_step():
    still = kt.AllenCahn(8, growth=0.0)
    assert still.step(normal(4, 8), 5.0, normal(4, 8)).isfinite().all()
