"""A device that is pretended: its tensors hold real numbers, but only as a GPU would let anybody look at them.

Torch's CPU build has no driver for "cuda", and asks for one as soon as such a tensor is indexed or differentiated.
"meta" is the one other device that it handles without any. A tensor that is made there inside :class:`Pretended` is
computed on the processor, but meets what a GPU's would meet: an operation with a tensor of the host is refused, and a
generator of the host, and NumPy; every look of the host at its numbers is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.optim import optimizer
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

THERE = torch.device("meta")

# The host waits for the device: it reads a number, or a shape that depends on numbers.
LOOKS = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "bincount", "repeat_interleave"}
LOOKS |= {"_unique2", "unique_dim", "unique_consecutive"}
# Operations between the host and a device. (Rows may be numbered from the host, but then they are copied each time.)
MIXED = {"_to_copy", "copy_"}
# Beside operations that work entry by entry, these take a tensor without axes of the host.
TAKE_NUMBERS = {"fill_", "masked_fill", "masked_fill_", "where", "lerp", "lerp_", "index_fill_", "index_put_"}
# What torch notes on a tensor until it is needed; a dispatch mode runs below them.
NOTED = (torch._C.DispatchKey.Conjugate, torch._C.DispatchKey.Negative, torch._C.DispatchKey.ZeroTensor)


class There(torch.Tensor):
    """A tensor of the pretended device; ``inner`` holds its numbers."""

    is_meta = False  # it has numbers
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> There:
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, device=THERE, **layout)

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    def __repr__(self) -> str:
        return f"There({self.inner})"

    def tolist(self) -> Any:
        """As a GPU's: by a copy on the host."""
        return self.cpu().tolist()

    def numpy(self, **_: Any) -> Any:
        """As a GPU's."""
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.numpy()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise RuntimeError("a tensor of the pretended device left its mode")


class Pretended(TorchDispatchMode):
    """Within it, things move to ``THERE``.

    ``looks`` counts how often the host waited, by operation; ``home`` holds the sizes of what was copied to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.looks: Counter[str] = Counter()
        self.home: list[int] = []
        self._making = _Making()

    def __enter__(self) -> Pretended:
        self._swapped = torch.__future__.get_swap_module_params_on_conversion()
        self._fused = optimizer._get_fused_kernels_supported_devices
        torch.__future__.set_swap_module_params_on_conversion(True)  # a parameter that moves stays the same object
        optimizer._get_fused_kernels_supported_devices = lambda: [*self._fused(), THERE.type]
        self._making.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._making.__exit__(*error)
        optimizer._get_fused_kernels_supported_devices = self._fused
        torch.__future__.set_swap_module_params_on_conversion(self._swapped)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, function.overloadpacket.__name__
        tensors: list[torch.Tensor] = []
        inner_args, inner = _each((args, kwargs), lambda x: tensors.append(x) or _inner(x))
        from_there = any(isinstance(x, There) for x in tensors)
        device = kwargs.get("device")
        to_there = from_there if device is None else torch.device(device) == THERE
        if from_there:
            _refuse_strangers(function, name, tensors)
            self._count(name, args, to_there)
        if to_there and kwargs.get("generator") is not None:
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        if to_there and device is not None:
            inner["device"] = torch.device("cpu")
        out = _computed(function, inner_args, inner)
        if name == "copy_":
            return args[0]
        if not to_there:
            return out
        out = _each(out, There)
        return return_and_correct_aliasing(function, args, kwargs, out) if from_there and _aliases(function) else out

    def _count(self, name: str, args: Any, to_there: bool) -> None:
        home = (name == "_to_copy" and not to_there) or (name == "copy_" and not isinstance(args[0], There))
        indices = args[1] if name.startswith(("index", "_index")) and isinstance(args[1], list | tuple) else ()
        if home or name in LOOKS or any(x is not None and x.dtype == torch.bool for x in indices):
            self.looks["copy to the host" if home else name] += 1
        if home:
            self.home.append(args[0].numel())


def _refuse_strangers(function: Any, name: str, tensors: list[torch.Tensor]) -> None:
    numbers = name in TAKE_NUMBERS or torch.Tag.pointwise in function.tags
    for x in tensors:
        if not (isinstance(x, There) or name in MIXED or (numbers and x.ndim == 0)):
            raise RuntimeError(
                f"Expected all tensors to be on the same device: {name} meets {tuple(x.shape)} of the cpu beside others"
            )


def _computed(function: Any, args: Any, kwargs: Any) -> Any:
    """The result, with conjugates and zeros that torch only notes written out."""
    excluded = torch._C._dispatch_tls_local_exclude_set()
    for key in NOTED:
        excluded = excluded.remove(key)
    with torch._C._ForceDispatchKeyGuard(torch._C._dispatch_tls_local_include_set(), excluded):
        return _each(function(*args, **kwargs), _written_out)


def _written_out(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros(x.shape, dtype=x.dtype) if x._is_zerotensor() else x.resolve_conj().resolve_neg()


def _inner(x: torch.Tensor) -> torch.Tensor:
    return x.inner if isinstance(x, There) else x


def _each(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """``value`` with all tensors in its lists, tuples and dicts changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)([_each(part, change) for part in value])
    if isinstance(value, dict):
        return {name: _each(part, change) for name, part in value.items()}
    return value


@cache
def _aliases(function: Any) -> bool:
    return any(found.alias_info for found in function._schema.returns)


class _Making(TorchFunctionMode):
    """Tensors of numbers and arrays, which torch makes without asking a dispatch mode."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = torch.device(kwargs.pop("device"))
            return function(*args, **kwargs).to(device)
        if function is torch.Tensor.new_tensor and isinstance(args[0], There):
            return torch.tensor(*args[1:], **{"dtype": args[0].dtype, **kwargs}).to(THERE)
        return function(*args, **kwargs)
