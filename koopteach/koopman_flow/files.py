"""Liftings on disk: the class by a name from a fixed list, its sizes, its tensors; nothing in the file is executed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from koopteach.files import fill, load_weights, save_weights
from koopteach.flow_matching import FourierNet
from koopteach.koopman_flow.free import FreeGenerator
from koopteach.koopman_flow.lifting import Lifting, PathLift, StateLift

_KIND = "KoopmanFlow"


def save_lifting(path: str | Path, lifting: Lifting, x0: Tensor | None) -> None:
    """Write a lifting, and the sample ``x0`` of its source where that is not standard normal.

    Raises:
        RuntimeError: a lifting of one's own, which ``load`` could not build.
    """
    name = type(lifting).__name__
    if name not in _BUILDERS:
        raise RuntimeError(f"save: a lifting of class {name} cannot be saved; known are {', '.join(_BUILDERS)}.")
    sizes = lifting.config if isinstance(lifting, FreeGenerator) else lifting.net.config
    config = {"lifting": name, "n_pairs": getattr(lifting, "n_pairs", 0), "sizes": sizes}
    tensors = {f"lifting.{key}": tensor for key, tensor in lifting.state_dict().items()}
    save_weights(path, _KIND, config, tensors if x0 is None else {**tensors, "x0": x0})


def load_lifting(path: str | Path) -> tuple[Lifting, Tensor | None]:
    """The lifting of a file, and the sample of its source if there is one.

    Raises:
        FileNotFoundError, ValueError: no such file; truncated, foreign, or not whole.
    """
    config, tensors = load_weights(path, _KIND)
    x0 = tensors.pop("x0", None)
    try:
        lifting = _BUILDERS[config["lifting"]](config["sizes"], config["n_pairs"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"load: {path} describes no lifting of this version: {error!r}.") from error
    fill(lifting, {key.removeprefix("lifting."): tensor for key, tensor in tensors.items()}, path)
    return lifting, x0


def _state(sizes: dict, n_pairs: int) -> StateLift:
    return StateLift(FourierNet(**sizes), torch.zeros(n_pairs), torch.zeros(n_pairs))


def _path(sizes: dict, n_pairs: int) -> PathLift:
    none = torch.zeros(n_pairs)
    return PathLift(FourierNet(**sizes), none, none, torch.zeros(2 + 2 * n_pairs, 2 + 2 * n_pairs))


_BUILDERS = {"StateLift": _state, "PathLift": _path, "FreeGenerator": lambda sizes, _: FreeGenerator(**sizes)}
