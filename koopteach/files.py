"""Models on disk: tensors and their configuration in one safetensors file, which holds data and never code."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

_KIND, _CONFIG = "koopteach", "config"

M = TypeVar("M", bound=nn.Module)
T = TypeVar("T")


def save_weights(path: str | Path, kind: str, config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write ``tensors`` and ``config`` (plain numbers and text) as a file of this ``kind``.

    An older file of that name stays whole until the new one is complete.

    Raises:
        ImportError: without safetensors.
        TypeError: no path.
        OSError: no such folder, a folder in its place, no permission, no room.
    """
    save_file = _safetensors("save_file")
    path = _as_path("save", path)
    if path.is_dir():
        raise IsADirectoryError(f"save: {path} is a folder. Name a file in it: {path / 'model.safetensors'}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {path.parent}. Make it first, or is the path misspelt?")
    unfinished = path.with_name(path.name + ".part")
    contents = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(contents, unfinished, metadata={_KIND: kind, _CONFIG: json.dumps(config)})
        os.replace(unfinished, path)
    except Exception as error:  # safetensors has an exception of its own for what the system refuses
        raise OSError(f"save: {path} cannot be written ({error}). Is there permission, and room?") from error


def load_weights(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The configuration and the tensors of a file that :func:`save_weights` wrote as this ``kind``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is truncated, of another format, or of another kind.
        ImportError: without safetensors.
    """
    found, config, tensors = _read(_as_path("load", path), kind)
    if found != kind:
        holds = "a model of another program" if found is None else f"a {found}"
        raise ValueError(f"load: {path} holds {holds}, but a {kind} is needed.")
    return config, tensors


def kind_of(path: str | Path) -> str | None:
    """What a file holds, the ``kind`` that :func:`save_weights` wrote; None for a file of another program.

    Raises:
        FileNotFoundError, ValueError, ImportError: as :func:`load_weights`.
    """
    return _read(_as_path("load", path), "model")[0]


def _as_path(operation: str, path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{operation}: path must be text or a pathlib.Path, got {path!r:.40}.")
    return Path(path)


def _read(path: Path, kind: str) -> tuple[str | None, dict[str, Any], dict[str, Tensor]]:
    """Kind, configuration and tensors of a file; ``kind`` is what the messages call it."""
    safe_open = _safetensors("safe_open")
    if not path.is_file():
        raise FileNotFoundError(f"load: there is no file {path}{', that is a folder' if path.is_dir() else ''}.")
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            # Copies: what get_tensor returns lies in the file, which Windows then lets nobody write or remove.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (no dictionary)
        return about.get(_KIND), json.loads(about.get(_CONFIG, "{}")), tensors
    except Exception as error:  # safetensors has an exception of its own, and others for some damage
        raise ValueError(
            f"load: {path} is truncated or no safetensors file ({type(error).__name__}). "
            f"Copy it again, or write it anew with {kind}.save(path)."
        ) from error


def part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Those of one part of a model, by their names within it: of ``"net.bias"`` the ``"bias"``."""
    return {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}


def pack(value: Any, classes: Sequence[type], tensors: dict[str, Tensor], name: str) -> Any:
    """``value`` as JSON can hold it, objects by the names of their classes and parts; its tensors go into ``tensors``.

    Raises:
        RuntimeError: an object of none of ``classes`` within.
    """
    if isinstance(value, Tensor):
        # a file holds no complex numbers, and no two names of one memory
        tensors[name] = (torch.view_as_real(value) if value.is_complex() else value).clone()
        return {"complex" if value.is_complex() else "tensor": name}
    if isinstance(value, list | tuple):
        return [pack(entry, classes, tensors, f"{name}.{i}") for i, entry in enumerate(value)]
    if type(value) in classes:
        parts = {key: pack(entry, classes, tensors, f"{name}.{key}") for key, entry in vars(value).items()}
        return {"class": type(value).__name__, "parts": parts}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    known = ", ".join(kind.__name__ for kind in classes)
    raise RuntimeError(f"save: a {type(value).__name__} cannot be saved; known are {known}.")


def unpack(value: Any, classes: Sequence[type], tensors: dict[str, Tensor]) -> Any:
    """What :func:`pack` was given, lists as tuples; nothing is called, and no class is taken but ``classes``.

    Raises:
        KeyError, AttributeError, TypeError: another class, a tensor that is not there.
    """
    if isinstance(value, list):
        return tuple(unpack(entry, classes, tensors) for entry in value)
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "complex" in value:
        return torch.view_as_complex(tensors[value["complex"]].clone())  # in a file it need not be aligned for that
    made = object.__new__({kind.__name__: kind for kind in classes}[value["class"]])
    for key, entry in value["parts"].items():
        object.__setattr__(made, key, unpack(entry, classes, tensors))  # frozen ones, too
    return made


def save_object(path: str | Path, value: Any, classes: Sequence[type]) -> None:
    """Write ``value``, made of objects of these ``classes``, as a file of its class' name.

    Raises:
        RuntimeError, TypeError, OSError, ImportError: as :func:`pack` and :func:`save_weights`.
    """
    tensors: dict[str, Tensor] = {}
    save_weights(path, type(value).__name__, {"object": pack(value, classes, tensors, "object")}, tensors)


def load_object(path: str | Path, kind: type[T], classes: Sequence[type], look: Callable[[T], Any]) -> T:
    """The object of a file that :func:`save_object` wrote; ``look`` uses it, and so finds what does not fit.

    Raises:
        FileNotFoundError, ValueError, ImportError: as :func:`load_weights`; contents that are none of this version.
    """
    config, tensors = load_weights(path, kind.__name__)
    try:
        found = unpack(config["object"], classes, tensors)
        look(found)
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        raise ValueError(f"load: {path} describes no {kind.__name__} of this version: {error!r:.200}.") from error
    return found


def fill(module: M, tensors: dict[str, Tensor], path: str | Path) -> M:
    """``module`` with the parameters and buffers of a file, in their dtype.

    Raises:
        ValueError: the file's tensors have other names or shapes.
    """
    try:
        module.to(next((tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()), None))
        module.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise ValueError(f"load: the tensors of {path} do not fit its own configuration: {first}") from error
    return module.requires_grad_(False)


def _safetensors(name: str) -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise ImportError("saving and loading need safetensors: pip install 'koopteach[files]'") from error
    return getattr(safetensors.torch, name, None) or getattr(safetensors, name)
