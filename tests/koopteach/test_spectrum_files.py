"""Spectra on disk: bit by bit, in their dtype, without code, and one line for every file that is none."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import koopteach as kt
from tests.tools import seeded

X = torch.randn(300, 3, dtype=torch.float64, generator=seeded()) * torch.tensor([1.0, 30.0, 0.1]) + 2
CENTERS, SPREAD = X[:9], X.std(0)
DICTIONARIES = {
    "kernels": kt.GaussianRBF(CENTERS, 1.3, SPREAD),
    "scales": kt.MultiScale.from_data(X, (12, 4), generator=seeded()),
    "monomials": kt.Monomials(3, 2, center=X.mean(0), scale=SPREAD),
    "Hermite": kt.Hermite(3, 2, center=X.mean(0), scale=SPREAD),
    "waves": kt.RandomFourierFeatures(3, 20, 30.0, seeded()),
    "network": kt.NeuralDictionary.from_pairs(X[:-1], X[1:], 4, n_steps=2, batch=50, generator=seeded()),
}


def assert_same(found, spectrum, x):
    assert torch.equal(found.rates, spectrum.rates)
    assert torch.equal(found.energies, spectrum.energies)
    assert found.rates.dtype == spectrum.rates.dtype
    assert torch.equal(found(x), spectrum(x))
    assert torch.equal(found.grad(x), spectrum.grad(x))
    assert torch.equal(found.stretch, spectrum.stretch)
    assert (found.scale, found.spread_ratio, found.report) == (spectrum.scale, spectrum.spread_ratio, spectrum.report)
    assert repr(found.manifold) == repr(spectrum.manifold)


@pytest.mark.parametrize("name", DICTIONARIES)
@pytest.mark.parametrize("moved", [torch.float64, torch.float32])
def test_a_spectrum_comes_back_bit_by_bit(name, moved, tmp_path):
    spectrum = kt.GeneratorEDMD(DICTIONARIES[name], standardize=True).fit(X).spectrum().to(moved)
    spectrum.save(tmp_path / "s.safetensors")
    found = kt.Spectrum.load(tmp_path / "s.safetensors")
    assert_same(found, spectrum, X[:20].to(moved))
    assert_same(found.truncate(2), spectrum.truncate(2), X[:20].to(moved))


@pytest.mark.parametrize("manifold", [kt.Circle(2.0), kt.Sphere(), kt.Torus()], ids=repr)
def test_a_manifold_comes_back_and_particles_stay_on_it(manifold, tmp_path):
    x = manifold.sample(200, seeded())
    spectrum = kt.GeneratorEDMD(kt.Hermite(manifold.dim, 2), manifold=manifold).fit(x).spectrum(3)
    spectrum.save(tmp_path / "s")
    found = kt.Spectrum.load(tmp_path / "s")
    assert_same(found, spectrum, x[:20])
    ends = [kt.KSWGD(s).step(x[:9], None, progress=0.0, generator=seeded(1))[0] for s in (found, spectrum)]
    assert torch.equal(*ends)


def test_complex_rates_come_back(tmp_path):
    x, y = kt.snapshot_pairs(kt.OrnsteinUhlenbeck(2, rotation=2.0), 500, lag=0.2, generator=seeded())
    spectrum = kt.EDMD(kt.Hermite(2, 2), lag=0.2, reversible=False).fit(x, y).spectrum()
    spectrum.save(tmp_path / "s")
    assert_same(kt.Spectrum.load(tmp_path / "s"), spectrum, x[:20])


class Own(kt.Hermite):
    """Whose code no file can hold."""


def test_what_no_file_can_hold_is_refused(tmp_path):
    formulas = kt.Spectrum.from_functions([1.0], lambda x: x)
    with pytest.raises(RuntimeError, match=r"^save: a _Formulas cannot be saved; known are Spectrum, Expansion, "):
        formulas.save(tmp_path / "s")
    with pytest.raises(RuntimeError, match="a Own cannot be saved"):
        kt.GeneratorEDMD(Own(3, 1)).fit(X).spectrum().save(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def edited(path, change):
    """The file again, its description changed by ``change(config)``, its tensors as they are."""
    with safe_open(path, framework="pt") as file:
        about, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    config = json.loads(about["config"])
    change(config["object"]["parts"])
    save_file(tensors, path, metadata=about | {"config": json.dumps(config)})


def another_class(parts):
    parts["functions"]["parts"]["dictionary"]["class"] = "Popen"


def a_part_less(parts):
    del parts["functions"]["parts"]["dictionary"]["parts"]["widths"]
    del parts["functions"]["parts"]["dictionary"]["parts"]["_middle"]


def a_tensor_less(parts):
    parts["rates"]["tensor"] = "nowhere"


def tensors_that_do_not_fit(parts):
    parts["functions"]["parts"]["mean"] = parts["functions"]["parts"]["dictionary"]["parts"]["centers"]


def not_an_object(parts):
    parts["functions"] = 3


@pytest.mark.parametrize("change", [another_class, a_part_less, a_tensor_less, tensors_that_do_not_fit, not_an_object])
def test_a_file_that_does_not_fit_ends_in_one_line(change, tmp_path):
    path = tmp_path / "s"
    kt.GeneratorEDMD(DICTIONARIES["kernels"]).fit(X).spectrum().save(path)
    edited(path, change)
    with pytest.raises(ValueError, match="describes no Spectrum of this version") as caught:
        kt.Spectrum.load(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_ends_in_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        kt.Spectrum.load(tmp_path / "nowhere")
    path = tmp_path / "s"
    kt.GeneratorEDMD(DICTIONARIES["kernels"]).fit(X).spectrum().save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="is truncated or no safetensors file"):
        kt.Spectrum.load(path)
    save_file({"a": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="holds a model of another program, but a Spectrum is needed"):
        kt.Spectrum.load(path)
