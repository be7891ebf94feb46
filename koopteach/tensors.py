"""The few things every numerical file needs: checked input, chunks, random numbers, moving to a device."""

import copy
import math
import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Self

import torch
from torch import Tensor

from koopteach.arrays import as_tensor, is_finite

FLOATS = (torch.float32, torch.float64)

# About 4 MB of float64: large enough that a matrix product runs at full speed, small enough that the next step
# finds it in the cache (EDMD with 100 features takes half the time that it does with 16 MB).
CHUNK_NUMBERS = 500_000


def as_float(operation: str, name: str, value: Any) -> Tensor:
    """``value`` as a float32 or float64 tensor; Python numbers, lists and tables (DataFrames) become float64.

    Raises:
        TypeError: if ``value`` is a tensor or array of another type, because a silent conversion of
            integers or half precision hides mistakes; or no numbers at all.
    """
    tensor = as_tensor(operation, name, value)
    if tensor.dtype not in FLOATS:
        fix = f"{name}.double()" if isinstance(value, Tensor) else f"np.asarray({name}, dtype=float)"
        fix = f"{name}.real" if tensor.is_complex() else fix
        raise TypeError(f"{operation}: {name} has dtype {tensor.dtype}, but float32 or float64 is needed. Take {fix}.")
    return tensor


def as_points(operation: str, name: str, x: Any, *, dim: int | None = None, at_least: int = 1) -> Tensor:
    """``x`` as points ``(n, d)``, one row a point, all finite.

    Args:
        operation: who asks; opens the message.
        name: the argument's name in that operation.
        x: tensor, array, nested list, or a table (recognised by ``to_numpy``).
        dim: the ``d`` that is needed, if one is.
        at_least: the smallest ``n`` that makes sense.

    Raises:
        TypeError: wrong dtype.
        ValueError: wrong shape, too few points, NaN or infinity.
    """
    column = ".to_frame()" if hasattr(x, "to_frame") else "[:, None]"
    x = as_float(operation, name, x)
    if x.ndim != 2:
        hint = f" Did you mean {name}{column}?" if x.ndim == 1 else ""
        raise ValueError(f"{operation}: {name} has shape {tuple(x.shape)}, but (n, d) is needed, a point a row.{hint}")
    if dim is not None and x.shape[1] != dim:
        hint = f" Did you mean {name}.T?" if x.shape[0] == dim else ""
        raise ValueError(
            f"{operation}: {name} has shape {tuple(x.shape)}, but its points need {dim} coordinates, (n, {dim}).{hint}"
        )
    if x.shape[1] == 0:
        raise ValueError(f"{operation}: {name} has shape {tuple(x.shape)}, but points need at least one coordinate.")
    if x.shape[0] < at_least:
        raise ValueError(f"{operation}: {name} has {x.shape[0]} points, but at least {at_least} are needed.")
    if not is_traced(x) and not is_finite(x):
        bad = int((~torch.isfinite(x)).any(dim=1).sum())
        raise ValueError(
            f"{operation}: {name} has NaN or infinity in {bad} of {x.shape[0]} points. "
            "Drop these rows, and the same ones of all that belongs to them; of a time series build the pairs with "
            "lagged_pairs, so that none crosses a gap."
        )
    return x


def as_pairs(operation: str, x: Any, y: Any, *, dim: int | None = None, at_least: int = 1) -> tuple[Tensor, Tensor]:
    """Snapshots ``x`` and ``y`` ``(n, d)``, row ``i`` of ``y`` one lag after row ``i`` of ``x``, without gradients.

    Raises:
        TypeError, ValueError: as :func:`as_points`; different numbers of rows.
    """
    x = as_points(operation, "x", x, dim=dim, at_least=at_least).detach()
    y = as_points(operation, "y", y, dim=x.shape[1], at_least=0).detach()
    if len(x) != len(y):
        raise ValueError(
            f"{operation}: x has {len(x)} rows and y {len(y)}, but row i of y must follow row i of x. "
            "From one trajectory z take x = z[:-1], y = z[1:]."
        )
    return x, y


def as_weights(operation: str, weights: Any, x: Tensor, name: str = "weights") -> Tensor:
    """Weights of the points ``x``, ``(n,)``, not negative, of any positive sum; ones for None.

    Raises:
        TypeError: wrong dtype.
        ValueError: another shape, NaN or infinity, negative ones, or zeros alone.
    """
    if weights is None:
        return x.new_ones(len(x))
    weights = as_tensor(operation, name, weights).detach()
    weights = as_float(operation, name, weights if weights.is_complex() else weights.to(x))  # counts are welcome
    refuse_shape(operation, name, weights, (len(x),), ", one a point")
    if not bool((weights >= 0).all()) or not 0 < float(weights.sum()) < math.inf:
        raise ValueError(
            f"{operation}: {name} must be finite, not negative and not all zero. "
            "From log weights use torch.softmax(log_weights, 0)."
        )
    return weights


def as_numbers(operation: str, name: str, value: Any, count: int, *, positive: bool = False) -> Tensor:
    """``value``, one number for all or one each, as finite numbers ``(count,)``.

    Raises:
        TypeError: wrong dtype.
        ValueError: another shape, NaN or infinity; where they must be positive, others.
    """
    value = as_float(operation, name, value)
    if value.shape not in ((), (count,)):
        raise ValueError(f"{operation}: {name} has shape {tuple(value.shape)}, but one number or ({count},) is needed.")
    value = value.expand(count).clone()
    fine = (value.isfinite() & (value > 0)) if positive else value.isfinite()
    if not is_traced(value) and not bool(fine.all()):
        needed = "positive and finite" if positive else "finite"
        raise ValueError(f"{operation}: {name} must be {needed}, got {value[~fine][0].item():g}.")
    return value


def as_count(operation: str, name: str, value: Any, *, at_least: int = 1) -> int:
    """``value`` as a whole number.

    Raises:
        TypeError: something else, also a float: ``2.5`` modes are a mistake somewhere.
        ValueError: below ``at_least``.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{operation}: {name} must be a whole number, got {value!r}. Use int(...).") from None
    if count < at_least:
        raise ValueError(f"{operation}: {name} must be at least {at_least}, got {count}.")
    return count


def as_number(operation: str, name: str, value: Any) -> float:
    """``value`` as one number, which may be infinite or NaN.

    Raises:
        TypeError: something else, also a number in quotes.
    """
    try:
        if hasattr(value, "__float__"):  # text has none
            return float(value)
    except (TypeError, ValueError, RuntimeError):  # an array of several
        pass
    raise TypeError(f"{operation}: {name} must be one number, got {value!r}.")


def positive(operation: str, name: str, value: Any) -> float:
    """``value`` as a positive, finite number.

    Raises:
        TypeError, ValueError: something else.
    """
    number = as_number(operation, name, value)
    if not 0 < number < math.inf:
        raise ValueError(f"{operation}: {name} must be positive, got {value}.")
    return number


def not_negative(operation: str, name: str, value: Any) -> float:
    """``value`` as a finite number that is zero or more.

    Raises:
        TypeError, ValueError: something else.
    """
    number = as_number(operation, name, value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{operation}: {name} must not be negative, got {value}.")
    return number


def refuse_shape(operation: str, name: str, value: Tensor, needed: tuple[int | str, ...], hint: str = "") -> None:
    """Refuse another shape than the ``needed`` one, in which a letter stands for any length.

    Raises:
        ValueError: with both shapes, and the ``hint`` behind them.
    """
    if value.ndim != len(needed) or any(a != b for a, b in zip(value.shape, needed) if isinstance(b, int)):
        told = ", ".join(map(str, needed)) + ("," if len(needed) == 1 else "")
        raise ValueError(f"{operation}: {name} has shape {tuple(value.shape)}, but ({told}) is needed{hint}.")


def as_coefficients(operation: str, name: str, value: Any, shape: tuple[int | str, ...], like: Tensor) -> Tensor:
    """``value`` as real or complex numbers of this ``shape``, as of :func:`refuse_shape`.

    Raises:
        TypeError: no tensor, or another dtype or device than those of ``like``.
        ValueError: another shape.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{operation}: {name} must be a tensor, got {type(value).__name__}.")
    refuse_shape(operation, name, value, shape)
    if value.dtype != like.dtype or value.device != like.device:
        found, needed = (f"{tensor.dtype} on {tensor.device}" for tensor in (value, like))
        raise TypeError(f"{operation}: {name} is {found}, but {needed} is needed.")
    return value


def is_traced(x: Tensor) -> bool:
    """True for a tensor without values (FakeTensorMode, the meta device), whose entries nobody can look at."""
    return x.is_meta or type(x).__name__ == "FakeTensor"


def same_kind(operation: str, x: Tensor, like: Tensor, what: str) -> None:
    """Refuse points whose dtype or device differ from those ``what`` was made with."""
    if x.dtype != like.dtype or x.device != like.device:
        raise TypeError(
            f"{operation}: the points are {x.dtype} on {x.device}, but {what} is {like.dtype} on {like.device}. "
            f"Convert one of them: x.to({like.dtype}), or .to(x.device, x.dtype) on the other."
        )


def device_of(generator: torch.Generator | None, like: Tensor | None = None) -> torch.device:
    """Where ``generator`` draws its numbers; without one the device of ``like``, or the processor.

    Raises:
        TypeError: a seed, or another library's generator.
    """
    if generator is not None:
        if not isinstance(generator, torch.Generator):
            seed = f"{generator}" if isinstance(generator, int) else "0"
            raise TypeError(
                f"generator must be a torch.Generator, got {type(generator).__name__} {generator!r:.40}. "
                f"Take generator=torch.Generator().manual_seed({seed})."
            )
        return generator.device
    return torch.device("cpu") if like is None else like.device


def randn(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal numbers with the dtype and device of ``like``, drawn where ``generator`` lives."""
    return torch.randn(shape, dtype=like.dtype, device=device_of(generator, like), generator=generator).to(like.device)


def rand(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Uniform numbers in [0, 1) with the dtype and device of ``like``, drawn where ``generator`` lives."""
    return torch.rand(shape, dtype=like.dtype, device=device_of(generator, like), generator=generator).to(like.device)


def random_rows(x: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
    """The numbers of ``n`` rows of ``x``, with replacement, ``(n,)``, on its device: ``x[random_rows(x, n)]``."""
    return torch.randint(len(x), (n,), device=device_of(generator, x), generator=generator).to(x.device)


def shuffled_rows(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The numbers of all rows of ``x`` in random order, ``(len(x),)``, on its device."""
    return torch.randperm(len(x), device=device_of(generator, x), generator=generator).to(x.device)


def seed_from(generator: torch.Generator | None) -> int:
    """A seed for a library with a random stream of its own, drawn from ``generator``."""
    return int(torch.randint(2**31 - 1, (), device=device_of(generator), generator=generator))


def chunks(n: int, numbers_per_row: int, at_least: int = 16) -> Iterator[slice]:
    """Slices that cover ``range(n)``, each of about :data:`CHUNK_NUMBERS` numbers, ``at_least`` so many rows."""
    rows = max(at_least, CHUNK_NUMBERS // max(1, numbers_per_row))
    for start in range(0, n, rows):
        yield slice(start, min(start + rows, n))


def map_chunks(function: Callable[[Tensor], Tensor], x: Tensor, numbers_per_row: int) -> Tensor:
    """``function(x)`` for a row-wise function, computed chunk by chunk."""
    parts = list(chunks(x.shape[0], numbers_per_row))
    return function(x) if len(parts) == 1 else torch.cat([function(x[rows]) for rows in parts])


def count_different(x: Tensor) -> int:
    """How many of the rows are different ones."""
    if is_traced(x):
        return len(x)
    # by columns, each joined to the rows that are the same so far: torch's unique(dim=0) loops over all
    group = x.new_zeros(len(x), dtype=torch.int64)
    for column in x.T:
        _, value = column.unique(return_inverse=True)
        group = (len(x) * group + value).unique(return_inverse=True)[1]
        if int(group.max()) == len(x) - 1:
            break
    return int(group.max()) + 1


def symmetric_power(matrix: Tensor, power: float = 0.5) -> Tensor:
    """``matrix^power`` of a symmetric matrix without negative eigenvalues; those that rounding made count as zero."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0) ** power) @ vectors.T


def median_square_distance(x: Tensor, most: int = 500) -> Tensor:
    """Median squared distance between at most ``most`` of the points, evenly picked; one where there is none."""
    some = x[:: -(-len(x) // most)]
    if len(some) < 2:
        return x.new_ones(())
    median = torch.pdist(some).square().median()
    return torch.where(median > 0, median, 1.0)


def jvp(function: Callable[..., Tensor], points: tuple, directions: tuple) -> tuple[Tensor, Tensor]:
    """``function(*points)`` and its derivative along ``directions``, in one forward pass."""
    with warnings.catch_warnings():
        # at its first forward derivative torch compiles helpers in a way that it deprecates itself
        warnings.filterwarnings("ignore", r"`torch\.jit\.script` is")
        value, slope, *_ = torch.func.jvp(function, points, directions)
        return value, slope


def brief(record: Any) -> str:
    """What a dataclass with tensors prints, one line: ``__repr__ = brief``. Of tensors the shape, if they are long."""
    return f"{type(record).__name__}({', '.join(f'{name}={_brief(value)}' for name, value in vars(record).items())})"


def _brief(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"tensor{tuple(value.shape)}" if value.numel() > 6 or is_traced(value) else _brief(value.tolist())
    if isinstance(value, list):
        return f"[{', '.join(map(_brief, value))}]"
    return f"{value:.4g}" if isinstance(value, float | complex) else repr(value)


class Movable:
    """Objects whose tensors, and whose movable parts, follow ``.to(device, dtype)``; returns a copy."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """A copy on another device or in another dtype; the arguments are those of ``torch.Tensor.to``."""
        moved = copy.copy(self)
        for name, value in vars(self).items():
            # object.__setattr__, because frozen dataclasses are movable too
            object.__setattr__(moved, name, _moved(value, args, kwargs))
        return moved


def _moved(value: Any, args: tuple, kwargs: dict) -> Any:
    if isinstance(value, torch.nn.Module):  # its own .to changes it in place
        return copy.deepcopy(value).to(*args, **kwargs)
    if isinstance(value, Movable) or (isinstance(value, Tensor) and value.is_floating_point()):
        return value.to(*args, **kwargs)
    if isinstance(value, Tensor):  # integers and booleans keep their dtype
        return value.to(torch.empty(0).to(*args, **kwargs).device)
    if isinstance(value, tuple):
        return tuple(_moved(v, args, kwargs) for v in value)
    return value
