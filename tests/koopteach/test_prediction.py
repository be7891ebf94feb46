"""What a fitted Koopman operator says of the future, and of pairs that do not start where they should."""

import math
import warnings

import pytest
import torch

import koopteach as kt
from koopteach.operators.balance import Runs
from koopteach.operators.held_out import held_out_score
from tests.tools import normal, seeded

THETA, LAG = 2.0, 0.1
ROWS = {"reversible": True, "plain": False}


def ou_pairs(n, seed=0, **options):
    return kt.snapshot_pairs(kt.OrnsteinUhlenbeck(1, theta=THETA, **options), n, lag=LAG, generator=seeded(seed))


def fitted(reversible=True, n=5000, degree=3, **options):
    return kt.EDMD(kt.Monomials(1, degree), lag=LAG, reversible=reversible, **options).fit(*ou_pairs(n))


def ones(psi):
    return torch.cat([torch.ones_like(psi[:, :1]), psi], dim=1)


def test_the_plain_matrix_is_least_squares():
    """Of the features one lag later on the constant and the features."""
    x, y = ou_pairs(500)
    psi = kt.Monomials(1, 3)
    found = kt.EDMD(psi, lag=LAG, reversible=False).fit(x, y).matrix
    torch.testing.assert_close(found, torch.linalg.lstsq(ones(psi(x)), ones(psi(y))).solution, rtol=1e-8, atol=1e-10)


def test_the_reversible_matrix_is_that_of_both_directions():
    x, y = ou_pairs(500)
    psi = kt.Monomials(1, 3)
    a, b = ones(psi(torch.cat([x, y]))), ones(psi(torch.cat([y, x])))
    found = kt.EDMD(psi, lag=LAG).fit(x, y).matrix
    torch.testing.assert_close(found, torch.linalg.lstsq(a, b).solution, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("reversible", ROWS.values(), ids=ROWS)
def test_eigenvalues_are_those_of_the_matrix_and_of_the_rates(reversible):
    edmd = fitted(reversible)
    mu = edmd.eigenvalues
    of_matrix = torch.linalg.eigvals(edmd.matrix)
    of_matrix = of_matrix[of_matrix.abs().argsort(descending=True)]
    torch.testing.assert_close(of_matrix, torch.cat([torch.ones_like(mu[:1]), mu]).to(of_matrix), rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(mu, (-LAG * edmd.spectrum().rates).exp(), rtol=1e-8, atol=1e-10)
    assert mu.is_complex() != reversible


@pytest.mark.parametrize("reversible", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("k", [0, 1, 4])
def test_features_are_predicted_by_powers_of_the_matrix(reversible, k):
    edmd, x = fitted(reversible), normal(7, 1, seed=3)
    psi = edmd.dictionary
    needed = (ones(psi(x)) @ torch.linalg.matrix_power(edmd.matrix, k))[:, 1:]
    torch.testing.assert_close(edmd.predict(x, k, observable=psi), needed, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("reversible", ROWS.values(), ids=ROWS)
def test_the_expected_state_of_an_ornstein_uhlenbeck_process(reversible):
    """``E[X_t] = x exp(-theta t)``; the slope scatters by about ``k sqrt((1 - mu^2) / n)``."""
    edmd, x = fitted(reversible, n=40_000, degree=1), torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None]
    for k in (1, 5):
        exact = x * math.exp(-THETA * LAG * k)
        torch.testing.assert_close(edmd.predict(x, k), exact, rtol=0, atol=6 * k * 0.6 / 200)
    torch.testing.assert_close(edmd.predict(x, 0), x, rtol=0, atol=1e-10)


def test_prediction_forgets_the_start():
    """After many lags every state is expected at the mean of the pairs, in data far from the origin, too."""
    x, y = (1000 + 20 * z for z in ou_pairs(5000))
    edmd = kt.EDMD(kt.Monomials(1, 2), lag=LAG).fit(x, y)
    far = edmd.predict(x[:5], k=400)
    mean = 0.5 * (x.mean() + y.mean())
    torch.testing.assert_close(far, mean.expand(5, 1), rtol=0, atol=1e-6)


def test_what_the_features_do_not_span_is_its_regression():
    """``x^2`` on ``x`` alone is a constant plus a slope: the one of least squares over the kept pairs."""
    edmd, x = fitted(degree=1, n=1000), normal(4, 1, seed=5)
    seen = torch.cat(ou_pairs(1000))
    needed = ones(x) @ torch.linalg.lstsq(ones(seen), seen**2).solution
    torch.testing.assert_close(edmd.predict(x, 0, observable=torch.square), needed, rtol=1e-8, atol=1e-10)


def test_prediction_follows_the_dtype():
    x, y = (z.float() for z in ou_pairs(2000))
    found = kt.EDMD(kt.Monomials(1, 2).to(torch.float32), lag=LAG).fit(x, y).predict(x[:3])
    assert found.dtype == torch.float32


def test_the_score_is_that_of_select():
    edmd, held_out = fitted(), ou_pairs(4000, seed=8)
    assert edmd.score(*held_out, n_modes=2) == held_out_score("a", edmd.spectrum(2), held_out, 2)
    exact = math.exp(-THETA * LAG) + math.exp(-2 * THETA * LAG)
    assert edmd.score(*held_out, n_modes=2) == pytest.approx(exact, abs=0.05)
    assert edmd.score(*held_out) > edmd.score(*held_out, n_modes=2)


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda e, x: kt.EDMD(kt.Hermite(1, 1), lag=1).matrix, RuntimeError, "EDMD.matrix: nothing was fitted yet"),
        (lambda e, x: kt.EDMD(kt.Hermite(1, 1), lag=1).score(x, x), RuntimeError, "EDMD.score: nothing was fitted"),
        (lambda e, x: e.predict(x, -1), ValueError, "EDMD.predict: k must be at least 0"),
        (lambda e, x: e.predict(x, 1.5), TypeError, "EDMD.predict: k must be a whole number"),
        (lambda e, x: e.predict(x.float()), TypeError, "EDMD.predict: the points are torch.float32"),
        (lambda e, x: e.predict(x[:, 0]), ValueError, r"EDMD.predict: x has shape"),
        (
            lambda e, x: e.predict(x, 1, lambda z: z[:, 0]),
            ValueError,
            r"observable returned has shape .* p\) is needed",
        ),
        (lambda e, x: e.score(x, x[:-1]), ValueError, "EDMD.score: x has 9 rows and y 8"),
        (lambda e, x: fitted(False).score(x, x), ValueError, "EDMD.score: the fit has complex modes"),
    ],
)
def test_what_does_not_fit_is_told(call, error, told):
    with pytest.raises(error, match=told):
        call(fitted(), normal(9, 1))


def test_trajectories_no_longer_than_the_lag_are_skipped_and_counted():
    edmd = kt.EDMD(kt.Hermite(1, 1), lag=5.0)
    for n in (3, 200, 5, 0, 300):
        z = normal(n, 1, seed=n).cumsum(0) / n**0.5
        edmd.partial_fit(z[:-5], z[5:])
    assert (edmd.n_pairs, edmd.n_skipped) == (195 + 295, 3)
    assert "3 trajectories without a pair skipped" in edmd.spectrum().report
    assert edmd.fit(z[:-5], z[5:]).n_skipped == 0
    with pytest.raises(ValueError, match="x has 0 points, but at least 1 is needed"):
        edmd.fit(z[:0], z[:0])


# --- equilibrium ---

WELL = kt.DoubleWell(2.5)
CENTERS = torch.linspace(-1.8, 1.8, 15, dtype=torch.float64)[:, None]


def starts(name, n):
    g = seeded(1)
    equilibrium = WELL.sample(n, g)
    left = torch.rand(n, 1, generator=g) < 0.2
    uniform = 3.6 * torch.rand(n, 1, generator=g, dtype=torch.float64) - 1.8
    return {
        "equilibrium": equilibrium,
        "one well": torch.where(left, -equilibrium.abs(), equilibrium.abs()),
        "uniform": uniform,
    }[name]


def well_pairs(name, lag, n=80_000):
    x, steps = starts(name, n), int(lag / 0.01)
    return x, kt.langevin_trajectory(WELL, x, n_steps=steps, dt=0.01, every=steps, generator=seeded(2))[-1]


@pytest.mark.slow
@pytest.mark.parametrize("lag", [0.05, 0.5])
@pytest.mark.parametrize("name", ["one well", "uniform"])
def test_pairs_off_equilibrium_are_told_and_the_mend_helps(name, lag):
    """Of a process in detailed balance: the symmetrised rate is off by a fifth or more, the plain one is not."""
    x, y = well_pairs(name, lag)
    psi, exact = kt.GaussianRBF(CENTERS, 0.3), float(WELL.exact_rates(1)[0])
    with pytest.warns(UserWarning, match=r"do not start in equilibrium.*Use EDMD\(\.\.\., reversible=False\)"):
        spectrum = kt.EDMD(psi, lag=lag).fit(x, y).spectrum(1)
    assert "do not start in equilibrium" in spectrum.report
    assert float(spectrum.rates[0]) > 1.2 * exact
    plain = kt.EDMD(psi, lag=lag, reversible=False).fit(x, y).spectrum(1).rates[0]
    assert float(plain.real) == pytest.approx(exact, rel=0.15)


@pytest.mark.parametrize("lag", [0.05, 0.5])
def test_pairs_in_equilibrium_are_not_accused(lag):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kt.EDMD(kt.GaussianRBF(CENTERS, 0.3), lag=lag).fit(*well_pairs("equilibrium", lag)).spectrum()


@pytest.mark.slow
@pytest.mark.parametrize("timescale", [5, 50, 300])
def test_one_short_run_is_not_accused(timescale):
    """Its pairs overlap, and few of them are independent; standard errors know that."""
    memory = math.exp(-1 / timescale)
    for seed in range(8):
        z = normal(1000, 1, seed=seed)
        z[1:] *= (1 - memory**2) ** 0.5
        for i in range(1, len(z)):
            z[i] += memory * z[i - 1]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kt.EDMD(kt.Hermite(1, 3), lag=50.0).fit(*kt.lagged_pairs(z, 50)).predict(z[:1])
            kt.EDMD(kt.Hermite(1, 3), lag=5.0).fit(*kt.lagged_pairs(z, 5)).spectrum()


@pytest.mark.parametrize("n", [3, 64, 65, 1000])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_runs_are_sums_of_neighbours(n, chunk):
    rows = normal(n, 2)
    runs = Runs(2, rows.device)
    for part in rows.split(chunk):
        runs.add(part)
    length = 2 ** max(0, math.ceil(math.log2(n / 64)))
    needed = torch.stack([part.sum(dim=0) for part in rows.split(length)])
    torch.testing.assert_close(runs.sums[: len(needed)], needed, rtol=1e-12, atol=1e-12)
    assert runs.counts[: len(needed), 0].tolist() == [len(part) for part in rows.split(length)]
    mean, error = runs.mean_and_error(torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(mean, rows.mean(dim=0), rtol=1e-10, atol=1e-12)
    if n <= 64:
        torch.testing.assert_close(error, rows.std(dim=0) / n**0.5, rtol=1e-10, atol=0)
