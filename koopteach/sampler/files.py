"""A fitted sampler on disk: its numbers and its arguments in one safetensors file, which holds data and never code."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from koopteach.files import load_weights, pack, save_weights, unpack
from koopteach.sampler.columns import Columns
from koopteach.sampler.mixture import FittedMixture
from koopteach.sampler.tables import Kind
from koopteach.spectrum import saved_classes

if TYPE_CHECKING:
    from koopteach.sampler.sampler import KoopmanSampler

_KIND, _FITTED = "KoopmanSampler", ("data", "share", "mixture", "spectrum", "report")


def save(sampler: KoopmanSampler, path: str | Path) -> None:
    """Write a fitted sampler; a loaded one has the default dictionary for its next fit.

    Raises:
        RuntimeError: a dictionary that :meth:`koopteach.Spectrum.save` does not know.
        TypeError: columns whose names are neither text nor whole numbers.
        ImportError: without safetensors.
    """
    tensors: dict[str, Tensor] = {}
    classes = (*saved_classes(), FittedMixture)
    names = [name if isinstance(name, str) else operator.index(name) for name in sampler.kind.names]
    config = {
        "params": {key: value for key, value in sampler.get_params().items() if key != "dictionary"},
        "kind": [sampler.kind.container, names, sampler.kind.dtypes],
        "fitted": {name: pack(getattr(sampler, name), classes, tensors, name) for name in _FITTED},
    }
    save_weights(path, _KIND, config, tensors)


def load(cls: type[KoopmanSampler], path: str | Path) -> KoopmanSampler:
    """The sampler of a file.

    Raises:
        FileNotFoundError, ValueError, ImportError: as :func:`koopteach.files.load_weights`; numbers that do not fit.
    """
    config, tensors = load_weights(path, _KIND)
    try:
        sampler, (container, names, dtypes) = cls(**config["params"]), config["kind"]
        sampler.kind = Kind(container, tuple(names), tuple(dtypes))
        for name in _FITTED:
            setattr(sampler, name, unpack(config["fitted"][name], (*saved_classes(), FittedMixture), tensors))
        sampler.columns = Columns.of(sampler.data, sampler.share, sampler.scores)
        sampler.sample(1, torch.Generator().manual_seed(0))  # do the shapes fit?
        return sampler
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        raise ValueError(f"load: {path} describes no sampler of this version: {error!r:.200}.") from error
