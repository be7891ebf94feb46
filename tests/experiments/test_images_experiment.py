"""The parts of the experiment ``images`` against what must hold."""

import pytest
import torch

from experiments.images import rows as images
from experiments.images import samplers
from experiments.images.sheet import ROWS, sheet
from experiments.images.table import EXPERIMENT
from koopteach import GaussianMixture


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [7, 10, 23])
def test_samples_are_dealt_as_the_data_are(n):
    labels = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
    dealt = samplers.shares(labels, n)
    assert int(dealt.sum()) == n
    assert float((dealt - n * torch.tensor([0.5, 0.3, 0.2])).abs().max()) < 1


def test_the_round_frame_is_round_and_goes_back():
    x = normal(40, 3) @ normal(3, 3, seed=1) + 2
    mean, root, inverse = samplers.round_frame(x)
    white = (x - mean) @ inverse
    torch.testing.assert_close(white.T.cov(correction=0), torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(white @ root + mean, x)


def test_regions_keep_their_shares_and_their_places():
    """Two blobs far apart, a spectrum each: a quarter of the samples in the small one, none between."""
    target = GaussianMixture(torch.tensor([[-9.0, 0.0], [9.0, 0.0]], dtype=torch.float64), 0.7, weights=[0.25, 0.75])
    x = target.sample(800, torch.Generator().manual_seed(3))
    labels = (x[:, 0] > 0).long()
    setting = samplers.Setting("none", 800, 200, 2, (20,), 0, (20, 1.0), 8, 8)
    rough, fine = samplers.by_region(x, labels, setting, 0, (20, 1.0))
    for y in (rough, fine):
        assert y.shape == (200, 2)
        assert int((y[:, 0] < 0).sum()) == int(samplers.shares(labels, 200)[0])
        assert float(torch.cdist(y, target.modes).amin(1).max()) < 5 * 0.7
    for side in (0, 1):
        mine, data = (z[(z[:, 0] > 0) == bool(side)] for z in (rough, x))
        assert float((mine.mean(0) - data.mean(0)).norm()) < 0.05


def test_held_out_codes_are_judged_perfect():
    kept = samplers.all_codes("digits")[1]
    told = images.judged("digits", kept)
    assert (told["precision"], told["recall"]) == (1.0, 1.0)
    assert told["Frechet"] == pytest.approx(0, abs=1e-4)
    assert told["sliced W2"] == 0
    assert 0 < told["to pictures"] < images.judged("digits", samplers.noise("digits", 5))["to pictures"]


def test_every_row_names_a_sampler_and_every_sampler_has_a_row():
    assert {row.parameters["method"] for row in EXPERIMENT.rows} == set(samplers.SAMPLERS)


@pytest.mark.slow
def test_a_class_conditional_flow_keeps_the_class(monkeypatch):
    """Blobs that the class tells apart; their further coordinates move nowhere."""
    labels = torch.arange(400) % 2
    x = normal(400, 2) * 0.3 + 3 * (2 * labels[:, None] - 1)
    setting = samplers.Setting("none", 400, 40, 2, (), 0, (1, 1.0), 32, 300)
    monkeypatch.setitem(samplers.SETTINGS, "blobs", setting)
    monkeypatch.setattr(samplers, "data", lambda name, seed: (x, labels))
    monkeypatch.setattr(samplers, "noise", lambda name, seed: normal(40, 2, seed=4))
    drawn, seconds = samplers.flow_by_class.__wrapped__("blobs", 0)
    assert seconds > 0
    assert float((drawn[:20] < 0).double().mean()) > 0.97
    assert float((drawn[20:] > 0).double().mean()) > 0.97


def test_herded_samples_are_some_of_many_and_a_part_of_a_run_is_random(monkeypatch):
    blob = normal(300, 2)
    monkeypatch.setitem(samplers.SETTINGS, "blobs", samplers.Setting("none", 300, 30, 1, (), 0, (20, 1.0), 8, 8))
    drawn, seconds = samplers.herded(lambda name, seed: (blob, 2.0))("blobs", 0)
    assert drawn.shape == (30, 2)
    assert seconds >= 2.0
    assert float(torch.cdist(drawn, blob).amin(1).max()) < 1e-6
    monkeypatch.setattr(samplers, "data", lambda name, seed: (blob, torch.zeros(300, dtype=torch.long)))
    law, _ = samplers.tuned_law("blobs", 0)
    assert law.shape == (30, 2)
    assert float((law.mean(0) - blob.mean(0)).norm()) < 1.5


def test_the_sheet_has_a_row_of_pictures_a_sampler(monkeypatch):
    monkeypatch.delitem(samplers.SETTINGS, "fashion")  # whose data may have to be fetched
    kept = samplers.all_codes("digits")[1]
    for method in ROWS[1:]:
        monkeypatch.setitem(samplers.SAMPLERS, method, lambda name, seed: (kept[:40], 0.0))
    axes = sheet().axes
    assert [ax.get_ylabel() for ax in axes] == list(ROWS)
    assert all(len(ax.images) == 1 for ax in axes)
