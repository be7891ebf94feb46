"""A fitted sampler on disk: its numbers and its arguments in one safetensors file, which holds data and never code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from koopteach.dictionaries import GaussianRBF, Monomials, MultiScale
from koopteach.files import load_weights, part, save_weights
from koopteach.protocols import Dictionary
from koopteach.sampler.columns import Columns
from koopteach.sampler.mixture import FittedMixture
from koopteach.sampler.tables import Kind
from koopteach.spectrum import Expansion, Spectrum

if TYPE_CHECKING:
    from koopteach.sampler.sampler import KoopmanSampler

_KIND = "KoopmanSampler"


def save(sampler: KoopmanSampler, path: str | Path) -> None:
    """Write a fitted sampler; a dictionary of one's own only if it is made of Gaussians and monomials.

    Raises:
        RuntimeError: another dictionary.
        TypeError: columns whose names are neither text nor whole numbers.
        ImportError: without safetensors.
    """
    functions = sampler.spectrum.functions
    assert isinstance(functions, Expansion)  # as GeneratorEDMD makes it
    parts = _parts(functions.dictionary)
    names = [name if isinstance(name, str) else int(name) for name in sampler.kind.names]
    config = {
        "params": {key: value for key, value in sampler.get_params().items() if key != "dictionary"},
        "kind": [sampler.kind.container, names, list(sampler.kind.dtypes)],
        "mixture": [sampler.mixture.kind, sampler.mixture.bic],
        "scale": sampler.spectrum.scale,
        "reports": [sampler.report, sampler.spectrum.report],
        "parts": [type(one).__name__ for one in parts],
        "degrees": [getattr(one, "degree", 0) for one in parts],
    }
    tensors = {"data": sampler.data, "share": sampler.share, "rates": sampler.spectrum.rates}
    tensors |= {f"mixture.{name}": getattr(sampler.mixture, name) for name in ("weights", "means", "factors")}
    tensors |= {"functions.mean": functions.mean, "functions.coefficients": functions.coefficients}
    for i, one in enumerate(parts):
        wanted = ("centers", "widths") if isinstance(one, GaussianRBF) else ("center", "scale")
        tensors |= {f"part{i}.{name}": getattr(one, name) for name in wanted}
    save_weights(path, _KIND, config, tensors)


def _parts(dictionary: Dictionary) -> tuple[Dictionary, ...]:
    parts = getattr(dictionary, "parts", (dictionary,))
    if not all(type(one) in (GaussianRBF, Monomials) for one in parts):
        raise RuntimeError(f"KoopmanSampler.save: a {type(dictionary).__name__} cannot be saved; MultiScale can.")
    return parts


def load(cls: type[KoopmanSampler], path: str | Path) -> KoopmanSampler:
    """The sampler of a file.

    Raises:
        FileNotFoundError, ValueError, ImportError: as :func:`koopteach.files.load_weights`; numbers that do not fit.
    """
    config, tensors = load_weights(path, _KIND)
    try:
        sampler = cls(**config["params"])
        container, names, dtypes = config["kind"]
        sampler.kind = Kind(container, tuple(names), tuple(dtypes))
        sampler.data, sampler.share, rates = tensors["data"], tensors["share"], tensors["rates"]
        sampler.columns = Columns.of(sampler.data, sampler.share, sampler.scores)
        kind, bic = config["mixture"]
        sampler.mixture = FittedMixture(**part(tensors, "mixture"), kind=kind, bic=bic)
        sampler.report, report = config["reports"]
        parts = [
            _part(name, degree, part(tensors, f"part{i}"))
            for i, (name, degree) in enumerate(zip(config["parts"], config["degrees"]))
        ]
        functions = Expansion(MultiScale(parts), **part(tensors, "functions"))
        sampler.spectrum = Spectrum(rates, rates, float(config["scale"]), functions, report)
        sampler.spectrum(torch.zeros_like(sampler.mixture.means))  # do the shapes fit?
        return sampler
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError) as error:
        raise ValueError(f"load: {path} describes no sampler of this version: {error!r:.200}.") from error


def _part(name: str, degree: int, tensors: dict[str, Tensor]) -> Dictionary:
    if name == "GaussianRBF":
        return GaussianRBF(**tensors)
    return Monomials(len(tensors["center"]), degree, **tensors)
