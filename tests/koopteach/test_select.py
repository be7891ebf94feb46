"""select: the held-out score, who wins, what is tied, and what cannot be compared."""

import math

import pytest
import torch

from koopcourse import plotting
from koopteach import (
    EDMD,
    DiffusionMaps,
    GaussianRBF,
    GeneratorEDMD,
    Hermite,
    KernelEDMD,
    Monomials,
    OrnsteinUhlenbeck,
    QuadrupleWell,
    Spectrum,
    select,
    snapshot_pairs,
)
from koopteach.operators.select import Selection, Tried, _deal, _is_tied
from tests.tools import seeded

TARGET = QuadrupleWell(2.0)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=seeded(seed))


def ou_pairs(n, **kind):
    return snapshot_pairs(OrnsteinUhlenbeck(2, **kind), n, lag=0.3, generator=seeded())


class Given:
    """An estimator that found its functions in a book."""

    def __init__(self, phi, rates, lag=None):
        self.lag, self.found = lag, Spectrum.from_functions(rates, phi)

    def fit(self, x, y=None):
        return self

    def spectrum(self, n_modes):
        return self.found.truncate(n_modes)


def widths(x, factors=(0.1, 0.25, 1.0, 4.0, 12.0)):
    z = GaussianRBF.from_data(x, 50, seeded())
    return {f"x{c:g}": GeneratorEDMD(GaussianRBF(z.centers, c * z.widths, z.units)) for c in factors}


def test_the_right_width_is_found_among_wrong_ones():
    x = TARGET.sample(2000, seeded())
    chosen = select(widths(x), x, n_modes=3, generator=seeded())
    scores = {row.name: row.score for row in chosen.table}
    assert chosen.name == "x1"
    assert scores["x0.1"] > scores["x0.25"] > scores["x1"] < scores["x4"] < scores["x12"]
    assert chosen.ties == ()


@pytest.mark.slow
def test_the_right_kernel_width_is_found_on_pairs():
    x, y = snapshot_pairs(TARGET, 500, lag=0.1, dt=0.01, generator=seeded())
    candidates = {f"{w}": KernelEDMD(w, lag=0.1) for w in (0.1, 0.7, 10.0)}
    candidates["far away"] = EDMD(GaussianRBF(normal(20, 2) + 50, 0.1), lag=0.1)
    chosen = select(candidates, x, y, n_modes=3, generator=seeded())
    assert chosen.name == "0.7"
    assert chosen.larger_is_better
    row = next(row for row in chosen.table if row.name == "far away")
    assert (row.score, row.error) == (-math.inf, math.inf)
    assert "every feature is constant" in row.remark


def test_the_score_is_the_exact_sum_for_exact_functions():
    """Sampling error apart; a change of basis, scale or offset is not seen."""
    x, y = ou_pairs(20_000)
    mix = normal(2, 2, seed=3)
    candidates = {
        "exact": Given(lambda z: z, [1.0, 1.0], 0.3),
        "mixed": Given(lambda z: 7 * z @ mix + 5, [1.0, 1.0], 0.3),
        "bent": Given(lambda z: z + 0.3 * z**3, [1.0, 1.0], 0.3),
    }
    pairs = select(candidates, x, y, n_modes=2, generator=seeded())
    exact, mixed, bent = pairs.table
    assert exact.score == pytest.approx(2 * math.exp(-0.3), abs=4 * exact.error)
    assert mixed.score == pytest.approx(exact.score, rel=1e-9)
    assert bent.score < exact.score
    for candidate in candidates.values():
        candidate.lag = None
    exact, mixed, bent = select(candidates, x, n_modes=2, generator=seeded()).table
    assert exact.score == pytest.approx(2, abs=4 * exact.error)
    assert mixed.score == pytest.approx(exact.score, rel=1e-9)
    assert bent.score > exact.score


def test_the_score_comes_from_data_the_fit_has_not_seen():
    """By hand for one fold: fit elsewhere, centre, and take the trace of ``G^-1 S`` there."""
    x, psi = normal(300, 2), Hermite(2, 2)
    row = select([GeneratorEDMD(psi)], x, n_modes=3, folds=4, generator=seeded()).table[0]
    fold = _deal(300, 4, seeded())
    spectrum = GeneratorEDMD(psi).fit(x[fold != 2]).spectrum(3)
    u = x[fold == 2]
    phi, slopes = spectrum(u), spectrum.grad(u)
    phi = phi - phi.mean(0)
    form = torch.einsum("nkd,nld->kl", slopes, slopes)
    assert row.folds[2] == pytest.approx(float(torch.linalg.solve(phi.T @ phi, form).trace()), rel=1e-9)
    assert row.score == pytest.approx(sum(row.folds) / 4)
    assert row.error == pytest.approx(float(torch.tensor(row.folds, dtype=x.dtype).std()) / 2)


def test_folds_take_runs_of_neighbours_from_everywhere():
    fold = _deal(10_000, 5, seeded())
    assert fold.bincount().tolist() == [2000] * 5
    assert int((fold.diff() != 0).sum()) < 100  # neighbours stay together
    assert all(set(part.tolist()) == set(range(5)) for part in fold.split(2500))
    assert set(_deal(7, 3, seeded()).tolist()) == {0, 1, 2}


def test_more_modes_beat_fewer():
    x = TARGET.sample(1000, seeded())
    both = {"linear": GeneratorEDMD(Monomials(2, 1)), "kernels": widths(x)["x1"]}
    chosen = select(both, x, n_modes=3, generator=seeded())
    assert chosen.name == "kernels"
    assert chosen.table[0].score == math.inf
    assert chosen.table[0].remark == "only 2 of 3 modes"
    assert "only 2 of 3 modes" in str(chosen)
    # a missing mode of pairs counts as one without memory
    x, y = ou_pairs(2000)
    pairs = {"linear": EDMD(Monomials(2, 1), lag=0.3), "quadratic": EDMD(Monomials(2, 2), lag=0.3)}
    chosen = select(pairs, x, y, n_modes=5, generator=seeded())
    assert chosen.name == "quadratic"
    assert chosen.table[0].score == pytest.approx(2 * math.exp(-0.3), rel=0.1)


def test_functions_that_vanish_on_a_fold_score_worst():
    """A bump that only one held-out point sees, if any, has no variance there."""
    bump = Given(lambda z: torch.stack([z[:, 0], (z[:, 0] > 99).to(z)], 1), [1.0, 1.0])
    line = Given(lambda z: z, [1.0, 1.0])
    chosen = select({"bump": bump, "line": line}, normal(200, 2), n_modes=2, generator=seeded())
    assert chosen.name == "line"
    assert chosen.table[0].score == math.inf


def test_the_best_is_fitted_on_all_data_and_repeats():
    x = TARGET.sample(1000, seeded())
    chosen = select(widths(x), x, n_modes=3, generator=seeded())
    expected = widths(x)[chosen.name].fit(x).spectrum(3)
    assert torch.equal(chosen.best.spectrum(3).rates, expected.rates)
    again = select(widths(x), x, n_modes=3, generator=seeded())
    assert again.table == chosen.table


def test_names_may_be_numbers():
    x = normal(500, 2)
    candidates = {0.5: GeneratorEDMD(Hermite(2, 1)), 2: GeneratorEDMD(Hermite(2, 2))}
    chosen = select(candidates, x, n_modes=2, generator=seeded())
    assert [row.name for row in chosen.table] == ["0.5", "2"]
    assert "0.5 " in repr(chosen)
    with pytest.raises(ValueError, match=r"select: the names of the estimators read alike: 2, '2'"):
        select({2: candidates[2], "2": candidates[2]}, x, n_modes=2)


def test_a_fit_that_breaks_down_scores_worst_and_says_why():
    class Breaking(Given):
        def fit(self, x, y=None):
            raise torch.linalg.LinAlgError("linalg.eigh: failed to converge")

    line = Given(lambda z: z, [1.0, 1.0])
    chosen = select({"breaks": Breaking(lambda z: z, [1.0]), "line": line}, normal(200, 2), n_modes=2)
    assert (chosen.name, chosen.table[0].score) == ("line", math.inf)
    assert "failed to converge" in str(chosen)


def test_a_difference_of_two_standard_errors_is_no_tie():
    """Differences 1, 1, 1, 1 + c scatter by c / 4, of which two are less than the mean for small c."""
    best = Tried("best", 0.0, 0.0, (0.0,) * 4)

    def tied(c):
        folds = (1.0, 1.0, 1.0, 1.0 + c)
        return _is_tied(Tried("other", sum(folds) / 4, 0.0, folds), best)

    # mean 1 + c/4 against 2 * c/4
    assert [tied(c) for c in (3.9, 4.1)] == [False, True]


def test_equals_are_tied_and_it_is_said():
    x = normal(500, 2)
    psi = Hermite(2, 2)
    chosen = select({"a": GeneratorEDMD(psi), "b": GeneratorEDMD(psi)}, x, n_modes=2, generator=seeded())
    assert (chosen.name, chosen.ties) == ("a", ("b",))
    assert "b: as good as the best to what 5 folds can tell" in str(chosen)
    assert "held-out energy of 2 modes, smaller is better" in repr(chosen)


@pytest.mark.parametrize(("folds", "tied"), [((1.1, 5.1, 9.1), False), ((1.3, 4.8, 9.1), True)])
def test_ties_are_judged_fold_by_fold(folds, tied):
    """Folds of very different difficulty hide no difference that all of them show."""
    best = Tried("best", 5.0, 2.3, (1.0, 5.0, 9.0))
    assert _is_tied(Tried("other", sum(folds) / 3, 2.3, folds), best) is tied


@pytest.mark.slow
def test_estimators_of_samples_compare_across_kinds():
    x = TARGET.sample(1000, seeded())
    named = select([GeneratorEDMD(Hermite(2, 4)), DiffusionMaps(0.3)], x.float(), n_modes=3, generator=seeded())
    assert [row.name for row in named.table] == ["0: GeneratorEDMD", "1: DiffusionMaps"]
    assert all(1 < row.score < 4 for row in named.table)
    assert float(TARGET.exact_rates(3).sum()) == pytest.approx(1.82, abs=0.01)


PSI = Hermite(2, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: select([], x, n_modes=1), "estimators is empty"),
        (lambda x, y: select([GeneratorEDMD(PSI)], x, n_modes=0), "n_modes must be at least 1, got 0"),
        (lambda x, y: select([GeneratorEDMD(PSI)], x, n_modes=1, folds=1), "folds must be at least 2, got 1"),
        (lambda x, y: select([GeneratorEDMD(PSI)], x[:9], n_modes=1), "x has 9 points, but at least 10"),
        (lambda x, y: select({"e": EDMD(PSI, lag=0.3)}, x, n_modes=1), "e need pairs: give y"),
        (lambda x, y: select({"g": GeneratorEDMD(PSI)}, x, y, n_modes=1), "g work from samples alone.*omit y"),
        (lambda x, y: select([EDMD(PSI, lag=0.3)], x, y[1:], n_modes=1), "x has 200 rows and y 199"),
        (
            lambda x, y: select([EDMD(PSI, lag=0.3), EDMD(PSI, lag=0.1)], x, y, n_modes=1),
            r"one lag, but the estimators have \[0.1, 0.3\]",
        ),
        (lambda x, y: select({"lin": GeneratorEDMD(Monomials(2, 1))}, x, n_modes=9), "lin: only 2 of 9 modes"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(*ou_pairs(200))


def test_complex_modes_are_refused_with_the_reason():
    x, y = ou_pairs(500, rotation=2.0)
    with pytest.raises(ValueError, match="turning has complex modes, which no variational principle ranks"):
        select({"turning": EDMD(PSI, lag=0.3, reversible=False)}, x, y, n_modes=2)


TABLE = (
    Tried("narrow", 24.0, 0.6, (23.0, 25.0)),
    Tried("right", 1.9, 0.1, (1.8, 2.0)),
    Tried("tied", 1.95, 0.1, (1.85, 2.05)),
    Tried("broken", math.inf, math.inf, (math.inf, 2.0), "only 2 of 3 modes"),
)


def test_the_table_is_drawn(monkeypatch):
    shown = []
    monkeypatch.setattr(plotting.figures, "_display", lambda fig, alt: shown.append((fig, alt)))
    chosen = Selection(TABLE, None, "right", ("tied",), False, 3)
    plotting.selection(chosen, alt="Held-out energies of four candidates with errors", title="widths")
    fig, alt = shown[0]
    ax = fig.axes[0]
    fills = {line.get_fillstyle() for line in ax.lines if line.get_marker() == "o"}
    assert fills == {"none", "full", "left"}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["narrow", "right", "tied", "broken"]
    assert ax.get_xscale() == "log"
    assert ax.get_ylim() == (3.5, -0.5)
    assert [text.get_text() for text in ax.texts] == ["no finite score"]
    assert "smaller is better" in ax.get_xlabel()
    assert alt.startswith("Held-out energies")
