"""Liftings on disk: the class by a name from a fixed list, its sizes, its tensors; nothing in the file is executed."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, zeros

from koopteach.files import fill, load_weights, part, save_weights
from koopteach.flow_matching import FourierNet
from koopteach.koopman_flow.free import FreeGenerator
from koopteach.koopman_flow.lifting import Lifting, ModeSum, PathLift, StateLift

_KIND = "KoopmanFlow"


def save_lifting(path: str | Path, lifting: Lifting, rest: dict[str, Tensor]) -> None:
    """Write a lifting, and the ``rest`` of a model, tensors by name.

    Raises:
        RuntimeError: a lifting of one's own, which ``load`` could not build.
    """
    name = type(lifting).__name__
    if not isinstance(lifting, (StateLift, PathLift, FreeGenerator)) or name not in _BUILDERS:
        raise RuntimeError(f"save: a lifting of class {name} cannot be saved; known are {', '.join(_BUILDERS)}.")
    if not isinstance(lifting.net, FourierNet):
        raise RuntimeError("save: only a KoopmanFlow with a FourierNet can be saved; keep other networks yourself.")
    sizes = lifting.config if isinstance(lifting, FreeGenerator) else lifting.net.config
    n_pairs = lifting.n_pairs if isinstance(lifting, ModeSum) else 0
    tensors = {f"lifting.{key}": tensor for key, tensor in lifting.state_dict().items()}
    config = {"lifting": name, "n_pairs": n_pairs, "sizes": sizes, "way_back": lifting.way_back}
    save_weights(path, _KIND, config, {**tensors, **rest})


def load_lifting(path: str | Path) -> tuple[Lifting, dict[str, Tensor]]:
    """The lifting of a file, and all of its tensors.

    Raises:
        FileNotFoundError, ValueError: no such file; truncated, foreign, or not whole.
    """
    config, tensors = load_weights(path, _KIND)
    try:
        lifting = _BUILDERS[config["lifting"]](config["sizes"], config["n_pairs"])
        lifting.way_back = config.get("way_back", True)  # of which older files do not speak
    except (KeyError, TypeError) as error:
        raise ValueError(f"load: {path} describes no lifting of this version: {error!r}.") from error
    return fill(lifting, part(tensors, "lifting"), path), tensors


# From the net's sizes and the number of pairs; the numbers come later, with the tensors.
_BUILDERS: dict[str, Callable[[dict, int], Lifting]] = {
    "StateLift": lambda sizes, k: StateLift(FourierNet(**sizes), zeros(k), zeros(k)),
    "PathLift": lambda sizes, k: PathLift(FourierNet(**sizes), zeros(k), zeros(k), zeros(2 + 2 * k, 2 + 2 * k)),
    "FreeGenerator": lambda sizes, _: FreeGenerator(**sizes),
}
