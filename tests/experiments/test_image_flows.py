"""What the experiment on pictures computes, on networks that learned next to nothing."""

import pytest
import torch

from experiments.image_flows import rows as image_flows
from experiments.image_flows import samplers
from experiments.image_flows_gpu.table import EXPERIMENT as LARGE
from koopcourse import shipped

TINY = samplers.Setting("digits8", 4, 8, 3, 16, 40, 60)
CACHED = [samplers.components, samplers.classifier, samplers.kept, samplers.cfm, samplers.converged]
CACHED += [samplers.second, samplers.direct, samplers.student, samplers.consistent]
CACHED += [samplers.mixture, image_flows.floors_of]


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Digits in four components, and the shipped classifier."""
    monkeypatch.setitem(samplers.SETTINGS, "digits", TINY)
    for module in (samplers, image_flows):
        monkeypatch.setattr(module, "classifier", lambda name: shipped("digits-classifier"))
    yield
    for cached in CACHED:
        getattr(cached, "cache_clear", lambda: None)()


@pytest.mark.slow
def test_real_pictures_score_perfectly_against_themselves():
    features, labels = samplers.kept("digits")["test"]
    found = image_flows.scores("digits", features, labels) | image_flows.copies("digits", features)
    assert found["Frechet"] == pytest.approx(0, abs=1e-4)
    assert (found["precision"], found["recall"], found["balance"]) == (1.0, 1.0, 0.0)
    assert found["halves"] == 0  # at no distance from themselves, so none is nearer to a training picture
    assert image_flows.copies("digits", samplers.kept("digits")["train"][0])["halves"] > 0.65


def test_halves_of_the_real_pictures_deviate_as_another_set_of_their_size_would(monkeypatch):
    """For a mean the deviation is known: that of one over the root of the number."""
    real = torch.randn(2000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(image_flows, "kept", lambda name: {"test": (real, None)})
    monkeypatch.setattr(image_flows, "frechet_distance", lambda features, real: float(real.mean()))
    monkeypatch.setattr(image_flows, "HALVINGS", 1000)
    assert image_flows.held_out_sd("digits", real) == pytest.approx(float(real.std()) / 2000**0.5, rel=0.1)


@pytest.mark.slow
def test_every_sampler_makes_a_row_and_the_teacher_follows_itself():
    for method, make in samplers.SAMPLERS.items():
        sampler = make("digits", 1)
        assert sampler.end(samplers.noise("digits", 1)).shape == (60, 4)
        found = image_flows.along("digits", sampler, 1)
        assert ("end" in found) == (not any(other in method for other in ("OT", "mixture", "6 x")))
        assert ("path" in found) == ("Koopman" in method)
    row = image_flows.samples(1, "digits", "teacher, midpoint 20")
    assert row["end"] == pytest.approx(0, abs=1e-6)
    assert row["NFE"] == 40
    assert {f"{name} floor" for name in ("Frechet", "precision", "recall", "balance")} <= set(row)


@pytest.mark.slow
def test_the_cheapest_setting_is_the_first_that_is_good_enough(monkeypatch):
    """Quality by the number of evaluations alone; of equal evaluations the higher order comes first."""
    asked = []

    def frechet(name, z):
        asked.append(samplers.teacher("digits", 1).nfe)
        return 10 / asked[-1]

    monkeypatch.setattr(image_flows, "frechet", frechet)
    assert image_flows.cheapest("digits", 1, 10 / 4) == ("rk4", 1, 2.5)
    assert asked == sorted(asked)
    with pytest.raises(RuntimeError, match=r"no solver of up to 32 evaluations reaches 0.01 on digits"):
        image_flows.cheapest("digits", 1, 0.01)


def test_the_large_networks_are_an_experiment_of_their_own():
    """Declared always, for every sampler but the longer training; computed where there is a GPU."""
    methods = [row.parameters["method"] for row in LARGE.rows]
    assert [method for method in samplers.SAMPLERS if method not in methods] == ["6 x the training, midpoint 20"]
    assert {row.parameters["name"] for row in LARGE.rows} == {"fashion large"}
    assert samplers.SETTINGS["fashion large"].device == "cuda"
