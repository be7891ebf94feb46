"""The autoencoder and the classifier on pictures that are made up here."""

import pytest
import torch

from koopcourse import Autoencoder, Classifier
from koopteach import FlowMatching
from tests.tools import seeded


def bars(n=200, seed=0):
    """Pictures of one bright column of four, ``(n, 4, 5)``, dimmed at random, and which column it was."""
    labels = torch.randint(4, (n,), generator=seeded(seed))
    images = torch.zeros(n, 4, 5)
    images[torch.arange(n), :, labels] = 1.0
    return images * (0.5 + 0.5 * torch.rand(n, 1, 1, generator=seeded(seed + 1))), labels


IMAGES, LABELS = bars()


def small(dim=3, seed=0):
    return Autoencoder((4, 5), dim, widths=(16,), generator=seeded(seed))


@pytest.fixture(scope="module")
def trained():
    return small().fit(IMAGES, n_steps=400, batch=64, lr=1e-2, generator=seeded())


@pytest.fixture(scope="module")
def classifier():
    return Classifier((4, 5), 4, widths=(12, 6), generator=seeded()).fit(
        IMAGES, LABELS, n_steps=200, batch=64, lr=1e-2, generator=seeded()
    )


@pytest.mark.slow
def test_a_round_trip_keeps_the_pictures(trained):
    fresh, _ = bars(seed=5)
    assert trained.error(fresh) < 0.1 * float(fresh.var(dim=0).mean())
    back = trained.decode(trained.encode(fresh))
    assert back.shape == fresh.shape
    assert float((back - fresh).square().mean()) == pytest.approx(trained.error(fresh))


@pytest.mark.slow
def test_codes_have_mean_zero_and_covariance_one(trained):
    codes = trained.encode(IMAGES.double())
    assert codes.dtype == torch.float64
    torch.testing.assert_close(codes.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-4, rtol=0)
    torch.testing.assert_close(codes.T.cov(correction=0), torch.eye(3, dtype=torch.float64), atol=1e-3, rtol=0)


def test_the_standardised_codes_decode_as_the_raw_ones_do(trained):
    raw = trained.encoder(IMAGES.flatten(1))
    there = trained.decoder(raw).sigmoid().unflatten(1, (4, 5))
    torch.testing.assert_close(trained.decode(trained.encode(IMAGES)), there, atol=1e-4, rtol=0)


def test_an_unused_direction_is_not_stretched():
    """A first layer that sees one number makes codes on a curve; across it there is rounding alone."""
    model = small()
    with torch.no_grad():
        for layer in model.encoder:
            if isinstance(layer, torch.nn.Linear):
                layer.weight[1:], layer.bias[1:] = layer.weight[:1], layer.bias[:1]
    codes = model.fit(IMAGES, n_steps=1, lr=1e-9, generator=seeded()).encode(IMAGES)
    assert float(codes.T.cov(correction=0).trace()) == pytest.approx(1, abs=1e-3)


def test_the_same_seed_gives_the_same_networks():
    one, two, other = (small(seed=s).fit(IMAGES, n_steps=5, noise=0.1, generator=seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one.encode(IMAGES), two.encode(IMAGES))
    assert not torch.equal(one.encode(IMAGES), other.encode(IMAGES))


@pytest.mark.parametrize("model", [small(), Classifier((4, 5), 4, generator=seeded())], ids=["codes", "classes"])
def test_an_interrupt_keeps_what_was_learned(model, capsys):
    calls = []

    def stop(*_):
        calls.append(1)
        if len(calls) == 31:
            raise KeyboardInterrupt

    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    handle = next(model.children()).register_forward_hook(stop)
    arguments = (IMAGES,) if isinstance(model, Autoencoder) else (IMAGES, LABELS)
    model.fit(*arguments, n_steps=1000, generator=seeded())
    handle.remove()
    assert model.record.interrupted
    assert model.record.steps.tolist() == [10, 20, 30]
    assert any(float((model.state_dict()[name] - old).norm()) > 0.01 for name, old in before.items())
    assert f"{type(model).__name__}: interrupted after 30 of 1000 steps" in capsys.readouterr().out
    if isinstance(model, Autoencoder):  # also the codes are standard
        torch.testing.assert_close(model.encode(IMAGES).std(0), torch.ones(3), atol=0.05, rtol=0)


def test_the_classifier_learns_and_its_features_decide(classifier):
    fresh, labels = bars(seed=9)
    assert classifier.accuracy(fresh, labels) > 0.95
    features = classifier.features(fresh)
    assert features.shape == (200, 6)
    assert torch.equal(classifier.head(features).argmax(1), classifier.predict(fresh))


@pytest.mark.parametrize("kind", ["trained", "classifier"])
def test_a_file_gives_the_same_model(kind, request, tmp_path):
    model = request.getfixturevalue(kind)
    model.save(tmp_path / "m.safetensors")
    again = type(model).load(tmp_path / "m.safetensors")
    assert again.config.keys() == model.config.keys()
    assert again.record is None
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_damaged_and_foreign_files_are_told_apart(trained, classifier, tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(FileNotFoundError, match="load: there is no file"):
        Autoencoder.load(path)
    trained.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match="truncated or no safetensors file"):
        Autoencoder.load(path)
    path.write_bytes(whole.replace(b'\\"dim\\": 3', b'\\"dim\\": 2'))
    with pytest.raises(ValueError, match="do not fit its own configuration"):
        Autoencoder.load(path)
    path.write_bytes(whole.replace(b'\\"dim\\": 3', b'\\"dxm\\": 3'))
    with pytest.raises(ValueError, match="describes no Autoencoder of this version"):
        Autoencoder.load(path)
    classifier.save(path)
    with pytest.raises(ValueError, match="holds a Classifier, but a Autoencoder is needed"):
        Autoencoder.load(path)
    with pytest.raises(ValueError, match="holds a Classifier, but a FlowMatching is needed"):
        FlowMatching.load(path)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: small().encode(IMAGES[0]), r"encode: images has shape \(4, 5\), .* Did you mean images\[None\]"),
        (lambda: small().encode(IMAGES.mT), r"images has shape \(200, 5, 4\), but \(n, 4, 5\)"),
        (lambda: small().fit(255 * IMAGES), "Autoencoder.fit: images must hold grey values .* Divide bytes by 255"),
        (lambda: small().encode(IMAGES * torch.nan), "grey values from 0 to 1, got nan"),
        (lambda: small().encode(IMAGES.byte()), "dtype torch.uint8, but float32 or float64"),
        (lambda: small().decode(IMAGES[:, 0]), "decode: codes has shape .* need 3 coordinates"),
        (lambda: small().fit(IMAGES[:1]), "images are all the same"),
        (lambda: small().fit(IMAGES, noise=-1), "noise must not be negative"),
        (lambda: Autoencoder(8, 3), r"Autoencoder: shape must be \(height, width\), got 8"),
        (lambda: Autoencoder((8, 8), 0), "Autoencoder: dim must be at least 1"),
        (lambda: Autoencoder((8, 8), 2, widths=8), r"widths must be a sequence such as \(256, 128\), got 8"),
        (lambda: Classifier((4, 5), 4, widths=()), "widths is empty"),
        (lambda: Classifier((4, 5), 3).fit(IMAGES, LABELS), "labels must be 0 to 2, got 0 to 3"),
        (lambda: Classifier((4, 5), 4).fit(IMAGES, LABELS[1:]), r"labels has shape \(199,\), but \(200,\)"),
        (lambda: Classifier((4, 5), 4).accuracy(IMAGES, LABELS.float()), "tensor of int64, got torch.float32"),
    ],
)
def test_bad_arguments_are_named(call, told):
    with pytest.raises((ValueError, TypeError), match=told):
        call()


@pytest.mark.slow
def test_a_second_fit_starts_anew(trained, classifier, tmp_path):
    """What other pictures taught is forgotten, in a loaded model, too: both fits end alike."""
    others = IMAGES.flip(2)
    for fresh, fit in (
        (lambda: small(), lambda model, x: model.fit(x, n_steps=20, generator=seeded(3))),
        (
            lambda: Classifier((4, 5), 4, widths=(12, 6), generator=seeded()),
            lambda model, x: model.fit(x, LABELS, n_steps=20, generator=seeded(3)),
        ),
    ):
        twice, after_other_pictures = (fit(fit(fresh(), first), IMAGES) for first in (IMAGES, others))
        path = tmp_path / "model"
        fit(fresh(), others).save(path)
        loaded = fit(type(twice).load(path), IMAGES)
        for model in (after_other_pictures, loaded):
            for name, tensor in twice.state_dict().items():
                assert torch.equal(tensor, model.state_dict()[name]), name


def test_features_come_after_the_last_activation(classifier):
    """SiLU has the range [-0.2785, oo); before it the numbers reach far below."""
    features = classifier.features(IMAGES)
    assert float(features.min()) >= -0.2785
    assert float(classifier.body[:-1](IMAGES.flatten(1)).min()) < -0.2785


@pytest.mark.slow
def test_labels_are_smoothed():
    """The best that smoothing by .1 allows is probability .925 of the right one of four, not 1."""
    images = torch.eye(4).reshape(4, 2, 2)
    model = Classifier((2, 2), 4, widths=(32,), generator=seeded())
    model.fit(images, torch.arange(4), n_steps=400, batch=32, lr=1e-2, generator=seeded())
    certain = model.head(model.features(images)).softmax(dim=1).diagonal()
    torch.testing.assert_close(certain, torch.full((4,), 0.925), atol=0.02, rtol=0)
