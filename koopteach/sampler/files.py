"""A fitted sampler on disk: its numbers and its arguments in one safetensors file, which holds data and never code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from koopteach.files import load_weights, pack, part, save_weights, unpack
from koopteach.sampler.columns import Columns
from koopteach.sampler.mixture import FittedMixture
from koopteach.sampler.tables import Kind
from koopteach.spectrum import saved_classes

if TYPE_CHECKING:
    from koopteach.sampler.sampler import KoopmanSampler

_KIND = "KoopmanSampler"


def save(sampler: KoopmanSampler, path: str | Path) -> None:
    """Write a fitted sampler; with a dictionary of one's own only if it is one of the package's.

    Raises:
        RuntimeError: another dictionary.
        TypeError: columns whose names are neither text nor whole numbers.
        ImportError: without safetensors.
    """
    names = [name if isinstance(name, str) else int(name) for name in sampler.kind.names]
    config = {
        "params": {key: value for key, value in sampler.get_params().items() if key != "dictionary"},
        "kind": [sampler.kind.container, names, list(sampler.kind.dtypes)],
        "mixture": [sampler.mixture.kind, sampler.mixture.bic],
        "report": sampler.report,
    }
    tensors = {"data": sampler.data, "share": sampler.share}
    config["spectrum"] = pack(sampler.spectrum, saved_classes(), tensors, "spectrum")
    tensors |= {f"mixture.{name}": getattr(sampler.mixture, name) for name in ("weights", "means", "factors")}
    save_weights(path, _KIND, config, tensors)


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
        sampler.data, sampler.share = tensors["data"], tensors["share"]
        sampler.columns = Columns.of(sampler.data, sampler.share, sampler.scores)
        kind, bic = config["mixture"]
        sampler.mixture = FittedMixture(**part(tensors, "mixture"), kind=kind, bic=bic)
        sampler.report = config["report"]
        sampler.spectrum = unpack(config["spectrum"], saved_classes(), tensors)
        sampler.spectrum(torch.zeros_like(sampler.mixture.means))  # do the shapes fit?
        return sampler
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        raise ValueError(f"load: {path} describes no sampler of this version: {error!r:.200}.") from error
