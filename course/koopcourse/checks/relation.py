"""How a wrong result relates to the right one, where that shows in every case that was tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from koopcourse.checks.compare import close

Pair = tuple[Tensor, Tensor]  # what came and what is right, of one case

_INFORMATIVE = 3  # numbers, at least, that a relation must explain
_FACTORS = {2.0: "twice", 0.5: "half of", -2.0: "minus twice", -0.5: "minus half of"}
_NEARLY, _CLEARLY = 2e-3, 1e-10  # a relative error that looks like an approximation, and one like rounding
_OF_SIZES: tuple[tuple[Callable[[float], float], str], ...] = (
    (lambda n: n, "n times"),
    (lambda n: 1 / n, "1/n of"),
    (lambda n: n**2, "n squared times"),
    (lambda n: 1 / n**2, "1/n squared of"),
    (lambda n: math.sqrt(n), "the root of n times"),
    (lambda n: 1 / math.sqrt(n), "1/(root of n) of"),
    (lambda n: n / 2, "n/2 times"),
    (lambda n: 2 / n, "2/n of"),
    (lambda n: n / (n - 1) if n > 1 else math.nan, "n/(n-1) times"),
    (lambda n: (n - 1) / n, "(n-1)/n of"),
    (lambda n: math.sqrt(n / (n - 1)) if n > 1 else math.nan, "the root of n/(n-1) times"),
    (lambda n: math.sqrt((n - 1) / n), "the root of (n-1)/n times"),
)
_MAPS: tuple[tuple[Callable[[Tensor], Tensor], str], ...] = (
    (lambda b: -b, "it has the opposite sign"),
    (lambda b: 1 / b, "it is one over what is needed"),
    (lambda b: b.square(), "it is the square of what is needed"),
    (lambda b: b.sqrt(), "it is the square root of what is needed"),
    (lambda b: b.log(), "it is the logarithm of what is needed"),
    (lambda b: b.exp(), "it is the exponential of what is needed"),
    (lambda b: b.abs(), "it is right but for signs: an absolute value is too much"),
    (lambda b: b.conj(), "it is the complex conjugate of what is needed"),
)
_ORDERS: tuple[tuple[Callable[[Tensor], Tensor], str], ...] = (
    (lambda b: b.T if b.ndim == 2 and b.shape[0] == b.shape[1] else b, "it is the transpose of what is needed"),
    (lambda b: b.flip(-1), "it is in the reverse order"),
    (lambda b: b.flip(0), "its rows are in the reverse order"),
)


def relation(pairs: Sequence[Pair], tolerance: float) -> str:
    """One relation that holds between the two results of every case, in words; "" if none does.

    Args:
        pairs: of each case what came and what is right, of one shape and finite. More than a few numbers are needed in
            all, because two can be explained by anything.
        tolerance: largest relative error.
    """
    if not _tells(pairs) or _all_close(pairs, lambda b: b, tolerance):
        return ""  # wrong by less than a relation is looked for: every map that changes nothing would hold
    for change, words in (*_MAPS, *(_ORDERS if all(b.ndim for _, b in pairs) else ())):
        if _all_close(pairs, change, tolerance):
            return words
    return (
        _by_a_constant(pairs, tolerance)
        or _in_another_order(pairs, tolerance)
        or _in_part(pairs, tolerance)
        or _all_alike(pairs, tolerance)
    )


def by_sizes(pairs: Sequence[Pair], sizes: Sequence[Mapping[str, int]], tolerance: float) -> str:
    """A factor that follows a size of the input, in words; "" if there is none.

    Args:
        pairs, tolerance: as in :func:`relation`.
        sizes: of each case the sizes of its input by what they count, ``{"rows of x": 7}``.
    """
    if not _tells(pairs):
        return ""
    told = [(a, b, size) for (a, b), size in zip(pairs, sizes, strict=True) if bool((b != 0).any())]
    for name in told[0][2] if told else ():
        if len({size.get(name) for _, _, size in told}) < 3:  # two are explained by anything
            continue
        for factor, words in _OF_SIZES:
            if all(close(a, factor(size[name]) * b, tolerance, 0.0) for a, b, size in told):
                return f"it is {words} what is needed, where n is the number of {name}"
    return ""


def nearly(pairs: Sequence[Pair]) -> str:
    """Words for a result whose first digits are right in every case, and not the others; else ""."""
    if not _tells(pairs):
        return ""
    errors = [float((a - b).abs().max() / b.abs().max()) for a, b in pairs if bool(b.any())]
    if not errors or max(errors) > _NEARLY or max(errors) < _CLEARLY:
        return ""
    digits = int(-math.log10(max(errors)))
    return f"about {digits} digits are right: something is rounded, approximated, or a small number is added on the way"


def _tells(pairs: Sequence[Pair]) -> bool:
    if not pairs or any(
        a.shape != b.shape or not bool(torch.isfinite(a).all() & torch.isfinite(b).all()) for a, b in pairs
    ):
        return False
    right = torch.cat([b.flatten().to(torch.complex128) for _, b in pairs])
    return len(torch.view_as_real(right[right != 0]).unique(dim=0)) >= _INFORMATIVE


def _by_a_constant(pairs: Sequence[Pair], tolerance: float) -> str:
    """The same factor, or the same shift, in every case; where one of them is right there is none."""
    if any(bool(pair[1].any()) and _all_close([pair], lambda b: b, tolerance) for pair in pairs):
        return ""
    factors = [_factor(a, b) for a, b in pairs if bool((b != 0).any())]
    c = factors[0]
    if (
        c
        and f"{c:.4g}" != "1"  # a factor that shows
        and all(abs(other - c) <= 1e-6 * abs(c) for other in factors)
        and _all_close(pairs, lambda b: c * b, tolerance)
    ):
        return f"it is {_FACTORS.get(round(c, 6), f'{c:.4g} times')} what is needed, in every case"
    shift = float((pairs[0][0] - pairs[0][1]).real.mean())
    if shift and _all_close(pairs, lambda b: b + shift, tolerance):
        return (
            f"it is larger than needed by {shift:.4g}, in every case"
            if shift > 0
            else (f"it is smaller than needed by {-shift:.4g}, in every case")
        )
    return ""


def _factor(a: Tensor, b: Tensor) -> float:
    return float(((b.conj() * a).sum() / (b.conj() * b).sum()).real)


def _in_another_order(pairs: Sequence[Pair], tolerance: float) -> str:
    several = [(a, b) for a, b in pairs if b.numel() > 1]
    if not several or any(a.is_complex() for a, _ in pairs):
        return ""
    if all(close(a.flatten().sort().values, b.flatten().sort().values, tolerance, 0.0) for a, b in pairs):
        return "its entries are right but in another order"
    return ""


def _all_alike(pairs: Sequence[Pair], tolerance: float) -> str:
    """One number, or one row, where several different ones are right, in every case."""
    several = [(a, b) for a, b in pairs if b.ndim and len(b) > 1 and not _equal_along(b, tolerance)]
    if len(several) < 2 or not all(_equal_along(a, tolerance) for a, _ in several):
        return ""
    what = "entries" if all(b.ndim == 1 for _, b in several) else "rows"
    return f"all its {what} are equal, and those that are needed differ"


def _equal_along(x: Tensor, tolerance: float) -> bool:
    return close(x, x[:1].expand_as(x), tolerance, 0.0)


def _in_part(pairs: Sequence[Pair], tolerance: float) -> str:
    """Which part of the result is right in every case where there is more of it."""
    for part, words in _PARTS:
        told = [(a, b, part(b)) for a, b in pairs]
        told = [(a, b, mask) for a, b, mask in told if mask is not None and not bool(mask.all())]
        if len(told) > 1 and all(_right_in(a, b, mask, tolerance) for a, b, mask in told):
            return f"{words} right, the rest is not"
    return ""


def _right_in(a: Tensor, b: Tensor, mask: Tensor, tolerance: float) -> bool:
    """Whether the entries of the mask are right, and few of the others."""
    right = (a - b).abs() <= tolerance * max(float(b.abs().max()), 1e-300)
    return bool(right[mask].all()) and not bool(right[~mask].double().mean() > 0.5)


def _first_of(axis: int) -> Callable[[Tensor], Tensor | None]:
    def mask(b: Tensor) -> Tensor | None:
        if b.ndim <= axis:
            return None
        there = torch.zeros(b.shape, dtype=torch.bool)
        there.select(axis, 0)[...] = True
        return there

    return mask


def _diagonal(b: Tensor) -> Tensor | None:
    return torch.eye(len(b), dtype=torch.bool) if b.ndim == 2 and b.shape[0] == b.shape[1] else None


_PARTS = (
    (_diagonal, "its diagonal is"),
    (_first_of(1), "its first column is"),
    (lambda b: _first_of(0)(b) if b.ndim > 1 else None, "its first row is"),
    (lambda b: _first_of(0)(b) if b.ndim == 1 else None, "its first entry is"),
)


def _all_close(pairs: Sequence[Pair], change: Callable[[Tensor], Tensor], tolerance: float) -> bool:
    return all(close(a, change(b), tolerance, 0.0) for a, b in pairs)
