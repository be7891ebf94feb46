"""Clusters by slow eigenfunctions: found without their number, balanced, whitened, and what the modes do not span."""

import math

import pytest
import torch

import koopteach as kt
from koopteach.sampler.clusters import Clusters, balanced, settle
from tests.tools import normal, seeded


def equal(x):
    return torch.full((len(x),), 1 / len(x), dtype=torch.float64)


def fitted(x, dictionary=None):
    dictionary = dictionary or kt.MultiScale.from_data(x, (40, 10), generator=seeded(7))
    return kt.GeneratorEDMD(dictionary).fit(x).spectrum()


def three(n=900, d=2):
    means = torch.zeros(3, d).double()
    means[1, 0], means[2, 1] = 6.0, 6.0
    return kt.GaussianMixture(means, 1.0, [1, 2, 3]).sample(n, seeded(3))


def test_clusters_are_found_without_their_number():
    x = three()
    spectrum = fitted(x)
    found = Clusters.of(spectrum, x, equal(x))
    assert len(found) == 3
    torch.testing.assert_close(
        found.weights.sort().values, torch.tensor([1, 2, 3]).double() / 6, atol=3 / 900**0.5, rtol=0
    )
    again = Clusters.of(fitted(1e3 * x), 1e3 * x, equal(x))  # the same in other units
    assert torch.equal(again.labels(fitted(1e3 * x), 1e3 * x), found.labels(spectrum, x))


def test_weights_are_repeated_rows():
    """Weights that tilt the law, so much that k-means of equal rows has other centres."""
    x = three(400)
    counts = 1 + 2 * (torch.arange(400) % 3) * (x[:, 0] > 3)
    repeated = x.repeat_interleave(counts, dim=0)
    dictionary = kt.MultiScale.from_data(x, (40, 10), generator=seeded(7))
    weighted = kt.GeneratorEDMD(dictionary).fit(x, counts.double()).spectrum()
    of_weights = Clusters.of(weighted, x, counts.double() / counts.sum())
    of_rows = Clusters.of(kt.GeneratorEDMD(dictionary).fit(repeated).spectrum(), repeated, equal(repeated))
    assert len(of_weights) == 3
    for name in ("centers", "weights", "means", "factors"):
        torch.testing.assert_close(getattr(of_weights, name), getattr(of_rows, name))
    assert of_weights.unseen == pytest.approx(of_rows.unseen)
    unweighted = Clusters.of(weighted, x, equal(x))
    assert (of_weights.centers - unweighted.centers).abs().max() > 0.01


def test_rows_without_weight_are_no_rows():
    x, share = three(600), torch.arange(600).double() % 2
    spectrum = fitted(x[1::2], kt.MultiScale.from_data(x, (40, 10), generator=seeded(7)))
    found, of_half = Clusters.of(spectrum, x, share / 300), Clusters.of(spectrum, x[1::2], equal(x[1::2]))
    for name in ("centers", "weights", "means", "factors"):
        torch.testing.assert_close(getattr(found, name), getattr(of_half, name))


def test_a_cluster_of_a_few_heavy_rows_is_none():
    """Its KSWGD would know no more than they do."""
    x = torch.cat([torch.zeros(60), torch.ones(60)]).double()[:, None]
    spectrum = kt.Spectrum.from_functions([1.0, 2.0], lambda x: torch.cat([2 * x - 1, 4 * x**2 - 2], dim=1))
    share = equal(x)
    assert len(Clusters.of(spectrum, x, share)) == 2
    share[60:] = 1e-6
    share[60:75] = 1 / 30
    assert len(Clusters.of(spectrum, x, share / share.sum())) == 1


@pytest.mark.parametrize("d", [1, 3])
def test_a_law_of_one_mode_is_one_cluster(d):
    x = normal(600, d) * torch.tensor([5.0, 1.0, 1.0])[:d].double()
    found = Clusters.of(fitted(x), x, equal(x))
    assert len(found) == 1
    assert found.labels(fitted(x), x).unique().tolist() == [0]
    torch.testing.assert_close(found.means[0], x.mean(dim=0))


def of_groups(*sizes, gap=2.0, within=0.1, d=1, unit=1.0):
    """Clusters of groups on a line, by an eigenfunction that varies within them by a share of its variance.

    The rates are one and ``gap``; a group is a half to the left and a half to the right of its middle.
    """
    at = torch.cat([torch.full((n,), float(k)) for k, n in enumerate(sizes)]).double()
    half = torch.cat([torch.arange(n).double() % 2 for n in sizes]) - 0.5
    between = at.var(correction=0)
    phi = (at - at.mean()) + 2 * half * (between * within / (1 - within)).sqrt()
    x = torch.cat([phi[:, None], normal(len(phi), d - 1)], dim=1) * unit
    rates = torch.tensor([1.0, gap]).double() / unit**2
    spectrum = kt.Spectrum.from_functions(rates, lambda x: torch.stack([x[:, 0], x[:, 0] ** 2], dim=1) / unit)
    return Clusters.of(spectrum, x, equal(x))


UNITS = pytest.mark.parametrize("unit", [1.0, 1e-3, 1e3])


@UNITS
def test_clusters_are_told_by_a_gap_of_a_quarter_among_the_rates(unit):
    assert len(of_groups(40, 40, gap=1.26, unit=unit)) == 2
    assert len(of_groups(40, 40, gap=1.24, unit=unit)) == 1


@UNITS
def test_clusters_are_told_where_eigenfunctions_vary_little_within_them(unit):
    """By three tenths of their variance at most."""
    assert len(of_groups(40, 40, within=0.29, unit=unit)) == 2
    assert len(of_groups(40, 40, within=0.31, unit=unit)) == 1


@pytest.mark.parametrize(("d", "fewest"), [(1, 20), (12, 24)])
def test_a_cluster_has_twenty_rows_and_two_a_column(d, fewest):
    assert len(of_groups(60, fewest, d=d)) == 2
    assert len(of_groups(60, fewest - 1, d=d)) == 1


def test_whitened_clusters_have_no_mean_and_unit_covariance():
    x = three()
    spectrum = fitted(x)
    found = Clusters.of(spectrum, x, equal(x))
    labels = found.labels(spectrum, x)
    z = found.whiten(x, labels)
    for k in range(3):
        torch.testing.assert_close(z[labels == k].mean(dim=0), torch.zeros(2).double(), atol=1e-10, rtol=0)
        torch.testing.assert_close(torch.cov(z[labels == k].T, correction=0), torch.eye(2).double(), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.undo(z, labels), x)


@pytest.mark.parametrize(("degree", "unseen"), [(1, 1.0), (2, 0.0)])
def test_what_the_modes_do_not_span(degree, unseen):
    """All of ``|z|^2`` is a polynomial of degree two; of a symmetric law nothing of it is one of degree one."""
    half = normal(300, 3) @ normal(3, 3, seed=1)
    x = torch.cat([half, -half])
    found = Clusters.of(fitted(x, kt.Monomials(3, degree)), x, equal(x))
    assert len(found) == 1
    assert found.unseen == pytest.approx(unseen, abs=1e-4)  # the least variance that is added to the covariances


@pytest.mark.parametrize("n", [1, 7, 100])
def test_balanced_labels_have_the_weights_and_few_change(n):
    weights = torch.tensor([0.05, 0.15, 0.2, 0.25, 0.35]).double()
    labels = torch.randint(5, (n,), generator=seeded())
    found = balanced(labels, weights, seeded(1))
    counts, before = found.bincount(minlength=5), labels.bincount(minlength=5)
    assert ((counts - n * weights).abs() < 1).all()
    assert int((found != labels).sum()) == int((counts - before).clamp_min(0).sum())
    assert torch.equal(balanced(found, weights, seeded(2)), found)


def test_the_largest_remainders_are_rounded_up():
    weights = torch.tensor([0.45, 0.17, 0.38]).double()  # of ten: 4.5, 1.7, 3.8
    found = balanced(torch.zeros(10, dtype=torch.long), weights, seeded())
    assert found.bincount(minlength=3).tolist() == [4, 2, 4]


def test_a_stage_in_each_cluster_brings_weights_means_and_covariances():
    x = three()
    spectrum = fitted(x)
    found = Clusters.of(spectrum, x, equal(x))
    far = 0.3 + 1.3 * kt.GaussianMixture([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]], 1.0).sample(300, seeded(5))
    y = settle(found, spectrum, far, x, equal(x), lambda z, _: kt.Monomials(z.shape[1], 2), seeded(6))
    of_data, of_y = found.labels(spectrum, x), found.labels(spectrum, y)
    for k in range(3):
        share = float((of_y == k).double().mean())
        assert share == pytest.approx(float(found.weights[k]), abs=2 / 300)
        z = found.whiten(y[of_y == k], of_y[of_y == k])
        assert z.mean(dim=0).abs().max() < 0.1  # a particle that lies nearer to another cluster counts there
        assert (torch.cov(z.T) - torch.eye(2)).abs().max() < 0.2
    assert of_data.unique().numel() == 3


def test_columns_that_depend_on_others_still_do():
    x = normal(300, 3)
    x[:, 2] = x[:, 0] + x[:, 1]
    spectrum = fitted(x)
    y = x[:100] + 0.01 * normal(100, 3, seed=1)
    found = settle(Clusters.of(spectrum, x, equal(x)), spectrum, y, x, equal(x), lambda z, _: kt.Monomials(3, 2))
    assert (found[:, 2] - found[:, 0] - found[:, 1]).std() < 0.01


def test_points_that_are_the_same_are_clusters_of_which_nothing_is_missed():
    x = torch.tensor([[0.0], [1.0]]).double().repeat(60, 1)
    found = Clusters.of(fitted(x, kt.Monomials(1, 1)), x, equal(x))
    assert found.unseen <= 1
    again = settle(found, fitted(x, kt.Monomials(1, 1)), x[:7], x, equal(x), lambda z, _: kt.Monomials(1, 1), seeded())
    assert again.isfinite().all()


def five(d, n, seed):
    """Modes of unit spread at a distance of six."""
    frame = torch.linalg.qr(normal(d, d, seed=50 + d))[0]
    if d > 4:
        means = frame[:5] * 6 / 2**0.5
    else:
        angle = torch.arange(5).double() * 2 * math.pi / 5
        means = torch.stack([angle.cos(), angle.sin()], dim=1) * 3 / math.sin(math.pi / 5)
    return means, kt.GaussianMixture(means, 1.0, [0.05, 0.15, 0.2, 0.25, 0.35]).sample(n, seeded(seed))


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 5, 10])
def test_the_report_warns_where_the_shape_of_far_starts_is_off_and_nowhere_else(d):
    means, x = five(d, 2500, seed=11)
    sampler = kt.KoopmanSampler(hold_out=0).fit(x, generator=seeded(12))

    def variance(**options):
        y = sampler.transport(2 * normal(400, d, seed=13), seeded(14), **options)
        return float(torch.cdist(y, means).amin(dim=1).square().mean()) / d

    of_data = float(torch.cdist(x, means).amin(dim=1).square().mean()) / d
    off = abs(variance(by_cluster=False) / of_data - 1) > 0.06
    assert off == (d > 2)
    assert ("of the squares within" in sampler.report) == off
    assert variance() == pytest.approx(of_data, rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 5, 10])
def test_the_rates_warn_where_far_starts_end_a_quarter_too_wide(d):
    means, x = five(d, 1500, seed=21)
    whole = fitted(x, kt.MultiScale.from_data(x, generator=seeded(22)))
    start = 2 * normal(300, d, seed=23)
    for spectrum in (whole.truncate(25), whole):
        y = kt.run_particles(kt.KSWGD(spectrum), start, generator=seeded(24), verbose=False).final
        variance, of_data = (float(torch.cdist(z, means).amin(dim=1).square().mean()) / d for z in (y, x))
        assert ("times number 5, the first within modes" in spectrum.report) == (variance > 1.25 * of_data)
        assert (variance > 1.25 * of_data) == (len(spectrum) == 25)
