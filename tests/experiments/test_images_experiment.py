"""The parts of the experiment ``images`` against what must hold."""

import pytest
import torch

from experiments.images import rows as images
from experiments.images import samplers, tasks, tuned
from experiments.images.sheet import ROWS, sheet
from experiments.images.table import EXPERIMENT
from experiments.machinery import runner, store
from experiments.machinery.experiment import median
from koopteach import GaussianMixture


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


SMALL = tasks.Setting(("none",), 300, 30, (20,), 0)


@pytest.fixture
def blobs(monkeypatch):
    """A task whose codes are two blobs, and the blobs with their classes."""
    classes = torch.arange(300) % 2
    x = normal(300, 2) * 0.3 + 3 * (2 * classes[:, None] - 1)
    monkeypatch.setitem(tasks.SETTINGS, "blobs", SMALL)
    monkeypatch.setitem(samplers.N_LAW, "blobs", (40, 1))
    monkeypatch.setattr(samplers, "data", lambda task: (x, classes))
    monkeypatch.setattr(tasks, "encoded", lambda name, part: x)
    return tasks.Task("blobs", 0), x, classes


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
    for y in samplers.by_region(x, labels, 200, SMALL, 0, (20, 1.0), (0.0, 0.01)):
        assert y.shape == (200, 2)
        assert int((y[:, 0] < 0).sum()) == int(samplers.shares(labels, 200)[0])
        assert float(torch.cdist(y, target.modes).amin(1).max()) < 5 * 0.7
        for side in (0, 1):
            mine, data = (z[(z[:, 0] > 0) == bool(side)] for z in (y, x))
            assert float((mine.mean(0) - data.mean(0)).norm()) < 0.05


def test_held_out_codes_are_judged_perfect():
    kept = tasks.held_out("digits", "test")
    found = images.judged("digits", kept.codes, kept)
    assert (found["precision"], found["recall"]) == (1.0, 1.0)
    assert found["Frechet"] == pytest.approx(0, abs=1e-4)
    assert found["sliced W2"] == 0
    noise = tasks.Task("digits", 5).noise(580)
    assert 0 < found["to pictures"] < images.judged("digits", noise, kept)["to pictures"]


def test_the_part_that_tunes_is_neither_learned_from_then_nor_ever_the_judge():
    learned, kept = tasks.rows_of("digits", "validation")
    assert sorted([*learned.tolist(), *kept.tolist()]) == list(range(1160))
    train, validation = tasks.encoded("digits", "train"), tasks.held_out("digits", "validation")
    torch.testing.assert_close(validation.codes, train[kept])
    assert float(torch.cdist(tasks.data(tasks.Task("digits", 0, "validation"))[0], validation.codes).min()) > 0
    assert float(torch.cdist(tasks.held_out("digits", "test").codes, train).min()) > 0
    assert len(tasks.data(tasks.Task("digits", 0))[0]) == 1160


@pytest.mark.slow
def test_what_comes_along_stands_in_for_a_full_set_that_is_nowhere_and_the_row_says_so(monkeypatch):
    load = tasks.load_images

    def without(name):
        if name == "fashion28-full":
            raise FileNotFoundError
        return load(name)

    monkeypatch.setattr(tasks, "load_images", without)
    for cached in CACHED:
        cached.cache_clear()
    assert tasks.pictures("fashion").name == "fashion28"
    assert images.evenness(2000, "fashion", "training codes")["judged by"] == 1000
    monkeypatch.setitem(tasks.SETTINGS, "nowhere", tasks.Setting(("fashion28-full",), 1, 1, (), 0))
    with pytest.raises(FileNotFoundError):
        tasks.pictures("nowhere")
    for cached in CACHED:
        cached.cache_clear()


CACHED = (tasks.pictures, tasks.encoded, tasks.data, tasks.held_out, samplers.many, images.floors_of)


def test_every_row_names_a_sampler_and_every_sampler_has_a_row():
    named = {row.parameters["method"] for row in EXPERIMENT.rows if "method" in row.parameters}
    assert named == set(samplers.PARTICLES | samplers.DRAWS)


def records():
    return store.load(runner.RESULTS / "images.json")


@pytest.mark.parametrize("name", tasks.SETTINGS)
def test_what_is_called_tuned_is_the_best_of_the_rows_on_the_validation_part(name):
    """The least Frechet distance of those that hardly copy: of ever narrower kernels it falls, as copies are good."""
    found = {}
    for row in EXPERIMENT.rows:
        if row.id.startswith(f"{name}.tuning."):
            numbers = records()[row.id]["numbers"]
            size = row.parameters["kernels"], row.parameters["width"]
            for v in samplers.VARIANCES:
                if median(numbers[f"halves, {v:g} off"]) <= tuned.COPIES:
                    found[(*size, v)] = median(numbers[f"Frechet, {v:g} off"])
    assert tuple(tuned.TUNED[name].values()) == min(found, key=found.get)


@pytest.mark.parametrize("name", tasks.SETTINGS)
def test_no_shorter_training_of_the_flow_is_better_and_a_longer_one_is_on_the_page(name):
    rows = [row for row in EXPERIMENT.rows if row.id.startswith(f"{name}.training.")]
    found = {row.parameters["steps"]: records()[row.id]["numbers"]["Frechet"][0] for row in rows}
    taken = tuned.STEPS[name]
    assert taken == min((steps for steps in found if steps <= taken), key=found.get)
    assert name == "digits" or max(found) == 2 * taken


def test_one_set_judges_all_rows_and_for_clothes_it_is_the_full_one():
    for row in EXPERIMENT.rows:
        if "method" in row.parameters:
            judges = set(records()[row.id]["numbers"]["judged by"])
            assert judges == {10_000 if row.parameters["pictures_of"] == "fashion" else 580}


@pytest.mark.slow
def test_what_knows_the_classes_keeps_them(blobs):
    task, _, _ = blobs
    for method in ("KSWGD, by class", "Gaussian mixture, by class"):
        drawn, seconds = (samplers.PARTICLES | samplers.DRAWS)[method](task, 40)
        assert seconds > 0
        assert int((drawn[:20] < 0).all(1).sum()) == int((drawn[20:] > 0).all(1).sum()) == 20


def test_even_draws_are_some_of_many_and_particles_are_as_they_are(blobs, monkeypatch):
    task, x, _ = blobs
    asked = []

    def ours(task, n):
        asked.append(n)
        return x[:n], 2.0

    for home in (samplers.DRAWS, samplers.PARTICLES):
        monkeypatch.setitem(home, "a draw" if home is samplers.DRAWS else "particles", ours)
    assert samplers.evenly(task, "particles")[0].shape == (30, 2)
    drawn, seconds = samplers.evenly(task, "a draw")
    assert asked == [30, 300]
    assert drawn.shape == (30, 2)
    assert seconds >= 2.0
    assert all(bool((x == one).all(1).any()) for one in drawn)
    assert abs(int((drawn[:, 0] > 0).sum()) - 15) <= 1  # a random part has 15 +- 2.6


def test_the_sheet_has_a_row_of_pictures_a_sampler(monkeypatch):
    monkeypatch.delitem(tasks.SETTINGS, "fashion")  # whose data may have to be fetched
    kept = tasks.held_out("digits", "test").codes
    for name in ("evenly", "many"):
        monkeypatch.setattr(f"experiments.images.sheet.{name}", lambda task, method, **_: (kept[:40], 0.0))
    axes = sheet({}).axes
    assert [ax.get_ylabel() for ax in axes] == list(ROWS)
    assert all(len(ax.images) == 1 for ax in axes)
